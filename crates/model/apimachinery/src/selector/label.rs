//! Label selectors: `app=web,tier in (a,b),!old,n>3`.
//!
//! Requirements are kept sorted by key, so that equal selectors have equal texts. Upstream:
//! `apimachinery/pkg/labels/selector.go`, `pkg/apis/meta/v1/helpers.go`.

use super::SelectorError;
use crate::Value;
use crate::validate::{is_qualified_name, is_valid_label_value};
use std::collections::BTreeMap;
use std::fmt;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    In,
    NotIn,
    Equals,
    DoubleEquals,
    NotEquals,
    GreaterThan,
    LessThan,
    Exists,
    DoesNotExist,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    pub key: String,
    pub operator: Operator,
    /// Sorted, without repeats.
    pub values: Vec<String>,
}

/// All requirements must hold; none selects everything. [`LabelSelector::nothing`] selects nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LabelSelector {
    requirements: Vec<Requirement>,
    nothing: bool,
}

impl LabelSelector {
    pub fn everything() -> Self {
        Self::default()
    }

    pub fn nothing() -> Self {
        Self { requirements: Vec::new(), nothing: true }
    }

    /// Reads the text of a `labelSelector` parameter. The empty text selects everything.
    ///
    /// # Errors
    /// In upstream's words, `unable to parse requirement: ...`.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        let requirements = super::label_parse::parse(text).map_err(SelectorError)?;
        Ok(Self::of(requirements))
    }

    /// Reads a `LabelSelector` object (`matchLabels`, `matchExpressions`). Null or absent selects nothing, the empty
    /// object everything.
    ///
    /// # Errors
    /// If an operator is unknown, or a key or value is not one of labels.
    pub fn from_value(selector: &Value) -> Result<Self, SelectorError> {
        if selector.is_null() {
            return Ok(Self::nothing());
        }
        let mut requirements = Vec::new();
        for (key, value) in selector["matchLabels"].as_object().into_iter().flatten() {
            let value = value.as_str().unwrap_or_default().to_owned();
            requirements.push(Requirement::new(key.clone(), Operator::Equals, vec![value])?);
        }
        for expression in selector["matchExpressions"].as_array().into_iter().flatten() {
            requirements.push(from_expression(expression)?);
        }
        Ok(Self::of(requirements))
    }

    /// Reads a plain map of labels (Services, ReplicationControllers). Null selects nothing, an empty map everything.
    pub fn from_map(labels: &Value) -> Self {
        let Some(map) = labels.as_object() else { return Self::nothing() };
        let requirement = |(key, value): (&String, &Value)| Requirement {
            key: key.clone(),
            operator: Operator::Equals,
            values: vec![value.as_str().unwrap_or_default().to_owned()],
        };
        Self::of(map.iter().map(requirement).collect())
    }

    fn of(mut requirements: Vec<Requirement>) -> Self {
        requirements.sort_by(|a, b| a.key.cmp(&b.key));
        Self { requirements, nothing: false }
    }

    pub fn requirements(&self) -> &[Requirement] {
        &self.requirements
    }

    /// Whether everything is selected.
    pub fn is_everything(&self) -> bool {
        !self.nothing && self.requirements.is_empty()
    }

    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.matches_with(|key| labels.get(key).map(String::as_str))
    }

    /// The same over a JSON map of labels; null is the empty map.
    pub fn matches_value(&self, labels: &Value) -> bool {
        self.matches_with(|key| labels.get(key).and_then(Value::as_str))
    }

    fn matches_with<'a>(&self, label: impl Fn(&str) -> Option<&'a str>) -> bool {
        !self.nothing && self.requirements.iter().all(|requirement| requirement.holds(label(&requirement.key)))
    }
}

