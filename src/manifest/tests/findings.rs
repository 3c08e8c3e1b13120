//! Findings of documents, as warnings at their place.

use super::*;

const STOP: &str = "{Effect: Allow, Action: [\"logs:StopQuery\"], Resource: \"arn:aws:logs:*:*:log-group:a\"}";

fn with(text: &str) -> Vec<String> {
    warnings(&[], &format!("{HEAD}{text}"))
}

#[test]
fn each_is_at_its_token_wherever_the_document_stands() {
    let inline = format!("roles:\n  a: {{{TRUST}, inline: {{b: {{statements: {{C: {STOP}}}}}}}}}\n");
    assert_eq!(with(&inline), ["5:101 resource-mismatch"]);
    let file = "policies:\n  a: {document: {file: a.json}}\n";
    let document = format!("{{\"Version\": \"2012-10-17\", \"Statement\":\n{}}}", json_of(STOP));
    assert_eq!(warnings(&[("a.json", &document)], &format!("{HEAD}{file}")), ["a.json:2:32 resource-mismatch"]);
    let trust = "roles:\n  a:\n    trust:\n      - {services: [ec2.amazonaws.com]}\n      - {principals: [\"444455556666\"], tag_session: true}\n";
    assert_eq!(with(trust), ["8:10 trust-without-external-id"]);
    let own = "roles:\n  a: {trust: {principals: [\"123456789012\"]}}\n";
    assert_eq!(with(own), [""; 0]);
}

/// The statement as JSON: its words in quotes.
fn json_of(yaml: &str) -> String {
    ["Effect", "Allow", "Action", "Resource"]
        .iter()
        .fold(yaml.to_owned(), |text, word| text.replacen(word, &format!("\"{word}\""), 1))
}

#[test]
fn what_is_meant_is_silent_for_its_entry_alone() {
    let role = |key: &str, ignore: &str| {
        format!("  {key}: {{{TRUST}{ignore}, inline: {{b: {{statements: {{C: {STOP}}}}}}}}}\n")
    };
    let both = format!("roles:\n{}{}", role("a", ", ignore: [findings.resource-mismatch, description]"), role("b", ""));
    assert_eq!(with(&both), ["6:101 resource-mismatch"]);
    let desired = wish(&format!("{HEAD}{both}"));
    assert_eq!(desired.resources[&"roles.a".parse::<Address>().unwrap()].ignore, ["description"]);
    let existing = format!(
        "roles:\n  a: {{existing: true, ignore: [findings.resource-mismatch], inline: {{b: {{statements: {{C: {STOP}}}}}}}}}\n"
    );
    assert_eq!(with(&existing), [""; 0]);
}

#[test]
fn a_text_that_makes_many_documents_is_told_once() {
    let many = format!("policies:\n  a: {{for_each: [x, y], statements: {{C: {STOP}}}}}\n");
    assert_eq!(with(&many), ["5:66 resource-mismatch"]);
}

#[test]
fn a_use_is_silenced_in_its_override() {
    let ours = format!(
        "apiVersion: seqera-iam/v1\nblueprint: {{title: Ours}}\npolicies: {{a: {{statements: {{C: {STOP}}}}}}}\n"
    );
    let using = |more: &str| {
        warnings(&[("ours.yaml", &ours)], &format!("{HEAD}use: {{x: {{blueprint: ./ours.yaml{more}}}}}\n"))
    };
    assert_eq!(using(""), ["ours.yaml:3:57 resource-mismatch"]);
    assert_eq!(using(", override: {policies: {a: {ignore: [findings.resource-mismatch]}}}"), [""; 0]);
}

#[test]
fn what_is_advice_or_a_fault_is_no_warning() {
    let wide = "policies: {a: {statements: {C: {Effect: Allow, Action: \"s3:GetObject\", Resource: \"*\"}}}}\n";
    assert_eq!(with(wide), [""; 0]);
    let faulty = STOP.replace("Effect", "Efect");
    let problems = problems(&format!("{HEAD}policies: {{a: {{statements: {{C: {faulty}}}}}}}\n"));
    assert!(problems.iter().all(|problem| problem.ends_with("policy-syntax")), "{problems:?}");
}

#[test]
fn one_document_does_not_flood() {
    let actions: Vec<String> = (0..300).map(|i| format!("s3:Nope{i}")).collect();
    let statement = format!("{{Effect: Allow, Action: [{}], Resource: '*'}}", actions.join(", "));
    assert_eq!(with(&format!("policies: {{a: {{statements: {{C: {statement}}}}}}}\n")).len(), 10);
}

#[test]
fn a_boundary_grants_nothing() {
    let ceiling = "policies: {a: {statements: {C: {Effect: Allow, Action: \"iam:*\", Resource: \"*\"}}}}\n";
    let role = |more: &str| with(&format!("{ceiling}roles: {{r: {{{TRUST}, boundary: policies.a{more}}}}}\n"));
    assert_eq!(role(""), [""; 0]);
    assert_eq!(role(", policies: [policies.a]"), ["4:56 privilege-escalation", "4:56 pass-role-on-star"]);
}

#[test]
fn documents_of_one_owner_are_looked_at_together() {
    let statement = |action: &str| {
        format!("{{statements: {{Same: {{Effect: Allow, Action: \"{action}\", Resource: \"arn:aws:s3:::a/*\"}}}}}}")
    };
    let (one, other) = (statement("s3:GetObject"), statement("s3:PutObject"));
    assert_eq!(
        with(&format!("roles:\n  a:\n    {TRUST}\n    inline:\n      b: {one}\n      c: {other}\n")),
        ["9:7 sid-clash"]
    );
    assert_eq!(
        with(
            "roles:\n  a:\n    trust: {services: [ec2.amazonaws.com]}\n    policies: [AmazonSSMManagedInstanceCore, AWSBatchServiceRole]\n"
        ),
        ["7:46 trust-lacks-service"]
    );
}
