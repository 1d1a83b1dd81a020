//! The packed table. Its reader is `src/table.rs`; the form of `facts.txt` stands in `xtask/src/schema/text.rs`.

use std::collections::BTreeMap;
use std::fmt::Write;

/// Rows of `USES`: kind, flags, target, list, patch. Equal uses share a row.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Use {
    kind: String,
    atomic: bool,
    target: usize,
    list: usize,
    patch: usize,
}

/// Gives equal values one number, in order of first sight.
#[derive(Default)]
struct Numbers<T>(Vec<T>, BTreeMap<T, usize>);

impl<T: Clone + Ord> Numbers<T> {
    fn of(&mut self, value: &T) -> usize {
        *self.1.entry(value.clone()).or_insert_with(|| {
            self.0.push(value.clone());
            self.0.len() - 1
        })
    }
}

#[derive(Default)]
struct Table {
    types: BTreeMap<String, usize>,
    atomic_types: Vec<bool>,
    names: Numbers<String>,
    uses: Numbers<Use>,
    keys: Numbers<Vec<String>>,
    patches: Numbers<(String, String)>,
    paths: Numbers<Vec<String>>,
}

pub fn generate(facts: &str) -> String {
    let mut table = Table::default();
    table.patches.of(&(String::new(), String::new()));
    table.paths.of(&Vec::new());
    let lines = || facts.lines().filter(|line| !line.starts_with('#'));
    for line in lines().filter(|line| !line.starts_with(' ')) {
        let mut words = line.split(' ');
        let name = words.next().unwrap_or_default().to_owned();
        table.types.insert(name, table.atomic_types.len());
        table.atomic_types.push(words.any(|word| word == "atomic"));
    }
    let (mut type_rows, mut field_rows, mut roots) = (String::new(), String::new(), String::new());
    let (mut type_names, mut fields) = (String::new(), 0);
    for line in lines() {
        if let Some(field) = line.strip_prefix(' ') {
            let row = table.field(field);
            _ = writeln!(field_rows, "    {row},");
            fields += 1;
            continue;
        }
        let mut words = line.split(' ');
        let name = words.next().unwrap_or_default();
        let kind = words.any(|word| word == "kind");
        _ = writeln!(type_rows, "    TypeRow {{ name: {}, fields: {fields}, kind: {kind} }},", type_names.len());
        type_names += name;
        let number = table.types[name];
        let root = Use { kind: "Struct".into(), atomic: table.atomic_types[number], target: number, list: 0, patch: 0 };
        _ = write!(roots, "{}, ", table.uses.of(&root));
    }
    _ = writeln!(type_rows, "    TypeRow {{ name: {}, fields: {fields}, kind: false }},", type_names.len());
    table.write(&type_rows, &type_names, &field_rows, fields, &roots)
}

impl Table {
    fn field(&mut self, line: &str) -> String {
        let words: Vec<&str> = line.split(' ').collect();
        let [name, tags, form, facts @ ..] = words.as_slice() else { panic!("bad line in facts.txt: {line}") };
        let mut path: Vec<String> = tags.split('.').map(str::to_owned).collect();
        let tag = path.pop().unwrap_or_default();
        let used = self.used(form, facts);
        let (required, omit) = (facts.contains(&"required"), facts.contains(&"omitzero"));
        let (name, path) = (self.names.of(&(*name).to_owned()), self.paths.of(&path));
        format!(
            "FieldRow {{ name: {name}, used: {used}, tag: {tag}, path: {path}, required: {required}, omit_zero: {omit} }}"
        )
    }

