//! Permissions that lead to all others.
//!
//! The ways are those that have been published since 2018 by those who test AWS accounts; each is a set of
//! actions which, on any resource, lets a principal give itself what it does not have. Conditions and names keep one
//! to something that cannot be judged here, so only what is allowed without them counts, less what is
//! denied without them. What a plan is told of is more, as it knows who holds the permissions:
//! `policy/difference/escalation.rs`.

use super::super::reference;
use super::super::spot::Spot;
use super::statement::{Entry, Statement};
use super::{Found, listed};

/// Each way needs all of its actions.
const WAYS: &[&[&str]] = &[
    &["iam:CreateAccessKey"],
    &["iam:CreateLoginProfile"],
    &["iam:UpdateLoginProfile"],
    &["iam:CreatePolicyVersion"],
    &["iam:SetDefaultPolicyVersion"],
    &["iam:AddUserToGroup"],
    &["iam:AttachGroupPolicy"],
    &["iam:AttachUserPolicy"],
    &["iam:PutGroupPolicy"],
    &["iam:PutUserPolicy"],
    &["iam:AttachRolePolicy", "sts:AssumeRole"],
    &["iam:PutRolePolicy", "sts:AssumeRole"],
    &["iam:UpdateAssumeRolePolicy", "sts:AssumeRole"],
    &["iam:PassRole", "ec2:RunInstances"],
    &["iam:PassRole", "lambda:CreateFunction", "lambda:InvokeFunction"],
    &["iam:PassRole", "lambda:CreateFunction", "lambda:CreateEventSourceMapping"],
    &["iam:PassRole", "lambda:CreateFunction", "lambda:AddPermission"],
    &["iam:PassRole", "batch:RegisterJobDefinition", "batch:SubmitJob"],
    &["iam:PassRole", "cloudformation:CreateStack"],
    &["iam:PassRole", "codebuild:CreateProject", "codebuild:StartBuild"],
    &["iam:PassRole", "datapipeline:CreatePipeline"],
    &["iam:PassRole", "ecs:RegisterTaskDefinition", "ecs:RunTask"],
    &["iam:PassRole", "glue:CreateDevEndpoint"],
    &["iam:PassRole", "glue:CreateJob", "glue:StartJobRun"],
    &["iam:PassRole", "sagemaker:CreateNotebookInstance", "sagemaker:CreatePresignedNotebookInstanceUrl"],
    &["lambda:UpdateFunctionCode"],
    &["glue:UpdateDevEndpoint"],
];

/// Says whether every role may be passed to every service.
pub(super) fn passes_every_role(statements: &[Statement]) -> bool {
    granted(statements, "iam:PassRole").is_some()
}

pub(super) fn check(statements: &[Statement], found: &mut Found) {
    let mut told: Vec<(&Spot, Vec<String>)> = Vec::new();
    for way in WAYS {
        let entries: Option<Vec<&Entry>> = way.iter().map(|action| granted(statements, action)).collect();
        let Some(entry) = entries.as_ref().and_then(|entries| entries.first()) else { continue };
        let words = listed(way.iter().copied());
        match told.iter_mut().find(|(spot, _)| spot.path == entry.spot.path) {
            Some((_, ways)) => ways.push(words),
            None => told.push((&entry.spot, vec![words])),
        }
    }
    for (spot, ways) in told {
        let more = if ways.len() > 1 { format!(", as are {} more such ways", ways.len() - 1) } else { String::new() };
        let message = format!("{} on any resource: enough to gain any permission{more}", ways[0]);
        let fix = "name the resources, or require a condition such as a permissions boundary";
        found.add("privilege-escalation", spot, message, fix);
    }
    pass_role(statements, found);
}

/// Returns the entry that allows the action on any resource, unless it is denied as widely.
fn granted<'s, 'a>(statements: &'s [Statement<'a>], action: &str) -> Option<&'s Entry<'a>> {
    if is_denied(statements, action) {
        return None;
    }
    let open = statements.iter().filter(|statement| statement.allows && statement.is_unconditional());
    let found = open.filter_map(|statement| Some((statement, entry_for(statement, action)?)));
    found.filter(|(statement, _)| is_wide(statement, action)).map(|(_, entry)| entry).next()
}

/// Says whether the action is denied without a condition, on any resource.
pub(super) fn is_denied(statements: &[Statement], action: &str) -> bool {
    let denies = |statement: &Statement| {
        !statement.allows
            && statement.is_unconditional()
            && entry_for(statement, action).is_some()
            && is_wide(statement, action)
    };
    statements.iter().any(denies)
}

fn entry_for<'s, 'a>(statement: &'s Statement<'a>, action: &str) -> Option<&'s Entry<'a>> {
    statement.actions.iter().find(|entry| entry.covers(action))
}

/// Says whether the statement is on any resource that the action can be on.
fn is_wide(statement: &Statement, action: &str) -> bool {
    let looked_up = action.split_once(':').and_then(|(prefix, name)| {
        let service = reference::service(prefix)?;
        Some((service, service.action(name)?))
    });
    let formats: Vec<&str> = looked_up
        .map(|(service, action)| service.types_of(action).flat_map(|kind| kind.arns.iter().copied()).collect())
        .unwrap_or_default();
    let wide = |format: &&str| statement.resources.iter().any(|resource| resource.pattern.is_wide(format));
    statement.resources.iter().any(|resource| resource.text == "*") || formats.iter().any(wide)
}

/// A role that may be passed to any service is a role that may be used by whoever passes it.
fn pass_role(statements: &[Statement], found: &mut Found) {
    const ACTION: &str = "iam:PassRole";
    for statement in statements.iter().filter(|statement| statement.allows) {
        let limited = statement.conditions.iter().any(|condition| condition.is_key("iam:PassedToService"));
        let Some(entry) = entry_for(statement, ACTION).filter(|entry| entry.text != "*" && entry.text != "*:*") else {
            continue;
        };
        if !limited && is_wide(statement, ACTION) && !is_denied(statements, ACTION) {
            let message = format!("`{}` lets every role be passed to every service", entry.text);
            let fix = "name the roles, or add the condition StringEquals iam:PassedToService";
            found.add("pass-role-on-star", &entry.spot, message, fix);
        }
    }
}
