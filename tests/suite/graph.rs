//! What `graph` draws.

use crate::scene::Scene;

const MANIFEST: &str = r#"apiVersion: seqera-iam/v1
name: drawn
policies: {ceiling: {statements: {S: {Effect: Allow, Action: "s3:*", Resource: "*"}}}}
roles:
  head: {boundary: policies.ceiling, trust: {principals: [roles.worker]}}
  worker: {trust: {principals: [roles.head]}}
"#;

/// An arrow is broken where a trust names what may come later.
#[test]
fn boundaries_and_trust_are_drawn() {
    let scene = Scene::new();
    scene.manifest(MANIFEST);
    let drawn = scene.run("graph --format mermaid");
    assert_eq!(
        drawn.expect(0).stdout,
        "flowchart LR\n    n0[\"policies.ceiling\"]\n    n1[\"roles.head\"]\n    n2[\"roles.worker\"]\n    \
         n0 --> n1\n    n2 -.-> n1\n    n1 -.-> n2\n"
    );
    let drawn = scene.run("graph");
    drawn
        .expect(0)
        .says("digraph {")
        .says("0 -> 1 [ ]")
        .says("2 -> 1 [ style = dashed]")
        .says("1 -> 2 [ style = dashed]");
}
