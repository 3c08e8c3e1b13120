//! What one write of a document does: which statements it adds and which it takes away, and whether two of them
//! may be about one request.
//!
//! It is cheap and errs on one side: what no other single statement covers counts as taken away or added, and
//! statements of which nobody can say whether they overlap do. What it says stays, stays; what it says is apart,
//! is apart.

use super::Document;
use super::pattern::Pattern;
use super::statement::{self, Among, Effect, Principal, Statement};

/// The requests that a statement is about, whatever its conditions.
#[derive(Clone, Debug)]
pub enum Reach {
    /// Nobody has read it, or it bounds everything.
    Everything,
    Of(Box<Statement>),
}

/// The statements that a write adds and takes away.
#[derive(Clone, Debug, Default)]
pub struct Shift {
    pub allows: Vec<Reach>,
    pub allows_no_more: Vec<Reach>,
    pub denies: Vec<Reach>,
    pub denies_no_more: Vec<Reach>,
}

impl Shift {
    /// Compares two documents; `None` has no statements.
    pub fn between(before: Option<&Document>, after: Option<&Document>) -> Self {
        // The version decides what variables mean.
        let comparable = match (before, after) {
            (Some(before), Some(after)) => before.json().get("Version") == after.json().get("Version"),
            _ => true,
        };
        let read = |document: Option<&Document>| document.map(statement::read).unwrap_or_default();
        let (before, after) = (read(before), read(after));
        let known = |from: &[Result<Statement, _>]| -> Vec<Statement> {
            let known = from.iter().filter_map(|read: &Result<Statement, statement::Unreadable>| read.as_ref().ok());
            if comparable { known.cloned().collect() } else { Vec::new() }
        };
        let (others_before, others_after) = (known(&before), known(&after));
        let mut shift = Self::default();
        for statement in &after {
            shift.put(statement, &others_before, true);
        }
        for statement in &before {
            shift.put(statement, &others_after, false);
        }
        shift
    }

    /// A policy whose text nobody has read.
    pub fn unread(comes: bool, restricts: bool) -> Self {
        let mut shift = Self::default();
        shift.list(if restricts { Effect::Deny } else { Effect::Allow }, comes).push(Reach::Everything);
        shift
    }

    fn put(&mut self, read: &Result<Statement, statement::Unreadable>, others: &[Statement], comes: bool) {
        let Ok(statement) = read else {
            self.list(Effect::Allow, comes).push(Reach::Everything);
            self.list(Effect::Deny, comes).push(Reach::Everything);
            return;
        };
        if let Some(rest) = without(statement, others) {
            self.list(statement.effect, comes).push(Reach::Of(Box::new(rest)));
        }
    }

    fn list(&mut self, effect: Effect, comes: bool) -> &mut Vec<Reach> {
        match (effect, comes) {
            (Effect::Allow, true) => &mut self.allows,
            (Effect::Allow, false) => &mut self.allows_no_more,
            (Effect::Deny, true) => &mut self.denies,
            (Effect::Deny, false) => &mut self.denies_no_more,
        }
    }

    pub fn is_empty(&self) -> bool {
        [&self.allows, &self.allows_no_more, &self.denies, &self.denies_no_more].iter().all(|list| list.is_empty())
    }
}

/// Returns what of a statement none of the others says; `None` when one says all of it.
fn without(statement: &Statement, others: &[Statement]) -> Option<Statement> {
    let mut rest = statement.clone();
    let asks_no_more = |other: &&Statement| {
        other.effect == statement.effect && other.conditions.iter().all(|asked| statement.conditions.contains(asked))
    };
    for other in others.iter().filter(asks_no_more) {
        let actions = covers(&other.actions, &rest.actions, Pattern::includes);
        let resources = covers_or_none(other.resources.as_ref(), rest.resources.as_ref(), Pattern::includes);
        let principals = covers_whom(other.principals.as_ref(), rest.principals.as_ref());
        let left = match (actions, resources, principals) {
            (true, true, true) => false,
            (false, true, true) => take(&mut rest.actions, &other.actions, Pattern::includes),
            (true, false, true) => match (&mut rest.resources, &other.resources) {
                (Some(rest), Some(other)) => take(rest, other, Pattern::includes),
                _ => true,
            },
            (true, true, false) => match (&mut rest.principals, &other.principals) {
                (Some(rest), Some(other)) => take(rest, other, Principal::includes),
                _ => true,
            },
            _ => true,
        };
        if !left {
            return None;
        }
    }
    Some(rest)
}

