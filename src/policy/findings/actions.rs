//! Services and actions that there are not.

use super::super::reference;
use super::statement::{Entry, Means, Statement};
use super::{Found, listed};

/// Operations of AWS's APIs that are no actions, and the actions that allow them: "Required permissions for
/// Amazon S3 API operations", "Actions, resources, and condition keys for AWS Lambda".
const OPERATIONS: &[(&str, &[&str])] = &[
    ("lambda:invoke", &["lambda:InvokeFunction"]),
    ("s3:completemultipartupload", &["s3:PutObject"]),
    ("s3:copyobject", &["s3:GetObject", "s3:PutObject"]),
    ("s3:createmultipartupload", &["s3:PutObject"]),
    ("s3:deleteobjects", &["s3:DeleteObject"]),
    ("s3:headbucket", &["s3:ListBucket"]),
    ("s3:headobject", &["s3:GetObject"]),
    ("s3:listbuckets", &["s3:ListAllMyBuckets"]),
    ("s3:listmultipartuploads", &["s3:ListBucketMultipartUploads"]),
    ("s3:listobjects", &["s3:ListBucket"]),
    ("s3:listobjectsv2", &["s3:ListBucket"]),
    ("s3:listobjectversions", &["s3:ListBucketVersions"]),
    ("s3:listparts", &["s3:ListMultipartUploadParts"]),
    ("s3:uploadpart", &["s3:PutObject"]),
    ("s3:uploadpartcopy", &["s3:GetObject", "s3:PutObject"]),
];

pub(super) fn check(statement: &Statement, found: &mut Found) {
    for entry in statement.actions.iter().chain(&statement.not_actions) {
        match &entry.means {
            Means::NoService => no_service(entry, found),
            Means::Of(service, actions) if actions.is_empty() => no_action(entry, service, found),
            Means::Of(..) | Means::Anything => {}
        }
    }
    if statement.allows && !statement.not_actions.is_empty() {
        let spot = &statement.not_actions[0].spot;
        let message = "`NotAction` with Allow grants every other action, also those that AWS adds later".to_owned();
        found.add("notaction-with-allow", spot, message, "list what is meant under `Action`");
    }
}

fn no_service(entry: &Entry, found: &mut Found) {
    let prefix = entry.text.split(':').next().unwrap_or_default();
    let message = format!("`{prefix}` is no service in the reference of {}", reference::date());
    let fix = match reference::nearest_service(prefix) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "look the prefix up in AWS's Service Authorization Reference".to_owned(),
    };
    found.add("unknown-service", &entry.spot, message, fix);
}

fn no_action(entry: &Entry, service: &reference::Service, found: &mut Found) {
    let (text, date) = (entry.text, reference::date());
    let name = text.split_once(':').map_or(text, |(_, name)| name);
    let message = match entry.is_pattern() {
        true => format!("`{text}` matches no action in the reference of {date}"),
        false => format!("`{text}` is no action in the reference of {date}"),
    };
    let allowing = OPERATIONS.iter().find(|(operation, _)| text.eq_ignore_ascii_case(operation));
    let literal: String = name.chars().filter(|c| !matches!(c, '*' | '?')).collect();
    let fix = match (allowing, service.nearest(&literal)) {
        (Some((_, actions)), _) => {
            format!("it is an operation of the API, which takes {}", listed(actions.iter().copied()))
        }
        (None, Some(near)) => format!("did you mean `{}:{near}`?", service.prefix),
        (None, None) => "remove it, or look it up in AWS's Service Authorization Reference".to_owned(),
    };
    found.add("unknown-action", &entry.spot, message, fix);
}
