//! What roles hold that somebody wants to take over: themselves and all that hangs on them, the policies of the
//! account that they have, and their instance profiles.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::each;
use crate::cloud::Cloud;
use crate::error::Result;
use crate::kinds::{self, role};
use crate::model::{Live, ObjectId};

/// Roles by the names that were asked for, and what they hold.
#[derive(Debug, Default)]
pub struct Holdings {
    /// Each with what hangs on it, the role first; empty where there is none of this name.
    pub roles: BTreeMap<ObjectId, Vec<Live>>,
    /// Instance profiles and policies, each with what hangs on it, itself first.
    pub held: BTreeMap<ObjectId, Vec<Live>>,
}

/// Reads the roles of these names and what they hold.
pub async fn holdings(cloud: &Arc<Cloud>, names: &[String]) -> Result<Holdings> {
    let ids: BTreeSet<ObjectId> = names.iter().map(|name| role::id_of(name)).collect();
    let roles = read_all(cloud, ids).await?;
    let there = roles.iter().filter(|(_, found)| !found.is_empty()).map(|(id, _)| id.clone()).collect();
    let profiles = each(cloud, there, |cloud, id| async move { role::profiles(&cloud, &id.name).await }).await?;
    let mut wanted: BTreeSet<ObjectId> = profiles.into_values().flatten().collect();
    wanted.extend(roles.values().flatten().flat_map(|object| referred(cloud, object)));
    let held = read_all(cloud, wanted.into_iter().filter(|id| !roles.contains_key(id)).collect()).await?;
    Ok(Holdings { roles, held })
}

/// Returns what AWS would not delete as long as this object has it, of this account.
fn referred(cloud: &Cloud, object: &Live) -> Vec<ObjectId> {
    let own = format!(":iam::{}:", cloud.account.id);
    let Some(spec) = kinds::spec(&object.id.kind) else { return Vec::new() };
    let needed = spec.refers(&cloud.account, &object.attributes).into_iter().filter(|needed| needed.held);
    needed.map(|needed| needed.id).filter(|id| id.name.contains(&own)).collect()
}

/// Reads these objects, each with what hangs on it.
pub async fn read_all(cloud: &Arc<Cloud>, ids: BTreeSet<ObjectId>) -> Result<BTreeMap<ObjectId, Vec<Live>>> {
    each(cloud, ids, |cloud, id| async move { kinds::kind_of(&id)?.read(&cloud, &id.name).await }).await
}
