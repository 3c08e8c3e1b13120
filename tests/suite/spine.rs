//! The main job, end to end.

use crate::scene::Scene;

pub const DEMO: &str = r#"
apiVersion: seqera-iam/v1
name: demo
account: 123456789012
defaults: {tags: {team: genomics}}
policies:
  buckets:
    description: buckets
    statements:
      List: {Effect: Allow, Action: s3:ListBucket, Resource: "arn:aws:s3:::acme"}
      Objects: {Effect: Allow, Action: [s3:GetObject, s3:PutObject], Resource: "arn:aws:s3:::acme/*"}
roles:
  head:
    description: Head
    max_session: 4h
    trust: {services: [ec2.amazonaws.com]}
    policies: [policies.buckets, AmazonS3ReadOnlyAccess]
    inline: {logs: {statements: {Logs: {Effect: Allow, Action: logs:GetLogEvents, Resource: "*"}}}}
instance_profiles: {head: {role: roles.head}}
outputs: {head_role: "${{ roles.head.arn }}"}
"#;

#[test]
fn a_manifest_is_planned_applied_and_destroyed() {
    let scene = Scene::new();
    scene.manifest(DEMO);
    assert_eq!(
        scene.steps(),
        [
            "create policies.buckets",
            "create roles.head",
            "create roles.head.inline.logs",
            "create roles.head.policies.buckets",
            "create roles.head.policies.AmazonS3ReadOnlyAccess",
            "create instance_profiles.head",
            "create instance_profiles.head.role",
        ]
    );
    scene.run("plan --detailed-exitcode").expect(2).says("Plan: 7 to add, 0 to change, 0 to destroy.");
    assert!(!scene.path("state").exists(), "a plan writes no state");

    let apply = scene.apply();
    apply.says("Apply complete! Resources: 7 added, 0 changed, 0 destroyed.");
    apply.says("head_role = arn:aws:iam::123456789012:role/head");

    scene.destroy().says("Destroy complete! Resources: 7 destroyed.");
    assert_eq!(scene.held("roles"), [""; 0]);
    assert_eq!(scene.steps().len(), 7);
}
