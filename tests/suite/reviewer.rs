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

/// A statement of which one resource is null where a bucket has no key.
#[test]
fn a_null_among_resources_takes_nothing_away() {
    let manifest = |action: &str| {
        format!(
            "{HEAD}params: {{b: {{type: list(bucket), default: [nfw]}}}}\nroles:\n  head:\n    trust: {{services: \
             [ec2.amazonaws.com]}}\n    inline:\n      data:\n        statements:\n          Data:\n            \
             Effect: Allow\n            Action: [{action}]\n            Resource: [\"arn:aws:s3:::nfw/*\", {{for_each: \
             \"${{{{ params.b }}}}\", value: \"${{{{ each.value.kms }}}}\"}}]\n"
        )
    };
    let scene = Scene::new();
    scene.manifest(&manifest("s3:GetObject"));
    scene.apply();
    scene.manifest(&manifest("s3:GetObject, s3:PutObject"));
    let run = scene.run("plan");
    run.expect(0).says("+ s3:PutObject on arn:aws:s3:::nfw/*");
    assert!(!run.stdout.contains("unknown") && !run.stdout.contains("danger"), "{}", run.stdout);
}

/// Whatever a policy or a description says, it stays in its place.
#[test]
fn what_a_value_says_cannot_look_like_the_plan() {
    let scene = Scene::new();
    let manifest = |description: &str, resources: &str| {
        format!(
            "{HEAD}roles:\n  head:\n    description: {description}\n    trust: {{services: [ec2.amazonaws.com]}}\n    \
             inline: {{data: {{statements: {{Data: {{Effect: Allow, Action: 's3:GetObject', Resource: [{resources}]}}}}}}}}\n"
        )
    };
    let resources =
        r#""arn:aws:s3:::b/\u001b[2K\u001b[1A/*", "arn:aws:s3:::c\n\nNo changes. Your IAM matches the manifest.""#;
    scene.manifest(&manifest("plain", r#""arn:aws:s3:::a""#));
    scene.apply();
    scene.manifest(&manifest(r#""plain\n- roles.head\n  ~ more""#, resources));
    for more in ["--color always", "--color never", "-v --color always"] {
        let shown = scene.run(&format!("plan --markdown plan.md {more}")).stdout;
        assert!(!shown.contains("\u{1b}[2K") && !shown.contains("\u{1b}[1A"), "{shown}");
        assert!(shown.contains(r"arn:aws:s3:::b/\u001b[2K\u001b[1A/*"), "{shown}");
        assert!(!shown.contains("\nNo changes") && !shown.contains("\n- roles.head"), "{shown}");
    }
    let shown = scene.run("plan --color never").stdout;
    let lines = "      ~ description\n          | plain\n          + - roles.head\n          +   ~ more\n";
    assert!(shown.contains(lines), "{shown}");
    let comment = scene.read("plan.md");
    assert!(comment.contains(r"\u001b[2K\u001b[1A/*") && !comment.contains("\nNo changes"), "{comment}");
    assert!(!comment.contains("\n-  roles.head") && !comment.contains("\n- roles.head"), "{comment}");
}
