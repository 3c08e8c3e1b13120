//! What shows only in the document as a whole.

use serde_json::Value as Json;

use super::super::managed;
use super::super::spot::Spot;
use super::super::validate::VERSION;
use super::Found;
use super::statement::Statement;

pub(super) fn check(document: &Spot, statements: &[Statement], found: &mut Found) {
    version(document, statements, found);
    for statement in statements {
        for resource in &statement.resources {
            managed_policy(&resource.spot, resource.text, found);
        }
        for condition in &statement.conditions {
            condition.values.iter().for_each(|value| managed_policy(&condition.spot, value, found));
        }
    }
}

/// "IAM policy elements: Variables and tags": before 2012-10-17 a variable is the text as it stands.
fn version(document: &Spot, statements: &[Statement], found: &mut Found) {
    if document.json.get("Version").and_then(Json::as_str) == Some(VERSION) {
        return;
    }
    let resources = statements.iter().flat_map(|statement| statement.resources.iter().map(|resource| resource.text));
    let values = statements.iter().flat_map(|statement| &statement.conditions).flat_map(|condition| &condition.values);
    if let Some(text) = resources.chain(values.map(String::as_str)).find(|text| text.contains("${")) {
        let spot = document.get("Version").unwrap_or_else(|| document.clone());
        let message = format!("without Version {VERSION} `{text}` is taken as it stands, not as a variable");
        found.add("variables-without-version", &spot, message, format!("\"Version\": \"{VERSION}\""));
    }
}

/// Many of AWS's own policies have a path, without which there is none of that name.
fn managed_policy(spot: &Spot, text: &str, found: &mut Found) {
    let Some((start, name)) = text.split_once(":iam::aws:policy/") else { return };
    let last = name.rsplit('/').next().unwrap_or(name);
    let Some(path) = managed::path_of(last) else { return };
    let right = format!("{start}:iam::aws:policy{path}{last}");
    if right != text {
        let message = format!("there is no policy `{text}`: `{last}` has the path `{path}`");
        found.add("managed-policy-path", spot, message, format!("`{right}`"));
    }
}
