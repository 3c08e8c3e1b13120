//! `state rebuild`: the state from AWS, and of what AWS does not tell from the state before.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::super::Output;
use super::super::session;
use crate::cli::Global;
use crate::cloud::{AwsError, Cloud};
use crate::delivery::Delivery;
use crate::error::{Error, Result};
use crate::graph::Desired;
use crate::kinds;
use crate::manifest::nearest;
use crate::model::{Address, Live, LiveState, ObjectId, State, Value};
use crate::plan::{self, Claims};
use crate::state::{Access, StateStore};
use crate::survey::{self, Purpose, Reader};

/// Something of ours that the manifest does not say.
struct Stray {
    id: ObjectId,
    address: Address,
    arn: Option<String>,
    named: bool,
}

pub async fn run(global: &Global, named: &[String], output: &Output) -> Result<()> {
    let declared = session::declared(global)?;
    declared.check()?;
    let manifest = &declared.manifest;
    let cloud = Arc::new(session::connect(global, manifest.account(), manifest.region(), output).await?);
    let (desired, _) = declared.resolve(&cloud.account)?;
    let store = declared.store(global)?;
    let _lock = store.lock(Access::Writing, global.lock_timeout).await?;
    let sandbox = global.sandbox.is_some() || cloud.is_local();
    let before = what_was(store.as_ref(), output).await;
    if let Some(before) = &before {
        session::same_deployment(before, &desired, &store.location(), sandbox)?;
    }

    let mut live = read(&cloud, &desired, before.as_ref(), &declared.delivery(output), output).await?;
    let fresh = session::lineage(before.as_ref());
    let claims = Claims::settle(&desired, before.as_ref(), &live, &fresh)?;
    let mut found = survey::read_all(&cloud, live.strays.clone()).await?;
    found.extend(unsaid(&desired, &live, &claims));
    let strays = strays(&desired, &found, named)?;
    live.objects.extend(found.into_values().flatten().map(|object| (object.id.clone(), object)));
    let recorded = strays.iter().filter(|stray| stray.named).map(|stray| (stray.id.clone(), stray.address.clone()));
    let mut state = plan::rebuild(&desired, before.as_ref(), &live, &recorded.collect(), &fresh)?;
    state.sandbox = sandbox;
    let backup = store.backup().await?;
    store.compact(&state).await?;
    report(&state, &store.location(), backup.as_deref(), &strays, output)
}

/// Returns the state that is there. One that nobody can read is what this mends.
async fn what_was(store: &dyn StateStore, output: &Output) -> Option<State> {
    match store.load().await {
        Ok(state) => state,
        Err(error) => {
            output.note(&format!("{error}\nIt is made anew.\n"));
            None
        }
    }
}

/// Returns what is ours by its tags and only the state before says.
fn unsaid(desired: &Desired, live: &LiveState, claims: &Claims) -> BTreeMap<ObjectId, Vec<Live>> {
    let is_unsaid = |object: &&Live| desired.address_of(&object.id).is_none() && claims.are_on(&object.attributes);
    live.objects.values().filter(is_unsaid).map(|object| (object.id.clone(), vec![object.clone()])).collect()
}

/// Surveys the account, as only that shows what nobody asks for; who may not, learns what the manifest asks for.
async fn read(
    cloud: &Arc<Cloud>,
    desired: &Desired,
    before: Option<&State>,
    delivery: &Delivery,
    output: &Output,
) -> Result<LiveState> {
    match survey::read(cloud, desired, before, Purpose::Converge, Some(Reader::Survey), delivery).await {
        Err(error) if AwsError::of(&error).is_some_and(AwsError::is_denied) => {
            output.note("The account may not be surveyed: only what the manifest says is looked for.\n");
            survey::read(cloud, desired, before, Purpose::Converge, Some(Reader::Targeted), delivery).await
        }
        live => live,
    }
}

/// Returns what is ours and not said, with those marked that somebody named. A name of nothing is an error.
fn strays(desired: &Desired, found: &BTreeMap<ObjectId, Vec<Live>>, named: &[String]) -> Result<Vec<Stray>> {
    let mut strays = Vec::new();
    for live in found.values().filter_map(|found| found.first()) {
        let Some(address) = plan::stray_address(desired, &live.id) else { continue };
        let text = |field: &str| live.attributes.get(field).and_then(Value::text).unwrap_or_default();
        let spec = kinds::spec(&live.id.kind);
        let arn = spec.and_then(|spec| spec.arn(&desired.account, text("path"), text("name")));
        strays.push(Stray { id: live.id.clone(), address, arn, named: false });
    }
    let mut unknown = Vec::new();
    for name in named {
        let is_it = |stray: &&mut Stray| stray.address.to_string() == *name || stray.arn.as_ref() == Some(name);
        match strays.iter_mut().find(is_it) {
            Some(stray) => stray.named = true,
            None => unknown.push(name),
        }
    }
    if unknown.is_empty() {
        return Ok(strays);
    }
    let error =
        Error::failed("nothing was changed: there is nothing of ours beside the manifest by some of these names");
    let addresses: Vec<String> = strays.iter().map(|stray| stray.address.to_string()).collect();
    let error = unknown.into_iter().fold(error, |error, name| {
        let near = nearest(name, addresses.iter().map(String::as_str));
        error.note(match near {
            Some(near) => format!("{name}: did you mean {near}?"),
            None => format!("{name}: nothing by this name carries the tag of {}", desired.deployment),
        })
    });
    Err(match addresses.is_empty() {
        true => error,
        false => error.hint(format!("there is {}", addresses.join(", "))),
    })
}

fn report(state: &State, location: &str, backup: Option<&str>, strays: &[Stray], output: &Output) -> Result<()> {
    let (count, serial, lineage) = (state.objects.len(), state.serial, &state.lineage);
    if output.json {
        let stray = |stray: &Stray| -> Json {
            let Stray { id, address, arn, named } = stray;
            json!({"address": address, "kind": id.kind, "name": id.name, "arn": arn, "recorded": named})
        };
        return output.document(&json!({
            "location": location, "objects": count, "serial": serial, "lineage": lineage, "backup": backup,
            "strays": strays.iter().map(stray).collect::<Vec<_>>(),
        }));
    }
    let kept = backup.map(|backup| format!(" What was there is kept in {backup}.")).unwrap_or_default();
    let mut text = format!("{location} is made anew from AWS: {count} objects, serial {serial}.{kept}\n");
    for Stray { id, address, named, .. } in strays {
        text += &match named {
            true => format!("\n{id} is recorded as {address}: the next apply deletes it.\n"),
            false => format!(
                "\n{id} carries the deployment's tag and the manifest does not say it: it is not recorded, and no plan touches it.\n  \
                 To have the next apply delete it:   seqera-iam state rebuild '{address}'\n"
            ),
        };
    }
    // What is not named is not recorded, so one command names all.
    if strays.len() > 1 && strays.iter().any(|stray| !stray.named) {
        let all: String = strays.iter().map(|stray| format!(" '{}'", stray.address)).collect();
        text += &format!("\nTo have it delete all {} of these:   seqera-iam state rebuild{all}\n", strays.len());
    }
    output.say(&text)
}
