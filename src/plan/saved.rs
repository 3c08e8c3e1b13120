//! A plan that somebody looked at, to be applied as it was: which manifest with which params, and what
//! each step was. Applying plans again and refuses when that gives another plan.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Plan, digest};
use crate::model::Address;

pub const FORMAT_VERSION: &str = "1";

/// What `plan --out` writes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedPlan {
    pub format_version: String,
    pub invocation: Invocation,
    pub account: String,
    pub deployment: String,
    /// So that a deployment that has none yet gets the one that was shown.
    pub lineage: String,
    pub serial: u64,
    pub digest: String,
    pub steps: Vec<SavedStep>,
}

/// What was typed: it is used again instead of flags.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invocation {
    pub file: String,
    pub param: Vec<(String, String)>,
    pub params: Vec<String>,
    pub state: Option<String>,
    pub sandbox: Option<String>,
}

impl Invocation {
    /// The manifest when none is named.
    pub const DEFAULT_FILE: &str = "seqera.yaml";
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedStep {
    pub address: Address,
    pub action: String,
    pub digest: String,
}

impl SavedPlan {
    pub fn new(plan: &Plan, invocation: Invocation) -> Self {
        let step = |step: &super::Step| SavedStep {
            address: step.address.clone(),
            action: step.action().word().to_owned(),
            digest: digest::of_step(step),
        };
        Self {
            format_version: FORMAT_VERSION.to_owned(),
            invocation,
            account: plan.account.id.clone(),
            deployment: plan.deployment.clone(),
            lineage: plan.lineage.clone(),
            serial: plan.serial,
            digest: digest::digest(plan),
            steps: plan.steps.iter().map(step).collect(),
        }
    }

    pub fn from_json(text: &str) -> Result<Self, String> {
        let saved: Self = serde_json::from_str(text).map_err(|e| e.to_string())?;
        match saved.format_version.as_str() {
            FORMAT_VERSION => Ok(saved),
            other => Err(format!("it has format version {other}, this program reads {FORMAT_VERSION}")),
        }
    }

    /// Returns what is otherwise in `plan`, a line each; nothing when it is the plan that was saved.
    pub fn differences(&self, plan: &Plan) -> Vec<String> {
        let now = SavedPlan::new(plan, self.invocation.clone());
        let mut found = Vec::new();
        let mut differs = |what: &str, then: &str, now: &str| {
            if then != now {
                found.push(format!("{what} was {then} and is {now}"));
            }
        };
        differs("the account", &self.account, &now.account);
        differs("the deployment", &self.deployment, &now.deployment);
        differs("the state's serial", &self.serial.to_string(), &now.serial.to_string());
        let by_address = |steps: &[SavedStep]| -> BTreeMap<Address, SavedStep> {
            steps.iter().map(|step| (step.address.clone(), step.clone())).collect()
        };
        let (before, after) = (by_address(&self.steps), by_address(&now.steps));
        for then in &self.steps {
            match after.get(&then.address) {
                None => found.push(format!("{}: {} is not needed any more", then.address, then.action)),
                Some(step) if step.action != then.action => {
                    found.push(format!("{}: {} became {}", then.address, then.action, step.action));
                }
                Some(step) if step.digest != then.digest => {
                    found.push(format!("{}: {} is another one now", then.address, then.action));
                }
                Some(_) => {}
            }
        }
        let new = now.steps.iter().filter(|step| !before.contains_key(&step.address));
        found.extend(new.map(|step| format!("{}: {} came up", step.address, step.action)));
        if found.is_empty() && self.digest != now.digest {
            found.push("the steps stand in another order".to_owned());
        }
        found
    }
}
