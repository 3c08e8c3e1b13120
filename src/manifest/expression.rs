//! `${{ expression }}`: paths, literals, comparisons and three filters; nothing that loops or calls.
//!
//! A path such as `roles.Seqera-Role.arn` is looked up here, since to the evaluator a dash subtracts. The
//! evaluator then sees plain variables. IAM's own `${aws:username}` has one brace and is not ours.

use std::ops::Range;

use minijinja::value::{Kwargs, Serde, ValueKind};
use minijinja::{Environment, Error, ErrorKind, Value};

use super::lexer::{self, Path, Token};
use crate::model::{Entry, Node, NodeValue};
use crate::problem::Place;

/// Longer than anything one writes; keeps nesting within what the evaluator's parser can take.
const LONGEST: usize = 2_000;

/// A stretch of text that holds expressions.
#[derive(Debug, PartialEq)]
pub enum Piece<'t> {
    Plain(&'t str),
    /// What stands between the braces, and where in the text the whole of it stands, braces included.
    Expression(&'t str, Range<usize>),
}

/// Why an expression has no value.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// Something it needs is wrong, and was reported where it is written.
    Reported,
    Wrong {
        code: &'static str,
        message: String,
        help: Option<String>,
    },
}

/// What a path names.
pub enum Found {
    Value(Node),
    /// A value that has no such field: what `default` is for.
    Missing(Fault),
    Unknown(Fault),
}

/// The names that an expression can use.
pub trait Names {
    fn look_up(&self, path: &Path) -> Found;
}

impl Fault {
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Fault::Wrong { code, message: message.into(), help: None }
    }

    pub fn with_help(self, line: impl Into<String>) -> Self {
        match self {
            Fault::Wrong { code, message, .. } => Fault::Wrong { code, message, help: Some(line.into()) },
            Fault::Reported => Fault::Reported,
        }
    }

    fn syntax(message: impl Into<String>) -> Self {
        Self::new("expression-syntax", message)
    }
}

/// Says whether the text holds an expression.
pub fn is_in(text: &str) -> bool {
    text.contains("${{")
}

/// Cuts text into what is plain and what is to be evaluated.
pub fn pieces(text: &str) -> Result<Vec<Piece<'_>>, Fault> {
    let mut pieces = Vec::new();
    let mut rest = 0;
    while let Some(opens) = text[rest..].find("${{").map(|at| rest + at) {
        if opens > rest {
            pieces.push(Piece::Plain(&text[rest..opens]));
        }
        let inner = opens + 3;
        let Some(length) = lexer::closing(&text[inner..]) else {
            return Err(Fault::syntax("`${{` has no `}}`"));
        };
        let closes = inner + length;
        pieces.push(Piece::Expression(text[inner..closes].trim(), opens..closes + 2));
        rest = closes + 2;
    }
    if rest < text.len() {
        pieces.push(Piece::Plain(&text[rest..]));
    }
    Ok(pieces)
}

/// Evaluates what stands between the braces. A lone path keeps its type and the spelling of its numbers.
pub fn evaluate(source: &str, names: &dyn Names, place: Place) -> Result<Node, Fault> {
    if source.len() > LONGEST {
        return Err(Fault::syntax(format!("an expression holds {LONGEST} characters at most")));
    }
    let tokens = lexer::tokens(source).map_err(Fault::syntax)?;
    if let [Token::Path(path)] = tokens.as_slice() {
        return match names.look_up(path) {
            Found::Value(node) => Ok(moved(node, place)),
            Found::Missing(fault) | Found::Unknown(fault) => Err(fault),
        };
    }
    let (rewritten, variables) = with_variables(&tokens, names)?;
    let environment = environment();
    let value = environment
        .compile_expression(&rewritten)
        .and_then(|expression| expression.eval(Value::from_pairs(variables)))
        .map_err(|error| in_words(&error))?;
    if value.is_undefined() {
        return Err(Fault::new("expression-value", format!("`{source}` has no value")));
    }
    let json = serde_json::to_value(&value).map_err(|error| Fault::new("expression-value", error.to_string()))?;
    Ok(from_json(&json, place))
}

