//! What an account holds. Plain data: one value is one file on disk, and one call changes one value.
//!
//! The second half of that sentence is the premise of crash safety: no kill can come between two files
//! that belong together. So everything that could be said at two ends is said at one (a role lists its
//! attachments, a profile its role) and looked up from the other end through [`Table::users`].

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::table::{Entity, Table, Use};
use crate::policy::{Host, limits};

pub type Tags = BTreeMap<String, String>;

#[derive(Debug, Default)]
pub struct World {
    pub account: Account,
    pub roles: Table<Role>,
    pub users: Table<User>,
    pub groups: Table<Group>,
    pub policies: Table<Policy>,
    pub profiles: Table<Profile>,
    pub providers: Table<Provider>,
}

/// `account.json`. Quotas are those that AWS raises on request.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    #[serde(rename = "account")]
    pub id: String,
    #[serde(default = "partition", skip_serializing_if = "is_default_partition")]
    pub partition: String,
    #[serde(default = "attachments", skip_serializing_if = "is_default_attachments")]
    pub attached_policies_per_role: usize,
    #[serde(default = "trust_size", skip_serializing_if = "is_default_trust_size")]
    pub trust_policy_size: usize,
    /// How many there may be of a kind, by the name in the account's summary: `RolesQuota`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub quotas: BTreeMap<String, usize>,
}

fn partition() -> String {
    "aws".to_owned()
}

fn is_default_partition(partition: &str) -> bool {
    partition == self::partition()
}

fn attachments() -> usize {
    limits::ATTACHMENTS
}

fn is_default_attachments(n: &usize) -> bool {
    *n == attachments()
}

fn trust_size() -> usize {
    limits::longest(Host::Trust)
}

fn is_default_trust_size(n: &usize) -> bool {
    *n == trust_size()
}

impl Default for Account {
    fn default() -> Self {
        Self {
            id: "123456789012".to_owned(),
            partition: partition(),
            attached_policies_per_role: attachments(),
            trust_policy_size: trust_size(),
            quotas: BTreeMap::new(),
        }
    }
}

impl Account {
    pub fn arn(&self, collection: &str, path: &str, name: &str) -> String {
        format!("arn:{}:iam::{}:{collection}{path}{name}", self.partition, self.id)
    }

    /// Returns what the ARNs of AWS's own policies start with.
    pub fn policies_of_aws(&self) -> String {
        format!("arn:{}:iam::aws:policy", self.partition)
    }

    /// Returns how many of a kind there may be: "IAM and AWS STS quotas".
    pub fn quota(&self, name: &str) -> usize {
        let default = match name {
            "AttachedPoliciesPerRoleQuota" => self.attached_policies_per_role,
            "AttachedPoliciesPerUserQuota" | "AttachedPoliciesPerGroupQuota" => limits::ATTACHMENTS,
            "GroupsPerUserQuota" => limits::GROUPS_OF_USER,
            "AccessKeysPerUserQuota" => 2,
            "PoliciesQuota" => 1500,
            "UsersQuota" => 5000,
            "GroupsQuota" => 300,
            "OpenIDConnectProvidersQuota" => 100,
            _ => 1000,
        };
        self.quotas.get(name).copied().unwrap_or(default)
    }

    /// Returns who every caller is.
    pub fn caller(&self) -> String {
        self.arn("user", "/", "sandbox")
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// The name of its file.
    #[serde(skip)]
    pub name: String,
    #[serde(default = "root")]
    pub path: String,
    #[serde(default)]
    pub id: String,
    #[serde(default = "long_ago")]
    pub created: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(default = "hour")]
    pub max_session: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boundary: Option<String>,
    pub trust: Json,
    /// The ids that the ARNs in `trust` had when it was put. AWS trusts the id, not the name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub trusted_ids: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub policies: BTreeSet<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inline: BTreeMap<String, Json>,
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used: Option<LastUsed>,
    #[serde(default, skip_serializing_if = "Deletion::is_nothing")]
    pub deletion: Deletion,
}

/// What keeps a service-linked role from being deleted. Nothing here uses one; a person writes this.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deletion {
    /// Resources that need it, by region.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub used_by: BTreeMap<String, Vec<String>>,
    /// How often who asks is told that it is in progress.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub answers: u32,
    /// The task that was begun last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
}

impl Deletion {
    fn is_nothing(&self) -> bool {
        self.used_by.is_empty() && self.answers == 0 && self.task.is_none()
    }
}

fn is_zero(n: &u32) -> bool {
    *n == 0
}

