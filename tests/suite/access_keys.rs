//! Access keys: made once, handed over once, found again whatever was cut short, and the secret is nowhere else.

use std::fmt;
use std::os::unix::fs::{PermissionsExt, symlink};

use serde_json::{Value as Json, json};

use crate::interruption::{Running, wait_for};
use crate::many;
use crate::moto::Moto;
use crate::scene::Scene;

pub const HEAD: &str = "apiVersion: seqera-iam/v1\nname: keys\naccount: 123456789012\n";
pub const TO_FILE: &str = "users: {ci: {access_keys: {primary: {deliver_to: {file: ci.env}}}}}\n";
pub const TWO: &str = "users: {ci: {access_keys: {primary: {deliver_to: {file: ci.env}}}}, cj: {access_keys: {primary: {deliver_to: {file: cj.env}}}}}\n";
pub const WITHOUT: &str = "users: {ci: {}}\n";
pub const ADDRESS: &str = "users.ci.access_keys.primary";

/// A key as its file has it.
#[derive(Debug, PartialEq)]
pub struct Key {
    pub id: String,
    pub secret: String,
}

impl Scene {
    pub fn with_keys() -> Self {
        let scene = Scene::new();
        scene.manifest(&format!("{HEAD}{TO_FILE}"));
        scene
    }

    pub fn key(&self) -> Key {
        let text = self.read("ci.env");
        let mode = self.path("ci.env").metadata().expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let mut lines = text.lines();
        let mut next = |name: &str| {
            let line = lines.next().and_then(|line| line.strip_prefix(name));
            line.unwrap_or_else(|| panic!("{name} is not in its place:\n{text}")).to_owned()
        };
        let key = Key { id: next("AWS_ACCESS_KEY_ID="), secret: next("AWS_SECRET_ACCESS_KEY=") };
        assert_eq!(lines.next(), None, "more than two lines");
        key
    }

    /// Ids of the keys that a user has, and whether each is valid.
    pub fn keys_of(&self, user: &str) -> Vec<(String, bool)> {
        let answer = self.call(&json!({"Action": "ListAccessKeys", "UserName": user}));
        let texts = |element: &str| -> Vec<String> {
            let opening = format!("<{element}>");
            answer.split(&opening).skip(1).filter_map(|rest| rest.split('<').next()).map(str::to_owned).collect()
        };
        let active = texts("Status").into_iter().map(|status| status == "Active");
        texts("AccessKeyId").into_iter().zip(active).collect()
    }

    /// Demands that a user has just the key that is in the file, and that it is valid.
    #[track_caller]
    pub fn expect_one_key(&self) {
        assert_eq!(self.keys_of("ci"), [(self.key().id, true)]);
        self.expect_no_changes();
    }

    /// Files in the scene's own folder, hidden ones as well.
    pub fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.path("")).expect("a folder").flatten();
        let mut names: Vec<String> = entries
            .filter(|entry| entry.file_type().expect("a type").is_file())
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    /// Files that a run prepares for a secret.
    pub fn unfinished(&self) -> Vec<String> {
        let mut files = self.files();
        files.retain(|name| name.starts_with(".seqera-iam-key-"));
        files
    }

    /// Changes the record of the key as the state has it.
    pub fn edit_record(&self, edit: impl FnOnce(&mut Json)) {
        let mut state = self.state();
        let objects = state["objects"].as_array_mut().expect("objects");
        edit(objects.iter_mut().find(|object| object["kind"] == "access_key").expect("a key"));
        self.write("state/keys.json", &state.to_string());
    }
}

/// A read that lags behind shows neither the user nor its key. What is made is no second key.
#[test]
fn a_key_that_is_not_shown_yet_is_not_made_again() {
    let scene = Scene::with_keys();
    scene.run_with("delay=5s", "apply --auto-approve").expect(0);
    let first = scene.key();
    let run = scene.run_with("delay=5s,stale_reads=100%", "apply --auto-approve --reader targeted");
    run.expect(1).says(&format!("ci has the key {} after all", first.id));
    scene.apply();
    assert_eq!(scene.key(), first);
    scene.expect_one_key();
}

/// The same where its file is to lie elsewhere by then: where it lies is not forgotten.
#[test]
fn the_file_of_a_key_that_is_not_shown_yet_is_still_known() {
    let scene = Scene::with_keys();
    scene.run_with("delay=5s", "apply --auto-approve").expect(0);
    let first = scene.key().id;
    scene.manifest(&format!("{HEAD}{}", TO_FILE.replace("ci.env", "other.env")));
    let run = scene.run_with("delay=5s,stale_reads=100%", "apply --auto-approve --reader targeted");
    run.expect(1).says(&format!("ci has the key {first} after all"));
    scene.apply();
    assert_eq!((scene.key_in("other.env"), scene.files()), (first, vec!["other.env".into(), "seqera.yaml".into()]));
}

