//! What a plan changes in what is allowed: by each document, and for each owner that is there before and after.

use std::collections::{BTreeMap, BTreeSet};

use super::compare::Comparison;
use super::wish::is_quarantine;
use super::{Change, Step};
use crate::kinds;
use crate::model::{Account, Address, Attributes, ObjectId, Value, text};
use crate::policy::Document;
use crate::policy::difference::escalation::Holder;
use crate::policy::difference::{self, Difference, Holding};

/// What changes for one owner. An empty difference is proven: nothing does.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Affected {
    #[serde(rename = "owner")]
    pub address: Address,
    #[serde(flatten)]
    pub difference: Difference,
    /// Whether it could do something before, and nothing after.
    #[serde(skip)]
    pub nothing_left: bool,
}

/// Compares what the document of a step allows by itself.
pub(super) fn of_step(step: &Step) -> Difference {
    let (before, after) = (step.change.before().and_then(document), step.change.after().and_then(document));
    match (before, after) {
        (None, None) => Difference::default(),
        // Whoever forgets changes nothing in AWS.
        _ if matches!(step.change, Change::Forget { .. }) => Difference::default(),
        (before, after) => difference::of_documents(before, after),
    }
}

fn document(attributes: &Attributes) -> Option<&Document> {
    ["document", "trust"].into_iter().find_map(|field| attributes.get(field)).and_then(Value::document)
}

/// Compares what owners may do: all their policies together, within their boundaries.
pub(super) fn of_owners(comparison: &Comparison) -> Vec<Affected> {
    let before: Objects = comparison.live.objects.values().map(|live| (&live.id, &live.attributes)).collect();
    let read: Objects = comparison.live.referred.values().map(|live| (&live.id, &live.attributes)).collect();
    let after = after(comparison, &before);
    let sides = [Side::new(before, &read), Side::new(after, &read)];
    let mut affected = Vec::new();
    for owner in touched(comparison, &sides) {
        let Some(wanted) = comparison.wish.objects.get(owner) else { continue };
        let [Some(before), Some(after)] = sides.each_ref().map(|side| side.holding(owner)) else { continue };
        let address = wanted.resource.address.clone();
        let nothing_left = after.is_nothing() && !before.is_nothing();
        affected.push(Affected { address, difference: difference::of_holdings(&before, &after), nothing_left });
    }
    affected.sort_by(|a, b| a.address.cmp(&b.address));
    affected
}

/// What somebody whom the plan touches may do, and who that is.
pub(super) struct Held {
    pub address: Address,
    pub before: Option<(Holding, Holder)>,
    pub after: (Holding, Holder),
    /// Each of its documents alone, as it will be.
    pub alone: Vec<Holding>,
    /// What its permissions come from.
    pub brought_by: BTreeSet<ObjectId>,
}

/// Returns those who are there after the plan and for whom it changes something, who come with it included.
pub(super) fn of_holders(comparison: &Comparison) -> Vec<Held> {
    let before: Objects = comparison.live.objects.values().map(|live| (&live.id, &live.attributes)).collect();
    let read: Objects = comparison.live.referred.values().map(|live| (&live.id, &live.attributes)).collect();
    let after = after(comparison, &before);
    let sides = [Side::new(before, &read), Side::new(after, &read)];
    let account = &comparison.desired.account;
    let mut held = Vec::new();
    for owner in touched(comparison, &sides) {
        let Some(wanted) = comparison.wish.objects.get(owner) else { continue };
        let [before, after] = sides.each_ref().map(|side| Some((side.holding(owner)?, side.holder(owner, account)?)));
        let Some(after) = after else { continue };
        let mut brought_by = BTreeSet::from([owner.clone()]);
        sides[1].sources(owner, &read, &mut brought_by);
        let alone = sides[1].alone(owner);
        held.push(Held { address: wanted.resource.address.clone(), before, after, alone, brought_by });
    }
    held
}

/// What whoever runs the plan may do, before and after it.
pub(super) struct Both {
    pub owner: ObjectId,
    /// What its permissions come from: itself, what hangs on it and its groups, and those policies.
    pub counts: BTreeSet<ObjectId>,
    before: Option<Holding>,
    after: Option<Holding>,
}

impl Both {
    pub fn holdings(&self) -> Option<(Holding, Holding)> {
        Some((self.before.clone()?, self.after.clone().unwrap_or_default()))
    }
}

