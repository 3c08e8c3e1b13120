//! A call as the query protocol sends it: an action and its parameters, form-encoded.
//!
//! Lists are flattened: the second tag's key is `Tags.member.2.Key`.

use std::collections::HashMap;

use super::answer::Refusal;

/// One call, whoever brings it: the SDK's HTTP client or a listener.
#[derive(Clone, Debug, Default)]
pub struct Request {
    params: HashMap<String, String>,
}

/// Parameters that say what a call is about, the owner first.
const SUBJECTS: [&str; 5] = ["InstanceProfileName", "RoleName", "PolicyArn", "PolicyName", "VersionId"];

impl Request {
    /// Reads the body of a form POST.
    pub fn parse(body: &[u8]) -> Self {
        Self { params: form_urlencoded::parse(body).into_owned().collect() }
    }

    pub fn action(&self) -> &str {
        self.get("Action").unwrap_or_default()
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
