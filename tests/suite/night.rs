//! A night in which somebody found a key: what they did, what AWS did about it, and what the morning makes of each.

use serde_json::{Value as Json, json};

use crate::moto::Moto;
use crate::scene::Scene;

const HEAD: &str = "apiVersion: seqera-iam/v1\nname: night\naccount: 123456789012\n";
const LAUNCH: &str =
    "policies:\n  launch: {statements: {Submit: {Effect: Allow, Action: \"batch:SubmitJob\", Resource: \"*\"}}}\n";
const ADMIN: &str = "arn:aws:iam::aws:policy/AdministratorAccess";
const QUARANTINE: &str = "arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV2";

fn manifest(user: &str) -> String {
    format!("{HEAD}{LAUNCH}users: {{ci: {{{user}}}}}\n")
}

fn json_of(text: &str) -> Json {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

/// Everything comes in one night; an apply takes away what gives, and tells what it keeps and how that ends.
fn night(scene: &Scene) {
    scene.manifest(&manifest("policies: [policies.launch]"));
    scene.apply();
    scene.run("drift").expect(0);
    scene.call(&json!({"Action": "AttachUserPolicy", "UserName": "ci", "PolicyArn": ADMIN}));
    scene.call(&json!({"Action": "CreateAccessKey", "UserName": "ci"}));
    scene.call(&json!({"Action": "CreateLoginProfile", "UserName": "ci", "Password": "correct-Horse-1"}));
    scene.call(&json!({"Action": "CreateGroup", "GroupName": "admins"}));
    scene.call(&json!({"Action": "AttachGroupPolicy", "GroupName": "admins", "PolicyArn": ADMIN}));
    scene.call(&json!({"Action": "AddUserToGroup", "UserName": "ci", "GroupName": "admins"}));
    scene.call(&json!({"Action": "AttachUserPolicy", "UserName": "ci", "PolicyArn": QUARANTINE}));

    let found = scene.run("drift --json");
    found.expect(2);
    let found = json_of(&found.stdout);
    let drift = found["drift"].as_array().expect("a list");
    assert_eq!(found["summary"]["drift"], 5, "{drift:#?}");
    let of = |end: &str| {
        drift
            .iter()
            .find(|it| it["address"].as_str().is_some_and(|it| it.contains(end)))
            .unwrap_or_else(|| panic!("{end}"))
    };
    for (end, danger) in [
        ("policies.AdministratorAccess", "enough to gain any permission"),
        ("groups.admins", "group admins gives it"),
        ("access_keys.", "may do all that user ci may"),
        ("password", "may do all that user ci may"),
    ] {
        assert!(of(end)["dangers"].to_string().contains(danger), "{}", of(end));
    }
    assert!(of("groups.admins")["kept"].is_null() && of("Quarantine")["dangers"] == json!([]));
    let ends =
        ["aws iam delete-access-key --user-name ci", "aws iam delete-login-profile", "aws iam detach-user-policy"];
    for (end, command) in ["access_keys.", "password", "Quarantine"].into_iter().zip(ends) {
        assert!(of(end)["help"].to_string().contains(command), "{}", of(end));
    }

    let run = scene.run("apply --auto-approve --json");
    run.expect(0);
    let summary = json_of(run.stdout.lines().last().expect("a summary"));
    assert_eq!((&summary["type"], &summary["drift"]), (&json!("summary"), &json!(5)));
    let kept: Vec<&str> =
        summary["warnings"].as_array().expect("a list").iter().filter_map(|it| it["address"].as_str()).collect();
    assert_eq!(kept.len(), 3, "{kept:?}");

    // What gives is gone, what restricts and what opens the door are there: nothing to do, and yet not as it was.
    scene.run("plan --detailed-exitcode").expect(0).says("No changes.").says("kept: users.ci.password");
    assert_eq!(scene.plan()["summary"]["drift"], 3);
    scene.run("drift").expect(2).says("Drift: 3 objects").says("What is kept no apply takes away");

    // Each way out that the help tells is one.
    scene.manifest(&manifest(
        "policies: [policies.launch, AWSCompromisedKeyQuarantineV2], keep_undeclared: [credentials]",
    ));
    scene.apply();
    scene.run("drift").expect(0).says("No drift.");
    scene.manifest(&manifest("policies: [policies.launch]"));
    scene.run("plan").expect(0).says("AWSCompromisedKeyQuarantineV2 restricts user ci no more");
    scene.apply();
    scene.run("drift").expect(2).says("Drift: 2 objects");
    scene.run("destroy --auto-approve").expect(1).says("has a password to sign in with");
    scene.call(&json!({"Action": "DeleteLoginProfile", "UserName": "ci"}));
    scene.run("drift").expect(2).says("Drift: 1 object ");
}

#[test]
fn the_morning_tells_what_the_night_brought() {
    night(&Scene::new());
}

#[test]
fn the_morning_tells_what_the_night_brought_in_moto() {
    let moto = Moto::new();
    night(&moto.scene());
}

/// Who may not look at keys makes plans without; who asks what others did is told that it is not all.
#[test]
fn keys_that_cannot_be_seen_are_no_keys_that_are_not_there() {
    let scene = Scene::new();
    scene.manifest(&manifest("policies: [policies.launch]"));
    scene.run_with("deny=ListAccessKeys", "apply --auto-approve").expect(0);
    scene.run_with("deny=ListAccessKeys", "plan --detailed-exitcode").expect(0);
    scene.run_with("deny=ListAccessKeys", "drift").expect(1).says("could not be read");
}

/// A boundary that we wrote, or that was there when we came, is no drift when the manifest stops naming it.
#[test]
fn a_boundary_is_drift_only_when_others_put_it_on() {
    let scene = Scene::new();
    let boundary = "boundary: \"arn:aws:iam::aws:policy/ReadOnlyAccess\"";
    scene.manifest(&manifest(boundary));
    scene.apply();
    scene.manifest(&manifest(""));
    scene.run("apply --auto-approve").expect(0).says("kept: users.ci: boundary");
    scene.run("drift").expect(0);
    scene.call(&json!({"Action": "DeleteUserPermissionsBoundary", "UserName": "ci"}));
    scene.run("drift").expect(2).says("boundary changed outside");
    scene.run("apply --auto-approve").expect(0);
    scene.run("drift").expect(0);
    let arn = "arn:aws:iam::aws:policy/PowerUserAccess";
    scene.call(&json!({"Action": "PutUserPermissionsBoundary", "UserName": "ci", "PermissionsBoundary": arn}));
    scene.run("drift").expect(2).says("boundary changed outside, kept");
    scene.expect_no_changes();
    scene.manifest(&manifest("boundary: none"));
    scene.run("drift").expect(2);
    scene.apply();
    scene.run("drift").expect(0);
}

/// A hint is typed as it stands.
#[test]
fn hints_mean_the_manifest_that_was_meant() {
    let scene = Scene::new();
    let roles = |names: &[&str]| -> String {
        let role = |name: &&str| format!("{name}: {{trust: {{services: [ec2.amazonaws.com]}}}}");
        format!(
            "{HEAD}params: {{a: {{type: string}}}}\nroles: {{{}}}\n",
            names.iter().map(role).collect::<Vec<_>>().join(", ")
        )
    };
    scene.write("other file.yaml", &roles(&["a", "b", "c", "d"]));
    let typed = ["-f", "other file.yaml", "-p", "a=it's"];
    let run = |verb: &[&str]| {
        let output = scene.command(verb.iter().chain(&typed)).output().expect("it runs");
        crate::scene::Run::of(output)
    };
    run(&["apply", "--auto-approve"]).expect(0);
    scene.write("other file.yaml", &roles(&["a"]));
    let meant = "-f 'other file.yaml' -p 'a=it'\\''s' --sandbox";
    run(&["plan"]).expect(0).says(&format!("seqera-iam {meant} apply --expect "));
    run(&["plan"]).expect(0).says(&format!("seqera-iam {meant} apply --force\n"));
    let told = run(&["apply", "--auto-approve"]);
    told.expect(3).says(&format!("seqera-iam {meant} apply --auto-approve --force\n"));
    told.says(&format!("seqera-iam {meant} plan --out FILE"));
    run(&["plan", "--out", "saved plan"]).expect(0).says("seqera-iam apply 'saved plan'\n");
    let output = scene.command(["apply", "saved plan"]).output().expect("it runs");
    crate::scene::Run::of(output).expect(3).says("   seqera-iam --sandbox apply 'saved plan' --force\n");
    let json = run(&["apply", "--auto-approve", "--json"]);
    assert_eq!((json.expect(3).stdout.as_str(), json.stderr.contains("brakes hold")), ("", true));
}

/// The peak of what a role's inline policies have together is planned, not met.
#[test]
fn texts_that_would_not_fit_both_are_a_gap() {
    let scene = Scene::new();
    let runs: Vec<String> = (0..30).map(|n| format!("\"arn:aws:s3:::acme/{}/{n:02}/*\"", "x".repeat(120))).collect();
    let policy = |name: &str, action: &str| {
        format!(
            "{name}: {{statements: {{{name}: {{Effect: Allow, Action: \"s3:{action}\", Resource: [{}]}}}}}}",
            runs.join(", ")
        )
    };
    let role = |one: &str, two: &str| {
        let inline = format!("{}, {}", policy("one", one), policy("two", two));
        format!("{HEAD}roles: {{head: {{trust: {{services: [ec2.amazonaws.com]}}, inline: {{{inline}}}}}}}\n")
    };
    scene.manifest(&role("GetObject", "PutObject"));
    scene.apply();
    scene.manifest(&role("PutObject", "GetObject"));
    scene.run("apply --auto-approve").expect(3).says("of 10240 characters").says("--allow-gap");
    scene.run("apply --auto-approve --allow-gap").expect(0);
    scene.expect_no_changes();
}
