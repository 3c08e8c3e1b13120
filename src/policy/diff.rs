//! What changes between two documents, by meaning.
//!
//! The result is data without colours: a renderer draws it, `--json` prints it. It is empty exactly when
//! the documents are equal. Statements are paired by Sid, the others by what they have in common.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value as Json;

use super::Document;
use super::canonical::{Atom, DEFAULT_VERSION, Partitions, Term, Text, header, partitions, statements, terms};
use super::label::{label, on};

/// The least share of terms in common at which a statement is another one changed.
const ALIKE: f64 = 1.0 / 3.0;

/// One statement, or one element beside the statements, that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DocumentChange {
    pub subject: Subject,
    /// A statement's Sid, else what it does: `Allow 3 actions on arn:aws:s3:::acme-work/*`. The name of
    /// any other element: `Version`.
    pub label: String,
    pub status: Status,
    /// What it says more or less, by element. An added or removed statement has all of its lines.
    pub lines: Vec<Line>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    Statement,
    /// `Version`, `Id`.
    Element,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Added,
    Removed,
    Changed,
}

/// One action, resource, principal or condition value that comes or goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    pub sign: Sign,
    /// `Action`, `Condition` …
    pub element: String,
    /// `s3:DeleteObject`, `AWS: arn:…`, `StringEquals aws:SourceVpc: vpc-1`.
    pub text: String,
    /// What an action is on: the statement's resources when they are one or two, else `5 resources`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Sign {
    Removed,
    Added,
}

/// Returns what `after` says otherwise than `before`: first elements such as `Version`, then the
/// statements of `after` in its order, then those that are gone.
pub fn diff(before: &Document, after: &Document) -> Vec<DocumentChange> {
    if before == after {
        return Vec::new();
    }
    let atoms = [before, after].map(|document| statements(document.json()).flat_map(terms).map(|term| term.atom));
    let partitions = partitions(&atoms.into_iter().flatten().collect::<Vec<_>>());
    let before_statements = Statement::all(before.json(), &partitions);
    let after_statements = Statement::all(after.json(), &partitions);
    let mut changes = elements(before.json(), after.json());
    changes.extend(statement_changes(&before_statements, &after_statements));
    changes
}

fn elements(before: &Json, after: &Json) -> Vec<DocumentChange> {
    let (before, after) = (header(before), header(after));
    let named = |terms: &[Term]| terms.iter().map(|term| term.atom.element.clone()).collect::<BTreeSet<_>>();
    let mut changes = Vec::new();
    for element in named(&before).union(&named(&after)) {
        let find = |terms: &[Term]| terms.iter().find(|term| term.atom.element == *element).map(|t| t.atom.clone());
        let (before, after) = (find(&before), find(&after));
        if before == after {
            continue;
        }
        let line = |sign, atom: Option<Atom>| {
            let text = match atom {
                Some(Atom { text: Text::Said(text) | Text::Odd(text), .. }) => text,
                _ if element == "Version" => DEFAULT_VERSION.to_owned(),
                _ => return None,
            };
            Some(Line { sign, element: element.clone(), text, on: None })
        };
        changes.push(DocumentChange {
            subject: Subject::Element,
            label: if element.is_empty() { "Document".to_owned() } else { element.clone() },
            status: match (&before, &after) {
                _ if element == "Version" => Status::Changed,
                (None, _) => Status::Added,
                (_, None) => Status::Removed,
                _ => Status::Changed,
            },
            lines: [line(Sign::Removed, before), line(Sign::Added, after)].into_iter().flatten().collect(),
        });
    }
    changes
}

/// A statement with the set of what it says.
struct Statement<'a> {
    terms: Vec<Term<'a>>,
    atoms: BTreeSet<Atom>,
}

impl<'a> Statement<'a> {
    /// Returns the statements of a document, each meaning once.
    fn all(document: &'a Json, partitions: &Partitions) -> Vec<Self> {
        let mut seen = BTreeSet::new();
        let all = statements(document).map(|statement| Self::new(statement, partitions));
        all.filter(|statement| seen.insert(statement.atoms.clone())).collect()
    }

    fn new(statement: &'a Json, partitions: &Partitions) -> Self {
        let mut atoms = BTreeSet::new();
        let mut terms = terms(statement);
        for term in &mut terms {
            term.atom = term.atom.clone().within(partitions);
        }
        terms.retain(|term| atoms.insert(term.atom.clone()));
        terms.sort_by_key(|term| rank(&term.atom.element));
        Self { terms, atoms }
    }

    fn sid(&self) -> Option<&Text> {
        self.atoms.iter().find(|atom| atom.element == "Sid").map(|atom| &atom.text)
    }

    /// Returns the share of terms that both have, Sids aside; none unless they share an action, as
    /// otherwise one is hardly the other changed.
    fn likeness(&self, other: &Self) -> f64 {
        let common: Vec<_> = self.atoms.intersection(&other.atoms).filter(|atom| atom.element != "Sid").collect();
        if !common.iter().any(|atom| atom.element.ends_with("Action")) {
            return 0.0;
        }
        let all = self.atoms.union(&other.atoms).filter(|atom| atom.element != "Sid").count();
        common.len() as f64 / all as f64
    }
}

