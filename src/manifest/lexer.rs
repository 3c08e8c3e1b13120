//! The words of an expression.
//!
//! The lexer decides what the language has: what it lets through is evaluated, and it lets nothing through
//! that the contract does not name.

use std::fmt;

#[derive(Clone, Debug, PartialEq)]
pub enum Token<'s> {
    /// `params.buckets[0].name`, `roles["a.b"].arn`.
    Path(Path),
    /// `| default`
    Filter(&'s str),
    /// Literals, operators and punctuation, as they are written.
    Verbatim(&'s str),
}

/// A dotted name: the first step is a name.
#[derive(Clone, Debug, PartialEq)]
pub struct Path {
    pub root: String,
    pub steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    Name(String),
    Index(usize),
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.root)?;
        for step in &self.steps {
            match step {
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Name(name) if is_name(name) => write!(f, ".{name}")?,
                Step::Name(name) => write!(f, "[{}]", serde_json::Value::from(name.as_str()))?,
            }
        }
        Ok(())
    }
}

const FILTERS: [&str; 3] = ["default", "join", "map"];
const WORDS: [&str; 6] = ["not", "in", "and", "or", "true", "false"];
const SYMBOLS: [&str; 7] = ["==", "!=", "(", ")", "[", "]", ","];

fn is_name_char(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '-'
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(is_name_char)
}

/// Returns where the `}}` of an expression starts. One inside a quoted string does not count.
pub fn closing(text: &str) -> Option<usize> {
    let mut quote = None;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(_), _) if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '}') if text[at..].starts_with("}}") => return Some(at),
            (None, _) => {}
        }
    }
    None
}

/// Splits an expression into its words.
pub fn tokens(source: &str) -> Result<Vec<Token<'_>>, String> {
    let mut tokens = Vec::new();
    let mut rest = source.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, length) = match first {
            '"' | '\'' => {
                let length = quoted(rest).ok_or("a string has no closing quote")?;
                (Token::Verbatim(&rest[..length]), length)
            }
            '0'..='9' => {
                let length = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
                (Token::Verbatim(&rest[..length]), length)
            }
            '-' if rest[1..].starts_with(|c: char| c.is_ascii_digit()) => {
                let digits = rest[1..].find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len() - 1);
                (Token::Verbatim(&rest[..=digits]), digits + 1)
            }
            '|' => filter(rest)?,
            c if c.is_alphabetic() || c == '_' => word(rest)?,
            _ => match SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
                Some(symbol) => (Token::Verbatim(symbol), symbol.len()),
                None => return Err(format!("`{first}` is not part of an expression")),
            },
        };
        tokens.push(token);
        rest = rest[length..].trim_start();
    }
    if tokens.is_empty() { Err("the expression is empty".to_owned()) } else { Ok(tokens) }
}

/// Returns the length of the quoted string that `text` starts with, quotes included.
fn quoted(text: &str) -> Option<usize> {
    let mut chars = text.char_indices();
    let (_, open) = chars.next()?;
    let mut escaped = false;
    for (at, c) in chars {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == open => return Some(at + c.len_utf8()),
            _ => {}
        }
    }
    None
}

fn filter(text: &str) -> Result<(Token<'_>, usize), String> {
    let after = text[1..].trim_start();
    let start = text.len() - after.len();
    let length = after.find(|c: char| !is_name_char(c)).unwrap_or(after.len());
    let name = &after[..length];
    if FILTERS.contains(&name) {
        Ok((Token::Filter(name), start + length))
    } else {
        Err(format!("there is no filter `{name}`: the filters are default, join and map"))
    }
}

/// Reads an operator word, the name of an argument (`attribute=`) or a path.
fn word(text: &str) -> Result<(Token<'_>, usize), String> {
    let length = text.find(|c: char| !is_name_char(c)).unwrap_or(text.len());
    let first = &text[..length];
    if WORDS.contains(&first) {
        return Ok((Token::Verbatim(first), length));
    }
    let rest = &text[length..];
    if first == "attribute" && rest.starts_with('=') && !rest.starts_with("==") {
        return Ok((Token::Verbatim(&text[..=length]), length + 1));
    }
    let mut path = Path { root: first.to_owned(), steps: Vec::new() };
    let mut at = length;
    loop {
        let rest = &text[at..];
        if let Some(name) = rest.strip_prefix('.') {
            let length = name.find(|c: char| !is_name_char(c)).unwrap_or(name.len());
            if length == 0 {
                return Err(format!("`{path}.` lacks a name after the dot"));
            }
            path.steps.push(Step::Name(name[..length].to_owned()));
            at += 1 + length;
        } else if let Some(inner) = rest.strip_prefix('[') {
            let (step, length) = index(inner, &path)?;
            path.steps.push(step);
            at += 1 + length;
        } else {
            return Ok((Token::Path(path), at));
        }
    }
}

/// Reads what stands in brackets after a path, up to and with the closing one.
fn index(inner: &str, path: &Path) -> Result<(Step, usize), String> {
    let wrong = || format!("`{path}[…]` takes a number or a quoted name");
    let length = if inner.starts_with(['"', '\'']) { quoted(inner) } else { inner.find(']') }.ok_or_else(wrong)?;
    let text = &inner[..length];
    if !inner[length..].starts_with(']') {
        return Err(wrong());
    }
    let step = if text.starts_with('"') {
        Step::Name(serde_json::from_str(text).map_err(|_| wrong())?)
    } else if text.starts_with('\'') {
        Step::Name(text[1..length - 1].replace("\\'", "'"))
    } else {
        Step::Index(text.trim().parse().map_err(|_| wrong())?)
    };
    Ok((step, length + 1))
}