impl Requirement {
    /// # Errors
    /// In upstream's words, if the key or a value is not one of labels, or the values do not suit the operator.
    pub fn new(key: String, operator: Operator, mut values: Vec<String>) -> Result<Self, SelectorError> {
        values.sort_unstable();
        values.dedup();
        let mut wrong = Vec::new();
        let messages = is_qualified_name(&key);
        if !messages.is_empty() {
            wrong.push(format!("key: Invalid value: {key:?}: {}", messages.join("; ")));
        }
        wrong.extend(wrong_count(operator, &values));
        for (index, value) in values.iter().enumerate() {
            if matches!(operator, Operator::GreaterThan | Operator::LessThan) && value.parse::<i64>().is_err() {
                let why = "for 'Gt', 'Lt' operators, the value must be an integer";
                wrong.push(format!("values[{index}]: Invalid value: {value:?}: {why}"));
            }
            let messages = is_valid_label_value(value);
            if !messages.is_empty() {
                wrong.push(format!("values[{index}][{key}]: Invalid value: {value:?}: {}", messages.join("; ")));
            }
        }
        match wrong.len() {
            0 => Ok(Self { key, operator, values }),
            1 => Err(SelectorError(wrong.swap_remove(0))),
            _ => Err(SelectorError(format!("[{}]", wrong.join(", ")))),
        }
    }

    fn holds(&self, value: Option<&str>) -> bool {
        let has = |value: &str| self.values.iter().any(|known| known == value);
        match (self.operator, value) {
            (Operator::In | Operator::Equals | Operator::DoubleEquals, value) => value.is_some_and(has),
            (Operator::NotIn | Operator::NotEquals, value) => !value.is_some_and(has),
            (Operator::Exists, value) => value.is_some(),
            (Operator::DoesNotExist, value) => value.is_none(),
            (Operator::GreaterThan, value) => self.compared(value).is_some_and(|(label, bound)| label > bound),
            (Operator::LessThan, value) => self.compared(value).is_some_and(|(label, bound)| label < bound),
        }
    }

    fn compared(&self, value: Option<&str>) -> Option<(i64, i64)> {
        Some((value?.parse().ok()?, self.values.first()?.parse().ok()?))
    }
}

fn wrong_count(operator: Operator, values: &[String]) -> Option<String> {
    let (ok, why) = match operator {
        Operator::In | Operator::NotIn => {
            (!values.is_empty(), "for 'in', 'notin' operators, values set can't be empty")
        }
        Operator::Equals | Operator::DoubleEquals | Operator::NotEquals => {
            (values.len() == 1, "exact-match compatibility requires one single value")
        }
        Operator::Exists | Operator::DoesNotExist => {
            (values.is_empty(), "values set must be empty for exists and does not exist")
        }
        Operator::GreaterThan | Operator::LessThan => {
            (values.len() == 1, "for 'Gt', 'Lt' operators, exactly one value is required")
        }
    };
    let shown = Value::from(values.to_vec());
    (!ok).then(|| format!("values: Invalid value: {shown}: {why}"))
}

fn from_expression(expression: &Value) -> Result<Requirement, SelectorError> {
    let operator = match expression["operator"].as_str().unwrap_or_default() {
        "In" => Operator::In,
        "NotIn" => Operator::NotIn,
        "Exists" => Operator::Exists,
        "DoesNotExist" => Operator::DoesNotExist,
        other => return Err(SelectorError(format!("{other:?} is not a valid label selector operator"))),
    };
    let values = expression["values"].as_array().into_iter().flatten();
    let values = values.filter_map(Value::as_str).map(str::to_owned).collect();
    Requirement::new(expression["key"].as_str().unwrap_or_default().to_owned(), operator, values)
}

