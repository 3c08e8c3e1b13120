//! Whom a trust policy names. AWS keeps the unique id of each principal and looks its ARN up again when
//! it shows the policy: a role that was deleted shows as `AROA…`, and another one that took its name
//! since is not trusted.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::document;
use crate::policy::Host;
use crate::sandbox::answer::Refusal;
use crate::sandbox::request::Request;
use crate::sandbox::world::{Entity, Role, World};

/// A trust policy that AWS takes, and the ids of the roles that it names.
pub struct Trust {
    pub document: Json,
    pub ids: BTreeMap<String, String>,
}

/// Returns the trust policy in `text` when all that it names is there.
pub fn read(world: &World, text: &str) -> Result<Trust, Refusal> {
    let mut trust = document::read(text, Host::Trust)?;
    let quota = world.account.trust_policy_size;
    if document::size(text) > quota {
        return Err(Refusal::limit(format!("Cannot exceed quota for ACLSizePerRole: {quota}")));
    }
    let mut ids = BTreeMap::new();
    let mut missing = None;
    each_principal(&mut trust, &mut |principal| match resolve(world, principal) {
        Named::Role(role) => {
            let arn = role.arn(&world.account);
            ids.insert(arn.clone(), role.id.clone());
            *principal = arn;
        }
        Named::Other => {}
        Named::Nobody => missing = Some(principal.clone()),
    });
    match missing {
        Some(principal) => Err(Refusal::invalid_principal(&principal)),
        None => Ok(Trust { document: trust, ids }),
    }
}

/// Returns the trust policy of a role as AWS shows it today.
pub fn show(world: &World, role: &Role) -> Json {
    let mut trust = role.trust.clone();
    each_principal(&mut trust, &mut |principal| {
        let Some(id) = role.trusted_ids.get(principal) else { return };
        if !matches!(resolve(world, principal), Named::Role(role) if role.id == *id) {
            id.clone_into(principal);
        }
    });
    trust
}

/// Returns whom the trust policy of a call names; nobody when it has none.
pub fn named_by(request: &Request) -> Vec<String> {
    let text = request.get("AssumeRolePolicyDocument").or_else(|| request.get("PolicyDocument"));
    let mut document: Json = text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let mut found = Vec::new();
    each_principal(&mut document, &mut |principal| found.push(principal.clone()));
    found
}

enum Named<'a> {
    /// A role of this account.
    Role(&'a Role),
    /// Somebody this account does not know about: another account, a service, a user, everybody.
    Other,
    Nobody,
}

fn resolve<'a>(world: &'a World, principal: &str) -> Named<'a> {
    let found = |role: Option<&'a Role>| role.map_or(Named::Nobody, Named::Role);
    if is_unique_id(principal) {
        return found(world.roles.iter().find(|role| role.id == principal));
    }
    let Some(named) = principal.strip_prefix(&world.account.arn("role", "/", "")) else { return Named::Other };
    let name = named.rsplit('/').next().unwrap_or(named);
    found(world.roles.get(name).filter(|role| role.arn(&world.account) == principal))
}

fn is_unique_id(principal: &str) -> bool {
    [Role::ID_PREFIX, "AIDA"].iter().any(|prefix| principal.starts_with(prefix)) && !principal.contains(':')
}

/// Visits every principal under `AWS`, also those of Deny statements and of `NotPrincipal`.
fn each_principal(document: &mut Json, visit: &mut impl FnMut(&mut String)) {
    let Some(statements) = document.get_mut("Statement") else { return };
    for statement in items(statements) {
        for key in ["Principal", "NotPrincipal"] {
            let Some(named) = statement.get_mut(key).and_then(|principal| principal.get_mut("AWS")) else { continue };
            for principal in items(named) {
                if let Json::String(principal) = principal {
                    visit(principal);
                }
            }
        }
    }
}

/// Returns the items of a list; anything else is one item.
fn items(json: &mut Json) -> &mut [Json] {
    match json {
        Json::Array(items) => items,
        one => std::slice::from_mut(one),
    }
}
