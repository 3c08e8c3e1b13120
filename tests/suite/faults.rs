//! Everything that can go wrong on the way, at every place on the way: writes that fail, answers that
//! are lost, runs that are killed, states that are gone. The next run always finishes the job, makes
//! nothing twice, and touches nobody else's things.

use std::fmt;

use serde_json::json;

use crate::many;
use crate::roads::{FIRST, Fault, HEAD, Road, SECOND, faults, is_write, kills, meaning};
use crate::scene::{Run, Scene};

/// Demands that every step is said to be done, half done, failed or not started.
fn expect_account_of_steps(run: &Run) {
    run.says("Not everything could be done.").says("To go on from here, run the same command again.");
    let line = run.stderr.lines().find(|line| line.ends_with("steps done")).expect("a count");
    let numbers: Vec<usize> = line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let count = |word: &str| run.stderr.lines().filter(|line| line.trim_start().starts_with(word)).count();
    assert!(count("failed:") > 0, "{}", run.stderr);
    let open = ["failed:", "half done:", "not started:"].map(count);
    assert_eq!(numbers[0] + open.iter().sum::<usize>(), numbers[1], "{}", run.stderr);
}

#[test]
fn a_write_that_fails_anywhere_is_said_and_the_next_run_finishes() {
    let roads = Road::all();
    many::each(&faults(&roads), |fault| {
        let scene = fault.road.start.copy();
        let run = scene.run_with(&format!("fail_write={}:{}", fault.number, fault.when), fault.road.verb);
        expect_account_of_steps(run.expect(1));
        fault.road.expect_foreign_untouched(&scene);
        fault.road.finishes(&scene);
    });
}

#[test]
fn a_run_that_is_killed_anywhere_is_finished_by_the_next() {
    let roads = Road::all();
    many::each(&kills(&roads), |fault| {
        let scene = fault.road.start.copy();
        scene.run_with(&format!("kill_write={}:{}", fault.number, fault.when), fault.road.verb).expect(137);
        fault.road.expect_foreign_untouched(&scene);
        fault.road.finishes(&scene);
    });
}

/// Two runs die, the second one somewhere else.
#[test]
fn a_run_after_a_kill_may_be_killed_too() {
    let roads = Road::all();
    let some: Vec<Fault> = faults(&roads).into_iter().filter(|fault| fault.number % 4 == 0).collect();
    many::each(&some, |fault| {
        let scene = fault.road.start.copy();
        scene.run_with(&format!("kill_write={}:{}", fault.number, fault.when), fault.road.verb).expect(137);
        let second = 1 + fault.number % 3;
        let run = scene.run_with(&format!("kill_write={second}:after"), fault.road.verb);
        assert!([0, 137].contains(&run.code), "{}{}", run.stdout, run.stderr);
        fault.road.finishes(&scene);
    });
}

/// Who changes their mind after a crash destroys what was made so far, and the account is as it was
/// before, what somebody else attached to their own role included.
#[test]
fn a_killed_apply_may_be_destroyed() {
    let roads = [Road::create(), Road::others(), Road::people()];
    many::each(&kills(&roads), |fault| {
        let scene = fault.road.start.copy();
        scene.run_with(&format!("kill_write={}:{}", fault.number, fault.when), fault.road.verb).expect(137);
        scene.destroy();
        assert_eq!(scene.account(), fault.road.start.account());
    });
}

