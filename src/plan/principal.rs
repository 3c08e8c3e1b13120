//! What it means for others that a principal is another one. AWS knows principals by unique ids and not by their
//! names: what named one that was deleted does not mean its successor.

use super::{Change, Step};
use crate::kinds;
use crate::model::{Attributes, Value};

/// Returns what is dangerous in a step for those who name a principal.
pub(super) fn of(step: &Step) -> Vec<String> {
    replaced(step).into_iter().chain(orphans(step)).collect()
}

/// Beside the trust policies of this deployment, which are put again, much names what nobody sees here.
fn replaced(step: &Step) -> Option<String> {
    let (Change::Replace { .. }, Some(id)) = (&step.change, &step.removed) else { return None };
    kinds::spec(&id.kind)?.aftermath().map(str::to_owned)
}

/// Ids of principals that were deleted, which AWS shows where a trust policy named them.
fn orphans(step: &Step) -> Vec<String> {
    let named = |attributes: Option<&Attributes>| -> Vec<String> {
        let trust = attributes.and_then(|attributes| attributes.get("trust")).and_then(Value::document);
        trust.into_iter().flat_map(|trust| trust.principals("AWS")).map(str::to_owned).collect()
    };
    let (before, after) = (named(step.change.before()), named(step.change.after()));
    let is_id = |name: &&String| ["AROA", "AIDA"].iter().any(|prefix| name.starts_with(prefix)) && !name.contains(':');
    let (kept, gone): (Vec<&String>, Vec<&String>) = before.iter().filter(is_id).partition(|id| after.contains(id));
    let list = |ids: &[&String]| ids.iter().map(|id| id.as_str()).collect::<Vec<_>>().join(", ");
    let new: Vec<&String> = after.iter().filter(|name| !before.contains(name)).collect();
    let mut found = Vec::new();
    if !kept.is_empty() {
        found.push(format!("names who was deleted, and nobody else: {}", list(&kept)));
    }
    if !gone.is_empty() && new.is_empty() {
        found.push(format!("named who was deleted, and does not any more: {}", list(&gone)));
    } else if !gone.is_empty() {
        found.push(format!(
            "named who was deleted ({}), and trusts instead who is there now: {}",
            list(&gone),
            list(&new)
        ));
    }
    found
}
