//! The comparison: wish against state and AWS, id by id, then what follows from one id for others.

use std::collections::{BTreeMap, BTreeSet};

use super::claim::{Claim, Claims, unsigned};
use super::wish::{Wanted, Wish};
use super::{
    Change, Drift, First, Plan, brake, cascade, claim, danger, drift, moved, must_replace, order, own, permissions,
    quota, refusal, room, size, trusted, whose,
};
use crate::error::Error;
use crate::graph::Desired;
use crate::kinds;
use crate::model::schema::OnChange;
use crate::model::{Address, Attributes, Live, LiveState, ObjectId, Record, State, Value, issued};
use crate::problem::Problem;

/// All that a plan is made from.
pub struct Question<'a> {
    pub desired: &'a Desired,
    pub state: Option<&'a State>,
    pub live: &'a LiveState,
    /// The lineage of a deployment that has none yet.
    pub fresh_lineage: &'a str,
}

/// Compares. An `Err` of the outer kind is a refusal, of the inner kind what the user has to mend.
pub fn plan(question: &Question) -> Result<Result<Plan, Vec<Problem>>, Error> {
    let Question { desired, state, live, fresh_lineage } = question;
    let claims = Claims::settle(desired, *state, live, fresh_lineage)?;
    let (known, lapsed) = state.map(|state| whose::without_lapsed(state, live, &claims)).unzip();
    let (relocated, collisions) = known.map(|state| moved::relocate(&state, desired)).unzip();
    let state = relocated.as_ref();
    let mut comparison = Comparison::new(desired, state, live, claims);
    comparison.problems.extend(collisions.unwrap_or_default());
    comparison.compare();
    let gone = comparison.cascade();
    comparison.check();
    let stood =
        |record: &Record| question.state.and_then(|state| state.objects.get(&record.id)).map(|was| &was.address);
    let moved = relocated.iter().flat_map(|state| state.objects.values());
    let moved = moved.filter(|record| stood(record) != Some(&record.address)).cloned().collect();
    Ok(comparison.finish(&gone).map(|plan| {
        // What is made now is intended again: if this read is stale, the intent before is what tells of it.
        let is_remade = |id: &ObjectId| plan.steps.iter().any(|step| step.made.as_ref() == Some(id));
        let lapsed = lapsed.into_iter().flatten().filter(|id| !is_remade(id)).collect();
        Plan { moved, lapsed, ..plan }
    }))
}

/// What happens to one object.
#[derive(Clone, Debug)]
pub(super) struct Work {
    pub address: Address,
    pub change: Change,
    pub drift: bool,
    pub record: Option<Record>,
}

pub(super) struct Comparison<'a> {
    pub desired: &'a Desired,
    state: Option<&'a State>,
    pub live: &'a LiveState,
    pub claims: Claims,
    /// Addresses that the manifest says to take over.
    pub imports: BTreeSet<&'a Address>,
    /// Owners that AWS cannot tag and that are just what the manifest asks for.
    pub as_asked: BTreeSet<ObjectId>,
    pub wish: Wish,
    pub work: BTreeMap<ObjectId, Work>,
    drift: Vec<Drift>,
    settled: Vec<Record>,
    pub problems: Vec<Problem>,
}

impl<'a> Comparison<'a> {
    /// Begins: nothing is compared yet.
    pub fn new(desired: &'a Desired, state: Option<&'a State>, live: &'a LiveState, claims: Claims) -> Self {
        Comparison {
            desired,
            state,
            live,
            imports: desired.imports.iter().map(|(address, _)| address).collect(),
            as_asked: claim::as_asked(desired, live),
            wish: Wish::new(desired, state, live, &claims),
            claims,
            work: BTreeMap::new(),
            drift: Vec::new(),
            settled: Vec::new(),
            problems: Vec::new(),
        }
    }

