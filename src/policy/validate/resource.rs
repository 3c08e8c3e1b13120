//! The ARNs under `Resource` and `NotResource`.

use super::{Check, Faults, Spot};

/// What a resource of IAM may start with, in the order in which AWS's message lists it.
const IAM_PATHS: &[&str] = &[
    "user/",
    "federated-user/",
    "role/",
    "group/",
    "instance-profile/",
    "mfa/",
    "server-certificate/",
    "policy/",
    "sms-mfa/",
    "saml-provider/",
    "oidc-provider/",
    "report/",
    "access-report/",
];

/// Resources of IAM that AWS's message leaves out and its own managed policies use.
const IAM_UNLISTED: &[&str] = &["root", "role-template/"];

/// Checks one resource. AWS fills up an ARN that ends early with `*`.
pub(super) fn check(item: &Spot, text: &str, faults: &mut Faults) {
    if text == "*" {
        return;
    }
    let Some((first, rest)) = text.split_once(':') else {
        let message = format!("Resource {text} must be in ARN format or \"*\".");
        return faults.add(Check::Resource, item.path.clone(), message, format!("`{text}` is not an ARN"));
    };
    let mut fields: Vec<&str> = rest.splitn(5, ':').collect();
    let written = fields.len();
    fields.resize(5, "*");
    let [partition, vendor, region, account, resource] = fields[..] else { return };
    let whole = format!("arn:{partition}:{vendor}:{region}:{account}:{resource}");
    let mut fault = |message: String, detail: &str| {
        faults.add(Check::Resource, item.path.clone(), message, format!("{detail} in `{text}`"));
    };
    if !is_partition(partition) {
        let message = format!("Partition \"{partition}\" is not valid for resource \"{whole}\".");
        return fault(message, &format!("there is no partition `{partition}`"));
    }
    if first != "arn" {
        return fault(format!("Resource {text} must be in ARN format or \"*\"."), "`arn:` is missing");
    }
    if vendor == "*" {
        let message = "Resource vendor must be fully qualified and cannot contain regexes.";
        return fault(message.to_owned(), "the service cannot be `*`");
    }
    if vendor.is_empty() || written < 5 && fields[..written].contains(&"") {
        return faults.legacy(item.path.clone(), format!("`{text}` is not a whole ARN: five colons and a resource"));
    }
    match vendor {
        "iam" if !region.is_empty() && region != "*" => {
            fault(format!("IAM resource {text} cannot contain region information."), "IAM has no regions");
        }
        "s3" if !region.is_empty() && account.is_empty() => {
            fault(format!("Resource {text} can not contain region information."), "a bucket's ARN has no region");
        }
        "iam" if !is_iam_resource(resource) => {
            let starts = IAM_PATHS.join(", ");
            let message = format!("IAM resource path must either be \"*\" or start with {starts}.");
            fault(message, "a resource of IAM starts with `role/`, `policy/` or so");
        }
        _ => {}
    }
}

/// `aws`, `aws-cn`, `aws-us-gov`, the isolated ones (`aws-iso`, `aws-iso-b` …), and patterns of them.
fn is_partition(text: &str) -> bool {
    text.contains('*') || text.strip_prefix("aws").is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

fn is_iam_resource(resource: &str) -> bool {
    let kind = resource.split('/').next().unwrap_or_default();
    // A pattern or a policy variable in the first part can stand for anything.
    kind.contains(['*', '?', '$']) || IAM_PATHS.iter().chain(IAM_UNLISTED).any(|start| resource.starts_with(start))
}

#[cfg(test)]
mod tests {
    use serde_json::Value as Json;

    use super::*;

    fn said(text: &str) -> Option<String> {
        let mut faults = Faults::default();
        check(&Spot::root(&Json::Null), text, &mut faults);
        faults.sorted().pop().map(|fault| fault.message)
    }

    #[test]
    fn arns_may_end_early_where_nothing_is_left_open() {
        for text in
            ["*", "arn:aws:sqs", "arn:aws:sqs:eu-west-1:*", "arn:aws:iam::*:root", "arn:aws:logs:*:*:log-group:x:*"]
        {
            assert_eq!(said(text), None, "{text}");
        }
        for text in ["arn:aws:s3::x", "arn:aws::x", "arn:aws::eu:1:x", "arn:aws:"] {
            assert_eq!(said(text).as_deref(), Some("The policy failed legacy parsing"), "{text}");
        }
    }

    #[test]
    fn messages_show_the_arn_as_aws_completes_it() {
        assert_eq!(said("x:y").as_deref(), Some("Partition \"y\" is not valid for resource \"arn:y:*:*:*:*\"."));
        assert_eq!(said("x:aws:s3:::b").as_deref(), Some("Resource x:aws:s3:::b must be in ARN format or \"*\"."));
        assert!(said("arn:aws:iam::1:job/x").is_some_and(|message| message.ends_with("report/, access-report/.")));
    }
}
