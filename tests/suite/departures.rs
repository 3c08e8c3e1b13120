//! What leaves stays until what comes in its place is whole.

use serde_json::json;

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
        scene.run_with(&format!("deny={action}"), "apply --auto-approve --force").expect(1);
        let old = "arn:aws:iam::123456789012:policy/reads";
        scene.expect_held("roles/head", &json!({"policies": [old]}));
        assert!(scene.held("policies").contains(&"reads".to_owned()));
        scene.apply();
        assert_eq!(
            (scene.held("roles"), scene.held("policies")),
            (vec!["head2".into(), "worker".into()], vec!["reads2".into()])
        );
    });
}
