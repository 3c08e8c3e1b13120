//! The second day: what others changed, what is rolled back, what a brake holds back, and the pains of others.

use std::path::Path;

use serde_json::{Value as Json, json};

use crate::moto::Moto;
use crate::scene::{Scene, Target};

const HEAD: &str = "apiVersion: seqera-iam/v1\nname: day\naccount: 123456789012\n";
const READS: &str = "policies:\n  reads: {statements: {Read: {Effect: Allow, Action: \"s3:GetObject\", Resource: \"arn:aws:s3:::a/*\"}}}\n";
const TRUST: &str = "trust: {services: [ec2.amazonaws.com]}";
const ARN: &str = "arn:aws:iam::123456789012:policy/reads";
const ADMIN: &str = "arn:aws:iam::aws:policy/AdministratorAccess";

fn applied(scene: &Scene) {
    scene.manifest(&format!("{HEAD}{READS}roles: {{head: {{{TRUST}, policies: [policies.reads]}}}}\n"));
    scene.apply();
}

/// What others did is found and undone; what was only written into the manifest is no drift.
fn day(scene: &Scene) {
    applied(scene);
    scene.run("drift").expect(0).says("No drift.");
    scene.call(&json!({"Action": "AttachRolePolicy", "RoleName": "head", "PolicyArn": ADMIN}));
    scene.call(&json!({"Action": "TagRole", "RoleName": "head", "Tags": {"nextflow.io/runName": "happy_euler"}}));
    let state = scene.snapshot("state");
    let found = scene.run("drift --json");
    found.expect(2);
    let found: Json = serde_json::from_str(&found.stdout).expect("one document");
    assert_eq!((&found["summary"]["drift"], found["steps"].as_array().map(Vec::len)), (&json!(1), Some(0)));
    assert_eq!(found["drift"][0]["address"], "roles.head.policies.AdministratorAccess");
    assert_eq!(scene.snapshot("state"), state, "looking writes nothing");
    scene.apply();
    scene.run("drift").expect(0);
    scene.manifest(&format!("{HEAD}{READS}roles: {{head: {{{TRUST}}}}}\n"));
    scene.run("drift").expect(0);
}

#[test]
fn what_others_did_is_found_and_undone() {
    day(&Scene::new());
}

#[test]
fn what_others_did_is_found_and_undone_in_moto() {
    let moto = Moto::new();
    let scene = moto.scene();
    assert!(matches!(scene.target(), Target::Endpoint(_)));
    day(&scene);
}

#[test]
fn without_a_state_there_is_nothing_to_compare() {
    let scene = Scene::new();
    scene.manifest(&format!("{HEAD}{READS}"));
    scene.run("drift").expect(1).says("nothing is known to have been written");
}

#[test]
fn an_earlier_version_comes_into_force_and_is_no_drift() {
    let scene = Scene::new();
    applied(&scene);
    scene.run("policy rollback policies.reads --auto-approve").expect(1).says("one version only");
    scene.manifest(&scene.read("seqera.yaml").replace("s3:GetObject", "s3:*"));
    scene.apply();
    scene
        .run("policy rollback policies.reads")
        .expect(3)
        .says("- at most s3:* on arn:aws:s3:::a/*")
        .says("Permissions by owner:\n  roles.head: as policies.reads says above")
        .says("  policies:\n    reads:\n      statements:\n        Read:\n")
        .says("no terminal");
    scene.run("drift").expect(0);
    let unasked = scene.run("policy rollback policies.reads --json");
    assert_eq!((unasked.expect(3).stdout.as_str(), scene.steps()), ("", Vec::new()));
    let run = scene.run("policy rollback policies.reads --auto-approve --json");
    run.expect(0);
    let answer: Json = serde_json::from_str(&run.stdout).expect("one document");
    assert_eq!((&answer["from"], &answer["to"]), (&json!("v2"), &json!("v1")));
    scene.run("drift").expect(0);
    let plan = scene.plan();
    assert_eq!((&plan["steps"][0]["address"], &plan["steps"][0]["drift"]), (&json!("policies.reads"), &json!(false)));
    // What to write into the manifest was said.
    scene.manifest(&format!("{HEAD}{READS}roles: {{head: {{{TRUST}, policies: [policies.reads]}}}}\n"));
    scene.expect_no_changes();
}

