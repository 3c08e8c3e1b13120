//! YAML text to [`Node`]s: every key and value with its place, every number as it is spelled.
//!
//! The parser's own conveniences are switched off where they lose what a user wrote: `on` and `no` are
//! strings, account ids keep their zeros, and a key that stands twice is a problem with both places. Its
//! budgets stay on, so a file that is built to exhaust memory is refused at once.

use std::fmt;

use indexmap::IndexMap;
use indexmap::map::Entry as Slot;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::options::{DuplicateKeyPolicy, MergeKeyPolicy, NonFiniteFloatPolicy};
use serde_saphyr::{Location, Spanned};

use super::yaml_traps;
use crate::model::{Entry, Node, NodeValue};
use crate::problem::{FileId, Place, Problem};

/// A manifest is a dozen deep. The parser takes some 40 kB of stack for each level in a debug build, and a
/// worker thread has 2 MB.
const DEEPEST: usize = 32;

/// Parses one document. `Err` is a text that is no YAML; duplicate keys and the like go to `problems`.
pub fn parse(text: &str, file: FileId, problems: &mut Vec<Problem>) -> Result<Node, Problem> {
    let whole = Place { file, start: 0, end: 0 };
    // The parser cannot tell an empty file from one that says `null`; here both say nothing.
    let raw: Option<Spanned<Raw>> = serde_saphyr::from_str_with_options(text, options())
        .map_err(|error| yaml_traps::explain(&error, text, file))?;
    let mut reader = Reader { text, file, problems };
    Ok(raw.map_or(Node::new(NodeValue::Null, whole), |raw| reader.node(raw)))
}

fn options() -> serde_saphyr::Options {
    let mut aliases = serde_saphyr::options::AliasLimits::default();
    aliases.max_total_replayed_events = 50_000;
    serde_saphyr::options! {
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        reject_unsupported_tags: true,
        non_finite_float_policy: NonFiniteFloatPolicy::AsString,
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        merge_keys: MergeKeyPolicy::AsOrdinary,
        with_snippet: false,
        alias_limits: aliases,
        budget: serde_saphyr::budget! { max_nodes: 2_000_000, max_events: 4_000_000, max_depth: DEEPEST },
    }
}

/// A value as the parser types it. Its spelling is looked up by its place.
enum Raw {
    Null,
    Bool(bool),
    Number,
    Text(String),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<Raw>, Spanned<Raw>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Bool(value))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Raw, E> {
        Ok(Raw::Number)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Raw, E> {
        Ok(Raw::Number)
    }

    fn visit_i128<E>(self, _: i128) -> Result<Raw, E> {
        Ok(Raw::Number)
    }

    fn visit_u128<E>(self, _: u128) -> Result<Raw, E> {
        Ok(Raw::Number)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Raw, E> {
        Ok(Raw::Number)
    }

    fn visit_str<E>(self, text: &str) -> Result<Raw, E> {
        Ok(Raw::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Raw, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Raw::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Raw::Map(entries))
    }
}

struct Reader<'a> {
    text: &'a str,
    file: FileId,
    problems: &'a mut Vec<Problem>,
}

