//! Managed policies attached to roles.

use super::lists::Page;
use super::{Answer, Call, names, policy, role};
use crate::policy::limits;
use crate::sandbox::answer::Refusal;
use crate::sandbox::xml::Xml;

/// Attaching what is attached already is no error and no change.
pub fn attach(call: &mut Call) -> Answer {
    let role = role::editable(call)?;
    let arn = policy::arn(call.request)?;
    let absent = || Refusal::absent(format!("Policy {arn} does not exist or is not attachable."));
    policy::find(call.world, arn).ok_or_else(absent)?;
    if arn.contains(":policy/aws-service-role/") {
        let message = "Cannot attach a Service Role Policy to a Customer Role.";
        return Err(Refusal::new(400, "PolicyNotAttachable", message));
    }
    if role.policies.contains(arn) {
        return Ok(Xml::default());
    }
    let quota = call.world.account.attached_policies_per_role;
    if role.policies.len() >= quota {
        return Err(Refusal::limit(limits::quota("PoliciesPerRole", quota)));
    }
    let (name, arn) = (role.name.clone(), arn.to_owned());
    call.world.roles.edit(&name, |role| {
        role.policies.insert(arn);
    });
    Ok(Xml::default())
}

pub fn detach(call: &mut Call) -> Answer {
    let role = role::editable(call)?;
    let arn = policy::arn(call.request)?.to_owned();
    if !role.policies.contains(&arn) {
        return Err(Refusal::absent(format!("Policy {arn} was not found.")));
    }
    let name = role.name.clone();
    call.world.roles.edit(&name, |role| {
        role.policies.remove(&arn);
    });
    Ok(Xml::default())
}

pub fn list(call: &mut Call) -> Answer {
    let prefix = names::path_prefix(call.request)?;
    let role = role::existing(call)?;
    let policies = role.policies.iter().map(|arn| (arn.clone(), arn));
    let page = Page::of(call, policies.filter(|(_, arn)| policy::path_in(arn).starts_with(prefix)))?;
    Ok(page.answer("AttachedPolicies", |xml, arn| {
        xml.text("PolicyName", policy::name_in(arn)).text("PolicyArn", arn);
    }))
}
