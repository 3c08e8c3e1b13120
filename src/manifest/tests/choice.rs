//! `choose`, and what follows from the region.

use super::*;

const SCOPED: &str =
    "params: {scope: {type: string, default: least}, n: {type: number, default: 2}, b: {type: bool, default: true}}\n";

fn statement(value: &str) -> serde_json::Value {
    let text = format!(
        "{HEAD}{SCOPED}policies: {{p: {{statements: {{A: {{Effect: Allow, Action: s3:GetObject, Resource: {value}}}}}}}}}\n"
    );
    json(&wish(&text), "policies.p", "document")["Statement"][0]["Resource"].clone()
}

#[test]
fn one_of_several_values_is_chosen() {
    assert_eq!(
        statement("{choose: '${{ params.scope }}', least: 'arn:aws:s3:::a/*', published: '*'}"),
        "arn:aws:s3:::a/*"
    );
    assert_eq!(statement("{choose: '${{ params.n }}', 2: 'arn:aws:s3:::two', else: '*'}"), "arn:aws:s3:::two");
    assert_eq!(statement("{choose: '${{ params.b }}', true: 'arn:aws:s3:::yes', else: '*'}"), "arn:aws:s3:::yes");
    assert_eq!(statement("{choose: '${{ params.scope }}', published: '*', else: 'arn:aws:s3:::a'}"), "arn:aws:s3:::a");
    let spliced =
        "['arn:aws:s3:::a', {choose: '${{ params.scope }}', least: ['arn:aws:s3:::b', 'arn:aws:s3:::c'], else: []}]";
    assert_eq!(statement(spliced), serde_json::json!(["arn:aws:s3:::a", "arn:aws:s3:::b", "arn:aws:s3:::c"]));
}

#[test]
fn what_is_not_chosen_is_not_evaluated() {
    assert_eq!(statement("{choose: '${{ params.scope }}', least: '*', published: '${{ params.nothing }}'}"), "*");
}

#[test]
fn a_choice_without_the_case_says_which_there_are() {
    let text = |value: &str| {
        format!(
            "{HEAD}{SCOPED}policies: {{p: {{statements: {{A: {{Effect: Allow, Action: s3:GetObject, Resource: {value}}}}}}}}}\n"
        )
    };
    let slip = text("{choose: '${{ params.scope }}', published: '*', leest: '*'}");
    assert_eq!(problems(&slip), ["5:89 no-case"]);
    assert!(words(&slip).ends_with("did you mean `leest`?"), "{}", words(&slip));
    let listed = words(&text("{choose: '${{ params.scope }}', published: '*'}"));
    assert!(listed.ends_with("there are `published`; `else` is for all others"), "{listed}");
    for wrong in ["params", "params.no"] {
        let found = problems(&text(&format!("{{choose: '${{{{ {wrong} }}}}', a: b}}")));
        assert!(matches!(found.as_slice(), [one] if one.ends_with(" unknown-reference")), "{found:?}");
    }
}

#[test]
fn a_tag_may_be_called_choose() {
    let desired = wish(&format!(
        "{HEAD}policies: {{p: {{tags: {{choose: a, else: b}}, statements: {{A: {{Effect: Allow, Action: s3:GetObject, Resource: '*'}}}}}}}}\n"
    ));
    assert_eq!(json(&desired, "policies.p", "tags")["choose"], "a");
}

#[test]
fn the_partition_follows_from_the_region() {
    let arn = |region: &str| {
        let text = format!(
            "{HEAD}{region}policies: {{p: {{statements: {{A: {{Effect: Allow, Action: s3:GetObject, Resource: 'arn:${{{{ partition }}}}:s3:::a/*'}}}}}}}}\n"
        );
        json(&wish(&text), "policies.p", "document")["Statement"][0]["Resource"].clone()
    };
    assert_eq!(arn(""), "arn:aws:s3:::a/*");
    assert_eq!(arn("region: eu-west-1\n"), "arn:aws:s3:::a/*");
    assert_eq!(arn("region: cn-north-1\n"), "arn:aws-cn:s3:::a/*");
    assert_eq!(arn("region: us-gov-west-1\n"), "arn:aws-us-gov:s3:::a/*");
}
