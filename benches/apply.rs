//! How long things take, against the least they could: `cargo bench`.
//!
//! A unit is a policy, a role with one inline policy and two attachments (that policy and one of AWS's), and
//! an instance profile with the role in it. The sandbox answers every call after 20 ms and keeps its account in
//! memory where there is `/dev/shm`, so that the disk is not what is measured. What is to hold: a ratio near 1,
//! the same calls for each unit whatever their number, and what a line says it shall stay under.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use seqera_iam::apply;
use seqera_iam::cloud::{Cloud, Target};
use seqera_iam::delivery::Delivery;
use seqera_iam::graph::Desired;
use seqera_iam::manifest::{Inputs, Manifest};
use seqera_iam::model::{Account, Live, LiveState, State};
use seqera_iam::plan::order::Task;
use seqera_iam::plan::{self, Plan, Question};
use seqera_iam::policy::{Document, Host, findings};
use seqera_iam::sandbox::{Faults, Sandbox};
use seqera_iam::state::{LocalStore, StateStore};
use seqera_iam::survey;

const LATENCY: Duration = Duration::from_millis(20);
const PARALLELISM: usize = 10;
const LINEAGE: &str = "0123456789abcdef";

/// Resources in one unit.
const UNIT: usize = 7;

// The calls that have to follow each other when a thing is read. A policy that is not at its ARN is looked
// for among all; a role is asked for itself, its attachments, the names and then the documents of its inline
// policies; who uses a policy is asked for once as permissions and once as the boundary.
const READ_ABSENT: usize = 2;
const READ_ROLE: usize = 4;
const READ_USERS: usize = 2;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    println!("{:<28}{:>8}{:>8}{:>10}{:>10}{:>8}", "", "calls", "chain", "floor", "wall", "ratio");
    for units in [10, 100, 1_000] {
        runtime.block_on(life(units));
    }
    println!();
    for (units, foreign, most) in [(100, 0, 15), (1_000, 0, 60), (100, 2_000, 0), (20, 2_000, 0)] {
        runtime.block_on(crowded(units, foreign, most));
    }
    println!();
    runtime.block_on(throttled(100, 50));
    println!();
    help();
    documents();
    for resources in [1_000, 10_000] {
        planning(resources);
    }
    validate(10_000);
    memory();
}

fn manifest(units: usize) -> String {
    let mut text = "apiVersion: seqera-iam/v1\nname: bench\npolicies:\n".to_owned();
    for unit in 0..units {
        text += &format!(
            "  p{unit}: {{statements: {{S: {{Effect: Allow, Action: [s3:GetObject, s3:PutObject], \
             Resource: \"arn:aws:s3:::b{unit}/*\"}}}}}}\n"
        );
    }
    text += "roles:\n";
    for unit in 0..units {
        text += &format!(
            "  r{unit}:\n    trust: {{services: [ec2.amazonaws.com]}}\n    policies: [policies.p{unit}, AmazonS3ReadOnlyAccess]\n    \
             inline: {{logs: {{statements: {{L: {{Effect: Allow, Action: logs:GetLogEvents, Resource: \"*\"}}}}}}}}\n"
        );
    }
    text += "instance_profiles:\n";
    (0..units).for_each(|unit| text += &format!("  i{unit}: {{role: roles.r{unit}}}\n"));
    text
}

fn desired(units: usize, account: &Account) -> Desired {
    let none = |path: &str| Err::<String, String>(format!("there is no {path}"));
    let Ok(manifest) = Manifest::parse("seqera.yaml", &manifest(units), &Inputs::default(), &none) else {
        panic!("the manifest is no YAML")
    };
    manifest.resolve(account).map(|(desired, _)| desired).unwrap_or_else(|problems| panic!("{problems:?}"))
}

/// Compares, and demands that nothing is wrong.
fn compare(desired: &Desired, state: Option<&State>, live: &LiveState) -> Plan {
    let question = Question { desired, state, live, fresh_lineage: LINEAGE };
    plan::plan(&question).expect("one life").unwrap_or_else(|problems| panic!("{problems:?}"))
}

