//! Whole manifests, from text to the wish or to every problem.

mod builtins;
mod choice;
mod expressions;
mod findings;
mod includes;
mod lifecycle;
mod owners;
mod problems;
mod references;
mod repetition;
mod split;
mod takeover;
mod uses;

use super::*;
use crate::model::{Address, Value};
use crate::render;

const HEAD: &str = "apiVersion: seqera-iam/v1\nname: test\naccount: 123456789012\n";

/// A role's trust, where the test is about something else.
const TRUST: &str = "trust: {services: [ec2.amazonaws.com]}";

fn account() -> Account {
    Account::new("aws", "123456789012")
}

/// What the manifest's files hold, by path.
fn file(path: &str) -> Result<String, String> {
    match path {
        "dev.json" => Ok(r#"{"Version": "2012-10-17", "Statement":
  {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::${{ params.env }}/${aws:username}"}}"#
            .to_owned()),
        "trust.yaml" => Ok("Version: 2012-10-17\nStatement:\n  - {Effect: Allow, Principal: {Service: ec2.amazonaws.com}, Action: sts:AssumeRole}\n".to_owned()),
        "broken.json" => Ok("{\"Version\": \"2012-10-17\",}".to_owned()),
        "faulty.json" => Ok("{\"Version\": \"2012-10-17\",\n \"Statement\": {\"Effect\": \"allow\", \"Action\": \"*\", \"Resource\": \"*\"}}".to_owned()),
        _ => Err("no such file".to_owned()),
    }
}

/// Files in memory, beside those that every test has.
struct Disk<'d>(&'d [(&'d str, &'d str)]);

impl Files for Disk<'_> {
    fn read(&self, path: &str) -> Result<String, String> {
        self.0.iter().find(|(name, _)| *name == path).map_or_else(|| file(path), |(_, text)| Ok((*text).to_owned()))
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, String> {
        let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let inside = self.0.iter().filter_map(|(name, _)| name.strip_prefix(&prefix));
        Ok(inside.filter_map(|rest| rest.split('/').next()).map(str::to_owned).collect())
    }
}

fn parse_with(text: &str, inputs: &Inputs) -> Manifest {
    parse_among(&[], text, inputs)
}

fn parse_among(files: &[(&str, &str)], text: &str, inputs: &Inputs) -> Manifest {
    Manifest::parse("seqera.yaml", text, inputs, &Disk(files)).unwrap_or_else(|(problems, sources)| {
        panic!("no YAML:\n{}", render::problem::render(&problems, &sources, false))
    })
}

fn wish_with(text: &str, inputs: &Inputs) -> Desired {
    wish_of(&parse_with(text, inputs))
}

fn wish_among(files: &[(&str, &str)], text: &str) -> Desired {
    wish_of(&parse_among(files, text, &Inputs::default()))
}

fn wish_of(manifest: &Manifest) -> Desired {
    manifest.resolve(&account()).map(|(desired, _)| desired).unwrap_or_else(|problems| {
        panic!("problems:\n{}", render::problem::render(&problems, manifest.sources(), false))
    })
}

fn wish(text: &str) -> Desired {
    wish_with(text, &Inputs::default())
}

fn typed(params: &[(&str, &str)]) -> Inputs {
    let text = |(name, value): &(&str, &str)| ((*name).to_owned(), ParamValue::Text((*value).to_owned()));
    Inputs { params: params.iter().map(text).collect(), params_files: Vec::new() }
}

/// Returns every problem as `LINE:COLUMN CODE`.
fn problems_with(text: &str, inputs: &Inputs) -> Vec<String> {
    problems_of(&parse_with(text, inputs))
}

fn problems_of(manifest: &Manifest) -> Vec<String> {
    let problems = manifest.resolve(&account()).expect_err("a problem");
    problems.iter().map(|problem| shown(manifest, problem)).collect()
}

