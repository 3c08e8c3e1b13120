//! Carries out a plan: independent tasks at a time, each recorded before what depends on it starts.
//!
//! Premise: a run may die anywhere. What finished is in the journal, and what is made was intended there before: the
//! next plan finds what came of it. A task that fails stops what depends on it and nothing else.

mod departures;
mod hand_over;
mod work;

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::task::JoinSet;
use tokio::time::Instant;

use work::{Failed, Finished, Work};

use crate::cloud::Cloud;
use crate::delivery::{Delivery, Prepared};
use crate::error::{Error, Result};
use crate::kinds;
use crate::model::{Address, ObjectId, Record, State};
use crate::plan::order::{Part, Task};
use crate::plan::{self, Change, Claims, First, Plan, Step};
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
    /// Steps of which one part is done and another was not started, and those of which nothing was: what was not
    /// waits for something that failed, or the run was interrupted.
    pub half_done: Vec<usize>,
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
    let mut state = state;
    plan.lapsed.iter().for_each(|id| drop(state.objects.remove(id)));
    store.begin(&state).await?;
    let mut run = Run::new(plan, cloud.clone(), state, delivery);
    let moved = plan.moved.iter().cloned().map(Entry::Put);
    run.record(moved.chain(run.not_owed()), store).await?;
    run.record(run.before_rearranging(), store).await?;
    run.record(run.rearrange(), store).await?;
    run.sweep();
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
    if came_through && outcome.done.len() < plan.steps.len() {
        failure = Some(waiting_for_each_other(plan, &outcome));
    } else if failure.is_none() {
        // No step is about these, so what failed says nothing of them.
        let settled = plan.settled.iter().map(|record| (record.id.clone(), record.clone()));
        state.objects.extend(settled);
    }
    if (&state.objects, &state.owed, &state.outputs) != (&before.objects, &before.owed, &before.outputs) {
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
    let waiting = outcome.half_done.iter().chain(&outcome.not_started);
    let waiting: Vec<String> = waiting.map(|&step| plan.steps[step].address.to_string()).collect();
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
    result: Result<Finished, Failed>,
}

