//! Roles. They go by their name, which is unique in the account across paths and letter case.

use async_trait::async_trait;
use aws_sdk_iam::types::{Role as SdkRole, Tag};
use serde_json::json;

use super::owner::Owner;
use super::{
    Kind, LastUse, Made, Needed, Spec, Surveyed, compact, name_and_path, number, oidc_provider, policy, tags, text,
    user,
};
use crate::cloud::{Cloud, document, time};
use crate::error::Result;
use crate::manifest::Declared;
use crate::model::schema::{Accepts, Field, Holds, Key, OnChange, Schema, Section};
use crate::model::{Account, Attributes, Live, ObjectId, Obstacle, Resource, Value};
use crate::policy::{Document, Host};
use crate::survey::AccountSurvey;

pub struct Role;

pub const KIND: &str = "role";

/// AWS's own default, in seconds.
const DEFAULT_SESSION: u64 = 3600;

static SCHEMA: Schema = Schema {
    kind: KIND,
    fields: &[
        Field { name: "name", holds: Holds::Text, on_change: OnChange::Replace("AWS cannot rename a role") },
        Field {
            name: "path",
            holds: Holds::Text,
            on_change: OnChange::Replace("AWS cannot move a role to another path"),
        },
        Field { name: "description", holds: Holds::Text, on_change: OnChange::Update },
        Field { name: "trust", holds: Holds::Document(Host::Trust), on_change: OnChange::Update },
        Field { name: "max_session", holds: Holds::Number, on_change: OnChange::Update },
        Field { name: "boundary", holds: Holds::Text, on_change: OnChange::Update },
        Field { name: "tags", holds: Holds::Tags, on_change: OnChange::Update },
    ],
    taggable: true,
    reads: &[
        "iam:GetRole",
        "iam:ListAttachedRolePolicies",
        "iam:ListRolePolicies",
        "iam:GetRolePolicy",
        "iam:ListInstanceProfilesForRole",
    ],
    writes: &[
        "iam:CreateRole",
        "iam:DeleteRole",
        "iam:UpdateRole",
        "iam:UpdateAssumeRolePolicy",
        "iam:PutRolePermissionsBoundary",
        "iam:DeleteRolePermissionsBoundary",
        "iam:TagRole",
        "iam:UntagRole",
    ],
    counted: Some("Roles"),
    section: Some(Section {
        name: "roles",
        keys: &[
            Key {
                name: "name",
                accepts: Accepts::Name { longest: 64 },
                required: false,
                doc: "Name in AWS; default: the key",
            },
            Key { name: "path", accepts: Accepts::Path, required: false, doc: "Path in AWS; default: defaults.path" },
            Key {
                name: "description",
                accepts: Accepts::Text { longest: 1000, latin1: true },
                required: false,
                doc: "What the role is for",
            },
            Key {
                name: "max_session",
                accepts: Accepts::Duration { least: 3600, most: 43200 },
                required: false,
                doc: "Longest session, 1h to 12h; default: 1h",
            },
            Key { name: "boundary", accepts: Accepts::Boundary, required: false, doc: "Permissions boundary, or none" },
            Key { name: "trust", accepts: Accepts::Trust, required: true, doc: "Who may assume the role" },
            Key { name: "policies", accepts: Accepts::Policies, required: false, doc: "Managed policies to attach" },
            Key {
                name: "inline",
                accepts: Accepts::Inline(Host::InlineRole),
                required: false,
                doc: "Inline policies by name",
            },
            Key { name: "tags", accepts: Accepts::Tags, required: false, doc: "Tags, over defaults.tags" },
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
                doc: "Fields that others may change, such as tags.CostCentre; findings that are meant: findings.CODE",
            },
            Key {
                name: "existing",
                accepts: Accepts::Existing(&["existing", "name", "path", "policies", "inline", "ignore"]),
                required: false,
                doc: "The role exists and is not ours: only its policies and inline policies written here are",
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

/// Returns the id of the role of this name.
pub fn id_of(name: &str) -> ObjectId {
    ObjectId::new(KIND, name)
}

/// Returns the names of all roles of the account, each with its path.
pub async fn list(cloud: &Cloud) -> Result<Vec<(String, String)>> {
    let pages = cloud.iam.list_roles().max_items(1000).into_paginator().send();
    let roles = cloud.all("ListRoles", "the account", pages, |page| page.roles).await?;
    Ok(roles.into_iter().map(|role| (role.role_name, role.path)).collect())
}

/// Returns the instance profiles that hold a role.
pub async fn profiles(cloud: &Cloud, name: &str) -> Result<Vec<ObjectId>> {
    let pages = cloud.iam.list_instance_profiles_for_role().role_name(name).into_paginator().send();
    let profiles = cloud.all("ListInstanceProfilesForRole", name, pages, |page| page.instance_profiles).await?;
    Ok(profiles.iter().map(|profile| super::instance_profile::id_of(profile.instance_profile_name())).collect())
}

impl Spec for Role {
    fn schema(&self) -> &'static Schema {
        &SCHEMA
    }

    fn id(&self, _: &Account, attributes: &Attributes) -> ObjectId {
        id_of(name_and_path(attributes).0)
    }

    fn arn(&self, account: &Account, path: &str, name: &str) -> Option<String> {
        Some(account.iam_arn("role", path, name))
    }

    fn refers(&self, account: &Account, attributes: &Attributes) -> Vec<Needed> {
        let boundary = text(attributes, "boundary").map(policy::id_of).map(Needed::held);
        let trust = attributes.get("trust").and_then(Value::document);
        let trusted = trust.into_iter().flat_map(|document| document.principals("AWS"));
        let providers = trust.into_iter().flat_map(|document| document.principals("Federated"));
        let providers = providers.filter_map(|arn| oidc_provider::id_of_arn(account, arn)).map(Needed::named);
        let (roles, users) = (account.iam_arn("role", "/", ""), account.iam_arn("user", "/", ""));
        // A name is what follows the last slash of the ARN.
        let named = trusted.filter_map(|arn| {
            let name = arn.rsplit('/').next()?;
            let id = match arn {
                _ if arn.starts_with(&roles) => id_of(name),
                _ if arn.starts_with(&users) => user::id_of(name),
                _ => return None,
            };
            Some(Needed::named(id))
        });
        boundary.into_iter().chain(named).chain(providers).collect()
    }

    /// A trust policy that nobody can use.
    fn without_names(&self, wanted: &Attributes) -> Option<Attributes> {
        let nobody = json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
        ]});
        let mut alone = wanted.clone();
        alone.insert("trust", Value::Document(Document::from_json(nobody)));
        Some(alone)
    }

    fn declare(&self, account: &Account, entry: &Declared) -> Vec<Resource> {
        let mut wanted = entry.named();
        if let Some(description) = entry.text("description").filter(|d| !d.is_empty()) {
            wanted.insert("description", description.into());
        }
        if let Some(trust) = entry.document("trust") {
            wanted.insert("trust", Value::Document(trust.clone()));
        }
        if !entry.flag("existing") {
            wanted.insert("max_session", Value::Number(entry.seconds("max_session").unwrap_or(DEFAULT_SESSION)));
        }
        if let Some(Some(boundary)) = entry.boundary() {
            wanted.insert("boundary", boundary.arn.as_str().into());
        }
        let name = name_and_path(&wanted).0.to_owned();
        let mut role = entry.resource(self.id(account, &wanted), wanted);
        if entry.boundary() == Some(None) {
            role.removed.push("boundary");
        }
        let mut resources = vec![role];
        resources.extend(Owner::Role.declared(entry, &name));
        resources
    }

    fn aftermath(&self) -> Option<&'static str> {
        Some(super::NAMED_NO_MORE)
    }
}

