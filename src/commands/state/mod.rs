//! `state`: what the deployment remembers. Only `rebuild` asks AWS.

use std::io::Read;
use std::path::Path;

use serde_json::{Value as Json, json};

use super::session::{self, Declared};
use super::{Exit, Output};
use crate::cli::{Global, StateCommand};
use crate::error::{Error, Result};
use crate::manifest::nearest;
use crate::model::{Address, Record, State};
use crate::state::{self, Access, StateStore, journal};

mod rebuild;

pub async fn run(global: &Global, command: &StateCommand, output: &Output) -> Result<Exit> {
    match command {
        StateCommand::List => list(global, output).await?,
        StateCommand::Show { address } => show(global, address, output).await?,
        StateCommand::Pull => {
            let (state, _) = read(global).await?;
            output.document(&json_of(&state)?)?;
        }
        StateCommand::Push { pushed } => push(global, pushed, output).await?,
        StateCommand::Rebuild { named } => rebuild::run(global, named, output).await?,
        StateCommand::Unlock { id } => {
            let (store, _) = place(global)?;
            store.unlock(id).await?;
            let location = store.location();
            match output.json {
                true => output.document(&json!({"location": location, "held": false}))?,
                false => {
                    output.say(&format!("Nothing holds the lock of {location}: a lock ends with its process.\n"))?
                }
            }
        }
    }
    Ok(Exit::Done)
}

/// Returns where the state is kept, and the manifest that says so. `--state` alone needs none.
fn place(global: &Global) -> Result<(Box<dyn StateStore>, Option<Declared>)> {
    if let Some(location) = global.state.as_deref().filter(|_| !global.file.exists()) {
        return Ok((state::open(Some(location), Path::new(""), "")?, None));
    }
    let declared = session::declared(global)?;
    if declared.manifest.deployment().is_empty() {
        declared.check()?;
    }
    Ok((declared.store(global)?, Some(declared)))
}

/// Returns the state and where it is kept. That there is none is an error.
async fn read(global: &Global) -> Result<(State, String)> {
    let (store, _) = place(global)?;
    let _lock = store.lock(Access::Reading, global.lock_timeout).await?;
    let none = || {
        Error::failed(format!("there is no state in {}", store.location()))
            .hint("apply makes one; what AWS holds of a lost one is found by:   seqera-iam state rebuild")
    };
    Ok((store.load().await?.ok_or_else(none)?, store.location()))
}

fn json_of(value: &impl serde::Serialize) -> Result<Json> {
    serde_json::to_value(value).map_err(|e| Error::failed("cannot print the state").caused_by(e))
}

/// Returns the records in the order of their addresses.
fn in_order(state: &State) -> Vec<&Record> {
    let mut records: Vec<&Record> = state.objects.values().collect();
    records.sort_by(|a, b| (&a.address, &a.id).cmp(&(&b.address, &b.id)));
    records
}

async fn list(global: &Global, output: &Output) -> Result<()> {
    let (state, _) = read(global).await?;
    let records = in_order(&state);
    if output.json {
        let brief = |record: &&Record| {
            json!({
                "address": record.address, "kind": record.id.kind, "name": record.id.name, "aws_id": record.aws_id,
            })
        };
        return output.document(&records.iter().map(brief).collect());
    }
    output.say(&table(&records, output.columns()))
}

/// A line for each record in columns; on a terminal that is too narrow for them, what AWS knows it by stands below its address.
fn table(records: &[&Record], width: Option<usize>) -> String {
    let known_by = |record: &Record| {
        let aws_id = record.aws_id.as_ref().map(|id| format!("  {id}")).unwrap_or_default();
        format!("{}{aws_id}", record.id)
    };
    let lines: Vec<(String, String)> = records.iter().map(|it| (it.address.to_string(), known_by(it))).collect();
    let longest = |column: fn(&(String, String)) -> &String| lines.iter().map(|it| column(it).chars().count()).max();
    let (first, second) = (longest(|it| &it.0).unwrap_or(0), longest(|it| &it.1).unwrap_or(0));
    let narrow = width.is_some_and(|width| first + 2 + second > width);
    let line = |(address, known_by): &(String, String)| match narrow {
        true => format!("{address}\n    {known_by}\n"),
        false => format!("{address:first$}  {known_by}\n"),
    };
    lines.iter().map(line).collect()
}

