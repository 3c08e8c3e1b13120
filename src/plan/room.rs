//! Room on an owner. AWS lets only so many policies be attached to a role, and counts the characters of its inline
//! policies together, so a full one has to lose something before it can get something else, against the rule
//! that grants come first.

use std::collections::BTreeMap;

use super::{Change, First, Step, quota};
use crate::kinds;
use crate::model::{Address, Attributes, LiveState, ObjectId, Value};
use crate::policy::{Document, limits};

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
    number(steps, live);
    size(steps, live);
}

/// Where inline policies would be too long together for a while, those that shrink come before those that grow.
fn size(steps: &mut [Step], live: &LiveState) {
    let longest = |id: &ObjectId| kinds::spec(&id.kind)?.schema().document().map(|(_, host)| limits::longest(host));
    let size = |attributes: Option<&Attributes>| {
        attributes.and_then(|a| a.get("document")).and_then(Value::document).map_or(0, Document::size)
    };
    let mut held: BTreeMap<ObjectId, usize> = BTreeMap::new();
    let mut changes: BTreeMap<ObjectId, Vec<(usize, usize, usize)>> = BTreeMap::new();
    for (index, step) in steps.iter().enumerate() {
        let Some(id) = step.id().filter(|id| longest(id).is_some()) else { continue };
        let Some(owner) = step.change.after().or(step.change.before()).and_then(|a| kinds::owner(id, a)) else {
            continue;
        };
        let (before, after) = (size(step.change.before()), size(step.change.after()));
        changes.entry(owner).or_default().push((index, before, after));
    }
    // Who only grows, or only shrinks, has no peak in between.
    let shrinks = |(_, before, after): &(usize, usize, usize)| before > after;
    let grows = |(_, before, after): &(usize, usize, usize)| after > before;
    let swaps = |(index, ..): &(usize, usize, usize)| steps[*index].removed.is_some() && steps[*index].made.is_some();
    changes.retain(|_, of| of.iter().any(swaps) || of.iter().any(shrinks) && of.iter().any(grows));
    if changes.is_empty() {
        return;
    }
    for object in live.objects.values().filter(|object| longest(&object.id).is_some()) {
        if let Some(owner) = kinds::owner(&object.id, &object.attributes).filter(|owner| changes.contains_key(owner)) {
            *held.entry(owner).or_default() += size(Some(&object.attributes));
        }
    }
    for (owner, changes) in changes {
        let most = changes.first().and_then(|(index, ..)| steps[*index].id().and_then(longest)).unwrap_or(usize::MAX);
        let held = held.get(&owner).copied().unwrap_or(0);
        // One under another name is there as well as the one before, unless that goes first.
        let has_both = |step: &Step| {
            step.removed != step.made && matches!(step.change, Change::Replace { first: First::Create, .. })
        };
        for (index, ..) in &changes {
            let grown = changes.iter().map(|(other, before, after)| match has_both(&steps[*other]) {
                true => *after,
                false => after.saturating_sub(*before),
            });
            if held + grown.sum::<usize>() > most && has_both(&steps[*index]) {
                go_first(&mut steps[*index]);
            }
        }
        let grown: usize = changes.iter().map(|(_, before, after)| after.saturating_sub(*before)).sum();
        if held + grown <= most {
            continue;
        }
        let grows = |(_, before, after): &&(usize, usize, usize)| after > before;
        let growing: Vec<Address> =
            changes.iter().filter(grows).map(|(index, ..)| steps[*index].address.clone()).collect();
        for (index, ..) in changes.iter().filter(|(_, before, after)| before > after) {
            steps[*index].makes_room_for.extend(growing.iter().cloned());
        }
    }
}

fn number(steps: &mut [Step], live: &LiveState) {
    let held = held(live);
    for (place, traffic) in traffic(steps) {
        let Some(most) = kinds::spec(&place.0).and_then(|spec| spec.most()) else { continue };
        let held = held.get(&place).copied().unwrap_or(0);
        // An account may be allowed more: it says so, or an owner that holds more shows it.
        let most = live.figures.get(most.figure).copied().unwrap_or(most.usual).max(held);
        let Traffic { comes, goes, swaps } = traffic;
        let lacking = (held + comes.len() + swaps.len()).saturating_sub(most);
        // What goes anyway makes room before anything has to go for its own successor.
        let next: Vec<usize> = comes.into_iter().chain(swaps.iter().copied()).collect();
        let made = goes.len().min(lacking).min(next.len());
        for (gone, come) in goes.into_iter().zip(&next).take(lacking) {
            let next = steps[*come].address.clone();
            steps[gone].makes_room_for.push(next);
        }
        let without: Vec<usize> = swaps.into_iter().filter(|swap| !next[..made].contains(swap)).collect();
        for swap in without.into_iter().take(lacking - made) {
            go_first(&mut steps[swap]);
        }
    }
}

/// Lets what a replacement takes away go before what it brings.
fn go_first(step: &mut Step) {
    if let Change::Replace { first, .. } = &mut step.change {
        *first = First::Delete;
        step.gaps.push("goes before its successor comes: AWS has no room for both".to_owned());
    }
}

/// Returns how many of each kind hang on each owner, as AWS counts them.
fn held(live: &LiveState) -> BTreeMap<(String, ObjectId), usize> {
    let mut held = BTreeMap::new();
    for object in live.objects.values() {
        if let Some(owner) = kinds::owner(&object.id, &object.attributes) {
            *held.entry((object.id.kind.clone(), owner)).or_default() += quota::ids(&object.attributes).count().max(1);
        }
    }
    held
}

/// Returns what comes and goes, by kind and owner. What is replaced by deleting it first needs no room.
fn traffic(steps: &[Step]) -> BTreeMap<(String, ObjectId), Traffic> {
    let mut all: BTreeMap<(String, ObjectId), Traffic> = BTreeMap::new();
    for (index, step) in steps.iter().enumerate() {
        let Some(kind) = step.id().map(|id| id.kind.clone()) else { continue };
        let owner = |attributes: Option<&Attributes>| kinds::owner(step.id()?, attributes?);
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
