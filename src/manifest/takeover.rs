//! A manifest for what exists: written as a person would, and meaning exactly what AWS holds.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use indexmap::IndexMap;
use serde_json::{Map, Value as Json, json};

use super::{Declared, findings, header, layout, names, trust_rules};
use crate::graph::Desired;
use crate::kinds::{self, Spec};
use crate::model::schema::{Accepts, Key, Section};
use crate::model::{Account, Address, Attributes, Live, ObjectId, Value};
use crate::policy::{Document, limits, managed};
use crate::problem::Place;

/// What is taken over, and as what.
pub struct Takeover<'a> {
    pub account: &'a Account,
    pub deployment: &'a str,
    /// Said only where the account's partition follows from it.
    pub region: Option<&'a str>,
    /// Everything to declare, and all that hangs on it. What is referred to and is not among it stays outside.
    pub objects: &'a [Live],
    /// Lines of the comment above everything.
    pub remarks: &'a [String],
}

/// A manifest as text, and what it declares.
pub struct Written {
    pub text: String,
    /// In the order of the text.
    pub addresses: Vec<Address>,
}

impl Takeover<'_> {
    pub fn write(&self) -> Written {
        let writer = Writer::new(self);
        let mut text: String = self.remarks.iter().map(|remark| format!("# {remark}\n")).collect();
        text += &format!("apiVersion: {}\nname: {}\n", header::API_VERSION, layout::flow(&self.deployment.into()));
        // Twelve digits are read as they are spelled; a zero in front survives as well.
        text += &format!(
            "account: {} # with credentials of another account, nothing is read or changed\n",
            self.account.id
        );
        if let Some(region) = self.region {
            text += &format!("region: {region}\n");
        }
        for (spec, section) in names::sections() {
            let mut entries = Map::new();
            for live in self.objects.iter().filter(|object| object.id.kind == spec.schema().kind) {
                entries.insert(writer.key(&live.id), Json::Object(writer.entry(spec, section, live)));
            }
            if !entries.is_empty() {
                text += &format!("\n{}:\n", section.name);
                layout::entries(&entries, 2, &mut text);
            }
        }
        let addresses: Vec<Address> = names::sections()
            .flat_map(|(spec, _)| writer.addresses.iter().filter(move |(id, _)| id.kind == spec.schema().kind))
            .map(|(_, address)| address.clone())
            .collect();
        text += "\n# Taken over as it is; without effect once that is done.\n";
        let list: Vec<Json> = addresses.iter().map(|address| address.to_string().into()).collect();
        layout::entry("import", &Json::Array(list), 0, &mut text);
        Written { text, addresses }
    }
}

/// Returns what a manifest does not ask for as AWS holds it, or asks for beside it. Tags that it cannot say are
/// left alone by every plan.
pub fn differences(desired: &Desired, objects: &[Live]) -> Vec<ObjectId> {
    let held: BTreeMap<&ObjectId, Attributes> = objects.iter().map(|live| (&live.id, sayable(live))).collect();
    let asked: BTreeMap<&ObjectId, &Attributes> =
        desired.resources.values().map(|resource| (&resource.id, &resource.wanted)).collect();
    let all: BTreeSet<&ObjectId> = held.keys().chain(asked.keys()).copied().collect();
    all.into_iter().filter(|id| held.get(id) != asked.get(id).copied()).cloned().collect()
}

fn sayable(live: &Live) -> Attributes {
    let mut attributes = live.attributes.clone();
    if let Some(Value::Tags(tags)) = attributes.get_mut("tags") {
        tags.retain(|key, _| is_sayable(key));
        if tags.is_empty() {
            attributes.remove("tags");
        }
    }
    attributes
}

/// Tags of AWS and of deployments are not for a manifest to say.
fn is_sayable(tag: &str) -> bool {
    !["aws:", "seqera-iam:"].iter().any(|prefix| tag.to_lowercase().starts_with(prefix))
}

struct Writer<'a> {
    account: &'a Account,
    addresses: IndexMap<ObjectId, Address>,
    by_arn: HashMap<String, Address>,
    /// What hangs on each object, with the address that it has under it.
    hanging: BTreeMap<ObjectId, Vec<(Vec<String>, &'a Live)>>,
}

