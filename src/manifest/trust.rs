//! Who may assume a role: rules, compiled to a trust policy.

use serde_json::{Value as Json, json};

use super::reading::Reading;
use super::{reference, shape};
use crate::model::{Entry, Node, NodeValue};
use crate::policy::{Document, Host, PathSegment};
use crate::problem::{Place, Problem};

const KEYS: [&str; 4] = ["services", "principals", "external_id", "tag_session"];

/// What one rule says.
struct Rule {
    principal: Json,
    external_id: Option<String>,
    tag_session: bool,
}

impl Reading<'_> {
    /// Reads `trust:`; `what` is its address.
    pub fn trust(&mut self, entry: &Entry, what: &str) -> Option<Document> {
        if let Some(document) = entry.value.get("document") {
            if let NodeValue::Map(keys) = &entry.value.value {
                shape::known_keys(keys, what, &["document"], &mut self.report);
            }
            let node = self.whole(document, what)?;
            return Some(self.checked(&node, what, Host::Trust));
        }
        let node = self.expander.node(&entry.value, &mut self.report);
        let rules = match &node.value {
            NodeValue::List(rules) => rules.as_slice(),
            NodeValue::Map(_) => std::slice::from_ref(&node),
            _ => {
                self.report.push(
                    shape::wrong_type(&node, what, "a rule or a list of rules")
                        .help("trust: {services: [ec2.amazonaws.com]}"),
                );
                return None;
            }
        };
        if rules.is_empty() {
            let problem = Problem::error("missing-key", format!("{what} has no rule: nobody could assume the role"));
            self.report.push(problem.at(node.place));
            return None;
        }
        let read: Vec<_> = rules.iter().map(|rule| self.rule(rule, what)).collect();
        let read = read.into_iter().collect::<Option<Vec<_>>>()?;
        // With each statement the place of the rule that makes it.
        let made = read.iter().zip(rules).flat_map(|(rule, node)| {
            let place = node.get("principals").map_or(node.place, |entry| entry.key_place);
            statements(rule).into_iter().map(move |statement| (statement, place))
        });
        let (statements, places): (Vec<Json>, Vec<Place>) = made.unzip();
        let document = Document::from_json(json!({"Version": "2012-10-17", "Statement": statements}));
        self.fits(&document, what, Host::Trust, node.place);
        self.look(&document, what, Host::Trust, |path| match path {
            [_, PathSegment::Index(statement), ..] => places[*statement],
            _ => node.place,
        });
        Some(document)
    }

    fn rule(&mut self, node: &Node, what: &str) -> Option<Rule> {
        let NodeValue::Map(keys) = &node.value else {
            self.report.push(shape::wrong_type(node, what, "rules such as {services: […]}"));
            return None;
        };
        shape::known_keys(keys, &format!("a rule of {what}"), &KEYS, &mut self.report);
        let services = node.get("services").map(|entry| self.services(&entry.value, what));
        let principals = node.get("principals").map(|entry| self.principals(&entry.value, what));
        let external_id = match node.get("external_id") {
            Some(entry) => Some(self.external_id(&entry.value, what)?),
            None => None,
        };
        let tag_session = match node.get("tag_session") {
            Some(entry) => shape::flag(&entry.value, &format!("{what}.tag_session"), &mut self.report)?,
            None => false,
        };
        let is_meant = ["services", "principals"].iter().any(|key| shape::is_meant(keys, &KEYS, key));
        if services.is_none() && principals.is_none() {
            if is_meant {
                return None;
            }
            let problem = Problem::error("missing-key", format!("a rule of {what} lacks `services` or `principals`"));
            self.report.push(problem.at(keys.first().map_or(node.place, |key| key.key_place)));
            return None;
        }
        let mut principal = serde_json::Map::new();
        if let Some(services) = services {
            principal.insert("Service".to_owned(), one_or_many(services?));
        }
        if let Some(principals) = principals {
            principal.insert("AWS".to_owned(), one_or_many(principals?));
        }
        Some(Rule { principal: Json::Object(principal), external_id, tag_session })
    }

    fn services(&mut self, node: &Node, what: &str) -> Option<Vec<String>> {
        let what = format!("{what}.services");
        let mut services = Vec::new();
        for item in self.some_of(node, &what)? {
            let Some(text) = shape::text(item, &what, &mut self.report) else { continue };
            let host =
                text.split('.').all(|p| !p.is_empty() && p.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'));
            if !host || !(text.ends_with(".amazonaws.com") || text.ends_with(".amazonaws.com.cn")) {
                let problem =
                    Problem::error("bad-service", format!("{what}: `{text}` is no AWS service")).at(item.place);
                let bare = text
                    .trim_end_matches('.')
                    .split('.')
                    .next()
                    .filter(|b| !b.is_empty() && !b.contains(['*', ':', '/']));
                self.report.push(match bare {
                    Some(bare) => problem.help(format!("{bare}.amazonaws.com")),
                    None => problem.note("a service is written ec2.amazonaws.com"),
                });
                continue;
            }
            self.add_once(&mut services, text.to_owned(), item, &what);
        }
        Some(services)
    }

    fn principals(&mut self, node: &Node, what: &str) -> Option<Vec<String>> {
        let what = format!("{what}.principals");
        let mut principals = Vec::new();
        for item in self.some_of(node, &what)? {
            if matches!(&item.value, NodeValue::Text(text) if text == "*") {
                let problem = Problem::error("unknown-reference", format!("{what}: `*` would let anybody in"));
                let problem = problem.at(item.place).note("where that is meant, write the whole `document:`");
                self.report.push(problem);
                continue;
            }
            let reference = self.references.resolve(item, &what, &reference::PRINCIPAL, &mut self.report);
            let Some(reference) = reference else { continue };
            self.add_once(&mut principals, reference.arn, item, &what);
        }
        Some(principals)
    }

    /// Returns the items of a list that may not be empty. One item needs no list.
    fn some_of<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n [Node]> {
        if matches!(node.value, NodeValue::Text(_) | NodeValue::Number(_)) {
            return Some(std::slice::from_ref(node));
        }
        let items = shape::list(node, what, &mut self.report)?;
        if items.is_empty() {
            self.report.push(Problem::error("missing-key", format!("{what} is empty")).at(node.place));
            return None;
        }
        Some(items)
    }

    fn external_id(&mut self, node: &Node, what: &str) -> Option<String> {
        let what = format!("{what}.external_id");
        let text = shape::text(node, &what, &mut self.report)?;
        let odd = |c: char| !c.is_ascii_alphanumeric() && !"_+=,.@:/-".contains(c);
        if (2..=1224).contains(&text.len()) && !text.contains(odd) {
            return Some(text.to_owned());
        }
        let problem = Problem::error("bad-external-id", format!("{what} is none that AWS takes")).at(node.place);
        self.report.push(problem.note("2 to 1224 letters, digits and _ + = , . @ : / -"));
        None
    }

    /// Adds a value of a list, or says that it stands there twice.
    pub fn add_once(&mut self, list: &mut Vec<String>, value: String, node: &Node, what: &str) {
        if list.contains(&value) {
            self.report.push(Problem::error("duplicate-item", format!("{what} names {value} twice")).at(node.place));
        } else {
            list.push(value);
        }
    }
}

/// A rule with `tag_session` is two statements: tagging a session carries no external id, so under that
/// condition it would be refused.
fn statements(rule: &Rule) -> Vec<Json> {
    let mut assume = json!({"Effect": "Allow", "Principal": rule.principal, "Action": "sts:AssumeRole"});
    if let Some(id) = &rule.external_id {
        assume["Condition"] = json!({"StringEquals": {"sts:ExternalId": id}});
    }
    let mut statements = vec![assume];
    if rule.tag_session {
        statements.push(json!({"Effect": "Allow", "Principal": rule.principal, "Action": "sts:TagSession"}));
    }
    statements
}

fn one_or_many(mut values: Vec<String>) -> Json {
    if values.len() == 1 { Json::from(values.remove(0)) } else { Json::from(values) }
}
