//! Policy documents: what AWS takes, how large they may be, and how they are sent back.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value as Json;

use crate::policy::{Host, validate_text};
use crate::sandbox::answer::Refusal;

/// All but the unreserved characters of RFC 3986.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Returns the document when AWS takes it. AWS names one fault at a time.
pub fn read(text: &str, host: Host) -> Result<Json, Refusal> {
    if let Some(fault) = validate_text(text, host).into_iter().next() {
        return Err(Refusal::new(400, fault.aws_code(), fault.message));
    }
    match serde_json::from_str(text.trim_start_matches('\u{feff}')) {
        Ok(Json::Object(document)) => Ok(Json::Object(document)),
        _ => Err(Refusal::malformed("Syntax errors in policy.")),
    }
}

/// Returns the characters that count against a quota: white space does not.
pub fn size(text: &str) -> usize {
    text.chars().filter(|c| !c.is_whitespace()).count()
}

/// Returns the document as AWS sends it.
pub fn encode(document: &Json) -> String {
    utf8_percent_encode(&document.to_string(), ENCODED).to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::sandbox::testbed::{Bed, allow, refused, trust};

    #[test]
    fn only_unreserved_characters_are_sent_as_they_are() {
        assert_eq!(encode(&json!({"a-b_c.d~": "+ é"})), "%7B%22a-b_c.d~%22%3A%22%2B%20%C3%A9%22%7D");
    }

    #[tokio::test]
    async fn a_host_takes_its_grammar_only() {
        let bed = Bed::new().await;
        let mut with_resource = trust("ec2");
        with_resource["Statement"][0]["Resource"] = "*".into();
        let mut without_principal = trust("ec2");
        without_principal["Statement"][0].as_object_mut().unwrap().remove("Principal");
        for wrong in [with_resource, without_principal, allow("s3:*")] {
            let call = bed.iam().create_role().role_name("x").assume_role_policy_document(wrong.to_string());
            let refused = refused(call.send().await);
            assert!(refused.0 == "MalformedPolicyDocument" && !refused.1.is_empty(), "{wrong}");
        }
        let mut with_principal = allow("s3:*");
        with_principal["Statement"][0]["Principal"] = "*".into();
        let call = bed.iam().create_policy().policy_name("x").policy_document(with_principal.to_string());
        assert_eq!(refused(call.send().await).0, "MalformedPolicyDocument");
    }
}
