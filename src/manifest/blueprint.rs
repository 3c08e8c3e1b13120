//! A built-in blueprint by itself: what it says of itself and its params.

use serde_json::{Map, Value as Json, json};

use super::builtin::Builtin;
use super::features::{self, Feature, Need};
use super::params::{Inputs, Params};
use super::report::Report;
use super::{expression, shape, yaml};
use crate::model::{Node, NodeValue};
use crate::problem::{Problem, Sources};

/// The params that switch features.
const WITH: &str = "features";
const WITHOUT: &str = "without";

/// The policy of a set of permissions, and the param of a principal that takes it.
pub const IDENTITY: &str = "identity";
pub const PERMISSIONS: &str = "permissions";

/// What a blueprint says of itself.
#[derive(Clone, Debug)]
pub struct About {
    pub name: &'static str,
    pub title: String,
    pub source: String,
    pub date: String,
    pub params: Vec<AboutParam>,
    pub outputs: Vec<String>,
    pub features: Vec<Feature>,
    /// The blueprints that it uses itself.
    pub uses: Vec<String>,
    /// Its ARNs have a region in them.
    pub uses_region: bool,
    root: Node,
}

/// What a blueprint says of one param.
#[derive(Clone, Debug)]
pub struct AboutParam {
    pub name: String,
    pub of: String,
    pub description: String,
    /// None for one that is required.
    pub default: Option<Json>,
    /// Empty where all values are allowed.
    pub allowed: Vec<Json>,
}

impl AboutParam {
    pub fn is_list(&self) -> bool {
        self.of.starts_with("list(")
    }
}

impl About {
    /// Reads a built-in blueprint. What is wrong with one fails the tests and is left out here.
    pub fn of(builtin: &'static Builtin) -> Self {
        let nothing = Node::new(NodeValue::Null, crate::problem::Place { file: 0, start: 0, end: 0 });
        let root = yaml::parse(builtin.text, 0, &mut Vec::new()).unwrap_or(nothing);
        let about = |key: &str| {
            let text = root.get("blueprint").and_then(|about| about.value.get(key));
            text.and_then(|entry| entry.value.to_json().as_str().map(str::to_owned)).unwrap_or_default()
        };
        let (title, source, date) = (about("title"), about("source"), about("date"));
        let declared = Params::declare(root.get("params"), &mut Report::default());
        let params = declared.iter().map(|(name, param)| AboutParam {
            name: name.clone(),
            of: param.of.as_ref().map(ToString::to_string).unwrap_or_default(),
            description: param.description.clone().unwrap_or_default(),
            default: param.default.as_ref().map(|value| value.as_ref().map_or(Json::Null, short)),
            allowed: param.allowed.iter().map(short).collect(),
        });
        let params = params.collect();
        let outputs = root.get("outputs").map(|outputs| shape::entries(&outputs.value)).unwrap_or_default();
        let outputs = outputs.iter().map(|output| output.key.clone()).collect();
        let features = root.get("blueprint").map(|about| features::read(&about.value, &mut Report::default()));
        let features = features.unwrap_or_default();
        let uses = root.get("use").map(|uses| shape::entries(&uses.value)).unwrap_or_default();
        let uses =
            uses.iter().filter_map(|used| used.value.get("blueprint")?.value.to_json().as_str().map(str::to_owned));
        let uses = uses.collect();
        let uses_region = expression::paths(builtin.text).iter().any(|path| path.root == "region");
        Self { name: builtin.name, title, source, date, params, outputs, features, uses, uses_region, root }
    }

    pub fn to_json(&self) -> Json {
        let param = |param: &AboutParam| {
            json!({
                "name": param.name, "type": param.of, "description": param.description,
                "required": param.default.is_none(), "default": param.default, "enum": param.allowed,
            })
        };
        json!({
            "name": self.name, "title": self.title, "source": self.source, "date": self.date,
            "params": self.params.iter().map(param).collect::<Vec<_>>(),
        })
    }

    /// Says when a feature is there.
    pub fn switch(&self, feature: &Feature) -> Option<String> {
        let is_value_of = |param: &str| {
            let param = self.params.iter().find(|one| one.name == param);
            param.is_some_and(|param| param.allowed.iter().any(|value| *value == feature.name.as_str()))
        };
        if is_value_of(WITH) {
            return Some(format!("with {WITH}: [{}]", feature.name));
        }
        if is_value_of(WITHOUT) {
            return Some(format!("unless {WITHOUT}: [{}]", feature.name));
        }
        // What a param of the same name asks for.
        let param = feature.name.replace('-', "_");
        let is_asked_for = feature.need == Need::Optional && self.params.iter().any(|one| one.name == param);
        is_asked_for.then(|| format!("with {param}"))
    }

    /// Returns every statement that it writes.
    pub fn statements(&self) -> Vec<features::Statement> {
        features::written(&self.root)
    }

    /// Returns the values that were given, checked. What is required and was not given is a problem only
    /// where `whole` is wanted.
    pub fn given(&self, inputs: &Inputs, whole: bool) -> Result<Map<String, Json>, (Vec<Problem>, Sources)> {
        let mut sources = Sources::default();
        // The params' own places are in it.
        sources.add(format!("built-in {}", self.name), super::builtin::find(self.name).map_or("", |b| b.text));
        let mut report = Report::default();
        let params = Params::read(self.root.get("params"), inputs, &mut sources, &mut report);
        let mut problems = report.into_sorted();
        problems.retain(|problem| whole || problem.code != "missing-param");
        if !problems.is_empty() {
            return Err((problems, sources));
        }
        let is_given = |name: &str| {
            let typed = inputs.params.iter().any(|(given, _)| given == name);
            let default = self.params.iter().find(|param| param.name == name).and_then(|param| param.default.clone());
            typed || params.get(name).map(short) != default
        };
        let values = params.values().map(|(name, _)| name.to_owned()).collect::<Vec<_>>();
        let given = values.into_iter().filter(|name| is_given(name));
        Ok(given.filter_map(|name| Some((name.clone(), short(params.get(&name)?)))).collect())
    }

    /// Says whether it is a set of permissions: what is given to a principal.
    pub fn gives_permissions(&self) -> bool {
        self.root.get("policies").is_some_and(|policies| policies.value.get(IDENTITY).is_some())
    }

    /// Says whether it is a principal that needs permissions from others.
    pub fn takes_permissions(&self) -> bool {
        self.params.iter().any(|param| param.name == PERMISSIONS && param.default.is_none())
    }
}

/// Returns a value as one would write it: of a bucket what is not its default.
fn short(node: &Node) -> Json {
    shortened(expression::to_json(node))
}

fn shortened(json: Json) -> Json {
    match json {
        Json::Array(items) => items.into_iter().map(shortened).collect(),
        Json::Object(bucket) if bucket.contains_key("access") && bucket.contains_key("kms") => {
            let defaults = [json!({"access": "work"}), json!({"prefix": ""}), json!({"kms": null})];
            let is_default = |key: &str, value: &Json| defaults.iter().any(|default| default.get(key) == Some(value));
            let said: Map<String, Json> = bucket.into_iter().filter(|(key, value)| !is_default(key, value)).collect();
            match said.get("name") {
                Some(name) if said.len() == 1 => name.clone(),
                _ => Json::Object(said),
            }
        }
        Json::Object(map) => map.into_iter().map(|(key, value)| (key, shortened(value))).collect(),
        scalar => scalar,
    }
}