impl Reader<'_> {
    fn node(&mut self, raw: Spanned<Raw>) -> Node {
        let place = self.place(raw.defined);
        let value = match raw.value {
            Raw::Null => NodeValue::Null,
            Raw::Bool(value) => NodeValue::Bool(value),
            Raw::Number => NodeValue::Number(self.spelled(place)),
            Raw::Text(text) => NodeValue::Text(text),
            Raw::List(items) => NodeValue::List(items.into_iter().map(|item| self.node(item)).collect()),
            Raw::Map(entries) => NodeValue::Map(self.entries(entries)),
        };
        Node::new(value, place)
    }

    fn entries(&mut self, raw: Vec<(Spanned<Raw>, Spanned<Raw>)>) -> Vec<Entry> {
        let mut entries: IndexMap<String, Entry> = IndexMap::new();
        let mut merged = Vec::new();
        for (key, value) in raw {
            let place = self.place(key.defined);
            let value = self.node(value);
            let Some(name) = self.key(key.value, place) else { continue };
            // Quoted, it is a key like any other.
            if name == "<<" && self.spelled(place) == "<<" {
                merged.push(value);
                continue;
            }
            match entries.entry(name) {
                Slot::Vacant(slot) => {
                    let key = slot.key().clone();
                    slot.insert(Entry { key, key_place: place, value });
                }
                Slot::Occupied(slot) => {
                    let first = slot.get().key_place;
                    self.problems.push(duplicate_key(self.text, slot.key(), place, first));
                }
            }
        }
        for value in merged {
            self.merge(value, &mut entries);
        }
        entries.into_values().collect()
    }

    fn key(&mut self, raw: Raw, place: Place) -> Option<String> {
        match raw {
            Raw::Text(text) => Some(text),
            Raw::Number | Raw::Bool(_) => Some(self.spelled(place)),
            Raw::Null if self.spelled(place).starts_with(['n', 'N', '~']) => Some(self.spelled(place)),
            Raw::Null | Raw::List(_) | Raw::Map(_) => {
                self.problems.push(yaml_traps::key_is_no_text(self.text, place));
                None
            }
        }
    }

    /// Merges `<<: *anchor`: what the map says itself wins.
    fn merge(&mut self, value: Node, into: &mut IndexMap<String, Entry>) {
        match value.value {
            NodeValue::Map(entries) => {
                for entry in entries {
                    into.entry(entry.key.clone()).or_insert(entry);
                }
            }
            NodeValue::List(items) if items.iter().all(|item| matches!(item.value, NodeValue::Map(_))) => {
                for item in items {
                    self.merge(item, into);
                }
            }
            _ => self.problems.push(
                Problem::error("wrong-type", format!("`<<` merges a map, this is {}", value.type_name()))
                    .at(value.place),
            ),
        }
    }

    fn spelled(&self, place: Place) -> String {
        self.text.get(place.start..place.end).unwrap_or_default().to_owned()
    }

    fn place(&self, location: Location) -> Place {
        place(location, self.file)
    }
}

/// Returns the place that the parser names.
pub fn place(location: Location, file: FileId) -> Place {
    let span = location.span();
    let bytes = |count: Option<u64>| count.and_then(|count| usize::try_from(count).ok()).unwrap_or(0);
    let start = bytes(span.byte_offset());
    Place { file, start, end: start + bytes(span.byte_len()) }
}

