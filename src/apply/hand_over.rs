//! What comes with a secret: the destination is made ready before the call, the record goes before it and after
//! it, and the secret is handed over once.

use super::{Event, Run};
use crate::delivery::Move;
use crate::error::{Error, Result};
use crate::kinds;
use crate::model::{Attributes, ObjectId, Record, issued, text};
use crate::plan::order::Part;
use crate::plan::{self, Change};
use crate::secret::Secret;
use crate::state::{Entry, StateStore};

impl Run<'_> {
    /// Removes what a killed run left beside the destinations that the state knows.
    pub(super) fn sweep(&self) {
        let recorded = self.state.objects.values();
        let known = recorded.filter_map(|record| text(&record.attributes, issued::DELIVER_TO));
        known.for_each(|to| self.delivery.sweep(to));
    }

    /// Returns what the state says of keys before any file changes: where the files are about to go, and which keys were
    /// found not to lie in theirs. The other key that lies there, and tells so, may be gone when this run ends.
    pub(super) fn before_rearranging(&self) -> Vec<Entry> {
        let moving = self.plan.steps.iter().filter_map(|step| {
            let (_, _, to) = plan::relocation(step)?;
            let mut record = self.state.objects.get(step.made.as_ref()?)?.clone();
            record.attributes.insert(issued::MOVES_TO, to.into());
            Some(Entry::Put(record))
        });
        let overwritten = self.plan.steps.iter().filter_map(|step| {
            let before = step.change.before().filter(|before| !before.contains_key(issued::DELIVERED))?;
            let key = text(before, issued::KEY_ID)?;
            let mut known = step.made.iter().chain(&step.removed).filter_map(|id| self.state.objects.get(id));
            let mut record =
                known.find(|known| kinds::is_issued(&known.id) && issued::own(known) == Some(key))?.clone();
            record.attributes.remove(issued::DELIVERED).map(|_| Entry::Put(record))
        });
        moving.chain(overwritten).collect()
    }

    /// Lets the files of keys follow the manifest, before one that comes goes where one lay. Returns what the state says now
    /// of all that lie elsewhere than before, also of those that made room, so that no file is forgotten whatever becomes of
    /// this run.
    pub(super) fn rearrange(&self) -> Vec<Entry> {
        let moves = self.plan.steps.iter().filter_map(plan::relocation).map(|(key, from, to)| Move {
            key: key.to_owned(),
            from: from.to_owned(),
            to: to.to_owned(),
        });
        self.delivery.rearrange(moves.collect(), &self.superseded);
        let recorded = self.state.objects.values().filter_map(|record| {
            let key = record.aws_id.as_deref().filter(|_| kinds::is_issued(&record.id))?;
            let was = text(&record.attributes, issued::DELIVER_TO).filter(|was| !self.holds(was, key))?;
            let place = self.elsewhere(key, was)?;
            let mut record = record.clone();
            record.attributes.insert(issued::DELIVER_TO, place.into());
            record.attributes.remove(issued::MOVES_TO);
            Some(Entry::Put(record))
        });
        recorded.collect()
    }

    fn holds(&self, to: &str, key: &str) -> bool {
        self.delivery.held(to).as_deref() == Some(key)
    }

    /// Returns another place than `to` where the file of a key lies.
    fn elsewhere(&self, key: &str, to: &str) -> Option<&str> {
        self.destinations.iter().map(String::as_str).find(|place| *place != to && self.holds(place, key))
    }

    /// Makes the destination ready for a secret, where the step's object comes with one.
    pub(super) fn prepare(&mut self, step: usize) -> Result<()> {
        if let Some((key, from, to)) = plan::relocation(&self.plan.steps[step])
            && !self.holds(to, key)
            && self.elsewhere(key, to).is_some()
        {
            return Err(Error::failed(format!("{from} could not be moved to {to}"))
                .hint(format!("make room for it, or move it:   mv {from} {to}")));
        }
        let Some(to) = plan::destination(&self.plan.steps[step]) else { return Ok(()) };
        self.prepared.insert(step, self.delivery.prepare(to, &self.superseded)?);
        Ok(())
    }

    /// What is journaled before something is made that nothing else would tell of.
    pub(super) fn intent(&self, step: usize, record: &Record) -> Entry {
        let now = self.cloud.now().to_string();
        let Some(to) = plan::destination(&self.plan.steps[step]) else {
            return Entry::Intend(Record { asked: Some(now), ..record.clone() });
        };
        let held = self.delivery.held(to).filter(|held| self.superseded.contains(held));
        let known = self.before_intent.get(&step);
        let lies = known.and_then(issued::own).and_then(|key| self.elsewhere(key, to));
        Entry::Intend(issued::asked(record.clone(), now, known, lies, held))
    }

    /// Returns AWS's id of the key that the state knew before the intent to make it, where that is not one which the step
    /// takes away: a new name may have its key already, as well as the old one.
    pub(super) fn known_key(&self, index: usize) -> Option<String> {
        let step = &self.plan.steps[index];
        plan::destination(step)?;
        let known = self.before_intent.get(&index).and_then(issued::own)?;
        (!names(step.change.before(), known)).then(|| known.to_owned())
    }

    /// Returns what ends an intent of which nothing came: the state knows what it knew before it, unless that was an
    /// intent, too. The file of a key that is gone may be written over only as long as the state knows that key. It is one
    /// entry: a run that is killed has the one or the other.
    pub(super) fn without_intent(&self, step: usize, id: &ObjectId) -> Entry {
        match self.before_intent.get(&step).filter(|known| known.asked.is_none()) {
            Some(known) if known.aws_id.is_some() => Entry::Put(known.clone()),
            // It has no id, and is not to be given the one of what was made and taken back.
            Some(known) => Entry::Intend(known.clone()),
            None => Entry::Forget(id.clone()),
        }
    }

    /// Records what was made, hands its secret over, and says so in the record. What cannot be handed over is
    /// taken back, as nobody can ever use it.
    pub(super) async fn hand_over(
        &mut self,
        step: usize,
        record: Record,
        secret: Secret,
        store: &dyn StateStore,
        observe: &mut dyn FnMut(Event<'_>),
    ) -> Result<Result<Entry>> {
        // The record does not name the one before any more, but for what its destination holds.
        self.clear(step, Part::Make, plan::destination(&self.plan.steps[step]));
        let intent = self.state.objects.get(&record.id);
        let undelivered = Entry::Put(issued::undelivered(record.clone(), intent));
        self.record([undelivered], store).await?;
        let key = record.aws_id.clone().unwrap_or_default();
        let what = record.address.to_string();
        let mut ready = self.prepared.remove(&step).zip(Some(secret));
        let mut result = Err(Error::failed(format!("{what}: nothing was ready for its secret")));
        let mut hand_over = || {
            if let Some((prepared, secret)) = ready.take() {
                result = prepared.hand_over(&what, &key, secret);
            }
        };
        observe(Event::HandingOver { hand_over: &mut hand_over });
        // Who watches may not care.
        hand_over();
        let Err(error) = result else { return Ok(Ok(Entry::Put(record))) };
        if kinds::kind_of(&record.id)?.delete(&self.cloud, &record.attributes).await.is_ok() {
            self.record([self.without_intent(step, &record.id)], store).await?;
        }
        Ok(Err(error))
    }

    /// Removes the file of a key that is gone, or of one that it was to come in the place of, wherever it lies. Before the
    /// record: a run that is cut short in between finds nothing left to remove. What lies in `spared` stays.
    pub(super) fn clear(&self, index: usize, part: Part, spared: Option<&str>) {
        let step = &self.plan.steps[index];
        let recorded = step.removed.as_ref().and_then(|id| self.state.objects.get(id));
        let before_intent = self.before_intent.get(&index);
        // What the step itself removes is there until it does.
        let (gone, known, stays) = match (part, &step.change) {
            (Part::Remove, Change::Delete { before } | Change::Forget { before, after: None }) => {
                (Some(before), recorded, None)
            }
            (Part::Remove, Change::Replace { before, .. }) => (Some(before), None, None),
            (Part::Make, Change::Create { .. } | Change::Replace { .. }) => (None, before_intent, step.change.before()),
            _ => (None, None, None),
        };
        let gone = gone.into_iter().chain(known.map(|record| &record.attributes));
        let gone = gone.flat_map(issued::named).filter(|key| !names(stays, key));
        for key in gone.filter(|&key| self.superseded.contains(key) && !self.has_another(index, key)) {
            let places = self.destinations.iter().filter(|place| spared != Some(place.as_str()));
            places.for_each(|place| self.delivery.clear(place, key));
        }
    }

    /// Returns what is to be recorded where `entry` says that a step took something away. A key that was asked for in vain
    /// goes before the next one is asked for, and what was known of the one before it stays known until then: it may have a
    /// file, or be there after all.
    pub(super) fn with_the_one_before(&self, index: usize, entry: Entry) -> Entry {
        let step = &self.plan.steps[index];
        let (Entry::Forget(id), Change::Replace { before, .. }) = (&entry, &step.change) else { return entry };
        let is_another =
            |record: &&Record| issued::own(record).is_some_and(|own| text(before, issued::KEY_ID) != Some(own));
        let asked = self.state.objects.get(id).filter(|record| issued::is_asked(record)).filter(is_another);
        let Some(mut known) = asked.filter(|_| step.made.as_ref() == Some(id)).cloned() else { return entry };
        known.attributes.remove(issued::ASKED);
        Entry::Intend(known)
    }

    /// Says whether a key is there for another object than the step's own. One that goes later, or not at all if the run is
    /// cut short, keeps its file until then.
    fn has_another(&self, index: usize, key: &str) -> bool {
        let step = &self.plan.steps[index];
        let mut others =
            self.state.objects.iter().filter(|(id, _)| step.made.iter().chain(&step.removed).all(|own| own != *id));
        others.any(|(_, record)| issued::there(record).any(|there| there == key))
    }
}

/// Says whether one side of a change names a key.
fn names(side: Option<&Attributes>, key: &str) -> bool {
    side.is_some_and(|side| issued::named(side).any(|named| named == key))
}
