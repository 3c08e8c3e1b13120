//! A manifest that was written for what exists means exactly that.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::kinds;
use crate::manifest::takeover::{Takeover, differences};
use crate::model::{Attributes, Live, ObjectId, Tags};
use crate::policy::Document;

fn live(kind: &str, attributes: Attributes, account: &Account) -> Live {
    let id = kinds::spec(kind).expect("a kind").id(account, &attributes);
    Live { id, aws_id: None, attributes, created: None }
}

fn policy(name: &str, path: &str, document: serde_json::Value, account: &Account) -> Live {
    let document = Value::Document(Document::from_json(document));
    let attributes = Attributes::from([("name", name.into()), ("path", path.into()), ("document", document)]);
    live("policy", attributes, account)
}

fn role(name: &str, path: &str, trust: serde_json::Value, account: &Account) -> Live {
    let trust = Value::Document(Document::from_json(trust));
    let attributes = Attributes::from([
        ("name", name.into()),
        ("path", path.into()),
        ("trust", trust),
        ("max_session", Value::Number(3600)),
    ]);
    live("role", attributes, account)
}

fn inline(role: &str, name: &str, document: serde_json::Value, account: &Account) -> Live {
    let document = Value::Document(Document::from_json(document));
    let attributes = Attributes::from([("role", role.into()), ("name", name.into()), ("document", document)]);
    live("inline_policy", attributes, account)
}

fn attached(role: &str, arn: &str, account: &Account) -> Live {
    live("attachment", Attributes::from([("role", role.into()), ("policy_arn", arn.into())]), account)
}

fn profile(name: &str, role: &str, account: &Account) -> [Live; 2] {
    let itself = Attributes::from([("name", name.into()), ("path", "/".into())]);
    let of_role = Attributes::from([("instance_profile", name.into()), ("role", role.into())]);
    [live("instance_profile", itself, account), live("profile_role", of_role, account)]
}

fn trust_of(service: &str) -> serde_json::Value {
    json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}]})
}

fn write(account: &Account, objects: &[Live]) -> String {
    Takeover { account, deployment: "taken", region: None, objects, remarks: &[] }.write().text
}

/// Returns what the text asks for, and demands that nothing is wrong with it.
#[track_caller]
fn read(text: &str, account: &Account) -> Desired {
    let manifest = parse_with(text, &Inputs::default());
    match manifest.resolve(account) {
        Ok((desired, _)) => desired,
        Err(problems) => panic!("{text}\n{}", render::problem::render(&problems, manifest.sources(), false)),
    }
}

#[test]
fn it_reads_as_people_write() {
    let account = &account();
    let statement =
        json!({"Sid": "Read", "Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::acme/*"});
    let reads = policy("reads", "/", json!({"Version": "2012-10-17", "Statement": [statement]}), account);
    let mut head = role("head", "/seqera/", trust_of("ec2.amazonaws.com"), account);
    head.attributes.insert("max_session", Value::Number(14400));
    head.attributes.insert("description", "What the head node is".into());
    head.attributes.insert("boundary", "arn:aws:iam::123456789012:policy/reads".into());
    let tags = [("stage", "yes"), ("aws:x", "1"), ("seqera-iam:lineage", "2")];
    let tags: Tags = tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    head.attributes.insert("tags", Value::Tags(tags));
    let trust = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": ["arn:aws:iam::123456789012:role/seqera/head", "arn:aws:iam::123456789012:user/ana"]},
         "Action": "sts:AssumeRole", "Condition": {"StringEquals": {"sts:ExternalId": "x1"}}}]});
    let logs = json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "logs:*", "Resource": "*"}});
    let mut objects = vec![head, role("work.er", "/", trust, account), reads];
    objects.push(attached("head", "arn:aws:iam::123456789012:policy/reads", account));
    objects.push(attached("head", "arn:aws:iam::123456789012:policy/team/other", account));
    objects.push(attached("head", "arn:aws:iam::aws:policy/service-role/AWSBatchServiceRole", account));
    objects.push(inline("work.er", "logs", logs, account));
    objects.extend(profile("head", "head", account));
    let expected = r#"apiVersion: seqera-iam/v1
name: taken
account: 123456789012 # with credentials of another account, nothing is read or changed

