//! Runs that are cut short while something moves, leaves or comes again: what was to be kept is kept.

use serde_json::json;

use crate::many;
use crate::roads::{HEAD, Road, faults};
use crate::scene::Scene;

const BOUNDARY: &str = "arn:aws:iam::aws:policy/ReadOnlyAccess";
const TRUST: &str = "trust: {services: [ec2.amazonaws.com]}";
const READS: &str = r#"{statements: {S: {Effect: Allow, Action: "s3:Get*", Resource: "*"}}}"#;

/// Names follow the keys, so what moves to another address is another object, and a run that is cut leaves both.
#[test]
fn a_move_that_is_cut_is_finished() {
    let before = format!(
        "policies: {{reads: {READS}}}\ngroups: {{crew: {{policies: [policies.reads]}}}}\n\
         roles: {{head: {{{TRUST}, policies: [policies.reads], inline: {{i: {READS}}}}}}}\n"
    );
    let after = format!(
        "policies: {{reads: {READS}}}\ngroups: {{team: {{policies: [policies.reads]}}}}\n\
         roles: {{chief: {{{TRUST}, policies: [policies.reads], inline: {{i: {READS}}}}}}}\n\
         moved: [{{from: groups.crew, to: groups.team}}, {{from: roles.head, to: roles.chief}}]\n"
    );
    let roads = [Road::new("moved", "apply --auto-approve --force", Some(&before), &after)];
    many::each(&faults(&roads), |fault| {
        let scene = fault.road.start.copy();
        scene.run_with(&format!("kill_write={}:{}", fault.number, fault.when), fault.road.verb).expect(137);
        fault.road.finishes(&scene);
        let scene = fault.road.start.copy();
        scene.run_with(&format!("fail_write={}:{}", fault.number, fault.when), fault.road.verb).expect(1);
        fault.road.finishes(&scene);
    });
}

fn path_moves(scene: &Scene, more: &str) {
    scene.manifest(&format!("{HEAD}roles: {{head: {{{TRUST}, policies: [PowerUserAccess]{more}}}}}\n"));
    scene.apply();
    scene.call(&json!({"Action": "PutRolePermissionsBoundary", "RoleName": "head",
        "PermissionsBoundary": BOUNDARY}));
    scene.call(&json!({"Action": "TagRole", "RoleName": "head", "Tags": {"cost": "42"}}));
    scene.manifest(&format!("{HEAD}roles: {{head: {{path: /x/, {TRUST}, policies: [PowerUserAccess]{more}}}}}\n"));
}

/// A run is killed just after it made the role, somebody restricts it, and IAM does not show it to the next run: what
/// the role has beside the manifest is not for a run to undo that knows nothing of it.
#[test]
fn what_a_stale_read_hides_is_not_changed() {
    let scene = Scene::new();
    scene.manifest(&format!("{HEAD}roles: {{head: {{{TRUST}, policies: [PowerUserAccess]}}}}\n"));
    scene.run_with("kill_write=1:after", "apply --auto-approve").expect(137);
    scene.call(&json!({"Action": "PutRolePermissionsBoundary", "RoleName": "head", "PermissionsBoundary": BOUNDARY}));
    let run = scene.run_with("delay=3s,stale_reads=100%", "apply --auto-approve --reader targeted");
    run.expect(1).says("role head exists, and IAM said before that it did not");
    scene.expect_held("roles/head", &json!({"boundary": BOUNDARY}));
    scene.apply();
    scene.expect_held("roles/head", &json!({"boundary": BOUNDARY}));
    scene.expect_no_changes();
}

