//! Reads what AWS holds of the things a plan is about: every object once, however many hang on it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aws_sdk_iam::types::SummaryKeyType;
use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinSet;

use crate::cloud::{AwsError, Cloud};
use crate::delivery::Delivery;
use crate::error::{Error, Result};
use crate::graph::Desired;
use crate::kinds::{self, LastUse, Surveyed};
use crate::model::{Attributes, Live, LiveState, ObjectId, Obstacle, State, Tags, Value};
use crate::plan;

mod account;
mod caller;
mod choice;
mod holdings;
mod issued;

pub use account::AccountSurvey;
pub use choice::Reader;
pub use holdings::{Holdings, holdings, read_all};
pub use issued::until_shown;

/// What is read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Converge,
    /// Everything goes, so what keeps it from going is asked of everything.
    Destroy,
    /// Nothing is to be done. What nobody lets us read is left out and named.
    Look,
}

/// Reads everything that the manifest wants or the state remembers.
///
/// Without a `reader` the way that takes fewer calls is taken; the survey gives way where it is denied.
pub async fn read(
    cloud: &Arc<Cloud>,
    desired: &Desired,
    state: Option<&State>,
    purpose: Purpose,
    reader: Option<Reader>,
    delivery: &Delivery,
) -> Result<LiveState> {
    let wanted = desired.resources.values().map(|resource| (&resource.id, &resource.wanted));
    let recorded = state.into_iter().flat_map(|state| state.objects.values()).map(|r| (&r.id, &r.attributes));
    let owners: BTreeSet<ObjectId> =
        wanted.chain(recorded).map(|(id, attributes)| kinds::read_with(id, attributes)).collect();

    tokio::time::sleep(issued::until_shown(cloud, state)).await;
    let mut live = LiveState::default();
    let mut read = match survey(cloud, desired, state, reader, &mut live.figures).await? {
        Some(survey) => {
            live.strays = strays(&survey, &owners);
            from_survey(&survey, cloud, &owners, desired, state)?
        }
        None => BTreeMap::new(),
    };
    let rest = owners.into_iter().filter(|id| !read.contains_key(id)).collect();
    read.extend(objects(cloud, rest, purpose == Purpose::Look, &mut live.unread).await?);
    for (asked, found) in read {
        if let Some(other) = found.first().filter(|first| first.id != asked) {
            live.elsewhere.insert(asked, other.id.clone());
        }
        live.objects.extend(found.into_iter().map(|object| (object.id.clone(), object)));
    }

    let asked = issued::asked(desired, state);
    let beside = match purpose {
        Purpose::Converge | Purpose::Look => issued::beside(desired, state, &live, &asked),
        Purpose::Destroy => BTreeSet::new(),
    };
    let mut found = objects(cloud, asked, purpose == Purpose::Look, &mut live.unread).await?;
    let mut unknown = BTreeMap::new();
    found.extend(objects(cloud, beside, true, &mut unknown).await?);
    // Who only makes a plan does without; who asks what others did has to know what was not seen.
    live.unread.extend(unknown.into_iter().filter(|_| purpose == Purpose::Look));
    let (keys, others) = found.into_values().flatten().partition(|object: &Live| kinds::is_issued(&object.id));
    live.objects.extend(Vec::into_iter(others).map(|object: Live| (object.id.clone(), object)));
    let labelled = issued::settle(cloud, keys, desired, state, delivery, &mut live).await?;

    let leaving: BTreeSet<ObjectId> = match purpose {
        Purpose::Converge => leaving(desired, state, &live),
        Purpose::Destroy => {
            let may_go = live.objects.values().filter(|object| !hangs(object) && !is_existing(desired, &object.id));
            may_go.map(|object| object.id.clone()).collect()
        }
        Purpose::Look => BTreeSet::new(),
    };
    let may_go = leaving.iter().chain(labelled.values().filter(|_| purpose == Purpose::Destroy)).cloned();
    live.used.extend(used(cloud, may_go.collect(), &live).await?);
    let obstacles =
        each(cloud, leaving, |cloud, id| async move { kinds::kind_of(&id)?.obstacles(&cloud, &id.name).await });
    live.obstacles = obstacles.await?.into_iter().filter(|(_, found): &(_, Vec<Obstacle>)| !found.is_empty()).collect();
    issued::name_obstacles(&mut live.obstacles, &labelled);

    if purpose == Purpose::Converge {
        let outside = outside_references(cloud, desired, &live);
        let read =
            each(cloud, outside, |cloud, id| async move { kinds::kind_of(&id)?.read(&cloud, &id.name).await }).await?;
        let is_missing = |(id, found): &(&ObjectId, &Vec<Live>)| found.first().is_none_or(|f| f.id != **id);
        live.missing = read.iter().filter(is_missing).map(|(id, _)| id.clone()).collect();
        live.referred = by_id(read);
    }

    if purpose == Purpose::Converge
        && live.figures.is_empty()
        && (makes_counted(desired, &live) || fills_an_owner(desired, &live))
    {
        live.figures = figures(cloud).await?;
    }

    let referred = undeclared_references(cloud, desired, state, &live);
    let read =
        each(cloud, referred, |cloud, id| async move { kinds::kind_of(&id)?.read(&cloud, &id.name).await }).await?;
    live.referred.extend(by_id(read));

    let brought = brought_references(cloud, desired, &live);
    let read =
        each(cloud, brought, |cloud, id| async move { kinds::kind_of(&id)?.read(&cloud, &id.name).await }).await?;
    live.referred.extend(by_id(read));
    // What goes takes from whoever has it, though the manifest still wants it.
    let may_lose = purpose == Purpose::Destroy || caller::may_lose(desired, state, &live);
    if purpose != Purpose::Look && may_lose {
        live.caller = caller::read(cloud, &mut live).await;
    }
    Ok(live)
}

