//! Managed policies attached to roles. An attachment goes by `ROLE ARN`.

use async_trait::async_trait;

use super::{Hanging, Kind, Most, Needed, Spec, owned_by_role, policy, role, text};
use crate::cloud::Cloud;
use crate::error::Result;
use crate::manifest::{Declared, Reference};
use crate::model::schema::{Field, Holds, OnChange, Schema};
use crate::model::{Account, Attributes, Live, ObjectId, Obstacle, Resource};
use crate::policy::{limits, managed};

pub struct Attachment;

pub const KIND: &str = "attachment";

const OTHER: &str = "an attachment of another role or policy is another attachment";

static SCHEMA: Schema = Schema {
    kind: KIND,
    fields: &[
        Field { name: "role", holds: Holds::Text, on_change: OnChange::Replace(OTHER) },
        Field { name: "policy_arn", holds: Holds::Text, on_change: OnChange::Replace(OTHER) },
    ],
    taggable: false,
    reads: &[],
    writes: &["iam:AttachRolePolicy", "iam:DetachRolePolicy"],
    counted: None,
    section: None,
};

/// Returns the id of the attachment of this policy to this role.
pub fn id_of(role: &str, arn: &str) -> ObjectId {
    ObjectId::new(KIND, format!("{role} {arn}"))
}

fn attributes(role: &str, arn: &str) -> Attributes {
    Attributes::from([("role", role.into()), ("policy_arn", arn.into())])
}

/// Returns the resource that one entry of a role's `policies` asks for.
pub fn declare(account: &Account, entry: &Declared, role: &str, to: &Reference) -> Resource {
    let wanted = attributes(role, &to.arn);
    let id = Attachment.id(account, &wanted);
    entry.hanging(["policies", &segment(&to.arn)], to.place, id, wanted)
}

/// Reads which policies are attached to a role.
pub async fn read_all(cloud: &Cloud, role: &str) -> Result<Vec<Live>> {
    let mut pages = cloud.iam.list_attached_role_policies().role_name(role).into_paginator().send();
    let mut found = Vec::new();
    while let Some(page) = cloud.page("ListAttachedRolePolicies", role, &mut pages).await? {
        found.extend(
            page.attached_policies().iter().filter_map(|policy| policy.policy_arn()).map(|arn| live(role, arn)),
        );
    }
    Ok(found)
}

/// Returns the attachment of this policy to this role as AWS holds it.
pub fn live(role: &str, arn: &str) -> Live {
    Live { id: id_of(role, arn), attributes: attributes(role, arn), aws_id: None, created: None }
}

/// Names an attachment in its address: the policy's name, or its ARN where a policy of the account
/// has the name of one that AWS manages and both could be attached.
fn segment(arn: &str) -> String {
    let name = arn.rsplit('/').next().unwrap_or(arn);
    let of_aws = arn.contains(":iam::aws:policy/");
    if !of_aws && managed::path_of(name).is_some() { arn.to_owned() } else { name.to_owned() }
}

impl Spec for Attachment {
    fn schema(&self) -> &'static Schema {
        &SCHEMA
    }

    fn id(&self, _: &Account, attributes: &Attributes) -> ObjectId {
        let (role, arn) = owned_by_role(attributes, "policy_arn");
        id_of(role, arn)
    }

    fn arn(&self, _: &Account, _: &str, _: &str) -> Option<String> {
        None
    }

    fn refers(&self, _: &Account, attributes: &Attributes) -> Vec<Needed> {
        let role = text(attributes, "role").map(role::id_of);
        let policy = text(attributes, "policy_arn").map(policy::id_of);
        role.into_iter().chain(policy).map(Needed::held).collect()
    }

    fn most(&self) -> Option<Most> {
        Some(Most { usual: limits::ATTACHMENTS, figure: "AttachedPoliciesPerRoleQuota" })
    }

    fn declare(&self, _: &Account, _: &Declared) -> Vec<Resource> {
        Vec::new()
    }

    fn hangs_on(&self, attributes: &Attributes) -> Option<Hanging> {
        let (role, arn) = owned_by_role(attributes, "policy_arn");
        Some(Hanging {
            owner: role::id_of(role),
            segments: vec!["policies".to_owned(), segment(arn)],
            keep: Some("policies"),
        })
    }
}

#[async_trait]
impl Kind for Attachment {
    fn calls(&self) -> usize {
        0
    }

    async fn read(&self, _: &Cloud, _: &str) -> Result<Vec<Live>> {
        Ok(Vec::new())
    }

    async fn obstacles(&self, _: &Cloud, _: &str) -> Result<Vec<Obstacle>> {
        Ok(Vec::new())
    }

    async fn create(&self, cloud: &Cloud, wanted: &Attributes) -> Result<Option<String>> {
        let (role, arn) = owned_by_role(wanted, "policy_arn");
        let call = cloud.iam.attach_role_policy().role_name(role).policy_arn(arn);
        cloud.call("AttachRolePolicy", arn, call.send()).await?;
        Ok(None)
    }

    async fn converge(&self, _: &Cloud, _: &Attributes, _: &Attributes) -> Result<()> {
        Ok(())
    }

    async fn delete(&self, cloud: &Cloud, live: &Attributes) -> Result<()> {
        let (role, arn) = owned_by_role(live, "policy_arn");
        let call = cloud.iam.detach_role_policy().role_name(role).policy_arn(arn);
        Ok(cloud.remove("DetachRolePolicy", arn, call.send()).await?)
    }
}