/// Creates, reads and destroys.
async fn life(units: usize) {
    let folder = folder();
    let latency = format!("latency={}ms", LATENCY.as_millis());
    let cloud = connect(&folder.path().join("sandbox"), &latency).await;
    let store = LocalStore::new(folder.path().join("state.json"));
    let desired = desired(units, &cloud.account);
    let fresh = State::new(&desired.deployment, &desired.account, LINEAGE.to_owned());

    let (plan, row) = read(&cloud, &desired, None, READ_ABSENT).await;
    row.print(&format!("{units} units: first plan"));
    assert_eq!(plan.steps.len(), units * UNIT);
    let (state, row) = carry_out(&cloud, &plan, &store, fresh).await;
    row.print("apply");
    let writes = row.calls;

    let (plan, row) = read(&cloud, &desired, Some(&state), READ_ROLE).await;
    row.print("empty plan");
    let per_unit = |calls: u64| calls as f64 / units as f64;
    println!("{:<28}{:>8.2} to read, {:.2} to make", "  calls for each unit", per_unit(row.calls), per_unit(writes));
    assert!(plan.is_empty());

    let nothing = Desired::nothing(desired.deployment.clone(), desired.account.clone());
    let (plan, row) = read(&cloud, &nothing, Some(&state), READ_ROLE + READ_USERS).await;
    row.print("plan to destroy");
    let (state, row) = carry_out(&cloud, &plan, &store, state).await;
    row.print("destroy");
    assert!(state.objects.is_empty());
}

/// Plans what is there already at 40 ms a call, by either reader and by the one that is chosen, in an account with
/// this many roles of others. `most` is how many calls it may take; none where that is not said.
async fn crowded(units: usize, foreign: usize, most: u64) {
    let folder = folder();
    let path = folder.path().join("sandbox");
    let quiet = connect(&path, "").await;
    let desired = desired(units, &quiet.account);
    let store = LocalStore::new(folder.path().join("state.json"));
    let fresh = State::new(&desired.deployment, &desired.account, LINEAGE.to_owned());
    let (plan, _) = read(&quiet, &desired, None, 0).await;
    let (state, _) = carry_out(&quiet, &plan, &store, fresh).await;
    // Another account's worth of roles, as files of the sandbox: so many calls would take minutes.
    let model = std::fs::read_to_string(path.join("roles/r0.json")).expect("a role");
    for number in 0..foreign {
        let text = model.replace("\"r0\"", &format!("\"foreign-{number}\"")).replace("seqera-iam:", "other:");
        std::fs::write(path.join(format!("roles/foreign-{number}.json")), text).expect("a role");
    }
    let mut times = Vec::new();
    for reader in [Some(survey::Reader::Targeted), Some(survey::Reader::Survey), None] {
        let cloud = connect(&path, "latency=40ms").await;
        let began = Instant::now();
        let nowhere = Delivery::new(Path::new("."), false);
        let live = survey::read(&cloud, &desired, Some(&state), survey::Purpose::Converge, reader, &nowhere).await;
        assert!(compare(&desired, Some(&state), &live.expect("AWS can be read")).is_empty());
        let (wall, name) = (
            began.elapsed().as_secs_f64(),
            reader.map_or("chosen", |reader| match reader {
                survey::Reader::Targeted => "targeted",
                survey::Reader::Survey => "survey",
            }),
        );
        let said = if reader.is_none() && most > 0 { format!("   (under {most} calls)") } else { String::new() };
        let name = format!("{units} of ours, {foreign} others: {name}");
        println!("{name:<40}{:>8} calls{wall:>9.2}s{said}", cloud.calls());
        times.push(wall);
    }
    println!("{:<40}{:>8.2} of the better reader's time (under 1.1)", "  chosen", times[2] / times[0].min(times[1]));
}

