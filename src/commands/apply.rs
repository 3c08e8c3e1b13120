//! `apply`: plans, asks for `yes`, and makes it so.

use std::io::{BufRead, IsTerminal};
use std::path::Path;

use serde_json::{Value as Json, json};

use super::progress::Progress;
use super::session::Session;
use super::signals::interrupt;
use super::{Exit, Output, plan as plan_command};
use crate::apply::{self, Outcome};
use crate::cli::{ApplyArgs, Global, quoted};
use crate::error::{Error, Result};
use crate::model::State;
use crate::plan::brake::APPLY;
use crate::plan::brake::Cause;
use crate::plan::saved::{Invocation, SavedPlan};
use crate::plan::{Action, Brake, Plan, digest};
use crate::render::document::Detail;
use crate::render::human;
use crate::render::json::kept;
use crate::render::theme::{self, paint};
use crate::state::Access;
use crate::survey::Purpose;

pub async fn run(global: &Global, args: &ApplyArgs, output: &Output) -> Result<Exit> {
    let saved = args.planfile.as_deref().map(read_saved).transpose()?;
    if let Some(saved) = &saved {
        refuse_contradictions(global, &saved.invocation)?;
        demand_manifest(&saved.invocation)?;
    }
    let global = &saved.as_ref().map_or_else(|| global.clone(), |saved| as_saved(global, &saved.invocation));
    let output = &output.with_options(global);
    let session = plan_command::open(global, Access::Writing, Purpose::Converge, output).await?;
    let session = match &saved {
        Some(saved) => session.with_lineage(&saved.lineage),
        None => session,
    };
    let mut plan = session.plan()?;
    if let Some(saved) = &saved {
        refuse_stale(saved.differences(&plan), &session, global)?;
        // The file is the review.
        plan.brakes.retain(|brake| brake.holds(true));
    }
    if let Some(expected) = &args.expect
        && digest::digest(&plan) != *expected
    {
        return Err(stale(
            vec![format!("the digest is {}", digest::digest(&plan))],
            "is not the one that was expected",
            "seqera-iam plan",
        ));
    }
    if !output.json {
        output.say(&human::plan(&plan, Detail { apply: &again(args), ..output.detail() }))?;
    }
    session.check_terminal(&plan)?;
    let outputs = Json::Object(session.outputs());
    if plan.is_empty() {
        return finish_unchanged(&session, &plan, outputs, output).await;
    }
    let reviewed = saved.is_some() || args.expect.is_some() || !args.auto_approve;
    brake(&plan, reviewed, args, output)?;
    // Who saved a plan has seen it; the file is the consent.
    if !args.auto_approve && saved.is_none() {
        ask("yes", "Do you want to perform these actions? Only `yes` is accepted", output)?;
    }
    let state = session.state_for(&plan);
    carry_out(&session, &plan, state, Verb::Apply { outputs }, output).await
}

/// Refuses a plan on which a brake holds. `--force` lifts it, and says which; `--allow-gap` lifts those of gaps.
fn brake(plan: &Plan, reviewed: bool, args: &ApplyArgs, output: &Output) -> Result<()> {
    let allowed = |brake: &&Brake| args.allow_gap && brake.cause == Cause::Gap;
    let holding: Vec<&Brake> = plan.brakes.iter().filter(|brake| brake.holds(reviewed) && !allowed(brake)).collect();
    if args.force {
        holding.iter().for_each(|brake| output.note(&format!("Forced although {}.\n", brake.what)));
        return Ok(());
    }
    let error = match holding.len() {
        0 => return Ok(()),
        1 => Error::refused("a brake holds; nothing was changed"),
        more => Error::refused(format!("{more} brakes hold; nothing was changed")),
    };
    Err(holding.iter().fold(error, |error, brake| error.note(&brake.what).hint(brake.lifted_by(&again(args)))))
}

/// What was typed, to be typed again with what lifts a brake.
fn again(args: &ApplyArgs) -> String {
    let mut apply = APPLY.to_owned();
    apply.extend(args.planfile.iter().map(|path| format!(" {}", quoted(&path.display().to_string()))));
    apply.extend(args.expect.iter().map(|digest| format!(" --expect {}", quoted(digest))));
    apply.extend(args.auto_approve.then_some(" --auto-approve"));
    apply
}

fn read_saved(path: &Path) -> Result<SavedPlan> {
    let failed = |why: String| {
        Error::failed(format!("cannot read the saved plan {}: {why}", path.display()))
            .hint("save one:   seqera-iam plan --out FILE")
    };
    let text = std::fs::read_to_string(path).map_err(|e| failed(e.to_string()))?;
    SavedPlan::from_json(&text).map_err(failed)
}

