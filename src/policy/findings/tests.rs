use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;
use crate::policy::{limits, validate_text};

fn found(host: Host, statements: Json) -> Vec<Finding> {
    findings(&Document::from_json(json!({"Version": "2012-10-17", "Statement": statements})), host)
}

fn codes(found: &[Finding]) -> Vec<&'static str> {
    found.iter().map(|finding| finding.code).collect::<BTreeSet<_>>().into_iter().collect()
}

/// The mistakes of the published setups of Seqera Platform that a document can show, each in a few lines:
/// which mistake, where it is used, its statements and the codes that they have.
fn mistakes() -> Vec<(&'static str, Host, Json, Vec<&'static str>)> {
    let allow = |actions: &[&str], resource: &str| json!({"Effect": "Allow", "Action": actions, "Resource": resource});
    let trust = |sid: &str, principal: Json, condition: Json| {
        let action = if principal["Federated"].is_null() { "sts:AssumeRole" } else { "sts:AssumeRoleWithWebIdentity" };
        json!({"Sid": sid, "Effect": "Allow", "Principal": principal, "Action": action, "Condition": condition})
    };
    let logs = "arn:aws:logs:eu-west-1:111122223333:log-group:/aws/batch/job/*";
    let file_systems = "arn:aws:elasticfilesystem:eu-west-1:111122223333:file-system/manual";
    let lustre = "arn:aws:fsx:eu-west-1:111122223333:file-system/manual";
    let queue = "arn:aws:batch:eu-west-1:111122223333:job-queue/q";
    let environment = "arn:aws:batch:eu-west-1:111122223333:compute-environment/c";
    let tagged = json!({"StringEqualsIfExists": {"aws:ResourceTag/team": "genomics"}});
    let submit = json!({"Effect": "Allow", "Action": "batch:SubmitJob", "Resource": queue, "Condition": tagged});
    let services = json!(["ec2.amazonaws.com", "eks.amazonaws.com"]);
    let provider = "arn:aws:iam::111122223333:oidc-provider/oidc.eks.us-east-1.amazonaws.com/id/A";
    let subject =
        json!({"StringEquals": {"oidc.eks.eu-west-2.amazonaws.com/id/A:sub": "system:serviceaccount:nf:run"}});
    let batch_role = "arn:aws:iam::aws:policy/AWSBatchServiceRole";
    let attach = json!({
        "Effect": "Allow",
        "Action": "iam:AttachRolePolicy",
        "Resource": "arn:aws:iam::111122223333:role/nf-*",
        "Condition": {"ArnEquals": {"iam:PolicyARN": batch_role}},
    });
    let user = json!({"AWS": "arn:aws:iam::111122223333:user/ana"});
    let makes_and_tags =
        json!([allow(&["batch:CreateComputeEnvironment"], environment), allow(&["batch:TagResource"], queue)]);
    vec![
        ("M2", Host::Managed, makes_and_tags, vec!["tagging-missed"]),
        ("M4: the group", Host::Managed, json!([allow(&["logs:GetLogEvents"], logs)]), vec!["log-group-missed"]),
        (
            "M4: no type",
            Host::Managed,
            json!([allow(&["logs:StopQuery"], logs)]),
            vec!["log-group-missed", "resource-mismatch"],
        ),
        (
            "M5: EFS",
            Host::Managed,
            json!([allow(&["elasticfilesystem:CreateFileSystem"], file_systems)]),
            vec!["resource-mismatch"],
        ),
        ("M5: FSx", Host::Managed, json!([allow(&["fsx:CreateFileSystem"], lustre)]), vec!["create-on-id"]),
        ("M6", Host::Managed, json!([submit]), vec!["if-exists-on-tag"]),
        (
            "M10: pods",
            Host::Trust,
            json!([trust("Hosts", json!({"Service": services}), json!({}))]),
            vec!["eks-service-for-pods"],
        ),
        ("M10: Sid", Host::Trust, json!([trust("AllowEc2AssumeRole", user, json!({}))]), vec!["sid-misleads"]),
        (
            "M14: no action",
            Host::Managed,
            json!([allow(&["s3:CopyObject"], "arn:aws:s3:::acme/*")]),
            vec!["unknown-action"],
        ),
        (
            "M14: region",
            Host::Trust,
            json!([trust("Pods", json!({"Federated": provider}), subject)]),
            vec!["oidc-issuer-mismatch"],
        ),
        ("M17", Host::Managed, json!([attach]), vec!["managed-policy-path"]),
        ("M18", Host::Managed, json!([allow(&["s3:ListBucket"], "arn:aws:s3:::acme/*")]), vec!["resource-mismatch"]),
    ]
}

