//! Requests against policies, and why they end as they do.

use serde_json::{Value as Json, json};

use super::*;
use crate::policy::statement::Principal;

fn policy(statements: Json) -> Policy {
    let document = Document::from_json(json!({"Version": "2012-10-17", "Statement": statements}));
    Policy::read(&document, Host::InlineRole).unwrap()
}

fn trust(statements: Json) -> Policy {
    let document = Document::from_json(json!({"Version": "2012-10-17", "Statement": statements}));
    Policy::read(&document, Host::Trust).unwrap()
}

fn context(json: &Json) -> Context {
    let mut context = Context::default();
    for (key, values) in json.as_object().unwrap() {
        let values = values.as_array().cloned().unwrap_or_else(|| vec![values.clone()]);
        values.iter().for_each(|value| context.add(key, value.as_str().unwrap()));
    }
    context
}

fn vectors(text: &str) -> Vec<Json> {
    serde_json::from_str(text).unwrap()
}

fn judged(case: &Json) -> Decision {
    let read = |json: &Json| Policy::read(&Document::from_json(json.clone()), Host::InlineUser);
    let policies: Result<Vec<Policy>, _> = case["policies"].as_array().unwrap().iter().map(read).collect();
    let policies = policies.unwrap_or_else(|why| panic!("{}: {why:?}", case["id"]));
    let boundary = case.get("boundary").map(|json| read(json).unwrap());
    let text = |key: &str| case["request"][key].as_str().unwrap();
    let request = Request::new(text("action"), text("resource"), context(&case["request"]["context"]));
    evaluate(&policies, boundary.as_ref(), &request).decision
}

#[test]
fn requests_are_decided_as_by_aws() {
    let all = [
        vectors(include_str!("../../../tests/vectors/simulate.json")),
        vectors(include_str!("../../../tests/vectors/conditions.json")),
    ];
    let cases: Vec<&Json> = all.iter().flatten().filter(|case| case["tier"] == "must").collect();
    assert!(cases.len() > 150);
    for case in cases {
        assert_eq!(judged(case).as_str(), case["expected"].as_str().unwrap(), "{} {}", case["id"], case["name"]);
    }
}

fn asked(action: &str, resource: &str, said: Json) -> Request {
    Request::new(action, resource, context(&said))
}

#[test]
fn a_verdict_names_its_statements() {
    let policies = [
        policy(json!([
            {"Sid": "All", "Effect": "Allow", "Action": "s3:*", "Resource": "*"},
            {"Sid": "None", "Effect": "Allow", "Action": "ec2:*", "Resource": "*"},
        ])),
        policy(json!([{"Sid": "Keep", "Effect": "Deny", "Action": "s3:DeleteObject", "Resource": "arn:aws:s3:::b/*"}])),
    ];
    let at = |policy, statement| Match { of: Source::Policy(policy), statement };
    let request = asked("s3:GetObject", "arn:aws:s3:::b/k", json!({}));
    let verdict = evaluate(&policies, None, &request);
    assert_eq!(verdict, Verdict { decision: Decision::Allowed, matched: vec![at(0, 0)] });
    let request = asked("s3:DeleteObject", "arn:aws:s3:::b/k", json!({}));
    let verdict = evaluate(&policies, None, &request);
    assert_eq!(verdict, Verdict { decision: Decision::ExplicitDeny, matched: vec![at(1, 0)] });
    let verdict = evaluate(&policies, Some(&policies[1]), &asked("ec2:X", "*", json!({})));
    assert_eq!(verdict, Verdict { decision: Decision::ImplicitDeny, matched: vec![at(0, 1)] });
}

#[test]
fn a_decision_explains_itself() {
    let policies = [policy(json!([
        {"Sid": "Home", "Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::b",
         "Condition": {"StringLike": {"s3:prefix": ["home/${aws:username}/*", "pub/*"]}}},
        {"Effect": "Allow", "Action": "s3:List*", "Resource": "arn:aws:s3:::c"},
        {"Effect": "Deny", "Action": "s3:PutObject", "Resource": "*"},
        {"Sid": "Tagged", "Effect": "Allow", "Action": "ec2:*", "Resource": "*",
         "Condition": {"Null": {"aws:RequestTag/team": "false"}}},
    ]))];
    let boundary = policy(json!([{"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::b"}]));
    let name = |of: Source| match of {
        Source::Policy(_) => "reads".to_owned(),
        Source::Boundary => "the boundary".to_owned(),
    };
    let why = |boundary, request: &Request| explain(&policies, boundary, request, &name);

    let request = asked("s3:ListBucket", "arn:aws:s3:::b", json!({"s3:prefix": "home/x"}));
    assert_eq!(
        why(None, &request),
        [
            "Home of reads does not allow it: StringLike s3:prefix: the request says `home/x`, the policy \
             `home/${aws:username}/*`, `pub/*`; the request gives `home/${aws:username}/*` no value",
            "statement 2 of reads does not allow it: arn:aws:s3:::b is not among its resources",
        ]
    );
    let request = asked("s3:ListBucket", "arn:aws:s3:::b", json!({}));
    assert!(why(None, &request)[0].ends_with("StringLike s3:prefix: the request does not say it"));
    let request = asked("s3:ListBucket", "arn:aws:s3:::b", json!({"s3:prefix": "pub/a"}));
    assert_eq!(why(None, &request), ["Home of reads allows it"]);
    let request = asked("s3:PutObject", "arn:aws:s3:::b/k", json!({}));
    assert_eq!(why(None, &request), ["statement 3 of reads denies it"]);
    assert_eq!(why(None, &asked("sqs:SendMessage", "*", json!({}))), ["no statement allows this action"]);
    let request = asked("ec2:RunInstances", "*", json!({"aws:RequestTag/team": "a"}));
    assert_eq!(why(Some(&boundary), &request), ["Tagged of reads allows it", "the boundary does not allow it"]);
    let request = asked("s3:GetBucketAcl", "arn:aws:s3:::b", json!({}));
    let lines = ["statement 1 of the boundary allows it", "no policy allows it, and a boundary grants nothing"];
    assert_eq!(why(Some(&boundary), &request), lines);
}