struct Run<'a> {
    plan: &'a Plan,
    delivery: &'a Delivery,
    /// Where the secret of each step's object goes, ready for it.
    prepared: HashMap<usize, Prepared>,
    /// AWS's ids of the keys whose files may be written over, or removed.
    superseded: BTreeSet<String>,
    /// Where files of ours may lie.
    destinations: BTreeSet<String>,
    /// What the state knew of a step's object before the intent to make it.
    before_intent: HashMap<usize, Record>,
    cloud: Arc<Cloud>,
    state: State,
    tasks: Vec<Task>,
    /// How many tasks each task still waits for.
    waiting: Vec<usize>,
    dependents: Vec<Vec<usize>>,
    ready: VecDeque<usize>,
    /// Of each task, whether it waits until nothing else is left to do.
    departs: Vec<bool>,
    /// Those of them that are ready.
    departing: Vec<usize>,
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
        let (waiter, waits) = mpsc::unbounded_channel();
        Self {
            plan,
            delivery,
            prepared: HashMap::new(),
            before_intent: HashMap::new(),
            superseded: plan::superseded(plan, Some(&state)),
            destinations: plan::destinations(plan, Some(&state)),
            cloud,
            state,
            waits,
            waiter,
            ready: (0..tasks.len()).filter(|&task| waiting[task] == 0).collect(),
            departs: departures::of(plan),
            departing: Vec::new(),
            finished: vec![false; tasks.len()],
            since: vec![None; tasks.len()],
            settling: JoinSet::new(),
            settled: vec![false; tasks.len()],
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
            let Some(index) = self.ready.pop_front() else {
                if self.let_go() {
                    continue;
                }
                break;
            };
            if self.departs[index] {
                self.departing.push(index);
                continue;
            }
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
            if task.part == Part::Make
                && let Err(error) = self.prepare(task.step)
            {
                observe(Event::Failed { step, part: task.part, error: &error, elapsed: Duration::ZERO });
                self.outcome.failed.push((task.step, error));
                continue;
            }
            if let Some(record) = step.intent().filter(|_| task.part == Part::Make) {
                let known = self.state.objects.get(&record.id).cloned();
                self.before_intent.extend(known.map(|known| (task.step, known)));
                let intent = self.intent(task.step, record);
                self.record([intent], store).await?;
            }
            let known = step.made.as_ref().and_then(|made| self.state.objects.get(made)).cloned();
            let passing = known.as_ref().and_then(|known| known.passing.clone());
            if let Part::Early(place) = task.part {
                let passing = step.interim.get(place).cloned();
                let entry = known.map(|known| Entry::Put(Record { passing: passing.clone(), ..known }));
                // What is taken over is ours when it carries our tags, and until then only intended.
                let intend =
                    |record| Entry::Intend(Record { asked: Some(self.cloud.now().to_string()), passing, ..record });
                let entry = entry.or_else(|| step.record.clone().map(intend));
                self.record(entry, store).await?;
            }
            self.record(owed(step, task.part).map(Entry::Owe), store).await?;
            observe(Event::Started { step, part: task.part });
            let fresh = self.fresh_for(step);
            let work = Work {
                task: index,
                step: step.clone(),
                part: task.part,
                without_names: task.without_names,
                known: self.known_key(task.step),
                claims: Claims { deployment: self.plan.deployment.clone(), lineage: self.plan.lineage.clone() },
                cloud: self.cloud.clone(),
                passing,
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

    /// Writes entries to the journal, and what they say to the state.
    async fn record(&mut self, entries: impl IntoIterator<Item = Entry>, store: &dyn StateStore) -> Result<()> {
        for entry in entries {
            store.append(&entry).await?;
            entry.apply(&mut self.state);
        }
        Ok(())
    }

    /// Returns what an earlier run owed and this one does not bring back: it is there, or nobody asks for it any more.
    fn not_owed(&self) -> Vec<Entry> {
        // By another name it may come at its address.
        let brings = |step: &Step, owed: &Record| {
            step.made.as_ref().is_some_and(|made| *made == owed.id || step.address == owed.address)
        };
        let comes = |owed: &Record| self.plan.steps.iter().any(|step| brings(step, owed));
        self.state.owed.values().filter(|owed| !comes(owed)).map(|owed| Entry::Paid(owed.id.clone())).collect()
    }

    /// Says whether a task that is done was the last that makes something that is owed.
    fn brings_back(&self, index: usize, made: &ObjectId) -> bool {
        let task = &self.tasks[index];
        let is_last = task.part == Part::Finish || task.part == Part::Make && !task.without_names;
        is_last && self.state.owed.contains_key(made)
    }

    /// Lets go what leaves, when nothing else is left to do and nothing failed. Says whether there is something.
    fn let_go(&mut self) -> bool {
        let idle = self.running.is_empty() && self.settling.is_empty();
        if !idle || self.departing.is_empty() || !self.outcome.failed.is_empty() {
            return false;
        }
        self.departs.fill(false);
        self.ready.extend(self.departing.drain(..));
        true
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
        let plan = self.plan;
        let step = &plan.steps[step_index];
        let result = match result {
            Ok(Finished { entry: Entry::Put(record), secret: Some(secret) }) => {
                self.hand_over(step_index, record, secret, store, observe).await?.map_err(Failed::from)
            }
            Ok(finished) => Ok(finished.entry),
            Err(failed) => Err(failed),
        };
        match result {
            Ok(entry) => {
                self.clear(step_index, part, None);
                let entry = self.with_the_one_before(step_index, entry);
                if let (Entry::Put(record), Change::Create { .. } | Change::Replace { .. }) = (&entry, &step.change) {
                    self.fresh.insert(record.id.clone(), record.address.clone());
                }
                let paid = step.made.as_ref().filter(|made| self.brings_back(index, made)).cloned().map(Entry::Paid);
                self.record([entry].into_iter().chain(paid), store).await?;
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
            Err(Failed { error, in_vain }) => {
                // Any other intent stays until a plan shows that nothing came of it.
                if let Some(record) = step.intent().filter(|_| in_vain && part == Part::Make) {
                    self.record([self.without_intent(step_index, &record.id)], store).await?;
                }
                observe(Event::Failed { step, part, error: &error, elapsed });
                self.outcome.failed.push((step_index, error));
            }
        }
        Ok(())
    }

    fn end(mut self) -> (Outcome, State) {
        let (mut done, mut begun) = (vec![true; self.plan.steps.len()], vec![false; self.plan.steps.len()]);
        for (task, &finished) in self.tasks.iter().zip(&self.finished) {
            done[task.step] &= finished;
            begun[task.step] |= finished;
        }
        let failed: HashSet<usize> = self.outcome.failed.iter().map(|(step, _)| *step).collect();
        let (done, open): (Vec<usize>, Vec<usize>) = (0..self.plan.steps.len()).partition(|&step| done[step]);
        let open = open.into_iter().filter(|step| !failed.contains(step));
        (self.outcome.half_done, self.outcome.not_started) = open.partition(|&step| begun[step]);
        self.outcome.done = done;
        (self.outcome, self.state)
    }
}

/// Returns what a task takes away that the same step brings back, as it comes back: it may have another name.
fn owed(step: &Step, part: Part) -> Option<Record> {
    let Change::Replace { after, first: First::Delete, .. } = &step.change else { return None };
    let id = step.made.as_ref().filter(|_| part == Part::Remove)?;
    // What hangs on an owner and is wanted has nothing of others in it.
    if step.record.is_some() && kinds::hanging(id, after).is_some() {
        return None;
    }
    let is_issued = kinds::is_issued(id);
    let (address, id, attributes) = (step.address.clone(), id.clone(), after.clone());
    (!is_issued).then_some(Record {
        address,
        id,
        aws_id: None,
        asked: None,
        passing: None,
        prevent_destroy: false,
        attributes,
    })
}
