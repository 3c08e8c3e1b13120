//! The files of access keys when the manifest gives them other places, or their users other names.

use serde_json::json;

use crate::access_keys::HEAD;
use crate::many;
use crate::scene::Scene;

/// Two users, by entry: the name, and the file of the key.
fn pair(one: [&str; 2], two: [&str; 2]) -> String {
    let entry = |entry: &str, [name, file]: [&str; 2]| {
        format!("{entry}: {{name: {name}, access_keys: {{main: {{deliver_to: {{file: {file}}}}}}}}}")
    };
    format!("{HEAD}users: {{{}, {}}}\n", entry("one", one), entry("two", two))
}

impl Scene {
    /// Demands that each of two users has just the key in its file, and that nothing is to be done.
    #[track_caller]
    fn expect_pair(&self, one: [&str; 2], two: [&str; 2]) {
        for [user, file] in [one, two] {
            assert_eq!(self.keys_of(user), [(self.key_in(file), true)], "{user}: {file}");
        }
        let mut files = vec![one[1], two[1], "seqera.yaml"];
        files.sort_unstable();
        assert_eq!(self.files(), files);
        self.expect_no_changes();
    }

    /// Where the journal of the run lies that was killed.
    fn journal(&self) -> String {
        let names = self.snapshot("state").into_keys();
        format!("state/{}", names.into_iter().find(|name| name.ends_with(".journal")).expect("a journal"))
    }
}

/// Names or files change places, or one takes what another leaves; also cut short anywhere, and taken back.
#[test]
fn the_file_of_each_key_is_where_the_manifest_says() {
    let (one, two) = (["a", "a.env"], ["b", "b.env"]);
    let changes = [
        (["a", "b.env"], ["b", "a.env"]),
        (["b", "a.env"], ["a", "b.env"]),
        (["a", "b.env"], ["b", "c.env"]),
        (["a", "c.env"], ["b", "a.env"]),
        (["a", "c.env"], ["x", "a.env"]),
        (["a", "b.env"], ["x", "a.env"]),
    ];
    let faults: Vec<String> = std::iter::once(String::new())
        .chain((1..=4).flat_map(|write| ["before", "after"].map(|when| format!("kill_write={write}:{when}"))))
        .collect();
    many::each(&faults, |fault| {
        for (one_after, two_after) in changes {
            let scene = Scene::new();
            scene.manifest(&pair(one, two));
            scene.apply();
            scene.manifest(&pair(one_after, two_after));
            scene.run_with(fault, "apply --auto-approve --force --parallelism 1");
            let back = scene.copy();
            scene.apply();
            scene.expect_pair(one_after, two_after);
            back.manifest(&pair(one, two));
            back.apply();
            back.expect_pair(one, two);
        }
    });
}

/// Somebody deletes a user and its key, and the manifest gives the next key another file: the file of the key that is gone
/// is in nobody's way.
#[test]
fn the_file_of_a_key_that_others_deleted_goes_with_the_next_key() {
    let keys =
        |file: &str| format!("{HEAD}users: {{ci: {{access_keys: {{main: {{deliver_to: {{file: {file}}}}}}}}}}}\n");
    let scene = Scene::new();
    scene.manifest(&keys("a.env"));
    scene.apply();
    scene.call(&json!({"Action": "DeleteAccessKey", "UserName": "ci", "AccessKeyId": scene.key_in("a.env")}));
    scene.call(&json!({"Action": "DeleteUser", "UserName": "ci"}));
    for file in ["b.env", "a.env"] {
        scene.manifest(&keys(file));
        scene.apply();
        assert_eq!(scene.keys_of("ci"), [(scene.key_in(file), true)]);
        assert_eq!(scene.files(), [file, "seqera.yaml"]);
    }
}

/// The same where the runs that make the next key are killed at it, whatever place the manifest gives it by then, also that
/// of a key that goes.
#[test]
fn the_file_of_a_key_that_others_deleted_is_not_forgotten() {
    let key = |file: &str| match file {
        "" => "{}".to_owned(),
        file => format!("{{access_keys: {{main: {{deliver_to: {{file: {file}}}}}}}}}"),
    };
    let says = |scene: &Scene, ci: &str, cj: &str| {
        scene.manifest(&format!("{HEAD}users: {{ci: {}, cj: {}}}\n", key(ci), key(cj)));
    };
    let ways = [
        "1:before b.env 1:before",
        "1:before c.env 1:before",
        "1:before a.env 1:before",
        "1:after",
        "1:after b.env 2:before",
        "1:after c.env 2:before",
    ];
    let all: Vec<String> = ["", "b.env"].iter().flat_map(|other| ways.map(|way| format!("{way},{other}"))).collect();
    many::each(&all, |case| {
        let (way, other) = case.split_once(',').expect("two parts");
        let scene = Scene::new();
        says(&scene, "a.env", other);
        scene.apply();
        scene.call(&json!({"Action": "DeleteAccessKey", "UserName": "ci", "AccessKeyId": scene.key_in("a.env")}));
        says(&scene, "b.env", "");
        for word in way.split(' ') {
            if word.ends_with(".env") {
                says(&scene, word, "");
            } else {
                let apply = "apply --auto-approve --force --parallelism 1";
                scene.run_with(&format!("kill_write={word}"), apply).expect(137);
            }
        }
        for last in ["a.env", "b.env", "c.env", "d.env", ""] {
            let scene = scene.copy();
            says(&scene, last, "");
            scene.run("apply --auto-approve --force").expect(0);
            let files: Vec<&str> = [last, "seqera.yaml"].into_iter().filter(|file| !file.is_empty()).collect();
            assert_eq!(scene.files(), files, "{case} {last}");
            let expected: Vec<_> = files[1..].iter().map(|_| (scene.key_in(last), true)).collect();
            assert_eq!(scene.keys_of("ci"), expected, "{case} {last}");
            scene.expect_no_changes();
        }
    });
}

