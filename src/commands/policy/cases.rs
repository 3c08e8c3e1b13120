//! `policy simulate --cases`: many requests, each with its policies, decided one by one.

use std::path::Path;

use serde_json::{Value as Json, json};

use super::super::Output;
use super::file;
use crate::error::{Error, Result};
use crate::policy::Document;
use crate::policy::evaluate::{Context, Decision, Policy, Request, evaluate};
use crate::policy::statement::Principal;
use crate::problem::{Problem, Sources};

pub fn run(path: &Path, output: &Output) -> Result<()> {
    let mut sources = Sources::default();
    let problems = match file::read(path, &mut sources)? {
        Ok(node) => match node.to_json() {
            Json::Array(cases) => return output.document(&cases.iter().map(decided).collect()),
            _ => vec![Problem::error("wrong-type", "cases are a list").at(node.place)],
        },
        Err(problems) => problems,
    };
    Err(Error::problems(problems, sources))
}

fn decided(case: &Json) -> Json {
    let decision = decide(case).map_or("error", Decision::as_str);
    json!({"id": case.get("id"), "decision": decision})
}

/// Decides a case; `None` when it cannot be judged.
fn decide(case: &Json) -> Option<Decision> {
    let read = |json: &Json| Policy::read_any(&Document::from_json(json.clone())).ok();
    let policies: Vec<Policy> = case.get("policies")?.as_array()?.iter().map(read).collect::<Option<_>>()?;
    let boundary = match case.get("boundary") {
        None | Some(Json::Null) => None,
        Some(json) => Some(read(json)?),
    };
    let request = case.get("request")?;
    let text = |key: &str| request.get(key)?.as_str();
    let asked = Request::new(text("action")?, text("resource")?, context(request.get("context"))?);
    let asked = match text("principal") {
        Some(principal) => asked.by(Principal::of(principal)),
        None => asked,
    };
    Some(evaluate(&policies, boundary.as_ref(), &asked).decision)
}

fn context(json: Option<&Json>) -> Option<Context> {
    let mut context = Context::default();
    let Some(json) = json else { return Some(context) };
    for (key, values) in json.as_object()? {
        let values = match values {
            Json::Array(values) => values.as_slice(),
            Json::Null => &[],
            single => std::slice::from_ref(single),
        };
        for value in values {
            match value {
                Json::String(text) => context.add(key, text),
                Json::Bool(_) | Json::Number(_) => context.add(key, value.to_string()),
                _ => return None,
            }
        }
    }
    Some(context)
}
