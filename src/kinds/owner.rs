//! What holds policies: roles, users and groups. All of them have policies attached and inline policies; only
//! the calls have other names, and those are here.

use aws_sdk_iam::types::{AttachedPolicy, PolicyDetail};

use crate::cloud::{Cloud, document};
use crate::error::Result;
use crate::manifest::Declared;
use crate::model::{Live, ObjectId, Resource};
use crate::policy::Document;

use super::{attachment, group, inline_policy, role, user};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    Role,
    User,
    Group,
}

impl Owner {
    /// The kind of such an owner, which is also the field that names it on what hangs on it.
    pub const fn kind(self) -> &'static str {
        match self {
            Owner::Role => role::KIND,
            Owner::User => user::KIND,
            Owner::Group => group::KIND,
        }
    }

    /// Returns the id of the owner of this name.
    pub fn id_of(self, name: &str) -> ObjectId {
        ObjectId::new(self.kind(), name)
    }

    /// Returns the policies, attached and inline, that an entry of the manifest asks for.
    pub fn declared(self, entry: &Declared, name: &str) -> Vec<Resource> {
        let inline = entry.inline().iter().map(|inline| inline_policy::of(self).declared(entry, name, inline));
        inline.chain(entry.policies().iter().map(|to| attachment::of(self).declared(entry, name, to))).collect()
    }

    /// Reads the policies that an owner has, attached and inline.
    pub async fn policies(self, cloud: &Cloud, name: &str) -> Result<Vec<Live>> {
        let attached = self.attached(cloud, name).await?;
        let mut found: Vec<Live> = attached.iter().map(|arn| attachment::of(self).live(name, arn)).collect();
        for (policy, document) in self.inline(cloud, name).await? {
            found.push(inline_policy::of(self).live(name, &policy, document));
        }
        Ok(found)
    }

    /// The same from what a survey says of an owner.
    pub fn surveyed(self, name: &str, attached: &[AttachedPolicy], inline: &[PolicyDetail]) -> Result<Vec<Live>> {
        let arns = attached.iter().filter_map(|policy| policy.policy_arn());
        let mut found: Vec<Live> = arns.map(|arn| attachment::of(self).live(name, arn)).collect();
        for policy in inline {
            let inline = policy.policy_name().unwrap_or_default();
            found.push(inline_policy::of(self).live(name, inline, document(inline, policy.policy_document())?));
        }
        Ok(found)
    }

    async fn attached(self, cloud: &Cloud, name: &str) -> Result<Vec<String>> {
        let iam = &cloud.iam;
        let policies = match self {
            Owner::Role => {
                let pages = iam.list_attached_role_policies().role_name(name).into_paginator().send();
                cloud.all("ListAttachedRolePolicies", name, pages, |page| page.attached_policies).await?
            }
            Owner::User => {
                let pages = iam.list_attached_user_policies().user_name(name).into_paginator().send();
                cloud.all("ListAttachedUserPolicies", name, pages, |page| page.attached_policies).await?
            }
            Owner::Group => {
                let pages = iam.list_attached_group_policies().group_name(name).into_paginator().send();
                cloud.all("ListAttachedGroupPolicies", name, pages, |page| page.attached_policies).await?
            }
        };
        Ok(policies.into_iter().flatten().filter_map(|policy| policy.policy_arn).collect())
    }

    /// One call for the names, one for each document.
    async fn inline(self, cloud: &Cloud, name: &str) -> Result<Vec<(String, Document)>> {
        let mut found = Vec::new();
        for policy in self.inline_names(cloud, name).await? {
            let Some(text) = self.inline_text(cloud, name, &policy).await? else { continue };
            let document = document(&policy, Some(&text))?;
            found.push((policy, document));
        }
        Ok(found)
    }

    async fn inline_names(self, cloud: &Cloud, name: &str) -> Result<Vec<String>> {
        let iam = &cloud.iam;
        match self {
            Owner::Role => {
                let pages = iam.list_role_policies().role_name(name).into_paginator().send();
                cloud.all("ListRolePolicies", name, pages, |page| page.policy_names).await
            }
            Owner::User => {
                let pages = iam.list_user_policies().user_name(name).into_paginator().send();
                cloud.all("ListUserPolicies", name, pages, |page| page.policy_names).await
            }
            Owner::Group => {
                let pages = iam.list_group_policies().group_name(name).into_paginator().send();
                cloud.all("ListGroupPolicies", name, pages, |page| page.policy_names).await
            }
        }
    }

    async fn inline_text(self, cloud: &Cloud, name: &str, policy: &str) -> Result<Option<String>> {
        let iam = &cloud.iam;
        Ok(match self {
            Owner::Role => {
                let call = iam.get_role_policy().role_name(name).policy_name(policy).send();
                cloud.get("GetRolePolicy", policy, call).await?.map(|policy| policy.policy_document)
            }
            Owner::User => {
                let call = iam.get_user_policy().user_name(name).policy_name(policy).send();
                cloud.get("GetUserPolicy", policy, call).await?.map(|policy| policy.policy_document)
            }
            Owner::Group => {
                let call = iam.get_group_policy().group_name(name).policy_name(policy).send();
                cloud.get("GetGroupPolicy", policy, call).await?.map(|policy| policy.policy_document)
            }
        })
    }

    pub async fn put_inline(self, cloud: &Cloud, name: &str, policy: &str, document: &str) -> Result<()> {
        let iam = &cloud.iam;
        match self {
            Owner::Role => {
                let call = iam.put_role_policy().role_name(name).policy_name(policy).policy_document(document);
                cloud.call("PutRolePolicy", policy, call.send()).await.map(drop)?;
            }
            Owner::User => {
                let call = iam.put_user_policy().user_name(name).policy_name(policy).policy_document(document);
                cloud.call("PutUserPolicy", policy, call.send()).await.map(drop)?;
            }
            Owner::Group => {
                let call = iam.put_group_policy().group_name(name).policy_name(policy).policy_document(document);
                cloud.call("PutGroupPolicy", policy, call.send()).await.map(drop)?;
            }
        }
        Ok(())
    }

    pub async fn delete_inline(self, cloud: &Cloud, name: &str, policy: &str) -> Result<()> {
        let iam = &cloud.iam;
        match self {
            Owner::Role => {
                let call = iam.delete_role_policy().role_name(name).policy_name(policy);
                cloud.remove("DeleteRolePolicy", policy, call.send()).await?;
            }
            Owner::User => {
                let call = iam.delete_user_policy().user_name(name).policy_name(policy);
                cloud.remove("DeleteUserPolicy", policy, call.send()).await?;
            }
            Owner::Group => {
                let call = iam.delete_group_policy().group_name(name).policy_name(policy);
                cloud.remove("DeleteGroupPolicy", policy, call.send()).await?;
            }
        }
        Ok(())
    }

    pub async fn attach(self, cloud: &Cloud, name: &str, arn: &str) -> Result<()> {
        let iam = &cloud.iam;
        match self {
            Owner::Role => {
                let call = iam.attach_role_policy().role_name(name).policy_arn(arn);
                cloud.call("AttachRolePolicy", arn, call.send()).await.map(drop)?;
            }
            Owner::User => {
                let call = iam.attach_user_policy().user_name(name).policy_arn(arn);
                cloud.call("AttachUserPolicy", arn, call.send()).await.map(drop)?;
            }
            Owner::Group => {
                let call = iam.attach_group_policy().group_name(name).policy_arn(arn);
                cloud.call("AttachGroupPolicy", arn, call.send()).await.map(drop)?;
            }
        }
        Ok(())
    }

    pub async fn detach(self, cloud: &Cloud, name: &str, arn: &str) -> Result<()> {
        let iam = &cloud.iam;
        match self {
            Owner::Role => {
                let call = iam.detach_role_policy().role_name(name).policy_arn(arn);
                cloud.remove("DetachRolePolicy", arn, call.send()).await?;
            }
            Owner::User => {
                let call = iam.detach_user_policy().user_name(name).policy_arn(arn);
                cloud.remove("DetachUserPolicy", arn, call.send()).await?;
            }
            Owner::Group => {
                let call = iam.detach_group_policy().group_name(name).policy_arn(arn);
                cloud.remove("DetachGroupPolicy", arn, call.send()).await?;
            }
        }
        Ok(())
    }
}