    fn compare(&mut self) {
        let wanted: Vec<Wanted> = self.wish.objects.values().cloned().collect();
        for wanted in wanted {
            if wanted.resource.existing {
                let problem = match self.live.objects.get(&wanted.resource.id) {
                    None => Some(refusal::does_not_exist(&wanted)),
                    Some(live) => refusal::exists_elsewhere(&wanted, live, self.desired),
                };
                self.problems.extend(problem);
                continue;
            }
            let recorded = self.recorded(&wanted.resource.id);
            match (recorded, self.live.objects.get(&wanted.resource.id)) {
                (recorded, None) => {
                    self.missing(&wanted, recorded.is_some_and(|record| !issued::is_asked(&record)));
                }
                (Some(record), Some(live)) => self.recorded_and_live(&wanted, &record, live),
                (None, Some(live)) => self.found(&wanted, live),
            }
        }
        for record in self.state.into_iter().flat_map(|state| state.objects.values()) {
            match self.wish.objects.get(&record.id) {
                None => self.unwanted(record),
                Some(wanted) if wanted.resource.existing => self.release(record),
                Some(_) => {}
            }
        }
        self.undeclared();
    }

    pub fn recorded(&self, id: &ObjectId) -> Option<Record> {
        self.state.and_then(|state| state.objects.get(id)).cloned()
    }

    pub fn put(&mut self, wanted: &Wanted, live: Option<&Live>, change: Change, drift: bool) {
        let record = (!wanted.kept).then(|| record(wanted, live));
        let address = wanted.resource.address.clone();
        self.work.insert(wanted.resource.id.clone(), Work { address, change, drift, record });
    }

    fn missing(&mut self, wanted: &Wanted, recorded: bool) {
        if let Some(other) = self.live.elsewhere.get(&wanted.resource.id)
            && self.recorded(other).is_none()
        {
            let path = self.live.objects.get(other).and_then(|o| o.attributes.get("path")).and_then(Value::text);
            self.problems.push(refusal::elsewhere(wanted, path.unwrap_or("/")));
            return;
        }
        self.put(wanted, None, Change::Create { after: wanted.whole.clone() }, recorded);
    }

    fn recorded_and_live(&mut self, wanted: &Wanted, record: &Record, live: &Live) {
        if !whose::is_the_same(record, live) && self.claim(live) == Claim::Nobody && self.is_imported(wanted) {
            return self.found(wanted, live);
        }
        if let Some(problem) = self.contradiction(&record.address, Some(wanted), live, record) {
            if is_shared(&live.id) {
                self.leave(record, live);
                return self.use_as_it_is(wanted, live);
            }
            self.problems.push(problem);
            return;
        }
        let outside = differences(record, &live.attributes, &wanted.resource.ignore);
        if live.attributes == wanted.whole {
            if !outside.is_empty() {
                let text = format!("{} changed outside; AWS holds what the manifest asks for", outside.join(", "));
                let address = wanted.resource.address.clone();
                self.drift.push(Drift { address, text, step: None, since: None, kept: None });
            }
            self.settle(wanted, live);
            return;
        }
        let change = change(wanted, live);
        self.put(wanted, Some(live), change, !outside.is_empty());
    }

    fn settle(&mut self, wanted: &Wanted, live: &Live) {
        if !wanted.kept {
            // What was left on the way is there still, though all else is as it shall be.
            let passing = self.recorded(&live.id).and_then(|record| record.passing);
            self.settled.push(Record { passing, ..record(wanted, Some(live)) });
        }
    }

    /// An object that is wanted and there, and that the state does not know.
    fn found(&mut self, wanted: &Wanted, live: &Live) {
        if wanted.kept {
            return;
        }
        let id = &wanted.resource.id;
        let hangs = kinds::hanging(id, &live.attributes);
        let is_imported = self.is_imported(wanted);
        let claim = match &hangs {
            // What hangs on an owner is whose the owner is; the owner has its own problem if it is not ours.
            Some(hangs) if self.is_existing(&hangs.owner) => return self.found_on_existing(wanted, live),
            Some(hangs) if !self.is_ours(&hangs.owner) => return,
            Some(_) => Claim::Ours,
            None => self.claim(live),
        };
        match claim {
            Claim::Ours => {}
            Claim::Nobody if is_imported => {}
            _ if is_shared(id) && !is_imported => return self.use_as_it_is(wanted, live),
            claim => {
                self.problems.push(refusal::not_ours(
                    wanted,
                    live,
                    &claim,
                    &self.claims,
                    self.desired,
                    self.undeclared_on(id),
                ));
                return;
            }
        }
        match must_replace(id, &live.attributes, &wanted.whole) {
            Some(_) if hangs.is_some() => self.put(wanted, Some(live), change(wanted, live), true),
            Some(reason) => self.problems.push(refusal::cannot_import(wanted, live, reason)),
            None => {
                let (before, after) = (live.attributes.clone(), wanted.whole.clone());
                self.put(wanted, Some(live), Change::Import { before, after }, false);
            }
        }
    }

