//! What a document means, in a form that compares.
//!
//! A statement is taken apart into terms: one for each action, resource, principal, condition value and
//! so on. Two statements mean the same when they have the same set of terms, two documents when they have
//! the same set of statements. The rules are those of "IAM JSON policy elements" in the IAM User Guide.
//! What the grammar does not allow is compared as it stands, so that a broken document equals itself.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value as Json};

/// The version that a document without `Version` has ("IAM JSON policy elements: Version").
pub(super) const DEFAULT_VERSION: &str = "2008-10-17";

/// One thing that a statement says, without its spelling.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Atom {
    /// `Action`, `Condition` …
    pub element: String,
    /// Kind of principal or operator of a condition.
    pub group: String,
    /// Key of a condition.
    pub key: String,
    pub text: Text,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Text {
    /// A condition key without values, which no request fulfils.
    Nothing,
    Said(String),
    /// An account, as its id or as the ARN of its root, which is the only one to say a partition.
    Account {
        id: String,
        partition: Option<String>,
    },
    /// What the grammar does not allow here, as JSON with sorted keys.
    Odd(String),
}

/// An atom and how the document spells it.
#[derive(Clone, Debug)]
pub(super) struct Term<'a> {
    pub atom: Atom,
    pub group: &'a str,
    pub key: &'a str,
    pub value: Option<&'a Json>,
}

/// The meaning of a whole document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Canonical {
    header: BTreeSet<Atom>,
    statements: BTreeSet<Vec<Atom>>,
}

/// Account id to partition.
pub(super) type Partitions = BTreeMap<String, String>;

impl Canonical {
    pub fn of(document: &Json) -> Self {
        let header = header(document).into_iter().map(|term| term.atom).collect();
        Self { header, statements: statements(document).map(|statement| sorted(atoms(statement))).collect() }
    }

    /// Says whether both mean the same. An account id equals the root of that account in whichever
    /// partition the other document says, as an account is in one partition only; hence this is a
    /// question about two documents and not a property of one.
    pub fn means(&self, other: &Self) -> bool {
        self == other
            || self.header == other.header && self.names_account_by_id_alone(other) && {
                let partitions = partitions(self.atoms().chain(other.atoms()));
                self.within(&partitions) == other.within(&partitions)
            }
    }

    fn names_account_by_id_alone(&self, other: &Self) -> bool {
        self.atoms().chain(other.atoms()).any(|atom| matches!(atom.text, Text::Account { partition: None, .. }))
    }

    fn atoms(&self) -> impl Iterator<Item = &Atom> {
        self.statements.iter().flatten()
    }

    fn within(&self, partitions: &Partitions) -> BTreeSet<Vec<Atom>> {
        let place = |statement: &Vec<Atom>| sorted(statement.iter().map(|atom| atom.clone().within(partitions)));
        self.statements.iter().map(place).collect()
    }
}

impl Atom {
    fn new(element: &str, text: Text) -> Self {
        Self { element: element.to_owned(), group: String::new(), key: String::new(), text }
    }

    /// Gives an account that is named by its id alone the partition that it is in.
    pub fn within(mut self, partitions: &Partitions) -> Self {
        if let Text::Account { id, partition: partition @ None } = &mut self.text {
            *partition = partitions.get(id).cloned();
        }
        self
    }
}

/// Returns the partitions of the accounts whose root is named by its ARN.
pub(super) fn partitions<'a>(atoms: impl IntoIterator<Item = &'a Atom>) -> Partitions {
    let mut found = Partitions::new();
    for atom in atoms {
        if let Text::Account { id, partition: Some(partition) } = &atom.text {
            found.entry(id.clone()).or_insert_with(|| partition.clone());
        }
    }
    found
}

fn sorted(atoms: impl Iterator<Item = Atom>) -> Vec<Atom> {
    let mut atoms: Vec<Atom> = atoms.collect();
    atoms.sort_unstable();
    atoms.dedup();
    atoms
}

fn atoms(statement: &Json) -> impl Iterator<Item = Atom> {
    terms(statement).into_iter().map(|term| term.atom)
}