/// Takes away what the other covers. Says whether anything is left.
fn take<T>(rest: &mut Among<T>, other: &Among<T>, includes: impl Fn(&T, &T) -> bool) -> bool {
    if let (Among::Only(rest), Among::Only(other)) = (&mut *rest, other) {
        rest.retain(|item| !other.iter().any(|wide| includes(wide, item)));
        return !rest.is_empty();
    }
    true
}

/// Says whether all of the second is within the first: proven when it says yes.
fn covers<T>(wide: &Among<T>, narrow: &Among<T>, includes: impl Fn(&T, &T) -> bool) -> bool {
    let within = |wide: &[T], narrow: &[T]| narrow.iter().all(|item| wide.iter().any(|wide| includes(wide, item)));
    match (wide, narrow) {
        (Among::Only(wide), Among::Only(narrow)) => within(wide, narrow),
        // What leaves out less covers more.
        (Among::Except(wide), Among::Except(narrow)) => within(narrow, wide),
        _ => false,
    }
}

fn covers_or_none<T>(wide: Option<&Among<T>>, narrow: Option<&Among<T>>, includes: impl Fn(&T, &T) -> bool) -> bool {
    match (wide, narrow) {
        (None, None) => true,
        (Some(wide), Some(narrow)) => covers(wide, narrow, includes),
        _ => false,
    }
}

/// A negation leaves out fewer than a name means.
fn covers_whom(wide: Option<&Among<Principal>>, narrow: Option<&Among<Principal>>) -> bool {
    match (wide, narrow) {
        (Some(Among::Except(_)), Some(Among::Except(_))) => covers_or_none(wide, narrow, Principal::leaves_out),
        _ => covers_or_none(wide, narrow, Principal::includes),
    }
}

impl Reach {
    /// Says whether one request may be within both: proven when it says no.
    pub fn overlaps(&self, other: &Reach) -> bool {
        let (Reach::Of(one), Reach::Of(other)) = (self, other) else { return true };
        let patterns = |a: &Pattern, b: &Pattern| a.overlaps(b);
        let whom = |a: &Principal, b: &Principal| a.whom.overlaps(&b.whom);
        meet(&one.actions, &other.actions, patterns, Pattern::includes)
            && meet_or_none(one.resources.as_ref(), other.resources.as_ref(), patterns, Pattern::includes)
            && meet_or_none(one.principals.as_ref(), other.principals.as_ref(), whom, |_, _| false)
    }
}

/// Says whether any request may be within one of each.
pub fn overlap(ones: &[Reach], others: &[Reach]) -> bool {
    ones.iter().any(|one| others.iter().any(|other| one.overlaps(other)))
}

fn meet<T>(
    one: &Among<T>,
    other: &Among<T>,
    overlap: impl Fn(&T, &T) -> bool,
    covers: impl Fn(&T, &T) -> bool,
) -> bool {
    match (one, other) {
        (Among::Only(one), Among::Only(other)) => one.iter().any(|a| other.iter().any(|b| overlap(a, b))),
        (Among::Only(some), Among::Except(not)) | (Among::Except(not), Among::Only(some)) => {
            some.iter().any(|item| !not.iter().any(|not| covers(not, item)))
        }
        (Among::Except(_), Among::Except(_)) => true,
    }
}

