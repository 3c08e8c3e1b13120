//! Versions of managed policies: five at most, one of them the default.

use serde_json::{Value as Json, json};

use super::lists::Page;
use super::policy::{self, Found, OF_AWS_SINCE};
use super::role::time;
use super::{Answer, Call, document};
use crate::policy::limits;
use crate::sandbox::answer::Refusal;
use crate::sandbox::world::{Policy, Version};
use crate::sandbox::xml::Xml;

pub fn create(call: &mut Call) -> Answer {
    let policy = policy::editable(call, "CreatePolicyVersion")?;
    let document = policy::read_document(call.request)?;
    if policy.versions.len() >= limits::VERSIONS {
        return Err(Refusal::limit(format!(
            "A managed policy can have up to {} versions. Delete one before you create another.",
            limits::VERSIONS
        )));
    }
    let number = policy.last_version.max(youngest(policy)) + 1;
    let (name, id, now) = (policy.name.clone(), format!("v{number}"), call.now);
    let as_default = call.request.get("SetAsDefault") == Some("true");
    let mut xml = Xml::default();
    xml.node("PolicyVersion", |xml| {
        xml.text("VersionId", &id).text("IsDefaultVersion", as_default).text("CreateDate", time(now));
    });
    call.world.policies.edit(&name, |policy| {
        if as_default {
            policy.default_version.clone_from(&id);
        }
        policy.versions.insert(id, Version { created: now, document });
        policy.last_version = number;
        policy.updated = now;
    });
    Ok(xml)
}

pub fn get(call: &mut Call) -> Answer {
    let arn = policy::arn(call.request)?;
    let id = call.request.required("VersionId")?;
    let mut xml = Xml::default();
    let mut write = |document: &Json, is_default: bool, created: &str| {
        xml.node("PolicyVersion", |xml| {
            xml.text("Document", document::encode(document)).text("VersionId", id);
            xml.text("IsDefaultVersion", is_default).text("CreateDate", created);
        });
    };
    match policy::existing(call.world, arn)? {
        Found::Own(policy) => {
            let version = policy.versions.get(id).ok_or_else(|| absent(arn, id))?;
            write(&version.document, policy.default_version == id, &time(version.created));
        }
        Found::OfAws { .. } if id == "v1" => write(&of_aws(), true, OF_AWS_SINCE),
        Found::OfAws { .. } => return Err(absent(arn, id)),
    }
    Ok(xml)
}

/// Lists versions, the youngest first.
pub fn list(call: &mut Call) -> Answer {
    let mut versions: Vec<(String, String, bool, String)> =
        match policy::existing(call.world, policy::arn(call.request)?)? {
            Found::OfAws { .. } => vec![(String::from("0"), "v1".to_owned(), true, OF_AWS_SINCE.to_owned())],
            Found::Own(policy) => policy
                .versions
                .iter()
                .map(|(id, version)| {
                    (
                        format!("{:020}", u64::MAX - number(id)),
                        id.clone(),
                        *id == policy.default_version,
                        time(version.created),
                    )
                })
                .collect(),
        };
    versions.sort();
    let page = Page::of(call, versions.into_iter().map(|version| (version.0.clone(), version)))?;
    Ok(page.answer("Versions", |xml, (_, id, is_default, created)| {
        xml.text("VersionId", id).text("IsDefaultVersion", is_default).text("CreateDate", created);
    }))
}

pub fn set_default(call: &mut Call) -> Answer {
    let (policy, id) = existing(call, "SetDefaultPolicyVersion")?;
    let (name, id, now) = (policy.name.clone(), id.to_owned(), call.now);
    call.world.policies.edit(&name, |policy| {
        policy.default_version = id;
        policy.updated = now;
    });
    Ok(Xml::default())
}

pub fn delete(call: &mut Call) -> Answer {
    let (policy, id) = existing(call, "DeletePolicyVersion")?;
    if policy.default_version == id {
        return Err(Refusal::conflict("Cannot delete the default version of a policy."));
    }
    let (name, id, now) = (policy.name.clone(), id.to_owned(), call.now);
    call.world.policies.edit(&name, |policy| {
        policy.versions.shift_remove(&id);
        policy.updated = now;
    });
    Ok(Xml::default())
}

/// Returns the policy in `PolicyArn` and the id of its version in `VersionId`.
fn existing<'a>(call: &'a Call, action: &str) -> Result<(&'a Policy, &'a str), Refusal> {
    let policy = policy::editable(call, action)?;
    let id = call.request.required("VersionId")?;
    if policy.versions.contains_key(id) {
        return Ok((policy, id));
    }
    Err(absent(&policy.arn(&call.world.account), id))
}

fn absent(arn: &str, id: &str) -> Refusal {
    Refusal::absent(format!("Policy {arn} version {id} does not exist or is not attachable."))
}

fn youngest(policy: &Policy) -> u64 {
    policy.versions.keys().map(|id| number(id)).max().unwrap_or(0)
}

fn number(id: &str) -> u64 {
    id.trim_start_matches('v').parse().unwrap_or(0)
}

/// What every policy of AWS says here: its name is known, its content is not.
fn of_aws() -> Json {
    json!({"Version": "2012-10-17", "Statement": []})
}
