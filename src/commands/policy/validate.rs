//! `policy validate`: whether AWS takes a document.

use serde_json::{Value as Json, json};

use super::super::{Exit, Output};
use super::file;
use crate::cli::{PolicyHost, PolicyKind, PolicyValidateArgs};
use crate::error::{Error, Result};
use crate::model::Node;
use crate::policy::findings::Weight;
use crate::policy::{Document, Fault, Finding, Host, PathSegment, findings, limits, validate};
use crate::problem::{Place, Problem, Sources};

pub fn run(args: &PolicyValidateArgs, output: &Output) -> Result<Exit> {
    let (host, is_sized) = host(args)?;
    let mut sources = Sources::default();
    let (refusals, looked_at) = match file::read(&args.file, &mut sources)? {
        Ok(node) => {
            let document = Document::from_json(node.to_json());
            let placed = |finding: Finding| {
                let place = node.at(&finding.path).place;
                (finding, place)
            };
            let found: Vec<(Finding, Place)> = findings(&document, host).into_iter().map(placed).collect();
            (refusals(&node, host, is_sized), found)
        }
        Err(problems) => (problems.into_iter().map(|problem| Refusal::new(SYNTAX, problem)).collect(), Vec::new()),
    };
    let exit = if refusals.is_empty() { Exit::Done } else { Exit::No };
    if output.json {
        let errors: Vec<Json> = refusals.iter().map(|refusal| refusal.to_json(&sources)).collect();
        let found: Vec<Json> = looked_at.iter().map(|(finding, _)| finding_json(finding)).collect();
        output.document(&json!({"valid": errors.is_empty(), "errors": errors, "findings": found}))?;
    } else if refusals.is_empty() {
        let kind = if args.kind == PolicyKind::Trust { "a trust policy" } else { "an identity policy" };
        let warning = |(finding, place): &(Finding, Place)| {
            let problem = Problem::warning(finding.code, finding.message.clone()).at(*place).help(&finding.fix);
            match finding.weight {
                Weight::Advice => problem.note("it may well be meant"),
                Weight::Warning => problem,
            }
        };
        output.problems(&looked_at.iter().map(warning).collect::<Vec<_>>(), &sources);
        output.say(&format!("AWS takes {} as {kind}.\n", args.file.display()))?;
    } else {
        let say = |refusal: Refusal| refusal.problem.note(format!("AWS would say: {}", refusal.aws));
        output.problems(&refusals.into_iter().map(say).collect::<Vec<_>>(), &sources);
    }
    Ok(exit)
}

/// The path is the keys and the indices to follow from the document.
fn finding_json(finding: &Finding) -> Json {
    let segment = |segment: &PathSegment| match segment {
        PathSegment::Key(key) => Json::from(key.as_str()),
        PathSegment::Index(index) => Json::from(*index),
    };
    let path: Vec<Json> = finding.path.iter().map(segment).collect();
    let weight = match finding.weight {
        Weight::Advice => "advice",
        Weight::Warning => "warning",
    };
    json!({"code": finding.code, "message": finding.message, "path": path, "fix": finding.fix, "weight": weight})
}

/// What AWS says to a text that it cannot read.
const SYNTAX: &str = "Syntax errors in policy.";

/// Why AWS refuses a document, in its words and in ours.
struct Refusal {
    aws: String,
    problem: Problem,
}

impl Refusal {
    fn new(aws: impl Into<String>, problem: Problem) -> Self {
        Self { aws: aws.into(), problem }
    }

    fn to_json(&self, sources: &Sources) -> Json {
        let place = self.problem.place.map(|place| sources.line_column(place));
        json!({
            "code": self.problem.code,
            "message": self.aws,
            "detail": self.problem.message,
            "line": place.map(|(line, _)| line),
            "column": place.map(|(_, column)| column),
        })
    }
}

/// Returns where the document is used, and whether that is known well enough to check its size.
fn host(args: &PolicyValidateArgs) -> Result<(Host, bool)> {
    let host = match (args.kind, args.host) {
        (PolicyKind::Trust, None) => Host::Trust,
        (PolicyKind::Trust, Some(_)) => {
            return Err(Error::failed("--host is for identity policies: a trust policy is part of its role"));
        }
        // No version and no size is asked for that all hosts do not ask for.
        (PolicyKind::Identity, None) => return Ok((Host::InlineRole, false)),
        (PolicyKind::Identity, Some(PolicyHost::Managed)) => Host::Managed,
        (PolicyKind::Identity, Some(PolicyHost::InlineUser)) => Host::InlineUser,
        (PolicyKind::Identity, Some(PolicyHost::InlineGroup)) => Host::InlineGroup,
        (PolicyKind::Identity, Some(PolicyHost::InlineRole)) => Host::InlineRole,
    };
    Ok((host, true))
}

fn refusals(node: &Node, host: Host, is_sized: bool) -> Vec<Refusal> {
    let document = Document::from_json(node.to_json());
    let faults = validate(document.json(), host);
    let shown = faults.iter().filter(|fault| !fault.is_slip_of_another(&faults));
    let refusal = |fault: &Fault| {
        let mut problem = Problem::error(fault.code, fault.detail.clone()).at(fault.place(node));
        problem.helps.extend(fault.help(document.json()));
        Refusal::new(fault.message.clone(), problem)
    };
    let mut refusals: Vec<Refusal> = shown.map(refusal).collect();
    let (size, longest) = (document.size(), limits::longest(host));
    if is_sized && size > longest {
        let message = format!("{size} characters, AWS takes {longest}; white space is not counted");
        let problem = Problem::error("policy-size", message).at(node.place);
        refusals.push(Refusal::new(limits::too_long(host, "").trim_end(), problem));
    }
    refusals
}
