//! A plan for programs, as the contract has it.

use serde_json::{Map, Value as Json, json};

use crate::plan::brake::APPLY;
use crate::plan::{Brake, Change, Drift, Kept, Plan, Step, digest};
use crate::policy::difference::LEFT_OUT;

pub const FORMAT_VERSION: &str = "1";

/// Returns the JSON document of `plan --json`.
pub fn plan(plan: &Plan, warnings: Vec<Json>, outputs: &Map<String, Json>) -> Json {
    json!({
        "format_version": FORMAT_VERSION,
        "account": plan.account.id,
        "deployment": plan.deployment,
        "summary": plan.summary(),
        "steps": plan.steps.iter().map(step).collect::<Vec<_>>(),
        "permissions": {"owners": plan.permissions, "left_out": LEFT_OUT},
        "drift": plan.drift.iter().map(drift).collect::<Vec<_>>(),
        "brakes": plan.brakes.iter().map(brake).collect::<Vec<_>>(),
        "warnings": warnings.into_iter().chain(kept(plan)).collect::<Vec<_>>(),
        "digest": digest::digest(plan),
        "outputs": outputs,
    })
}

/// What stays beside the manifest, each as a warning.
pub fn kept(plan: &Plan) -> Vec<Json> {
    let warning = |kept: &Kept| {
        let message = format!("{} is kept: {}", kept.what, kept.because);
        json!({"code": "kept", "address": kept.address, "message": message, "help": kept.help})
    };
    plan.all_kept().map(warning).collect()
}

/// What happened outside; `before` is what we wrote, `after` what AWS holds.
fn drift(drift: &Drift) -> Json {
    let mut json = json!({"address": drift.address, "message": drift.text});
    if let (Some(step), Some(object)) = (&drift.step, json.as_object_mut()) {
        let what = self::step(step).as_object().cloned().unwrap_or_default();
        object.extend(what.into_iter().filter(|(key, _)| !["address", "waits_for", "drift"].contains(&key.as_str())));
        object.insert("since".to_owned(), json!(drift.since));
    }
    if let (Some(kept), Some(object)) = (&drift.kept, json.as_object_mut()) {
        object.insert("kept".to_owned(), json!(kept.because));
        object.insert("help".to_owned(), json!(kept.help));
    }
    json
}

fn brake(brake: &Brake) -> Json {
    let (code, help) = (brake.cause.code(), brake.lifted_by(APPLY));
    json!({"code": code, "message": brake.what, "addresses": brake.addresses, "help": help})
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
        "permissions": step.permissions,
        "dangers": step.dangers,
    });
    if let Some(object) = json.as_object_mut() {
        for (key, addresses) in [("finishes_after", &step.finishes_after), ("settles", &step.settles)] {
            if !addresses.is_empty() {
                object.insert(key.to_owned(), json!(addresses));
            }
        }
        if !step.notes.is_empty() {
            object.insert("notes".to_owned(), json!(step.notes));
        }
        if !step.interim.is_empty() {
            object.insert("interim".to_owned(), json!(step.interim));
        }
    }
    if let (Change::Replace { because, .. }, Some(object)) = (&step.change, json.as_object_mut()) {
        object.insert("because".to_owned(), json!(because));
        object.insert("symbol".to_owned(), json!(step.action().symbol()));
    }
    json
}