impl fmt::Display for LabelSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, requirement) in self.requirements.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            requirement.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (key, values) = (&self.key, self.values.join(","));
        match self.operator {
            Operator::In => write!(f, "{key} in ({values})"),
            Operator::NotIn => write!(f, "{key} notin ({values})"),
            Operator::Equals => write!(f, "{key}={values}"),
            Operator::DoubleEquals => write!(f, "{key}=={values}"),
            Operator::NotEquals => write!(f, "{key}!={values}"),
            Operator::GreaterThan => write!(f, "{key}>{values}"),
            Operator::LessThan => write!(f, "{key}<{values}"),
            Operator::Exists => write!(f, "{key}"),
            Operator::DoesNotExist => write!(f, "!{key}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};
    use serde_json::json;

    /// `selector | label sets`, each set `a=1,b=2`: the canonical text and which sets match.
    #[track_caller]
    fn check(case: &str, expected: Expect) {
        let (selector, sets) = case.split_once('|').unwrap();
        let shown = match LabelSelector::parse(selector.trim()) {
            Err(error) => error.to_string(),
            Ok(selector) => {
                let hits = sets.split_whitespace().filter(|set| {
                    let labels: BTreeMap<String, String> =
                        set.split(',').filter_map(|l| l.split_once('=')).map(|(k, v)| (k.into(), v.into())).collect();
                    selector.matches(&labels)
                });
                format!("{selector} matches {}", hits.collect::<Vec<_>>().join(" "))
            }
        };
        expected.assert_eq(&shown);
    }

    #[test]
    fn operators() {
        check("app=web | app=web app=db -", expect!["app=web matches app=web"]);
        check("app==web,b!=1 | app=web app=web,b=1 app=web,b=2", expect!["app==web,b!=1 matches app=web app=web,b=2"]);
        check("z in (b,a), a | a=1,z=a a=1 z=b", expect!["a,z in (a,b) matches a=1,z=a"]);
        check("z notin (b,a),!a | z=c a=1,z=c z=a -", expect!["!a,z notin (a,b) matches z=c -"]);
        check("n>3,n<10 | n=4 n=10 n=x n=3 -", expect!["n>3,n<10 matches n=4"]);
        check(" | a=1 -", expect![" matches a=1 -"]);
        check("x in (foo,,baz) | x=foo x= x=a", expect!["x in (,baz,foo) matches x=foo x="]);
        check("a= | a= a=1 -", expect!["a= matches a="]);
        check("in in (in) | in=in", expect!["in in (in) matches in=in"]);
    }

    #[test]
    fn refusals() {
        check("a,, |", expect!["found ',', expected: identifier after ','"]);
        check("a b |", expect!["unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"]);
        check("a in b |", expect!["unable to parse requirement: found 'b' expected: '('"]);
        check("a in (b |", expect!["unable to parse requirement: found '', expected: ',' or ')'"]);
        check("=a |", expect!["found '=', expected: !, identifier, or 'end of string'"]);
        check("a=b c |", expect!["found 'c', expected: ',' or 'end of string'"]);
        check(
            "a>x |",
            expect![
                "unable to parse requirement: values[0]: Invalid value: \"x\": for 'Gt', 'Lt' operators, the value must be an integer"
            ],
        );
        check(
            "a=-x |",
            expect![
                "unable to parse requirement: values[0][a]: Invalid value: \"-x\": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
            ],
        );
        check(
            "-a |",
            expect![
                "unable to parse requirement: <nil>: Invalid value: \"-a\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
            ],
        );
    }

    #[test]
    fn objects() {
        let of = |value: Value| LabelSelector::from_value(&value).map_or_else(|e| e.to_string(), |s| s.to_string());
        let object = json!({"matchLabels": {"app": "web"}, "matchExpressions": [
            {"key": "b", "operator": "NotIn", "values": ["2", "1"]}, {"key": "a", "operator": "Exists"}]});
        assert_eq!(of(object), "a,app=web,b notin (1,2)");
        assert_eq!(
            of(json!({"matchExpressions": [{"key": "a", "operator": "Is"}]})),
            "\"Is\" is not a valid label selector operator"
        );
        assert!(LabelSelector::from_value(&json!({})).unwrap().is_everything());
        assert!(!LabelSelector::from_value(&Value::Null).unwrap().matches(&BTreeMap::new()));
    }
}
