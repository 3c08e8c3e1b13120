//! `for_each` and `when`: on entries, statements, inline policies and items of lists.

use super::*;

const BUCKETS: &str = "params:
  buckets: {type: list(bucket), default: [nf-work, {name: ref, access: read, prefix: hg38/}]}
  teams: {type: map(string), default: {a: eu, b: us}}
  on: {type: bool, default: false}
  env: {type: string, default: dev}
";

#[test]
fn an_entry_is_made_for_each_of_a_map() {
    let desired = wish(&format!(
        "{HEAD}{BUCKETS}roles:
  head:
    for_each: ${{{{ params.teams }}}}
    when: ${{{{ each.key != \"b\" }}}}
    {TRUST}
    description: ${{{{ each.value }}}}
    policies: [\"policies.reads-${{{{ each.key }}}}\"]
policies:
  reads:
    for_each: [a, b]
    name: own-${{{{ each.key }}}}
    statements: {{A: {{Effect: Deny, Action: '*', Resource: '*'}}}}
"
    ));
    assert_eq!(
        addresses(&desired),
        ["policies.reads-a", "policies.reads-b", "roles.head-a", "roles.head-a.policies.own-a"]
    );
    assert_eq!(json(&desired, "policies.reads-b", "name"), "own-b");
    assert_eq!(
        (json(&desired, "roles.head-a", "name"), json(&desired, "roles.head-a", "description")),
        ("head-a".into(), "eu".into())
    );
}

#[test]
fn statements_and_items_are_made_for_each_of_a_list() {
    let desired = wish(&format!(
        "{HEAD}{BUCKETS}policies:
  by-sid:
    statements:
      Read:
        for_each: ${{{{ params.buckets }}}}
        Effect: Allow
        Action: s3:GetObject
        Resource: arn:aws:s3:::${{{{ each.value.name }}}}/*
      Never: {{when: \"${{{{ params.on }}}}\", Effect: Deny, Action: '*', Resource: '*'}}
  whole:
    document:
      Version: 2012-10-17
      Statement:
        - for_each: ${{{{ params.buckets }}}}
          when: ${{{{ each.value.access == \"read\" }}}}
          Effect: Allow
          Action: [s3:GetObject, {{when: \"${{{{ params.on }}}}\", value: s3:PutObject}}, [s3:ListBucket, {{when: true, value: [s3:A, [s3:B]]}}]]
          Resource:
            - {{for_each: [x, y], value: \"arn:aws:s3:::${{{{ each.value }}}}/*\"}}
            - arn:aws:s3:::${{{{ each.key }}}}
"
    ));
    let sids = |statement: &serde_json::Value| statement["Sid"].clone();
    let by_sid = json(&desired, "policies.by-sid", "document");
    let statements = by_sid["Statement"].as_array().unwrap();
    assert_eq!(statements.iter().map(sids).collect::<Vec<_>>(), ["ReadNfWork", "ReadRef"]);
    assert_eq!(statements[0]["Resource"], "arn:aws:s3:::nf-work/*");
    let expected = serde_json::json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Action": ["s3:GetObject", "s3:ListBucket", "s3:A", "s3:B"],
        "Resource": ["arn:aws:s3:::x/*", "arn:aws:s3:::y/*", "arn:aws:s3:::ref"],
    }]});
    assert_eq!(json(&desired, "policies.whole", "document"), expected);
}

#[test]
fn trust_references_and_inline_policies_take_rounds_too() {
    let desired = wish(&format!(
        "{HEAD}{BUCKETS}roles:
  head:
    trust:
      - {{services: [{{for_each: [ec2, ecs], value: \"${{{{ each.value }}}}.amazonaws.com\"}}]}}
      - {{when: \"${{{{ params.on }}}}\", principals: [role/x]}}
      - {{for_each: \"${{{{ params.teams }}}}\", principals: [\"role/${{{{ each.key }}}}\"]}}
    policies:
      - {{for_each: \"${{{{ params.teams }}}}\", value: \"policy/${{{{ each.key }}}}\"}}
      - {{when: \"${{{{ params.on }}}}\", value: policies.none}}
    inline:
      logs: {{for_each: [dev], document: {{file: \"${{{{ each.key }}}}.json\"}}}}
  dev: {{for_each: [dev], trust: {{document: {{file: trust.yaml}}}}, inline: {{i: {{document: {{file: \"${{{{ each.key }}}}.json\"}}}}}}}}
"
    ));
    let trust = json(&desired, "roles.head", "trust");
    assert_eq!(
        trust["Statement"][0]["Principal"]["Service"],
        serde_json::json!(["ec2.amazonaws.com", "ecs.amazonaws.com"])
    );
    assert_eq!(trust["Statement"].as_array().unwrap().len(), 3);
    assert_eq!(
        addresses(&desired)[1..4],
        ["roles.head.inline.logs-dev", "roles.head.policies.a", "roles.head.policies.b"]
    );
}

#[test]
fn a_file_is_found_for_each_round() {
    let files = [(
        "p/a.json",
        r#"{"Version": "2012-10-17", "Statement": [
        {"for_each": "${{ params.words }}", "Sid": "S${{ each.value }}", "Effect": "Deny", "Action": "*", "Resource": "*"}]}"#,
    )];
    let text = format!(
        "{HEAD}params: {{words: {{type: list(string), default: [x, y]}}}}
policies: {{p: {{for_each: [a], document: {{file: \"p/${{{{ each.key }}}}.json\"}}}}}}\n"
    );
    let document = json(&wish_among(&files, &text), "policies.p-a", "document");
    assert_eq!((&document["Statement"][0]["Sid"], &document["Statement"][1]["Sid"]), (&"Sx".into(), &"Sy".into()));
}

#[test]
fn what_a_when_leaves_out_cannot_be_referred_to() {
    let text = format!(
        "{HEAD}policies: {{p: {{when: false, statements: {{A: {{Effect: Deny, Action: '*', Resource: '*'}}}}}}}}
roles:
  head: {{{TRUST}, policies: [policies.p]}}
outputs: {{p: \"${{{{ policies.p.arn }}}}\"}}
"
    );
    let expected = "error: roles.head.policies: `policies.p` is left out: its `when` is false
 --> seqera.yaml:6:61
  |
6 |   head: {trust: {services: [ec2.amazonaws.com]}, policies: [policies.p]}
  |                                                             ^^^^^^^^^^
  |
  = help: say the same `when` here: {when: …, value: …}

error: `policies.p` is left out: its `when` is false
 --> seqera.yaml:7:15
  |
7 | outputs: {p: \"${{ policies.p.arn }}\"}
  |               ^^^^^^^^^^^^^^^^^^^^^
  |
  = help: say the same `when` here: {when: …, value: …}\n\n";
    assert_eq!(drawn(&[], &text), expected);
}

#[test]
fn rounds_are_checked() {
    for (entry, code, part) in [
        ("for_each: [a, b, a]", "duplicate-key", "roles.r.for_each has `a` twice"),
        ("for_each: text", "wrong-type", "roles.r.for_each takes a list or a map, this is a string"),
        ("when: yes", "wrong-type", "write `true`"),
        ("when: \"${{ params.n }}\"", "wrong-type", "roles.r.when takes `true` or `false`, this is a number"),
        (
            "for_each: \"${{ roles.x.arn }}\"",
            "unknown-reference",
            "see params, account, region, partition and each only",
        ),
        ("description: \"${{ each.key }}\"", "unknown-reference", "beside or under a `for_each`"),
        ("for_each: [a], description: \"${{ each.name }}\"", "unknown-reference", "`each.key` and `each.value`"),
        (
            "for_each: [{name: n}], description: \"${{ each.value.nam }}\"",
            "unknown-reference",
            "did you mean `each.value.name`?",
        ),
        ("for_each: [{for: n}], name: \"x-${{ each.key }}\", foreach: [1]", "unknown-key", "did you mean `for_each`?"),
        ("for_each: [a/b]", "bad-name", "takes no `/` in a name: roles[\"r-a/b\"]"),
        ("policies: [{for_each: [a], vlaue: policy/x}]", "unknown-key", "did you mean `value`?"),
        (
            "policies: [{when: true, value: policy/x, els: policy/y}]",
            "unknown-key",
            "it takes `for_each`, `when` and `value`",
        ),
        ("policies: [policies.p]", "unknown-reference", "did you mean `policies.p-a`?"),
        ("policies: [policies.p-c]", "unknown-reference", "did you mean `policies.p-a`?"),
        ("for_each: [{x: 1}, {x: 2}], policies: [policies.p-b]", "unknown-reference", "`policies.p-b` is left out"),
    ] {
        let text = format!(
            "{HEAD}params: {{n: {{type: number, default: 1}}}}
policies: {{p: {{for_each: [a, b], when: \"${{{{ each.key == 'a' }}}}\", statements: {{A: {{Effect: Deny, Action: '*', Resource: '*'}}}}}}}}
roles: {{r: {{{TRUST}, {entry}}}}}\n"
        );
        assert_eq!(problems(&text).len(), 1, "{entry}: {}", drawn(&[], &text));
        assert!(problems(&text)[0].ends_with(code), "{entry}: {:?}", problems(&text));
        assert!(words(&text).contains(part), "{entry}: {}", words(&text));
    }
}

#[test]
fn a_for_each_that_fails_is_blamed_once() {
    let text = format!(
        "{HEAD}roles:
  r: {{for_each: \"${{{{ params.nope }}}}\", {TRUST}}}
  s: {{trust: {{principals: [roles.r-a, roles.r]}}}}
import: [roles.r-a]
outputs: {{r: \"${{{{ roles.r-b.arn }}}}\"}}
"
    );
    assert_eq!(problems(&text), ["5:18 unknown-reference"]);
    let text = format!(
        "{HEAD}policies:
  p: {{statements: {{A: {{Effect: Deny, Action: '*', Resource: [{{for_each: \"${{{{ params.nope }}}}\", value: x}}]}}}}}}
  q: {{document: {{Version: 2012-10-17, Statement: [{{for_each: 3, Effect: Deny, Action: '*', Resource: '*'}}]}}}}
roles: {{r: {{{TRUST}, policies: [{{for_each: \"${{{{ params.nope }}}}\", value: policies.p}}]}}}}
"
    );
    let codes =
        |text: &str| problems(text).iter().filter_map(|p| p.split(' ').nth(1).map(str::to_owned)).collect::<Vec<_>>();
    assert_eq!(codes(&text), ["unknown-reference", "wrong-type", "unknown-reference"]);
}

#[test]
fn one_broken_round_leaves_the_others_to_be_checked() {
    let text = format!(
        "{HEAD}roles: {{r: {{for_each: [{{p: /a}}, {{q: b}}], {TRUST}, path: \"${{{{ each.value.p }}}}\"}}}}\n"
    );
    let column = text.lines().nth(3).unwrap().find("path").unwrap() + 7;
    assert_eq!(problems(&text), [format!("4:{column} bad-path"), format!("4:{} unknown-reference", column + 1)]);
}

#[test]
fn keys_that_become_equal_are_told() {
    let text = format!("{HEAD}roles:\n  r: {{for_each: [a], {TRUST}}}\n  r-a: {{{TRUST}}}\n");
    assert_eq!(problems(&text), ["6:3 duplicate-key"]);
    let sids = format!(
        "{HEAD}policies: {{p: {{statements: {{R: {{for_each: [a-b, aB], Effect: Deny, Action: '*', Resource: '*'}}}}}}}}\n"
    );
    assert_eq!(problems(&sids).len(), 1);
    assert!(words(&sids).contains("the key `RAB` stands twice"));
}

#[test]
fn ten_thousand_rounds_are_made() {
    let words: Vec<String> = (0..10_000).map(|i| format!("w{i}")).collect();
    let text = format!(
        "{HEAD}roles: {{r: {{for_each: [{}], {TRUST}, policies: [policies.p]}}}}\npolicies: {{p: {{statements: {{A: {{Effect: Deny, Action: '*', Resource: '*'}}}}}}}}\n",
        words.join(", ")
    );
    assert_eq!(wish(&text).resources.len(), 20_001);
}

/// Nothing is called by an item of a list, so two prefixes of one bucket are no two of one name.
#[test]
fn items_may_come_of_two_prefixes_of_one_bucket() {
    let desired = wish(&format!(
        "{HEAD}params:
  buckets: {{type: list(bucket), default: [{{name: work, prefix: x/}}, {{name: work, prefix: y/}}]}}
policies:
  reads:
    statements:
      List:
        Effect: Allow
        Action: s3:ListBucket
        Resource: [{{for_each: \"${{{{ params.buckets }}}}\", value: \"arn:aws:s3:::${{{{ each.value.name }}}}\"}}]
      Read:
        Effect: Allow
        Action: s3:GetObject
        Resource:
          - for_each: ${{{{ params.buckets }}}}
            value: arn:aws:s3:::${{{{ each.value.name }}}}/${{{{ each.value.prefix }}}}*
"
    ));
    let document = json(&desired, "policies.reads", "document");
    let resources = |statement: usize| document["Statement"][statement]["Resource"].clone();
    assert_eq!(resources(0), serde_json::json!(["arn:aws:s3:::work"]));
    assert_eq!(resources(1), serde_json::json!(["arn:aws:s3:::work/x/*", "arn:aws:s3:::work/y/*"]));
}
