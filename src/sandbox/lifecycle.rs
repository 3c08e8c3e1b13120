//! Every kind through its whole life in the sandbox: what `kinds` writes is what it reads.

use serde_json::Value as Json;

use super::testbed::{ACCOUNT, Bed, allow, trust, trust_of};
use crate::kinds::{Kind, kind};
use crate::model::{Attributes, Live, Tags, Value};
use crate::policy::Document;

fn of(name: &str) -> &'static dyn Kind {
    kind(name).unwrap()
}

fn document(json: Json) -> Value {
    Value::Document(Document::from_json(json))
}

fn tags(pairs: &[(&str, &str)]) -> Value {
    Value::Tags(pairs.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect::<Tags>())
}

/// Reads an owner and returns the objects of one kind.
async fn read(bed: &Bed, owner: &str, name: &str, of_kind: &str) -> Vec<Live> {
    let mut found = of(owner).read(&bed.cloud, name).await.unwrap();
    found.retain(|live| live.id.kind == of_kind);
    found
}

async fn one(bed: &Bed, owner: &str, name: &str, of_kind: &str) -> Attributes {
    let mut found = read(bed, owner, name, of_kind).await;
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0).attributes
}

/// Creates, reads, converges to `next` and reads again.
async fn lives(bed: &Bed, of_kind: &str, owner: (&str, &str), first: &Attributes, next: &Attributes) {
    of(of_kind).create(&bed.cloud, first).await.unwrap();
    let live = one(bed, owner.0, owner.1, of_kind).await;
    assert_eq!(&live, first);
    of(of_kind).converge(&bed.cloud, &live, next).await.unwrap();
    assert_eq!(&one(bed, owner.0, owner.1, of_kind).await, next);
}

/// Deletes twice: what is gone is deleted.
async fn goes(bed: &Bed, of_kind: &str, owner: (&str, &str), live: &Attributes) {
    for _ in 0..2 {
        of(of_kind).delete(&bed.cloud, live).await.unwrap();
        assert!(read(bed, owner.0, owner.1, of_kind).await.is_empty());
    }
}

#[tokio::test]
async fn a_policy() {
    let bed = Bed::new().await;
    let arn = format!("arn:aws:iam::{ACCOUNT}:policy/seqera/reads");
    let owner = ("policy", arn.as_str());
    let first = Attributes::from([
        ("name", "reads".into()),
        ("path", "/seqera/".into()),
        ("description", "Reads <all> & \"more\" + é".into()),
        ("document", document(allow("s3:GetObject"))),
        ("tags", tags(&[("team", "a"), ("cost", "x y")])),
    ]);
    let mut next = first.clone();
    next.insert("document", document(allow("s3:PutObject")));
    next.insert("tags", tags(&[("team", "b")]));
    lives(&bed, "policy", owner, &first, &next).await;
    // More changes than versions fit.
    for n in 0..6 {
        let live = one(&bed, owner.0, owner.1, "policy").await;
        next.insert("document", document(allow(&format!("s3:Get{n}"))));
        of("policy").converge(&bed.cloud, &live, &next).await.unwrap();
        assert_eq!(one(&bed, owner.0, owner.1, "policy").await, next);
    }
    goes(&bed, "policy", owner, &next).await;
}

#[tokio::test]
async fn a_role() {
    let bed = Bed::new().await;
    let owner = ("role", "head");
    bed.role("launch").await;
    let boundary = bed.policy("bound").await;
    let first = Attributes::from([
        ("name", "head".into()),
        ("path", "/".into()),
        ("trust", document(trust("ec2"))),
        ("max_session", Value::Number(3600)),
    ]);
    let mut next = first.clone();
    next.insert("description", "line\n  two".into());
    next.insert("trust", document(trust_of(&format!("arn:aws:iam::{ACCOUNT}:role/launch"))));
    next.insert("max_session", Value::Number(7200));
    next.insert("boundary", boundary.as_str().into());
    next.insert("tags", tags(&[("team", "b")]));
    lives(&bed, "role", owner, &first, &next).await;
    of("role").converge(&bed.cloud, &next, &first).await.unwrap();
    assert_eq!(one(&bed, "role", "head", "role").await, first);
    goes(&bed, "role", owner, &first).await;
    of("role").create(&bed.cloud, &next).await.unwrap();
    assert_eq!(one(&bed, "role", "head", "role").await, next);
}

#[tokio::test]
async fn what_hangs_on_a_role() {
    let bed = Bed::with("page=1").await;
    let owner = ("role", "head");
    bed.role("head").await;
    let first =
        Attributes::from([("role", "head".into()), ("name", "logs".into()), ("document", document(allow("logs:*")))]);
    let mut next = first.clone();
    next.insert("document", document(allow("logs:PutLogEvents")));
    lives(&bed, "inline_policy", owner, &first, &next).await;
    let mut second = next.clone();
    second.insert("name", "more".into());
    of("inline_policy").create(&bed.cloud, &second).await.unwrap();
    assert_eq!(read(&bed, "role", "head", "inline_policy").await.len(), 2);
    of("inline_policy").delete(&bed.cloud, &second).await.unwrap();
    goes(&bed, "inline_policy", owner, &next).await;

    let arn = bed.policy("reads").await;
    let attached = Attributes::from([("role", "head".into()), ("policy_arn", arn.as_str().into())]);
    lives(&bed, "attachment", owner, &attached, &attached).await;
    let obstacles = of("policy").obstacles(&bed.cloud, &arn).await.unwrap();
    assert_eq!(obstacles[0].text, "is attached to role head");
    goes(&bed, "attachment", owner, &attached).await;
    assert!(of("policy").obstacles(&bed.cloud, &arn).await.unwrap().is_empty());
}

