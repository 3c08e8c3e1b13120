//! Whom the trust policy of a step lets in, and how far: by name alone, or where a condition holds or no Deny does.

use super::{Change, Step};
use crate::model::{Account, Attributes};
use crate::policy::Document;
use crate::policy::condition::{Condition, Quantifier, Test};
use crate::policy::findings::is_anybody;
use crate::policy::statement::{self, Among, Effect, Principal, Statement};

/// What lets somebody in beside the token of a provider; what else comes with a session lets nobody in by itself.
const ASSUMES: [&str; 3] = ["sts:assumerole", "sts:assumerolewithsaml", "sts:assumerolewithwebidentity"];

/// What everybody's requests have alike, or say as they like.
const SAYS_NOT_WHO: [&str; 10] = [
    "aws:securetransport",
    "aws:currenttime",
    "aws:epochtime",
    "aws:requestedregion",
    "aws:useragent",
    "aws:tagkeys",
    "sts:transitivetagkeys",
    "sts:rolesessionname",
    "sts:sourceidentity",
    "sts:durationseconds",
];

/// Issuers that AWS knows without a provider in the account; the audience of their tokens is one application.
const OF_AN_APPLICATION: [&str; 2] = ["accounts.google.com:aud", "cognito-identity.amazonaws.com:aud"];

/// One principal in one Allow.
struct Way {
    who: Principal,
    /// Whether it is everybody but whom the Allow names.
    but: bool,
    conditions: Vec<Condition>,
    /// Whether no condition and no Deny says who of those that the name means.
    is_open: bool,
    asks_for_external_id: bool,
}

/// What a Deny leaves of somebody.
#[derive(PartialEq)]
enum Left {
    All,
    Some,
    Nothing,
}

/// Returns what is dangerous: somebody of elsewhere who is trusted newly, or asked for less.
pub(super) fn dangers(step: &Step, account: &Account) -> Vec<String> {
    if put_again(step) {
        return Vec::new();
    }
    between(&ways(step.change.before()), &ways(step.change.after()), account)
}

fn between(before: &[Way], after: &[Way], account: &Account) -> Vec<String> {
    let is_elsewhere = |ways: &&Vec<&Way>| is_elsewhere(&ways[0].who, account);
    by_name(after).iter().filter(is_elsewhere).filter_map(|after| danger(before, after)).collect()
}

/// What is worth a word in a step and is as Seqera says that it has to be.
pub(super) fn notes(step: &Step) -> Vec<String> {
    if put_again(step) {
        return vec![
            "the trust is put again, as somebody whom it names is another one: AWS trusts ids and not names".to_owned(),
        ];
    }
    let (before, after) = (ways(step.change.before()), ways(step.change.after()));
    let after = by_name(&after);
    let new = after.iter().filter(|ways| !before.iter().any(|way| way.is_of(&ways[0].who)));
    let let_in = new.filter(|ways| is_seqera(&ways[0].who) && ways.iter().all(|way| way.asks_for_external_id));
    let said =
        |ways: &Vec<&Way>| format!("Seqera Platform Cloud may act as it, with the External ID: {}", ways[0].who.name);
    let_in.map(said).collect()
}

/// A trust policy that is written although nothing in it differs but who is meant: what AWS holds is left out of the
/// comparison then.
fn put_again(step: &Step) -> bool {
    let Change::Update { before, after } = &step.change else { return false };
    !before.contains_key("trust") && after.contains_key("trust")
}

