//! Which label each access key has. AWS knows keys by ids of its own; the records say which is which, and where
//! they cannot, as a run was cut short or the state was lost, the file that a key went to does.
//!
//! What nobody's label is found for stays what it is: a key that somebody made, reported and left alone.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::cloud::Cloud;
use crate::delivery::Delivery;
use crate::error::Result;
use crate::graph::Desired;
use crate::kinds::{self, is_issued, kind_of, owner};
use crate::model::issued::{
    self, ACTIVE, ASKED, DELIVER_TO, DELIVERED, INSTEAD_OF, KEY_ID, MOVES_TO, NEXT, OFF_SINCE, ON_AGAIN, PREVIOUS,
    STATUS, UNTIL, YES,
};
use crate::model::{Attributes, Live, LiveState, ObjectId, Obstacle, Record, State, text};

/// Returns the owners whose keys are to be read, as objects of the kind.
pub fn asked(desired: &Desired, state: Option<&State>) -> BTreeSet<ObjectId> {
    let wanted = desired.resources.values().map(|resource| (&resource.id, &resource.wanted));
    let recorded = state.into_iter().flat_map(|state| state.objects.values()).map(|r| (&r.id, &r.attributes));
    let owner = |(id, attributes): (&ObjectId, &Attributes)| {
        let hangs = is_issued(id).then(|| kinds::hanging(id, attributes)).flatten()?;
        Some(ObjectId::new(id.kind.clone(), hangs.owner.name))
    };
    wanted.chain(recorded).filter_map(owner).collect()
}

/// Returns the credentials that owners of ours may have beside, as objects of their kinds: what is `asked` for
/// already is left out.
pub fn beside(
    desired: &Desired,
    state: Option<&State>,
    live: &LiveState,
    asked: &BTreeSet<ObjectId>,
) -> BTreeSet<ObjectId> {
    let wanted = desired.resources.values().filter(|resource| !resource.existing).map(|resource| &resource.id);
    let recorded = state.into_iter().flat_map(|state| state.objects.keys());
    let there = wanted.chain(recorded).filter(|id| live.objects.contains_key(id));
    let of = |owner: &ObjectId| {
        let kinds = kinds::specs().filter(|spec| spec.credential_of() == Some(owner.kind.as_str()));
        kinds.map(|spec| ObjectId::new(spec.schema().kind, owner.name.clone())).collect::<Vec<_>>()
    };
    there.flat_map(of).filter(|id| !asked.contains(id)).collect()
}

/// How long a call may take until it has its effect.
const CALL: Duration = Duration::from_secs(1);

/// Returns how long it takes until IAM shows a key that was asked for a moment ago and of which nothing was heard. One
/// that is not shown would be made again, and nobody would look for the first: this is no place to save seconds.
pub fn until_shown(cloud: &Cloud, state: Option<&State>) -> Duration {
    let records = state.into_iter().flat_map(|state| state.objects.values());
    let asked = |record: &Record| text(&record.attributes, ASKED)?.parse::<Timestamp>().ok();
    let Some(asked) = records.filter_map(asked).max().filter(|_| !cloud.settling().is_zero()) else {
        return Duration::ZERO;
    };
    let passed = cloud.now().duration_since(asked).max(SignedDuration::ZERO).unsigned_abs();
    // The call that nobody heard of took its time, too.
    (3 * cloud.settling() + CALL).saturating_sub(passed)
}

/// Puts what was read under the labels that it has. Returns whose each of AWS's ids is.
pub async fn settle(
    cloud: &Cloud,
    keys: Vec<Live>,
    desired: &Desired,
    state: Option<&State>,
    delivery: &Delivery,
    live: &mut LiveState,
) -> Result<BTreeMap<String, ObjectId>> {
    let mut keys: BTreeMap<String, Live> = by_aws_id(keys).collect();
    let records: Vec<&Record> =
        state.into_iter().flat_map(|state| state.objects.values()).filter(|record| is_issued(&record.id)).collect();
    let wanted = desired.resources.values().map(|resource| &resource.wanted);
    let files = Files::look(delivery, records.iter().map(|record| &record.attributes).chain(wanted));
    keys.extend(by_aws_id(once_more(cloud, &records, &keys).await?));
    let mut labels = Labels { cloud, files, keys, labelled: BTreeMap::new(), found: Vec::new() };
    records.iter().for_each(|record| labels.recorded(record, &records));
    for (place, record) in records.iter().enumerate() {
        labels.cut_short(record, &records[place..]).await?;
    }
    for resource in desired.resources.values().filter(|resource| is_issued(&resource.id)) {
        labels.delivered(&resource.id, &resource.wanted);
    }
    let Labels { keys, labelled, found, .. } = labels;
    live.objects.extend(found.into_iter().chain(keys.into_values()).map(|key| (key.id.clone(), key)));
    Ok(labelled)
}

