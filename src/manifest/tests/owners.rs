//! Users and groups: what they are wished for, and what is wrong with them.

use super::*;

/// Returns the problems of one entry in line 5.
fn codes(section: &str, entry: &str) -> Vec<String> {
    let text = format!("{HEAD}{section}:\n  a: {entry}\n");
    problems(&text).iter().map(|problem| problem.split(' ').nth(1).unwrap_or_default().to_owned()).collect()
}

#[test]
fn a_user_has_memberships_policies_and_a_boundary() {
    let text = "defaults: {path: /p/, boundary: policy/ceiling, tags: {a: b}}
groups: {g: {policies: [AmazonS3ReadOnlyAccess]}}
users:
  ana: {groups: [groups.g, group/others], policies: [policy/x], inline: {i: {statements: {S: {Effect: Allow, Action: a:b, Resource: '*'}}}}}
  bo: {existing: true, groups: [groups.g]}
";
    let desired = wish(&format!("{HEAD}{text}"));
    let addresses: Vec<String> = desired.resources.keys().map(ToString::to_string).collect();
    assert_eq!(
        addresses,
        [
            "groups.g",
            "groups.g.policies.AmazonS3ReadOnlyAccess",
            "users.ana",
            "users.ana.groups.g",
            "users.ana.groups.others",
            "users.ana.inline.i",
            "users.ana.policies.x",
            "users.bo",
            "users.bo.groups.g",
        ]
    );
    let of = |address: &str| &desired.resources[&address.parse::<Address>().unwrap()].wanted;
    assert_eq!(of("users.ana")["boundary"], "arn:aws:iam::123456789012:policy/ceiling".into());
    assert!(of("users.ana").contains_key("tags") && !of("groups.g").contains_key("tags"));
    assert_eq!(of("users.ana.groups.others")["group"], "others".into());
    assert_eq!((&of("users.ana")["path"], &of("users.bo")["path"]), (&"/p/".into(), &"/".into()));
    assert!(!of("users.bo").contains_key("boundary"), "what is of others does not follow our defaults");
    assert_eq!(waits_for(&desired, "users.ana.groups.g"), ["groups.g", "users.ana"]);
}

#[test]
fn what_aws_or_others_would_refuse_is_said_before() {
    let eleven = |what: &str| (0..11).map(|n| format!("{what}/x{n}")).collect::<Vec<_>>().join(", ");
    for (section, entry, code) in [
        ("users", "{groups: [groups.b]}".to_owned(), "unknown-reference"),
        ("users", "{groups: [policy/x]}".to_owned(), "wrong-reference"),
        ("users", format!("{{groups: [{}]}}", eleven("group")), "too-many-groups"),
        ("users", format!("{{policies: [{}]}}", eleven("policy")), "too-many-attachments"),
        ("groups", format!("{{policies: [{}]}}", eleven("policy")), "too-many-attachments"),
        ("users", "{boundary: group/x}".to_owned(), "wrong-reference"),
        ("users", "{boundary: 'arn:aws:iam::123456789012:role/x'}".to_owned(), "bad-arn"),
        ("users", "{name: TowerForge-a}".to_owned(), "bad-name"),
        ("groups", "{name: TowerForge-a}".to_owned(), "bad-name"),
        ("groups", "{path: /aws-reserved/x/}".to_owned(), "bad-path"),
        ("groups", "{tags: {a: b}}".to_owned(), "unknown-key"),
        ("users", "{trust: {services: [ec2.amazonaws.com]}}".to_owned(), "unknown-key"),
        ("users", format!("{{name: {}}}", "x".repeat(65)), "bad-name"),
        ("users", "{existing: true, boundary: none}".to_owned(), "existing"),
    ] {
        assert_eq!(codes(section, &entry), [code], "{section}: {entry}");
    }
    // AWS attaches up to 20 where somebody asked for it.
    let many = |count: usize| (0..count).map(|n| format!("policy/x{n}")).collect::<Vec<_>>().join(", ");
    let meant = |count: usize| format!("{{policies: [{}], ignore: [findings.too-many-attachments]}}", many(count));
    wish(&format!("{HEAD}groups: {{a: {}}}\n", meant(20)));
    assert_eq!(codes("groups", &meant(21)), ["too-many-attachments"]);
    // Who uses what Batch Forge made may say so.
    wish(&format!("{HEAD}users: {{a: {{name: TowerForge-a, existing: true}}}}\n"));
}

#[test]
fn inline_policies_together_have_the_size_of_their_owner() {
    let of = |length: usize| {
        let resource = format!("arn:aws:s3:::b/{}", "x".repeat(length));
        let one = |name: &str| {
            format!("{name}: {{statements: {{S: {{Effect: Allow, Action: 's3:GetObject', Resource: '{resource}'}}}}}}")
        };
        format!("{{inline: {{{}, {}}}}}", one("a"), one("b"))
    };
    for (section, most) in [("users", 2048), ("groups", 5120)] {
        wish(&format!("{HEAD}{section}: {{a: {}}}\n", of(most / 2 - 150)));
        assert_eq!(codes(section, &of(most / 2)), ["document-too-large"; 1], "{section}");
    }
}
