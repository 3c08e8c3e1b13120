//! The state made anew: what carries our tags and is wanted, what somebody asks for by name, and what only the state
//! before tells of.

use std::collections::BTreeMap;

use super::claim::{Claim, Claims, DEPLOYMENT_TAG, LINEAGE_TAG, as_asked, with_ours};
use super::whose::{is_the_same, without_lapsed};
use crate::error::Error;
use crate::graph::Desired;
use crate::kinds;
use crate::model::{Address, Attributes, Live, LiveState, ObjectId, Record, State, Value};

/// Returns the state as AWS tells it, and as `before` does, the one that was there, of what AWS does not tell. `named` are objects of ours that
/// the manifest does not say, to be recorded, so that the next plan deletes them. Two lives of one deployment are
/// refused.
pub fn rebuild(
    desired: &Desired,
    before: Option<&State>,
    live: &LiveState,
    named: &BTreeMap<ObjectId, Address>,
    fresh: &str,
) -> Result<State, Error> {
    let claims = Claims::settle(desired, before, live, fresh)?;
    let mut state = with_ours(desired, None, live, &claims, &as_asked(desired, live));
    for record in state.objects.values_mut() {
        let wanted = desired.resources.get(&record.address).map(|resource| &resource.wanted);
        drop_foreign_tags(&mut record.attributes, wanted);
    }
    for object in live.objects.values() {
        let hangs = kinds::hanging(&object.id, &object.attributes);
        let address = match &hangs {
            Some(hangs) => named.get(&hangs.owner).map(|owner| hangs.address(owner)),
            None => named.get(&object.id).cloned(),
        };
        state.objects.extend(address.map(|address| (object.id.clone(), record(object, address))));
    }
    if let Some(before) = before {
        let (before, _) = without_lapsed(before, live, &claims);
        // AWS does not tell which version was only on the way.
        for (id, record) in &mut state.objects {
            record.passing = before.objects.get(id).and_then(|before| before.passing.clone());
        }
        let is_left = |id: &ObjectId| before.objects.get(id).is_some_and(|old| leaves(old, desired, live, &claims));
        let kept = before.objects.values().filter(|record| {
            let owner = kinds::owner(&record.id, &record.attributes);
            is_untold(record, desired, live, &claims) || is_left(owner.as_ref().unwrap_or(&record.id))
        });
        let kept: Vec<Record> = kept.cloned().collect();
        state.objects.extend(kept.into_iter().map(|record| (record.id.clone(), record)));
        state.owed = before.owed;
    }
    state.serial = before.map_or(0, |before| before.serial) + 1;
    state.outputs = desired.outputs.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    Ok(state)
}

/// Says whether AWS holds what is recorded and would not tell that it is ours: it cannot be tagged, is on an owner of
/// others, or is a key, which may also be gone and have left its file.
fn is_untold(record: &Record, desired: &Desired, live: &LiveState, claims: &Claims) -> bool {
    let is_ours = |id: &ObjectId| live.objects.get(id).is_some_and(|live| claims.of(&live.attributes) == Claim::Ours);
    let is_issued = kinds::is_issued(&record.id);
    let held = live.objects.get(&record.id);
    match kinds::hanging(&record.id, &record.attributes) {
        Some(hangs) if is_issued => !is_ours(&hangs.owner) || desired.address_of(&hangs.owner).is_some(),
        Some(hangs) => held.is_some() && !is_ours(&hangs.owner),
        None => held.is_some_and(|held| !is_ours(&record.id) && (record.asked.is_some() || is_the_same(record, held))),
    }
}

/// Says whether something of ours is still there where the manifest has another one by now: a change of name was cut
/// short, and the next apply ends it.
fn leaves(record: &Record, desired: &Desired, live: &LiveState, claims: &Claims) -> bool {
    let comes = desired.resources.get(&record.address);
    let is_renamed = comes.is_some_and(|comes| comes.id.kind == record.id.kind && comes.id != record.id);
    let taggable = kinds::spec(&record.id.kind).is_some_and(|spec| spec.schema().taggable);
    let is_ours = |live: &Live| !taggable || claims.of(&live.attributes) == Claim::Ours;
    is_renamed && desired.address_of(&record.id).is_none() && live.objects.get(&record.id).is_some_and(is_ours)
}

/// A tag that the manifest does not say may be anybody's; recorded, it would be ours to remove.
fn drop_foreign_tags(attributes: &mut Attributes, wanted: Option<&Attributes>) {
    let wanted = wanted.and_then(|wanted| wanted.get("tags")).and_then(Value::tags);
    if let Some(Value::Tags(tags)) = attributes.get_mut("tags") {
        tags.retain(|key, _| {
            key == DEPLOYMENT_TAG || key == LINEAGE_TAG || wanted.is_some_and(|wanted| wanted.contains_key(key))
        });
    }
}

fn record(object: &Live, address: Address) -> Record {
    Record {
        address,
        id: object.id.clone(),
        aws_id: object.aws_id.clone(),
        asked: None,
        passing: None,
        prevent_destroy: false,
        attributes: object.attributes.clone(),
    }
}

/// Returns the address that an object of ours would have which the manifest does not say: its section and its
/// name, with a number where something else stands there.
pub fn stray_address(desired: &Desired, id: &ObjectId) -> Option<Address> {
    let section = kinds::spec(&id.kind)?.schema().section.as_ref()?.name;
    let name = id.name.rsplit('/').next().unwrap_or(&id.name);
    let numbered = (2..).map(|number: u32| format!("{name}-{number}"));
    let mut addresses = std::iter::once(name.to_owned()).chain(numbered).map(|key| Address::new([section, &key]));
    addresses.find(|address| !desired.resources.contains_key(address))
}
