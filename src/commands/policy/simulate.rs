//! `policy simulate`: whether policies allow a request, and why.

use std::path::Path;

use serde_json::{Value as Json, json};

use super::super::{Exit, Output};
use super::{cases, file};
use crate::cli::SimulateArgs;
use crate::error::{Error, Result};
use crate::model::{Node, PathSegment};
use crate::policy::Document;
use crate::policy::evaluate::{Context, Decision, Match, Policy, Request, Source, Verdict, evaluate, explain};
use crate::policy::statement::{Principal, Unreadable};
use crate::problem::{Problem, Sources};
use crate::render::spell::spelled;
use crate::render::theme::{self, paint};

pub fn run(args: &SimulateArgs, output: &Output) -> Result<Exit> {
    if let Some(path) = &args.cases {
        cases::run(path, output)?;
        return Ok(Exit::Done);
    }
    let policies = args.policy.iter().map(|path| read(path)).collect::<Result<Vec<Policy>>>()?;
    let boundary = args.boundary.as_deref().map(read).transpose()?;
    let request = request(args);
    let verdict = evaluate(&policies, boundary.as_ref(), &request);
    let name = |of: Source| match of {
        Source::Policy(index) => args.policy[index].display().to_string(),
        Source::Boundary => args.boundary.as_ref().map_or_else(String::new, |path| path.display().to_string()),
    };
    let why = explain(&policies, boundary.as_ref(), &request, &name);
    if output.json {
        let policy = |of| match of {
            Source::Policy(index) => Some(&policies[index]),
            Source::Boundary => boundary.as_ref(),
        };
        let matched: Vec<Json> = verdict.matched.iter().map(|found| matched(found, policy(found.of), &name)).collect();
        let decision = verdict.decision.as_str();
        output.document(&json!({"decision": decision, "matched": matched, "explanation": why}))?;
    } else {
        output.say(&drawn(&verdict, &request, args, &why))?;
    }
    Ok(Exit::Done)
}

fn request(args: &SimulateArgs) -> Request {
    let context: Context = args.context.iter().map(|(key, value)| (key, value.as_str())).collect();
    let (action, resource) = (args.action.as_deref().unwrap_or_default(), args.resource.clone().unwrap_or_default());
    let request = Request::new(action, resource, context);
    match &args.principal {
        Some(principal) => request.by(Principal::of(principal)),
        None => request,
    }
}

fn read(path: &Path) -> Result<Policy> {
    let mut sources = Sources::default();
    let node = file::object(path, &mut sources)?;
    let document = Document::from_json(node.to_json());
    Policy::read_any(&document).map_err(|unreadable| {
        let problems = unreadable.iter().map(|unreadable| problem(unreadable, &node)).collect();
        Error::problems(problems, sources)
    })
}

fn problem(unreadable: &Unreadable, document: &Node) -> Problem {
    let of_list = [PathSegment::Key("Statement".to_owned()), PathSegment::Index(unreadable.index)];
    let message = format!("what AWS would refuse cannot be judged: {}", unreadable.why);
    Problem::error("policy-unreadable", message).at(document.at(&of_list).place)
}

/// Names a statement by its Sid, else by its number from 0.
fn matched(found: &Match, policy: Option<&Policy>, name: &dyn Fn(Source) -> String) -> Json {
    let statement = policy.and_then(|policy| policy.statements.iter().find(|one| one.index == found.statement));
    let sid = statement.and_then(|statement| statement.sid.clone());
    json!({"policy": name(found.of), "statement": sid.map_or_else(|| json!(found.statement), Json::from)})
}

fn drawn(verdict: &Verdict, request: &Request, args: &SimulateArgs, why: &[String]) -> String {
    let style = match verdict.decision {
        Decision::Allowed => theme::CREATE,
        Decision::ImplicitDeny => theme::UPDATE,
        Decision::ExplicitDeny => theme::DANGER,
    };
    let decision = paint(style, verdict.decision.as_str());
    let action = args.action.as_deref().unwrap_or_default();
    let lines: String = why.iter().map(|line| format!("  {}\n", spelled(line))).collect();
    format!("{decision}: {action} on {}\n{lines}", request.resource())
}
