//! What this program itself needs to be allowed, from the actions that the kinds say they use.
//!
//! Reading needs no scope: it tells names. Writing is bound to the path, to the ownership tag, and to a
//! permissions boundary for every role and user that is made or given something, so that nobody gains by it what the
//! boundary does not allow. What was in the path before and nobody owns may be signed, and then acted as: AWS knows
//! no condition that tells such a `TagRole` from the one that a `CreateRole` with tags needs, and none on
//! `UpdateAssumeRolePolicy` and `CreateAccessKey` that tells of a boundary. So a path should have nothing else in it.
//! Groups have neither tags nor boundaries: all in the path may be changed, and what their users may do is
//! bounded by the users' own boundaries.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json, json};

use super::KINDS;
use crate::plan::DEPLOYMENT_TAG;
use crate::policy::Document;

/// Calls beside those of the kinds, for the account, its figures, and the survey of it.
const ALWAYS: [&str; 6] = [
    "iam:GetAccountAuthorizationDetails",
    "iam:GetAccountSummary",
    "iam:ListInstanceProfiles",
    "iam:ListRoles",
    "sts:GetCallerIdentity",
    "tag:GetResources",
];

/// What `apply` may touch.
#[derive(Clone, Debug)]
pub struct Scope {
    /// The path of everything that it makes: `/seqera/`.
    pub path: String,
    /// The one deployment whose objects it may change; any, when it is not said.
    pub deployment: Option<String>,
    /// The ARN of the boundary that every role must have.
    pub boundary: String,
    /// Who and what holds these permissions: roles and policies that it may not change.
    pub holders: Vec<String>,
}

/// Returns what `plan` needs: to read.
pub fn of_plan() -> Document {
    let actions: BTreeSet<&str> = KINDS.iter().flat_map(|kind| kind.schema().reads).copied().chain(ALWAYS).collect();
    document(vec![json!({"Sid": "Read", "Effect": "Allow", "Action": actions, "Resource": "*"})])
}

