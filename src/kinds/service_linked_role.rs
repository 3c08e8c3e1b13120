//! Service-linked roles: AWS's services act by them, and AWS alone changes them. One is asked for by its service
//! and can be made and deleted, nothing else. An account has one for a service, so all who want it share it; it
//! takes no tags, so who made it is told by the state alone.

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_iam::types::{DeletionTaskFailureReasonType as Reason, DeletionTaskStatusType as Status, Role};

use super::{Kind, Made, Spec, Surveyed, linked_services, text};
use crate::cloud::{AwsError, Cloud, time};
use crate::error::{Error, Result};
use crate::manifest::Declared;
use crate::model::schema::{Field, Holds, OnChange, Schema, Section};
use crate::model::{Account, Attributes, Live, ObjectId, Obstacle, Resource};
use crate::problem::Problem;
use crate::survey::AccountSurvey;

pub struct ServiceLinkedRole;

pub const KIND: &str = "service_linked_role";

static SCHEMA: Schema = Schema {
    kind: KIND,
    fields: &[Field {
        name: "service",
        holds: Holds::Text,
        on_change: OnChange::Replace("the role of another service is another one"),
    }],
    taggable: false,
    reads: &["iam:GetRole", "iam:ListRoles"],
    writes: &["iam:CreateServiceLinkedRole", "iam:DeleteServiceLinkedRole", "iam:GetServiceLinkedRoleDeletionStatus"],
    counted: Some("Roles"),
    section: Some(Section { name: "service_linked_roles", keys: &[] }),
};

/// What AWS names the roles of services that Seqera Platform and Nextflow bring into play. Others are found by
/// their path.
const NAMES: [(&str, &str); 12] = [
    ("autoscaling.amazonaws.com", "AWSServiceRoleForAutoScaling"),
    ("batch.amazonaws.com", "AWSServiceRoleForBatch"),
    ("ecs.amazonaws.com", "AWSServiceRoleForECS"),
    ("eks.amazonaws.com", "AWSServiceRoleForAmazonEKS"),
    ("eks-fargate.amazonaws.com", "AWSServiceRoleForAmazonEKSForFargate"),
    ("eks-nodegroup.amazonaws.com", "AWSServiceRoleForAmazonEKSNodegroup"),
    ("elasticache.amazonaws.com", "AWSServiceRoleForElastiCache"),
    ("elasticfilesystem.amazonaws.com", "AWSServiceRoleForAmazonElasticFileSystem"),
    ("elasticloadbalancing.amazonaws.com", "AWSServiceRoleForElasticLoadBalancing"),
    ("rds.amazonaws.com", "AWSServiceRoleForRDS"),
    ("spot.amazonaws.com", "AWSServiceRoleForEC2Spot"),
    ("spotfleet.amazonaws.com", "AWSServiceRoleForEC2SpotFleet"),
];

/// Returns the name of the role of this service, where it is known.
pub fn name_of(service: &str) -> Option<&'static str> {
    NAMES.iter().find(|(of, _)| *of == service).map(|(_, name)| *name)
}

/// Returns the path in which AWS keeps the role of a service.
pub fn path_of(service: &str) -> String {
    format!("/aws-service-role/{service}/")
}

/// How long AWS may take to delete a role, and the longest pause between two questions.
const PATIENCE: Duration = Duration::from_secs(300);
const PAUSE: Duration = Duration::from_secs(5);

fn service(attributes: &Attributes) -> &str {
    text(attributes, "service").unwrap_or_default()
}

fn live(service: &str, aws_id: &str, created: Option<String>) -> Vec<Live> {
    let attributes = Attributes::from([("service", service.into())]);
    vec![Live { id: ObjectId::new(KIND, service), aws_id: Some(aws_id.to_owned()), attributes, created }]
}

/// Finds the role of a service: by its name, else by its path.
async fn find(cloud: &Cloud, service: &str) -> Result<Option<Role>> {
    let path = path_of(service);
    if let Some(name) = name_of(service) {
        let role = cloud.get("GetRole", name, cloud.iam.get_role().role_name(name).send()).await?;
        if let Some(role) = role.and_then(|found| found.role).filter(|role| role.path() == path) {
            return Ok(Some(role));
        }
    }
    let pages = cloud.iam.list_roles().path_prefix(&path).into_paginator().send();
    match cloud.all("ListRoles", service, pages, |page| page.roles).await {
        // That there is none of the name that AWS gives was told before.
        Err(error) if name_of(service).is_some() && AwsError::of(&error).is_some_and(AwsError::is_denied) => Ok(None),
        found => Ok(found?.into_iter().next()),
    }
}

