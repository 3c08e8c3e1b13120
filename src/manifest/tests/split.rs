//! `split: true`: a policy that is too long becomes several.

use super::*;

/// A policy that grants `count` buckets, held by a role.
fn many(count: usize) -> String {
    let buckets: Vec<String> = (0..count).map(|i| format!("bucket-with-quite-a-long-name-{i:03}")).collect();
    format!(
        "{HEAD}params: {{buckets: {{type: list(bucket), default: [{}]}}}}\n\
         policies:\n  big:\n    split: true\n    statements:\n      \
         Look: {{Effect: Allow, Action: s3:ListAllMyBuckets, Resource: '*'}}\n      \
         List: {{Effect: Allow, Action: s3:ListBucket, Resource: [{{for_each: '${{{{ params.buckets }}}}', value: 'arn:aws:s3:::${{{{ each.value.name }}}}'}}]}}\n      \
         Read: {{Effect: Allow, Action: s3:GetObject, Resource: [{{for_each: '${{{{ params.buckets }}}}', value: 'arn:aws:s3:::${{{{ each.value.name }}}}/*'}}]}}\n\
         roles: {{r: {{{TRUST}, policies: [policies.big]}}}}\n\
         outputs: {{all: '${{{{ policies.big.arns }}}}', text: '${{{{ policies.big.arns | join(\", \") }}}}'}}\n",
        buckets.join(", ")
    )
}

fn policies(desired: &Desired) -> Vec<String> {
    addresses(desired).into_iter().filter(|address| address.starts_with("policies.")).collect()
}

#[test]
fn one_that_fits_is_one() {
    let desired = wish(&many(20));
    assert_eq!(policies(&desired), ["policies.big"]);
    assert_eq!(desired.outputs["all"], serde_json::json!(["arn:aws:iam::123456789012:policy/big"]));
}

#[test]
fn all_parts_are_attached_and_named_by_outputs() {
    let desired = wish(&many(150));
    let parts = policies(&desired);
    assert!(parts.len() > 2 && parts[0] == "policies.big", "{parts:?}");
    let attached: Vec<String> =
        addresses(&desired).into_iter().filter(|one| one.starts_with("roles.r.policies")).collect();
    let expected: Vec<String> = parts.iter().map(|part| part.replacen("policies", "roles.r.policies", 1)).collect();
    assert_eq!(attached, expected);
    let arns = desired.outputs["all"].as_array().unwrap();
    assert_eq!(arns.len(), parts.len());
    assert_eq!(desired.outputs["text"].as_str().unwrap().split(", ").count(), parts.len());
    for part in &parts {
        let name = json(&desired, part, "name");
        assert_eq!(format!("policies.{}", name.as_str().unwrap()), *part);
        let Value::Document(document) = attribute(&desired, part, "document") else { panic!("a document") };
        assert!(document.size() <= 6144);
    }
}

#[test]
fn one_of_a_use_is_meant_with_all_its_parts() {
    let blueprint = many(150).replace(HEAD, "apiVersion: seqera-iam/v1\n").replace("roles:", "roles: {}\nx:");
    let blueprint: String =
        blueprint.lines().filter(|line| !line.starts_with("x:")).map(|line| format!("{line}\n")).collect();
    let holder = format!(
        "apiVersion: seqera-iam/v1\nparams: {{permissions: {{type: list(policy)}}}}\nroles: {{r: {{{TRUST}, policies: \"${{{{ params.permissions }}}}\"}}}}\n"
    );
    let text = format!(
        "{HEAD}use:\n  a: {{blueprint: ./big.yaml}}\n  b: {{blueprint: ./holder.yaml, with: {{permissions: [use.a.policies.big, AmazonS3ReadOnlyAccess]}}}}\n"
    );
    let desired = wish_among(&[("big.yaml", &blueprint), ("holder.yaml", &holder)], &text);
    let made = addresses(&desired).iter().filter(|one| one.starts_with("use.a.policies.")).count();
    let attached = addresses(&desired).iter().filter(|one| one.starts_with("use.b.roles.r.policies.")).count();
    assert_eq!(attached, made + 1);
}

#[test]
fn what_cannot_be_split_or_attached_says_how_much_it_is() {
    assert_eq!(problems(&many(600)), ["8:5 too-many-attachments"]);
    assert!(words(&many(600)).contains("policies, AWS attaches 10"), "{}", words(&many(600)));
    let nine = "policy/a, policy/b, policy/c, policy/d, policy/e, policy/f, policy/g, policy/h";
    let full = many(150).replace("policies: [policies.big]", &format!("policies: [policies.big, {nine}]"));
    assert!(words(&full).contains("roles.r.policies: these are"), "{}", words(&full));
    let boundary = many(150).replace("policies: [policies.big]", "boundary: policies.big");
    assert!(words(&boundary).contains("a boundary is one"), "{}", words(&boundary));
    let arn = many(2).replace("policies.big.arns }}', text", "policies.big.arn }}', text");
    assert!(words(&arn).contains("it may be several"), "{}", words(&arn));
    let actions: Vec<String> = (0..400).map(|i| format!("s3:GetObject{i:03}")).collect();
    let long = many(2).replace("Action: s3:ListAllMyBuckets", &format!("Action: [{}]", actions.join(", ")));
    assert!(words(&long).starts_with("policies.big.statements.Look: "), "{}", words(&long));
}
