//! One run of the tool in a life: what a command does, without the command line.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use seqera_iam::apply;
use seqera_iam::cloud::{Cloud, SETTLING, Target};
use seqera_iam::delivery::Delivery;
use seqera_iam::error::Error;
use seqera_iam::graph::Desired;
use seqera_iam::manifest::{Inputs, Manifest};
use seqera_iam::model::{Account, ObjectId, State};
use seqera_iam::plan::{self, Action, Plan, Question};
use seqera_iam::problem::Problem;
use seqera_iam::rotation::{Rotated, Rotation};
use seqera_iam::sandbox::{Faults, Sandbox};
use seqera_iam::state::{Access, LocalStore, StateStore};
use seqera_iam::survey::{self, Purpose, Reader};
use tokio::time::Instant;

use crate::draw::Chance;
use crate::second_day;
use crate::weather::Weather;
use crate::witness::{Deeds, Witness};
use crate::world::{ACCOUNT, World};

/// When every life begins.
const BIRTH: Timestamp = Timestamp::constant(1_767_225_600, 0);

/// Longer than any run may take by its own clock, whatever it has to wait for.
const TOO_LONG: Duration = Duration::from_secs(3600);

pub const LINEAGE: &str = "5eed";

/// Either way of reading AWS; most often the one of few calls, which are what a life costs.
const READERS: [Option<Reader>; 6] =
    [None, None, Some(Reader::Targeted), Some(Reader::Survey), Some(Reader::Survey), Some(Reader::Survey)];