fn meet_or_none<T>(
    one: Option<&Among<T>>,
    other: Option<&Among<T>>,
    overlap: impl Fn(&T, &T) -> bool,
    covers: impl Fn(&T, &T) -> bool,
) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => meet(one, other, overlap, covers),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    fn document(statements: Json) -> Document {
        Document::from_json(json!({"Version": "2012-10-17", "Statement": statements}))
    }

    fn allow(action: Json, resource: Json) -> Json {
        json!({"Effect": "Allow", "Action": action, "Resource": resource})
    }

    /// How many statements come, go, and the same of Denies.
    fn counts(before: Json, after: Json) -> [usize; 4] {
        let shift = Shift::between(Some(&document(before)), Some(&document(after)));
        [&shift.allows, &shift.allows_no_more, &shift.denies, &shift.denies_no_more].map(Vec::len)
    }

    #[test]
    fn only_what_differs_comes_and_goes() {
        let deny = json!({"Effect": "Deny", "Action": "s3:*", "Resource": "*"});
        let named = json!({"Sid": "Other", "Effect": "Allow", "Action": ["b", "a"], "Resource": "*"});
        for (before, after, expected) in [
            (json!([allow(json!(["a", "b"]), json!("*"))]), json!([named]), [0, 0, 0, 0]),
            (json!([allow(json!(["a", "b"]), json!("*"))]), json!([allow(json!("a"), json!("*"))]), [0, 1, 0, 0]),
            (json!([allow(json!("a"), json!("x"))]), json!([allow(json!("a"), json!(["x", "y"]))]), [1, 0, 0, 0]),
            (json!([allow(json!("a"), json!("x"))]), json!([allow(json!("b"), json!("y")), deny]), [1, 1, 1, 0]),
            (json!([allow(json!("s3:Get"), json!("x"))]), json!([allow(json!("s3:*"), json!("*"))]), [1, 0, 0, 0]),
            (json!([deny]), json!([]), [0, 0, 0, 1]),
            (json!([{"Effect": "Odd"}]), json!([]), [0, 1, 0, 1]),
        ] {
            assert_eq!(counts(before.clone(), after.clone()), expected, "{before} {after}");
        }
    }

    #[test]
    fn what_is_taken_away_is_what_nothing_else_says() {
        let before = document(json!([allow(json!(["s3:GetObject", "s3:PutObject"]), json!("*"))]));
        let after = document(json!([allow(json!("s3:GetObject"), json!("*"))]));
        let shift = Shift::between(Some(&before), Some(&after));
        let other = |action: &str| {
            let document = document(json!([allow(json!(action), json!("*"))]));
            overlap(&shift.allows_no_more, &Shift::between(None, Some(&document)).allows)
        };
        assert!(other("s3:PutObject") && other("s3:Put*") && !other("s3:GetObject"));
    }

    #[test]
    fn overlaps_are_denied_only_where_they_are_proven_not_to_be() {
        let reach = |statement: Json| Shift::between(None, Some(&document(json!([statement])))).allows;
        let not = |action: &str| json!({"Effect": "Allow", "NotAction": action, "Resource": "*"});
        let trust = |name: Json| json!({"Effect": "Allow", "Principal": {"AWS": name}, "Action": "sts:AssumeRole"});
        let role = json!("arn:aws:iam::123456789012:role/a");
        for (one, other, expected) in [
            (allow(json!("s3:Get*"), json!("*")), allow(json!("s3:*Object"), json!("arn:aws:s3:::a/*")), true),
            (allow(json!("s3:Get*"), json!("*")), allow(json!("s3:Put*"), json!("*")), false),
            (allow(json!("s3:*"), json!("arn:aws:s3:::a")), allow(json!("s3:*"), json!("arn:aws:s3:::b")), false),
            (not("s3:*"), allow(json!("s3:GetObject"), json!("*")), false),
            (not("s3:*"), allow(json!("iam:GetRole"), json!("*")), true),
            (not("s3:*"), not("iam:*"), true),
            (trust(role.clone()), trust(json!("123456789012")), true),
            (trust(role.clone()), trust(json!("arn:aws:iam::123456789012:role/b")), false),
            (trust(role), trust(json!("arn:aws:iam::123456789012:root")), true),
        ] {
            assert_eq!(overlap(&reach(one.clone()), &reach(other.clone())), expected, "{one} {other}");
        }
        assert!(overlap(&[Reach::Everything], &reach(allow(json!("a"), json!("b")))));
    }
}
