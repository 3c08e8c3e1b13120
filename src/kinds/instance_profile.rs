//! Instance profiles: what an EC2 instance gets its role from. They go by their name.

use async_trait::async_trait;
use aws_sdk_iam::types::InstanceProfile as SdkProfile;

use super::{Kind, Made, Spec, Surveyed, name_and_path, profile_role, tags};
use crate::cloud::{Cloud, time};
use crate::error::Result;
use crate::manifest::Declared;
use crate::model::schema::{Accepts, Field, Holds, Key, OnChange, Schema, Section};
use crate::model::{Account, Attributes, Live, ObjectId, Resource};
use crate::survey::AccountSurvey;

pub struct InstanceProfile;

pub const KIND: &str = "instance_profile";

static SCHEMA: Schema = Schema {
    kind: KIND,
    fields: &[
        Field {
            name: "name",
            holds: Holds::Text,
            on_change: OnChange::Replace("AWS cannot rename an instance profile"),
        },
        Field {
            name: "path",
            holds: Holds::Text,
            on_change: OnChange::Replace("AWS cannot move an instance profile to another path"),
        },
        Field { name: "tags", holds: Holds::Tags, on_change: OnChange::Update },
    ],
    taggable: true,
    reads: &["iam:GetInstanceProfile"],
    writes: &[
        "iam:CreateInstanceProfile",
        "iam:DeleteInstanceProfile",
        "iam:TagInstanceProfile",
        "iam:UntagInstanceProfile",
    ],
    counted: Some("InstanceProfiles"),
    section: Some(Section {
        name: "instance_profiles",
        keys: &[
            Key {
                name: "name",
                accepts: Accepts::Name { longest: 128 },
                required: false,
                doc: "Name in AWS; default: the key",
            },
            Key { name: "path", accepts: Accepts::Path, required: false, doc: "Path in AWS; default: defaults.path" },
            Key { name: "role", accepts: Accepts::Role, required: false, doc: "The role that instances get" },
            Key { name: "tags", accepts: Accepts::Tags, required: false, doc: "Tags, over defaults.tags" },
            Key {
                name: "ignore",
                accepts: Accepts::Ignore,
                required: false,
                doc: "Fields that others may change, such as tags.CostCentre",
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

/// Returns the id of the instance profile of this name.
pub fn id_of(name: &str) -> ObjectId {
    ObjectId::new(KIND, name)
}

impl Spec for InstanceProfile {
    fn schema(&self) -> &'static Schema {
        &SCHEMA
    }

    fn id(&self, _: &Account, attributes: &Attributes) -> ObjectId {
        id_of(name_and_path(attributes).0)
    }

    fn arn(&self, account: &Account, path: &str, name: &str) -> Option<String> {
        Some(account.iam_arn("instance-profile", path, name))
    }

    fn declare(&self, account: &Account, entry: &Declared) -> Vec<Resource> {
        let wanted = entry.named();
        let name = name_and_path(&wanted).0.to_owned();
        let mut resources = vec![entry.resource(self.id(account, &wanted), wanted)];
        resources.extend(entry.role().map(|role| profile_role::declare(account, entry, &name, role)));
        resources
    }
}

/// Returns the profile and its role as AWS holds them.
fn live(account: &Account, profile: &SdkProfile) -> Vec<Live> {
    let name = profile.instance_profile_name();
    let mut attributes = Attributes::from([("name", name.into()), ("path", profile.path().into())]);
    tags::insert(&mut attributes, profile.tags());
    let (aws_id, created) = (profile.instance_profile_id().to_owned(), time(profile.create_date()));
    let mut found = vec![Live { id: id_of(name), aws_id: Some(aws_id), attributes, created: Some(created) }];
    found.extend(profile.roles().iter().map(|role| profile_role::live(account, name, role.role_name())));
    found
}

#[async_trait]
impl Kind for InstanceProfile {
    async fn read(&self, cloud: &Cloud, name: &str) -> Result<Vec<Live>> {
        let call = cloud.iam.get_instance_profile().instance_profile_name(name).send();
        let profile = cloud.get("GetInstanceProfile", name, call).await?.and_then(|out| out.instance_profile);
        Ok(profile.map(|profile| live(&cloud.account, &profile)).unwrap_or_default())
    }

    fn surveyed(&self, survey: &AccountSurvey, account: &Account, name: &str) -> Result<Surveyed> {
        Ok(match survey.profile(name) {
            Some(profile) => Surveyed::WithoutTags(live(account, profile)),
            None => Surveyed::Known(Vec::new()),
        })
    }

    fn signed(&self, survey: &AccountSurvey) -> Vec<ObjectId> {
        survey.signed_profiles().map(id_of).collect()
    }

    async fn create(&self, cloud: &Cloud, wanted: &Attributes) -> Result<Made> {
        let (name, path) = name_and_path(wanted);
        let call =
            cloud.iam.create_instance_profile().instance_profile_name(name).path(path).set_tags(tags::sdk(wanted));
        let made = cloud.call("CreateInstanceProfile", name, call.send()).await?;
        Ok(made.instance_profile.map(|profile| profile.instance_profile_id).into())
    }

    async fn converge(&self, cloud: &Cloud, live: &Attributes, wanted: &Attributes) -> Result<()> {
        let (name, _) = name_and_path(wanted);
        let change = tags::change(live, wanted);
        if let Some(keys) = change.removed {
            let call = cloud.iam.untag_instance_profile().instance_profile_name(name).set_tag_keys(Some(keys));
            cloud.call("UntagInstanceProfile", name, call.send()).await?;
        }
        if let Some(tags) = change.set {
            let call = cloud.iam.tag_instance_profile().instance_profile_name(name).set_tags(Some(tags));
            cloud.call("TagInstanceProfile", name, call.send()).await?;
        }
        Ok(())
    }

    async fn delete(&self, cloud: &Cloud, live: &Attributes) -> Result<()> {
        let (name, _) = name_and_path(live);
        let call = cloud.iam.delete_instance_profile().instance_profile_name(name);
        Ok(cloud.remove("DeleteInstanceProfile", name, call.send()).await?)
    }
}
