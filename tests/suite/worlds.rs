//! Worlds: what a deployment goes through, stage by stage, told in `worlds/*.yaml`.
//!
//! After each stage the plan is empty; at the end a destroy leaves nothing of ours. The same worlds are
//! played with the state lost after each stage, and may be played against any other IAM.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value as Json;

use crate::many;
use crate::scene::{Run, Scene, Target};

/// One life of a deployment.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct World {
    /// The name of its file.
    #[serde(skip)]
    pub name: String,
    #[serde(rename = "about")]
    pub _about: String,
    pub stages: Vec<Stage>,
    /// Whether it only goes well with its state: what hangs on owners of others is known nowhere else.
    #[serde(default)]
    pub needs_state: bool,
    /// What is still there after the destroy: objects that are not ours.
    #[serde(default)]
    pub left: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// What somebody does beside the tool before this stage.
    #[serde(default)]
    pub by_hand: Vec<Json>,
    /// The manifest from here on, without its head; without one, the last one stays.
    pub manifest: Option<String>,
    /// Destroys instead of applying.
    #[serde(default)]
    pub destroy: bool,
    /// The steps of the plan, as [`told`] tells them.
    #[serde(default)]
    pub steps: Vec<String>,
    /// What is said, by the plan or by the refusal.
    #[serde(default)]
    pub says: Vec<String>,
    /// The exit code when all of this is refused before anything happens.
    pub refused: Option<i32>,
    /// What the sandbox holds afterwards, a part of each file; `null` is what it must not hold.
    #[serde(default)]
    pub holds: BTreeMap<String, Json>,
}

const HEAD: &str = "apiVersion: seqera-iam/v1\nname: world\naccount: 123456789012\n";

/// Returns all worlds, by name.
pub fn all() -> Vec<World> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/worlds");
    let mut worlds: Vec<World> = std::fs::read_dir(folder)
        .expect("a folder of worlds")
        .flatten()
        .map(|entry| {
            let text = std::fs::read_to_string(entry.path()).expect("a world");
            let name = entry.path().file_stem().expect("a name").to_string_lossy().into_owned();
            let world: World = serde_yaml::from_str(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
            World { name, ..world }
        })
        .collect();
    worlds.sort_by(|a, b| a.name.cmp(&b.name));
    worlds
}

/// Tells each step: what happens, in which order for a replacement, where, and whether it repairs drift.
pub fn told(plan: &Json) -> Vec<String> {
    let tell = |step: &Json| {
        let action = match step["symbol"].as_str() {
            Some("+/-") => "create-then-delete",
            Some("-/+") => "delete-then-create",
            _ => step["action"].as_str().expect("an action"),
        };
        let drift = if step["drift"] == true { " (drift)" } else { "" };
        format!("{action} {}{drift}", step["address"].as_str().expect("an address"))
    };
    plan["steps"].as_array().expect("a list of steps").iter().map(tell).collect()
}

/// Plays a world. `between` is called after each stage that was applied.
pub fn play(scene: &Scene, world: &World, between: impl Fn(&Scene)) {
    for (number, stage) in world.stages.iter().enumerate() {
        let stage_name = format!("{}, stage {}", world.name, number + 1);
        stage.by_hand.iter().for_each(|call| drop(scene.call(call)));
        if let Some(manifest) = &stage.manifest {
            scene.manifest(&format!("{HEAD}{manifest}"));
        }
        match stage.refused {
            Some(code) => refuse(scene, stage, code, &stage_name),
            None => go_on(scene, stage, &stage_name),
        }
        // Only the sandbox can be looked into.
        for (object, expected) in stage.holds.iter().filter(|_| matches!(scene.target(), Target::Sandbox)) {
            scene.expect_held(object, expected);
        }
        if stage.refused.is_none() && !stage.destroy {
            between(scene);
        }
    }
    scene.destroy();
    assert_eq!(scene.everything(), world.left, "{}: left behind, or not left alone", world.name);
    assert_eq!(scene.state()["objects"], Json::Array(Vec::new()), "{}: the state is empty", world.name);
    scene.destroy().says("No changes.");
}

fn verb(stage: &Stage) -> &'static str {
    if stage.destroy { "destroy --auto-approve" } else { "apply --auto-approve" }
}

