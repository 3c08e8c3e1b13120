//! The state as people handle it: looked at, carried away and back, made anew, and unlocked.

use std::fs::File;
use std::io::Write;

use serde_json::{Value as Json, json};

use crate::scene::{Run, Scene};
use crate::spine::DEMO;

fn demo() -> Scene {
    let scene = Scene::new();
    scene.manifest(DEMO);
    scene.apply();
    scene
}

#[track_caller]
fn json_of(run: &Run) -> Json {
    run.expect(0);
    serde_json::from_str(&run.stdout).unwrap_or_else(|e| panic!("{e}: {}", run.stdout))
}

/// Returns what a state says of every object, the id that AWS gave included.
fn objects(state: &Json) -> Vec<Json> {
    state["objects"].as_array().expect("a list").clone()
}

#[test]
fn it_is_listed_shown_and_pulled() {
    let scene = demo();
    let list = scene.run("state list");
    list.expect(0).says("roles.head ").says("  role head  AROA").says("policies.buckets ");
    assert_eq!(list.stdout.lines().count(), 7);
    let brief = json_of(&scene.run("state list --json"));
    let addresses: Vec<&str> =
        brief.as_array().expect("a list").iter().filter_map(|it| it["address"].as_str()).collect();
    assert!(addresses.is_sorted() && addresses.contains(&"roles.head.inline.logs"), "{addresses:?}");
    assert_eq!(
        (&brief[2]["kind"], &brief[2]["name"]),
        (&json!("policy"), &json!("arn:aws:iam::123456789012:policy/buckets"))
    );

    scene.run("state show roles.head").expect(0).says("address: roles.head\n").says("max_session: 14400");
    let shown = json_of(&scene.run("state show roles.head --json"));
    assert_eq!(objects(&scene.state()).iter().find(|it| it["address"] == "roles.head"), Some(&shown));
    scene
        .run("state show roles.haed")
        .expect(1)
        .says("the state state/demo.json has no roles.haed")
        .says("did you mean roles.head?");
    scene.run("state show roles[").expect(1).says("is not an address");
    assert_eq!(json_of(&scene.run("state pull")), scene.state());
    // No manifest is needed where the state is named.
    std::fs::remove_file(scene.path("seqera.yaml")).expect("a manifest");
    assert_eq!(scene.run("state list --state state/demo.json").stdout, list.stdout);
    scene.run("state list").expect(1).says("cannot read the manifest");

    let empty = Scene::new();
    empty.manifest(DEMO);
    for command in ["list", "show roles.head", "pull"] {
        empty.run(&format!("state {command}")).expect(1).says("there is no state in state/demo.json");
    }
    assert!(!empty.path("state").exists() && !empty.path(".seqera-iam").exists(), "looking makes nothing");
}

#[test]
fn what_was_pulled_is_pushed_and_what_was_there_is_kept() {
    let scene = demo();
    let first = scene.run("state pull").stdout;
    scene.write("first.json", &first);
    scene.run("state push first.json").expect(0).says("7 objects, serial 1").says("state/demo.json.backup");
    scene.manifest(&DEMO.replace("4h", "5h"));
    scene.apply();
    let newest = scene.read("state/demo.json");
    scene.run("state push first.json").expect(3).says("is older: serial 1, and 2 is there").says("set its serial to 3");
    scene.write("same.json", &first.replace("\"serial\": 1", "\"serial\": 2"));
    scene.run("state push same.json").expect(3).says("says something else").says("with the same serial 2");
    assert_eq!(scene.read("state/demo.json"), newest);

    scene.write("first.json", &first.replace("\"serial\": 1", "\"serial\": 3"));
    let pushed = json_of(&scene.run("state push first.json --json"));
    assert_eq!(
        pushed,
        json!({"location": "state/demo.json", "objects": 7, "serial": 3, "backup": "state/demo.json.backup.2"})
    );
    assert_eq!(scene.read("state/demo.json.backup.2"), newest, "what was there is kept");
    let mut piped = scene.command(["state", "push", "-"]);
    let mut child =
        piped.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::null()).spawn().expect("it runs");
    child.stdin.take().expect("a pipe").write_all(scene.read("state/demo.json").as_bytes()).expect("it reads");
    assert!(child.wait().expect("it ends").success());
    scene.run("plan --detailed-exitcode").expect(0).says("No changes.");
}

