//! One life: wishes, hands, faults and kills, and what has to hold after each.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use seqera_iam::apply;
use seqera_iam::cloud::{Cloud, Target};
use seqera_iam::graph::Desired;
use seqera_iam::manifest::{Inputs, Manifest};
use seqera_iam::model::{Account, State};
use seqera_iam::plan::{self, Plan, Question};
use seqera_iam::sandbox::{Faults, Request, Sandbox};
use seqera_iam::state::{Access, LocalStore, StateStore};
use seqera_iam::survey::{self, Purpose};

use crate::draw::Chance;
use crate::world::{TAGS, World};

/// What came of one run.
enum Ran {
    Done,
    /// The plan was refused: a person would have to decide.
    Refused(String),
    /// Something failed, or the run was killed.
    Cut,
}

/// Plays one seed. Returns how many applies it took, or what does not hold.
pub fn play(seed: u64, verbose: bool) -> Result<u64, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|e| e.to_string())?;
    // Memory, where the system has such a folder: the disk is not what is doubted.
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    let folder = folder.map_err(|e| e.to_string())?;
    let life = Life { folder: folder.path().to_owned(), verbose };
    runtime.block_on(life.live(&mut Chance::new(seed)))
}

struct Life {
    folder: PathBuf,
    verbose: bool,
}

impl Life {
    async fn live(&self, chance: &mut Chance) -> Result<u64, String> {
        self.make_foreign()?;
        let foreign = self.foreign()?;
        let (mut world, mut applies) = (World::default(), 0);
        for stage in 0..2 + chance.below(3) {
            let before = world.clone();
            world.change(chance);
            self.tell(|| format!("stage {stage}:\n{}", world.manifest()));
            applies += self.interrupted(Some(&world), chance).await?;
            if let Ran::Refused(why) = self.settle(Some(&world)).await? {
                // Going back has to work: nothing was half done that a refusal keeps from being mended.
                self.tell(|| format!("refused: {why}"));
                world = before;
                if let Ran::Refused(why) = self.settle(Some(&world)).await? {
                    return Err(format!("the wish before is refused: {why}"));
                }
            }
            applies += 1;
            self.hold(&world, &foreign, chance).await?;
        }
        applies += self.interrupted(None, chance).await?;
        match self.settle(None).await? {
            Ran::Done => {}
            Ran::Refused(why) => return Err(format!("destroying is refused: {why}")),
            Ran::Cut => return Err("destroying does not end".to_owned()),
        }
        if self.objects()? != foreign {
            return Err(format!("after destroying there is {:?}", self.objects()?.keys().collect::<Vec<_>>()));
        }
        Ok(applies + 1)
    }

    /// What has to hold when a wish is settled, and what people do until the next one.
    async fn hold(&self, world: &World, foreign: &BTreeMap<String, String>, chance: &mut Chance) -> Result<(), String> {
        self.demand_empty(world).await?;
        if chance.percent(25) {
            self.tell(|| "the state is lost".to_owned());
            std::fs::remove_dir_all(self.folder.join("state")).map_err(|e| e.to_string())?;
            if let Ran::Refused(why) = self.settle(Some(world)).await? {
                return Err(format!("with the state lost it is refused: {why}"));
            }
            self.demand_empty(world).await?;
        }
        let objects = self.objects()?;
        if !foreign.iter().all(|(name, text)| objects.get(name) == Some(text)) {
            return Err("something foreign was touched".to_owned());
        }
        self.by_hand(chance)
    }

    /// Runs with faults, some of them deadly. Whatever comes of it, the state can be read.
    async fn interrupted(&self, world: Option<&World>, chance: &mut Chance) -> Result<u64, String> {
        let times = chance.below(3);
        for _ in 0..times {
            let number = 1 + chance.below(12);
            let when = if chance.percent(50) { "before" } else { "after" };
            let faults = match chance.below(6) {
                0 | 1 => format!("fail_write={number}:{when}"),
                2 | 3 => format!("halt_write={number}:{when}"),
                4 => format!("drop=8%,html=4%,cut=4%,seed={}", chance.below(1_000_000)),
                _ => format!("page=1,halt_write={number}:{when}"),
            };
            self.tell(|| format!("with {faults}"));
            self.run(world, &faults).await?;
            self.load().await?;
        }
        Ok(times as u64)
    }

