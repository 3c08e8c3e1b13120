//! What there is to look at in the documents of a manifest, as warnings at their place.

use std::collections::{HashMap, HashSet};

use super::declared::{Declared, Said};
use super::expand::Expander;
use super::nearest::nearest;
use super::reading::Reading;
use super::report::Report;
use crate::graph::Desired;
use crate::model::{Entry, Node, NodeValue};
use crate::policy::findings::{self, CODES, Finding, Weight};
use crate::policy::{Document, Host, PathSegment, limits};
use crate::problem::{Place, Problem, Severity};

/// What stands before a code under `ignore`.
const PREFIX: &str = "findings.";

/// An owner with more attachments than AWS takes unless it raised the account's quota. Whoever knows that it did says
/// so under `ignore`.
pub const TOO_MANY_ATTACHMENTS: &str = "too-many-attachments";

/// The ARN of a policy, and the place and code of a warning about what it grants.
pub type Granting = (String, Place, &'static str);

/// Warnings of one kind about one document; who has mended those sees the others.
const MOST: usize = 10;

/// Findings about what a policy grants.
const GRANTING: [&str; 2] = ["pass-role-on-star", "privilege-escalation"];

impl Reading<'_> {
    /// Warns of what a document does not do, or gives away; `place` finds the node of a way into it.
    pub fn look(&mut self, document: &Document, what: &str, host: Host, place: impl Fn(&[PathSegment]) -> Place) {
        let account = &self.references.account.id;
        let found = findings::in_account(document, host, Some(account));
        let mut count: HashMap<&str, usize> = HashMap::new();
        for finding in found.iter().filter(|finding| finding.weight == Weight::Warning) {
            let count = count.entry(finding.code).or_default();
            *count += 1;
            if *count <= MOST {
                self.warn(finding, what, place(&finding.path));
            }
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

    /// Says that there are too many attachments; none where there may be so many.
    pub fn too_many_attachments(&self, count: usize, message: &str, place: Place) -> Option<Problem> {
        let meant = self.silenced.iter().any(|code| code == TOO_MANY_ATTACHMENTS);
        let most = if meant { limits::MOST_ATTACHMENTS } else { limits::ATTACHMENTS };
        if count <= most {
            return None;
        }
        let problem = Problem::error(TOO_MANY_ATTACHMENTS, format!("{message}, AWS attaches {most}")).at(place);
        let problem = problem.note("join statements into fewer policies, or move some to `inline`");
        Some(match count <= limits::MOST_ATTACHMENTS {
            true => problem
                .help(format!("where AWS raised the account's quota:   ignore: [{PREFIX}{TOO_MANY_ATTACHMENTS}]")),
            false => problem,
        })
    }

    fn warn(&mut self, finding: &Finding, what: &str, place: Place) {
        // One text of a manifest may make many documents.
        if self.silenced.iter().any(|code| code == finding.code) || !self.warned.insert((place, finding.code)) {
            return;
        }
        if let (true, Some(arn)) = (GRANTING.contains(&finding.code), &self.arn) {
            self.granting.push((arn.clone(), place, finding.code));
        }
        let problem = Problem::warning(finding.code, format!("{what}: {}", finding.message)).at(place);
        let within = if self.references.tree.at == 0 { "" } else { ", in the `override` of its use" };
        let meant = format!("where that is meant{within}:   ignore: [{PREFIX}{}]", finding.code);
        self.report.push(problem.help(&finding.fix).help(meant));
    }
}

/// Leaves out what policies grant that are boundaries and nothing else: they grant it to nobody. `granting` are
/// the ARNs of policies with the warnings about them.
pub fn without_boundaries(problems: Vec<Problem>, granting: &[Granting], desired: &Desired) -> Vec<Problem> {
    let texts = |field: &str| -> HashSet<&str> {
        let texts = desired.resources.values().filter_map(|resource| resource.wanted.get(field)?.text());
        texts.collect()
    };
    if granting.is_empty() {
        return problems;
    }
    let (boundaries, attached) = (texts("boundary"), texts("policy_arn"));
    let only_bounds = |arn: &str| boundaries.contains(arn) && !attached.contains(arn);
    let left_out = |problem: &Problem| {
        let is_of = |(_, place, code): &&Granting| Some(*place) == problem.place && *code == problem.code;
        problem.severity == Severity::Warning && granting.iter().filter(is_of).any(|(arn, ..)| only_bounds(arn))
    };
    problems.into_iter().filter(|problem| !left_out(problem)).collect()
}

/// Returns the codes that an entry has under `ignore`. What is wrong there is reported with its other items.
pub fn silenced(entries: &[Entry], expander: &Expander) -> Vec<String> {
    let Some(entry) = entries.iter().find(|entry| entry.key == "ignore") else { return Vec::new() };
    let node = expander.node(&entry.value, &mut Report::default());
    let NodeValue::List(items) = node.value else { return Vec::new() };
    items.iter().filter_map(code_of).collect()
}

/// Returns what an entry says under `ignore` where a finding is meant.
pub fn meant(code: &str) -> String {
    format!("{PREFIX}{code}")
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
    let known = CODES.iter().map(|(code, ..)| *code).chain([TOO_MANY_ATTACHMENTS]);
    Some(match nearest(code, known) {
        Some(near) => problem.help(format!("did you mean `{PREFIX}{near}`?")),
        None => problem.note("every warning of a document says its own"),
    })
}

/// Says whether an item under `ignore` names a finding that there is.
pub fn is_code(text: &str) -> bool {
    text.strip_prefix(PREFIX).is_some_and(|code| code == TOO_MANY_ATTACHMENTS || findings::is_code(code))
}
