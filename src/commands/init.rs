//! `init`: a manifest to begin with.

use std::io::Write;

use super::{Exit, Output, blueprint, session};
use crate::cli::{Global, InitArgs, quoted};
use crate::error::{Error, Result};
use crate::manifest::Inputs;
use crate::manifest::blueprint::About;
use crate::manifest::start::Start;

pub fn run(global: &Global, args: &InitArgs, output: &Output) -> Result<Exit> {
    let start = begun(&args.blueprints, &session::inputs(global)?, false)?;
    let text = start.manifest(global.region.as_deref());
    let name = global.file.display();
    // One call both asks and takes: nobody's file is overwritten, whoever else writes.
    match std::fs::OpenOptions::new().write(true).create_new(true).open(&global.file) {
        Ok(mut file) => file.write_all(text.as_bytes()),
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {
            return Err(Error::refused(format!("{name} is there already, and is not overwritten"))
                .hint("for another file: -f FILE")
                .hint(format!("to see what would be in it: seqera-iam blueprint show {}", args.blueprints.join(" "))));
        }
        Err(e) => Err(e),
    }
    .map_err(|e| Error::failed(format!("cannot write {name}")).caused_by(e))?;
    let file = if global.file.as_os_str() == "seqera.yaml" {
        String::new()
    } else {
        format!(" -f {}", quoted(&name.to_string()))
    };
    let missing: Vec<String> =
        start.missing().map(|(of, params)| format!("{} of use.{of}", params.join(", "))).collect();
    let fill = match missing.as_slice() {
        [] => "the account".to_owned(),
        _ => format!("the account, and {}", missing.join("; ")),
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

/// Returns the blueprints with the values that were given, each to those that have the param. What is required and
/// was not given is a problem only where `whole` is wanted.
pub fn begun(names: &[String], inputs: &Inputs, whole: bool) -> Result<Start> {
    let mut uses = Vec::new();
    for name in names {
        if names.iter().filter(|other| *other == name).count() > 1 {
            return Err(
                Error::failed(format!("{name} is named twice")).hint("a use of it can be copied in the manifest")
            );
        }
        uses.push(blueprint::find(name)?);
    }
    let has = |about: &About, name: &str| about.params.iter().any(|param| param.name == name);
    let stray = |name: &str| !uses.iter().any(|about| has(about, name));
    let mut given = Vec::new();
    for (number, about) in uses.iter().enumerate() {
        let mut inputs = inputs.clone();
        // What nobody has is said once.
        inputs.params.retain(|(name, _)| has(about, name) || (number == 0 && stray(name)));
        let values = about.given(&inputs, whole);
        given.push(values.map_err(|(problems, sources)| Error::problems(problems, sources))?);
    }
    Ok(Start::new(uses.into_iter().zip(given).collect()))
}