/// IAM does not show a key yet, and the run is killed anywhere while the state takes back that it asked for the next one.
#[test]
fn a_key_that_is_not_shown_yet_is_known_wherever_the_run_is_killed() {
    let key = "ci: {access_keys: {main: {deliver_to: {file: a.env}}}}";
    let users = |scene: &Scene, users: &str| scene.manifest(&format!("{HEAD}users: {{{users}}}\n"));
    let scene = Scene::new();
    users(&scene, key);
    scene.run_with("delay=5s", "apply --auto-approve").expect(0);
    users(&scene, &format!("{key}, cx: {{policies: [ReadOnlyAccess]}}"));
    let late = "delay=5s,stale_reads=100%,kill_write=3:before";
    scene.run_with(late, "apply --auto-approve --reader targeted --parallelism 1").expect(137).says("after all");
    let journal = scene.read(&scene.journal());
    let begin = journal.find(r#"{"intend":{"address":"users.ci.access_keys.main""#).expect("an intent");
    let ends: Vec<usize> = journal[begin..].match_indices('\n').map(|(at, _)| begin + at + 1).collect();
    assert!(ends.len() > 1, "the intent is taken back");
    for end in ends {
        let scene = scene.copy();
        scene.write(&scene.journal(), &journal[..end]);
        users(&scene, "");
        scene.run("apply --auto-approve --force").expect(0);
        assert_eq!((scene.held("users"), scene.files()), (vec![], vec!["seqera.yaml".to_owned()]), "{end}");
        scene.expect_no_changes();
    }
}

/// The power is cut when the file was moved and the state does not say so yet, and the manifest goes back.
#[test]
fn a_move_that_nothing_tells_of_is_found() {
    let keys = |file: &str, more: &str| {
        format!("{HEAD}users: {{ci: {{access_keys: {{main: {{deliver_to: {{file: {file}}}}}}}}}{more}}}\n")
    };
    let scene = Scene::new();
    scene.manifest(&keys("a.env", ""));
    scene.apply();
    let key = scene.key_in("a.env");
    scene.manifest(&keys("b.env", ", other: {}"));
    scene.run_with("kill_write=1:before", "apply --auto-approve").expect(137);
    let journal = scene.read(&scene.journal());
    let moves = journal.find("moves_to").expect("where it is about to be moved");
    let end = journal[moves..].find('\n').expect("the end of the line");
    scene.write(&scene.journal(), &journal[..=moves + end]);
    assert_eq!(scene.files(), ["b.env", "seqera.yaml"]);
    scene.manifest(&keys("a.env", ""));
    scene.apply();
    assert_eq!((scene.files(), scene.key_in("a.env")), (vec!["a.env".to_owned(), "seqera.yaml".to_owned()], key));
}

/// A new key goes where one lay that moves away; a key moves to where one lies that goes.
#[test]
fn a_file_that_is_freed_is_free_in_the_same_plan() {
    let keys = |keys: &str| format!("{HEAD}users: {{ci: {{access_keys: {{{keys}}}}}}}\n");
    let scene = Scene::new();
    scene.manifest(&keys("main: {deliver_to: {file: a.env}}"));
    scene.apply();
    let first = scene.key_in("a.env");
    scene.manifest(&keys("main: {deliver_to: {file: b.env}}, more: {deliver_to: {file: a.env}}"));
    scene.apply();
    let mut held = scene.keys_of("ci");
    held.sort();
    let mut expected = vec![(scene.key_in("a.env"), true), (scene.key_in("b.env"), true)];
    expected.sort();
    assert_eq!((held, scene.key_in("b.env")), (expected, first.clone()));
    scene.manifest(&keys("main: {deliver_to: {file: a.env}}"));
    scene.apply();
    assert_eq!((scene.keys_of("ci"), scene.key_in("a.env")), (vec![(first.clone(), true)], first));
    assert_eq!(scene.files(), ["a.env", "seqera.yaml"]);
}

/// A run was cut short when the file had both names.
#[test]
fn a_second_name_that_a_cut_run_left_is_taken_away() {
    let scene = Scene::new();
    let one_key =
        |file: &str| format!("{HEAD}users: {{ci: {{access_keys: {{main: {{deliver_to: {{file: {file}}}}}}}}}}}\n");
    scene.manifest(&one_key("a.env"));
    scene.apply();
    std::fs::hard_link(scene.path("a.env"), scene.path("b.env")).expect("a second name");
    scene.manifest(&one_key("b.env"));
    scene.apply();
    assert_eq!(scene.files(), ["b.env", "seqera.yaml"]);
    assert_eq!(scene.keys_of("ci"), [(scene.key_in("b.env"), true)]);
}
