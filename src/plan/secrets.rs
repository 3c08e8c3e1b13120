//! Where the secrets of a plan go, and what may lie there.

use std::collections::BTreeSet;

use super::{Change, Plan, Step};
use crate::kinds;
use crate::model::issued::{self, DELIVER_TO, KEY_ID, MOVES_TO, TERMINAL};
use crate::model::{ObjectId, State, text};

/// Returns where the secret goes of what a step makes; `None` where none comes with it.
pub fn destination(step: &Step) -> Option<&str> {
    let (Change::Create { after } | Change::Replace { after, .. }) = &step.change else { return None };
    text(after, DELIVER_TO).filter(|_| step.made.as_ref().is_some_and(kinds::is_issued))
}

/// Returns a key whose file is to lie elsewhere, where it lies, and where it is to lie.
pub fn relocation(step: &Step) -> Option<(&str, &str, &str)> {
    let Change::Update { before, after } = &step.change else { return None };
    let (key, from, to) = (text(before, KEY_ID)?, text(before, DELIVER_TO)?, text(after, DELIVER_TO)?);
    (from != to && to != TERMINAL).then_some((key, from, to))
}

/// Returns every destination that the state or the plan knows, also where a run that was cut short left a file.
pub fn destinations(plan: &Plan, state: Option<&State>) -> BTreeSet<String> {
    let recorded = state.into_iter().flat_map(|state| state.objects.values()).map(|record| &record.attributes);
    let planned = steps(plan).flat_map(|step| step.change.before().into_iter().chain(step.change.after()));
    let named = |it| [DELIVER_TO, MOVES_TO].into_iter().filter_map(move |field| text(it, field));
    recorded.chain(planned).flat_map(named).map(str::to_owned).collect()
}

/// Returns AWS's ids of the keys that were ours and are nobody's once the plan is carried out: they are gone, go, or were
/// never handed over. A file that holds one of them, and nothing but one, may be written over.
pub fn superseded(plan: &Plan, state: Option<&State>) -> BTreeSet<String> {
    let records = || state.into_iter().flat_map(|s| s.objects.values()).filter(|record| kinds::is_issued(&record.id));
    let planned: BTreeSet<&ObjectId> =
        plan.steps.iter().flat_map(|step| step.made.iter().chain(&step.removed)).collect();
    let settled: BTreeSet<&ObjectId> = plan.settled.iter().map(|record| &record.id).collect();
    let of_records =
        records().flat_map(|record| record.aws_id.as_deref().into_iter().chain(issued::named(&record.attributes)));
    let of_steps = steps(plan).filter_map(|step| step.change.before()).flat_map(issued::named);
    let untouched = records().filter(|record| !planned.contains(&record.id) && !settled.contains(&record.id));
    let stays: BTreeSet<&str> = untouched
        .chain(plan.settled.iter().filter(|record| kinds::is_issued(&record.id)))
        .filter_map(issued::own)
        .chain(steps(plan).filter_map(lives_on))
        .collect();
    of_records.chain(of_steps).filter(|key| !stays.contains(key)).map(str::to_owned).collect()
}

/// Returns AWS's id of what a step leaves valid.
fn lives_on(step: &Step) -> Option<&str> {
    match &step.change {
        Change::Update { before, .. } | Change::Import { before, .. } | Change::Forget { before, after: Some(_) } => {
            text(before, KEY_ID)
        }
        Change::Create { .. } | Change::Replace { .. } | Change::Delete { .. } | Change::Forget { after: None, .. } => {
            None
        }
    }
}

fn steps(plan: &Plan) -> impl Iterator<Item = &Step> {
    plan.steps.iter().filter(|step| step.id().is_some_and(kinds::is_issued))
}
