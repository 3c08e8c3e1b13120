//! `plan`: shows what apply would do; changes nothing.

use super::session::{self, Session};
use super::{Exit, Output};
use crate::cli::{Global, PlanArgs};
use crate::error::Result;
use crate::plan::Plan;
use crate::render::{human, json, problem};
use crate::state::Access;

pub async fn run(global: &Global, args: &PlanArgs, output: &Output) -> Result<Exit> {
    let session = open(global, Access::Reading, output).await?;
    let plan = session.plan()?;
    if output.json {
        output.document(&json(&session, &plan))?;
    } else {
        output.say(&human::plan(&plan, output.detail()))?;
        if !plan.is_empty() {
            output.say("\nThis plan is not saved: apply plans again and asks before it changes anything.\n")?;
        }
    }
    let changes = args.detailed_exitcode && !plan.is_empty();
    Ok(if changes { Exit::Changes } else { Exit::Done })
}

/// Reads the manifest, and everything that a plan is made from. A manifest with problems stops before
/// AWS is asked.
pub async fn open(global: &Global, access: Access, output: &Output) -> Result<Session> {
    let declared = session::declared(global)?;
    declared.check()?;
    declared.open(global, access, output).await
}

fn json(session: &Session, plan: &Plan) -> serde_json::Value {
    let sources = session.manifest.sources();
    let warnings = session.warnings.iter().map(|warning| problem::to_json(warning, sources)).collect();
    json::plan(plan, warnings, &session.outputs())
}
