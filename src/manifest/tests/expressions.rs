//! Expressions where they stand: in values, keys, names and files.

use super::*;

#[test]
fn a_lone_expression_keeps_its_type() {
    let desired = wish_with(
        "apiVersion: seqera-iam/v1
name: test
params:
  id: {type: string}
  n: {type: number, default: 1.10}
  on: {type: bool, default: true}
  words: {type: list(string), default: [a, b]}
  map: {type: map(bucket), default: {x: nf-work}}
outputs:
  id: ${{ params.id }}
  n: ${{ params.n }}
  on: ${{ params.on }}
  words: ${{ params.words }}
  spliced: [x, \"${{ params.words }}\", [y, z]]
  bucket: ${{ params.map.x }}
  text: \"${{ params.id }}/${{ params.n }}/${{ params.on }}/${{ params.words | join('+') }}\"
  \"key-${{ params.id }}\": ${aws:username}
",
        &typed(&[("id", "007")]),
    );
    let expected = serde_json::json!({
        "id": "007", "n": 1.10, "on": true, "words": ["a", "b"], "spliced": ["x", "a", "b", "y", "z"],
        "bucket": {"name": "nf-work", "access": "work", "prefix": "", "kms": null},
        "text": "007/1.10/true/a+b", "key-007": "${aws:username}",
    });
    assert_eq!(serde_json::to_value(&desired.outputs).unwrap(), expected);
}

#[test]
fn names_and_arns_of_any_entry_can_be_used() {
    let desired = wish(&format!(
        "{HEAD}params: {{env: {{type: string, default: dev}}}}
roles:
  \"head-${{{{ params.env }}}}\": {{{TRUST}, path: /x/, description: \"${{{{ policies[\\\"a.b\\\"].name }}}}\"}}
policies:
  a.b:
    name: b-${{{{ params.env }}}}
    statements:
      \"Pass${{{{ params.env }}}}\": {{Effect: Allow, Action: iam:PassRole, Resource: \"${{{{ roles.head-dev.arn }}}}\"}}
  file: {{document: {{file: \"${{{{ params.env }}}}.json\"}}}}
"
    ));
    assert_eq!(json(&desired, "roles.head-dev", "description"), "b-dev");
    let statement = &json(&desired, "policies[\"a.b\"]", "document")["Statement"][0];
    assert_eq!(statement["Resource"], "arn:aws:iam::123456789012:role/x/head-dev");
    assert_eq!(statement["Sid"], "Passdev");
    let file = json(&desired, "policies.file", "document");
    assert_eq!(file["Statement"]["Resource"], "arn:aws:s3:::dev/${aws:username}");
}

#[test]
fn values_from_outside_are_not_evaluated_again() {
    let text = format!("{HEAD}params: {{x: {{type: string}}}}\noutputs: {{x: \"${{{{ params.x }}}}\"}}\n");
    let desired = wish_with(&text, &typed(&[("x", "${{ account }}")]));
    assert_eq!(desired.outputs["x"], "${{ account }}");
}

#[test]
fn later_sources_of_params_win() {
    let text = "apiVersion: seqera-iam/v1
name: test
params:
  a: {type: string, default: default}
  b: {type: string, default: default}
  c: {type: list(bucket), default: []}
outputs: {a: \"${{ params.a }}\", b: \"${{ params.b }}\", c: \"${{ params.c | map('name') }}\"}
";
    let mut inputs = typed(&[("b", "typed"), ("c", "[one-b, {name: two-b, prefix: x/}]")]);
    inputs.params_files.push(("p.yaml".to_owned(), "a: file\nb: file\n".to_owned()));
    let outputs = serde_json::to_value(wish_with(text, &inputs).outputs).unwrap();
    assert_eq!(outputs, serde_json::json!({"a": "file", "b": "typed", "c": ["one-b", "two-b"]}));
}

#[test]
fn a_params_file_has_no_expressions() {
    let mut inputs = Inputs::default();
    inputs.params_files.push(("p.yaml".to_owned(), "a: x-${{ account }}\n".to_owned()));
    let text = format!("{HEAD}params: {{a: {{type: string}}}}\noutputs: {{a: \"${{{{ params.a }}}}\"}}\n");
    assert_eq!(problems_with(&text, &inputs), ["p.yaml:1:4 unknown-reference"]);
}

#[test]
fn names_paths_and_header_see_no_entries() {
    let text = format!("{HEAD}roles:\n  a: {{{TRUST}, name: \"${{{{ roles.b.name }}}}\"}}\n  b: {{{TRUST}}}\n");
    assert!(words(&text).contains(
        "`name`, `path`, `when`, `for_each` and the header see params, account, region, partition and each only"
    ));
    assert_eq!(
        problems(&text),
        [format!("5:{} unknown-reference", text.lines().nth(4).unwrap().find("${{").unwrap() + 1)]
    );
    assert_eq!(problems("apiVersion: seqera-iam/v1\nname: x\naccount: ${{ account }}\n"), ["3:10 unknown-reference"]);
}

#[test]
fn an_unknown_name_is_shown_where_it_stands_with_what_was_meant() {
    let text =
        format!("{HEAD}params: {{env: {{type: string, default: é}}}}\noutputs: {{a: \"é ${{{{ params.evn }}}}\"}}\n");
    assert_eq!(problems(&text), ["5:17 unknown-reference"]);
    assert!(words(&text).ends_with("did you mean `params.env`?"));
    for (expression, meant) in [
        ("role.head.arn", "did you mean `roles.head.arn`?"),
        ("roles.haed.arn", "did you mean `roles.head.arn`?"),
        ("roles.head.id", "${{ roles.head.arn }}"),
        ("acount", "did you mean `account`?"),
        ("env", "did you mean `params.env`?"),
        ("region", "region: eu-west-1"),
        ("params.bucket.nam", "did you mean `params.bucket.name`?"),
    ] {
        let text = format!(
            "{HEAD}params: {{env: {{type: string, default: x}}, bucket: {{type: bucket, default: nf-work}}}}
roles: {{head: {{{TRUST}}}}}\noutputs: {{a: \"${{{{ {expression} }}}}\"}}\n"
        );
        assert!(words(&text).ends_with(meant), "{expression}: {}", words(&text));
    }
}

#[test]
fn a_broken_value_is_blamed_once() {
    let text = format!(
        "{HEAD}params: {{env: {{type: strng}}, must: {{type: string}}}}
roles:
  a: {{{TRUST}, name: \"${{{{ params.env }}}}\", description: \"${{{{ params.must }}}}\"}}
  b: {{trust: {{principals: [roles.a]}}, path: \"${{{{ params.must }}}}\"}}
policies: {{p: {{statements: {{A: {{Effect: \"${{{{ params.env }}}}\", Action: \"${{{{ nope }}}}\", Resource: \"*\"}}}}}}}}
outputs: {{a: \"${{{{ roles.a.arn }}}}\"}}
"
    );
    assert_eq!(problems(&text), ["4:22 unknown-type", "4:30 missing-param", "8:71 unknown-reference"]);
}