/// The same where the key comes in the place of that of another name, which is still there.
#[test]
fn a_key_of_a_new_name_that_is_not_shown_yet_is_not_made_again() {
    let scene = Scene::with_keys();
    scene.run_with("start=2026-01-01T00:00:00Z", "apply --auto-approve").expect(0);
    let renamed = TO_FILE.replace("{ci: {", "{ci: {name: cx, ").replace("ci.env", "cx.env");
    scene.manifest(&format!("{HEAD}{renamed}groups: {{all: {{}}}}\n"));
    scene.run_with("delay=5s,deny=CreateGroup", "apply --auto-approve --force").expect(1);
    let made = scene.key_in("cx.env");
    let run = scene.run_with("delay=5s,stale_reads=100%", "apply --auto-approve --force --reader targeted");
    run.expect(1).says(&format!("cx has the key {made} after all"));
    scene.apply();
    assert_eq!((scene.key_in("cx.env"), scene.keys_of("cx")), (made.clone(), vec![(made, true)]));
    assert_eq!(
        (scene.held("users"), scene.files()),
        (vec!["cx".to_owned()], vec!["cx.env".into(), "seqera.yaml".into()])
    );
    scene.expect_no_changes();
}

/// A run was cut short at the key, and the next one begins before AWS shows it.
#[test]
fn a_key_that_was_asked_for_a_moment_ago_is_waited_for() {
    let scene = Scene::with_keys();
    scene.run_with("kill_write=2:after", "apply --auto-approve --parallelism 1").expect(137);
    let [(made, _)] = &scene.keys_of("ci")[..] else { panic!("not one key") };
    let made = made.clone();
    let run = scene.run_with("delay=2s,stale_reads=100%", "apply --auto-approve --reader targeted");
    run.expect(0).says("A run was cut short while it made an access key; waiting ");
    assert_ne!(scene.key().id, made, "nobody can have its secret");
    scene.expect_one_key();
    scene.expect_no_changes();
}

#[test]
fn a_key_is_made_handed_over_and_removed_with_its_file() {
    for scene in [Scene::new(), Moto::new().scene()] {
        scene.manifest(&format!("{HEAD}{TO_FILE}"));
        scene.apply();
        scene.expect_one_key();
        assert_eq!(scene.files(), ["ci.env", "seqera.yaml"]);
        scene.manifest(&format!("{HEAD}{WITHOUT}"));
        assert_eq!(scene.steps(), [format!("delete {ADDRESS}")]);
        scene.apply();
        assert_eq!((scene.keys_of("ci"), scene.files()), (vec![], vec!["seqera.yaml".to_owned()]));
        scene.manifest(&format!("{HEAD}{TO_FILE}"));
        scene.apply();
        scene.lose_state();
        assert_eq!(scene.steps(), ["import users.ci", &format!("import {ADDRESS}")]);
        scene.destroy();
        assert_eq!((scene.everything(), scene.files()), (vec![], vec!["seqera.yaml".to_owned()]));
    }
}

#[test]
fn a_key_that_was_switched_off_or_deleted_by_hand_is_drift() {
    for scene in [Scene::new(), Moto::new().scene()] {
        scene.manifest(&format!("{HEAD}{TO_FILE}"));
        scene.apply();
        let first = scene.key();
        let call =
            json!({"Action": "UpdateAccessKey", "UserName": "ci", "AccessKeyId": first.id, "Status": "Inactive"});
        scene.call(&call);
        assert_eq!(scene.plan()["steps"][0]["drift"], true);
        scene.run("plan").says("somebody switched it off; it is valid again after this: `key rotate` exchanges it");
        scene.apply();
        assert_eq!(scene.key(), first);
        scene.expect_one_key();
        scene.call(&json!({"Action": "DeleteAccessKey", "UserName": "ci", "AccessKeyId": first.id}));
        scene.run("plan").says("(deleted outside)");
        scene.apply();
        assert_ne!(scene.key(), first, "the file of a dead key is written over");
        scene.expect_one_key();
    }
}

/// AWS refuses to make another key for one that somebody deleted. Its file may be written over all the same when
/// AWS does not refuse any more.
#[test]
fn a_key_that_could_not_be_made_again_is_made_later() {
    let scene = Scene::with_keys();
    scene.apply();
    let first = scene.key();
    scene.call(&json!({"Action": "DeleteAccessKey", "UserName": "ci", "AccessKeyId": first.id}));
    scene.run_with("deny=CreateAccessKey", "apply --auto-approve").expect(1);
    assert_eq!(scene.key(), first);
    scene.apply();
    assert_ne!(scene.key(), first);
    scene.expect_one_key();
}

