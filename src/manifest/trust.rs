//! Who may assume a role: rules, compiled to a trust policy.

use serde_json::{Value as Json, json};

use super::reading::Reading;
use super::{reference, shape};
use crate::model::{Entry, Node, NodeValue};
use crate::policy::validate::is_service;
use crate::policy::{Document, Host, PathSegment};
use crate::problem::{Place, Problem};

const KEYS: [&str; 8] =
    ["services", "principals", "external_id", "federated", "audience", "subjects", "tag_session", "source_identity"];
/// What only stands beside `federated`, and what never does.
const FEDERATED: [&str; 2] = ["audience", "subjects"];
const UNFEDERATED: [&str; 3] = ["services", "principals", "external_id"];
/// One of these says who is trusted.
const WHO: [&str; 3] = ["services", "principals", "federated"];

/// What one rule says.
struct Rule {
    principal: Json,
    /// `sts:AssumeRole`, or how a token is exchanged for a session.
    assume: &'static str,
    condition: Json,
    tag_session: bool,
    source_identity: bool,
}

impl Reading<'_> {
    /// Reads `trust:`; `what` is its address.
    pub fn trust(&mut self, entry: &Entry, what: &str) -> Option<Document> {
        if let Some(document) = entry.value.get("document") {
            if let NodeValue::Map(keys) = &entry.value.value {
                shape::known_keys(keys, what, &["document"], &mut self.report);
            }
            let node = self.whole(document, what)?;
            let document = self.checked(&node, what, Host::Trust);
            self.within_partition(&document, what, node.place);
            return Some(document);
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
            let place = ["principals", "federated"].iter().find_map(|key| node.get(key));
            let place = place.map_or(node.place, |entry| entry.key_place);
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

    /// Reports whom a document names in another partition.
    fn within_partition(&mut self, document: &Document, what: &str, place: Place) {
        let statements = document.json().get("Statement").map(items).unwrap_or_default();
        let named = statements.iter().filter_map(|statement| statement.get("Principal"));
        let arns = named.filter_map(Json::as_object).flat_map(|kinds| kinds.values()).flat_map(items);
        for arn in arns.filter_map(Json::as_str) {
            if let Some(problem) = self.references.other_partition(arn, what) {
                self.report.push(problem.at(place));
            }
        }
    }

    fn rule(&mut self, node: &Node, what: &str) -> Option<Rule> {
        let NodeValue::Map(keys) = &node.value else {
            self.report.push(shape::wrong_type(node, what, "rules such as {services: […]}"));
            return None;
        };
        shape::known_keys(keys, &format!("a rule of {what}"), &KEYS, &mut self.report);
        let mut flag = |key: &str| match node.get(key) {
            Some(entry) => shape::flag(&entry.value, &format!("{what}.{key}"), &mut self.report),
            None => Some(false),
        };
        let (tag_session, source_identity) = (flag("tag_session"), flag("source_identity"));
        if let Some(federated) = node.get("federated") {
            let (principal, assume, condition) = self.federated(&federated.value, node, what)?;
            let (tag_session, source_identity) = (tag_session?, source_identity?);
            return Some(Rule { principal, assume, condition, tag_session, source_identity });
        }
        let services = node.get("services").map(|entry| self.services(&entry.value, what));
        let principals = node.get("principals").map(|entry| self.principals(&entry.value, what));
        let external_id = match node.get("external_id") {
            Some(entry) => Some(self.external_id(&entry.value, what)?),
            None => None,
        };
        if let Some(key) = FEDERATED.iter().find_map(|key| node.get(key)) {
            let problem = Problem::error("missing-key", format!("a rule of {what} lacks `federated`"));
            self.report
                .push(problem.at(key.key_place).note(format!("`{}` is about the tokens of a provider", key.key)));
            return None;
        }
        let is_meant = WHO.iter().any(|key| shape::is_meant(keys, &KEYS, key));
        if services.is_none() && principals.is_none() {
            if is_meant {
                return None;
            }
            let message = format!("a rule of {what} lacks `services`, `principals` or `federated`");
            let place = keys.first().map_or(node.place, |key| key.key_place);
            self.report.push(Problem::error("missing-key", message).at(place));
            return None;
        }
        let mut principal = serde_json::Map::new();
        if let Some(services) = services {
            principal.insert("Service".to_owned(), one_or_many(services?));
        }
        if let Some(principals) = principals {
            principal.insert("AWS".to_owned(), one_or_many(principals?));
        }
        let condition = external_id.map_or(Json::Null, |id| json!({"StringEquals": {"sts:ExternalId": id}}));
        let (tag_session, source_identity) = (tag_session?, source_identity?);
        let principal = Json::Object(principal);
        Some(Rule { principal, assume: "sts:AssumeRole", condition, tag_session, source_identity })
    }

    /// Reads a rule about the tokens of a provider. Returns the principal, the action that takes such a token, and
    /// for which tokens.
    fn federated(&mut self, provider: &Node, rule: &Node, what: &str) -> Option<(Json, &'static str, Json)> {
        let others: Vec<&Entry> = UNFEDERATED.iter().filter_map(|key| rule.get(key)).collect();
        for key in &others {
            let message = format!("a rule of {what} says `federated` and `{}`: that is two rules", key.key);
            let problem = Problem::error("wrong-key", message).at(key.key_place);
            self.report.push(problem.help("trust: [{federated: …}, {principals: […]}]"));
        }
        let what_provider = format!("{what}.federated");
        let provider = self.references.resolve(provider, &what_provider, &reference::PROVIDER, &mut self.report);
        let texts = |reading: &mut Self, key: &str| match rule.get(key) {
            Some(entry) => reading.texts(&entry.value, &format!("{what}.{key}")).map(Some),
            None => Some(None),
        };
        let (audience, subjects) = (texts(self, "audience"), texts(self, "subjects"));
        let (provider, audience, subjects) = (provider?.arn, audience?, subjects?);
        if !others.is_empty() {
            return None;
        }
        let partition = self.references.account.partition.as_str();
        let (prefix, assume, usual) = match provider.split_once(":oidc-provider/") {
            Some((_, issuer)) => (issuer, "sts:AssumeRoleWithWebIdentity", "sts.amazonaws.com"),
            None => ("SAML", "sts:AssumeRoleWithSAML", sign_in(partition)),
        };
        let audience = audience.unwrap_or_else(|| vec![usual.to_owned()]);
        let mut condition = json!({});
        for (key, texts) in [("aud", Some(audience)), ("sub", subjects)] {
            let Some(texts) = texts else { continue };
            let wild = texts.iter().any(|text| text.contains(['*', '?']));
            let operator = if wild { "StringLike" } else { "StringEquals" };
            condition[operator][format!("{prefix}:{key}")] = one_or_many(texts);
        }
        Some((json!({"Federated": provider}), assume, condition))
    }

    /// Reads one text or a list of them.
    fn texts(&mut self, node: &Node, what: &str) -> Option<Vec<String>> {
        let mut texts = Vec::new();
        for item in self.some_of(node, what)? {
            let Some(text) = shape::text(item, what, &mut self.report) else { continue };
            if text.is_empty() {
                self.report.push(Problem::error("bad-text", format!("{what} has an empty item")).at(item.place));
                continue;
            }
            self.add_once(&mut texts, text.to_owned(), item, what);
        }
        (!texts.is_empty()).then_some(texts)
    }

    fn services(&mut self, node: &Node, what: &str) -> Option<Vec<String>> {
        let what = format!("{what}.services");
        let mut services = Vec::new();
        for item in self.some_of(node, &what)? {
            let Some(text) = shape::text(item, &what, &mut self.report) else { continue };
            if let Err(problem) = service(text, &what) {
                self.report.push(problem.at(item.place));
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

/// Checks the name of a service of AWS.
pub fn service(text: &str, what: &str) -> Result<(), Problem> {
    if is_service(text) {
        return Ok(());
    }
    let problem = Problem::error("bad-service", format!("{what}: `{text}` is no AWS service"));
    let bare = text.trim_end_matches('.').split('.').next().filter(|b| !b.is_empty() && !b.contains(['*', ':', '/']));
    Err(match bare {
        Some(bare) => problem.help(format!("{bare}.amazonaws.com")),
        None => problem.note("a service is written ec2.amazonaws.com"),
    })
}

/// Where people sign in with SAML: "Configuring SAML assertions for the authentication response".
fn sign_in(partition: &str) -> &'static str {
    match partition {
        "aws-cn" => "https://signin.amazonaws.cn/saml",
        "aws-us-gov" => "https://signin.amazonaws-us-gov.com/saml",
        _ => "https://signin.aws.amazon.com/saml",
    }
}

/// What a session is given beside the role is allowed in statements of their own, as tagging a session carries no
/// external id: under that condition it would be refused. A token carries what it says to all of them.
fn statements(rule: &Rule) -> Vec<Json> {
    let more = [("sts:TagSession", rule.tag_session), ("sts:SetSourceIdentity", rule.source_identity)];
    let more = more.into_iter().filter(|(_, is_said)| *is_said).map(|(action, _)| action.to_owned());
    let statement =
        |actions: Vec<String>| json!({"Effect": "Allow", "Principal": rule.principal, "Action": one_or_many(actions)});
    let mut actions = vec![rule.assume.to_owned()];
    let is_federated = rule.principal.get("Federated").is_some();
    if is_federated {
        actions.extend(more.clone());
    }
    let mut assume = statement(actions);
    if !rule.condition.is_null() {
        assume["Condition"] = rule.condition.clone();
    }
    let beside = more.filter(|_| !is_federated).map(|action| statement(vec![action]));
    std::iter::once(assume).chain(beside).collect()
}

/// Returns the items of a list; anything else is one item.
fn items(json: &Json) -> &[Json] {
    json.as_array().map_or(std::slice::from_ref(json), Vec::as_slice)
}

fn one_or_many(mut values: Vec<String>) -> Json {
    if values.len() == 1 { Json::from(values.remove(0)) } else { Json::from(values) }
}
