//! What a reviewer is shown of a plan: all that matters, and nothing that somebody else made look like it.

use crate::scene::Scene;

const HEAD: &str = "apiVersion: seqera-iam/v1\nname: review\naccount: 111122223333\n";

/// Who reviews a pull request sees the comment and not the terminal.
#[test]
fn the_comment_has_the_warnings_of_the_manifest() {
    let scene = Scene::new();
    scene.manifest(&format!("{HEAD}roles: {{head: {{trust: {{principals: [\"444455556666\"]}}}}}}\n"));
    scene.run("plan --markdown plan.md").expect(0);
    let comment = scene.read("plan.md");
    let warning = "- warning: roles.head.trust: `arn:aws:iam::444455556666:root` is of another account and may assume \
                   the role without an External ID (seqera.yaml:4)\n";
    assert!(comment.split("<details>").next().unwrap_or_default().contains(warning), "{comment}");
}
