//! The role in an instance profile: one at most, so it goes by the profile's name.

use async_trait::async_trait;

use super::{Hanging, Kind, Made, Needed, Spec, instance_profile, role, text};
use crate::cloud::Cloud;
use crate::error::Result;
use crate::manifest::{Declared, Reference};
use crate::model::schema::{Field, Holds, OnChange, Schema};
use crate::model::{Account, Attributes, Live, ObjectId, Resource};

pub struct ProfileRole;

pub const KIND: &str = "profile_role";

static SCHEMA: Schema = Schema {
    kind: KIND,
    fields: &[
        Field {
            name: "instance_profile",
            holds: Holds::Text,
            on_change: OnChange::Replace("the role of another profile is another one"),
        },
        Field {
            name: "role",
            holds: Holds::Text,
            on_change: OnChange::Replace("a profile holds one role: the old one leaves first"),
        },
    ],
    taggable: false,
    reads: &[],
    writes: &["iam:AddRoleToInstanceProfile", "iam:RemoveRoleFromInstanceProfile", "iam:PassRole"],
    counted: None,
    section: None,
};

fn attributes(profile: &str, role: &str) -> Attributes {
    Attributes::from([("instance_profile", profile.into()), ("role", role.into())])
}

/// Returns the id of the role in this profile.
pub fn id_of(profile: &str) -> ObjectId {
    ObjectId::new(KIND, profile)
}

/// Returns the resource that the `role` of an instance profile asks for.
pub fn declare(account: &Account, entry: &Declared, profile: &str, to: &Reference) -> Resource {
    let role = to.arn.rsplit('/').next().unwrap_or(&to.arn);
    let wanted = attributes(profile, role);
    let id = ProfileRole.id(account, &wanted);
    entry.hanging(["role"], to.place, id, wanted)
}

/// Returns the role that AWS holds in a profile.
pub fn live(account: &Account, profile: &str, role: &str) -> Live {
    let attributes = attributes(profile, role);
    Live { id: ProfileRole.id(account, &attributes), attributes, aws_id: None, created: None }
}

fn names(attributes: &Attributes) -> (&str, &str) {
    (text(attributes, "instance_profile").unwrap_or_default(), text(attributes, "role").unwrap_or_default())
}

impl Spec for ProfileRole {
    fn schema(&self) -> &'static Schema {
        &SCHEMA
    }

    fn id(&self, _: &Account, attributes: &Attributes) -> ObjectId {
        id_of(names(attributes).0)
    }

    fn refers(&self, _: &Account, attributes: &Attributes) -> Vec<Needed> {
        let (profile, role) = names(attributes);
        vec![Needed::held(instance_profile::id_of(profile)), Needed::held(role::id_of(role))]
    }

    fn aftermath(&self) -> Option<&'static str> {
        Some(
            "instances may act as the old role for up to an hour; a second instance profile for the new one leaves no gap",
        )
    }

    fn hangs_on(&self, attributes: &Attributes) -> Option<Hanging> {
        let owner = instance_profile::id_of(names(attributes).0);
        Some(Hanging { owner, segments: vec!["role".to_owned()], keep: None })
    }
}

#[async_trait]
impl Kind for ProfileRole {
    fn calls(&self) -> usize {
        0
    }

    async fn create(&self, cloud: &Cloud, wanted: &Attributes) -> Result<Made> {
        let (profile, role) = names(wanted);
        let call = cloud.iam.add_role_to_instance_profile().instance_profile_name(profile).role_name(role);
        cloud.call("AddRoleToInstanceProfile", profile, call.send()).await?;
        Ok(Made::default())
    }

    async fn converge(&self, _: &Cloud, _: &Attributes, _: &Attributes) -> Result<()> {
        Ok(())
    }

    async fn delete(&self, cloud: &Cloud, live: &Attributes) -> Result<()> {
        let (profile, role) = names(live);
        let call = cloud.iam.remove_role_from_instance_profile().instance_profile_name(profile).role_name(role);
        Ok(cloud.remove("RemoveRoleFromInstanceProfile", profile, call.send()).await?)
    }
}
