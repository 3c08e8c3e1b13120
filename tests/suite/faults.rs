//! Everything that can go wrong on the way, at every place on the way: writes that fail, answers that
//! are lost, runs that are killed, states that are gone. The next run always finishes the job, makes
//! nothing twice, and touches nobody else's things.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::{Value as Json, json};

use crate::many;
use crate::scene::{Run, Scene};

const HEAD: &str = "apiVersion: seqera-iam/v1\nname: faulty\naccount: 123456789012\n";

/// Every kind, roles that trust each other, a boundary, a Deny.
const FIRST: &str = r#"
defaults: {tags: {team: genomics}}
policies:
  stays: {statements: {S: {Effect: Allow, Action: "s3:Get*", Resource: "*"}}}
  goes: {statements: {S: {Effect: Deny, Action: "s3:Put*", Resource: "*"}}}
  moves: {statements: {S: {Effect: Allow, Action: "s3:List*", Resource: "*"}}}
roles:
  head:
    boundary: policies.stays
    trust: {principals: [roles.worker]}
    policies: [policies.goes, policies.moves, AmazonS3ReadOnlyAccess]
    inline: {logs: {statements: {S: {Effect: Allow, Action: "logs:*", Resource: "*"}}}}
  worker: {trust: {principals: [roles.head]}, policies: [policies.moves]}
instance_profiles: {head: {role: roles.head}}
"#;

/// The same deployment later: everything changes, in all ways that there are.
const SECOND: &str = r#"
defaults: {tags: {team: proteomics}}
policies:
  stays: {statements: {S: {Effect: Allow, Action: "s3:*", Resource: "*"}}}
  moves: {path: /m/, statements: {S: {Effect: Allow, Action: "s3:List*", Resource: "*"}}}
  comes: {statements: {S: {Effect: Allow, Action: "ec2:*", Resource: "*"}}}
roles:
  head:
    name: chief
    boundary: policies.comes
    trust: {principals: [roles.worker]}
    policies: [policies.comes, policies.moves]
    inline: {logs: {statements: {S: {Effect: Deny, Action: "logs:*", Resource: "*"}}}}
  worker: {path: /w/, max_session: 2h, trust: {services: [ec2.amazonaws.com]}, policies: [policies.moves, policies.stays]}
instance_profiles: {head: {role: roles.worker}, more: {role: roles.head}}
"#;

/// What hangs on a role of others carries no tag of ours and is known to the state alone.
const OTHERS: &str = r#"
policies:
  reads: {statements: {S: {Effect: Allow, Action: "s3:Get*", Resource: "*"}}}
roles:
  foreign:
    existing: true
    policies: [policies.reads, CloudWatchLogsReadOnlyAccess, AmazonS3ReadOnlyAccess]
    inline: {logs: {statements: {S: {Effect: Allow, Action: "logs:*", Resource: "*"}}}}
"#;

/// Groups carry no tags: that we made one is known to the state alone.
const PEOPLE: &str = r#"
policies:
  ceiling: {statements: {S: {Effect: Allow, Action: "s3:*", Resource: "*"}}}
groups:
  crew: {policies: [AmazonS3ReadOnlyAccess], inline: {logs: {statements: {S: {Effect: Allow, Action: "logs:*", Resource: "*"}}}}}
users:
  ci:
    boundary: policies.ceiling
    groups: [groups.crew]
    policies: [AmazonS3ReadOnlyAccess]
    access_keys: {main: {deliver_to: {file: ci.env}}}
  bot: {access_keys: {main: {deliver_to: {file: bot.env}}}}
oidc_providers:
  tower: {url: "https://tower.example.com/api", audiences: [a, b]}
  gone: {url: "https://gone.example.com"}
roles:
  runs: {trust: {federated: oidc_providers.tower, subjects: "org:1:wsp:2:*"}}
service_linked_roles: [spot.amazonaws.com]
"#;

/// The same later.
const OTHER_PEOPLE: &str = r#"
policies:
  ceiling: {statements: {S: {Effect: Allow, Action: "s3:*", Resource: "*"}}}
