//! What becomes allowed, in words.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Serialize, Serializer};

use super::region::{Region, Texts};
use crate::policy::condition::Condition;
use crate::policy::pattern::Pattern;

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
    /// `s3:GetObject`, `all but iam:*`; of what is unknown, all there is to say.
    pub action: String,
    /// `arn:aws:s3:::acme-work/*`; in a trust policy the principal.
    pub on: String,
    /// `on` or `by`.
    preposition: &'static str,
    /// `StringEquals aws:SourceVpc: vpc-1 and …`
    pub condition: Option<String>,
    /// What is not in it: as much of it as another statement allowed before, or one denies after.
    pub except: Vec<String>,
    /// What is not in it either, of policies that nobody has read: `what AmazonS3FullAccess allows`.
    pub beside: Vec<String>,
}

/// Whether the resources of a region are the principals of a trust policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Of {
    Resources,
    Principals,
}

impl Line {
    pub(super) fn new<'a>(region: &Region<'a>, except: &[Region<'a>], of: Of) -> Self {
        let words = Words::of(std::iter::once(region).chain(except), of);
        let except: Vec<String> = except.iter().map(|other| words.remainder(region, other)).collect();
        Self {
            precision: if except.is_empty() { Precision::Exact } else { Precision::AtMost },
            action: words.texts(&region.actions),
            on: words.resources(&region.resources),
            preposition: of.preposition(),
            condition: words.conditions(region.clauses.values().copied()),
            except,
            beside: Vec::new(),
        }
    }

    pub(super) fn unknown(what: impl Into<String>) -> Self {
        Self {
            precision: Precision::Unknown,
            action: what.into(),
            on: String::new(),
            preposition: "",
            condition: None,
            except: Vec::new(),
            beside: Vec::new(),
        }
    }

    /// Says that it is only as much as something does not allow that nobody has read.
    pub(super) fn beside(mut self, unread: &str) -> Self {
        self.precision = Precision::AtMost;
        self.beside.push(unread.to_owned());
        self
    }

    /// Returns lines of which each says all that happens in the same way: to several actions, on several
    /// resources. Of what is excepted `most` are named.
    pub fn together(lines: &[Line], most: usize) -> Vec<Line> {
        type Tail<'a> = (Precision, &'a Option<String>, &'a [String], &'a [String]);
        fn tail(line: &Line) -> Tail<'_> {
            (line.precision, &line.condition, &line.except, &line.beside)
        }
        let same_but_actions = |a: &Line, b: &Line| (&a.on, tail(a)) == (&b.on, tail(b));
        let same_but_on = |a: &Line, b: &Line| (&a.action, tail(a)) == (&b.action, tail(b));
        let merged = merge(lines, |line| &mut line.action, same_but_actions);
        let mut merged = merge(&merged, |line| &mut line.on, same_but_on);
        for line in &mut merged {
            if line.except.len() > most.saturating_add(1) {
                let more = line.except.len() - most;
                line.except.truncate(most);
                line.except.push(format!("{more} more"));
            }
        }
        merged
    }
}

/// Writes what differs in one part into one line, in the order of the first of each.
fn merge(lines: &[Line], part: fn(&mut Line) -> &mut String, same: impl Fn(&Line, &Line) -> bool) -> Vec<Line> {
    let mut merged: Vec<Line> = Vec::new();
    for line in lines {
        let mut line = line.clone();
        match merged.iter_mut().find(|other| line.precision != Precision::Unknown && same(other, &line)) {
            Some(first) => *part(first) += &format!(", {}", part(&mut line)),
            None => merged.push(line),
        }
    }
    merged
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.precision {
            Precision::Exact => "",
            Precision::AtMost => "at most ",
            Precision::Unknown => "unknown: ",
        })?;
        f.write_str(&self.action)?;
        if !self.on.is_empty() {
            write!(f, " {} {}", self.preposition, self.on)?;
        }
        if let Some(condition) = &self.condition {
            write!(f, " if {condition}")?;
        }
        let except: Vec<&str> = self.except.iter().chain(&self.beside).map(String::as_str).collect();
        if except.is_empty() { Ok(()) } else { write!(f, " except {}", except.join("; ")) }
    }
}

