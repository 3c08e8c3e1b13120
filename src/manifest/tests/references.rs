//! What fields refer to.

use super::*;

fn attached(policies: &str) -> String {
    format!(
        "{HEAD}policies: {{reads: {{path: /p/, statements: {{A: {{Effect: Deny, Action: '*', Resource: '*'}}}}}}}}
roles:
  head: {{{TRUST}, policies: {policies}}}
"
    )
}

#[test]
fn policies_are_addresses_names_paths_and_arns() {
    let text =
        attached("[policies.reads, AWSBatchServiceRole, policy/x/y, \"arn:aws:iam::aws:policy/ReadOnlyAccess\"]");
    let desired = wish(&text);
    let arns: Vec<String> = (desired.resources.values())
        .filter_map(|resource| Some(resource.wanted.get("policy_arn")?.text()?.to_owned()))
        .collect();
    assert_eq!(
        arns,
        [
            "arn:aws:iam::123456789012:policy/p/reads",
            "arn:aws:iam::aws:policy/service-role/AWSBatchServiceRole",
            "arn:aws:iam::123456789012:policy/x/y",
            "arn:aws:iam::aws:policy/ReadOnlyAccess",
        ]
    );
}

#[test]
fn a_wrong_reference_says_what_was_meant() {
    for (policies, code, part) in [
        ("[policies.raeds]", "unknown-reference", "did you mean `policies.reads`?"),
        ("[reads]", "unknown-reference", "did you mean `policies.reads`?"),
        ("[polices.reads]", "unknown-reference", "did you mean `policies.reads`?"),
        ("[AmazonS3ReadOnlyAcess]", "unknown-reference", "did you mean `AmazonS3ReadOnlyAccess`?"),
        ("[zzz]", "unknown-reference", "policy/zzz"),
        ("[roles.head]", "wrong-reference", "policies.KEY, policy/NAME or as an ARN"),
        ("[role/head]", "wrong-reference", "takes a managed policy"),
        ("[policy/]", "unknown-reference", "policy/NAME"),
        ("[policies.reads.x]", "unknown-reference", "there is no `policies.reads.x`"),
        ("[\"arn:aws:iam::123456789012:role/x\"]", "bad-arn", "is not the ARN of a managed policy"),
        ("[\"arn:aws:iam::999999999999:policy/x\"]", "bad-arn", "another account"),
        ("[\"arn:aws:iam::aws:policy/AWSBatchServiceRole\"]", "bad-arn", "service-role/AWSBatchServiceRole"),
        ("[\"arn:aws:iam::aws:policy/*\"]", "bad-arn", "wildcard"),
        ("[{}]", "wrong-type", "takes a string, this is a map"),
        ("policies.reads", "wrong-type", "takes a list, this is a string"),
    ] {
        let text = attached(policies);
        let found = problems(&text);
        assert_eq!(found.len(), 1, "{policies}: {found:?}");
        assert!(found[0].ends_with(code) && words(&text).contains(part), "{policies}: {found:?} {}", words(&text));
    }
}

/// However it is written, an ARN is one reference.
#[test]
fn what_is_named_twice_is_taken_once() {
    let text = attached("[policies.reads, \"arn:aws:iam::123456789012:policy/p/reads\"]");
    let (desired, warnings) = parse_with(&text, &Inputs::default()).resolve(&account()).unwrap();
    assert_eq!(desired.resources.keys().filter(|address| address.segments().len() == 4).count(), 1);
    assert_eq!(warnings.iter().map(|problem| problem.code).collect::<Vec<_>>(), ["duplicate-item"]);
}

#[test]
fn principals_are_whoever_can_assume() {
    for (principal, part) in [
        ("\"*\"", "would let anybody in"),
        ("policies.reads", "takes a principal"),
        ("ana", "role/NAME"),
        ("group/x", "takes a principal"),
        ("12345", "names nothing"),
        ("\"arn:aws:iam::123456789012:group/x\"", "is not the ARN of a principal"),
        ("\"arn:aws:iam::12:root\"", "is not the ARN of a principal"),
    ] {
        let text = attached("[]").replace(TRUST, &format!("trust: {{principals: [{principal}]}}"));
        assert_eq!(problems(&text).len(), 1, "{principal}");
        assert!(words(&text).contains(part), "{principal}: {}", words(&text));
    }
    for principal in
        ["role/a/b", "\"arn:aws:sts::444455556666:assumed-role/x/y\"", "\"arn:aws:iam::444455556666:user/p/y\""]
    {
        wish(&attached("[]").replace(TRUST, &format!("trust: {{principals: {principal}}}")));
    }
}

#[test]
fn roles_may_trust_each_other_and_themselves() {
    let text = format!(
        "{HEAD}roles:
  a: {{trust: {{principals: [roles.b, roles.a]}}}}
  b: {{trust: {{principals: [roles.a]}}}}
"
    );
    let desired = wish(&text);
    let principals = &json(&desired, "roles.a", "trust")["Statement"][0]["Principal"]["AWS"];
    assert_eq!(
        *principals,
        serde_json::json!(["arn:aws:iam::123456789012:role/b", "arn:aws:iam::123456789012:role/a"])
    );
    assert_eq!(waits_for(&desired, "roles.a"), Vec::<String>::new());
}

#[test]
fn two_entries_cannot_be_one_object() {
    let text =
        format!("{HEAD}roles:\n  head: {{{TRUST}}}\n  Head: {{{TRUST}, path: /x/}}\n  c: {{{TRUST}, name: HEAD}}\n");
    let column = text.lines().nth(6).unwrap().find("HEAD").unwrap() + 1;
    assert_eq!(problems(&text), ["6:3 duplicate-name".to_owned(), format!("7:{column} duplicate-name")]);
}

#[test]
fn an_owner_takes_ten_attachments() {
    let list = |count: usize| (0..count).map(|i| format!("policy/p{i}")).collect::<Vec<_>>().join(", ");
    wish(&attached(&format!("[{}]", list(10))));
    let text = attached(&format!("[{}]", list(11)));
    let column = text.lines().nth(5).unwrap().find("policy/p10").unwrap() + 1;
    assert_eq!(problems(&text), [format!("6:{column} too-many-attachments")]);
}
