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
use crate::graph::Desired;
use crate::kinds::versions::{self, Version};
use crate::manifest::takeover;
use crate::model::{Address, Live, Record, Resource, State, Value};
use crate::plan::{Affected, Change, Claims, Plan, Step, unsigned};
use crate::policy::Document;
use crate::problem::Place;
use crate::render::human;
use crate::render::theme::{self, paint};
use crate::state::{Access, Entry};

pub async fn run(global: &Global, args: &RollbackArgs, output: &Output) -> Result<Exit> {
    let session = session::declared(global)?.look(global, Access::Writing, output).await?;
    let state = session.state.clone().ok_or_else(|| Error::failed("there is no state"))?;
    let record = recorded(&session, &state, &args.address)?;
    let live = ours(&session, &state, record)?;
    let arn = record.id.name.as_str();
    let all = versions::all(&session.cloud, arn).await?;
    let passed = passed(&session, record, &all).await?;
    let (from, to) = chosen(&all, args.version.as_deref(), passed, &record.address)?;
    let document = versions::document(&session.cloud, arn, &to.id).await?;
    let document = document.ok_or_else(|| Error::failed(format!("{arn} has no version {} any more", to.id)))?;
    let plan = outlook(&session, record, &document);
    let planned = plan.iter().flat_map(|plan| &plan.steps).find(|step| step.made.as_ref() == Some(&record.id));
    let planned = planned.map(|step| Step { drift: false, ..step.clone() });
    let step = planned.unwrap_or_else(|| step(&session, record, live, &document));
    let owners = plan.map(|plan| plan.permissions).unwrap_or_default();
    let answer = output.json.then(|| answer(&step, &owners, &all, from, to, &document));
    if !output.json {
        output.say(&versions_of(&record.address, &all, to))?;
        if from.id != to.id {
            output.say(&(human::step(&step, output.detail()) + "\n"))?;
            output.say(&human::owners(&owners, std::slice::from_ref(&step), output.detail()))?;
        }
        output.say(&in_manifest(&session, record, &document))?;
    }
    let changes = from.id != to.id;
    if changes {
        if !args.auto_approve {
            ask("yes", &format!("Do you want {} in force? Only `yes` is accepted", to.id), output)?;
        }
        roll_back(&session, state.clone(), record, &to.id, document).await?;
    }
    // Programs read what was done, and nothing where it was not.
    match answer {
        Some(answer) => output.document(&answer)?,
        None if changes => {
            let done = format!("\nRolled back: {} is at {} now.\n", record.address, to.id);
            output.say(&paint(theme::CREATE, done))?;
        }
        None => {}
    }
    Ok(Exit::Done)
}

/// Returns the record of an address. Where a change of name was cut short there are two: that of what the manifest wants
/// is meant.
fn recorded<'s>(session: &Session, state: &'s State, address: &str) -> Result<&'s Record> {
    let policies = || state.objects.values().filter(|record| versions::are_of(record));
    let mut found: Vec<&Record> = policies().filter(|record| record.address.to_string() == address).collect();
    if found.len() > 1
        && let Ok((desired, _)) = session.manifest.resolve(&session.cloud.account)
    {
        found.sort_by_key(|record| desired.address_of(&record.id).is_none());
    }
    found.into_iter().next().ok_or_else(|| {
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

/// Returns the version that a run which was cut short left on the way to another: it is none to go back to.
async fn passed<'v>(session: &Session, record: &Record, all: &'v [Version]) -> Result<Option<&'v Version>> {
    let Some(passing) = record.passing.as_ref().and_then(|passing| passing.get("document")) else { return Ok(None) };
    let Some(last) = all.iter().rev().find(|version| !version.is_default) else { return Ok(None) };
    let document = versions::document(&session.cloud, &record.id.name, &last.id).await?.map(Value::Document);
    Ok(Some(last).filter(|_| document.as_ref() == Some(passing)))
}

/// Returns the version in force and the one that shall be: the one before it that was not only `passed`, or that is
/// asked for.
fn chosen<'v>(
    all: &'v [Version],
    asked: Option<&str>,
    passed: Option<&Version>,
    address: &Address,
) -> Result<(&'v Version, &'v Version)> {
    let names = || all.iter().map(|v| format!("{} of {}", v.id, v.created)).collect::<Vec<_>>().join(", ");
    let from = all.iter().find(|version| version.is_default);
    let from = from.ok_or_else(|| Error::failed(format!("AWS names no version of {address} that is in force")))?;
    let to = match asked {
        Some(asked) => all.iter().find(|v| v.id == asked || v.id.trim_start_matches('v') == asked),
        None => all.iter().rev().find(|version| version.number() < from.number() && Some(*version) != passed),
    };
    let missing = || match asked {
        Some(asked) => Error::failed(format!("{address} has no version {asked}")).hint(format!("it has {}", names())),
        None if all.len() == 1 => Error::failed(format!("{address} has one version only: there is none to go back to"))
            .hint(format!("it has {}", names())),
        None => Error::failed(format!("{address} has no version before {}", from.id))
            .hint(format!("it has {}; name the one that is meant", names())),
    };
    Ok((from, to.ok_or_else(missing)?))
}

