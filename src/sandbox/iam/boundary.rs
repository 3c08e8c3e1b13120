//! Permissions boundaries of roles.

use super::{Answer, Call, policy, role};
use crate::sandbox::answer::Refusal;
use crate::sandbox::world::World;
use crate::sandbox::xml::Xml;

pub fn put(call: &mut Call) -> Answer {
    let role = role::editable(call)?.name.clone();
    let boundary = existing(call.world, call.request.required("PermissionsBoundary")?)?;
    call.world.roles.edit(&role, |role| role.boundary = Some(boundary));
    Ok(Xml::default())
}

pub fn delete(call: &mut Call) -> Answer {
    let role = role::editable(call)?.name.clone();
    call.world.roles.edit(&role, |role| role.boundary = None);
    Ok(Xml::default())
}

/// Returns the ARN when there is a policy that can be a boundary.
pub fn existing(world: &World, arn: &str) -> Result<String, Refusal> {
    policy::check_arn(arn)?;
    let absent = || Refusal::absent(format!("Scope ARN: {arn} does not exist or is not attachable."));
    policy::find(world, arn).ok_or_else(absent)?;
    Ok(arn.to_owned())
}
