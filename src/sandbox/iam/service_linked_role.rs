//! Service-linked roles: made by their service's name, and deleted by a task that AWS carries out when nothing uses
//! them. They are roles otherwise, which nobody can change.

use serde_json::json;

use super::owner;
use super::{Answer, Call, account, role, tags};
use crate::kinds::linked_services;
use crate::kinds::service_linked_role as kind;
use crate::sandbox::answer::Refusal;
use crate::sandbox::world::{Deletion, Role, World};
use crate::sandbox::xml::Xml;

/// Services of which an account can have several such roles, told apart by a suffix.
const SUFFIXED: [&str; 1] = ["autoscaling.amazonaws.com"];

pub fn create(call: &mut Call) -> Answer {
    let request = call.request;
    let service = service(request.required("AWSServiceName")?)?;
    if !linked_services::is_known(service) {
        return Err(Refusal::input(format!("{service} is not a valid AWS service name for a service-linked role")));
    }
    let suffix = request.get("CustomSuffix");
    if suffix.is_some() && !SUFFIXED.contains(&service) {
        return Err(Refusal::input(format!("Custom suffix is not allowed for {service}")));
    }
    let name = format!("{}{}", name_of(service), suffix.map(|suffix| format!("_{suffix}")).unwrap_or_default());
    if call.world.roles.is_taken(&name) {
        let message =
            format!("Service role name {name} has been taken in this account, please try a different suffix.");
        return Err(Refusal::input(message));
    }
    account::room(call.world, "Roles", call.world.roles.len())?;
    let made = Role {
        name: name.clone(),
        path: kind::path_of(service),
        id: call.new_id::<Role>(),
        created: call.now,
        description: super::names::description(request)?,
        max_session: 3600,
        boundary: None,
        trust: json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"Service": [service]}, "Action": ["sts:AssumeRole"]}
        ]}),
        trusted_ids: Default::default(),
        policies: Default::default(),
        inline: Default::default(),
        tags: Default::default(),
        last_used: None,
        deletion: Deletion::default(),
    };
    call.world.roles.insert(made);
    Ok(role::one(call.world, call.world.roles.get(&name)))
}

/// Begins the deletion. Where nothing holds it up it is done at once; a role that is used stays.
pub fn delete(call: &mut Call) -> Answer {
    let role = owner::existing::<Role>(call)?;
    let Some(service) = service_of(role) else {
        return Err(Refusal::input(format!("{} is not a service-linked role", role.name)));
    };
    let task = format!("task{}{}/{:08x}-0000-4000-8000-000000000000", kind::path_of(service), role.name, call.number);
    let (name, begun) = (role.name.clone(), Some(task.clone()));
    match role.deletion.used_by.is_empty() && role.deletion.answers == 0 {
        true => drop(call.world.roles.remove(&name)),
        false => call.world.roles.edit(&name, |role| role.deletion.task = begun),
    }
    let mut xml = Xml::default();
    xml.text("DeletionTaskId", task);
    tags::write(&mut xml, &Default::default());
    Ok(xml)
}

pub fn status(call: &mut Call) -> Answer {
    let task = call.request.required("DeletionTaskId")?;
    let role = role_of(call.world, task)?;
    let mut xml = Xml::default();
    let Some(role) = role else {
        xml.text("Status", "SUCCEEDED");
        return Ok(xml);
    };
    let (name, deletion) = (role.name.clone(), &role.deletion);
    if deletion.task.as_deref() != Some(task) {
        return Err(Refusal::absent(format!("The deletion task {task} cannot be found.")));
    }
    if deletion.answers > 0 {
        xml.text("Status", "IN_PROGRESS");
        let last = deletion.answers == 1 && deletion.used_by.is_empty();
        match last {
            true => drop(call.world.roles.remove(&name)),
            false => call.world.roles.edit(&name, |role| role.deletion.answers -= 1),
        }
        return Ok(xml);
    }
    xml.text("Status", "FAILED");
    xml.node("Reason", |xml| {
        xml.text("Reason", "A service-linked role is required for one or more of the resources");
        xml.list("RoleUsageList", &deletion.used_by, |xml, (region, resources)| {
            xml.text("Region", region).texts("Resources", resources);
        });
    });
    Ok(xml)
}

