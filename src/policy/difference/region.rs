//! Sets of requests: some actions on some resources under some conditions, and what is left of one when
//! others are taken away.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use crate::policy::condition::{Condition, Operator};
use crate::policy::pattern::{Pattern, TooLarge, sample};
use crate::policy::principal::{Principal, left_out};
use crate::policy::statement::{Among, Statement};

static ANY: LazyLock<Pattern> = LazyLock::new(Pattern::any);

/// More steps than these, and nobody knows whether a set is covered.
const STEPS: usize = 2_000;

/// The texts that are of every pattern of `all` and of none of `none`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Texts<'a> {
    pub all: Vec<&'a Pattern>,
    pub none: Vec<&'a Pattern>,
}

/// A condition as it compares: whole, whatever the letter case of its key and the order of its values.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Clause<'a> {
    pub operator: Operator,
    key: String,
    values: BTreeSet<&'a Pattern>,
}

/// Requests with one of these actions on one of these resources for which all conditions hold. In a trust
/// policy the principals stand in the place of resources.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Region<'a> {
    pub actions: Texts<'a>,
    pub resources: Texts<'a>,
    /// With each how it is written.
    pub clauses: BTreeMap<Clause<'a>, &'a Condition>,
}

impl<'a> Texts<'a> {
    fn of(pattern: &'a Pattern) -> Self {
        Self { all: vec![pattern], none: Vec::new() }
    }

    /// Takes an element apart into sets that it is the union of.
    fn among<T>(among: &'a Among<T>, pattern: impl Fn(&'a T) -> &'a Pattern) -> Vec<Self> {
        match among {
            Among::Only(items) => items.iter().map(|item| Self::of(pattern(item))).collect(),
            Among::Except(items) => vec![Self { all: vec![&ANY], none: items.iter().map(pattern).collect() }],
        }
    }

    /// The same of principals, of whom a negation leaves out fewer than a name means.
    fn whom(principals: &'a Among<Principal>) -> Vec<Self> {
        match principals {
            Among::Only(named) => named.iter().map(|principal| Self::of(&principal.whom)).collect(),
            Among::Except(named) => vec![Self { all: vec![&ANY], none: left_out(named).collect() }],
        }
    }

    fn everything() -> Self {
        Self::of(&ANY)
    }

    fn is_empty(&self) -> Result<bool, TooLarge> {
        if let [only] = self.all[..] {
            if self.none.iter().any(|none| none.includes(only)) {
                return Ok(true);
            }
            let in_the_way: Vec<&Pattern> = self.none.iter().copied().filter(|none| none.overlaps(only)).collect();
            // Without another, one pattern always has a text.
            return Ok(!in_the_way.is_empty() && sample(&[only], &in_the_way)?.is_none());
        }
        Ok(sample(&self.all, &self.none)?.is_none())
    }

    pub fn unlikely_text(&self) -> String {
        self.all.first().map(|pattern| pattern.unlikely_text()).unwrap_or_default()
    }

    pub fn has(&self, text: &str) -> bool {
        self.all.iter().all(|pattern| pattern.matches(text)) && !self.none.iter().any(|none| none.matches(text))
    }

    /// Returns what is in both; patterns that say no more are left out.
    pub fn and(&self, other: &Self) -> Self {
        let mut all = self.all.clone();
        for pattern in &other.all {
            if all.iter().any(|narrower| pattern.includes(narrower)) {
                continue;
            }
            all.retain(|wider| !wider.includes(pattern));
            all.push(pattern);
        }
        let mut none = self.none.clone();
        none.extend(other.none.iter().filter(|pattern| !self.none.contains(pattern)));
        none.retain(|none| all.iter().all(|pattern| pattern.overlaps(none)));
        Self { all, none }
    }

    /// Returns sets whose union is this without the other.
    fn minus(&self, other: &Self) -> Vec<Self> {
        let outside = other.all.iter().filter(|pattern| !pattern.is_any()).map(|pattern| {
            let mut left = self.clone();
            left.none.push(pattern);
            left
        });
        outside.chain(other.none.iter().map(|pattern| self.and(&Self::of(pattern)))).collect()
    }

    /// Says whether both may have a text in common: surely not when it says no.
    pub fn overlaps(&self, other: &Self) -> bool {
        let apart = self.all.iter().any(|a| other.all.iter().any(|b| !a.overlaps(b)));
        let taken = |one: &Self, none: &[&Pattern]| one.all.iter().any(|a| none.iter().any(|n| n.includes(a)));
        if apart || taken(self, &other.none) || taken(other, &self.none) {
            return false;
        }
        self.all.len() + other.all.len() == 2 && self.none.is_empty() && other.none.is_empty()
            || self.and(other).is_empty() != Ok(true)
    }

    /// Says whether all of `other` is within this: proven when it says yes.
    pub fn includes(&self, other: &Self) -> bool {
        if let ([wide], [], [narrow], []) = (&self.all[..], &self.none[..], &other.all[..], &other.none[..]) {
            return wide.includes(narrow);
        }
        self == other || other.minus(self).iter().all(|left| left.is_empty() == Ok(true))
    }
}

