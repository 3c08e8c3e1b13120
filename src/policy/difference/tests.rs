//! The difference in words, and against trying requests.

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::gain::Piece;
use super::region::{Region, Texts};
use super::*;
use crate::policy::Host;
use crate::policy::evaluate::{Context, Decision, Policy, Request, evaluate, holds};
use crate::policy::pattern::Pattern;
use crate::policy::statement::Principal;

fn document(statements: Json) -> Document {
    Document::from_json(json!({"Version": "2012-10-17", "Statement": statements}))
}

fn allow(action: Json, resource: Json) -> Json {
    json!({"Effect": "Allow", "Action": action, "Resource": resource})
}

fn deny(action: Json, resource: Json) -> Json {
    json!({"Effect": "Deny", "Action": action, "Resource": resource})
}

/// Writes a difference as a plan would: `+` what is added, `-` what is removed.
fn written(difference: &Difference) -> Vec<String> {
    let added = difference.added.iter().map(|line| format!("+ {line}"));
    added.chain(difference.removed.iter().map(|line| format!("- {line}"))).collect()
}

#[track_caller]
fn check(before: Json, after: Json, expected: &[&str]) {
    let (before, after) = (document(before), document(after));
    assert_eq!(written(&of_documents(Some(&before), Some(&after))), expected);
}

#[test]
fn a_new_action_is_exact() {
    let bucket = "arn:aws:s3:::acme/*";
    check(
        json!([allow(json!("s3:GetObject"), json!(bucket))]),
        json!([allow(json!(["s3:GetObject", "s3:DeleteObject"]), json!(bucket))]),
        &["+ s3:DeleteObject on arn:aws:s3:::acme/*"],
    );
}

#[test]
fn another_spelling_is_no_change() {
    check(
        json!([
            allow(json!(["s3:GetObject", "s3:PutObject"]), json!(["a/*", "b/*"])),
            allow(json!("s3:*"), json!("c"))
        ]),
        json!([
            allow(json!("S3:getobject"), json!("a/*")),
            allow(json!("s3:PutObject"), json!("a/*")),
            allow(json!(["s3:PutObject", "s3:GetObject"]), json!(["b/*", "b/c"])),
            allow(json!(["s3:*", "s3:Get*"]), json!("c")),
        ]),
        &[],
    );
}

#[test]
fn a_union_covers_what_no_statement_does_alone() {
    check(
        json!([allow(json!("s3:Get*"), json!("*"))]),
        json!([
            {"Effect": "Allow", "NotAction": "s3:GetObject", "Resource": "*"},
            allow(json!("s3:GetObject"), json!("*")),
            deny(json!("ec2:*"), json!("*")),
        ]),
        &[
            "+ at most all but s3:GetObject on * except s3:Get*; ec2:*",
            "- at most ec2:* on * except what is not allowed by other policies",
        ],
    );
    check(
        json!([{"Effect": "Allow", "NotAction": "s3:GetObject", "Resource": "*"}, allow(json!("s3:GetObject"), json!("*"))]),
        json!([allow(json!("*"), json!("*"))]),
        &[],
    );
}

#[test]
fn a_wider_grant_says_what_was_allowed_before() {
    check(
        json!([allow(json!("s3:Get*"), json!("arn:aws:s3:::a/*"))]),
        json!([allow(json!("s3:*"), json!("arn:aws:s3:::*"))]),
        &["+ at most s3:* on arn:aws:s3:::* except s3:Get* on arn:aws:s3:::a/*"],
    );
}