    /// Something on an owner of others that the state does not say we put there: equal, it is used and stays
    /// theirs. An attachment of our own policy is ours: only a lost state makes us forget it, and the
    /// policy could never be deleted.
    fn found_on_existing(&mut self, wanted: &Wanted, live: &Live) {
        if live.attributes == wanted.whole {
            let spec = kinds::spec(&live.id.kind);
            let refers = spec.map(|spec| spec.refers(&self.desired.account, &live.attributes)).unwrap_or_default();
            if refers.iter().any(|needed| self.is_ours(&needed.id)) {
                self.settle(wanted, live);
            }
            return;
        }
        if self.is_imported(wanted) {
            let (before, after) = (live.attributes.clone(), wanted.whole.clone());
            self.put(wanted, Some(live), Change::Import { before, after }, false);
        } else {
            self.problems.push(refusal::on_existing(wanted, self.desired));
        }
    }

    /// Something that an account has once and that is not ours: it serves us as well, if it has what we want.
    fn use_as_it_is(&mut self, wanted: &Wanted, live: &Live) {
        let lacking = whose::lacking(&wanted.resource.wanted, &live.attributes);
        if !lacking.is_empty() {
            let claim = self.claim(live);
            self.problems.push(refusal::lacks(wanted, &lacking, &claim, self.desired));
        }
    }

    /// Drops the record of what is somebody else's by now.
    fn leave(&mut self, record: &Record, live: &Live) {
        let (before, after) = (live.attributes.clone(), Some(live.attributes.clone()));
        self.part_with(record, Change::Forget { before, after });
    }

    /// Returns how many of each kind hang on an owner though the manifest does not say so: `2 attachments`.
    fn undeclared_on(&self, owner: &ObjectId) -> Vec<String> {
        let on_owner =
            |object: &&Live| kinds::hanging(&object.id, &object.attributes).is_some_and(|hangs| hangs.owner == *owner);
        let undeclared = |object: &&Live| !self.wish.objects.contains_key(&object.id);
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for object in self.live.objects.values().filter(on_owner).filter(undeclared) {
            *counts.entry(&object.id.kind).or_default() += 1;
        }
        counts.into_iter().map(|(kind, count)| refusal::counted(count, kind)).collect()
    }

    fn unwanted(&mut self, record: &Record) {
        let Some(live) = self.live.objects.get(&record.id) else { return self.release(record) };
        if self.desired.removed.iter().any(|(address, _)| record.address.is_within(address)) {
            return self.release(record);
        }
        if let Some(problem) = self.contradiction(&record.address, None, live, record) {
            if is_shared(&record.id) {
                return self.leave(record, live);
            }
            self.problems.push(problem);
            return;
        }
        self.part_with(record, Change::Delete { before: live.attributes.clone() });
    }

    /// Drops a record. What AWS still holds stays and loses our tags.
    fn release(&mut self, record: &Record) {
        let live = self.live.objects.get(&record.id);
        let before = live.map_or(&record.attributes, |live| &live.attributes).clone();
        let after = live.map(|live| unsigned(&live.attributes));
        self.part_with(record, Change::Forget { before, after });
    }

    fn part_with(&mut self, record: &Record, change: Change) {
        let work = Work { address: record.address.clone(), change, drift: false, record: None };
        self.work.insert(record.id.clone(), work);
    }

