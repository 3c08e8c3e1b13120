//! Inline policies of roles. Their documents share one quota.

use super::lists::Page;
use super::{Answer, Call, document, names, role};
use crate::policy::{Host, limits};
use crate::sandbox::answer::Refusal;
use crate::sandbox::world::Role;
use crate::sandbox::xml::Xml;

/// Longest name.
const NAME: usize = 128;

pub fn put(call: &mut Call) -> Answer {
    let role = role::editable(call)?;
    let policy = names::name(call.request, "PolicyName", NAME)?;
    let text = call.request.required("PolicyDocument")?;
    let document = document::read(text, Host::InlineRole)?;
    let others = role.inline.iter().filter(|(name, _)| *name != policy);
    let size = document::size(text) + others.map(|(_, json)| document::size(&json.to_string())).sum::<usize>();
    if size > limits::longest(Host::InlineRole) {
        return Err(Refusal::limit(limits::too_long(Host::InlineRole, &role.name)));
    }
    let name = role.name.clone();
    call.world.roles.edit(&name, |role| drop(role.inline.insert(policy.to_owned(), document)));
    Ok(Xml::default())
}

pub fn get(call: &mut Call) -> Answer {
    let (role, policy) = existing(call)?;
    let mut xml = Xml::default();
    xml.text("RoleName", &role.name).text("PolicyName", policy);
    xml.maybe("PolicyDocument", role.inline.get(policy).map(document::encode));
    Ok(xml)
}

pub fn list(call: &mut Call) -> Answer {
    let role = role::existing(call)?;
    let page = Page::of(call, role.inline.keys().map(|name| (name.clone(), name)))?;
    Ok(page.texts("PolicyNames"))
}

pub fn delete(call: &mut Call) -> Answer {
    role::editable(call)?;
    let (role, policy) = existing(call)?;
    let (role, policy) = (role.name.clone(), policy.to_owned());
    call.world.roles.edit(&role, |role| drop(role.inline.remove(&policy)));
    Ok(Xml::default())
}

/// Returns the role in `RoleName` and the name of its policy in `PolicyName`.
fn existing<'a>(call: &'a Call) -> Result<(&'a Role, &'a str), Refusal> {
    let role = role::existing(call)?;
    let policy = names::name(call.request, "PolicyName", NAME)?;
    if role.inline.contains_key(policy) {
        return Ok((role, policy));
    }
    Err(Refusal::absent(format!("The role policy with name {policy} cannot be found.")))
}
