//! Whose an object is after everything that can happen to it: deleted by hand, made again by others, asked for by a run
//! that was cut short, left out of the manifest since. What is ours is never forgotten, and nothing of others is taken.

use std::fmt;

use serde_json::json;

use crate::many;
use crate::scene::Scene;

const HEAD: &str = "apiVersion: seqera-iam/v1\nname: whose\naccount: 123456789012\n";
const TRUST: &str = "trust: {services: [ec2.amazonaws.com]}";
/// The three ways in which the first write of a run may be cut.
const CUTS: [&str; 3] = ["kill_write=1:before", "kill_write=1:after", "fail_write=1:after"];

/// Returns a scene with an account that somebody else uses.
fn shared() -> Scene {
    let scene = Scene::new();
    scene.manifest(&format!("{HEAD}roles: {{}}\n"));
    scene.run("plan").expect(0);
    scene.call(&json!({"Action": "CreateGroup", "GroupName": "strangers"}));
    scene
}

fn manifest(scene: &Scene, text: &str) {
    scene.manifest(&format!("{HEAD}{text}\n"));
}

fn cut(scene: &Scene, fault: &str) {
    let run = scene.run_with(fault, "apply --auto-approve --force --parallelism 1");
    run.expect(if fault.starts_with("kill") { 137 } else { 1 });
    assert!(!run.stderr.contains("seqera.yaml:"), "the manifest is wrong: {}", run.stderr);
}

/// A destroy leaves just what was there before.
#[track_caller]
fn expect_destroyed(scene: &Scene, before: &Scene) {
    scene.destroy();
    assert_eq!(scene.account(), before.account());
}

/// The new one has another id than the one that the state knew, and an intent knows none.
#[test]
fn what_carries_no_tag_and_is_made_again_is_ours_wherever_the_run_was_cut() {
    for fault in CUTS {
        for (ours, delete) in [
            ("groups: {team: {}}", json!({"Action": "DeleteGroup", "GroupName": "team"})),
            (
                "service_linked_roles: [batch.amazonaws.com]",
                json!({"Action": "DeleteServiceLinkedRole", "RoleName": "AWSServiceRoleForBatch"}),
            ),
        ] {
            let before = shared();
            let scene = before.copy();
            manifest(&scene, ours);
            scene.apply();
            scene.call(&delete);
            cut(&scene, fault);
            scene.apply();
            expect_destroyed(&scene, &before);
        }
    }
}

