//! IAM: a table of actions, each a plain function from the account and the parameters to a result.
//!
//! An action checks everything before it changes anything: what it changed is kept even if it then fails.

use jiff::Timestamp;

use super::answer::Refusal;
use super::ids;
use super::request::Request;
use super::table::Entity;
use super::world::{Group, Role, User, World};
use super::xml::Xml;

mod access_key;
mod account;
mod account_details;
mod attachment;
mod boundary;
mod document;
mod group;
mod inline_policy;
mod instance_profile;
mod lists;
mod names;
mod oidc_provider;
mod owner;
mod policy;
mod policy_version;
mod role;
mod service_linked_role;
mod tags;
mod trust;
mod usage;
mod user;

pub use access_key::{is_of as is_key_of, of_id as key_of_id};
pub use oidc_provider::find as provider;
pub use trust::named_by as trusted;

pub const NAMESPACE: &str = "https://iam.amazonaws.com/doc/2010-05-08/";

/// One action of IAM.
pub struct Action {
    pub name: &'static str,
    pub writes: bool,
    pub run: fn(&mut Call) -> Answer,
}

/// The content of the result element.
pub type Answer = Result<Xml, Refusal>;

/// One call at work.
pub struct Call<'a> {
    pub world: &'a mut World,
    pub request: &'a Request,
    pub now: Timestamp,
    /// The number of the write that this call is, if it writes.
    pub number: u64,
    /// Most items of a page, where a fault says so.
    pub page: Option<usize>,
}

impl Call<'_> {
    /// Returns the id of the object that this call makes.
    fn new_id<T: Entity>(&self) -> String {
        ids::of_write(T::ID_PREFIX, &self.world.account.id, self.number)
    }
}

const fn reads(name: &'static str, run: fn(&mut Call) -> Answer) -> Action {
    Action { name, writes: false, run }
}

const fn writes(name: &'static str, run: fn(&mut Call) -> Answer) -> Action {
    Action { name, writes: true, run }
}

/// Returns the ARN of what a call is about, in the account as it is.
pub fn subject(world: &World, request: &Request) -> String {
    let arn = |collection: &str, live: Option<&str>, name: &str| {
        let path = live.or_else(|| request.get("Path")).unwrap_or("/");
        world.account.arn(collection, path, name)
    };
    if let Some(name) = request.get("InstanceProfileName") {
        return arn("instance-profile", world.profiles.get(name).map(|it| it.path.as_str()), name);
    }
    if let Some(name) = request.get("RoleName") {
        return arn("role", world.roles.get(name).map(|it| it.path.as_str()), name);
    }
    let (service, task) = (request.get("AWSServiceName"), request.get("DeletionTaskId"));
    if let Some(arn) = service_linked_role::subject(world, service, task) {
        return arn;
    }
    // A membership is an action on the group.
    if let Some(name) = request.get("GroupName") {
        return arn("group", world.groups.get(name).map(|it| it.path.as_str()), name);
    }
    if let Some(name) = request.get("UserName") {
        return arn("user", world.users.get(name).map(|it| it.path.as_str()), name);
    }
    if let Some(arn) = request.get("OpenIDConnectProviderArn") {
        return arn.to_owned();
    }
    if let Some(url) = request.get("Url") {
        return world.account.arn("oidc-provider", "/", url.trim_start_matches("https://"));
    }
    match (request.get("PolicyArn"), request.get("PolicyName")) {
        (Some(arn), _) => arn.to_owned(),
        (None, Some(name)) => arn("policy", None, name),
        (None, None) => "*".to_owned(),
    }
}

pub fn action(name: &str) -> Option<&'static Action> {
    ACTIONS.iter().find(|action| action.name == name)
}