policies:
  reads:
    statements:
      Read: {Effect: Allow, Action: s3:GetObject, Resource: "arn:aws:s3:::acme/*"}

roles:
  head:
    path: /seqera/
    description: What the head node is
    max_session: 4h
    boundary: policies.reads
    trust: {services: [ec2.amazonaws.com]}
    policies: [policies.reads, AWSBatchServiceRole, policy/team/other]
    tags: {stage: "yes"}
  work-er:
    name: work.er
    trust: {principals: [roles.head, user/ana], external_id: x1}
    inline:
      logs:
        document:
          Version: "2012-10-17"
          Statement: {Effect: Allow, Action: logs:*, Resource: "*"}

instance_profiles:
  head: {role: roles.head}

# Taken over as it is; without effect once that is done.
import: [policies.reads, roles.head, roles.work-er, instance_profiles.head]
"#;
    let text = write(account, &objects);
    assert_eq!(text, expected);
    assert_eq!(differences(&read(&text, account), &objects), []);
}

#[test]
fn a_difference_is_found() {
    let account = &account();
    let head = role("head", "/", trust_of("ec2.amazonaws.com"), account);
    let desired = read(&write(account, std::slice::from_ref(&head)), account);
    assert_eq!(differences(&desired, std::slice::from_ref(&head)), []);
    assert_eq!(differences(&desired, &[]), [ObjectId::new("role", "head")]);
    let other = role("head", "/", trust_of("ecs-tasks.amazonaws.com"), account);
    assert_eq!(differences(&desired, &[other]), [ObjectId::new("role", "head")]);
}

/// Texts that YAML, expressions or JSON could take for something else.
fn tricky() -> impl Strategy<Value = String> {
    const ODD: &[&str] = &[
        "yes",
        "no",
        "on",
        "null",
        "~",
        "true",
        "1.10",
        "012345678901",
        "1e3",
        "0x1f",
        "${aws:username}",
        "${{ params.x }}",
        "${{",
        "}}",
        "a: b",
        "# x",
        "- x",
        "*",
        "&a",
        "'",
        "\"",
        "\\",
        "\n",
        "é",
        "{",
        "}",
        "[",
        ", ",
        " ",
        "<<",
        "%",
        "@",
        "!",
        "|",
        "arn:aws:s3:::b/*",
    ];
    prop::collection::vec(prop::sample::select(ODD), 1..4).prop_map(|parts| parts.concat())
}

fn statement(sid: Option<String>) -> impl Strategy<Value = serde_json::Value> {
    let key = prop::sample::select(&["aws:username", "s3:prefix", "aws:PrincipalTag/Team"][..]);
    (prop::option::of((key, prop::collection::vec(tricky(), 1..3))), prop::bool::ANY).prop_map(
        move |(condition, many)| {
            let actions = if many { json!(["s3:GetObject", "s3:Put*"]) } else { json!("s3:GetObject") };
            let mut statement =
                json!({"Effect": "Allow", "Action": actions, "Resource": "arn:aws:s3:::b/${aws:username}/*"});
            if let Some((key, values)) = condition {
                statement["Condition"] = json!({"StringLike": {key: values}});
            }
            if let Some(sid) = &sid {
                statement["Sid"] = sid.as_str().into();
            }
            statement
        },
    )
}

fn document() -> impl Strategy<Value = serde_json::Value> {
    let sid = prop::option::of(prop::sample::select(&["Read", "1", "true", "when", "0x1"][..]).prop_map(str::to_owned));
    let id = prop::option::of(prop::sample::select(&["yes", "1"][..]));
    (id, prop::collection::vec(sid.prop_flat_map(statement), 1..4)).prop_map(|(id, statements)| {
        // Of one Sid there is one.
        let mut seen = BTreeSet::new();
        let fresh = |statement: &serde_json::Value| statement.get("Sid").is_none_or(|sid| seen.insert(sid.to_string()));
        let statements: Vec<_> = statements.into_iter().filter(fresh).collect();
        let mut document = json!({"Version": "2012-10-17", "Statement": statements});
        if let Some(id) = id {
            document["Id"] = id.into();
        }
        document
    })
}

