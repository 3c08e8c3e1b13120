//! One word for a whole plan: equal digests, equal steps.

use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use super::Plan;
use super::claim::LINEAGE_TAG;
use crate::model::{Attributes, Value};

/// Returns the digest of account, deployment, serial and steps, in hexadecimal. The lineage is masked:
/// a deployment that has none yet draws another one for every plan.
pub fn digest(plan: &Plan) -> String {
    let steps: Vec<Json> = plan
        .steps
        .iter()
        .map(|step| {
            json!({
                "address": step.address,
                "action": step.action().symbol(),
                "before": step.change.before().map(masked),
                "after": step.change.after().map(masked),
            })
        })
        .collect();
    let mut whole = json!({
        "account": plan.account, "deployment": plan.deployment, "serial": plan.serial, "steps": steps,
    });
    whole.sort_all_objects();
    let hash = Sha256::digest(whole.to_string().as_bytes());
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
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
