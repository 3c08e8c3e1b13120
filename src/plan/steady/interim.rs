//! Documents between two others, for what has to come early and late at once: first what restricts, then what
//! allows more, then without what allows no more, then the document itself.

use serde_json::{Value as Json, json};

use crate::policy::Document;
use crate::policy::shift::{Shift, overlap};

/// Returns the documents to write between two that grant: none when one write does it in the right order, or
/// when nobody can say what both have in common.
pub fn of_grants(before: &Document, after: &Document) -> Vec<Document> {
    if !comparable(before, after) {
        return Vec::new();
    }
    let (old, new) = (statements(before), statements(after));
    let (denies, allows): (Vec<Json>, Vec<Json>) = beside(&new, &old).into_iter().partition(denies);
    let kept = beside(&old, &new).into_iter().filter(denies_ref).collect::<Vec<_>>();
    let restricted = joined(&old, denies.clone());
    let granted = joined(&old, denies.into_iter().chain(allows).collect());
    let revoked = joined(&new, kept);
    distinct(before, after, [restricted, granted, revoked])
}

/// Returns the document to write between two that only bound, as a boundary and a trust policy do: what both
/// allow. `nothing` is a statement that allows nothing. None when it cannot be said in one document.
pub fn of_bounds(before: &Document, after: &Document, nothing: Json) -> Vec<Document> {
    if !comparable(before, after) {
        return Vec::new();
    }
    let (old, new) = (statements(before), statements(after));
    let pairs = new
        .iter()
        .filter(|s| !denies(s))
        .flat_map(|new| old.iter().filter(|s| !denies(s)).filter_map(move |old| in_both(old, new)));
    let mut common: Vec<Json> = Vec::new();
    for statement in pairs {
        common = joined(&common, beside(&[statement], &common));
    }
    common = joined(&common, old.iter().filter(|s| denies(s)).cloned().collect());
    common = joined(&common, beside(&new, &old).into_iter().filter(denies_ref).collect());
    if common.is_empty() {
        common.push(nothing);
    }
    let common = with(after, common);
    let (first, last) = (Shift::between(Some(before), Some(&common)), Shift::between(Some(&common), Some(after)));
    let whole = !overlap(&first.allows_no_more, &last.allows) && first.allows.is_empty();
    if whole {
        distinct(before, after, [common.json()["Statement"].as_array().cloned().unwrap_or_default()])
    } else {
        Vec::new()
    }
}

fn comparable(before: &Document, after: &Document) -> bool {
    before.json().get("Version") == after.json().get("Version")
}

fn statements(document: &Document) -> Vec<Json> {
    match document.json().get("Statement") {
        Some(Json::Array(statements)) => statements.clone(),
        Some(one) => vec![one.clone()],
        None => Vec::new(),
    }
}

fn denies(statement: &Json) -> bool {
    statement["Effect"] == "Deny"
}

fn denies_ref(statement: &Json) -> bool {
    denies(statement)
}

fn with(like: &Document, statements: Vec<Json>) -> Document {
    let mut json = like.json().clone();
    json["Statement"] = Json::Array(statements);
    Document::from_json(json)
}

/// Says whether two statements are the same but for their Sids.
fn same(one: &Json, other: &Json) -> bool {
    let document = |statement: &Json| Document::from_json(json!({"Statement": [unnamed(statement)]}));
    one == other || document(one) == document(other)
}

fn unnamed(statement: &Json) -> Json {
    let mut statement = statement.clone();
    statement.as_object_mut().map(|statement| statement.remove("Sid"));
    statement
}

/// Returns the statements that the others do not have.
fn beside(statements: &[Json], others: &[Json]) -> Vec<Json> {
    statements.iter().filter(|statement| !others.iter().any(|other| same(statement, other))).cloned().collect()
}

/// Adds statements; of two with one Sid the second loses it, as AWS takes each only once.
fn joined(statements: &[Json], more: Vec<Json>) -> Vec<Json> {
    let mut all = statements.to_vec();
    for statement in more {
        let taken = statement.get("Sid").is_some_and(|sid| all.iter().any(|other| other.get("Sid") == Some(sid)));
        all.push(if taken { unnamed(&statement) } else { statement });
    }
    all
}

