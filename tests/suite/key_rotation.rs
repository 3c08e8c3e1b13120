//! Another access key in the place of one, in two runs, cut short anywhere.

use serde_json::{Value as Json, json};

use crate::access_keys::{HEAD, TO_FILE};
use crate::interruption::{Running, wait_for};
use crate::many;
use crate::moto::Moto;
use crate::scene::Scene;

/// Says whether a time is told to the fraction of a second.
fn has_fractions(text: &str) -> bool {
    text.split_whitespace().any(|word| {
        word.contains("T") && word.contains("Z") && word.split(['Z']).next().is_some_and(|at| at.contains('.'))
    })
}

/// Another key is in the file, the old one is off and later gone; nothing is left to do at any stage.
#[test]
fn a_key_is_rotated_in_two_runs() {
    let moto = Moto::new();
    for scene in [Scene::new(), moto.scene()] {
        scene.manifest(&format!("{HEAD}{TO_FILE}"));
        scene.apply();
        let old = scene.key();
        let run = scene.run("key rotate users.ci");
        run.expect(0).says(&old.id).says("made, proven and handed over");
        assert!(
            !run.stdout.contains('.') || !run.stdout.contains("Z, ") || !has_fractions(&run.stdout),
            "{}",
            run.stdout
        );
        let new = scene.key();
        assert_ne!(new, old);
        let mut both = vec![(old.id.clone(), false), (new.id.clone(), true)];
        both.sort();
        let mut keys = scene.keys_of("ci");
        keys.sort();
        assert_eq!(keys, both);
        assert_eq!(scene.files(), ["ci.env", "seqera.yaml"]);
        scene.expect_no_changes();
        // Neither an apply nor a run that comes too early deletes it.
        scene.apply();
        scene.run("key rotate ci").expect(0).says("Nothing was changed");
        assert_eq!(scene.keys_of("ci").len(), 2);
        scene.run("key rotate ci --grace 0s --json").expect(0).says(r#""action": "deleted""#);
        scene.expect_one_key();
        assert_eq!(scene.key(), new);
        // Who gives no grace has one key after one run.
        scene.run("key rotate ci --grace 0s").expect(0).says("switched off and deleted");
        scene.expect_one_key();
        assert_ne!(scene.key(), new);
        scene.expect_no_changes();
        // What goes takes all its keys along.
        scene.run("key rotate ci").expect(0);
        scene.destroy();
        assert!(scene.everything().is_empty());
    }
}

#[test]
fn a_rotation_that_cannot_be_says_why_and_changes_nothing() {
    let scene = Scene::with_keys();
    scene.run("key rotate ci").expect(3).says("seqera-iam --sandbox apply");
    scene.apply();
    scene.run("key rotate nobody").expect(1).says("seqera-iam --sandbox key rotate users.ci.access_keys.primary");
    let mine = scene.key();
    std::fs::write(scene.path("ci.env"), "mine").expect("a file");
    scene.run("key rotate ci").expect(1).says("ci.env exists; it is not overwritten");
    scene.write("ci.env", &format!("AWS_ACCESS_KEY_ID={}\nAWS_SECRET_ACCESS_KEY={}\n", mine.id, mine.secret));
    let other = scene.call(&json!({"Action": "CreateAccessKey", "UserName": "ci"}));
    let other = other.split("AccessKeyId>").nth(1).and_then(|rest| rest.split('<').next()).expect("a key");
    let (account, state) = (scene.account(), scene.snapshot("state"));
    let run = scene.run("key rotate ci");
    run.expect(3).says("user ci has 2 of 2 access keys").says("0 days old, never used, the one to be rotated");
    run.says(&format!("aws iam delete-access-key --user-name ci --access-key-id {other}"));
    assert_eq!((scene.account(), scene.snapshot("state")), (account, state));
}

/// The old key stays as long as it is used or somebody switched it on again.
#[test]
fn an_old_key_that_is_missed_is_not_deleted() {
    let scene = Scene::with_keys();
    scene.apply();
    let old = scene.key();
    scene.run("key rotate ci").expect(0);
    let again = json!({"Action": "UpdateAccessKey", "UserName": "ci", "AccessKeyId": old.id, "Status": "Active"});
    scene.call(&again);
    for rotate in ["key rotate ci", "key rotate ci --grace 0s"] {
        scene.run(rotate).expect(3).says("was switched on again").says("seqera-iam --sandbox apply");
    }
    scene.run("drift").expect(2).says("the key before it, was switched on again");
    scene.run("plan").says("is switched off again");
    scene.apply();
    assert!(scene.keys_of("ci").contains(&(old.id.clone(), false)));
    scene.run("drift").expect(0);
    scene.run("key rotate ci").expect(0).says("Nothing was changed");
    let used = r#""last_used": {"date": "2099-02-03T04:05:06Z", "service": "s3", "region": "eu-west-1"}"#;
    let file = ".seqera-iam/sandbox/users/ci.json";
    let user: Json = serde_json::from_str(&scene.read(file)).expect("JSON");
    let mut user = user;
    user["access_keys"][&old.id]["last_used"] =
        serde_json::from_str::<Json>(&format!("{{{used}}}")).expect("JSON")["last_used"].clone();
    scene.write(file, &user.to_string());
    scene.run("key rotate ci --grace 0s").expect(3).says("after it was switched off");
    assert_eq!(scene.keys_of("ci").len(), 2);
}

/// Who switched off a key that leaked need not make it valid again to have another one.
#[test]
fn a_key_that_is_off_is_exchanged() {
    let scene = Scene::with_keys();
    scene.apply();
    let old = scene.key();
    let off = json!({"Action": "UpdateAccessKey", "UserName": "ci", "AccessKeyId": old.id, "Status": "Inactive"});
    scene.call(&off);
    let run = scene.run("drift");
    run.expect(2);
    assert!(!run.stdout.contains("valid again"), "{}", run.stdout);
    scene.run("plan").says("`key rotate` exchanges it");
    scene.run("key rotate ci").expect(0);
    let new = scene.key();
    let mut keys = scene.keys_of("ci");
    keys.sort_by_key(|(_, is_on)| *is_on);
    assert_eq!(keys, [(old.id, false), (new.id, true)]);
    scene.expect_no_changes();
    scene.run("drift").expect(0);
}

/// Killed anywhere, the key in the file is valid, and what nobody has is deleted by the next apply.
#[test]
fn a_rotation_may_be_cut_short_anywhere() {
    let faults = [
        "kill_write=1:before",
        "kill_write=1:after",
        "fail_write=1:after",
        "kill_write=2:before",
        "kill_write=2:after",
        "fail_write=2:before",
    ];
    many::each(&faults, |fault| {
        let scene = Scene::with_keys();
        scene.apply();
        scene.run_with(fault, "key rotate ci");
        let in_file = scene.key().id;
        assert!(scene.keys_of("ci").contains(&(in_file.clone(), true)), "{fault}");
        if *fault == "kill_write=1:after" || *fault == "fail_write=1:after" {
            scene.run("plan").says("a rotation that was cut short made it");
            scene.run("key rotate ci").expect(3).says("seqera-iam --sandbox apply");
        }
        scene.apply();
        if fault.contains("=2:") {
            scene.run("key rotate ci").expect(0).says("is switched off");
            scene.expect_no_changes();
            scene.run("key rotate ci --grace 0s").expect(0).says("is deleted");
        }
        scene.expect_one_key();
        assert_eq!(scene.key().id, in_file);
    });
}

fn rotating<'s>(scene: &'s Scene, faults: &str) -> Running<'s> {
    let mut command = scene.command(["key", "rotate", "ci"]);
    command.env("SEQERA_IAM_SANDBOX", faults);
    let run = Running::of(scene, command);
    wait_for("second key", || scene.keys_of("ci").len() == 2);
    run
}

