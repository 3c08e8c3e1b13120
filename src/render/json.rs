//! A plan for programs, as the contract has it.

use serde_json::{Map, Value as Json, json};

use crate::model::{Attributes, Value};
use crate::plan::{Change, Plan, Step, digest};
use crate::policy::Document;
use crate::policy::diff::{Sign, Status, Subject, diff};

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

/// What the documents of a step allow more or less, statement by statement as it is written. A Deny
/// that comes takes away, and is listed as removed.
fn permissions(step: &Step) -> Json {
    let empty = Attributes::new();
    let (before, after) = (step.change.before().unwrap_or(&empty), step.change.after().unwrap_or(&empty));
    let nothing = Document::from_json(json!({"Version": "2012-10-17", "Statement": []}));
    let (mut added, mut removed) = (Vec::new(), Vec::new());
    let fields = before.keys().chain(after.keys().filter(|field| !before.contains_key(*field)));
    for field in fields.filter(|field| **field == "document") {
        let document =
            |side: &Attributes| side.get(field).and_then(Value::document).cloned().unwrap_or_else(|| nothing.clone());
        let (before, after) = (document(before), document(after));
        for change in diff(&before, &after).into_iter().filter(|change| change.subject == Subject::Statement) {
            for line in change.lines.iter().filter(|line| line.element == "Action") {
                let on = line.on.as_deref().unwrap_or("*");
                let text = format!("{} on {on}", line.text);
                match line.sign {
                    Sign::Added => added.push(text),
                    Sign::Removed => removed.push(text),
                }
            }
            debug_assert!(change.status != Status::Changed || !change.lines.is_empty());
        }
    }
    json!({"added": added, "removed": removed})
}
