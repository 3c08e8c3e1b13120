//! Who a trust policy trusts: "AWS JSON policy elements: Principal".
//!
//! Whether the principal exists is known to AWS alone.

use super::{Check, Faults, Spot};

pub(super) const MISSING: &str = "Missing required field Principal";

const KINDS: &[&str] = &["AWS", "Service", "Federated", "CanonicalUser"];

pub(super) fn check(value: &Spot, faults: &mut Faults) {
    if value.text() == Some("*") {
        return;
    }
    if !value.json.is_object() {
        return faults.syntax(value.path.clone(), "`Principal` is `\"*\"` or an object such as `{\"AWS\": \"ARN\"}`");
    }
    let mut any = false;
    for (kind, names) in value.entries() {
        if !KINDS.contains(&kind) {
            let kinds = KINDS.join("`, `");
            faults.syntax(names.path.clone(), format!("`{kind}` is not a kind of principal: `{kinds}`"));
            continue;
        }
        for name in names.one_or_many() {
            any = true;
            match name.text() {
                Some(text) => named(&name, kind, text, faults),
                None => faults.syntax(name.path, format!("`{kind}` holds strings only")),
            }
        }
    }
    if !any {
        faults.add(Check::Elements, value.path.clone(), MISSING, "`Principal` names nobody");
    }
}

fn named(name: &Spot, kind: &str, text: &str, faults: &mut Faults) {
    let wrong = match kind {
        "AWS" if is_aws(text) => return,
        "AWS" if text.contains(['*', '?']) => "a principal takes no wildcards; use a condition on `aws:PrincipalArn`",
        "AWS" => "it is no account, role, user or session",
        "Service" if text.contains('.') || text == "*" => return,
        "Service" => "a service is named like `ec2.amazonaws.com`",
        _ if text.is_empty() => "it is empty",
        _ => return,
    };
    let message = format!("Invalid principal in policy: \"{kind}\":\"{text}\"");
    faults.add(Check::Principal, name.path.clone(), message, format!("`{text}` cannot be trusted: {wrong}"));
}

fn is_aws(text: &str) -> bool {
    let digits = text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit());
    // `AROA…`, `AIDA…`: what AWS shows for a principal that was deleted.
    let unique_id =
        text.len() >= 16 && text.starts_with('A') && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    text == "*" || digits || unique_id || is_arn(text)
}

fn is_arn(text: &str) -> bool {
    let fields: Vec<&str> = text.splitn(6, ':').collect();
    let ["arn", partition, service, "", account, resource] = fields[..] else { return false };
    let starts: &[&str] = match service {
        "iam" => &["role/", "user/"],
        "sts" => &["assumed-role/", "federated-user/"],
        _ => return false,
    };
    let named = starts.iter().any(|start| resource.len() > start.len() && resource.starts_with(start));
    let is_whole = (service == "iam" && resource == "root") || named;
    is_whole && !partition.is_empty() && !account.is_empty() && !text.contains(['*', '?'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aws_principals_are_accounts_roles_users_and_sessions() {
        for text in [
            "*",
            "111122223333",
            "AIDAEXAMPLEAAAAAAAAAA",
            "arn:aws:iam::111122223333:root",
            "arn:aws-cn:iam::111122223333:role/a/b",
            "arn:aws:sts::111122223333:federated-user/x",
        ] {
            assert!(is_aws(text), "{text}");
        }
        for wrong in [
            "",
            "11112222333",
            "aidaexampleaaaaaaaaaa",
            "arn:aws:iam::111122223333:role/",
            "arn:aws:iam::111122223333:role/?",
            "arn:aws:iam::111122223333:group/a",
            "arn:aws:iam:eu-west-1:111122223333:role/a",
            "arn:aws:s3:::b",
        ] {
            assert!(!is_aws(wrong), "{wrong}");
        }
    }
}
