//! What leaves stays until what comes in its place is whole.

use serde_json::json;

use crate::access_keys::{self, TO_FILE};
use crate::many;
use crate::scene::Scene;

const HEAD: &str = "apiVersion: seqera-iam/v1\nname: demo\naccount: 123456789012\n";

/// A role that others trust and that a profile has, with a policy of its own.
const OLD: &str = r#"
policies: {reads: {name: reads, statements: {Read: {Effect: Allow, Action: s3:GetObject, Resource: "arn:aws:s3:::b/*"}}}}
roles:
  head: {name: head, trust: {services: [ecs-tasks.amazonaws.com]}, policies: [policies.reads]}
  worker: {trust: {principals: [roles.head]}}
instance_profiles: {head: {name: nodes, role: roles.head}}
"#;

fn applied(manifest: &str) -> Scene {
    let scene = Scene::new();
    scene.manifest(&format!("{HEAD}{manifest}"));
    scene.apply();
    scene
}

/// Whatever is not done for the new name, the old one keeps all that it has; the next run finishes.
#[test]
fn a_new_name_takes_the_place_only_when_all_is_done() {
    let denied = ["AttachRolePolicy", "CreatePolicy", "UpdateAssumeRolePolicy", "AddRoleToInstanceProfile"];
    many::each(&denied, |action| {
        let scene = applied(OLD);
        let renamed = OLD.replace("name: reads", "name: reads2").replace("name: head", "name: head2");
        scene.manifest(&format!("{HEAD}{renamed}"));
        let run = scene.run_with(&format!("deny={action}"), "apply --auto-approve --force");
        run.expect(1).says("half done: roles.head\n");
        let old = "arn:aws:iam::123456789012:policy/reads";
        scene.expect_held("roles/head", &json!({"policies": [old]}));
        assert!(scene.held("policies").contains(&"reads".to_owned()));
        scene.run("drift").expect(0);
        scene.call(&json!({"Action": "UpdateRole", "RoleName": "head", "Description": "by hand"}));
        scene.run("drift").expect(2).says("description changed outside");
        scene.apply();
        assert_eq!(
            (scene.held("roles"), scene.held("policies")),
            (vec!["head2".into(), "worker".into()], vec!["reads2".into()])
        );
    });
}

/// What others put on the old name to restrict it comes to the new one, also in the run after one that failed.
#[test]
fn a_restriction_is_carried_over_later() {
    let scene = applied(OLD);
    let deny_all = "arn:aws:iam::aws:policy/AWSDenyAll";
    scene.call(&json!({"Action": "AttachRolePolicy", "RoleName": "head", "PolicyArn": deny_all}));
    scene.manifest(&format!(
        "{HEAD}{}",
        OLD.replace("name: head", "name: head2").replace(", policies: [policies.reads]", "")
    ));
    scene.run_with("deny=AttachRolePolicy", "apply --auto-approve --force").expect(1);
    scene.apply();
    scene.expect_held("roles/head2", &json!({"policies": [deny_all]}));
    assert!(!scene.held("roles").contains(&"head".to_owned()));
}

/// A profile has one role at a time: the old one goes only when the new one is there.
#[test]
fn a_profile_keeps_its_role_where_the_new_one_does_not_come() {
    let scene = applied(OLD);
    scene.manifest(&format!("{HEAD}{}", OLD.replace("name: head", "name: head2")));
    let run = scene.run_with("deny=CreateRole", "apply --auto-approve --force");
    run.expect(1).says("not started: instance_profiles.head.role\n");
    scene.expect_held("instance_profiles/nodes", &json!({"role": "head"}));
    scene.apply();
}

/// What is made again under its name keeps what hangs on it until all is there that it needs.
#[test]
fn nothing_is_taken_apart_for_what_cannot_come() {
    let scene = applied(OLD);
    let bound = "policies: {bound: {statements: {S: {Effect: Allow, Action: \"*\", Resource: \"*\"}}}, ";
    let moved = OLD.replace("name: head,", "name: head, path: /x/, boundary: policies.bound,");
    scene.manifest(&format!("{HEAD}{}", moved.replace("policies: {reads", &format!("{bound}reads"))));
    scene.run_with("deny=CreatePolicy", "apply --auto-approve --force --allow-gap").expect(1);
    scene.expect_held("roles/head", &json!({"path": "/", "policies": ["arn:aws:iam::123456789012:policy/reads"]}));
    scene.run("apply --auto-approve --force --allow-gap").expect(0);
    scene.expect_no_changes();
}

