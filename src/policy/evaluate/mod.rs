//! Whether policies allow a request: "Policy evaluation logic" for identity policies with a boundary, and for
//! trust policies. Control policies, session policies and the policies of resources are not looked at.
//!
//! Documents are read once, into [`Policy`], and asked often.

mod address;
mod condition;
mod explain;
mod number;
mod principal;
mod request;
#[cfg(test)]
mod tests;

pub use condition::holds;
pub use explain::explain;
pub use request::{Context, Request};

use serde_json::Value as Json;

use super::canonical::statements;
use super::statement::{self, Among, Effect, Statement, Unreadable};
use super::{Document, Host, validate};

/// A document that can be evaluated.
#[derive(Clone, Debug)]
pub struct Policy {
    pub statements: Vec<Statement>,
}

impl Policy {
    /// Reads a document. The error names what AWS would not take, where nobody can say what it would mean.
    pub fn read(document: &Document, host: Host) -> Result<Self, Vec<Unreadable>> {
        let mut unreadable: Vec<Unreadable> = Vec::new();
        let mut statements = Vec::new();
        for read in statement::read(document) {
            match read {
                Ok(statement) if host != Host::Trust && statement.resources.is_none() => {
                    unreadable.push(Unreadable { index: statement.index, why: "it says no `Resource`".to_owned() });
                }
                Ok(statement) => statements.push(statement),
                Err(why) => unreadable.push(why),
            }
        }
        if unreadable.is_empty() {
            unreadable.extend(faults(document, host));
        }
        if unreadable.is_empty() { Ok(Self { statements }) } else { Err(unreadable) }
    }

    /// Reads a document of whichever kind: what names principals is a trust policy or is attached to a resource.
    pub fn read_any(document: &Document) -> Result<Self, Vec<Unreadable>> {
        let says = |elements: [&str; 2]| {
            let has = |statement: &Json| elements.iter().any(|element| statement.get(element).is_some());
            statements(document.json()).any(has)
        };
        let names = says(["Principal", "NotPrincipal"]);
        match says(["Resource", "NotResource"]) {
            _ if !names => Self::read(document, Host::InlineUser),
            false => Self::read(document, Host::Trust),
            true => Self::read_attached(document),
        }
    }

    /// Reads the policy of a resource. It may say all that another one may, so a fault is what is one in each.
    fn read_attached(document: &Document) -> Result<Self, Vec<Unreadable>> {
        let [Err(identity), Err(trust)] = [Host::InlineUser, Host::Trust].map(|host| Self::read(document, host)) else {
            return Self::read(document, Host::InlineUser);
        };
        let faults: Vec<Unreadable> = identity.into_iter().filter(|fault| trust.contains(fault)).collect();
        if !faults.is_empty() {
            return Err(faults);
        }
        Ok(Self { statements: statement::read(document).into_iter().flatten().collect() })
    }
}

/// Returns what is wrong with the elements of a document. What AWS merely does not know, such as an action, or
/// refuses for its size or Sid, still has a meaning.
fn faults(document: &Document, host: Host) -> impl Iterator<Item = Unreadable> {
    let faults = validate(document.json(), host).into_iter();
    let faults = faults.filter(|fault| matches!(fault.code, "policy-syntax" | "policy-elements"));
    faults.map(|fault| {
        let index = fault.path.iter().find_map(|segment| match segment {
            super::PathSegment::Index(index) => Some(*index),
            super::PathSegment::Key(_) => None,
        });
        Unreadable { index: index.unwrap_or(0), why: fault.detail }
    })
}

/// What comes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Decision {
    Allowed,
    /// Nothing allows it, or the boundary does not.
    ImplicitDeny,
    /// A statement denies it, whatever allows it.
    ExplicitDeny,
}

impl Decision {
    /// Returns the name that AWS's policy simulator has for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Decision::Allowed => "allowed",
            Decision::ImplicitDeny => "implicitDeny",
            Decision::ExplicitDeny => "explicitDeny",
        }
    }
}

/// A decision and the statements it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    pub decision: Decision,
    /// The denying statements of an explicit deny; else those that allow, which may not suffice.
    pub matched: Vec<Match>,
}

/// A statement that covers the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Match {
    pub of: Source,
    /// Its place in the document, from 0.
    pub statement: usize,
}

/// The policy that a statement stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// One of the policies, from 0.
    Policy(usize),
    Boundary,
}

/// Decides about a request: an explicit deny anywhere, else an allow in a policy and, if there is one, in the
/// boundary.
pub fn evaluate(policies: &[Policy], boundary: Option<&Policy>, request: &Request) -> Verdict {
    let (mut allows, mut denies) = (Vec::new(), Vec::new());
    for (of, policy) in sources(policies, boundary) {
        for statement in policy.statements.iter().filter(|statement| applies(statement, request)) {
            let matched = Match { of, statement: statement.index };
            match statement.effect {
                Effect::Allow => allows.push(matched),
                Effect::Deny => denies.push(matched),
            }
        }
    }
    if !denies.is_empty() {
        return Verdict { decision: Decision::ExplicitDeny, matched: denies };
    }
    let by_policy = allows.iter().any(|matched| matched.of != Source::Boundary);
    let by_boundary = boundary.is_none() || allows.iter().any(|matched| matched.of == Source::Boundary);
    let decision = if by_policy && by_boundary { Decision::Allowed } else { Decision::ImplicitDeny };
    Verdict { decision, matched: allows }
}

fn sources<'p>(policies: &'p [Policy], boundary: Option<&'p Policy>) -> impl Iterator<Item = (Source, &'p Policy)> {
    let policies = policies.iter().enumerate().map(|(index, policy)| (Source::Policy(index), policy));
    policies.chain(boundary.map(|policy| (Source::Boundary, policy)))
}

/// Says whether a statement takes effect on a request.
fn applies(statement: &Statement, request: &Request) -> bool {
    covers_action(statement, request)
        && covers_resource(statement, request)
        && covers_principal(statement, request)
        && statement.conditions.iter().all(|condition| holds(condition, request.context()))
}

fn covers_action(statement: &Statement, request: &Request) -> bool {
    statement.actions.has(|pattern| pattern.matches(request.action()))
}

fn covers_resource(statement: &Statement, request: &Request) -> bool {
    let Some(resources) = &statement.resources else { return true };
    resources.has(|pattern| {
        condition::resolved(pattern, request.context()).is_some_and(|pattern| pattern.matches(request.resource()))
    })
}

fn covers_principal(statement: &Statement, request: &Request) -> bool {
    match (&statement.principals, request.principal()) {
        (None, _) => true,
        (Some(principals), Some(caller)) => principal::concerns(principals, caller),
        // Somebody unknown: only who means everybody means them.
        (Some(Among::Only(named)), None) => named.iter().any(|named| named.kind == "AWS" && named.name == "*"),
        (Some(Among::Except(_)), None) => true,
    }
}