/// The machine goes down with the run, and the disk has no more of the journal than it had to have.
fn cut_power(scene: &Scene) {
    let Some((name, journal)) = scene.snapshot("state").into_iter().find(|(name, _)| name.ends_with(".journal")) else {
        return;
    };
    let lasts = |line: &&str| line.starts_with(r#"{"intend""#) || line.contains(r#""access_key""#);
    let lines: Vec<&str> = journal.split_inclusive('\n').collect();
    let kept = lines.iter().rposition(lasts).map_or(0, |last| last + 1);
    scene.write(&format!("state/{name}"), &lines[..kept].concat());
}

#[test]
fn a_power_cut_takes_nothing_that_only_the_state_tells() {
    let roads = [Road::create(), Road::others(), Road::people()];
    many::each(&kills(&roads), |fault| {
        let scene = fault.road.start.copy();
        scene.run_with(&format!("kill_write={}:{}", fault.number, fault.when), fault.road.verb).expect(137);
        cut_power(&scene);
        let other = scene.copy();
        fault.road.finishes(&scene);
        other.destroy();
        assert_eq!(other.account(), fault.road.start.account());
    });
}

/// A killed run, and then the disk with the state is gone: what was made carries our tags.
#[test]
fn a_killed_run_and_a_lost_state_are_no_loss() {
    let roads = [Road::create(), Road::destroy()];
    many::each(&kills(&roads), |fault| {
        let scene = fault.road.start.copy();
        scene.run_with(&format!("kill_write={}:{}", fault.number, fault.when), fault.road.verb).expect(137);
        scene.lose_state();
        fault.road.finishes(&scene);
    });
}

/// The same while things change. What the manifest no longer mentions is nobody's then, and left alone;
/// and nothing moves to another path, as an object in the old one might be anybody's.
#[test]
fn a_killed_change_and_a_lost_state_are_no_loss() {
    let second = SECOND.replace("path: /m/, ", "").replace("path: /w/, ", "");
    let roads = [Road::new("change", "apply --auto-approve --force", Some(FIRST), &second)];
    many::each(&kills(&roads), |fault| {
        let scene = fault.road.start.copy();
        scene.run_with(&format!("kill_write={}:{}", fault.number, fault.when), fault.road.verb).expect(137);
        scene.lose_state();
        scene.apply();
        let held = meaning(&scene);
        for (name, object) in &fault.road.end {
            assert_eq!(held.get(name), Some(object), "{name}");
        }
    });
}

/// What hangs on a role of others was known to the lost state alone, and stays there. Our policy is ours
/// wherever it is attached: it could not be deleted otherwise.
#[test]
fn a_policy_on_a_role_of_others_is_found_without_the_state() {
    let start = Road::others().start;
    let forgotten = start.copy();
    forgotten.apply();
    forgotten.lose_state();
    let known_again = forgotten.copy();
    known_again.apply();
    for scene in [forgotten, known_again] {
        scene.destroy();
        assert!(scene.held("policies").is_empty());
        scene.expect_held(
            "roles/foreign",
            &json!({"policies": [
                "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess",
                "arn:aws:iam::aws:policy/CloudWatchLogsReadOnlyAccess",
            ]}),
        );
    }
}

/// IAM may not know everywhere yet what a run made that was killed a moment ago.
#[test]
fn what_a_killed_run_made_is_waited_for() {
    let scene = Scene::new();
    scene.manifest(&format!("{HEAD}{FIRST}"));
    scene.run_with("kill_write=6:after", "apply --auto-approve --parallelism 1").expect(137);
    scene.run_with("delay=3s", "apply --auto-approve").expect(0);
    scene.expect_no_changes();
}

/// The answer to an attachment is lost, the SDK calls again, and that call is refused: what the first one did
/// is ours all the same.
#[test]
fn a_refusal_after_a_lost_answer_does_not_end_the_intent() {
    let start = Road::others().start;
    let seeds: Vec<u32> = (1..=12).collect();
    many::each(&seeds, |seed| {
        let scene = start.copy();
        let policies = "existing: true, policies: [CloudWatchLogsReadOnlyAccess, AmazonS3FullAccess]";
        scene.manifest(&format!("{HEAD}roles: {{foreign: {{{policies}}}}}\n"));
        let faults = format!("drop=15%,seed={seed},fail_write=2:before");
        scene.run_with(&faults, "apply --auto-approve --parallelism 1 --reader targeted");
        scene.apply();
        scene.destroy();
        assert_eq!(scene.account(), start.account());
    });
}

/// The answer to a group is lost, the SDK calls again and hears that there is one, and reading does not show it
/// yet. Nothing else tells whose a group is.
#[test]
fn a_group_that_is_not_shown_yet_is_waited_for() {
    let start = Road::others().start;
    let seeds: Vec<u32> = (1..=12).collect();
    many::each(&seeds, |seed| {
        let scene = start.copy();
        scene.manifest(&format!("{HEAD}groups: {{team: {{policies: [CloudWatchLogsReadOnlyAccess]}}}}\n"));
        let faults = format!("drop=40%,delay=2s,stale_reads=100%,seed={seed}");
        scene.run_with(&faults, "apply --auto-approve --parallelism 1 --reader targeted");
        scene.apply();
        scene.destroy();
        assert_eq!(scene.account(), start.account());
    });
}

#[test]
fn a_kill_leaves_what_was_written() {
    let trust = "{trust: {services: [ec2.amazonaws.com]}}";
    for (setting, names) in [("kill_write=2:before", &["a"][..]), ("kill_write=2:after", &["a", "b"])] {
        let scene = Scene::new();
        scene.manifest(&format!("{HEAD}roles: {{a: {trust}, b: {trust}, c: {trust}}}\n"));
        scene.run_with(setting, "apply --auto-approve --parallelism 1").expect(137);
        assert_eq!(scene.held("roles"), names, "{setting}");
        scene.apply();
    }
}

/// A change that AWS refuses is not taken back from the state: what we put on a role of others stays ours.
#[test]
fn a_refused_update_on_a_role_of_others_is_not_forgotten() {
    let scene = Road::others().start.copy();
    let account = scene.account();
    let allow = |action: &str| {
        let statement = format!("{{S: {{Effect: Allow, Action: {action}, Resource: '*'}}}}");
        let inline = format!("{{two: {{statements: {statement}}}}}");
        scene.manifest(&format!("{HEAD}roles: {{foreign: {{existing: true, inline: {inline}}}}}\n"));
    };
    allow("logs:GetLogEvents");
    scene.apply();
    allow("logs:FilterLogEvents");
    scene.run_with("fail_write=1:before", "apply --auto-approve").expect(1);
    scene.destroy();
    assert_eq!(scene.account(), account);
}

/// A role that is made in two steps, as it trusts one that comes later, is known by its new id afterwards.
#[test]
fn a_role_that_was_made_again_is_known_by_its_new_id() {
    let scene = Scene::new();
    let manifest = |path: &str| {
        let [head, worker] =
            ["worker", "head"].map(|other| format!("{{path: {path}, trust: {{principals: [roles.{other}]}}}}"));
        scene.manifest(&format!("{HEAD}roles: {{head: {head}, worker: {worker}}}\n"));
        scene.apply();
        for role in ["head", "worker"] {
            let state = scene.state();
            let records = state["objects"].as_array().expect("records");
            let record = records.iter().find(|record| record["name"] == role).expect("a record");
            scene.expect_held(&format!("roles/{role}"), &json!({"id": record["aws_id"]}));
        }
    };
    manifest("/");
    manifest("/elsewhere/");
}

/// Denied: a name for a test.
struct Denied<'r>(&'r Road, String);