/// Returns what the plan makes of the permissions of whoever runs it.
pub(super) fn of_caller(comparison: &Comparison, caller: &ObjectId) -> Both {
    let before: Objects = comparison.live.objects.values().map(|live| (&live.id, &live.attributes)).collect();
    let read: Objects = comparison.live.referred.values().map(|live| (&live.id, &live.attributes)).collect();
    let after = after(comparison, &before);
    let sides = [Side::new(before, &read), Side::new(after, &read)];
    let mut counts = BTreeSet::from([caller.clone()]);
    for side in &sides {
        side.sources(caller, &read, &mut counts);
    }
    let [before, after] = sides.each_ref().map(|side| side.holding_of(caller, &read));
    Both { owner: caller.clone(), counts, before, after }
}

pub(super) type Objects<'a> = BTreeMap<&'a ObjectId, &'a Attributes>;

/// Returns what AWS will hold.
fn after<'a>(comparison: &'a Comparison, before: &Objects<'a>) -> Objects<'a> {
    let mut after = before.clone();
    for (id, work) in &comparison.work {
        match &work.change {
            Change::Delete { .. } => drop(after.remove(id)),
            Change::Forget { .. } => {}
            change => drop(change.after().and_then(|wanted| after.insert(id, wanted))),
        }
    }
    after
}

/// Returns the owners for whom something changes: they, what hangs on them, or what that refers to.
fn touched<'a>(comparison: &Comparison, sides: &[Side<'a>; 2]) -> BTreeSet<&'a ObjectId> {
    let works = |id: &ObjectId| comparison.work.contains_key(id);
    let refers_to_work = |side: &Side, attributes: &Attributes, field: &str| {
        text(attributes, field).and_then(|arn| side.policies.get(arn)).is_some_and(|(id, _)| works(id))
    };
    let mut owners = BTreeSet::new();
    for side in sides {
        let hanging = side.hanging.iter().filter(|(_, hanging)| {
            hanging.iter().any(|(id, attributes)| {
                let is_policy = attributes.contains_key("policy_arn") || attributes.contains_key("document");
                is_policy && works(id) || refers_to_work(side, attributes, "policy_arn")
            })
        });
        owners.extend(hanging.map(|(owner, _)| *owner));
        let bounded = side.objects.iter().filter(|(id, attributes)| {
            attributes.contains_key("boundary") && (works(id) || refers_to_work(side, attributes, "boundary"))
        });
        owners.extend(bounded.map(|(id, _)| *id));
    }
    // Who is in a group has what it has.
    let mut members = BTreeSet::new();
    for side in sides {
        let of = side.hanging.iter().filter(|(_, hanging)| {
            hanging.iter().any(|(id, attributes)| {
                brought(id, attributes).is_some_and(|owner| works(id) || owners.contains(&owner))
            })
        });
        members.extend(of.map(|(owner, _)| *owner));
    }
    owners.extend(members);
    owners
}

/// AWS before or after the plan.
pub(super) struct Side<'a> {
    pub objects: Objects<'a>,
    /// What hangs on each owner.
    pub hanging: BTreeMap<&'a ObjectId, Vec<(&'a ObjectId, &'a Attributes)>>,
    /// Policies by ARN, as far as they were read.
    pub policies: BTreeMap<&'a str, (&'a ObjectId, &'a Document)>,
}

impl<'a> Side<'a> {
    /// `read` is what was read beside: policies that are not ours.
    pub fn new(objects: Objects<'a>, read: &Objects<'a>) -> Self {
        let mut side = Self { objects: BTreeMap::new(), hanging: BTreeMap::new(), policies: BTreeMap::new() };
        for (id, attributes) in read.iter().chain(&objects) {
            match kinds::hanging(id, attributes) {
                Some(hangs) => {
                    // The id as it stands in the objects, so that it lives as long.
                    let owner = objects.get_key_value(&hangs.owner).or_else(|| read.get_key_value(&hangs.owner));
                    let Some((owner, _)) = owner else { continue };
                    side.hanging.entry(owner).or_default().push((id, attributes));
                }
                None => {
                    // A policy that says nothing was not read: the sandbox knows AWS's own by their names.
                    let document = attributes.get("document").and_then(Value::document);
                    let document = document.filter(|document| document.has_statements());
                    side.policies.extend(document.map(|document| (id.name.as_str(), (*id, document))));
                }
            }
        }
        Self { objects, ..side }
    }

