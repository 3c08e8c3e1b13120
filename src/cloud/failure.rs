//! What AWS's errors mean and what to do about them.

use std::sync::Arc;

use aws_sdk_iam::config::retry::{ClassifyRetry, RetryAction};
use aws_sdk_iam::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use super::pace::Pace;
use super::whole;
use crate::error::Error;

/// A call that failed.
#[derive(Clone, Debug, PartialEq)]
pub struct AwsError {
    pub operation: &'static str,
    pub subject: String,
    /// AWS's code (`NoSuchEntity`), or empty where no AWS answered.
    pub code: String,
    pub message: String,
    pub request_id: Option<String>,
    /// Whether nothing came back at all.
    pub unreachable: bool,
}

impl AwsError {
    pub fn new<E>(operation: &'static str, subject: &str, error: SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let (code, message, request_id) = match &error {
            SdkError::ServiceError(service) if service.err().code().is_some() => {
                let meta = service.err().meta();
                (
                    meta.code().unwrap_or_default().to_owned(),
                    meta.message().unwrap_or_default().to_owned(),
                    meta.extra("aws_request_id").map(str::to_owned),
                )
            }
            // What it answered may hold a secret.
            SdkError::ServiceError(_) | SdkError::ResponseError(_) if operation == "CreateAccessKey" => {
                (String::new(), "the answer is not whole, or not one of IAM".to_owned(), None)
            }
            SdkError::ServiceError(service) => (String::new(), strange_answer(service.raw()), None),
            SdkError::ResponseError(response) => (String::new(), strange_answer(response.raw()), None),
            other => (String::new(), causes(other), None),
        };
        let unreachable = matches!(error, SdkError::DispatchFailure(_) | SdkError::TimeoutError(_));
        Self { operation, subject: subject.to_owned(), code, message, request_id, unreachable }
    }

    /// Returns the failed call that an error comes from.
    pub fn of(error: &Error) -> Option<&Self> {
        error.source.as_ref().and_then(|source| source.downcast_ref())
    }

    pub fn is(&self, code: &str) -> bool {
        self.code == code
    }

    pub fn is_throttling(&self) -> bool {
        ["Throttling", "ThrottlingException", "RequestLimitExceeded"].contains(&self.code.as_str())
    }

    pub fn is_absent(&self) -> bool {
        self.is("NoSuchEntity")
    }

    /// Says whether something of that name is there already.
    pub fn is_of_a_taken_name(&self) -> bool {
        // So says `CreateServiceLinkedRole`.
        self.is("EntityAlreadyExists")
            || self.is("InvalidInput") && self.message.contains("has been taken in this account")
    }

    pub fn is_denied(&self) -> bool {
        self.is("AccessDenied") || self.is("AccessDeniedException")
    }

    /// Says whether something answered that is not IAM as AWS has it: a page, say.
    pub fn is_of_no_iam(&self) -> bool {
        self.code.is_empty() && !self.unreachable
    }

    fn hints(&self) -> Vec<String> {
        let message = self.message.to_lowercase();
        let hint = match self.code.as_str() {
            "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" => {
                "the credentials have expired: sign in again (aws sso login), then repeat the command"
            }
            "InvalidClientTokenId" | "UnrecognizedClientException" | "SignatureDoesNotMatch" => {
                "AWS does not know these credentials: check AWS_PROFILE, --profile and AWS_ACCESS_KEY_ID"
            }
            "AccessDenied" | "AccessDeniedException" if message.contains("service control policy") => {
                "a service control policy of the organization forbids it: no policy in this account can allow it"
            }
            "AccessDenied" | "AccessDeniedException" if message.contains("multifactor") => {
                "the policy asks for MFA: get a session with it (aws sts get-session-token --serial-number … --token-code …)"
            }
            "AccessDenied" | "AccessDeniedException" => {
                "ask for this IAM action on this resource, or use --profile with one that has it"
            }
            "LimitExceeded" => "an IAM quota of the account is reached: see the Service Quotas console",
            "Throttling" | "ThrottlingException" => {
                "IAM throttles the account: lower --parallelism and repeat; what was done is recorded"
            }
            "" if message.contains("credential") => {
                "set AWS_PROFILE or --profile, or sign in (aws sso login); --sandbox needs no account"
            }
            "" if self.unreachable => "check the network, its proxies, and AWS_ENDPOINT_URL where it is set",
            _ => return Vec::new(),
        };
        vec![hint.to_owned()]
    }
}

