//! Carries out a plan: independent tasks at a time, each recorded before what depends on it starts.
//!
//! Premise: a run may die anywhere. What finished is in the journal; what was done and not recorded is
//! found by its tag or its owner in the next plan. A task that fails stops what depends on it and
//! nothing else.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::cloud::{AwsError, Cloud};
use crate::delivery::{Delivery, Prepared};
use crate::error::{Error, Result};
use crate::kinds::{self, Kind, Made};
use crate::model::{Address, Attributes, Live, ObjectId, Record, State, Value, issued};
use crate::plan::order::{Part, Task};
use crate::plan::{self, Change, Claims, Plan, Step};
use crate::secret::Secret;
use crate::state::{Entry, StateStore};

/// How long a write is repeated that names something which this run made, and IAM does not know everywhere yet.
const PATIENCE: Duration = Duration::from_secs(120);

/// The same for what was there when the plan was made: a run that was killed may have made it a moment before.
const SHORT_PATIENCE: Duration = Duration::from_secs(30);

/// What happens while a plan is carried out.
pub enum Event<'a> {
    Started {
        step: &'a Step,
        part: Part,
    },
    Finished {
        step: &'a Step,
        part: Part,
        elapsed: Duration,
    },
    /// What the step takes away is only taken when IAM knows everywhere what is given instead.
    Settling {
        step: &'a Step,
        part: Part,
        pause: Duration,
    },
    Failed {
        step: &'a Step,
        part: Part,
        error: &'a Error,
        elapsed: Duration,
    },
    /// A secret is ready: whoever watches clears the screen for it and lets it go.
    HandingOver {
        hand_over: &'a mut dyn FnMut(),
    },
    /// A step is refused as long as IAM does not know everywhere what the step names, and is tried again.
    Waiting {
        step: &'a Step,
        part: Part,
        /// What it names that is new, by address.
        to_know: &'a [String],
        elapsed: Duration,
    },
    /// IAM throttles the account for the first time in this run; from here on fewer calls are made at a time.
    Throttled,
    /// The user asked to stop; what runs is finished.
    Interrupted {
        running: usize,
    },
}

/// What came of an apply.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Steps of which every part is done.
    pub done: Vec<usize>,
    pub failed: Vec<(usize, Error)>,
    /// Steps of which a part was not started: it waits for one that failed, or the run was interrupted.
    pub not_started: Vec<usize>,
    pub interrupted: bool,
}

/// Somebody's wish to stop.
pub type Interrupt<'a> = std::pin::Pin<Box<dyn Future<Output = ()> + 'a>>;

/// Carries out `plan` from `state` on. Returns what was done and the state that is now written.
pub async fn apply(
    plan: &Plan,
    cloud: &Arc<Cloud>,
    store: &dyn StateStore,
    state: State,
    delivery: &Delivery,
    mut interrupt: Interrupt<'_>,
    observe: &mut dyn FnMut(Event),
) -> Result<(Outcome, State)> {
    let before = state.clone();
    store.begin(&state).await?;
    let mut run = Run::new(plan, cloud.clone(), state, delivery);
    let mut failure = None;
    // What happened before the run was said before the run.
    let mut throttled = cloud.was_throttled();
    loop {
        if let Err(error) = run.start(store, observe).await {
            run.stop.store(true, Ordering::Relaxed);
            failure.get_or_insert(error);
        }
        if run.running.is_empty() && (run.settling.is_empty() || run.stopping()) {
            break;
        }
        tokio::select! {
            biased;
            () = &mut interrupt, if !run.stopping() => {
                observe(Event::Interrupted { running: run.running.len() });
                run.outcome.interrupted = true;
                run.stop.store(true, Ordering::Relaxed);
            }
            Some(waiting) = run.waits.recv() => {
                let task = &run.tasks[waiting.task];
                let step = &plan.steps[task.step];
                let Waiting { to_know, elapsed, .. } = &waiting;
                observe(Event::Waiting { step, part: task.part, to_know, elapsed: *elapsed });
            }
            () = cloud.throttled(), if !throttled => {
                throttled = true;
                observe(Event::Throttled);
            }
            Some(settled) = run.settling.join_next(), if !run.stopping() => {
                let index = settled.map_err(|e| Error::failed("a pause died").caused_by(e))?;
                run.settled[index] = true;
                run.ready.push_front(index);
            }
            Some(done) = run.running.join_next() => {
                let done = done.map_err(|e| Error::failed("a task died").caused_by(e))?;
                if let Err(error) = run.finish(done, store, observe).await {
                    // Without a journal nothing more may be started; what runs is awaited.
                    run.stop.store(true, Ordering::Relaxed);
                    failure.get_or_insert(error);
                }
            }
        }
    }
    let (outcome, mut state) = run.end();
    let came_through = outcome.failed.is_empty() && !outcome.interrupted && failure.is_none();
    if came_through && !outcome.not_started.is_empty() {
        failure = Some(waiting_for_each_other(plan, &outcome));
    } else if came_through {
        for record in &plan.settled {
            state.objects.insert(record.id.clone(), record.clone());
        }
    }
    if state.objects != before.objects || state.outputs != before.outputs {
        state.serial += 1;
    }
    store.compact(&state).await?;
    match failure {
        Some(error) => Err(error),
        None => Ok((outcome, state)),
    }
}