/// A role that holds all that AWS lets it hold gives nothing up for a policy that cannot be made.
#[test]
fn a_full_role_keeps_what_it_has_where_nothing_comes() {
    let names: Vec<String> = (0..10).map(|number| format!("p{number}")).collect();
    let statements = r#"statements: {S: {Effect: Allow, Action: "s3:Get*", Resource: "*"}}"#;
    let policies: String = names.iter().map(|name| format!("  {name}: {{name: {name}, {statements}}}\n")).collect();
    let attached: Vec<String> = names.iter().map(|name| format!("policies.{name}")).collect();
    let role = format!("{{trust: {{services: [ec2.amazonaws.com]}}, policies: [{}]}}", attached.join(", "));
    let full = format!("policies:\n{policies}roles: {{full: {role}}}\n");
    let scene = applied(&full);
    scene.manifest(&format!("{HEAD}{}", full.replace("name: p9", "name: other")));
    scene.run_with("deny=CreatePolicy", "apply --auto-approve --force --allow-gap").expect(1);
    let arns: Vec<String> = names.iter().map(|name| format!("arn:aws:iam::123456789012:policy/{name}")).collect();
    scene.expect_held("roles/full", &json!({"policies": arns}));
    scene.run("apply --auto-approve --force --allow-gap").expect(0);
    scene.expect_no_changes();
}

/// A key gets another label: the one that is valid goes only when there is another one in its place.
#[test]
fn a_key_stays_until_the_next_one_is_there() {
    let scene = Scene::with_keys();
    scene.apply();
    let key = scene.key();
    scene.manifest(&format!("{}{}", access_keys::HEAD, TO_FILE.replace("primary", "main")));
    let run = scene.run_with("deny=CreateAccessKey", "apply --auto-approve --force");
    run.expect(1).says("not started: users.ci.access_keys.primary");
    assert_eq!((scene.keys_of("ci"), scene.key()), (vec![(key.id.clone(), true)], key));
    scene.apply();
    scene.expect_one_key();
}

/// The old key that a rotation keeps takes the place of the next one; the valid one is not deleted for it.
#[test]
fn a_key_in_a_rotation_does_not_make_room() {
    let scene = Scene::with_keys();
    scene.apply();
    scene.run("key rotate ci").expect(0);
    let (keys, key) = (scene.keys_of("ci"), scene.key());
    scene.manifest(&format!("{}{}", access_keys::HEAD, TO_FILE.replace("primary", "main")));
    let run = scene.run("apply --auto-approve --force");
    run.expect(1).says("users.ci.access_keys.main cannot be made: user ci has 2 of 2 access keys");
    run.says("with the manifest as it was:   seqera-iam --sandbox key rotate ci --grace 0s");
    assert_eq!((scene.keys_of("ci"), scene.key()), (keys, key));
    scene.manifest(&format!("{}{TO_FILE}", access_keys::HEAD));
    scene.run("key rotate ci --grace 0s").expect(0);
    scene.manifest(&format!("{}{}", access_keys::HEAD, TO_FILE.replace("primary", "main")));
    scene.apply();
    scene.expect_one_key();
}

/// Two keys get other labels, and there is room for no third one: they go one by one, so that one is always valid.
#[test]
fn two_keys_make_room_one_by_one() {
    let two = "users: {ci: {access_keys: {a: {deliver_to: {file: a.env}}, b: {deliver_to: {file: b.env}}}}}\n";
    let scene = applied(two);
    scene.manifest(&format!("{HEAD}{}", two.replace("a: {d", "c: {d").replace("b: {d", "d: {d")));
    scene.run_with("deny=CreateAccessKey", "apply --auto-approve --force").expect(1);
    assert_eq!(scene.keys_of("ci").len(), 1);
    scene.apply();
    let mut keys = scene.keys_of("ci");
    keys.sort();
    let mut expected = vec![(scene.key_in("a.env"), true), (scene.key_in("b.env"), true)];
    expected.sort();
    assert_eq!(keys, expected);
}

/// What cannot be destroyed is let be as the help of the failure says.
#[test]
fn what_cannot_go_may_be_left() {
    let scene = applied("service_linked_roles: [spot.amazonaws.com]\n");
    let removed = "removed: ['service_linked_roles[\"spot.amazonaws.com\"]']";
    scene.run_with("deny=DeleteServiceLinkedRole", "destroy --auto-approve").expect(1);
    scene.manifest(&format!("{HEAD}{removed}\n"));
    scene.run_with("deny=DeleteServiceLinkedRole", "destroy --auto-approve").expect(0).says("0 destroyed, 1 forgotten");
    assert_eq!(scene.held("roles"), ["AWSServiceRoleForEC2Spot"]);
    scene.destroy().says("No changes.");
}
