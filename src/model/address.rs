//! The path of a resource in the manifest: `roles.Seqera-Role.inline.logs`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Where a resource stands in the manifest. A segment that is not made of letters, digits, `-` and
/// `_` is written in brackets: `roles["a.b"]`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Address(Vec<String>);

impl Address {
    pub fn new<S: Into<String>>(segments: impl IntoIterator<Item = S>) -> Self {
        Self(segments.into_iter().map(Into::into).collect())
    }

    pub fn child<S: Into<String>>(&self, segments: impl IntoIterator<Item = S>) -> Self {
        let mut all = self.0.clone();
        all.extend(segments.into_iter().map(Into::into));
        Self(all)
    }

    pub fn segments(&self) -> &[String] {
        &self.0
    }

    /// Says whether this address is `other` or stands inside it.
    pub fn is_within(&self, other: &Address) -> bool {
        self.0.starts_with(&other.0)
    }
}

fn is_plain(segment: &str) -> bool {
    !segment.is_empty() && segment.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_')
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, segment) in self.0.iter().enumerate() {
            match (is_plain(segment), i) {
                (true, 0) => write!(f, "{segment}")?,
                (true, _) => write!(f, ".{segment}")?,
                (false, _) => write!(f, "[{}]", serde_json::Value::from(segment.as_str()))?,
            }
        }
        Ok(())
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| format!("`{text}` is not an address: {why}");
        let mut segments = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            if let Some(quoted) = rest.strip_prefix('[') {
                let mut stream = serde_json::Deserializer::from_str(quoted).into_iter::<String>();
                let segment = match stream.next() {
                    Some(Ok(segment)) => segment,
                    _ => return Err(wrong("a bracket holds a quoted name")),
                };
                let end = stream.byte_offset();
                rest = quoted[end..].strip_prefix(']').ok_or_else(|| wrong("`]` is missing"))?;
                segments.push(segment);
            } else {
                let bare = if segments.is_empty() {
                    rest
                } else {
                    rest.strip_prefix('.').ok_or_else(|| wrong("segments are separated by dots"))?
                };
                let end = bare.find(['.', '[']).unwrap_or(bare.len());
                if end == 0 {
                    return Err(wrong("a segment is empty"));
                }
                segments.push(bare[..end].to_owned());
                rest = &bare[end..];
            }
        }
        if segments.is_empty() { Err(wrong("it is empty")) } else { Ok(Self(segments)) }
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.to_string()
    }
}

impl TryFrom<String> for Address {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_survive_printing_and_parsing() {
        for text in ["roles.head", "roles[\"a.b\"]", "roles.x.policies[\"a b\"].y", "roles.X.inline.a_b"] {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.to_string(), text);
        }
        assert_eq!("roles[\"a.b\"]".parse::<Address>().unwrap().segments(), ["roles", "a.b"]);
    }

    #[test]
    fn malformed_addresses_are_refused() {
        for text in ["", ".", "roles.", "roles..x", "roles[x]", "roles[\"x\"", "roles[\"x\"]y"] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