/// Creates when AWS takes only so many calls a second: the floor is what it takes, and nothing may fail.
async fn throttled(units: usize, rate: usize) {
    let folder = folder();
    let cloud = connect(&folder.path().join("sandbox"), &format!("latency=5ms,throttle_rate={rate}")).await;
    let store = LocalStore::new(folder.path().join("state.json"));
    let desired = desired(units, &cloud.account);
    let fresh = State::new(&desired.deployment, &desired.account, LINEAGE.to_owned());
    let began = Instant::now();
    let (plan, _) = read(&cloud, &desired, None, READ_ABSENT).await;
    carry_out(&cloud, &plan, &store, fresh).await;
    // One second's calls may come at once, in the beginning.
    let floor = (cloud.calls() as f64 - rate as f64) / rate as f64;
    let (wall, name) = (began.elapsed().as_secs_f64(), format!("{units} units, {rate} calls a second"));
    println!("{name:<28}{:>8}{:>8}{floor:>9.2}s{wall:>9.2}s{:>8.2}   (under 1.2)", cloud.calls(), "", wall / floor);
}

fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    folder.expect("a folder")
}

async fn connect(folder: &Path, faults: &str) -> Arc<Cloud> {
    let sandbox = Sandbox::open(folder, None, Faults::parse(faults).expect("settings")).expect("a sandbox");
    let target = Target { http: Some(sandbox.http_client()), parallelism: PARALLELISM, ..Target::default() };
    Arc::new(Cloud::connect(&target).await.expect("an account"))
}

/// What something took.
struct Row {
    calls: u64,
    chain: usize,
    wall: Duration,
}

impl Row {
    fn print(&self, name: &str) {
        let Row { calls, chain, wall } = self;
        let floor = LATENCY.as_secs_f64() * (*chain as f64).max(*calls as f64 / PARALLELISM as f64);
        let ratio = wall.as_secs_f64() / floor;
        println!("{name:<28}{calls:>8}{chain:>8}{floor:>9.2}s{:>9.2}s{ratio:>8.2}", wall.as_secs_f64());
    }
}

async fn read(cloud: &Arc<Cloud>, desired: &Desired, state: Option<&State>, chain: usize) -> (Plan, Row) {
    let (before, began) = (cloud.calls(), Instant::now());
    let live =
        survey::read(cloud, desired, state, survey::Purpose::Converge, None, &Delivery::new(Path::new("."), false))
            .await
            .expect("AWS can be read");
    let plan = compare(desired, state, &live);
    (plan, Row { calls: cloud.calls() - before, chain, wall: began.elapsed() })
}

async fn carry_out(cloud: &Arc<Cloud>, plan: &Plan, store: &dyn StateStore, state: State) -> (State, Row) {
    let chain = longest_chain(&plan.tasks);
    let (before, began) = (cloud.calls(), Instant::now());
    let never = Box::pin(std::future::pending());
    let done = apply::apply(plan, cloud, store, state, &Delivery::new(Path::new("."), false), never, &mut |_| {}).await;
    let (outcome, state) = done.expect("the state can be written");
    assert!(outcome.failed.is_empty() && outcome.not_started.is_empty(), "{outcome:?}");
    (state, Row { calls: cloud.calls() - before, chain, wall: began.elapsed() })
}

/// Returns how many tasks have to follow each other; each of these makes one call.
fn longest_chain(tasks: &[Task]) -> usize {
    fn length(task: usize, tasks: &[Task], known: &mut BTreeMap<usize, usize>) -> usize {
        if let Some(&length) = known.get(&task) {
            return length;
        }
        let before = tasks[task].after.iter().map(|&before| length(before, tasks, known)).max();
        let length = 1 + before.unwrap_or(0);
        known.insert(task, length);
        length
    }
    let mut known = BTreeMap::new();
    (0..tasks.len()).map(|task| length(task, tasks, &mut known)).max().unwrap_or(0)
}

fn line(name: &str, took: Duration) {
    println!("{name:<52}{:>12}", format!("{took:.2?}"));
}

fn help() {
    let run = || {
        let began = Instant::now();
        let status = Command::new(env!("CARGO_BIN_EXE_seqera-iam")).arg("--help").stdout(Stdio::null()).status();
        assert!(status.expect("the binary runs").success());
        began.elapsed()
    };
    let mut times: Vec<Duration> = (0..20).map(|_| run()).collect();
    times.sort();
    line("seqera-iam --help, median of 20", times[10]);
}

