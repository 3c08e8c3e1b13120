//! What AWS takes and a reader should look at twice: slips that make a statement grant nothing, conditions
//! that enforce nothing, and permissions that lead to all others.
//!
//! A finding says what is so, never what might be: what the reference does not know is said with its date,
//! and what cannot be judged (a policy variable, a placeholder) is left alone. The rules each have a page of the
//! IAM User Guide or of the Service Authorization Reference behind them.

mod actions;
mod arn;
mod conditions;
mod escalation;
mod powers;
mod resources;
mod role;
mod statement;
mod tokens;
mod trust;
mod whole;

use super::spot::Spot;
use super::{Document, Host};
use crate::model::PathSegment;
pub use role::{of_role, same_sids};
pub use trust::is_anybody;

/// Something to look at in a document that AWS takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Stable, kebab-case; one of [`CODES`].
    pub code: &'static str,
    pub weight: Weight,
    /// What is so, in one sentence without a full stop.
    pub message: String,
    /// What to write instead.
    pub fix: String,
    /// The way to the node that it is about.
    pub path: Vec<PathSegment>,
}

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// For a reviewer of this document: it may well be meant.
    Advice,
    /// It does not do what it says, or it gives away more than it says.
    Warning,
}

/// Every code with its weight, and what it says.
pub const CODES: &[(&str, Weight, &str)] = &[
    ("bad-pattern-for-mfa", Weight::Warning, "an Allow that holds without a second factor"),
    ("create-on-id", Weight::Warning, "making something limited to an id, which AWS chooses"),
    ("credentials-exposure", Weight::Advice, "actions on `*` that answer with credentials"),
    ("eks-service-for-pods", Weight::Warning, "`eks.amazonaws.com` is the control plane, not the pods"),
    ("if-exists-on-tag", Weight::Warning, "`…IfExists` on a tag allows what lacks the tag"),
    ("log-group-missed", Weight::Warning, "`/aws/batch/job/*` leaves out `/aws/batch/job`"),
    ("managed-policy-path", Weight::Warning, "the ARN of an AWS managed policy without its path"),
    ("mismatched-type", Weight::Warning, "an operator or a value that does not fit the condition key"),
    ("mismatched-type-but-usable", Weight::Advice, "a string operator on an ARN"),
    ("notaction-with-allow", Weight::Advice, "an Allow of everything but"),
    ("notprincipal-with-allow", Weight::Warning, "an Allow for everybody but"),
    ("notresource-with-allow", Weight::Advice, "an Allow on everything but"),
    ("oidc-audience-slip", Weight::Warning, "an audience that is nearly that of STS"),
    ("oidc-issuer-mismatch", Weight::Warning, "a condition on another issuer than the one that is trusted"),
    ("oidc-session-refused", Weight::Warning, "a role for Seqera's tokens that may not be taken as Seqera takes it"),
    ("oidc-subject-slip", Weight::Warning, "a subject that no pod has"),
    ("oidc-without-subject", Weight::Warning, "an OIDC provider trusted whoever the subject is"),
    ("pass-role-on-star", Weight::Warning, "`iam:PassRole` on every role to every service"),
    ("permissions-management-actions", Weight::Advice, "actions on `*` that change who may do what"),
    ("privilege-escalation", Weight::Warning, "actions that are enough to gain any permission"),
    ("public-trust", Weight::Warning, "everybody in every account may assume the role"),
    ("resource-effectively-star", Weight::Advice, "a resource that is every one of its type"),
    ("resource-mismatch", Weight::Warning, "actions that are not on any of the statement's resources"),
    ("resource-policy-privilege-escalation", Weight::Advice, "a bucket's own policy may be changed"),
    ("resource-star", Weight::Advice, "`*` for actions that could be limited to resources"),
    ("sid-clash", Weight::Warning, "two documents of one owner with the same Sid"),
    ("sid-misleads", Weight::Advice, "a Sid that names a service the statement does not trust"),
    ("tagging-missed", Weight::Advice, "something may be made and, with tags, is refused"),
    ("trust-lacks-service", Weight::Warning, "a policy made for a service that the role does not trust"),
    ("trust-without-external-id", Weight::Warning, "another account trusted without `sts:ExternalId`"),
    ("unknown-action", Weight::Warning, "no such action, or a pattern that matches none"),
    ("unknown-condition-for-action", Weight::Warning, "a condition key that the action's requests do not carry"),
    ("unknown-service", Weight::Warning, "no such service"),
    ("variables-without-version", Weight::Warning, "`${…}` is taken literally without Version 2012-10-17"),
];

/// Returns what there is to look at in a document, wherever it is used.
pub fn findings(document: &Document, host: Host) -> Vec<Finding> {
    in_account(document, host, None)
}

/// Returns what there is to look at in a document of this account: who is outside follows from it.
pub fn in_account(document: &Document, host: Host, account: Option<&str>) -> Vec<Finding> {
    let mut found = Found::default();
    let root = Spot::root(document.json());
    let statements = statement::all(&root);
    for statement in &statements {
        actions::check(statement, &mut found);
        resources::check(statement, &mut found);
        conditions::check(statement, host, &mut found);
        if host == Host::Trust {
            trust::check(statement, account, &mut found);
            tokens::check(statement, &mut found);
        }
    }
    if host == Host::Trust {
        trust::together(&statements, &mut found);
        tokens::together(&statements, &mut found);
    } else {
        escalation::check(&statements, &mut found);
        powers::check(&statements, &mut found);
        resources::tagging(&statements, &mut found);
    }
    whole::check(&root, &statements, &mut found);
    found.0
}

/// Says whether a document lets every role be passed to every service.
pub fn passes_every_role(document: &Document) -> bool {
    let root = Spot::root(document.json());
    escalation::passes_every_role(&statement::all(&root))
}

/// Says whether a manifest may name the code, as in `ignore: [findings.resource-mismatch]`.
pub fn is_code(code: &str) -> bool {
    CODES.iter().any(|(known, ..)| *known == code)
}

/// Collects findings.
#[derive(Default)]
struct Found(Vec<Finding>);

impl Found {
    fn add(&mut self, code: &'static str, at: &Spot, message: String, fix: impl Into<String>) {
        let weight = CODES.iter().find(|(known, ..)| *known == code).map_or(Weight::Warning, |(_, weight, _)| *weight);
        self.weighed(code, weight, at, message, fix);
    }

    fn advise(&mut self, code: &'static str, at: &Spot, message: String, fix: impl Into<String>) {
        self.weighed(code, Weight::Advice, at, message, fix);
    }

    fn weighed(&mut self, code: &'static str, weight: Weight, at: &Spot, message: String, fix: impl Into<String>) {
        self.0.push(Finding { code, weight, message, fix: fix.into(), path: at.path.clone() });
    }
}

/// Returns names as a sentence takes them, at most three: "`a`, `b` and 4 more".
fn listed<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    const SHOWN: usize = 3;
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match names.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        many if many.len() <= SHOWN => {
            let (last, first) = (&many[many.len() - 1], &many[..many.len() - 1]);
            format!("{} and {last}", first.join(", "))
        }
        many => format!("{} and {} more", many[..SHOWN].join(", "), many.len() - SHOWN),
    }
}

#[cfg(test)]
mod tests;