/// While the new key is waited for, all is as it was again; afterwards the exchange is finished.
#[test]
fn a_rotation_that_is_interrupted_is_taken_back() {
    for signal in ["-INT", "-TERM"] {
        let scene = Scene::with_keys();
        scene.apply();
        let old = scene.key();
        let run = rotating(&scene, "delay=3600s");
        run.signal(signal);
        run.end().expect(130).says("interrupted").says("the new key was deleted, and the old one is as it was");
        assert_eq!(scene.key(), old);
        scene.expect_one_key();
        assert_eq!(scene.files(), ["ci.env", "seqera.yaml"]);
    }
    let scene = Scene::with_keys();
    scene.apply();
    let old = scene.key();
    let mut command = scene.command(["key", "rotate", "ci"]);
    command.env("SEQERA_IAM_SANDBOX", "latency=500ms");
    let run = Running::of(&scene, command);
    wait_for("exchange", || scene.key() != old);
    run.signal("-INT");
    run.end().expect(130).says("made, proven and handed over");
    assert!(scene.keys_of("ci").contains(&(old.id, false)));
    scene.expect_no_changes();
}

/// What is left is found by the next apply.
#[test]
fn a_rotation_that_cannot_be_taken_back_says_so() {
    let scene = Scene::with_keys();
    scene.apply();
    let old = scene.key();
    let run = rotating(&scene, "delay=3600s,deny=DeleteAccessKey");
    run.signal("-INT");
    run.end().expect(130).says("is still there, and nobody has it").says("seqera-iam --sandbox apply");
    assert_eq!(scene.keys_of("ci").len(), 2);
    scene.apply();
    assert_eq!(scene.key(), old);
    scene.expect_one_key();
}

/// The file is gone between the proof and the hand-over.
#[test]
fn a_rotation_that_cannot_hand_over_leaves_the_old_key() {
    let scene = Scene::with_keys();
    scene.apply();
    let old = scene.key();
    let run = rotating(&scene, "delay=3s");
    scene.unfinished().iter().for_each(|file| std::fs::remove_file(scene.path(file)).expect("a file"));
    run.end().expect(1).says("ci.env cannot be written").says("the new key was deleted");
    assert_eq!(scene.key(), old);
    scene.expect_one_key();
}

/// Just after it was made, no key is known everywhere.
#[test]
fn a_new_key_is_waited_for() {
    let scene = Scene::with_keys();
    scene.apply();
    scene.run_with("delay=3s", "key rotate ci").expect(0).says("made, proven and handed over");
    scene.expect_no_changes();
}
