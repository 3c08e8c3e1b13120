//! What a reviewer has to look at twice. Readers of the change list, each on its own.

use std::collections::BTreeSet;

use super::{Change, First, Step};
use crate::model::{Account, Attributes, ObjectId, Value};
use crate::policy::{Grant, grants};

/// Returns the dangers of one step, each a sentence. `boundaries` are the policies that only bound: what
/// they allow, they grant to nobody.
pub fn of(step: &Step, account: &Account, boundaries: &BTreeSet<ObjectId>) -> Vec<String> {
    let mut found = Vec::new();
    found.extend(gap(step));
    found.extend(room(step));
    if step.made.as_ref().is_none_or(|made| !boundaries.contains(made)) {
        found.extend(escalation(step));
    }
    found.extend(attached(step));
    found.extend(outside_principals(step, account));
    found
}

/// A replacement that deletes first leaves a moment without the object.
fn gap(step: &Step) -> Option<String> {
    let Change::Replace { first: First::Delete, because, .. } = &step.change else { return None };
    let id = step.removed.as_ref()?;
    Some(format!("{id} is gone for a moment while it is replaced: {because}"))
}

/// A full owner is for a moment without what goes and without what comes.
fn room(step: &Step) -> Option<String> {
    let next = step.makes_room_for.as_ref()?;
    Some(format!("goes before {next} comes: AWS allows no more of them at a time"))
}

/// Actions with which a principal gives itself what it does not have. The known ways all need one of them.
const ESCALATING: [&str; 12] = [
    "iam:AddUserToGroup",
    "iam:AttachGroupPolicy",
    "iam:AttachRolePolicy",
    "iam:AttachUserPolicy",
    "iam:CreateAccessKey",
    "iam:CreateLoginProfile",
    "iam:CreatePolicyVersion",
    "iam:PassRole",
    "iam:PutRolePolicy",
    "iam:PutUserPolicy",
    "iam:SetDefaultPolicyVersion",
    "iam:UpdateAssumeRolePolicy",
];

/// A document that newly allows everything, or on every resource what leads to everything.
fn escalation(step: &Step) -> Option<String> {
    let granted = |attributes: Option<&Attributes>| {
        attributes.and_then(|a| a.get("document")).and_then(Value::document).map(grants).unwrap_or_default()
    };
    let (before, after) = (granted(step.change.before()), granted(step.change.after()));
    let new: Vec<&Grant> = after.difference(&before).collect();
    let all = |grant: &&Grant| grant.resource == "*" && ["*", "*:*"].iter().any(|all| grant.allows_everywhere(all));
    if new.iter().any(all) {
        return Some("allows every action on every resource".to_owned());
    }
    let leads: Vec<&str> =
        ESCALATING.into_iter().filter(|action| new.iter().any(|grant| grant.allows_everywhere(action))).collect();
    let leads_to = "on every resource, which is enough to gain any permission";
    (!leads.is_empty()).then(|| format!("allows {} {leads_to}", leads.join(", ")))
}

/// Policies of AWS's that allow everything, or to allow oneself everything.
const ALMIGHTY: [&str; 2] = ["AdministratorAccess", "IAMFullAccess"];

/// An attachment of one of those.
fn attached(step: &Step) -> Option<String> {
    let arn = |attributes: Option<&Attributes>| {
        attributes.and_then(|a| a.get("policy_arn")).and_then(Value::text).map(str::to_owned)
    };
    let after = arn(step.change.after())?;
    let name =
        ALMIGHTY.into_iter().find(|name| after.contains(":aws:policy/") && after.ends_with(&format!("/{name}")))?;
    (arn(step.change.before()).as_ref() != Some(&after)).then(|| format!("{name} is enough to gain any permission"))
}

/// A trust policy that newly names somebody of another account.
fn outside_principals(step: &Step, account: &Account) -> Vec<String> {
    let trusted = |attributes: Option<&Attributes>| -> Vec<String> {
        let trust = attributes.and_then(|a| a.get("trust")).and_then(Value::document);
        trust.into_iter().flat_map(|document| document.principals("AWS")).map(str::to_owned).collect()
    };
    let before = trusted(step.change.before());
    let outside = |principal: &String| {
        let of = principal.split(':').nth(4).unwrap_or(principal);
        principal == "*" || (of.len() == 12 && of.chars().all(|c| c.is_ascii_digit()) && of != account.id)
    };
    let new =
        trusted(step.change.after()).into_iter().filter(|principal| !before.contains(principal) && outside(principal));
    new.map(|principal| match principal.as_str() {
        "*" => "trusts everybody in every account".to_owned(),
        _ => format!("trusts a principal outside this account: {principal}"),
    })
    .collect()
}
