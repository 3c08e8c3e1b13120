//! What the manifest says of the past: `moved` gives records another address.

use crate::model::{Address, State};
use crate::problem::Place;

/// Returns the state with the addresses that it would have if everything had always stood where it does.
pub fn relocate(state: &State, moved: &[(Address, Address, Place)]) -> State {
    let mut relocated = state.clone();
    for record in relocated.objects.values_mut() {
        let from = moved.iter().find(|(from, _, _)| record.address.is_within(from));
        if let Some((from, to, _)) = from {
            record.address = to.child(record.address.segments().iter().skip(from.segments().len()).cloned());
        }
    }
    relocated
}