/// Replaces every path by a variable that holds its value.
fn with_variables(tokens: &[Token], names: &dyn Names) -> Result<(String, Vec<(String, Value)>), Fault> {
    let mut source = String::new();
    let mut variables = Vec::new();
    for (i, token) in tokens.iter().enumerate() {
        match token {
            Token::Path(path) => {
                let with_default = matches!(tokens.get(i + 1..), Some([Token::Filter("default"), ..]));
                let value = match names.look_up(path) {
                    Found::Value(node) => Value::from(Serde(node.to_json())),
                    Found::Missing(_) if with_default => Value::UNDEFINED,
                    Found::Missing(fault) | Found::Unknown(fault) => return Err(fault),
                };
                let name = format!("v{}", variables.len());
                source.push_str(&name);
                variables.push((name, value));
            }
            Token::Filter(name) => {
                source.push_str("| ");
                source.push_str(name);
            }
            Token::Verbatim(text) => source.push_str(text),
        }
        source.push(' ');
    }
    Ok((source, variables))
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::empty();
    environment.add_filter(
        "default",
        |value: Value, instead: Value| {
            if value.is_undefined() || value.is_none() { instead } else { value }
        },
    );
    environment.add_filter("join", join);
    environment.add_filter("map", map);
    environment
}

fn join(value: Value, between: Option<String>) -> Result<String, Error> {
    let between = between.unwrap_or_default();
    let mut joined = String::new();
    for (i, item) in list(&value, "join")?.iter().enumerate() {
        if matches!(item.kind(), ValueKind::Seq | ValueKind::Map | ValueKind::None | ValueKind::Undefined) {
            let message = format!("`join` takes strings, item {} is {}", i + 1, kind_name(item));
            return Err(Error::new(ErrorKind::InvalidOperation, message));
        }
        if i > 0 {
            joined.push_str(&between);
        }
        joined.push_str(&item.to_string());
    }
    Ok(joined)
}

/// `map("name")` or `map(attribute="name")`: that field of every item.
fn map(value: Value, field: Option<String>, named: Kwargs) -> Result<Value, Error> {
    let field = match field {
        Some(field) => field,
        None => named.get::<String>("attribute")?,
    };
    named.assert_all_used()?;
    let mut fields = Vec::new();
    for item in list(&value, "map")? {
        let found = item.get_attr(&field)?;
        if found.is_undefined() {
            return Err(Error::new(ErrorKind::InvalidOperation, format!("an item has no `{field}`")));
        }
        fields.push(found);
    }
    Ok(Value::from(fields))
}

fn list(value: &Value, filter: &str) -> Result<Vec<Value>, Error> {
    match value.kind() {
        ValueKind::Seq => value.try_iter().map(Iterator::collect),
        _ => Err(Error::new(
            ErrorKind::InvalidOperation,
            format!("`{filter}` takes a list, this is {}", kind_name(value)),
        )),
    }
}

fn kind_name(value: &Value) -> &'static str {
    match value.kind() {
        ValueKind::Undefined | ValueKind::None => "nothing",
        ValueKind::Bool => "a bool",
        ValueKind::Number => "a number",
        ValueKind::String => "a string",
        ValueKind::Seq => "a list",
        _ => "a map",
    }
}

/// Says what the evaluator found, in the words of the manifest.
fn in_words(error: &Error) -> Fault {
    let detail = error.detail().unwrap_or_default();
    match error.kind() {
        ErrorKind::SyntaxError => Fault::syntax(format!("the expression cannot be read: {detail}")),
        ErrorKind::MissingArgument => Fault::new("expression-value", "a filter lacks its argument"),
        ErrorKind::TooManyArguments => Fault::new("expression-value", "a filter has too many arguments"),
        kind if detail.is_empty() => Fault::new("expression-value", kind.to_string()),
        _ => Fault::new("expression-value", detail),
    }
}

/// Returns the value as if all of it stood at `place`.
pub fn moved(node: Node, place: Place) -> Node {
    let value = match node.value {
        NodeValue::List(items) => NodeValue::List(items.into_iter().map(|item| moved(item, place)).collect()),
        NodeValue::Map(entries) => {
            let moved = |e: Entry| Entry { key: e.key, key_place: place, value: moved(e.value, place) };
            NodeValue::Map(entries.into_iter().map(moved).collect())
        }
        scalar => scalar,
    };
    Node::new(value, place)
}

/// Returns the JSON value as a node, all of it at `place`.
pub fn from_json(json: &serde_json::Value, place: Place) -> Node {
    use serde_json::Value as Json;
    let value = match json {
        Json::Null => NodeValue::Null,
        Json::Bool(value) => NodeValue::Bool(*value),
        Json::Number(number) => NodeValue::Number(number.to_string()),
        Json::String(text) => NodeValue::Text(text.clone()),
        Json::Array(items) => NodeValue::List(items.iter().map(|item| from_json(item, place)).collect()),
        Json::Object(entries) => NodeValue::Map(
            entries
                .iter()
                .map(|(key, value)| Entry { key: key.clone(), key_place: place, value: from_json(value, place) })
                .collect(),
        ),
    };
    Node::new(value, place)
}