/// Returns the role as AWS holds it. Which answer says what of it depends on the call.
fn live(role: &SdkRole, trust: Option<&str>, boundary: Option<&str>, tags: &[Tag]) -> Result<Live> {
    let name = role.role_name();
    let session = role.max_session_duration().map_or(DEFAULT_SESSION, |s| s.unsigned_abs().into());
    let mut attributes = Attributes::from([
        ("name", name.into()),
        ("path", role.path().into()),
        ("trust", Value::Document(document(name, trust)?)),
        ("max_session", Value::Number(session)),
    ]);
    if let Some(description) = role.description().filter(|d| !d.is_empty()) {
        attributes.insert("description", description.into());
    }
    if let Some(boundary) = boundary {
        attributes.insert("boundary", boundary.into());
    }
    tags::insert(&mut attributes, tags);
    let (aws_id, created) = (role.role_id().to_owned(), time(role.create_date()));
    Ok(Live { id: id_of(name), aws_id: Some(aws_id), attributes, created: Some(created) })
}

#[async_trait]
impl Kind for Role {
    async fn read(&self, cloud: &Cloud, name: &str) -> Result<Vec<Live>> {
        let Some(role) = cloud.get("GetRole", name, cloud.iam.get_role().role_name(name).send()).await? else {
            return Ok(Vec::new());
        };
        let Some(role) = role.role else { return Ok(Vec::new()) };
        let boundary = role.permissions_boundary().and_then(|b| b.permissions_boundary_arn());
        let mut found = vec![live(&role, role.assume_role_policy_document(), boundary, role.tags())?];
        let name = role.role_name();
        found.extend(Owner::Role.policies(cloud, name).await?);
        Ok(found)
    }

    fn calls(&self) -> usize {
        3
    }