/// A plan whose tasks close a circle: a mistake of this program, never to be taken for success.
fn waiting_for_each_other(plan: &Plan, outcome: &Outcome) -> Error {
    let waiting: Vec<String> = outcome.not_started.iter().map(|&step| plan.steps[step].address.to_string()).collect();
    Error::failed(format!("these steps wait for each other and were not started: {}", waiting.join(", ")))
}

/// One task that is refused for now.
struct Waiting {
    task: usize,
    to_know: Vec<String>,
    elapsed: Duration,
}

/// One task that came to its end.
struct Done {
    task: usize,
    elapsed: Duration,
    result: Result<Finished>,
}

/// What a task that came through leaves to be recorded, and a secret to be handed over.
struct Finished {
    entry: Entry,
    secret: Option<Secret>,
}

impl From<Entry> for Finished {
    fn from(entry: Entry) -> Self {
        Self { entry, secret: None }
    }
}

struct Run<'a> {
    plan: &'a Plan,
    delivery: &'a Delivery,
    /// Where the secret of each step's object goes, ready for it.
    prepared: HashMap<usize, Prepared>,
    /// What each destination may hold that is written over, by step.
    instead_of: HashMap<usize, String>,
    cloud: Arc<Cloud>,
    state: State,
    tasks: Vec<Task>,
    /// How many tasks each task still waits for.
    waiting: Vec<usize>,
    dependents: Vec<Vec<usize>>,
    ready: VecDeque<usize>,
    running: JoinSet<Done>,
    /// What tasks say that wait; they hold the other end.
    waits: UnboundedReceiver<Waiting>,
    waiter: UnboundedSender<Waiting>,
    /// Objects that this run created, by where they stand: IAM may not know them everywhere yet.
    fresh: HashMap<ObjectId, Address>,
    finished: Vec<bool>,
    /// When each task finished.
    since: Vec<Option<Instant>>,
    /// Tasks that wait until IAM knows everywhere what others did.
    settling: JoinSet<usize>,
    settled: Vec<bool>,
    started: Vec<bool>,
    stop: Arc<AtomicBool>,
    outcome: Outcome,
}

impl<'a> Run<'a> {
    fn new(plan: &'a Plan, cloud: Arc<Cloud>, state: State, delivery: &'a Delivery) -> Self {
        let tasks = plan.tasks.clone();
        let waiting: Vec<usize> = tasks.iter().map(|task| task.after.len()).collect();
        let mut dependents = vec![Vec::new(); tasks.len()];
        for (index, task) in tasks.iter().enumerate() {
            task.after.iter().for_each(|&before| dependents[before].push(index));
        }
        let instead_of = |(index, step): (usize, &Step)| Some((index, plan::held_before(step, Some(&state))?));
        let (waiter, waits) = mpsc::unbounded_channel();
        Self {
            plan,
            delivery,
            prepared: HashMap::new(),
            instead_of: plan.steps.iter().enumerate().filter_map(instead_of).collect(),
            cloud,
            state,
            waits,
            waiter,
            ready: (0..tasks.len()).filter(|&task| waiting[task] == 0).collect(),
            finished: vec![false; tasks.len()],
            since: vec![None; tasks.len()],
            settling: JoinSet::new(),
            settled: vec![false; tasks.len()],
            started: vec![false; tasks.len()],
            waiting,
            dependents,
            tasks,
            running: JoinSet::new(),
            fresh: HashMap::new(),
            stop: Arc::new(AtomicBool::new(false)),
            outcome: Outcome::default(),
        }
    }

