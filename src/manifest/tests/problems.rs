//! What is wrong with a manifest, all of it in one run, each at its token.

use super::*;

#[test]
fn twelve_mistakes_are_twelve_problems_in_one_run() {
    let text = "apiVersion: seqera-iam/v2
nmae: test
account: 12345
params:
  env: {type: string, enum: [dev, prod], default: test}
policies:
  reads:
    statements:
      Read: {Effect: allow, Action: s3:GetObject, Resource: \"*\"}
  empty: {}
roles:
  head:
    bondary: none
    max_session: 13h
    trust: {services: [ec2]}
    policies: [policies.raeds]
  worker:
    path: seqera
    trust: {services: [ec2.amazonaws.com]}
    trust: {services: [eks.amazonaws.com]}
";
    assert_eq!(
        problems(text),
        [
            "1:13 unknown-version",
            "2:1 unknown-key",
            "3:10 bad-account",
            "5:51 not-allowed",
            "9:22 policy-legacy",
            "10:3 missing-key",
            "13:5 unknown-key",
            "14:18 bad-duration",
            "15:24 bad-service",
            "16:16 unknown-reference",
            "18:11 bad-path",
            "20:5 duplicate-key",
        ]
    );
}

#[test]
fn what_is_no_map_is_refused_whole() {
    for (text, part) in
        [("", "empty"), ("# nothing\n", "empty"), ("- a\n", "this is a list"), ("a\n", "this is a string")]
    {
        let (problems, _) = Manifest::parse("x.yaml", text, &Inputs::default(), &Disk(&[])).unwrap_err();
        assert!(problems[0].message.contains(part), "{text:?}: {}", problems[0].message);
        assert_eq!(problems[0].helps, ["apiVersion: seqera-iam/v1"]);
    }
    assert_eq!(problems("roles: {}\n"), ["1:1 missing-key", "1:1 missing-key"]);
}

#[test]
fn keys_of_other_versions_are_unknown() {
    let text = format!("{HEAD}user: {{}}\nroles: {{a: {{{TRUST}, ignores_: []}}}}\n");
    let column = text.lines().nth(4).unwrap().find("ignores_").unwrap() + 1;
    assert_eq!(problems(&text), ["4:1 unknown-key".to_owned(), format!("5:{column} unknown-key")]);
}

#[test]
fn params_are_checked_wherever_they_come_from() {
    let text = format!(
        "{HEAD}params:
  env: {{type: string, enum: [dev, prod]}}
  n: {{type: number, default: x}}
  list: {{type: list(bool), default: [\"${{{{ account }}}}\"], defualt: 1}}
  1a: {{type: string, default: x}}
  bare: {{default: x}}
"
    );
    let mut inputs = typed(&[("env", "pord"), ("nn", "1"), ("n", "many")]);
    inputs.params_files.push(("p.yaml".to_owned(), "env: dev\nlsit: []\nn: yes\n".to_owned()));
    let expected = [
        "6:30 wrong-type",
        "7:37 unknown-reference",
        "7:57 unknown-key",
        "8:3 bad-name",
        "9:3 missing-key",
        "p.yaml:2:1 unknown-param",
        "p.yaml:3:4 wrong-type",
        "-p env:1:1 not-allowed",
        "-p nn:1:1 unknown-param",
        "-p n:1:1 wrong-type",
    ];
    assert_eq!(problems_with(&text, &inputs), expected);
    assert!(words(&text).contains("params.env has no default and no value\n-p env=VALUE"));
}

#[test]
fn values_fit_pattern_and_enum_wherever_they_stand() {
    let text = format!(
        "{HEAD}params:
  env: {{type: string, pattern: '[a-z]+', description: A word, default: dev}}
  all: {{type: map(list(string)), enum: [a, b], default: {{x: [a], y: []}}}}
  ids: {{type: list(principal), pattern: 'user/.*', default: [user/a]}}
  n: {{type: number, enum: [1, 2], default: 1}}
  bad: {{type: string, pattern: '[', default: x}}
  off: {{type: list(bool), pattern: x, default: []}}
"
    );
    let expected = ["9:32 bad-pattern", "10:36 wrong-type"];
    assert_eq!(problems(&text), expected);
    for (name, value) in [("env", "Dev"), ("env", "dev2"), ("all", "{x: [c]}"), ("ids", "user/a,role/b"), ("n", "3")] {
        let found = problems_with(&text, &typed(&[(name, value)]));
        assert!(found.last().unwrap().ends_with("not-allowed"), "{name}={value}: {found:?}");
    }
    let manifest = parse_with(&text, &typed(&[("env", "Dev")]));
    let problems = manifest.resolve(&account()).unwrap_err();
    let last = problems.last().unwrap();
    assert_eq!(
        (&last.notes[..], &last.helps[..]),
        (&["A word".into()][..], &["all of it has to match the pattern [a-z]+".into()][..])
    );
}

#[test]
fn a_params_file_that_is_no_yaml_leaves_nothing_missing() {
    let text = format!("{HEAD}params: {{env: {{type: string}}}}\noutputs: {{e: \"${{{{ params.env }}}}\"}}\n");
    let inputs = Inputs { params: Vec::new(), params_files: vec![("p.yaml".to_owned(), "env: [\n".to_owned())] };
    assert_eq!(problems_with(&text, &inputs).len(), 1);
}

#[test]
fn faults_of_documents_are_shown_in_their_files() {
    let text = format!(
        "{HEAD}policies:
  a: {{document: {{file: broken.json}}}}
  b: {{document: {{file: faulty.json}}}}
  c: {{document: {{file: none.json}}}}
  d: {{document: {{file: [x]}}}}
  e: {{document: text}}
  f: {{document: {{file: faulty.json}}, statements: {{}}}}
"
    );
    let expected = [
        "7:24 unreadable-file",
        "8:24 wrong-type",
        "9:17 wrong-type",
        "10:38 two-documents",
        "broken.json:1:25 policy-json",
        "faulty.json:2:26 policy-legacy",
    ];
    assert_eq!(problems(&text), expected);
}

#[test]
fn statements_are_checked_by_sid() {
    let text = format!(
        "{HEAD}policies:
  p:
    statements:
      A-B: {{Effect: Allow, Action: '*', Resource: '*'}}
      C: {{Sid: C, Effect: Allow, Action: '*', Resource: '*'}}
      D: {{Effect: Allow, Actoin: '*', Resource: '*'}}
      E: [x]
  q: {{statements: {{}}}}
"
    );
    let expected =
        ["7:7 policy-sid", "8:11 unknown-key", "9:26 policy-syntax", "10:10 wrong-type", "11:7 policy-syntax"];
    assert_eq!(problems(&text), expected);
}

#[test]
fn sizes_are_checked_with_their_figure() {
    let statement = |count: usize| {
        let actions: Vec<String> = (0..count).map(|_| "s3:GetObjectAcl".to_owned()).collect();
        format!("{{Effect: Allow, Action: [{}], Resource: '*'}}", actions.join(", "))
    };
    let text = format!(
        "{HEAD}policies:
  p: {{statements: {{A: {}}}}}
roles:
  head:
    {TRUST}
    inline:
      a: {{statements: {{A: {}}}}}
      b: {{statements: {{A: {}}}}}
",
        statement(400),
        statement(330),
        statement(330)
    );
    assert_eq!(problems(&text), ["5:7 document-too-large", "9:5 document-too-large"]);
    assert!(words(&text).contains("AWS takes 6144"));
}

#[test]
fn tags_keep_to_what_aws_takes() {
    let tags = |text: &str| format!("{HEAD}roles: {{a: {{{TRUST}, tags: {text}}}}}\n");
    for (text, part) in [
        ("{aws:x: y}", "belong to AWS"),
        ("{Seqera-IAM:deployment: y}", "mark what this tool owns"),
        ("{Team: a, team: b}", "are one key"),
        ("{a: 'x;y'}", "takes no `;`"),
        ("{\"\": x}", "1 to 128"),
        ("{a: [x]}", "takes a string, this is a list"),
        ("[a]", "takes a map"),
    ] {
        assert_eq!(problems(&tags(text)).len(), 1, "{text}");
        assert!(words(&tags(text)).contains(part), "{text}: {}", words(&tags(text)));
    }
    let many = |count: usize| format!("{{{}}}", (0..count).map(|i| format!("k{i}: v")).collect::<Vec<_>>().join(", "));
    wish(&tags(&many(48)));
    assert!(words(&tags(&many(49))).contains("49 tags with those of `defaults`, 48 fit"));
    assert!(words(&tags(&format!("{{a: {}}}", "x".repeat(257)))).contains("more than 256"));
}

#[test]
fn fields_keep_to_what_aws_takes() {
    for (field, part) in [
        ("name: a/b", "takes no `/` in a name"),
        ("name: [a]", "takes a string"),
        ("path: /a//b/", "has an empty part"),
        ("path: a/b", "/a/b/"),
        ("max_session: 59m", "is 1h to 12h, not 59m"),
        ("max_session: soon", "`soon` is none"),
        ("max_session: 99999999999999999999h", "is none"),
        ("description: a – b", "takes no `–`"),
        ("prevent_destroy: yes", "write `true`"),
        ("keep_undeclared: [groups]", "it takes `policies` and `inline`"),
        ("keep_undeclared: all", "`true` or a list of `policies` and `inline`"),
        ("boundary: [x]", "takes a string"),
        ("inline: {'a b': {statements: {A: {Effect: Deny, Action: '*', Resource: '*'}}}}", "no such policy name"),
        ("inline: {a: {}}", "lacks `statements` or `document`"),
        ("inline: {a: {statement: {}}}", "did you mean `statements`?"),
    ] {
        let text = format!("{HEAD}roles: {{a: {{{TRUST}, {field}}}}}\n");
        assert_eq!(problems(&text).len(), 1, "{field}: {:?}", problems(&text));
        assert!(words(&text).contains(part), "{field}: {}", words(&text));
    }
    assert!(
        words(&format!("{HEAD}roles: {{{}: {{{TRUST}}}}}\n", "r".repeat(65))).contains("65 characters, AWS takes 64")
    );
}

#[test]
fn trust_rules_are_checked() {
    for (trust, part) in [
        ("[]", "nobody could assume"),
        ("{}", "lacks `services`, `principals` or `federated`"),
        ("{service: [ec2.amazonaws.com]}", "did you mean `services`?"),
        ("{services: []}", "is empty"),
        ("{services: [ec2.amazonaws.com, ec2.amazonaws.com]}", "twice"),
        ("{principals: [user/a], external_id: x}", "2 to 1224"),
        ("{principals: [user/a], tag_session: 1}", "takes `true` or `false`"),
        ("{federated: oidc-provider/a.example, principals: [user/a]}", "that is two rules"),
        ("{federated: oidc-provider/a.example, subjects: []}", "is empty"),
        ("{federated: oidc-provider/a.example, audience: [a, a], subjects: x}", "twice"),
        ("{federated: 'https://a.example'}", "takes an OIDC or SAML provider"),
        ("{federated: oidc_providers.b, subjects: x}", "there is no `oidc_providers.b`"),
        ("{federated: role/b}", "takes an OIDC or SAML provider"),
        ("{principals: [user/a], subjects: x}", "lacks `federated`"),
        ("ec2.amazonaws.com", "a rule or a list of rules"),
        ("[ec2.amazonaws.com]", "rules such as"),
        ("{document: {Version: '2012-10-17', Statement: {Effect: Allow, Action: sts:AssumeRole}}}", "Principal"),
        ("{document: {file: trust.yaml}, services: [x]}", "no key `services`"),
    ] {
        let text = format!("{HEAD}roles: {{a: {{trust: {trust}}}}}\n");
        assert_eq!(problems(&text).len(), 1, "{trust}: {:?}", problems(&text));
        assert!(words(&text).contains(part), "{trust}: {}", words(&text));
    }
}

#[test]
fn imports_and_outputs_are_checked() {
    let text = format!("{HEAD}roles: {{a: {{{TRUST}}}}}\nimport: [roles.b, roles.a, roles.a, {{}}]\noutputs: [x]\n");
    let expected = ["5:10 unknown-reference", "5:28 duplicate-item", "5:37 wrong-type", "6:10 wrong-type"];
    assert_eq!(problems(&text), expected);
}

#[test]
fn a_value_that_is_anchored_is_blamed_for_each_who_uses_it() {
    let text = format!("{HEAD}roles:\n  a: &x {{{TRUST}, path: nope}}\n  b: *x\n  c: {{<<: *x}}\n");
    assert_eq!(problems(&text).iter().filter(|problem| problem.ends_with("bad-path")).count(), 3);
}
