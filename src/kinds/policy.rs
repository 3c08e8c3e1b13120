//! Customer managed policies. They go by their ARN; AWS keeps five versions of each.

use std::collections::HashMap;

use async_trait::async_trait;
use aws_sdk_iam::operation::list_entities_for_policy::ListEntitiesForPolicyOutput;
use aws_sdk_iam::types::{PolicyScopeType, PolicyUsageType};

use super::owner::Owner;
use super::{Kind, Made, Spec, Surveyed, attachment, compact, name_and_path, tags, text, versions};
use crate::cloud::{Cloud, document, time};
use crate::error::Result;
use crate::manifest::Declared;
use crate::model::schema::{Accepts, Field, Holds, Key, OnChange, Schema, Section};
use crate::model::{Account, Attributes, Live, ObjectId, Obstacle, Resource, Value};
use crate::policy::split::Part;
use crate::policy::{Host, limits};
use crate::survey::AccountSurvey;

pub struct Policy;

pub const KIND: &str = "policy";

static SCHEMA: Schema = Schema {
    kind: KIND,
    fields: &[
        Field { name: "name", holds: Holds::Text, on_change: OnChange::Replace("AWS cannot rename a policy") },
        Field {
            name: "path",
            holds: Holds::Text,
            on_change: OnChange::Replace("AWS cannot move a policy to another path"),
        },
        Field {
            name: "description",
            holds: Holds::Text,
            on_change: OnChange::Replace("AWS cannot change the description of a policy"),
        },
        Field { name: "document", holds: Holds::Document(Host::Managed), on_change: OnChange::Update },
        Field { name: "tags", holds: Holds::Tags, on_change: OnChange::Update },
    ],
    taggable: true,
    reads: &[
        "iam:GetPolicy",
        "iam:GetPolicyVersion",
        "iam:ListPolicies",
        "iam:ListEntitiesForPolicy",
        "iam:ListPolicyVersions",
    ],
    writes: &[
        "iam:CreatePolicy",
        "iam:CreatePolicyVersion",
        "iam:DeletePolicy",
        "iam:DeletePolicyVersion",
        "iam:SetDefaultPolicyVersion",
        "iam:TagPolicy",
        "iam:UntagPolicy",
    ],
    counted: Some("Policies"),
    section: Some(Section {
        name: "policies",
        keys: &[
            Key {
                name: "name",
                accepts: Accepts::Name { longest: limits::POLICY_NAME },
                required: false,
                doc: "Name in AWS; default: the key",
            },
            Key { name: "path", accepts: Accepts::Path, required: false, doc: "Path in AWS; default: defaults.path" },
            Key {
                name: "description",
                accepts: Accepts::Text { longest: 1000, latin1: false },
                required: false,
                doc: "AWS cannot change it later",
            },
            Key {
                name: "document",
                accepts: Accepts::Document(Host::Managed),
                required: false,
                doc: "The policy document, or {file: F}",
            },
            Key {
                name: "statements",
                accepts: Accepts::Statements(Host::Managed),
                required: false,
                doc: "The statements by Sid, instead of a document",
            },
            Key {
                name: "split",
                accepts: Accepts::Split,
                required: false,
                doc: "Make several policies of one that is too long; a reference to it means them all",
            },
            Key { name: "tags", accepts: Accepts::Tags, required: false, doc: "Tags, over defaults.tags" },
            Key {
                name: "ignore",
                accepts: Accepts::Ignore,
                required: false,
                doc: "Fields that others may change, such as tags.CostCentre; findings that are meant: findings.CODE",
            },
            Key {
                name: "prevent_destroy",
                accepts: Accepts::Bool,
                required: false,
                doc: "Refuse every plan that would delete it",
            },
        ],
    }),
};

/// Returns the id of the managed policy with this ARN.
pub fn id_of(arn: &str) -> ObjectId {
    ObjectId::new(KIND, arn)
}

impl Spec for Policy {
    fn schema(&self) -> &'static Schema {
        &SCHEMA
    }

    fn id(&self, account: &Account, attributes: &Attributes) -> ObjectId {
        let (name, path) = name_and_path(attributes);
        id_of(&account.iam_arn("policy", path, name))
    }

    fn arn(&self, account: &Account, path: &str, name: &str) -> Option<String> {
        Some(account.iam_arn("policy", path, name))
    }

    /// What relies on a policy has it attached, and that goes first.
    fn is_relied_on(&self) -> bool {
        false
    }

    /// Policy names are unique across paths.
    fn unique_name(&self, id: &ObjectId) -> String {
        id.name.rsplit('/').next().unwrap_or(&id.name).to_lowercase()
    }

    fn declare(&self, account: &Account, entry: &Declared) -> Vec<Resource> {
        let mut wanted = entry.named();
        if let Some(description) = entry.text("description").filter(|d| !d.is_empty()) {
            wanted.insert("description", description.into());
        }
        if let Some(document) = entry.document("document") {
            wanted.insert("document", Value::Document(document.clone()));
        }
        if entry.parts().is_empty() {
            return vec![entry.resource(self.id(account, &wanted), wanted)];
        }
        let part = |part: &Part| {
            let mut wanted = wanted.clone();
            wanted.insert("name", part.named(entry.text("name").unwrap_or_default()).into());
            wanted.insert("document", Value::Document(part.document.clone()));
            Resource { address: entry.part_address(part), ..entry.resource(self.id(account, &wanted), wanted) }
        };
        entry.parts().iter().map(part).collect()
    }
}

