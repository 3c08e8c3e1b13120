//! Ways to permissions that nobody granted.
//!
//! The table holds what those who test AWS accounts have published since 2018 (Rhino Security Labs' list of methods,
//! the edges of PMapper), as far as a policy alone opens it. Whoever holds one of them has, in effect, all that the
//! account can do, or all that some role of it can. Conditions keep a permission to something that cannot be judged
//! here, so only what is allowed without them counts, less what is denied without them. `policy validate` has a
//! narrower list of its own (`findings/escalation.rs`), which others agree on.

use std::collections::BTreeSet;

use super::Holding;
use super::region::Region;
use crate::model::Account;

/// What an action has to be allowed on, so that it serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum On {
    /// Every user, role, … there is: service, and how the end of an ARN begins.
    Every(&'static str, &'static str),
    /// Whatever it is.
    Anything,
    /// Something that the first action of the method makes.
    Made,
    /// Whoever holds it: how the end of their ARN begins.
    Itself(&'static str),
    /// Whoever holds it and is limited by a boundary.
    Bounded(&'static str),
    /// A policy of the account that whoever holds it has.
    Held,
}

use On::{Anything, Bounded, Every, Held, Itself, Made};

type Method = &'static [(&'static str, On)];

const USERS: On = Every("iam", "user/");
const ROLES: On = Every("iam", "role/");
const GROUPS: On = Every("iam", "group/");
const POLICIES: On = Every("iam", "policy/");

