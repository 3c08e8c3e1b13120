//! A strict JSON reader that keeps the place of every key and value.
//!
//! Policies decide who may do what, so nothing is guessed: what RFC 8259 does not allow is refused with
//! the place and what to write instead, and so is a key that is written twice, as readers disagree on
//! which of the two counts.

use std::collections::HashSet;

use crate::model::{Entry, Node, NodeValue};
use crate::problem::{FileId, Place};

/// Deeper than any policy can be, and shallow enough for every stack.
const DEEPEST: usize = 64;

/// What is wrong with a JSON text, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonFault {
    /// One sentence without a full stop.
    pub message: String,
    pub place: Place,
}

/// Reads one JSON value. The error holds every key that is written twice and the first syntax error,
/// in the order of their places.
pub fn parse(text: &str, file: FileId) -> Result<Node, Vec<JsonFault>> {
    let mut reader = Reader { text, file, at: 0, depth: 0, twice: Vec::new() };
    // RFC 8259, section 8.1: a reader may skip a byte order mark.
    reader.take_str("\u{feff}");
    match reader.document() {
        Ok(node) if reader.twice.is_empty() => Ok(node),
        Ok(_) => Err(reader.twice),
        Err(first) => {
            reader.twice.push(first);
            Err(reader.twice)
        }
    }
}

type Parsed<T> = Result<T, JsonFault>;

struct Reader<'a> {
    text: &'a str,
    file: FileId,
    at: usize,
    depth: usize,
    /// Keys written twice; reading goes on after them.
    twice: Vec<JsonFault>,
}

