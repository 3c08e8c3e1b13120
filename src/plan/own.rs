//! Steps that take from whoever runs the plan what the rest of it needs: a run that does them first stops in the
//! middle and cannot go back. They run last, and a brake names them.

use std::collections::BTreeSet;

use super::compare::Comparison;
use super::order::Task;
use super::permissions::Both;
use super::{Brake, Change, Step, brake};
use crate::kinds;
use crate::model::{Account, Attributes, ObjectId, Value};
use crate::policy::difference;

/// Marks the steps that have to run last and returns the brake that names them.
pub(super) fn mark(steps: &mut [Step], both: &Both, asked: &Asked) -> Vec<Brake> {
    let caller = &both.owner;
    let touching: Vec<usize> = (0..steps.len()).filter(|&index| touches(&steps[index], both)).collect();
    let is_rest = |index: &usize| !touching.contains(index);
    let needed: BTreeSet<(String, String)> =
        (0..steps.len()).filter(is_rest).flat_map(|index| calls(&steps[index], asked)).collect();
    let needed: Vec<(String, String)> = needed.into_iter().collect();
    let lost = match both.holdings() {
        Some((before, after)) => difference::lost(&before, &after, &needed),
        None => Vec::new(),
    };
    let mut actions: Vec<&str> = lost.iter().map(|&index| needed[index].0.as_str()).collect();
    actions.dedup();
    let mut brakes = Vec::new();
    if !actions.is_empty() {
        let what = format!("it takes from {caller}, which runs this, what the rest needs: {}", actions.join(", "));
        brakes.push(brake::own(what, touching.iter().map(|&index| &steps[index])));
    }
    let shut: Vec<usize> = (0..steps.len()).filter(|&index| shuts_out(&steps[index], both, asked)).collect();
    if !shut.is_empty() {
        let what = format!("it may shut out {caller}, which runs this");
        brakes.push(brake::own(what, shut.iter().map(|&index| &steps[index])));
    }
    let last: BTreeSet<usize> = if actions.is_empty() { BTreeSet::new() } else { touching.into_iter().collect() };
    for index in last.into_iter().chain(shut) {
        steps[index].last = true;
    }
    brakes
}

/// What a plan knows of the account and its objects.
pub(super) struct Asked<'a> {
    pub account: &'a Account,
    /// Returns the attributes of an object, as they are or will be.
    pub attributes: &'a dyn Fn(&ObjectId) -> Option<Attributes>,
}

impl<'a> Asked<'a> {
    /// Returns the ARN that a call about an object is decided by: its own, or its owner's.
    fn arn(&self, id: &ObjectId, attributes: &Attributes) -> String {
        if id.name.starts_with("arn:") {
            return id.name.clone();
        }
        if let Some(hangs) = kinds::hanging(id, attributes) {
            let owner = (self.attributes)(&hangs.owner).unwrap_or_default();
            return self.arn(&hangs.owner, &owner);
        }
        let text = |field: &str| attributes.get(field).and_then(Value::text);
        let spec = kinds::spec(&id.kind);
        let arn = spec.and_then(|spec| spec.arn(self.account, text("path").unwrap_or("/"), text("name")?));
        arn.unwrap_or_else(|| "*".to_owned())
    }
}

fn ids(step: &Step) -> impl Iterator<Item = &ObjectId> {
    step.made.iter().chain(&step.removed)
}

fn touches(step: &Step, both: &Both) -> bool {
    ids(step).any(|id| both.counts.contains(id))
}

