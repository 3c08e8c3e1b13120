//! `policy`: one document at a time, for scripts and reviewers.

mod cases;
mod diff;
mod file;
mod simulate;
mod validate;

use super::{Exit, Output};
use crate::cli::PolicyCommand;
use crate::error::Result;

pub fn run(command: &PolicyCommand, output: &Output) -> Result<Exit> {
    match command {
        PolicyCommand::Diff { before, after } => diff::run(before, after, output),
        PolicyCommand::Validate(args) => validate::run(args, output),
        PolicyCommand::Simulate(args) => simulate::run(args, output),
    }
}
