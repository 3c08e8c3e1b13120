//! The same job against an IAM that we did not write: it answers what our own sandbox may have wrong.
//! Where moto differs from AWS, `deviations.rs` says how.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use aws_sdk_iam::types::Tag;

use crate::moto::Moto;
use crate::scene::{Run, Scene, Target};
use crate::wire::{self, Fate};
use crate::worlds;

/// Every field of every kind, with characters that survive only when each side codes them rightly.
pub const WHOLE: &str = r#"
apiVersion: seqera-iam/v1
name: whole
account: "123456789012"
defaults: {path: /seqera/, tags: {team: genomics}}
policies:
  ceiling:
    statements:
      All: {Effect: Allow, Action: ["s3:*", "logs:*"], Resource: "*"}
  reads:
    description: "Reads <nf & co> 100% + \"more\""
    tags: {stage: reads, "key/with=signs": "a+b @ c"}
    statements:
      Home:
        Effect: Allow
        Action: [s3:GetObject, s3:ListBucket]
        Resource: ["arn:aws:s3:::acme+work/*", "arn:aws:s3:::acme/home/${aws:username}/*"]
        Condition: {StringLike: {"s3:prefix": ["a b%20c&d", "é"]}}
roles:
  head:
    description: "Head <nf & co> 100% + \"more\""
    max_session: 4h
    boundary: policies.ceiling
    tags: {stage: head, "key/with=signs": "a+b @ c"}
    trust: [{services: [ec2.amazonaws.com]}, {principals: [roles.worker], external_id: x1}]
    policies: [policies.reads, AmazonS3ReadOnlyAccess, "arn:aws:iam::aws:policy/service-role/AWSBatchServiceRole"]
    inline:
      logs: {statements: {Logs: {Effect: Allow, Action: logs:GetLogEvents, Resource: "arn:aws:logs:*:*:a+b%"}}}
  worker: {trust: {services: [ecs-tasks.amazonaws.com]}}
instance_profiles:
  head: {role: roles.head, tags: {stage: profile}}
outputs: {head_role: "${{ roles.head.arn }}"}
"#;

/// How many things `WHOLE` asks for.
const THINGS: usize = 10;

const READS: &str = "arn:aws:iam::123456789012:policy/seqera/reads";
const CEILING: &str = "arn:aws:iam::123456789012:policy/seqera/ceiling";

/// Returns `WHOLE` with this text in place of that one.
fn changed(edits: &[(&str, &str)]) -> String {
    edits.iter().fold(WHOLE.to_owned(), |text, (this, that)| {
        assert!(text.contains(this), "`{this}` is not in the manifest");
        text.replace(this, that)
    })
}

fn applied(moto: &Moto) -> Scene {
    let scene = moto.scene();
    scene.manifest(WHOLE);
    scene.apply();
    scene
}

fn expect_nothing_held(moto: &Moto) {
    let roles = moto.call(moto.iam.list_roles().send()).roles;
    let policies = moto.call(moto.iam.list_policies().scope("Local".into()).send()).policies.unwrap_or_default();
    let profiles = moto.call(moto.iam.list_instance_profiles().send()).instance_profiles;
    assert_eq!((roles.len(), policies.len(), profiles.len()), (0, 0, 0), "{roles:?} {policies:?} {profiles:?}");
}

#[test]
fn the_whole_job() {
    let moto = Moto::new();
    let scene = moto.scene();
    scene.manifest(WHOLE);
    scene.run("plan --detailed-exitcode").expect(2).says("Plan: 10 to add, 0 to change, 0 to destroy.");
    scene.apply().says("head_role = arn:aws:iam::123456789012:role/seqera/head");

    let role = moto.call(moto.iam.get_role().role_name("head").send()).role.expect("a role");
    assert_eq!(role.path(), "/seqera/");
    assert_eq!(role.description(), Some("Head <nf & co> 100% + \"more\""));
    assert_eq!(role.max_session_duration(), Some(14400));
    assert_eq!(role.permissions_boundary().and_then(|b| b.permissions_boundary_arn()), Some(CEILING));
    let tags: Vec<(&str, &str)> = role.tags().iter().map(|tag| (tag.key(), tag.value())).collect();
    for tag in [("team", "genomics"), ("stage", "head"), ("key/with=signs", "a+b @ c")] {
        assert!(tags.contains(&tag), "{tag:?} is not in {tags:?}");
    }
    assert!(tags.contains(&("seqera-iam:deployment", "whole")), "{tags:?}");
    let profile = moto.call(moto.iam.get_instance_profile().instance_profile_name("head").send());
    let profile = profile.instance_profile.expect("a profile");
    assert_eq!(profile.roles().iter().map(|role| role.role_name()).collect::<Vec<_>>(), ["head"]);

    scene.run("apply --auto-approve").expect(0).says("No changes.");
    scene.destroy().says("Destroy complete! Resources: 10 destroyed.");
    expect_nothing_held(&moto);
    assert_eq!(scene.steps().len(), THINGS);
}