    /// Returns what an owner has; `None` when it is not there.
    fn holding(&self, owner: &ObjectId) -> Option<Holding> {
        self.holding_with(owner, self.objects.get(owner)?)
    }

    /// The same of somebody who may be no part of the deployment.
    fn holding_of(&self, owner: &ObjectId, read: &Objects) -> Option<Holding> {
        self.holding_with(owner, self.objects.get(owner).or_else(|| read.get(owner))?)
    }

    /// Collects what an owner's permissions come from.
    fn sources(&self, owner: &ObjectId, read: &Objects, counts: &mut BTreeSet<ObjectId>) {
        let attributes = self.objects.get(owner).or_else(|| read.get(owner));
        let boundary = attributes.and_then(|attributes| text(attributes, "boundary"));
        let hanging = self.hanging.get(owner).into_iter().flatten();
        let attached = hanging.clone().filter_map(|(_, hanging)| text(hanging, "policy_arn"));
        let policies = attached.chain(boundary).filter_map(|arn| self.policies.get(arn));
        counts.extend(policies.map(|(id, _)| (*id).clone()));
        for (id, attributes) in hanging {
            counts.insert((*id).clone());
            if let Some(group) = brought(id, attributes).filter(|group| counts.insert(group.clone())) {
                self.sources(&group, read, counts);
            }
        }
    }

    fn holding_with(&self, owner: &ObjectId, attributes: &Attributes) -> Option<Holding> {
        let holding = self.add_policies(owner, Holding::default());
        let Some(arn) = text(attributes, "boundary") else { return Some(holding) };
        Some(match self.policies.get(arn) {
            Some((_, document)) => holding.boundary(document),
            None => holding.unread_boundary(name(arn)),
        })
    }

    /// Says who an owner is, as its permissions can be about itself.
    fn holder(&self, owner: &ObjectId, account: &Account) -> Option<Holder> {
        let attributes = self.objects.get(owner)?;
        let (name, path) = (text(attributes, "name")?, text(attributes, "path").unwrap_or("/"));
        let arn = kinds::spec(&owner.kind)?.arn(account, path, name)?;
        let hanging = self.hanging.get(owner).into_iter().flatten();
        let attached = hanging.filter_map(|(_, hanging)| text(hanging, "policy_arn"));
        let policies = attached.filter(|arn| !arn.contains(":iam::aws:policy/")).map(str::to_owned).collect();
        Some(Holder { arn, is_bounded: attributes.contains_key("boundary"), policies })
    }

    /// Returns each document of an owner, and of those that it is a member of, by itself.
    fn alone(&self, owner: &ObjectId) -> Vec<Holding> {
        let mut alone = Vec::new();
        for (id, hanging) in self.hanging.get(owner).into_iter().flatten() {
            let document = match text(hanging, "policy_arn") {
                Some(arn) => self.policies.get(arn).map(|(_, document)| *document),
                None => hanging.get("document").and_then(Value::document),
            };
            alone.extend(document.map(|document| Holding::default().policy(document)));
            alone.extend(brought(id, hanging).into_iter().flat_map(|group| self.alone(&group)));
        }
        alone
    }

    /// Adds the policies of an owner, and of those that it is a member of.
    fn add_policies(&self, owner: &ObjectId, mut holding: Holding) -> Holding {
        for (id, hanging) in self.hanging.get(owner).into_iter().flatten() {
            if let Some(group) = brought(id, hanging) {
                holding = self.add_policies(&group, holding);
            }
            holding = match (text(hanging, "policy_arn"), hanging.get("document").and_then(Value::document)) {
                (Some(arn), _) => match self.policies.get(arn) {
                    Some((_, document)) => holding.policy(document),
                    None if is_quarantine(arn) => holding.unread_denial(name(arn)),
                    None => holding.unread_policy(name(arn)),
                },
                (None, Some(document)) => holding.policy(document),
                (None, None) => holding,
            };
        }
        holding
    }
}

pub(super) fn brought(id: &ObjectId, attributes: &Attributes) -> Option<ObjectId> {
    kinds::spec(&id.kind)?.brings(attributes)
}

/// Returns the name in a policy's ARN, as people say it.
fn name(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}
