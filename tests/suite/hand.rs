//! What somebody does by hand: calls to IAM beside the tool, and what IAM answers to a question.

use std::io::{Read, Write};
use std::net::TcpStream;

use seqera_iam::sandbox::{Faults, Request, Sandbox};
use serde_json::Value as Json;

use crate::scene::{Scene, Target};

impl Scene {
    /// Makes one call: `{Action: …}` with the parameters of the API. A map under `Tags` is a list of tags,
    /// any other map a document. Returns the body of the answer.
    #[track_caller]
    pub fn call(&self, call: &Json) -> String {
        let body = form(call);
        let (status, answer) = match self.target() {
            Target::Sandbox => self.call_sandbox(&body),
            Target::Endpoint(url) => post(url, &body),
        };
        assert_eq!(status, 200, "{call}: {answer}");
        answer
    }

    fn call_sandbox(&self, body: &str) -> (u16, String) {
        let dir = self.path(".seqera-iam/sandbox");
        // Where the runs have a clock that stands, people come in the night after.
        let night = if self.faults().contains("now=") { "now=2026-01-02T03:00:00Z" } else { "" };
        let faults = Faults::parse(night).expect("a time");
        let sandbox = Sandbox::open(&dir, None, faults).expect("a sandbox");
        let response = sandbox.answer(&Request::parse(body.as_bytes())).answer().expect("an answer");
        (response.status, response.body)
    }

    /// Returns every object of the account that a person could have made: `roles/head` …
    pub fn everything(&self) -> Vec<String> {
        let lists = [
            ("roles", "ListRoles", "RoleName"),
            ("users", "ListUsers", "UserName"),
            ("groups", "ListGroups", "GroupName"),
            ("policies", "ListPolicies", "PolicyName"),
            ("instance_profiles", "ListInstanceProfiles", "InstanceProfileName"),
            ("oidc_providers", "ListOpenIDConnectProviders", "Arn"),
        ];
        let list = |(collection, action, element): (&str, &str, &str)| {
            let mut call = serde_json::json!({"Action": action, "MaxItems": "1000"});
            if action == "ListPolicies" {
                call["Scope"] = "Local".into();
            }
            let answer = self.call(&call);
            let opening = format!("<{element}>");
            let names = answer.split(&opening).skip(1).filter_map(|rest| rest.split('<').next());
            // A provider has no name but its URL.
            let names = names.map(|name| name.split_once(":oidc-provider/").map_or(name, |(_, url)| url));
            names.map(|name| format!("{collection}/{name}")).collect::<Vec<_>>()
        };
        let mut all: Vec<String> = lists.into_iter().flat_map(list).collect();
        all.sort();
        all.dedup();
        all
    }
}

fn form(call: &Json) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("Version", "2010-05-08");
    for (name, value) in call.as_object().expect("a map") {
        match value {
            Json::Object(tags) if name == "Tags" => {
                for (number, (key, value)) in tags.iter().enumerate() {
                    form.append_pair(&format!("Tags.member.{}.Key", number + 1), key);
                    form.append_pair(&format!("Tags.member.{}.Value", number + 1), value.as_str().expect("a text"));
                }
            }
            Json::Array(items) => {
                for (number, item) in items.iter().enumerate() {
                    let item = item.as_str().expect("a list of texts");
                    form.append_pair(&format!("{name}.member.{}", number + 1), item);
                }
            }
            Json::String(text) => drop(form.append_pair(name, text)),
            other => drop(form.append_pair(name, &other.to_string())),
        }
    }
    form.finish()
}

/// Posts a form to a server that does not check signatures.
fn post(url: &str, body: &str) -> (u16, String) {
    let host = url.trim_start_matches("http://").trim_end_matches('/');
    let mut stream = TcpStream::connect(host).expect("the server listens");
    let request = format!(
        "POST / HTTP/1.0\r\nHost: {host}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\
         Authorization: AWS4-HMAC-SHA256 Credential=hand/20260101/us-east-1/iam/aws4_request, SignedHeaders=host, \
         Signature=none\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).expect("a request can be sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    (status, answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default())
}