    /// Runs without faults: it has to come to its end, or to be refused.
    async fn settle(&self, world: Option<&World>) -> Result<Ran, String> {
        match self.run(world, "").await? {
            Ran::Cut => Err("a run without faults fails".to_owned()),
            ran => Ok(ran),
        }
    }

    async fn demand_empty(&self, world: &World) -> Result<(), String> {
        let (sandbox, cloud) = self.connect("").await?;
        let state = self.load().await?;
        let (desired, plan) = self.plan(world, &cloud, state.as_ref()).await?;
        drop((sandbox, desired));
        match plan {
            Ok(plan) if plan.is_empty() => Ok(()),
            Ok(plan) => {
                let steps: Vec<String> =
                    plan.steps.iter().map(|step| format!("{} {}", step.action().word(), step.address)).collect();
                Err(format!("the next plan is not empty: {}", steps.join(", ")))
            }
            Err(why) => Err(format!("the next plan is refused: {why}")),
        }
    }

    async fn connect(&self, faults: &str) -> Result<(Sandbox, Arc<Cloud>), String> {
        let faults = Faults::parse(faults).map_err(|e| e.to_string())?;
        let sandbox = Sandbox::open(&self.folder.join("aws"), None, faults).map_err(|e| e.to_string())?;
        let target = Target { http: Some(sandbox.http_client()), parallelism: 4, ..Target::default() };
        let cloud = Cloud::connect(&target).await.map_err(|e| e.to_string())?;
        Ok((sandbox, Arc::new(cloud)))
    }

    fn store(&self) -> LocalStore {
        LocalStore::new(self.folder.join("state/sim.json"))
    }

    async fn load(&self) -> Result<Option<State>, String> {
        self.store().load().await.map_err(|e| format!("the state cannot be read: {e}"))
    }

    async fn plan(
        &self,
        world: &World,
        cloud: &Arc<Cloud>,
        state: Option<&State>,
    ) -> Result<(Desired, Result<Plan, String>), String> {
        let none = |path: &str| Err::<String, String>(format!("there is no {path}"));
        let manifest = Manifest::parse("sim.yaml", &world.manifest(), &Inputs::default(), &none)
            .map_err(|(problems, _)| format!("{problems:?}"))?;
        let (desired, _) = manifest.resolve(&cloud.account).map_err(|problems| format!("{problems:?}"))?;
        let live = survey::read(cloud, &desired, state, Purpose::Converge, None).await.map_err(|e| e.to_string())?;
        let question = Question { desired: &desired, state, live: &live, fresh_lineage: "5eed" };
        let plan = plan::plan(&question).map_err(|e| format!("refused: {e}"))?;
        let plan = plan.map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "));
        Ok((desired, plan))
    }

    /// Plans and applies; without a world, destroys.
    async fn run(&self, world: Option<&World>, faults: &str) -> Result<Ran, String> {
        let Ok((sandbox, cloud)) = self.connect(faults).await else { return Ok(Ran::Cut) };
        let store = self.store();
        let lock = store.lock(Access::Writing, Duration::ZERO).await.map_err(|e| e.to_string())?;
        let state = self.load().await?;
        let nothing = World::default();
        let planned = self.plan(world.unwrap_or(&nothing), &cloud, state.as_ref()).await;
        let plan = match planned {
            Ok((_, Ok(plan))) => plan,
            Ok((_, Err(why))) => return Ok(Ran::Refused(why)),
            Err(why) if faults.is_empty() => return Err(why),
            Err(_) => return Ok(Ran::Cut),
        };
        self.tell(|| {
            plan.steps.iter().map(|step| format!("  {} {}\n", step.action().symbol(), step.address)).collect()
        });
        let account = Account::clone(&cloud.account);
        let begin = state.unwrap_or_else(|| State::new(&plan.deployment, &account, plan.lineage.clone()));
        let never = Box::pin(std::future::pending());
        let mut quiet = |event: apply::Event| {
            if let apply::Event::Failed { step, error, .. } = event {
                self.tell(|| format!("  failed {}: {error}", step.address));
            }
        };
        let ran = tokio::select! {
            biased;
            () = sandbox.halted() => Ran::Cut,
            done = apply::apply(&plan, &cloud, &store, begin, never, &mut quiet) => match done {
                Ok((outcome, _)) if outcome.failed.is_empty() && outcome.not_started.is_empty() => Ran::Done,
                Ok(_) => Ran::Cut,
                Err(e) => return Err(e.to_string()),
            },
        };
        drop(lock);
        Ok(ran)
    }