/// Returns the statements of a document: a single one is a list of one.
pub(super) fn statements(document: &Json) -> impl Iterator<Item = &Json> {
    let statement = document.get("Statement").filter(|statement| statement.is_object() || statement.is_array());
    statement.into_iter().flat_map(one_or_many)
}

/// Returns what a document says beside its statements.
pub(super) fn header(document: &Json) -> Vec<Term<'_>> {
    let mut terms = Vec::new();
    let Json::Object(elements) = document else {
        push(&mut terms, "", document, odd(document));
        return terms;
    };
    for (element, value) in elements {
        let text = match (element.as_str(), value) {
            ("Statement", Json::Object(_) | Json::Array(_)) | (_, Json::Null) => continue,
            ("Version", Json::String(version)) if version == DEFAULT_VERSION => continue,
            ("Version" | "Id", Json::String(text)) => Text::Said(text.clone()),
            _ => odd(value),
        };
        push(&mut terms, element, value, text);
    }
    terms
}

/// Takes a statement apart, in its own order.
pub(super) fn terms(statement: &Json) -> Vec<Term<'_>> {
    let mut terms = Vec::new();
    let Json::Object(elements) = statement else {
        push(&mut terms, "", statement, odd(statement));
        return terms;
    };
    for (element, value) in elements {
        match (element.as_str(), value) {
            (_, Json::Null) => {}
            // The console writes an empty Sid for none.
            ("Sid", Json::String(sid)) if sid.is_empty() => {}
            ("Sid", Json::String(sid)) => push(&mut terms, element, value, Text::Said(sid.clone())),
            ("Effect", Json::String(effect)) => {
                push(&mut terms, element, value, Text::Said(effect.to_ascii_lowercase()));
            }
            // "IAM JSON policy elements: Action": the prefix and the name are not case-sensitive.
            ("Action" | "NotAction", _) => list(&mut terms, element, value, str::to_ascii_lowercase),
            ("Resource" | "NotResource", _) => resources(&mut terms, element, value),
            ("Principal" | "NotPrincipal", _) => principals(&mut terms, element, value),
            ("Condition", Json::Object(operators)) => conditions(&mut terms, element, operators),
            _ => push(&mut terms, element, value, odd(value)),
        }
    }
    terms
}

fn push<'a>(terms: &mut Vec<Term<'a>>, element: &str, value: &'a Json, text: Text) {
    terms.push(Term { atom: Atom::new(element, text), group: "", key: "", value: Some(value) });
}

fn list<'a>(terms: &mut Vec<Term<'a>>, element: &str, value: &'a Json, fold: impl Fn(&str) -> String) {
    for item in one_or_many(value) {
        push(terms, element, item, item.as_str().map_or_else(|| odd(item), |text| Text::Said(fold(text))));
    }
}

/// AWS leaves out a null among others.
fn resources<'a>(terms: &mut Vec<Term<'a>>, element: &str, value: &'a Json) {
    let before = terms.len();
    list(terms, element, value, str::to_owned);
    let is_null = |term: &Term| term.value.is_some_and(Json::is_null);
    if !terms[before..].iter().all(is_null) {
        let mut said = terms.split_off(before);
        said.retain(|term| !is_null(term));
        terms.append(&mut said);
    }
}

/// "AWS JSON policy elements: Principal": `"*"` alone and under `AWS` are the same.
fn principals<'a>(terms: &mut Vec<Term<'a>>, element: &str, value: &'a Json) {
    let mut name = |kind: &'a str, item: &'a Json| {
        let mut atom = Atom::new(element, item.as_str().map_or_else(|| odd(item), principal));
        let group = if kind.is_empty() && item.as_str() == Some("*") { "AWS" } else { kind };
        atom.group = group.to_owned();
        terms.push(Term { atom, group, key: "", value: Some(item) });
    };
    match value {
        Json::Object(kinds) => {
            for (kind, names) in kinds {
                one_or_many(names).for_each(|item| name(kind, item));
            }
        }
        _ => one_or_many(value).for_each(|item| name("", item)),
    }
}