/// A saved plan says where it belongs. An option that says otherwise is a mistake that could cost an account.
fn refuse_contradictions(global: &Global, saved: &Invocation) -> Result<()> {
    let given = plan_command::invocation(global);
    let mut wrong = Vec::new();
    let mut compare = |option: &str, is_default: bool, same: bool| {
        if !is_default && !same {
            wrong.push(option.to_owned());
        }
    };
    compare("--file", given.file == Invocation::DEFAULT_FILE, given.file == saved.file);
    compare("--param", given.param.is_empty(), given.param == saved.param);
    compare("--params", given.params.is_empty(), given.params == saved.params);
    compare("--state", given.state.is_none(), given.state == saved.state);
    compare("--sandbox", given.sandbox.is_none(), given.sandbox == saved.sandbox);
    if wrong.is_empty() {
        return Ok(());
    }
    Err(Error::refused(format!("the saved plan was made with another {}; nothing was changed", wrong.join(", ")))
        .hint("a saved plan carries its options: drop them, or plan again with them"))
}

/// Paths are as they were typed, so a saved plan belongs into the folder in which it was made.
fn demand_manifest(saved: &Invocation) -> Result<()> {
    if Path::new(&saved.file).exists() {
        return Ok(());
    }
    Err(Error::failed(format!("the saved plan is of the manifest {}, which is not here", saved.file))
        .hint("apply it in the folder in which it was made: its paths are as they were typed there"))
}

/// Returns the options that the plan was made with.
fn as_saved(global: &Global, saved: &Invocation) -> Global {
    Global {
        file: saved.file.clone().into(),
        param: saved.param.clone(),
        params: saved.params.iter().map(Into::into).collect(),
        state: saved.state.clone(),
        sandbox: saved.sandbox.clone().map(Into::into),
        ..global.clone()
    }
}

/// Refuses a saved plan that would be another one by now.
fn refuse_stale(differences: Vec<String>, session: &Session, saved_with: &Global) -> Result<()> {
    if differences.is_empty() {
        return Ok(());
    }
    let location = session.store.location();
    let why = format!("was made before manifest, state ({location}) or AWS changed");
    let command = format!("seqera-iam {} plan", saved_with.again()).replace("  ", " ");
    Err(stale(differences, &why, &command))
}

fn stale(differences: Vec<String>, why: &str, command: &str) -> Error {
    let error = Error::refused(format!("the plan {why}; nothing was changed"));
    let error = differences.into_iter().fold(error, |error, line| error.note(line));
    error.hint(format!("look at the plan again:   {command}"))
}

/// Nothing to do in AWS: the state is only written when it says something else than the manifest, or when
/// a run that was cut short left its journal.
async fn finish_unchanged(session: &Session, plan: &Plan, outputs: Json, output: &Output) -> Result<Exit> {
    let mut state = session.state_for(plan);
    state.owed.clear();
    state.objects = plan.settled.iter().map(|record| (record.id.clone(), record.clone())).collect();
    let says_more = session.state.as_ref() != Some(&state) && !(plan.settled.is_empty() && plan.lapsed.is_empty());
    if says_more {
        state.serial += 1;
    }
    if says_more || session.store.was_cut_short() {
        session.store.compact(&state).await?;
    }
    let verb = Verb::Apply { outputs };
    report(plan, &Outcome::default(), &verb, output)
}

/// What was asked for; it decides the last lines.
pub enum Verb {
    Apply { outputs: Json },
    Destroy,
}

/// Carries a plan out, shows how it goes, and says what was done and what was not.
pub async fn carry_out(session: &Session, plan: &Plan, state: State, verb: Verb, output: &Output) -> Result<Exit> {
    let mut progress = Progress::new(output);
    let store = session.store.as_ref();
    let result = apply::apply(plan, &session.cloud, store, state, &session.delivery, interrupt(), &mut |mut event| {
        progress.show(&mut event)
    })
    .await;
    let (outcome, _) =
        result.map_err(|error| error.hint("plan again: what was made is recorded, or found by its tags"))?;
    report(plan, &outcome, &verb, output)
}

/// Asks on the terminal. Anything but `expected`, or no terminal to ask on, is a refusal. With `--json` nothing was
/// shown that anybody could say yes to.
pub fn ask(expected: &str, question: &str, output: &Output) -> Result<()> {
    let unasked = match (output.json, std::io::stdin().is_terminal()) {
        (true, _) => "with --json no plan is shown to ask about; nothing was changed",
        (false, false) => "there is no terminal to ask on; nothing was changed",
        (false, true) => return asked(expected, question, output),
    };
    Err(Error::refused(unasked).hint("to go ahead without being asked: --auto-approve"))
}

fn asked(expected: &str, question: &str, output: &Output) -> Result<()> {
    output.note(&format!("\n{}\n  Enter a value: ", paint(theme::STRONG, question)));
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).map_err(|e| Error::failed("cannot read the answer").caused_by(e))?;
    if !answer.ends_with('\n') {
        output.note("\n");
    }
    if answer.trim() == expected {
        output.note("\n");
        Ok(())
    } else {
        Err(Error::refused("declined; nothing was changed"))
    }
}

/// Objects by what happened to them.
#[derive(Clone, Copy, Debug, Default, serde::Serialize)]
struct Count {
    imported: usize,
    added: usize,
    changed: usize,
    destroyed: usize,
    forgotten: usize,
}