#[test]
fn what_to_write_of_several_policies_of_one_entry_is_said_of_the_entry() {
    let scene = Scene::new();
    let each = "policies: {reads: {for_each: [a, b], statements: {Read: {Effect: Allow, Action: 's3:GetObject', Resource: 'arn:aws:s3:::${{ each.key }}/*'}}}}";
    scene.manifest(&format!("{HEAD}{each}\n"));
    scene.apply();
    scene.manifest(&scene.read("seqera.yaml").replace("s3:GetObject", "s3:*"));
    scene.apply();
    scene.run("policy rollback policies.reads-a --auto-approve").expect(0).says("change policies.reads (seqera.yaml:");
}

/// What bounds allows nothing to anybody by itself.
#[test]
fn a_boundary_that_is_rolled_back_is_none_that_grants() {
    let scene = Scene::new();
    let all = "policies: {wall: {statements: {All: {Effect: Allow, Action: '*', Resource: '*'}}}}";
    scene.manifest(&format!("{HEAD}{all}\nroles: {{head: {{{TRUST}, boundary: policies.wall}}}}\n"));
    scene.apply();
    scene.manifest(&scene.read("seqera.yaml").replace("'*', Resource", "'s3:*', Resource"));
    scene.apply();
    let run = scene.run("policy rollback policies.wall --auto-approve");
    run.expect(0).says("whoever it limits may be granted more");
    assert!(!run.stdout.contains("allows every action"), "{}", run.stdout);
}

#[test]
fn only_policies_of_ours_are_rolled_back() {
    let scene = Scene::new();
    applied(&scene);
    scene.run("policy rollback roles.head").expect(1).says("knows no policy at roles.head").says("policies.reads");
    let keys = json!(["seqera-iam:deployment", "seqera-iam:lineage"]);
    scene.call(&json!({"Action": "UntagPolicy", "PolicyArn": ARN, "TagKeys": keys}));
    scene.run("policy rollback policies.reads").expect(3).says("is not ours");
}

/// A role gets another key and so another name: the one that is there goes when the other one is, not before. What is
/// only taken from an owner that stays is not held up.
#[test]
fn what_leaves_waits_for_what_comes() {
    let scene = Scene::new();
    let roles = |key: &str, stays: &str| {
        let all = format!("{{{TRUST}, policies: [policies.reads, AmazonS3ReadOnlyAccess]}}");
        format!("{HEAD}{READS}roles: {{{key}: {all}, stays: {{{TRUST}, policies: [{stays}]}}}}\n")
    };
    scene.manifest(&roles("before", "policies.reads"));
    scene.apply();
    scene.manifest(&roles("after", ""));
    let run = scene.run_with("deny=CreateRole", "apply --auto-approve --force");
    run.expect(1).says("failed: roles.after").says("not started: roles.before\n");
    run.says("not started: roles.before.policies.reads").says("roles.stays.policies.reads: destroyed");
    scene.expect_held("roles/before", &json!({"policies": [ARN, "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"]}));
    let run = scene.run("apply --auto-approve --force");
    run.expect(0);
    let at = |what: &str| run.stdout.find(what).unwrap_or_else(|| panic!("no `{what}` in {}", run.stdout));
    assert!(at("roles.after.policies.reads: created") < at("roles.before.policies.reads: destroying"));
    scene.expect_no_changes();
}

/// Whoever a role trusts no more never gets what the role gets, though it is replaced itself.
#[test]
fn who_is_trusted_no_more_gets_nothing_new() {
    let scene = Scene::new();
    let inline = |name: &str, action: &str| {
        format!("inline: {{{name}: {{statements: {{S: {{Effect: Allow, Action: \"{action}\", Resource: \"*\"}}}}}}}}")
    };
    let roles = |path: &str, trusted: &str, inline: &str| {
        format!(
            "{HEAD}roles:\n  head: {{{TRUST}, path: {path}}}\n  \
             worker: {{trust: {{services: [ec2.amazonaws.com]{trusted}}}, {inline}}}\n"
        )
    };
    scene.manifest(&roles("/", ", principals: [roles.head]", &inline("before", "s3:GetObject")));
    scene.apply();
    scene.manifest(&roles("/x/", "", &inline("after", "s3:PutObject")));
    let run = scene.run("apply --auto-approve --force");
    run.expect(0);
    let at = |what: &str| run.stdout.find(what).unwrap_or_else(|| panic!("no `{what}` in {}", run.stdout));
    assert!(at("roles.worker: updated") < at("roles.worker.inline.after: creating"));
    scene.expect_no_changes();
}

