//! `completions`: what a shell completes.

use clap::CommandFactory;

use super::{Exit, Output};
use crate::cli::{Cli, CompletionsArgs};
use crate::error::Result;

pub fn run(args: &CompletionsArgs, output: &Output) -> Result<Exit> {
    let mut command = Cli::command();
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, name, &mut script);
    output.say(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}
