//! Who may assume a role: "How to use an external ID when granting access to your AWS resources to a third
//! party", "The confused deputy problem", "Create a role for OpenID Connect federation".

use super::super::spot::Spot;
use super::statement::{Condition, Statement};
use super::{Found, listed};

/// Seqera Cloud's own account, which is outside whichever account the role is in.
const SEQERA: &str = "161471496260";

/// Services that run what users bring, so that a role which they may assume is one of a workload.
const WORKLOADS: &[&str] =
    &["ec2.amazonaws.com", "ecs-tasks.amazonaws.com", "ecs.amazonaws.com", "lambda.amazonaws.com"];

/// Keys that keep other accounts out, or to some of them.
const NARROWING: &[&str] = &[
    "sts:ExternalId",
    "aws:PrincipalOrgID",
    "aws:PrincipalOrgPaths",
    "aws:SourceAccount",
    "aws:SourceOrgID",
    "aws:SourceArn",
];

/// Names of services as Sids spell them.
const SERVICES: &[&str] = &["ec2", "ecs", "eks", "lambda", "batch", "spotfleet"];

pub(super) fn check(statement: &Statement, account: Option<&str>, found: &mut Found) {
    if let (true, Some(spot)) = (statement.allows, statement.spot.get("NotPrincipal")) {
        let message = "`NotPrincipal` with Allow trusts everybody else".to_owned();
        found.add("notprincipal-with-allow", &spot, message, "list who is meant under `Principal`");
    }
    if !statement.allows {
        return;
    }
    if grants(statement, "sts:AssumeRole") {
        outside(statement, account, found);
    }
    if grants(statement, "sts:AssumeRoleWithWebIdentity") {
        issuers(statement, found);
    }
    sid(statement, found);
}

fn grants(statement: &Statement, action: &str) -> bool {
    statement.actions.iter().any(|entry| entry.covers(action))
}

/// Returns the principals of one kind.
fn principals<'a>(statement: &Statement<'a>, kind: &str) -> Vec<(Spot<'a>, &'a str)> {
    let Some(element) = statement.spot.get("Principal") else { return Vec::new() };
    let named = match element.text() {
        Some(_) if kind == "AWS" => Some(element),
        Some(_) => None,
        None => element.get(kind),
    };
    let items = named.map(|list| list.one_or_many()).unwrap_or_default();
    items.into_iter().filter_map(|spot| spot.text().map(|text| (spot.clone(), text))).collect()
}

fn outside(statement: &Statement, account: Option<&str>, found: &mut Found) {
    let has = |key: &&str| statement.conditions.iter().any(|condition| condition.is_key(key));
    for (spot, text) in principals(statement, "AWS") {
        let of = text.split(':').nth(4).unwrap_or(text);
        let is_account = of.len() == 12 && of.bytes().all(|b| b.is_ascii_digit());
        let is_outside = is_account && account.map_or(of == SEQERA, |own| own != of);
        if text == "*" && statement.is_unconditional() {
            let message = "everybody in every AWS account may assume the role".to_owned();
            found.add("public-trust", &spot, message, "name the accounts, roles or users that are meant");
        } else if is_outside && !NARROWING.iter().any(has) {
            let message = format!("`{text}` is of another account and may assume the role without an External ID");
            found.add(
                "trust-without-external-id",
                &spot,
                message,
                "add the condition StringEquals sts:ExternalId; in a rule of `trust` it is `external_id`",
            );
        }
    }
}

/// An OIDC provider speaks for many; `ISSUER:sub` says for whom.
fn issuers(statement: &Statement, found: &mut Found) {
    for (spot, arn) in principals(statement, "Federated") {
        let Some((_, issuer)) = arn.split_once(":oidc-provider/") else { continue };
        let key = |name: &str| format!("{issuer}:{name}");
        let other = statement.conditions.iter().find(|condition| {
            let of = condition.key.rsplit_once(':').map_or("", |(of, _)| of);
            of.contains('.') && !of.eq_ignore_ascii_case(issuer)
        });
        if let Some(condition) = other {
            let (of, name) = condition.key.rsplit_once(':').unwrap_or_default();
            let message = format!("`{of}` is not the provider that is trusted, `{issuer}`: its keys are never there");
            found.add("oidc-issuer-mismatch", &condition.spot, message, format!("`{}`", key(name)));
        } else if !statement.conditions.iter().any(|condition| condition.is_key(&key("sub")) && says_whom(condition)) {
            let message = format!("every subject of `{issuer}` may assume the role");
            found.add(
                "oidc-without-subject",
                &spot,
                message,
                format!("add a condition on `{}`; in a rule of `trust` it is `subjects`", key("sub")),
            );
        }
    }
}

/// Says whether a condition on the subject leaves anybody out.
fn says_whom(condition: &Condition) -> bool {
    !condition.operator.contains("Like") || !condition.values.iter().any(|value| is_anybody(value))
}

/// Says whether a pattern of people is all of them: `*`, any pod of a cluster, any repository of GitHub, any address.
pub fn is_anybody(value: &str) -> bool {
    let rest = value.strip_prefix("system:").map_or(value, |rest| rest.strip_prefix("serviceaccount:").unwrap_or(rest));
    let owner = value.strip_prefix("repo:").map(|rest| rest.split(['/', ':']).next().unwrap_or_default());
    let is_wild = |text: &str| !text.is_empty() && text.chars().all(|c| matches!(c, '*' | '?' | ':'));
    is_wild(rest) || owner.is_some_and(is_wild) || value == "0.0.0.0/0"
}

/// A Sid that names a service which the statement does not trust misleads who reads it.
fn sid(statement: &Statement, found: &mut Found) {
    let Some(spot) = statement.spot.get("Sid") else { return };
    let sid = spot.text().unwrap_or_default();
    let services = principals(statement, "Service");
    if !services.is_empty() {
        return;
    }
    // As a word: `AllowEc2AssumeRole`, not `Security2`.
    let names = |service: &&&str| {
        let word = service[..1].to_ascii_uppercase() + &service[1..];
        sid.contains(&word) || sid.contains(&service.to_ascii_uppercase())
    };
    if let Some(service) = SERVICES.iter().find(names) {
        let message = format!("the Sid `{sid}` speaks of {service}, and the statement trusts no service");
        found.add("sid-misleads", &spot, message, "name what is trusted");
    }
}

/// Looks at all statements of a trust policy at once.
pub(super) fn together(statements: &[Statement], found: &mut Found) {
    let allowing = || statements.iter().filter(|statement| statement.allows);
    let trusted: Vec<(Spot, &str)> = allowing().flat_map(|statement| principals(statement, "Service")).collect();
    let workloads: Vec<&str> = trusted.iter().map(|(_, name)| *name).filter(|name| WORKLOADS.contains(name)).collect();
    let Some((spot, _)) = trusted.iter().find(|(_, name)| *name == "eks.amazonaws.com") else { return };
    if !workloads.is_empty() {
        let message = format!(
            "`eks.amazonaws.com` is the control plane of EKS; beside {} it is probably meant for pods, which cannot assume the role by it",
            listed(workloads)
        );
        let fix = "trust the cluster's OIDC provider, or `pods.eks.amazonaws.com` with sts:TagSession";
        found.add("eks-service-for-pods", spot, message, fix);
    }
}
