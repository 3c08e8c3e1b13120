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
        return Err(Refusal::malformed(fault.message));
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