impl Serialize for Line {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Of {
    fn preposition(self) -> &'static str {
        match self {
            Of::Resources => "on",
            Of::Principals => "by",
        }
    }
}

/// How the regions of a line are written.
struct Words<'a> {
    of: Of,
    /// What is spelled alike and is a variable in one document, and just this text in one of an older version.
    alike: BTreeSet<&'a str>,
}

impl<'a> Words<'a> {
    fn of<'r>(regions: impl Iterator<Item = &'r Region<'a>>, of: Of) -> Self
    where
        'a: 'r,
    {
        let (mut variables, mut literals) = (BTreeSet::new(), BTreeSet::new());
        for region in regions {
            let sets = [&region.actions, &region.resources];
            let patterns = sets.into_iter().flat_map(|texts| texts.all.iter().chain(&texts.none).copied());
            for pattern in patterns.chain(region.clauses.values().flat_map(|condition| &condition.values)) {
                let is_variable = pattern.variables().next().is_some();
                if is_variable { &mut variables } else { &mut literals }.insert(pattern.as_str());
            }
        }
        Self { of, alike: &variables & &literals }
    }

    fn pattern(&self, pattern: &Pattern) -> String {
        match (self.alike.contains(pattern.as_str()), pattern.variables().next()) {
            (false, _) => pattern.to_string(),
            (true, Some(_)) => format!("{pattern} as a variable"),
            (true, None) => format!("{pattern} as text"),
        }
    }

    fn texts(&self, texts: &Texts) -> String {
        let list = |patterns: &[&Pattern], word: &str| {
            patterns.iter().map(|pattern| self.pattern(pattern)).collect::<Vec<_>>().join(word)
        };
        let all = list(&texts.all, " and ");
        match (texts.none.is_empty(), texts.all.iter().all(|pattern| pattern.is_any())) {
            (true, _) => all,
            (false, true) => format!("all but {}", list(&texts.none, ", ")),
            (false, false) => format!("{all} but not {}", list(&texts.none, ", ")),
        }
    }

    fn resources(&self, resources: &Texts) -> String {
        let resources = self.texts(resources);
        if self.of == Of::Principals && resources == "*" { "everybody".to_owned() } else { resources }
    }

    fn conditions<'c>(&self, conditions: impl Iterator<Item = &'c Condition>) -> Option<String> {
        let one = |condition: &Condition| {
            let values: Vec<String> = condition.values.iter().map(|value| self.pattern(value)).collect();
            format!("{} {}: {}", condition.operator, condition.key, values.join(", "))
        };
        let all: Vec<String> = conditions.map(one).collect();
        (!all.is_empty()).then(|| all.join(" and "))
    }

    /// Says what of `region` the other takes away, leaving out what both say.
    fn remainder(&self, region: &Region<'a>, other: &Region<'a>) -> String {
        let mut words = Vec::new();
        // What neither has was said already.
        let both = |other: &Texts<'a>, region: &Texts<'a>| Texts { none: other.none.clone(), ..other.and(region) };
        if !other.actions.includes(&region.actions) {
            words.push(self.texts(&both(&other.actions, &region.actions)));
        }
        if !other.resources.includes(&region.resources) {
            let resources = self.resources(&both(&other.resources, &region.resources));
            words.push(format!("{} {resources}", self.of.preposition()));
        }
        let further = other.clauses.iter().filter(|(clause, _)| !region.clauses.contains_key(clause));
        let conditions = self.conditions(further.map(|(_, condition)| *condition));
        words.extend(conditions.map(|condition| format!("if {condition}")));
        words.join(" ")
    }
}
