//! Types of params, and values taken as them.
//!
//! What comes out is normal: a string is text also where the file has digits, and a bucket is always the
//! whole map, so that expressions need not ask how it was written.

use std::fmt;
use std::str::FromStr;

use super::expression;
use super::nearest::nearest;
use super::reference::{self, References};
use super::report::Report;
use super::shape;
use crate::model::{Entry, Node, NodeValue};
use crate::problem::{Place, Problem};

#[derive(Clone, Debug, PartialEq)]
pub enum Type {
    Text,
    Number,
    Bool,
    List(Box<Type>),
    Map(Box<Type>),
    Principal,
    Policy,
    Bucket,
}

pub const NAMES: [&str; 8] = ["string", "number", "bool", "list", "map", "principal", "policy", "bucket"];
const BUCKET_KEYS: [&str; 4] = ["name", "access", "prefix", "kms"];
const ACCESS: [&str; 2] = ["work", "read"];
const DEEPEST: usize = 8;

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::Text => f.write_str("string"),
            Type::Number => f.write_str("number"),
            Type::Bool => f.write_str("bool"),
            Type::List(of) => write!(f, "list({of})"),
            Type::Map(of) => write!(f, "map({of})"),
            Type::Principal => f.write_str("principal"),
            Type::Policy => f.write_str("policy"),
            Type::Bucket => f.write_str("bucket"),
        }
    }
}

impl FromStr for Type {
    /// The type that was probably meant.
    type Err = Option<String>;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text.trim(), DEEPEST)
    }
}

fn parse(text: &str, depth: usize) -> Result<Type, Option<String>> {
    let inner = |head: &str| text.strip_prefix(head)?.trim().strip_prefix('(')?.strip_suffix(')').map(str::trim);
    let depth = depth.checked_sub(1).ok_or(None)?;
    match text {
        "string" => Ok(Type::Text),
        "number" => Ok(Type::Number),
        "bool" => Ok(Type::Bool),
        "principal" => Ok(Type::Principal),
        "policy" => Ok(Type::Policy),
        "bucket" => Ok(Type::Bucket),
        "list" | "map" => Err(Some(format!("{text}(string)"))),
        _ => {
            let nested =
                |of: &str| parse(of, depth).map(Box::new).map_err(|near| near.map(|near| text.replacen(of, &near, 1)));
            if let Some(of) = inner("list") {
                return Ok(Type::List(nested(of)?));
            }
            if let Some(of) = inner("map") {
                return Ok(Type::Map(nested(of)?));
            }
            Err(nearest(text, NAMES).map(|near| match near {
                "list" | "map" => format!("{near}(string)"),
                near => near.to_owned(),
            }))
        }
    }
}

impl Type {
    /// Takes a value that somebody wrote where nothing is evaluated: a default, or one of a params file.
    pub fn take_literal(&self, node: &Node, what: &str, report: &mut Report) -> Option<Node> {
        if has_expressions(node) {
            let message = format!("{what} is taken as it stands: it sees no other value");
            report.push(Problem::error("unknown-reference", message).at(node.place));
            return None;
        }
        self.take(node, what, report)
    }

    /// Takes a value of a file as this type.
    pub fn take(&self, node: &Node, what: &str, report: &mut Report) -> Option<Node> {
        let value = match self {
            Type::Text | Type::Principal | Type::Policy => NodeValue::Text(shape::text(node, what, report)?.to_owned()),
            Type::Number => match &node.value {
                NodeValue::Number(spelled) => NodeValue::Number(spelled.clone()),
                _ => return self.refuse(node, what, report),
            },
            Type::Bool => NodeValue::Bool(shape::flag(node, what, report)?),
            Type::List(of) => {
                let NodeValue::List(items) = &node.value else { return self.refuse(node, what, report) };
                let taken: Vec<_> = (0..)
                    .zip(items)
                    .map(|(i, item): (usize, _)| of.take(item, &format!("{what}[{i}]"), report))
                    .collect();
                NodeValue::List(taken.into_iter().collect::<Option<_>>()?)
            }
            Type::Map(of) => {
                let NodeValue::Map(entries) = &node.value else { return self.refuse(node, what, report) };
                let taken: Vec<_> = entries
                    .iter()
                    .map(|entry| {
                        let value = of.take(&entry.value, &format!("{what}.{}", entry.key), report)?;
                        Some(Entry { value, ..entry.clone() })
                    })
                    .collect();
                NodeValue::Map(taken.into_iter().collect::<Option<_>>()?)
            }
            Type::Bucket => bucket(node, what, report)?,
        };
        Some(Node::new(value, node.place))
    }

