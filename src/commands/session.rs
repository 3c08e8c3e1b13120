//! What every verb that looks at AWS begins with: manifest, account, state, and what AWS holds.

use std::collections::BTreeSet;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::Output;
use crate::cli::Global;
use crate::cloud::{Cloud, Target};
use crate::delivery::Delivery;
use crate::error::{Error, Result};
use crate::graph::Desired;
use crate::manifest::{Files, Inputs, Manifest, ParamValue};
use crate::model::issued::TERMINAL;
use crate::model::{Account, Address, LiveState, ObjectId, State};
use crate::plan::{self, Plan, Question};
use crate::problem::{Place, Problem, Sources};
use crate::render::wrap;
use crate::sandbox::{Faults, Sandbox};
use crate::state::{self, Access, Lock, StateStore};
use crate::survey::{self, Purpose};

/// The account that a manifest without `account:` is checked against before AWS is asked.
const PROVISIONAL_ACCOUNT: &str = "123456789012";

/// A manifest that was read, without anything asked of AWS.
pub struct Declared {
    pub manifest: Manifest,
    folder: PathBuf,
}

/// Everything a plan is made from. The state stays locked as long as this lives.
pub struct Session {
    pub manifest: Manifest,
    pub cloud: Arc<Cloud>,
    pub store: Box<dyn StateStore>,
    pub state: Option<State>,
    pub desired: Desired,
    pub live: LiveState,
    pub warnings: Vec<Problem>,
    pub delivery: Delivery,
    sandbox: bool,
    fresh_lineage: String,
    _lock: Lock,
}

/// The state, and where it is kept.
struct Known {
    store: Box<dyn StateStore>,
    state: Option<State>,
    sandbox: bool,
    lock: Lock,
}

/// The files on this machine.
struct Disk;

impl Files for Disk {
    fn read(&self, path: &str) -> Result<String, String> {
        std::fs::read_to_string(path).map_err(|e| e.to_string())
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, String> {
        let folder = if folder.is_empty() { "." } else { folder };
        let entries = std::fs::read_dir(folder).map_err(|e| e.to_string())?;
        Ok(entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect())
    }
}

/// Reads the manifest and its parameters.
pub fn declared(global: &Global) -> Result<Declared> {
    let name = global.file.display().to_string();
    let text = std::fs::read_to_string(&global.file).map_err(|e| {
        let error = Error::failed(format!("cannot read the manifest {name}")).caused_by(e);
        error.hint("name another one with -f FILE")
    })?;
    let folder = global.file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let manifest = Manifest::parse(&name, &text, &inputs(global)?, &Disk)
        .map_err(|(problems, sources)| Error::problems(problems, sources))?;
    Ok(Declared { manifest, folder: folder.to_owned() })
}

/// Returns the parameters that were typed, and those in the files that were named.
pub fn inputs(global: &Global) -> Result<Inputs> {
    let typed = |(name, value): &(String, String)| (name.clone(), ParamValue::Text(value.clone()));
    Ok(Inputs { params: global.param.iter().map(typed).collect(), params_files: params_files(global)? })
}

/// Returns the account that a manifest is probably for, before AWS is asked.
pub fn likely_account(manifest: &Manifest) -> Account {
    Account::new(manifest.partition(), manifest.account().unwrap_or(PROVISIONAL_ACCOUNT))
}

fn params_files(global: &Global) -> Result<Vec<(String, String)>> {
    let read = |path: &PathBuf| {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|e| Error::failed(format!("cannot read the parameters {name}")).caused_by(e))?;
        Ok((name, text))
    };
    global.params.iter().map(read).collect()
}

impl Declared {
    /// Checks everything that can be known without AWS. Returns the warnings.
    pub fn check(&self) -> Result<Vec<Problem>> {
        self.resolve(&likely_account(&self.manifest)).map(|(_, warnings)| warnings)
    }

    /// Returns what the manifest asks for, as far as that is known without AWS.
    pub fn desired(&self) -> Result<Desired> {
        self.resolve(&likely_account(&self.manifest)).map(|(desired, _)| desired)
    }

    /// Opens the place where the state is kept.
    pub fn store(&self, global: &Global) -> Result<Box<dyn StateStore>> {
        let from = if global.state.is_some() { Path::new("") } else { &self.folder };
        let location = global.state.as_deref().or(self.manifest.state());
        state::open(location, from, self.manifest.deployment())
    }

    pub fn resolve(&self, account: &Account) -> Result<(Desired, Vec<Problem>)> {
        self.manifest.resolve(account).map_err(|problems| Error::problems(problems, self.sources()))
    }

    fn sources(&self) -> Sources {
        self.manifest.sources().clone()
    }