impl<'a> Clause<'a> {
    fn new(condition: &'a Condition) -> Self {
        Self {
            operator: condition.operator,
            key: condition.key.to_ascii_lowercase(),
            values: condition.values.iter().collect(),
        }
    }
}

impl<'a> Region<'a> {
    /// Says whether an action on a resource is in it, whatever the circumstances.
    pub fn has(&self, action: &str, resource: &str) -> bool {
        self.actions.has(action) && self.resources.has(resource)
    }

    /// Takes a statement apart into regions that it is the union of.
    pub fn of(statement: &'a Statement) -> Vec<Self> {
        let resources = match (&statement.resources, &statement.principals) {
            (Some(resources), _) => Texts::among(resources, |pattern| pattern),
            (None, Some(principals)) => Texts::whom(principals),
            (None, None) => vec![Texts::everything()],
        };
        let clauses: BTreeMap<_, _> = statement.conditions.iter().map(|c| (Clause::new(c), c)).collect();
        let mut regions = Vec::new();
        for actions in Texts::among(&statement.actions, |pattern| pattern) {
            for resources in &resources {
                let clauses = clauses.clone();
                regions.push(Self { actions: actions.clone(), resources: resources.clone(), clauses });
            }
        }
        regions
    }

    /// Returns all requests.
    pub fn everything() -> Self {
        let (actions, resources) = (Texts::everything(), Texts::everything());
        Self { actions, resources, clauses: BTreeMap::new() }
    }

    /// Returns what is in both.
    pub fn and(&self, other: &Self) -> Self {
        Self {
            actions: self.actions.and(&other.actions),
            resources: self.resources.and(&other.resources),
            clauses: self.clauses.iter().chain(&other.clauses).map(|(clause, said)| (clause.clone(), *said)).collect(),
        }
    }

    pub fn overlaps(&self, other: &Self) -> bool {
        self.actions.overlaps(&other.actions) && self.resources.overlaps(&other.resources)
    }

    /// Says whether every condition of this is one of `other`.
    pub fn asks_no_more_than(&self, other: &Self) -> bool {
        self.clauses.keys().all(|clause| other.clauses.contains_key(clause))
    }

    /// Says whether all of `other` is within this: proven when it says yes.
    pub fn includes(&self, other: &Self) -> bool {
        self.asks_no_more_than(other)
            && self.actions.includes(&other.actions)
            && self.resources.includes(&other.resources)
    }

    /// Says whether `others` together leave nothing of this: proven when it says yes. One that asks for
    /// more conditions than this covers nothing here, as nobody knows whether they hold.
    pub fn is_covered_by(&self, others: &[&Region<'a>]) -> bool {
        let sure: Vec<&Region> = others.iter().copied().filter(|o| o.asks_no_more_than(self)).collect();
        if sure.iter().any(|one| one.includes(self)) {
            return true;
        }
        // One request that none of them has disproves it, and is soon found.
        let (action, resource) = (self.actions.unlikely_text(), self.resources.unlikely_text());
        sure.iter().any(|one| one.actions.has(&action) && one.resources.has(&resource))
            && covered(self.actions.clone(), &self.resources, &sure, &mut STEPS.clone()) == Ok(true)
    }
}

/// Takes one region after the other away from `actions` × `resources`, outside by action first.
fn covered<'a>(
    actions: Texts<'a>,
    resources: &Texts<'a>,
    others: &[&Region<'a>],
    steps: &mut usize,
) -> Result<bool, TooLarge> {
    *steps = steps.checked_sub(1).ok_or(TooLarge)?;
    if actions.is_empty()? || resources.is_empty()? {
        return Ok(true);
    }
    let Some((first, rest)) = others.split_first() else { return Ok(false) };
    if !actions.overlaps(&first.actions) || !resources.overlaps(&first.resources) {
        return covered(actions, resources, rest, steps);
    }
    for outside in actions.minus(&first.actions) {
        if !covered(outside, resources, rest, steps)? {
            return Ok(false);
        }
    }
    let inside = actions.and(&first.actions);
    for left in resources.minus(&first.resources) {
        if !covered(inside.clone(), &left, rest, steps)? {
            return Ok(false);
        }
    }
    Ok(true)
}