async fn show(global: &Global, address: &str, output: &Output) -> Result<()> {
    let wanted: Address = address.parse().map_err(Error::failed)?;
    let (state, location) = read(global).await?;
    let records = in_order(&state);
    let Some(record) = records.iter().find(|record| record.address == wanted) else {
        let known: Vec<String> = records.iter().map(|record| record.address.to_string()).collect();
        let error = Error::failed(format!("the state {location} has no {wanted}"));
        return Err(match nearest(address, known.iter().map(String::as_str)) {
            Some(near) => error.hint(format!("did you mean {near}?")),
            None => error.hint("seqera-iam state list names all that it has"),
        });
    };
    let json = json_of(record)?;
    if output.json {
        return output.document(&json);
    }
    output.say(&serde_yaml::to_string(&json).map_err(|e| Error::failed("cannot print").caused_by(e))?)
}

async fn push(global: &Global, file: &Path, output: &Output) -> Result<()> {
    let name = if file == Path::new("-") { "stdin".to_owned() } else { file.display().to_string() };
    let unreadable = |why: String| Error::failed(format!("cannot read the state in {name}: {why}"));
    let text = if file == Path::new("-") { std::io::read_to_string(std::io::stdin()) } else { text_of(file) };
    let text = text.map_err(|e| unreadable(e.to_string()))?;
    let pushed = State::from_json(&text, journal::schema).map_err(unreadable)?;
    let (store, declared) = place(global)?;
    let _lock = store.lock(Access::Writing, global.lock_timeout).await?;
    if let Some(declared) = &declared {
        of_the_manifest(&pushed, declared, &name)?;
    }
    // What cannot be read is what a push mends; it is kept aside as it is.
    if let Ok(Some(held)) = store.load().await {
        follows(&pushed, &held, &name)?;
    }
    let backup = store.backup().await?;
    store.compact(&pushed).await?;
    let (location, count, serial) = (store.location(), pushed.objects.len(), pushed.serial);
    if output.json {
        return output.document(&json!({"location": location, "objects": count, "serial": serial, "backup": backup}));
    }
    let kept = backup.map(|backup| format!(" What was there is kept in {backup}.")).unwrap_or_default();
    output.say(&format!("{location} is now the state in {name}: {count} objects, serial {serial}.{kept}\n"))
}

fn text_of(file: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(file)?.read_to_string(&mut text)?;
    Ok(text)
}

/// Refuses a state of another deployment or account than the manifest's.
fn of_the_manifest(pushed: &State, declared: &Declared, name: &str) -> Result<()> {
    let wanted = declared.manifest.deployment();
    if pushed.deployment != wanted {
        return Err(not_pushed(format!("the state in {name} is of deployment {}, not of {wanted}", pushed.deployment)));
    }
    match declared.manifest.account() {
        Some(account) if account != pushed.account.id => {
            Err(not_pushed(format!("the state in {name} is of account {}, not of {account}", pushed.account.id)))
        }
        _ => Ok(()),
    }
}

/// Refuses a state that is no later one of the same life.
fn follows(pushed: &State, held: &State, name: &str) -> Result<()> {
    let differs = |what: &str, pushed: &str, held: &str| {
        Err(not_pushed(format!("the state in {name} is of {what} {pushed}, and the one that is there of {held}")))
    };
    let world = |state: &State| if state.sandbox { "a sandbox" } else { "AWS" };
    if pushed.deployment != held.deployment {
        return differs("deployment", &pushed.deployment, &held.deployment);
    }
    if pushed.account != held.account {
        return differs("account", &pushed.account.id, &held.account.id);
    }
    if pushed.sandbox != held.sandbox {
        return differs("an account of", world(pushed), world(held));
    }
    if pushed.lineage != held.lineage {
        return differs("lineage", &pushed.lineage, &held.lineage);
    }
    let (serial, newest) = (pushed.serial, held.serial);
    if serial < newest {
        let error = not_pushed(format!("the state in {name} is older: serial {serial}, and {newest} is there"));
        return Err(error.hint(format!("if it is right after all, set its serial to {} in the file", newest + 1)));
    }
    if serial == newest && pushed != held {
        let error = not_pushed(format!(
            "the state in {name} says something else than the one that is there, with the same serial {serial}"
        ));
        return Err(error.hint(format!("if it is right, set its serial to {} in the file", newest + 1)));
    }
    Ok(())
}

fn not_pushed(why: String) -> Error {
    Error::refused(format!("{why}; nothing was changed"))
}