/// Returns every warning of a manifest that is well.
fn warnings(files: &[(&str, &str)], text: &str) -> Vec<String> {
    let manifest = parse_among(files, text, &Inputs::default());
    let (_, warnings) = manifest.resolve(&account()).unwrap_or_else(|problems| panic!("{problems:?}"));
    warnings.iter().map(|warning| shown(&manifest, warning)).collect()
}

fn shown(manifest: &Manifest, problem: &Problem) -> String {
    match problem.place {
        Some(place) => {
            let (line, column) = manifest.sources().line_column(place);
            let name = &manifest.sources().get(place.file).name;
            let file = if name == "seqera.yaml" { String::new() } else { format!("{name}:") };
            format!("{file}{line}:{column} {}", problem.code)
        }
        None => format!("- {}", problem.code),
    }
}

fn problems(text: &str) -> Vec<String> {
    problems_with(text, &Inputs::default())
}

/// Returns all problems as they are drawn.
fn drawn(files: &[(&str, &str)], text: &str) -> String {
    let manifest = parse_among(files, text, &Inputs::default());
    let problems = manifest.resolve(&account()).expect_err("a problem");
    render::problem::render(&problems, manifest.sources(), false)
}

/// Returns what the first problem says: message, notes and helps.
fn words(text: &str) -> String {
    let manifest = parse_with(text, &Inputs::default());
    let problems = manifest.resolve(&account()).expect_err("a problem");
    let first = &problems[0];
    [&first.message].into_iter().chain(&first.notes).chain(&first.helps).cloned().collect::<Vec<_>>().join("\n")
}

fn attribute(desired: &Desired, address: &str, field: &str) -> Value {
    let resource = &desired.resources[&address.parse::<Address>().unwrap()];
    resource.wanted.get(field).unwrap_or_else(|| panic!("{address} has no {field}")).clone()
}

fn json(desired: &Desired, address: &str, field: &str) -> serde_json::Value {
    serde_json::to_value(attribute(desired, address, field)).unwrap()
}

fn addresses(desired: &Desired) -> Vec<String> {
    desired.resources.keys().map(ToString::to_string).collect()
}

fn waits_for(desired: &Desired, address: &str) -> Vec<String> {
    desired.dependencies().waits_for(&address.parse().unwrap()).iter().map(ToString::to_string).collect()
}

