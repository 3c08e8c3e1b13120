//! A manifest to begin with: what `init` writes, and what `blueprint render` resolves.

use std::fmt::Write;

use serde_json::{Map, Value as Json};

use super::blueprint::{About, AboutParam, IDENTITY, PERMISSIONS};
use super::layout::flow;
use super::{builtin, header};

/// The deployment, and the use of a blueprint that is alone.
const NAME: &str = "seqera";

/// Any account: `account` is a guard, so until it is set nothing can be done to another.
const ACCOUNT: &str = "123456789012";

/// Any region, for a blueprint whose ARNs have one.
const REGION: &str = "us-east-1";

/// Blueprints that are used together, each with the values that were given.
pub struct Start {
    uses: Vec<(About, Map<String, Json>)>,
}

impl Start {
    /// A principal among them gets the permissions of the others.
    pub fn new(uses: Vec<(About, Map<String, Json>)>) -> Self {
        let mut start = Self { uses };
        let given = start.permissions();
        for (about, values) in &mut start.uses {
            if about.takes_permissions() && !values.contains_key(PERMISSIONS) && !given.is_empty() {
                values.insert(PERMISSIONS.to_owned(), given.iter().cloned().map(Json::from).collect());
            }
        }
        start
    }

    /// Returns the uses with the params that still need a value.
    pub fn missing(&self) -> impl Iterator<Item = (&str, Vec<&str>)> {
        self.uses.iter().filter_map(|(about, given)| {
            let is_missing = |param: &&AboutParam| param.default.is_none() && !given.contains_key(&param.name);
            let missing: Vec<&str> = about.params.iter().filter(is_missing).map(|param| param.name.as_str()).collect();
            (!missing.is_empty()).then(|| (self.name_of(about), missing))
        })
    }

    /// Returns the values of the use that is alone.
    pub fn given(&self) -> impl Iterator<Item = &str> {
        self.uses.iter().flat_map(|(_, given)| given.keys().map(String::as_str))
    }

    /// Returns the same without one of its values, or with none in its list where it is required.
    pub fn without(&self, name: &str) -> Self {
        let mut start = Self { uses: self.uses.clone() };
        for (about, given) in &mut start.uses {
            let required = about.params.iter().any(|param| param.name == name && param.default.is_none());
            match given.get_mut(name) {
                Some(Json::Array(items)) if required => items.clear(),
                _ if required => {}
                _ => drop(given.shift_remove(name)),
            }
        }
        start
    }

    /// Writes the manifest, with every param, what it is for, and its default.
    pub fn manifest(&self, region: Option<&str>) -> String {
        let mut text = String::new();
        for (about, _) in &self.uses {
            let _ = write!(text, "# {}\n# {}\n", about.title, about.source);
        }
        let _ = write!(
            text,
            "\napiVersion: {}\nname: {NAME} # marks what this manifest owns, and names its state\n\
             account: \"{ACCOUNT}\" # yours: with the credentials of any other, nothing is read or changed\n",
            header::API_VERSION
        );
        let _ = match region {
            Some(region) => writeln!(text, "region: {region}"),
            None if self.uses.iter().any(|(about, _)| about.uses_region) => {
                writeln!(text, "# region: {REGION} # where the pipelines run; without it, any region")
            }
            None => Ok(()),
        };
        text.push_str("\nuse:\n");
        for (about, given) in &self.uses {
            text += &used(about, given, self.name_of(about));
        }
        text += &self.who();
        if self.uses.iter().any(|(about, _)| !about.outputs.is_empty()) {
            text.push_str("\n# Printed after apply.\noutputs:\n");
        }
        for (about, _) in &self.uses {
            let (name, alone) = (self.name_of(about), self.uses.len() == 1);
            for output in &about.outputs {
                let key = if alone { output.clone() } else { format!("{name}-{output}") };
                let _ = writeln!(text, "  {key}: ${{{{ use.{name}.outputs.{output} }}}}");
            }
        }
        text
    }

    fn name_of<'a>(&self, about: &'a About) -> &'a str {
        if self.uses.len() == 1 { NAME } else { about.name }
    }

    /// Returns the addresses of all permissions.
    fn permissions(&self) -> Vec<String> {
        let giving = self.uses.iter().filter(|(about, _)| about.gives_permissions());
        giving.map(|(about, _)| format!("use.{}.policies.{IDENTITY}", self.name_of(about))).collect()
    }

    /// Writes, as comments, who could get permissions that nobody gets yet.
    fn who(&self) -> String {
        let permissions = self.permissions();
        if permissions.is_empty() || self.uses.iter().any(|(about, _)| about.takes_permissions()) {
            return String::new();
        }
        let mut text = "\n  # Who gets these permissions: one of the following, without the #.\n".to_owned();
        for about in builtin::BUILTINS.iter().map(About::of).filter(About::takes_permissions) {
            let mut with = format!("{PERMISSIONS}: [{}]", permissions.join(", "));
            let required = about.params.iter().filter(|param| param.default.is_none() && param.name != PERMISSIONS);
            with.extend(required.map(|param| format!(", {}: …", param.name)));
            let _ = writeln!(text, "  # {}: {{blueprint: {}, with: {{{with}}}}}", about.name, about.name);
        }
        text
    }
}

/// Writes one use.
fn used(about: &About, given: &Map<String, Json>, name: &str) -> String {
    let mut text = format!("  {name}:\n    blueprint: {}\n    with:\n", about.name);
    for param in &about.params {
        for line in wrapped(&param.description) {
            let _ = writeln!(text, "      # {line}");
        }
        if !param.allowed.is_empty() {
            let words: Vec<String> = param.allowed.iter().map(flow).collect();
            let _ = writeln!(text, "      # {} of {}", if param.is_list() { "some" } else { "one" }, words.join(", "));
        }
        let _ = match (given.get(&param.name), &param.default) {
            (Some(value), _) => writeln!(text, "      {}: {}", param.name, flow(value)),
            (None, Some(default)) => writeln!(text, "      # {}: {}", param.name, flow(default)),
            (None, None) => writeln!(text, "      # {}: …   # required, {}", param.name, param.of),
        };
    }
    text
}

/// Cuts a description into lines for a comment.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= 92 => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
