//! `init`: a manifest to begin with.

use std::io::Write;

use super::{Exit, Output, blueprint, session};
use crate::cli::{Global, InitArgs};
use crate::error::{Error, Result};

pub fn run(global: &Global, args: &InitArgs, output: &Output) -> Result<Exit> {
    let about = blueprint::find(&args.blueprint)?;
    let given = about.given(&session::inputs(global)?, false);
    let given = given.map_err(|(problems, sources)| Error::problems(problems, sources))?;
    let text = about.manifest(&given, global.region.as_deref());
    let name = global.file.display();
    // One call both asks and takes: nobody's file is overwritten, whoever else writes.
    match std::fs::OpenOptions::new().write(true).create_new(true).open(&global.file) {
        Ok(mut file) => file.write_all(text.as_bytes()),
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {
            return Err(Error::refused(format!("{name} is there already, and is not overwritten"))
                .hint("for another file: -f FILE")
                .hint(format!("to see what would be in it: seqera-iam blueprint show {}", about.name)));
        }
        Err(e) => Err(e),
    }
    .map_err(|e| Error::failed(format!("cannot write {name}")).caused_by(e))?;
    let file = if global.file.as_os_str() == "seqera.yaml" { String::new() } else { format!(" -f {name}") };
    let missing: Vec<&str> = about.missing(&given).map(|param| param.name.as_str()).collect();
    let place = about.uses_region && global.region.is_none();
    let head = if place { "the account, the region" } else { "the account" };
    let fill = match missing.as_slice() {
        [] if place => "the account and the region".to_owned(),
        [] => head.to_owned(),
        _ => format!("{head}, and {}", missing.join(", ")),
    };
    output.say(&format!(
        "Wrote {name}. Set in it: {fill}.\n\n\
         Then:\n\n  \
         seqera-iam validate{file}         check it without AWS\n  \
         seqera-iam plan --sandbox{file}   try it without an AWS account\n  \
         seqera-iam plan{file}             show what apply would do in yours\n"
    ))?;
    Ok(Exit::Done)
}