#[test]
fn a_condition_is_compared_whole() {
    let with = |condition: Json| json!([{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "a", "Condition": condition}]);
    let vpc = || json!({"StringEquals": {"aws:SourceVpc": ["vpc-1", "vpc-2"]}});
    check(with(vpc()), with(json!({"StringEquals": {"aws:sourcevpc": ["vpc-2", "vpc-1"]}})), &[]);
    check(
        json!([allow(json!("s3:GetObject"), json!("a"))]),
        with(vpc()),
        &["- at most s3:GetObject on a except if StringEquals aws:SourceVpc: vpc-1, vpc-2"],
    );
    check(
        with(vpc()),
        with(json!({"StringEquals": {"aws:SourceVpc": ["vpc-1", "vpc-2"]}, "Bool": {"aws:SecureTransport": "true"}})),
        &[
            "- at most s3:GetObject on a if StringEquals aws:SourceVpc: vpc-1, vpc-2 except if Bool aws:SecureTransport: true",
        ],
    );
}

/// An older version takes a variable for that text.
#[test]
fn what_is_spelled_alike_says_what_it_is() {
    let home = "arn:aws:s3:::b/${aws:username}/*";
    let of = |version: &str| {
        Document::from_json(json!({"Version": version, "Statement": [allow(json!("s3:GetObject"), json!(home))]}))
    };
    let [old, new] = ["2008-10-17", "2012-10-17"].map(of);
    let line = |is: &str, was: &str| {
        format!("at most s3:GetObject on {home} as {is} except on {home} as {was} and {home} as {is}")
    };
    assert_eq!(
        written(&of_documents(Some(&old), Some(&new))),
        [format!("+ {}", line("a variable", "text")), format!("- {}", line("text", "a variable"))]
    );
}

#[test]
fn a_deny_takes_from_this_and_from_other_policies() {
    let all = || allow(json!("s3:*"), json!("*"));
    check(json!([all(), deny(json!("s3:Delete*"), json!("*"))]), json!([all()]), &["+ s3:Delete* on *"]);
    check(
        json!([]),
        json!([deny(json!("s3:Delete*"), json!("*"))]),
        &["- at most s3:Delete* on * except what is not allowed by other policies"],
    );
}

#[test]
fn a_boundary_bounds() {
    let wide = document(json!([allow(json!("*"), json!("*"))]));
    let ceiling = document(json!([allow(json!(["s3:*", "ec2:*"]), json!("*")), deny(json!("s3:Delete*"), json!("*"))]));
    let bare = Holding::default().policy(&wide);
    let bound = Holding::default().policy(&wide).boundary(&ceiling);
    let narrower = of_holdings(&bare, &bound);
    assert_eq!(written(&narrower), ["- s3:Delete* on *", "- at most * on * except s3:*; ec2:*"]);
    assert_eq!(written(&of_holdings(&bound, &bare)), ["+ s3:Delete* on *", "+ at most * on * except s3:*; ec2:*"]);
    assert!(of_holdings(&bound, &bound).is_empty());
}

#[test]
fn a_boundary_bounds_what_nobody_read() {
    let ceiling = document(json!([allow(json!("s3:*"), json!("*"))]));
    let bare = Holding::default().unread_policy("AdministratorAccess");
    let bound = bare.clone().boundary(&ceiling);
    let line = "at most * on * except s3:*; what is not allowed by AdministratorAccess";
    assert_eq!(written(&of_holdings(&bare, &bound)), [format!("- {line}")]);
    assert_eq!(written(&of_holdings(&bound, &bare)), [format!("+ {line}")]);
    let wider = document(json!([allow(json!(["s3:*", "logs:*"]), json!("*"))]));
    assert_eq!(
        written(&of_holdings(&bound, &bare.boundary(&wider))),
        ["+ at most logs:* on * except what is not allowed by AdministratorAccess"]
    );
    assert!(of_holdings(&bound, &bound).is_empty());
}

#[test]
fn what_nobody_read_is_unknown() {
    let reads = document(json!([allow(json!("s3:Get*"), json!("*"))]));
    let before = Holding::default().unread_policy("AmazonS3FullAccess");
    let after = before.clone().policy(&reads).unread_policy("PowerUserAccess");
    assert_eq!(
        written(&of_holdings(&before, &after)),
        ["+ at most s3:Get* on * except what AmazonS3FullAccess allows", "+ unknown: what PowerUserAccess allows"]
    );
    let odd = document(json!([{"Effect": "Perhaps"}]));
    assert_eq!(
        written(&of_documents(None, Some(&odd))),
        ["+ unknown: statement 1: `Effect` is neither `Allow` nor `Deny`"]
    );
}

