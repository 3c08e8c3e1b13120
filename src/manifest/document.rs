//! Policy documents: inline, in a file, or as statements by Sid; checked, with every fault at its token.

use super::reading::Reading;
use super::shape;
use crate::model::{Entry, Node, NodeValue};
use crate::policy::{Document, Host};
use crate::problem::{Place, Problem};

const VERSION: &str = "2012-10-17";

/// Where the document of one owner is written: under `document` or under `statements`.
pub struct Written<'e> {
    pub document: Option<&'e Entry>,
    pub statements: Option<&'e Entry>,
    /// Of the owner, for a document that is missing.
    pub place: Place,
}

impl Reading<'_> {
    /// Reads the one document that `what` has to say.
    pub fn document(&mut self, written: &Written, what: &str, host: Host) -> Option<Document> {
        let node = match (written.document, written.statements) {
            (Some(document), None) => self.whole(document, what)?,
            (None, Some(statements)) => self.by_sid(statements, what)?,
            (Some(_), Some(statements)) => {
                let problem = Problem::error("two-documents", format!("{what} says both `document` and `statements`"));
                self.report.push(problem.at(statements.key_place).help("keep one of the two"));
                return None;
            }
            (None, None) => {
                let problem = Problem::error("missing-key", format!("{what} lacks `statements` or `document`"));
                self.report.push(problem.at(written.place));
                return None;
            }
        };
        self.checked(&node, what, host)
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
        match self.files.get(file.value.place) {
            Some(Ok(content)) => Some(self.expander.node(content, &mut self.report)),
            Some(Err(problems)) => {
                problems.iter().cloned().for_each(|problem| self.report.push(problem));
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
        let node = self.expander.node(&entry.value, &mut self.report);
        let entries = shape::map(&node, &what, &mut self.report)?;
        let mut statements = Vec::with_capacity(entries.len());
        for entry in entries {
            let what = format!("{what}.{}", entry.key);
            let Some(keys) = shape::map(&entry.value, &what, &mut self.report) else { continue };
            if let Some(sid) = keys.iter().find(|key| key.key == "Sid") {
                let problem = Problem::error("unknown-key", format!("{what}: the key above is the Sid already"));
                self.report.push(problem.at(sid.key_place).help("remove this line"));
            }
            let mut statement = vec![text_entry("Sid", &entry.key, entry.key_place)];
            statement.extend(keys.iter().filter(|key| key.key != "Sid").cloned());
            statements.push(Node::new(NodeValue::Map(statement), entry.value.place));
        }
        let place = entry.key_place;
        let list = Node::new(NodeValue::List(statements), place);
        let statement = Entry { key: "Statement".to_owned(), key_place: place, value: list };
        Some(Node::new(NodeValue::Map(vec![text_entry("Version", VERSION, place), statement]), place))
    }

    /// Checks grammar and size.
    pub fn checked(&mut self, node: &Node, what: &str, host: Host) -> Option<Document> {
        let document = Document::from_json(node.to_json());
        let size = size(&document);
        let longest = longest(host);
        if size > longest {
            self.report.push(too_large(what, size, longest).at(node.place));
        }
        Some(document)
    }
}

/// Says that a document, or several together, are larger than AWS takes.
pub fn too_large(what: &str, size: usize, longest: usize) -> Problem {
    Problem::error("document-too-large", format!("{what} has {size} characters, AWS takes {longest}"))
        .note("white space is not counted")
}

pub fn size(document: &Document) -> usize {
    document.to_compact().chars().filter(|c| !c.is_whitespace()).count()
}

pub fn longest(host: Host) -> usize {
    match host {
        Host::Managed => 6144,
        Host::InlineUser | Host::Trust => 2048,
        Host::InlineGroup => 5120,
        Host::InlineRole => 10240,
    }
}

fn text_entry(key: &str, text: &str, place: Place) -> Entry {
    let value = Node::new(NodeValue::Text(text.to_owned()), place);
    Entry { key: key.to_owned(), key_place: place, value }
}