#[test]
fn a_state_of_something_else_is_not_pushed() {
    let scene = demo();
    let text = scene.run("state pull").stdout;
    let lineage = scene.state()["lineage"].as_str().expect("a lineage").to_owned();
    let before = scene.snapshot("state");
    for (this, that, says) in [
        ("\"deployment\": \"demo\"", "\"deployment\": \"other\"", "is of deployment other, not of demo"),
        ("\"id\": \"123456789012\"", "\"id\": \"111122223333\"", "is of account 111122223333, not of 123456789012"),
        (lineage.as_str(), "0123456789abcdef", "is of lineage 0123456789abcdef, and the one that is there of"),
        ("\"sandbox\": true,", "", "is of an account of AWS, and the one that is there of a sandbox"),
    ] {
        scene.write("other.json", &text.replace(this, that));
        scene.run("state push other.json").expect(3).says(says).says("nothing was changed");
    }
    for broken in
        ["", "{", "[]", "{\"format_version\": \"9\"}", &text.replace("\"kind\": \"role\"", "\"kind\": \"rule\"")]
    {
        scene.write("other.json", broken);
        scene.run("state push other.json").expect(1).says("cannot read the state in other.json");
    }
    scene.run("state push missing.json").expect(1).says("cannot read the state in missing.json");
    assert_eq!(scene.snapshot("state"), before);

    // A push mends what nobody can read, and keeps it.
    scene.write("good.json", &text);
    scene.write("state/demo.json", "{ broken");
    scene.run("plan").expect(1);
    scene.run("state push good.json").expect(0);
    assert_eq!(scene.read("state/demo.json.backup"), "{ broken");
    scene.expect_no_changes();
}

#[test]
fn a_lost_state_is_made_anew_from_aws() {
    let scene = demo();
    scene.call(&json!({"Action": "TagRole", "RoleName": "head", "Tags": {"foreign": "1"}}));
    let before = scene.state();
    scene.lose_state();
    scene.run("state rebuild").expect(0).says("state/demo.json is made anew from AWS: 7 objects, serial 1.");
    let ids = |state: &Json| -> Vec<Json> {
        objects(state).iter().map(|it| json!([it["address"], it["kind"], it["name"], it["aws_id"]])).collect()
    };
    assert_eq!(ids(&scene.state()), ids(&before));
    assert_eq!(scene.state()["lineage"], before["lineage"]);
    scene.expect_no_changes();
    scene.manifest(&DEMO.replace("genomics", "proteomics"));
    scene.apply();
    scene.expect_held("roles/head", &json!({"tags": {"foreign": "1", "team": "proteomics"}}));

    // What was there is kept, and what nobody can read is no hindrance.
    scene.write("state/demo.json", "{ broken");
    scene.run("state rebuild").expect(0).says("cannot read the state").says("kept in state/demo.json.backup");
    scene.expect_no_changes();
    scene.run_with("deny=GetAccountAuthorizationDetails", "state rebuild").expect(0).says("may not be surveyed");
    scene.expect_no_changes();
    scene.destroy();
}