/// What is changed in the manifest, and the steps that it takes.
const UPDATES: &[(&str, &str, &[&str])] = &[
    ("s3:ListBucket]", "s3:PutObject]", &["update policies.reads"]),
    ("stage: reads, ", "phase: reads, ", &["update policies.reads"]),
    ("stage: head, ", "stage: \"\", ", &["update roles.head"]),
    ("    description: \"Head <nf & co> 100% + \\\"more\\\"\"\n", "", &["update roles.head"]),
    ("max_session: 4h", "max_session: 12h", &["update roles.head"]),
    ("boundary: policies.ceiling", "boundary: PowerUserAccess", &["update roles.head"]),
    ("boundary: policies.ceiling", "boundary: none", &["update roles.head"]),
    ("external_id: x1", "external_id: \"x+2\"", &["update roles.head"]),
    ("a+b%", "a b+%25", &["update roles.head.inline.logs"]),
    ("logs: {statements", "tail: {statements", &["create roles.head.inline.tail", "delete roles.head.inline.logs"]),
    (
        "AmazonS3ReadOnlyAccess",
        "AmazonS3FullAccess",
        &["create roles.head.policies.AmazonS3FullAccess", "delete roles.head.policies.AmazonS3ReadOnlyAccess"],
    ),
    ("role: roles.head, ", "role: roles.worker, ", &["replace instance_profiles.head.role"]),
    ("stage: profile", "phase: profile", &["update instance_profiles.head"]),
];

#[test]
fn every_field_is_updated_there_and_back() {
    let moto = Moto::new();
    let scene = applied(&moto);
    for (this, that, steps) in UPDATES {
        scene.manifest(&changed(&[(this, that)]));
        assert_eq!(scene.steps(), *steps, "`{this}` to `{that}`");
        scene.apply();
        scene.manifest(WHOLE);
        assert_eq!(scene.steps().len(), steps.len(), "`{that}` to `{this}`");
        scene.apply();
    }
    let versions = moto.call(moto.iam.list_policy_versions().policy_arn(READS).send()).versions.unwrap_or_default();
    assert_eq!(versions.len(), 3);
}

#[test]
fn a_policy_changes_more_often_than_iam_keeps_versions() {
    let moto = Moto::new();
    let scene = applied(&moto);
    for change in 1..=7 {
        scene.manifest(&changed(&[("acme/home", &format!("acme/home{change}"))]));
        scene.apply();
    }
    let versions = moto.call(moto.iam.list_policy_versions().policy_arn(READS).send()).versions.unwrap_or_default();
    let mut ids: Vec<&str> = versions.iter().filter_map(|version| version.version_id()).collect();
    ids.sort_unstable();
    assert_eq!(ids, ["v4", "v5", "v6", "v7", "v8"]);
    assert!(versions.iter().any(|version| version.is_default_version && version.version_id() == Some("v8")));
    scene.destroy();
    expect_nothing_held(&moto);
}

/// What AWS cannot change: the thing is made anew, and what hangs on it with it.
const REPLACEMENTS: &[(&str, &str, &str)] = &[
    ("  worker: {", "  worker: {path: /other/, ", "replace roles.worker"),
    ("  worker: {", "  worker: {name: carrier, ", "replace roles.worker"),
    ("  head: {role", "  head: {path: /other/, role", "replace instance_profiles.head"),
    ("  head: {role", "  head: {name: other, role", "replace instance_profiles.head"),
    ("  reads:\n", "  reads:\n    path: /other/\n", "replace policies.reads"),
    ("  reads:\n", "  reads:\n    name: writes\n", "replace policies.reads"),
    ("100% + \\\"more\\\"\"\n    tags: {stage: reads", "less\"\n    tags: {stage: reads", "replace policies.reads"),
    ("  head:\n    desc", "  head:\n    name: chief\n    desc", "replace roles.head"),
    ("  head:\n    desc", "  head:\n    path: /other/\n    desc", "replace roles.head"),
];

#[test]
fn what_cannot_change_is_replaced_there_and_back() {
    let moto = Moto::new();
    let scene = applied(&moto);
    for (this, that, step) in REPLACEMENTS {
        for manifest in [changed(&[(this, that)]), WHOLE.to_owned()] {
            scene.manifest(&manifest);
            let steps = scene.steps();
            assert!(steps.contains(&(*step).to_owned()), "`{this}` to `{that}`: {steps:?}");
            scene.apply();
        }
    }
    scene.destroy();
    expect_nothing_held(&moto);
}

