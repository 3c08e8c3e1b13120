//! The difference in words, and against trying requests.

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::gain::Piece;
use super::region::{Region, Texts};
use super::*;
use crate::policy::condition::Condition;
use crate::policy::pattern::Pattern;

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
            "- at most ec2:* on * except what other policies do not allow",
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

#[test]
fn a_deny_takes_from_this_and_from_other_policies() {
    let all = || allow(json!("s3:*"), json!("*"));
    check(json!([all(), deny(json!("s3:Delete*"), json!("*"))]), json!([all()]), &["+ s3:Delete* on *"]);
    check(
        json!([]),
        json!([deny(json!("s3:Delete*"), json!("*"))]),
        &["- at most s3:Delete* on * except what other policies do not allow"],
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
        trust(json!({"Service": "ec2.amazonaws.com"})),
        trust(json!("*")),
        &["+ at most sts:AssumeRole by everybody except by ec2.amazonaws.com"],
    );
}

/// One action on one resource, for which these conditions hold.
struct Request<'a> {
    action: &'a str,
    resource: &'a str,
    /// Values of the key `aws:PrincipalTag/team`.
    team: &'a str,
}

impl Request<'_> {
    /// Every request that the documents below can tell apart, and some that they cannot.
    fn all() -> impl Iterator<Item = Request<'static>> {
        let actions = ["s3:get", "s3:getobject", "s3:put", "ec2:run", "iam:x"];
        let resources = ["a", "a/b", "a/b/c", "b/c", "c", "a/red"];
        let teams = ["red", "blue", ""];
        actions.into_iter().flat_map(move |action| {
            resources.into_iter().flat_map(move |resource| teams.map(|team| Request { action, resource, team }))
        })
    }

    fn resolved(&self, pattern: &Pattern) -> Option<Pattern> {
        pattern.resolve(&|_| (!self.team.is_empty()).then(|| self.team.to_owned()))
    }

    fn is_of(&self, pattern: &Pattern, text: &str) -> bool {
        self.resolved(pattern).is_some_and(|pattern| pattern.matches(text))
    }

    fn fulfils(&self, condition: &Condition) -> bool {
        condition.values.iter().any(|value| value.as_str() == self.team) != condition.operator.negated
    }

    fn is_allowed(&self, holding: &Holding) -> bool {
        let any = |policies: &Policies, effect: Effect| {
            policies.statements.iter().any(|statement| {
                statement.effect == effect
                    && statement.actions.has(|pattern| pattern.matches(self.action))
                    && statement.resources.as_ref().unwrap().has(|pattern| self.is_of(pattern, self.resource))
                    && statement.conditions.iter().all(|condition| self.fulfils(condition))
            })
        };
        let allows = |policies: &Policies| any(policies, Effect::Allow) && !any(policies, Effect::Deny);
        allows(&holding.policies) && holding.boundary.as_ref().is_none_or(allows)
    }

    fn is_in(&self, region: &Region) -> bool {
        let of = |texts: &Texts, text: &str| {
            texts.all.iter().all(|pattern| self.is_of(pattern, text))
                && !texts.none.iter().any(|pattern| self.is_of(pattern, text))
        };
        of(&region.actions, self.action)
            && of(&region.resources, self.resource)
            && region.clauses.values().all(|condition| self.fulfils(condition))
    }
}

fn statements() -> impl Strategy<Value = Json> {
    let actions =
        prop::sample::subsequence(vec!["s3:Get", "s3:Get*", "s3:*", "*", "ec2:*", "*:*u*", "s3:GetObject"], 1..3);
    let resources = prop::sample::subsequence(vec!["a", "a/*", "*", "*/c", "a/${aws:PrincipalTag/team}", "?"], 1..3);
    let team = |operator: &str, team: &str| json!({operator: {"aws:PrincipalTag/team": team}});
    let conditions = vec![
        json!({}),
        json!({}),
        team("StringEquals", "red"),
        team("StringNotEquals", "red"),
        team("StringEquals", "blue"),
    ];
    let conditions = prop::sample::select(conditions);
    let statement = (actions, resources, conditions, 0..8).prop_map(|(actions, resources, condition, form)| {
        let action = if form >= 4 { "NotAction" } else { "Action" };
        let resource = if form == 7 { "NotResource" } else { "Resource" };
        let effect = if form % 4 == 3 { "Deny" } else { "Allow" };
        json!({"Effect": effect, action: actions, resource: resources, "Condition": condition})
    });
    prop::collection::vec(statement, 0..4).prop_map(Json::Array)
}

fn holdings() -> impl Strategy<Value = Holding> {
    (statements(), prop::option::weighted(0.3, statements())).prop_map(|(policy, boundary)| {
        let holding = Holding::default().policy(&document(policy));
        boundary.into_iter().fold(holding, |holding, boundary| holding.boundary(&document(boundary)))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]
    #[test]
    fn the_difference_agrees_with_trying_requests(before in holdings(), after in holdings()) {
        let gain = Gain::new(&before, &after);
        let pieces = gain.pieces();
        for request in Request::all() {
            let gained = !request.is_allowed(&before) && request.is_allowed(&after);
            let within = |piece: &Piece| request.is_in(&piece.region) && !piece.except.iter().any(|e| request.is_in(e));
            let told = pieces.iter().any(within);
            prop_assert_eq!(gained, told, "{} on {} by {:?}", request.action, request.resource, request.team);
        }
        // What is written down leaves nothing out.
        prop_assert_eq!(pieces.is_empty(), gain.lines(&pieces).is_empty());
    }
}
