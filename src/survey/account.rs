//! The whole account in few pages: every role, user and group with what hangs on it, every policy with its
//! document, every instance profile, and the tags that AWS lists apart.
//!
//! `GetAccountAuthorizationDetails` leaves out the description and the longest session of a role, which
//! `ListRoles` has, and the tags of policies and instance profiles, which the Resource Groups Tagging API has:
//! late at times, so that its tags are only taken where they are what we wrote ourselves.

use std::collections::HashMap;

use aws_sdk_iam::types::{
    EntityType, GroupDetail, InstanceProfile, ManagedPolicyDetail, Role, RoleDetail, Tag, UserDetail,
};
use aws_sdk_resourcegroupstagging::types::{ResourceTagMapping, TagFilter};

use crate::cloud::Cloud;
use crate::error::Result;
use crate::model::Tags;
use crate::plan::DEPLOYMENT_TAG;

/// Most items of a page; IAM may send fewer.
pub(super) const PAGE: usize = 1000;
/// The same of the tagging API.
pub(super) const TAGGED_PAGE: usize = 100;

/// All that the survey of an account says.
#[derive(Debug, Default)]
pub struct AccountSurvey {
    /// By lower-case name, as AWS keeps names unique.
    roles: HashMap<String, (RoleDetail, Option<Role>)>,
    /// By lower-case name.
    users: HashMap<String, UserDetail>,
    /// By lower-case name.
    groups: HashMap<String, GroupDetail>,
    /// By ARN.
    policies: HashMap<String, ManagedPolicyDetail>,
    /// Lower-case name to ARN.
    policy_names: HashMap<String, String>,
    /// By lower-case name.
    profiles: HashMap<String, InstanceProfile>,
    /// Of what carries the deployment's tag, by ARN.
    tags: HashMap<String, Tags>,
    deployment: String,
}

impl AccountSurvey {
    /// Reads all lists at a time. What is refused is an error; tags that cannot be had are not.
    pub async fn read(cloud: &Cloud, deployment: &str) -> Result<Self> {
        let tags = async { Ok(tags(cloud, deployment).await.unwrap_or_default()) };
        let (details, roles, profiles, tags) = tokio::try_join!(details(cloud), roles(cloud), profiles(cloud), tags)?;
        let Details { roles: role_details, users, groups, policies } = details;
        let mut listed: HashMap<String, Role> =
            roles.into_iter().map(|role| (role.role_name.to_lowercase(), role)).collect();
        let with_listed = |detail: RoleDetail| {
            let name = detail.role_name().unwrap_or_default().to_lowercase();
            let listed = listed.remove(&name);
            (name, (detail, listed))
        };
        let arn = |policy: &ManagedPolicyDetail| policy.arn().unwrap_or_default().to_owned();
        let name = |policy: &ManagedPolicyDetail| arn(policy).rsplit('/').next().unwrap_or_default().to_lowercase();
        Ok(Self {
            roles: role_details.into_iter().map(with_listed).collect(),
            users: users.into_iter().map(|it| (it.user_name().unwrap_or_default().to_lowercase(), it)).collect(),
            groups: groups.into_iter().map(|it| (it.group_name().unwrap_or_default().to_lowercase(), it)).collect(),
            policy_names: policies.iter().map(|policy| (name(policy), arn(policy))).collect(),
            policies: policies.into_iter().map(|policy| (arn(&policy), policy)).collect(),
            profiles: profiles.into_iter().map(|p| (p.instance_profile_name.to_lowercase(), p)).collect(),
            tags,
            deployment: deployment.to_owned(),
        })
    }

    /// Returns a role with its entry in the list of roles, which one that was just made may lack.
    pub fn role(&self, name: &str) -> Option<(&RoleDetail, Option<&Role>)> {
        self.roles.get(&name.to_lowercase()).map(|(detail, listed)| (detail, listed.as_ref()))
    }

    /// Returns the role in this path, which holds no other.
    pub fn role_in(&self, path: &str) -> Option<&RoleDetail> {
        self.roles.values().map(|(detail, _)| detail).find(|role| role.path() == Some(path))
    }

    pub fn user(&self, name: &str) -> Option<&UserDetail> {
        self.users.get(&name.to_lowercase())
    }

    pub fn group(&self, name: &str) -> Option<&GroupDetail> {
        self.groups.get(&name.to_lowercase())
    }