    /// Reads a value as it is typed after `-p NAME=`. Lists may be written `a,b`.
    pub fn read(&self, text: &str, place: Place, report: &mut Report) -> Option<Node> {
        let value = match self {
            Type::Text | Type::Principal | Type::Policy | Type::Bucket => NodeValue::Text(text.to_owned()),
            Type::Number if text.parse::<f64>().is_ok_and(f64::is_finite) => NodeValue::Number(text.to_owned()),
            Type::Bool if text == "true" || text == "false" => NodeValue::Bool(text == "true"),
            Type::List(of) => {
                let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
                NodeValue::List(items.map(|item| of.read(item, place, report)).collect::<Option<_>>()?)
            }
            Type::Number | Type::Bool | Type::Map(_) => {
                report.push(Problem::error("wrong-type", format!("this param takes a {self}, not `{text}`")).at(place));
                return None;
            }
        };
        Some(Node::new(value, place))
    }

    /// Returns the type of what a list or map holds; of anything else its own.
    pub fn item(&self) -> &Type {
        match self {
            Type::List(of) | Type::Map(of) => of.item(),
            of => of,
        }
    }

    /// Says whether its values refer to something.
    pub fn refers(&self) -> bool {
        matches!(self.item(), Type::Principal | Type::Policy)
    }

    /// Returns the value with ARNs in the place of references. `none`, and nothing at all, refer to nothing.
    pub fn resolved(&self, node: Node, what: &str, references: &References, report: &mut Report) -> Option<Node> {
        let place = node.place;
        let value = match (self, node.value) {
            (Type::Principal | Type::Policy, NodeValue::Text(text)) if text.is_empty() || text == "none" => {
                NodeValue::Text(text)
            }
            (Type::Principal | Type::Policy, value) => {
                let target = if *self == Type::Policy { &reference::POLICY } else { &reference::PRINCIPAL };
                NodeValue::Text(references.resolve(&Node::new(value, place), what, target, report)?.arn)
            }
            (Type::List(of), NodeValue::List(items)) => {
                let resolved: Vec<_> =
                    items.into_iter().map(|item| of.resolved(item, what, references, report)).collect();
                NodeValue::List(resolved.into_iter().collect::<Option<_>>()?)
            }
            (Type::Map(of), NodeValue::Map(entries)) => {
                let resolve = |entry: Entry, report: &mut Report| {
                    Some(Entry { value: of.resolved(entry.value, what, references, report)?, ..entry })
                };
                let resolved: Vec<_> = entries.into_iter().map(|entry| resolve(entry, report)).collect();
                NodeValue::Map(resolved.into_iter().collect::<Option<_>>()?)
            }
            (_, value) => value,
        };
        Some(Node::new(value, place))
    }

    /// Says whether a value in brackets is YAML for this type.
    pub fn is_composite(&self) -> bool {
        matches!(self, Type::List(_) | Type::Map(_) | Type::Bucket)
    }

    fn refuse<T>(&self, node: &Node, what: &str, report: &mut Report) -> Option<T> {
        let problem = shape::wrong_type(node, what, &format!("a {self}"));
        let name = what.rsplit('.').next().unwrap_or(what);
        report.push(match (self, &node.value) {
            (Type::List(_), NodeValue::Text(text) | NodeValue::Number(text)) => {
                problem.help(format!("{name}: [{text}]"))
            }
            _ => problem,
        });
        None
    }
}

