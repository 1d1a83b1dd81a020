//! The JSON of a rule's `attributes`.
//!
//! `flagOUTs` is ProxySQL's: `{"flagOUTs":[{"id":1,"weight":90},{"id":2,"weight":10}]}`. `causal_reads` is ours: `true`
//! or `false` says for the rule's statements whether they wait for what the session has written. Other keys are for
//! other readers.

use serde_json::Value;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Attributes {
    /// Flags with their weights; the weights' sum is not 0 unless this is empty.
    pub flag_outs: Vec<(i64, u64)>,
    pub causal_reads: Option<bool>,
}

const CURE: &str = "write JSON as {\"flagOUTs\":[{\"id\":1,\"weight\":90}],\"causal_reads\":true}";

impl Attributes {
    pub fn parse(text: &str) -> Result<Self, (String, String)> {
        let refuse = |cause: String| (cause, CURE.to_owned());
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        let json: Value = serde_json::from_str(text).map_err(|error| refuse(format!("is not JSON: {error}")))?;
        let object = json.as_object().ok_or_else(|| refuse("is not an object".into()))?;
        let mut attributes = Self::default();
        if let Some(value) = object.get("causal_reads") {
            let on =
                value.as_bool().ok_or_else(|| refuse("has a causal_reads that is neither true nor false".into()))?;
            attributes.causal_reads = Some(on);
        }
        if let Some(value) = object.get("flagOUTs") {
            attributes.flag_outs = flag_outs(value)
                .ok_or_else(|| refuse("has flagOUTs that are not a list of ids with weights above 0".into()))?;
        }
        Ok(attributes)
    }

    /// One of the weighted flags.
    pub fn choose_flag_out(&self, random: u64) -> Option<i64> {
        if self.flag_outs.is_empty() {
            return None;
        }
        let sum: u64 = self.flag_outs.iter().map(|(_, weight)| weight).sum();
        let mut drawn = mix(random) % sum;
        for (id, weight) in &self.flag_outs {
            if drawn < *weight {
                return Some(*id);
            }
            drawn -= weight;
        }
        None
    }
}

/// At most [`u32::MAX`] each, so that their sum fits.
fn flag_outs(value: &Value) -> Option<Vec<(i64, u64)>> {
    let pair = |item: &Value| {
        let weight = u32::try_from(item.get("weight")?.as_u64()?).ok()?;
        Some((item.get("id")?.as_i64().filter(|id| *id >= 0)?, u64::from(weight)))
    };
    let pairs: Vec<_> = value.as_array()?.iter().map(pair).collect::<Option<_>>()?;
    (pairs.is_empty() || pairs.iter().any(|(_, weight)| *weight > 0)).then_some(pairs)
}

/// So that rules one after another draw independently from neighbouring numbers. The finalizer of SplitMix64.
fn mix(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}
