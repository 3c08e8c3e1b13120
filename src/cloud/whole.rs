//! Whether an answer came whole. The SDK reads XML that ends early as far as it goes: a list that was cut
//! would pass for a short one, and what is missing from it for absent.

use aws_sdk_iam::config::interceptors::{
    AfterDeserializationInterceptorContextRef, BeforeDeserializationInterceptorContextMut,
};
use aws_sdk_iam::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::retries::RequestAttempts;

use crate::error::BoxError;

/// A header that answers get here: who decides whether to call again is not told how often it was done.
const ATTEMPT: &str = "x-seqera-iam-attempt";

/// How often a call is made that something else than AWS answers: it may well do so again.
const ATTEMPTS: u32 = 4;

/// Lets no successful answer pass that is not whole.
#[derive(Debug)]
pub struct Whole;

impl Intercept for Whole {
    fn name(&self) -> &'static str {
        "whole answers"
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let attempt = bag.load::<RequestAttempts>().map_or(1, RequestAttempts::attempts);
        context.response_mut().headers_mut().insert(ATTEMPT, attempt.to_string());
        Ok(())
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response();
        if response.status().is_success() && !is_whole(response) {
            return Err("the answer is not whole".into());
        }
        Ok(())
    }
}

/// Says whether a call that something else than AWS answered was made often enough.
pub fn is_last_attempt(response: &HttpResponse) -> bool {
    let attempt = response.headers().get(ATTEMPT).and_then(|attempt| attempt.parse::<u32>().ok());
    attempt.is_none_or(|attempt| attempt >= ATTEMPTS)
}

/// Says whether this is XML that ends early.
pub fn is_cut(response: &HttpResponse) -> bool {
    let is_xml = response.headers().get("content-type").is_some_and(|kind| kind.contains("xml"));
    is_xml && !is_whole(response)
}

/// Says whether the body is one whole element of the query protocol.
fn is_whole(response: &HttpResponse) -> bool {
    let Some(text) = response.body().bytes().and_then(|body| std::str::from_utf8(body).ok()) else { return false };
    let text = text.trim();
    let text = text.strip_prefix("<?xml").and_then(|rest| rest.split_once("?>")).map_or(text, |(_, rest)| rest.trim());
    let Some(rest) = text.strip_prefix('<') else { return false };
    let name = rest.split([' ', '\t', '\r', '\n', '>', '/']).next().unwrap_or_default();
    let closed =
        text.strip_suffix('>').and_then(|text| text.strip_suffix(name)).is_some_and(|text| text.ends_with("</"));
    let alone = rest.ends_with("/>") && !rest.contains('<');
    name.ends_with("Response") && (closed || alone)
}

#[cfg(test)]
mod tests {
    use aws_smithy_types::body::SdkBody;

    use super::*;

    fn response(kind: &'static str, body: &str) -> HttpResponse {
        let mut response = HttpResponse::new(200.try_into().unwrap(), SdkBody::from(body));
        response.headers_mut().insert("content-type", kind);
        response
    }

    #[test]
    fn an_element_ends_where_it_began() {
        let whole = "<?xml version=\"1.0\"?>\n<GetRoleResponse xmlns=\"x\"><Role>\u{e9}</Role></GetRoleResponse>";
        assert!(is_whole(&response("text/xml", &format!("{whole}\n"))));
        assert!(is_whole(&response("text/xml", "<TagRoleResponse/>")));
        for (end, _) in whole.char_indices() {
            assert!(is_cut(&response("text/xml", &whole[..end])), "{}", &whole[..end]);
        }
        for other in ["<p>Sign in</p>", "{}", "<GetRoleResponse><a/>"] {
            assert!(!is_whole(&response("text/xml", other)), "{other}");
        }
        assert!(!is_cut(&response("text/html", "<p>Sign")));
    }

    #[test]
    fn the_fourth_attempt_is_the_last() {
        for (attempt, last) in [("1", false), ("3", false), ("4", true), ("9", true), ("x", true)] {
            let mut response = response("text/xml", "");
            response.headers_mut().insert(ATTEMPT, attempt);
            assert_eq!(is_last_attempt(&response), last);
        }
    }
}
