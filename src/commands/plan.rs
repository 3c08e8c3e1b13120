//! `plan`: shows what apply would do; changes nothing.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::session::{self, Session};
use super::{Exit, Output};
use crate::cli::{Global, PlanArgs, quoted};
use crate::error::{Error, Result};
use crate::plan::saved::{Invocation, SavedPlan};
use crate::plan::{Plan, digest};
use crate::render::{human, json, markdown, problem, wrap};
use crate::state::Access;
use crate::survey::Purpose;

pub async fn run(global: &Global, args: &PlanArgs, output: &Output) -> Result<Exit> {
    let session = open(global, Access::Reading, Purpose::Converge, output).await?;
    let plan = session.plan()?;
    // A file that cannot be written fails before anything is said.
    args.out.iter().chain(&args.markdown).try_for_each(|path| spare(path, &session))?;
    if let Some(path) = &args.out {
        save(path, &SavedPlan::new(&plan, invocation(global)))?;
    }
    if let Some(path) = &args.markdown {
        write_parts(path, &markdown::plan(&plan, &session.warnings, session.manifest.sources()))?;
    }
    if output.json {
        output.document(&json(&session, &plan))?;
    } else {
        output.say(&human::plan(&plan, output.detail()))?;
    }
    if !output.json && !plan.is_empty() {
        match &args.out {
            // The file carries the options that this was planned with.
            Some(path) => {
                output.print(&format!("\nSaved. To apply exactly this plan:   seqera-iam apply {}\n", shown(path)))?
            }
            None => output.say(&format!("\n{}", unsaved(&plan, output.detail().width)))?,
        }
    }
    let changes = args.detailed_exitcode && !plan.is_empty();
    Ok(if changes { Exit::Changes } else { Exit::Done })
}

fn shown(path: &Path) -> String {
    quoted(&path.display().to_string())
}

/// What to type to get exactly this plan.
fn unsaved(plan: &Plan, width: usize) -> String {
    const SAID: &str =
        "This plan is not saved: apply plans again and asks. To apply exactly this one, save it with --out FILE,";
    // The digest is longer than a narrow line anyway.
    let said = if width < 100 { wrap::words("", SAID, 0, width) } else { format!("{SAID}\n") };
    format!("{said}or:   seqera-iam apply --expect {}\n", digest::digest(plan))
}

/// What a saved plan is applied with again.
pub fn invocation(global: &Global) -> Invocation {
    let text = |path: &PathBuf| path.display().to_string();
    Invocation {
        file: text(&global.file),
        param: global.param.clone(),
        params: global.params.iter().map(text).collect(),
        state: global.state.clone(),
        sandbox: global.sandbox.as_ref().map(text),
    }
}

/// Refuses to write over what the plan is made from.
fn spare(path: &Path, session: &Session) -> Result<()> {
    let Ok(target) = path.canonicalize() else { return Ok(()) };
    let state = session.store.location();
    let mut used = session.manifest.sources().names().chain([state.as_str()]);
    match used.any(|used| Path::new(used).canonicalize().is_ok_and(|used| used == target)) {
        true => Err(Error::failed(format!("{} is what is planned from; it is not overwritten", path.display()))
            .hint("name another file")),
        false => Ok(()),
    }
}

/// A saved plan may name External IDs, so it is for its owner's eyes. It is whole or not there; a pipe or a device gets
/// it as it comes.
fn save(path: &Path, saved: &SavedPlan) -> Result<()> {
    let failed = |e: std::io::Error| Error::failed(format!("cannot save the plan {}", path.display())).caused_by(e);
    // A link stays, and what it leads to is written.
    let path = &path.canonicalize().unwrap_or_else(|_| path.to_owned());
    if path.metadata().is_ok_and(|it| !it.is_file()) {
        let text = serde_json::to_string_pretty(saved).map_err(|e| failed(e.into()))?;
        return std::fs::write(path, text + "\n").map_err(failed);
    }
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    serde_json::to_writer_pretty(&mut file, saved).map_err(|e| failed(e.into()))?;
    file.write_all(b"\n").map_err(failed)?;
    file.persist(path).map_err(|e| failed(e.error))?;
    Ok(())
}

/// Writes `plan.md`, and what does not fit one comment to `plan.2.md` and so on.
fn write_parts(path: &Path, parts: &[String]) -> Result<()> {
    for (number, part) in parts.iter().enumerate() {
        let path = match number {
            0 => path.to_owned(),
            _ => {
                let extension = path.extension().map_or_else(String::new, |e| format!(".{}", e.to_string_lossy()));
                path.with_extension(format!("{}{extension}", number + 1).trim_start_matches('.'))
            }
        };
        let failed = |e| Error::failed(format!("cannot write {}", path.display())).caused_by(e);
        std::fs::write(&path, part).map_err(failed)?;
    }
    Ok(())
}

/// Reads the manifest, and everything that a plan is made from. A manifest with problems stops before
/// AWS is asked.
pub async fn open(global: &Global, access: Access, purpose: Purpose, output: &Output) -> Result<Session> {
    let declared = session::declared(global)?;
    declared.check()?;
    declared.open(global, access, purpose, output).await
}

fn json(session: &Session, plan: &Plan) -> serde_json::Value {
    let sources = session.manifest.sources();
    let warnings = session.warnings.iter().map(|warning| problem::to_json(warning, sources)).collect();
    json::plan(plan, warnings, &session.outputs())
}
