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
    let versions = all(&policy::existing(call.world, arn)?);
    let version = versions.into_iter().find(|version| version.id == id).ok_or_else(|| absent(arn, id))?;
    let mut xml = Xml::default();
    xml.node("PolicyVersion", |xml| {
        xml.text("Document", document::encode(&version.document));
        version.write(xml);
    });
    Ok(xml)
}

/// Lists versions, the youngest first.
pub fn list(call: &mut Call) -> Answer {
    let versions = all(&policy::existing(call.world, policy::arn(call.request)?)?);
    let keyed = versions.into_iter().map(|version| (format!("{:020}", u64::MAX - number(&version.id)), version));
    Ok(Page::of(call, keyed)?.answer("Versions", |xml, version| version.write(xml)))
}

/// A version as answers show it.
pub struct Shown {
    id: String,
    is_default: bool,
    created: String,
    pub document: Json,
}

impl Shown {
    /// Writes all but the document.
    pub fn write(&self, xml: &mut Xml) {
        xml.text("VersionId", &self.id).text("IsDefaultVersion", self.is_default).text("CreateDate", &self.created);
    }
}

/// Returns all versions of a policy, the youngest first.
pub fn all(of: &Found) -> Vec<Shown> {
    let policy = match of {
        Found::Own(policy) => policy,
        Found::OfAws { .. } => {
            let (id, created) = ("v1".to_owned(), OF_AWS_SINCE.to_owned());
            return vec![Shown { id, is_default: true, created, document: of_aws() }];
        }
    };
    let shown = |(id, version): (&String, &Version)| Shown {
        id: id.clone(),
        is_default: *id == policy.default_version,
        created: time(version.created),
        document: version.document.clone(),
    };
    let mut versions: Vec<Shown> = policy.versions.iter().map(shown).collect();
    versions.sort_by_key(|version| std::cmp::Reverse(number(&version.id)));
    versions
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

#[cfg(test)]
mod tests {
    use crate::sandbox::testbed::{Bed, allow, refused};

    #[tokio::test]
    async fn five_versions_at_most_and_numbers_are_never_given_twice() {
        let bed = Bed::new().await;
        let arn = bed.policy("reads").await;
        let create = |default: bool| {
            let call = bed.iam().create_policy_version().policy_arn(&arn).set_as_default(default);
            call.policy_document(allow("s3:*").to_string()).send()
        };
        let delete = |id: &str| bed.iam().delete_policy_version().policy_arn(&arn).version_id(id).send();
        let versions = || async {
            let listed = bed.iam().list_policy_versions().policy_arn(&arn).send().await.unwrap();
            let id = |v: &aws_sdk_iam::types::PolicyVersion| {
                format!("{}{}", v.version_id().unwrap(), if v.is_default_version() { "*" } else { "" })
            };
            listed.versions().iter().map(id).collect::<Vec<_>>().join(" ")
        };
        for default in [true, false, false, true] {
            create(default).await.unwrap();
        }
        assert_eq!(versions().await, "v5* v4 v3 v2 v1");
        assert_eq!(refused(create(true).await).0, "LimitExceeded");
        assert_eq!(refused(delete("v5").await).0, "DeleteConflict");
        assert_eq!(refused(delete("v6").await).0, "NoSuchEntity");
        bed.iam().set_default_policy_version().policy_arn(&arn).version_id("v2").send().await.unwrap();
        delete("v5").await.unwrap();
        create(false).await.unwrap();
        assert_eq!(versions().await, "v6 v4 v3 v2* v1");
        let conflict = refused(bed.iam().delete_policy().policy_arn(&arn).send().await);
        assert!(conflict.0 == "DeleteConflict" && conflict.1.contains("more than one version"), "{conflict:?}");
        for id in ["v6", "v4", "v3", "v1"] {
            delete(id).await.unwrap();
        }
        bed.iam().delete_policy().policy_arn(&arn).send().await.unwrap();
    }

    #[tokio::test]
    async fn each_version_has_its_document() {
        let bed = Bed::new().await;
        let arn = bed.policy("reads").await;
        let call = bed.iam().create_policy_version().policy_arn(&arn).set_as_default(true);
        call.policy_document(allow("s3:PutObject").to_string()).send().await.unwrap();
        for (id, action) in [("v1", "s3:GetObject"), ("v2", "s3:PutObject")] {
            let got = bed.iam().get_policy_version().policy_arn(&arn).version_id(id).send().await.unwrap();
            let version = got.policy_version.unwrap();
            assert_eq!(version.is_default_version(), id == "v2");
            assert_eq!(crate::cloud::document(id, version.document()).unwrap().json(), &allow(action));
        }
    }
}
