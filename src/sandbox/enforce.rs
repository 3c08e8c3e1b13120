//! Identity policies that the caller is held to: each call is decided by them before it does anything.
//!
//! Resources and condition keys are those of "Actions, resources, and condition keys for AWS Identity and
//! Access Management".

use std::path::PathBuf;

use super::answer::Refusal;
use super::iam;
use super::request::Request;
use super::tagging;
use super::world::{Tags, World};
use crate::error::{Error, Result};
use crate::policy::evaluate::{self, Context, Decision, Policy};
use crate::policy::{Document, Host};

/// Calls about all objects of a kind: IAM knows no resource for them.
const WITHOUT_RESOURCE: [&str; 8] = [
    "ListOpenIDConnectProviders",
    "ListRoles",
    "ListUsers",
    "ListGroups",
    "ListPolicies",
    "ListInstanceProfiles",
    "GetAccountSummary",
    "GetAccountAuthorizationDetails",
];

/// Calls for which `iam:PermissionsBoundary` is what the role or user has, not what the call says.
const UNDER_BOUNDARY: [&str; 10] = [
    "AttachRolePolicy",
    "AttachUserPolicy",
    "DetachRolePolicy",
    "DetachUserPolicy",
    "PutRolePolicy",
    "PutUserPolicy",
    "DeleteRolePolicy",
    "DeleteUserPolicy",
    "DeleteRolePermissionsBoundary",
    "DeleteUserPermissionsBoundary",
];

/// The policies of the caller.
pub struct Enforced(Vec<Policy>);

impl Enforced {
    /// Reads policies from files; `None` without any, which allows everything.
    pub fn read(files: &[PathBuf]) -> Result<Option<Self>> {
        let read = |path: &PathBuf| {
            let failed = |why: String| Error::failed(format!("cannot enforce {}: {why}", path.display()));
            let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
            let document = Document::parse(&text).map_err(|faults| failed(faults[0].message.clone()))?;
            Policy::read(&document, Host::Managed).map_err(|unreadable| failed(unreadable[0].why.clone()))
        };
        let policies = files.iter().map(read).collect::<Result<Vec<Policy>>>()?;
        Ok((!policies.is_empty()).then_some(Self(policies)))
    }

    /// Refuses a call of IAM that the policies do not allow.
    pub fn check(&self, world: &World, request: &Request) -> Result<(), Refusal> {
        let (action, subject) = (request.action(), iam::subject(world, request));
        let resource = if WITHOUT_RESOURCE.contains(&action) { "*".to_owned() } else { subject };
        let context = context(world, request);
        self.decide(world, &format!("iam:{action}"), &resource, context.clone())?;
        // "Granting a user permissions to pass a role to an AWS service": a profile hands its role to EC2.
        if action == "AddRoleToInstanceProfile"
            && let Some(role) = request.get("RoleName").and_then(|name| world.roles.get(name))
        {
            let mut context = caller(world);
            context.add("iam:PassedToService", "ec2.amazonaws.com");
            return self.decide(world, "iam:PassRole", &role.arn(&world.account), context);
        }
        Ok(())
    }

    /// Refuses a call of the tagging API.
    pub fn check_tagging(&self, world: &World, action: &str) -> Result<(), Refusal> {
        let decided = self.decide(world, &format!("tag:{action}"), "*", caller(world));
        decided.map_err(|refusal| Refusal { message: refusal.message, ..tagging::denied(&world.account, action) })
    }

    fn decide(&self, world: &World, action: &str, resource: &str, context: Context) -> Result<(), Refusal> {
        let asked = evaluate::Request::new(action, resource, context);
        let why = match evaluate::evaluate(&self.0, None, &asked).decision {
            Decision::Allowed => return Ok(()),
            Decision::ImplicitDeny => format!("because no identity-based policy allows the {action} action"),
            Decision::ExplicitDeny => "with an explicit deny in an identity-based policy".to_owned(),
        };
        let refusal = Refusal::denied(&world.account, action, resource);
        Err(Refusal { message: format!("{} {why}", refusal.message), ..refusal })
    }
}