    /// What hangs on our owners and is neither wanted nor recorded goes: it is how privilege creeps in.
    pub fn undeclared(&mut self) {
        for object in self.live.objects.values() {
            if self.wish.objects.contains_key(&object.id) || self.work.contains_key(&object.id) {
                continue;
            }
            let hangs = kinds::hanging(&object.id, &object.attributes);
            let Some(hangs) = hangs else { continue };
            // A credential goes only when it is known to be ours; it keeps its user from being deleted.
            if kinds::spec(&object.id.kind).is_some_and(|spec| spec.credential_of().is_some()) {
                continue;
            }
            let owner = match self.wish.objects.get(&hangs.owner) {
                Some(wanted) if self.is_ours(&hangs.owner) => wanted.resource.address.clone(),
                Some(_) => continue,
                None => match self.work.get(&hangs.owner) {
                    Some(owner) if !matches!(owner.change, Change::Forget { .. }) => owner.address.clone(),
                    Some(_) | None => continue,
                },
            };
            let change = Change::Delete { before: object.attributes.clone() };
            let work = Work { address: hangs.address(&owner), change, drift: true, record: None };
            self.work.insert(object.id.clone(), work);
        }
    }

    fn check(&mut self) {
        let mut found = Vec::new();
        for (id, work) in &self.work {
            let goes = matches!(work.change, Change::Delete { .. } | Change::Replace { .. });
            if !goes {
                continue;
            }
            let wanted = self.wish.objects.get(id);
            let declared = |problem: Problem| match wanted {
                Some(wanted) => problem.at(wanted.resource.place),
                None => problem,
            };
            let recorded = self.recorded(id).is_some_and(|record| record.prevent_destroy);
            if recorded || wanted.is_some_and(|wanted| wanted.resource.prevent_destroy) {
                found.push(declared(refusal::prevented(work, id)));
            }
            for obstacle in self.live.obstacles.get(id).into_iter().flatten() {
                if !self.clears(&obstacle.object, id) && !self.keeps(&obstacle.object, id) {
                    found.push(declared(refusal::blocked(work, id, obstacle)));
                }
            }
        }
        found.extend(self.dangling());
        found.extend(self.boundaries_that_go());
        found.extend(self.missing_references());
        found.extend(quota::exceeded(&self.work, self.live));
        found.extend(quota::full_owners(&self.work, self.live));
        self.problems.extend(found);
    }

    /// Says whether this plan takes away what makes AWS refuse to delete `blocked`.
    fn clears(&self, obstacle: &ObjectId, blocked: &ObjectId) -> bool {
        let refers = |attributes: &Attributes| {
            let spec = kinds::spec(&obstacle.kind);
            spec.is_some_and(|s| s.refers(&self.desired.account, attributes).iter().any(|n| n.id == *blocked))
        };
        let leaves = self.work.get(blocked).is_some_and(|work| matches!(work.change, Change::Delete { .. }));
        let goes = self.work.get(obstacle).is_some_and(|work| match &work.change {
            Change::Delete { .. } => true,
            // What is kept as it is has nothing to come back to.
            Change::Replace { after, .. } => !(leaves && refers(after)),
            _ => false,
        });
        // An owner of ours holds it no more when what it is changed into does not, or never did.
        let changed = self.wish.objects.get(obstacle).is_some_and(|wanted| !refers(&wanted.whole));
        goes || changed
    }

    /// Policies that are boundaries of owners and attached to none.
    pub fn only_boundaries(&self) -> BTreeSet<ObjectId> {
        let (mut bounding, mut attached) = (BTreeSet::new(), BTreeSet::new());
        for wanted in self.wish.objects.values() {
            let Some(spec) = kinds::spec(&wanted.resource.id.kind) else { continue };
            let held = spec.refers(&self.desired.account, &wanted.whole).into_iter().filter(|needed| needed.held);
            let hangs = spec.hangs_on(&wanted.whole).is_some();
            if hangs { &mut attached } else { &mut bounding }.extend(held.map(|needed| needed.id));
        }
        bounding.difference(&attached).cloned().collect()
    }

    /// Returns what the deployment has in AWS before the plan.
    fn held(&self) -> BTreeSet<ObjectId> {
        let wanted = self.wish.objects.values().filter(|wanted| !wanted.kept && !wanted.resource.existing);
        let recorded = self.state.into_iter().flat_map(|state| state.objects.keys());
        let known = wanted.map(|wanted| &wanted.resource.id).chain(recorded);
        known.filter(|id| self.live.objects.contains_key(id)).cloned().collect()
    }

