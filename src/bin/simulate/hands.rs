//! What people do in the console between two runs, to things that are ours.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::draw::Chance;
use crate::keys;
use crate::world::{ACCOUNT, TAGS};

/// Parameters of one call.
pub type Call = Vec<(&'static str, String)>;

const ALL_OF_IAM: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:*","Resource":"*"}]}"#;
const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"glue.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;

fn call(action: &str, parameters: &[(&'static str, &str)]) -> Call {
    let action = ("Action", action.to_owned());
    std::iter::once(action).chain(parameters.iter().map(|(name, value)| (*name, (*value).to_owned()))).collect()
}

fn on_role(role: &str, chance: &mut Chance) -> Call {
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

fn on_policy(arn: &str, chance: &mut Chance) -> Call {
    let owner = ("PolicyArn", arn);
    let default = if chance.percent(50) { "true" } else { "false" };
    match chance.below(3) {
        0 | 1 => call("CreatePolicyVersion", &[owner, ("PolicyDocument", ALL_OF_IAM), ("SetAsDefault", default)]),
        _ => call("SetDefaultPolicyVersion", &[owner, ("VersionId", "v1")]),
    }
}

fn on_user(user: &str, key: Option<&str>, chance: &mut Chance) -> Call {
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

fn on_group(group: &str, chance: &mut Chance) -> Call {
    let owner = ("GroupName", group);
    match chance.below(3) {
        0 => call("PutGroupPolicy", &[owner, ("PolicyName", "one"), ("PolicyDocument", ALL_OF_IAM)]),
        1 => call("DeleteGroupPolicy", &[owner, ("PolicyName", "one")]),
        _ => call("AttachGroupPolicy", &[owner, ("PolicyArn", "arn:aws:iam::aws:policy/AdministratorAccess")]),
    }
}

fn on_provider(url: &str, chance: &mut Chance) -> Call {
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

fn on_profile(profile: &str, role: Option<&str>) -> Option<Call> {
    let owner = ("InstanceProfileName", profile);
    role.map(|role| call("RemoveRoleFromInstanceProfile", &[owner, ("RoleName", role)]))
}

/// What AWS calls an owner, and calls about it.
struct Verbs {
    owner: &'static str,
    attach: &'static str,
    detach: &'static str,
    delete_inline: &'static str,
    delete: &'static str,
}

fn verbs(collection: &str) -> Option<Verbs> {
    Some(match collection {
        "roles" => Verbs {
            owner: "RoleName",
            attach: "AttachRolePolicy",
            detach: "DetachRolePolicy",
            delete_inline: "DeleteRolePolicy",
            delete: "DeleteRole",
        },
        "users" => Verbs {
            owner: "UserName",
            attach: "AttachUserPolicy",
            detach: "DetachUserPolicy",
            delete_inline: "DeleteUserPolicy",
            delete: "DeleteUser",
        },
        "groups" => Verbs {
            owner: "GroupName",
            attach: "AttachGroupPolicy",
            detach: "DetachGroupPolicy",
            delete_inline: "DeleteGroupPolicy",
            delete: "DeleteGroup",
        },
        _ => return None,
    })
}

fn arn_of(policy: &str, content: &Json) -> String {
    format!("arn:aws:iam::{ACCOUNT}:policy{}{policy}", content["path"].as_str().unwrap_or("/"))
}

fn texts(list: &Json) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().filter_map(Json::as_str)
}

/// All objects of an account, as the sandbox keeps them.
pub struct Objects(BTreeMap<String, Json>);

impl Objects {
    pub fn read(files: &BTreeMap<String, String>) -> Self {
        let read = |(file, text): (&String, &String)| Some((file.clone(), serde_json::from_str(text).ok()?));
        Self(files.iter().filter_map(read).collect())
    }

    /// Those of one collection, by name.
    fn of(&self, collection: &'static str) -> impl Iterator<Item = (&str, &Json)> {
        self.0.iter().filter_map(move |(file, content)| {
            let name = file.strip_prefix(collection)?.strip_prefix('/')?.strip_suffix(".json")?;
            Some((name, content))
        })
    }

    fn content(&self, collection: &str, name: &str) -> &Json {
        self.0.get(&format!("{collection}/{name}.json")).unwrap_or(&Json::Null)
    }

    /// Somebody changes an object.
    pub fn change(&self, collection: &str, name: &str, chance: &mut Chance) -> Option<Call> {
        let content = self.content(collection, name);
        Some(match collection {
            "roles" => on_role(name, chance),
            "users" => on_user(name, keys::of(content).into_keys().next().as_deref(), chance),
            "groups" => on_group(name, chance),
            "oidc_providers" => on_provider(&name.replace("%2F", "/"), chance),
            "policies" => on_policy(&arn_of(name, content), chance),
            _ => return on_profile(name, content["role"].as_str()),
        })
    }

    /// Somebody attaches a policy that is ours to what is ours.
    pub fn attach(&self, collection: &str, name: &str, chance: &mut Chance) -> Option<Call> {
        let policies: Vec<String> = self.of("policies").map(|(policy, content)| arn_of(policy, content)).collect();
        let Verbs { owner, attach, .. } = verbs(collection).filter(|_| !policies.is_empty())?;
        Some(call(attach, &[(owner, name), ("PolicyArn", chance.pick(policies.as_slice()).as_str())]))
    }

    /// Somebody deletes an object, and first what hangs on it. What AWS refuses of that stays.
    pub fn delete(&self, collection: &str, name: &str) -> Vec<Call> {
        let content = self.content(collection, name);
        match collection {
            "oidc_providers" => {
                let arn = format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{}", name.replace("%2F", "/"));
                vec![call("DeleteOpenIDConnectProvider", &[("OpenIDConnectProviderArn", &arn)])]
            }
            "instance_profiles" => {
                let delete = call("DeleteInstanceProfile", &[("InstanceProfileName", name)]);
                on_profile(name, content["role"].as_str()).into_iter().chain([delete]).collect()
            }
            "policies" => self.delete_policy(&arn_of(name, content), content),
            _ => verbs(collection).map(|verbs| self.delete_owner(&verbs, name, content)).unwrap_or_default(),
        }
    }

    fn delete_policy(&self, arn: &str, content: &Json) -> Vec<Call> {
        let policy = ("PolicyArn", arn);
        let mut calls = Vec::new();
        for collection in ["roles", "users", "groups"] {
            let Some(Verbs { owner, detach, .. }) = verbs(collection) else { continue };
            let holders = self.of(collection).filter(|(_, held)| texts(&held["policies"]).any(|held| held == arn));
            calls.extend(holders.map(|(holder, _)| call(detach, &[(owner, holder), policy])));
        }
        let versions = content["versions"].as_object().into_iter().flatten().map(|(version, _)| version);
        let others = versions.filter(|version| content["default_version"] != **version);
        calls.extend(others.map(|version| call("DeletePolicyVersion", &[policy, ("VersionId", version)])));
        calls.push(call("DeletePolicy", &[policy]));
        calls
    }

    fn delete_owner(&self, verbs: &Verbs, name: &str, content: &Json) -> Vec<Call> {
        let owner = (verbs.owner, name);
        let leaves = |user: &str, group: &str| call("RemoveUserFromGroup", &[("UserName", user), ("GroupName", group)]);
        let names = |field: &str| content[field].as_object().into_iter().flatten().map(|(name, _)| name.clone());
        let mut calls: Vec<Call> = Vec::new();
        calls.extend(texts(&content["policies"]).map(|arn| call(verbs.detach, &[owner, ("PolicyArn", arn)])));
        calls.extend(names("inline").map(|policy| call(verbs.delete_inline, &[owner, ("PolicyName", &policy)])));
        calls.extend(names("access_keys").map(|key| call("DeleteAccessKey", &[owner, ("AccessKeyId", &key)])));
        calls.extend(texts(&content["groups"]).map(|group| leaves(name, group)));
        if verbs.owner == "GroupName" {
            let members = self.of("users").filter(|(_, user)| texts(&user["groups"]).any(|group| group == name));
            calls.extend(members.map(|(user, _)| leaves(user, name)));
        }
        if verbs.owner == "RoleName" {
            let holders = self.of("instance_profiles").filter(|(_, held)| held["role"] == name);
            calls.extend(holders.filter_map(|(profile, _)| on_profile(profile, Some(name))));
        }
        calls.push(call(verbs.delete, &[owner]));
        calls
    }
}
