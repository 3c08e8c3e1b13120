//! Who has a policy: attached to it, or as its permissions boundary.

use super::lists::Page;
use super::owner::Owner;
use super::{Answer, Call, names, policy};
use crate::sandbox::table::Use;
use crate::sandbox::world::{Group, Role, User, World};
use crate::sandbox::xml::Xml;

/// Somebody who has a policy, in the order of AWS's answer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Holder<'a> {
    noun: &'static str,
    /// In lower case, the order of lists.
    key: String,
    name: &'a str,
    id: &'a str,
    path: &'a str,
}

/// Lists who has a policy attached or as a boundary.
pub fn entities(call: &mut Call) -> Answer {
    let prefix = names::path_prefix(call.request)?;
    let arn = policy::arn(call.request)?;
    policy::existing(call.world, arn)?;
    let (attached, bounding) = (Use::Attached(arn.to_owned()), Use::Boundary(arn.to_owned()));
    let mut holders = match call.request.get("PolicyUsageFilter") {
        None => [of(call.world, &attached), of(call.world, &bounding)].concat(),
        Some("PermissionsPolicy") => of(call.world, &attached),
        Some(_) => of(call.world, &bounding),
    };
    let wanted = call.request.get("EntityFilter").map(str::to_lowercase);
    holders.retain(|holder| wanted.as_ref().is_none_or(|noun| noun == holder.noun) && holder.path.starts_with(prefix));
    holders.sort();
    holders.dedup();
    let page = Page::of(call, holders.into_iter().map(|holder| (format!("{}:{}", holder.noun, holder.key), holder)))?;
    let (holders, marker) = page.into_parts();
    let mut xml = Xml::default();
    for (list, title, noun) in [
        ("PolicyGroups", "Group", Group::NOUN),
        ("PolicyRoles", "Role", Role::NOUN),
        ("PolicyUsers", "User", User::NOUN),
    ] {
        xml.list(list, holders.iter().filter(|holder| holder.noun == noun), |xml, holder| {
            xml.text(&format!("{title}Name"), holder.name).text(&format!("{title}Id"), holder.id);
        });
    }
    xml.text("IsTruncated", marker.is_some()).maybe("Marker", marker);
    Ok(xml)
}

/// Returns to how many a policy is attached, and of how many it is the boundary.
pub fn count(world: &World, arn: &str) -> (usize, usize) {
    (of(world, &Use::Attached(arn.to_owned())).len(), of(world, &Use::Boundary(arn.to_owned())).len())
}

/// Returns the ARNs of all policies that somebody has.
pub fn all(world: &World) -> impl Iterator<Item = &String> {
    let roles = world.roles.iter().flat_map(|role| role.policies.iter().chain(&role.boundary));
    let users = world.users.iter().flat_map(|user| user.policies.iter().chain(&user.boundary));
    roles.chain(users).chain(world.groups.iter().flat_map(|group| &group.policies))
}

fn of<'a>(world: &'a World, usage: &Use) -> Vec<Holder<'a>> {
    let mut holders: Vec<Holder> = world.roles.users(usage).map(holder).collect();
    holders.extend(world.users.users(usage).map(holder));
    holders.extend(world.groups.users(usage).map(holder));
    holders
}

fn holder<T: Owner>(owner: &T) -> Holder<'_> {
    let (name, key) = (owner.name(), owner.name().to_lowercase());
    Holder { noun: T::NOUN, key, name, id: owner.id(), path: owner.path() }
}