#[test]
fn changes_by_hand_show_and_are_repaired() {
    let moto = Moto::new();
    let scene = applied(&moto);
    let repaired = |steps: &[&str]| {
        let plan = scene.plan();
        assert_eq!(crate::scene::steps(&plan), steps);
        assert_eq!(plan["summary"]["drift"], steps.len(), "{plan:#}");
        scene.apply();
    };
    let iam = &moto.iam;
    let nobody = r#"{"Version":"2012-10-17","Statement":[{"Sid":"No","Effect":"Deny","Action":"*","Resource":"*"}]}"#;
    let anybody = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole"}]}"#;
    let all = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;

    moto.call(iam.update_assume_role_policy().role_name("head").policy_document(anybody).send());
    repaired(&["update roles.head"]);
    // moto clears a description that is left out.
    moto.call(iam.update_role().role_name("head").max_session_duration(3600).send());
    repaired(&["update roles.head"]);
    moto.call(iam.delete_role_permissions_boundary().role_name("head").send());
    repaired(&["update roles.head"]);
    moto.call(iam.tag_role().role_name("head").tags(tag("stage", "tail")).send());
    repaired(&["update roles.head"]);
    moto.call(iam.put_role_policy().role_name("head").policy_name("logs").policy_document(all).send());
    repaired(&["update roles.head.inline.logs"]);
    moto.call(iam.delete_role_policy().role_name("head").policy_name("logs").send());
    repaired(&["create roles.head.inline.logs"]);
    moto.call(iam.put_role_policy().role_name("worker").policy_name("back door").policy_document(all).send());
    repaired(&["delete roles.worker.inline[\"back door\"]"]);
    let administrator = "arn:aws:iam::aws:policy/AdministratorAccess";
    moto.call(iam.attach_role_policy().role_name("worker").policy_arn(administrator).send());
    repaired(&["delete roles.worker.policies.AdministratorAccess"]);
    moto.call(iam.detach_role_policy().role_name("head").policy_arn(READS).send());
    repaired(&["create roles.head.policies.reads"]);
    let version = iam.create_policy_version().policy_arn(READS).policy_document(all).set_as_default(true);
    moto.call(version.send());
    repaired(&["update policies.reads"]);
    moto.call(iam.untag_policy().policy_arn(READS).tag_keys("stage").send());
    repaired(&["update policies.reads"]);
    moto.call(iam.remove_role_from_instance_profile().instance_profile_name("head").role_name("head").send());
    repaired(&["create instance_profiles.head.role"]);
    moto.call(iam.untag_instance_profile().instance_profile_name("head").tag_keys("stage").send());
    repaired(&["update instance_profiles.head"]);
    moto.call(iam.remove_role_from_instance_profile().instance_profile_name("head").role_name("head").send());
    moto.call(iam.delete_instance_profile().instance_profile_name("head").send());
    repaired(&["create instance_profiles.head", "create instance_profiles.head.role"]);

    // What only restricts stays, and so does a tag that is not ours.
    moto.call(iam.put_role_policy().role_name("worker").policy_name("stop").policy_document(nobody).send());
    moto.call(iam.tag_role().role_name("worker").tags(tag("cost", "42")).send());
    scene.expect_no_changes();
}

fn tag(key: &str, value: &str) -> Tag {
    Tag::builder().key(key).value(value).build().expect("a tag")
}

/// Worlds in which moto is not AWS enough, and what `deviations.rs` holds it to.
const OTHER_WORLDS: &[(&str, &str)] = &[
    ("boundary", "it does not list who has a policy as the boundary, and deletes it"),
    ("described_boundary", "the same"),
    ("moved_owners", "a group does not move, and a user that moves loses its tags"),
    ("users_boundary", "users have no boundary"),
    ("oidc_audiences", "audiences are not added or taken away"),
    ("oidc_providers_shared", "the same"),
    (
        "service_linked_roles",
        "it names the roles of services otherwise, so they are not deleted by hand by AWS's names",
    ),
    ("existing", "asked who has a policy as the boundary, it tells who has it attached"),
    ("trust_circle", "it trusts the name of a role that was deleted, where AWS shows an id that nobody has"),
    ("trusted_role_remade", "the same"),
];

#[test]
fn worlds_go_the_same_way() {
    worlds::each(|world| {
        if OTHER_WORLDS.iter().any(|(name, _)| *name == world.name) {
            return;
        }
        let moto = Moto::new();
        worlds::play(&moto.scene(), world, |_| {});
    });
}

#[test]
fn a_lost_state_is_found_by_its_tags() {
    let moto = Moto::new();
    let scene = applied(&moto);
    scene.lose_state();
    let steps = scene.steps();
    assert!(steps.len() == THINGS && steps.iter().all(|step| step.starts_with("import ")), "{steps:?}");
    scene.apply().says("Apply complete! Resources: 10 imported, 0 added, 0 changed, 0 destroyed.");
    scene.lose_state();
    scene.destroy().says("Destroy complete! Resources: 10 destroyed.");
    expect_nothing_held(&moto);
}

