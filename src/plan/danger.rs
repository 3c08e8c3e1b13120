//! What a reviewer has to look at twice. Readers of the change list, each on its own.

use super::{Change, First, Step};
use crate::model::{Account, Value};

/// Returns the dangers of one step, each a sentence.
pub fn of(step: &Step, account: &Account) -> Vec<String> {
    let mut found = Vec::new();
    found.extend(gap(step));
    found.extend(room(step));
    found.extend(everything_everywhere(step));
    found.extend(outside_principals(step, account));
    found
}

/// A replacement that deletes first leaves a moment without the object.
fn gap(step: &Step) -> Option<String> {
    let Change::Replace { first: First::Delete, because, .. } = &step.change else { return None };
    let id = step.removed.as_ref()?;
    Some(format!("{id} is gone for a moment while it is replaced: {because}"))
}

/// A full owner is for a moment without what goes and without what comes.
fn room(step: &Step) -> Option<String> {
    let next = step.makes_room_for.as_ref()?;
    Some(format!("goes before {next} comes: AWS allows no more of them at a time"))
}

/// A document that newly allows every action on every resource.
fn everything_everywhere(step: &Step) -> Option<String> {
    let before = step.change.before().into_iter().flat_map(|a| a.values()).filter_map(Value::document);
    if before.into_iter().any(|document| document.allows_everything()) {
        return None;
    }
    let mut after = step.change.after()?.values().filter_map(Value::document);
    after.any(|document| document.allows_everything()).then(|| "allows every action on every resource".to_owned())
}

/// A trust policy that newly names somebody of another account.
fn outside_principals(step: &Step, account: &Account) -> Vec<String> {
    let trusted = |attributes: Option<&crate::model::Attributes>| -> Vec<String> {
        let trust = attributes.and_then(|a| a.get("trust")).and_then(Value::document);
        trust.into_iter().flat_map(|document| document.principals()).map(str::to_owned).collect()
    };
    let before = trusted(step.change.before());
    let outside = |principal: &String| {
        let of = principal.split(':').nth(4).unwrap_or(principal);
        principal == "*" || (of.len() == 12 && of.chars().all(|c| c.is_ascii_digit()) && of != account.id)
    };
    let new =
        trusted(step.change.after()).into_iter().filter(|principal| !before.contains(principal) && outside(principal));
    new.map(|principal| match principal.as_str() {
        "*" => "trusts everybody in every account".to_owned(),
        _ => format!("trusts a principal outside this account: {principal}"),
    })
    .collect()
}
