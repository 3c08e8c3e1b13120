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

/// Returns what the expressions of a text name; nothing for one that cannot be read.
pub fn paths(text: &str) -> Vec<Path> {
    let mut paths = Vec::new();
    for piece in pieces(text).unwrap_or_default() {
        let Piece::Expression(source, _) = piece else { continue };
        paths.extend(lexer::tokens(source).unwrap_or_default().into_iter().filter_map(|token| match token {
            Token::Path(path) => Some(path),
            Token::Filter(_) | Token::Verbatim(_) => None,
        }));
    }
    paths
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
                    Found::Value(node) => Value::from(Serde(to_json(&node))),
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

/// Returns the value with its numbers as numbers, whatever their spelling: `1.10` equals `1.1`.
pub fn to_json(node: &Node) -> serde_json::Value {
    match &node.value {
        NodeValue::Number(spelled) => serde_json::from_str(spelled).unwrap_or_else(|_| node.to_json()),
        NodeValue::List(items) => items.iter().map(to_json).collect(),
        NodeValue::Map(entries) => entries.iter().map(|entry| (entry.key.clone(), to_json(&entry.value))).collect(),
        _ => node.to_json(),
    }
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

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::manifest::lexer::Step;

    const HERE: Place = Place { file: 0, start: 0, end: 0 };

    /// `params` is the whole of what can be named; dashes are part of names.
    struct Params;

    impl Names for Params {
        fn look_up(&self, path: &Path) -> Found {
            let params = json!({
                "my-role": {"arn": "arn:x"}, "n": 3, "flag": true, "none": null, "words": ["a", "b"],
                "buckets": [{"name": "one", "kms": null}, {"name": "two"}], "a.b": "dotted",
            });
            if path.root != "params" {
                return Found::Unknown(Fault::new("unknown-reference", path.to_string()));
            }
            let mut value = &params;
            for step in &path.steps {
                let next = match step {
                    Step::Name(name) => value.get(name),
                    Step::Index(index) => value.get(index),
                };
                match next {
                    Some(next) => value = next,
                    None => return Found::Missing(Fault::new("unknown-reference", format!("no {path}"))),
                }
            }
            Found::Value(from_json(value, HERE))
        }
    }

    fn value(source: &str) -> Json {
        evaluate(source, &Params, HERE).unwrap_or_else(|fault| panic!("{source}: {fault:?}")).to_json()
    }

    fn fault(source: &str) -> (&'static str, String) {
        match evaluate(source, &Params, HERE) {
            Err(Fault::Wrong { code, message, .. }) => (code, message),
            other => panic!("{source}: {other:?}"),
        }
    }

    #[test]
    fn a_dash_belongs_to_a_name() {
        assert_eq!(value("params.my-role.arn"), "arn:x");
        assert_eq!(value("params[\"a.b\"]"), "dotted");
        assert_eq!(value("params['my-role'].arn"), "arn:x");
        assert_eq!(value("params.buckets[1].name"), "two");
    }

    #[test]
    fn operators_compare_and_combine() {
        for source in [
            "params.n == 3",
            "params.my-role.arn != 'x' and params.flag",
            "not (params.n == 4 or false)",
            "\"a\" in params.words",
            "\"c\" not in params.words",
            "params.n in [1, 2, 3]",
            "-1 != 1.5",
        ] {
            assert_eq!(value(source), true, "{source}");
        }
        assert_eq!(value("[params.n, 'x']"), json!([3, "x"]));
    }

    #[test]
    fn filters_fill_in_join_and_pick() {
        assert_eq!(value("params.missing | default('d')"), "d");
        assert_eq!(value("params.none | default('d')"), "d");
        assert_eq!(value("params.flag | default(false)"), true);
        assert_eq!(value("params.words | join(', ')"), "a, b");
        assert_eq!(value("params.buckets | map('name') | join('-')"), "one-two");
        assert_eq!(value("params.buckets | map(attribute='name')"), json!(["one", "two"]));
        assert_eq!(value("params.words|join"), "ab");
    }

    #[test]
    fn what_cannot_be_evaluated_says_why() {
        for (source, code, part) in [
            ("params.missing", "unknown-reference", "no params.missing"),
            ("nothing.at.all | default(1)", "unknown-reference", "nothing.at.all"),
            ("params.buckets | join", "expression-value", "item 1 is a map"),
            ("params.n | join", "expression-value", "takes a list, this is a number"),
            ("params.buckets | map('arn')", "expression-value", "no `arn`"),
            ("params.words | upper", "expression-syntax", "default, join and map"),
            ("params.n + 1", "expression-syntax", "`+`"),
            ("params.n params.n", "expression-syntax", "cannot be read"),
            ("params.", "expression-syntax", "lacks a name"),
            ("params.words[x]", "expression-syntax", "a number or a quoted name"),
            ("'x", "expression-syntax", "no closing quote"),
            ("(params.n", "expression-syntax", "cannot be read"),
            ("", "expression-syntax", "empty"),
            ("é ==", "unknown-reference", "é"),
        ] {
            let (found, message) = fault(source);
            assert_eq!(found, code, "{source}: {message}");
            assert!(message.contains(part), "{source}: {message}");
        }
    }

    #[test]
    fn no_expression_exhausts_the_stack() {
        let deep = |open: &str, close: &str| format!("{}1{}", open.repeat(600), close.repeat(600));
        for source in [deep("(", ")"), deep("[", "]"), format!("{}1", "not ".repeat(450)), deep("1 in [", "]")] {
            // Too deep for the evaluator or not: it answers.
            let _ = evaluate(&source, &Params, HERE);
        }
        assert!(fault(&"(".repeat(1_000_000)).1.contains("2000 characters"));
    }

    #[test]
    fn only_double_braces_are_expressions() {
        let text = "a/${aws:username}/${{ params.n }}-${{ '}}' }}";
        let pieces = pieces(text).unwrap();
        let expected = [
            Piece::Plain("a/${aws:username}/"),
            Piece::Expression("params.n", 18..33),
            Piece::Plain("-"),
            Piece::Expression("'}}'", 34..45),
        ];
        assert_eq!(pieces, expected);
        assert!(!is_in("${aws:username}"));
        assert!(super::pieces("a ${{ b }").is_err());
    }
}
