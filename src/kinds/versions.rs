//! The versions of a managed policy: five at most, numbered as they come, one of them the default.

use crate::cloud::{self, Cloud};
use crate::error::Result;
use crate::model::{ObjectId, Record};
use crate::policy::{Document, limits};

use super::policy;

/// One version, without its document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// `v3`
    pub id: String,
    /// `2026-01-02T03:04:05Z`
    pub created: String,
    pub is_default: bool,
}

impl Version {
    /// `v10` is younger than `v9`.
    pub fn number(&self) -> u64 {
        self.id.trim_start_matches('v').parse().unwrap_or(0)
    }
}

/// Says whether a record is of something that has versions.
pub fn are_of(record: &Record) -> bool {
    record.id.kind == policy::KIND
}

/// Returns all versions, the oldest first.
pub async fn all(cloud: &Cloud, arn: &str) -> Result<Vec<Version>> {
    let pages = cloud.iam.list_policy_versions().policy_arn(arn).into_paginator().send();
    let listed = cloud.all("ListPolicyVersions", arn, pages, |page| page.versions.unwrap_or_default()).await?;
    let version = |version: aws_sdk_iam::types::PolicyVersion| Version {
        created: version.create_date().map(cloud::time).unwrap_or_default(),
        is_default: version.is_default_version(),
        id: version.version_id.unwrap_or_default(),
    };
    let mut versions: Vec<Version> = listed.into_iter().map(version).collect();
    versions.sort_by_key(Version::number);
    Ok(versions)
}

/// Returns the versions that are not the default, the oldest first.
pub(super) async fn others(cloud: &Cloud, arn: &str) -> Result<Vec<Version>> {
    Ok(all(cloud, arn).await?.into_iter().filter(|version| !version.is_default).collect())
}

/// Returns the document of a version; `None` when there is none.
pub async fn document(cloud: &Cloud, arn: &str, version: &str) -> Result<Option<Document>> {
    let call = cloud.iam.get_policy_version().policy_arn(arn).version_id(version).send();
    let found = cloud.get("GetPolicyVersion", arn, call).await?.and_then(|found| found.policy_version);
    found.map(|version| cloud::document(arn, version.document())).transpose()
}

/// Makes a version the default, from one moment to the next.
pub async fn set_default(cloud: &Cloud, id: &ObjectId, version: &str) -> Result<()> {
    let call = cloud.iam.set_default_policy_version().policy_arn(&id.name).version_id(version);
    Ok(cloud.call("SetDefaultPolicyVersion", &id.name, call.send()).await.map(drop)?)
}

/// Makes a new default version; the oldest other one goes first when AWS holds five already.
pub(super) async fn make(cloud: &Cloud, arn: &str, document: &str) -> Result<()> {
    let create = |once| {
        let call = cloud.iam.create_policy_version().policy_arn(arn).policy_document(document).set_as_default(true);
        call.customize().config_override(once).send()
    };
    match cloud.call_once("CreatePolicyVersion", arn, create).await {
        Err(error) if error.is("LimitExceeded") => {
            // A document that is too long exceeds a limit too, and costs no version.
            let others = others(cloud, arn).await?;
            match others.first() {
                Some(oldest) if others.len() + 1 >= limits::VERSIONS => delete(cloud, arn, &oldest.id).await?,
                _ => return Err(error.into()),
            }
            cloud.call_once("CreatePolicyVersion", arn, create).await?;
        }
        done => drop(done?),
    }
    Ok(())
}

pub(super) async fn delete(cloud: &Cloud, arn: &str, version: &str) -> Result<()> {
    let call = cloud.iam.delete_policy_version().policy_arn(arn).version_id(version);
    Ok(cloud.remove("DeletePolicyVersion", arn, call.send()).await?)
}