    fn surveyed(&self, survey: &AccountSurvey, _: &Account, name: &str) -> Result<Surveyed> {
        let Some((role, listed)) = survey.role(name) else { return Ok(Surveyed::Known(Vec::new())) };
        let Some(listed) = listed else { return Ok(Surveyed::Unknown) };
        let name = listed.role_name();
        let boundary = role.permissions_boundary().and_then(|b| b.permissions_boundary_arn());
        let mut found = vec![live(listed, role.assume_role_policy_document(), boundary, role.tags())?];
        found.extend(Owner::Role.surveyed(name, role.attached_managed_policies(), role.role_policy_list())?);
        Ok(Surveyed::Known(found))
    }

    fn signed(&self, survey: &AccountSurvey) -> Vec<ObjectId> {
        survey.signed_roles().map(id_of).collect()
    }

    async fn obstacles(&self, cloud: &Cloud, name: &str) -> Result<Vec<Obstacle>> {
        let obstacle = |profile: ObjectId| Obstacle {
            object: super::profile_role::id_of(&profile.name),
            text: format!("is in instance profile {}", profile.name),
            remedy: format!(
                "aws iam remove-role-from-instance-profile --instance-profile-name {} --role-name {name}",
                profile.name
            ),
        };
        Ok(profiles(cloud, name).await?.into_iter().map(obstacle).collect())
    }

    async fn last_used(&self, cloud: &Cloud, name: &str) -> Result<Option<LastUse>> {
        let found = cloud.get("GetRole", name, cloud.iam.get_role().role_name(name).send()).await?;
        let used = found.and_then(|found| found.role).and_then(|role| role.role_last_used);
        Ok(used.and_then(|used| {
            let how = used.region().map(|region| format!("in {region}")).unwrap_or_default();
            Some(LastUse { at: time(used.last_used_date()?), how })
        }))
    }

    async fn create(&self, cloud: &Cloud, wanted: &Attributes) -> Result<Made> {
        let (name, path) = name_and_path(wanted);
        let call = cloud
            .iam
            .create_role()
            .role_name(name)
            .path(path)
            .assume_role_policy_document(compact(wanted, "trust"))
            .set_description(text(wanted, "description").map(str::to_owned))
            .set_max_session_duration(Some(session(wanted)))
            .set_permissions_boundary(text(wanted, "boundary").map(str::to_owned))
            .set_tags(tags::sdk(wanted));
        let made = cloud.call("CreateRole", name, call.send()).await?;
        Ok(made.role.map(|role| role.role_id).into())
    }

    async fn converge(&self, cloud: &Cloud, live: &Attributes, wanted: &Attributes) -> Result<()> {
        let (name, _) = name_and_path(wanted);
        let differs = |field: &str| live.get(field) != wanted.get(field);
        let change = tags::change(live, wanted);
        if let Some(keys) = change.removed {
            cloud
                .call("UntagRole", name, cloud.iam.untag_role().role_name(name).set_tag_keys(Some(keys)).send())
                .await?;
        }
        if let Some(tags) = change.set {
            cloud.call("TagRole", name, cloud.iam.tag_role().role_name(name).set_tags(Some(tags)).send()).await?;
        }
        if differs("boundary") {
            self.converge_boundary(cloud, name, text(wanted, "boundary")).await?;
        }
        if differs("trust") {
            let trust = compact(wanted, "trust");
            let call = cloud.iam.update_assume_role_policy().role_name(name).policy_document(trust);
            cloud.call("UpdateAssumeRolePolicy", name, call.send()).await?;
        }
        if differs("description") || differs("max_session") {
            // Both go in every call: AWS resets neither, other servers clear what is left out.
            let description = text(wanted, "description").unwrap_or_default();
            let call =
                cloud.iam.update_role().role_name(name).description(description).max_session_duration(session(wanted));
            cloud.call("UpdateRole", name, call.send()).await?;
        }
        Ok(())
    }

    async fn delete(&self, cloud: &Cloud, live: &Attributes) -> Result<()> {
        let (name, _) = name_and_path(live);
        Ok(cloud.remove("DeleteRole", name, cloud.iam.delete_role().role_name(name).send()).await?)
    }
}

impl Role {
    async fn converge_boundary(&self, cloud: &Cloud, name: &str, boundary: Option<&str>) -> Result<()> {
        match boundary {
            Some(arn) => {
                let call = cloud.iam.put_role_permissions_boundary().role_name(name).permissions_boundary(arn);
                cloud.call("PutRolePermissionsBoundary", name, call.send()).await.map(drop)?;
            }
            None => {
                let call = cloud.iam.delete_role_permissions_boundary().role_name(name);
                cloud.remove("DeleteRolePermissionsBoundary", name, call.send()).await?;
            }
        }
        Ok(())
    }
}

fn session(wanted: &Attributes) -> i32 {
    number(wanted, "max_session").and_then(|seconds| i32::try_from(seconds).ok()).unwrap_or(DEFAULT_SESSION as i32)
}