/// Says what is new of somebody, with all ways in which the policy lets it in.
fn danger(before: &[Way], after: &[&Way]) -> Option<String> {
    let Way { who, but, .. } = after[0];
    let wider: Vec<&Way> = before.iter().filter(|way| way.who.includes(who)).collect();
    let same: Vec<&Way> = wider.iter().copied().filter(|way| way.is_of(who)).collect();
    let was_open = wider.iter().any(|way| way.is_open);
    let is_open = after.iter().any(|way| way.is_open);
    if let Some(issuer) = issuer(who) {
        return (is_open && !was_open).then(|| format!("trusts whoever has a token of {issuer}"));
    }
    let asks = |ways: &[&Way]| !ways.is_empty() && ways.iter().all(|way| way.asks_for_external_id);
    let asks_no_more =
        |after: &&Way| wider.iter().any(|way| way.conditions.iter().all(|c| after.conditions.contains(c)));
    let is_known = was_open || !same.is_empty() || after.iter().all(asks_no_more);
    let is_everybody = who.whom.is_any();
    match is_known {
        false if *but => Some("trusts everybody in every account but whom it names".to_owned()),
        false if is_everybody && is_open => Some("trusts everybody in every account".to_owned()),
        false if is_everybody => Some("trusts everybody in every account for whom its conditions hold".to_owned()),
        false if is_seqera(who) && asks(after) => None,
        false => Some(format!("trusts a principal outside this account: {}", who.name)),
        true if asks(if same.is_empty() { &wider } else { &same }) && !asks(after) => {
            let whom = if is_everybody { "everybody in every account" } else { &who.name };
            Some(format!("asks {whom} for no External ID any more"))
        }
        true if is_open && !was_open && is_everybody => {
            Some("trusts everybody in every account: no condition and no Deny says any more who is meant".to_owned())
        }
        true if is_open && !was_open => Some(format!("asks {} for nothing any more", who.name)),
        true => None,
    }
}

/// Returns the ways of each principal together, however its name is spelled, in the order of the names.
fn by_name(ways: &[Way]) -> Vec<Vec<&Way>> {
    let mut groups: Vec<Vec<&Way>> = Vec::new();
    for way in ways {
        match groups.iter_mut().find(|group| group[0].is_of(&way.who) && group[0].but == way.but) {
            Some(group) => group.push(way),
            None => groups.push(vec![way]),
        }
    }
    groups.sort_by(|a, b| (&a[0].who.name, a[0].but).cmp(&(&b[0].who.name, b[0].but)));
    groups
}

impl Way {
    /// Says whether it lets in just this one.
    fn is_of(&self, who: &Principal) -> bool {
        self.who.includes(who) && who.includes(&self.who)
    }
}

/// Reads the trust policy of an object, if it has one.
fn ways(attributes: Option<&Attributes>) -> Vec<Way> {
    attributes.and_then(|attributes| attributes.get("trust")?.document()).map(ways_of).unwrap_or_default()
}

fn ways_of(trust: &Document) -> Vec<Way> {
    let statements: Vec<Statement> = statement::read(trust).into_iter().flatten().collect();
    let (allows, denies): (Vec<&Statement>, _) = statements.iter().partition(|one| one.effect == Effect::Allow);
    let mut ways = Vec::new();
    for allow in allows.into_iter().filter(|allow| assumes(allow).next().is_some()) {
        let (named, but) = match &allow.principals {
            Some(Among::Only(named)) => (named.clone(), false),
            Some(Among::Except(_)) => (vec![Principal::new("AWS", "*")], true),
            None => continue,
        };
        for who in named {
            let left: Vec<Left> = denies.iter().map(|deny| left(&who, allow, deny)).collect();
            if left.contains(&Left::Nothing) {
                continue;
            }
            let is_open = !allow.conditions.iter().any(narrows) && !left.contains(&Left::Some);
            let asks_for_external_id =
                allow.conditions.iter().any(|one| one.key.eq_ignore_ascii_case("sts:ExternalId") && narrows(one));
            ways.push(Way { who, but, conditions: allow.conditions.clone(), is_open, asks_for_external_id });
        }
    }
    ways
}

fn assumes(statement: &Statement) -> impl Iterator<Item = &'static str> {
    ASSUMES.into_iter().filter(|action| statement.actions.has(|pattern| pattern.matches(action)))
}

/// Says what a Deny leaves of somebody whom an Allow lets in.
fn left(who: &Principal, allow: &Statement, deny: &Statement) -> Left {
    let denies = |action| deny.actions.has(|pattern| pattern.matches(action));
    // Whoever has credentials needs no token of a provider.
    let is_by_name = who.kind == "AWS" && assumes(allow).next() == Some(ASSUMES[0]);
    let is_denied = if is_by_name { denies(ASSUMES[0]) } else { assumes(allow).all(denies) };
    let Some(denied) = deny.principals.as_ref().filter(|_| is_denied) else { return Left::All };
    let only_unless =
        |one: &Condition| one.operator.negated || says(one, Test::Bool, "false") || says(one, Test::Null, "true");
    match deny.conditions.as_slice() {
        [] if denied.covers(who) => Left::Nothing,
        [] if matches!(denied, Among::Except(_)) && denied.meets(who) => Left::Some,
        [] => Left::All,
        conditions => {
            let narrows = conditions.iter().all(only_unless) && conditions.iter().any(denies_others);
            if narrows && denied.meets(who) { Left::Some } else { Left::All }
        }
    }
}

