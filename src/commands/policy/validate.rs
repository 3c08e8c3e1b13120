//! `policy validate`: whether AWS takes a document.

use serde_json::{Value as Json, json};

use super::super::{Exit, Output};
use super::file;
use crate::cli::{PolicyHost, PolicyKind, PolicyValidateArgs};
use crate::error::{Error, Result};
use crate::model::Node;
use crate::policy::{Document, Fault, Host, limits, validate};
use crate::problem::{Problem, Sources};

pub fn run(args: &PolicyValidateArgs, output: &Output) -> Result<Exit> {
    let (host, is_sized) = host(args)?;
    let mut sources = Sources::default();
    let refusals = match file::read(&args.file, &mut sources)? {
        Ok(node) => refusals(&node, host, is_sized),
        Err(problems) => problems.into_iter().map(|problem| Refusal::new(SYNTAX, problem)).collect(),
    };
    let exit = if refusals.is_empty() { Exit::Done } else { Exit::No };
    if output.json {
        let errors: Vec<Json> = refusals.iter().map(|refusal| refusal.to_json(&sources)).collect();
        output.document(&json!({"valid": errors.is_empty(), "errors": errors, "findings": []}))?;
    } else if refusals.is_empty() {
        let kind = if args.kind == PolicyKind::Trust { "a trust policy" } else { "an identity policy" };
        output.say(&format!("AWS takes {} as {kind}.\n", args.file.display()))?;
    } else {
        let say = |refusal: Refusal| refusal.problem.note(format!("AWS would say: {}", refusal.aws));
        output.problems(&refusals.into_iter().map(say).collect::<Vec<_>>(), &sources);
    }
    Ok(exit)
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
        let problem = Problem::error(fault.code, fault.detail.clone()).at(fault.place(node));
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