/// Returns the ARN of the role that a call is about which names it by service or task.
pub fn subject(world: &World, service: Option<&str>, task: Option<&str>) -> Option<String> {
    let of_service = service.map(|service| world.account.arn("role", &kind::path_of(service), &name_of(service)));
    let of_task = || {
        let (path, _) = task?.strip_prefix("task")?.rsplit_once('/')?;
        Some(world.account.arn("role", path, ""))
    };
    of_service.or_else(of_task)
}

/// Returns the role of a task, which is gone when the task is done.
fn role_of<'w>(world: &'w World, task: &str) -> Result<Option<&'w Role>, Refusal> {
    let parts: Vec<&str> = task.split('/').collect();
    match parts.as_slice() {
        ["task", "aws-service-role", _, name, _] => Ok(world.roles.get(name)),
        _ => Err(Refusal::input(format!("Invalid deletion task id {task}"))),
    }
}

fn service_of(role: &Role) -> Option<&str> {
    role.path.strip_prefix("/aws-service-role/")?.strip_suffix('/')
}

/// Returns the name of a service as it is when AWS has such roles for it.
fn service(name: &str) -> Result<&str, Refusal> {
    super::names::length("aWSServiceName", name, 1, 128)?;
    let known = name.ends_with(".amazonaws.com")
        && name.len() > ".amazonaws.com".len()
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'-')
        && name != "ec2.amazonaws.com";
    if known {
        return Ok(name);
    }
    Err(Refusal::input(format!("The service principal {name} is not valid or has no service-linked role.")))
}

/// The name that AWS gives the role of a service; where the program does not know it, one that looks like it.
fn name_of(service: &str) -> String {
    let word = service.trim_end_matches(".amazonaws.com");
    let spelled = || word.split(['.', '-']).map(|part| part[..1].to_uppercase() + &part[1..]).collect::<String>();
    kind::name_of(service).map_or_else(|| format!("AWSServiceRoleFor{}", spelled()), str::to_owned)
}

#[cfg(test)]
mod tests {
    use crate::sandbox::testbed::{Bed, refused, trust};

    #[tokio::test]
    async fn one_is_made_listed_and_deleted_and_never_changed() {
        let bed = Bed::new().await;
        let create = |service: &str| bed.iam().create_service_linked_role().aws_service_name(service).send();
        let made = create("spot.amazonaws.com").await.unwrap().role.unwrap();
        assert_eq!(
            made.arn(),
            "arn:aws:iam::123456789012:role/aws-service-role/spot.amazonaws.com/AWSServiceRoleForEC2Spot"
        );
        let message =
            "Service role name AWSServiceRoleForEC2Spot has been taken in this account, please try a different suffix.";
        assert_eq!(refused(create("spot.amazonaws.com").await), ("InvalidInput".to_owned(), message.to_owned()));
        assert_eq!(refused(create("ec2.amazonaws.com").await).0, "InvalidInput");
        assert_eq!(refused(create("nonsense").await).0, "InvalidInput");
        create("waf-regional.amazonaws.com").await.unwrap();
        let listed =
            bed.iam().list_roles().path_prefix("/aws-service-role/waf-regional.amazonaws.com/").send().await.unwrap();
        assert_eq!(listed.roles()[0].role_name(), "AWSServiceRoleForWafRegional");
        let name = made.role_name();
        assert_eq!(refused(bed.iam().delete_role().role_name(name).send().await).0, "UnmodifiableEntity");
        let put = bed.iam().update_assume_role_policy().role_name(name).policy_document(trust("ec2").to_string());
        assert_eq!(refused(put.send().await).0, "UnmodifiableEntity");
        let delete = || bed.iam().delete_service_linked_role().role_name(name).send();
        let task = delete().await.unwrap().deletion_task_id;
        let status = bed.iam().get_service_linked_role_deletion_status().deletion_task_id(&task).send().await.unwrap();
        assert_eq!(status.status.as_str(), "SUCCEEDED");
        assert_eq!(refused(delete().await).0, "NoSuchEntity");
        bed.role("head").await;
        assert_eq!(refused(bed.iam().delete_service_linked_role().role_name("head").send().await).0, "InvalidInput");
    }
}