/// A user who moves to another path is trusted all the time: one write does it, though what the role may do changes too,
/// grant before revoke.
#[test]
fn who_moves_is_trusted_all_the_time() {
    let scene = Scene::new();
    let at = |path: &str, service: &str, inline: &str| {
        let trust = format!("trust: {{services: [{service}], principals: [users.ana]}}");
        let allow = "{Effect: Allow, Action: \"s3:GetObject\", Resource: \"*\"}";
        let inline = format!("inline: {{{inline}: {{statements: {{S: {allow}}}}}}}");
        scene.manifest(&format!("{HEAD}users: {{ana: {{path: {path}}}}}\nroles: {{head: {{{trust}, {inline}}}}}\n"));
    };
    at("/x/", "ec2.amazonaws.com", "a");
    scene.apply();
    at("/", "ec2.amazonaws.com", "b");
    let run = scene.run("apply --auto-approve");
    run.expect(0);
    assert!(!run.stdout.contains("steady:") && !run.stdout.contains("for a moment"), "{}", run.stdout);
    scene.expect_no_changes();
    // Where who else is trusted changes, there are two writes, and the first leaves out nobody who stays.
    at("/y/", "ecs-tasks.amazonaws.com", "c");
    let run = scene.run("apply --auto-approve -v");
    run.expect(0).says("steady:");
    assert!(!run.stdout.contains("for a moment"), "{}", run.stdout);
    scene.expect_no_changes();
}

/// Another role takes a name, with a boundary: that is narrow before the role gets anything.
#[test]
fn a_boundary_narrows_before_whoever_comes_under_a_name_gets_something() {
    let scene = Scene::new();
    let manifest = |action: &str, role: &str| {
        let allow = format!("{{Effect: Allow, Action: \"{action}\", Resource: \"*\"}}");
        let bound = format!("policies: {{bound: {{statements: {{S: {allow}}}}}}}");
        scene.manifest(&format!("{HEAD}{bound}\nroles: {{{role}}}\n"));
    };
    manifest("s3:*", &format!("before: {{name: head, path: /x/, {TRUST}, policies: [policies.bound]}}"));
    scene.apply();
    let after = format!("{{name: head, {TRUST}, boundary: policies.bound, policies: [AmazonS3ReadOnlyAccess]}}");
    manifest("s3:PutObject", &format!("after: {after}"));
    let plan = scene.plan();
    let steps = plan["steps"].as_array().expect("steps");
    let gets = steps.iter().find(|step| step["address"] == "roles.after.policies.AmazonS3ReadOnlyAccess");
    let waits = gets.expect("an attachment")["waits_for"].as_array().expect("addresses");
    assert!(waits.contains(&json!("policies.bound")), "{waits:?}");
    scene.run("apply --auto-approve --force --allow-gap").expect(0);
    scene.expect_no_changes();
}

/// A manifest that asks for nothing any more.
fn braked() -> Scene {
    let scene = Scene::new();
    applied(&scene);
    scene.manifest(HEAD);
    scene
}

#[test]
fn a_review_lifts_what_it_is_for() {
    let scene = Scene::new();
    scene.manifest(&format!("{HEAD}{READS}roles: {{a: {{{TRUST}}}, b: {{{TRUST}}}, c: {{{TRUST}}}}}\n"));
    scene.apply();
    scene.manifest(&format!("{HEAD}{READS}roles: {{a: {{{TRUST}}}, b: {{{TRUST}}}}}\n"));
    scene.run("apply --auto-approve").expect(3).says("role c would be destroyed");
    scene.run("plan --out saved").expect(0).says("brake:");
    scene.run("apply saved").expect(0);
    scene.manifest(&format!("{HEAD}{READS}roles: {{a: {{{TRUST}}}}}\n"));
    let digest = scene.plan()["digest"].as_str().expect("a digest").to_owned();
    scene.run(&format!("apply --auto-approve --expect {digest}")).expect(0);
    scene.expect_no_changes();
}

