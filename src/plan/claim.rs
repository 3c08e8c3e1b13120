//! Whose an object is. What we make carries two tags, the deployment and its lineage; a tag is a claim
//! and not a proof, so a contradiction stops the plan.

use std::collections::BTreeSet;

use crate::error::Error;
use crate::graph::Desired;
use crate::kinds;
use crate::manifest::RESERVED;
use crate::model::{Attributes, Live, LiveState, ObjectId, Record, State, Tags, Value};

pub const DEPLOYMENT_TAG: &str = "seqera-iam:deployment";
pub const LINEAGE_TAG: &str = "seqera-iam:lineage";

/// Keys of the tags that CloudFormation puts on what it makes.
const CLOUDFORMATION: &str = "aws:cloudformation:";

/// What the tags of an object say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    Ours,
    /// Our name, another life of it.
    OtherLineage(String),
    OtherDeployment(String),
    /// Only AWS's services change it.
    Aws,
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
        let path = live.get("path").and_then(Value::text).unwrap_or_default();
        if RESERVED.iter().any(|reserved| path.starts_with(reserved)) {
            return Claim::Aws;
        }
        let Some(tags) = tags(live) else { return Claim::Nobody };
        match (tags.get(DEPLOYMENT_TAG), tags.get(LINEAGE_TAG)) {
            (Some(deployment), _) if *deployment != self.deployment => Claim::OtherDeployment(deployment.clone()),
            (Some(_), Some(lineage)) if *lineage != self.lineage => Claim::OtherLineage(lineage.clone()),
            (Some(_), _) => Claim::Ours,
            (None, _) if tags.keys().any(|key| key.starts_with(CLOUDFORMATION)) => {
                let stack = tags.get("aws:cloudformation:stack-name").cloned();
                Claim::CloudFormation(stack.unwrap_or_else(|| "without a name".to_owned()))
            }
            (None, _) => Claim::Nobody,
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
/// lost; and it heeds what the manifest says must not be destroyed, whether or not that was ever applied.
pub fn recover(desired: &Desired, state: Option<&State>, live: &LiveState, fresh: &str) -> Result<State, Error> {
    let claims = Claims::settle(desired, state, live, fresh)?;
    // What AWS cannot tag is told by what it holds, where something else tells that there was a state.
    let is_known = live.objects.values().any(|object| claims.of(&object.attributes) == Claim::Ours);
    let untagged = if state.is_none() && is_known { as_asked(desired, live) } else { BTreeSet::new() };
    let mut recovered = with_ours(desired, state, live, &claims, &untagged);
    for resource in desired.resources.values().filter(|resource| resource.prevent_destroy) {
        // One that gets another name stands there under the old one still.
        for record in recovered.objects.values_mut() {
            record.prevent_destroy |= record.id == resource.id || record.address == resource.address;
        }
    }
    Ok(recovered)
}

/// Returns the state with what is wanted and ours added: by its tags, as one of these that AWS cannot tag, or by
/// what it hangs on.
pub fn with_ours(
    desired: &Desired,
    state: Option<&State>,
    live: &LiveState,
    claims: &Claims,
    untagged: &BTreeSet<ObjectId>,
) -> State {
    let mut recovered = match state {
        Some(state) => state.clone(),
        None => State::new(&desired.deployment, &desired.account, claims.lineage.clone()),
    };
    let signed = |id: &ObjectId| {
        let is_signed = live.objects.get(id).is_some_and(|it| claims.of(&it.attributes) == Claim::Ours);
        is_signed || untagged.contains(id)
    };
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
                asked: None,
                passing: None,
                prevent_destroy: resource.prevent_destroy,
                attributes: object.attributes.clone(),
            };
            recovered.objects.insert(record.id.clone(), record);
        }
    }
    recovered
}

/// Returns the owners that AWS cannot tag and that are just what the manifest asks for, with all that hangs on
/// them and nothing else. What all share is nobody's for looking so.
pub fn as_asked(desired: &Desired, live: &LiveState) -> BTreeSet<ObjectId> {
    let wanted = |id: &ObjectId| desired.address_of(id).and_then(|address| desired.resources.get(address));
    let is_equal =
        |object: &Live| wanted(&object.id).is_some_and(|wanted| !wanted.existing && wanted.wanted == object.attributes);
    let is_untagged =
        |id: &ObjectId| kinds::spec(&id.kind).is_some_and(|spec| !spec.schema().taggable && !spec.is_shared());
    let mut found = BTreeSet::new();
    for object in live.objects.values().filter(|object| is_untagged(&object.id)) {
        if kinds::owner(&object.id, &object.attributes).is_none() && is_equal(object) {
            found.insert(object.id.clone());
        }
    }
    for object in live.objects.values().filter(|object| !is_equal(object)) {
        kinds::owner(&object.id, &object.attributes).map(|owner| found.remove(&owner));
    }
    for resource in desired.resources.values().filter(|resource| !live.objects.contains_key(&resource.id)) {
        kinds::owner(&resource.id, &resource.wanted).map(|owner| found.remove(&owner));
    }
    found
}