fn by_aws_id(keys: Vec<Live>) -> impl Iterator<Item = (String, Live)> {
    keys.into_iter().filter_map(|key| Some((key.aws_id.clone()?, key)))
}

/// Reads again where AWS shows keys beside one of ours and not that one: it may be too young, and it is what counts.
async fn once_more(cloud: &Cloud, records: &[&Record], keys: &BTreeMap<String, Live>) -> Result<Vec<Live>> {
    let is_there = |key: &str| keys.contains_key(key);
    let is_doubtful = |record: &&&Record| {
        let beside = [PREVIOUS, NEXT].iter().any(|field| text(&record.attributes, field).is_some_and(is_there));
        beside && !issued::own(record).is_some_and(is_there)
    };
    let doubtful = records.iter().filter(is_doubtful);
    let owners: BTreeSet<(&str, String)> = doubtful
        .filter_map(|record| Some((record.id.kind.as_str(), owner(&record.id, &record.attributes)?.name)))
        .collect();
    if !owners.is_empty() {
        tokio::time::sleep(3 * cloud.settling()).await;
    }
    let mut found = Vec::new();
    for (kind, owner) in owners {
        found.extend(kind_of(&ObjectId::new(kind, owner.clone()))?.read(cloud, &owner).await?);
    }
    Ok(found)
}

/// What keeps a user from being deleted has AWS's names; this puts in the labels.
pub fn name_obstacles(obstacles: &mut BTreeMap<ObjectId, Vec<Obstacle>>, labelled: &BTreeMap<String, ObjectId>) {
    for obstacle in obstacles.values_mut().flatten() {
        let key = obstacle.object.name.rsplit('/').next().unwrap_or_default();
        if let Some(id) = labelled.get(key).filter(|id| id.kind == obstacle.object.kind) {
            obstacle.object = id.clone();
        }
    }
}

/// What lies where secrets of ours go.
struct Files {
    /// AWS's id of the key in each destination that holds one.
    held: BTreeMap<String, String>,
}

impl Files {
    fn look<'a>(delivery: &Delivery, known: impl Iterator<Item = &'a Attributes>) -> Self {
        let named = |it: &'a Attributes| [DELIVER_TO, MOVES_TO].into_iter().filter_map(|field| text(it, field));
        let destinations: BTreeSet<&str> = known.flat_map(named).collect();
        let held = |to: &str| Some((to.to_owned(), delivery.held(to)?));
        Self { held: destinations.into_iter().filter_map(held).collect() }
    }

    fn hold(&self, key: &str) -> bool {
        self.held.values().any(|held| held == key)
    }

    /// Returns where a key lies that was to go to `to`: there, or where a run that was cut short left it.
    fn place_of<'a>(&'a self, key: &str, to: Option<&'a str>) -> Option<&'a str> {
        let there = to.filter(|to| self.held.get(*to).is_some_and(|held| held == key));
        let elsewhere = || self.held.iter().find(|(_, held)| *held == key).map(|(place, _)| place.as_str());
        there.or_else(elsewhere).or(to)
    }
}

struct Labels<'a> {
    cloud: &'a Cloud,
    files: Files,
    /// What has no label yet, by AWS's id.
    keys: BTreeMap<String, Live>,
    /// Whose each of AWS's ids is.
    labelled: BTreeMap<String, ObjectId>,
    found: Vec<Live>,
}