/// What every request says.
fn caller(world: &World) -> Context {
    let account = &world.account;
    let said = [
        ("aws:PrincipalArn", account.caller()),
        ("aws:PrincipalAccount", account.id.clone()),
        ("aws:PrincipalType", "User".to_owned()),
        ("aws:username", "sandbox".to_owned()),
        ("aws:SecureTransport", "true".to_owned()),
    ];
    said.into_iter().collect()
}

fn context(world: &World, request: &Request) -> Context {
    let mut context = caller(world);
    for (key, value) in request.tags() {
        context.add(&format!("aws:RequestTag/{key}"), value);
        context.add("aws:TagKeys", key);
    }
    request.texts("TagKeys").into_iter().for_each(|key| context.add("aws:TagKeys", key));
    for (key, value) in tags(world, request).into_iter().flatten() {
        context.add(&format!("aws:ResourceTag/{key}"), value);
        context.add(&format!("iam:ResourceTag/{key}"), value);
    }
    let action = request.action();
    if (action.starts_with("Attach") || action.starts_with("Detach"))
        && let Some(arn) = request.get("PolicyArn")
    {
        context.add("iam:PolicyARN", arn);
    }
    let role = request.get("RoleName").and_then(|name| world.roles.get(name));
    let user = request.get("UserName").and_then(|name| world.users.get(name));
    let held = role.map(|role| &role.boundary).or(user.map(|user| &user.boundary));
    let boundary = match UNDER_BOUNDARY.contains(&action) {
        true => held.and_then(|boundary| boundary.as_deref()),
        false => request.get("PermissionsBoundary"),
    };
    if let Some(boundary) = boundary {
        context.add("iam:PermissionsBoundary", boundary);
    }
    context
}

