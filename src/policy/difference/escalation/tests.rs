//! Each method alone opens its way; without one of its actions, with names or a condition in the way, or with a Deny
//! on one of its actions, it does not.

use serde_json::{Value as Json, json};

use super::*;
use crate::policy::Document;

const ROLE: &str = "arn:aws:iam::111122223333:role/seqera/head";
const USER: &str = "arn:aws:iam::111122223333:user/ci";
const GROUP: &str = "arn:aws:iam::111122223333:group/crew";
const POLICY: &str = "arn:aws:iam::111122223333:policy/seqera/launch";

fn open(statements: Json, holder: Option<&Holder>) -> Ways {
    let document = Document::from_json(json!({"Version": "2012-10-17", "Statement": statements}));
    ways(&Holding::default().policy(&document), holder, &Account::new("aws", "111122223333"))
}

fn allow(actions: &[&str], resource: &str) -> Json {
    json!({"Effect": "Allow", "Action": actions, "Resource": resource})
}

fn holder(arn: &str) -> Holder {
    Holder { arn: arn.to_owned(), is_bounded: true, policies: vec![POLICY.to_owned()] }
}

fn is_none(ways: &Ways) -> bool {
    *ways == Ways::default()
}

/// The holder for whom a method of oneself is one.
fn own(method: Method) -> Option<Holder> {
    let arn = match method[0].1 {
        Itself("role/") | Bounded("role/") | Held => ROLE,
        Itself("user/") | Bounded("user/") => USER,
        Itself(_) => GROUP,
        _ => return None,
    };
    Some(holder(arn))
}

/// What a method of names is allowed on where it is one.
fn scope(method: Method) -> String {
    match (method[0].1, own(method)) {
        (Held, _) => POLICY.to_owned(),
        (_, Some(own)) => own.arn,
        _ if method.iter().any(|(_, on)| *on == Made) => "arn:aws:iam::111122223333:*/TowerForge-*".to_owned(),
        _ => "*".to_owned(),
    }
}

#[test]
fn each_method_opens_its_way() {
    for method in METHODS {
        let actions: Vec<&str> = method.iter().map(|(action, _)| *action).collect();
        let (own, scope) = (own(method), scope(method));
        assert!(!is_none(&open(json!([allow(&actions, &scope)]), own.as_ref())), "{actions:?} on {scope}");
        let apart: Vec<Json> = actions.iter().map(|action| allow(&[action], &scope)).collect();
        assert!(!is_none(&open(json!(apart), own.as_ref())), "{actions:?} in statements of their own");
        let upper: Vec<String> = actions.iter().map(|action| action.to_uppercase()).collect();
        let upper: Vec<&str> = upper.iter().map(String::as_str).collect();
        assert!(!is_none(&open(json!([allow(&upper, &scope)]), own.as_ref())), "{upper:?}");
    }
}

#[test]
fn a_method_needs_all_of_it() {
    for method in METHODS {
        let actions: Vec<&str> = method.iter().map(|(action, _)| *action).collect();
        let (own, scope) = (own(method), scope(method));
        for (index, missing) in actions.iter().enumerate() {
            let rest: Vec<&str> = actions.iter().copied().filter(|action| action != missing).collect();
            let opens = !rest.is_empty() && !is_none(&open(json!([allow(&rest, &scope)]), own.as_ref()));
            // The rest of a user that is made is no way; what is left of none is nothing.
            assert!(!opens, "{actions:?} without {missing}");
            let deny = json!({"Effect": "Deny", "Action": actions[index], "Resource": "*"});
            let denied = open(json!([allow(&actions, &scope), deny]), own.as_ref());
            assert!(is_none(&denied), "{actions:?} with {missing} denied: {denied:?}");
        }
        let mut asked = allow(&actions, &scope);
        asked["Condition"] = json!({"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}});
        assert!(is_none(&open(json!([asked]), own.as_ref())), "{actions:?} under a condition");
    }
}

/// Names that are not one's own are in the way of all but what makes somebody new.
#[test]
fn names_keep_a_method_from_others() {
    let others = "arn:aws:iam::111122223333:*/others-*";
    for method in METHODS.iter().filter(|method| !method.iter().any(|(_, on)| *on == Made)) {
        let actions: Vec<&str> = method.iter().map(|(action, _)| *action).collect();
        let found = open(json!([allow(&actions, others)]), Some(&holder(ROLE)));
        assert!(is_none(&found), "{actions:?} on {others}: {found:?}");
    }
}

#[test]
fn all_of_a_type_is_everything() {
    let all = "arn:aws:iam::111122223333:role/*";
    assert!(open(json!([allow(&["iam:*"], all)]), None).everywhere.contains(&"iam:PutRolePolicy".to_owned()));
    assert!(open(json!([allow(&["iam:PutRolePolicy"], "arn:aws:iam::*:role/*")]), None).everywhere.len() == 1);
    assert!(is_none(&open(json!([allow(&["iam:PutRolePolicy"], "arn:aws:iam::444455556666:role/*")]), None)));
    assert!(is_none(&open(json!([allow(&["iam:Put*"], "arn:aws:iam::111122223333:role/seqera/*")]), None)));
}

#[test]
fn all_but_something_is_everything() {
    let all_but = |not: &str| open(json!([{"Effect": "Allow", "NotAction": not, "Resource": "*"}]), None).everywhere;
    assert!(all_but("s3:*").contains(&"iam:CreateAccessKey".to_owned()));
    assert!(!all_but("iam:*").contains(&"iam:CreateAccessKey".to_owned()));
    let rest = json!([{"Effect": "Allow", "Action": "iam:PutUserPolicy", "NotResource": "arn:aws:iam::*:user/root"}]);
    assert_eq!(open(rest, None).everywhere, ["iam:PutUserPolicy"]);
}

#[test]
fn a_boundary_and_a_name_say_who() {
    let scoped = json!([allow(&["iam:PutRolePolicy", "iam:DeleteRolePermissionsBoundary"], ROLE)]);
    let free = Holder { is_bounded: false, ..holder(ROLE) };
    assert_eq!(open(scoped.clone(), Some(&free)).oneself, ["iam:PutRolePolicy on itself"]);
    assert_eq!(open(scoped.clone(), Some(&holder(ROLE))).oneself.len(), 2);
    assert!(is_none(&open(scoped, Some(&holder(USER)))));
    let boundary = Document::from_json(json!({"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}));
    let all = Document::from_json(json!({"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}));
    let bounded = Holding::default().policy(&all).boundary(&boundary);
    assert!(is_none(&ways(&bounded, Some(&holder(ROLE)), &Account::new("aws", "111122223333"))));
}
