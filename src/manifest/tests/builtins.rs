//! The blueprints that come with the program.

use super::*;
use crate::manifest::builtin::BUILTINS;

fn instance_role(with: &str) -> Desired {
    wish(&format!("{HEAD}use:\n  seqera: {{blueprint: enterprise-instance-role, with: {with}}}\n"))
}

#[test]
fn three_lines_ask_for_the_instance_role() {
    let desired = instance_role("{buckets: [acme-work, acme-data]}");
    assert_eq!(
        addresses(&desired),
        [
            "use.seqera.policies.buckets",
            "use.seqera.roles.seqera",
            "use.seqera.roles.seqera.policies.Seqera-Role-buckets",
            "use.seqera.roles.seqera.policies.seqera-forge-identity",
            "use.seqera.instance_profiles.seqera",
            "use.seqera.instance_profiles.seqera.role",
            "use.seqera.use.forge.policies.identity",
        ]
    );
    let statements = json(&desired, "use.seqera.policies.buckets", "document")["Statement"].clone();
    assert_eq!(statements.as_array().unwrap().len(), 2);
    assert_eq!(statements[1]["Resource"], serde_json::json!(["arn:aws:s3:::acme-work/*", "arn:aws:s3:::acme-data/*"]));
    let trust = json(&desired, "use.seqera.roles.seqera", "trust");
    assert_eq!(trust["Statement"][1]["Principal"]["AWS"], "arn:aws:iam::123456789012:root");
    assert_eq!(json(&desired, "use.seqera.instance_profiles.seqera", "name"), "Seqera-Instance");
}

#[test]
fn the_instance_role_asks_for_what_the_example_does() {
    let example = include_str!("../../../examples/enterprise-instance-role/policies/forge-policy.json");
    let desired = instance_role("{buckets: [], trusted: [user/ana], scope: published}");
    let address = "use.seqera.roles.seqera.inline.permissions";
    let document = crate::policy::Document::from_json(serde_json::from_str(example).unwrap());
    assert_eq!(attribute(&desired, address, "document"), Value::Document(document));
    assert_eq!(addresses(&desired).len(), 4);
    let launch = instance_role("{buckets: [], forge: false, scope: published}");
    assert_eq!(json(&launch, address, "document")["Statement"].as_array().unwrap().len(), 1);
}

#[test]
fn buckets_are_granted_by_access_prefix_and_key() {
    let desired = instance_role(
        "{services: [ec2.amazonaws.com], buckets: [{name: ref-data, access: read, prefix: hg38/, kms: \"arn:aws:kms:k\"}]}",
    );
    let expected = serde_json::json!([
        {"Sid": "ListBuckets", "Effect": "Allow", "Action": "s3:ListBucket", "Resource": ["arn:aws:s3:::ref-data"]},
        {"Sid": "ReadObjects", "Effect": "Allow", "Action": "s3:GetObject", "Resource": ["arn:aws:s3:::ref-data/hg38/*"]},
        {"Sid": "KeyRefData", "Effect": "Allow", "Action": ["kms:Decrypt"], "Resource": "arn:aws:kms:k"},
    ]);
    assert_eq!(json(&desired, "use.seqera.policies.buckets", "document")["Statement"], expected);
}

#[test]
fn built_in_blueprints_say_what_they_are_and_describe_every_param() {
    for builtin in BUILTINS {
        let mut problems = Vec::new();
        let root = yaml::parse(builtin.text, 0, &mut problems).unwrap();
        assert_eq!(problems, [], "{}", builtin.name);
        for key in ["title", "source", "date"] {
            let about = &root.get("blueprint").unwrap().value;
            assert!(about.get(key).is_some(), "{} lacks {key}", builtin.name);
        }
        for param in shape::entries(&root.get("params").unwrap().value) {
            assert!(param.value.get("description").is_some(), "{}: {}", builtin.name, param.key);
        }
        assert!(!builtin.text.contains("document: {file:"), "{} has no folder to read from", builtin.name);
    }
}