/// A role that moves to another path is deleted first. What others put on it and what is kept comes back with it,
/// also from a run that was cut short in between.
#[test]
fn what_a_replacement_keeps_comes_back_after_a_cut() {
    let start = Scene::new();
    let deny = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "s3:*", "Resource": "*"}]});
    let more = ", ignore: [tags.stage]";
    path_moves(&start, more);
    start.call(&json!({"Action": "TagRole", "RoleName": "head", "Tags": {"stage": "late"}}));
    start.call(&json!({"Action": "PutRolePolicy", "RoleName": "head", "PolicyName": "stop", "PolicyDocument": deny}));
    let well = start.copy();
    let verb = "apply --auto-approve --force --parallelism 1";
    well.run_with("log=calls", verb).expect(0);
    well.expect_no_changes();
    let expected = [
        ("roles/head", json!({"path": "/x/", "boundary": BOUNDARY})),
        ("roles/head", json!({"inline": {"stop": deny}})),
    ];
    let calls = well.read("calls");
    let writes = calls.lines().filter(|call| !call.starts_with("Get") && !call.starts_with("List")).count();
    let cuts: Vec<String> = (1..=writes)
        .flat_map(|n| ["before", "after"].map(|when| ["kill", "fail"].map(|how| format!("{how}_write={n}:{when}"))))
        .flatten()
        .collect();
    many::each(&cuts, |cut| {
        let scene = start.copy();
        let run = scene.run_with(cut, verb);
        assert!([1, 137].contains(&run.code), "{}", run.stdout);
        scene.run(verb).expect(0);
        for (object, held) in &expected {
            scene.expect_held(object, held);
        }
        let tags = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("JSON")["tags"].clone();
        let held = tags(&scene.account()["roles/head.json"]);
        assert_eq!((&held["cost"], &held["stage"]), (&json!("42"), &json!("late")));
        scene.expect_no_changes();
        assert!(scene.state().get("owed").is_none());
    });
}

/// What others attached themselves is kept, and cannot be where its policy becomes another one: that is said before
/// anything is taken off.
#[test]
fn what_would_lose_its_policy_is_not_taken_off() {
    let scene = Scene::new();
    let deny = r#"statements: {S: {Effect: Deny, Action: "s3:*", Resource: "*"}}"#;
    let manifest = |path: &str| {
        format!(
            "{HEAD}policies: {{stop: {{{path}{deny}}}}}\nroles: {{head: {{{TRUST}}}, other: {{{TRUST}, keep_undeclared: true}}}}\n"
        )
    };
    scene.manifest(&manifest(""));
    scene.apply();
    let policy = "arn:aws:iam::123456789012:policy/stop";
    for role in ["head", "other"] {
        scene.call(&json!({"Action": "AttachRolePolicy", "RoleName": role, "PolicyArn": policy}));
    }
    let before = scene.account();
    scene.manifest(&manifest("path: /x/, "));
    let run = scene.run("apply --auto-approve --force");
    run.expect(1)
        .says("policies.stop cannot be deleted")
        .says("is attached to role head")
        .says("is attached to role other");
    assert_eq!(scene.account(), before);
    scene.manifest(&manifest(""));
    scene.expect_no_changes();
}

/// A replacement keeps what the manifest says to keep, and writes over what somebody wrote into a policy of ours. A run is
/// cut in it, and the manifest goes back to where it keeps nothing: what others allowed does not come back for a moment.
#[test]
fn what_a_cut_replacement_kept_comes_back_only_where_it_is_kept_still() {
    let role = |more: &str| format!("{HEAD}roles: {{head: {{{TRUST}{more}}}}}\n");
    let admin = "arn:aws:iam::aws:policy/AdministratorAccess";
    for number in 1..=8 {
        let scene = Scene::new();
        scene.manifest(&role(""));
        scene.apply();
        scene.call(&json!({"Action": "AttachRolePolicy", "RoleName": "head", "PolicyArn": admin}));
        scene.call(&json!({"Action": "PutRolePolicy", "RoleName": "head", "PolicyName": "i",
            "PolicyDocument": r#"{"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}"#}));
        scene.manifest(&role(&format!(", path: /x/, keep_undeclared: [policies], inline: {{i: {READS}}}")));
        let run = scene.run_with(&format!("kill_write={number}:after"), "apply --auto-approve --force --parallelism 1");
        assert!([0, 137].contains(&run.code) && (number > 4 || run.code == 137), "{number}: {}", run.stderr);
        scene.manifest(&role(""));
        let plan = scene.run("plan");
        assert!(!plan.stdout.contains("+ roles.head.policies"), "{number}: {}", plan.stdout);
        assert!(!plan.stdout.contains("+ roles.head.inline"), "{number}: {}", plan.stdout);
        scene.run("apply --auto-approve --force").expect(0);
        scene.expect_no_changes();
        let held = &scene.account()["roles/head.json"];
        assert!(!held.contains("AdministratorAccess") && !held.contains("inline"), "{number}: {held}");
    }
}