#[test]
fn strays_are_told_and_recorded_only_by_name() {
    let scene = demo();
    let more = "  old: {trust: {services: [ec2.amazonaws.com]}, policies: [AmazonS3ReadOnlyAccess]}\n";
    scene.manifest(&DEMO.replace("roles:\n", &format!("roles:\n{more}")).replace("policies:\n  buckets", "policies:\n  gone: {path: /p/, statements: {S: {Effect: Allow, Action: \"s3:Get*\", Resource: \"*\"}}}\n  buckets"));
    scene.apply();
    scene.lose_state();
    scene.manifest(DEMO);
    let plan = scene.run("plan --json --reader survey");
    let warnings = json_of(&plan)["warnings"].clone();
    let codes: Vec<&Json> = warnings.as_array().expect("a list").iter().map(|it| &it["code"]).collect();
    assert_eq!(codes, ["stray", "stray"], "{warnings}");
    scene
        .run("plan --reader survey")
        .expect(0)
        .says("role old carries the tag of demo, and neither manifest nor state knows it");

    scene
        .run("state rebuild roles.odl nothing")
        .expect(1)
        .says("roles.odl: did you mean roles.old?")
        .says("nothing: nothing by this name");
    assert!(!scene.path("state/demo.json").exists(), "what is refused writes nothing");
    scene
        .run("state rebuild")
        .expect(0)
        .says("role old carries")
        .says("seqera-iam --sandbox state rebuild 'roles.old'")
        .says("policies.gone");
    scene.expect_no_changes();
    let arn = "arn:aws:iam::123456789012:policy/p/gone";
    let rebuilt = json_of(&scene.run(&format!("state rebuild roles.old {arn} --json")));
    assert_eq!(
        rebuilt["strays"].as_array().expect("a list").iter().filter(|it| it["recorded"] == true).count(),
        2,
        "{rebuilt}"
    );
    let mut steps = scene.steps();
    steps.sort();
    assert_eq!(steps, ["delete policies.gone", "delete roles.old", "delete roles.old.policies.AmazonS3ReadOnlyAccess"]);
    scene.run("apply --auto-approve --force").expect(0);
    scene.expect_no_changes();
    assert_eq!(scene.held("roles"), ["head"]);
}

#[test]
fn two_lives_are_not_rebuilt_into_one() {
    let scene = demo();
    let file = ".seqera-iam/sandbox/roles/head.json";
    let lineage = scene.state()["lineage"].as_str().expect("a lineage").to_owned();
    scene.write(file, &scene.read(file).replace(&lineage, "0123456789abcdef"));
    let state = scene.snapshot("state");
    scene.run("state rebuild").expect(3).says("exists in several lives").says("0123456789abcdef");
    assert_eq!(scene.snapshot("state"), state);
    scene.lose_state();
    scene.run("state rebuild").expect(3).says("exists in several lives");
    assert!(!scene.path("state/demo.json").exists());
}

#[test]
fn a_lock_is_told_by_its_id_and_ends_with_its_process() {
    let scene = demo();
    assert_eq!(scene.read("state/demo.json.lock"), "", "nobody holds it");
    scene.run("state unlock 4711").expect(0).says("Nothing holds the lock of state/demo.json");
    let path = scene.path("state/demo.json.lock");
    let mut lock = File::options().write(true).truncate(true).open(&path).expect("a lock file");
    lock.write_all(b"by process 4711 since 2026-01-01T00:00:00Z\n").expect("a name");
    lock.lock().expect("nobody else has it");
    for command in ["apply --auto-approve", "plan", "state list", "state push x.json", "state rebuild"] {
        scene.write("x.json", &scene.read("state/demo.json"));
        scene
            .run(command)
            .expect(3)
            .says("the state state/demo.json is locked by process 4711 since 2026-01-01T00:00:00Z");
    }
    scene.run("state unlock 4711").expect(3).says("that process lives").says("kill 4711");
    scene.run("state unlock 42").expect(3).says("that is another lock than 42").says("state unlock 4711");
    drop(lock);
    scene.run("state unlock 4711").expect(0);

    let reader = File::open(&path).expect("a lock file");
    reader.lock_shared().expect("nobody writes");
    scene.run("apply --auto-approve").expect(3).says("is locked by a run that reads it");
    scene.run("state unlock 4711").expect(3).says("has no id, and ends with that run");
    scene.run("state list").expect(0);
}
