//! Why a decision is as it is, in words.

use std::fmt::Write;

use super::condition::{holds, resolved};
use super::{
    Decision, Match, Policy, Request, Source, Verdict, covers_action, covers_principal, covers_resource, evaluate,
    sources,
};
use crate::policy::condition::{Condition, Test};
use crate::policy::statement::{Effect, Statement};

/// Says which statements decided and, where the request is not allowed, which come near to it and what is in
/// their way. `name` gives the name of a policy.
pub fn explain(
    policies: &[Policy],
    boundary: Option<&Policy>,
    request: &Request,
    name: &dyn Fn(Source) -> String,
) -> Vec<String> {
    let Verdict { decision, matched } = evaluate(policies, boundary, request);
    let (mut decisive, mut near) = (Vec::new(), Vec::new());
    for (of, policy) in sources(policies, boundary) {
        for statement in &policy.statements {
            let label = label(statement, &name(of));
            if matched.contains(&Match { of, statement: statement.index }) {
                let does = if statement.effect == Effect::Deny { "denies it" } else { "allows it" };
                decisive.push(format!("{label} {does}"));
            } else if statement.effect == Effect::Allow && covers_action(statement, request) {
                near.extend(obstacle(statement, request).map(|why| format!("{label} does not allow it: {why}")));
            }
        }
    }
    if decision != Decision::ImplicitDeny {
        return decisive;
    }
    let by_boundary = matched.iter().any(|matched| matched.of == Source::Boundary);
    let lacks = match (boundary, matched.is_empty()) {
        (Some(_), false) if by_boundary => Some("no policy allows it, and a boundary grants nothing"),
        (Some(_), false) => Some("the boundary does not allow it"),
        _ if near.is_empty() => Some("no statement allows this action"),
        _ => None,
    };
    decisive.into_iter().chain(near).chain(lacks.map(str::to_owned)).collect()
}

fn label(statement: &Statement, policy: &str) -> String {
    match &statement.sid {
        Some(sid) => format!("{sid} of {policy}"),
        None => format!("statement {} of {policy}", statement.index + 1),
    }
}

/// Returns what keeps a statement that covers the action from taking effect.
fn obstacle(statement: &Statement, request: &Request) -> Option<String> {
    if !covers_resource(statement, request) {
        return Some(format!("{} is not among its resources", request.resource()));
    }
    if !covers_principal(statement, request) {
        return Some(match request.principal() {
            Some(caller) => format!("{} is not among its principals", caller.name),
            None => "it does not mean everybody".to_owned(),
        });
    }
    let failed = statement.conditions.iter().find(|condition| !holds(condition, request.context()))?;
    Some(failure(failed, request))
}

/// Says why a condition fails.
fn failure(condition: &Condition, request: &Request) -> String {
    let Condition { operator, key, values } = condition;
    let said = request.context().values(key);
    let mut text = format!("{operator} {key}: ");
    let quoted = |texts: &[String]| texts.iter().map(|text| format!("`{text}`")).collect::<Vec<_>>().join(", ");
    if operator.test == Test::Null {
        let wanted: Vec<&str> = values.iter().map(|value| value.as_str()).collect();
        let is = if said.is_empty() { "absent from the request" } else { "in the request" };
        let _ = write!(text, "the policy says {}, and the key is {is}", wanted.join(", "));
        return text;
    }
    if said.is_empty() {
        text += "the request does not say it";
        return text;
    }
    let wanted: Vec<String> = values.iter().map(|value| value.as_str().to_owned()).collect();
    let _ = write!(text, "the request says {}, the policy {}", quoted(said), quoted(&wanted));
    let unknown = values.iter().filter(|value| resolved(value, request.context()).is_none());
    for value in unknown {
        let _ = write!(text, "; the request gives `{value}` no value");
    }
    text
}