impl fmt::Display for Denied<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0.name, self.1)
    }
}

/// Without these a plan knows less, or each object is read by itself.
const DISPENSABLE: [&str; 6] = [
    "GetAccessKeyLastUsed",
    "GetAccountAuthorizationDetails",
    "GetAccountSummary",
    "GetResources",
    "ListInstanceProfiles",
    "ListRoles",
];

/// These are asked between writes.
const AFTER_A_WRITE: [&str; 2] = ["ListPolicyVersions", "GetServiceLinkedRoleDeletionStatus"];

/// Where the account is surveyed, these tell a plan only who was used not long ago.
const OF_USE: [&str; 2] = ["GetRole", "GetUser"];

/// Whatever action a policy denies us: a denied reading is never taken for absence, a denied write stops
/// what depends on it, and with the permission the job is finished.
#[test]
fn every_action_may_be_denied() {
    let roads = Road::all();
    let actions = |road: &Road| {
        let mut actions: Vec<String> =
            road.calls.iter().filter_map(|call| call.split(' ').next()).map(str::to_owned).collect();
        actions.sort();
        actions.dedup();
        actions
    };
    let denied: Vec<Denied> =
        roads.iter().flat_map(|road| actions(road).into_iter().map(move |action| Denied(road, action))).collect();
    many::each(&denied, |Denied(road, action)| {
        let scene = road.start.copy();
        let (account, state) = (scene.account(), scene.snapshot("state"));
        let run = scene.run_with(&format!("fail_action={action}"), road.verb);
        let of_use = OF_USE.contains(&action.as_str()) && road.surveys();
        let later = AFTER_A_WRITE.contains(&action.as_str()) || (of_use && road.asks_after_a_write(action));
        if DISPENSABLE.contains(&action.as_str()) || (of_use && !later) {
            run.expect(0);
            return road.finishes(&scene);
        }
        run.expect(1).says("AccessDenied").says(action).says("help:");
        if is_write(action) {
            expect_account_of_steps(&run);
        } else if !later {
            assert_eq!(scene.account(), account, "{action} is asked before anything is written");
            assert_eq!(scene.snapshot("state"), state);
        }
        road.finishes(&scene);
    });
}

#[test]
fn throttling_and_slow_principals_are_waited_for() {
    let roads = Road::all();
    let slow = |road| ["throttle=5", "invalid_principal=2"].map(|fault| Denied(road, fault.to_owned()));
    let slow: Vec<Denied> = roads.iter().flat_map(slow).collect();
    many::each(&slow, |Denied(road, fault)| {
        let scene = road.start.copy();
        let run = scene.run_with(fault, road.verb);
        run.expect(0);
        if fault.starts_with("throttle") {
            run.says("IAM throttles the account");
        }
        assert_eq!(meaning(&scene), road.end);
        road.finishes(&scene);
    });
}

/// What fails has nothing to do with what needs no step.
#[test]
fn what_needs_no_step_is_recorded_though_something_failed() {
    let scene = Scene::new();
    let role = "roles: {kept: {trust: {services: [ec2.amazonaws.com]}, prevent_destroy: false}}";
    scene.manifest(&format!("{HEAD}{role}"));
    scene.apply();
    let policy = r#"policies: {p: {statements: {S: {Effect: Allow, Action: "s3:Get*", Resource: "*"}}}}"#;
    scene.manifest(&format!("{HEAD}{}\n{policy}", role.replace("false", "true")));
    scene.run_with("deny=CreatePolicy", "apply --auto-approve").expect(1);
    scene.manifest(HEAD);
    scene
        .run("apply --auto-approve --force")
        .expect(3)
        .says("roles.kept must not be destroyed: it says prevent_destroy");
}
