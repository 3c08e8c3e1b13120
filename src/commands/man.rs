//! `man`: the manual page of the program, or that of a command.

use clap::CommandFactory;

use super::{Exit, Output};
use crate::cli::{Cli, ManArgs};
use crate::error::{Error, Result};

pub fn run(args: &ManArgs, output: &Output) -> Result<Exit> {
    let mut command = Cli::command();
    // The names of pages and the options of every command come with it.
    command.build();
    for name in &args.command {
        command = match command.find_subcommand(name) {
            Some(found) => found.clone(),
            None => return Err(no_command(name, &command)),
        };
    }
    let mut page = Vec::new();
    let man = clap_mangen::Man::new(command);
    man.render(&mut page).map_err(|e| Error::failed("cannot write the manual page").caused_by(e))?;
    output.say(&String::from_utf8_lossy(&page))?;
    Ok(Exit::Done)
}

fn no_command(name: &str, of: &clap::Command) -> Error {
    let error = Error::failed(format!("{} has no command `{name}`", of.get_bin_name().unwrap_or(of.get_name())));
    let known: Vec<&str> = of.get_subcommands().map(clap::Command::get_name).collect();
    if known.is_empty() { error } else { error.hint(format!("one of: {}", known.join(", "))) }
}