/// The state file still names what the journal of a run that was killed says is gone.
#[test]
fn a_journal_that_ends_in_nothing_is_kept_as_well() {
    let scene = shared();
    manifest(&scene, &format!("roles: {{theirs: {{{TRUST}}}}}"));
    scene.apply();
    let first = scene.read("state/whose.json");
    manifest(&scene, "removed: [roles.theirs]");
    scene.apply();
    scene.write("state/whose.json", &first);
    let state = scene.state();
    let head = json!({
        "deployment": "whose", "account": state["account"], "sandbox": true,
        "lineage": state["lineage"], "serial": state["serial"],
    });
    scene.write("state/whose.json.journal", &format!("{head}\n{}\n", r#"{"forget":{"kind":"role","name":"theirs"}}"#));
    let before = scene.copy();
    manifest(&scene, &format!("roles: {{ours: {{{TRUST}}}}}"));
    cut(&scene, "kill_write=1:before");
    scene.apply();
    expect_destroyed(&scene, &before);
}

/// AWS gives a provider no id: without our tags it is not the one that we made.
#[test]
fn a_provider_that_others_made_again_is_left_to_them() {
    let scene = shared();
    let arn = "arn:aws:iam::123456789012:oidc-provider/o.example.com";
    manifest(&scene, "oidc_providers: {o: {url: \"https://o.example.com\", audiences: [sts.amazonaws.com]}}");
    scene.apply();
    scene.call(&json!({"Action": "DeleteOpenIDConnectProvider", "OpenIDConnectProviderArn": arn}));
    let audiences = json!(["sts.amazonaws.com", "theirs"]);
    scene.call(&json!({
        "Action": "CreateOpenIDConnectProvider", "Url": "https://o.example.com", "ClientIDList": audiences,
    }));
    let before = scene.copy();
    scene.apply();
    assert_eq!(scene.account(), before.account(), "it serves us as it is");
    expect_destroyed(&scene, &before);
}

/// The run died before it could record what it made, and the manifest says something else by now: a new path or
/// description, another name, nothing of it.
#[test]
fn what_a_cut_run_made_is_ours_though_the_manifest_changed_since() {
    let policy =
        |more: &str| format!("{{{more}statements: {{S: {{Effect: Allow, Action: \"s3:Get*\", Resource: \"*\"}}}}}}");
    let roles = |text: &str| format!("roles: {{r: {{{text}{TRUST}}}}}");
    let policies = |text: &str| format!("policies: {{p: {}}}", policy(text));
    let users = |text: &str| format!("users: {{u: {{{text}}}}}");
    let profiles = |text: &str| format!("instance_profiles: {{i: {{{text}}}}}");
    let groups = |text: &str| format!("groups: {{g: {{{text}}}}}");
    let provider = |url: &str| format!("oidc_providers: {{o: {{url: \"https://{url}.example.com\"}}}}");
    let changes: Vec<(String, Vec<String>)> = vec![
        (roles(""), vec![roles("path: /x/, "), roles("name: other, "), roles("description: new, ")]),
        (policies(""), vec![policies("path: /x/, "), policies("name: other, "), policies("description: new, ")]),
        (users(""), vec![users("path: /x/"), users("name: other"), users("name: U")]),
        (profiles(""), vec![profiles("path: /x/"), profiles("name: other")]),
        (groups(""), vec![groups("path: /x/"), groups("name: other")]),
        (provider("o"), vec![provider("other")]),
    ];
    let cases: Vec<(String, String)> = changes
        .into_iter()
        .flat_map(|(first, next)| next.into_iter().chain([String::new()]).map(move |next| (first.clone(), next)))
        .collect();
    let named: Vec<Change> = cases.iter().map(|(first, next)| Change(first, next)).collect();
    many::each(&named, |Change(first, next)| {
        for fault in CUTS {
            let before = shared();
            let scene = before.copy();
            manifest(&scene, first);
            cut(&scene, fault);
            manifest(&scene, next);
            scene.apply();
            if next.is_empty() {
                assert_eq!(scene.account(), before.account(), "{fault}");
            }
            expect_destroyed(&scene, &before);
        }
    });
}

/// A manifest that a run is cut in, and the one after it.
struct Change<'a>(&'a str, &'a str);

impl fmt::Display for Change<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {}", self.0, self.1)
    }
}

/// The run died before its call, and somebody else made one of that name: long after, where AWS cannot tag it, or
/// without our tags.
#[test]
fn what_others_made_after_an_intent_is_theirs() {
    let provider = json!({"Action": "CreateOpenIDConnectProvider", "Url": "https://o.example.com", "ClientIDList": ["sts.amazonaws.com"]});
    let linked = json!({"Action": "CreateServiceLinkedRole", "AWSServiceName": "batch.amazonaws.com"});
    for (ours, call) in [
        ("service_linked_roles: [batch.amazonaws.com]", linked),
        ("oidc_providers: {o: {url: \"https://o.example.com\"}}", provider),
    ] {
        let scene = shared();
        manifest(&scene, ours);
        cut(&scene, "kill_write=1:before,start=2026-01-01T00:00:00Z");
        scene.call(&call);
        let before = scene.copy();
        scene.apply();
        expect_destroyed(&scene, &before);
    }
    for (ours, call) in [
        ("groups: {team: {policies: [ReadOnlyAccess]}}", json!({"Action": "CreateGroup", "GroupName": "team"})),
        ("users: {ci: {}}", json!({"Action": "CreateUser", "UserName": "ci"})),
    ] {
        let scene = shared();
        manifest(&scene, ours);
        cut(&scene, "kill_write=1:before,start=2026-01-01T00:00:00Z");
        scene.call(&call);
        let before = scene.copy();
        scene.run("apply --auto-approve --force").expect(1).says("exists in 123456789012 and is not ours");
        assert_eq!(scene.account(), before.account());
        manifest(&scene, "");
        scene.apply();
        expect_destroyed(&scene, &before);
    }
}