/// Says whether a program failed where IAM should be, as it likely will again. What AWS itself answers with a page
/// is another status, such as 503.
fn is_broken(response: &HttpResponse) -> bool {
    let page = response.headers().get("content-type").is_some_and(|kind| kind.starts_with("text/html"));
    page && response.status().as_u16() == 500
}

/// Describes an answer that is not what IAM answers: an HTML page of a proxy, say.
fn strange_answer(response: &HttpResponse) -> String {
    let what = if whole::is_cut(response) { "which ends early" } else { "which is not an answer of IAM" };
    let kind = response.headers().get("content-type").unwrap_or("no content type");
    let body = response.body().bytes().map(String::from_utf8_lossy).unwrap_or_default();
    let start: String = body.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(120).collect();
    format!("the server answered HTTP {} with {kind}, {what}: {start}", response.status().as_u16())
}

/// Tells, in one line, what kept a call from being made or answered.
fn causes(error: &dyn std::error::Error) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(cause) = next {
        let text = cause.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
        // The rest is the request as Rust prints it.
        let text = text.split(" to request `").next().unwrap_or_default().to_owned();
        if !WRAPPINGS.contains(&text.as_str()) && !parts.iter().any(|part| part.contains(&text)) {
            parts.push(text);
        }
        next = cause.source();
    }
    let text = parts.join(": ");
    // The SDK asks the machine's metadata service last; a profile may hold none.
    let nowhere = text == NO_CREDENTIALS || text.contains("no credentials found in chain") || text.contains("IMDS");
    let why = text.strip_prefix(NO_CREDENTIALS).and_then(|text| text.strip_prefix(": ")).unwrap_or(&text);
    if nowhere { "no AWS credentials were found".to_owned() } else { why.to_owned() }
}

/// What the SDK says of an error before it comes to it.
const WRAPPINGS: [&str; 7] = [
    "dispatch failure",
    "io error",
    "other",
    "client error (Connect)",
    "client error (SendRequest)",
    "service error",
    "an error occurred while loading credentials",
];

/// What the SDK says of a place that holds no credentials, and what it says before it says why.
const NO_CREDENTIALS: &str = "the credential provider was not enabled";

impl From<AwsError> for Error {
    fn from(error: AwsError) -> Self {
        let hints = error.hints();
        let blank = if error.subject.is_empty() { "" } else { " " };
        let colon = if error.code.is_empty() { "" } else { ": " };
        let request = error.request_id.as_ref().map(|id| format!(" (request {id})")).unwrap_or_default();
        let message =
            format!("{}{blank}{}: {}{colon}{}{request}", error.operation, error.subject, error.code, error.message);
        let mut result = Error::failed(message);
        result.hints = hints;
        result.source = Some(Box::new(error));
        result
    }
}

impl std::fmt::Display for AwsError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for AwsError {}

/// Retries what IAM asks to retry and the SDK does not, and tells the pace of throttling.
#[derive(Debug)]
pub struct IamRetry {
    pub pace: Arc<Pace>,
}

impl ClassifyRetry for IamRetry {
    fn name(&self) -> &'static str {
        "IAM write contention"
    }

    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let failed = context.response().filter(|response| !response.status().is_success());
        let body = failed.and_then(|response| response.body().bytes()).unwrap_or_default();
        let body = String::from_utf8_lossy(body);
        let says = |code: &str| body.contains(&format!("<Code>{code}</Code>"));
        if ["Throttling", "ThrottlingException", "RequestLimitExceeded"].into_iter().any(says) {
            self.pace.throttled();
        }
        if let Some(response) = context.response()
            && (is_broken(response) || whole::is_cut(response))
        {
            let is_last = whole::is_last_attempt(response);
            return if is_last { RetryAction::RetryForbidden } else { RetryAction::transient_error() };
        }
        if ["ConcurrentModification", "EntityTemporarilyUnmodifiable"].into_iter().any(says) {
            RetryAction::throttling_error()
        } else {
            RetryAction::NoActionIndicated
        }
    }
}
