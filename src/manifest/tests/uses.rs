//! `use`: blueprints in namespaces of their own.

use super::*;

const OURS: (&str, &str) = (
    "bp/ours.yaml",
    "apiVersion: seqera-iam/v1
blueprint: {title: Ours}
params:
  bucket: {type: bucket}
  trusted: {type: list(principal), default: []}
  extra: {type: list(policy), default: []}
  note: {type: string, default: none, description: What it is for}
  fixed: {type: bool, default: false}
defaults: {tags: {made: ours}}
policies:
  identity:
    statements:
      Read: {Effect: Allow, Action: s3:GetObject, Resource: \"arn:aws:s3:::${{ params.bucket.name }}/*\"}
      Pass: {Effect: Allow, Action: iam:PassRole, Resource: \"${{ roles.head.arn }}\"}
roles:
  head:
    description: ${{ params.note }} in ${{ region }}
    trust:
      - {services: [ec2.amazonaws.com]}
      - {for_each: \"${{ params.trusted }}\", principals: [\"${{ each.value }}\"]}
    policies: [policies.identity, \"${{ params.extra }}\"]
  fixed: {name: Fixed, when: \"${{ params.fixed }}\", trust: {services: [ec2.amazonaws.com]}}
outputs: {arn: \"${{ roles.head.arn }}\", bucket: \"${{ params.bucket }}\"}
",
);

fn using(uses: &str) -> String {
    format!("{HEAD}region: eu-west-1\nparams: {{env: {{type: string, default: dev}}}}\n{uses}")
}

fn said(uses: &str) -> String {
    drawn(&[OURS], &using(uses))
}

#[test]
fn a_use_is_a_namespace() {
    let desired = wish_among(
        &[OURS],
        &using(
            "defaults: {path: /p/, tags: {team: genomics, made: here}}
use:
  forge:
    blueprint: ./bp/ours.yaml
    with: {bucket: nf-work, note: \"${{ params.env }}\"}
roles:
  head: {trust: {principals: [use.forge.roles.head]}, policies: [use.forge.policies.identity], description: \"${{ use.forge.roles.head.name }}\"}
outputs: {arn: \"${{ use.forge.outputs.arn }}\", bucket: \"${{ use.forge.outputs.bucket.name }}\"}
",
        ),
    );
    assert_eq!(
        addresses(&desired),
        [
            "roles.head",
            "roles.head.policies.forge-identity",
            "use.forge.policies.identity",
            "use.forge.roles.head",
            "use.forge.roles.head.policies.forge-identity",
        ]
    );
    let arn = "arn:aws:iam::123456789012:role/p/forge-head";
    assert_eq!(json(&desired, "roles.head", "trust")["Statement"][0]["Principal"]["AWS"], arn);
    assert_eq!(json(&desired, "use.forge.policies.identity", "document")["Statement"][1]["Resource"], arn);
    assert_eq!(json(&desired, "use.forge.roles.head", "description"), "dev in eu-west-1");
    assert_eq!(json(&desired, "use.forge.roles.head", "tags"), serde_json::json!({"team": "genomics", "made": "ours"}));
    assert_eq!(json(&desired, "roles.head", "description"), "forge-head");
    assert_eq!((&desired.outputs["arn"], &desired.outputs["bucket"]), (&arn.into(), &"nf-work".into()));
}

#[test]
fn references_in_with_are_of_who_writes_them() {
    let desired = wish_among(
        &[OURS],
        &using(
            "policies: {p: {statements: {A: {Effect: Deny, Action: '*', Resource: '*'}}}}
roles: {boss: {trust: {services: [ec2.amazonaws.com]}}}
use:
  b: {blueprint: ./bp/ours.yaml, with: {bucket: nf-work, note: \"${{ use.a.roles.head.arn }}\", trusted: [use.a.roles.head]}}
  a:
    blueprint: ./bp/ours.yaml
    with: {bucket: nf-work, trusted: [roles.boss, user/ana], extra: [policies.p, ReadOnlyAccess], note: \"by ${{ roles.boss.arn }}\"}
",
        ),
    );
    let trust = json(&desired, "use.a.roles.head", "trust");
    let principal = |i: usize| trust["Statement"][i]["Principal"]["AWS"].clone();
    assert_eq!(
        (principal(1), principal(2)),
        ("arn:aws:iam::123456789012:role/boss".into(), "arn:aws:iam::123456789012:user/ana".into())
    );
    assert_eq!(
        json(&desired, "use.a.roles.head", "description"),
        "by arn:aws:iam::123456789012:role/boss in eu-west-1"
    );
    let b = json(&desired, "use.b.roles.head", "description");
    assert_eq!(b, "arn:aws:iam::123456789012:role/a-head in eu-west-1");
    assert_eq!(waits_for(&desired, "use.a.roles.head.policies.p"), ["policies.p", "use.a.roles.head"]);
}

#[test]
fn a_use_is_made_for_each_and_may_be_left_out() {
    let text = using(
        "use:
  forge:
    blueprint: ./bp/ours.yaml
    for_each: {a: work-a, b: work-b}
    with: {bucket: \"${{ each.value }}\"}
    override: {roles: {head: {tags: {of: \"${{ each.key }}-${{ params.env }}\"}, max_session: 2h}}}
  off: {blueprint: ./bp/ours.yaml, when: false, with: {bucket: nf-work}}
roles: {r: {trust: {principals: [use.forge-b.roles.head]}}}
",
    );
    let desired = wish_among(&[OURS], &text);
    assert_eq!(json(&desired, "use.forge-b.roles.head", "name"), "forge-b-head");
    assert_eq!(json(&desired, "use.forge-b.roles.head", "tags")["of"], "b-dev");
    assert_eq!(json(&desired, "use.forge-a.roles.head", "max_session"), 7200);
    let read = &json(&desired, "use.forge-a.policies.identity", "document")["Statement"][0];
    assert_eq!(read["Resource"], "arn:aws:s3:::work-a/*");
    for (reference, part) in [
        ("use.forge.roles.head", "`use.forge` has a `for_each`"),
        ("use.off.roles.head", "`use.off` is left out"),
        ("use.forge-c.roles.head", "did you mean `use.forge-a.roles.head`?"),
        ("use.forge-b.roles.haed", "did you mean `use.forge-b.roles.head`?"),
        ("use.forge-b.roles.fixed", "`use.forge-b.roles.fixed` is left out"),
        ("use.forge-b", "there is no `use.forge-b` in this manifest"),
        ("use.forge-b.policies.identity", "takes a principal"),
    ] {
        let said = drawn(&[OURS], &text.replace("use.forge-b.roles.head", reference));
        assert!(said.contains(part) && said.matches("error").count() == 1, "{reference}: {said}");
    }
}

#[test]
fn an_override_is_merged_over_the_blueprint() {
    let desired = wish_among(
        &[OURS],
        &using(
            "policies: {mine: {statements: {A: {Effect: Deny, Action: '*', Resource: '*'}}}}
use:
  forge:
    blueprint: bp/ours.yaml
    with: {bucket: nf-work}
    override:
      policies: {identity: {statements: {Pass: null, Read: {Action: [s3:GetObject, s3:GetObjectTagging], Condition: {Bool: {aws:SecureTransport: \"true\"}}}}}}
      roles: {head: {policies: [policies.identity, policies.mine], boundary: policy/ceiling}, fixed: null}
",
        ),
    );
    let statements = json(&desired, "use.forge.policies.identity", "document")["Statement"].clone();
    assert_eq!(statements.as_array().unwrap().len(), 1);
    assert_eq!(statements[0]["Action"][1], "s3:GetObjectTagging");
    assert_eq!(statements[0]["Condition"]["Bool"]["aws:SecureTransport"], "true");
    assert_eq!(
        addresses(&desired)[3..],
        ["use.forge.roles.head.policies.forge-identity", "use.forge.roles.head.policies.mine"]
    );
}

#[test]
fn an_override_may_remove_a_whole_section() {
    let text = "policies: {mine: {statements: {A: {Effect: Deny, Action: '*', Resource: '*'}}}}
use:
  forge: {blueprint: bp/ours.yaml, with: {bucket: nf-work}, override: {policies: null, roles: {head: {policies: []}}}}
";
    let desired = wish_among(&[OURS], &using(text));
    assert!(!addresses(&desired).iter().any(|address| address.contains("forge.policies")));
    assert!(desired.resources.len() > 1);
}

#[test]
fn an_override_of_what_is_absent_is_told() {
    for (over, part) in [
        ("{policies: {identiy: {}}}", "no `policies.identiy` to override"),
        ("{policies: {identiy: {}}}", "did you mean `identity`?"),
        ("{policies: {identity: {statements: {Raed: null}}}}", "did you mean `Read`?"),
        ("{policies: {identity: {statements: {Raed: {Effect: Deny}}}}}", "no `policies.identity.statements.Raed`"),
        ("{policies: {identity: {description: null}}}", "no `policies.identity.description`"),
        ("{instance_profiles: {x: {}}}", "no `instance_profiles` to override"),
        ("{roles: {head: {bondary: none}}}", "did you mean `boundary`?"),
        ("{role: {}}", "did you mean `roles`?"),
        ("[x]", "`override` takes a map"),
        ("{roles: {head: {path: nope}}}", "starts and ends with a slash"),
    ] {
        let said =
            said(&format!("use: {{f: {{blueprint: ./bp/ours.yaml, with: {{bucket: nf-work}}, override: {over}}}}}\n"));
        assert!(said.contains(part) && said.contains("--> seqera.yaml:6"), "{over}: {said}");
        assert_eq!(said.matches("error:").count(), 1, "{over}: {said}");
    }
}

#[test]
fn what_is_wrong_with_values_shows_the_declaration() {
    let expected = "error: params.bucket has no default and no value
 --> seqera.yaml:7:3
  |
7 |   f: {blueprint: ./bp/ours.yaml, with: {notes: x, note: [a], trusted: [roles.none]}}
  |   ^
  |
 ::: bp/ours.yaml:4:3
  |
4 |   bucket: {type: bucket}
  |   ------ declared here
  |
  = help: with: {bucket: …}

error: there is no param `notes`
 --> seqera.yaml:7:41
  |
7 |   f: {blueprint: ./bp/ours.yaml, with: {notes: x, note: [a], trusted: [roles.none]}}
  |                                         ^^^^^
  |
 ::: bp/ours.yaml:3:1
  |
3 | params:
  | ------ declared here
  |
  = help: did you mean `note`?

error: with.note takes a string, this is a list
 --> seqera.yaml:7:57
  |
7 |   f: {blueprint: ./bp/ours.yaml, with: {notes: x, note: [a], trusted: [roles.none]}}
  |                                                         ^
  |
 ::: bp/ours.yaml:7:3
  |
7 |   note: {type: string, default: none, description: What it is for}
  |   ---- declared here

error: with.trusted: there is no `roles.none` in this manifest
 --> seqera.yaml:7:72
  |
7 |   f: {blueprint: ./bp/ours.yaml, with: {notes: x, note: [a], trusted: [roles.none]}}
  |                                                                        ^^^^^^^^^^\n\n";
    let found = said("use:\n  f: {blueprint: ./bp/ours.yaml, with: {notes: x, note: [a], trusted: [roles.none]}}\n");
    assert_eq!(found, expected);
}

#[test]
fn an_error_inside_shows_who_used_it() {
    let faulty =
        ("f.yaml", "apiVersion: seqera-iam/v1\nroles:\n  r: {trust: {principals: [roles.x]}, bondary: none}\n");
    let outer = ("o.yaml", "apiVersion: seqera-iam/v1\nuse:\n  inner: {blueprint: f.yaml}\n");
    let found = drawn(&[faulty, outer], &using("use:\n  outer: {blueprint: ./o.yaml, for_each: [a, b]}\n"));
    let expected = "error: use.outer-a.use.inner.roles.r.trust.principals: there is no `roles.x` in this blueprint
 --> f.yaml:3:28
  |
3 |   r: {trust: {principals: [roles.x]}, bondary: none}
  |                            ^^^^^^^
  |
 ::: o.yaml:3:3
  |
3 |   inner: {blueprint: f.yaml}
  |   ----- used here
  |
 ::: seqera.yaml:7:3
  |
7 |   outer: {blueprint: ./o.yaml, for_each: [a, b]}
  |   ----- used here
  |
";
    assert!(found.starts_with(expected), "{found}");
    assert_eq!(found.matches("error:").count(), 2, "{found}");
}

#[test]
fn blueprints_are_checked() {
    for (text, part) in [
        ("apiVersion: seqera-iam/v1\nname: x\n", "a blueprint has no `name`"),
        ("apiVersion: seqera-iam/v1\nregion: eu-west-1\n", "that of the manifest that uses it counts"),
        ("roles: {}\n", "lacks `apiVersion`"),
        ("apiVersion: seqera-iam/v1\nroels: {}\n", "did you mean `roles`?"),
        ("apiVersion: seqera-iam/v1\nblueprint: {titel: x}\n", "did you mean `title`?"),
        ("- a\n", "a blueprint takes a map"),
        ("a: [\n", "not valid YAML"),
        ("apiVersion: seqera-iam/v1\nparams: {a: {type: strng}}\n", "type: string"),
        (
            "apiVersion: seqera-iam/v1\nuse: {s: {blueprint: ./b.yaml}}\n",
            "b.yaml uses itself: seqera.yaml -> b.yaml -> b.yaml",
        ),
        (
            "apiVersion: seqera-iam/v1\nuse: {s: {blueprint: ./seqera.yaml}}\n",
            "seqera.yaml uses itself: seqera.yaml -> b.yaml -> seqera.yaml",
        ),
    ] {
        let said = drawn(&[("b.yaml", text)], &using("use: {f: {blueprint: ./b.yaml}}\n"));
        assert!(said.contains(part), "{text}: {said}");
        assert!(said.contains("::: seqera.yaml:6:"), "{text}: {said}");
        assert_eq!(said.matches("error:").count(), 1, "{text}: {said}");
    }
}

#[test]
fn uses_are_checked() {
    for (uses, part) in [
        ("{f: {}}", "use.f lacks `blueprint`"),
        ("{f: {bluprint: x}}", "did you mean `blueprint`?"),
        ("{f: {blueprint: enterprise-instance-rol}}", "did you mean `enterprise-instance-role`?"),
        ("{f: {blueprint: ours}}", "for a file: ./ours.yaml"),
        ("{f: {blueprint: ./none.yaml}}", "none.yaml cannot be read: no such file"),
        ("{f: {blueprint: [x]}}", "takes a string"),
        ("{f: [x]}", "use.f takes a map"),
        ("[x]", "`use` takes a map"),
        ("{f: {blueprint: ./bp/ours.yaml, with: [x]}}", "use.f.with takes a map"),
        ("{f: {blueprint: ./bp/ours.yaml, with: {bucket: 's3://x'}}}", "no bucket name"),
        ("{f: {blueprint: ./bp/ours.yaml, with: {buckt: x}}}", "did you mean `bucket`?"),
        ("{f: {blueprint: ./bp/ours.yaml, for_each: 3, with: {}}}", "use.f.for_each takes a list or a map"),
        ("{'a b': {blueprint: ./bp/ours.yaml, with: {bucket: nf-work}}}", "AWS takes no ` ` in a name"),
    ] {
        let said = said(
            &format!("use: {uses}\noutputs: {{o: \"${{{{ use.f.outputs.arn }}}}\"}}\n")
                .replace("outputs: {o", if uses.contains("{f") { "outputs: {o" } else { "outputs: {}\n#" }),
        );
        assert!(said.contains(part), "{uses}: {said}");
    }
}

#[test]
fn uses_do_not_multiply_without_end() {
    let file = |next: &str| {
        format!(
            "apiVersion: seqera-iam/v1\nuse: {{u: {{blueprint: ./{next}, for_each: [{}]}}}}\n",
            (0..100).map(|i| i.to_string()).collect::<Vec<_>>().join(", ")
        )
    };
    let (a, b, c) = (file("b.yaml"), file("c.yaml"), "apiVersion: seqera-iam/v1\n".to_owned());
    let said = drawn(
        &[("a.yaml", &a), ("b.yaml", &b), ("c.yaml", &c)],
        &using("use: {f: {blueprint: ./a.yaml, for_each: [1, 2, 3]}}\n"),
    );
    assert!(said.contains("more than 20000 uses"), "{said}");
}
