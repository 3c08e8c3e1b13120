//! What the manifest says of the past: `moved` gives records another address.

use std::collections::BTreeMap;

use crate::graph::Desired;
use crate::model::{Address, ObjectId, Record, State};
use crate::problem::{Place, Problem};

/// Returns the state with the addresses that it would have if everything had always stood where it does. What
/// would move to where something else stands is a problem, and stays.
pub fn relocate(state: &State, desired: &Desired) -> (State, Vec<Problem>) {
    let mut relocated = state.clone();
    let mut moves: Vec<(ObjectId, Place)> = Vec::new();
    for record in relocated.objects.values_mut() {
        let holding = desired.moved.iter().filter(|(from, _, _)| record.address.is_within(from));
        if let Some((from, to, place)) = holding.max_by_key(|(from, _, _)| from.segments().len()) {
            record.address = to.child(record.address.segments().iter().skip(from.segments().len()).cloned());
            moves.push((record.id.clone(), *place));
        }
    }
    let mut standing: BTreeMap<Address, Vec<ObjectId>> = BTreeMap::new();
    for record in relocated.objects.values() {
        standing.entry(record.address.clone()).or_default().push(record.id.clone());
    }
    let mut problems: BTreeMap<Place, Problem> = BTreeMap::new();
    // An owner speaks for what hangs on it.
    moves.sort_by_key(|(id, _)| relocated.objects.get(id).map(|record| record.address.segments().len()));
    for (id, place) in moves {
        let (Some(was), Some(record)) = (state.objects.get(&id), relocated.objects.get_mut(&id)) else { continue };
        // Two that stood at one address before, as a change of name was cut short, move together.
        let stood_elsewhere = |other: &&ObjectId| state.objects.get(*other).is_none_or(|it| it.address != was.address);
        let others = standing.get(&record.address).into_iter().flatten().filter(|other| **other != id);
        let there = others.into_iter().find(stood_elsewhere);
        if let Some(there) = there.filter(|there| is_in_the_way(there, record, desired)) {
            problems.entry(place).or_insert_with(|| taken(was, record, there, place));
            record.address = was.address.clone();
        }
    }
    (relocated, problems.into_values().collect())
}

/// Says whether one that is recorded where another has moved to is a contradiction: the manifest does not give the
/// address to the one that has moved, and no other address to the one that is there.
fn is_in_the_way(there: &ObjectId, moved: &Record, desired: &Desired) -> bool {
    let leaves = desired.address_of(there).is_some_and(|address| *address != moved.address);
    let belongs = desired.address_of(&moved.id) == Some(&moved.address);
    !leaves && !belongs
}

fn taken(was: &Record, moved: &Record, there: &ObjectId, place: Place) -> Problem {
    let (from, to) = (&was.address, &moved.address);
    Problem::error("address-taken", format!("{from} cannot move to {to}: {there} stands there"))
        .at(place)
        .note(format!("the state has {} at {from} and {there} at {to}", was.id))
        .help(format!("to destroy {}, drop this line", was.id))
        .help(format!("to leave it in AWS, write in its place:   removed: [{from}]"))
        .help("to keep both, give it an entry of its own, and move it there")
}