#[test]
fn a_key_of_somebody_else_is_told_and_never_deleted() {
    let scene = Scene::with_keys();
    scene.apply();
    scene.call(&json!({"Action": "CreateAccessKey", "UserName": "ci"}));
    let foreign = scene.keys_of("ci").into_iter().map(|(id, _)| id).find(|id| *id != scene.key().id).expect("another");
    scene.run("plan --detailed-exitcode").expect(0).says(&format!("kept: users.ci.access_keys.{foreign}"));
    // Two are all that a user has.
    scene.manifest(&format!("{HEAD}users: {{ci: {{access_keys: {{primary: {{deliver_to: {{file: ci.env}}}}, more: {{deliver_to: {{file: m.env}}}}}}}}}}\n"));
    let third = scene.run("apply --auto-approve");
    third.expect(1).says("user ci has 2 of 2 access keys").says(&format!("--access-key-id {foreign}"));
    scene.manifest(HEAD);
    scene.run("apply --auto-approve").expect(1).says(&format!("user ci has the access key {foreign}"));
    scene.run("destroy --auto-approve").expect(1).says(&format!("user ci has the access key {foreign}"));
    assert_eq!(scene.keys_of("ci").len(), 2);
    scene.call(&json!({"Action": "DeleteAccessKey", "UserName": "ci", "AccessKeyId": foreign}));
    scene.apply();
    assert!(scene.everything().is_empty());
}