#[test]
fn each_published_mistake_is_found() {
    for (mistake, host, statements, expected) in mistakes() {
        let found = found(host, statements);
        assert_eq!(codes(&found), expected, "{mistake}: {found:?}");
    }
}

#[test]
fn mistakes_that_aws_refuses_are_faults() {
    let statement = |inside: &str| format!(r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow",{inside}}}]}}"#);
    let role = "arn:aws:iam::111122223333:role/a";
    for (mistake, text, detail) in [
        ("M1", statement(&format!(r#""Action":"iam:GetRole","Resource":["{role}" "{role}b"]"#)), "expected `,`"),
        (
            "M12: no wrapper",
            r#"{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}"#.to_owned(),
            "`Effect` is not",
        ),
        (
            "M12: principal",
            statement(r#""Principal":{"AWS":"*"},"Action":"s3:GetObject","Resource":"*""#),
            "`Principal`",
        ),
        ("M13", statement("\"Action\":\"s3:GetObject\", // read\n\"Resource\":\"*\""), "comment"),
        ("M15: comma", statement(r#""Action":["s3:GetObject",],"Resource":"*""#), "trailing comma"),
        (
            "M15: colons",
            statement(r#""Action":"iam:GetRole","Resource":"arn:aws:iam::::role/a""#),
            "starts with `role/`",
        ),
        ("M15: SID", statement(r#""SID":"A","Action":"s3:GetObject","Resource":"*""#), "did you mean `Sid`?"),
    ] {
        let faults = validate_text(&text, Host::InlineRole);
        assert!(faults.iter().any(|fault| fault.detail.contains(detail)), "{mistake}: {faults:?}");
    }
    // M3: what fits a role does not fit a user.
    let actions: Vec<String> = (0..80).map(|i| format!("batch:DescribeComputeEnvironment{i}")).collect();
    let document = Document::from_json(json!({"Statement": {"Effect": "Allow", "Action": actions, "Resource": "*"}}));
    assert!(document.size() > limits::longest(Host::InlineUser) && document.size() < limits::longest(Host::InlineRole));
}

#[test]
fn mistakes_of_several_documents_are_found_where_they_meet() {
    let trusting = |service: &str| {
        let principal = json!({"Service": service});
        Document::from_json(
            json!({"Statement": [{"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}]}),
        )
    };
    // M21: the role of a Spot fleet that trusts EC2.
    let fleet = "arn:aws:iam::aws:policy/service-role/AmazonEC2SpotFleetTaggingRole";
    let found = of_role(&trusting("ec2.amazonaws.com"), &["arn:aws:iam::111122223333:policy/own", fleet]);
    assert_eq!(
        found.iter().map(|(number, finding)| (*number, finding.code)).collect::<Vec<_>>(),
        [(1, "trust-lacks-service")]
    );
    assert_eq!(of_role(&trusting("spotfleet.amazonaws.com"), &[fleet]), []);
    // M20: two files with one Sid.
    let with = |action: &str| Document::from_json(json!({"Statement": [{"Sid": "TowerLaunch0", "Action": action}]}));
    let (forge, launch) = (with("batch:SubmitJob"), with("batch:ListJobs"));
    let found = same_sids(&[("forge", &forge), ("launch", &launch)]);
    assert_eq!(found.iter().map(|(number, finding)| (*number, finding.code)).collect::<Vec<_>>(), [(1, "sid-clash")]);
    assert_eq!(found[0].1.path.len(), 3);
    assert_eq!(same_sids(&[("forge", &forge), ("again", &forge)]), []);
}

/// What is well, or cannot be judged, in the shape of what is not.
#[test]
fn what_is_well_has_no_findings() {
    let well = [
        json!({"Effect": "Allow", "Action": ["s3:ListBucket", "s3:GetObject"], "Resource": ["arn:aws:s3:::a", "arn:aws:s3:::a/*"]}),
        json!({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::${aws:username}"}),
        json!({"Effect": "Allow", "Action": "fsx:CreateFileSystem", "Resource": "arn:aws:fsx:eu-west-1:111122223333:file-system/*"}),
        json!({"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": ["*"]}),
        json!({"Effect": "Deny", "Action": "s3:*", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}),
        json!({"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}}),
        json!({"Effect": "Allow", "Action": "iam:PassRole", "Resource": "arn:aws:iam::111122223333:role/nf-*"}),
        json!({"Effect": "Allow", "Action": "logs:GetLogEvents", "Resource": "arn:aws:logs:eu-west-1:111122223333:log-group:/aws/batch/job*"}),
        json!({"Effect": "Allow", "Action": "batch:TagResource", "Resource": "arn:aws:batch:eu-west-1:111122223333:job/*", "Condition": {"StringEquals": {"aws:RequestTag/a": "b"}}}),
        json!({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "<BUCKET>"}),
        json!({"Effect": "Allow", "Action": 7, "Resource": {}}),
        json!("no statement"),
    ];
    for statement in well {
        assert_eq!(found(Host::Managed, json!([statement])), [], "{statement}");
    }
    let seqera = json!({"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::161471496260:role/SeqeraPlatformCloudAccessRole"}, "Action": "sts:AssumeRole", "Condition": {"StringEquals": {"sts:ExternalId": "x"}}});
    let tags = json!({"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::161471496260:role/SeqeraPlatformCloudAccessRole"}, "Action": "sts:TagSession"});
    assert_eq!(found(Host::Trust, json!([seqera, tags])), []);
}

#[test]
fn each_finding_has_an_example() {
    let allow = |action: &str, resource: &str| json!({"Effect": "Allow", "Action": action, "Resource": resource});
    let when = |action: &str, condition: Json| json!({"Effect": "Allow", "Action": action, "Resource": "arn:aws:s3:::a", "Condition": condition});
    let trust = |principal: Json| json!({"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"});
    let provider =
        json!({"Federated": "arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/A"});
    let of_buckets = "arn:aws:s3:::a";
    let token = |key: &str, value: &str| {
        json!({"Effect": "Allow", "Principal": provider.clone(), "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {"StringLike": {format!("oidc.eks.eu-west-1.amazonaws.com/id/A:{key}"): value}}})
    };
    let examples = [
        ("unknown-service", Host::Managed, allow("batsh:SubmitJob", "*")),
        ("unknown-action", Host::Managed, allow("batch:SubmitJobs*", "*")),
        (
            "unknown-condition-for-action",
            Host::Managed,
            when("s3:ListBucket", json!({"StringEquals": {"s3:prefx": "a"}})),
        ),
        ("mismatched-type", Host::Managed, when("s3:ListBucket", json!({"NumericEquals": {"s3:max-keys": "ten"}}))),
        (
            "mismatched-type-but-usable",
            Host::Managed,
            when("s3:ListBucket", json!({"StringLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/a"}})),
        ),
        (
            "bad-pattern-for-mfa",
            Host::Managed,
            when("s3:ListBucket", json!({"Bool": {"aws:MultiFactorAuthPresent": false}})),
        ),
        ("resource-star", Host::Managed, allow("s3:ListBucket", "*")),
        ("resource-effectively-star", Host::Managed, allow("iam:GetRole", "arn:aws:iam::*:role/*")),
        ("pass-role-on-star", Host::Managed, allow("iam:Pass*", "arn:aws:iam::111122223333:role/*")),
        ("privilege-escalation", Host::Managed, allow("iam:*", "*")),
        ("permissions-management-actions", Host::Managed, allow("lambda:AddPermission", "*")),
        ("credentials-exposure", Host::Managed, allow("ecr:GetAuthorizationToken", "*")),
        ("resource-policy-privilege-escalation", Host::Managed, allow("s3:PutBucketPolicy", of_buckets)),
        ("notaction-with-allow", Host::Managed, json!({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"})),
        (
            "notresource-with-allow",
            Host::Managed,
            json!({"Effect": "Allow", "Action": "s3:GetObject", "NotResource": "arn:aws:s3:::a/*"}),
        ),
        (
            "notprincipal-with-allow",
            Host::Trust,
            json!({"Effect": "Allow", "NotPrincipal": {"AWS": "111122223333"}, "Action": "sts:AssumeRole"}),
        ),
        ("public-trust", Host::Trust, trust(json!("*"))),
        ("trust-without-external-id", Host::Trust, trust(json!({"AWS": "161471496260"}))),
        (
            "oidc-without-subject",
            Host::Trust,
            json!({"Effect": "Allow", "Principal": provider, "Action": "sts:AssumeRoleWithWebIdentity"}),
        ),
        // A subject that is anybody is none.
        (
            "oidc-without-subject",
            Host::Trust,
            json!({"Effect": "Allow", "Principal": provider, "Action": "sts:AssumeRoleWithWebIdentity",
                "Condition": {"StringLike": {"oidc.eks.eu-west-1.amazonaws.com/id/A:sub": "system:serviceaccount:*:*"}}}),
        ),
        ("oidc-audience-slip", Host::Trust, token("aud", "sts.amazonaws.co")),
        ("oidc-subject-slip", Host::Trust, token("sub", "system:serviceacount:nf:run")),
        ("oidc-session-refused", Host::Trust, token("sub", "org:12:wsp:34:*")),
    ];
    let mut shown: BTreeSet<&str> = mistakes().into_iter().flat_map(|(.., codes)| codes).collect();
    for (code, host, statement) in examples {
        let found = found(host, json!([statement]));
        assert!(codes(&found).contains(&code), "{code}: {found:?}");
        shown.insert(code);
    }
    let literal = json!({"Statement": allow("s3:GetObject", "arn:aws:s3:::a/${aws:username}/*")});
    let found = findings(&Document::from_json(literal), Host::InlineRole);
    assert_eq!(codes(&found), ["variables-without-version"]);
    // Those of several documents have a test of their own.
    shown.extend(["variables-without-version", "sid-clash", "trust-lacks-service"]);
    assert!(CODES.is_sorted_by_key(|(code, ..)| *code));
    assert_eq!(CODES.iter().map(|(code, ..)| *code).collect::<BTreeSet<_>>(), shown);
}

#[test]
fn messages_say_what_to_write() {
    let said = |statement: Json| {
        let found = found(Host::Managed, json!([statement]));
        found.into_iter().map(|finding| format!("{} => {}", finding.message, finding.fix)).collect::<Vec<_>>()
    };
    let date = crate::policy::reference::date();
    assert_eq!(
        said(json!({"Effect": "Allow", "Action": ["s3:GetObjct"], "Resource": "arn:aws:s3:::a/*"})),
        [format!("`s3:GetObjct` is no action in the reference of {date} => did you mean `s3:GetObject`?")]
    );
    assert_eq!(
        said(json!({"Effect": "Deny", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::a/*"})),
        [format!(
            "`s3:ListBucket` is on `accesspoint` and `bucket` (reference of {date}), not on `arn:aws:s3:::a/*`: it denies nothing => add the resource `arn:aws:s3:::a`"
        )]
    );
    assert_eq!(
        said(
            json!({"Effect": "Allow", "Action": ["s3:GetObject", "s3:ListBucket"], "Resource": ["arn:aws:s3:::a", "arn:aws:s3:::a/*"], "Condition": {"StringLike": {"s3:prefix": "x/*"}}})
        ),
        [format!(
            "requests for `s3:GetObject` do not carry `s3:prefix` (reference of {date}): the statement does not grant it => put `s3:GetObject` into a statement without this condition"
        )]
    );
}

#[test]
fn findings_lead_to_their_node() {
    let found = found(
        Host::Managed,
        json!([{"Effect": "Allow", "Action": ["s3:GetObject", "s3:Nope"], "Resource": "arn:aws:s3:::a/*"}]),
    );
    let key = |key: &str| PathSegment::Key(key.to_owned());
    assert_eq!(found[0].path, [key("Statement"), PathSegment::Index(0), key("Action"), PathSegment::Index(1)]);
}

#[test]
fn who_is_outside_follows_from_the_account() {
    let trust = |of: &str| {
        let statement = json!({"Effect": "Allow", "Principal": {"AWS": format!("arn:aws:iam::{of}:root")}, "Action": "sts:AssumeRole"});
        Document::from_json(json!({"Version": "2012-10-17", "Statement": [statement]}))
    };
    let codes_in = |of: &str, account: Option<&str>| codes(&in_account(&trust(of), Host::Trust, account));
    assert_eq!(codes_in("444455556666", Some("111122223333")), ["trust-without-external-id"]);
    assert_eq!(codes_in("111122223333", Some("111122223333")), [""; 0]);
    assert_eq!(codes_in("444455556666", None), [""; 0]);
}

#[test]
fn a_deny_takes_a_way_to_all_permissions_away() {
    let with = |deny: Json| {
        let allow = json!({"Effect": "Allow", "Action": ["iam:PassRole", "ec2:RunInstances"], "Resource": "*"});
        codes(&found(Host::Managed, json!([allow, deny]))).contains(&"privilege-escalation")
    };
    assert!(!with(json!({"Effect": "Deny", "Action": "ec2:Run*", "Resource": "*"})));
    assert!(with(json!({"Effect": "Deny", "Action": "ec2:Run*", "Resource": "arn:aws:ec2:*:*:instance/i-1"})));
    assert!(with(
        json!({"Effect": "Deny", "Action": "ec2:Run*", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": false}}})
    ));
}

/// Any JSON, with the words of policies among its keys and texts.
fn odd_json() -> impl Strategy<Value = Json> {
    let words = vec![
        "Statement",
        "Effect",
        "Allow",
        "Action",
        "NotAction",
        "Resource",
        "Principal",
        "Condition",
        "Sid",
        "AWS",
        "Federated",
        "StringEqualsIfExists",
        "IfExists",
        "ForAllValues:",
        "aws:ResourceTag/é",
        "s3:*",
        "*:*",
        "é:é",
        "s3:Ge?Objectt",
        "arn:aws:s3:::é/*",
        "arn:::::",
        "arn:aws:iam::aws:policy/",
        ":oidc-provider/",
        "${",
        "$",
        "",
    ];
    let word = prop::sample::select(words).prop_map(str::to_owned);
    let leaf = prop_oneof![word.clone().prop_map(Json::from), any::<bool>().prop_map(Json::from), Just(Json::Null)];
    leaf.prop_recursive(6, 60, 6, move |inner| {
        let map = prop::collection::vec((word.clone(), inner.clone()), 0..6);
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(Json::from),
            map.prop_map(|map| Json::Object(map.into_iter().collect()))
        ]
    })
}

proptest! {
    #[test]
    fn no_document_is_too_odd_to_look_at(statement in odd_json(), whole in odd_json()) {
        for host in [Host::Managed, Host::Trust] {
            let all = found(host, json!([statement]));
            prop_assert!(all.iter().all(|finding| is_code(finding.code) && !finding.message.is_empty()));
            findings(&Document::from_json(whole.clone()), host);
        }
    }
}

#[test]
fn subjects_of_pods_are_known_from_slips() {
    let provider = "arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/A";
    let found = |key: &str, value: &str| {
        let condition = json!({"StringLike": {format!("oidc.eks.eu-west-1.amazonaws.com/id/A:{key}"): value}});
        let statement = json!({"Effect": "Allow", "Principal": {"Federated": provider},
            "Action": "sts:AssumeRoleWithWebIdentity", "Condition": condition});
        let found = found(Host::Trust, json!([statement]));
        found.into_iter().find(|finding| finding.code.ends_with("-slip")).map(|finding| finding.fix)
    };
    for well in ["system:serviceaccount:nf:run", "system:serviceaccount:nf:*", "system:serviceaccount:nf*", "s*:run"] {
        assert_eq!(found("sub", well), None, "{well}");
    }
    for (slip, meant) in [
        ("system:serviceacount:nf:run", "`system:serviceaccount:nf:run`"),
        ("system:serviceaccounts:nf:*", "`system:serviceaccount:nf:*`"),
        ("nf:run", "`system:serviceaccount:nf:run`"),
        ("system:serviceaccount:nf", "`system:serviceaccount:NAMESPACE:NAME`"),
    ] {
        assert_eq!(found("sub", slip).as_deref(), Some(meant), "{slip}");
    }
    assert_eq!(found("aud", "sts.amazonaws.co").as_deref(), Some("`sts.amazonaws.com`"));
    assert_eq!(found("aud", "my-app"), None);
}