/// What a run is for: a wish, or the end of it.
#[derive(Clone, Copy)]
pub enum Task<'w> {
    Apply(&'w Wish),
    /// The same by somebody who goes back where a brake holds.
    ApplyUnforced(&'w Wish),
    Destroy(&'w Wish),
}

/// A world and what its manifest asks for: read once, as every run would read the same.
pub struct Wish {
    pub world: World,
    desired: Desired,
}

impl Wish {
    pub fn new(world: World) -> Result<Self, String> {
        let wrong = |problems: &[Problem]| format!("the manifest is wrong: {}", lines(problems));
        let none = |path: &str| Err::<String, String>(format!("there is no {path}"));
        let manifest = Manifest::parse("sim.yaml", &world.manifest(), &Inputs::default(), &none);
        let manifest = manifest.map_err(|(problems, _)| wrong(&problems))?;
        let account = Account { partition: "aws".to_owned(), id: ACCOUNT.to_owned() };
        let (desired, _) = manifest.resolve(&account).map_err(|problems| wrong(&problems))?;
        Ok(Self { world, desired })
    }

    /// Drops what it says of moves that are done: something else may stand at the old address by the time that somebody
    /// comes back to it.
    pub fn arrived(self) -> Result<Self, String> {
        if self.world.moved.is_empty() { Ok(self) } else { Self::new(World { moved: Vec::new(), ..self.world }) }
    }
}

/// What came of one run.
pub enum Ran {
    Done,
    /// The plan was refused: a person would have to decide.
    Refused(Refusal),
    /// Something failed, or the run was killed.
    Cut(String),
}

/// Why a plan was refused, and what may be typed about it.
#[derive(Debug)]
pub struct Refusal {
    pub why: String,
    /// Addresses to import; none where that is not the whole answer.
    pub import: Vec<String>,
}

impl Refusal {
    fn of(problems: &[Problem]) -> Self {
        let advice = |problem: &Problem| {
            let listed = problem.helps.iter().find_map(|help| help.split_once("import: [")?.1.split_once(']'));
            listed.map(|(address, _)| address.to_owned())
        };
        let import: Option<Vec<String>> = problems.iter().map(advice).collect();
        Self { why: lines(problems), import: import.unwrap_or_default() }
    }
}

/// The machine that runs happen on, and the account.
pub struct Place {
    pub folder: PathBuf,
    pub born: Instant,
    pub verbose: bool,
}

/// What comparing came to.
enum Planned {
    /// And the state that it begins from.
    Plan(Box<(Plan, State)>),
    Refused(Refusal),
    /// AWS could not be read.
    Failed(String),
}

/// An open account.
pub struct Open {
    sandbox: Sandbox,
    pub cloud: Arc<Cloud>,
    witness: Witness,
    /// Either way of reading AWS comes to the same.
    pub reader: Option<Reader>,
}

impl Place {
    pub fn tell(&self, what: impl FnOnce() -> String) {
        if self.verbose {
            println!("{:>8.2} {}", self.born.elapsed().as_secs_f64(), what());
        }
    }

    pub fn account(&self) -> PathBuf {
        self.folder.join("aws")
    }

    pub fn state(&self) -> PathBuf {
        self.folder.join("state/sim.json")
    }

    fn now(&self) -> Result<Timestamp, String> {
        BIRTH.checked_add(self.born.elapsed()).map_err(|e| e.to_string())
    }

    /// Opens the account, as it is after all the time that went by.
    pub fn open(&self, settings: &[String]) -> Result<Sandbox, String> {
        let now = self.now()?;
        let settings = format!("start={now},{}", settings.join(","));
        let faults = Faults::parse(&settings).map_err(|e| e.to_string())?;
        Sandbox::open(&self.account(), None, faults).map_err(|e| e.to_string())
    }

    async fn connect(&self, weather: &Weather, chance: &mut Chance) -> Result<Open, String> {
        let sandbox = self.open(&weather.settings)?;
        let witness = Witness::new(&self.account(), chance.fork(), chance.percent(50));
        let http = Some(witness.http_client(&sandbox));
        let target = Target { http, parallelism: 1 + chance.below(8), ..Target::default() };
        let target = Target { now: Some(self.now()?), settling: Some(SETTLING), ..target };
        let cloud = Cloud::connect(&target).await.map_err(|e| e.to_string())?;
        let reader = *chance.pick(&READERS);
        Ok(Open { sandbox, cloud: Arc::new(cloud), witness, reader })
    }

    /// Returns the state, which can be read whatever happened.
    pub async fn load(&self) -> Result<Option<State>, String> {
        LocalStore::new(self.state()).load().await.map_err(|e| format!("the state cannot be read: {e}"))
    }

    /// The folder where secrets go.
    pub fn keys(&self) -> PathBuf {
        self.folder.join("keys")
    }

    fn delivery(&self) -> Delivery {
        Delivery::new(&self.keys(), false)
    }

    /// Plans and applies, or destroys. Returns what it did, too.
    pub async fn run(&self, task: Task<'_>, weather: &Weather, chance: &mut Chance) -> Result<(Ran, Deeds), String> {
        match tokio::time::timeout(TOO_LONG, self.run_to_the_end(task, weather, chance)).await {
            Ok(result) => result,
            Err(_) => Err(format!("a run does not end, with {}", weather.settings.join(","))),
        }
    }

    async fn run_to_the_end(
        &self,
        task: Task<'_>,
        weather: &Weather,
        chance: &mut Chance,
    ) -> Result<(Ran, Deeds), String> {
        let open = match self.connect(weather, chance).await {
            Ok(open) => open,
            Err(why) => return Ok((Ran::Cut(why), Deeds::default())),
        };
        let store = LocalStore::new(self.state());
        let lock = store.lock(Access::Writing, Duration::ZERO).await.map_err(|e| e.to_string())?;
        let state = self.load().await?;
        let planned = self.plan(task, &open, state.as_ref()).await?;
        if !open.witness.deeds().is_nothing() {
            return Err("planning changed something".to_owned());
        }
        let (plan, begin) = match planned {
            Planned::Plan(planned) => *planned,
            Planned::Refused(refusal) => return Ok((Ran::Refused(refusal), Deeds::default())),
            Planned::Failed(why) => return Ok((Ran::Cut(why), Deeds::default())),
        };
        self.tell(|| steps(&plan));
        open.witness.watch(&plan);
        let ran = self.carry_out(&plan, &open, &store, begin).await?;
        drop(lock);
        let deeds = open.witness.deeds();
        deeds.follow(&plan)?;
        if let Some(law) = open.witness.law() {
            law.demand(matches!(ran, Ran::Done))?;
        }
        Ok((ran, deeds))
    }

    async fn carry_out(&self, plan: &Plan, open: &Open, store: &LocalStore, begin: State) -> Result<Ran, String> {
        let delivery = self.delivery();
        let never = Box::pin(std::future::pending());
        let mut watch = |event: apply::Event| {
            if let apply::Event::Failed { step, error, .. } = event {
                self.tell(|| format!("failed {}: {error}", step.address));
            }
        };
        let applied = apply::apply(plan, &open.cloud, store, begin, &delivery, never, &mut watch);
        tokio::select! {
            biased;
            () = open.sandbox.halted() => Ok(Ran::Cut("killed".to_owned())),
            done = applied => match done {
                Ok((outcome, _)) => Ok(match outcome.failed.first() {
                    None if outcome.done.len() == plan.steps.len() => Ran::Done,
                    None => return Err("steps were not started, and nothing failed".to_owned()),
                    Some((_, error)) => Ran::Cut(error.to_string()),
                }),
                Err(e) => Err(e.to_string()),
            },
        }
    }

    /// Reads and compares. Nothing that is wanted goes, unless to be made again.
    async fn plan(&self, task: Task<'_>, open: &Open, state: Option<&State>) -> Result<Planned, String> {
        let Open { cloud, reader, .. } = open;
        let (Task::Apply(wish) | Task::ApplyUnforced(wish) | Task::Destroy(wish)) = task;
        let nothing;
        let mut desired = &wish.desired;
        if cloud.account != desired.account {
            return Err(format!("this is account {}", cloud.account.id));
        }
        let purpose = if let Task::Destroy(_) = task { Purpose::Destroy } else { Purpose::Converge };
        let live = match survey::read(cloud, desired, state, purpose, *reader, &self.delivery()).await {
            Ok(live) => live,
            Err(why) => return Ok(Planned::Failed(why.to_string())),
        };
        let refused = |error: Error| format!("refused: {error}");
        let mut state = state.cloned();
        if let Task::Destroy(_) = task {
            let recovered = plan::recover(desired, state.as_ref(), &live, LINEAGE).map_err(refused)?;
            nothing = desired.given_up(|id| recovered.objects.contains_key(id) && live.objects.contains_key(id));
            state = Some(recovered);
            desired = &nothing;
        }
        let question = Question { desired, state: state.as_ref(), live: &live, fresh_lineage: LINEAGE };
        let plan = match plan::plan(&question).map_err(refused)? {
            Ok(plan) => plan,
            Err(problems) => return Ok(Planned::Refused(Refusal::of(&problems))),
        };
        second_day::demand_brake(&plan, desired, state.as_ref())?;
        if let (Task::ApplyUnforced(_), Some(brake)) = (task, plan.brakes.iter().find(|brake| brake.holds(false))) {
            return Ok(Planned::Refused(Refusal { why: brake.what.clone(), import: Vec::new() }));
        }
        let removed = plan.steps.iter().filter(|step| step.action() == Action::Delete);
        match removed.filter_map(|step| step.removed.as_ref()).find(|id| desired.address_of(id).is_some()) {
            Some(id) => Err(format!("{id} is wanted, and the plan removes it")),
            None => {
                let fresh = || State::new(&plan.deployment, &plan.account, plan.lineage.clone());
                let begin = state.unwrap_or_else(fresh);
                Ok(Planned::Plan(Box::new((plan, begin))))
            }
        }
    }

    /// Exchanges the key of a user, or goes on with that. Nothing is left to do about it when it begins.
    pub async fn rotate(
        &self,
        (wish, user): (&Wish, &str),
        grace: Option<Duration>,
        weather: &Weather,
        chance: &mut Chance,
    ) -> Result<Result<Rotated, String>, String> {
        let open = match self.connect(weather, chance).await {
            Ok(open) => open,
            Err(why) => return Ok(Err(why)),
        };
        let store = LocalStore::new(self.state());
        let _lock = store.lock(Access::Writing, Duration::ZERO).await.map_err(|e| e.to_string())?;
        let state = self.load().await?;
        let delivery = self.delivery();
        let (cloud, desired) = (&open.cloud, &wish.desired);
        let purpose = Purpose::Converge;
        let live = match survey::read(cloud, desired, state.as_ref(), purpose, open.reader, &delivery).await {
            Ok(live) => live,
            Err(why) => return Ok(Err(why.to_string())),
        };
        let state = state.unwrap_or_else(|| State::new(&desired.deployment, &desired.account, LINEAGE.to_owned()));
        let id = ObjectId::new("access_key", format!("{user}/main"));
        let (Some(record), Some(key)) = (state.objects.get(&id).cloned(), live.objects.get(&id).cloned()) else {
            return Ok(Err(format!("{id} is not settled")));
        };
        let at = (cloud.as_ref(), &store as &dyn StateStore, &delivery);
        let mut rotation = Rotation::new(at, state, record, key, grace, Box::pin(std::future::pending()));
        tokio::select! {
            biased;
            () = open.sandbox.halted() => Ok(Err("killed".to_owned())),
            rotated = rotation.go_on() => Ok(rotated.map_err(|error| error.to_string())),
        }
    }

    /// Demands that there is nothing left to do.
    pub async fn demand_empty(&self, wish: &Wish, chance: &mut Chance) -> Result<(), String> {
        let open = self.connect(&Weather::fine(), chance).await?;
        let state = self.load().await?;
        match self.plan(Task::Apply(wish), &open, state.as_ref()).await? {
            // Looking for drift reads all once more, and seldom finds what the plan did not.
            Planned::Plan(planned) if planned.0.is_empty() && chance.percent(30) => {
                second_day::demand_no_drift(&open, &wish.desired, state.as_ref(), &self.delivery()).await
            }
            Planned::Plan(planned) if planned.0.is_empty() => Ok(()),
            Planned::Plan(planned) => Err(format!("the next plan is not empty:\n{}", steps(&planned.0))),
            Planned::Refused(refusal) => Err(format!("the next plan is refused: {}", refusal.why)),
            Planned::Failed(why) => Err(format!("the next plan fails: {why}")),
        }
    }
}

fn lines(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn steps(plan: &Plan) -> String {
    let step = |step: &plan::Step| format!("  {} {}", step.action().symbol(), step.address);
    plan.steps.iter().map(step).collect::<Vec<_>>().join("\n")
}
