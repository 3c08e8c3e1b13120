//! What has to hold of drift and brakes, whatever came before.

use std::collections::BTreeSet;

use seqera_iam::delivery::Delivery;
use seqera_iam::graph::Desired;
use seqera_iam::model::{ObjectId, State};
use seqera_iam::plan::brake::Cause;
use seqera_iam::plan::{self, Action, Plan, Question};
use seqera_iam::survey::{self, Purpose};

use crate::session::{LINEAGE, Open};

/// Demands that AWS holds what the state says was written, once there is nothing left to do.
pub async fn demand_no_drift(
    open: &Open,
    desired: &Desired,
    state: Option<&State>,
    delivery: &Delivery,
) -> Result<(), String> {
    let Some(state) = state else { return Ok(()) };
    let remembered = plan::drift::remembered(state, Some(desired));
    let live = survey::read(&open.cloud, &remembered, Some(state), Purpose::Look, open.reader, delivery).await;
    let live = live.map_err(|error| format!("looking fails: {error}"))?;
    let question = Question { desired: &remembered, state: Some(state), live: &live, fresh_lineage: LINEAGE };
    let found = plan::drift::drift(&question).map_err(|error| format!("looking is refused: {error}"))?;
    let mended = found.drift.iter().filter(|drift| drift.kept.is_none());
    let told: Vec<String> = mended.map(|drift| format!("{}: {}", drift.address, drift.text)).collect();
    if told.is_empty() { Ok(()) } else { Err(format!("there is drift: {}", told.join("; "))) }
}

/// Demands that a plan is held back where it surely destroys much, and only where it destroys something.
pub fn demand_brake(plan: &Plan, desired: &Desired, state: Option<&State>) -> Result<(), String> {
    let recorded = || state.into_iter().flat_map(|state| state.objects.keys());
    let all: BTreeSet<&ObjectId> = recorded().chain(desired.resources.values().map(|wanted| &wanted.id)).collect();
    let goes = |step: &&plan::Step| matches!(step.action(), Action::Delete | Action::Replace(_));
    let going: Vec<&plan::Step> = plan.steps.iter().filter(goes).collect();
    let known = |id: &&ObjectId| recorded().any(|recorded| recorded == *id);
    let gone = going.iter().filter_map(|step| step.removed.as_ref()).filter(known).count();
    let is_many = plan.brakes.iter().any(|brake| brake.cause == Cause::Many);
    if gone >= 3 && gone * 10 > all.len() * 3 && !is_many {
        return Err(format!("{gone} of at most {} objects go, and no brake holds", all.len()));
    }
    if is_many && going.len() < 3 {
        return Err(format!("a brake holds, and only {} objects go", going.len()));
    }
    let mut addresses = plan.brakes.iter().flat_map(|brake| &brake.addresses);
    match addresses.find(|address| !plan.steps.iter().any(|step| step.address == **address)) {
        Some(address) => Err(format!("a brake names {address}, which is no step")),
        None => Ok(()),
    }
}