#[test]
fn a_trust_policy_says_who_may_assume() {
    let trust = [trust(json!([
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}},
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "444455556666"},
         "Condition": {"StringEquals": {"sts:ExternalId": "x1"}}},
        {"Effect": "Allow", "Action": ["sts:AssumeRole", "sts:TagSession"],
         "Principal": {"AWS": "arn:aws:iam::111122223333:role/head"}},
        {"Effect": "Allow", "Action": "sts:AssumeRoleWithWebIdentity",
         "Principal": {"Federated": "arn:aws:iam::111122223333:oidc-provider/oidc.example.com"},
         "Condition": {"StringEquals": {"oidc.example.com:aud": "sts.amazonaws.com"}}},
    ]))];
    let decide = |action: &str, who: &str, said: Json| {
        evaluate(&trust, None, &asked(action, "*", said).by(Principal::of(who))).decision
    };
    let oidc = "arn:aws:iam::111122223333:oidc-provider/oidc.example.com";
    for (action, who, said, expected) in [
        ("sts:AssumeRole", "ec2.amazonaws.com", json!({}), Decision::Allowed),
        ("sts:AssumeRole", "ecs-tasks.amazonaws.com", json!({}), Decision::ImplicitDeny),
        ("sts:AssumeRole", "arn:aws:iam::444455556666:user/ana", json!({"sts:ExternalId": "x1"}), Decision::Allowed),
        ("sts:AssumeRole", "arn:aws:iam::444455556666:user/ana", json!({}), Decision::ImplicitDeny),
        ("sts:TagSession", "arn:aws:sts::111122223333:assumed-role/head/s", json!({}), Decision::Allowed),
        ("sts:AssumeRole", "arn:aws:iam::111122223333:role/worker", json!({}), Decision::ImplicitDeny),
        (
            "sts:AssumeRoleWithWebIdentity",
            oidc,
            json!({"oidc.example.com:aud": "sts.amazonaws.com"}),
            Decision::Allowed,
        ),
        ("sts:AssumeRoleWithWebIdentity", oidc, json!({}), Decision::ImplicitDeny),
    ] {
        assert_eq!(decide(action, who, said), expected, "{who} {action}");
    }
    assert_eq!(evaluate(&trust, None, &asked("sts:AssumeRole", "*", json!({}))).decision, Decision::ImplicitDeny);
}

#[test]
fn what_aws_refuses_cannot_be_judged() {
    let read = |document: Json, host| Policy::read(&Document::from_json(document), host);
    let statement = json!({"Effect": "Allow", "Action": "s3:*", "Resource": "*"});
    let with = |key: &str, value: Json| {
        let mut statement = statement.clone();
        statement[key] = value;
        json!({"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}, statement]})
    };
    for (document, index) in [
        (json!([]), 0),
        (json!({}), 0),
        (json!({"Version": "2030-01-01", "Statement": statement}), 0),
        (with("Effect", json!("allow")), 1),
        (with("Conditions", json!({"StringEquals": {"a": "b"}})), 1),
        (with("Principal", json!("*")), 1),
        (with("NotAction", json!([])), 1),
        (with("Condition", json!({"StringEquals": {"a": {}}})), 1),
        (json!({"Statement": {"Effect": "Allow", "Action": "s3:*"}}), 0),
        (json!({"Statement": {"Effect": "Allow", "NotAction": [], "Resource": "*"}}), 0),
    ] {
        let unreadable = read(document.clone(), Host::InlineUser).map(drop).unwrap_err();
        assert_eq!(unreadable[0].index, index, "{document}: {unreadable:?}");
    }
    assert!(read(json!({"Statement": statement}), Host::Trust).is_err());
    let odd = json!({"Statement": {"Effect": "Allow", "Action": "s3:[GP]et", "Resource": "nothing"}});
    assert!(read(odd, Host::InlineUser).is_ok(), "what nothing is of is no riddle");
}