const ACTIONS: [&str; 10] = [
    "AbortMultipartUpload",
    "DeleteObject",
    "DeleteObjectTagging",
    "DeleteObjectVersion",
    "GetObject",
    "GetObjectTagging",
    "GetObjectVersion",
    "PutObject",
    "PutObjectTagging",
    "RestoreObject",
];

/// A policy of about 6 KB, its statements and actions in this order or in the reverse one.
fn policy(reversed: bool) -> String {
    let mut actions: Vec<String> = ACTIONS.iter().map(|action| format!("\"s3:{action}\"")).collect();
    let resource = |n| format!("\"arn:aws:s3:::acme-bucket-{n:02}/*\"");
    let mut resources: Vec<String> = (0..6).map(resource).collect();
    let mut sids: Vec<usize> = (0..12).collect();
    if reversed {
        actions.reverse();
        resources.reverse();
        sids.reverse();
    }
    let (actions, resources) = (actions.join(","), resources.join(","));
    let statement =
        |sid| format!(r#"{{"Sid":"S{sid}","Effect":"Allow","Action":[{actions}],"Resource":[{resources}]}}"#);
    let statements: Vec<String> = sids.into_iter().map(statement).collect();
    format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, statements.join(","))
}

fn documents() {
    const TIMES: u32 = 200;
    let parse = |text: &str| Document::parse(text).expect("JSON");
    let (one, other) = (policy(false), policy(true));
    let pairs: Vec<(Document, Document)> = (0..TIMES).map(|_| (parse(&one), parse(&other))).collect();
    let compare = || {
        let began = Instant::now();
        assert!(pairs.iter().all(|(one, other)| black_box(one == other)));
        began.elapsed() / TIMES
    };
    // The canonical forms are made at the first comparison and kept.
    let (first, again) = (compare(), compare());
    let size = one.len();
    line(&format!("canonical form of a policy of {size} bytes"), first.saturating_sub(again) / 2);
    line("comparing two of them", again);
    // The first look unpacks the service reference.
    let look = || {
        let began = Instant::now();
        assert!(black_box(findings(&pairs[0].0, Host::Managed)).is_empty());
        began.elapsed()
    };
    let first = look();
    let mut times: Vec<Duration> = (0..TIMES).map(|_| look()).collect();
    times.sort();
    line("its first findings", first);
    line("its findings again, median", times[times.len() / 2]);
}

/// Planning alone, when AWS and the state hold all that the manifest asks for.
fn planning(resources: usize) {
    let account = Account::new("aws", "123456789012");
    let timed = |name: &str, began: Instant| line(&format!("{resources} resources: {name}"), began.elapsed());
    let began = Instant::now();
    let desired = desired(resources.div_ceil(UNIT), &account);
    timed("reading the manifest", began);
    let began = Instant::now();
    let first = compare(&desired, None, &LiveState::default());
    timed("planning to create all", began);

    let mut state = State::new(&desired.deployment, &account, LINEAGE.to_owned());
    let mut live = LiveState::default();
    for step in first.steps {
        let (id, attributes) = (step.id().cloned().expect("an id"), step.change.after().cloned().expect("a wish"));
        live.objects.insert(id.clone(), Live { id: id.clone(), aws_id: None, attributes, created: None });
        state.objects.insert(id, step.record.expect("a record"));
    }
    let began = Instant::now();
    let plan = compare(&desired, Some(&state), &live);
    timed("planning when nothing changed", began);
    assert!(plan.is_empty());
}

/// The binary, from its start to its end.
fn validate(resources: usize) {
    let folder = folder();
    std::fs::write(folder.path().join("seqera.yaml"), manifest(resources.div_ceil(UNIT))).expect("a manifest");
    let began = Instant::now();
    let mut command = Command::new(env!("CARGO_BIN_EXE_seqera-iam"));
    let status = command.arg("validate").current_dir(folder.path()).stdout(Stdio::null()).status();
    assert!(status.expect("the binary runs").success());
    line(&format!("{resources} resources: validate (under 1 s)"), began.elapsed());
}

/// The most that this process ever held, with the sandbox and all of the above; only Linux says it.
fn memory() {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).map_or("not known here", str::trim);
    println!("{:<52}{peak:>12}", "peak memory of all of this");
}