    pub fn policy(&self, arn: &str) -> Option<&ManagedPolicyDetail> {
        self.policies.get(arn)
    }

    /// Says whether a policy of this name exists, in whatever path.
    pub fn has_policy_named(&self, name: &str) -> bool {
        self.policy_names.contains_key(&name.to_lowercase())
    }

    pub fn profile(&self, name: &str) -> Option<&InstanceProfile> {
        self.profiles.get(&name.to_lowercase())
    }

    pub fn tags(&self, arn: &str) -> Option<&Tags> {
        self.tags.get(arn)
    }

    /// Returns the names of the roles that carry the deployment's tag.
    pub fn signed_roles(&self) -> impl Iterator<Item = &str> {
        let signed = self.roles.values().filter(|(role, _)| self.is_signature(role.tags()));
        signed.filter_map(|(role, _)| role.role_name())
    }

    /// Returns the names of the users that carry the deployment's tag.
    pub fn signed_users(&self) -> impl Iterator<Item = &str> {
        self.users.values().filter(|user| self.is_signature(user.tags())).filter_map(|user| user.user_name())
    }

    /// Returns the ARNs of the policies that carry the deployment's tag. What the tagging API tells late is gone.
    pub fn signed_policies(&self) -> impl Iterator<Item = &str> {
        self.policies.keys().map(String::as_str).filter(|arn| self.tags.contains_key(*arn))
    }

    /// Returns the names of the instance profiles that carry the deployment's tag.
    pub fn signed_profiles(&self) -> impl Iterator<Item = &str> {
        self.profiles
            .values()
            .filter(|profile| self.tags.contains_key(profile.arn()))
            .map(|p| p.instance_profile_name())
    }

    fn is_signature(&self, tags: &[Tag]) -> bool {
        tags.iter().any(|tag| tag.key() == DEPLOYMENT_TAG && tag.value() == self.deployment)
    }
}

/// What the one list has in which the account is told.
#[derive(Default)]
struct Details {
    roles: Vec<RoleDetail>,
    users: Vec<UserDetail>,
    groups: Vec<GroupDetail>,
    policies: Vec<ManagedPolicyDetail>,
}

async fn details(cloud: &Cloud) -> Result<Details> {
    let filters = [EntityType::Role, EntityType::User, EntityType::Group, EntityType::LocalManagedPolicy];
    let call = cloud.iam.get_account_authorization_details().max_items(PAGE as i32);
    let mut pages = call.set_filter(Some(filters.to_vec())).into_paginator().send();
    let mut details = Details::default();
    while let Some(page) = cloud.page("GetAccountAuthorizationDetails", "the account", &mut pages).await? {
        details.roles.extend(page.role_detail_list.unwrap_or_default());
        details.users.extend(page.user_detail_list.unwrap_or_default());
        details.groups.extend(page.group_detail_list.unwrap_or_default());
        details.policies.extend(page.policies.unwrap_or_default());
    }
    Ok(details)
}

async fn roles(cloud: &Cloud) -> Result<Vec<Role>> {
    let pages = cloud.iam.list_roles().max_items(PAGE as i32).into_paginator().send();
    cloud.all("ListRoles", "the account", pages, |page| page.roles).await
}

async fn profiles(cloud: &Cloud) -> Result<Vec<InstanceProfile>> {
    let pages = cloud.iam.list_instance_profiles().max_items(PAGE as i32).into_paginator().send();
    cloud.all("ListInstanceProfiles", "the account", pages, |page| page.instance_profiles).await
}

/// Returns the tags of policies and instance profiles that carry the deployment's tag.
async fn tags(cloud: &Cloud, deployment: &str) -> Result<HashMap<String, Tags>> {
    let ours = TagFilter::builder().key(DEPLOYMENT_TAG).values(deployment);
    let call = cloud.tagging.get_resources().tag_filters(ours.build()).resources_per_page(TAGGED_PAGE as i32);
    let call = call.resource_type_filters("iam:policy").resource_type_filters("iam:instance-profile");
    let pages = call.into_paginator().send();
    let listed = cloud.all("GetResources", "the account", pages, |page| page.resource_tag_mapping_list).await?;
    let of_it = |resource: ResourceTagMapping| {
        let tags = resource.tags.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value)).collect();
        (resource.resource_arn.unwrap_or_default(), tags)
    };
    Ok(listed.into_iter().flatten().map(of_it).collect())
}