fn refuse(scene: &Scene, stage: &Stage, code: i32, name: &str) {
    let (account, state) = (scene.account(), scene.snapshot("state"));
    let run = scene.run(verb(stage));
    assert_eq!(run.code, code, "{name}: stdout:\n{}\nstderr:\n{}", run.stdout, run.stderr);
    run.says_all(&stage.says);
    assert_eq!(scene.account(), account, "{name}: what is refused changes nothing");
    assert_eq!(scene.snapshot("state"), state, "{name}: what is refused writes no state");
}

fn go_on(scene: &Scene, stage: &Stage, name: &str) {
    if stage.destroy {
        let run = scene.destroy();
        run.says_all(&stage.says);
        return;
    }
    let plan = scene.plan();
    assert_eq!(told(&plan), stage.steps, "{name}:\n{}", scene.run("plan").stdout);
    if !stage.says.is_empty() {
        scene.run("plan").says_all(&stage.says);
    }
    // However AWS is read, it is the same.
    let by = |reader: &str| -> Vec<Json> {
        let run = scene.run(&format!("plan --json --reader {reader}"));
        let plan: Json = serde_json::from_str(&run.stdout).unwrap_or_else(|_| panic!("{name}: {}", run.stderr));
        let mut parts = ["digest", "summary", "drift", "permissions", "warnings"].map(|part| plan[part].clone());
        // What nobody asks for is seen by the survey alone.
        let warnings = parts[4].as_array_mut().expect("a list");
        warnings.retain(|warning| warning["code"] != "stray");
        parts.to_vec()
    };
    assert_eq!(by("survey"), by("targeted"), "{name}: what the survey says, and single reads");
    let run = consent(scene, &plan, name);
    assert_eq!(run.code, 0, "{name}: stdout:\n{}\nstderr:\n{}", run.stdout, run.stderr);
    let plan = scene.run("plan --detailed-exitcode");
    assert_eq!(plan.code, 0, "{name}: the next plan is not empty:\n{}{}", plan.stdout, plan.stderr);
}

/// Applies. Where brakes hold, a run that nobody looked at is refused, and the same run goes ahead when it is forced.
fn consent(scene: &Scene, plan: &Json, name: &str) -> Run {
    if plan["brakes"].as_array().is_some_and(Vec::is_empty) {
        return scene.run("apply --auto-approve");
    }
    let (account, state) = (scene.account(), scene.snapshot("state"));
    let refused = scene.run("apply --auto-approve");
    assert_eq!(refused.code, 3, "{name}: a brake does not hold: {}\n{}", refused.stdout, refused.stderr);
    assert_eq!((scene.account(), scene.snapshot("state")), (account, state), "{name}: a brake changes nothing");
    scene.run("apply --auto-approve --force")
}

/// Does something with every world, several at a time, and tells of all that failed. `WORLD=NAME` is
/// for looking at one.
pub fn each(job: impl Fn(&World) + Sync) {
    let mut worlds = all();
    if let Ok(only) = std::env::var("WORLD") {
        worlds.retain(|world| world.name == only);
    }
    many::each(&worlds, job);
}

impl std::fmt::Display for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)
    }
}

#[test]
fn worlds_end_with_an_empty_plan_at_every_stage() {
    each(|world| play(&Scene::new(), world, |_| {}));
}

/// What is lost with the state is found by its tags and its owners, whatever came before; and lists may
/// come in short pages.
#[test]
fn worlds_go_on_when_the_state_is_lost_after_every_stage() {
    each(|world| {
        play(&Scene::with_faults("page=1"), world, |scene| {
            if world.needs_state {
                return;
            }
            scene.lose_state();
            let steps = scene.steps();
            let other: Vec<_> = steps.iter().filter(|step| !step.starts_with("import ")).collect();
            assert!(other.is_empty(), "{}: a lost state is imported: {other:?}", world.name);
            scene.run("apply --auto-approve").expect(0);
        });
    });
}

/// A state that was made anew from AWS is as good as the one that was lost.
#[test]
fn worlds_go_on_when_the_state_is_rebuilt_after_every_stage() {
    each(|world| {
        play(&Scene::new(), world, |scene| {
            if world.needs_state {
                return;
            }
            scene.lose_state();
            scene.run("state rebuild").expect(0);
            scene.expect_no_changes();
        });
    });
}