fn says(condition: &Condition, test: Test, value: &str) -> bool {
    condition.operator.test == test && condition.values.iter().all(|said| said.as_str().eq_ignore_ascii_case(value))
}

/// Says whether a condition of an Allow leaves anybody out. One that holds where its key is missing, or is anything,
/// does not.
fn narrows(condition: &Condition) -> bool {
    let operator = condition.operator;
    let holds_without = operator.negated
        || operator.if_exists
        || operator.quantifier == Some(Quantifier::ForAllValues)
        || operator.test == Test::Null;
    !holds_without && says_who(condition)
}

/// Says whether a condition of a Deny leaves only some whom it does not deny.
fn denies_others(condition: &Condition) -> bool {
    (condition.operator.negated || says(condition, Test::Bool, "false")) && says_who(condition)
}

fn says_who(condition: &Condition) -> bool {
    let key = condition.key.to_ascii_lowercase();
    // Whoever has a token of a provider has one for whatever audience it gives.
    let is_audience = key.ends_with(":aud") && !OF_AN_APPLICATION.contains(&key.as_str());
    let says_who = !SAYS_NOT_WHO.contains(&key.as_str()) && !key.starts_with("aws:requesttag/") && !is_audience;
    let is_pattern = matches!(condition.operator.test, Test::StringLike | Test::Arn | Test::IpAddress);
    says_who && !(is_pattern && condition.values.iter().any(|value| is_anybody(value.as_str())))
}

/// Returns the issuer of whose tokens a principal is.
fn issuer(who: &Principal) -> Option<&str> {
    let is_saml = who.name.contains(":saml-provider/");
    (who.kind == "Federated" && !is_saml)
        .then(|| who.name.split_once(":oidc-provider/").map_or(who.name.as_str(), |it| it.1))
}

/// Says whether somebody is not of this account.
fn is_elsewhere(who: &Principal, account: &Account) -> bool {
    let of = who.name.split(':').nth(4).unwrap_or(&who.name);
    let is_account = of.len() == 12 && of.bytes().all(|b| b.is_ascii_digit());
    who.whom.is_any() || issuer(who).is_some() || who.kind == "AWS" && is_account && of != account.id
}

