//! Room on an owner. AWS lets only so many policies be attached to a role, so a full one has to lose
//! something before it can get something else, against the rule that grants come first.

use std::collections::BTreeMap;

use super::{Change, First, Step};
use crate::kinds;
use crate::model::{Attributes, LiveState, ObjectId};

/// What comes and goes on one owner, by the index of its step.
#[derive(Default)]
struct Traffic {
    comes: Vec<usize>,
    goes: Vec<usize>,
    /// One of either at the same address.
    swaps: Vec<usize>,
}

/// Lets as many go first as there is no room for.
pub(super) fn make(steps: &mut [Step], live: &LiveState) {
    let held = held(live);
    for (place, traffic) in traffic(steps) {
        let Some(most) = kinds::spec(&place.0).and_then(|spec| spec.most()) else { continue };
        let held = held.get(&place).copied().unwrap_or(0);
        // An account may be allowed more: it says so, or an owner that holds more shows it.
        let most = live.figures.get(most.figure).copied().unwrap_or(most.usual).max(held);
        let peak = held + traffic.comes.len() + traffic.swaps.len();
        let mut lacking = peak.saturating_sub(most);
        for swap in traffic.swaps {
            if lacking > 0
                && let Change::Replace { first, .. } = &mut steps[swap].change
            {
                *first = First::Delete;
                lacking -= 1;
            }
        }
        for (gone, come) in traffic.goes.into_iter().zip(traffic.comes).take(lacking) {
            steps[gone].makes_room_for = Some(steps[come].address.clone());
        }
    }
}

/// Returns how many of each kind hang on each owner.
fn held(live: &LiveState) -> BTreeMap<(String, ObjectId), usize> {
    let mut held = BTreeMap::new();
    for object in live.objects.values() {
        if let Some(owner) = hangs_on(&object.id, &object.attributes) {
            *held.entry((object.id.kind.clone(), owner)).or_default() += 1;
        }
    }
    held
}

fn hangs_on(id: &ObjectId, attributes: &Attributes) -> Option<ObjectId> {
    kinds::hanging(id, attributes).map(|hangs| hangs.owner)
}

/// Returns what comes and goes, by kind and owner. What is replaced by deleting it first needs no room.
fn traffic(steps: &[Step]) -> BTreeMap<(String, ObjectId), Traffic> {
    let mut all: BTreeMap<(String, ObjectId), Traffic> = BTreeMap::new();
    for (index, step) in steps.iter().enumerate() {
        let Some(kind) = step.id().map(|id| id.kind.clone()) else { continue };
        let owner = |attributes: Option<&Attributes>| hangs_on(step.id()?, attributes?);
        let (from, to) = (owner(step.change.before()), owner(step.change.after()));
        let (place, list): (_, fn(&mut Traffic) -> &mut Vec<usize>) = match (&step.change, from, to) {
            (Change::Create { .. }, _, Some(to)) => (to, |traffic| &mut traffic.comes),
            (Change::Delete { .. }, Some(from), _) => (from, |traffic| &mut traffic.goes),
            (Change::Replace { first: First::Create, .. }, Some(from), Some(to)) if from == to => {
                (to, |traffic| &mut traffic.swaps)
            }
            _ => continue,
        };
        list(all.entry((kind, place)).or_default()).push(index);
    }
    all
}
