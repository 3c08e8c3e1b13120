//! Statements as AWS reads them: what an evaluation and a comparison of permissions stand on.
//!
//! A document that the grammar refuses may have statements that mean nothing; those are `Unreadable`.

use serde_json::Value as Json;

use super::Document;
use super::canonical::{one_or_many, statements};
use super::condition::{self, Condition};
use super::pattern::{Pattern, Variables};
pub use super::principal::Principal;

/// One statement of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Where it stands in its document, from 0.
    pub index: usize,
    pub sid: Option<String>,
    pub effect: Effect,
    /// Only what is attached to a resource names principals, as a trust policy does.
    pub principals: Option<Among<Principal>>,
    pub actions: Among<Pattern>,
    /// A trust policy says none: it is about the role that it stands in.
    pub resources: Option<Among<Pattern>>,
    /// All of them must hold.
    pub conditions: Vec<Condition>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    Allow,
    Deny,
}

/// `Action` or `NotAction` and the like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Among<T> {
    /// What any of these covers.
    Only(Vec<T>),
    /// What none of these covers.
    Except(Vec<T>),
}

impl<T> Among<T> {
    pub fn items(&self) -> &[T] {
        match self {
            Among::Only(items) | Among::Except(items) => items,
        }
    }

    /// Says whether something is among it; `is_of` says whether an item covers it.
    pub fn has(&self, is_of: impl Fn(&T) -> bool) -> bool {
        match self {
            Among::Only(items) => items.iter().any(is_of),
            Among::Except(items) => !items.iter().any(is_of),
        }
    }
}

/// A statement that AWS would refuse, so that nobody can say what it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    pub index: usize,
    /// In one clause without a full stop.
    pub why: String,
}

/// Returns the statements of a document in their order.
pub fn read(document: &Document) -> Vec<Result<Statement, Unreadable>> {
    let json = document.json();
    // "IAM policy elements: Variables and tags": older versions take `${aws:username}` for that text.
    let variables = match json.get("Version").and_then(Json::as_str) {
        Some("2012-10-17") => Variables::Read,
        _ => Variables::Literal,
    };
    let read = |(index, json)| statement(index, json, variables).map_err(|why| Unreadable { index, why });
    statements(json).enumerate().map(read).collect()
}

fn statement(index: usize, json: &Json, variables: Variables) -> Result<Statement, String> {
    let effect = match json.get("Effect").and_then(Json::as_str) {
        Some("Allow") => Effect::Allow,
        Some("Deny") => Effect::Deny,
        _ => return Err("`Effect` is neither `Allow` nor `Deny`".to_owned()),
    };
    let pattern = |text: &str| Pattern::resource(text, variables);
    Ok(Statement {
        index,
        sid: json.get("Sid").and_then(Json::as_str).filter(|sid| !sid.is_empty()).map(str::to_owned),
        effect,
        principals: among(json, "Principal", "NotPrincipal", principals)?,
        actions: among(json, "Action", "NotAction", |json| texts(json, Pattern::action))?
            .ok_or("it says no `Action`")?,
        resources: among(json, "Resource", "NotResource", |json| texts_but_null(json, pattern))?,
        conditions: condition::read(json.get("Condition"), variables)?,
    })
}

/// Reads an element or its negation.
fn among<T>(
    statement: &Json,
    element: &str,
    negation: &str,
    items: impl Fn(&Json) -> Option<Vec<T>>,
) -> Result<Option<Among<T>>, String> {
    let read = |name: &str, json: &Json| items(json).ok_or_else(|| format!("`{name}` is not what it should be"));
    match (statement.get(element), statement.get(negation)) {
        (Some(_), Some(_)) => Err(format!("it says both `{element}` and `{negation}`")),
        (Some(said), None) => Ok(Some(Among::Only(read(element, said)?))),
        (None, Some(said)) => Ok(Some(Among::Except(read(negation, said)?))),
        (None, None) => Ok(None),
    }
}

