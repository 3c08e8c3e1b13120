//! Whose an object is. What we make carries two tags, the deployment and its lineage; a tag is a claim
//! and not a proof, so a contradiction stops the plan.

use std::collections::BTreeSet;

use crate::error::Error;
use crate::graph::Desired;
use crate::kinds;
use crate::model::{Attributes, Live, LiveState, ObjectId, Record, State, Tags, Value};

pub const DEPLOYMENT_TAG: &str = "seqera-iam:deployment";
pub const LINEAGE_TAG: &str = "seqera-iam:lineage";

/// What the tags of an object say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    Ours,
    /// Our name, another life of it.
    OtherLineage(String),
    OtherDeployment(String),
    /// CloudFormation writes to it.
    CloudFormation(String),
    Nobody,
}

/// Who we are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    pub deployment: String,
    pub lineage: String,
}

impl Claims {
    /// Decides the lineage: the state's, else the one that live objects of this deployment carry, else
    /// `fresh`. Two lineages, or live objects of another than the state's, are refused.
    pub fn settle(desired: &Desired, state: Option<&State>, live: &LiveState, fresh: &str) -> Result<Self, Error> {
        let deployment = desired.deployment.clone();
        let carried: BTreeSet<&str> = live
            .objects
            .values()
            .filter_map(|object| tags(&object.attributes))
            .filter(|tags| tags.get(DEPLOYMENT_TAG) == Some(&deployment))
            .filter_map(|tags| tags.get(LINEAGE_TAG).map(String::as_str))
            .collect();
        let carried: Vec<&str> = carried.into_iter().collect();
        let lineage = match (state, carried.as_slice()) {
            (Some(state), []) => state.lineage.clone(),
            (Some(state), [one]) if *one == state.lineage => state.lineage.clone(),
            (None, []) => fresh.to_owned(),
            (None, [one]) => (*one).to_owned(),
            (Some(state), others) => return Err(refuse(&deployment, Some(&state.lineage), others)),
            (None, others) => return Err(refuse(&deployment, None, others)),
        };
        Ok(Self { deployment, lineage })
    }

    pub fn of(&self, live: &Attributes) -> Claim {
        let Some(tags) = tags(live) else { return Claim::Nobody };
        match (tags.get(DEPLOYMENT_TAG), tags.get(LINEAGE_TAG)) {
            (Some(deployment), _) if *deployment != self.deployment => Claim::OtherDeployment(deployment.clone()),
            (Some(_), Some(lineage)) if *lineage != self.lineage => Claim::OtherLineage(lineage.clone()),
            (Some(_), _) => Claim::Ours,
            (None, _) => match tags.get("aws:cloudformation:stack-name") {
                Some(stack) => Claim::CloudFormation(stack.clone()),
                None => Claim::Nobody,
            },
        }
    }

    /// Says whether the tags name this deployment in this life.
    pub fn are_on(&self, live: &Attributes) -> bool {
        tags(live).is_some_and(|tags| {
            tags.get(DEPLOYMENT_TAG) == Some(&self.deployment) && tags.get(LINEAGE_TAG) == Some(&self.lineage)
        })
    }

    /// Adds our two tags.
    pub fn sign(&self, attributes: &mut Attributes) {
        let mut signed = tags(attributes).cloned().unwrap_or_default();
        signed.insert(DEPLOYMENT_TAG.to_owned(), self.deployment.clone());
        signed.insert(LINEAGE_TAG.to_owned(), self.lineage.clone());
        attributes.insert("tags", Value::Tags(signed));
    }
}

/// Returns the attributes without our two tags.
pub fn unsigned(attributes: &Attributes) -> Attributes {
    let mut unsigned = attributes.clone();
    if let Some(Value::Tags(tags)) = unsigned.get_mut("tags") {
        tags.retain(|key, _| key != DEPLOYMENT_TAG && key != LINEAGE_TAG);
        if tags.is_empty() {
            unsigned.remove("tags");
        }
    }
    unsigned
}

fn tags(attributes: &Attributes) -> Option<&Tags> {
    attributes.get("tags").and_then(Value::tags)
}

fn refuse(deployment: &str, state: Option<&str>, carried: &[&str]) -> Error {
    let mut lineages = carried.to_vec();
    lineages.extend(state);
    lineages.sort_unstable();
    lineages.dedup();
    Error::refused(format!(
        "deployment {deployment} exists in several lives: AWS and the state name the lineages {}",
        lineages.join(", ")
    ))
    .hint("another state may own these objects: find it, or give this deployment another name")
}

/// Returns the state with what is ours but not recorded added: objects at a wanted id that carry our
/// tags, what hangs on them, and where our policies are attached. Destroying needs it after the state was
/// lost.
pub fn recover(desired: &Desired, state: Option<&State>, live: &LiveState, fresh: &str) -> Result<State, Error> {
    let claims = Claims::settle(desired, state, live, fresh)?;
    let mut recovered = match state {
        Some(state) => state.clone(),
        None => State::new(&desired.deployment, &desired.account, claims.lineage.clone()),
    };
    let signed = |id: &ObjectId| live.objects.get(id).is_some_and(|it| claims.of(&it.attributes) == Claim::Ours);
    let ours = |object: &Live| {
        let spec = kinds::spec(&object.id.kind).filter(|spec| spec.hangs_on(&object.attributes).is_some());
        match spec.map(|spec| spec.refers(&desired.account, &object.attributes)) {
            // It refers to its owner, too.
            Some(refers) => refers.iter().any(|needed| signed(&needed.id)),
            None => signed(&object.id),
        }
    };
    for resource in desired.resources.values() {
        let Some(object) = live.objects.get(&resource.id) else { continue };
        if !recovered.objects.contains_key(&resource.id) && ours(object) {
            let record = Record {
                address: resource.address.clone(),
                id: resource.id.clone(),
                aws_id: object.aws_id.clone(),
                prevent_destroy: resource.prevent_destroy,
                attributes: object.attributes.clone(),
            };
            recovered.objects.insert(record.id.clone(), record);
        }
    }
    Ok(recovered)
}
