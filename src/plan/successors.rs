//! What gets another name. AWS renames nothing: another object comes in the place of the one before, and what is kept
//! of that has to be carried over.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::graph::Desired;
use crate::kinds::{self, policy};
use crate::model::{Account, Live, LiveState, ObjectId, Record, Resource, State};

/// What AWS holds and the manifest calls by another name now, with what is wanted in its place.
pub(super) struct Successors<'a>(BTreeMap<&'a ObjectId, (&'a Record, &'a Live, &'a Resource)>);

impl<'a> Successors<'a> {
    /// An object that is recorded where the manifest has another one of its kind, and that it has nowhere else. The new
    /// one may be there already: a run that was cut short left the old one.
    pub fn of(desired: &'a Desired, state: Option<&'a State>, live: &'a LiveState) -> Self {
        let pair = |record: &'a Record| {
            let resource = desired.resources.get(&record.address)?;
            let is_other = resource.id.kind == record.id.kind && desired.address_of(&record.id).is_none();
            let held = live.objects.get(&record.id).filter(|_| is_other && !resource.existing)?;
            Some((&record.id, (record, held, resource)))
        };
        Self(state.into_iter().flat_map(|state| state.objects.values()).filter_map(pair).collect())
    }

    pub fn pairs(&self) -> impl Iterator<Item = (&'a Record, &'a Live, &'a Resource)> {
        self.0.values().copied()
    }

    /// Returns something that hangs on an owner as it hangs on the one that comes in its place; itself, where none does.
    /// `None` where it cannot be carried over: AWS makes every credential anew, and what `goes` for good nothing can
    /// refer to.
    pub fn carried<'o>(&self, object: &'o Live, goes: impl Fn(&ObjectId) -> bool) -> Option<Cow<'o, Live>> {
        let spec = kinds::spec(&object.id.kind)?;
        let owner = spec.hangs_on(&object.attributes)?.owner;
        if !self.0.contains_key(&owner) {
            return Some(Cow::Borrowed(object));
        }
        if spec.credential_of().is_some() {
            return None;
        }
        let account = Account::new("aws", "");
        let mut attributes = object.attributes.clone();
        for needed in spec.refers(&account, &object.attributes) {
            let field = if needed.id.kind == policy::KIND { "policy_arn" } else { &needed.id.kind };
            match (self.0.get(&needed.id), attributes.get_mut(field)) {
                (Some((_, _, resource)), Some(value)) => *value = resource.id.name.as_str().into(),
                _ if goes(&needed.id) => return None,
                _ => {}
            }
        }
        Some(Cow::Owned(Live { id: spec.id(&account, &attributes), attributes, ..object.clone() }))
    }
}
