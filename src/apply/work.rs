//! One task, carried out: the call, again while IAM does not know everywhere what it names, and what it leaves
//! to be recorded.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;
use tokio::time::Instant;

use super::Waiting;
use crate::cloud::{AwsError, Cloud};
use crate::error::{Error, ErrorKind, Result};
use crate::kinds::{self, Kind, Made};
use crate::model::{Attributes, Live, ObjectId, OnChange, Schema, Value, issued};
use crate::plan::order::Part;
use crate::plan::{Change, Claims, Step};
use crate::secret::Secret;
use crate::state::Entry;

/// One part of one step, to be carried out.
pub(super) struct Work {
    pub(super) task: usize,
    pub(super) step: Step,
    pub(super) part: Part,
    /// Whether to leave out the names of what does not exist yet.
    pub(super) without_names: bool,
    pub(super) claims: Claims,
    /// The id of one that may be there beside what the plan saw, as far as the state knows.
    pub(super) known: Option<String>,
    pub(super) cloud: Arc<Cloud>,
    pub(super) patience: Duration,
    /// What an earlier write left on the way, in this run or in one that was cut short.
    pub(super) passing: Option<Attributes>,
    /// What IAM may not know everywhere yet.
    pub(super) to_know: Vec<String>,
    pub(super) waiter: UnboundedSender<Waiting>,
    pub(super) stop: Arc<AtomicBool>,
}

/// Why a task did not come through.
pub(super) struct Failed {
    pub(super) error: Error,
    /// Whether what it asked for is surely not there: AWS refused the first call, or what is there others made.
    pub(super) in_vain: bool,
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self { error, in_vain: false }
    }
}

/// What a task that came through leaves to be recorded, and a secret to be handed over.
pub(super) struct Finished {
    pub(super) entry: Entry,
    pub(super) secret: Option<Secret>,
}

impl From<Entry> for Finished {
    fn from(entry: Entry) -> Self {
        Self { entry, secret: None }
    }
}

