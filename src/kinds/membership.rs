//! Users in groups. A membership belongs to the user and goes by `USER/GROUP`: who else is in the group is
//! not ours to say.

use async_trait::async_trait;

use super::{Hanging, Kind, Made, Most, Needed, Spec, group, text, user};
use crate::cloud::Cloud;
use crate::error::Result;
use crate::manifest::{Declared, Reference};
use crate::model::schema::{Field, Holds, OnChange, Schema};
use crate::model::{Account, Attributes, Live, ObjectId, Resource};
use crate::policy::limits;

pub struct Membership;

pub const KIND: &str = "membership";

const OTHER: OnChange = OnChange::Replace("a membership of another user or group is another one");

static SCHEMA: Schema = Schema {
    kind: KIND,
    fields: &[
        Field { name: "user", holds: Holds::Text, on_change: OTHER },
        Field { name: "group", holds: Holds::Text, on_change: OTHER },
    ],
    taggable: false,
    reads: &[],
    writes: &["iam:AddUserToGroup", "iam:RemoveUserFromGroup"],
    counted: None,
    section: None,
};

/// Returns the id of the membership of this user in this group.
pub fn id_of(user: &str, group: &str) -> ObjectId {
    ObjectId::new(KIND, format!("{user}/{group}"))
}

fn attributes(user: &str, group: &str) -> Attributes {
    Attributes::from([("user", user.into()), ("group", group.into())])
}

/// Returns the resource that one entry of a user's `groups` asks for.
pub fn declared(entry: &Declared, user: &str, to: &Reference) -> Resource {
    let group = to.arn.rsplit('/').next().unwrap_or(&to.arn);
    entry.hanging(["groups", group], to.place, id_of(user, group), attributes(user, group))
}

/// Reads which groups a user is in.
pub async fn read_all(cloud: &Cloud, user: &str) -> Result<Vec<Live>> {
    let pages = cloud.iam.list_groups_for_user().user_name(user).into_paginator().send();
    let groups = cloud.all("ListGroupsForUser", user, pages, |page| page.groups).await?;
    Ok(groups.iter().map(|group| live(user, group.group_name())).collect())
}

/// Returns the membership as AWS holds it.
pub fn live(user: &str, group: &str) -> Live {
    Live { id: id_of(user, group), attributes: attributes(user, group), aws_id: None, created: None }
}

fn names(attributes: &Attributes) -> (&str, &str) {
    (text(attributes, "user").unwrap_or_default(), text(attributes, "group").unwrap_or_default())
}

impl Spec for Membership {
    fn schema(&self) -> &'static Schema {
        &SCHEMA
    }

    fn id(&self, _: &Account, attributes: &Attributes) -> ObjectId {
        let (user, group) = names(attributes);
        id_of(user, group)
    }

    fn refers(&self, _: &Account, attributes: &Attributes) -> Vec<Needed> {
        let (user, group) = names(attributes);
        vec![Needed::held(user::id_of(user)), Needed::held(group::id_of(group))]
    }

    fn most(&self) -> Option<Most> {
        Some(Most { usual: limits::GROUPS_OF_USER, figure: "GroupsPerUserQuota" })
    }

    fn by_hand(&self, attributes: &Attributes) -> Option<String> {
        let (user, group) = names(attributes);
        Some(format!("aws iam remove-user-from-group --user-name {user} --group-name {group}"))
    }

    fn brings(&self, attributes: &Attributes) -> Option<ObjectId> {
        Some(group::id_of(names(attributes).1))
    }

    fn hangs_on(&self, attributes: &Attributes) -> Option<Hanging> {
        let (user, group) = names(attributes);
        let segments = vec!["groups".to_owned(), group.to_owned()];
        Some(Hanging { owner: user::id_of(user), segments, keep: Some("groups") })
    }
}

#[async_trait]
impl Kind for Membership {
    fn calls(&self) -> usize {
        0
    }

    async fn create(&self, cloud: &Cloud, wanted: &Attributes) -> Result<Made> {
        let (user, group) = names(wanted);
        let call = cloud.iam.add_user_to_group().user_name(user).group_name(group);
        cloud.call("AddUserToGroup", user, call.send()).await?;
        Ok(Made::default())
    }

    async fn converge(&self, _: &Cloud, _: &Attributes, _: &Attributes) -> Result<()> {
        Ok(())
    }

    async fn delete(&self, cloud: &Cloud, live: &Attributes) -> Result<()> {
        let (user, group) = names(live);
        let call = cloud.iam.remove_user_from_group().user_name(user).group_name(group);
        Ok(cloud.remove("RemoveUserFromGroup", user, call.send()).await?)
    }
}
