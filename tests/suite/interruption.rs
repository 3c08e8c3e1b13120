//! Runs that are stopped from outside, and runs that meet each other.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::scene::{Run, Scene};
use crate::spine::DEMO;

const SLOW: &str = "latency=200ms";

/// A run that goes on while the test looks at it.
pub struct Running<'s> {
    scene: &'s Scene,
    child: Child,
}

impl<'s> Running<'s> {
    /// One call at a time, so that there is always something left to do.
    fn start(scene: &'s Scene, faults: &str) -> Self {
        let mut command = scene.command(["apply", "--auto-approve", "--parallelism", "1"]);
        command.env("SEQERA_IAM_SANDBOX", faults);
        Self::of(scene, command)
    }

    pub fn of(scene: &'s Scene, mut command: Command) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Self { scene, child: command.spawn().expect("the binary runs") }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until so many calls are recorded in the journal.
    fn until_recorded(&self, calls: usize) {
        let lines = || {
            let journal = std::fs::read_to_string(self.scene.path("state/demo.json.journal")).unwrap_or_default();
            // What is about to be made is none that finished.
            journal.lines().filter(|line| !line.starts_with(r#"{"intend""#)).count()
        };
        // The first line is the head.
        wait_for("the journal", || lines() > calls);
    }

    /// Reads what it prints until this is there.
    fn until_said(&mut self, text: &str) {
        let printed = BufReader::new(self.child.stdout.as_mut().expect("a pipe"));
        let found = printed.lines().map_while(Result::ok).any(|line| line.contains(text));
        assert!(found, "it never said {text}");
    }

    pub fn signal(&self, signal: &str) {
        let sent = Command::new("kill").arg(signal).arg(self.child.id().to_string()).status();
        assert!(sent.expect("there is a kill").success());
    }

    pub fn end(self) -> Run {
        Run::of(self.child.wait_with_output().expect("it ends"))
    }
}

pub fn wait_for(what: &str, condition: impl Fn() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < Duration::from_secs(20), "no {what} after 20 s");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn scene() -> Scene {
    let scene = Scene::new();
    scene.manifest(DEMO);
    scene
}

#[test]
fn an_interrupted_apply_finishes_what_runs_and_writes_the_state() {
    for signal in ["-INT", "-TERM"] {
        let scene = scene();
        let running = Running::start(&scene, SLOW);
        running.until_recorded(1);
        running.signal(signal);
        let run = running.end();
        run.expect(130)
            .says("Interrupted")
            .says("not started:")
            .says("To go on from here, run the same command again.");
        assert!(!scene.path("state/demo.json.journal").exists(), "the state is written whole");
        let recorded = scene.state()["objects"].as_array().expect("a list").len();
        assert!((1..7).contains(&recorded), "{recorded} of 7 are recorded");
        let steps = scene.steps();
        assert_eq!(steps.len(), 7 - recorded, "what is recorded is done: {steps:?}");
        assert!(steps.iter().all(|step| step.starts_with("create ")), "{steps:?}");
        scene.apply();
    }
}

/// As long as nothing was begun there is nothing to finish.
#[test]
fn a_run_that_only_reads_ends_at_a_signal() {
    let scene = scene();
    scene.apply();
    for (verb, signal) in [("plan", "-INT"), ("drift", "-TERM"), ("destroy --auto-approve", "-INT")] {
        let mut command = scene.command(verb.split(' '));
        command.env("SEQERA_IAM_SANDBOX", "latency=3000ms");
        let mut running = Running::of(&scene, command);
        running.until_said("Sandbox: account");
        running.signal(signal);
        running.end().expect(130);
    }
    scene.expect_no_changes();
}

#[test]
fn a_second_interrupt_ends_the_run_at_once() {
    let scene = scene();
    let mut running = Running::start(&scene, "latency=1500ms");
    running.until_recorded(0);
    running.signal("-INT");
    running.until_said("Interrupted:");
    let asked = Instant::now();
    running.signal("-INT");
    running.end().expect(130);
    assert!(asked.elapsed() < Duration::from_secs(1), "it did not wait for the calls that ran");
    scene.apply();
}

#[test]
fn a_run_that_is_shot_leaves_nothing_to_unlock() {
    let scene = scene();
    let running = Running::start(&scene, SLOW);
    running.until_recorded(1);
    running.signal("-KILL");
    assert_eq!(running.end().code, -1, "it was killed by a signal");
    assert!(scene.path("state/demo.json.journal").exists(), "it could not write its state");
    let left = scene.steps().len();
    assert!(left < 7, "what it recorded is known: {left} steps are left");
    scene.apply();
    assert!(!scene.path("state/demo.json.journal").exists());
}

#[test]
fn a_second_run_is_refused_or_waits() {
    let scene = scene();
    let running = Running::start(&scene, SLOW);
    running.until_recorded(0);
    for verb in ["apply --auto-approve", "destroy --auto-approve", "plan"] {
        let run = scene.run(verb);
        run.expect(3).says("state/demo.json is locked by process").says("--lock-timeout");
        assert!(run.stderr.contains(&running.child.id().to_string()), "who holds it: {}", run.stderr);
    }
    scene.run("plan --lock-timeout 0s").expect(3);
    let waited = scene.run("apply --auto-approve --lock-timeout 20s");
    waited.expect(0).says("No changes.");
    running.end().expect(0);
    scene.expect_no_changes();
}

/// Many at a time: exactly one makes things, and those that wait find nothing to do.
#[test]
fn runs_that_wait_for_each_other_do_the_work_once() {
    let scene = scene();
    let apply = || scene.run("apply --auto-approve --lock-timeout 30s");
    let runs: Vec<Run> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(apply)).collect();
        threads.into_iter().map(|thread| thread.join().expect("a run")).collect()
    });
    let busy = runs.iter().filter(|run| run.expect(0).stdout.contains("7 added, 0 changed, 0 destroyed")).count();
    assert_eq!(busy, 1);
    assert_eq!(scene.state()["serial"], 1);
}
