//! `policy rollback`: an earlier version of one of our managed policies comes into force again.
//!
//! AWS keeps the versions, so nothing is made: from one moment to the next the default is another. The state
//! remembers the document that is in force then, so that it is no drift; the manifest still asks for the other
//! one, and whoever rolls back is told what to write into it.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};

use crate::cli::{Global, RollbackArgs};
use crate::commands::apply::ask;
use crate::commands::session::{self, Session};
use crate::commands::{Exit, Output};
use crate::error::{Error, Result};
use crate::kinds::versions::{self, Version};
use crate::model::{Address, Live, Record, State, Value};
use crate::plan::{Change, Claims, Step};
use crate::policy::Document;
use crate::render::human;
use crate::render::theme::{self, paint};
use crate::state::{Access, Entry};

pub async fn run(global: &Global, args: &RollbackArgs, output: &Output) -> Result<Exit> {
    let session = session::declared(global)?.look(global, Access::Writing, output).await?;
    let state = session.state.clone().ok_or_else(|| Error::failed("there is no state"))?;
    let record = recorded(&state, &args.address)?;
    let live = ours(&session, &state, record)?;
    let arn = record.id.name.as_str();
    let all = versions::all(&session.cloud, arn).await?;
    let (from, to) = chosen(&all, args.version.as_deref(), &record.address)?;
    let document = versions::document(&session.cloud, arn, &to.id).await?;
    let document = document.ok_or_else(|| Error::failed(format!("{arn} has no version {} any more", to.id)))?;
    let step = step(&session, record, live, &document);
    if output.json {
        output.document(&answer(&step, &all, from, to, &document))?;
    } else {
        output.say(&shown(&step, &all, to, output))?;
        output.say(&in_manifest(&record.address, &document))?;
    }
    if from.id == to.id {
        return Ok(Exit::Done);
    }
    if !args.auto_approve {
        ask("yes", &format!("Do you want {} in force? Only `yes` is accepted", to.id), output)?;
    }
    roll_back(&session, state.clone(), record, &to.id, document).await?;
    if !output.json {
        let done = format!("\nRolled back: {} is at {} now.\n", record.address, to.id);
        output.say(&paint(theme::CREATE, done))?;
    }
    Ok(Exit::Done)
}

fn recorded<'s>(state: &'s State, address: &str) -> Result<&'s Record> {
    let policies = || state.objects.values().filter(|record| versions::are_of(record));
    policies().find(|record| record.address.to_string() == address).ok_or_else(|| {
        let mut known: Vec<String> = policies().map(|record| record.address.to_string()).collect();
        known.sort();
        let error = Error::failed(format!("the state knows no policy at {address}"));
        let inline = "inline policies and trust have no versions";
        if known.is_empty() {
            error.hint(inline)
        } else {
            error.hint(format!("one of: {}; {inline}", known.join(", ")))
        }
    })
}

/// Returns what AWS holds of a policy that carries our tags.
fn ours<'s>(session: &'s Session, state: &State, record: &Record) -> Result<&'s Live> {
    let address = &record.address;
    if let Some(why) = session.live.unread.get(&record.id) {
        return Err(Error::failed(format!("{address} could not be read: {why}")));
    }
    let live = session.live.objects.get(&record.id).ok_or_else(|| {
        Error::failed(format!("{address} is not there any more")).hint("to make it again:   seqera-iam apply")
    })?;
    let claims = Claims { deployment: state.deployment.clone(), lineage: state.lineage.clone() };
    if claims.are_on(&live.attributes) {
        return Ok(live);
    }
    Err(Error::refused(format!("{address} is not ours: it does not carry the tags of {}", state.deployment))
        .hint("look at what happened to it:   seqera-iam drift"))
}

/// Returns the version in force and the one that shall be.
fn chosen<'v>(all: &'v [Version], asked: Option<&str>, address: &Address) -> Result<(&'v Version, &'v Version)> {
    let names = || all.iter().map(|v| format!("{} of {}", v.id, v.created)).collect::<Vec<_>>().join(", ");
    let from = all.iter().find(|version| version.is_default);
    let from = from.ok_or_else(|| Error::failed(format!("AWS names no version of {address} that is in force")))?;
    let to = match asked {
        Some(asked) => all.iter().find(|v| v.id == asked || v.id.trim_start_matches('v') == asked),
        None => all.iter().rev().find(|version| version.number() < from.number()),
    };
    let missing = || match asked {
        Some(asked) => Error::failed(format!("{address} has no version {asked}")).hint(format!("it has {}", names())),
        None => Error::failed(format!("{address} has no version before {}", from.id))
            .hint(format!("it has {}; AWS keeps five, and what is older is gone", names())),
    };
    Ok((from, to.ok_or_else(missing)?))
}

fn step(session: &Session, record: &Record, live: &Live, document: &Document) -> Step {
    let (before, mut after) = (live.attributes.clone(), live.attributes.clone());
    after.insert("document", Value::Document(document.clone()));
    let change = Change::Update { before, after };
    Step::alone(&record.id, record.address.clone(), change, &session.cloud.account, &BTreeSet::new())
}

fn shown(step: &Step, all: &[Version], to: &Version, output: &Output) -> String {
    let mut text = format!("{}\n", paint(theme::STRONG, format!("Versions of {}:", step.address)));
    for version in all.iter().rev() {
        let mark = match (version.is_default, version.id == to.id) {
            (true, true) => "   in force already",
            (true, false) => "   in force",
            (false, true) => "   to be in force",
            (false, false) => "",
        };
        text += &format!("  {:<5}{}{mark}\n", version.id, version.created);
    }
    text + "\n" + &human::step(step, output.detail()) + "\n"
}

/// The document as it would stand in the manifest, without which the next apply would undo all this.
fn in_manifest(address: &Address, document: &Document) -> String {
    let mut entry = json!({"document": document.json()});
    let mut segments = address.segments().to_vec();
    // Inside a use it is an override.
    if segments.first().is_some_and(|first| first == "use") {
        segments.insert(2.min(segments.len()), "override".to_owned());
    }
    for segment in segments.iter().rev() {
        entry = json!({segment: entry});
    }
    let yaml = serde_yaml::to_string(&entry).unwrap_or_else(|_| entry.to_string());
    let lines: String = yaml.lines().map(|line| format!("  {line}\n")).collect();
    format!(
        "The manifest still says otherwise, and the next apply does what it says. To stay here, write into it:\n\n{lines}"
    )
}

fn answer(step: &Step, all: &[Version], from: &Version, to: &Version, document: &Document) -> Json {
    let version = |v: &Version| json!({"version": v.id, "created": v.created, "default": v.is_default});
    json!({
        "address": step.address,
        "from": from.id,
        "to": to.id,
        "versions": all.iter().map(version).collect::<Vec<_>>(),
        "permissions": step.permissions,
        "dangers": step.dangers,
        "document": document.json(),
    })
}

/// Puts the version in force and remembers what is in force then.
async fn roll_back(session: &Session, mut state: State, record: &Record, to: &str, document: Document) -> Result<()> {
    let store = session.store.as_ref();
    store.begin(&state).await?;
    let done = versions::set_default(&session.cloud, &record.id, to).await;
    if done.is_ok() {
        let mut record = record.clone();
        record.attributes.insert("document", Value::Document(document));
        let entry = Entry::Put(record);
        store.append(&entry).await?;
        entry.apply(&mut state);
        state.serial += 1;
    }
    store.compact(&state).await?;
    done
}