#[test]
fn a_role_and_its_policy_become_resources() {
    let desired = wish(&format!(
        "{HEAD}policies:
  reads:
    statements:
      Read: {{Effect: Allow, Action: s3:GetObject, Resource: \"*\"}}
roles:
  head:
    {TRUST}
    policies: [policies.reads]
    inline: {{logs: {{statements: {{Logs: {{Effect: Allow, Action: logs:GetLogEvents, Resource: \"*\"}}}}}}}}
instance_profiles: {{head: {{role: roles.head}}}}
"
    ));
    assert_eq!(
        addresses(&desired),
        [
            "policies.reads",
            "roles.head",
            "roles.head.inline.logs",
            "roles.head.policies.reads",
            "instance_profiles.head",
            "instance_profiles.head.role"
        ]
    );
    let read = r#"{"Version":"2012-10-17","Statement":[{"Sid":"Read","Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}"#;
    assert_eq!(json(&desired, "policies.reads", "document").to_string(), read);
    assert_eq!(waits_for(&desired, "roles.head.policies.reads"), ["policies.reads", "roles.head"]);
    assert_eq!(waits_for(&desired, "instance_profiles.head.role"), ["instance_profiles.head", "roles.head"]);
    let object = &desired.resources[2].id;
    assert_eq!(desired.address_of(object).map(ToString::to_string).as_deref(), Some("roles.head.inline.logs"));
}

#[test]
fn the_header_is_evaluated_with_params() {
    let text = "apiVersion: seqera-iam/v1
name: seqera-${{ params.env }}-${{ account }}
account: ${{ params.account }}
region: eu-west-1
state: s3://acme/${{ params.env }}.json
params: {env: {type: string}, account: {type: string, default: 012345678901}}
outputs: {where: \"${{ region }}\", who: \"${{ account }}\"}
";
    let manifest = parse_with(text, &typed(&[("env", "prod")]));
    assert_eq!(manifest.deployment(), "seqera-prod-012345678901");
    assert_eq!(manifest.account(), Some("012345678901"));
    assert_eq!((manifest.region(), manifest.state()), (Some("eu-west-1"), Some("s3://acme/prod.json")));
    let (desired, warnings) = manifest.resolve(&Account::new("aws", "012345678901")).unwrap();
    assert_eq!(desired.outputs["where"], "eu-west-1");
    assert_eq!(desired.outputs["who"], "012345678901");
    assert_eq!((desired.deployment.as_str(), warnings.len()), ("seqera-prod-012345678901", 0));
}

#[test]
fn defaults_reach_every_entry_that_does_not_say_otherwise() {
    let desired = wish(
        &format!(
            "{HEAD}defaults: {{path: /seqera/, boundary: policy/ceiling, tags: {{team: genomics, Stage: dev}}}}
roles:
  a: {{{TRUST}}}
  b: {{{TRUST}, path: /b/, boundary: none, tags: {{stage: head, n: 1.10}}}}
policies: {{p: {{statements: {{}}, tags: {{}}}}}}
"
        )
        .replace("statements: {}", "statements: {A: {Effect: Deny, Action: '*', Resource: '*'}}"),
    );
    assert_eq!(json(&desired, "roles.a", "path"), "/seqera/");
    assert_eq!(json(&desired, "roles.a", "boundary"), "arn:aws:iam::123456789012:policy/ceiling");
    assert_eq!(json(&desired, "roles.a", "tags"), serde_json::json!({"team": "genomics", "Stage": "dev"}));
    assert_eq!(json(&desired, "roles.b", "path"), "/b/");
    assert_eq!(
        json(&desired, "roles.b", "tags"),
        serde_json::json!({"team": "genomics", "stage": "head", "n": "1.10"})
    );
    let b = &desired.resources[&"roles.b".parse::<Address>().unwrap()];
    assert_eq!((b.wanted.contains_key("boundary"), b.removed.as_slice()), (false, ["boundary"].as_slice()));
    assert_eq!(json(&desired, "policies.p", "path"), "/seqera/");
}

#[test]
fn trust_rules_compile_to_statements() {
    let desired = wish(&format!(
        "{HEAD}roles:
  worker: {{{TRUST}, path: /w/, max_session: 4h, keep_undeclared: true}}
  head:
    max_session: 90m
    prevent_destroy: true
    keep_undeclared: [inline]
    trust:
      - {{services: [ec2.amazonaws.com, eks.amazonaws.com]}}
      - {{principals: [roles.worker, user/ana, 444455556666], external_id: 0x1F, tag_session: true}}
  whole: {{trust: {{document: {{file: trust.yaml}}}}}}
  tokens: {{trust: [{{federated: oidc_providers.eks, audience: [a, b], subjects: s}}, {{federated: oidc_providers.eks, subjects: ['o:*', p], tag_session: true, source_identity: true}}]}}
  people: {{trust: {{federated: saml-provider/corp}}}}
oidc_providers: {{eks: {{existing: true, url: 'https://oidc.example.com/id/A'}}}}
"
    ));
    let provider = "arn:aws:iam::123456789012:oidc-provider/oidc.example.com/id/A";
    let expected = serde_json::json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Federated": provider}, "Action": "sts:AssumeRoleWithWebIdentity",
         "Condition": {"StringEquals": {"oidc.example.com/id/A:aud": ["a", "b"], "oidc.example.com/id/A:sub": "s"}}},
        {"Effect": "Allow", "Principal": {"Federated": provider},
         "Action": ["sts:AssumeRoleWithWebIdentity", "sts:TagSession", "sts:SetSourceIdentity"],
         "Condition": {"StringEquals": {"oidc.example.com/id/A:aud": "sts.amazonaws.com"},
                       "StringLike": {"oidc.example.com/id/A:sub": ["o:*", "p"]}}},
    ]});
    assert_eq!(json(&desired, "roles.tokens", "trust"), expected);
    let expected = serde_json::json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Federated": "arn:aws:iam::123456789012:saml-provider/corp"},
         "Action": "sts:AssumeRoleWithSAML",
         "Condition": {"StringEquals": {"SAML:aud": "https://signin.aws.amazon.com/saml"}}},
    ]});
    assert_eq!(json(&desired, "roles.people", "trust"), expected);
    let principals = serde_json::json!({"AWS": [
        "arn:aws:iam::123456789012:role/w/worker",
        "arn:aws:iam::123456789012:user/ana",
        "arn:aws:iam::444455556666:root",
    ]});
    let expected = serde_json::json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": ["ec2.amazonaws.com", "eks.amazonaws.com"]}, "Action": "sts:AssumeRole"},
        {"Effect": "Allow", "Principal": principals, "Action": "sts:AssumeRole",
         "Condition": {"StringEquals": {"sts:ExternalId": "0x1F"}}},
        {"Effect": "Allow", "Principal": principals, "Action": "sts:TagSession"},
    ]});
    assert_eq!(json(&desired, "roles.head", "trust"), expected);
    assert_eq!(json(&desired, "roles.head", "max_session"), 5400);
    assert_eq!(json(&desired, "roles.worker", "max_session"), 14400);
    assert_eq!(attribute(&desired, "roles.whole", "trust"), attribute(&desired, "roles.worker", "trust"));
    let head = &desired.resources[&"roles.head".parse::<Address>().unwrap()];
    assert_eq!((head.prevent_destroy, head.keep_undeclared.as_slice()), (true, ["inline"].as_slice()));
    assert_eq!(desired.resources[1].keep_undeclared, ["policies", "inline"]);
}