fn tags() -> impl Strategy<Value = Tags> {
    let keys = prop::sample::select(&["yes", "1.10", "a b", "x:y", "é", "when", "for_each", "aws:stack"][..]);
    let values = prop::sample::select(&["", "no", "007", "a: b", "@x", "null", "ü", "+1"][..]);
    prop::collection::btree_map(keys.prop_map(str::to_owned), values.prop_map(str::to_owned), 0..3)
}

fn trusts() -> impl Strategy<Value = serde_json::Value> {
    let principal = prop::sample::select(
        &[
            r#"{"Service": "ec2.amazonaws.com"}"#,
            r#"{"Service": ["ec2.amazonaws.com", "ecs-tasks.amazonaws.com"]}"#,
            r#"{"AWS": "arn:aws:iam::012345678901:root"}"#,
            r#"{"AWS": ["arn:aws:iam::012345678901:role/a.b", "arn:aws:iam::012345678901:user/x/ana"]}"#,
            r#"{"AWS": "arn:aws:iam::111122223333:role/head", "Service": "ec2.amazonaws.com"}"#,
            r#"{"AWS": "AROAEXAMPLEEXAMPLE12"}"#,
        ][..],
    );
    let action = prop::sample::select(&["sts:AssumeRole", "sts:TagSession"][..]);
    let external = prop::option::of(prop::sample::select(&["yes", "12", "a:b"][..]));
    let statement = (principal, action, external).prop_map(|(principal, action, external)| {
        let principal: serde_json::Value = serde_json::from_str(principal).expect("JSON");
        let mut statement = json!({"Effect": "Allow", "Principal": principal, "Action": action});
        if let Some(external) = external {
            statement["Condition"] = json!({"StringEquals": {"sts:ExternalId": external}});
        }
        statement
    });
    prop::collection::vec(statement, 1..4)
        .prop_map(|statements| json!({"Version": "2012-10-17", "Statement": statements}))
}

const NAMES: [&str; 10] = ["a.b", "a-b", "a@b", "yes", "true", "1", "when", "for_each", "x+y=z,", "Head_1"];

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn it_means_what_was_there(
        names in prop::sample::subsequence(&NAMES[..], 1..6),
        paths in prop::collection::vec(prop::sample::select(&["/", "/seqera/", "/a/b/"][..]), 6),
        descriptions in prop::collection::vec(prop::option::of(tricky()), 6),
        sessions in prop::collection::vec(prop::sample::select(&[3600, 5400, 14400, 3601][..]), 6),
        trusts in prop::collection::vec(trusts(), 6),
        documents in prop::collection::vec(document(), 12),
        tags in prop::collection::vec(tags(), 12),
        attached_to in prop::collection::vec(prop::bool::ANY, 36),
    ) {
        // A zero in front of an account's id is a part of it.
        let account = &Account::new("aws", "012345678901");
        let mut objects = Vec::new();
        let tagged = |mut live: Live, tags: &Tags| {
            if !tags.is_empty() {
                live.attributes.insert("tags", Value::Tags(tags.clone()));
            }
            live
        };
        for (at, name) in names.iter().enumerate() {
            let mut role = role(name, paths[at], trusts[at].clone(), account);
            role.attributes.insert("max_session", Value::Number(sessions[at]));
            if let Some(description) = &descriptions[at] {
                role.attributes.insert("description", description.as_str().into());
            }
            objects.push(tagged(role, &tags[at]));
            let mut policy = policy(name, paths[5 - at], documents[at].clone(), account);
            if let Some(description) = &descriptions[5 - at] {
                policy.attributes.insert("description", description.as_str().into());
            }
            objects.push(tagged(policy, &tags[11 - at]));
            objects.push(inline(name, NAMES[at], documents[6 + at].clone(), account));
            objects.extend(profile(name, name, account));
            for (other, policy) in names.iter().enumerate() {
                if attached_to[at * 6 + other] {
                    objects.push(attached(name, &account.iam_arn("policy", paths[5 - other], policy), account));
                }
            }
            objects.push(attached(name, "arn:aws:iam::aws:policy/job-function/Billing", account));
            objects.push(attached(name, "arn:aws:iam::012345678901:policy/Billing", account));
        }
        let text = write(account, &objects);
        prop_assert_eq!(differences(&read(&text, account), &objects), [], "{}", text);
    }
}
