//! What a user sees while IAM does not know everywhere what was just made, and when it throttles.

use std::time::Instant;

use serde_json::Value as Json;

use crate::scene::Scene;
use crate::spine::DEMO;

const TRUSTING: &str = "apiVersion: seqera-iam/v1\nname: waiting\nroles:\n  \
    head: {trust: {services: [ec2.amazonaws.com]}}\n  worker: {trust: {principals: [roles.head]}}\n";

#[test]
fn a_step_that_waits_for_iam_says_whom_it_waits_for() {
    let scene = Scene::with_faults("delay=5s");
    scene.manifest(TRUSTING);
    let run = scene.run("apply --auto-approve");
    run.expect(0).says("\nroles.worker: waiting for IAM to know roles.head, 3 s\n");
    scene.expect_no_changes();
    scene.destroy();

    let run = scene.run("apply --auto-approve --json");
    run.expect(0);
    let events: Vec<Json> = run.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON lines")).collect();
    let waits: Vec<&Json> = events.iter().filter(|event| event["type"] == "apply_progress").collect();
    assert!(!waits.is_empty(), "{}", run.stdout);
    for wait in waits {
        assert_eq!(
            (&wait["address"], &wait["waiting_for"][0]),
            (&"roles.worker".into(), &"roles.head".into()),
            "{wait}"
        );
        assert!(wait["elapsed_seconds"].as_f64().is_some_and(|elapsed| elapsed < 10.0), "{wait}");
    }
}

/// What takes the place of something is known everywhere before that goes.
#[test]
fn a_step_that_takes_away_what_another_gives_settles_first() {
    let scene = Scene::with_faults("delay=1s");
    let role = |name: &str, actions: &str| {
        let inline = format!("{name}: {{statements: {{S: {{Effect: Allow, Action: [{actions}], Resource: '*'}}}}}}");
        format!(
            "apiVersion: seqera-iam/v1\nname: waiting\nroles:\n  head: {{trust: {{services: [ec2.amazonaws.com]}}, inline: {{{inline}}}}}\n"
        )
    };
    scene.manifest(&role("all", "'s3:GetObject', 's3:PutObject'"));
    scene.apply();
    scene.manifest(&role("reads", "'s3:GetObject'"));
    let said = scene.run("apply --auto-approve");
    said.expect(0).says("\nroles.head.inline.all: settling 1s before destroying\n");
    scene.expect_no_changes();
    scene.manifest(&role("reads", "'s3:ListBucket'"));
    let said = scene.run("apply --auto-approve");
    assert!(!said.expect(0).stdout.contains("settling"), "nothing takes its place: {}", said.stdout);
}

#[test]
fn what_is_wrong_for_good_is_said_at_once() {
    for fault in ["deny=CreateRole", "fail_write=1:before", "deny=AttachRolePolicy"] {
        let scene = Scene::new();
        scene.manifest(DEMO);
        let began = Instant::now();
        let run = scene.run_with(fault, "apply --auto-approve");
        run.expect(1).says("failed: ");
        assert!(!run.stdout.contains("waiting for IAM"), "{fault}: {}", run.stdout);
        assert!(began.elapsed().as_secs() < 20, "{fault} took {:?}", began.elapsed());
        scene.apply();
    }
}

#[test]
fn that_iam_throttles_is_said_once() {
    let scene = Scene::new();
    scene.manifest(DEMO);
    let run = scene.run_with("throttle_rate=8", "apply --auto-approve --parallelism 20");
    run.expect(0);
    let all = format!("{}{}", run.stdout, run.stderr);
    assert_eq!(all.matches("IAM throttles the account").count(), 1, "{all}");
    let run = scene.run("plan");
    assert!(!format!("{}{}", run.stdout, run.stderr).contains("throttles"), "{}", run.stderr);
}