/// Reads objects one by one. What may not be read is an error, or left out and named where nothing depends on it.
async fn objects(
    cloud: &Arc<Cloud>,
    ids: BTreeSet<ObjectId>,
    tolerant: bool,
    unread: &mut BTreeMap<ObjectId, String>,
) -> Result<BTreeMap<ObjectId, Vec<Live>>> {
    let read = each(cloud, ids, |cloud, id| async move {
        match kinds::kind_of(&id)?.read(&cloud, &id.name).await {
            Err(error) if tolerant && AwsError::of(&error).is_some_and(AwsError::is_denied) => Ok(Err(error)),
            found => found.map(Ok),
        }
    });
    let mut found = BTreeMap::new();
    for (id, read) in read.await? {
        match read {
            Ok(objects) => drop(found.insert(id, objects)),
            Err(error) => drop(unread.insert(id, error.to_string())),
        }
    }
    Ok(found)
}

/// What was used since then is probably in use.
const RECENT: SignedDuration = SignedDuration::from_hours(90 * 24);

/// Asks which of these somebody used not long ago. Who may not ask, does not know.
async fn used(cloud: &Arc<Cloud>, ids: BTreeSet<ObjectId>, live: &LiveState) -> Result<BTreeMap<ObjectId, String>> {
    // AWS knows by names of its own what it issued.
    let name = |id: &ObjectId| live.objects.get(id).filter(|_| kinds::is_issued(id))?.aws_id.clone();
    let named = |id: ObjectId| (ObjectId::new(id.kind.clone(), name(&id).unwrap_or_else(|| id.name.clone())), id);
    let ids: BTreeMap<ObjectId, ObjectId> = ids.into_iter().map(named).collect();
    let asked = each(cloud, ids.keys().cloned().collect(), |cloud, id| async move {
        match kinds::kind_of(&id)?.last_used(&cloud, &id.name).await {
            Err(error) if AwsError::of(&error).is_some_and(AwsError::is_denied) => Ok(None),
            used => used,
        }
    });
    let since = cloud.now().checked_sub(RECENT).unwrap_or(Timestamp::MIN);
    let recent = |(id, used): (ObjectId, Option<LastUse>)| {
        let used = used.filter(|used| used.at.parse::<Timestamp>().is_ok_and(|at| at >= since))?;
        let text = format!("{id} was last used {} {}", used.at, used.how);
        Some((ids.get(&id)?.clone(), text.trim_end().to_owned()))
    };
    Ok(asked.await?.into_iter().filter_map(recent).collect())
}

