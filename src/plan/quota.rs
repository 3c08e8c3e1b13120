//! Room in the account. AWS holds only so many roles, policies and instance profiles in one, and says so
//! in the middle of an apply; the plan says it before.

use std::collections::BTreeMap;

use super::compare::Work;
use super::{Change, refusal};
use crate::kinds;
use crate::model::{Attributes, LiveState, ObjectId, issued};
use crate::problem::Problem;

/// Returns what the account has no room for. What this plan removes may still be there when the rest is made.
pub(super) fn exceeded(work: &BTreeMap<ObjectId, Work>, live: &LiveState) -> Vec<Problem> {
    let mut made: BTreeMap<&str, usize> = BTreeMap::new();
    for (id, work) in work {
        let counted = kinds::spec(&id.kind).and_then(|spec| spec.schema().counted);
        if let (Some(counted), Change::Create { .. }) = (counted, &work.change) {
            *made.entry(counted).or_default() += 1;
        }
    }
    let exceeded = made.into_iter().filter_map(|(counted, made)| {
        let (held, most) = (live.figures.get(counted)?, live.figures.get(&format!("{counted}Quota"))?);
        (held + made > *most).then(|| refusal::quota(counted, *held, made, *most))
    });
    exceeded.collect()
}

/// Returns the users that have no room for another key. Nothing else may be taken from them for it.
pub(super) fn full_owners(work: &BTreeMap<ObjectId, Work>, live: &LiveState) -> Vec<Problem> {
    let owner = |id: &ObjectId, attributes: &Attributes| {
        let spec = kinds::spec(&id.kind).filter(|spec| spec.is_issued())?;
        spec.hangs_on(attributes).map(|hangs| hangs.owner)
    };
    let mut held: BTreeMap<ObjectId, Vec<String>> = BTreeMap::new();
    for object in live.objects.values() {
        let Some(owner) = owner(&object.id, &object.attributes) else { continue };
        if work.get(&object.id).is_none_or(|work| !matches!(work.change, Change::Delete { .. })) {
            let ids = [issued::KEY_ID, issued::PREVIOUS, issued::NEXT];
            let ids = ids.into_iter().filter_map(|field| issued::text(&object.attributes, field));
            held.entry(owner).or_default().extend(ids.map(str::to_owned));
        }
    }
    let mut made: BTreeMap<ObjectId, Vec<(&ObjectId, &Work)>> = BTreeMap::new();
    for (id, work) in work {
        if let Change::Create { after } = &work.change
            && let Some(owner) = owner(id, after)
        {
            made.entry(owner).or_default().push((id, work));
        }
    }
    let full = made.into_iter().filter_map(|(owner, made)| {
        let held = held.remove(&owner).unwrap_or_default();
        let most = made.first().and_then(|(id, _)| kinds::spec(&id.kind)?.most())?;
        let most = live.figures.get(most.figure).copied().unwrap_or(most.usual);
        (held.len() + made.len() > most).then(|| refusal::full(made[0].1, &owner, &held, most))
    });
    full.collect()
}
