//! The JSON forms of `show info` and `show stat`, as `show schema json` describes them, without any blanks.

use super::Value;
use super::column::Tags;
use super::info::Info;
use super::row::{COLUMNS, Row};

/// The largest integer a JSON number keeps exactly in every reader.
const LARGEST: u64 = (1 << 53) - 1;

/// The description of both forms (JSON Schema draft 4).
pub const SCHEMA: &str = include_str!("schema.json");

pub fn info(info: &Info, float: bool) -> String {
    let items: Vec<String> = info
        .values(float)
        .map(|(field, value)| format!("{{{}}}", item(field.position as usize, field.name, field.tags, value)))
        .collect();
    format!("[{}]\n", items.join(","))
}

pub fn rows(rows: &[Row]) -> String {
    let rows: Vec<String> = rows.iter().map(row).collect();
    format!("[{}]\n", rows.join(","))
}

fn row(row: &Row) -> String {
    let object = format!(r#""objType":"{}","proxyId":{},"id":{}"#, row.kind.word(), row.iid, row.sid);
    let items: Vec<String> = COLUMNS
        .iter()
        .enumerate()
        .filter_map(|(at, column)| {
            let value = (column.get)(row)?;
            Some(format!("{{{object},{}}}", item(at, column.name, column.tags_of(row.kind), value)))
        })
        .collect();
    format!("[{}]", items.join(","))
}

fn item(position: usize, name: &str, tags: Tags, value: Value<'_>) -> String {
    format!(
        r#""field":{{"pos":{position},"name":{}}},"processNum":1,"tags":{{"origin":"{}","nature":"{}","scope":"{}"}},"value":{{"type":"{}","value":{}}}"#,
        string(name),
        tags.origin(),
        tags.nature(),
        tags.scope(),
        value.type_name(),
        literal(value)
    )
}

fn literal(value: Value<'_>) -> String {
    match value {
        Value::Str(text) => string(text),
        Value::U64(number) => number.min(LARGEST).to_string(),
        other => other.to_string(),
    }
}

fn string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn one_row() {
        let row = Row { pxname: "a\"b".into(), bin: Some(u64::MAX), pid: 1, iid: 2, ..Row::default() };
        let text = rows(&[row]);
        let parsed: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        expect![[r#"{"field":{"name":"bin","pos":8},"id":0,"objType":"Frontend","processNum":1,"proxyId":2,"tags":{"nature":"Counter","origin":"Metric","scope":"Process"},"value":{"type":"u64","value":9007199254740991}}"#]]
            .assert_eq(&parsed[0][2].to_string());
        expect![[r#""a\"b""#]].assert_eq(&parsed[0][0]["value"]["value"].to_string());
    }

    #[test]
    fn the_process() {
        let whole = Info { name: "Barque".into(), description: Some("a".into()), ..Info::default() };
        let text = info(&whole, false);
        let parsed: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(parsed.as_array().map(Vec::len), Some(crate::stats::info::FIELDS.len()));
        expect![[r#"{"field":{"name":"Name","pos":0},"processNum":1,"tags":{"nature":"Output","origin":"Product","scope":"Service"},"value":{"type":"str","value":"Barque"}}"#]]
            .assert_eq(&parsed[0].to_string());
    }

    #[test]
    fn the_schema_is_json() {
        serde_json::from_str::<serde_json::Value>(SCHEMA).expect("JSON");
    }
}