/// Each method needs all of its actions.
const METHODS: &[Method] = &[
    // Somebody else's credentials.
    &[("iam:CreateAccessKey", USERS)],
    &[("iam:CreateLoginProfile", USERS)],
    &[("iam:UpdateLoginProfile", USERS)],
    // More permissions for somebody who is there.
    &[("iam:CreatePolicyVersion", POLICIES)],
    &[("iam:SetDefaultPolicyVersion", POLICIES)],
    &[("iam:AddUserToGroup", GROUPS)],
    &[("iam:AttachGroupPolicy", GROUPS)],
    &[("iam:AttachUserPolicy", USERS)],
    &[("iam:PutGroupPolicy", GROUPS)],
    &[("iam:PutUserPolicy", USERS)],
    &[("iam:AttachRolePolicy", ROLES)],
    &[("iam:PutRolePolicy", ROLES)],
    &[("iam:UpdateAssumeRolePolicy", ROLES)],
    // A role that is there, in a service that does as one says.
    &[("iam:PassRole", ROLES), ("ec2:RunInstances", Anything)],
    &[("iam:PassRole", ROLES), ("ec2:RequestSpotInstances", Anything)],
    &[("iam:PassRole", ROLES), ("ec2:RequestSpotFleet", Anything)],
    &[("iam:PassRole", ROLES), ("ec2:AssociateIamInstanceProfile", Anything)],
    &[("iam:PassRole", ROLES), ("ec2:ReplaceIamInstanceProfileAssociation", Anything)],
    &[("iam:PassRole", ROLES), ("autoscaling:CreateLaunchConfiguration", Anything)],
    &[
        ("iam:PassRole", ROLES),
        ("ec2:CreateLaunchTemplate", Anything),
        ("autoscaling:CreateAutoScalingGroup", Anything),
    ],
    &[("iam:PassRole", ROLES), ("lambda:CreateFunction", Anything), ("lambda:InvokeFunction", Anything)],
    &[("iam:PassRole", ROLES), ("lambda:CreateFunction", Anything), ("lambda:CreateEventSourceMapping", Anything)],
    &[("iam:PassRole", ROLES), ("lambda:CreateFunction", Anything), ("lambda:AddPermission", Anything)],
    &[("iam:PassRole", ROLES), ("batch:RegisterJobDefinition", Anything), ("batch:SubmitJob", Anything)],
    &[("iam:PassRole", ROLES), ("cloudformation:CreateStack", Anything)],
    &[("iam:PassRole", ROLES), ("cloudformation:UpdateStack", Anything)],
    &[
        ("iam:PassRole", ROLES),
        ("cloudformation:CreateChangeSet", Anything),
        ("cloudformation:ExecuteChangeSet", Anything),
    ],
    &[("iam:PassRole", ROLES), ("codebuild:CreateProject", Anything), ("codebuild:StartBuild", Anything)],
    &[("iam:PassRole", ROLES), ("datapipeline:CreatePipeline", Anything)],
    &[("iam:PassRole", ROLES), ("ecs:RegisterTaskDefinition", Anything), ("ecs:RunTask", Anything)],
    &[("iam:PassRole", ROLES), ("ecs:RegisterTaskDefinition", Anything), ("ecs:CreateService", Anything)],
    &[("iam:PassRole", ROLES), ("elasticmapreduce:RunJobFlow", Anything)],
    &[("iam:PassRole", ROLES), ("glue:CreateDevEndpoint", Anything)],
    &[("iam:PassRole", ROLES), ("glue:CreateJob", Anything), ("glue:StartJobRun", Anything)],
    &[("iam:PassRole", ROLES), ("glue:UpdateJob", Anything), ("glue:StartJobRun", Anything)],
    &[
        ("iam:PassRole", ROLES),
        ("sagemaker:CreateNotebookInstance", Anything),
        ("sagemaker:CreatePresignedNotebookInstanceUrl", Anything),
    ],
    &[("iam:PassRole", ROLES), ("sagemaker:CreateTrainingJob", Anything)],
    &[("iam:PassRole", ROLES), ("sagemaker:CreateProcessingJob", Anything)],
    &[("iam:PassRole", ROLES), ("ssm:StartAutomationExecution", Anything)],
    &[("iam:PassRole", ROLES), ("states:CreateStateMachine", Anything), ("states:StartExecution", Anything)],
    // Code in what already acts as a role.
    &[("lambda:UpdateFunctionCode", Every("lambda", "function:"))],
    &[("lambda:UpdateFunctionConfiguration", Every("lambda", "function:"))],
    &[("glue:UpdateDevEndpoint", Every("glue", "devEndpoint/"))],
    &[("codebuild:UpdateProject", Every("codebuild", "project/")), ("codebuild:StartBuild", Anything)],
    &[("ssm:SendCommand", Every("ec2", "instance/"))],
    &[("ssm:StartSession", Every("ec2", "instance/"))],
    &[("ec2-instance-connect:SendSSHPublicKey", Every("ec2", "instance/"))],
    // Somebody new, whatever the names that are allowed.
    &[("iam:CreateRole", Anything), ("iam:AttachRolePolicy", Made)],
    &[("iam:CreateRole", Anything), ("iam:PutRolePolicy", Made)],
    &[("iam:CreateUser", Anything), ("iam:AttachUserPolicy", Made), ("iam:CreateAccessKey", Made)],
    &[("iam:CreateUser", Anything), ("iam:PutUserPolicy", Made), ("iam:CreateAccessKey", Made)],
    // More for oneself: names that keep it to a few are no help when one's own is among them.
    &[("iam:AttachRolePolicy", Itself("role/"))],
    &[("iam:PutRolePolicy", Itself("role/"))],
    &[("iam:AttachUserPolicy", Itself("user/"))],
    &[("iam:PutUserPolicy", Itself("user/"))],
    &[("iam:AttachGroupPolicy", Itself("group/"))],
    &[("iam:PutGroupPolicy", Itself("group/"))],
    &[("iam:UpdateAssumeRolePolicy", Itself("role/"))],
    &[("iam:DeleteRolePermissionsBoundary", Bounded("role/"))],
    &[("iam:PutRolePermissionsBoundary", Bounded("role/"))],
    &[("iam:DeleteUserPermissionsBoundary", Bounded("user/"))],
    &[("iam:PutUserPermissionsBoundary", Bounded("user/"))],
    &[("iam:CreatePolicyVersion", Held)],
    &[("iam:SetDefaultPolicyVersion", Held)],
];

/// Whoever holds permissions.
#[derive(Clone, Debug)]
pub struct Holder {
    pub arn: String,
    pub is_bounded: bool,
    /// The ARNs of the policies of the account that it has.
    pub policies: Vec<String>,
}

/// The ways that are open, each as a sentence names it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ways {
    /// On everything there is of a kind.
    pub everywhere: Vec<String>,
    /// By somebody new.
    pub made: Vec<String>,
    /// On whoever holds them: `iam:PutRolePolicy on itself`.
    pub oneself: Vec<String>,
}