fn step(session: &Session, record: &Record, live: &Live, document: &Document) -> Step {
    let (before, mut after) = (live.attributes.clone(), live.attributes.clone());
    after.insert("document", Value::Document(document.clone()));
    let change = Change::Update { before, after };
    Step::alone(&record.id, record.address.clone(), change, &session.cloud.account, &BTreeSet::new())
}

/// Returns what that changes if all else is as AWS holds it. Where somebody changed whose something is, there is no such
/// plan; the document's own change is shown all the same.
fn outlook(session: &Session, record: &Record, document: &Document) -> Option<Plan> {
    let mut wish = session.desired.clone();
    wish.resources.retain(|_, resource| session.live.objects.contains_key(&resource.id));
    for resource in wish.resources.values_mut() {
        if let Some(live) = session.live.objects.get(&resource.id) {
            resource.wanted = unsigned(&live.attributes);
        }
        resource.keep_undeclared = vec!["policies", "inline", "groups"];
        if resource.id == record.id {
            resource.wanted.insert("document", Value::Document(document.clone()));
        }
    }
    session.plan_of(&wish, session.state.as_ref()).ok()
}

fn versions_of(address: &Address, all: &[Version], to: &Version) -> String {
    let mut text = format!("{}\n", paint(theme::STRONG, format!("Versions of {address}:")));
    for version in all.iter().rev() {
        let mark = match (version.is_default, version.id == to.id) {
            (true, true) => "   in force already; nothing is to be done",
            (true, false) => "   in force",
            (false, true) => "   to be in force",
            (false, false) => "",
        };
        text += &format!("  {:<5}{}{mark}\n", version.id, version.created);
    }
    text + "\n"
}

/// What the manifest has to say so that the next apply does not undo all this.
fn in_manifest(session: &Session, record: &Record, document: &Document) -> String {
    let desired = session.manifest.resolve(&session.cloud.account).ok().map(|(desired, _)| desired);
    let resource = desired.as_ref().and_then(|desired| desired.resources.get(desired.address_of(&record.id)?));
    let said = resource.and_then(|resource| resource.wanted.get("document")).and_then(Value::document);
    if said == Some(document) {
        return "The manifest says the same, so the next apply leaves it there.\n".to_owned();
    }
    const OTHERWISE: &str = "The manifest says otherwise, and the next apply does what it says.";
    if let Some(place) =
        desired.as_ref().zip(resource).and_then(|(desired, resource)| shared(session, desired, resource))
    {
        return format!("{OTHERWISE} To stay here, change {place}: more than this policy comes from it.\n");
    }
    let (key, text) = takeover::document(document, "document");
    let mut entry = json!({key: text});
    let mut segments = record.address.segments().to_vec();
    // Inside a use it is an override, which is merged: by Sid it could neither add a statement nor leave one out.
    if segments.first().is_some_and(|first| first == "use") {
        segments.insert(2.min(segments.len()), "override".to_owned());
        entry = json!({"document": takeover::whole(document)});
        if said.is_some_and(|said| takeover::document(said, "document").0 == "statements") {
            entry["statements"] = Json::Null;
        }
    }
    for segment in segments.iter().rev() {
        entry = json!({segment: entry});
    }
    let yaml = serde_yaml::to_string(&entry).unwrap_or_else(|_| entry.to_string());
    let lines: String = yaml.lines().map(|line| format!("  {line}\n")).collect();
    format!("{OTHERWISE} To stay here, let it say instead:\n\n{lines}")
}

/// Returns where an entry stands of which several policies come, by `for_each` or `split`: none has a key of its own.
fn shared(session: &Session, desired: &Desired, resource: &Resource) -> Option<String> {
    let sources = session.manifest.sources();
    let Place { file, start, end } = resource.place;
    let written = sources.get(file).text.get(start..end)?.trim_matches(['"', '\'']);
    let [section, key] = resource.address.segments() else { return None };
    let beside = |other: &&Resource| other.place == resource.place && other.id.kind == resource.id.kind;
    let is_shared = written != key || desired.resources.values().filter(beside).count() > 1;
    is_shared
        .then(|| format!("{section}.{written} ({}:{})", sources.get(file).name, sources.line_column(resource.place).0))
}

fn answer(
    step: &Step,
    owners: &[Affected],
    all: &[Version],
    from: &Version,
    to: &Version,
    document: &Document,
) -> Json {
    let version = |v: &Version| json!({"version": v.id, "created": v.created, "default": v.is_default});
    json!({
        "address": step.address,
        "from": from.id,
        "to": to.id,
        "versions": all.iter().map(version).collect::<Vec<_>>(),
        "permissions": step.permissions,
        "owners": owners,
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
