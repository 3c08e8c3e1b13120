//! What becomes allowed, and what stops being so, when policies change: on patterns, not on samples.
//!
//! A request is allowed when a statement allows it, the boundary (if there is one) allows it too, and no
//! statement of either denies it ("Policy evaluation logic" in the IAM User Guide). So what a change adds
//! is what the policies allow after it, without
//!
//! - what they allowed before: taken away from each new grant;
//! - what is denied after: the same;
//!
//! and what was allowed before yet denied, or outside the boundary, is added where it no longer is. What is
//! removed is what the change back would add. Conditions compare as wholes: a statement that asks for the same
//! conditions or more is within the other, and of any other two nobody knows which holds.
//!
//! What cannot be seen from here is left out: [`LEFT_OUT`].

pub mod escalation;
mod gain;
mod line;
mod region;

use std::collections::BTreeSet;

use gain::Gain;
pub use line::{Line, Precision};
use region::Region;

use super::Document;
use super::statement::{self, Effect, Statement, Unreadable};

/// What also decides about a request and cannot be seen from here.
pub const LEFT_OUT: [&str; 4] = ["SCPs", "RCPs", "session policies", "policies of resources"];

/// What a principal has: the policies that count together.
#[derive(Clone, Debug, Default)]
pub struct Holding {
    policies: Policies,
    boundary: Option<Policies>,
}

#[derive(Clone, Debug, Default)]
struct Policies {
    statements: Vec<Statement>,
    /// Policies whose text nobody has read, by their names.
    unread: BTreeSet<String>,
    /// Of those, the ones that are known to hold nothing but Denies.
    unread_denials: BTreeSet<String>,
    unreadable: Vec<Unreadable>,
}

/// What a change makes of permissions. Both empty: proven to be no change at all.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Difference {
    pub added: Vec<Line>,
    pub removed: Vec<Line>,
}

impl Difference {
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty()
    }
}

impl Holding {
    /// Adds a policy whose document is known.
    pub fn policy(mut self, document: &Document) -> Self {
        self.policies.add(document);
        self
    }

    /// Adds a policy of which only the name is known.
    pub fn unread_policy(mut self, name: &str) -> Self {
        self.policies.unread.insert(name.to_owned());
        self
    }

    /// Adds a policy of which only the name is known, and that it only denies.
    pub fn unread_denial(mut self, name: &str) -> Self {
        self.policies.unread_denials.insert(name.to_owned());
        self
    }

    pub fn boundary(mut self, document: &Document) -> Self {
        self.boundary.get_or_insert_default().add(document);
        self
    }

    pub fn unread_boundary(mut self, name: &str) -> Self {
        self.boundary.get_or_insert_default().unread.insert(name.to_owned());
        self
    }

    /// Says whether no policy grants anything, as far as was read.
    pub fn is_nothing(&self) -> bool {
        let is_read = self.policies.unread.is_empty() && self.all().all(|policies| policies.unreadable.is_empty());
        is_read && self.granted().is_empty()
    }

    fn all(&self) -> impl Iterator<Item = &Policies> {
        std::iter::once(&self.policies).chain(&self.boundary)
    }

    /// Says whether it is about who may assume a role.
    fn is_trust(&self) -> bool {
        let mut statements = self.all().flat_map(|policies| &policies.statements);
        statements.any(|statement| statement.principals.is_some() && statement.resources.is_none())
    }

    fn unread_bounds(&self) -> Option<String> {
        let names = self.boundary.as_ref()?.unread_names()?;
        Some(format!("what is not allowed by the boundary {names}"))
    }

    fn unreadable_names(&self) -> Option<String> {
        let unreadable = self.all().flat_map(|policies| &policies.unreadable);
        let numbers: Vec<String> = unreadable.map(|statement| (statement.index + 1).to_string()).collect();
        let statements = if numbers.len() == 1 { "statement" } else { "statements" };
        (!numbers.is_empty()).then(|| format!("{statements} {}", numbers.join(", ")))
    }

    fn denied(&self) -> Vec<Region<'_>> {
        self.all().flat_map(|policies| policies.regions(Effect::Deny)).collect()
    }

    /// Returns what is granted, before anything is denied.
    fn granted(&self) -> Vec<Region<'_>> {
        let granted = self.policies.regions(Effect::Allow);
        let Some(boundary) = &self.boundary else { return granted };
        let bounds = boundary.regions(Effect::Allow);
        // One that nobody has read may let everything through.
        if !boundary.unread.is_empty() {
            return granted;
        }
        let pairs = granted.iter().flat_map(|grant| bounds.iter().map(move |bound| (grant, bound)));
        pairs.filter(|(grant, bound)| grant.overlaps(bound)).map(|(grant, bound)| grant.and(bound)).collect()
    }
}

impl Policies {
    fn add(&mut self, document: &Document) {
        for statement in statement::read(document) {
            match statement {
                Ok(statement) => self.statements.push(statement),
                Err(unreadable) => self.unreadable.push(unreadable),
            }
        }
    }

    fn unread_names(&self) -> Option<String> {
        let names: Vec<&str> = self.unread.iter().map(String::as_str).collect();
        (!names.is_empty()).then(|| names.join(", "))
    }