impl Ways {
    /// Leaves out the ways that were there.
    pub fn without(mut self, other: &Self) -> Self {
        let keep = |ways: &mut Vec<String>, known: &Vec<String>| ways.retain(|way| !known.contains(way));
        keep(&mut self.everywhere, &other.everywhere);
        keep(&mut self.made, &other.made);
        keep(&mut self.oneself, &other.oneself);
        self
    }
}

/// Returns the ways that a holding opens in this account; those on whoever holds it only where that is known.
pub fn ways(holding: &Holding, holder: Option<&Holder>, account: &Account) -> Ways {
    let powers = Powers { granted: unconditional(holding.granted()), denied: unconditional(holding.denied()), account };
    let mut ways = Ways::default();
    for method in METHODS {
        let actions = || method.iter().map(|(action, _)| *action).collect::<Vec<_>>().join(" and ");
        match method {
            [(action, Itself(kind)), ..] => {
                let own = holder.filter(|holder| holder.arn.contains(&format!(":{kind}")));
                ways.oneself
                    .extend(own.filter(|own| powers.has(action, &own.arn)).map(|_| format!("{action} on itself")));
            }
            [(action, Bounded(kind)), ..] => {
                let own = holder.filter(|holder| holder.is_bounded && holder.arn.contains(&format!(":{kind}")));
                ways.oneself
                    .extend(own.filter(|own| powers.has(action, &own.arn)).map(|_| format!("{action} on itself")));
            }
            [(action, Held), ..] => {
                let held = holder.into_iter().flat_map(|holder| &holder.policies);
                let open =
                    held.filter(|arn| powers.has(action, arn)).map(|arn| format!("{action} on {arn}, which it has"));
                ways.oneself.extend(open);
            }
            _ if method.iter().any(|(_, on)| *on == Made) => {
                let (first, _) = method[0];
                let kind = if first.ends_with("Role") { "role/" } else { "user/" };
                let mut makes = powers.somewhere(first);
                makes.retain(|name| {
                    let end = name.splitn(6, ':').nth(5).unwrap_or(name);
                    end.starts_with(kind) || end.starts_with('~')
                });
                let is_open = |name: &String| method.iter().all(|(action, _)| powers.has(action, name));
                ways.made.extend(makes.iter().any(is_open).then(actions));
            }
            _ => ways.everywhere.extend(method.iter().all(|(action, on)| powers.serves(action, *on)).then(actions)),
        }
    }
    // What is open on everything is open on oneself and on what one makes.
    let wide: BTreeSet<&str> = ways.everywhere.iter().map(String::as_str).collect();
    ways.oneself.retain(|way| !way.split_once(" on ").is_some_and(|(action, _)| wide.contains(action)));
    ways.made.retain(|way| !way.split(" and ").any(|action| wide.contains(action)));
    ways
}

fn unconditional(regions: Vec<Region>) -> Vec<Region> {
    regions.into_iter().filter(|region| region.clauses.is_empty()).collect()
}

/// What is allowed and denied whatever the circumstances.
struct Powers<'a> {
    granted: Vec<Region<'a>>,
    denied: Vec<Region<'a>>,
    account: &'a Account,
}

impl Powers<'_> {
    fn has(&self, action: &str, resource: &str) -> bool {
        let action = action.to_ascii_lowercase();
        let within = |regions: &[Region]| regions.iter().any(|region| region.has(&action, resource));
        within(&self.granted) && !within(&self.denied)
    }

    /// Returns a resource of each grant of the action, as no policy is likely to name it.
    fn somewhere(&self, action: &str) -> Vec<String> {
        let lower = action.to_ascii_lowercase();
        let granting = self.granted.iter().filter(|region| region.actions.has(&lower));
        granting.map(|region| region.resources.unlikely_text()).filter(|resource| self.has(action, resource)).collect()
    }

    fn serves(&self, action: &str, on: On) -> bool {
        let Account { partition, id } = self.account;
        match on {
            Every(service, kind) => {
                // Nobody names these.
                let region = if service == "iam" { "" } else { "~" };
                self.has(action, &format!("arn:{partition}:{service}:{region}:{id}:{kind}~"))
            }
            _ => !self.somewhere(action).is_empty(),
        }
    }
}

#[cfg(test)]
mod tests;