impl Labels<'_> {
    /// The keys that a record names: its own, the one before it, and one that a rotation has not proven. Where its own
    /// is gone, another one takes its place, to be made anew. `records` are all that there are: where the file holds what
    /// another one names, that was written over this one.
    fn recorded(&mut self, record: &Record, records: &[&Record]) {
        let is_there = |id: &String| self.keys.contains_key(id);
        let named = |field: &str| text(&record.attributes, field).map(str::to_owned);
        let (mut own, mut previous, mut next) = (issued::own(record).map(str::to_owned), named(PREVIOUS), named(NEXT));
        // The rotation was cut short after the exchange of the file.
        if next.as_ref().is_some_and(|next| is_there(next) && self.files.hold(next)) {
            previous = own;
            own = next.take();
        }
        let is_gone = own.take_if(|own| !is_there(own)).is_some();
        if is_gone {
            own = next.take_if(|next| is_there(next)).or_else(|| previous.take_if(|previous| is_there(previous)));
        }
        let Some(own) = own else { return };
        let overwritten = || {
            let held = text(&record.attributes, DELIVER_TO).and_then(|to| self.files.held.get(to));
            held.is_some_and(|held| records.iter().any(|other| other.id != record.id && is_named(held, other)))
        };
        let delivered =
            self.files.hold(&own) || (!is_gone && text(&record.attributes, DELIVERED).is_some() && !overwritten());
        let Some(mut key) = self.take(&own, &record.id, &record.attributes, delivered) else { return };
        // AWS may not show them, and only the record tells of them.
        for (field, id) in [(PREVIOUS, previous), (NEXT, next)] {
            if let Some(id) = id {
                let held = self.keys.remove(&id);
                let is_on = held.is_some_and(|held| text(&held.attributes, STATUS) == Some(ACTIVE));
                if field == PREVIOUS && is_on && record.attributes.contains_key(OFF_SINCE) {
                    key.attributes.insert(ON_AGAIN, id.as_str().into());
                }
                self.labelled.insert(id.clone(), record.id.clone());
                key.attributes.insert(field, id.into());
            }
        }
        if key.attributes.contains_key(PREVIOUS) {
            for field in [OFF_SINCE, UNTIL] {
                key.attributes.extend(text(&record.attributes, field).map(|at| (field, at.into())));
            }
        }
        self.found.push(key);
    }

    /// A key that was asked for and of which nothing was heard. It is ours when it came just then, nobody else is
    /// known to have made it, and it was never used, as only we could have the secret. `rest` are the records that
    /// have not been asked about, this one first: as many keys of an owner as were asked for are all ours.
    async fn cut_short(&mut self, record: &Record, rest: &[&Record]) -> Result<()> {
        let Some(asked) = asked_at(record) else { return Ok(()) };
        let owner = owner(&record.id, &record.attributes);
        let in_time = |key: &Live| {
            let created = key.created.as_deref().and_then(|at| at.parse::<Timestamp>().ok());
            kinds::owner(&key.id, &key.attributes) == owner
                && created.is_some_and(|created| issued::came_just_then(asked, created))
        };
        let of_then: Vec<String> = self.keys.iter().filter(|(_, key)| in_time(key)).map(|(id, _)| id.clone()).collect();
        let mut ours = Vec::new();
        for id in of_then {
            if self.files.hold(&id) || kind_of(&record.id)?.last_used(self.cloud, &id).await?.is_none() {
                ours.push(id);
            }
        }
        let asks =
            |record: &&&Record| asked_at(record).is_some() && kinds::owner(&record.id, &record.attributes) == owner;
        if ours.len() > rest.iter().filter(asks).count() {
            return Ok(());
        }
        let to = text(&record.attributes, DELIVER_TO).and_then(|to| self.files.held.get(to));
        let Some(id) = ours.iter().find(|id| to == Some(*id)).or_else(|| ours.iter().find(|id| !self.files.hold(id)))
        else {
            return Ok(());
        };
        match self.found.iter_mut().find(|key| key.id == record.id) {
            // It was to come in the place of this one.
            Some(key) => {
                self.keys.remove(id);
                self.labelled.insert(id.clone(), record.id.clone());
                key.attributes.insert(NEXT, id.as_str().into());
            }
            None => {
                let key = self.take(id, &record.id, &record.attributes, self.files.hold(id));
                self.found.extend(key);
            }
        }
        Ok(())
    }

    /// A key that the state does not know and that lies where the manifest says.
    fn delivered(&mut self, id: &ObjectId, wanted: &Attributes) {
        if self.found.iter().any(|key| key.id == *id) {
            return;
        }
        let Some(handed) = text(wanted, DELIVER_TO).and_then(|to| self.files.held.get(to)).cloned() else { return };
        if self.keys.get(&handed).is_some_and(|key| owner(&key.id, &key.attributes) == owner(id, wanted)) {
            let key = self.take(&handed, id, wanted, true);
            self.found.extend(key);
        }
    }

    /// Takes a key for the object `id`, with what is known of it.
    fn take(&mut self, key: &str, id: &ObjectId, known: &Attributes, delivered: bool) -> Option<Live> {
        let mut taken = self.keys.remove(key)?;
        self.labelled.insert(key.to_owned(), id.clone());
        taken.id = id.clone();
        taken.attributes.extend(known.get("name").map(|label| ("name", label.clone())));
        let place = self.files.place_of(key, text(known, DELIVER_TO));
        taken.attributes.extend(place.map(|place| (DELIVER_TO, place.into())));
        // What its file may hold meanwhile.
        let before = text(known, INSTEAD_OF).or_else(|| text(known, KEY_ID)).filter(|before| *before != key);
        if delivered {
            taken.attributes.insert(DELIVERED, YES.into());
        } else if let Some(before) = before {
            taken.attributes.insert(INSTEAD_OF, before.into());
        }
        Some(taken)
    }
}

fn is_named(key: &str, record: &Record) -> bool {
    issued::own(record) == Some(key) || issued::named(&record.attributes).any(|named| named == key)
}

/// When something was asked for of which it is not known whether it was made.
fn asked_at(record: &Record) -> Option<Timestamp> {
    text(&record.attributes, ASKED).and_then(|at| at.parse().ok())
}