#[test]
fn imports_are_addresses_of_the_manifest() {
    let text = format!("{HEAD}roles: {{\"a.b\": {{{TRUST}}}}}\nimport: ['roles[\"a.b\"]']\n");
    let imports = wish(&text).imports;
    assert_eq!(imports.len(), 1);
    assert_eq!(imports[0].0.segments(), ["roles", "a.b"]);
}

/// The example that the repository shows first has to stay whole.
#[test]
fn the_example_of_the_instance_role_asks_for_what_the_guide_creates() {
    macro_rules! example {
        ($path:literal) => {
            include_str!(concat!("../../../examples/enterprise-instance-role/", $path))
        };
    }
    let files = [
        ("policies/forge-policy.json", example!("policies/forge-policy.json")),
        ("policies/s3-bucket-write.json", example!("policies/s3-bucket-write.json")),
    ];
    let inputs = typed(&[("trusted", "user/ana")]);
    let manifest = parse_among(&files, example!("seqera.yaml"), &inputs);
    let (desired, _) = manifest.resolve(&account()).unwrap();
    assert_eq!(
        addresses(&desired),
        [
            "policies.Seqera-Bucket-Policy",
            "roles.Seqera-Role",
            "roles.Seqera-Role.inline.Seqera-Role-Policy",
            "roles.Seqera-Role.policies.Seqera-Bucket-Policy",
            "instance_profiles.Seqera-Instance",
            "instance_profiles.Seqera-Instance.role",
        ]
    );
    let trust = json(&desired, "roles.Seqera-Role", "trust");
    assert_eq!(trust["Statement"][1]["Principal"]["AWS"], "arn:aws:iam::123456789012:user/ana");
    assert_eq!(desired.outputs["role_arn"], "arn:aws:iam::123456789012:role/Seqera-Role");
}