    /// Asks who we are, locks and reads the state, and reads what AWS holds. The wrong account stops
    /// before anything else is read.
    pub async fn open(self, global: &Global, access: Access, purpose: Purpose, output: &Output) -> Result<Session> {
        let cloud = connect(global, self.manifest.account(), self.manifest.region(), output).await?;
        same_partition(&self.manifest, &cloud, global)?;
        let cloud = Arc::new(cloud);
        let (desired, mut warnings) = self.resolve(&cloud.account)?;
        if !warnings.is_empty() {
            output.problems(&warnings, self.manifest.sources());
        }
        let known = self.remember(global, access, &cloud, &desired, output).await?;
        let delivery = self.delivery(output);
        let live = survey::read(&cloud, &desired, known.state.as_ref(), purpose, global.reader, &delivery).await?;
        say_throttled(&cloud, output);
        let mut found: Vec<Problem> = live.strays.iter().map(|id| stray(id, &live.strays, &desired)).collect();
        if purpose == Purpose::Converge {
            found.extend(nothing_to_import(&desired, known.state.as_ref(), &live));
        }
        if !found.is_empty() {
            output.problems(&found, self.manifest.sources());
        }
        warnings.extend(found);
        Ok(self.session(cloud, known, desired, warnings, live, delivery))
    }

    /// Reads what AWS holds of what the state remembers. The manifest names the deployment and its state; what it
    /// asks for does not count.
    pub async fn look(self, global: &Global, access: Access, output: &Output) -> Result<Session> {
        let cloud = Arc::new(connect(global, self.manifest.account(), self.manifest.region(), output).await?);
        // One that is broken by now still names the deployment.
        let wish = self.resolve(&cloud.account).map(|(desired, _)| desired).ok();
        let deployment = Desired::nothing(self.manifest.deployment(), cloud.account.clone());
        let known = self.remember(global, access, &cloud, &deployment, output).await?;
        let Some(state) = &known.state else {
            let location = known.store.location();
            return Err(Error::failed(format!(
                "there is no state in {location}: nothing is known to have been written"
            ))
            .hint("what was made and is not recorded is found by its tags:   seqera-iam plan"));
        };
        let remembered = plan::drift::remembered(state, wish.as_ref());
        let delivery = self.delivery(output);
        let live = survey::read(&cloud, &remembered, Some(state), Purpose::Look, global.reader, &delivery).await?;
        say_throttled(&cloud, output);
        Ok(self.session(cloud, known, remembered, Vec::new(), live, delivery))
    }

    /// Locks and reads the state.
    async fn remember(
        &self,
        global: &Global,
        access: Access,
        cloud: &Cloud,
        desired: &Desired,
        output: &Output,
    ) -> Result<Known> {
        let store = self.store(global)?;
        let lock = store.lock(access, global.lock_timeout).await?;
        let state = store.load().await?;
        // A server on this machine is no AWS either.
        let sandbox = global.sandbox.is_some() || cloud.is_local();
        if let Some(state) = &state {
            same_deployment(state, desired, &store.location(), sandbox)?;
        }
        let pause = survey::until_shown(cloud, state.as_ref());
        if pause > Duration::from_secs(1) {
            output.note(&format!(
                "A run was cut short while it made an access key; waiting {} s until IAM shows every key.\n",
                pause.as_secs()
            ));
        }
        Ok(Known { store, state, sandbox, lock })
    }

    fn session(
        self,
        cloud: Arc<Cloud>,
        known: Known,
        desired: Desired,
        warnings: Vec<Problem>,
        live: LiveState,
        delivery: Delivery,
    ) -> Session {
        let Known { store, state, sandbox, lock } = known;
        let fresh_lineage = lineage(state.as_ref());
        let manifest = self.manifest;
        Session {
            manifest,
            cloud,
            store,
            state,
            desired,
            live,
            warnings,
            delivery,
            sandbox,
            fresh_lineage,
            _lock: lock,
        }
    }

    /// Where secrets of this run can go.
    pub fn delivery(&self, output: &Output) -> Delivery {
        Delivery::new(&self.folder, std::io::stdout().is_terminal() && !output.json)
    }
}