/// Nobody can say that something is lost to a statement which may still allow it.
#[test]
fn beside_what_cannot_be_read_nothing_is_exact() {
    let readable = json!([allow(json!("s3:GetObject"), json!("a"))]);
    let odd = json!([{"Effect": "Allow", "Action": "s3:GetObject", "Resource": ["a", 7]}]);
    let why = "unknown: statement 1: `Resource` is not what it should be";
    let line = "at most s3:GetObject on a except what statement 1 may";
    check(readable.clone(), odd.clone(), &[&format!("+ {why}"), &format!("- {line} allow, which cannot be read")]);
    check(odd.clone(), readable, &[&format!("+ {line} allow, which cannot be read"), &format!("- {why}")]);
    assert!(!Holding::default().policy(&document(odd)).is_nothing());
}

#[test]
fn a_trust_policy_is_about_principals() {
    let trust = |principal: Json| json!([{"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}]);
    check(
        trust(json!({"Service": "ec2.amazonaws.com", "AWS": "111122223333"})),
        trust(
            json!({"Service": ["ec2.amazonaws.com", "batch.amazonaws.com"], "AWS": "arn:aws:iam::111122223333:root"}),
        ),
        &["+ sts:AssumeRole by batch.amazonaws.com"],
    );
    check(
        trust(json!({"Service": "ec2.amazonaws.com", "AWS": "arn:aws:iam::111122223333:role/head"})),
        trust(json!("*")),
        &["+ at most sts:AssumeRole by everybody except by ec2.amazonaws.com; by arn:aws:iam::111122223333:role/head"],
    );
}

#[test]
fn an_account_is_whoever_is_in_it() {
    const ROOT: &str = "arn:aws:iam::111122223333:root";
    const ROLE: &str = "arn:aws:iam::111122223333:role/team/head";
    let trust =
        |effect: &str, principal: Json| json!({"Effect": effect, "Principal": principal, "Action": "sts:AssumeRole"});
    let allow = |name: &str| trust("Allow", json!({"AWS": name}));
    let narrower = format!("at most sts:AssumeRole by {ROOT} except by {ROLE}");
    check(json!([allow(ROOT)]), json!([allow(ROLE)]), &[&format!("- {narrower}")]);
    check(json!([allow(ROLE)]), json!([allow(ROOT)]), &[&format!("+ {narrower}")]);
    check(json!([allow("111122223333"), allow(ROLE)]), json!([allow(ROOT)]), &[]);
    let denied = trust("Deny", json!({"AWS": "111122223333"}));
    check(json!([denied]), json!([denied, allow(ROLE)]), &[]);
    let session = "arn:aws:sts::111122223333:assumed-role/head/ana";
    let one_less = format!("- sts:AssumeRole by {ROLE} and {session}");
    check(json!([allow(ROLE)]), json!([allow(ROLE), trust("Deny", json!({"AWS": session}))]), &[&one_less]);
}

#[test]
fn a_deny_in_a_trust_takes_what_the_trust_gives() {
    let ec2 = json!({"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"});
    let nobody = json!({"Effect": "Deny", "Principal": "*", "Action": "sts:AssumeRole"});
    check(json!([ec2]), json!([ec2, nobody]), &["- sts:AssumeRole by ec2.amazonaws.com"]);
    let but = |names: Json| json!({"Effect": "Deny", "NotPrincipal": {"AWS": names}, "Action": "sts:AssumeRole"});
    let (account, user) = ("111122223333", "arn:aws:iam::111122223333:user/ana");
    let ana = json!({"Effect": "Allow", "Principal": {"AWS": user}, "Action": "sts:AssumeRole"});
    check(json!([ana]), json!([ana, but(json!([user, account]))]), &[]);
    check(json!([ana]), json!([ana, but(json!(user))]), &[&format!("- sts:AssumeRole by {user}")]);
    check(json!([ana]), json!([ana, but(json!(account))]), &[&format!("- sts:AssumeRole by {user}")]);
}

/// Every request that the documents below can tell apart, and some that they cannot.
fn requests() -> Vec<Request> {
    let actions = ["s3:Get", "s3:GetObject", "s3:Put", "ec2:Run", "iam:x"];
    let resources = ["a", "a/b", "a/b/c", "b/c", "c", "a/red"];
    let teams = [Some("red"), Some("blue"), None];
    let mut requests = Vec::new();
    for action in actions {
        for resource in resources {
            for team in teams {
                let mut context = Context::default();
                team.iter().for_each(|team| context.add(TEAM, *team));
                requests.push(Request::new(action, resource, context));
            }
        }
    }
    requests
}

const TEAM: &str = "aws:PrincipalTag/team";

fn is_of(request: &Request, pattern: &Pattern, text: &str) -> bool {
    let value = |key: &str| request.context().values(key).first().cloned();
    pattern.resolve(&value).is_some_and(|pattern| pattern.matches(text))
}

fn is_in(request: &Request, region: &Region) -> bool {
    let of = |texts: &Texts, text: &str| {
        texts.all.iter().all(|pattern| is_of(request, pattern, text))
            && !texts.none.iter().any(|pattern| is_of(request, pattern, text))
    };
    of(&region.actions, request.action())
        && of(&region.resources, request.resource())
        && region.clauses.values().all(|condition| holds(condition, request.context()))
}

/// What a principal has, for the difference and for the evaluation.
#[derive(Clone, Debug)]
struct Both {
    holding: Holding,
    policies: Vec<Policy>,
    boundary: Option<Policy>,
}

impl Both {
    fn new(policies: Vec<Json>, boundary: Option<Json>) -> Self {
        Self::of(Host::Managed, policies, boundary)
    }

    fn of(host: Host, policies: Vec<Json>, boundary: Option<Json>) -> Self {
        let read = |json: &Json| Policy::read(&document(json.clone()), host).unwrap();
        let holding = policies.iter().fold(Holding::default(), |h, json| h.policy(&document(json.clone())));
        let holding = boundary.iter().fold(holding, |h, json| h.boundary(&document(json.clone())));
        Self { holding, policies: policies.iter().map(read).collect(), boundary: boundary.as_ref().map(read) }
    }

    fn allows(&self, request: &Request) -> bool {
        evaluate(&self.policies, self.boundary.as_ref(), request).decision == Decision::Allowed
    }
}

fn statements() -> impl Strategy<Value = Json> {
    let actions =
        prop::sample::subsequence(vec!["s3:Get", "s3:Get*", "s3:*", "*", "ec2:*", "*:*u*", "s3:GetObject"], 1..3);
    let resources = prop::sample::subsequence(vec!["a", "a/*", "*", "*/c", "a/${aws:PrincipalTag/team}", "?"], 1..3);
    let team = |operator: &str, team: &str| json!({operator: {TEAM: team}});
    let conditions = vec![
        json!({}),
        json!({}),
        team("StringEquals", "red"),
        team("StringNotEquals", "red"),
        team("StringLikeIfExists", "b*"),
        team("Null", "true"),
        team("ForAllValues:StringEquals", "blue"),
        json!({"StringEquals": {TEAM: ["red", "blue"]}, "StringNotLike": {TEAM: "r*"}}),
    ];
    let conditions = prop::sample::select(conditions);
    let statement = (actions, resources, conditions, 0..8).prop_map(|(actions, resources, condition, form)| {
        let action = if form >= 4 { "NotAction" } else { "Action" };
        let resource = if form == 7 { "NotResource" } else { "Resource" };
        let effect = if form % 4 == 3 { "Deny" } else { "Allow" };
        json!({"Effect": effect, action: actions, resource: resources, "Condition": condition})
    });
    prop::collection::vec(statement, 1..4).prop_map(Json::Array)
}

fn both() -> impl Strategy<Value = Both> {
    let policies = prop::collection::vec(statements(), 0..3);
    (policies, prop::option::weighted(0.3, statements())).prop_map(|(policies, boundary)| Both::new(policies, boundary))
}

/// Who asks for a role, each with the text that stands for it in a region.
fn callers() -> Vec<Request> {
    let callers = [
        ("arn:aws:iam::111122223333:role/head", "AWS:111122223333:role/head::"),
        ("arn:aws:sts::111122223333:assumed-role/head/ana", "AWS:111122223333:role/head::ana"),
        ("arn:aws:sts::111122223333:assumed-role/head/bo", "AWS:111122223333:role/head::bo"),
        ("arn:aws:iam::111122223333:user/ana", "AWS:111122223333:user/ana"),
        ("arn:aws:iam::444455556666:user/ana", "AWS:444455556666:user/ana"),
        ("111122223333", "AWS:111122223333:root"),
        ("ec2.amazonaws.com", "Service:ec2.amazonaws.com"),
        ("eks.amazonaws.com", "Service:eks.amazonaws.com"),
    ];
    let request = |(name, text)| Request::new("sts:AssumeRole", text, Context::default()).by(Principal::of(name));
    callers.into_iter().map(request).collect()
}

fn trusts() -> impl Strategy<Value = Both> {
    let aws = prop::sample::subsequence(
        vec![
            "*",
            "111122223333",
            "arn:aws:iam::111122223333:root",
            "arn:aws:iam::111122223333:role/head",
            "arn:aws:sts::111122223333:assumed-role/head/ana",
            "arn:aws:iam::111122223333:user/ana",
            "444455556666",
        ],
        1..4,
    );
    let service = prop::option::weighted(0.3, prop::sample::select(vec!["ec2.amazonaws.com", "*"]));
    let statement = (aws, service, 0..8).prop_map(|(aws, service, form)| {
        let mut principal = json!({"AWS": aws});
        service.iter().for_each(|service| principal["Service"] = json!(service));
        let element = if form % 4 == 3 { "NotPrincipal" } else { "Principal" };
        let effect = if form >= 5 { "Deny" } else { "Allow" };
        json!({"Effect": effect, element: principal, "Action": "sts:AssumeRole"})
    });
    prop::collection::vec(statement, 1..4).prop_map(|list| Both::of(Host::Trust, vec![Json::Array(list)], None))
}

proptest! {
    #[test]
    fn who_is_trusted_newly_agrees_with_the_evaluation(before in trusts(), after in trusts()) {
        let gain = Gain::new(&before.holding, &after.holding);
        let pieces = gain.pieces();
        for request in callers() {
            let gained = !before.allows(&request) && after.allows(&request);
            let within = |piece: &Piece| is_in(&request, &piece.region) && !piece.except.iter().any(|e| is_in(&request, e));
            prop_assert_eq!(gained, pieces.iter().any(within), "{:?}", request);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]
    #[test]
    fn the_difference_agrees_with_the_evaluation(
        before in both(),
        after in both(),
        requests in prop::sample::subsequence(requests(), 12),
    ) {
        let gain = Gain::new(&before.holding, &after.holding);
        let pieces = gain.pieces();
        for request in requests {
            let gained = !before.allows(&request) && after.allows(&request);
            let within = |piece: &Piece| is_in(&request, &piece.region) && !piece.except.iter().any(|e| is_in(&request, e));
            prop_assert_eq!(gained, pieces.iter().any(within), "{:?}", request);
        }
        // What is written down leaves nothing out.
        prop_assert_eq!(pieces.is_empty(), gain.lines(&pieces).is_empty());
    }
}
