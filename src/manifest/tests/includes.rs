//! `include`: entries in other files.

use super::*;

const TEAM: (&str, &str) = (
    "teams/a.yaml",
    "roles:\n  a: {trust: {services: [ec2.amazonaws.com]}, policies: [policies.p]}\npolicies:\n  p: {document: {file: ./p.json}}\n",
);
const DOCUMENT: (&str, &str) = (
    "teams/p.json",
    r#"{"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "*", "Resource": "arn:aws:s3:::${{ params.x }}"}}"#,
);

fn including(patterns: &str, more: &str) -> String {
    format!("{HEAD}params: {{x: {{type: string, default: y}}}}\ninclude: {patterns}\n{more}")
}

#[test]
fn included_entries_are_those_of_the_manifest() {
    let more = "roles: {b: {trust: {principals: [roles.a]}}}\n";
    let empty = ("teams/b.yaml", "# nothing yet\n");
    for patterns in ["[teams/*.yaml]", "[teams/a.yaml, 'teams/?.yaml']", "['team*/a.yaml']", "[./teams/a.yaml]"] {
        let desired = wish_among(&[TEAM, DOCUMENT, empty, ("teams/.c.yaml", "x")], &including(patterns, more));
        assert_eq!(addresses(&desired), ["policies.p", "roles.b", "roles.a", "roles.a.policies.p"], "{patterns}");
        assert_eq!(json(&desired, "policies.p", "document")["Statement"]["Resource"], "arn:aws:s3:::y");
    }
}

#[test]
fn a_file_is_read_beside_the_file_that_names_it() {
    let manifest = Manifest::parse(
        "a/seqera.yaml",
        &including("[teams/*.yaml]", ""),
        &Inputs::default(),
        &Disk(&[("a/teams/a.yaml", TEAM.1), ("a/teams/p.json", DOCUMENT.1)]),
    );
    assert_eq!(addresses(&wish_of(&manifest.unwrap())).len(), 3);
}

#[test]
fn an_entry_in_two_files_is_shown_in_both() {
    let text = including("[teams/*.yaml]", &format!("roles:\n  a: {{{TRUST}}}\n"));
    let expected = "error: the key `a` stands in two files
 --> teams/a.yaml:2:3
  |
2 |   a: {trust: {services: [ec2.amazonaws.com]}, policies: [policies.p]}
  |   ^
  |
 ::: seqera.yaml:7:3
  |
7 |   a: {trust: {services: [ec2.amazonaws.com]}}
  |   - the first
  |
  = help: remove or rename one of the two\n\n";
    assert_eq!(drawn(&[TEAM, DOCUMENT], &text), expected);
}

#[test]
fn included_files_hold_entries_only() {
    let odd = ("teams/a.yaml", "name: x\ninclude: [b.yaml]\nrole: {}\nroles: [x]\nuse: {f: {blueprint: nope}}\n");
    let list = ("teams/b.yaml", "- a\n");
    let broken = ("teams/c.yaml", "a: [\n");
    let manifest =
        parse_among(&[odd, list, broken], &including("[teams/*.yaml, none/*.yaml, x.yaml, 3]", ""), &Inputs::default());
    assert_eq!(
        problems_of(&manifest),
        [
            "5:25 no-match",
            "5:38 unreadable-file",
            "5:46 unreadable-file",
            "teams/a.yaml:1:1 unknown-key",
            "teams/a.yaml:2:1 unknown-key",
            "teams/a.yaml:3:1 unknown-key",
            "teams/a.yaml:4:8 wrong-type",
            "teams/a.yaml:5:22 unknown-blueprint",
            "teams/b.yaml:1:1 wrong-type",
            "teams/c.yaml:1:4 yaml",
        ]
    );
    assert!(
        drawn(&[odd], &including("[teams/a.yaml]", ""))
            .contains("an included file holds entries only: `name` belongs in the manifest")
    );
}

#[test]
fn the_manifest_does_not_include_itself() {
    let files = [("seqera.yaml", "this is not read"), ("other.yaml", "policies: {}\n")];
    assert!(addresses(&wish_among(&files, &including("['*.yaml']", ""))).is_empty());
}
