//! Another key in the place of one: made, proven, handed over; then the old one is switched off, and a later run
//! deletes it. At every moment a valid key lies where the manifest says, and the state knows of both.
//!
//! Killed before the hand-over, the new key is in the record as `next`: the next plan deletes it. Killed after
//! it, the file names the new one, and the old one is what is left to be switched off.

use std::time::Duration;

use jiff::{RoundMode, SignedDuration, Timestamp, TimestampRound, Unit};

use crate::apply::Interrupt;
use crate::cloud::{AwsError, Cloud};
use crate::delivery::{Delivery, Prepared};
use crate::error::{Error, ErrorKind, Result};
use crate::kinds::{self, Kind, LastUse, Made};
use crate::model::issued::{
    ACTIVE, ASKED, DELIVER_TO, INACTIVE, KEY_ID, NEXT, OFF_SINCE, ON_AGAIN, PREVIOUS, STATUS, UNTIL, named,
};
use crate::model::{Attributes, Live, Record, State, Value, text};
use crate::secret::Secret;
use crate::state::{Entry, StateStore};

/// How long an old key is kept when nobody says it.
const GRACE: Duration = Duration::from_secs(24 * 3600);

/// What a run came to.
#[derive(Debug, PartialEq)]
pub enum Rotated {
    /// A new key is in place; the old one is off and kept until then, or gone where no grace was given.
    Exchanged {
        old: String,
        new: String,
        until: Option<String>,
    },
    /// Nothing was to be done: the one before is off and kept until then.
    Waits {
        old: String,
        until: String,
    },
    /// The one before was still valid and is off now.
    SwitchedOff {
        old: String,
        until: String,
    },
    Deleted {
        old: String,
    },
}

/// A key of a user of ours, as it is now.
pub struct Rotation<'a> {
    cloud: &'a Cloud,
    store: &'a dyn StateStore,
    delivery: &'a Delivery,
    state: State,
    record: Record,
    live: Live,
    /// How long the old key is kept, where that was said.
    grace: Option<Duration>,
    interrupt: Interrupt<'a>,
    interrupted: bool,
    /// Whether something was journaled.
    begun: bool,
}

