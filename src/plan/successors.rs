//! What gets another name. AWS renames nothing: another object comes in the place of the one before, and what is kept
//! of that has to be carried over.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::graph::Desired;
use crate::kinds::{self, policy};
use crate::model::{Account, Address, Live, LiveState, ObjectId, Record, Resource, State};

/// What AWS holds and the manifest calls by another name now, with what is wanted in its place.
pub(super) struct Successors<'a> {
    pairs: BTreeMap<&'a ObjectId, (&'a Record, &'a Live, &'a Resource)>,
    /// What is wanted in the place of owners that never came, and of which only parts are owed.
    never_came: BTreeMap<ObjectId, &'a Resource>,
}

impl<'a> Successors<'a> {
    /// An object that is recorded where the manifest has another one of its kind, and that it has nowhere else. The new
    /// one may be there already: a run that was cut short left the old one. What such a run took away and did not bring
    /// back is as good as there: `owed`.
    pub fn of(
        desired: &'a Desired,
        state: Option<&'a State>,
        live: &'a LiveState,
        owed: &'a BTreeMap<ObjectId, Live>,
    ) -> Self {
        let pair = |record: &'a Record, held: Option<&'a Live>| {
            let resource = desired.resources.get(&record.address)?;
            let is_other = resource.id.kind == record.id.kind && desired.address_of(&record.id).is_none();
            let held = held.filter(|_| is_other && !resource.existing)?;
            Some((&record.id, (record, held, resource)))
        };
        let recorded = state.into_iter().flat_map(|state| state.objects.values());
        let owing = state.into_iter().flat_map(|state| state.owed.values());
        let there = recorded.filter_map(|record| pair(record, live.objects.get(&record.id)));
        let pairs = owing.clone().filter_map(|record| pair(record, owed.get(&record.id))).chain(there).collect();
        let of_parts = owing.filter_map(|record| {
            let hangs = kinds::hanging(&record.id, &record.attributes)?;
            let length = record.address.segments().len().checked_sub(hangs.segments.len())?;
            let resource = desired.resources.get(&Address::new(&record.address.segments()[..length]))?;
            let is_other = resource.id.kind == hangs.owner.kind && desired.address_of(&hangs.owner).is_none();
            is_other.then_some((hangs.owner, resource))
        });
        Self { pairs, never_came: of_parts.collect() }
    }

    /// Returns what comes in the place of an object.
    fn of_object(&self, id: &ObjectId) -> Option<&'a Resource> {
        self.pairs.get(id).map(|(_, _, resource)| *resource).or_else(|| self.never_came.get(id).copied())
    }

    pub fn pairs(&self) -> impl Iterator<Item = (&'a Record, &'a Live, &'a Resource)> {
        self.pairs.values().copied()
    }

    /// Returns something that hangs on an owner as it hangs on the one that comes in its place; itself, where none does.
    /// `None` where it cannot be carried over: AWS makes every credential anew, and what `goes` for good nothing can
    /// refer to.
    pub fn carried<'o>(&self, object: &'o Live, goes: impl Fn(&ObjectId) -> bool) -> Option<Cow<'o, Live>> {
        let spec = kinds::spec(&object.id.kind)?;
        let owner = spec.hangs_on(&object.attributes)?.owner;
        if self.of_object(&owner).is_none() {
            return Some(Cow::Borrowed(object));
        }
        if spec.credential_of().is_some() {
            return None;
        }
        let account = Account::new("aws", "");
        let mut attributes = object.attributes.clone();
        for needed in spec.refers(&account, &object.attributes) {
            let field = if needed.id.kind == policy::KIND { "policy_arn" } else { &needed.id.kind };
            match (self.of_object(&needed.id), attributes.get_mut(field)) {
                (Some(resource), Some(value)) => *value = resource.id.name.as_str().into(),
                _ if goes(&needed.id) => return None,
                _ => {}
            }
        }
        Some(Cow::Owned(Live { id: spec.id(&account, &attributes), attributes, ..object.clone() }))
    }
}
