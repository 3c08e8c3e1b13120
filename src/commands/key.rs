//! `key rotate`: a second access key in the place of the first.

use serde_json::json;

use super::session::Session;
use super::signals::interrupt;
use super::{Exit, Output, plan as plan_command};
use crate::cli::{Global, KeyCommand, quoted};
use crate::error::{Error, Result};
use crate::kinds;
use crate::model::issued::{ON_AGAIN, STATUS};
use crate::model::{Attributes, ObjectId, Resource};
use crate::plan;
use crate::render::wrap;
use crate::rotation::{Rotated, Rotation};
use crate::state::Access;
use crate::survey::Purpose;

pub async fn run(global: &Global, command: &KeyCommand, output: &Output) -> Result<Exit> {
    let KeyCommand::Rotate { user, grace } = command;
    let session = plan_command::open(global, Access::Writing, Purpose::Converge, output).await?;
    let key = key_of(&session, user)?;
    let (address, id) = (key.address.to_string(), key.id.clone());
    refuse_unfinished(&session, &id, &address)?;
    let state = session.state_for(&session.plan()?);
    let (Some(record), Some(live)) = (state.objects.get(&id), session.live.objects.get(&id)) else {
        return Err(not_settled(&address));
    };
    let (record, live) = (record.clone(), live.clone());
    let at = (session.cloud.as_ref(), session.store.as_ref(), &session.delivery);
    let mut rotation = Rotation::new(at, state, record, live, *grace, interrupt());
    let rotated = rotation.go_on().await?;
    if output.json {
        output.document(&to_json(&address, &rotated))?;
    } else {
        output.say(&in_words(&address, user, &rotated, output.detail().width))?;
    }
    Ok(if rotation.is_interrupted().await { Exit::Interrupted } else { Exit::Done })
}

/// Finds the one key of a user that goes by an address or by its name in AWS.
fn key_of<'s>(session: &'s Session, user: &str) -> Result<&'s Resource> {
    let fits = |key: &&Resource| {
        let owner = kinds::hanging(&key.id, &key.wanted).map(|hangs| hangs.owner);
        let of_user = owner.as_ref().and_then(|owner| session.desired.address_of(owner));
        key.address.to_string() == user
            || of_user.is_some_and(|address| address.to_string() == user)
            || owner.is_some_and(|owner| owner.name == user)
    };
    let keys: Vec<&Resource> = session.desired.resources.values().filter(|it| kinds::is_issued(&it.id)).collect();
    let fitting: Vec<&Resource> = keys.iter().copied().filter(fits).collect();
    match fitting.as_slice() {
        [key] => Ok(key),
        [] => {
            let error = Error::failed(format!("the manifest has no access key of a user `{user}`"));
            Err(keys.iter().fold(error, |error, key| error.hint(again(&key.address.to_string()))))
        }
        several => {
            let error = Error::failed(format!("`{user}` has {} access keys: say which", several.len()));
            Err(several.iter().fold(error, |error, key| error.hint(again(&key.address.to_string()))))
        }
    }
}

/// A key that the next apply would make, make anew or change is none to go on from. That one is on or off is what an
/// exchange ends: who switched off a key that leaked need not switch it on for that.
fn refuse_unfinished(session: &Session, id: &ObjectId, address: &str) -> Result<()> {
    let plan = session.plan()?;
    let about = |step: &&plan::Step| step.made.as_ref() == Some(id) || step.removed.as_ref() == Some(id);
    let rest = |side: &Attributes| -> Attributes {
        let rest = side.iter().filter(|(field, _)| ![STATUS, ON_AGAIN].contains(*field));
        rest.map(|(field, value)| (*field, value.clone())).collect()
    };
    let is_on_or_off = |step: &plan::Step| match &step.change {
        plan::Change::Update { before, after } => rest(before) == rest(after),
        _ => false,
    };
    if plan.steps.iter().filter(about).all(is_on_or_off) { Ok(()) } else { Err(not_settled(address)) }
}

fn not_settled(address: &str) -> Error {
    Error::refused(format!("{address} is not what the manifest asks for; nothing was changed"))
        .hint("first:   seqera-iam apply")
}

fn again(user: &str) -> String {
    format!("type:   seqera-iam key rotate {}", quoted(user))
}

fn in_words(address: &str, user: &str, rotated: &Rotated, width: usize) -> String {
    let lines = |text: &str| wrap::words("", text, 0, width);
    let deletes =
        |until: &str| format!("The first run after {until} deletes it:   seqera-iam key rotate {}\n", quoted(user));
    match rotated {
        Rotated::Exchanged { old, new, until: Some(until) } => {
            lines(&format!("{address}: {new} is made, proven and handed over."))
                + &lines(&format!("The old key {old} is switched off and kept."))
                + &deletes(until)
        }
        Rotated::Exchanged { old, new, until: None } => {
            lines(&format!("{address}: {new} is made, proven and handed over."))
                + &lines(&format!("The old key {old} is switched off and deleted."))
        }
        Rotated::SwitchedOff { old, until } => {
            lines(&format!("{address}: the old key {old} is switched off and kept.")) + &deletes(until)
        }
        Rotated::Waits { old, until } => {
            lines(&format!("Nothing was changed: {address} was exchanged, and the old key {old} is off and kept."))
                + &deletes(until)
        }
        Rotated::Deleted { old } => {
            lines(&format!("{address}: the old key {old} is deleted. The next run makes another one."))
        }
    }
}

fn to_json(address: &str, rotated: &Rotated) -> serde_json::Value {
    match rotated {
        Rotated::Exchanged { old, new, until } => {
            json!({"address": address, "action": "exchanged", "old": old, "new": new, "until": until})
        }
        Rotated::SwitchedOff { old, until } => {
            json!({"address": address, "action": "switched_off", "old": old, "until": until})
        }
        Rotated::Waits { old, until } => json!({"address": address, "action": "waits", "old": old, "until": until}),
        Rotated::Deleted { old } => json!({"address": address, "action": "deleted", "old": old}),
    }
}