fn texts(json: &Json, pattern: impl Fn(&str) -> Pattern) -> Option<Vec<Pattern>> {
    one_or_many(json).map(|item| item.as_str().map(&pattern)).collect()
}

/// Leaves out a null among others, as AWS does with resources.
fn texts_but_null(json: &Json, pattern: impl Fn(&str) -> Pattern) -> Option<Vec<Pattern>> {
    let said: Vec<&Json> = one_or_many(json).filter(|item| !item.is_null()).collect();
    let is_null = said.is_empty() && one_or_many(json).next().is_some();
    if is_null { None } else { said.into_iter().map(|item| item.as_str().map(&pattern)).collect() }
}

/// "AWS JSON policy elements: Principal": `"*"` alone and under `AWS` are the same.
fn principals(json: &Json) -> Option<Vec<Principal>> {
    match json {
        Json::String(name) if name == "*" => Some(vec![Principal::new("AWS", name)]),
        Json::Object(kinds) => {
            let pairs = kinds.iter().flat_map(|(kind, names)| one_or_many(names).map(move |name| (kind, name)));
            pairs.map(|(kind, name)| Some(Principal::new(kind, name.as_str()?))).collect()
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read_one(statement: Json) -> Result<Statement, Unreadable> {
        read(&Document::from_json(json!({"Version": "2012-10-17", "Statement": statement}))).remove(0)
    }

    #[test]
    fn a_statement_is_read_whole() {
        let read = read_one(json!({
            "Sid": "S", "Effect": "Deny", "Principal": {"AWS": ["*", "111122223333"], "Service": "s3.amazonaws.com"},
            "NotAction": "s3:Get*", "Resource": ["a", "${aws:username}"], "Condition": {"Bool": {"aws:SecureTransport": true}},
        }));
        let read = read.unwrap();
        assert_eq!((read.index, read.sid.as_deref(), read.effect), (0, Some("S"), Effect::Deny));
        let names: Vec<&str> = read.principals.as_ref().unwrap().items().iter().map(|p| p.name.as_str()).collect();
        assert_eq!(names, ["*", "111122223333", "s3.amazonaws.com"]);
        assert!(read.actions.has(|action| action.matches("s3:putobject")));
        assert!(!read.actions.has(|action| action.matches("s3:getobject")));
        let resources = read.resources.unwrap();
        assert_eq!(resources.items()[1].variables().count(), 1);
        assert_eq!(read.conditions.len(), 1);
    }

    #[test]
    fn a_null_among_resources_is_left_out() {
        let read = read_one(json!({"Effect": "Allow", "Action": "s3:*", "Resource": ["a", null]})).unwrap();
        assert_eq!(read.resources.unwrap().items().len(), 1);
        for (element, value) in
            [("Resource", json!(null)), ("Resource", json!([null])), ("Action", json!(["s3:*", null]))]
        {
            let mut statement = json!({"Effect": "Allow", "Action": "s3:*", "Resource": "a"});
            statement[element] = value;
            assert!(read_one(statement).is_err(), "{element}");
        }
    }

    #[test]
    fn what_aws_refuses_means_nothing() {
        for (statement, why) in [
            (json!({"Action": "s3:*"}), "`Effect` is neither `Allow` nor `Deny`"),
            (json!({"Effect": "Allow"}), "it says no `Action`"),
            (json!({"Effect": "Allow", "Action": 7}), "`Action` is not what it should be"),
            (json!({"Effect": "Allow", "Action": "a", "NotAction": "b"}), "it says both `Action` and `NotAction`"),
            (
                json!({"Effect": "Allow", "Action": "a", "Condition": {"Odd": {"k": "v"}}}),
                "`Odd` is not a condition operator",
            ),
            (json!(7), "`Effect` is neither `Allow` nor `Deny`"),
        ] {
            let document = Document::from_json(json!({"Statement": [statement]}));
            assert_eq!(read(&document), [Err(Unreadable { index: 0, why: why.to_owned() })]);
        }
    }
}