/// A manifest of every feature, to be damaged.
const EVERYTHING: &str = "apiVersion: seqera-iam/v1
name: t-${{ params.env }}
account: 123456789012
region: eu-west-1
defaults: {path: /p/, boundary: policy/b, tags: {a: \"é\"}}
params:
  env: {type: string, enum: [dev, prod], default: dev}
  b: {type: list(bucket), default: [nf-work, {name: ref, access: read}]}
policies:
  p: {document: {file: \"${{ params.env }}.json\"}}
  q: {statements: {\"A${{ params.env }}\": {Effect: Allow, Action: s3:*, Resource: \"arn:aws:s3:::x/${aws:username}\"}}}
roles:
  r: &r
    max_session: 1h30m
    trust: [{services: ec2.amazonaws.com}, {principals: [role/x, \"${{ account }}\"], external_id: a-b, tag_session: true}]
    policies: [policies.p, AWSBatchServiceRole]
    inline: {i: {document: {file: dev.json}}}
    keep_undeclared: [inline]
  s: {<<: *r, name: \"s-${{ params.b | map('name') | join('-') }}\"}
  t: {for_each: {x: 1, y: 2}, when: \"${{ each.key != 'z' }}\", trust: [{services: [{for_each: [ec2, ecs], value: \"${{ each.value }}.amazonaws.com\"}]}]}
include: [team*/*.yaml]
use:
  u:
    blueprint: ./b.yaml
    for_each: [m, n]
    with: {x: \"${{ roles.r.arn }}\", of: [roles.t-x]}
    override: {roles: {b: {max_session: 2h, tags: {k: \"${{ each.key }}\"}}}}
import: [roles.r]
moved: [{from: use.o, to: use.u-m}]
outputs: {o: \"${{ roles['r'].arn }} ${{ params.b[0].kms | default('none') }}\"}
";

const BESIDE: [(&str, &str); 2] = [
    ("teams/a.yaml", "roles: {c: {trust: {principals: [use.u-m.roles.b]}}}\n"),
    (
        "b.yaml",
        "apiVersion: seqera-iam/v1\nparams: {x: {type: string}, of: {type: list(principal)}}
roles: {b: {trust: {principals: \"${{ params.of }}\"}, description: \"${{ params.x }}\"}}\n",
    ),
];

#[test]
fn everything_is_taken() {
    assert_eq!(addresses(&wish_among(&BESIDE, EVERYTHING)).len(), 15);
}

proptest::proptest! {
    /// Whatever a file says, the answer is a wish or problems that can be drawn.
    #[test]
    fn no_text_is_too_damaged_to_be_answered(
        from in 0..EVERYTHING.len(), length in 0..40_usize, at in 0..EVERYTHING.len(), insert in "[ \n{}\\[\\]:,*&!|>'\"$#?é<.a-]{0,3}"
    ) {
        let floor = |at: usize| (0..=at.min(EVERYTHING.len())).rev().find(|at| EVERYTHING.is_char_boundary(*at)).unwrap();
        let (from, to, at) = (floor(from), floor(from + length), floor(at));
        let text = format!("{}{insert}{}{}", &EVERYTHING[..at], &EVERYTHING[from.min(to)..to], &EVERYTHING[at..]);
        let cut = format!("{}{insert}{}", &EVERYTHING[..from], &EVERYTHING[to.max(from)..]);
        for text in [text, cut] {
            match Manifest::parse("x.yaml", &text, &Inputs::default(), &Disk(&BESIDE)) {
                Err((problems, sources)) => assert!(!render::problem::render(&problems, &sources, false).is_empty()),
                Ok(manifest) => if let Err(problems) = manifest.resolve(&account()) {
                    assert!(!render::problem::render(&problems, manifest.sources(), true).is_empty());
                },
            }
        }
    }

    #[test]
    fn no_expression_is_too_damaged_to_be_answered(source in "[a-c.\\[\\]()'\"|=! 0-9é,\\\\-]{0,40}") {
        let text = format!("{HEAD}params: {{a: {{type: string, default: x}}}}\noutputs:\n  o: |-\n    ${{{{ {source} }}}}\n");
        if let Ok(manifest) = Manifest::parse("x.yaml", &text, &Inputs::default(), &Disk(&[])) {
            let _ = manifest.resolve(&account());
        }
    }
}