/// Returns the whole map of a bucket, whichever way it is written.
fn bucket(node: &Node, what: &str, report: &mut Report) -> Option<NodeValue> {
    let place = node.place;
    let (name, access, prefix, kms) = match &node.value {
        NodeValue::Text(_) => (node, None, None, None),
        NodeValue::Map(entries) => {
            shape::known_keys(entries, what, &BUCKET_KEYS, report);
            let value = |key: &str| node.get(key).map(|entry| &entry.value);
            let Some(name) = value("name") else {
                if shape::is_meant(entries, &BUCKET_KEYS, "name") {
                    return None;
                }
                report.push(Problem::error("missing-key", format!("{what} lacks `name`")).at(place));
                return None;
            };
            (name, value("access"), value("prefix"), value("kms"))
        }
        _ => {
            report.push(shape::wrong_type(node, what, "a bucket's name or {name, access, prefix, kms}"));
            return None;
        }
    };
    let text = |node: Option<&Node>, key: &str, instead: &str, report: &mut Report| match node {
        None => Some(Node::new(NodeValue::Text(instead.to_owned()), place)),
        Some(node) => {
            let text = shape::text(node, &format!("{what}.{key}"), report)?.to_owned();
            Some(Node::new(NodeValue::Text(text), node.place))
        }
    };
    let name = text(Some(name), "name", "", report);
    let access = text(access, "access", "work", report);
    let prefix = text(prefix, "prefix", "", report);
    let kms = match kms.filter(|kms| kms.value != NodeValue::Null) {
        None => Some(Node::new(NodeValue::Null, place)),
        given => text(given, "kms", "", report),
    };
    let (name, access, prefix, kms) = (name?, access?, prefix?, kms?);
    let well = [name_is_well(&name, what, report), rest_is_well(&access, &prefix, what, report)];
    let entry = |key: &str, value: Node| Entry { key: key.to_owned(), key_place: place, value };
    let entries = vec![entry("name", name), entry("access", access), entry("prefix", prefix), entry("kms", kms)];
    (well == [true, true]).then_some(NodeValue::Map(entries))
}

fn name_is_well(name: &Node, what: &str, report: &mut Report) -> bool {
    let NodeValue::Text(text) = &name.value else { return false };
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    let inside = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '.' || c == '-';
    let mut chars = text.chars();
    if (3..=63).contains(&text.len()) && text.chars().all(inside) && edge(chars.next()) && edge(chars.next_back()) {
        return true;
    }
    let problem = Problem::error("bad-bucket", format!("{what}: `{text}` is no bucket name")).at(name.place);
    let bare = text.strip_prefix("s3://").or_else(|| text.strip_prefix("arn:aws:s3:::")).unwrap_or(text);
    report.push(match bare.split_once('/') {
        Some((name, prefix)) if !name.is_empty() && !prefix.trim_end_matches('*').is_empty() => {
            // Without a star, what follows the bucket is a folder.
            let prefix = match prefix.strip_suffix('*') {
                Some(prefix) => prefix.to_owned(),
                None => format!("{}/", prefix.trim_end_matches('/')),
            };
            problem.help(format!("write {{name: {name}, prefix: {prefix}}}"))
        }
        Some((name, _)) if !name.is_empty() => problem.help(format!("write {name}")),
        _ if bare != text => problem.help(format!("write {bare}")),
        _ => problem.note("3 to 63 lower-case letters, digits, dots and dashes"),
    });
    false
}

fn rest_is_well(access: &Node, prefix: &Node, what: &str, report: &mut Report) -> bool {
    let mut well = true;
    if let NodeValue::Text(word) = &access.value
        && !ACCESS.contains(&word.as_str())
    {
        report.push(
            Problem::error("bad-bucket", format!("{what}.access is `work` or `read`, not `{word}`")).at(access.place),
        );
        well = false;
    }
    if let NodeValue::Text(text) = &prefix.value
        && text.starts_with('/')
    {
        report.push(
            Problem::error("bad-bucket", format!("{what}.prefix starts with a slash: no object would match"))
                .at(prefix.place)
                .help(format!("write {}", text.trim_start_matches('/'))),
        );
        well = false;
    }
    well
}

