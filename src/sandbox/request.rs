//! A call as its service's protocol sends it.
//!
//! IAM and STS: an action and its parameters, form-encoded; lists are flattened, so the second tag's key
//! is `Tags.member.2.Key`. Tagging: a header that names the action, and JSON.

use std::collections::HashMap;

use serde::de::DeserializeOwned;

use super::answer::Refusal;
use super::{sts, tagging};

/// One call, whoever brings it: the SDK's HTTP client or a listener.
#[derive(Clone, Debug, Default)]
pub struct Request {
    params: HashMap<String, String>,
    /// What `X-Amz-Target` says and what the body holds, where a service speaks JSON.
    json: Option<(String, Vec<u8>)>,
    /// The key that signed it, as the call says; whether it did is not asked.
    key: Option<String>,
}

/// Whom a call is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    Iam,
    Sts,
    Tagging,
}

/// Parameters that say what a call is about, the owner first.
const SUBJECTS: [&str; 5] = ["InstanceProfileName", "RoleName", "PolicyArn", "PolicyName", "VersionId"];

impl Request {
    /// Reads an HTTP request: its `X-Amz-Target` and `Authorization` headers, if it has them, and its body.
    pub fn read(target: Option<&str>, authorization: Option<&str>, body: &[u8]) -> Self {
        let key =
            authorization.and_then(|text| text.split_once("Credential=")).and_then(|(_, text)| text.split('/').next());
        let request = match target {
            Some(target) => Self { json: Some((target.to_owned(), body.to_owned())), ..Self::default() },
            None => Self::parse(body),
        };
        Self { key: key.map(str::to_owned), ..request }
    }

    /// Reads the body of a form POST.
    pub fn parse(body: &[u8]) -> Self {
        Self { params: form_urlencoded::parse(body).into_owned().collect(), ..Self::default() }
    }

    /// Returns the id of the key that the call says to be signed with.
    pub(super) fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    pub fn service(&self) -> Service {
        match &self.json {
            Some(_) => Service::Tagging,
            None if self.version() == sts::VERSION => Service::Sts,
            None => Service::Iam,
        }
    }

    pub fn action(&self) -> &str {
        match &self.json {
            Some((target, _)) => target.strip_prefix(tagging::TARGET).unwrap_or(target),
            None => self.get("Action").unwrap_or_default(),
        }
    }

    /// Returns what the JSON says.
    pub(super) fn input<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        let (_, body) = self.json.as_ref().ok_or_else(|| Refusal::invalid("The request is not JSON."))?;
        let body = if body.is_empty() { b"{}" } else { body.as_slice() };
        serde_json::from_slice(body).map_err(|error| Refusal::new(400, "SerializationException", error.to_string()))
    }

    pub fn version(&self) -> &str {
        self.get("Version").unwrap_or_default()
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.params.get(name).map(String::as_str)
    }

    pub(super) fn required(&self, name: &str) -> Result<&str, Refusal> {
        self.get(name).ok_or_else(|| Refusal::constraint(None, name, "Member must not be null"))
    }

    /// Returns the number in `name` when it lies within the bounds.
    pub(super) fn number(&self, name: &str, least: u32, most: u32) -> Result<Option<u32>, Refusal> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let wrong = |why: String| Refusal::constraint(Some(text), name, &why);
        match text.parse::<u32>() {
            Err(_) => Err(Refusal::new(400, "MalformedInput", format!("{name} is not a number"))),
            Ok(number) if number < least => {
                Err(wrong(format!("Member must have value greater than or equal to {least}")))
            }
            Ok(number) if number > most => Err(wrong(format!("Member must have value less than or equal to {most}"))),
            Ok(number) => Ok(Some(number)),
        }
    }

    /// Returns the items of a list of texts.
    pub(super) fn texts(&self, list: &str) -> Vec<&str> {
        (1..).map_while(|n| self.get(&format!("{list}.member.{n}"))).collect()
    }

    /// Returns the keys and values of `Tags`.
    pub(super) fn tags(&self) -> Vec<(&str, &str)> {
        let pair = |n: usize| {
            let key = self.get(&format!("Tags.member.{n}.Key"));
            let value = self.get(&format!("Tags.member.{n}.Value"));
            (key.is_some() || value.is_some()).then(|| (key.unwrap_or_default(), value.unwrap_or_default()))
        };
        (1..).map_while(pair).collect()
    }

    /// Returns the action and the names it is about, for the log.
    pub(super) fn line(&self) -> String {
        let names = SUBJECTS.iter().filter_map(|name| self.get(name));
        std::iter::once(self.action()).chain(names).collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_end_at_the_first_gap() {
        let request = Request::parse(b"Action=X&TagKeys.member.1=a&TagKeys.member.2=b%2Bc&TagKeys.member.4=d");
        assert_eq!(request.texts("TagKeys"), ["a", "b+c"]);
        assert_eq!(request.action(), "X");
    }

    #[test]
    fn numbers_are_bounded() {
        let request = Request::parse(b"A=1&B=9&C=x&D=5");
        assert_eq!(request.number("D", 2, 8).unwrap(), Some(5));
        assert_eq!(request.number("E", 2, 8).unwrap(), None);
        for (name, text) in
            [("A", "greater than or equal to 2"), ("B", "less than or equal to 8"), ("C", "not a number")]
        {
            assert!(request.number(name, 2, 8).unwrap_err().message.contains(text), "{name}");
        }
    }
}