/// Says that a key stands twice, with the line of the first.
pub fn duplicate_key(text: &str, key: &str, place: Place, first: Place) -> Problem {
    let line = text.get(..first.start).map_or(0, |before| before.matches('\n').count()) + 1;
    Problem::error("duplicate-key", format!("the key `{key}` stands twice in this map"))
        .at(place)
        .note(format!("the first is at line {line}"))
        .help("remove or rename one of the two")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Node {
        let mut problems = Vec::new();
        let node = parse(text, 0, &mut problems).unwrap_or_else(|problem| panic!("{text}: {problem}"));
        assert_eq!(problems, [], "{text}");
        node
    }

    fn refused(text: &str) -> (Problem, String) {
        let mut problems = Vec::new();
        let problem = parse(text, 0, &mut problems).err().or(problems.pop()).unwrap();
        let place = problem.place.unwrap();
        (problem, text[place.start..place.end].to_owned())
    }

    #[test]
    fn scalars_keep_what_was_written() {
        let text = "a: 1.10\nb: 012345678901\nc: 123456789012\nd: yes\non: 1_000\ne: 0x1F\nf: true\ng:\nh: \"é\"\n";
        let node = read(text);
        let value = |key: &str| node.get(key).unwrap().value.value.clone();
        assert_eq!(value("a"), NodeValue::Number("1.10".into()));
        assert_eq!(value("b"), NodeValue::Text("012345678901".into()));
        assert_eq!(value("c"), NodeValue::Number("123456789012".into()));
        assert_eq!(value("d"), NodeValue::Text("yes".into()));
        assert_eq!(value("on"), NodeValue::Text("1_000".into()));
        assert_eq!(value("e"), NodeValue::Number("0x1F".into()));
        assert_eq!(value("f"), NodeValue::Bool(true));
        assert_eq!(value("g"), NodeValue::Null);
        let place = node.get("h").unwrap().value.place;
        assert_eq!(&text[place.start..place.end], "\"é\"");
    }

    #[test]
    fn numbers_are_keys_as_they_are_spelled() {
        assert!(read("1.10: a\n").get("1.10").is_some());
        assert!(read("null: a\n").get("null").is_some());
    }

    #[test]
    fn a_key_that_stands_twice_is_a_problem_and_the_first_stays() {
        let mut problems = Vec::new();
        let node = parse("a: 1\nb: 2\na: 3\n", 0, &mut problems).unwrap();
        assert_eq!(node.get("a").unwrap().value.value, NodeValue::Number("1".into()));
        assert_eq!(problems.len(), 1);
        assert_eq!((problems[0].code, problems[0].place.unwrap().start), ("duplicate-key", 10));
        assert_eq!(problems[0].notes, ["the first is at line 1"]);
    }

    #[test]
    fn merged_keys_yield_to_own_ones() {
        let node = read("a: &x {b: 1, c: 2}\nd: {<<: *x, b: 3}\n");
        let d = &node.get("d").unwrap().value;
        assert_eq!(d.to_json(), serde_json::json!({"b": 3, "c": 2}));
        assert_eq!(refused("a: {<<: 1}\n").0.code, "wrong-type");
    }

    #[test]
    fn bombs_are_refused() {
        assert!(refused(&"[".repeat(1_000_000)).0.message.contains("deeper or larger"));
        assert!(refused(&"- ".repeat(100_000)).0.message.contains("deeper or larger"));
        let deep = |depth: usize| format!("{}x{}", "{a: [".repeat(depth / 2), "]}".repeat(depth / 2));
        read(&deep(DEEPEST));
        assert!(refused(&deep(DEEPEST + 2)).0.message.contains("deeper or larger"));
        let mut bomb = String::from("a: &a [x, x, x, x, x, x, x, x, x]\n");
        for (before, name) in ('a'..'k').zip('b'..'l') {
            let uses = vec![format!("*{before}"); 9].join(", ");
            bomb += &format!("{name}: &{name} [{uses}]\n");
        }
        assert!(refused(&bomb).0.message.contains("deeper or larger"));
    }

    #[test]
    fn the_traps_of_yaml_have_their_help() {
        for (text, token, help) in [
            ("a: *\n", "*", "quote it: \"*\""),
            ("a: [b, *.txt]\n", "*.txt", "quote it: \"*.txt\""),
            ("é: {b: ${{ params.c }}}\n", "${{ params.c }}", "quote it: \"${{ params.c }}\""),
            ("a: [x/${aws:username}/*, b]\n", "x/${aws:username}/*", "quote it: \"x/${aws:username}/*\""),
            (
                "a: {{ params.b }}\n",
                "{{",
                "an expression has a dollar sign and, inside [] or {}, quotes: \"${{ params.b }}\"",
            ),
            ("a: 1\n---\nb: 2\n", "---", "remove the `---`, or write one file for each deployment"),
            ("a: b: c\n", "", "quote a value that contains `: `, and check the indentation"),
            ("a:\n\t- b\n", "", "indent with spaces"),
            ("a: @b\n", "", "quote a value that starts with this character"),
        ] {
            let (problem, at) = refused(text);
            assert_eq!((at.as_str(), problem.helps.first().map(String::as_str)), (token, Some(help)), "{text}");
        }
    }

    #[test]
    fn what_is_no_manifest_is_refused_at_its_place() {
        for (text, start) in
            [("a: !include /etc/passwd\n", 12), ("? [a]\n: b\n", 2), ("a: \"x\n", 6), ("a: \u{7}\n", 3)]
        {
            assert_eq!(refused(text).0.place.unwrap().start, start, "{text:?}");
        }
    }
}
