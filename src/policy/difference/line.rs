//! What becomes allowed, in words.

use std::fmt;

use serde::{Serialize, Serializer};

use super::region::{Region, Texts};
use crate::policy::condition::Condition;

/// How much is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Precision {
    /// All of it, and nothing else.
    Exact,
    /// Nothing beyond it; what is excepted is not in it.
    AtMost,
    /// Nobody can say from here what it is.
    Unknown,
}

/// Something that becomes allowed, or stops being so.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Line {
    pub precision: Precision,
    /// `s3:GetObject`, `all but iam:*`; empty when it is unknown.
    pub action: String,
    /// ` on arn:aws:s3:::acme-work/*`, ` by ec2.amazonaws.com if …`; of what is unknown, all there is to say.
    pub rest: String,
    /// What is not in it: as much of it as another statement allowed before, or one denies after.
    pub except: Vec<String>,
}

/// Whether the resources of a region are the principals of a trust policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Of {
    Resources,
    Principals,
}

impl Line {
    pub(super) fn new<'a>(region: &Region<'a>, except: &[Region<'a>], of: Of) -> Self {
        let except: Vec<String> = except.iter().map(|other| remainder(region, other, of)).collect();
        Self {
            precision: if except.is_empty() { Precision::Exact } else { Precision::AtMost },
            action: texts(&region.actions),
            rest: format!(" {}{}", on(&texts(&region.resources), of), conditions(region.clauses.values().copied())),
            except,
        }
    }

    pub(super) fn unknown(what: impl Into<String>) -> Self {
        Self { precision: Precision::Unknown, action: String::new(), rest: what.into(), except: Vec::new() }
    }

    /// Says that it is only as much as something else allows.
    pub(super) fn at_most(mut self, except: &str) -> Self {
        self.precision = Precision::AtMost;
        self.except.push(except.to_owned());
        self
    }

    /// Says it of several actions at once.
    pub fn with_actions(&self, actions: &str) -> String {
        let what = match self.precision {
            Precision::Exact => format!("{actions}{}", self.rest),
            Precision::AtMost => format!("at most {actions}{}", self.rest),
            Precision::Unknown => format!("unknown: {}", self.rest),
        };
        if self.except.is_empty() { what } else { format!("{what} except {}", self.except.join("; ")) }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.with_actions(&self.action))
    }
}

impl Serialize for Line {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Says what of `region` the other takes away, leaving out what both say.
fn remainder<'a>(region: &Region<'a>, other: &Region<'a>, of: Of) -> String {
    let mut words = Vec::new();
    // What neither has was said already.
    let both = |other: &Texts<'a>, region: &Texts<'a>| texts(&Texts { none: other.none.clone(), ..other.and(region) });
    if !other.actions.includes(&region.actions) {
        words.push(both(&other.actions, &region.actions));
    }
    if !other.resources.includes(&region.resources) {
        words.push(on(&both(&other.resources, &region.resources), of));
    }
    let further = other.clauses.iter().filter(|(clause, _)| !region.clauses.contains_key(clause));
    let further = conditions(further.map(|(_, condition)| *condition));
    if !further.is_empty() {
        words.push(further.trim_start().to_owned());
    }
    words.join(" ")
}

fn on(resources: &str, of: Of) -> String {
    match (of, resources) {
        (Of::Resources, _) => format!("on {resources}"),
        (Of::Principals, "*") => "by everybody".to_owned(),
        (Of::Principals, _) => format!("by {resources}"),
    }
}

fn texts(texts: &Texts) -> String {
    let list = |patterns: &[&_], word: &str| patterns.iter().map(ToString::to_string).collect::<Vec<_>>().join(word);
    let all = list(&texts.all, " and ");
    match (texts.none.is_empty(), texts.all.iter().all(|pattern| pattern.is_any())) {
        (true, _) => all,
        (false, true) => format!("all but {}", list(&texts.none, ", ")),
        (false, false) => format!("{all} but not {}", list(&texts.none, ", ")),
    }
}

/// `, if StringEquals aws:SourceVpc: vpc-1, vpc-2 and Bool …`.
fn conditions<'a>(conditions: impl Iterator<Item = &'a Condition>) -> String {
    let one = |condition: &Condition| {
        let values: Vec<&str> = condition.values.iter().map(|value| value.as_str()).collect();
        format!("{} {}: {}", condition.operator, condition.key, values.join(", "))
    };
    let all: Vec<String> = conditions.map(one).collect();
    if all.is_empty() { String::new() } else { format!(" if {}", all.join(" and ")) }
}