    fn finish(mut self, gone: &BTreeSet<ObjectId>) -> Result<Plan, Vec<Problem>> {
        let own = self.live.caller.as_ref().map(|caller| permissions::of_caller(&self, caller));
        let account = &self.desired.account;
        let boundaries = self.only_boundaries();
        let permissions = permissions::of_owners(&self);
        let holders = permissions::of_holders(&self);
        let work = std::mem::take(&mut self.work);
        let leaves_first =
            |old: &Attributes, new: &Attributes, kind: &str| cascade::follows(account, gone, kind, old, new);
        let held = self.held();
        let mut steps = order::steps(work, &self.wish.order, &leaves_first);
        room::make(&mut steps, self.live);
        for step in &mut steps {
            step.permissions = permissions::of_step(step);
        }
        let asked = own::Asked { account, attributes: &|id| self.attributes_of(id) };
        let mut brakes = brake::of(&steps, &held);
        brakes.extend(own.into_iter().flat_map(|own| own::mark(&mut steps, &own, &asked)));
        // What waits for itself is told together with the rest: nobody answers a refusal only to meet the next one.
        let tasks = order::arrange(&mut steps, self.live, account);
        let tasks = tasks.unwrap_or_else(|stuck| {
            self.problems.push(stuck);
            Vec::new()
        });
        if !self.problems.is_empty() {
            return Err(self.problems);
        }
        brakes.extend(brake::gap(&steps));
        for step in &mut steps {
            step.dangers = danger::of(step, account, &boundaries);
            step.notes = trusted::notes(step);
            step.dangers.extend(danger::of_lent(step, self.live, account));
            step.dangers.extend(danger::of_use(step, &self.live.used));
            step.dangers.extend(danger::of_own(step));
        }
        danger::of_owners(&permissions, &mut steps);
        danger::of_holders(&holders, account, &mut steps);
        let (beside, kept) = drift::beside(self.wish.kept, account, &boundaries);
        self.drift.extend(beside);
        Ok(Plan {
            account: self.desired.account.clone(),
            deployment: self.claims.deployment,
            lineage: self.claims.lineage,
            serial: self.state.map_or(0, |state| state.serial),
            sizes: size::of(&steps, self.live),
            steps,
            tasks,
            permissions,
            drift: self.drift,
            kept,
            brakes,
            settled: self.settled,
            moved: Vec::new(),
            lapsed: Vec::new(),
        })
    }
}

fn is_shared(id: &ObjectId) -> bool {
    kinds::spec(&id.kind).is_some_and(|spec| spec.is_shared())
}

fn record(wanted: &Wanted, live: Option<&Live>) -> Record {
    Record {
        address: wanted.resource.address.clone(),
        id: wanted.resource.id.clone(),
        aws_id: live.and_then(|live| live.aws_id.clone()),
        asked: None,
        passing: None,
        prevent_destroy: wanted.resource.prevent_destroy,
        attributes: wanted.own.clone(),
    }
}

/// The change of an object that is there and differs.
fn change(wanted: &Wanted, live: &Live) -> Change {
    let (before, after) = (live.attributes.clone(), wanted.whole.clone());
    match must_replace(&wanted.resource.id, &before, &after) {
        // The object keeps its id, so the old one has to go before the new one can be made.
        Some(reason) => Change::Replace { before, after, because: reason.to_owned(), first: First::Delete },
        None => Change::Update { before, after },
    }
}

/// Returns the fields in which AWS holds something else than we wrote last. Foreign tags do not count, nor
/// what the manifest leaves to others.
fn differences(record: &Record, live: &Attributes, ignore: &[String]) -> Vec<&'static str> {
    let ignored = |path: &str| ignore.iter().any(|ignored| ignored == path);
    record
        .attributes
        .iter()
        .filter(|(field, written)| match (written, live.get(*field)) {
            // Where a file lies is no business of AWS's.
            _ if ignored(field) || is_note(record, field) || **field == issued::DELIVER_TO => false,
            (Value::Tags(written), Some(Value::Tags(held))) => {
                written.iter().any(|(key, value)| held.get(key) != Some(value) && !ignored(&format!("tags.{key}")))
            }
            (written, held) => held != Some(*written),
        })
        .map(|(field, _)| *field)
        .collect()
}

fn is_note(record: &Record, field: &str) -> bool {
    let field = kinds::spec(&record.id.kind).and_then(|spec| spec.schema().field(field));
    field.is_some_and(|field| field.on_change == OnChange::Noted)
}
