//! What roles, users and groups have in common: a name, a path, and policies.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::{Call, names};
use crate::policy::Host;
use crate::sandbox::answer::Refusal;
use crate::sandbox::table::{Entity, Table};
use crate::sandbox::world::{Group, Role, User, World};

/// A holder of policies.
pub trait Owner: Entity + Sized + 'static {
    /// As AWS writes it in messages: `role`.
    const NOUN: &'static str;
    /// The parameter that names one: `RoleName`.
    const PARAMETER: &'static str;
    /// Longest name.
    const LONGEST: usize;
    const INLINE: Host;

    fn table(world: &World) -> &Table<Self>;
    fn table_mut(world: &mut World) -> &mut Table<Self>;
    fn id(&self) -> &str;
    fn path(&self) -> &str;
    fn policies(&self) -> &BTreeSet<String>;
    fn policies_mut(&mut self) -> &mut BTreeSet<String>;
    fn inline(&self) -> &BTreeMap<String, Json>;
    fn inline_mut(&mut self) -> &mut BTreeMap<String, Json>;

    /// `Role`, as in the names of actions and quotas.
    fn title() -> String {
        Self::PARAMETER.trim_end_matches("Name").to_owned()
    }
}

/// An owner that can have a permissions boundary.
pub trait Bounded: Owner {
    fn boundary_mut(&mut self) -> &mut Option<String>;
}

macro_rules! owner {
    ($type:ty, $noun:literal, $parameter:literal, $longest:literal, $inline:expr, $table:ident) => {
        impl Owner for $type {
            const NOUN: &'static str = $noun;
            const PARAMETER: &'static str = $parameter;
            const LONGEST: usize = $longest;
            const INLINE: Host = $inline;

            fn table(world: &World) -> &Table<Self> {
                &world.$table
            }

            fn table_mut(world: &mut World) -> &mut Table<Self> {
                &mut world.$table
            }

            fn id(&self) -> &str {
                &self.id
            }

            fn path(&self) -> &str {
                &self.path
            }

            fn policies(&self) -> &BTreeSet<String> {
                &self.policies
            }

            fn policies_mut(&mut self) -> &mut BTreeSet<String> {
                &mut self.policies
            }

            fn inline(&self) -> &BTreeMap<String, Json> {
                &self.inline
            }

            fn inline_mut(&mut self) -> &mut BTreeMap<String, Json> {
                &mut self.inline
            }
        }
    };
}

owner!(Role, "role", "RoleName", 64, Host::InlineRole, roles);
owner!(User, "user", "UserName", 64, Host::InlineUser, users);
owner!(Group, "group", "GroupName", 128, Host::InlineGroup, groups);

impl Bounded for Role {
    fn boundary_mut(&mut self) -> &mut Option<String> {
        &mut self.boundary
    }
}

impl Bounded for User {
    fn boundary_mut(&mut self) -> &mut Option<String> {
        &mut self.boundary
    }
}

/// Returns the owner that a call names.
pub fn existing<'a, T: Owner>(call: &'a Call) -> Result<&'a T, Refusal> {
    let name = names::name(call.request, T::PARAMETER, T::LONGEST)?;
    let absent = || Refusal::absent(format!("The {} with name {name} cannot be found.", T::NOUN));
    T::table(call.world).get(name).ok_or_else(absent)
}

/// Returns the owner that a call names when it may be changed: the roles of AWS's services may not.
pub fn editable<'a, T: Owner>(call: &'a Call) -> Result<&'a T, Refusal> {
    let owner = existing::<T>(call)?;
    if owner.path().starts_with("/aws-service-role/") {
        let message = format!(
            "Cannot perform the operation on the protected {} '{}' - this {} is only modifiable by AWS",
            T::NOUN,
            owner.name(),
            T::NOUN
        );
        return Err(Refusal::new(400, "UnmodifiableEntity", message));
    }
    Ok(owner)
}

/// Refuses to delete an owner as long as it has policies.
pub fn without_policies<T: Owner>(owner: &T) -> Result<(), Refusal> {
    if !owner.policies().is_empty() {
        return Err(Refusal::conflict("Cannot delete entity, must detach all policies first."));
    }
    if !owner.inline().is_empty() {
        return Err(Refusal::conflict("Cannot delete entity, must delete policies first."));
    }
    Ok(())
}
