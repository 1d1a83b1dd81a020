//! The JSONPath of printer columns and selectable fields: `.a.b`, `['a.b']`, `[0]`, `[*]`, `[?(@.type=="Ready")]`.
//!
//! Upstream: `client-go/util/jsonpath`, of which custom resources may use this much.

use apimachinery::Value;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Field(String),
    /// Negative numbers count from the end.
    Index(i64),
    All,
    /// Items whose field, a path below the item, equals a text.
    Where(Vec<Step>, String),
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JsonPath(Vec<Step>);

impl JsonPath {
    /// None if the text is not of the part of the language that we know.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().trim_start_matches('{').trim_end_matches('}');
        steps(text.strip_prefix('$').unwrap_or(text)).map(Self)
    }

    /// What the path leads to first.
    pub fn first<'a>(&self, value: &'a Value) -> Option<&'a Value> {
        walk(value, &self.0)
    }

    /// The JSON pointer of a path of fields; None if it is more than that.
    pub fn pointer(&self) -> Option<String> {
        let mut pointer = String::new();
        for step in &self.0 {
            let Step::Field(name) = step else { return None };
            pointer.push('/');
            pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
        }
        Some(pointer)
    }
}

fn steps(mut text: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    while !text.is_empty() {
        if let Some(rest) = text.strip_prefix('[') {
            let end = closing(rest)?;
            steps.push(bracket(rest[..end].trim())?);
            text = &rest[end + 1..];
        } else {
            let rest = text.strip_prefix('.').unwrap_or(text);
            let (name, left) = field(rest);
            if name == "*" {
                steps.push(Step::All);
            } else if !name.is_empty() {
                steps.push(Step::Field(name));
            } else if !left.starts_with('[') && !left.is_empty() {
                return None;
            }
            text = left;
        }
    }
    Some(steps)
}

/// A field's name, `\.` standing for a dot in it.
fn field(text: &str) -> (String, &str) {
    let mut name = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => name.extend(chars.next().map(|(_, escaped)| escaped)),
            '.' | '[' => return (name, &text[at..]),
            c => name.push(c),
        }
    }
    (name, "")
}

/// Where the bracket ends, whatever stands in quotes.
fn closing(text: &str) -> Option<usize> {
    let (mut depth, mut quote) = (0, None);
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '[') => depth += 1,
            (None, ']') if depth == 0 => return Some(at),
            (None, ']') => depth -= 1,
            _ => {}
        }
    }
    None
}

fn bracket(text: &str) -> Option<Step> {
    if text == "*" {
        return Some(Step::All);
    }
    if let Some(name) = quoted(text) {
        return Some(Step::Field(name.to_owned()));
    }
    if let Some(condition) = text.strip_prefix("?(").and_then(|rest| rest.strip_suffix(')')) {
        let (path, wanted) = condition.split_once("==")?;
        let path = path.trim().strip_prefix('@')?;
        let wanted = wanted.trim();
        return Some(Step::Where(steps(path)?, quoted(wanted).unwrap_or(wanted).to_owned()));
    }
    text.parse().ok().map(Step::Index)
}

fn quoted(text: &str) -> Option<&str> {
    ['\'', '"'].iter().find_map(|quote| text.strip_prefix(*quote)?.strip_suffix(*quote))
}

fn walk<'a>(value: &'a Value, steps: &[Step]) -> Option<&'a Value> {
    let Some((step, rest)) = steps.split_first() else { return Some(value) };
    match step {
        Step::Field(name) => walk(value.get(name)?, rest),
        Step::Index(index) => {
            let list = value.as_array()?;
            let at = if *index < 0 { list.len().checked_sub(index.unsigned_abs() as usize)? } else { *index as usize };
            walk(list.get(at)?, rest)
        }
        Step::All => match value {
            Value::Array(list) => list.iter().find_map(|item| walk(item, rest)),
            Value::Object(map) => map.values().find_map(|item| walk(item, rest)),
            _ => None,
        },
        Step::Where(path, wanted) => {
            let holds = |item: &&Value| match walk(item, path) {
                Some(Value::String(text)) => text == wanted,
                Some(other) => serde_json::from_str::<Value>(wanted).is_ok_and(|wanted| wanted == *other),
                None => false,
            };
            value.as_array()?.iter().filter(holds).find_map(|item| walk(item, rest))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::JsonPath;
    use serde_json::json;

    #[test]
    fn paths_lead_to_values() {
        let value = json!({
            "spec": {"replicas": 3, "a.b": "dotted", "list": [{"name": "x", "v": 1}, {"name": "y", "v": 2}]},
            "status": {"conditions": [{"type": "Ready", "status": "True"}, {"type": "Other", "status": "False"}]},
        });
        let check = |path: &str, expected: &str| {
            let found = JsonPath::parse(path).and_then(|path| path.first(&value).map(ToString::to_string));
            assert_eq!(found.unwrap_or_else(|| "-".to_owned()), expected, "{path}");
        };
        check(".spec.replicas", "3");
        check("{.spec.replicas}", "3");
        check(".spec['a.b']", "\"dotted\"");
        check(r".spec.a\.b", "\"dotted\"");
        check(".spec.list[1].v", "2");
        check(".spec.list[-1].v", "2");
        check(".spec.list[*].v", "1");
        check(r#".status.conditions[?(@.type=="Ready")].status"#, "\"True\"");
        check(".status.conditions[?(@.type=='Other')].status", "\"False\"");
        check(".spec.nothing", "-");
        assert_eq!(JsonPath::parse(".spec.replicas").unwrap().pointer().unwrap(), "/spec/replicas");
        assert_eq!(JsonPath::parse(".spec.list[0]").unwrap().pointer(), None);
    }
}