impl<'a> Writer<'a> {
    fn new(takeover: &'a Takeover) -> Self {
        let account = takeover.account;
        let mut writer = Self { account, addresses: IndexMap::new(), by_arn: HashMap::new(), hanging: BTreeMap::new() };
        let mut taken = BTreeSet::new();
        for live in takeover.objects {
            if let Some(hangs) = kinds::hanging(&live.id, &live.attributes) {
                writer.hanging.entry(hangs.owner).or_default().push((hangs.segments, live));
                continue;
            }
            let Some(spec) = kinds::spec(&live.id.kind) else { continue };
            let Some(section) = &spec.schema().section else { continue };
            let text = |field: &str| live.attributes.get(field).and_then(Value::text).unwrap_or_default();
            let key = readable(section.name, text("name"), &mut taken);
            let address = Address::new([section.name, &key]);
            let arn = spec.arn(account, text("path"), text("name"));
            writer.by_arn.extend(arn.map(|arn| (arn, address.clone())));
            writer.addresses.insert(live.id.clone(), address);
        }
        writer
    }

    fn key(&self, id: &ObjectId) -> String {
        self.addresses.get(id).and_then(|address| address.segments().last()).cloned().unwrap_or_default()
    }

    fn entry(&self, spec: &dyn Spec, section: &Section, live: &Live) -> Map<String, Json> {
        let usual = usual(spec, self.account);
        let said = section.keys.iter().filter_map(|key| self.said(key, live, &usual));
        let mut entry: Map<String, Json> = said.map(|(name, value)| (name.to_owned(), value)).collect();
        let attached = entry.get("policies").and_then(Json::as_array).map_or(0, Vec::len);
        if attached > limits::ATTACHMENTS {
            entry.insert("ignore".to_owned(), json!([findings::meant(findings::TOO_MANY_ATTACHMENTS)]));
        }
        entry
    }

    /// Returns what an entry says under this key: nothing where that is what it means anyway.
    fn said(&self, key: &Key, live: &Live, usual: &Attributes) -> Option<(&'static str, Json)> {
        let held = live.attributes.get(key.name);
        let text = held.and_then(Value::text);
        let value = match key.accepts {
            Accepts::Name { .. } => literal(text.filter(|name| *name != self.key(&live.id))?),
            Accepts::Path => literal(text.filter(|path| *path != "/")?),
            Accepts::Text { .. } => literal(text?),
            Accepts::Duration { .. } => duration(held.filter(|held| usual.get(key.name) != Some(held))?.number()?),
            Accepts::Tags => tags(held?)?,
            Accepts::Document(_) => return Some(document(held?.document()?, key.name)),
            Accepts::Trust => self.trust(held?.document()?),
            Accepts::Boundary => self.reference(text?).into(),
            Accepts::Policies | Accepts::Groups => {
                let all = self.hanging(live, key.name).filter_map(|(_, on)| self.referred(on, live));
                // What the manifest declares comes first; AWS says no order.
                let list: BTreeSet<(bool, String)> = all.map(|to| (!is_address(&to), to)).collect();
                Json::Array(Some(list).filter(|list| !list.is_empty())?.into_iter().map(|(_, to)| to.into()).collect())
            }
            Accepts::Role => self.hanging(live, key.name).find_map(|(_, on)| self.referred(on, live))?.into(),
            Accepts::Inline(_) => {
                let inline = self.hanging(live, key.name).filter_map(|(name, on)| {
                    let held = on.attributes.values().find_map(Value::document)?;
                    let (key, value) = document(held, "document");
                    Some((expressionless(name), json!({key: value})))
                });
                let inline: Map<String, Json> = inline.collect();
                Json::Object(Some(inline).filter(|inline| !inline.is_empty())?)
            }
            _ => return None,
        };
        Some((key.name, value))
    }

    /// Returns what hangs on an object under this key, each with its name there.
    fn hanging(&self, owner: &Live, key: &'static str) -> impl Iterator<Item = (&str, &'a Live)> {
        let all = self.hanging.get(&owner.id).into_iter().flatten();
        let under = all.filter(move |(segments, _)| segments.first().is_some_and(|first| first == key));
        under.map(|(segments, live)| (segments.last().map_or("", String::as_str), *live))
    }

    /// Returns what hangs there refers to beside its owner.
    fn referred(&self, hanging: &Live, owner: &Live) -> Option<String> {
        let refers = kinds::spec(&hanging.id.kind)?.refers(self.account, &hanging.attributes);
        let to = refers.into_iter().map(|needed| needed.id).find(|id| *id != owner.id)?;
        Some(match self.addresses.get(&to) {
            Some(address) => address.to_string(),
            None if to.name.starts_with("arn:") => self.reference(&to.name),
            None => format!("{}/{}", to.kind, to.name),
        })
    }

    /// Names what an ARN means: by its address, by its name where AWS manages it, as something in the account.
    fn reference(&self, arn: &str) -> String {
        if let Some(address) = self.by_arn.get(arn) {
            return address.to_string();
        }
        let name = arn.rsplit('/').next().unwrap_or(arn);
        if managed::path_of(name).is_some_and(|path| self.account.aws_managed_arn(path, name) == arn) {
            return name.to_owned();
        }
        let own = format!("arn:{}:iam::{}:", self.account.partition, self.account.id);
        match arn.strip_prefix(&own).filter(|of_account| of_account.contains('/')) {
            Some(of_account) => of_account.to_owned(),
            None => arn.to_owned(),
        }
    }

