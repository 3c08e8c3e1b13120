//! One word for a whole plan: equal digests, equal steps.

use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use super::claim::LINEAGE_TAG;
use super::{Plan, Step};
use crate::model::{Attributes, Value};

/// Returns the digest of account, deployment, serial and steps, in hexadecimal. Drift, dangers and the
/// caller do not count, and the lineage is masked: a deployment without one draws another for every plan.
pub fn digest(plan: &Plan) -> String {
    hash(json!({
        "account": plan.account,
        "deployment": plan.deployment,
        "serial": plan.serial,
        "steps": plan.steps.iter().map(canonical).collect::<Vec<_>>(),
    }))
}

/// Returns the digest of one step.
pub fn of_step(step: &Step) -> String {
    hash(canonical(step))
}

fn canonical(step: &Step) -> Json {
    json!({
        "address": step.address,
        "action": step.action().symbol(),
        "before": step.change.before().map(masked),
        "after": step.change.after().map(masked),
    })
}

fn hash(mut json: Json) -> String {
    json.sort_all_objects();
    Sha256::digest(json.to_string().as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn masked(attributes: &Attributes) -> Attributes {
    let mut masked = attributes.clone();
    if let Some(Value::Tags(tags)) = masked.get_mut("tags")
        && let Some(lineage) = tags.get_mut(LINEAGE_TAG)
    {
        "(lineage)".clone_into(lineage);
    }
    masked
}
