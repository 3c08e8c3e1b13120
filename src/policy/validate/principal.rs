//! Who a trust policy trusts: "AWS JSON policy elements: Principal".
//!
//! Whether the principal exists is known to AWS alone.

use super::{Check, Faults, STRINGS_ONLY, Spot};

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
                None => faults.syntax(name.path, format!("`{kind}` {STRINGS_ONLY}")),
            }
        }
    }
    if !any {
        faults.add(Check::Elements, value.path.clone(), MISSING, "`Principal` names nobody");
    }
}

fn named(name: &Spot, kind: &str, text: &str, faults: &mut Faults) {
    let wrong = match kind {
        _ if text.is_empty() => Some("it is empty"),
        "AWS" => wrong_in_aws(text),
        "Service" if !is_service(text) && text != "*" => Some("a service is named like `ec2.amazonaws.com`"),
        "Federated" if !is_federated(text) && text != "*" => {
            Some("it is no provider of OIDC or SAML, by its ARN or like `accounts.google.com`")
        }
        _ => None,
    };
    let Some(wrong) = wrong else { return };
    let message = format!("Invalid principal in policy: \"{kind}\":\"{text}\"");
    faults.add(Check::Principal, name.path.clone(), message, format!("`{text}` cannot be trusted: {wrong}"));
}

fn wrong_in_aws(text: &str) -> Option<&'static str> {
    // `AROA…`, `AIDA…`: what AWS shows for a principal that was deleted.
    let unique_id =
        text.len() >= 16 && text.starts_with('A') && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    if text == "*" || unique_id || is_account(text) {
        return None;
    }
    if text.contains(['*', '?']) {
        return Some("a principal takes no wildcards; use a condition on `aws:PrincipalArn`");
    }
    let fields: Vec<&str> = text.splitn(6, ':').collect();
    let ["arn", partition, service, "", account, resource] = fields[..] else { return Some(NOBODY) };
    let (collection, rest) = resource.split_once('/').unwrap_or((resource, ""));
    let is_named = match (service, collection) {
        ("iam", "root") => resource == "root",
        ("iam", "role" | "user") => is_path_and_name(rest),
        ("sts", "assumed-role") => {
            rest.split_once('/').is_some_and(|(role, session)| is_name(role) && is_name(session))
        }
        ("sts", "federated-user") => is_name(rest),
        _ => return Some(NOBODY),
    };
    match (is_account(account), is_named) {
        _ if !partition.starts_with("aws") => Some(NOBODY),
        (false, _) => Some("an account has 12 digits"),
        (_, false) => Some("names have letters, digits and the signs _ + = , . @ -"),
        _ => None,
    }
}

const NOBODY: &str = "it is no account, role, user or session";

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c))
}

/// "IAM identifiers": a path has any printable sign, a name only a few.
fn is_path_and_name(text: &str) -> bool {
    let (path, name) = text.rsplit_once('/').unwrap_or(("", text));
    is_name(name) && path.chars().all(|c| c.is_ascii_graphic())
}

/// Says whether a text is the name of a service, in whichever partition.
pub fn is_service(text: &str) -> bool {
    const DOMAINS: [&str; 5] =
        [".amazonaws.com", ".amazonaws.com.cn", ".amazonaws.eu", ".c2s.ic.gov", ".sc2s.sgov.gov"];
    let is_label = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    text.split('.').all(is_label) && DOMAINS.iter().any(|domain| text.ends_with(domain))
}

/// "AWS JSON policy elements: Principal": Amazon Cognito, three issuers of OIDC, and the providers of an account.
fn is_federated(text: &str) -> bool {
    const ISSUERS: [&str; 3] = ["accounts.google.com", "graph.facebook.com", "www.amazon.com"];
    let fields: Vec<&str> = text.splitn(6, ':').collect();
    match fields[..] {
        ["arn", partition, "iam", "", account, resource] => {
            let starts = ["oidc-provider/", "saml-provider/"];
            let is_provider = starts.iter().any(|start| resource.len() > start.len() && resource.starts_with(start));
            partition.starts_with("aws") && is_account(account) && is_provider && !text.contains(['*', '?'])
        }
        _ => ISSUERS.contains(&text) || text.starts_with("cognito-identity") && is_service(text),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn said(kind: &str, text: &str) -> Option<String> {
        let principal = json!({kind: text});
        let mut faults = Faults::default();
        check(&Spot::root(&principal), &mut faults);
        faults.sorted().pop().map(|fault| fault.detail)
    }

    #[test]
    fn who_there_can_be_is_taken() {
        for (kind, text) in [
            ("AWS", "*"),
            ("AWS", "111122223333"),
            ("AWS", "AIDAEXAMPLEAAAAAAAAAA"),
            ("AWS", "arn:aws:iam::111122223333:root"),
            ("AWS", "arn:aws-cn:iam::111122223333:role/a/b:c/d@e"),
            ("AWS", "arn:aws:iam::111122223333:user/ana"),
            ("AWS", "arn:aws:sts::111122223333:assumed-role/head/ana@acme.org"),
            ("AWS", "arn:aws:sts::111122223333:federated-user/x"),
            ("Service", "ec2.amazonaws.com"),
            ("Service", "states.eu-west-1.amazonaws.com"),
            ("Service", "ec2.amazonaws.com.cn"),
            ("Federated", "cognito-identity.amazonaws.com"),
            ("Federated", "accounts.google.com"),
            ("Federated", "arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/A"),
            ("Federated", "arn:aws-us-gov:iam::111122223333:saml-provider/Okta"),
            ("CanonicalUser", "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be"),
        ] {
            assert_eq!(said(kind, text), None, "{kind} {text}");
        }
    }

    #[test]
    fn who_there_cannot_be_is_refused() {
        for (kind, text, why) in [
            ("AWS", "", "empty"),
            ("AWS", "11112222333", "no account"),
            ("AWS", "aidaexampleaaaaaaaaaa", "no account"),
            ("AWS", "arn:aws:iam::44445555666:root", "12 digits"),
            ("AWS", "arn:aws:iam::4444-5555-6666:role/x", "12 digits"),
            ("AWS", "arn:aws:iam::123456789012:role/a b", "names have"),
            ("AWS", "arn:aws:iam::111122223333:role/", "names have"),
            ("AWS", "arn:aws:sts::111122223333:assumed-role/head", "names have"),
            ("AWS", "arn:aws:iam::111122223333:role/?", "no wildcards"),
            ("AWS", "arn:aws:iam::*:role/x", "no wildcards"),
            ("AWS", "arn:aws:iam::111122223333:group/a", "no account"),
            ("AWS", "arn:aws:iam:eu-west-1:111122223333:role/a", "no account"),
            ("AWS", "arn:aws:s3:::b", "no account"),
            ("Service", "ec2.amazonws.com", "ec2.amazonaws.com"),
            ("Service", "ec2.amazon.com", "ec2.amazonaws.com"),
            ("Service", "arn:aws:iam::123456789012:role/a.b", "ec2.amazonaws.com"),
            ("Federated", "foo", "no provider"),
            ("Federated", "arn:aws:iam::123456789012:role/x", "no provider"),
        ] {
            assert!(said(kind, text).is_some_and(|said| said.contains(why)), "{kind} {text}: {:?}", said(kind, text));
        }
    }
}