#[async_trait]
impl Kind for Policy {
    async fn read(&self, cloud: &Cloud, arn: &str) -> Result<Vec<Live>> {
        let Some(policy) = find(cloud, arn).await? else { return Ok(Vec::new()) };
        let arn = policy.arn().unwrap_or(arn);
        let version = policy.default_version_id().unwrap_or("v1");
        let call = cloud.iam.get_policy_version().policy_arn(arn).version_id(version).send();
        let Some(version) = cloud.get("GetPolicyVersion", arn, call).await?.and_then(|out| out.policy_version) else {
            return Ok(Vec::new());
        };
        let mut attributes = Attributes::from([
            ("name", policy.policy_name().unwrap_or_default().into()),
            ("path", policy.path().unwrap_or("/").into()),
            ("document", Value::Document(document(arn, version.document())?)),
        ]);
        if let Some(description) = policy.description().filter(|d| !d.is_empty()) {
            attributes.insert("description", description.into());
        }
        tags::insert(&mut attributes, policy.tags());
        let id = id_of(policy.arn().unwrap_or(arn));
        let (aws_id, created) = (policy.policy_id().map(str::to_owned), policy.create_date().map(time));
        Ok(vec![Live { id, aws_id, attributes, created }])
    }

    fn calls(&self) -> usize {
        2
    }

    fn surveyed(&self, survey: &AccountSurvey, _: &Account, arn: &str) -> Result<Surveyed> {
        let name = arn.rsplit('/').next().unwrap_or(arn);
        let Some(policy) = survey.policy(arn) else {
            // In another path there may be one of its name, which only a read says all of.
            let elsewhere = survey.has_policy_named(name) || !arn.contains(":iam::") || arn.contains(":iam::aws:");
            return Ok(if elsewhere { Surveyed::Unknown } else { Surveyed::Known(Vec::new()) });
        };
        let default = policy.policy_version_list().iter().find(|version| version.is_default_version());
        let Some(default) = default else { return Ok(Surveyed::Unknown) };
        let attributes = Attributes::from([
            ("name", name.into()),
            ("path", policy.path().unwrap_or("/").into()),
            ("document", Value::Document(document(arn, default.document())?)),
        ]);
        let (aws_id, created) = (policy.policy_id().map(str::to_owned), policy.create_date().map(time));
        Ok(Surveyed::WithoutTags(vec![Live { id: id_of(arn), aws_id, attributes, created }]))
    }

    fn signed(&self, survey: &AccountSurvey) -> Vec<ObjectId> {
        survey.signed_policies().map(id_of).collect()
    }

    async fn obstacles(&self, cloud: &Cloud, arn: &str) -> Result<Vec<Obstacle>> {
        let mut found = Vec::new();
        for usage in [PolicyUsageType::PermissionsPolicy, PolicyUsageType::PermissionsBoundary] {
            let call = cloud.iam.list_entities_for_policy().policy_arn(arn).policy_usage_filter(usage.clone());
            let mut pages = call.into_paginator().send();
            while let Some(page) = cloud.page("ListEntitiesForPolicy", arn, &mut pages).await? {
                found.extend(uses(arn, &usage, &page));
            }
        }
        Ok(found)
    }

    async fn changed(&self, cloud: &Cloud, arn: &str) -> Result<Option<String>> {
        let versions = versions::all(cloud, arn).await?;
        Ok(versions.iter().find(|v| v.is_default).map(|v| format!("{}, version {}", v.created, v.id)))
    }

    async fn create(&self, cloud: &Cloud, wanted: &Attributes) -> Result<Made> {
        let (name, path) = name_and_path(wanted);
        let call = cloud
            .iam
            .create_policy()
            .policy_name(name)
            .path(path)
            .policy_document(compact(wanted, "document"))
            .set_description(text(wanted, "description").map(str::to_owned))
            .set_tags(tags::sdk(wanted));
        let made = cloud.call("CreatePolicy", name, call.send()).await?;
        Ok(made.policy.and_then(|policy| policy.policy_id).into())
    }

