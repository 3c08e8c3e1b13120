//! What the file of an access key may hold and be written over: any key of ours that goes or is gone, whatever was cut
//! short and whatever the manifest says next.

use serde_json::{Value as Json, json};

use crate::access_keys::{HEAD, TO_FILE, WITHOUT};
use crate::interruption::{Running, wait_for};
use crate::many;
use crate::scene::Scene;

/// What follows the user's name in the manifests here.
const KEY: &str = "access_keys: {primary: {deliver_to: {file: ci.env}}}";

impl Scene {
    fn users(&self, users: &str) {
        self.manifest(&format!("{HEAD}users: {{{users}}}\n"));
    }

    /// Demands that a user has just the key that is in a file, and that it is valid; and that nothing is to be done.
    #[track_caller]
    fn expect_key_in(&self, user: &str, file: &str) {
        assert_eq!(self.keys_of(user), [(self.key_in(file), true)], "{user}: {file}");
        self.expect_no_changes();
    }

    /// AWS's id of the key in a file.
    #[track_caller]
    pub fn key_in(&self, file: &str) -> String {
        let text = self.read(file);
        let id = text.lines().next().and_then(|line| line.strip_prefix("AWS_ACCESS_KEY_ID="));
        id.expect("a key").to_owned()
    }

    /// Lets a key be made for a file that cannot be written any more, and not be taken back.
    fn fail_to_hand_over(&self, file: &str) {
        let mut command = self.command(["apply", "--auto-approve", "--force"]);
        command.env("SEQERA_IAM_SANDBOX", "latency=300ms,deny=DeleteAccessKey");
        let run = Running::of(self, command);
        wait_for("destination", || !self.unfinished().is_empty());
        self.unfinished().iter().for_each(|file| std::fs::remove_file(self.path(file)).expect("a file"));
        run.end().expect(1).says(&format!("{file} cannot be written"));
    }

    fn delete_key(&self, user: &str, key: &str) {
        self.call(&json!({"Action": "DeleteAccessKey", "UserName": user, "AccessKeyId": key}));
    }
}

/// A name or a label that changes, while the file stays.
#[test]
fn a_successor_goes_into_the_same_file() {
    let changes = [
        format!("ci: {{name: robot, {KEY}}}"),
        format!("robot: {{{KEY}}}"),
        format!("ci: {{name: robot, {}}}", KEY.replace("primary", "main")),
    ];
    many::each(&changes, |users| {
        let scene = Scene::with_keys();
        scene.apply();
        scene.users(users);
        scene.apply();
        scene.expect_key_in("robot", "ci.env");
        assert_eq!(scene.held("users"), ["robot"]);
    });
    let scene = Scene::with_keys();
    scene.apply();
    scene.users(&format!("ci: {{{}}}", KEY.replace("primary", "main")));
    scene.apply();
    scene.expect_key_in("ci", "ci.env");
}

/// The file holds the key before the one that was recorded and never handed over; that one is made anew, at once or
/// after AWS denied it.
#[test]
fn an_undelivered_key_knows_what_its_file_holds() {
    let renamed = |scene: &Scene| scene.users(&format!("ci: {{name: robot, {KEY}}}"));
    let dead = |scene: &Scene| scene.delete_key("ci", &scene.key().id);
    for (user, change) in [("ci", &dead as &dyn Fn(&Scene)), ("robot", &renamed)] {
        let scene = Scene::with_keys();
        scene.apply();
        let first = scene.key();
        change(&scene);
        scene.fail_to_hand_over("ci.env");
        assert_eq!((scene.key(), scene.keys_of(user).len()), (first, 1));
        let denied = scene.copy();
        denied.run_with("deny=CreateAccessKey", "apply --auto-approve --force").expect(1);
        denied.run_with("deny=CreateAccessKey", "apply --auto-approve --force").expect(1);
        for scene in [scene, denied] {
            scene.apply();
            scene.expect_key_in(user, "ci.env");
        }
    }
}

/// Others deleted a key, and the next one, which goes elsewhere, can neither be handed over nor taken back: the file of the
/// first is not forgotten.
#[test]
fn the_file_of_a_dead_key_goes_before_the_next_one_is_handed_over() {
    let scene = Scene::with_keys();
    scene.apply();
    scene.delete_key("ci", &scene.key().id);
    scene.users(&format!("ci: {{{}}}", KEY.replace("ci.env", "other.env")));
    scene.fail_to_hand_over("other.env");
    assert_eq!(scene.keys_of("ci").len(), 1);
    for file in ["ci.env", "other.env", "more.env"] {
        let scene = scene.copy();
        scene.users(&format!("ci: {{{}}}", KEY.replace("ci.env", file)));
        scene.apply();
        scene.expect_key_in("ci", file);
        assert_eq!(scene.files(), [file, "seqera.yaml"]);
    }
}