impl<'a> Rotation<'a> {
    /// `live` is the key as it is and `record` what `state` says of it.
    pub fn new(
        (cloud, store, delivery): (&'a Cloud, &'a dyn StateStore, &'a Delivery),
        state: State,
        record: Record,
        live: Live,
        grace: Option<Duration>,
        interrupt: Interrupt<'a>,
    ) -> Self {
        Self { cloud, store, delivery, state, record, live, grace, interrupt, interrupted: false, begun: false }
    }

    /// Says whether somebody wished to stop. A new key that is not proven by then is taken back; one that is
    /// in place stays there, with the old one off.
    pub async fn is_interrupted(&mut self) -> bool {
        if !self.interrupted {
            self.interrupted = tokio::select! {
                biased;
                () = &mut self.interrupt => true,
                () = std::future::ready(()) => false,
            };
        }
        self.interrupted
    }

    /// Does what is next, and writes the state.
    pub async fn go_on(&mut self) -> Result<Rotated> {
        let kind = kinds::kind(&self.record.id.kind).ok_or_else(|| Error::failed("the kind is not known"))?;
        // The state may be older than what was found.
        self.record.aws_id.clone_from(&self.live.aws_id);
        self.record.attributes.clone_from(&self.live.attributes);
        self.record.attributes.remove(ON_AGAIN);
        // The one that comes is on, whatever somebody did to the one that goes.
        self.note(STATUS, ACTIVE);
        let result = match text(&self.live.attributes, PREVIOUS).map(str::to_owned) {
            Some(old) => match self.held(kind, &old).await? {
                Some(held) => self.finish(kind, old, &held).await,
                // Somebody deleted it.
                None => self.exchange(kind).await,
            },
            None => self.exchange(kind).await,
        };
        // What was done before an error is recorded as well.
        if self.begun {
            self.state.serial += 1;
            self.store.compact(&self.state).await?;
        }
        result
    }

    /// Returns a key of the same user, if AWS shows it.
    async fn held(&self, kind: &dyn Kind, key: &str) -> Result<Option<Live>> {
        let keys = kind.read(self.cloud, &self.owner(kind)).await?;
        Ok(keys.into_iter().find(|held| held.aws_id.as_deref() == Some(key)))
    }

    fn owner(&self, kind: &dyn Kind) -> String {
        kind.hangs_on(&self.live.attributes).map(|hangs| hangs.owner.name).unwrap_or_default()
    }

    async fn put(&mut self) -> Result<()> {
        if !self.begun {
            self.store.begin(&self.state).await?;
            self.begun = true;
        }
        let entry = Entry::Put(self.record.clone());
        self.store.append(&entry).await?;
        entry.apply(&mut self.state);
        Ok(())
    }

    fn note(&mut self, field: &'static str, value: impl Into<Value>) {
        self.record.attributes.insert(field, value.into());
    }

    /// The attributes of one key alone, of those that the record names.
    fn alone(&self, key: &str) -> Attributes {
        let mut alone = self.live.attributes.clone();
        alone.retain(|field, _| ![PREVIOUS, NEXT, ON_AGAIN].contains(field));
        alone.insert(KEY_ID, key.into());
        alone
    }

    async fn exchange(&mut self, kind: &dyn Kind) -> Result<Rotated> {
        let old = self.record.aws_id.clone().unwrap_or_default();
        self.expect_room(kind).await?;
        let to = text(&self.record.attributes, DELIVER_TO).unwrap_or_default().to_owned();
        let prepared = self.delivery.prepare(&to, &named(&self.record.attributes).map(str::to_owned).collect())?;
        if self.is_interrupted().await {
            return Err(interrupted().note("nothing was changed"));
        }
        self.note(ASKED, self.cloud.now().to_string());
        self.put().await?;
        let mut another = self.alone(&old);
        another.remove(KEY_ID);
        let made = kind.create(self.cloud, &another).await;
        if made.as_ref().is_err_and(|error| AwsError::of(error).is_some_and(|error| !error.code.is_empty())) {
            // AWS refused for certain, so there is nothing to look for.
            self.record.attributes.remove(ASKED);
            self.put().await?;
        }
        let Made { aws_id: Some(new), secret: Some(secret), .. } = made? else {
            return Err(Error::failed("AWS told no key"));
        };
        self.record.attributes.remove(ASKED);
        self.note(NEXT, new.as_str());
        self.put().await?;
        if let Err(error) = self.prove_and_hand_over(prepared, &new, secret).await {
            return Err(self.take_back(kind, &new, error).await);
        }
        self.record.attributes.remove(NEXT);
        self.record.aws_id = Some(new.clone());
        self.note(KEY_ID, new.as_str());
        self.note(PREVIOUS, old.as_str());
        self.put().await?;
        let until = self.switch_off(kind, &old).await?;
        if self.grace.is_none_or(|grace| !grace.is_zero()) {
            return Ok(Rotated::Exchanged { old, new, until: Some(until) });
        }
        let deleted = self.delete(kind, &old, self.cloud.now()).await;
        deleted.map_err(|error| error.note(format!("the new key {new} is in place, and {old} is off")))?;
        Ok(Rotated::Exchanged { old, new, until: None })
    }

    /// AWS allows two keys; one more than ours leaves no room, and which one may go is not ours to say.
    async fn expect_room(&self, kind: &dyn Kind) -> Result<()> {
        let owner = self.owner(kind);
        let keys = kind.read(self.cloud, &owner).await?;
        let most = kind.most().map_or(1, |most| most.usual);
        if keys.len() < most {
            return Ok(());
        }
        let message = format!("user {owner} has {} of {most} access keys; nothing was changed", keys.len());
        let mut error = Error::refused(message);
        for key in &keys {
            let id = key.aws_id.as_deref().unwrap_or_default();
            let used = match kind.last_used(self.cloud, id).await? {
                Some(LastUse { at, how }) => format!("last used {at} {how}"),
                None => "never used".to_owned(),
            };
            let ours = if self.live.aws_id.as_deref() == Some(id) { ", the one to be rotated" } else { "" };
            error = error.note(format!("{id}: {}, {used}{ours}", self.age(key.created.as_deref())));
            if ours.is_empty() {
                let call = format!("aws iam delete-access-key --user-name {owner} --access-key-id {id}");
                error = error.hint(format!("if nobody uses it, delete the other one:   {call}"));
            }
        }
        Err(error)
    }

    fn age(&self, created: Option<&str>) -> String {
        match created.and_then(|at| at.parse::<Timestamp>().ok()) {
            Some(at) => format!("{} days old", self.cloud.now().duration_since(at).as_hours().max(0) / 24),
            None => "of unknown age".to_owned(),
        }
    }

    async fn prove_and_hand_over(&mut self, prepared: Prepared, new: &str, secret: Secret) -> Result<()> {
        let arn = tokio::select! {
            biased;
            () = &mut self.interrupt => {
                self.interrupted = true;
                return Err(interrupted());
            }
            arn = self.cloud.identity_of(new, &secret) => arn?,
        };
        if !arn.contains(&format!(":{}:", self.cloud.account.id)) {
            return Err(Error::failed(format!("the new key {new} is of {arn}")));
        }
        prepared.hand_over(&self.record.address.to_string(), new, secret)
    }

    /// Deletes a key that nobody has. The one before is in place as it was.
    async fn take_back(&mut self, kind: &dyn Kind, new: &str, error: Error) -> Error {
        if kind.delete(self.cloud, &self.alone(new)).await.is_ok() {
            self.record.attributes.remove(NEXT);
            if let Err(unwritten) = self.put().await {
                return unwritten;
            }
            return error.note("the new key was deleted, and the old one is as it was");
        }
        error
            .note(format!("the new key {new} is still there, and nobody has it"))
            .hint("to delete it:   seqera-iam apply")
    }

    async fn switch_off(&mut self, kind: &dyn Kind, old: &str) -> Result<String> {
        let (mut live, mut off) = (self.alone(old), self.alone(old));
        live.insert(STATUS, ACTIVE.into());
        off.insert(STATUS, INACTIVE.into());
        kind.converge(self.cloud, &live, &off).await.map_err(|error| {
            error
                .note(format!("the new key is in place; {old} is still valid"))
                .hint(format!("once more:   seqera-iam key rotate {}", self.record.address))
        })?;
        let now = self.cloud.now();
        let grace = SignedDuration::try_from(self.grace.unwrap_or(GRACE)).unwrap_or(SignedDuration::MAX);
        let until = in_seconds(now.checked_add(grace).unwrap_or(Timestamp::MAX));
        self.note(OFF_SINCE, now.to_string());
        self.note(UNTIL, until.as_str());
        self.put().await?;
        Ok(until)
    }

    /// What is left of an earlier run: to switch the old key off, or to delete it when its time has come and
    /// nobody missed it.
    async fn finish(&mut self, kind: &dyn Kind, old: String, held: &Live) -> Result<Rotated> {
        let Some(off_since) = text(&self.record.attributes, OFF_SINCE).and_then(|at| at.parse::<Timestamp>().ok())
        else {
            let until = self.switch_off(kind, &old).await?;
            return Ok(Rotated::SwitchedOff { old, until });
        };
        if text(&held.attributes, STATUS) == Some(ACTIVE) {
            let message = format!("{old} was switched on again, so somebody needs it; nothing was changed");
            return Err(Error::refused(message)
                .hint("find who uses it, and give them the new one")
                .hint("to switch it off:   seqera-iam apply"));
        }
        let said = text(&self.record.attributes, UNTIL).and_then(|at| at.parse::<Timestamp>().ok());
        let given = self.grace.and_then(|grace| off_since.checked_add(SignedDuration::try_from(grace).ok()?).ok());
        let until = given.or(said).unwrap_or(Timestamp::MAX);
        if self.cloud.now() < until {
            return Ok(Rotated::Waits { old, until: in_seconds(until) });
        }
        self.delete(kind, &old, off_since).await?;
        Ok(Rotated::Deleted { old })
    }

    /// Deletes the old key, unless somebody used it since it is off.
    async fn delete(&mut self, kind: &dyn Kind, old: &str, off_since: Timestamp) -> Result<()> {
        let used = kind.last_used(self.cloud, old).await?;
        let after = |used: &LastUse| used.at.parse::<Timestamp>().is_ok_and(|at| at > off_since);
        if let Some(used) = used.filter(after) {
            let message =
                format!("{old} was used {} {}, after it was switched off; nothing was changed", used.at, used.how);
            return Err(Error::refused(message).hint("find who uses it, and give them the new one"));
        }
        kind.delete(self.cloud, &self.alone(old)).await?;
        self.record.attributes.retain(|field, _| ![PREVIOUS, OFF_SINCE, UNTIL].contains(field));
        self.put().await
    }
}

fn interrupted() -> Error {
    Error::new(ErrorKind::Interrupted, "interrupted")
}

/// A time as people read it: the first whole second that is not before it.
fn in_seconds(at: Timestamp) -> String {
    at.round(TimestampRound::new().smallest(Unit::Second).mode(RoundMode::Ceil)).unwrap_or(at).to_string()
}