/// Returns the tags of what a call is about, if it is there.
fn tags<'w>(world: &'w World, request: &Request) -> Option<&'w Tags> {
    if let Some(name) = request.get("InstanceProfileName") {
        return world.profiles.get(name).map(|profile| &profile.tags);
    }
    if let Some(name) = request.get("RoleName") {
        return world.roles.get(name).map(|role| &role.tags);
    }
    // A membership is an action on the group, and groups have no tags.
    if request.get("GroupName").is_some() {
        return None;
    }
    if let Some(name) = request.get("UserName") {
        return world.users.get(name).map(|user| &user.tags);
    }
    if let Some(arn) = request.get("OpenIDConnectProviderArn") {
        let (_, url) = arn.split_once(":oidc-provider/")?;
        return iam::provider(world, url).map(|provider| &provider.tags);
    }
    let arn = request.get("PolicyArn")?;
    world.policies.iter().find(|policy| policy.arn(&world.account) == arn).map(|policy| &policy.tags)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use crate::sandbox::testbed::{Bed, refused, trust};

    async fn bed(statements: Json) -> Bed {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().with_extension("json");
        std::fs::write(&file, json!({"Version": "2012-10-17", "Statement": statements}).to_string()).unwrap();
        let bed = Bed::over(dir, &format!("enforce={}", file.display())).await;
        std::fs::remove_file(file).unwrap();
        bed
    }

    #[tokio::test]
    async fn what_no_policy_allows_is_denied_in_aws_words() {
        let bed = bed(json!({"Effect": "Allow", "Action": "iam:GetRole", "Resource": "arn:aws:iam::*:role/a*"})).await;
        let role = |name: &str| bed.iam().get_role().role_name(name).send();
        assert_eq!(refused(role("a").await).0, "NoSuchEntity");
        let message = "User: arn:aws:iam::123456789012:user/sandbox is not authorized to perform: iam:GetRole on resource: \
                       arn:aws:iam::123456789012:role/b because no identity-based policy allows the iam:GetRole action";
        assert_eq!(refused(role("b").await), ("AccessDenied".to_owned(), message.to_owned()));
        assert_eq!(refused(bed.iam().list_roles().send().await).0, "AccessDenied");
    }

    #[tokio::test]
    async fn tags_and_boundaries_are_circumstances() {
        let ceiling = "arn:aws:iam::123456789012:policy/ceiling";
        let bed = bed(json!([
            {"Effect": "Allow", "Action": ["iam:CreatePolicy", "iam:GetRole"], "Resource": "*"},
            {"Effect": "Allow", "Action": "iam:CreateRole", "Resource": "*", "Condition": {
                "StringEquals": {"aws:RequestTag/team": "a"}, "ArnEquals": {"iam:PermissionsBoundary": ceiling}}},
            {"Effect": "Allow", "Action": ["iam:AttachRolePolicy", "iam:DeleteRole"], "Resource": "*", "Condition": {
                "StringEquals": {"aws:ResourceTag/team": "a"}}},
            {"Effect": "Deny", "Action": "iam:AttachRolePolicy", "Resource": "*", "Condition": {
                "ArnLike": {"iam:PolicyARN": "arn:aws:iam::aws:policy/Admin*"}}},
        ]))
        .await;
        bed.policy("ceiling").await;
        let create = |name: &str, team: &str, boundary: Option<&str>| {
            let tag = aws_sdk_iam::types::Tag::builder().key("team").value(team).build().unwrap();
            let call =
                bed.iam().create_role().role_name(name).tags(tag).set_permissions_boundary(boundary.map(Into::into));
            call.assume_role_policy_document(trust("ec2").to_string()).send()
        };
        assert_eq!(refused(create("a", "a", None).await).0, "AccessDenied");
        assert_eq!(refused(create("a", "b", Some(ceiling)).await).0, "AccessDenied");
        create("a", "a", Some(ceiling)).await.unwrap();
        let attach = |arn: &str| bed.iam().attach_role_policy().role_name("a").policy_arn(arn).send();
        attach("arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess").await.unwrap();
        let (code, message) = refused(attach("arn:aws:iam::aws:policy/AdministratorAccess").await);
        assert_eq!(code, "AccessDenied");
        assert!(message.ends_with("with an explicit deny in an identity-based policy"), "{message}");
    }

    #[tokio::test]
    async fn a_role_in_a_profile_is_passed() {
        let pass = json!({"Effect": "Allow", "Action": "iam:PassRole", "Resource": "arn:aws:iam::*:role/a",
                          "Condition": {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}});
        let others = json!({"Effect": "Allow", "Action": ["iam:*Role", "iam:*InstanceProfile"], "Resource": "*"});
        let no_pass = json!({"Effect": "Deny", "Action": "iam:PassRole", "NotResource": "arn:aws:iam::*:role/a"});
        let bed = bed(json!([others, pass, no_pass])).await;
        bed.iam().create_instance_profile().instance_profile_name("p").send().await.unwrap();
        let add =
            |role: &str| bed.iam().add_role_to_instance_profile().instance_profile_name("p").role_name(role).send();
        bed.role("a").await;
        bed.role("b").await;
        let (code, message) = refused(add("b").await);
        assert_eq!(code, "AccessDenied");
        assert!(message.contains("iam:PassRole on resource: arn:aws:iam::123456789012:role/b"), "{message}");
        add("a").await.unwrap();
    }

    #[test]
    fn what_cannot_be_enforced_is_said() {
        let open = |text: &str| {
            let dir = tempfile::tempdir().unwrap();
            let faults = crate::sandbox::Faults::parse(&format!("enforce={}", dir.path().join("x.json").display()));
            std::fs::write(dir.path().join("x.json"), text).unwrap();
            crate::sandbox::Sandbox::open(dir.path(), None, faults.unwrap()).map(drop).unwrap_err().to_string()
        };
        assert!(open("{").contains("cannot enforce") && open("{}").contains("`Statement` is missing"));
    }
}
