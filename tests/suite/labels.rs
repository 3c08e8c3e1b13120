//! Which label each access key has, when runs were cut short, files hold another one, or somebody deleted one.

use serde_json::json;

use crate::access_keys::{HEAD, TO_FILE, WITHOUT};
use crate::many;
use crate::scene::Scene;

const APPLY: &str = "apply --auto-approve --force --parallelism 1";

/// Renamed, cut short or failed at any write, and renamed back: the file holds a key of the user that the manifest has.
#[test]
fn a_change_that_is_taken_back_leaves_a_key_that_somebody_has() {
    let changed = [
        TO_FILE.replace("{access_keys", "{name: robot, access_keys"),
        TO_FILE.replace("ci: {", "robot: {"),
        TO_FILE.replace("primary", "main"),
    ];
    let faults: Vec<String> = (1..=5)
        .flat_map(|write| {
            ["kill_write=N:after", "fail_write=N:before", "fail_write=N:after"]
                .map(|f| f.replace('N', &write.to_string()))
        })
        .collect();
    many::each(&faults, |fault| {
        for changed in &changed {
            let scene = Scene::with_keys();
            scene.apply();
            scene.manifest(&format!("{HEAD}{changed}"));
            scene.run_with(fault, APPLY);
            scene.manifest(&format!("{HEAD}{TO_FILE}"));
            scene.apply();
            scene.expect_one_key();
            assert_eq!(scene.files(), ["ci.env", "seqera.yaml"]);
        }
    });
}

/// Nothing was heard of two keys of one user.
#[test]
fn two_keys_of_which_nothing_was_heard_are_made_anew() {
    let two = "users: {ci: {access_keys: {primary: {deliver_to: {file: ci.env}}, second: {deliver_to: {file: second.env}}}}}\n";
    let scene = Scene::new();
    scene.manifest(&format!("{HEAD}{two}"));
    scene.run_with("fail_write=2:after,fail_write=3:after", "apply --auto-approve").expect(1);
    let lost = scene.keys_of("ci");
    assert_eq!(lost.len(), 2);
    let destroyed = scene.copy();
    destroyed.destroy();
    assert!(destroyed.everything().is_empty());
    scene.apply();
    let mut held = scene.keys_of("ci");
    held.sort();
    let mut expected = vec![(scene.key_in("ci.env"), true), (scene.key_in("second.env"), true)];
    expected.sort();
    assert_eq!(held, expected);
    assert!(lost.iter().all(|key| !held.contains(key)));
}

/// The key in the file is deleted by hand, and another one of the label is there still: the one before it, which is
/// kept, or one that a rotation made and handed to nobody.
#[test]
fn what_is_left_beside_a_dead_key_is_ours() {
    for (rotation, left) in [("", 1), ("kill_write=1:after", 1), ("fail_write=1:after", 1)] {
        let scene = Scene::with_keys();
        scene.apply();
        scene.run_with(rotation, "key rotate ci");
        scene.call(&json!({"Action": "DeleteAccessKey", "UserName": "ci", "AccessKeyId": scene.key().id}));
        assert_eq!(scene.keys_of("ci").len(), left);
        let destroyed = scene.copy();
        destroyed.destroy();
        assert!(destroyed.everything().is_empty() && destroyed.files() == ["seqera.yaml"]);
        let without = scene.copy();
        without.manifest(&format!("{HEAD}{WITHOUT}"));
        without.apply();
        assert!(without.keys_of("ci").is_empty() && without.files() == ["seqera.yaml"]);
        scene.apply();
        scene.expect_one_key();
        scene.run("key rotate ci --grace 0s").expect(0);
        scene.expect_one_key();
    }
}

/// The old key is deleted by hand while it is kept: there is room for another rotation.
#[test]
fn an_old_key_that_somebody_deleted_is_not_waited_for() {
    let scene = Scene::with_keys();
    scene.apply();
    let old = scene.key().id;
    scene.run("key rotate ci").expect(0);
    scene.call(&json!({"Action": "DeleteAccessKey", "UserName": "ci", "AccessKeyId": old}));
    scene.apply();
    scene.run("key rotate ci --grace 0s").expect(0).says("made, proven and handed over");
    scene.expect_one_key();
}

/// AWS does not show the old key now and then: it is not forgotten.
#[test]
fn an_old_key_that_is_not_shown_is_not_forgotten() {
    let seeds: Vec<usize> = (1..=8).collect();
    many::each(&seeds, |seed| {
        let scene = Scene::with_keys();
        scene.apply();
        scene.run("key rotate ci").expect(0);
        let mut keys = scene.keys_of("ci");
        keys.sort();
        for args in ["key rotate ci", "apply --auto-approve --reader targeted"] {
            scene.run_with(&format!("delay=60s,stale_reads=50%,seed={seed}"), args);
        }
        let mut held = scene.keys_of("ci");
        held.sort();
        assert_eq!(held, keys);
        scene.run("key rotate ci --grace 0s").expect(0).says("is deleted");
        scene.expect_one_key();
    });
}