/// What AWS cannot tag is in the state alone: a rebuild keeps it where it can still be read.
#[test]
fn a_rebuild_keeps_what_only_the_state_tells() {
    let before = shared();
    before.call(&json!({"Action": "CreateGroup", "GroupName": "guests"}));
    let scene = before.copy();
    let ours = |group: &str| {
        format!(
            "users: {{ci: {{access_keys: {{main: {{deliver_to: {{file: ci.env}}}}}}}}}}\n\
             groups: {{g: {{policies: [{group}]}}, guests: {{existing: true, policies: [ReadOnlyAccess]}}}}\n\
             service_linked_roles: [batch.amazonaws.com]\nroles: {{old: {{{TRUST}}}}}"
        )
    };
    manifest(&scene, &ours("ReadOnlyAccess"));
    scene.apply();
    let recorded = scene.state()["objects"].clone();
    std::fs::rename(scene.path("ci.env"), scene.path("used.env")).expect("a file");
    scene.run("state rebuild roles.typo").expect(1).says("nothing was changed");
    scene.run("state rebuild").expect(0);
    assert_eq!(scene.state()["objects"], recorded);
    scene.expect_no_changes();
    // The manifest says something else by now, and of some nothing.
    manifest(&scene, &ours("PowerUserAccess"));
    scene.run("state rebuild").expect(0);
    scene.apply();
    manifest(&scene, &format!("users: {{ci: {{}}}}\nroles: {{new: {{{TRUST}}}}}"));
    scene.run("state rebuild").expect(0).says("To have the next apply delete it").says("state rebuild 'roles.old'");
    scene.apply();
    assert_eq!(scene.held("groups"), ["guests", "strangers"]);
    assert_eq!(scene.held("roles"), ["new", "old"]);
    manifest(&scene, "roles: {}");
    scene.run("state rebuild roles.old").expect(0).says("state rebuild 'roles.new' 'roles.old' 'users.ci'");
    scene.run("state rebuild roles.old roles.new users.ci").expect(0);
    expect_destroyed(&scene, &before);
}

/// A role gets another name and keeps the boundary that we gave it once and that the manifest is silent about.
#[test]
fn a_boundary_of_ours_that_goes_with_a_name_is_no_drift() {
    let before = shared();
    let scene = before.copy();
    let role = |more: &str| format!("roles: {{r: {{{more}{TRUST}}}}}");
    for more in ["boundary: ReadOnlyAccess, ", "", "name: other, "] {
        manifest(&scene, &role(more));
        scene.apply();
        scene.run("drift").expect(0).says("No drift.");
    }
    scene.expect_held("roles/other", &json!({"boundary": "arn:aws:iam::aws:policy/ReadOnlyAccess"}));
    expect_destroyed(&scene, &before);
}

