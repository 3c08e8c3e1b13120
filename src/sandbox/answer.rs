//! What the sandbox answers: a result, or a refusal with AWS's code and words.

use serde_json::json;

use super::world::Account;
use super::xml::Xml;

/// An HTTP answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Response {
    pub status: u16,
    pub request_id: String,
    pub content_type: &'static str,
    pub body: String,
}

/// How a service wraps what it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// The query protocol: XML in this namespace.
    Query(&'static str),
    Json,
}

impl Protocol {
    fn content_type(self) -> &'static str {
        match self {
            Protocol::Query(_) => "text/xml",
            Protocol::Json => "application/x-amz-json-1.1",
        }
    }
}

/// An error as AWS gives it.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    pub status: u16,
    pub code: &'static str,
    pub message: String,
}

impl Refusal {
    pub fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    pub fn absent(message: impl Into<String>) -> Self {
        Self::new(404, "NoSuchEntity", message)
    }

    pub fn exists(message: impl Into<String>) -> Self {
        Self::new(409, "EntityAlreadyExists", message)
    }

    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(409, "DeleteConflict", message)
    }

    pub fn limit(message: impl Into<String>) -> Self {
        Self::new(409, "LimitExceeded", message)
    }

    pub fn malformed(message: impl Into<String>) -> Self {
        Self::new(400, "MalformedPolicyDocument", message)
    }

    pub fn input(message: impl Into<String>) -> Self {
        Self::new(400, "InvalidInput", message)
    }

    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, "ValidationError", message)
    }

    pub fn denied(account: &Account, action: &str, resource: &str) -> Self {
        let message =
            format!("User: {} is not authorized to perform: {action} on resource: {resource}", account.caller());
        Self::new(403, "AccessDenied", message)
    }

    pub fn invalid_principal(principal: &str) -> Self {
        Self::malformed(format!("Invalid principal in policy: \"AWS\":\"{principal}\""))
    }

    /// A parameter that its type does not allow, in the words of AWS's generated checks.
    pub fn constraint(value: Option<&str>, parameter: &str, constraint: &str) -> Self {
        let mut name = parameter.to_owned();
        if let Some(first) = name.get_mut(..1) {
            first.make_ascii_lowercase();
        }
        let value = value.map(|value| format!(" '{value}'")).unwrap_or_default();
        Self::invalid(format!(
            "1 validation error detected: Value{value} at '{name}' failed to satisfy constraint: {constraint}"
        ))
    }

    /// The sandbox itself failed: a disk that is full, a file that was edited into nonsense.
    pub fn internal(error: impl std::fmt::Display) -> Self {
        Self::new(400, "SandboxFailure", error.to_string())
    }

    pub fn respond(&self, protocol: Protocol, request_id: &str) -> Response {
        let body = match protocol {
            Protocol::Query(namespace) => self.xml(namespace, request_id),
            Protocol::Json => json!({"__type": self.code, "message": self.message}).to_string(),
        };
        Response { status: self.status, request_id: request_id.to_owned(), content_type: protocol.content_type(), body }
    }

    fn xml(&self, namespace: &str, request_id: &str) -> String {
        let mut xml = Xml::default();
        xml.root("ErrorResponse", namespace, |xml| {
            xml.node("Error", |xml| {
                xml.text("Type", if self.status < 500 { "Sender" } else { "Receiver" });
                xml.text("Code", self.code).text("Message", &self.message);
            });
            xml.text("RequestId", request_id);
        });
        xml.finish()
    }
}

impl Response {
    /// Wraps the result of `action` as its protocol does.
    pub fn success(action: &str, protocol: Protocol, request_id: &str, result: String) -> Self {
        let body = match protocol {
            Protocol::Query(namespace) => wrapped(action, namespace, request_id, &result),
            Protocol::Json => result,
        };
        Self { status: 200, request_id: request_id.to_owned(), content_type: protocol.content_type(), body }
    }

    /// A page that a proxy sends for people.
    pub fn page(status: u16, reason: &str, request_id: &str) -> Self {
        let title = format!("{status} {reason}");
        let body = format!("<html><head><title>{title}</title></head><body><h1>{title}</h1><br></body></html>\n");
        Self { status, request_id: request_id.to_owned(), content_type: "text/html; charset=utf-8", body }
    }

    /// Takes away the end of the text: something stays and something goes.
    pub fn cut(mut self, part: f64) -> Self {
        let length = (self.body.len() as f64 * part) as usize;
        let most = self.body.len().saturating_sub(1);
        let end = self.body.floor_char_boundary(length.clamp(1.min(most), most));
        self.body.truncate(end);
        self
    }
}

fn wrapped(action: &str, namespace: &str, request_id: &str, result: &str) -> String {
    let mut xml = Xml::default();
    xml.root(&format!("{action}Response"), namespace, |xml| {
        xml.node(&format!("{action}Result"), |xml| xml.append(result));
        xml.node("ResponseMetadata", |xml| {
            xml.text("RequestId", request_id);
        });
    });
    xml.finish()
}