/// The order in which elements are shown.
fn rank(element: &str) -> usize {
    const ORDER: &[&str] =
        &["Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"];
    ORDER.iter().position(|known| *known == element).unwrap_or(ORDER.len())
}

fn statement_changes(before: &[Statement], after: &[Statement]) -> Vec<DocumentChange> {
    let (gone, came) = (without(before, after), without(after, before));
    let pairs = pairs(&gone, &came);
    let paired: BTreeSet<usize> = pairs.values().copied().collect();
    let changed_or_added = came.iter().enumerate().map(|(i, after)| match pairs.get(&i) {
        Some(at) => changed(gone[*at], after),
        None => whole(after, Status::Added, Sign::Added),
    });
    let removed = gone.iter().enumerate().filter(|(i, _)| !paired.contains(i));
    changed_or_added.chain(removed.map(|(_, before)| whole(before, Status::Removed, Sign::Removed))).collect()
}

/// Returns the statements that `others` lacks.
fn without<'s, 'a>(statements: &'s [Statement<'a>], others: &[Statement]) -> Vec<&'s Statement<'a>> {
    let others: BTreeSet<_> = others.iter().map(|statement| &statement.atoms).collect();
    statements.iter().filter(|statement| !others.contains(&statement.atoms)).collect()
}

/// Returns which of `gone` became which of `came`, by index in `came`.
fn pairs(gone: &[&Statement], came: &[&Statement]) -> BTreeMap<usize, usize> {
    let mut candidates = Vec::new();
    for (i, after) in came.iter().enumerate() {
        for (j, before) in gone.iter().enumerate() {
            let same_sid = before.sid().is_some() && before.sid() == after.sid();
            let likeness = if same_sid { 2.0 } else { before.likeness(after) };
            if likeness >= ALIKE {
                candidates.push((likeness, i, j));
            }
        }
    }
    // The best first; equally good ones in the order of the documents.
    candidates.sort_by(|a, b| b.0.total_cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    let (mut pairs, mut taken) = (BTreeMap::new(), BTreeSet::new());
    for (_, i, j) in candidates {
        if !pairs.contains_key(&i) && taken.insert(j) {
            pairs.insert(i, j);
        }
    }
    pairs
}

fn whole(statement: &Statement, status: Status, sign: Sign) -> DocumentChange {
    let lines = statement.terms.iter().map(|term| line(sign, term, statement)).collect();
    DocumentChange { subject: Subject::Statement, label: label(&statement.terms), status, lines }
}

fn changed(before: &Statement, after: &Statement) -> DocumentChange {
    let only = |sign, statement: &Statement, other: &Statement| {
        let terms = statement.terms.iter().filter(|term| !other.atoms.contains(&term.atom));
        terms.map(|term| line(sign, term, statement)).collect::<Vec<_>>()
    };
    let mut lines = only(Sign::Removed, before, after);
    lines.extend(only(Sign::Added, after, before));
    // Stable: within an element what goes stands before what comes.
    lines.sort_by_key(|line| rank(&line.element));
    DocumentChange { subject: Subject::Statement, label: label(&after.terms), status: Status::Changed, lines }
}

fn line(sign: Sign, term: &Term, statement: &Statement) -> Line {
    let is_action = term.atom.element.ends_with("Action");
    let on = is_action.then(|| on(&statement.terms)).flatten();
    Line { sign, element: term.atom.element.clone(), text: term.to_string(), on }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn document(statements: Json) -> Document {
        Document::from_json(json!({"Version": "2012-10-17", "Statement": statements}))
    }

    /// Draws changes as a plan might, to compare them at a glance.
    fn drawn(before: &Document, after: &Document) -> String {
        let mut drawn = String::new();
        for change in diff(before, after) {
            let mark = match change.status {
                Status::Added => '+',
                Status::Removed => '-',
                Status::Changed => '~',
            };
            drawn += &format!("{mark} {}\n", change.label);
            for line in &change.lines {
                let sign = if line.sign == Sign::Added { '+' } else { '-' };
                let on = line.on.as_ref().map(|on| format!(" on {on}")).unwrap_or_default();
                drawn += &format!("  {sign} {} {}{on}\n", line.element, line.text);
            }
        }
        drawn
    }

    #[test]
    fn equal_documents_have_no_difference() {
        let before = document(json!({"Effect": "Allow", "Action": ["a:B", "a:C"], "Resource": ["*"]}));
        let after = document(json!([{"Effect": "Allow", "Resource": "*", "Action": ["A:c", "a:B"]}]));
        assert_eq!(diff(&before, &after), []);
    }

    #[test]
    fn statements_are_paired_by_sid() {
        let before = document(json!([
            {"Sid": "Work", "Effect": "Allow", "Action": ["s3:GetObject", "s3:DeleteObject"], "Resource": "arn:aws:s3:::acme-work/*"},
            {"Sid": "Gone", "Effect": "Allow", "Action": "ec2:*", "Resource": "*"},
        ]));
        let after = document(json!([
            {"Sid": "Queue", "Effect": "Deny", "Action": "sqs:*", "Resource": "*"},
            {"Sid": "Work", "Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": "arn:aws:s3:::acme-work/*"},
        ]));
        assert_eq!(
            drawn(&before, &after),
            "+ Queue\n  + Sid Queue\n  + Effect Deny\n  + Action sqs:* on *\n  + Resource *\n\
             ~ Work\n  - Action s3:DeleteObject on arn:aws:s3:::acme-work/*\n  + Action s3:PutObject on arn:aws:s3:::acme-work/*\n\
             - Gone\n  - Sid Gone\n  - Effect Allow\n  - Action ec2:* on *\n  - Resource *\n"
        );
    }

    #[test]
    fn statements_without_sid_are_paired_by_likeness() {
        let role =
            |actions: &[&str], resource: &str| json!({"Effect": "Allow", "Action": actions, "Resource": resource});
        let before = document(json!([role(&["a:A", "a:B"], "x"), role(&["b:A", "b:B"], "y")]));
        let after = document(json!([role(&["b:A", "b:B", "b:C"], "y"), role(&["a:A"], "x"), role(&["c:A"], "z")]));
        assert_eq!(
            drawn(&before, &after),
            "~ Allow 3 actions on y\n  + Action b:C on y\n~ Allow a:A on x\n  - Action a:B on x\n\
             + Allow c:A on z\n  + Effect Allow\n  + Action c:A on z\n  + Resource z\n"
        );
    }

    #[test]
    fn many_resources_are_counted() {
        let on = |actions: Json, count: usize| {
            let resources: Vec<String> = (0..count).map(|i| format!("arn:aws:s3:::b{i}")).collect();
            document(json!({"Effect": "Allow", "Action": actions, "Resource": resources}))
        };
        let drawn = drawn(&on(json!("s3:GetObject"), 5), &on(json!(["s3:GetObject", "s3:PutObject"]), 5));
        assert_eq!(
            drawn,
            "~ Allow s3:GetObject and s3:PutObject on 5 resources\n  + Action s3:PutObject on 5 resources\n"
        );
    }

    #[test]
    fn conditions_name_operator_key_and_value() {
        let with = |value: Json| {
            let condition = json!({"StringEquals": {"aws:SourceVpc": value}});
            document(json!({"Effect": "Allow", "Action": "a:B", "Resource": "*", "Condition": condition}))
        };
        assert_eq!(
            drawn(&with(json!("vpc-1")), &with(json!(["vpc-2"]))),
            "~ Allow a:B on *\n  - Condition StringEquals aws:SourceVpc: vpc-1\n  + Condition StringEquals aws:SourceVpc: vpc-2\n"
        );
        assert_eq!(
            drawn(&with(json!([])), &with(json!(7))),
            "~ Allow a:B on *\n  - Condition StringEquals aws:SourceVpc: (no values)\n  + Condition StringEquals aws:SourceVpc: 7\n"
        );
    }

    #[test]
    fn principals_are_named_and_account_ids_are_their_roots() {
        let trust =
            |names: Json| document(json!({"Effect": "Allow", "Principal": {"AWS": names}, "Action": "sts:AssumeRole"}));
        let before = trust(json!(["111122223333", "AROAEXAMPLEAAAAAAAAAA"]));
        let after = trust(json!(["arn:aws-cn:iam::111122223333:root", "arn:aws-cn:iam::111122223333:role/a"]));
        assert_eq!(
            drawn(&before, &after),
            "~ Allow sts:AssumeRole for arn:aws-cn:iam::111122223333:root and arn:aws-cn:iam::111122223333:role/a\n  \
             - Principal AWS: AROAEXAMPLEAAAAAAAAAA\n  + Principal AWS: arn:aws-cn:iam::111122223333:role/a\n"
        );
    }

    #[test]
    fn version_and_id_are_elements_of_their_own() {
        let before = Document::from_json(json!({"Id": "x", "Statement": []}));
        let after = Document::from_json(json!({"Version": "2012-10-17", "Statement": []}));
        assert_eq!(
            drawn(&before, &after),
            "- Id\n  - Id x\n~ Version\n  - Version 2008-10-17\n  + Version 2012-10-17\n"
        );
    }

    #[test]
    fn a_renamed_sid_is_a_change() {
        let named = |sid: &str| document(json!({"Sid": sid, "Effect": "Allow", "Action": "a:B", "Resource": "*"}));
        assert_eq!(drawn(&named("A"), &named("B")), "~ B\n  - Sid A\n  + Sid B\n");
    }

    #[test]
    fn changes_are_printed_as_json() {
        let with =
            |action: &str| document(json!({"Sid": "A", "Effect": "Allow", "Action": ["a:A", action], "Resource": "*"}));
        let printed = serde_json::to_value(diff(&with("a:B"), &with("a:A"))).unwrap();
        let line = json!({"sign": "removed", "element": "Action", "text": "a:B", "on": "*"});
        assert_eq!(printed, json!([{"subject": "statement", "label": "A", "status": "changed", "lines": [line]}]));
    }
}
