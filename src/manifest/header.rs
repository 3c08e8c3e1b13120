//! What stands above the sections: whose manifest it is, where it applies, what all entries share.

use super::expand::Expander;
use super::names;
use super::params::Params;
use super::report::Report;
use super::scope::{Given, Scope};
use super::shape;
use super::tags;
use crate::model::{Node, NodeValue, Tags};
use crate::problem::{Place, Problem, Sources};

pub const API_VERSION: &str = "seqera-iam/v1";

/// Keys that are not sections.
pub const KEYS: [&str; 13] = [
    "apiVersion",
    "name",
    "account",
    "region",
    "defaults",
    "include",
    "state",
    "params",
    "use",
    "import",
    "moved",
    "removed",
    "outputs",
];
const DEFAULTS: [&str; 3] = ["path", "boundary", "tags"];

#[derive(Clone, Debug, Default)]
pub struct Header {
    pub deployment: Given,
    pub account: Given,
    pub region: Given,
    pub state: Option<String>,
}

impl Header {
    /// Returns what is seen outside all entries.
    pub fn scope<'a>(&'a self, params: &'a Params) -> Scope<'a> {
        Scope { params, account: Some(&self.account), region: Some(&self.region), each: None, tree: None }
    }
}

/// What an entry gets when it says nothing itself.
#[derive(Clone, Debug, Default)]
pub struct Defaults {
    pub path: Option<String>,
    /// With the namespace that it means.
    pub boundary: Option<(usize, Node)>,
    pub tags: Tags,
}

/// Reads everything that needs no account of AWS.
pub fn read(root: &Node, params: &Params, sources: &Sources, report: &mut Report) -> Header {
    let entries = shape::entries(root);
    let known: Vec<&str> = KEYS.into_iter().chain(names::sections().map(|(_, section)| section.name)).collect();
    shape::known_keys(entries, "a manifest", &known, report);
    let is_missing = |key: &str| root.get(key).is_none() && !shape::is_meant(entries, &known, key);
    api_version(root, &known, report);
    let mut header = Header::default();

    let scope = Scope { params, account: None, region: None, each: None, tree: None };
    let given = |key: &str, scope: &Scope, report: &mut Report, check: Check| {
        let Some(entry) = root.get(key) else { return Given::Absent };
        let node = Expander { scope: scope.clone(), sources }.node(&entry.value, report);
        let text = shape::text(&node, &format!("`{key}`"), report).map(str::to_owned);
        text.filter(|text| check(text, node.place, report)).map_or(Given::Broken, Given::Text)
    };
    header.account = given("account", &scope, report, account_is_well);
    header.region = given("region", &scope, report, region_is_well);

    let (account, region) = (header.account.clone(), header.region.clone());
    let scope = Scope { account: Some(&account), region: Some(&region), ..scope };
    header.deployment = given("name", &scope, report, name_is_well);
    if is_missing("name") {
        report.push(missing(root, "name").note("it marks what this manifest owns in the account"));
    }
    header.state = given("state", &scope, report, |_, _, _| true).text().map(str::to_owned);
    header
}

type Check = fn(&str, Place, &mut Report) -> bool;

/// Says which version a file is written for.
pub fn api_version(root: &Node, known: &[&str], report: &mut Report) {
    let help = format!("apiVersion: {API_VERSION}");
    let Some(entry) = root.get("apiVersion") else {
        if !shape::is_meant(shape::entries(root), known, "apiVersion") {
            report.push(missing(root, "apiVersion").help(help));
        }
        return;
    };
    let Some(text) = shape::text(&entry.value, "`apiVersion`", report) else { return };
    if text != API_VERSION {
        let problem = Problem::error("unknown-version", format!("this version reads no `{text}` manifests"));
        report.push(problem.at(entry.value.place).help(help));
    }
}

fn missing(root: &Node, key: &str) -> Problem {
    // Shown at the first key of the file; a map's own place is empty.
    let first = match &root.value {
        NodeValue::Map(entries) => entries.first().map(|entry| entry.key_place),
        _ => None,
    };
    Problem::error("missing-key", format!("the manifest lacks `{key}`")).at(first.unwrap_or(root.place))
}

fn account_is_well(text: &str, place: Place, report: &mut Report) -> bool {
    let well = text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit());
    if !well {
        report.push(Problem::error("bad-account", format!("`{text}` is no account id: 12 digits")).at(place));
    }
    well
}

fn region_is_well(text: &str, place: Place, report: &mut Report) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let well = parts.len() >= 3
        && parts.last().is_some_and(|last| !last.is_empty() && last.bytes().all(|b| b.is_ascii_digit()))
        && parts[..parts.len() - 1].iter().all(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_lowercase()));
    if !well {
        let problem = Problem::error("bad-region", format!("`{text}` is no region")).at(place);
        report.push(problem.help("region: eu-west-1"));
    }
    well
}

/// The name goes into tags and into the name of the state's file.
fn name_is_well(text: &str, place: Place, report: &mut Report) -> bool {
    let well = (1..=128).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    if !well {
        report.push(
            Problem::error("bad-name", format!("`{text}` cannot name a deployment"))
                .at(place)
                .note("a letter or digit, then letters, digits, dots, dashes and underscores, 128 at most")
                .help("name: production"),
        );
    }
    well
}

/// Reads `defaults` of the namespace `at`, over those of the manifest that uses it.
pub fn defaults(root: &Node, at: usize, over: Defaults, early: &Expander, report: &mut Report) -> Defaults {
    let mut defaults = over;
    let Some(entry) = root.get("defaults") else { return defaults };
    let Some(entries) = shape::map(&entry.value, "`defaults`", report) else { return defaults };
    shape::known_keys(entries, "`defaults`", &DEFAULTS, report);
    for entry in entries {
        let node = early.node(&entry.value, report);
        match entry.key.as_str() {
            "path" => defaults.path = names::path(&node, "defaults.path", report).or(defaults.path),
            "boundary" => defaults.boundary = Some((at, node)),
            "tags" => {
                let tags = tags::read(&node, "defaults.tags", &defaults.tags, report);
                defaults.tags = tags.unwrap_or(defaults.tags);
            }
            _ => {}
        }
    }
    defaults
}