#[tokio::test]
async fn an_instance_profile_and_its_role() {
    let bed = Bed::new().await;
    let owner = ("instance_profile", "nodes");
    bed.role("head").await;
    let first = Attributes::from([("name", "nodes".into()), ("path", "/x/".into()), ("tags", tags(&[("a", "1")]))]);
    let mut next = first.clone();
    next.insert("tags", tags(&[("b", "2")]));
    lives(&bed, "instance_profile", owner, &first, &next).await;
    let held = Attributes::from([("instance_profile", "nodes".into()), ("role", "head".into())]);
    lives(&bed, "profile_role", owner, &held, &held).await;
    let obstacles = of("role").obstacles(&bed.cloud, "head").await.unwrap();
    assert_eq!(obstacles[0].text, "is in instance profile nodes");
    goes(&bed, "profile_role", owner, &held).await;
    goes(&bed, "instance_profile", owner, &next).await;
}

#[tokio::test]
async fn a_user_and_a_group() {
    let bed = Bed::with("page=1").await;
    let (owner, crew) = (("user", "ana"), ("group", "crew"));
    let boundary = bed.policy("bound").await;
    let group = Attributes::from([("name", "crew".into()), ("path", "/".into())]);
    let mut moved = group.clone();
    moved.insert("path", "/x/".into());
    lives(&bed, "group", crew, &group, &moved).await;
    let first = Attributes::from([("name", "ana".into()), ("path", "/".into()), ("tags", tags(&[("a", "1")]))]);
    let mut next = first.clone();
    next.insert("path", "/x/".into());
    next.insert("boundary", boundary.as_str().into());
    next.insert("tags", tags(&[("b", "2")]));
    lives(&bed, "user", owner, &first, &next).await;
    of("user").converge(&bed.cloud, &next, &first).await.unwrap();
    assert_eq!(one(&bed, "user", "ana", "user").await, first);

    let member = Attributes::from([("user", "ana".into()), ("group", "crew".into())]);
    lives(&bed, "membership", owner, &member, &member).await;
    let obstacles = of("group").obstacles(&bed.cloud, "crew").await.unwrap();
    assert_eq!(obstacles[0].text, "is the group of user ana");
    for (inline, attached, owner) in
        [("user_inline_policy", "user_attachment", owner), ("group_inline_policy", "group_attachment", crew)]
    {
        let name = |rest: [(&'static str, Value); 1]| {
            Attributes::from([(owner.0, Value::from(owner.1))]).into_iter().chain(rest)
        };
        let logs = |action: &str| -> Attributes {
            name([("name", "logs".into())]).chain([("document", document(allow(action)))]).collect()
        };
        lives(&bed, inline, owner, &logs("logs:*"), &logs("logs:Get*")).await;
        let policy: Attributes = name([("policy_arn", boundary.as_str().into())]).collect();
        lives(&bed, attached, owner, &policy, &policy).await;
        let obstacles = of("policy").obstacles(&bed.cloud, &boundary).await.unwrap();
        assert_eq!(obstacles[0].text, format!("is attached to {} {}", owner.0, owner.1));
        goes(&bed, attached, owner, &policy).await;
        goes(&bed, inline, owner, &logs("logs:Get*")).await;
    }
    goes(&bed, "membership", owner, &member).await;
    goes(&bed, "group", crew, &moved).await;
    goes(&bed, "user", owner, &first).await;
}

#[tokio::test]
async fn what_keeps_a_user_is_told() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("users")).unwrap();
    let user = r#"{"password": "2026-01-01T00:00:00Z", "access_keys": {"AKIA1": {"active": false}},
        "mfa_devices": ["arn:aws:iam::123456789012:mfa/ana"], "ssh_public_keys": ["APKA1"],
        "signing_certificates": ["C1"], "service_credentials": {"ACCA1": "codecommit.amazonaws.com"}}"#;
    std::fs::write(dir.path().join("users/ana.json"), user).unwrap();
    let bed = Bed::over(dir, "").await;
    let told = of("user").obstacles(&bed.cloud, "ana").await.unwrap();
    assert_eq!(
        told.iter().map(|obstacle| obstacle.text.as_str()).collect::<Vec<_>>(),
        [
            "has a password to sign in with",
            "has the access key AKIA1",
            "has the MFA device arn:aws:iam::123456789012:mfa/ana",
            "has the SSH public key APKA1",
            "has the signing certificate C1",
            "has the credential ACCA1 for codecommit.amazonaws.com",
        ]
    );
}
