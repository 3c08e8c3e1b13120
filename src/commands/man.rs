//! `man`: the manual page, with every command.

use clap::CommandFactory;

use super::{Exit, Output};
use crate::cli::Cli;
use crate::error::{Error, Result};

pub fn run(output: &Output) -> Result<Exit> {
    let mut page = Vec::new();
    let man = clap_mangen::Man::new(Cli::command());
    man.render(&mut page).map_err(|e| Error::failed("cannot write the manual page").caused_by(e))?;
    output.say(&String::from_utf8_lossy(&page))?;
    Ok(Exit::Done)
}