groups:
  crew: {path: /m/, inline: {logs: {statements: {S: {Effect: Deny, Action: "logs:*", Resource: "*"}}}}}
  comes: {policies: [policies.ceiling]}
users:
  ci: {name: robot, boundary: policies.ceiling, groups: [groups.comes]}
  ana: {groups: [groups.crew], access_keys: {main: {deliver_to: {file: ana.env}}}}
  bot: {access_keys: {other: {deliver_to: {file: other.env}}}}
oidc_providers:
  tower: {url: "https://tower.example.com/api", audiences: [b, c], tags: {team: a}}
  comes: {url: "https://comes.example.com"}
roles:
  runs: {trust: {federated: oidc_providers.comes, subjects: "org:1:wsp:2:*"}}
service_linked_roles: [ecs.amazonaws.com]
"#;

/// One way from one account to another.
struct Road {
    name: &'static str,
    verb: &'static str,
    /// Just before the run.
    start: Scene,
    /// The account after a run in which nothing went wrong, and the calls of that run.
    end: BTreeMap<String, Json>,
    calls: Vec<String>,
    writes: usize,
}

impl Road {
    fn new(name: &'static str, verb: &'static str, before: Option<&str>, manifest: &str) -> Self {
        let start = Scene::new();
        let trust = json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]});
        start.call(&json!({"Action": "CreateRole", "RoleName": "foreign", "AssumeRolePolicyDocument": trust}));
        start.call(&json!({"Action": "AttachRolePolicy", "RoleName": "foreign",
            "PolicyArn": "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"}));
        if let Some(before) = before {
            start.manifest(&format!("{HEAD}{before}"));
            start.apply();
        }
        start.manifest(&format!("{HEAD}{manifest}"));
        let well = start.copy();
        well.run_with("log=calls", verb).expect(0);
        let calls: Vec<String> = well.read("calls").lines().map(str::to_owned).collect();
        let writes = calls.iter().filter(|call| is_write(call)).count();
        Self { name, verb, start, end: meaning(&well), calls, writes }
    }

    fn create() -> Self {
        Self::new("create", "apply --auto-approve", None, FIRST)
    }

    fn update() -> Self {
        Self::new("update", "apply --auto-approve --force", Some(FIRST), SECOND)
    }

    fn destroy() -> Self {
        Self::new("destroy", "destroy --auto-approve", Some(FIRST), FIRST)
    }

    /// On a role of others.
    fn others() -> Self {
        Self::new("others", "apply --auto-approve", None, OTHERS)
    }

    fn people() -> Self {
        Self::new("people", "apply --auto-approve", None, PEOPLE)
    }

    fn all() -> Vec<Self> {
        let other_people = Self::new("other people", "apply --auto-approve --force", Some(PEOPLE), OTHER_PEOPLE);
        vec![Self::create(), Self::update(), Self::destroy(), Self::others(), Self::people(), other_people]
    }

    /// Says whether the account was surveyed, so that no role and no user was read by itself.
    fn surveys(&self) -> bool {
        self.calls.iter().any(|call| call.starts_with("GetAccountAuthorizationDetails"))
    }

    fn asks_after_a_write(&self, action: &str) -> bool {
        let mut calls = self.calls.iter().skip_while(|call| !is_write(call));
        calls.any(|call| call.split(' ').next() == Some(action))
    }

    /// Demands that one more run finishes the job as if nothing had gone wrong.
    #[track_caller]
    fn finishes(&self, scene: &Scene) {
        scene.run(self.verb).expect(0);
        if self.verb.starts_with("apply") {
            scene.expect_no_changes();
        }
        assert_eq!(meaning(scene), self.end, "{}: another account than without the fault", self.name);
        // Where all was recorded before it was made, the next run may find nothing to write.
        let journal = scene.snapshot("state").keys().any(|name| name.ends_with(".journal"));
        assert!(!journal || ["others", "people"].contains(&self.name), "a journal is left");
        self.expect_foreign_untouched(scene);
        expect_keys_in_files(scene);
    }

    #[track_caller]
    fn expect_foreign_untouched(&self, scene: &Scene) {
        if self.name == "others" {
            return;
        }
        let foreign = "roles/foreign.json";
        assert_eq!(scene.account().get(foreign), self.start.account().get(foreign), "{}: touched", self.name);
    }
}

