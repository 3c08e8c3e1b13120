//! `validate`: everything that can be known without AWS.

use serde_json::json;

use super::{Exit, Output, session};
use crate::cli::Global;
use crate::error::{Error, Result};
use crate::problem::{Problem, Severity, Sources};
use crate::render::problem;

pub async fn run(global: &Global, output: &Output) -> Result<Exit> {
    let checked = session::declared(global).and_then(|declared| Ok((declared.check()?, declared)));
    match checked {
        Ok((warnings, declared)) => {
            let sources = declared.manifest.sources();
            if output.json {
                output.document(&report(&warnings, sources))?;
            } else {
                output.problems(&warnings, sources);
                output.say("The manifest is valid.\n")?;
            }
            Ok(Exit::Done)
        }
        Err(Error { problems: Some(found), .. }) if output.json => {
            output.document(&report(&found.0, &found.1))?;
            Ok(Exit::Failed)
        }
        Err(error) => Err(error),
    }
}

fn report(problems: &[Problem], sources: &Sources) -> serde_json::Value {
    let of = |severity: Severity| -> Vec<serde_json::Value> {
        problems.iter().filter(|p| p.severity == severity).map(|p| problem::to_json(p, sources)).collect()
    };
    let errors = of(Severity::Error);
    json!({"valid": errors.is_empty(), "errors": errors, "warnings": of(Severity::Warning)})
}