/// Another user's key was written over this one, which could not be deleted, and the manifest is turned back. Whatever
/// becomes of the other file, nobody has the secret, also when the next run fails at it.
#[test]
fn a_key_that_was_written_over_is_made_anew_though_its_file_is_free_again() {
    let cx = |more: &str| format!("ci: {{{KEY}}}, cx: {{{more}}}");
    for last in [cx(""), cx(&KEY.replace("ci.env", "cx.env"))] {
        let scene = Scene::new();
        scene.users(&cx(""));
        scene.apply();
        scene.users(&format!("ci: {{}}, cx: {{{KEY}}}"));
        scene.run_with("deny=DeleteAccessKey", "apply --auto-approve --force").expect(1);
        scene.users(&last);
        scene.run_with("fail_write=1:before", "apply --auto-approve --force --parallelism 1").expect(1);
        assert!(!scene.files().contains(&"ci.env".to_owned()), "the other key is gone or lies elsewhere");
        scene.apply();
        scene.expect_key_in("ci", "ci.env");
    }
}

/// A key takes the file of one that goes, which lies in the first one's place meanwhile. Killed there, it is not forgotten.
#[test]
fn a_file_that_made_room_goes_with_its_key() {
    let to = |file: &str| KEY.replace("ci.env", file);
    let scene = Scene::new();
    let before = format!("ci: {{{KEY}}}, cx: {{{}}}", to("cx.env"));
    scene.users(&before);
    scene.apply();
    scene.users(&format!("ci: {{{}}}, cx: {{}}", to("cx.env")));
    scene.run_with("kill_write=1:before", "apply --auto-approve --force").expect(137);
    assert_eq!(scene.keys_of("cx"), [(scene.key_in("ci.env"), true)]);
    let back = scene.copy();
    scene.apply();
    scene.expect_key_in("ci", "cx.env");
    assert_eq!(scene.files(), ["cx.env", "seqera.yaml"]);
    for scene in [scene, back] {
        scene.users(&before);
        scene.apply();
        scene.expect_key_in("ci", "ci.env");
        scene.expect_key_in("cx", "cx.env");
    }
}

/// A rotation was killed when the file was exchanged and the state did not know it yet.
#[test]
fn a_rotation_that_is_cut_short_does_not_hold_up_a_change() {
    let changes =
        [format!("ci: {{name: robot, {KEY}}}"), format!("robot: {{{KEY}}}"), format!("ci: {{path: /x/, {KEY}}}")];
    many::each(&["kill_write=1:after", "fail_write=1:after", "kill_write=2:before", "kill_write=2:after"], |fault| {
        for users in &changes {
            let scene = Scene::with_keys();
            scene.apply();
            let before = scene.state()["objects"].clone();
            scene.run_with(fault, "key rotate ci");
            if fault.starts_with("kill_write=2") {
                // The last that it wrote is lost as well.
                let record = before.as_array().expect("objects").iter().find(|it| it["kind"] == "access_key").cloned();
                let new = scene.key().id;
                std::fs::remove_file(scene.path("state/keys.json.journal")).expect("a journal");
                scene.edit_record(|it| {
                    *it = record.expect("a record");
                    it["attributes"]["next"] = Json::from(new);
                });
            }
            scene.users(users);
            scene.apply();
            if users.contains("path") {
                scene.run("key rotate ci --grace 0s");
                scene.run("key rotate ci --grace 0s");
            }
            let user = if users.contains("robot") { "robot" } else { "ci" };
            scene.expect_key_in(user, "ci.env");
        }
    });
}

/// Another key goes where one was that is moved in the same plan, or that is gone with its user.
#[test]
fn a_file_that_is_freed_is_free() {
    let scene = Scene::with_keys();
    scene.apply();
    scene.users(&format!("robot: {{{KEY}}}"));
    let cut = scene.copy();
    cut.run_with("kill_write=3:after", "apply --auto-approve --force --parallelism 1").expect(137);
    cut.apply();
    cut.expect_key_in("robot", "ci.env");
    let destroyed = scene.copy();
    destroyed.destroy();
    destroyed.manifest(&format!("{HEAD}{WITHOUT}"));
    destroyed.apply();
    destroyed.manifest(&format!("{HEAD}{TO_FILE}"));
    destroyed.apply();
    destroyed.expect_key_in("ci", "ci.env");
}