fn by_id(read: BTreeMap<ObjectId, Vec<Live>>) -> BTreeMap<ObjectId, Live> {
    read.into_values().flatten().map(|object| (object.id.clone(), object)).collect()
}

/// Returns the policies of groups that are not ours and that users of ours are in: who is in a group has what it
/// has.
fn brought_references(cloud: &Cloud, desired: &Desired, live: &LiveState) -> BTreeSet<ObjectId> {
    let wanted = desired.resources.values().map(|resource| (&resource.id, &resource.wanted));
    let held = live.objects.values().map(|object| (&object.id, &object.attributes));
    let brings = |(id, attributes): (&ObjectId, &Attributes)| kinds::spec(&id.kind)?.brings(attributes);
    let owners: BTreeSet<ObjectId> = wanted.chain(held).filter_map(brings).collect();
    let on_them =
        live.referred.values().filter(|object| owners.contains(&kinds::read_with(&object.id, &object.attributes)));
    on_them
        .filter_map(|object| Some(kinds::spec(&object.id.kind)?.refers(&cloud.account, &object.attributes)))
        .flatten()
        .map(|needed| needed.id)
        .filter(|id| !live.objects.contains_key(id) && !live.referred.contains_key(id))
        .collect()
}

/// Says whether the manifest says that it is there already and not ours.
fn is_existing(desired: &Desired, id: &ObjectId) -> bool {
    desired.address_of(id).and_then(|address| desired.resources.get(address)).is_some_and(|wanted| wanted.existing)
}

fn hangs(object: &Live) -> bool {
    kinds::hanging(&object.id, &object.attributes).is_some()
}

/// Surveys the account where that is the cheaper way, or the one that is asked for.
async fn survey(
    cloud: &Cloud,
    desired: &Desired,
    state: Option<&State>,
    reader: Option<Reader>,
    figures: &mut BTreeMap<String, usize>,
) -> Result<Option<AccountSurvey>> {
    match reader {
        Some(Reader::Targeted) => return Ok(None),
        Some(Reader::Survey) => return AccountSurvey::read(cloud, &desired.deployment).await.map(Some),
        None => {}
    }
    let wanted = desired.resources.values().map(|resource| &resource.id);
    let ids: BTreeSet<&ObjectId> = wanted.chain(state.into_iter().flat_map(|s| s.objects.keys())).collect();
    let targeted = choice::targeted(ids.iter().copied());
    if targeted <= choice::FEW {
        return Ok(None);
    }
    let tagged = |id: &&&ObjectId| kinds::spec(&id.kind).is_some_and(|spec| spec.schema().taggable);
    let tagged = ids.iter().filter(tagged).count();
    let mut survey = std::pin::pin!(AccountSurvey::read(cloud, &desired.deployment));
    let surveyed = tokio::select! {
        // The same calls in the same order each time.
        biased;
        surveyed = &mut survey, if targeted >= choice::MANY => surveyed,
        size = self::figures(cloud) => {
            *figures = size?;
            if choice::survey(figures, tagged).is_none_or(|calls| calls >= targeted) {
                return Ok(None);
            }
            survey.await
        }
    };
    match surveyed {
        Err(error) if AwsError::of(&error).is_some_and(AwsError::is_denied) => Ok(None),
        surveyed => surveyed.map(Some),
    }
}

/// Returns what carries the deployment's tag and is none of these objects.
fn strays(survey: &AccountSurvey, known: &BTreeSet<ObjectId>) -> BTreeSet<ObjectId> {
    let name = |id: &ObjectId| kinds::spec(&id.kind).map(|spec| (id.kind.clone(), spec.unique_name(id)));
    let known: BTreeSet<_> = known.iter().filter_map(name).collect();
    let signed = kinds::KINDS.iter().flat_map(|kind| kind.signed(survey));
    signed.filter(|id| name(id).is_some_and(|name| !known.contains(&name))).collect()
}