fn has_expressions(node: &Node) -> bool {
    match &node.value {
        NodeValue::Text(text) => expression::is_in(text),
        NodeValue::List(items) => items.iter().any(has_expressions),
        NodeValue::Map(entries) => entries.iter().any(|entry| has_expressions(&entry.value)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::manifest::expression::from_json;

    const HERE: Place = Place { file: 0, start: 0, end: 0 };

    fn taken(of: &str, value: Json) -> Result<Json, String> {
        let mut report = Report::default();
        let of: Type = of.parse().unwrap();
        let node = of.take(&from_json(&value, HERE), "p", &mut report);
        let problems = report.into_sorted();
        assert!(node.is_some() || !problems.is_empty(), "a value or a problem");
        let said = problems.iter().flat_map(|p| [&p.message].into_iter().chain(&p.helps)).cloned();
        let said = said.collect::<Vec<_>>().join("; ");
        node.filter(|_| problems.is_empty()).map(|node| node.to_json()).ok_or(said)
    }

    #[test]
    fn types_are_read_and_printed() {
        for text in ["string", "list(bucket)", "map(list(map(number)))", "principal", "policy", "bool"] {
            assert_eq!(text.parse::<Type>().unwrap().to_string(), text);
        }
        assert_eq!("list( string )".parse(), Ok(Type::List(Box::new(Type::Text))));
        assert_eq!("list".parse::<Type>(), Err(Some("list(string)".to_owned())));
        assert_eq!("list(strng)".parse::<Type>(), Err(Some("list(string)".to_owned())));
        assert_eq!("colour".parse::<Type>(), Err(None));
        assert_eq!(format!("{}string{}", "list(".repeat(50_000), ")".repeat(50_000)).parse::<Type>(), Err(None));
    }

    #[test]
    fn values_are_checked_to_the_bottom() {
        assert_eq!(taken("string", json!(12)), Ok(json!("12")));
        assert_eq!(taken("list(map(bool))", json!([{"a": true}])), Ok(json!([{"a": true}])));
        let wrong = taken("list(map(bool))", json!([{"a": true}, {"b": "yes"}])).unwrap_err();
        assert_eq!(wrong, "p[1].b takes `true` or `false`, this is a string; write `true`");
        assert_eq!(taken("number", json!("1")).unwrap_err(), "p takes a number, this is a string");
        assert_eq!(taken("list(string)", json!("a")).unwrap_err(), "p takes a list(string), this is a string; p: [a]");
    }

    #[test]
    fn a_bucket_is_always_the_whole_map() {
        let whole = json!({"name": "nf-work", "access": "work", "prefix": "", "kms": null});
        assert_eq!(taken("bucket", json!("nf-work")), Ok(whole.clone()));
        assert_eq!(taken("bucket", json!({"name": "nf-work"})), Ok(whole));
        let given = json!({"name": "ref", "access": "read", "prefix": "hg38/", "kms": "arn:aws:kms:x"});
        assert_eq!(taken("bucket", given.clone()), Ok(given));
    }

    #[test]
    fn what_is_no_bucket_says_what_to_write() {
        let help = |value: Json| taken("bucket", value).unwrap_err();
        assert!(help(json!("s3://nf-work")).ends_with("write nf-work"));
        assert!(help(json!("s3://nf-work/*")).ends_with("write nf-work"));
        assert!(help(json!("s3://nf-work/a")).ends_with("write {name: nf-work, prefix: a/}"));
        assert!(help(json!("arn:aws:s3:::nf-work/a/*")).ends_with("write {name: nf-work, prefix: a/}"));
        assert!(help(json!("Nf_Work")).contains("no bucket name"));
        assert!(help(json!({"name": "nf-work", "acces": "read"})).contains("did you mean `access`"));
        assert!(help(json!({"name": "nf-work", "access": "write"})).contains("`work` or `read`"));
        assert!(help(json!({"name": "nf-work", "prefix": "/a"})).ends_with("write a"));
        assert!(help(json!({"prefix": "a"})).contains("lacks `name`"));
    }

    #[test]
    fn what_is_typed_is_read_by_the_type() {
        let read = |of: &str, text: &str| {
            let mut report = Report::default();
            of.parse::<Type>().unwrap().read(text, HERE, &mut report).map(|node| node.to_json())
        };
        assert_eq!(read("string", "true"), Some(json!("true")));
        assert_eq!(read("bool", "true"), Some(json!(true)));
        assert_eq!(read("number", "1.5"), Some(json!(1.5)));
        assert_eq!(read("list(string)", "a, b,"), Some(json!(["a", "b"])));
        assert_eq!(read("list(number)", ""), Some(json!([])));
        assert_eq!((read("bool", "yes"), read("number", "x"), read("map(string)", "a")), (None, None, None));
    }
}