/// Returns what two statements have in common that differ in one list at most.
fn in_both(old: &Json, new: &Json) -> Option<Json> {
    if same(old, new) {
        return Some(new.clone());
    }
    ["Action", "Resource", "Principal"].into_iter().find_map(|element| {
        let (mut blank_old, mut both) = (old.clone(), new.clone());
        blank_old[element] = new.get(element)?.clone();
        let common = common(old.get(element)?, new.get(element)?)?;
        both[element] = common;
        same(&blank_old, new).then_some(both)
    })
}

/// Returns the items of two lists, or of two maps of lists, that are in both; `None` when there are none.
fn common(old: &Json, new: &Json) -> Option<Json> {
    if let (Json::Object(old), Json::Object(new)) = (old, new) {
        let each = new.iter().filter_map(|(key, new)| Some((key.clone(), common(old.get(key)?, new)?)));
        let both: serde_json::Map<String, Json> = each.collect();
        return (!both.is_empty()).then_some(Json::Object(both));
    }
    let items = |json: &Json| json.as_array().cloned().unwrap_or_else(|| vec![json.clone()]);
    let old = items(old);
    let both: Vec<Json> = items(new).into_iter().filter(|item| old.contains(item)).collect();
    (!both.is_empty()).then_some(Json::Array(both))
}

/// Returns documents of these statements, without those that change nothing.
fn distinct<const N: usize>(before: &Document, after: &Document, lists: [Vec<Json>; N]) -> Vec<Document> {
    let same = |one: &Document, other: &Document| Shift::between(Some(one), Some(other)).is_empty();
    let mut documents: Vec<Document> = Vec::new();
    for statements in lists {
        let document = with(after, statements);
        if !same(documents.last().unwrap_or(before), &document) && !same(&document, after) {
            documents.push(document);
        }
    }
    documents
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(statements: Json) -> Document {
        Document::from_json(json!({"Version": "2012-10-17", "Statement": statements}))
    }

    fn allow(sid: &str, action: Json) -> Json {
        json!({"Sid": sid, "Effect": "Allow", "Action": action, "Resource": "*"})
    }

    fn deny(action: &str) -> Json {
        json!({"Effect": "Deny", "Action": action, "Resource": "*"})
    }

    #[test]
    fn a_policy_that_exchanges_statements_holds_both_for_a_while() {
        let (old, new) = (allow("A", json!("a:x")), allow("A", json!("b:y")));
        let between = of_grants(&document(json!([old])), &document(json!([new])));
        assert_eq!(between, [document(json!([old, unnamed(&new)]))]);
    }

    #[test]
    fn what_only_comes_or_only_goes_is_one_write() {
        let (one, two) =
            (document(json!([allow("A", json!("a:x"))])), document(json!([allow("A", json!(["a:x", "b:y"]))])));
        assert_eq!((of_grants(&one, &two), of_grants(&two, &one)), (vec![], vec![]));
        assert_eq!((of_bounds(&one, &two, deny("*")), of_bounds(&two, &one, deny("*"))), (vec![], vec![]));
    }

    #[test]
    fn denies_come_first_and_go_last() {
        let (old, new) =
            (json!([allow("A", json!("a:x")), deny("c:z")]), json!([allow("A", json!("b:y")), deny("d:w")]));
        let between = of_grants(&document(old), &document(new));
        let actions = |document: &Document| -> Vec<String> {
            statements(document).iter().map(|s| s["Action"].as_str().unwrap_or_default().to_owned()).collect()
        };
        let actions: Vec<Vec<String>> = between.iter().map(actions).collect();
        assert_eq!(actions, [vec!["a:x", "c:z", "d:w"], vec!["a:x", "c:z", "d:w", "b:y"], vec!["b:y", "d:w", "c:z"]]);
    }

    #[test]
    fn bounds_are_narrowed_to_what_both_allow() {
        let bounds = |old: Json, new: Json| of_bounds(&document(json!([old])), &document(json!([new])), deny("*"));
        let both = bounds(allow("A", json!(["a:x", "a:y"])), allow("A", json!(["a:y", "a:z"])));
        assert_eq!(both, [document(json!([allow("A", json!("a:y"))]))]);
        assert_eq!(bounds(allow("A", json!("a:x")), allow("A", json!("b:y"))), [document(json!([deny("*")]))]);
        // Nobody can say here what is in both.
        assert_eq!(bounds(allow("A", json!("a:*")), allow("A", json!("*:y"))), []);
    }
}