    fn used(&mut self, form: &str, facts: &[&str]) -> usize {
        let value = |name: &str| facts.iter().find_map(|fact| fact.strip_prefix(name)).unwrap_or_default().to_owned();
        let mut used = Use { kind: String::new(), atomic: facts.contains(&"atomic"), target: 0, list: 0, patch: 0 };
        used.patch = self.patches.of(&(value("patch="), value("key=")));
        let keys = value("keys=");
        if facts.contains(&"set") {
            used.list = 1;
        } else if !keys.is_empty() {
            used.list = 2 + self.keys.of(&keys.split(',').map(str::to_owned).collect());
        }
        let inner = form.get(1..form.len() - 1).unwrap_or_default();
        match form.as_bytes()[0] {
            b'[' => (used.kind, used.target) = ("List".into(), self.used(inner, &[])),
            b'<' => (used.kind, used.target) = ("Wrapped".into(), self.used(inner, &[])),
            b'{' => (used.kind, used.target) = ("Map".into(), self.used(inner, &[])),
            _ if form.contains('.') => {
                used.kind = "Struct".into();
                used.target = self.types[form];
                used.atomic = (used.atomic || self.atomic_types[used.target]) && !facts.contains(&"granular");
            }
            _ => used.kind = scalar(form).into(),
        }
        self.uses.of(&used)
    }

    fn write(&self, types: &str, type_names: &str, fields: &str, field_count: usize, roots: &str) -> String {
        let mut out = String::new();
        _ = writeln!(out, "pub static TYPE_NAMES: &str = {type_names:?};");
        _ = writeln!(out, "pub static TYPES: [TypeRow; {}] = [\n{types}];", self.types.len() + 1);
        _ = writeln!(out, "pub static ROOTS: [u16; {}] = [{roots}];", self.types.len());
        _ = writeln!(out, "pub static FIELDS: [FieldRow; {field_count}] = [\n{fields}];");
        let mut at = Vec::new();
        let mut blob = String::new();
        for name in &self.names.0 {
            at.push(blob.len());
            blob += name;
        }
        at.push(blob.len());
        _ = writeln!(out, "pub static NAMES: &str = {blob:?};\npub static NAME_AT: [u16; {}] = {at:?};", at.len());
        _ = writeln!(out, "pub static USES: [TypeUse; {}] = [", self.uses.0.len());
        for Use { kind, atomic, target, list, patch } in &self.uses.0 {
            _ = writeln!(
                out,
                "    TypeUse {{ kind: Kind::{kind}, atomic: {atomic}, target: {target}, list: {list}, patch: {patch} }},"
            );
        }
        _ = writeln!(out, "];\npub static KEYS: [&[&str]; {}] = {:?};", self.keys.0.len(), self.keys.0);
        out = out.replace("= [[", "= [&[").replace("], [\"", "], &[\"");
        _ = writeln!(out, "pub static PATHS: [&[u8]; {}] = [", self.paths.0.len());
        for path in &self.paths.0 {
            _ = write!(out, "&[{}], ", path.join(", "));
        }
        _ = writeln!(out, "];\npub static PATCHES: [PatchStrategy; {}] = [", self.patches.0.len());
        for (strategy, key) in &self.patches.0 {
            let has = |word: &str| strategy.split(',').any(|part| part == word);
            let key = if key.is_empty() { "None".to_owned() } else { format!("Some({key:?})") };
            _ = writeln!(
                out,
                "    PatchStrategy {{ merge: {}, retain_keys: {}, replace: {}, merge_key: {key} }},",
                has("merge"),
                has("retainKeys"),
                has("replace")
            );
        }
        out += "];\n";
        out
    }
}

fn scalar(form: &str) -> &'static str {
    match form {
        "string" => "String",
        "bytes" => "Bytes",
        "bool" => "Bool",
        "int32" => "Int32",
        "int64" => "Int64",
        "double" => "Double",
        "time" => "Time",
        "microtime" => "MicroTime",
        "duration" => "Duration",
        "quantity" => "Quantity",
        "intorstring" => "IntOrString",
        "fields" => "Fields",
        "raw" => "Raw",
        "json" => "Json",
        "schemaorarray" => "SchemaOrArray",
        "schemaorbool" => "SchemaOrBool",
        "schemaorstrings" => "SchemaOrStrings",
        other => panic!("unknown type {other} in facts.txt"),
    }
}