#[test]
fn a_key_that_was_used_is_not_deleted_without_a_word() {
    let scene = Scene::with_faults("now=2026-02-10T00:00:00Z");
    scene.manifest(&format!("{HEAD}{TO_FILE}"));
    scene.apply();
    let used =
        r#""active": true, "last_used": {"date": "2026-02-03T04:05:06Z", "service": "s3", "region": "eu-west-1"}"#;
    let user = scene.read(".seqera-iam/sandbox/users/ci.json").replace(r#""active": true"#, used);
    scene.write(".seqera-iam/sandbox/users/ci.json", &user);
    let said = format!("{} was last used 2026-02-03T04:05:06Z by s3 in eu-west-1", scene.key().id);
    scene.manifest(&format!("{HEAD}{WITHOUT}"));
    let plan = scene.plan();
    let dangers = plan["steps"][0]["dangers"].to_string();
    assert!(dangers.contains(&said), "{dangers}");
}

/// What keeps a secret from being handed over.
struct Obstacle {
    name: &'static str,
    lay: fn(&Scene),
    says: &'static str,
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// No key is made that could not be handed over; nothing else is made either.
#[test]
fn a_destination_that_cannot_be_written_is_said_by_the_plan() {
    let obstacles = [
        Obstacle { name: "a file", lay: |scene| scene.write("ci.env", "mine\n"), says: "ci.env exists" },
        Obstacle { name: "an empty file", lay: |scene| scene.write("ci.env", ""), says: "ci.env exists" },
        Obstacle {
            name: "another key",
            lay: |scene| scene.write("ci.env", "AWS_ACCESS_KEY_ID=AKIAX\nAWS_SECRET_ACCESS_KEY=x\n"),
            says: "ci.env exists and holds the key AKIAX",
        },
        Obstacle {
            name: "a link",
            lay: |scene| symlink("elsewhere", scene.path("ci.env")).expect("a link"),
            says: "is a link, which is not followed",
        },
        Obstacle { name: "a folder", lay: |scene| scene.write("ci.env/x", ""), says: "is no file" },
    ];
    many::each(&obstacles, |obstacle| {
        let scene = Scene::with_keys();
        (obstacle.lay)(&scene);
        let before = scene.files();
        for verb in ["plan", "apply --auto-approve"] {
            scene.run(verb).expect(1).says(obstacle.says).says("seqera.yaml:4:").says("it is not overwritten");
        }
        assert_eq!((scene.everything(), scene.files()), (vec![], before));
    });
    let nowhere = Scene::new();
    nowhere.manifest(&format!("{HEAD}{}", TO_FILE.replace("ci.env", "no/such/ci.env")));
    nowhere.run("plan").expect(1).says("no/such/ci.env cannot be written");
    nowhere.run("apply --auto-approve").expect(1);
    assert!(nowhere.everything().is_empty());
}

/// Killed, or the answer lost, before anything but the intent is known.
#[test]
fn a_key_of_which_nothing_was_heard_is_found_and_made_anew() {
    for fault in ["kill_write=2:after", "fail_write=2:after"] {
        let scene = Scene::with_keys();
        scene.run_with(fault, "apply --auto-approve --parallelism 1");
        let [(orphan, _)] = scene.keys_of("ci").try_into().expect("one key, told to nobody");
        assert!(!scene.path("ci.env").exists());
        assert_eq!(scene.steps(), [format!("replace {ADDRESS}")], "{fault}");
        scene.run("plan").says("it was made and never handed over").says(&orphan);
        let destroyed = scene.copy();
        destroyed.destroy();
        assert!(destroyed.everything().is_empty());
        scene.apply();
        assert_ne!(scene.key().id, orphan);
        scene.expect_one_key();
    }
}

/// Somebody made a key just then, and uses it: it is not taken for ours.
#[test]
fn a_key_that_is_used_is_never_an_orphan_of_ours() {
    let scene = Scene::with_keys();
    scene.run_with("kill_write=2:before", "apply --auto-approve --parallelism 1").expect(137);
    scene.call(&json!({"Action": "CreateAccessKey", "UserName": "ci"}));
    let used =
        r#""active": true, "last_used": {"date": "2026-02-03T04:05:06Z", "service": "s3", "region": "eu-west-1"}"#;
    let user = scene.read(".seqera-iam/sandbox/users/ci.json").replace(r#""active": true"#, used);
    scene.write(".seqera-iam/sandbox/users/ci.json", &user);
    assert_eq!(scene.steps(), [format!("create {ADDRESS}")]);
    scene.apply();
    assert_eq!(scene.keys_of("ci").len(), 2);
}

/// Killed when the state knows the key, and its secret is gone.
#[test]
fn a_key_that_was_not_handed_over_is_made_anew() {
    let scene = Scene::with_keys();
    scene.apply();
    let orphan = scene.key();
    std::fs::remove_file(scene.path("ci.env")).expect("a file");
    scene.edit_record(|record| drop(record["attributes"].as_object_mut().expect("attributes").remove("delivered")));
    assert_eq!(scene.steps(), [format!("replace {ADDRESS}")]);
    scene.apply();
    assert_ne!(scene.key(), orphan);
    scene.expect_one_key();
}

/// Killed when the file is there and the state does not know it yet.
#[test]
fn a_key_in_its_file_was_handed_over_whatever_the_state_says() {
    let scene = Scene::with_keys();
    scene.apply();
    let key = scene.key();
    let undelivered =
        |record: &mut Json| drop(record["attributes"].as_object_mut().expect("attributes").remove("delivered"));
    scene.edit_record(undelivered);
    scene.apply();
    scene.edit_record(|record| {
        undelivered(record);
        record.as_object_mut().expect("a record").remove("aws_id");
        record["attributes"]["asked"] = scene_time(&scene).into();
    });
    scene.apply();
    assert_eq!(scene.key(), key);
    scene.expect_one_key();
}

/// When the key of a user was made.
fn scene_time(scene: &Scene) -> String {
    let answer = scene.call(&json!({"Action": "ListAccessKeys", "UserName": "ci"}));
    let created = answer.split("<CreateDate>").nth(1).and_then(|rest| rest.split('<').next());
    created.expect("a date").to_owned()
}

/// The file appears while the key is made: the key is taken back, as nobody has its secret.
#[test]
fn two_deployments_cannot_share_a_file() {
    let scene = Scene::with_keys();
    scene.apply();
    let first = scene.key();
    scene.write("other.yaml", &format!("{HEAD}{TO_FILE}").replace("name: keys", "name: other").replace("ci:", "cd:"));
    scene.run("apply --auto-approve -f other.yaml").expect(1).says("ci.env exists and holds the key");
    assert_eq!(scene.key(), first);
}

/// Whatever becomes of the destination while the key is made: it is taken back.
#[test]
fn a_key_that_cannot_be_handed_over_is_taken_back() {
    let scene = Scene::with_keys();
    let mut command = scene.command(["apply", "--auto-approve"]);
    command.env("SEQERA_IAM_SANDBOX", "latency=300ms");
    let run = Running::of(&scene, command);
    wait_for("destination", || !scene.unfinished().is_empty());
    scene.unfinished().iter().for_each(|file| std::fs::remove_file(scene.path(file)).expect("a file"));
    run.end().expect(1).says("ci.env cannot be written");
    assert!(scene.keys_of("ci").is_empty());
    scene.apply();
    scene.expect_one_key();
}

/// The same, and taking it back fails, too.
#[test]
fn a_key_that_cannot_be_taken_back_goes_in_the_next_run() {
    let scene = Scene::with_keys();
    let mut command = scene.command(["apply", "--auto-approve"]);
    command.env("SEQERA_IAM_SANDBOX", "latency=300ms,deny=DeleteAccessKey");
    let run = Running::of(&scene, command);
    wait_for("destination", || !scene.unfinished().is_empty());
    scene.unfinished().iter().for_each(|file| std::fs::remove_file(scene.path(file)).expect("a file"));
    run.end().expect(1).says("ci.env cannot be written");
    let [(orphan, _)] = scene.keys_of("ci").try_into().expect("one key");
    assert_eq!(scene.steps(), [format!("replace {ADDRESS}")]);
    scene.apply();
    assert_ne!(scene.key().id, orphan);
    scene.expect_one_key();
}

#[test]
fn a_key_that_may_not_be_deleted_stays_with_its_file() {
    let scene = Scene::with_keys();
    scene.apply();
    let key = scene.key();
    scene.manifest(&format!("{HEAD}{WITHOUT}"));
    scene.run_with("deny=DeleteAccessKey", "apply --auto-approve").expect(1).says("DeleteAccessKey");
    assert_eq!((scene.key(), scene.keys_of("ci").len()), (key, 1));
    scene.apply();
    assert_eq!((scene.keys_of("ci"), scene.files()), (vec![], vec!["seqera.yaml".to_owned()]));
}

/// Killed when a key is gone and its file is not; also where another user's key is to go to that file.
#[test]
fn the_file_of_a_key_that_is_gone_goes_too() {
    let scene = Scene::with_keys();
    scene.apply();
    let first = scene.key();
    scene.call(&json!({"Action": "DeleteAccessKey", "UserName": "ci", "AccessKeyId": first.id}));
    let other = scene.copy();
    scene.manifest(&format!("{HEAD}{WITHOUT}"));
    scene.apply();
    assert_eq!(scene.files(), ["seqera.yaml"]);
    other.manifest(&format!("{HEAD}{}", TO_FILE.replace("{access_keys", "{name: robot, access_keys")));
    other.apply();
    assert_eq!(other.keys_of("robot"), [(other.key().id, true)]);
}

/// What a killed run has prepared goes with the next one; what others have beside it stays.
/// Another destination is where the file goes, so that it goes with its key and keeps no other one out.
#[test]
fn the_file_of_a_key_follows_the_manifest() {
    let scene = Scene::with_keys();
    scene.apply();
    let key = scene.key();
    let elsewhere = TO_FILE.replace("ci.env", "moved.env");
    scene.manifest(&format!("{HEAD}{elsewhere}"));
    scene.run("plan").says("its file is moved there if it lies in ci.env still");
    scene.apply();
    assert_eq!(scene.files(), ["moved.env", "seqera.yaml"]);
    assert!(scene.read("moved.env").contains(&key.id) && scene.read("moved.env").contains(&key.secret));
    scene.expect_no_changes();
    // Nobody's file is written over: the key stays where it lies.
    scene.write("ci.env", "mine");
    scene.manifest(&format!("{HEAD}{TO_FILE}"));
    scene.run("apply --auto-approve").expect(1).says("ci.env exists; it is not overwritten");
    assert_eq!(
        (scene.files(), scene.read("ci.env").as_str()),
        (vec!["ci.env".into(), "moved.env".into(), "seqera.yaml".into()], "mine")
    );
    std::fs::remove_file(scene.path("ci.env")).expect("a file");
    scene.manifest(&format!("{HEAD}{elsewhere}"));
    scene.apply();
    scene.manifest(&format!("{HEAD}users: {{ci: {{}}}}\n"));
    scene.apply();
    assert_eq!(scene.files(), ["seqera.yaml"]);
    scene.manifest(&format!("{HEAD}{TO_FILE}"));
    scene.apply();
    scene.expect_one_key();
}

#[test]
fn an_unfinished_file_is_swept_up() {
    let scene = Scene::with_keys();
    scene.run_with("kill_write=2:after", "apply --auto-approve --parallelism 1").expect(137);
    assert_eq!(scene.unfinished().len(), 1);
    let others = ".seqera-iam-key-ci.env-2-abcdef";
    scene.write(others, "of a destination ci.env-2\n");
    scene.apply();
    assert_eq!(scene.unfinished(), [others]);
    // A rotation that died, and an apply that only deletes its key.
    scene.run_with("kill_write=1:after", "key rotate ci").expect(137);
    assert_eq!(scene.unfinished().len(), 2);
    scene.apply();
    assert_eq!(scene.unfinished(), [others]);
    scene.expect_one_key();
}
