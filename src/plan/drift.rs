//! What changed in AWS behind our back: the wish is what we wrote last, so what is found is what others did.

use std::collections::BTreeSet;

use super::claim::{Claims, unsigned};
use super::compare::Comparison;
use super::wish::Beside;
use super::{Change, Drift, Kept, Plan, Question, Step, danger, whose};
use crate::error::Error;
use crate::graph::Desired;
use crate::kinds;
use crate::model::{Account, Address, Attributes, Live, ObjectId, Record, Resource, State};
use crate::problem::Place;

/// Returns what the state asks for: every record as it was written. What a manifest says to leave to others is
/// left where it is given.
pub fn remembered(state: &State, manifest: Option<&Desired>) -> Desired {
    let mut remembered = Desired::nothing(state.deployment.clone(), state.account.clone());
    for record in state.objects.values() {
        let said = manifest.and_then(|desired| desired.resources.get(desired.address_of(&record.id)?));
        // After a change of name that failed both are there.
        let address = match remembered.resources.contains_key(&record.address) {
            true => record.address.child([record.id.to_string()]),
            false => record.address.clone(),
        };
        let resource = Resource {
            address,
            id: record.id.clone(),
            wanted: unsigned(&record.attributes),
            place: Place { file: 0, start: 0, end: 0 },
            keep_undeclared: said.map(|said| said.keep_undeclared.clone()).unwrap_or_default(),
            removed: said.map(|said| said.removed.clone()).unwrap_or_default(),
            ignore: said.map(|said| said.ignore.clone()).unwrap_or_default(),
            existing: false,
            prevent_destroy: record.prevent_destroy,
        };
        // Two records of one object cannot be in a state.
        let _ = remembered.insert(resource);
    }
    remembered
}

/// Returns a plan without steps whose drift is all that is otherwise in AWS than we wrote it. `question.desired`
/// is what is [`remembered`]; what could not be read (`live.unread`) is left out.
pub fn drift(question: &Question) -> Result<Plan, Error> {
    let Question { desired, state, live, fresh_lineage } = question;
    let claims = Claims::settle(desired, *state, live, fresh_lineage)?;
    let known = state.map(|state| whose::without_lapsed(state, live, &claims).0);
    let state = known.as_ref();
    let mut comparison = Comparison::new(desired, state, live, claims);
    let boundaries = comparison.only_boundaries();
    let alone = |id: &ObjectId, address: &Address, change: Change| {
        let mut step = Step::alone(id, address.clone(), change, &desired.account, &boundaries);
        step.drift = true;
        step.dangers.extend(danger::of_lent(&step, live, &desired.account));
        step
    };
    let mut found: Vec<Drift> = Vec::new();
    for record in state.iter().flat_map(|state| state.objects.values()) {
        if live.unread.contains_key(&kinds::read_with(&record.id, &record.attributes)) {
            continue;
        }
        let happened = of_record(&comparison, record, live.objects.get(&record.id));
        found.extend(happened.map(|(text, change)| Drift::of(text, alone(&record.id, &record.address, change))));
    }
    comparison.undeclared();
    for (id, work) in &comparison.work {
        let Change::Delete { before } = &work.change else { continue };
        let change = Change::Create { after: before.clone() };
        found.push(Drift::of("added outside", alone(id, &work.address, change)));
    }
    let (beside, kept) = beside(comparison.wish.kept, &desired.account, &boundaries);
    found.extend(beside);
    found.sort_by(|a, b| a.address.cmp(&b.address));
    Ok(Plan {
        account: desired.account.clone(),
        deployment: comparison.claims.deployment,
        lineage: comparison.claims.lineage,
        serial: state.map_or(0, |state| state.serial),
        steps: Vec::new(),
        tasks: Vec::new(),
        permissions: Vec::new(),
        drift: found,
        kept,
        brakes: Vec::new(),
        sizes: Vec::new(),
        settled: Vec::new(),
        moved: Vec::new(),
        lapsed: Vec::new(),
    })
}

/// Parts what is kept: what others did, which an apply leaves and somebody has to look at, and what is as it was.
pub(super) fn beside(kept: Vec<Beside>, account: &Account, boundaries: &BTreeSet<ObjectId>) -> (Vec<Drift>, Vec<Kept>) {
    let (mut found, mut quiet) = (Vec::new(), Vec::new());
    for Beside { id, kept, came } in kept {
        let Some(change) = came else {
            quiet.push(kept);
            continue;
        };
        let text = match change {
            Change::Create { .. } => "added outside, kept",
            _ => "boundary changed outside, kept",
        };
        let step = Step { drift: true, ..Step::alone(&id, kept.address.clone(), change, account, boundaries) };
        found.push(Drift { kept: Some(kept), ..Drift::of(text, step) });
    }
    (found, quiet)
}

/// Says what happened to a recorded object: in words, and from what we wrote to what AWS holds.
fn of_record(comparison: &Comparison, record: &Record, live: Option<&Live>) -> Option<(String, Change)> {
    let wanted = comparison.wish.objects.get(&record.id)?;
    let Some(live) = live else {
        return Some(("deleted outside".to_owned(), Change::Delete { before: wanted.whole.clone() }));
    };
    let contradiction = comparison.contradiction(&record.address, None, live, record);
    let contradiction = contradiction.map(|problem| problem.notes.join("; "));
    let (before, after) = (wanted.whole.clone(), live.attributes.clone());
    if before == after && contradiction.is_none() {
        return None;
    }
    let text = contradiction.unwrap_or_else(|| format!("{} changed outside", fields(&before, live).join(", ")));
    Some((text, Change::Update { before, after }))
}

fn fields(before: &Attributes, live: &Live) -> Vec<&'static str> {
    let mut fields: Vec<&'static str> = before.keys().chain(live.attributes.keys()).copied().collect();
    fields.sort_unstable();
    fields.dedup();
    fields.retain(|field| before.get(field) != live.attributes.get(field));
    fields
}
