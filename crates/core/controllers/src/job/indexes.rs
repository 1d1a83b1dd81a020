//! Completion indexes: which are done, written short (`1,3-5,7`).

use super::INDEX;
use k8s_openapi::api::core::v1::Pod;
use std::collections::BTreeSet;

/// How often an index has failed before this pod. Upstream: `JobIndexFailureCountAnnotation`.
pub const FAILURES: &str = "batch.kubernetes.io/job-index-failure-count";

pub type Indexes = BTreeSet<i32>;

pub fn of(pod: &Pod) -> Option<i32> {
    pod.metadata.annotations.as_ref()?.get(INDEX)?.parse().ok()
}

pub fn failures(pod: &Pod) -> i32 {
    let text = pod.metadata.annotations.as_ref().and_then(|all| all.get(FAILURES));
    text.and_then(|text| text.parse().ok()).unwrap_or(0)
}

pub fn parse(text: &str) -> Indexes {
    let ranges = text.split(',').filter_map(|part| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        Some(first.parse::<i32>().ok()?..=last.parse::<i32>().ok()?)
    });
    ranges.flatten().collect()
}

/// Two neighbours are listed, three and more are a range, as upstream writes them.
pub fn text(indexes: &Indexes) -> String {
    let mut parts: Vec<(i32, i32)> = Vec::new();
    for index in indexes {
        match parts.last_mut() {
            Some((_, last)) if *last + 1 == *index => *last = *index,
            _ => parts.push((*index, *index)),
        }
    }
    let shown = parts.into_iter().map(|(first, last)| match last - first {
        0 => first.to_string(),
        1 => format!("{first},{last}"),
        _ => format!("{first}-{last}"),
    });
    shown.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_written_short() {
        assert_eq!(text(&[0, 1, 3, 4, 5, 7].into()), "0,1,3-5,7");
        assert_eq!(parse("0,1,3-5,7"), [0, 1, 3, 4, 5, 7].into());
        assert_eq!(text(&parse("")), "");
    }
}
