//! Who reads all this, and what its permissions come from: a plan may take them away.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::hangs;
use crate::cloud::Cloud;
use crate::graph::Desired;
use crate::kinds;
use crate::model::{LiveState, ObjectId, State, Value};

/// Says whether the plan may take something from somebody: what is there is wanted otherwise, or not at all.
pub(super) fn may_lose(desired: &Desired, state: Option<&State>, live: &LiveState) -> bool {
    let recorded = |id: &ObjectId| state.is_some_and(|state| state.objects.contains_key(id));
    live.objects.values().any(|object| match desired.address_of(&object.id).and_then(|at| desired.resources.get(at)) {
        Some(wanted) => {
            let differs =
                |(field, value): (&&str, &Value)| *field != "tags" && object.attributes.get(*field) != Some(value);
            !wanted.removed.is_empty() || wanted.wanted.iter().any(differs)
        }
        None => recorded(&object.id) || hangs(object),
    })
}

/// Reads who we are and what our permissions come from, as far as it was not read. Nobody has to let us: then it
/// is not known.
pub(super) async fn read(cloud: &Arc<Cloud>, live: &mut LiveState) -> Option<ObjectId> {
    let caller = kinds::caller(&cloud.caller)?;
    let (mut open, mut seen) = (vec![caller.clone()], BTreeSet::new());
    while let Some(id) = open.pop() {
        if !seen.insert(id.clone()) {
            continue;
        }
        if !live.objects.contains_key(&id) && !live.referred.contains_key(&id) {
            let found = kinds::kind_of(&id).ok()?.read(cloud, &id.name).await.ok()?;
            live.referred.extend(found.into_iter().map(|object| (object.id.clone(), object)));
        }
        let known = live.objects.values().chain(live.referred.values());
        for object in known.filter(|object| kinds::read_with(&object.id, &object.attributes) == id) {
            let Some(spec) = kinds::spec(&object.id.kind) else { continue };
            let held = spec.refers(&cloud.account, &object.attributes).into_iter().filter(|needed| needed.held);
            open.extend(held.map(|needed| needed.id).chain(spec.brings(&object.attributes)));
        }
    }
    let known = live.objects.contains_key(&caller) || live.referred.contains_key(&caller);
    known.then_some(caller)
}