/// Returns what the survey says of these objects and need not be read again.
fn from_survey(
    survey: &AccountSurvey,
    cloud: &Cloud,
    owners: &BTreeSet<ObjectId>,
    desired: &Desired,
    state: Option<&State>,
) -> Result<BTreeMap<ObjectId, Vec<Live>>> {
    let mut known = BTreeMap::new();
    for id in owners {
        let found = match kinds::kind_of(id)?.surveyed(survey, &cloud.account, &id.name)? {
            Surveyed::Known(found) => Some(found),
            Surveyed::WithoutTags(found) => with_tags(survey, cloud, found, desired, state),
            Surveyed::Unknown => None,
        };
        known.extend(found.map(|found| (id.clone(), found)));
    }
    Ok(known)
}

/// Adds the tags and the description that the survey does not have, where they are surely what we wrote: the
/// object is the one that we recorded, its tags are listed as we recorded them, and nothing else is wanted
/// now. AWS cannot change a description.
fn with_tags(
    survey: &AccountSurvey,
    cloud: &Cloud,
    mut found: Vec<Live>,
    desired: &Desired,
    state: Option<&State>,
) -> Option<Vec<Live>> {
    let object = found.first_mut()?;
    let record = state?.objects.get(&object.id)?;
    let wanted = &desired.resources.get(desired.address_of(&object.id)?)?.wanted;
    let text = |field: &str| object.attributes.get(field).and_then(Value::text);
    let arn = kinds::spec(&object.id.kind)?.arn(&cloud.account, text("path")?, text("name")?)?;
    let listed = survey.tags(&arn)?;
    let none = Tags::new();
    let recorded = record.attributes.get("tags").and_then(Value::tags).unwrap_or(&none);
    let wanted_tags = wanted.get("tags").and_then(Value::tags).unwrap_or(&none);
    let is_signature = |key: &str| key == plan::DEPLOYMENT_TAG || key == plan::LINEAGE_TAG;
    let unchanged = recorded.iter().filter(|(key, _)| !is_signature(key)).eq(wanted_tags)
        && recorded.iter().all(|(key, value)| listed.get(key) == Some(value));
    let same_description = record.attributes.get("description") == wanted.get("description");
    if record.aws_id.is_none() || record.aws_id != object.aws_id || !unchanged || !same_description {
        return None;
    }
    object.attributes.insert("tags", Value::Tags(listed.clone()));
    if let Some(description) = record.attributes.get("description") {
        object.attributes.insert("description", description.clone());
    }
    Some(found)
}

/// Says whether something has to be made of which an account may hold only so many.
fn makes_counted(desired: &Desired, live: &LiveState) -> bool {
    let counted = |id: &ObjectId| kinds::spec(&id.kind).is_some_and(|spec| spec.schema().counted.is_some());
    let missing = |id: &ObjectId| counted(id) && !live.objects.contains_key(id);
    desired.resources.values().any(|resource| !resource.existing && missing(&resource.id))
}

/// Says whether an owner gets more of something than AWS usually lets hang on one: what it has may go only later.
fn fills_an_owner(desired: &Desired, live: &LiveState) -> bool {
    let mut held: BTreeMap<(&str, ObjectId), BTreeSet<&ObjectId>> = BTreeMap::new();
    let mut comes = BTreeSet::new();
    let wanted = desired.resources.values().map(|resource| (&resource.id, &resource.wanted, true));
    let all = live.objects.values().map(|object| (&object.id, &object.attributes, false)).chain(wanted);
    for (id, attributes, wanted) in all {
        let limited = kinds::spec(&id.kind).filter(|spec| spec.most().is_some() && !spec.is_issued());
        let Some(hangs) = limited.and_then(|spec| spec.hangs_on(attributes)) else { continue };
        let place = (id.kind.as_str(), hangs.owner);
        if wanted && !live.objects.contains_key(id) {
            comes.insert(place.clone());
        }
        held.entry(place).or_default().insert(id);
    }
    let usual = |kind: &str| kinds::spec(kind).and_then(|spec| spec.most()).map_or(usize::MAX, |most| most.usual);
    comes.iter().any(|place| held.get(place).is_some_and(|held| held.len() > usual(place.0)))
}

