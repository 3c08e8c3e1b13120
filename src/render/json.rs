//! A plan for programs, as the contract has it.

use serde_json::{Map, Value as Json, json};

use crate::model::{Attributes, Value};
use crate::plan::{Change, Plan, Step, digest};
use crate::policy::grants;

pub const FORMAT_VERSION: &str = "1";

/// Returns the JSON document of `plan --json`.
pub fn plan(plan: &Plan, warnings: Vec<Json>, outputs: &Map<String, Json>) -> Json {
    let kept = plan.kept.iter().map(|kept| {
        json!({"code": "kept", "address": kept.address, "message": format!("{} is kept: {}", kept.what, kept.because)})
    });
    let drift: Vec<Json> =
        plan.drift.iter().map(|drift| json!({"address": drift.address, "message": drift.text})).collect();
    json!({
        "format_version": FORMAT_VERSION,
        "account": plan.account.id,
        "deployment": plan.deployment,
        "summary": plan.summary(),
        "steps": plan.steps.iter().map(step).collect::<Vec<_>>(),
        "drift": drift,
        "warnings": warnings.into_iter().chain(kept).collect::<Vec<_>>(),
        "digest": digest::digest(plan),
        "outputs": outputs,
    })
}

fn step(step: &Step) -> Json {
    let mut json = json!({
        "address": step.address,
        "kind": step.id().map(|id| id.kind.as_str()),
        "action": step.action().word(),
        "before": step.change.before(),
        "after": step.change.after(),
        "waits_for": step.waits_for,
        "drift": step.drift,
        "permissions": permissions(step),
        "dangers": step.dangers,
    });
    if let (Change::Replace { because, .. }, Some(object)) = (&step.change, json.as_object_mut()) {
        object.insert("because".to_owned(), json!(because));
        object.insert("symbol".to_owned(), json!(step.action().symbol()));
    }
    json
}

/// What the document of a step allows more or less, as its statements are written. A Deny that comes
/// takes permissions away.
fn permissions(step: &Step) -> Json {
    let granted = |attributes: Option<&Attributes>| {
        attributes.and_then(|a| a.get("document")).and_then(Value::document).map(grants).unwrap_or_default()
    };
    let (before, after) = (granted(step.change.before()), granted(step.change.after()));
    let (mut added, mut removed) = (Vec::new(), Vec::new());
    for grant in after.difference(&before) {
        if grant.allows { &mut added } else { &mut removed }.push(grant.to_string());
    }
    for grant in before.difference(&after) {
        if grant.allows { &mut removed } else { &mut added }.push(grant.to_string());
    }
    json!({"added": added, "removed": removed})
}