/// The file is the review.
#[test]
fn a_saved_plan_asks_for_no_review() {
    let scene = Scene::new();
    let head = format!("{HEAD}params: {{path: {{type: string, default: /}}}}\n");
    scene.manifest(&format!("{head}roles: {{head: {{path: '${{{{ params.path }}}}', {TRUST}}}}}\n"));
    scene.apply();
    scene.run("plan -p path=/x/ --out saved").expect(0).says("brake");
    let run = scene.run("apply saved");
    run.expect(0);
    assert!(!run.stdout.contains("brake"), "{}", run.stdout);
}

#[test]
fn a_plan_is_not_written_over_what_it_is_made_from() {
    let scene = Scene::new();
    scene.manifest(&format!("{HEAD}{READS}"));
    let before = scene.read("seqera.yaml");
    for option in ["--out seqera.yaml", "--markdown ./seqera.yaml"] {
        scene.run(&format!("plan {option}")).expect(1).says("it is not overwritten");
        assert_eq!(scene.read("seqera.yaml"), before);
    }
    scene.run("plan --out saved --markdown plan.md").expect(0);
    scene.run("plan --out saved --markdown plan.md").expect(0);
}

#[test]
fn much_is_destroyed_only_by_force_or_by_destroy() {
    let scene = braked();
    let before = scene.account();
    scene.run("plan --out saved").expect(0).says("3 of the 3 objects");
    scene.run("apply saved").expect(3).says("a brake holds");
    scene.run("apply --auto-approve").expect(3).says("2 brakes hold");
    assert_eq!(scene.account(), before, "a brake changes nothing");
    scene.copy().run("destroy --auto-approve").expect(0);
    scene.run("apply --auto-approve --force").expect(0).says("Forced although 3 of the 3 objects");
    scene.expect_no_changes();
}

#[test]
fn a_saved_plan_is_applied_once() {
    let scene = Scene::new();
    scene.manifest(&format!("{HEAD}{READS}"));
    scene.run("plan --out saved").expect(0);
    scene.run("apply saved").expect(0);
    scene.run("apply saved").expect(3).says("create is not needed any more");
}

#[test]
fn a_policy_that_is_too_long_is_said_before_aws_is_asked() {
    let scene = Scene::new();
    let actions: Vec<String> = (0..400).map(|n| format!("\"s3:GetObjectNumber{n:04}\"")).collect();
    let statements = format!("{{S: {{Effect: Allow, Action: [{}], Resource: \"*\"}}}}", actions.join(", "));
    scene.manifest(&format!("{HEAD}policies: {{long: {{statements: {statements}}}}}\n"));
    scene.run("apply --auto-approve").expect(1).says("6144");
    assert!(scene.account().keys().all(|name| !name.starts_with("policies/")), "nothing was made");
}

/// Every line of `docs/pains.md` names something that shows it, and what it names is there; or it says open.
#[test]
fn every_pain_is_shown_or_open() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join("docs/pains.md")).expect("docs/pains.md");
    let rows: Vec<Vec<&str>> = text
        .lines()
        .filter(|line| line.starts_with("| "))
        .map(|line| line.split('|').map(str::trim).collect())
        .collect();
    let numbers: Vec<String> = rows.iter().map(|row| row[1].to_owned()).filter(|number| !number.is_empty()).collect();
    assert_eq!(numbers, (1..=30).map(|n| n.to_string()).collect::<Vec<_>>());
    for row in rows.iter().filter(|row| !row[1].is_empty()) {
        let (number, thread, here) = (row[1], row[3], row[4]);
        assert!(thread.contains('#'), "{number} names no thread");
        let words: Vec<&str> = here.split([' ', ',']).filter(|word| !word.is_empty()).collect();
        let named: Vec<(&str, &str)> =
            words.windows(2).map(|two| (two[0], two[1].trim_end_matches(['.', ':']))).collect();
        let mut shown = 0;
        for (kind, name) in named {
            let there = match kind {
                "case" => root.join("tests/suite/cases").join(name).is_dir(),
                "world" => root.join("tests/suite/worlds").join(format!("{name}.yaml")).is_file(),
                "unit" => root.join("src").join(name).is_file(),
                "test" => name.split_once("::").is_some_and(|(module, function)| {
                    let file = root.join("tests/suite").join(format!("{module}.rs"));
                    std::fs::read_to_string(file).is_ok_and(|text| text.contains(&format!("fn {function}()")))
                }),
                _ => continue,
            };
            assert!(there, "{number}: there is no {kind} {name}");
            shown += 1;
        }
        assert!(shown > 0 || here.contains("**open**"), "{number} is neither shown nor open");
    }
}
