//! `policy`: one document at a time, for scripts and reviewers.

mod cases;
mod diff;
mod file;
mod rollback;
mod simulate;
mod validate;

use super::{Exit, Output};
use crate::cli::{Global, PolicyCommand};
use crate::error::Result;

pub async fn run(global: &Global, command: &PolicyCommand, output: &Output) -> Result<Exit> {
    match command {
        PolicyCommand::Diff { before, after } => diff::run(before, after, output),
        PolicyCommand::Validate(args) => validate::run(args, output),
        PolicyCommand::Simulate(args) => simulate::run(args, output),
        PolicyCommand::Rollback(args) => rollback::run(global, args, output).await,
    }
}
