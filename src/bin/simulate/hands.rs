//! What people do in the console between two runs, to things that are ours.

use crate::draw::Chance;
use crate::world::{ACCOUNT, TAGS};

/// Parameters of one call.
pub type Call = Vec<(&'static str, String)>;

const ALL_OF_IAM: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:*","Resource":"*"}]}"#;
const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"glue.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;

fn call(action: &str, parameters: &[(&'static str, &str)]) -> Call {
    let action = ("Action", action.to_owned());
    std::iter::once(action).chain(parameters.iter().map(|(name, value)| (*name, (*value).to_owned()))).collect()
}

pub fn on_role(role: &str, chance: &mut Chance) -> Call {
    let owner = ("RoleName", role);
    let tag = *chance.pick(&TAGS);
    let admin = "arn:aws:iam::aws:policy/AdministratorAccess";
    match chance.below(9) {
        0 => call("AttachRolePolicy", &[owner, ("PolicyArn", admin)]),
        1 => call("PutRolePolicy", &[owner, ("PolicyName", "one"), ("PolicyDocument", ALL_OF_IAM)]),
        2 => call("DeleteRolePolicy", &[owner, ("PolicyName", "one")]),
        3 => call("UpdateRole", &[owner, ("Description", "by hand")]),
        4 => call("TagRole", &[owner, ("Tags.member.1.Key", tag), ("Tags.member.1.Value", "hand")]),
        5 => call("UntagRole", &[owner, ("TagKeys.member.1", "seqera-iam:deployment")]),
        6 => call("UpdateAssumeRolePolicy", &[owner, ("PolicyDocument", TRUST)]),
        7 => call("PutRolePermissionsBoundary", &[owner, ("PermissionsBoundary", admin)]),
        _ => call("DetachRolePolicy", &[owner, ("PolicyArn", "arn:aws:iam::aws:policy/PowerUserAccess")]),
    }
}

pub fn on_policy(path: &str, policy: &str, chance: &mut Chance) -> Call {
    let arn = format!("arn:aws:iam::{ACCOUNT}:policy{path}{policy}");
    let owner = ("PolicyArn", arn.as_str());
    let default = if chance.percent(50) { "true" } else { "false" };
    match chance.below(3) {
        0 | 1 => call("CreatePolicyVersion", &[owner, ("PolicyDocument", ALL_OF_IAM), ("SetAsDefault", default)]),
        _ => call("SetDefaultPolicyVersion", &[owner, ("VersionId", "v1")]),
    }
}

pub fn on_user(user: &str, key: Option<&str>, chance: &mut Chance) -> Call {
    let owner = ("UserName", user);
    if let Some(key) = key.filter(|_| chance.percent(50)) {
        let key = ("AccessKeyId", key);
        return match chance.below(2) {
            0 => call("UpdateAccessKey", &[owner, key, ("Status", "Inactive")]),
            _ => call("DeleteAccessKey", &[owner, key]),
        };
    }
    let tag = *chance.pick(&TAGS);
    let admin = "arn:aws:iam::aws:policy/AdministratorAccess";
    match chance.below(6) {
        0 => call("AttachUserPolicy", &[owner, ("PolicyArn", admin)]),
        1 => call("PutUserPolicy", &[owner, ("PolicyName", "one"), ("PolicyDocument", ALL_OF_IAM)]),
        2 => call("DeleteUserPolicy", &[owner, ("PolicyName", "one")]),
        3 => call("TagUser", &[owner, ("Tags.member.1.Key", tag), ("Tags.member.1.Value", "hand")]),
        4 => call("PutUserPermissionsBoundary", &[owner, ("PermissionsBoundary", admin)]),
        _ => call("DetachUserPolicy", &[owner, ("PolicyArn", "arn:aws:iam::aws:policy/PowerUserAccess")]),
    }
}

pub fn on_group(group: &str, chance: &mut Chance) -> Call {
    let owner = ("GroupName", group);
    match chance.below(3) {
        0 => call("PutGroupPolicy", &[owner, ("PolicyName", "one"), ("PolicyDocument", ALL_OF_IAM)]),
        1 => call("DeleteGroupPolicy", &[owner, ("PolicyName", "one")]),
        _ => call("AttachGroupPolicy", &[owner, ("PolicyArn", "arn:aws:iam::aws:policy/AdministratorAccess")]),
    }
}

pub fn on_provider(url: &str, chance: &mut Chance) -> Call {
    let arn = format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{url}");
    let owner = ("OpenIDConnectProviderArn", arn.as_str());
    let print = "f".repeat(40);
    match chance.below(4) {
        0 => call("AddClientIDToOpenIDConnectProvider", &[owner, ("ClientID", "hand")]),
        1 => call("RemoveClientIDFromOpenIDConnectProvider", &[owner, ("ClientID", "a")]),
        2 => call("UpdateOpenIDConnectProviderThumbprint", &[owner, ("ThumbprintList.member.1", &print)]),
        _ => call("TagOpenIDConnectProvider", &[owner, ("Tags.member.1.Key", "team"), ("Tags.member.1.Value", "hand")]),
    }
}

pub fn on_profile(profile: &str, role: Option<&str>) -> Option<Call> {
    let owner = ("InstanceProfileName", profile);
    role.map(|role| call("RemoveRoleFromInstanceProfile", &[owner, ("RoleName", role)]))
}
