//! What there is to look at in the documents of a manifest, as warnings at their place.

use super::declared::{Declared, Said};
use super::expand::Expander;
use super::nearest::nearest;
use super::reading::Reading;
use super::report::Report;
use crate::model::{Entry, Node, NodeValue};
use crate::policy::findings::{self, CODES, Finding, Weight};
use crate::policy::{Document, Host, PathSegment};
use crate::problem::{Place, Problem};

/// What stands before a code under `ignore`.
const PREFIX: &str = "findings.";

impl Reading<'_> {
    /// Warns of what a document does not do, or gives away; `place` finds the node of a way into it.
    pub fn look(&mut self, document: &Document, what: &str, host: Host, place: impl Fn(&[PathSegment]) -> Place) {
        let account = &self.references.account.id;
        for finding in findings::in_account(document, host, Some(account)) {
            self.warn(&finding, what, place(&finding.path));
        }
    }

    /// Warns of what shows only where an entry's documents come together.
    pub fn look_together(&mut self, entry: &Declared) {
        let what = entry.address.to_string();
        if let Some(Said::Document(trust)) = entry.said.get("trust") {
            let policies = entry.policies();
            let arns: Vec<&str> = policies.iter().map(|policy| policy.arn.as_str()).collect();
            for (number, finding) in findings::of_role(trust, &arns) {
                self.warn(&finding, &format!("{what}.policies"), policies[number].place);
            }
        }
        let inline = entry.inline();
        let named: Vec<(&str, &Document)> = inline.iter().map(|one| (one.name.as_str(), &one.document)).collect();
        for (number, finding) in findings::same_sids(&named) {
            self.warn(&finding, &format!("{what}.inline.{}", inline[number].name), inline[number].place);
        }
    }

    fn warn(&mut self, finding: &Finding, what: &str, place: Place) {
        // One text of a manifest may make many documents.
        if finding.weight == Weight::Advice
            || self.silenced.iter().any(|code| code == finding.code)
            || !self.warned.insert((place, finding.code))
        {
            return;
        }
        let problem = Problem::warning(finding.code, format!("{what}: {}", finding.message)).at(place);
        let within = if self.references.tree.at == 0 { "" } else { ", in the `override` of its use" };
        let meant = format!("where that is meant{within}:   ignore: [{PREFIX}{}]", finding.code);
        self.report.push(problem.help(&finding.fix).help(meant));
    }
}

/// Returns the codes that an entry has under `ignore`. What is wrong there is reported with its other items.
pub fn silenced(entries: &[Entry], expander: &Expander) -> Vec<String> {
    let Some(entry) = entries.iter().find(|entry| entry.key == "ignore") else { return Vec::new() };
    let node = expander.node(&entry.value, &mut Report::default());
    let NodeValue::List(items) = node.value else { return Vec::new() };
    items.iter().filter_map(code_of).collect()
}

fn code_of(item: &Node) -> Option<String> {
    match &item.value {
        NodeValue::Text(text) => text.strip_prefix(PREFIX).map(str::to_owned),
        _ => None,
    }
}

/// Says what is wrong with an item such as `findings.resource-mismatch`; none where it is no code at all.
pub fn unknown_code(text: &str, what: &str, place: Place) -> Option<Problem> {
    let code = text.strip_prefix(PREFIX)?;
    let problem = Problem::error("unknown-word", format!("{what}: there is no finding `{code}`")).at(place);
    Some(match nearest(code, CODES.iter().map(|(code, ..)| *code)) {
        Some(near) => problem.help(format!("did you mean `{PREFIX}{near}`?")),
        None => problem.note("every warning of a document says its own"),
    })
}

/// Says whether an item under `ignore` names a finding that there is.
pub fn is_code(text: &str) -> bool {
    text.strip_prefix(PREFIX).is_some_and(findings::is_code)
}