    fn call(&self, parameters: &[(&str, &str)]) -> Result<bool, String> {
        let sandbox = Sandbox::open(&self.folder.join("aws"), None, Faults::default()).map_err(|e| e.to_string())?;
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("Version", "2010-05-08").extend_pairs(parameters);
        let answer = sandbox.answer(&Request::parse(form.finish().as_bytes())).answer();
        answer.map(|response| response.status == 200).ok_or_else(|| "an answer was lost without a fault".to_owned())
    }

    fn make_foreign(&self) -> Result<(), String> {
        let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
        self.call(&[("Action", "CreateRole"), ("RoleName", "foreign"), ("AssumeRolePolicyDocument", trust)])?;
        let policy = "arn:aws:iam::aws:policy/PowerUserAccess";
        self.call(&[("Action", "AttachRolePolicy"), ("RoleName", "foreign"), ("PolicyArn", policy)])?;
        self.call(&[("Action", "CreateInstanceProfile"), ("InstanceProfileName", "foreign")])?;
        Ok(())
    }

    fn foreign(&self) -> Result<BTreeMap<String, String>, String> {
        self.objects()
    }

    /// Returns every object of the account, as the sandbox keeps it.
    fn objects(&self) -> Result<BTreeMap<String, String>, String> {
        let mut objects = BTreeMap::new();
        for collection in ["roles", "policies", "instance_profiles"] {
            let Ok(entries) = std::fs::read_dir(self.folder.join("aws").join(collection)) else { continue };
            for entry in entries.flatten() {
                let text = std::fs::read_to_string(entry.path()).map_err(|e| e.to_string())?;
                objects.insert(format!("{collection}/{}", entry.file_name().to_string_lossy()), text);
            }
        }
        Ok(objects)
    }

    /// Somebody changes a role of ours in the console.
    fn by_hand(&self, chance: &mut Chance) -> Result<(), String> {
        let roles: Vec<String> = self
            .objects()?
            .into_keys()
            .filter_map(|name| {
                name.strip_prefix("roles/").and_then(|name| name.strip_suffix(".json")).map(str::to_owned)
            })
            .filter(|name| name != "foreign")
            .collect();
        if roles.is_empty() || chance.percent(50) {
            return Ok(());
        }
        let role = chance.pick(&roles).as_str();
        let tag = *chance.pick(&TAGS);
        let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:*","Resource":"*"}]}"#;
        let arn = "arn:aws:iam::aws:policy/AdministratorAccess";
        let call: &[(&str, &str)] = match chance.below(7) {
            0 => &[("Action", "AttachRolePolicy"), ("RoleName", role), ("PolicyArn", arn)],
            1 => &[("Action", "PutRolePolicy"), ("RoleName", role), ("PolicyName", "one"), ("PolicyDocument", policy)],
            2 => &[("Action", "DeleteRolePolicy"), ("RoleName", role), ("PolicyName", "one")],
            3 => &[("Action", "UpdateRole"), ("RoleName", role), ("Description", "by hand")],
            4 => &[
                ("Action", "TagRole"),
                ("RoleName", role),
                ("Tags.member.1.Key", tag),
                ("Tags.member.1.Value", "hand"),
            ],
            5 => &[("Action", "UntagRole"), ("RoleName", role), ("TagKeys.member.1", "seqera-iam:deployment")],
            _ => &[
                ("Action", "DetachRolePolicy"),
                ("RoleName", role),
                ("PolicyArn", "arn:aws:iam::aws:policy/PowerUserAccess"),
            ],
        };
        self.tell(|| format!("by hand: {call:?}"));
        self.call(call)?;
        Ok(())
    }

    fn tell(&self, what: impl FnOnce() -> String) {
        if self.verbose {
            println!("{}", what());
        }
    }
}