/// What two policies exchange is written to one of them in two writes. The version between is none to go back to, also
/// where the run was cut at it.
#[test]
fn a_version_that_a_cut_run_left_on_the_way_is_none_to_go_back_to() {
    let policies = |p: &str, q: &str| {
        let of =
            |actions: &str| format!("{{statements: {{A: {{Effect: Allow, Action: [{actions}], Resource: \"*\"}}}}}}");
        format!(
            "policies: {{p: {}, q: {}}}\nroles: {{r: {{{TRUST}, policies: [policies.p, policies.q]}}}}",
            of(p),
            of(q)
        )
    };
    let start = shared();
    manifest(&start, &policies("\"s3:GetObject\", \"sqs:SendMessage\"", "\"sns:Publish\""));
    start.apply();
    let faults = (1..=3).flat_map(|n| ["kill_write", "fail_write"].map(|how| format!("{how}={n}:after")));
    let faults: Vec<String> = faults.chain(["kill_write=2:before".to_owned()]).collect();
    many::each(&faults, |fault| {
        let scene = start.copy();
        manifest(&scene, &policies("\"s3:GetObject\", \"sns:Publish\"", "\"sqs:SendMessage\""));
        cut(&scene, fault);
        scene.apply();
        for (policy, was) in [("p", json!(["s3:GetObject", "sqs:SendMessage"])), ("q", json!(["sns:Publish"]))] {
            let run = scene.run(&format!("policy rollback policies.{policy} --auto-approve --json"));
            let answer: serde_json::Value = serde_json::from_str(&run.expect(0).stdout).expect("a document");
            let statements = answer["document"]["Statement"].as_array().expect("a list");
            assert_eq!((&statements[0]["Action"], statements.len()), (&was, 1), "{policy}: {answer}");
        }
    });
}

/// What others hang on an owner stays: on a group, on a role that keeps it, and everywhere what only denies. What a run
/// hung there that was cut is none of that, and goes with the manifest that asked for it.
#[test]
fn what_a_cut_run_hung_on_an_owner_goes_with_the_wish_for_it() {
    let deny = "inline: {no: {statements: {S: {Effect: Deny, Action: \"s3:*\", Resource: \"*\"}}}}";
    for (before, after) in [
        ("groups: {g: {}}\nusers: {u: {}}", "groups: {g: {}}\nusers: {u: {groups: [groups.g]}}"),
        (
            &*format!("roles: {{r: {{{TRUST}, keep_undeclared: true}}}}"),
            &*format!("roles: {{r: {{{TRUST}, keep_undeclared: true, policies: [AmazonS3ReadOnlyAccess]}}}}"),
        ),
        (&*format!("roles: {{r: {{{TRUST}}}}}"), &*format!("roles: {{r: {{{TRUST}, {deny}}}}}")),
    ] {
        for fault in CUTS {
            let scene = shared();
            manifest(&scene, before);
            scene.apply();
            let held = scene.copy();
            manifest(&scene, after);
            cut(&scene, fault);
            manifest(&scene, before);
            scene.apply();
            assert_eq!(scene.account(), held.account(), "{fault}: {after}");
        }
    }
}

/// The answer to a call is lost, the call that is repeated hears that there is one already, and IAM does not show it for a
/// quarter of a minute: it may well be ours.
#[test]
fn what_aws_refused_as_it_was_there_is_ours_where_it_was_made_just_then() {
    let scene = shared();
    let before = scene.copy();
    manifest(&scene, "groups: {team: {}}");
    let run = scene.run_with("drop=40%,delay=60s,stale_reads=100%,seed=2", "apply --auto-approve");
    run.expect(1).says("CreateGroup team: EntityAlreadyExists");
    assert!(scene.account().contains_key("groups/team.json"));
    manifest(&scene, "roles: {}");
    scene.apply();
    assert_eq!(scene.account(), before.account());
}

/// A run that IAM does not show yet what the run before made is cut before it comes to that.
#[test]
fn what_a_stale_read_does_not_show_is_still_intended() {
    let scene = shared();
    let before = scene.copy();
    manifest(&scene, "groups: {team: {}}");
    cut(&scene, "kill_write=1:after");
    let policy = "policies: {p: {statements: {S: {Effect: Allow, Action: 'ec2:Describe*', Resource: '*'}}}}";
    manifest(&scene, &format!("{policy}\ngroups: {{team: {{policies: [policies.p]}}}}"));
    cut(&scene, "kill_write=1:before,delay=60s,stale_reads=100%");
    scene.apply();
    expect_destroyed(&scene, &before);
}