/// Returns the writing calls that a step may make, each with what it is about.
fn calls(step: &Step, asked: &Asked) -> Vec<(String, String)> {
    let Some(spec) = step.id().and_then(|id| kinds::spec(&id.kind)) else { return Vec::new() };
    let arn = |id: Option<&ObjectId>, attributes: Option<&Attributes>| Some(asked.arn(id?, attributes?));
    let made = arn(step.made.as_ref(), step.change.after());
    let removed = arn(step.removed.as_ref(), step.change.before());
    let Some(about) = made.clone().or_else(|| removed.clone()) else { return Vec::new() };
    let takes = |action: &str| ["Delete", "Detach", "Remove"].iter().any(|verb| action.starts_with(verb));
    let makes = |action: &str| ["Create", "Attach", "Add", "Put", "Tag"].iter().any(|verb| action.starts_with(verb));
    let is_made = |action: &&&str| {
        let name = action.rsplit(':').next().unwrap_or_default();
        match step.change {
            Change::Create { .. } => makes(name),
            Change::Delete { .. } => takes(name),
            Change::Replace { .. } => makes(name) || takes(name),
            Change::Update { .. } | Change::Import { .. } | Change::Forget { .. } => {
                !takes(name) && (!name.starts_with("Create") || name.ends_with("Version"))
            }
        }
    };
    let is_replaced = matches!(step.change, Change::Replace { .. });
    let call = |action: &&str| {
        let about_removed = is_replaced && takes(action.rsplit(':').next().unwrap_or_default());
        let about = removed.as_ref().filter(|_| about_removed).unwrap_or(&about);
        ((*action).to_owned(), about.clone())
    };
    spec.schema().writes.iter().filter(is_made).map(call).collect()
}

/// Says whether whoever runs this may not come back: it goes, its trust names fewer, or whoever its trust names
/// goes.
fn shuts_out(step: &Step, both: &Both, asked: &Asked) -> bool {
    let goes = matches!(step.change, Change::Delete { .. } | Change::Replace { .. });
    let own = step.removed.as_ref().or(step.made.as_ref()) == Some(&both.owner);
    if own {
        let trust = |attributes: Option<&Attributes>| attributes.and_then(|a| a.get("trust")).cloned();
        let changes = trust(step.change.before()) != trust(step.change.after());
        return goes || changes && !step.permissions.removed.is_empty();
    }
    let spec = kinds::spec(&both.owner.kind);
    let attributes = (asked.attributes)(&both.owner).unwrap_or_default();
    let named = spec.map(|spec| spec.refers(asked.account, &attributes)).unwrap_or_default();
    goes && named.iter().any(|needed| !needed.held && step.removed.as_ref() == Some(&needed.id))
}

impl Comparison<'_> {
    /// Returns what AWS holds of an object, or will hold.
    pub fn attributes_of(&self, id: &ObjectId) -> Option<Attributes> {
        let held = self.live.objects.get(id).or_else(|| self.live.referred.get(id)).map(|live| &live.attributes);
        held.or_else(|| self.wish.objects.get(id).map(|wanted| &wanted.whole)).cloned()
    }
}

/// Lets the marked steps wait for all that does not wait for one of them.
pub(super) fn put_last(tasks: &mut [Task], steps: &[Step]) {
    let is_last: Vec<bool> = tasks.iter().map(|task| steps[task.step].last).collect();
    if !is_last.contains(&true) {
        return;
    }
    let mut dependents = vec![Vec::new(); tasks.len()];
    for (index, task) in tasks.iter().enumerate() {
        task.after.iter().for_each(|&before| dependents[before].push(index));
    }
    let mut follows = is_last.clone();
    let mut open: Vec<usize> = (0..tasks.len()).filter(|&index| is_last[index]).collect();
    while let Some(index) = open.pop() {
        for &dependent in &dependents[index] {
            if !std::mem::replace(&mut follows[dependent], true) {
                open.push(dependent);
            }
        }
    }
    let before: Vec<usize> = (0..tasks.len()).filter(|&index| !follows[index]).collect();
    for (task, _) in tasks.iter_mut().zip(&is_last).filter(|(_, last)| **last) {
        task.after.extend(&before);
        task.after.sort_unstable();
        task.after.dedup();
    }
}
