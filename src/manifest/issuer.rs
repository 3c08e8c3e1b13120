//! OIDC providers: their URLs, the audiences of their tokens, the thumbprints of their certificates. What AWS
//! takes is in "CreateOpenIDConnectProvider" in the IAM API Reference.

use std::collections::BTreeSet;

use super::reading::Reading;
use super::report::Report;
use super::shape;
use crate::model::Node;
use crate::policy::limits;
use crate::problem::Problem;

const SCHEME: &str = "https://";

/// Returns the URL of the provider of this name.
pub fn url(name: &str) -> String {
    format!("{SCHEME}{name}")
}

/// Reads the URL of a provider. Returns its name in AWS, the URL without its scheme.
pub fn read(node: &Node, what: &str, report: &mut Report) -> Option<String> {
    let text = shape::text(node, what, report)?;
    match name(text) {
        Ok(name) => return Some(name.to_owned()),
        Err((why, typed)) => {
            let problem = Problem::error("bad-url", format!("{what}: {why}")).at(node.place);
            report.push(match typed {
                Some(typed) => problem.help(format!("url: {typed}")),
                None => problem.note("it is what the provider's tokens say as `iss`: https://HOST/PATH"),
            });
        }
    }
    None
}

/// Returns the name, or what AWS refuses about the URL and what to type instead.
fn name(text: &str) -> Result<&str, (String, Option<String>)> {
    let Some(name) = text.strip_prefix(SCHEME) else {
        return Err(match text.split_once("://") {
            Some((scheme, rest)) => {
                (format!("AWS takes no `{scheme}` here, only https"), Some(rest).filter(|r| !r.is_empty()).map(url))
            }
            None => ("AWS wants the whole URL, with https".to_owned(), (!text.is_empty()).then(|| url(text))),
        });
    };
    let (host, path) = name.find('/').map_or((name, ""), |at| name.split_at(at));
    let part = |host: &str| {
        !host.is_empty() && host.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_')
    };
    if let Some(odd) = ['?', '#'].into_iter().find(|odd| name.contains(*odd)) {
        let before = name.split(odd).next().unwrap_or_default();
        return Err((format!("AWS takes no `{odd}` in the URL of a provider"), Some(url(before))));
    }
    if host.contains('@') {
        return Err(("AWS takes no user in the URL of a provider".to_owned(), None));
    }
    if let Some((bare, _)) = host.split_once(':') {
        let why = "AWS takes no port in the URL of a provider: it asks at 443".to_owned();
        return Err((why, Some(format!("{}{path}", url(bare)))));
    }
    if host.bytes().any(|b| b.is_ascii_uppercase()) {
        let why = format!("the host `{host}` is written in lower case");
        return Err((why, Some(format!("{}{path}", url(&host.to_lowercase())))));
    }
    if !host.contains('.') || !host.split('.').all(part) {
        return Err((format!("`{host}` is no host that AWS could ask"), None));
    }
    if path.ends_with('/') {
        let why = "a provider's URL ends without a slash".to_owned();
        return Err((why, Some(url(name.trim_end_matches('/')))));
    }
    if path.contains("//") || path.bytes().any(|b| !(b.is_ascii_alphanumeric() || b"/-._~%+:=@!$&'()*,;".contains(&b)))
    {
        return Err((format!("`{path}` is no path of a URL"), None));
    }
    if text.len() > limits::ISSUER {
        return Err((format!("it has {} characters, AWS takes {}", text.len(), limits::ISSUER), None));
    }
    Ok(name)
}

impl Reading<'_> {
    pub fn audiences(&mut self, node: &Node, what: &str) -> Option<BTreeSet<String>> {
        let audiences = self.set_of(node, what, |text| {
            let fits = (1..=limits::AUDIENCE).contains(&text.len());
            if fits {
                Ok(text.to_owned())
            } else {
                Err(format!("an audience has 1 to {} characters", limits::AUDIENCE))
            }
        })?;
        self.at_most(node, what, audiences.len(), limits::AUDIENCES);
        Some(audiences)
    }

    pub fn thumbprints(&mut self, node: &Node, what: &str) -> Option<BTreeSet<String>> {
        let thumbprints = self.set_of(node, what, |text| {
            let plain = text.replace(':', "").to_lowercase();
            let fits = plain.len() == 40 && plain.bytes().all(|b| b.is_ascii_hexdigit());
            if fits { Ok(plain) } else { Err("a thumbprint is the SHA-1 of a certificate, 40 hex digits".to_owned()) }
        })?;
        self.at_most(node, what, thumbprints.len(), limits::THUMBPRINTS);
        Some(thumbprints)
    }

    fn set_of(
        &mut self,
        node: &Node,
        what: &str,
        read: impl Fn(&str) -> Result<String, String>,
    ) -> Option<BTreeSet<String>> {
        let mut texts = Vec::new();
        for item in shape::list(node, what, &mut self.report)? {
            let Some(text) = shape::text(item, what, &mut self.report) else { continue };
            match read(text) {
                Ok(text) => self.add_once(&mut texts, text, item, what),
                Err(why) => {
                    let problem = Problem::error("bad-text", format!("{what}: `{text}` is none"));
                    self.report.push(problem.at(item.place).note(why));
                }
            }
        }
        Some(texts.into_iter().collect())
    }

    fn at_most(&mut self, node: &Node, what: &str, count: usize, most: usize) {
        if count > most {
            let problem = Problem::error("too-many-items", format!("{what} has {count} items, AWS takes {most}"));
            self.report.push(problem.at(node.place));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_that_aws_takes_is_a_name() {
        for (text, expected) in [
            ("https://oidc.eks.eu-west-1.amazonaws.com/id/ABC", "oidc.eks.eu-west-1.amazonaws.com/id/ABC"),
            ("https://token.actions.githubusercontent.com", "token.actions.githubusercontent.com"),
            ("https://tower.example.com/api", "tower.example.com/api"),
        ] {
            assert_eq!(name(text), Ok(expected));
            assert_eq!(url(expected), text);
        }
    }

    #[test]
    fn a_url_that_aws_refuses_says_what_to_type() {
        for (text, why, typed) in [
            ("http://a.example/x", "AWS takes no `http` here", Some("https://a.example/x")),
            ("a.example/x", "AWS wants the whole URL", Some("https://a.example/x")),
            ("", "AWS wants the whole URL", None),
            ("https://", "is no host", None),
            ("https://a.example/x/", "ends without a slash", Some("https://a.example/x")),
            ("https://a.example/", "ends without a slash", Some("https://a.example")),
            ("https://a.example:8443/x", "AWS takes no port", Some("https://a.example/x")),
            ("https://a.example/x?y=1", "AWS takes no `?`", Some("https://a.example/x")),
            ("https://a.example/x#y", "AWS takes no `#`", Some("https://a.example/x")),
            ("https://u:p@a.example", "AWS takes no user", None),
            ("https://A.Example/X", "is written in lower case", Some("https://a.example/X")),
            ("https://localhost/x", "is no host", None),
            ("https://a..example", "is no host", None),
            ("https://a.example//x", "is no path", None),
            ("https://a.example/x y", "is no path", None),
        ] {
            let (found, help) = name(text).unwrap_err();
            assert!(found.contains(why), "{text}: {found}");
            assert_eq!(help.as_deref(), typed, "{text}");
        }
        let long = format!("https://a.example/{}", "x".repeat(240));
        assert!(name(&long).unwrap_err().0.contains("AWS takes 255"));
    }
}