/// Asks who we are. `account` is the one that it has to be, if it matters.
pub async fn connect(global: &Global, account: Option<&str>, region: Option<&str>, output: &Output) -> Result<Cloud> {
    let mut target = Target {
        profile: global.profile.clone(),
        region: global.region.clone().or_else(|| region.map(str::to_owned)),
        http: None,
        parallelism: usize::from(global.parallelism),
        now: None,
        settling: None,
    };
    if let Some(folder) = &global.sandbox {
        let faults = Faults::parse(&std::env::var("SEQERA_IAM_SANDBOX").unwrap_or_default())?;
        target.settling = Some(faults.lag());
        let new = Account::new(Account::partition_of(region), account.unwrap_or(PROVISIONAL_ACCOUNT));
        let sandbox = Sandbox::open(folder, Some(&new), faults)?;
        let first = format!("Sandbox: account {} in {}; nothing here is AWS.", sandbox.account(), folder.display());
        let first = wrap::words("", &first, 0, output.detail().width);
        if output.json {
            output.note(&first)
        } else {
            output.say(&(first + "\n"))?
        }
        target.now = Some(sandbox.now());
        target.http = Some(sandbox.http_client());
    }
    let cloud = Cloud::connect(&target).await?;
    let Some(wanted) = account.filter(|wanted| *wanted != cloud.account.id) else { return Ok(cloud) };
    if let Some(folder) = &global.sandbox {
        let folder = folder.display();
        return Err(Error::refused(format!(
            "the manifest is for account {wanted}, and the sandbox in {folder} is account {}",
            cloud.account.id
        ))
        .hint(format!(
            "take a sandbox of its own:   --sandbox={folder}-{wanted} --state {folder}-{wanted}/state.json"
        )));
    }
    Err(Error::refused(format!(
        "the manifest is for account {wanted}, and these credentials are of {} ({})",
        cloud.account.id, cloud.caller
    ))
    .hint("use credentials of that account: --profile NAME"))
}

/// What follows from the manifest's region, as `${{ partition }}` does, cannot be right elsewhere.
fn same_partition(manifest: &Manifest, cloud: &Cloud, global: &Global) -> Result<()> {
    let (wanted, found) = (manifest.partition(), &cloud.account.partition);
    if wanted == found {
        return Ok(());
    }
    let meant = match manifest.region() {
        Some(region) => format!("region {region}, which is in partition {wanted}"),
        None => format!("partition {wanted}, as it has no `region`"),
    };
    let message = format!("the manifest is for {meant}, and these credentials are of {found}");
    Err(Error::refused(message).hint(match &global.sandbox {
        Some(folder) => format!("take a sandbox of its own:   --sandbox={}-{wanted}", folder.display()),
        None => "set `region:` in the manifest to one that these credentials are for".to_owned(),
    }))
}

impl Session {
    /// Gives a deployment that has no lineage yet the one of a saved plan.
    pub fn with_lineage(mut self, lineage: &str) -> Self {
        if self.state.is_none() {
            lineage.clone_into(&mut self.fresh_lineage);
        }
        self
    }

    pub fn plan(&self) -> Result<Plan> {
        let plan = self.plan_of(&self.desired, self.state.as_ref())?;
        self.check_files(&plan)?;
        Ok(plan)
    }