impl Work {
    pub(super) async fn carry_out(self) -> Result<Finished, Failed> {
        let began = Instant::now();
        let mut pause = Duration::from_millis(500);
        loop {
            match self.once().await {
                Err(Failed { error, .. }) if self.is_too_early(&error) && began.elapsed() + pause < self.patience => {
                    let (to_know, elapsed) = (self.to_know.clone(), began.elapsed());
                    // Who does not listen any more need not know.
                    let _ = self.waiter.send(Waiting { task: self.task, to_know, elapsed });
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_secs(10));
                }
                result => return result,
            }
        }
    }

    /// Says whether an error may only mean that IAM does not know everywhere what was just made.
    fn is_too_early(&self, error: &Error) -> bool {
        let Some(error) = AwsError::of(error) else { return false };
        let unknown_principal = error.is("MalformedPolicyDocument") && error.message.contains("Invalid principal");
        // A policy of AWS's is known everywhere, or there is none. A principal in another account may not
        // exist at all.
        let early = (error.is_absent() && !error.message.contains(":iam::aws:policy/"))
            || (unknown_principal && self.is_of_the_account(&error.message) && self.trusts_in_the_account());
        early && self.part != Part::Remove && !self.stop.load(Ordering::Relaxed)
    }

    /// Says whether it may be somebody of this account whom IAM does not know. It names one: `"AWS":"arn:…"`.
    fn is_of_the_account(&self, message: &str) -> bool {
        !message.contains("arn:") || message.contains(&format!(":{}:", self.cloud.account.id))
    }

    /// Says whether a trust policy names somebody of this account; survey and plan saw to it that they are there.
    fn trusts_in_the_account(&self) -> bool {
        let spec = self.step.id().and_then(|id| kinds::spec(&id.kind));
        let (Some(spec), Some(after)) = (spec, self.step.change.after()) else { return false };
        spec.refers(&self.cloud.account, after).iter().any(|needed| !needed.held)
    }

    async fn once(&self) -> Result<Finished, Failed> {
        match (self.part, &self.step.change) {
            (Part::Make, Change::Create { after } | Change::Replace { after, .. }) => {
                match self.without_names(after)? {
                    Some(alone) => self.create(&alone).await,
                    None => self.create(&self.with_known(after)).await,
                }
            }
            (Part::Finish, Change::Create { after } | Change::Replace { after, .. }) => {
                let kind = self.kind()?;
                let alone = kind.without_names(after).unwrap_or_default();
                kind.converge(&self.cloud, &alone, after).await?;
                Ok(self.put(None)?.into())
            }
            (Part::Early(place), Change::Update { before, .. } | Change::Import { before, .. }) => {
                let missing =
                    || Error::failed(format!("{}: the plan does not say what to write first", self.step.address));
                let after = self.step.interim.get(place).ok_or_else(missing)?;
                self.converge(place, before, after).await?;
                Ok(self.put_so_far(before, after)?.into())
            }
            (Part::Make, Change::Update { before, after } | Change::Import { before, after }) => {
                self.converge(self.step.interim.len(), before, after).await?;
                Ok(self.put(None)?.into())
            }
            (Part::Remove, Change::Delete { before } | Change::Replace { before, .. }) => {
                let id = self.removed()?;
                let kind = kinds::kind_of(id)?;
                kind.delete(&self.cloud, before).await?;
                Ok(Entry::Forget(id.clone()).into())
            }
            (Part::Remove, Change::Forget { before, after }) => {
                let id = self.removed()?;
                if let Some(after) = after.as_ref().filter(|after| *after != before) {
                    kinds::kind_of(id)?.converge(&self.cloud, before, after).await?;
                }
                Ok(Entry::Forget(id.clone()).into())
            }
            (Part::Early(_) | Part::Make | Part::Finish, Change::Delete { .. } | Change::Forget { .. })
            | (Part::Early(_), Change::Create { .. } | Change::Replace { .. })
            | (Part::Finish, Change::Update { .. } | Change::Import { .. })
            | (Part::Remove, Change::Create { .. } | Change::Update { .. } | Change::Import { .. }) => {
                let why = format!("{}: the plan has a part that its change does not have", self.step.address);
                Err(Error::failed(why).into())
            }
        }
    }

    /// Makes one of several writes of an update: to `after` from what the write before it left, if there was one.
    async fn converge(&self, place: usize, before: &Attributes, after: &Attributes) -> Result<()> {
        let kind = self.kind()?;
        let earlier = place.checked_sub(1).and_then(|place| self.step.interim.get(place));
        kind.converge(&self.cloud, earlier.unwrap_or(before), after).await?;
        match &self.passing {
            Some(passing) => kind.tidy(&self.cloud, passing).await,
            None => Ok(()),
        }
    }

    /// Records what an object is on the way to what it shall be.
    fn put_so_far(&self, before: &Attributes, after: &Attributes) -> Result<Entry> {
        let entry = self.put(None)?;
        let Entry::Put(mut record) = entry else { return Ok(entry) };
        record.passing = Some(after.clone());
        let Some(end) = self.step.change.after() else { return Ok(Entry::Put(record)) };
        // Tags of others are in what is written, and are not ours to remember.
        let differs =
            |field: &str, value: &Value| !matches!(value, Value::Tags(_)) && end.get(field) != before.get(field);
        for (field, value) in record.attributes.iter_mut() {
            if let Some(now) = after.get(field).filter(|_| differs(field, value)) {
                value.clone_from(now);
            }
        }
        Ok(Entry::Put(record))
    }

    fn without_names(&self, after: &Attributes) -> Result<Option<Attributes>> {
        Ok(if self.without_names { self.kind()?.without_names(after) } else { None })
    }

    /// Adds the id of what the state knows and AWS did not show.
    fn with_known<'a>(&self, after: &'a Attributes) -> Cow<'a, Attributes> {
        let Some(known) = &self.known else { return Cow::Borrowed(after) };
        let mut after = after.clone();
        after.insert(issued::KEY_ID, known.as_str().into());
        Cow::Owned(after)
    }

    async fn create(&self, after: &Attributes) -> Result<Finished, Failed> {
        let kind = self.kind()?;
        match kind.create(&self.cloud, after).await {
            Ok(Made { aws_id, noted, secret }) => {
                let mut entry = self.put(aws_id)?;
                if let Entry::Put(record) = &mut entry {
                    record.attributes.extend(noted);
                }
                Ok(Finished { entry, secret })
            }
            // Nothing was asked for.
            Err(error) if error.kind == ErrorKind::Refused => Err(Failed { error, in_vain: true }),
            Err(error) => match AwsError::of(&error) {
                // AWS asks for permission before it does anything, each time.
                Some(refusal) if refusal.is_denied() => Err(Failed { error, in_vain: true }),
                // The call that was refused may not have been the first.
                Some(refusal) if !refusal.code.is_empty() => self.take_answer_lost(kind, after, error).await,
                _ => Err(error.into()),
            },
        }
    }

    /// An answer may be lost after AWS acted, and the SDK repeats the call: what is there, signed by us where it can
    /// be, and just as the call makes it, is what we made. What differs was there before, and the plan knew nothing of
    /// it: neither what is to be kept of it nor in which order it may change.
    async fn take_answer_lost(&self, kind: &dyn Kind, after: &Attributes, error: Error) -> Result<Finished, Failed> {
        let id = kind.id(&self.cloud.account, after);
        let hangs = kind.hangs_on(after);
        let asked = hangs.as_ref().map_or(&id, |hangs| &hangs.owner);
        let exists = AwsError::of(&error).is_some_and(AwsError::is_of_a_taken_name);
        let Some(live) = self.look_for(&id, asked, exists).await? else { return Err(error.into()) };
        let signed = hangs.is_some() || !kind.schema().taggable || self.claims.are_on(&live.attributes);
        if signed && is_as_made(kind.schema(), &live.attributes, after) {
            return Ok(self.put(live.aws_id)?.into());
        }
        if signed && hangs.is_none() && kind.schema().taggable {
            let address = &self.step.address;
            return Err(Error::failed(format!("{address}: {id} exists, and IAM said before that it did not"))
                .hint("IAM knows it everywhere within a minute: run the same command again then")
                .into());
        }
        Err(Failed { error, in_vain: true })
    }

    /// Reads an object where `asked` is read. What AWS says exists may not be shown everywhere yet: it is looked for
    /// until it is seen, or for a quarter of a minute.
    async fn look_for(&self, id: &ObjectId, asked: &ObjectId, exists: bool) -> Result<Option<Live>> {
        let kind = kinds::kind_of(asked)?;
        for pause in [1, 2, 4, 8, 0].map(Duration::from_secs) {
            let found = kind.read(&self.cloud, &asked.name).await.unwrap_or_default();
            let live = found.into_iter().find(|object| object.id == *id);
            if live.is_some() || !exists || pause.is_zero() || self.stop.load(Ordering::Relaxed) {
                return Ok(live);
            }
            tokio::time::sleep(pause).await;
        }
        Ok(None)
    }

    /// Records what was made; what is only kept is not recorded. Its AWS id is the one given now, else the
    /// one known before: what is finished was given it when it was made, in this run.
    fn put(&self, aws_id: Option<String>) -> Result<Entry> {
        match self.step.record.clone() {
            Some(mut record) => {
                record.aws_id = aws_id.or(record.aws_id.filter(|_| self.part != Part::Finish));
                Ok(Entry::Put(record))
            }
            None => Ok(Entry::Forget(self.made()?.clone())),
        }
    }

    fn kind(&self) -> Result<&'static dyn Kind> {
        kinds::kind_of(self.made()?)
    }

    fn made(&self) -> Result<&ObjectId> {
        let missing = || Error::failed(format!("{}: the plan does not say what to make", self.step.address));
        self.step.made.as_ref().ok_or_else(missing)
    }

    fn removed(&self) -> Result<&ObjectId> {
        let missing = || Error::failed(format!("{}: the plan does not say what to remove", self.step.address));
        self.step.removed.as_ref().ok_or_else(missing)
    }
}

/// Says whether an object is as a call makes it that asks for `after`; AWS may fill in what that leaves out.
fn is_as_made(schema: &Schema, live: &Attributes, after: &Attributes) -> bool {
    schema.fields.iter().all(|field| match (after.get(field.name), field.on_change) {
        (None, OnChange::Filled | OnChange::Noted) => true,
        (asked, _) => live.get(field.name) == asked,
    })
}