    fn stopping(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Starts what is ready.
    async fn start(&mut self, store: &dyn StateStore, observe: &mut dyn FnMut(Event<'_>)) -> Result<()> {
        while !self.stopping() && self.running.len() < self.cloud.parallelism() {
            let Some(index) = self.ready.pop_front() else { break };
            let task = self.tasks[index].clone();
            let plan = self.plan;
            let step = &plan.steps[task.step];
            if let Some(pause) = self.pause(index) {
                observe(Event::Settling { step, part: task.part, pause });
                self.settling.spawn(async move {
                    tokio::time::sleep(pause).await;
                    index
                });
                continue;
            }
            self.started[index] = true;
            if task.part == Part::Make
                && let Err(error) = self.prepare(task.step)
            {
                observe(Event::Failed { step, part: task.part, error: &error, elapsed: Duration::ZERO });
                self.outcome.failed.push((task.step, error));
                continue;
            }
            if let Some(record) = step.record.as_ref().filter(|_| step.intent && task.part == Part::Make) {
                for entry in self.intent(task.step, record) {
                    store.append(&entry).await?;
                    entry.apply(&mut self.state);
                }
            }
            observe(Event::Started { step, part: task.part });
            let fresh = self.fresh_for(step);
            let work = Work {
                task: index,
                step: step.clone(),
                part: task.part,
                interim: task.interim,
                claims: Claims { deployment: self.plan.deployment.clone(), lineage: self.plan.lineage.clone() },
                cloud: self.cloud.clone(),
                patience: if fresh.is_empty() { SHORT_PATIENCE } else { PATIENCE },
                to_know: if fresh.is_empty() { self.named_by(step) } else { fresh },
                waiter: self.waiter.clone(),
                stop: self.stop.clone(),
            };
            self.running.spawn(async move {
                let began = Instant::now();
                let result = work.carry_out().await;
                Done { task: index, elapsed: began.elapsed(), result }
            });
        }
        Ok(())
    }

    /// Makes the destination ready for a secret, where the step's object comes with one.
    fn prepare(&mut self, step: usize) -> Result<()> {
        let Some(to) = plan::destination(&self.plan.steps[step]) else { return Ok(()) };
        let prepared = self.delivery.prepare(to, self.instead_of.get(&step).map(String::as_str))?;
        self.prepared.insert(step, prepared);
        Ok(())
    }

    /// What is journaled before something is made that nothing else would tell of.
    fn intent(&self, step: usize, record: &Record) -> Vec<Entry> {
        if plan::destination(&self.plan.steps[step]).is_none() {
            return vec![Entry::Put(record.clone())];
        }
        let now = self.cloud.now().to_string();
        let asked = issued::asked(record.clone(), now, self.instead_of.get(&step).cloned());
        // The id of one before it would pass for its own.
        vec![Entry::Forget(record.id.clone()), Entry::Put(asked)]
    }

    /// Records what was made, hands its secret over, and says so in the record. What cannot be handed over is
    /// taken back, as nobody can ever use it.
    async fn hand_over(
        &mut self,
        step: usize,
        record: Record,
        secret: Secret,
        store: &dyn StateStore,
        observe: &mut dyn FnMut(Event<'_>),
    ) -> Result<Result<Entry>> {
        let undelivered = Entry::Put(issued::undelivered(record.clone()));
        store.append(&undelivered).await?;
        undelivered.apply(&mut self.state);
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
        if kind_of(&record.id)?.delete(&self.cloud, &record.attributes).await.is_ok() {
            let entry = Entry::Forget(record.id);
            store.append(&entry).await?;
            entry.apply(&mut self.state);
        }
        Ok(Err(error))
    }

    /// Returns how long a task has to wait until IAM knows everywhere what it relies on.
    fn pause(&self, index: usize) -> Option<Duration> {
        let latest = self.tasks[index].settles.iter().filter_map(|&other| self.since[other]).max()?;
        let left = self.cloud.settling().checked_sub(latest.elapsed())?;
        (!self.settled[index] && !left.is_zero()).then_some(left)
    }

    /// Returns what this run made and the step names, by address.
    fn fresh_for(&self, step: &Step) -> Vec<String> {
        self.needed(step).filter(|id| self.fresh.contains_key(id)).map(|id| self.address_of(&id)).collect()
    }

    /// Returns all that a step names, by address where the run knows it.
    fn named_by(&self, step: &Step) -> Vec<String> {
        self.needed(step).map(|id| self.address_of(&id)).collect()
    }

    fn needed(&self, step: &Step) -> impl Iterator<Item = ObjectId> {
        let spec = step.id().and_then(|id| kinds::spec(&id.kind));
        let needed = spec.zip(step.change.after()).map(|(spec, after)| spec.refers(&self.plan.account, after));
        needed.into_iter().flatten().map(|needed| needed.id)
    }

    fn address_of(&self, id: &ObjectId) -> String {
        let recorded = || self.state.objects.get(id).map(|record| &record.address);
        self.fresh.get(id).or_else(recorded).map_or_else(|| id.to_string(), Address::to_string)
    }

    async fn finish(&mut self, done: Done, store: &dyn StateStore, observe: &mut dyn FnMut(Event<'_>)) -> Result<()> {
        let Done { task: index, elapsed, result } = done;
        let task = &self.tasks[index];
        let (step_index, part) = (task.step, task.part);
        let step = &self.plan.steps[step_index];
        let result = match result {
            Ok(Finished { entry: Entry::Put(record), secret: Some(secret) }) => {
                self.hand_over(step_index, record, secret, store, observe).await?
            }
            Ok(finished) => Ok(finished.entry),
            Err(error) => Err(error),
        };
        match result {
            Ok(entry) => {
                store.append(&entry).await?;
                self.clear(step, part);
                if let (Entry::Put(record), Change::Create { .. } | Change::Replace { .. }) = (&entry, &step.change) {
                    self.fresh.insert(record.id.clone(), record.address.clone());
                }
                entry.apply(&mut self.state);
                self.finished[index] = true;
                self.since[index] = Some(Instant::now());
                observe(Event::Finished { step, part, elapsed });
                for &dependent in &self.dependents[index] {
                    self.waiting[dependent] -= 1;
                    if self.waiting[dependent] == 0 {
                        self.ready.push_back(dependent);
                    }
                }
            }
            Err(error) => {
                // AWS refused for certain, so nothing was made; an answer that was lost keeps the intent.
                let refused = AwsError::of(&error).is_some_and(|error| !error.code.is_empty());
                if let Some(record) = step.record.as_ref().filter(|_| refused && step.intent && part == Part::Make) {
                    let entry = Entry::Forget(record.id.clone());
                    store.append(&entry).await?;
                    entry.apply(&mut self.state);
                }
                observe(Event::Failed { step, part, error: &error, elapsed });
                self.outcome.failed.push((step_index, error));
            }
        }
        Ok(())
    }

    /// Removes the file of a key that is gone.
    fn clear(&self, step: &Step, part: Part) {
        let (Part::Remove, Change::Delete { before } | Change::Replace { before, .. }) = (part, &step.change) else {
            return;
        };
        if let (Some(to), Some(key)) = (issued::text(before, issued::DELIVER_TO), issued::text(before, issued::KEY_ID))
        {
            self.delivery.clear(to, key);
        }
    }

    fn end(mut self) -> (Outcome, State) {
        let (mut done, mut idle) = (vec![true; self.plan.steps.len()], vec![false; self.plan.steps.len()]);
        for (index, task) in self.tasks.iter().enumerate() {
            done[task.step] &= self.finished[index];
            idle[task.step] |= !self.started[index];
        }
        let failed: HashSet<usize> = self.outcome.failed.iter().map(|(step, _)| *step).collect();
        let steps = 0..self.plan.steps.len();
        self.outcome.done = steps.clone().filter(|&step| done[step]).collect();
        self.outcome.not_started = steps.filter(|step| idle[*step] && !failed.contains(step)).collect();
        (self.outcome, self.state)
    }
}

/// One part of one step, to be carried out.
struct Work {
    task: usize,
    step: Step,
    part: Part,
    /// Whether to leave out the names of what does not exist yet.
    interim: bool,
    claims: Claims,
    cloud: Arc<Cloud>,
    patience: Duration,
    /// What IAM may not know everywhere yet.
    to_know: Vec<String>,
    waiter: UnboundedSender<Waiting>,
    stop: Arc<AtomicBool>,
}

impl Work {
    async fn carry_out(self) -> Result<Finished> {
        let began = Instant::now();
        let mut pause = Duration::from_millis(500);
        loop {
            match self.once().await {
                Err(error) if self.is_too_early(&error) && began.elapsed() + pause < self.patience => {
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

    async fn once(&self) -> Result<Finished> {
        match (self.part, &self.step.change) {
            (Part::Make, Change::Create { after } | Change::Replace { after, .. }) => match self.interim_of(after)? {
                Some(interim) => self.create(&interim).await,
                None => self.create(after).await,
            },
            (Part::Finish, Change::Create { after } | Change::Replace { after, .. }) => {
                let kind = self.kind()?;
                let interim = kind.interim(after).unwrap_or_default();
                kind.converge(&self.cloud, &interim, after).await?;
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
                let kind = kind_of(id)?;
                kind.delete(&self.cloud, before).await?;
                Ok(Entry::Forget(id.clone()).into())
            }
            (Part::Remove, Change::Forget { before, after }) => {
                let id = self.removed()?;
                if let Some(after) = after.as_ref().filter(|after| *after != before) {
                    kind_of(id)?.converge(&self.cloud, before, after).await?;
                }
                Ok(Entry::Forget(id.clone()).into())
            }
            (Part::Early(_) | Part::Make | Part::Finish, Change::Delete { .. } | Change::Forget { .. })
            | (Part::Early(_), Change::Create { .. } | Change::Replace { .. })
            | (Part::Finish, Change::Update { .. } | Change::Import { .. })
            | (Part::Remove, Change::Create { .. } | Change::Update { .. } | Change::Import { .. }) => {
                Err(Error::failed(format!("{}: the plan has a part that its change does not have", self.step.address)))
            }
        }
    }

    /// Makes one of several writes of an update: to `after` from what the write before it left, if there was one.
    async fn converge(&self, place: usize, before: &Attributes, after: &Attributes) -> Result<()> {
        let kind = self.kind()?;
        let Some(earlier) = place.checked_sub(1).and_then(|place| self.step.interim.get(place)) else {
            return kind.converge(&self.cloud, before, after).await;
        };
        kind.converge(&self.cloud, earlier, after).await?;
        kind.tidy(&self.cloud, earlier).await
    }

    /// Records what an object is on the way to what it shall be.
    fn put_so_far(&self, before: &Attributes, after: &Attributes) -> Result<Entry> {
        let entry = self.put(None)?;
        let Entry::Put(mut record) = entry else { return Ok(entry) };
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

    fn interim_of(&self, after: &Attributes) -> Result<Option<Attributes>> {
        Ok(if self.interim { self.kind()?.interim(after) } else { None })
    }

    async fn create(&self, after: &Attributes) -> Result<Finished> {
        let kind = self.kind()?;
        match kind.create(&self.cloud, after).await {
            Ok(Made { aws_id, noted, secret }) => {
                let mut entry = self.put(aws_id)?;
                if let Entry::Put(record) = &mut entry {
                    record.attributes.extend(noted);
                }
                Ok(Finished { entry, secret })
            }
            Err(error) => match AwsError::of(&error).map(|error| error.code.as_str()) {
                Some("EntityAlreadyExists" | "LimitExceeded") => self.take_answer_lost(kind, after, error).await,
                // A refusal would end the intent, and the call that was refused may not have been the first.
                Some(code) if self.step.intent && !code.is_empty() => self.take_answer_lost(kind, after, error).await,
                _ => Err(error),
            },
        }
    }

    /// An answer may be lost after AWS acted, and the SDK repeats the call: what is there and signed by
    /// us, or is as wanted and cannot be signed, is what we made.
    async fn take_answer_lost(&self, kind: &dyn Kind, after: &Attributes, error: Error) -> Result<Finished> {
        let id = kind.id(&self.cloud.account, after);
        let hangs = kind.hangs_on(after);
        let asked = hangs.as_ref().map_or(&id, |hangs| &hangs.owner);
        let exists = AwsError::of(&error).is_some_and(|error| error.code == "EntityAlreadyExists");
        let Some(live) = self.look_for(&id, asked, exists).await? else { return Err(error) };
        let ours = match hangs {
            None if kind.schema().taggable => self.claims.are_on(&live.attributes),
            _ => live.attributes == *after,
        };
        if !ours {
            return Err(error);
        }
        kind.converge(&self.cloud, &live.attributes, after).await?;
        Ok(self.put(live.aws_id)?.into())
    }

    /// Reads an object where `asked` is read. What AWS says exists may not be shown everywhere yet: it is looked for
    /// until it is seen, or for a quarter of a minute.
    async fn look_for(&self, id: &ObjectId, asked: &ObjectId, exists: bool) -> Result<Option<Live>> {
        let kind = kind_of(asked)?;
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
        kind_of(self.made()?)
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

fn kind_of(id: &ObjectId) -> Result<&'static dyn Kind> {
    kinds::kind(&id.kind).ok_or_else(|| Error::failed(format!("kind `{}` is not known", id.kind)))
}