/// "AWS JSON policy elements: Principal": the id of an account is short for the ARN of its root.
pub(super) fn principal(text: &str) -> Text {
    let is_id = |id: &str| id.len() == 12 && id.bytes().all(|b| b.is_ascii_digit());
    if is_id(text) {
        return Text::Account { id: text.to_owned(), partition: None };
    }
    match text.split(':').collect::<Vec<_>>()[..] {
        ["arn", partition, "iam", "", id, "root"] if is_id(id) => {
            Text::Account { id: id.to_owned(), partition: Some(partition.to_owned()) }
        }
        _ => Text::Said(text.to_owned()),
    }
}

fn conditions<'a>(terms: &mut Vec<Term<'a>>, element: &str, operators: &'a Map<String, Json>) {
    for (operator, folded_operator, keys) in folded(operators) {
        let mut say = |key: &'a str, folded_key: String, value: Option<&'a Json>, text: Text| {
            let atom = Atom { element: element.to_owned(), group: folded_operator.clone(), key: folded_key, text };
            terms.push(Term { atom, group: operator, key, value });
        };
        let Json::Object(keys) = keys else {
            say("", String::new(), Some(keys), odd(keys));
            continue;
        };
        for (key, folded_key, values) in folded(keys) {
            if values.as_array().is_some_and(Vec::is_empty) {
                say(key, folded_key.clone(), None, Text::Nothing);
            }
            for value in one_or_many(values) {
                say(key, folded_key.clone(), Some(value), condition_value(value));
            }
        }
    }
}

/// "Grammar of the IAM JSON policy language": numbers and booleans may be written without quotes.
fn condition_value(value: &Json) -> Text {
    match value {
        Json::String(text) => Text::Said(text.clone()),
        Json::Bool(_) | Json::Number(_) => Text::Said(value.to_string()),
        _ => odd(value),
    }
}

/// Returns the entries of a map with their names in lower case: "IAM JSON policy elements: Condition"
/// says that condition keys are not case-sensitive. Names that differ in nothing else stay as they are,
/// since two conditions must both hold, whereas the values of one are alternatives.
fn folded(map: &Map<String, Json>) -> impl Iterator<Item = (&str, String, &Json)> {
    let mut count: BTreeMap<String, usize> = BTreeMap::new();
    for name in map.keys() {
        *count.entry(name.to_ascii_lowercase()).or_default() += 1;
    }
    map.iter().map(move |(name, value)| {
        let lower = name.to_ascii_lowercase();
        let folded = if count.get(&lower) == Some(&1) { lower } else { name.clone() };
        (name.as_str(), folded, value)
    })
}

/// Returns the items of a list; anything else is a list of one.
pub(super) fn one_or_many(value: &Json) -> std::slice::Iter<'_, Json> {
    match value {
        Json::Array(items) => items.iter(),
        single => std::slice::from_ref(single).iter(),
    }
}

fn odd(value: &Json) -> Text {
    Text::Odd(with_sorted_keys(value).to_string())
}

