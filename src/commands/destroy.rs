//! `destroy`: the plan of nothing.

use super::apply::{self, Verb};
use super::{Exit, Output, plan as plan_command};
use crate::cli::{DestroyArgs, Global};
use crate::error::Result;
use crate::render::human;
use crate::state::Access;
use crate::survey::Purpose;

pub async fn run(global: &Global, args: &DestroyArgs, output: &Output) -> Result<Exit> {
    let session = plan_command::open(global, Access::Writing, Purpose::Destroy, output).await?;
    let (plan, mut state) = session.plan_of_nothing()?;
    state.outputs.clear();
    if plan.is_empty() && !output.json {
        output.say("No changes. Nothing of this deployment is left to destroy.\n")?;
    } else if !output.json {
        output.say(&human::plan(&plan, output.detail()))?;
    }
    if !plan.is_empty() && !args.auto_approve {
        let name = &plan.deployment;
        let question = format!("All of this is destroyed for good. Enter the deployment's name, {name}, to go ahead");
        apply::ask(name, &question, output)?;
    }
    apply::carry_out(&session, &plan, state, Verb::Destroy, output).await
}