/// Nothing here ever uses a role; a person writes this to see what happens to one that is used.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LastUsed {
    pub date: Timestamp,
    pub region: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    #[serde(skip)]
    pub name: String,
    #[serde(default = "root")]
    pub path: String,
    #[serde(default)]
    pub id: String,
    #[serde(default = "long_ago")]
    pub created: Timestamp,
    #[serde(default = "long_ago")]
    pub updated: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
    pub default_version: String,
    /// The number of the youngest version that ever was: AWS never gives one twice.
    #[serde(default)]
    pub last_version: u64,
    /// The oldest first.
    pub versions: IndexMap<String, Version>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Version {
    #[serde(default = "long_ago")]
    pub created: Timestamp,
    pub document: Json,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    #[serde(skip)]
    pub name: String,
    #[serde(default = "root")]
    pub path: String,
    #[serde(default)]
    pub id: String,
    #[serde(default = "long_ago")]
    pub created: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    #[serde(skip)]
    pub name: String,
    #[serde(default = "root")]
    pub path: String,
    #[serde(default)]
    pub id: String,
    #[serde(default = "long_ago")]
    pub created: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boundary: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub groups: BTreeSet<String>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub policies: BTreeSet<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inline: BTreeMap<String, Json>,
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
    /// Since when there is a password to sign in with. The password itself is kept nowhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Timestamp>,
    /// Nobody signs in here; a person writes this to see what happens to a user who does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_last_used: Option<Timestamp>,
    /// By id. A secret is told once and kept nowhere.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub access_keys: IndexMap<String, AccessKey>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub mfa_devices: BTreeSet<String>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub ssh_public_keys: BTreeSet<String>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub signing_certificates: BTreeSet<String>,
    /// The service of each, by id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub service_credentials: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessKey {
    #[serde(default = "long_ago")]
    pub created: Timestamp,
    pub active: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used: Option<KeyUsed>,
}

/// What a person writes to see what happens to a key that is used.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyUsed {
    pub date: Timestamp,
    pub region: String,
    pub service: String,
}

/// Who is in it is said by the users.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    #[serde(skip)]
    pub name: String,
    #[serde(default = "root")]
    pub path: String,
    #[serde(default)]
    pub id: String,
    #[serde(default = "long_ago")]
    pub created: Timestamp,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub policies: BTreeSet<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inline: BTreeMap<String, Json>,
}

/// An OIDC provider. Its file has the name of its URL, each slash as `%2F`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    #[serde(skip)]
    pub name: String,
    /// AWS gives it none; only so that all entities have one.
    #[serde(skip)]
    pub id: String,
    #[serde(default = "long_ago")]
    pub created: Timestamp,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub audiences: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub thumbprints: Vec<String>,
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

fn root() -> String {
    "/".to_owned()
}

fn hour() -> u32 {
    3600
}

/// The day of birth of what a person wrote without one: 2020-01-01.
fn long_ago() -> Timestamp {
    Timestamp::constant(1_577_836_800, 0)
}

impl Role {
    pub fn arn(&self, account: &Account) -> String {
        account.arn("role", &self.path, &self.name)
    }
}

impl User {
    pub fn arn(&self, account: &Account) -> String {
        account.arn("user", &self.path, &self.name)
    }
}

impl Group {
    pub fn arn(&self, account: &Account) -> String {
        account.arn("group", &self.path, &self.name)
    }
}

impl Policy {
    pub fn arn(&self, account: &Account) -> String {
        account.arn("policy", &self.path, &self.name)
    }
}

impl Profile {
    pub fn arn(&self, account: &Account) -> String {
        account.arn("instance-profile", &self.path, &self.name)
    }
}

impl Provider {
    /// Returns the name of the provider of this URL, which is written without its scheme.
    pub fn name_of(url: &str) -> String {
        url.replace('%', "%25").replace('/', "%2F")
    }

    /// Returns the URL without its scheme.
    pub fn url(&self) -> String {
        self.name.replace("%2F", "/").replace("%25", "%")
    }

    pub fn arn(&self, account: &Account) -> String {
        account.arn("oidc-provider", "/", &self.url())
    }
}

macro_rules! entity {
    ($type:ty, $folder:literal, $prefix:literal, |$it:ident| $uses:expr) => {
        impl Entity for $type {
            const FOLDER: &'static str = $folder;
            const ID_PREFIX: &'static str = $prefix;

            fn name(&self) -> &str {
                &self.name
            }

            fn set_name(&mut self, name: &str) {
                name.clone_into(&mut self.name);
            }

            fn id_mut(&mut self) -> &mut String {
                &mut self.id
            }

            fn uses(&self) -> Vec<Use> {
                let $it = self;
                $uses
            }
        }
    };
}

entity!(Role, "roles", "AROA", |role| {
    let attached = role.policies.iter().cloned().map(Use::Attached);
    attached.chain(role.boundary.clone().map(Use::Boundary)).collect()
});
entity!(User, "users", "AIDA", |user| {
    let attached = user.policies.iter().cloned().map(Use::Attached);
    let bounded = user.boundary.clone().map(Use::Boundary);
    attached.chain(bounded).chain(user.groups.iter().cloned().map(Use::Member)).collect()
});
entity!(Group, "groups", "AGPA", |group| group.policies.iter().cloned().map(Use::Attached).collect());
entity!(Policy, "policies", "ANPA", |_policy| Vec::new());
entity!(Profile, "instance_profiles", "AIPA", |profile| profile.role.clone().map(Use::Role).into_iter().collect());

entity!(Provider, "oidc_providers", "", |_provider| Vec::new());
