//! Groups of users. They go by their name. AWS has no tags for them, so what the state does not know is taken
//! for ours only where it is just what the manifest asks for.

use async_trait::async_trait;

use super::owner::Owner;
use super::{Kind, Made, Spec, Surveyed, membership, name_and_path};
use crate::cloud::{Cloud, time};
use crate::error::Result;
use crate::manifest::Declared;
use crate::model::schema::{Accepts, Field, Holds, Key, OnChange, Schema, Section};
use crate::model::{Account, Attributes, Live, ObjectId, Obstacle, Resource};
use crate::policy::Host;
use crate::survey::AccountSurvey;

pub struct Group;

pub const KIND: &str = "group";

static SCHEMA: Schema = Schema {
    kind: KIND,
    fields: &[
        Field { name: "name", holds: Holds::Text, on_change: OnChange::Replace("a group goes by its name") },
        Field { name: "path", holds: Holds::Text, on_change: OnChange::Update },
    ],
    taggable: false,
    reads: &["iam:GetGroup", "iam:ListAttachedGroupPolicies", "iam:ListGroupPolicies", "iam:GetGroupPolicy"],
    writes: &["iam:CreateGroup", "iam:DeleteGroup", "iam:UpdateGroup"],
    counted: Some("Groups"),
    section: Some(Section {
        name: "groups",
        keys: &[
            Key {
                name: "name",
                accepts: Accepts::Name { longest: 128 },
                required: false,
                doc: "Name in AWS; default: the key",
            },
            Key { name: "path", accepts: Accepts::Path, required: false, doc: "Path in AWS; default: defaults.path" },
            Key { name: "policies", accepts: Accepts::Policies, required: false, doc: "Managed policies to attach" },
            Key {
                name: "inline",
                accepts: Accepts::Inline(Host::InlineGroup),
                required: false,
                doc: "Inline policies by name",
            },
            Key {
                name: "keep_undeclared",
                accepts: Accepts::Keep(&["policies", "inline"]),
                required: false,
                doc: "What it holds beside the manifest and shall keep",
            },
            Key {
                name: "ignore",
                accepts: Accepts::Ignore,
                required: false,
                doc: "Fields that others may change; findings that are meant: findings.CODE",
            },
            Key {
                name: "existing",
                accepts: Accepts::Existing(&["existing", "name", "path", "policies", "inline", "ignore"]),
                required: false,
                doc: "The group exists and is not ours: only its policies and inline policies written here are",
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

/// Returns the id of the group of this name.
pub fn id_of(name: &str) -> ObjectId {
    ObjectId::new(KIND, name)
}

impl Spec for Group {
    fn schema(&self) -> &'static Schema {
        &SCHEMA
    }

    fn id(&self, _: &Account, attributes: &Attributes) -> ObjectId {
        id_of(name_and_path(attributes).0)
    }

    fn arn(&self, account: &Account, path: &str, name: &str) -> Option<String> {
        Some(account.iam_arn("group", path, name))
    }

    fn declare(&self, account: &Account, entry: &Declared) -> Vec<Resource> {
        let wanted = entry.named();
        let name = name_and_path(&wanted).0.to_owned();
        let mut resources = vec![entry.resource(self.id(account, &wanted), wanted)];
        resources.extend(Owner::Group.declared(entry, &name));
        resources
    }
}

#[async_trait]
impl Kind for Group {
    async fn read(&self, cloud: &Cloud, name: &str) -> Result<Vec<Live>> {
        // The answer also lists the members; one of them is as few as it can be asked for.
        let call = cloud.iam.get_group().group_name(name).max_items(1).send();
        let Some(group) = cloud.get("GetGroup", name, call).await?.and_then(|found| found.group) else {
            return Ok(Vec::new());
        };
        let attributes = Attributes::from([("name", group.group_name().into()), ("path", group.path().into())]);
        let (aws_id, created) = (group.group_id().to_owned(), time(group.create_date()));
        let name = group.group_name();
        let mut found = vec![Live { id: id_of(name), aws_id: Some(aws_id), attributes, created: Some(created) }];
        found.extend(Owner::Group.policies(cloud, name).await?);
        Ok(found)
    }

    fn calls(&self) -> usize {
        3
    }

    fn surveyed(&self, survey: &AccountSurvey, _: &Account, name: &str) -> Result<Surveyed> {
        let Some(group) = survey.group(name) else { return Ok(Surveyed::Known(Vec::new())) };
        let name = group.group_name().unwrap_or(name);
        let attributes = Attributes::from([("name", name.into()), ("path", group.path().unwrap_or("/").into())]);
        let (aws_id, created) = (group.group_id().map(str::to_owned), group.create_date().map(time));
        let mut found = vec![Live { id: id_of(name), aws_id, attributes, created }];
        found.extend(Owner::Group.surveyed(name, group.attached_managed_policies(), group.group_policy_list())?);
        Ok(Surveyed::Known(found))
    }

    async fn obstacles(&self, cloud: &Cloud, name: &str) -> Result<Vec<Obstacle>> {
        let pages = cloud.iam.get_group().group_name(name).into_paginator().send();
        let members = cloud.all("GetGroup", name, pages, |page| page.users).await?;
        let obstacle = |user: &str| Obstacle {
            object: membership::id_of(user, name),
            text: format!("is the group of user {user}"),
            remedy: format!("aws iam remove-user-from-group --group-name {name} --user-name {user}"),
        };
        Ok(members.iter().map(|user| obstacle(user.user_name())).collect())
    }

    async fn create(&self, cloud: &Cloud, wanted: &Attributes) -> Result<Made> {
        let (name, path) = name_and_path(wanted);
        let call = cloud.iam.create_group().group_name(name).path(path);
        let made = cloud.call("CreateGroup", name, call.send()).await?;
        Ok(made.group.map(|group| group.group_id).into())
    }

    async fn converge(&self, cloud: &Cloud, live: &Attributes, wanted: &Attributes) -> Result<()> {
        let (name, path) = name_and_path(wanted);
        if live.get("path") != wanted.get("path") {
            let call = cloud.iam.update_group().group_name(name).new_path(path);
            cloud.call("UpdateGroup", name, call.send()).await?;
        }
        Ok(())
    }

    async fn delete(&self, cloud: &Cloud, live: &Attributes) -> Result<()> {
        let (name, _) = name_and_path(live);
        Ok(cloud.remove("DeleteGroup", name, cloud.iam.delete_group().group_name(name).send()).await?)
    }
}
