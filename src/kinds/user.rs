//! Users. They go by their name, which is unique in the account across paths and letter case.

use async_trait::async_trait;
use aws_sdk_iam::operation::list_ssh_public_keys::ListSshPublicKeysOutput;
use aws_sdk_iam::types::AttachedPermissionsBoundary;

use super::owner::Owner;
use super::{Kind, LastUse, Made, Needed, Spec, Surveyed, access_key, membership, name_and_path, policy, tags, text};
use crate::cloud::{AwsError, Cloud, time};
use crate::error::Result;
use crate::manifest::Declared;
use crate::model::schema::{Accepts, Field, Holds, Key, OnChange, Schema, Section};
use crate::model::{Account, Attributes, Live, ObjectId, Obstacle, Resource};
use crate::policy::Host;
use crate::survey::AccountSurvey;

pub struct User;

pub const KIND: &str = "user";

static SCHEMA: Schema = Schema {
    kind: KIND,
    fields: &[
        Field { name: "name", holds: Holds::Text, on_change: OnChange::Replace("a user goes by its name") },
        Field { name: "path", holds: Holds::Text, on_change: OnChange::Update },
        Field { name: "boundary", holds: Holds::Text, on_change: OnChange::Update },
        Field { name: "tags", holds: Holds::Tags, on_change: OnChange::Update },
    ],
    taggable: true,
    reads: &[
        "iam:GetUser",
        "iam:ListGroupsForUser",
        "iam:ListAttachedUserPolicies",
        "iam:ListUserPolicies",
        "iam:GetUserPolicy",
        "iam:GetLoginProfile",
        "iam:ListAccessKeys",
        "iam:ListMFADevices",
        "iam:ListSSHPublicKeys",
        "iam:ListSigningCertificates",
        "iam:ListServiceSpecificCredentials",
    ],
    writes: &[
        "iam:CreateUser",
        "iam:DeleteUser",
        "iam:UpdateUser",
        "iam:PutUserPermissionsBoundary",
        "iam:DeleteUserPermissionsBoundary",
        "iam:TagUser",
        "iam:UntagUser",
    ],
    counted: Some("Users"),
    section: Some(Section {
        name: "users",
        keys: &[
            Key {
                name: "name",
                accepts: Accepts::Name { longest: 64 },
                required: false,
                doc: "Name in AWS; default: the key",
            },
            Key { name: "path", accepts: Accepts::Path, required: false, doc: "Path in AWS; default: defaults.path" },
            Key { name: "boundary", accepts: Accepts::Boundary, required: false, doc: "Permissions boundary, or none" },
            Key { name: "groups", accepts: Accepts::Groups, required: false, doc: "Groups that the user is in" },
            Key {
                name: "access_keys",
                accepts: Accepts::AccessKeys,
                required: false,
                doc: "Access keys by label, each with where its secret goes, once",
            },
            Key { name: "policies", accepts: Accepts::Policies, required: false, doc: "Managed policies to attach" },
            Key {
                name: "inline",
                accepts: Accepts::Inline(Host::InlineUser),
                required: false,
                doc: "Inline policies by name",
            },
            Key { name: "tags", accepts: Accepts::Tags, required: false, doc: "Tags, over defaults.tags" },
            Key {
                name: "keep_undeclared",
                accepts: Accepts::Keep(&["policies", "inline", "groups", CREDENTIALS]),
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
                accepts: Accepts::Existing(&["existing", "name", "path", "groups", "policies", "inline", "ignore"]),
                required: false,
                doc: "The user exists and is not ours: only its groups and policies written here are",
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

/// The word of `keep_undeclared` for the access keys and the password that others made.
pub const CREDENTIALS: &str = "credentials";

/// Returns the id of the user of this name.
pub fn id_of(name: &str) -> ObjectId {
    ObjectId::new(KIND, name)
}

fn attributes(name: &str, path: &str, boundary: Option<&AttachedPermissionsBoundary>) -> Attributes {
    let mut attributes = Attributes::from([("name", name.into()), ("path", path.into())]);
    if let Some(boundary) = boundary.and_then(|boundary| boundary.permissions_boundary_arn()) {
        attributes.insert("boundary", boundary.into());
    }
    attributes
}

impl Spec for User {
    fn schema(&self) -> &'static Schema {
        &SCHEMA
    }

    fn id(&self, _: &Account, attributes: &Attributes) -> ObjectId {
        id_of(name_and_path(attributes).0)
    }

    fn arn(&self, account: &Account, path: &str, name: &str) -> Option<String> {
        Some(account.iam_arn("user", path, name))
    }

    fn refers(&self, _: &Account, attributes: &Attributes) -> Vec<Needed> {
        text(attributes, "boundary").map(policy::id_of).map(Needed::held).into_iter().collect()
    }

    fn declare(&self, account: &Account, entry: &Declared) -> Vec<Resource> {
        let mut wanted = entry.named();
        if let Some(Some(boundary)) = entry.boundary() {
            wanted.insert("boundary", boundary.arn.as_str().into());
        }
        let name = name_and_path(&wanted).0.to_owned();
        let mut user = entry.resource(self.id(account, &wanted), wanted);
        if entry.boundary() == Some(None) {
            user.removed.push("boundary");
        }
        let mut resources = vec![user];
        resources.extend(entry.groups().iter().map(|to| membership::declared(entry, &name, to)));
        resources.extend(Owner::User.declared(entry, &name));
        resources.extend(entry.access_keys().iter().map(|key| access_key::declared(entry, &name, key)));
        resources
    }

    fn aftermath(&self) -> Option<&'static str> {
        Some(super::NAMED_NO_MORE)
    }
}

#[async_trait]
impl Kind for User {
    async fn read(&self, cloud: &Cloud, name: &str) -> Result<Vec<Live>> {
        let call = cloud.iam.get_user().user_name(name).send();
        let Some(user) = cloud.get("GetUser", name, call).await?.and_then(|found| found.user) else {
            return Ok(Vec::new());
        };
        let mut attributes = attributes(user.user_name(), user.path(), user.permissions_boundary());
        tags::insert(&mut attributes, user.tags());
        let (aws_id, created) = (user.user_id().to_owned(), time(user.create_date()));
        let name = user.user_name();
        let mut found = vec![Live { id: id_of(name), aws_id: Some(aws_id), attributes, created: Some(created) }];
        found.extend(membership::read_all(cloud, name).await?);
        found.extend(Owner::User.policies(cloud, name).await?);
        Ok(found)
    }

    fn calls(&self) -> usize {
        4
    }

    fn surveyed(&self, survey: &AccountSurvey, _: &Account, name: &str) -> Result<Surveyed> {
        let Some(user) = survey.user(name) else { return Ok(Surveyed::Known(Vec::new())) };
        let name = user.user_name().unwrap_or(name);
        let mut attributes = attributes(name, user.path().unwrap_or("/"), user.permissions_boundary());
        tags::insert(&mut attributes, user.tags());
        let (aws_id, created) = (user.user_id().map(str::to_owned), user.create_date().map(time));
        let mut found = vec![Live { id: id_of(name), aws_id, attributes, created }];
        found.extend(user.group_list().iter().map(|group| membership::live(name, group)));
        found.extend(Owner::User.surveyed(name, user.attached_managed_policies(), user.user_policy_list())?);
        Ok(Surveyed::Known(found))
    }

    fn signed(&self, survey: &AccountSurvey) -> Vec<ObjectId> {
        survey.signed_users().map(id_of).collect()
    }

    /// All that "Deleting an IAM user" in the IAM User Guide says to remove before, but what the plan removes
    /// itself.
    async fn obstacles(&self, cloud: &Cloud, name: &str) -> Result<Vec<Obstacle>> {
        let iam = &cloud.iam;
        let login = cloud.get("GetLoginProfile", name, iam.get_login_profile().user_name(name).send()).await?;
        let password = || "a password to sign in with".to_owned();
        let mut found: Vec<Obstacle> =
            login.iter().map(|_| obstacle("login_profile", name, name, password(), "delete-login-profile")).collect();
        let pages = iam.list_access_keys().user_name(name).into_paginator().send();
        for key in cloud.all("ListAccessKeys", name, pages, |page| page.access_key_metadata).await? {
            let id = key.access_key_id().unwrap_or_default();
            let remedy = format!("delete-access-key --access-key-id {id}");
            found.push(obstacle(
                access_key::KIND,
                name,
                &format!("{name}/{id}"),
                format!("the access key {id}"),
                &remedy,
            ));
        }
        let pages = iam.list_mfa_devices().user_name(name).into_paginator().send();
        for device in cloud.all("ListMFADevices", name, pages, |page| page.mfa_devices).await? {
            let id = device.serial_number();
            let remedy = format!("deactivate-mfa-device --serial-number {id}");
            found.push(obstacle("mfa_device", name, id, format!("the MFA device {id}"), &remedy));
        }
        let pages = iam.list_ssh_public_keys().user_name(name).into_paginator().send();
        let keys = |page: ListSshPublicKeysOutput| page.ssh_public_keys.unwrap_or_default();
        for key in cloud.all("ListSSHPublicKeys", name, pages, keys).await? {
            let id = key.ssh_public_key_id();
            let remedy = format!("delete-ssh-public-key --ssh-public-key-id {id}");
            found.push(obstacle("ssh_public_key", name, id, format!("the SSH public key {id}"), &remedy));
        }
        let pages = iam.list_signing_certificates().user_name(name).into_paginator().send();
        for certificate in cloud.all("ListSigningCertificates", name, pages, |page| page.certificates).await? {
            let id = certificate.certificate_id();
            let remedy = format!("delete-signing-certificate --certificate-id {id}");
            found.push(obstacle("signing_certificate", name, id, format!("the signing certificate {id}"), &remedy));
        }
        let call = iam.list_service_specific_credentials().user_name(name).send();
        let credentials = match cloud.get("ListServiceSpecificCredentials", name, call).await {
            // Other servers than AWS do not all know it; should there be one, the deletion says so.
            Err(error) if AwsError::of(&error).is_some_and(AwsError::is_of_no_iam) => None,
            found => found?.and_then(|found| found.service_specific_credentials),
        };
        for credential in credentials.unwrap_or_default() {
            let id = credential.service_specific_credential_id();
            let service = credential.service_name();
            let what = format!("the credential {id} for {service}");
            let remedy = format!("delete-service-specific-credential --service-specific-credential-id {id}");
            found.push(obstacle("service_specific_credential", name, id, what, &remedy));
        }
        Ok(found)
    }

    async fn last_used(&self, cloud: &Cloud, name: &str) -> Result<Option<LastUse>> {
        let found = cloud.get("GetUser", name, cloud.iam.get_user().user_name(name).send()).await?;
        let signed_in = found.and_then(|found| found.user).and_then(|user| user.password_last_used);
        Ok(signed_in.map(|at| LastUse { at: time(&at), how: "to sign in".to_owned() }))
    }

    async fn create(&self, cloud: &Cloud, wanted: &Attributes) -> Result<Made> {
        let (name, path) = name_and_path(wanted);
        let call = cloud
            .iam
            .create_user()
            .user_name(name)
            .path(path)
            .set_permissions_boundary(text(wanted, "boundary").map(str::to_owned))
            .set_tags(tags::sdk(wanted));
        let made = cloud.call("CreateUser", name, call.send()).await?;
        Ok(made.user.map(|user| user.user_id).into())
    }

    async fn converge(&self, cloud: &Cloud, live: &Attributes, wanted: &Attributes) -> Result<()> {
        let (name, path) = name_and_path(wanted);
        let iam = &cloud.iam;
        let differs = |field: &str| live.get(field) != wanted.get(field);
        let change = tags::change(live, wanted);
        if let Some(keys) = change.removed {
            cloud.call("UntagUser", name, iam.untag_user().user_name(name).set_tag_keys(Some(keys)).send()).await?;
        }
        if let Some(tags) = change.set {
            cloud.call("TagUser", name, iam.tag_user().user_name(name).set_tags(Some(tags)).send()).await?;
        }
        match text(wanted, "boundary").filter(|_| differs("boundary")) {
            Some(arn) => {
                let call = iam.put_user_permissions_boundary().user_name(name).permissions_boundary(arn);
                cloud.call("PutUserPermissionsBoundary", name, call.send()).await.map(drop)?;
            }
            None if differs("boundary") => {
                let call = iam.delete_user_permissions_boundary().user_name(name);
                cloud.remove("DeleteUserPermissionsBoundary", name, call.send()).await?;
            }
            None => {}
        }
        if differs("path") {
            cloud.call("UpdateUser", name, iam.update_user().user_name(name).new_path(path).send()).await?;
        }
        Ok(())
    }

    async fn delete(&self, cloud: &Cloud, live: &Attributes) -> Result<()> {
        let (name, _) = name_and_path(live);
        Ok(cloud.remove("DeleteUser", name, cloud.iam.delete_user().user_name(name).send()).await?)
    }
}

/// Something that a user has and that no manifest speaks of; `remedy` is the command that takes it away, without
/// the user's name.
fn obstacle(kind: &str, user: &str, name: &str, what: String, remedy: &str) -> Obstacle {
    let remedy = format!("aws iam {remedy} --user-name {user}");
    Obstacle { object: ObjectId::new(kind, name), text: format!("has {what}"), remedy }
}
