//! Which label each access key has. AWS knows keys by ids of its own; the records say which is which, and where
//! they cannot, as a run was cut short or the state was lost, the file that a key went to does.
//!
//! What nobody's label is found for stays what it is: a key that somebody made, reported and left alone.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::kind_of;
use jiff::{SignedDuration, Timestamp};

use crate::cloud::Cloud;
use crate::delivery::Delivery;
use crate::error::Result;
use crate::graph::Desired;
use crate::kinds;
use crate::model::issued::{
    self, ASKED, DELIVER_TO, DELIVERED, INSTEAD_OF, NEXT, OFF_SINCE, PREVIOUS, UNTIL, YES, text,
};
use crate::model::{Attributes, Live, LiveState, ObjectId, Obstacle, Record, State, Value};

/// How long a call may take from the intent to the creation of what it asks for; and how much the clocks may
/// differ.
const LONGEST: SignedDuration = SignedDuration::from_mins(15);
const SKEW: SignedDuration = SignedDuration::from_mins(5);

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

pub fn is_issued(id: &ObjectId) -> bool {
    kinds::spec(&id.kind).is_some_and(|spec| spec.is_issued())
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
    let keys = keys.into_iter().filter_map(|key| Some((key.aws_id.clone()?, key))).collect();
    let mut labels = Labels { cloud, delivery, keys, labelled: BTreeMap::new(), found: Vec::new() };
    let records: Vec<&Record> =
        state.into_iter().flat_map(|state| state.objects.values()).filter(|record| is_issued(&record.id)).collect();
    records.iter().for_each(|record| labels.recorded(record));
    for record in &records {
        labels.cut_short(record).await?;
    }
    for resource in desired.resources.values().filter(|resource| is_issued(&resource.id)) {
        labels.delivered(&resource.id, &resource.wanted);
    }
    let Labels { keys, labelled, found, .. } = labels;
    live.objects.extend(found.into_iter().chain(keys.into_values()).map(|key| (key.id.clone(), key)));
    Ok(labelled)
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

struct Labels<'a> {
    cloud: &'a Cloud,
    delivery: &'a Delivery,
    /// What has no label yet, by AWS's id.
    keys: BTreeMap<String, Live>,
    /// Whose each of AWS's ids is.
    labelled: BTreeMap<String, ObjectId>,
    found: Vec<Live>,
}

impl Labels<'_> {
    /// The keys that a record names: its own, the one before it, and one that a rotation has not proven.
    fn recorded(&mut self, record: &Record) {
        let there = |field: &str| {
            let id = text(&record.attributes, field)?;
            self.keys.contains_key(id).then(|| id.to_owned())
        };
        let own = issued::own(record).map(str::to_owned);
        let (mut own, mut previous, mut next) = (own, there(PREVIOUS), there(NEXT));
        let handed = text(&record.attributes, DELIVER_TO).and_then(|to| self.delivery.held(to));
        // The rotation was cut short after the exchange of the file.
        if next.is_some() && next == handed {
            previous = own.filter(|own| self.keys.contains_key(own));
            own = next.take();
        }
        let Some(own) = own else { return };
        let delivered = handed.as_ref() == Some(&own) || text(&record.attributes, DELIVERED).is_some();
        let Some(mut key) = self.take(&own, &record.id, &record.attributes, delivered) else { return };
        for (field, id) in [(PREVIOUS, previous), (NEXT, next)] {
            if let Some(id) = id.filter(|id| self.keys.remove(id).is_some()) {
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
    /// known to have made it, and it was never used, as only we could have the secret.
    async fn cut_short(&mut self, record: &Record) -> Result<()> {
        let Some(asked) = text(&record.attributes, ASKED).and_then(|at| at.parse::<Timestamp>().ok()) else {
            return Ok(());
        };
        let owner = owner(&record.id, &record.attributes);
        let in_time = |key: &Live| {
            let created = key.created.as_deref().and_then(|at| at.parse::<Timestamp>().ok());
            let after = created.map(|created| created.duration_since(asked));
            self::owner(&key.id, &key.attributes) == owner
                && after.is_some_and(|after| after >= -SKEW && after <= LONGEST)
        };
        let of_then: Vec<String> = self.keys.iter().filter(|(_, key)| in_time(key)).map(|(id, _)| id.clone()).collect();
        let [id] = of_then.as_slice() else { return Ok(()) };
        let handed = text(&record.attributes, DELIVER_TO).and_then(|to| self.delivery.held(to));
        let delivered = handed.as_ref() == Some(id);
        if !delivered && kind_of(&record.id)?.last_used(self.cloud, id).await?.is_some() {
            return Ok(());
        }
        match self.found.iter_mut().find(|key| key.id == record.id) {
            // It was to come in the place of this one.
            Some(key) => {
                self.keys.remove(id);
                self.labelled.insert(id.clone(), record.id.clone());
                key.attributes.insert(NEXT, id.as_str().into());
            }
            None => {
                let key = self.take(id, &record.id, &record.attributes, delivered);
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
        let Some(handed) = text(wanted, DELIVER_TO).and_then(|to| self.delivery.held(to)) else { return };
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
        let copied = ["name", DELIVER_TO].into_iter().filter_map(|field| known.get_key_value(field));
        taken.attributes.extend(copied.map(|(field, value)| (*field, value.clone())));
        if delivered {
            taken.attributes.insert(DELIVERED, Value::from(YES));
        } else if let Some(instead_of) = text(known, INSTEAD_OF) {
            taken.attributes.insert(INSTEAD_OF, instead_of.into());
        }
        Some(taken)
    }
}

fn owner(id: &ObjectId, attributes: &Attributes) -> Option<ObjectId> {
    kinds::hanging(id, attributes).map(|hangs| hangs.owner)
}