/// Asks how much the account holds and may hold. Who may not ask, finds out when it is too much.
async fn figures(cloud: &Cloud) -> Result<BTreeMap<String, usize>> {
    let call = cloud.iam.get_account_summary().send();
    let summary = match cloud.call("GetAccountSummary", "the account", call).await {
        Ok(output) => output.summary_map.unwrap_or_default(),
        Err(error) if error.is_denied() => return Ok(BTreeMap::new()),
        Err(error) => return Err(error.into()),
    };
    let figure = |(key, value): (SummaryKeyType, i32)| Some((key.as_str().to_owned(), usize::try_from(value).ok()?));
    Ok(summary.into_iter().filter_map(figure).collect())
}

/// Returns what the manifest refers to in this account and does not declare. What AWS manages is taken on trust.
fn outside_references(cloud: &Cloud, desired: &Desired, live: &LiveState) -> BTreeSet<ObjectId> {
    let own = |id: &ObjectId| !id.name.starts_with("arn:") || id.name.contains(&format!(":iam::{}:", cloud.account.id));
    let refers = desired
        .resources
        .values()
        .filter_map(|resource| Some(kinds::spec(&resource.id.kind)?.refers(&cloud.account, &resource.wanted)));
    refers
        .flatten()
        .map(|needed| needed.id)
        .filter(|id| own(id) && desired.address_of(id).is_none() && !live.objects.contains_key(id))
        .collect()
}

/// Returns the recorded objects that AWS still holds and that may have to go: those that the manifest
/// does not want, or wants with something that AWS cannot change.
fn leaving(desired: &Desired, state: Option<&State>, live: &LiveState) -> BTreeSet<ObjectId> {
    let recorded = state.into_iter().flat_map(|state| state.objects.values());
    recorded
        .filter(|record| {
            let Some(object) = live.objects.get(&record.id) else { return false };
            let wanted = desired.address_of(&record.id).and_then(|address| desired.resources.get(address));
            wanted.is_none_or(|wanted| plan::must_replace(&record.id, &object.attributes, &wanted.wanted).is_some())
        })
        .map(|record| record.id.clone())
        .collect()
}

/// Returns what the undeclared things on our owners refer to, and those that are owed to them: a policy that somebody
/// attached has to be read to know whether it restricts.
fn undeclared_references(
    cloud: &Cloud,
    desired: &Desired,
    state: Option<&State>,
    live: &LiveState,
) -> BTreeSet<ObjectId> {
    let known = |id: &ObjectId| desired.address_of(id).is_some() || state.is_some_and(|s| s.objects.contains_key(id));
    let held = live.objects.values().map(|object| (&object.id, &object.attributes));
    let owed = state.into_iter().flat_map(|state| state.owed.values()).map(|record| (&record.id, &record.attributes));
    held.chain(owed)
        .filter(|(id, _)| !known(id))
        .filter_map(|(id, attributes)| Some((attributes, kinds::spec(&id.kind)?)))
        .filter(|(attributes, spec)| spec.hangs_on(attributes).is_some_and(|hangs| hangs.keep.is_some()))
        .flat_map(|(attributes, spec)| spec.refers(&cloud.account, attributes))
        .map(|needed| needed.id)
        .filter(|id| !live.objects.contains_key(id) && !live.referred.contains_key(id))
        .collect()
}

/// Asks the same of many objects at a time. The first failure is the answer.
async fn each<T, F>(
    cloud: &Arc<Cloud>,
    ids: BTreeSet<ObjectId>,
    ask: impl Fn(Arc<Cloud>, ObjectId) -> F,
) -> Result<BTreeMap<ObjectId, T>>
where
    T: Send + 'static,
    F: Future<Output = Result<T>> + Send + 'static,
{
    let mut asked = JoinSet::new();
    for id in ids {
        let answer = ask(cloud.clone(), id.clone());
        asked.spawn(async move { answer.await.map(|answer| (id, answer)) });
    }
    let mut answers = BTreeMap::new();
    while let Some(done) = asked.join_next().await {
        let (id, answer) = done.map_err(|e| Error::failed("a reading task died").caused_by(e))??;
        answers.insert(id, answer);
    }
    Ok(answers)
}