/// Returns what `apply` and `destroy` need.
pub fn of_apply(scope: &Scope) -> Document {
    let mut statements = of_plan().json()["Statement"].as_array().cloned().unwrap_or_default();
    let writes: BTreeSet<&str> = KINDS.iter().flat_map(|kind| kind.schema().writes).copied().collect();
    let of = |guard: Guard| writes.iter().copied().filter(|action| Guard::of(action) == guard).collect::<Vec<_>>();
    for guard in Guard::ALL {
        let conditions = guard.conditions(scope);
        for (sid, condition) in conditions {
            let actions = of(guard);
            let resources: BTreeSet<String> = actions.iter().map(|action| resource(action, scope)).collect();
            let mut statement = json!({"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resources, "Condition": condition});
            if condition_is_empty(&statement) {
                statement.as_object_mut().map(|statement| statement.remove("Condition"));
            }
            statements.push(statement);
        }
    }
    let guarded: BTreeSet<&String> = scope.holders.iter().chain([&scope.boundary]).collect();
    statements.push(json!({"Sid": "NotItself", "Effect": "Deny", "Resource": guarded,
                           "NotAction": of_plan().json()["Statement"][0]["Action"]}));
    document(statements)
}

fn condition_is_empty(statement: &Json) -> bool {
    statement["Condition"].as_object().is_none_or(Map::is_empty)
}

fn document(statements: Vec<Json>) -> Document {
    Document::from_json(json!({"Version": "2012-10-17", "Statement": statements}))
}

/// What has to hold so that a write may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Guard {
    /// A new role or user carries our tag and the boundary.
    NewOwner,
    /// Anything else that is new carries our tag.
    New,
    /// What gets tags is ours, or becomes it.
    Tag,
    /// What changes the permissions of a role or user: it is ours and has the boundary.
    Grant,
    /// The boundary that is put is the one.
    Boundary,
    /// A role of the path may be handed to EC2.
    Pass,
    /// Anything else: it is ours.
    Owned,
    /// A service-linked role: it takes no tags, and AWS keeps it as long as its service needs it.
    Service,
    /// A group of the path: there is no tag to tell whose it is.
    Group,
    /// A boundary is never taken away.
    Never,
}

impl Guard {
    const ALL: [Guard; 9] = [
        Guard::Service,
        Guard::NewOwner,
        Guard::New,
        Guard::Tag,
        Guard::Grant,
        Guard::Boundary,
        Guard::Pass,
        Guard::Owned,
        Guard::Group,
    ];

    fn of(action: &str) -> Self {
        match action {
            "iam:CreateRole" | "iam:CreateUser" => Guard::NewOwner,
            _ if action.contains("ServiceLinkedRole") => Guard::Service,
            "iam:CreatePolicy" | "iam:CreateInstanceProfile" | "iam:CreateOpenIDConnectProvider" => Guard::New,
            "iam:AttachRolePolicy" | "iam:PutRolePolicy" | "iam:AttachUserPolicy" | "iam:PutUserPolicy" => Guard::Grant,
            "iam:PutRolePermissionsBoundary" | "iam:PutUserPermissionsBoundary" => Guard::Boundary,
            "iam:DeleteRolePermissionsBoundary" | "iam:DeleteUserPermissionsBoundary" => Guard::Never,
            "iam:PassRole" => Guard::Pass,
            _ if action.contains("Group") => Guard::Group,
            _ if action.starts_with("iam:Tag") => Guard::Tag,
            _ => Guard::Owned,
        }
    }

    /// Returns the Sid and the conditions of each statement that allows what is guarded so.
    fn conditions(self, scope: &Scope) -> Vec<(&'static str, Json)> {
        let tagged = |what: &str| match &scope.deployment {
            Some(name) => json!({"StringEquals": {format!("aws:{what}Tag/{DEPLOYMENT_TAG}"): name}}),
            None => json!({"StringLike": {format!("aws:{what}Tag/{DEPLOYMENT_TAG}"): "*"}}),
        };
        let bounded = |mut condition: Json| {
            condition["ArnEquals"] = json!({"iam:PermissionsBoundary": scope.boundary});
            condition
        };
        // Nobody takes over what is another deployment's by giving it another tag.
        let untagged = |mut condition: Json| {
            condition["Null"] = json!({format!("aws:ResourceTag/{DEPLOYMENT_TAG}"): "true"});
            condition
        };
        match self {
            Guard::NewOwner => vec![("NewOwners", bounded(tagged("Request")))],
            Guard::New => vec![("New", tagged("Request"))],
            Guard::Tag => vec![("TagNew", untagged(tagged("Request"))), ("TagOwned", tagged("Resource"))],
            Guard::Grant => vec![("Grant", bounded(tagged("Resource")))],
            Guard::Boundary => vec![("Boundary", bounded(tagged("Resource")))],
            Guard::Pass => vec![("Pass", json!({"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}))],
            Guard::Owned => vec![("Owned", tagged("Resource"))],
            Guard::Service => vec![("ServiceLinkedRoles", json!({}))],
            Guard::Group => vec![("Groups", json!({}))],
            Guard::Never => Vec::new(),
        }
    }
}

/// Returns what an action is on: "Actions, resources, and condition keys for AWS Identity and Access Management".
fn resource(action: &str, scope: &Scope) -> String {
    let mut parts = scope.boundary.split(':').skip(1);
    let (partition, account) = (parts.next().unwrap_or("aws"), parts.nth(2).unwrap_or("*"));
    let kind = match action {
        // AWS keeps them in a path of their own.
        _ if action.contains("ServiceLinkedRole") => {
            return format!("arn:{partition}:iam::{account}:role/aws-service-role/*");
        }
        // A provider has no path: it goes by its URL.
        _ if action.contains("OpenIDConnect") => return format!("arn:{partition}:iam::{account}:oidc-provider/*"),
        _ if action.contains("InstanceProfile") => "instance-profile",
        // A membership is an action on the group.
        _ if action.contains("Group") => "group",
        _ if action.contains("Role") => "role",
        _ if action.contains("User") || action.contains("AccessKey") => "user",
        _ => "policy",
    };
    format!("arn:{partition}:iam::{account}:{kind}{}*", scope.path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::evaluate::{Decision, Policy, Request, evaluate};
    use crate::policy::{Host, limits, validate};

    const BOUNDARY: &str = "arn:aws:iam::123456789012:policy/ceiling";

    fn scope() -> Scope {
        Scope {
            path: "/seqera/".to_owned(),
            deployment: Some("demo".to_owned()),
            boundary: BOUNDARY.to_owned(),
            holders: vec!["arn:aws:iam::123456789012:role/seqera/deployer".to_owned()],
        }
    }

    #[test]
    fn documents_are_taken_by_aws_and_fit() {
        for document in [of_plan(), of_apply(&scope()), of_apply(&Scope { deployment: None, ..scope() })] {
            assert_eq!(validate(document.json(), Host::Managed), []);
            assert!(document.size() < limits::longest(Host::Managed), "{}", document.size());
        }
    }

    #[test]
    fn every_action_of_a_kind_is_in_it_but_one() {
        let text = of_apply(&scope()).to_compact();
        let all = KINDS.iter().flat_map(|kind| kind.schema().reads.iter().chain(kind.schema().writes));
        let missing: Vec<_> = all.filter(|action| !text.contains(&format!("\"{action}\""))).collect();
        assert_eq!(missing, [&"iam:DeleteRolePermissionsBoundary", &"iam:DeleteUserPermissionsBoundary"]);
    }

    #[test]
    fn it_is_bound_to_path_tag_and_boundary_and_cannot_change_itself() {
        let policies = [Policy::read(&of_apply(&scope()), Host::Managed).unwrap()];
        let tag = |what: &str| (format!("aws:{what}Tag/{DEPLOYMENT_TAG}"), "demo".to_owned());
        let boundary = ("iam:PermissionsBoundary".to_owned(), BOUNDARY.to_owned());
        let decide = |action: &str, resource: &str, said: &[(String, String)]| {
            let context = said.iter().map(|(key, value)| (key, value.as_str())).collect();
            let resource = format!("arn:aws:iam::123456789012:{resource}");
            evaluate(&policies, None, &Request::new(action, resource, context)).decision
        };
        use Decision::{Allowed, ExplicitDeny, ImplicitDeny};
        for (action, resource, said, expected) in [
            ("iam:CreateRole", "role/seqera/a", vec![tag("Request"), boundary.clone()], Allowed),
            ("iam:CreateRole", "role/seqera/a", vec![tag("Request")], ImplicitDeny),
            ("iam:CreateRole", "role/a", vec![tag("Request"), boundary.clone()], ImplicitDeny),
            ("iam:AttachRolePolicy", "role/seqera/a", vec![tag("Resource"), boundary.clone()], Allowed),
            ("iam:AttachRolePolicy", "role/seqera/a", vec![boundary.clone()], ImplicitDeny),
            ("iam:CreateUser", "user/seqera/a", vec![tag("Request"), boundary.clone()], Allowed),
            ("iam:CreateUser", "user/seqera/a", vec![tag("Request")], ImplicitDeny),
            ("iam:PutUserPolicy", "user/seqera/a", vec![tag("Resource")], ImplicitDeny),
            ("iam:AddUserToGroup", "group/seqera/a", vec![], Allowed),
            ("iam:AttachGroupPolicy", "group/a", vec![], ImplicitDeny),
            ("iam:DeleteRole", "role/seqera/a", vec![tag("Resource")], Allowed),
            (
                "iam:DeleteRolePermissionsBoundary",
                "role/seqera/a",
                vec![tag("Resource"), boundary.clone()],
                ImplicitDeny,
            ),
            ("iam:PutRolePolicy", "role/seqera/deployer", vec![tag("Resource"), boundary.clone()], ExplicitDeny),
            ("iam:CreatePolicyVersion", "policy/ceiling", vec![tag("Resource")], ExplicitDeny),
            ("iam:GetPolicy", "policy/ceiling", vec![], Allowed),
        ] {
            assert_eq!(decide(action, resource, &said), expected, "{action} {resource}");
        }
    }
}