/// Says whether it is the role that Seqera Platform Cloud works with, as its documentation names it.
fn is_seqera(who: &Principal) -> bool {
    who.name == "arn:aws:iam::161471496260:role/SeqeraPlatformCloudAccessRole"
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    const ROOT: &str = "arn:aws:iam::444455556666:root";
    const ROLE: &str = "arn:aws:iam::444455556666:role/x";
    const GITHUB: &str = "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com";

    fn statement(effect: &str, principal: Json, condition: Json) -> Json {
        let actions = ["sts:AssumeRole", "sts:AssumeRoleWithWebIdentity"];
        json!({"Effect": effect, "Principal": principal, "Action": actions, "Condition": condition})
    }

    fn allow(principal: Json, condition: Json) -> Json {
        statement("Allow", principal, condition)
    }

    #[track_caller]
    fn check(before: Json, after: Json, expected: &[&str]) {
        let account = Account::new("aws", "111122223333");
        let read =
            |statements: Json| ways_of(&Document::from_json(json!({"Version": "2012-10-17", "Statement": statements})));
        assert_eq!(between(&read(before), &read(after), &account), expected);
    }

    fn of_organisation() -> Json {
        json!({"StringEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}})
    }

    #[test]
    fn everybody_without_the_condition_is_a_danger() {
        let open = "trusts everybody in every account: no condition and no Deny says any more who is meant";
        let limited = json!([allow(json!("*"), of_organisation())]);
        check(limited.clone(), json!([allow(json!({"AWS": "*"}), json!({}))]), &[open]);
        for useless in [
            json!({"StringLike": {"aws:PrincipalOrgID": "*"}}),
            json!({"StringEqualsIfExists": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}}),
            json!({"StringNotEquals": {"aws:PrincipalOrgID": "o-other"}}),
            json!({"Bool": {"aws:SecureTransport": "true"}}),
        ] {
            check(limited.clone(), json!([allow(json!("*"), useless)]), &[open]);
        }
        let mfa = json!({"Bool": {"aws:MultiFactorAuthPresent": "true"}});
        check(limited, json!([allow(json!("*"), mfa)]), &[]);
        let limited = "trusts everybody in every account for whom its conditions hold";
        check(json!([]), json!([allow(json!("*"), of_organisation())]), &[limited]);
    }

    #[test]
    fn everybody_without_the_deny_is_a_danger() {
        let open = "trusts everybody in every account: no condition and no Deny says any more who is meant";
        let all = allow(json!("*"), json!({}));
        let deny = |condition: Json| statement("Deny", json!("*"), condition);
        let others = deny(json!({
            "StringNotEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}, "BoolIfExists": {"aws:PrincipalIsAWSService": "false"},
        }));
        check(json!([all, others]), json!([all]), &[open]);
        let some = deny(json!({"StringEquals": {"aws:PrincipalAccount": "999988887777"}}));
        check(json!([all, others]), json!([all, some]), &[open]);
        check(json!([all, some]), json!([all]), &[]);
        let but = json!({"Effect": "Deny", "NotPrincipal": {"AWS": ["111122223333", ROLE]}, "Action": "sts:*"});
        check(json!([all, but]), json!([all]), &[open]);
        check(json!([all, deny(json!({}))]), json!([all]), &["trusts everybody in every account"]);
        let mut by_name = others.clone();
        by_name["Action"] = json!("sts:AssumeRole");
        check(json!([all, by_name]), json!([all]), &[open]);
    }

    #[test]
    fn everybody_but_a_few_is_a_danger() {
        let ec2 = allow(json!({"Service": "ec2.amazonaws.com"}), json!({}));
        let but = json!({"Effect": "Allow", "NotPrincipal": {"AWS": ROOT}, "Action": "sts:AssumeRole"});
        check(json!([ec2]), json!([ec2, but]), &["trusts everybody in every account but whom it names"]);
        check(json!([ec2, but]), json!([but]), &[]);
    }

    #[test]
    fn an_issuer_without_a_subject_is_a_danger() {
        let token = |subject: Json| {
            let key = |name: &str| format!("token.actions.githubusercontent.com:{name}");
            let mut condition = json!({"StringEquals": {key("aud"): "sts.amazonaws.com"}});
            if !subject.is_null() {
                condition["StringLike"] = json!({key("sub"): subject});
            }
            json!([allow(json!({"Federated": GITHUB}), condition)])
        };
        let open = ["trusts whoever has a token of token.actions.githubusercontent.com"];
        check(token(json!("repo:acme/infra:*")), token(Json::Null), &open);
        check(token(json!("repo:acme/infra:*")), token(json!("repo:*")), &open);
        check(token(Json::Null), token(Json::Null), &[]);
        check(json!([]), token(json!("repo:acme/infra:*")), &[]);
    }

    #[test]
    fn who_was_trusted_with_the_account_is_not_new() {
        let aws = |name: &str, condition: Json| json!([allow(json!({"AWS": name}), condition)]);
        let new = format!("trusts a principal outside this account: {ROLE}");
        let id = || json!({"StringEquals": {"sts:ExternalId": "3f2e1d0c"}});
        check(aws(ROOT, json!({})), aws(ROLE, json!({})), &[]);
        check(aws(ROOT, id()), aws(ROLE, id()), &[]);
        check(aws(ROOT, id()), aws(ROLE, json!({})), &[&new]);
        check(
            aws(ROLE, json!({})),
            aws(ROOT, json!({})),
            &[&format!("trusts a principal outside this account: {ROOT}")],
        );
        check(aws(ROLE, id()), aws(ROLE, json!({})), &[&format!("asks {ROLE} for no External ID any more")]);
        check(aws(ROLE, of_organisation()), aws(ROLE, json!({})), &[&format!("asks {ROLE} for nothing any more")]);
    }

    #[test]
    fn another_spelling_of_an_account_is_no_news() {
        let [id, root] = ["444455556666", ROOT].map(|name| allow(json!({"AWS": name}), json!({})));
        let service = allow(json!({"Service": "ec2.amazonaws.com"}), json!({}));
        check(json!([id]), json!([root, service]), &[]);
        check(json!([root]), json!([service, id]), &[]);
    }
}
