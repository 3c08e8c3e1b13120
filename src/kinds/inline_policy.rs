//! Inline policies of roles. They live and die with their role and go by `ROLE/POLICY`.

use async_trait::async_trait;

use super::{Hanging, Kind, Needed, Spec, compact, owned_by_role, role, text};
use crate::cloud::{Cloud, document};
use crate::error::Result;
use crate::manifest::Declared;
use crate::manifest::declared::Inline;
use crate::model::schema::{Field, Holds, OnChange, Schema};
use crate::model::{Account, Attributes, Live, ObjectId, Obstacle, Resource, Value};
use crate::policy::Host;

pub struct InlinePolicy;

pub const KIND: &str = "inline_policy";

const OTHER: &str = "an inline policy of another name or role is another policy";

static SCHEMA: Schema = Schema {
    kind: KIND,
    fields: &[
        Field { name: "role", holds: Holds::Text, on_change: OnChange::Replace(OTHER) },
        Field { name: "name", holds: Holds::Text, on_change: OnChange::Replace(OTHER) },
        Field { name: "document", holds: Holds::Document(Host::InlineRole), on_change: OnChange::Update },
    ],
    taggable: false,
    reads: &[],
    writes: &["iam:PutRolePolicy", "iam:DeleteRolePolicy"],
    counted: None,
    section: None,
};

fn attributes(role: &str, name: &str, document: Value) -> Attributes {
    Attributes::from([("role", role.into()), ("name", name.into()), ("document", document)])
}

/// Returns the resource that one entry of a role's `inline` asks for.
pub fn declare(account: &Account, entry: &Declared, role: &str, inline: &Inline) -> Resource {
    let wanted = attributes(role, &inline.name, Value::Document(inline.document.clone()));
    let id = InlinePolicy.id(account, &wanted);
    entry.hanging(["inline", &inline.name], inline.place, id, wanted)
}

/// Reads all inline policies of a role: one call for the names, one for each document.
pub async fn read_all(cloud: &Cloud, role: &str) -> Result<Vec<Live>> {
    let mut pages = cloud.iam.list_role_policies().role_name(role).into_paginator().send();
    let mut found = Vec::new();
    while let Some(page) = cloud.page("ListRolePolicies", role, &mut pages).await? {
        for name in page.policy_names() {
            let call = cloud.iam.get_role_policy().role_name(role).policy_name(name).send();
            let Some(policy) = cloud.get("GetRolePolicy", name, call).await? else { continue };
            found.push(live(&cloud.account, role, name, Some(policy.policy_document()))?);
        }
    }
    Ok(found)
}

/// Returns the inline policy as AWS holds it; `text` is its document.
pub fn live(account: &Account, role: &str, name: &str, text: Option<&str>) -> Result<Live> {
    let attributes = attributes(role, name, Value::Document(document(name, text)?));
    Ok(Live { id: InlinePolicy.id(account, &attributes), attributes, aws_id: None, created: None })
}

impl Spec for InlinePolicy {
    fn schema(&self) -> &'static Schema {
        &SCHEMA
    }

    fn id(&self, _: &Account, attributes: &Attributes) -> ObjectId {
        let (role, name) = owned_by_role(attributes, "name");
        ObjectId::new(KIND, format!("{role}/{name}"))
    }

    fn arn(&self, _: &Account, _: &str, _: &str) -> Option<String> {
        None
    }

    fn refers(&self, _: &Account, attributes: &Attributes) -> Vec<Needed> {
        text(attributes, "role").map(role::id_of).map(Needed::held).into_iter().collect()
    }

    fn declare(&self, _: &Account, _: &Declared) -> Vec<Resource> {
        Vec::new()
    }

    fn hangs_on(&self, attributes: &Attributes) -> Option<Hanging> {
        let (role, name) = owned_by_role(attributes, "name");
        Some(Hanging {
            owner: role::id_of(role),
            segments: vec!["inline".to_owned(), name.to_owned()],
            keep: Some("inline"),
        })
    }
}

#[async_trait]
impl Kind for InlinePolicy {
    async fn read(&self, _: &Cloud, _: &str) -> Result<Vec<Live>> {
        Ok(Vec::new())
    }

    async fn obstacles(&self, _: &Cloud, _: &str) -> Result<Vec<Obstacle>> {
        Ok(Vec::new())
    }

    async fn create(&self, cloud: &Cloud, wanted: &Attributes) -> Result<Option<String>> {
        let (role, name) = owned_by_role(wanted, "name");
        let document = compact(wanted, "document");
        let call = cloud.iam.put_role_policy().role_name(role).policy_name(name).policy_document(document);
        cloud.call("PutRolePolicy", name, call.send()).await?;
        Ok(None)
    }

    async fn converge(&self, cloud: &Cloud, live: &Attributes, wanted: &Attributes) -> Result<()> {
        if live != wanted {
            self.create(cloud, wanted).await?;
        }
        Ok(())
    }

    async fn delete(&self, cloud: &Cloud, live: &Attributes) -> Result<()> {
        let (role, name) = owned_by_role(live, "name");
        let call = cloud.iam.delete_role_policy().role_name(role).policy_name(name);
        Ok(cloud.remove("DeleteRolePolicy", name, call.send()).await?)
    }
}