/// Demands that each key that there is lies in a file, and that nothing else does.
#[track_caller]
fn expect_keys_in_files(scene: &Scene) {
    let users = scene.account().into_iter().filter(|(name, _)| name.starts_with("users/"));
    let users = users.map(|(_, text)| serde_json::from_str::<Json>(&text).expect("the sandbox keeps JSON"));
    let held = |user: Json| user["access_keys"].as_object().cloned().unwrap_or_default().into_iter();
    let held: BTreeSet<String> = users.flat_map(held).map(|(id, _)| id).collect();
    let files = std::fs::read_dir(scene.path("")).expect("a folder").flatten().map(|entry| entry.path());
    let files = files.filter(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name.ends_with(".env") || name.starts_with(".seqera-iam-key-")
    });
    let handed = files.map(|path| std::fs::read_to_string(path).expect("a file"));
    let handed: BTreeSet<String> =
        handed.map(|text| text.lines().next().unwrap_or_default().replace("AWS_ACCESS_KEY_ID=", "")).collect();
    assert_eq!(held, handed, "keys, and what is in files");
}

fn is_write(call: &str) -> bool {
    !call.starts_with("Get") && !call.starts_with("List")
}

/// Returns what the account holds without what differs from run to run: ids, times, the lineage.
fn meaning(scene: &Scene) -> BTreeMap<String, Json> {
    let strip = |text: &String| {
        let mut json: Json = serde_json::from_str(text).expect("the sandbox keeps JSON");
        let object = json.as_object_mut().expect("an object");
        for key in ["id", "created", "updated", "trusted_ids"] {
            object.remove(key);
        }
        // Keys go by ids of AWS's own.
        if let Some(keys) = object.get_mut("access_keys") {
            let valid = keys.as_object().into_iter().flatten().filter(|(_, key)| key["active"] == true).count();
            *keys = json!({"valid": valid, "all": keys.as_object().map_or(0, serde_json::Map::len)});
        }
        for version in object.get_mut("versions").and_then(Json::as_object_mut).into_iter().flat_map(|v| v.values_mut())
        {
            version.as_object_mut().expect("a version").remove("created");
        }
        if let Some(tags) = object.get_mut("tags").and_then(Json::as_object_mut) {
            tags.remove("seqera-iam:lineage").expect("our objects carry the lineage");
        }
        json
    };
    scene.account().iter().map(|(name, text)| (name.clone(), strip(text))).collect()
}

/// A fault at one write.
struct Fault<'r> {
    road: &'r Road,
    number: usize,
    when: &'static str,
}

impl fmt::Display for Fault<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}:{}", self.road.name, self.number, self.when)
    }
}

fn faults(roads: &[Road]) -> Vec<Fault<'_>> {
    let both = |road, number| ["before", "after"].map(|when| Fault { road, number, when });
    roads.iter().flat_map(|road| (1..=road.writes).flat_map(move |number| both(road, number))).collect()
}

/// A kill before a write is much like one after the write before it.
fn kills(roads: &[Road]) -> Vec<Fault<'_>> {
    faults(roads).into_iter().filter(|fault| fault.when == "after").collect()
}

/// Demands that every step is said to be done, failed or not started.
fn expect_account_of_steps(run: &Run) {
    run.says("Not everything could be done.").says("To go on from here, run the same command again.");
    let line = run.stdout.lines().find(|line| line.ends_with("steps done")).expect("a count");
    let numbers: Vec<usize> = line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let count = |word: &str| run.stdout.lines().filter(|line| line.trim_start().starts_with(word)).count();
    assert!(count("failed:") > 0, "{}", run.stdout);
    assert_eq!(numbers[0] + count("failed:") + count("not started:"), numbers[1], "{}", run.stdout);
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
