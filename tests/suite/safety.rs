//! What must never happen: the wrong account, the wrong state, a question nobody hears, output that
//! programs or terminals choke on.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use serde_json::{Value as Json, json};

use crate::scene::{Run, Scene};
use crate::spine::DEMO;

fn scene() -> Scene {
    let scene = Scene::new();
    scene.manifest(DEMO);
    scene
}

fn applied() -> Scene {
    let scene = scene();
    scene.apply();
    scene
}

#[test]
fn the_wrong_account_stops_before_anything_else_is_read() {
    let scene = applied();
    let (account, state) = (scene.account(), scene.snapshot("state"));
    scene.manifest(&DEMO.replace("account: 123456789012", "account: 210987654321"));
    for verb in ["plan", "apply --auto-approve", "destroy --auto-approve"] {
        let run = scene.run_with("log=calls", verb);
        run.expect(3).says("the manifest is for account 210987654321").says("123456789012").says("--sandbox=");
        assert_eq!(scene.read("calls").trim(), "GetCallerIdentity", "{verb}");
        std::fs::remove_file(scene.path("calls")).expect("a log");
    }
    assert_eq!((scene.account(), scene.snapshot("state")), (account, state));
}

#[test]
fn the_state_of_another_deployment_or_account_is_refused() {
    let scene = applied();
    let account = scene.account();
    scene.manifest(&DEMO.replace("name: demo", "name: staging"));
    for verb in ["plan", "apply --auto-approve", "destroy --auto-approve"] {
        let run = scene.run(&format!("{verb} --state state/demo.json"));
        run.expect(3).says("is of deployment demo, and the manifest is of staging");
    }
    assert_eq!(scene.account(), account);

    // Without an account in the manifest, the state still knows its own.
    let other = Scene::new();
    other.write("state/demo.json", &scene.read("state/demo.json"));
    other.manifest(&DEMO.replace("account: 123456789012\n", ""));
    other.write(".seqera-iam/sandbox/account.json", r#"{"account": "210987654321"}"#);
    other
        .run("apply --auto-approve")
        .expect(3)
        .says("is of account 123456789012, and these credentials are of 210987654321");
    assert_eq!(other.everything(), [""; 0]);
}

#[test]
fn two_lives_of_a_deployment_are_not_mixed() {
    let scene = applied();
    let tag = |name: &str, lineage: &str| {
        scene.call(&json!({"Action": "TagRole", "RoleName": name, "Tags": {"seqera-iam:lineage": lineage}}));
    };
    tag("head", "0000000000000001");
    let account = scene.account();
    for verb in ["plan", "apply --auto-approve", "destroy --auto-approve"] {
        scene.run(verb).expect(3).says("deployment demo exists in several lives").says("0000000000000001");
    }
    // Without a state there are two lives too: the role's, and that of everything else.
    scene.lose_state();
    scene.run("apply --auto-approve").expect(3).says("several lives");
    assert_eq!(scene.account(), account);
    assert!(!scene.path("state/demo.json").exists());
}

#[test]
fn only_the_owner_may_read_the_state() {
    let scene = scene();
    let mode = |name: &str| std::fs::metadata(scene.path(name)).expect(name).permissions().mode() & 0o777;
    scene.run_with("kill_write=3:after", "apply --auto-approve").expect(137);
    assert_eq!(mode("state/demo.json.journal"), 0o600);
    scene.apply();
    assert_eq!((mode("state/demo.json"), mode("state/demo.json.lock")), (0o600, 0o600));
    scene.run("destroy --auto-approve").expect(0);
    assert_eq!(mode("state/demo.json"), 0o600);
}

#[test]
fn a_broken_state_is_not_taken_for_an_empty_one() {
    for (broken, says) in [
        ("{", "cannot read the state"),
        ("", "cannot read the state"),
        ("[]", "cannot read the state"),
        (r#"{"format_version": "2"}"#, "cannot read the state"),
    ] {
        let scene = applied();
        let account = scene.account();
        scene.write("state/demo.json", broken);
        for verb in ["plan", "apply --auto-approve", "destroy --auto-approve"] {
            scene.run(verb).expect(1).says(says).says("restore it from a backup");
        }
        assert_eq!((scene.account(), scene.read("state/demo.json").as_str()), (account, broken));
    }
}

/// A `yes` in a pipe was typed by nobody.
#[test]
fn without_a_terminal_nothing_is_asked_and_nothing_done() {
    for (verb, answer) in [("apply", "yes\n"), ("destroy", "demo\n")] {
        let scene = if verb == "apply" { scene() } else { applied() };
        let account = scene.account();
        let mut command = scene.command([verb]);
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary runs");
        // It may be gone before it could read.
        let _ = child.stdin.take().expect("a pipe").write_all(answer.as_bytes());
        let run = Run::of(child.wait_with_output().expect("it ends"));
        run.expect(3).says("there is no terminal to ask on; nothing was changed").says("--auto-approve");
        assert_eq!(scene.everything(), if verb == "apply" { vec![] } else { scene.everything() });
        assert_eq!(scene.snapshot("state").contains_key("demo.json"), verb == "destroy");
        assert!(verb == "apply" || scene.account() == account);
    }
}

/// With `--json` nobody sees a plan that they could say yes to, not on a terminal either.
#[test]
fn with_json_nothing_is_asked() {
    for verb in ["apply --json", "destroy --json"] {
        let scene = if verb.starts_with("apply") { scene() } else { applied() };
        let account = scene.everything();
        scene.run(verb).expect(3).says("with --json no plan is shown to ask about").says("--auto-approve");
        assert_eq!(scene.everything(), account);
    }
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    for args in [&["plan"][..], &["plan", "--json"], &["apply", "--auto-approve"], &["--help"], &["validate"]] {
        let scene = scene();
        let mut command = scene.command(args);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs");
        drop(child.stdout.take());
        let mut errors = String::new();
        child.stderr.take().expect("a pipe").read_to_string(&mut errors).expect("UTF-8");
        let status = child.wait().expect("it ends");
        assert!(!errors.contains("panicked"), "{args:?}: {errors}");
        assert_eq!(status.code(), Some(0), "{args:?}: {errors}");
        if args[0] == "apply" {
            scene.expect_no_changes();
        }
    }
}

#[test]
fn colours_are_for_terminals() {
    let scene = applied();
    scene.manifest(&DEMO.replace("s3:PutObject", "s3:DeleteObject"));
    let plain = scene.run("plan");
    assert!(!plain.stdout.contains('\u{1b}'), "a pipe is no terminal");
    let colourful = scene.run("plan --color always");
    assert!(colourful.stdout.contains("\u{1b}["), "always is always");
    let stripped = anstream::adapter::strip_str(&colourful.stdout).to_string();
    assert_eq!(stripped, plain.stdout, "colours change nothing else");
    let mut command = scene.command(["plan", "--color", "auto"]);
    let silent = Run::of(command.env("NO_COLOR", "1").output().expect("the binary runs"));
    assert_eq!(silent.stdout, plain.stdout);
    assert!(!scene.run("plan --json --color always").stdout.contains('\u{1b}'), "JSON has no colours");

    scene.manifest("apiVersion: seqera-iam/v1\nnaem: x\n");
    assert!(!scene.run("plan").stderr.contains('\u{1b}'));
    assert!(scene.run("plan --color always").stderr.contains('\u{1b}'));
}

/// Every change there is, in 60 columns: only what is one word may stand out, or a command to type.
#[test]
fn a_narrow_terminal_gets_narrow_lines() {
    let scene = applied();
    scene.manifest(
        &DEMO
            .replace("max_session: 4h", "max_session: 2h\n    boundary: PowerUserAccess\n    path: /seqera/platform/")
            .replace(
                "[s3:GetObject, s3:PutObject]",
                "[s3:GetObject, s3:PutObjectTagging, s3:DeleteObject, s3:AbortMultipartUpload]",
            )
            .replace("team: genomics", "team: proteomics"),
    );
    let narrow = |args: &str| {
        let mut command = scene.command(args.split(' '));
        Run::of(command.env("COLUMNS", "60").output().expect("the binary runs"))
    };
    for args in ["plan", "plan --verbose", "destroy"] {
        let run = narrow(args);
        assert!(run.stdout.lines().count() > 8, "{}", run.stdout);
        // The plan itself: the first line says that this is the sandbox, and the last what to do next.
        let plan = run.stdout.lines().skip(1).take_while(|line| !line.starts_with("Plan: "));
        for line in plan.filter(|line| line.chars().count() > 60 && !line.contains("   seqera-iam ")) {
            let longest = line.split_whitespace().map(|word| word.chars().count()).max().unwrap_or(0);
            assert!(longest > 36, "{args}: {} columns: {line}", line.chars().count());
        }
    }
}

#[test]
fn what_cannot_be_understood_is_exit_1_and_help_is_0() {
    let scene = scene();
    for wrong in ["plam", "plan --nope", "plan extra", "apply --parallelism 0", "plan --lock-timeout soon", "-p x plan"]
    {
        let run = scene.run(wrong);
        assert!(run.expect(1).stdout.is_empty(), "{wrong}: {}", run.stdout);
        assert!(run.stderr.contains("error:") && run.stderr.contains("--help"), "{wrong}: {}", run.stderr);
    }
    for asked in ["--help", "plan --help", "--version", "apply -h"] {
        let run = scene.run(asked);
        assert!(run.expect(0).stderr.is_empty(), "{asked}: {}", run.stderr);
        assert!(run.stdout.contains("seqera-iam"), "{asked}: {}", run.stdout);
    }
    assert_eq!(scene.account().len(), 0, "no account is made for a usage error");
}

#[test]
fn json_is_one_document_on_stdout_and_nothing_else() {
    let scene = scene();
    let plan = scene.run("plan --json");
    let json: Json = serde_json::from_str(&plan.expect(0).stdout).expect("one document");
    for key in ["format_version", "account", "deployment", "summary", "steps", "drift", "warnings", "digest", "outputs"]
    {
        assert!(json.get(key).is_some(), "{key}");
    }
    let summary = json!({"import": 0, "create": 7, "update": 0, "replace": 0, "delete": 0, "forget": 0, "drift": 0});
    assert_eq!(json["summary"], summary);
    assert!(plan.stderr.starts_with("Sandbox: account 123456789012"), "{}", plan.stderr);
    let step = &json["steps"][1];
    for key in ["address", "action", "before", "after", "waits_for", "drift", "permissions", "dangers"] {
        assert!(step.get(key).is_some(), "{key}");
    }
    assert_eq!((&step["address"], &step["before"]), (&json!("roles.head"), &Json::Null));

    // What fails prints no half document.
    assert!(scene.run_with("fail_action=GetRole", "plan --json").expect(1).stdout.is_empty());
    assert!(scene.run("apply --json").expect(3).stdout.is_empty());
    scene.manifest(&DEMO.replace("roles.head}", "roles.haed}"));
    let broken = scene.run("plan --json");
    assert!(broken.expect(1).stdout.is_empty());
    broken.says("roles.haed").says("did you mean");
    let validated = scene.run("validate --json");
    let json: Json = serde_json::from_str(&validated.expect(1).stdout).expect("one document");
    assert_eq!((&json["valid"], &json["errors"][0]["code"]), (&json!(false), &json!("unknown-reference")));
    assert!(json["errors"][0]["line"].as_u64() > Some(1));
}

fn events(run: &Run) -> Vec<Json> {
    run.stdout.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
}

#[test]
fn json_events_end_with_a_summary() {
    let scene = scene();
    let apply = scene.run("apply --auto-approve --json");
    let all = events(apply.expect(0));
    let count = |word: &str| all.iter().filter(|event| event["type"] == word).count();
    assert_eq!((count("apply_start"), count("apply_complete"), count("apply_errored"), count("summary")), (7, 7, 0, 1));
    let summary = all.last().expect("a summary");
    assert_eq!(summary["type"], "summary");
    assert_eq!(summary["outputs"], json!({"head_role": "arn:aws:iam::123456789012:role/head"}));
    assert_eq!(summary["resources"]["added"], 7);

    // Nothing to do is a summary too.
    let again = events(scene.run("apply --auto-approve --json").expect(0));
    assert_eq!(again.len(), 1);
    assert_eq!(again[0]["outputs"]["head_role"], "arn:aws:iam::123456789012:role/head");

    let failed = scene.run_with("fail_action=DetachRolePolicy", "destroy --auto-approve --json");
    let all = events(failed.expect(1));
    assert!(
        all.iter()
            .any(|event| event["type"] == "apply_errored" && event["message"].to_string().contains("AccessDenied"))
    );
    let summary = all.last().expect("a summary");
    assert_eq!(summary["type"], "summary");
    let named = |key: &str| {
        summary[key].as_array().expect("a list").iter().map(|a| a.to_string()).collect::<Vec<_>>().join(" ")
    };
    assert!(named("failed").contains("roles.head.policies."), "{summary}");
    assert!(named("not_started").contains("roles.head"), "{summary}");
    events(scene.run("destroy --auto-approve --json").expect(0));
    assert_eq!(scene.everything(), [""; 0]);
}

#[test]
fn an_account_without_room_is_said_before_anything_is_made() {
    let scene = scene();
    let account = r#"{"account": "123456789012", "quotas": {"PoliciesQuota": 0, "RolesQuota": 1}}"#;
    scene.write(".seqera-iam/sandbox/account.json", account);
    let run = scene.run("apply --auto-approve");
    run.expect(1).says("it holds 0 of 0 Policies, this plan makes 1 more").says("Service Quotas");
    assert_eq!(scene.everything(), [""; 0]);

    // Who may not ask for the figures, finds out when AWS refuses; with room, all goes well.
    scene.run_with("deny=GetAccountSummary", "apply --auto-approve").expect(1).says("PoliciesPerAccount: 0");
    scene.write(".seqera-iam/sandbox/account.json", r#"{"account": "123456789012"}"#);
    scene.run_with("deny=GetAccountSummary", "apply --auto-approve").expect(0);
    scene.expect_no_changes();
}

#[test]
fn an_empty_plan_does_not_ask_for_figures() {
    let scene = applied();
    scene.run_with("log=calls", "plan").expect(0);
    assert!(!scene.read("calls").contains("GetAccountSummary"));
}
