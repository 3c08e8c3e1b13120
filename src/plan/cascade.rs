//! What follows when an object has to go before its successor can come: what holds it goes first, and
//! comes back after it.

use std::collections::{BTreeMap, BTreeSet};

use super::compare::Comparison;
use super::wish::Wanted;
use super::{Change, First, order};
use crate::kinds;
use crate::model::{Account, Attributes, ObjectId};
use crate::problem::Problem;

impl Comparison<'_> {
    /// Does to what holds an object what follows from its going first. Returns all that goes first.
    pub fn cascade(&mut self) -> BTreeSet<ObjectId> {
        let mut queue: Vec<ObjectId> =
            self.work.iter().filter(|(_, work)| deletes_first(&work.change)).map(|(id, _)| id.clone()).collect();
        queue.extend(self.taken_names());
        let mut seen: BTreeSet<ObjectId> = BTreeSet::new();
        let users = self.users();
        while let Some(gone) = queue.pop() {
            if !seen.insert(gone.clone()) {
                continue;
            }
            for user in users.get(&gone).into_iter().flatten() {
                self.goes_with(&gone, user, &mut queue);
            }
        }
        seen
    }

    /// Ids that have to go before another one of the same unique name can be made.
    fn taken_names(&self) -> Vec<ObjectId> {
        let made = self.work.iter().filter(|(_, work)| matches!(work.change, Change::Create { .. }));
        let names: BTreeSet<(&str, String)> = made.map(|(id, _)| (id.kind.as_str(), order::unique_name(id))).collect();
        let going = self.work.iter().filter(|(_, work)| matches!(work.change, Change::Delete { .. }));
        going
            .filter(|(id, _)| names.contains(&(id.kind.as_str(), order::unique_name(id))))
            .map(|(id, _)| id.clone())
            .collect()
    }

    /// Live objects by what they refer to.
    fn users(&self) -> BTreeMap<ObjectId, Vec<(ObjectId, bool)>> {
        let mut users: BTreeMap<ObjectId, Vec<(ObjectId, bool)>> = BTreeMap::new();
        for object in self.live.objects.values() {
            let Some(spec) = kinds::spec(&object.id.kind) else { continue };
            for needed in spec.refers(&self.desired.account, &object.attributes) {
                users.entry(needed.id).or_default().push((object.id.clone(), needed.held));
            }
        }
        users
    }

    fn goes_with(&mut self, gone: &ObjectId, (user, held): &(ObjectId, bool), queue: &mut Vec<ObjectId>) {
        // What is not ours keeps what it holds; AWS may refuse to delete `gone` for it, and that is said then.
        let Some(wanted) = self.wish.objects.get(user).filter(|wanted| !wanted.resource.existing).cloned() else {
            return;
        };
        let Some(live) = self.live.objects.get(user) else { return };
        if self.work.get(user).is_some_and(|work| deletes_first(&work.change)) || user == gone {
            return;
        }
        let hangs = kinds::spec(&user.kind).and_then(|spec| spec.hangs_on(&live.attributes)).is_some();
        let drift = self.work.get(user).is_some_and(|work| work.drift);
        match (held, hangs) {
            (true, true) => {
                let (before, after) = (live.attributes.clone(), wanted.whole.clone());
                let because = format!("{gone} is replaced");
                self.put(&wanted, Some(live), Change::Replace { before, after, because, first: First::Delete }, drift);
                queue.push(user.clone());
            }
            // Its owner lets go of it in this plan.
            (true, false) if !self.refers_to_successor(&wanted, gone) => {}
            (true, false) => self.problems.push(
                Problem::error("boundary-replaced", format!("{gone} cannot be replaced: it is the boundary of {user}"))
                    .at(wanted.resource.place)
                    .note("between its deletion and its return it would be without one")
                    .help("give the new policy another name, so that the old one goes last"),
            ),
            (false, _) => {
                // The trust names the unique id of the principal that is gone: put it again, though it is the same.
                let (mut before, after) = (live.attributes.clone(), wanted.whole.clone());
                if before.get("trust") == after.get("trust") {
                    before.remove("trust");
                }
                self.put(&wanted, Some(live), Change::Update { before, after }, drift);
            }
        }
    }

    /// Says whether something shall hold what comes in the place of `gone`.
    fn refers_to_successor(&self, wanted: &Wanted, gone: &ObjectId) -> bool {
        held(&self.desired.account, &wanted.resource.id.kind, &wanted.whole).any(|id| is_successor(&id, gone))
    }
}

fn deletes_first(change: &Change) -> bool {
    matches!(change, Change::Replace { first: First::Delete, .. })
}

fn held(account: &Account, kind: &str, attributes: &Attributes) -> impl Iterator<Item = ObjectId> {
    let refers = kinds::spec(kind).map(|spec| spec.refers(account, attributes)).unwrap_or_default();
    refers.into_iter().filter(|needed| needed.held).map(|needed| needed.id)
}

/// Says whether AWS takes `new` only when `old` is gone.
fn is_successor(new: &ObjectId, old: &ObjectId) -> bool {
    new.kind == old.kind && order::unique_name(new) == order::unique_name(old)
}

/// Says whether `old` has to go before `new` can come, as what `new` refers to comes only when what
/// `old` holds is gone.
pub fn follows(account: &Account, gone: &BTreeSet<ObjectId>, kind: &str, old: &Attributes, new: &Attributes) -> bool {
    let mut leaving = held(account, kind, old).filter(|id| gone.contains(id));
    leaving.any(|left| held(account, kind, new).any(|id| is_successor(&id, &left)))
}
