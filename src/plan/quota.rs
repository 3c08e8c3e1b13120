//! Room in the account. AWS holds only so many roles, policies and instance profiles in one, and says so
//! in the middle of an apply; the plan says it before.

use std::collections::{BTreeMap, BTreeSet};

use super::compare::Work;
use super::{Change, order, refusal};
use crate::kinds;
use crate::model::{Attributes, Live, LiveState, ObjectId, issued, text};
use crate::problem::Problem;

/// Returns what the account has no room for. What this plan removes may still be there when the rest is made, unless it
/// goes first, as the other one has its name.
pub(super) fn exceeded(work: &BTreeMap<ObjectId, Work>, live: &LiveState) -> Vec<Problem> {
    let mut made: BTreeMap<&str, usize> = BTreeMap::new();
    let gone = work.iter().filter(|(_, work)| matches!(work.change, Change::Delete { .. }));
    let freed: BTreeSet<(&str, String)> = gone.map(|(id, _)| (id.kind.as_str(), order::unique_name(id))).collect();
    for (id, work) in work {
        let counted = kinds::spec(&id.kind).and_then(|spec| spec.schema().counted);
        let takes_a_place = || !freed.contains(&(id.kind.as_str(), order::unique_name(id)));
        if let (Some(counted), Change::Create { .. }) = (counted, &work.change)
            && takes_a_place()
        {
            *made.entry(counted).or_default() += 1;
        }
    }
    let exceeded = made.into_iter().filter_map(|(counted, made)| {
        let (held, most) = (live.figures.get(counted)?, live.figures.get(&format!("{counted}Quota"))?);
        (held + made > *most).then(|| refusal::quota(counted, *held, made, *most))
    });
    exceeded.collect()
}

/// Returns AWS's ids of all that an object is: of a key in a rotation there is one beside it.
pub(super) fn ids(attributes: &Attributes) -> impl Iterator<Item = &str> {
    [issued::KEY_ID, issued::PREVIOUS, issued::NEXT].into_iter().filter_map(|field| text(attributes, field))
}

/// Returns the users that have no room for another key. Nothing else may be taken from them for it, nor a key in a
/// rotation: it is the one that is valid, and the old one beside it fills the place.
pub(super) fn full_owners(work: &BTreeMap<ObjectId, Work>, live: &LiveState) -> Vec<Problem> {
    let owner = |id: &ObjectId, attributes: &Attributes| {
        let spec = kinds::spec(&id.kind).filter(|spec| spec.is_issued())?;
        spec.hangs_on(attributes).map(|hangs| hangs.owner)
    };
    let mut held: BTreeMap<ObjectId, Vec<&Live>> = BTreeMap::new();
    let goes = |id: &ObjectId| work.get(id).is_some_and(|work| matches!(work.change, Change::Delete { .. }));
    for object in live.objects.values() {
        let Some(owner) = owner(&object.id, &object.attributes) else { continue };
        if !goes(&object.id) || ids(&object.attributes).count() > 1 {
            held.entry(owner).or_default().push(object);
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
        let count: usize = held.iter().map(|key| ids(&key.attributes).count()).sum();
        (count + made.len() > most).then(|| refusal::full(made[0].1, &owner, &held, most))
    });
    full.collect()
}