    /// Refuses a plan of which a secret could not be written where it is to go.
    fn check_files(&self, plan: &Plan) -> Result<()> {
        // What is moved away is out of the way as well.
        let mut superseded = plan::superseded(plan, self.state.as_ref());
        superseded.extend(plan.steps.iter().filter_map(plan::relocation).map(|(key, _, _)| key.to_owned()));
        let lies = |(key, from, to)| (self.delivery.held(from).as_deref() == Some(key)).then_some(to);
        let mut problems = Vec::new();
        for step in &plan.steps {
            let to = plan::destination(step).filter(|to| *to != TERMINAL);
            let Some(to) = to.or_else(|| plan::relocation(step).and_then(lies)) else { continue };
            if let Err(error) = self.delivery.check(to, &superseded) {
                let place = self.desired.resources.get(&step.address).map(|resource| resource.place);
                let problem = Problem::error("cannot-deliver", format!("{}: {error}", step.address)).at(place);
                problems.push(error.hints.into_iter().fold(problem, Problem::help));
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(self.told(problems)) }
    }

    /// Refuses to make what would be told to a terminal that is none.
    pub fn check_terminal(&self, plan: &Plan) -> Result<()> {
        let mut to_terminal = plan.steps.iter().filter(|step| plan::destination(step) == Some(TERMINAL));
        to_terminal.next().map_or(Ok(()), |_| self.delivery.check(TERMINAL, &BTreeSet::new()))
    }

    /// Returns the plan that removes everything but what the manifest lets go of, and the state that it starts from:
    /// what is ours but was lost from the state is found by its tags.
    pub fn plan_of_nothing(&self) -> Result<(Plan, State)> {
        let mut recovered = plan::recover(&self.desired, self.state.as_ref(), &self.live, &self.fresh_lineage)?;
        recovered.sandbox = self.sandbox;
        let known = |id: &ObjectId| recovered.objects.contains_key(id) && self.live.objects.contains_key(id);
        let nothing = self.desired.given_up(known);
        let mut plan = self.plan_of(&nothing, Some(&recovered))?;
        // Who asks for it means it.
        plan.brakes.clear();
        Ok((plan, recovered))
    }

    /// Returns what is otherwise in AWS than we wrote it, for a session that only [`Declared::look`]s.
    pub fn drift(&self) -> Result<Plan> {
        let (state, fresh_lineage) = (self.state.as_ref(), self.fresh_lineage.as_str());
        plan::drift::drift(&Question { desired: &self.desired, state, live: &self.live, fresh_lineage })
    }

    /// Returns the plan of another wish than the manifest's.
    pub fn plan_of(&self, desired: &Desired, state: Option<&State>) -> Result<Plan> {
        let question = Question { desired, state, live: &self.live, fresh_lineage: &self.fresh_lineage };
        plan::plan(&question)?.map_err(|problems| self.told(problems))
    }

    fn told(&self, problems: Vec<Problem>) -> Error {
        Error::problems(self.manifest.told(problems), self.manifest.sources().clone())
    }

    /// Returns the state that an apply of `plan` begins from.
    pub fn state_for(&self, plan: &Plan) -> State {
        let fresh = || State::new(&plan.deployment, &plan.account, plan.lineage.clone());
        let mut state = self.state.clone().unwrap_or_else(fresh);
        state.sandbox = self.sandbox;
        state.outputs = self.outputs();
        state
    }

    pub fn outputs(&self) -> serde_json::Map<String, serde_json::Value> {
        self.desired.outputs.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
    }
}

fn say_throttled(cloud: &Cloud, output: &Output) {
    if cloud.was_throttled() {
        output.note("IAM throttles the account; fewer calls are made at a time.\n");
    }
}

/// Something of ours that the manifest does not say and that no plan touches.
fn stray(id: &ObjectId, all: &BTreeSet<ObjectId>, desired: &Desired) -> Problem {
    let named =
        |id: &ObjectId| plan::stray_address(desired, id).map_or_else(|| id.name.clone(), |address| address.to_string());
    let rebuild = |named: &str| format!("seqera-iam state rebuild{named}");
    let message = format!("{id} carries the tag of {}, and neither manifest nor state knows it", desired.deployment);
    let problem = Problem::warning("stray", message)
        .note("no plan touches it")
        .help(format!("to have the next apply delete it:   {}", rebuild(&format!(" '{}'", named(id)))));
    // Only what the last rebuild names is recorded.
    let together = || all.iter().map(|id| format!(" '{}'", named(id))).collect::<String>();
    let problem = match all.len() > 1 && all.last() == Some(id) {
        true => problem.help(format!("to have it delete all {} of these:   {}", all.len(), rebuild(&together()))),
        false => problem,
    };
    problem.help("to keep it:   take its seqera-iam tags off, or declare it in the manifest")
}

/// What the manifest says to take over, and neither AWS nor the state has: it is made, which may not be what is meant.
fn nothing_to_import(desired: &Desired, state: Option<&State>, live: &LiveState) -> Vec<Problem> {
    let missing = |(address, place): &(Address, Place)| {
        let id = &desired.resources.get(address)?.id;
        let is_known = live.objects.contains_key(id)
            || live.elsewhere.contains_key(id)
            || state.is_some_and(|state| state.objects.contains_key(id));
        let message = format!("{address} is to be taken over, and there is no {id}: it is created");
        let problem = || Problem::warning("nothing-to-import", message).at(*place);
        (!is_known).then(|| problem().help("correct what it goes by in AWS, or drop it from `import`"))
    };
    desired.imports.iter().filter_map(missing).collect()
}

/// A state file belongs to one deployment in one account.
pub fn same_deployment(state: &State, desired: &Desired, location: &str, sandbox: bool) -> Result<()> {
    if state.deployment != desired.deployment {
        return Err(Error::refused(format!(
            "the state {location} is of deployment {}, and the manifest is of {}",
            state.deployment, desired.deployment
        ))
        .hint("every deployment has a state of its own: drop `state:`, or name another one"));
    }
    if state.sandbox != sandbox {
        let (was, is) = if state.sandbox { ("a sandbox", "AWS") } else { ("AWS", "a sandbox") };
        return Err(Error::refused(format!("the state {location} is of {was}, and this run is in {is}"))
            .hint("give this run a state of its own:   --state OTHER.json"));
    }
    if state.account != desired.account {
        return Err(Error::refused(format!(
            "the state {location} is of account {}, and these credentials are of {}",
            state.account.id, desired.account.id
        ))
        .hint("use credentials of that account, or another state for this one: --state FILE"));
    }
    Ok(())
}

/// A lineage for a deployment that has none: 16 random hexadecimal digits.
pub fn lineage(state: Option<&State>) -> String {
    use std::hash::{BuildHasher, Hasher};
    match state {
        Some(state) => state.lineage.clone(),
        // The standard library's hash keys are drawn from the operating system's random numbers.
        None => format!("{:016x}", std::hash::RandomState::new().build_hasher().finish()),
    }
}