impl Spec for ServiceLinkedRole {
    fn schema(&self) -> &'static Schema {
        &SCHEMA
    }

    fn id(&self, _: &Account, attributes: &Attributes) -> ObjectId {
        ObjectId::new(KIND, service(attributes))
    }

    fn arn(&self, account: &Account, _: &str, service: &str) -> Option<String> {
        name_of(service).map(|name| account.iam_arn("role", &path_of(service), name))
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn doubt(&self, service: &str, what: &str) -> Option<Problem> {
        linked_services::doubt(service, what)
    }

    fn declare(&self, account: &Account, entry: &Declared) -> Vec<Resource> {
        let service = entry.address.segments().last().map_or("", String::as_str);
        let wanted = Attributes::from([("service", service.into())]);
        vec![entry.resource(self.id(account, &wanted), wanted)]
    }
}

#[async_trait]
impl Kind for ServiceLinkedRole {
    async fn read(&self, cloud: &Cloud, service: &str) -> Result<Vec<Live>> {
        let role = find(cloud, service).await?;
        Ok(role.map(|role| live(service, role.role_id(), Some(time(role.create_date())))).unwrap_or_default())
    }

    fn surveyed(&self, survey: &AccountSurvey, _: &Account, service: &str) -> Result<Surveyed> {
        let role = survey.role_in(&path_of(service));
        let live = |role: &aws_sdk_iam::types::RoleDetail| {
            live(service, role.role_id().unwrap_or_default(), role.create_date().map(time))
        };
        Ok(Surveyed::Known(role.map(live).unwrap_or_default()))
    }

    /// What uses it is known to its service alone; AWS tells when it is asked to delete it.
    async fn obstacles(&self, _: &Cloud, _: &str) -> Result<Vec<Obstacle>> {
        Ok(Vec::new())
    }

    async fn create(&self, cloud: &Cloud, wanted: &Attributes) -> Result<Made> {
        let service = service(wanted);
        let call = cloud.iam.create_service_linked_role().aws_service_name(service).send();
        let made = cloud.call("CreateServiceLinkedRole", service, call).await?;
        Ok(made.role.map(|role| role.role_id).into())
    }

    async fn converge(&self, _: &Cloud, _: &Attributes, _: &Attributes) -> Result<()> {
        Ok(())
    }

    /// Asks for the deletion and waits for what comes of it.
    async fn delete(&self, cloud: &Cloud, live: &Attributes) -> Result<()> {
        let service = service(live);
        let Some(role) = find(cloud, service).await? else { return Ok(()) };
        let name = role.role_name();
        let call = cloud.iam.delete_service_linked_role().role_name(name).send();
        let Some(deletion) = cloud.get("DeleteServiceLinkedRole", name, call).await? else { return Ok(()) };
        let (mut pause, mut waited) = (Duration::from_millis(200), Duration::ZERO);
        loop {
            let call = cloud.iam.get_service_linked_role_deletion_status();
            let call = call.deletion_task_id(&deletion.deletion_task_id).send();
            let Some(answer) = cloud.get("GetServiceLinkedRoleDeletionStatus", name, call).await? else {
                return Ok(());
            };
            match answer.status {
                Status::Succeeded => return Ok(()),
                Status::Failed => return Err(failed(service, name, answer.reason.as_ref())),
                _ if waited >= PATIENCE => {
                    let message = format!("AWS is still deleting the service-linked role {name}");
                    return Err(Error::failed(message).hint("run this again later: it goes on from here"));
                }
                _ => {}
            }
            tokio::time::sleep(pause).await;
            waited += pause;
            pause = (pause * 2).min(PAUSE);
        }
    }
}

/// Says why AWS keeps a role: what still uses it, and where.
fn failed(service: &str, name: &str, reason: Option<&Reason>) -> Error {
    let why = reason.and_then(Reason::reason).unwrap_or("AWS does not say why");
    let usages = reason.map(Reason::role_usage_list).unwrap_or_default();
    let usages: Vec<String> = usages
        .iter()
        .map(|usage| format!("{} ({})", usage.resources().join(", "), usage.region().unwrap_or("every region")))
        .collect();
    let used = if usages.is_empty() { String::new() } else { format!("; it is used by {}", usages.join(", ")) };
    Error::failed(format!("AWS keeps the service-linked role {name}: {}{used}", why.trim_end_matches('.'))).hint(
        format!(
            "delete what uses it and run this again; to let it be:   removed: ['service_linked_roles[\"{service}\"]']"
        ),
    )
}