impl Reader<'_> {
    fn document(&mut self) -> Parsed<Node> {
        self.skip_space()?;
        if self.rest().is_empty() {
            return Err(self.fault(self.at, self.at, "the text is empty"));
        }
        let node = self.value()?;
        self.skip_space()?;
        match self.peek() {
            None => Ok(node),
            Some(_) => Err(self.unexpected("nothing after the end of the value")),
        }
    }

    fn value(&mut self) -> Parsed<Node> {
        let start = self.at;
        let value = match self.peek() {
            Some('{') => self.nested(Self::map)?,
            Some('[') => self.nested(Self::list)?,
            Some('"') => NodeValue::Text(self.string()?),
            Some('-' | '0'..='9') => NodeValue::Number(self.number()?),
            _ => self.word()?,
        };
        Ok(Node::new(value, self.place(start, self.at)))
    }

    fn nested(&mut self, read: fn(&mut Self) -> Parsed<NodeValue>) -> Parsed<NodeValue> {
        if self.depth == DEEPEST {
            return Err(self.fault(self.at, self.at + 1, format!("nested deeper than {DEEPEST} levels")));
        }
        self.depth += 1;
        self.at += 1;
        let value = read(self)?;
        self.depth -= 1;
        Ok(value)
    }

    fn map(&mut self) -> Parsed<NodeValue> {
        let mut entries = Vec::new();
        let mut keys = HashSet::new();
        self.skip_space()?;
        if self.take('}') {
            return Ok(NodeValue::Map(entries));
        }
        loop {
            let start = self.at;
            let key = self.key()?;
            let key_place = self.place(start, self.at);
            self.skip_space()?;
            if !self.take(':') {
                return Err(self.unexpected(&format!("`:` after the key `{key}`")));
            }
            self.skip_space()?;
            let value = self.value()?;
            if keys.insert(key.clone()) {
                entries.push(Entry { key, key_place, value });
            } else {
                self.twice.push(JsonFault { message: format!("key `{key}` is written twice"), place: key_place });
            }
            if !self.more('}')? {
                return Ok(NodeValue::Map(entries));
            }
        }
    }

    fn key(&mut self) -> Parsed<String> {
        match self.peek() {
            Some('"') => self.string(),
            Some('\'' | '‘' | '’' | '“' | '”') | None => Err(self.unexpected("a key")),
            Some(_) => match self.bare_word() {
                "" => Err(self.unexpected("a key or `}`")),
                word => Err(self.fault(
                    self.at,
                    self.at + word.len(),
                    format!("a key takes double quotes: write `\"{word}\"`"),
                )),
            },
        }
    }

    fn list(&mut self) -> Parsed<NodeValue> {
        let mut items = Vec::new();
        self.skip_space()?;
        if self.take(']') {
            return Ok(NodeValue::List(items));
        }
        loop {
            items.push(self.value()?);
            if !self.more(']')? {
                return Ok(NodeValue::List(items));
            }
        }
    }

    /// Reads the comma before a further item, or `close`.
    fn more(&mut self, close: char) -> Parsed<bool> {
        self.skip_space()?;
        let comma = self.at;
        if self.take(close) {
            return Ok(false);
        }
        if !self.take(',') {
            return Err(self.unexpected(&format!("`,` or `{close}`")));
        }
        self.skip_space()?;
        if self.peek() == Some(close) {
            return Err(self.fault(comma, comma + 1, format!("trailing comma before `{close}`")));
        }
        Ok(true)
    }

    fn word(&mut self) -> Parsed<NodeValue> {
        let word = self.bare_word();
        let value = match word {
            "null" => NodeValue::Null,
            "true" => NodeValue::Bool(true),
            "false" => NodeValue::Bool(false),
            "" => return Err(self.unexpected("a value")),
            _ => {
                let meant = match word.to_ascii_lowercase().as_str() {
                    lower @ ("true" | "false" | "null") => format!("`{lower}`"),
                    "none" | "nil" | "undefined" => "`null`".to_owned(),
                    _ => format!("a string in double quotes: `\"{word}\"`"),
                };
                let end = self.at + word.len();
                return Err(self.fault(self.at, end, format!("`{word}` is not JSON: write {meant}")));
            }
        };
        self.at += word.len();
        Ok(value)
    }

    /// Reads a number as RFC 8259, section 6, spells it.
    fn number(&mut self) -> Parsed<String> {
        let start = self.at;
        self.take('-');
        let integer = self.at;
        let digits = self.digits();
        if digits == 0 {
            return Err(self.unexpected("a digit after `-`"));
        }
        if digits > 1 && self.text[integer..].starts_with('0') {
            let message = "a number does not start with `0`: write it without, or as a string in double quotes";
            return Err(self.fault(start, self.at, message));
        }
        if self.take('.') && self.digits() == 0 {
            return Err(self.unexpected("a digit after `.`"));
        }
        if self.take('e') || self.take('E') {
            let _signed = self.take('+') || self.take('-');
            if self.digits() == 0 {
                return Err(self.unexpected("a digit in the exponent"));
            }
        }
        Ok(self.text[start..self.at].to_owned())
    }

    fn digits(&mut self) -> usize {
        let count = self.rest().bytes().take_while(u8::is_ascii_digit).count();
        self.at += count;
        count
    }

    fn string(&mut self) -> Parsed<String> {
        let start = self.at;
        self.at += 1;
        let mut text = String::new();
        loop {
            let rest = self.rest();
            let plain = rest.find(|c: char| c == '"' || c == '\\' || c < ' ').unwrap_or(rest.len());
            text.push_str(&rest[..plain]);
            self.at += plain;
            match self.peek() {
                Some('"') => {
                    self.at += 1;
                    return Ok(text);
                }
                Some('\\') => text.push(self.escape()?),
                Some('\n' | '\r') => {
                    return Err(self.fault(start, self.at, "the string has no closing `\"` on its line"));
                }
                Some(control) => {
                    let message = format!("a string cannot hold this character: write `\\u{:04x}`", control as u32);
                    return Err(self.fault(self.at, self.at + 1, message));
                }
                None => return Err(self.fault(start, self.at, "the string has no closing `\"`")),
            }
        }
    }

    fn escape(&mut self) -> Parsed<char> {
        let start = self.at;
        self.at += 1;
        let letter = self.peek();
        self.at += letter.map_or(0, char::len_utf8);
        Ok(match letter {
            Some(same @ ('"' | '\\' | '/')) => same,
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('u') => return self.unicode(start),
            _ => {
                let message = "unknown escape: a backslash in a string is written `\\\\`";
                return Err(self.fault(start, self.at, message));
            }
        })
    }

    /// Reads what follows `\u`: four hex digits, or two escapes that make one character (UTF-16).
    fn unicode(&mut self, start: usize) -> Parsed<char> {
        let unit = self.hex(start)?;
        let code = match unit {
            0xd800..0xdc00 if self.take_str("\\u") => match self.hex(start)? {
                low @ 0xdc00..0xe000 => 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00),
                _ => unit,
            },
            _ => unit,
        };
        char::from_u32(code).ok_or_else(|| self.fault(start, self.at, "the escape is only half of a character"))
    }

    fn hex(&mut self, start: usize) -> Parsed<u32> {
        let digits = self.rest().get(..4).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
        let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let code = code.ok_or_else(|| self.fault(start, self.at, "`\\u` takes four hex digits"))?;
        self.at += 4;
        Ok(code)
    }

    fn skip_space(&mut self) -> Parsed<()> {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
        let rest = self.rest();
        if rest.starts_with('#') || rest.starts_with("//") || rest.starts_with("/*") {
            let line = rest.find('\n').unwrap_or(rest.len());
            return Err(self.fault(self.at, self.at + line, "JSON has no comments"));
        }
        Ok(())
    }

    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn take(&mut self, c: char) -> bool {
        let found = self.peek() == Some(c);
        self.at += if found { c.len_utf8() } else { 0 };
        found
    }

    fn take_str(&mut self, s: &str) -> bool {
        let found = self.rest().starts_with(s);
        self.at += if found { s.len() } else { 0 };
        found
    }

    fn bare_word(&self) -> &'_ str {
        let rest = self.rest();
        &rest[..rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len())]
    }

    fn place(&self, start: usize, end: usize) -> Place {
        Place { file: self.file, start, end }
    }

    fn fault(&self, start: usize, end: usize, message: impl Into<String>) -> JsonFault {
        JsonFault { message: message.into(), place: self.place(start, end) }
    }

    /// Says what was expected here and what stands here instead.
    fn unexpected(&self, expected: &str) -> JsonFault {
        let Some(found) = self.peek() else {
            return self.fault(self.at, self.at, format!("expected {expected}, but the text ends"));
        };
        let message = match found {
            '\'' => "single quotes: JSON takes double quotes".to_owned(),
            '‘' | '’' | '“' | '”' => "curly quotes: JSON takes straight double quotes".to_owned(),
            _ => format!("expected {expected}, found `{found}`"),
        };
        self.fault(self.at, self.at + found.len_utf8(), message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Vec<(String, &str)> {
        let faults = parse(text, 0).expect_err(text);
        faults.into_iter().map(|fault| (fault.message, &text[fault.place.start..fault.place.end])).collect()
    }

    fn first(text: &str) -> String {
        said(text).swap_remove(0).0
    }

    #[test]
    fn keys_and_values_have_their_places() {
        let text = "\u{feff}{ \"a\\n\": [1.50, \"é\", {}], \"b\": null }";
        let node = parse(text, 3).unwrap();
        let of = |place: Place| &text[place.start..place.end];
        let entry = node.get("a\n").unwrap();
        assert_eq!((of(entry.key_place), of(entry.value.place)), ("\"a\\n\"", "[1.50, \"é\", {}]"));
        let NodeValue::List(items) = &entry.value.value else { panic!("a list") };
        assert_eq!(items[0].value, NodeValue::Number("1.50".to_owned()));
        assert_eq!((of(items[1].place), of(items[2].place)), ("\"é\"", "{}"));
        assert_eq!((node.place.file, of(node.place)), (3, &text[3..]));
    }

    #[test]
    fn escapes_are_characters() {
        let text = r#""\u00e9\ud83d\ude00\/\"\\\b\f\n\r\t""#;
        assert_eq!(parse(text, 0).unwrap().value, NodeValue::Text("é😀/\"\\\u{8}\u{c}\n\r\t".to_owned()));
    }

    #[test]
    fn every_duplicate_is_reported_beside_the_first_syntax_error() {
        let text = r#"{"a": 1, "a": 2, "b": {"c": 1, "c": 1}, "a": 3, }"#;
        let messages: Vec<_> = said(text).into_iter().map(|(message, _)| message).collect();
        let twice = |key: &str| format!("key `{key}` is written twice");
        assert_eq!(messages, [twice("a"), twice("c"), twice("a"), "trailing comma before `}`".to_owned()]);
    }

    #[test]
    fn faults_say_what_to_write() {
        let cases = [
            ("", "the text is empty", ""),
            ("{\"a\": 1,}", "trailing comma before `}`", ","),
            ("[1,]", "trailing comma before `]`", ","),
            ("{'a': 1}", "single quotes: JSON takes double quotes", "'"),
            ("{“a”: 1}", "curly quotes: JSON takes straight double quotes", "“"),
            ("{a: 1}", "a key takes double quotes: write `\"a\"`", "a"),
            ("{\"a\" 1}", "expected `:` after the key `a`, found `1`", "1"),
            ("{\"a\": 1 \"b\": 2}", "expected `,` or `}`, found `\"`", "\""),
            ("{\"a\":}", "expected a value, found `}`", "}"),
            ("[1", "expected `,` or `]`, but the text ends", ""),
            ("{} {}", "expected nothing after the end of the value, found `{`", "{"),
            ("[1, // one\n2]", "JSON has no comments", "// one"),
            ("# x", "JSON has no comments", "# x"),
            ("True", "`True` is not JSON: write `true`", "True"),
            ("None", "`None` is not JSON: write `null`", "None"),
            ("allow", "`allow` is not JSON: write a string in double quotes: `\"allow\"`", "allow"),
            ("\"a", "the string has no closing `\"`", "\"a"),
            ("\"a\nb\"", "the string has no closing `\"` on its line", "\"a"),
            ("\"\t\"", "a string cannot hold this character: write `\\u0009`", "\t"),
            ("\"\\ud83d\"", "the escape is only half of a character", "\\ud83d"),
            ("\"\\u12\"", "`\\u` takes four hex digits", "\\u"),
            ("\"\\x\"", "unknown escape: a backslash in a string is written `\\\\`", "\\x"),
            ("-", "expected a digit after `-`, but the text ends", ""),
            ("1.", "expected a digit after `.`, but the text ends", ""),
            ("1e+", "expected a digit in the exponent, but the text ends", ""),
        ];
        for (text, message, at) in cases {
            assert_eq!(said(text), [(message.to_owned(), at)], "{text}");
        }
        assert!(first("012").starts_with("a number does not start with `0`"));
        for text in ["+1", ".5", "1..2", "0x10", "NaN", "[,1]", "{,}", "\u{a0}1", "1 2", "\"\\ud83d\\u0041\"", "{\"a\""]
        {
            assert!(parse(text, 0).is_err(), "{text}");
        }
    }

    #[test]
    fn depth_is_limited_and_cheap_to_refuse() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(parse(&nested(DEEPEST), 0).is_ok());
        assert_eq!(first(&nested(DEEPEST + 1)), "nested deeper than 64 levels");
        assert_eq!(said(&"[".repeat(1_000_000)).len(), 1);
    }

    proptest::proptest! {
        #[test]
        fn texts_are_taken_exactly_when_serde_takes_them(text in "[\\[\\]{},: \"a01.eE+\\-tfu\\\\n]{0,14}") {
            if let Ok(node) = parse(&text, 0) {
                proptest::prop_assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{} {node:?}", text);
            } else if serde_json::from_str::<serde_json::Value>(&text).is_ok() {
                // serde_json keeps the last of two equal keys.
                proptest::prop_assert!(first(&text).ends_with("is written twice"), "{}", text);
            }
        }
    }
}