    fn regions(&self, effect: Effect) -> Vec<Region<'_>> {
        self.statements.iter().filter(|statement| statement.effect == effect).flat_map(Region::of).collect()
    }
}

/// Compares what two documents allow by themselves. A Deny in them counts for whatever else may be allowed.
pub fn of_documents(before: Option<&Document>, after: Option<&Document>) -> Difference {
    let holding = |document: Option<&Document>| document.map(|d| Holding::default().policy(d)).unwrap_or_default();
    let (before, after) = (holding(before), holding(after));
    // Who may assume a role is in its trust policy alone.
    let elsewhere = (!before.is_trust() && !after.is_trust()).then_some("other policies");
    Difference { added: gained(&before, &after, elsewhere), removed: gained(&after, &before, elsewhere) }
}

/// Compares what a principal may do.
pub fn of_holdings(before: &Holding, after: &Holding) -> Difference {
    let added = gained(before, after, after.policies.unread_names().as_deref());
    let removed = gained(after, before, before.policies.unread_names().as_deref());
    Difference { added, removed }
}

/// Returns the indexes of the requests, each an action in any letter case and a resource, that may be allowed before and
/// not after.
/// Circumstances are not known, so a permission that asks for some counts as one that is there.
pub fn lost(before: &Holding, after: &Holding, requests: &[(String, String)]) -> Vec<usize> {
    const ALL: &str = "AdministratorAccess";
    let gain = Gain::new(after, before);
    let pieces = gain.pieces();
    let (granted, denied) = (after.granted(), after.denied());
    let unread: Vec<&String> = before.policies.unread.difference(&after.policies.unread).collect();
    let is_lost = |(action, resource): &(String, String)| {
        // Patterns of actions are in lower case.
        let action = action.to_ascii_lowercase();
        let has = |region: &Region| region.clauses.is_empty() && region.has(&action, resource);
        let stays = !denied.iter().any(|region| region.has(&action, resource))
            && (granted.iter().any(has) || after.policies.unread.contains(ALL));
        let gone = |piece: &gain::Piece| piece.region.has(&action, resource) && !piece.except.iter().any(has);
        !stays && (!unread.is_empty() || pieces.iter().any(gone))
    };
    requests.iter().enumerate().filter(|(_, request)| is_lost(request)).map(|(index, _)| index).collect()
}

/// Returns what `to` allows and `from` does not. `elsewhere` names what may allow more in `to` than its
/// statements say.
fn gained(from: &Holding, to: &Holding, elsewhere: Option<&str>) -> Vec<Line> {
    let gain = Gain::new(from, to);
    let mut lines = gain.lines(&gain.pieces());
    for limit in limits(from, to) {
        lines = lines.into_iter().map(|line| line.beside(&limit)).collect();
    }
    if let Some(elsewhere) = elsewhere {
        let limit = format!("what is not allowed by {elsewhere}");
        lines.extend(gain.lines(&gain.lifted_elsewhere()).into_iter().map(|line| line.beside(&limit)));
    }
    // What nobody has read may allow all that a boundary lets through.
    let kept: Vec<&str> = to.policies.unread.intersection(&from.policies.unread).map(String::as_str).collect();
    if !kept.is_empty() {
        let limit = format!("what is not allowed by {}", kept.join(", "));
        lines.extend(gain.lines(&gain.unbound()).into_iter().map(|line| line.beside(&limit)));
    }
    lines.extend(unknown(from, to));
    lines.sort();
    lines.dedup();
    lines
}

/// What is not gained of all that statements say, as nobody has read more: it may have been there, or be denied now.
fn limits(from: &Holding, to: &Holding) -> impl Iterator<Item = String> {
    let allowed = from.policies.unread_names().map(|names| {
        let allow = if from.policies.unread.len() == 1 { "allows" } else { "allow" };
        format!("what {names} {allow}")
    });
    let said = from.unreadable_names().map(|names| format!("what {names} may allow, which cannot be read"));
    let says = to.unreadable_names().map(|names| format!("what {names} may deny, which cannot be read"));
    [allowed, to.unread_bounds(), said, says].into_iter().flatten()
}

/// What nobody can say without reading more.
fn unknown(from: &Holding, to: &Holding) -> Vec<Line> {
    let unread = to.policies.unread.difference(&from.policies.unread).map(|name| format!("what {name} allows"));
    let bounds = |holding: &Holding| holding.boundary.as_ref().map(|bounds| bounds.unread.clone()).unwrap_or_default();
    let (bounds_before, bounds_after) = (bounds(from), bounds(to));
    let unbound =
        bounds_before.difference(&bounds_after).map(|name| format!("what the boundary {name} does not allow"));
    let denials = from.policies.unread_denials.difference(&to.policies.unread_denials);
    let lifted = denials.map(|name| format!("what {name} denies, where something else allows it"));
    let unreadable = to.all().flat_map(|policies| &policies.unreadable);
    let unreadable = unreadable.map(|Unreadable { index, why }| format!("statement {}: {why}", index + 1));
    unread.chain(unbound).chain(lifted).chain(unreadable).map(Line::unknown).collect()
}

#[cfg(test)]
mod tests;