fn with_sorted_keys(value: &Json) -> Json {
    match value {
        Json::Object(map) => {
            let sorted: BTreeMap<_, _> =
                map.iter().map(|(key, value)| (key.clone(), with_sorted_keys(value))).collect();
            Json::Object(sorted.into_iter().collect())
        }
        Json::Array(items) => items.iter().map(with_sorted_keys).collect(),
        scalar => scalar.clone(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::policy::{Document, diff};

    /// Each statement has a resource of its own, so that no two of them are one.
    fn document() -> impl Strategy<Value = Json> {
        let actions =
            prop::collection::btree_set(prop::sample::select(vec!["s3:GetObject", "s3:PutObject", "ec2:Run*"]), 1..4);
        let values = prop::collection::btree_set(prop::sample::select(vec!["a", "b", "true", "7"]), 0..3);
        let statement = (actions, values, any::<bool>(), any::<bool>());
        prop::collection::vec(statement, 1..5).prop_map(|statements| {
            let mut list = Vec::new();
            for (i, (actions, values, allow, vpc)) in statements.into_iter().enumerate() {
                let condition = if vpc { json!({"StringLike": {"aws:SourceVpc": values}}) } else { json!({}) };
                list.push(json!({
                    "Effect": if allow { "Allow" } else { "Deny" },
                    "Principal": {"AWS": ["*", "111122223333"], "Service": "ec2.amazonaws.com"},
                    "Action": actions,
                    "Resource": [format!("arn:aws:s3:::b{i}"), "arn:aws:s3:::all"],
                    "Condition": condition,
                }));
            }
            json!({"Version": "2012-10-17", "Statement": list})
        })
    }

    /// Writes the same in another way; `dice` decides about each list and map.
    fn rewritten(value: &Json, key: &str, dice: &mut impl Iterator<Item = usize>) -> Json {
        let throw = dice.next().unwrap_or_default();
        match value {
            Json::Object(map) => {
                let mut entries: Vec<_> = map.iter().map(|(k, v)| (k.clone(), rewritten(v, k, dice))).collect();
                let by = throw % entries.len().max(1);
                entries.rotate_left(by);
                Json::Object(entries.into_iter().collect())
            }
            Json::Array(items) => {
                let mut items: Vec<_> = items.iter().map(|item| rewritten(item, key, dice)).collect();
                let by = throw % items.len().max(1);
                items.rotate_left(by);
                if throw.is_multiple_of(3) {
                    items.extend(items.first().cloned());
                }
                if items.len() == 1 { items.remove(0) } else { Json::Array(items) }
            }
            Json::String(text) => match (key, throw % 2) {
                ("Action", 0) => json!(text.to_ascii_uppercase()),
                ("Service", 0) => json!([text]),
                ("AWS", 0) if text != "*" => json!(format!("arn:aws:iam::{text}:root")),
                _ => value.clone(),
            },
            other => other.clone(),
        }
    }

    fn mutated(document: &Json, statement: usize, how: usize) -> Json {
        let mut document = document.clone();
        let count = document["Statement"].as_array().map_or(0, Vec::len);
        let at = &mut document["Statement"][statement % count];
        let add = |list: &mut Json, item: &str| list.as_array_mut().map_or((), |list| list.push(json!(item)));
        match how {
            0 => add(&mut at["Action"], "s3:DeleteObject"),
            1 => add(&mut at["Resource"], "arn:aws:s3:::B0"),
            2 => at["Effect"] = json!(if at["Effect"] == "Allow" { "Deny" } else { "Allow" }),
            3 => at["Principal"]["AWS"] = json!("111122223333"),
            4 => at["Condition"]["Bool"] = json!({"aws:SecureTransport": "true"}),
            5 => at["Sid"] = json!("Named"),
            6 => document["Version"] = json!("2008-10-17"),
            _ => drop(document["Statement"].as_array_mut().map(Vec::pop)),
        }
        document
    }

    proptest! {
        #[test]
        fn another_spelling_changes_nothing(document in document(), dice in prop::collection::vec(0usize..60, 80)) {
            let other = rewritten(&document, "", &mut dice.into_iter());
            let (a, b) = (Document::from_json(document), Document::from_json(other));
            prop_assert!(a == b, "{} {}", a.to_compact(), b.to_compact());
            prop_assert!(b == a);
            prop_assert_eq!(diff(&a, &b), []);
        }

        #[test]
        fn another_meaning_is_seen(document in document(), statement in 0usize..5, how in 0usize..8) {
            let other = mutated(&document, statement, how);
            let (a, b) = (Document::from_json(document), Document::from_json(other));
            prop_assert!(a != b, "{} {}", a.to_compact(), b.to_compact());
            prop_assert!(b != a);
            prop_assert!(!diff(&a, &b).is_empty() && !diff(&b, &a).is_empty());
        }
    }

    #[test]
    fn what_the_grammar_does_not_allow_equals_itself() {
        for odd in
            [json!([1]), json!({"Statement": 42}), json!({"Statement": [{"Resource": [[42], {"b": 1, "a": 2}]}]})]
        {
            assert_eq!(Document::from_json(odd.clone()), Document::from_json(odd));
        }
        let with = |resource: Json| Document::from_json(json!({"Statement": {"Resource": resource}}));
        assert_eq!(with(json!({"b": 1, "a": 2})), with(json!({"a": 2, "b": 1})));
        assert_ne!(with(json!(42)), with(json!("42")));
        assert_eq!(with(json!(["a", null])), with(json!("a")));
        assert_ne!(with(json!([null])), with(json!([])));
    }
}