    async fn converge(&self, cloud: &Cloud, live: &Attributes, wanted: &Attributes) -> Result<()> {
        let id = self.id(&cloud.account, wanted);
        let arn = id.name.as_str();
        let change = tags::change(live, wanted);
        if let Some(keys) = change.removed {
            let call = cloud.iam.untag_policy().policy_arn(arn).set_tag_keys(Some(keys));
            cloud.call("UntagPolicy", arn, call.send()).await?;
        }
        if let Some(tags) = change.set {
            let call = cloud.iam.tag_policy().policy_arn(arn).set_tags(Some(tags));
            cloud.call("TagPolicy", arn, call.send()).await?;
        }
        if live.get("document") != wanted.get("document") {
            versions::make(cloud, arn, &compact(wanted, "document")).await?;
        }
        Ok(())
    }

    /// The version that held both sides of a change is none to go back to.
    async fn tidy(&self, cloud: &Cloud, interim: &Attributes) -> Result<()> {
        let id = self.id(&cloud.account, interim);
        let arn = id.name.as_str();
        let Some(version) = versions::others(cloud, arn).await?.pop() else { return Ok(()) };
        let held = versions::document(cloud, arn, &version.id).await?.map(Value::Document);
        if held.is_some() && held.as_ref() == interim.get("document") {
            versions::delete(cloud, arn, &version.id).await?;
        }
        Ok(())
    }

    /// A policy with one version goes in one call; versions are listed only when AWS says there are more.
    async fn delete(&self, cloud: &Cloud, live: &Attributes) -> Result<()> {
        let id = self.id(&cloud.account, live);
        let arn = id.name.as_str();
        let delete = || cloud.iam.delete_policy().policy_arn(arn).send();
        match cloud.remove("DeletePolicy", arn, delete()).await {
            // One that is attached conflicts too, and shall not lose its versions over it.
            Err(error) if error.is("DeleteConflict") && error.message.contains("version") => {}
            done => return Ok(done?),
        }
        for version in versions::others(cloud, arn).await? {
            versions::delete(cloud, arn, &version.id).await?;
        }
        Ok(cloud.remove("DeletePolicy", arn, delete()).await?)
    }
}

/// Finds the policy of this ARN, or the one that has its name in another path: names are unique across
/// paths, and `GetPolicy` knows only ARNs. All policies of the account are listed at most once a run.
async fn find(cloud: &Cloud, arn: &str) -> Result<Option<aws_sdk_iam::types::Policy>> {
    if let Some(policy) = get(cloud, arn).await? {
        return Ok(Some(policy));
    }
    let names = cloud.policies_by_name.get_or_try_init(|| by_name(cloud)).await?;
    match names.get(&Policy.unique_name(&id_of(arn))) {
        Some(other) if other != arn => get(cloud, other).await,
        _ => Ok(None),
    }
}

async fn by_name(cloud: &Cloud) -> Result<HashMap<String, String>> {
    let mut pages = cloud.iam.list_policies().scope(PolicyScopeType::Local).into_paginator().send();
    let mut names = HashMap::new();
    while let Some(page) = cloud.page("ListPolicies", "customer managed policies", &mut pages).await? {
        let arns = page.policies().iter().filter_map(|policy| policy.arn());
        names.extend(arns.map(|arn| (Policy.unique_name(&id_of(arn)), arn.to_owned())));
    }
    Ok(names)
}

async fn get(cloud: &Cloud, arn: &str) -> Result<Option<aws_sdk_iam::types::Policy>> {
    let found = cloud.get("GetPolicy", arn, cloud.iam.get_policy().policy_arn(arn).send()).await?;
    Ok(found.and_then(|out| out.policy))
}

/// Returns what one page of users of a policy keeps it from being deleted.
fn uses(arn: &str, usage: &PolicyUsageType, page: &ListEntitiesForPolicyOutput) -> Vec<Obstacle> {
    let roles = page.policy_roles().iter().filter_map(|role| role.role_name()).map(|name| (Owner::Role, name));
    let users = page.policy_users().iter().filter_map(|user| user.user_name()).map(|name| (Owner::User, name));
    let groups = page.policy_groups().iter().filter_map(|group| group.group_name()).map(|name| (Owner::Group, name));
    let holders = roles.chain(users).chain(groups);
    holders
        .map(|(owner, name)| match usage {
            PolicyUsageType::PermissionsBoundary => {
                let kind = owner.kind();
                Obstacle {
                    object: owner.id_of(name),
                    text: format!("is the boundary of {kind} {name}"),
                    remedy: format!("aws iam delete-{kind}-permissions-boundary --{kind}-name {name}"),
                }
            }
            _ => Obstacle {
                object: attachment::of(owner).id_of(name, arn),
                text: format!("is attached to {} {name}", owner.kind()),
                remedy: format!("aws iam detach-{0}-policy --{0}-name {name} --policy-arn {arn}", owner.kind()),
            },
        })
        .collect()
}
