//! YAML as a person would write it: what is short stands on one line, the rest in blocks.
//!
//! `serde_yaml` writes blocks only. What is written here is read by [`super::yaml`], and by any other reader of
//! YAML: a string that could pass for something else is quoted.

use serde_json::{Map, Value as Json};

/// Longest line of a map or a list that is written on one.
const WIDTH: usize = 100;
/// A map with more keys than this gets a line for each.
const KEYS: usize = 3;

/// Writes the entries of a map, one after the other, each in a line or in a block of its own.
pub fn entries(map: &Map<String, Json>, indent: usize, text: &mut String) {
    for (key, value) in map {
        entry(key, value, indent, text);
    }
}

/// Writes one entry of a map.
pub fn entry(key: &str, value: &Json, indent: usize, text: &mut String) {
    let head = format!("{:indent$}{}:", "", scalar(key));
    text.push_str(&head);
    after(value, head.chars().count(), indent, text);
}

/// Writes a value after `used` characters of a line: there, or in lines below.
fn after(value: &Json, used: usize, indent: usize, text: &mut String) {
    let line = flow(value);
    if is_short(value) && used + 1 + line.chars().count() <= WIDTH || !is_block(value) {
        *text += &format!(" {line}\n");
        return;
    }
    text.push('\n');
    match value {
        Json::Object(map) => entries(map, indent + 2, text),
        Json::Array(items) => items.iter().for_each(|item| self::item(item, indent + 2, text)),
        _ => {}
    }
}

fn item(item: &Json, indent: usize, text: &mut String) {
    let line = flow(item);
    match item {
        Json::Object(map) if !is_short(item) || indent + 2 + line.chars().count() > WIDTH => {
            let mut inner = String::new();
            entries(map, indent + 2, &mut inner);
            // The first key stands behind the dash.
            inner.replace_range(indent..=indent, "-");
            text.push_str(&inner);
        }
        _ => *text += &format!("{:indent$}- {line}\n", ""),
    }
}

fn is_block(value: &Json) -> bool {
    match value {
        Json::Object(map) => !map.is_empty(),
        Json::Array(items) => !items.is_empty(),
        _ => false,
    }
}

/// Says whether a value may stand on one line, where it fits: not what has parts that one would look for.
fn is_short(value: &Json) -> bool {
    let is_small = |value: &Json| value.as_object().is_none_or(|map| map.len() <= 1);
    match value {
        Json::Object(map) => map.len() <= KEYS && map.values().all(|value| is_short(value) && is_small(value)),
        Json::Array(items) => items.iter().all(|item| !item.is_object() && is_short(item)),
        _ => true,
    }
}

/// Writes a value on one line.
pub fn flow(value: &Json) -> String {
    match value {
        Json::String(text) => scalar(text),
        Json::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Json::Object(map) => {
            let entries = map.iter().map(|(key, value)| format!("{}: {}", scalar(key), flow(value)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

fn scalar(text: &str) -> String {
    if is_plain(text) { text.to_owned() } else { quoted(text) }
}

/// Says whether a string needs no quotes, wherever it stands.
fn is_plain(text: &str) -> bool {
    let words = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let after_colon = |(at, _)| text[at + 1..].starts_with(|c: char| c.is_ascii_alphanumeric() || c == '*');
    let is_duration = || {
        let number = text.trim_end_matches(['h', 'm']);
        text.len() == number.len() + 1 && !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())
    };
    if is_duration() {
        return true;
    }
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && !text.ends_with(' ')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || " ._/+@*:-".contains(c))
        && text.match_indices(':').all(after_colon)
        && !words.contains(&text.to_lowercase().as_str())
}

/// Writes a string in double quotes. What does not show, or breaks lines, is escaped.
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            c if c.is_control() || !is_visible(c) => quoted += &format!("\\U{:08X}", u32::from(c)),
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

/// Separators of lines, marks of byte order and of direction, and what Unicode leaves unused.
fn is_visible(c: char) -> bool {
    !matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
        && u32::from(c) & 0xfffe != 0xfffe
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::manifest::parse_yaml;

    fn written(value: &Json) -> String {
        let mut text = String::new();
        entries(value.as_object().unwrap(), 0, &mut text);
        text
    }

    #[test]
    fn what_is_short_stands_on_a_line() {
        let value = json!({
            "policies": {"reads": {"statements": {
                "Get": {"Effect": "Allow", "Action": ["s3:GetObject", "s3:GetObjectTagging"], "Resource": "arn:aws:s3:::acme-work/*"},
                "If": {"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "true"}}},
            }}},
            "list": [{"a": 1, "b": 2, "c": 3, "d": [4]}, "x"],
        });
        let expected = "policies:
  reads:
    statements:
      Get:
        Effect: Allow
        Action: [s3:GetObject, s3:GetObjectTagging]
        Resource: \"arn:aws:s3:::acme-work/*\"
      If:
        Effect: Allow
        Action: s3:*
        Resource: \"*\"
        Condition: {Bool: {aws:SecureTransport: \"true\"}}
list:
  - a: 1
    b: 2
    c: 3
    d: [4]
  - x
";
        assert_eq!(written(&value), expected);
        assert_eq!(
            written(&json!({"trust": {"services": ["ec2.amazonaws.com"]}})),
            "trust: {services: [ec2.amazonaws.com]}\n"
        );
    }

    #[test]
    fn strings_that_look_like_something_else_stay_strings() {
        for text in [
            "",
            " ",
            "yes",
            "No",
            "on",
            "null",
            "~",
            "true",
            "012345678901",
            "1.10",
            "1e3",
            "0x1f",
            "-1",
            ".5",
            "+1",
            "2012-10-17",
            "a: b",
            "a:",
            "a #b",
            "#",
            "- a",
            "-",
            "?",
            "*",
            "&a",
            "!t",
            "%d",
            "@a",
            "`",
            "|",
            ">",
            "'",
            "\"",
            "\\",
            "{a}",
            "[a]",
            "a, b",
            "a ",
            " a",
            "a\nb",
            "a\r\n",
            "\t",
            "\u{7}",
            "\u{85}",
            "\u{2028}",
            "\u{feff}a",
            "é",
            "日本",
            "😀",
            "${aws:username}",
            "<<",
            "=",
            "a::b",
            "arn:aws:iam::aws:policy/X",
            "12:30",
            "y",
            "...",
            "---",
            "\u{a0}",
            "\u{fffd}",
        ] {
            let value = json!({text: [text, {"k": text}], "block": {"a": text, "b": text, "c": text, text: text}});
            for written in [written(&value), format!("all: {}\n", flow(&value))] {
                let mut problems = Vec::new();
                let node =
                    parse_yaml(&written, 0, &mut problems).unwrap_or_else(|problem| panic!("{written}: {problem}"));
                assert_eq!(problems, [], "{written}");
                let read = node.to_json();
                assert_eq!(read.get("all").unwrap_or(&read), &value, "{written}");
            }
        }
    }
}