impl Count {
    fn of(plan: &Plan, outcome: &Outcome) -> Self {
        let mut count = Count::default();
        for step in outcome.done.iter().map(|&step| &plan.steps[step]) {
            match step.action() {
                Action::Create => count.added += 1,
                Action::Update => count.changed += 1,
                Action::Replace(_) => {
                    count.added += 1;
                    count.destroyed += 1;
                }
                Action::Delete => count.destroyed += 1,
                Action::Import => {
                    count.imported += 1;
                    count.changed += usize::from(step.change.rewrites());
                }
                Action::Forget => count.forgotten += 1,
            }
        }
        count
    }

    fn line(&self, verb: &Verb) -> String {
        let Count { imported, added, changed, destroyed, forgotten } = *self;
        let forgotten = if forgotten > 0 { format!(", {forgotten} forgotten") } else { String::new() };
        match verb {
            Verb::Destroy => format!("Destroy complete! Resources: {destroyed} destroyed{forgotten}."),
            Verb::Apply { .. } => {
                let imported = if imported > 0 { format!("{imported} imported, ") } else { String::new() };
                format!(
                    "Apply complete! Resources: {imported}{added} added, {changed} changed, {destroyed} destroyed{forgotten}."
                )
            }
        }
    }
}

fn report(plan: &Plan, outcome: &Outcome, verb: &Verb, output: &Output) -> Result<Exit> {
    let count = Count::of(plan, outcome);
    let exit = match (outcome.interrupted, outcome.failed.is_empty()) {
        (true, _) => Exit::Interrupted,
        (false, false) => Exit::Failed,
        (false, true) => Exit::Done,
    };
    if output.json {
        output.event(&summary_event(plan, outcome, verb, count))?;
    } else if exit == Exit::Done {
        if !plan.is_empty() {
            output.say(&format!("\n{}\n", paint(theme::CREATE, count.line(verb))))?;
        }
        if let Verb::Apply { outputs: Json::Object(outputs) } = verb {
            output.say(&self::outputs(outputs))?;
        }
    }
    // Whoever sends the results to a file still hears what is wrong.
    if exit != Exit::Done {
        output.note(&unfinished(plan, outcome, exit));
    }
    Ok(exit)
}

fn summary_event(plan: &Plan, outcome: &Outcome, verb: &Verb, count: Count) -> Json {
    let addresses = |steps: &[usize]| steps.iter().map(|&step| json!(plan.steps[step].address)).collect::<Vec<_>>();
    let failed: Vec<usize> = outcome.failed.iter().map(|(step, _)| *step).collect();
    let mut event = json!({
        "type": "summary", "interrupted": outcome.interrupted, "resources": count,
        "failed": addresses(&failed), "half_done": addresses(&outcome.half_done),
        "not_started": addresses(&outcome.not_started),
        "drift": plan.summary().drift, "warnings": kept(plan),
    });
    if let (Verb::Apply { outputs }, Some(object)) = (verb, event.as_object_mut()) {
        object.insert("outputs".to_owned(), outputs.clone());
    }
    event
}

/// What was done, what failed and why, what was not started.
fn unfinished(plan: &Plan, outcome: &Outcome, exit: Exit) -> String {
    if outcome.done.len() == plan.steps.len() {
        return format!(
            "\n{} after the last step: everything is done and recorded.\n",
            paint(theme::WARNING, "Interrupted")
        );
    }
    let head = match exit {
        Exit::Interrupted => "Interrupted. What was done is recorded:",
        _ => "Not everything could be done. What was done is recorded:",
    };
    let mut text = format!("\n{}\n", paint(theme::WARNING, head));
    text += &format!("  {} of {} steps done\n", outcome.done.len(), plan.steps.len());
    for (step, error) in &outcome.failed {
        text += &format!("  {} {}: {error}\n", paint(theme::DANGER, "failed:"), plan.steps[*step].address);
        for hint in &error.hints {
            text += &format!("          {} {hint}\n", paint(theme::HELP, "help:"));
        }
    }
    for (word, steps) in [("half done:", &outcome.half_done), ("not started:", &outcome.not_started)] {
        for &step in steps {
            text += &format!("  {} {}\n", paint(theme::QUIET, word), plan.steps[step].address);
        }
    }
    text + "\nTo go on from here, run the same command again.\n"
}

fn outputs(outputs: &serde_json::Map<String, Json>) -> String {
    if outputs.is_empty() {
        return String::new();
    }
    let mut text = format!("\n{}\n\n", paint(theme::STRONG, "Outputs:"));
    for (name, value) in outputs {
        text += &match value {
            Json::String(value) if value.contains('\n') => {
                let lines: String = value.trim_end().lines().map(|line| format!("    {line}\n")).collect();
                format!("{name} =\n{lines}")
            }
            Json::String(value) => format!("{name} = {value}\n"),
            other => format!("{name} = {other}\n"),
        };
    }
    text
}