#[test]
fn what_exists_is_taken_over_only_when_asked() {
    let moto = Moto::new();
    let elsewhere = applied(&moto);
    // Nobody's now: the tags are gone, and so is the state.
    for name in ["head", "worker"] {
        let keys = ["seqera-iam:deployment", "seqera-iam:lineage"].map(str::to_owned).to_vec();
        moto.call(moto.iam.untag_role().role_name(name).set_tag_keys(Some(keys)).send());
    }
    for arn in [READS, CEILING] {
        let keys = ["seqera-iam:deployment", "seqera-iam:lineage"].map(str::to_owned).to_vec();
        moto.call(moto.iam.untag_policy().policy_arn(arn).set_tag_keys(Some(keys)).send());
    }
    let keys = ["seqera-iam:deployment", "seqera-iam:lineage"].map(str::to_owned).to_vec();
    moto.call(moto.iam.untag_instance_profile().instance_profile_name("head").set_tag_keys(Some(keys)).send());
    drop(elsewhere);

    let scene = moto.scene();
    scene.manifest(WHOLE);
    scene.run("plan").expect(1).says("role head exists in 123456789012 and is not ours").says("import: [roles.head]");
    let import = "import: [policies.ceiling, policies.reads, roles.head, roles.worker, instance_profiles.head]\n";
    scene.manifest(&(changed(&[("max_session: 4h", "max_session: 6h")]) + import));
    scene.apply().says("10 imported, 0 added, 1 changed, 0 destroyed.");
    let role = moto.call(moto.iam.get_role().role_name("head").send()).role.expect("a role");
    assert_eq!(role.max_session_duration(), Some(21600));
}

#[test]
fn a_kill_anywhere_is_made_good_by_the_next_run() {
    let moto = Moto::new();
    for write in 1..=THINGS {
        let (arrived, arrival) = mpsc::channel();
        let writes = AtomicUsize::new(0);
        let silent = wire::open(moto.url(), move |body| {
            if !is_write(body) || writes.fetch_add(1, Ordering::Relaxed) + 1 != write {
                return Fate::Carried;
            }
            let _ = arrived.send(());
            // Every other one takes effect before the process dies.
            if write % 2 == 0 { Fate::AnswerLost } else { Fate::Silence }
        });
        let killed = Scene::at(Target::Endpoint(silent));
        killed.manifest(WHOLE);
        let mut command = killed.command(["apply", "--auto-approve"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it runs");
        arrival.recv().expect("that many writes");
        child.kill().and_then(|()| child.wait()).expect("it dies");

        // The journal of the killed run is read by the next one, which talks to the server itself.
        let scene = moto.scene();
        scene.manifest(WHOLE);
        scene.take_state_of(&killed);
        scene.apply();
        scene.destroy();
        expect_nothing_held(&moto);
    }
}

#[test]
fn a_lost_answer_makes_nothing_twice() {
    let moto = Moto::new();
    for write in 1..=THINGS {
        let writes = AtomicUsize::new(0);
        let lossy = wire::open(moto.url(), move |body| {
            let lost = is_write(body) && writes.fetch_add(1, Ordering::Relaxed) + 1 == write;
            if lost { Fate::AnswerLost } else { Fate::Carried }
        });
        let scene = Scene::at(Target::Endpoint(lossy));
        scene.manifest(WHOLE);
        scene.apply().says("10 added");
        scene.destroy().says("10 destroyed");
        expect_nothing_held(&moto);
    }
}

fn is_write(body: &str) -> bool {
    !["Get", "List"].iter().any(|read| wire::action(body).starts_with(read))
}

#[test]
fn an_interrupt_finishes_what_runs_and_says_so() {
    let moto = Moto::new();
    let slow = wire::open(moto.url(), |body| {
        if is_write(body) {
            std::thread::sleep(std::time::Duration::from_millis(300));
        }
        Fate::Carried
    });
    let scene = Scene::at(Target::Endpoint(slow));
    scene.manifest(WHOLE);
    let mut command = scene.command(["apply", "--auto-approve", "--parallelism", "1"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
    let stdout = child.stdout.take().expect("a pipe");
    let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
    lines.by_ref().find(|line| line.contains(": created")).expect("something is created");
    let interrupt = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(interrupt.expect("kill runs").success());
    let rest: Vec<String> = lines.collect();
    let run = Run::of(child.wait_with_output().expect("it ends"));
    assert_eq!(run.code, 130, "{rest:?} {}", run.stderr);
    assert!(run.stderr.contains("not started:"), "{}", run.stderr);
    scene.apply();
}