    fn trust(&self, trust: &Document) -> Json {
        let Some(mut rules) = trust_rules::rules(self.account, trust) else {
            return json!({"document": literals(trust.json())});
        };
        for rule in &mut rules {
            for principal in rule.get_mut("principals").and_then(Json::as_array_mut).into_iter().flatten() {
                *principal = principal.as_str().map(|arn| self.reference(arn)).into();
            }
            if let Some(provider) = rule.get("federated").and_then(Json::as_str) {
                rule["federated"] = self.reference(provider).into();
            }
        }
        if rules.len() == 1 { rules.remove(0) } else { Json::Array(rules) }
    }
}

/// Keys were chosen so that an address is a section, a dot and a plain word; no other reference begins so.
fn is_address(reference: &str) -> bool {
    reference.split_once('.').is_some_and(|(section, _)| names::is_section(section))
}

/// Returns what an entry means that says nothing.
fn usual(spec: &dyn Spec, account: &Account) -> Attributes {
    let nothing = Declared { address: Address::new(["x"]), place: NOWHERE, said: BTreeMap::new() };
    spec.declare(account, &nothing).into_iter().next().map(|resource| resource.wanted).unwrap_or_default()
}

const NOWHERE: Place = Place { file: 0, start: 0, end: 0 };

/// Returns a key that needs no brackets in an address, and that no other entry of the section has.
fn readable(section: &'static str, name: &str, taken: &mut BTreeSet<(&'static str, String)>) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let words: Vec<&str> = name.split(|c| !plain(c)).filter(|word| !word.is_empty()).collect();
    let base = if words.is_empty() { "entry".to_owned() } else { words.join("-") };
    let numbered = (2..).map(|number: u32| format!("{base}-{number}"));
    let mut keys = std::iter::once(base.clone()).chain(numbered);
    keys.find(|key| taken.insert((section, key.to_lowercase()))).unwrap_or(base)
}

/// Returns a document as the statements of its map by Sid, where it can be one; else whole, under `whole`.
pub fn document(document: &Document, whole: &'static str) -> (&'static str, Json) {
    match by_sid(document.json()) {
        Some(statements) => ("statements", Json::Object(statements)),
        None => (whole, self::whole(document)),
    }
}

/// Returns a document as a manifest says it whole.
pub fn whole(document: &Document) -> Json {
    literals(document.json())
}

fn by_sid(document: &Json) -> Option<Map<String, Json>> {
    let said = document.as_object()?;
    if said.len() != 2 || said.get("Version")? != "2012-10-17" {
        return None;
    }
    let mut statements = Map::new();
    for statement in match said.get("Statement")? {
        Json::Array(statements) => statements.as_slice(),
        one => std::slice::from_ref(one),
    } {
        let mut rest = statement.as_object()?.clone();
        let sid = rest.shift_remove("Sid")?;
        let sid = sid.as_str().filter(|sid| !sid.is_empty())?.to_owned();
        if statements.insert(expressionless(&sid), literals(&Json::Object(rest))).is_some() {
            return None;
        }
    }
    (!statements.is_empty()).then_some(statements)
}

/// Returns the tags that a manifest may say. Those of AWS and of deployments stay as they are without.
fn tags(held: &Value) -> Option<Json> {
    let said = held.tags()?.iter().filter(|(key, _)| is_sayable(key));
    let said: Map<String, Json> = said.map(|(key, value)| (expressionless(key), literal(value))).collect();
    (!said.is_empty()).then_some(Json::Object(said))
}

fn duration(seconds: u64) -> Json {
    match seconds {
        seconds if seconds % 3600 == 0 => format!("{}h", seconds / 3600).into(),
        seconds if seconds % 60 == 0 => format!("{}m", seconds / 60).into(),
        seconds => seconds.into(),
    }
}

/// Returns a text that the manifest takes for itself, though it may look like an expression.
fn expressionless(text: &str) -> String {
    text.replace("${{", r#"${{ "${{" }}"#)
}

fn literal(text: &str) -> Json {
    expressionless(text).into()
}

fn literals(json: &Json) -> Json {
    match json {
        Json::String(text) => literal(text),
        Json::Array(items) => items.iter().map(literals).collect(),
        Json::Object(map) => {
            Json::Object(map.iter().map(|(key, value)| (expressionless(key), literals(value))).collect())
        }
        other => other.clone(),
    }
}
