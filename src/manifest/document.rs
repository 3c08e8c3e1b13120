//! Policy documents: inline, in a file, or as statements by Sid; checked, with every fault at its token.

use std::collections::HashMap;

use super::expand::Expander;
use super::reading::Reading;
use super::{each, files, shape};
use crate::model::{Entry, Node, NodeValue};
use crate::policy::{Document, Host, limits, validate};
use crate::problem::{Place, Problem};

const VERSION: &str = "2012-10-17";

/// The two ways to say a document.
pub const DOCUMENT_KEYS: [&str; 2] = ["statements", "document"];

/// What an owner of a document says, of which `known` are keys.
pub struct Owner<'e> {
    pub what: &'e str,
    pub place: Place,
    pub entries: &'e [Entry],
    pub known: &'e [&'e str],
}

impl Reading<'_> {
    /// Reads the one document that the owner has to say, under `document` or under `statements`.
    pub fn document(&mut self, owner: &Owner, host: Host) -> Option<Document> {
        let node = self.said_document(owner)?;
        Some(self.checked(&node, owner.what, host))
    }

    /// Returns the document as it is written, and checked in no way.
    pub fn said_document(&mut self, owner: &Owner) -> Option<Node> {
        let what = owner.what;
        let said = |name: &str| owner.entries.iter().find(|entry| entry.key == name);
        match (said("document"), said("statements")) {
            (Some(document), None) => self.whole(document, what),
            (None, Some(statements)) => self.by_sid(statements, what),
            (Some(_), Some(statements)) => {
                let problem = Problem::error("two-documents", format!("{what} says both `document` and `statements`"));
                self.report.push(problem.at(statements.key_place).help("keep one of the two"));
                None
            }
            (None, None) => {
                let is_meant = |key: &&str| shape::is_meant(owner.entries, owner.known, key);
                if !DOCUMENT_KEYS.iter().any(is_meant) {
                    let problem = Problem::error("missing-key", format!("{what} lacks `statements` or `document`"));
                    let example = r#"statements: {Read: {Effect: Allow, Action: s3:GetObject, Resource: "*"}}"#;
                    self.report.push(problem.at(owner.place).help(format!("for example   {example}")));
                }
                None
            }
        }
    }

    /// Reads `document: {…}` or `document: {file: F}`.
    pub fn whole(&mut self, entry: &Entry, what: &str) -> Option<Node> {
        let what = format!("{what}.document");
        let node = &entry.value;
        let Some(file) = node.get("file") else {
            let node = self.expander.node(node, &mut self.report);
            if !matches!(node.value, NodeValue::Map(_)) {
                self.report.push(shape::wrong_type(&node, &what, "a policy document or {file: F}"));
                return None;
            }
            return Some(node);
        };
        if let NodeValue::Map(entries) = &node.value {
            shape::known_keys(entries, &what, &["file"], &mut self.report);
        }
        let place = file.value.place;
        let path = files::path(&file.value, &self.expander.early(), &mut self.report);
        match path.and_then(|path| self.files.get(&path, place)) {
            // Its expressions see what the file sees that names it.
            Some(Ok(content)) => Some(self.expander.of(place).node(content, &mut self.report)),
            Some(Err(problems)) => {
                problems.into_iter().for_each(|problem| self.report.push(problem));
                None
            }
            None => {
                // Not read, so it is no text; an expression that failed has spoken already.
                self.report.push(shape::wrong_type(&file.value, &format!("{what}.file"), "a path"));
                None
            }
        }
    }

    /// Makes a document of `statements: {Sid: {…}}`, with the places of what is written.
    fn by_sid(&mut self, entry: &Entry, what: &str) -> Option<Node> {
        let what = format!("{what}.statements");
        let whole = match &entry.value.value {
            NodeValue::Text(_) => self.expander.node(&entry.value, &mut self.report),
            _ => entry.value.clone(),
        };
        let entries = shape::map(&whole, &what, &mut self.report)?;
        let mut statements = Vec::with_capacity(entries.len());
        let mut sids: HashMap<String, Place> = HashMap::new();
        for entry in entries {
            let Some(key) = self.expander.key(entry, &mut self.report) else { continue };
            for each in self.expander.rounds(&entry.value, &format!("{what}.{key}"), &mut self.report).made {
                let sid = each.as_ref().map_or_else(|| key.clone(), |each| sid_of(&key, &each.key));
                if let Some(first) = sids.insert(sid.clone(), entry.key_place) {
                    self.report.push(self.expander.duplicate_key(&sid, entry.key_place, first));
                    continue;
                }
                let round = self.expander.round(each.as_ref(), entry.key_place);
                statements.extend(self.statement(entry, &sid, &what, &round));
            }
        }
        let place = entry.key_place;
        let list = Node::new(NodeValue::List(statements), place);
        let statement = Entry { key: "Statement".to_owned(), key_place: place, value: list };
        Some(Node::new(NodeValue::Map(vec![text_entry("Version", VERSION, place), statement]), place))
    }

    fn statement(&mut self, entry: &Entry, sid: &str, what: &str, round: &Expander) -> Option<Node> {
        let what = format!("{what}.{sid}");
        let node = round.node(&each::without_keys(&entry.value), &mut self.report);
        let keys = shape::map(&node, &what, &mut self.report)?;
        if let Some(sid) = keys.iter().find(|key| key.key == "Sid") {
            let problem = Problem::error("unknown-key", format!("{what}: the key above is the Sid already"));
            self.report.push(problem.at(sid.key_place).help("remove this line"));
        }
        let mut statement = vec![text_entry("Sid", sid, entry.key_place)];
        statement.extend(keys.iter().filter(|key| key.key != "Sid").cloned());
        Some(Node::new(NodeValue::Map(statement), entry.value.place))
    }

    /// Checks grammar and size.
    pub fn checked(&mut self, node: &Node, what: &str, host: Host) -> Document {
        let (document, _) = self.well_formed(node, what, host);
        self.fits(&document, what, host, node.place);
        document
    }

    /// Checks grammar, and says whether it is right. Each fault is shown at its token.
    pub fn well_formed(&mut self, node: &Node, what: &str, host: Host) -> (Document, bool) {
        let document = Document::from_json(node.to_json());
        let faults = validate(document.json(), host);
        for fault in faults.iter().filter(|fault| !fault.is_slip_of_another(&faults)) {
            let problem = Problem::error(fault.code, format!("{what}: {}", fault.detail)).at(fault.place(node));
            let mut problem = problem.note(format!("AWS would say: {}", fault.message));
            problem.helps.extend(fault.help(document.json()));
            self.report.push(problem);
        }
        if faults.is_empty() {
            self.look(&document, what, host, |path| node.at(path).place);
        }
        (document, faults.is_empty())
    }

    /// Checks the size alone, for a document that is well by construction.
    pub fn fits(&mut self, document: &Document, what: &str, host: Host, place: Place) {
        let (size, longest) = (document.size(), limits::longest(host));
        if size > longest {
            let problem = too_large(what, size, longest).at(place);
            self.report.push(match host {
                Host::Managed => problem.help("to have several policies made of it:   split: true"),
                _ => problem,
            });
        }
    }
}

/// Says that a document, or several together, are larger than AWS takes.
pub fn too_large(what: &str, size: usize, longest: usize) -> Problem {
    Problem::error("document-too-large", format!("{what}: {size} characters, AWS takes {longest}"))
        .note("white space is not counted")
}

/// Returns the Sid of one of several: AWS takes letters and digits only, so `Read` and `nf-work` are `ReadNfWork`.
fn sid_of(key: &str, each: &str) -> String {
    let words = each.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let capital = |word: &str| word[..1].to_ascii_uppercase() + &word[1..];
    words.fold(key.to_owned(), |sid, word| sid + &capital(word))
}

fn text_entry(key: &str, text: &str, place: Place) -> Entry {
    let value = Node::new(NodeValue::Text(text.to_owned()), place);
    Entry { key: key.to_owned(), key_place: place, value }
}