static ACTIONS: &[Action] = &[
    reads("GetAccountSummary", account::summary),
    reads("GetAccountAuthorizationDetails", account_details::get),
    // Managed policies
    writes("CreatePolicy", policy::create),
    reads("GetPolicy", policy::get),
    reads("ListPolicies", policy::list),
    reads("ListEntitiesForPolicy", usage::entities),
    writes("TagPolicy", policy::tag),
    writes("UntagPolicy", policy::untag),
    reads("ListPolicyTags", policy::list_tags),
    writes("DeletePolicy", policy::delete),
    writes("CreatePolicyVersion", policy_version::create),
    reads("GetPolicyVersion", policy_version::get),
    reads("ListPolicyVersions", policy_version::list),
    writes("SetDefaultPolicyVersion", policy_version::set_default),
    writes("DeletePolicyVersion", policy_version::delete),
    // Roles
    writes("CreateRole", role::create),
    reads("GetRole", role::get),
    reads("ListRoles", role::list),
    writes("UpdateRole", role::update),
    writes("UpdateRoleDescription", role::update_description),
    writes("UpdateAssumeRolePolicy", role::update_trust),
    writes("TagRole", role::tag),
    writes("UntagRole", role::untag),
    reads("ListRoleTags", role::list_tags),
    writes("DeleteRole", role::delete),
    writes("PutRolePermissionsBoundary", boundary::put::<Role>),
    writes("DeleteRolePermissionsBoundary", boundary::delete::<Role>),
    writes("PutRolePolicy", inline_policy::put::<Role>),
    reads("GetRolePolicy", inline_policy::get::<Role>),
    reads("ListRolePolicies", inline_policy::list::<Role>),
    writes("DeleteRolePolicy", inline_policy::delete::<Role>),
    writes("AttachRolePolicy", attachment::attach::<Role>),
    writes("DetachRolePolicy", attachment::detach::<Role>),
    reads("ListAttachedRolePolicies", attachment::list::<Role>),
    // Users
    writes("CreateUser", user::create),
    reads("GetUser", user::get),
    reads("ListUsers", user::list),
    writes("UpdateUser", user::update),
    writes("TagUser", user::tag),
    writes("UntagUser", user::untag),
    reads("ListUserTags", user::list_tags),
    writes("DeleteUser", user::delete),
    writes("PutUserPermissionsBoundary", boundary::put::<User>),
    writes("DeleteUserPermissionsBoundary", boundary::delete::<User>),
    writes("PutUserPolicy", inline_policy::put::<User>),
    reads("GetUserPolicy", inline_policy::get::<User>),
    reads("ListUserPolicies", inline_policy::list::<User>),
    writes("DeleteUserPolicy", inline_policy::delete::<User>),
    writes("AttachUserPolicy", attachment::attach::<User>),
    writes("DetachUserPolicy", attachment::detach::<User>),
    reads("ListAttachedUserPolicies", attachment::list::<User>),
    writes("CreateLoginProfile", user::create_login),
    reads("GetLoginProfile", user::get_login),
    writes("DeleteLoginProfile", user::delete_login),
    writes("CreateAccessKey", access_key::create),
    reads("ListAccessKeys", access_key::list),
    reads("GetAccessKeyLastUsed", access_key::last_used),
    writes("UpdateAccessKey", access_key::update),
    writes("DeleteAccessKey", access_key::delete),
    reads("ListMFADevices", user::list_mfa),
    reads("ListSSHPublicKeys", user::list_ssh_keys),
    reads("ListSigningCertificates", user::list_certificates),
    reads("ListServiceSpecificCredentials", user::list_credentials),
    // Groups
    writes("CreateGroup", group::create),
    reads("GetGroup", group::get),
    reads("ListGroups", group::list),
    reads("ListGroupsForUser", group::list_for_user),
    writes("UpdateGroup", group::update),
    writes("AddUserToGroup", group::add_user),
    writes("RemoveUserFromGroup", group::remove_user),
    writes("DeleteGroup", group::delete),
    writes("PutGroupPolicy", inline_policy::put::<Group>),
    reads("GetGroupPolicy", inline_policy::get::<Group>),
    reads("ListGroupPolicies", inline_policy::list::<Group>),
    writes("DeleteGroupPolicy", inline_policy::delete::<Group>),
    writes("AttachGroupPolicy", attachment::attach::<Group>),
    writes("DetachGroupPolicy", attachment::detach::<Group>),
    reads("ListAttachedGroupPolicies", attachment::list::<Group>),
    // Service-linked roles
    writes("CreateServiceLinkedRole", service_linked_role::create),
    writes("DeleteServiceLinkedRole", service_linked_role::delete),
    reads("GetServiceLinkedRoleDeletionStatus", service_linked_role::status),
    // OIDC providers
    writes("CreateOpenIDConnectProvider", oidc_provider::create),
    reads("GetOpenIDConnectProvider", oidc_provider::get),
    reads("ListOpenIDConnectProviders", oidc_provider::list),
    writes("AddClientIDToOpenIDConnectProvider", oidc_provider::add_audience),
    writes("RemoveClientIDFromOpenIDConnectProvider", oidc_provider::remove_audience),
    writes("UpdateOpenIDConnectProviderThumbprint", oidc_provider::update_thumbprints),
    writes("TagOpenIDConnectProvider", oidc_provider::tag),
    writes("UntagOpenIDConnectProvider", oidc_provider::untag),
    reads("ListOpenIDConnectProviderTags", oidc_provider::list_tags),
    writes("DeleteOpenIDConnectProvider", oidc_provider::delete),
    // Instance profiles
    writes("CreateInstanceProfile", instance_profile::create),
    reads("GetInstanceProfile", instance_profile::get),
    reads("ListInstanceProfiles", instance_profile::list),
    reads("ListInstanceProfilesForRole", instance_profile::list_for_role),
    writes("AddRoleToInstanceProfile", instance_profile::add_role),
    writes("RemoveRoleFromInstanceProfile", instance_profile::remove_role),
    writes("TagInstanceProfile", instance_profile::tag),
    writes("UntagInstanceProfile", instance_profile::untag),
    reads("ListInstanceProfileTags", instance_profile::list_tags),
    writes("DeleteInstanceProfile", instance_profile::delete),
];
