//! What a reviewer has to look at twice. Each function looks at one step, or at all, and returns sentences.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::permissions::Held;
use super::wish::is_quarantine;
use super::{Action, Affected, Change, First, Step, principal, trusted};
use crate::kinds::{self, policy};
use crate::model::{Account, Attributes, Live, LiveState, ObjectId, Value, issued, text};
use crate::policy::difference::Holding;
use crate::policy::difference::escalation::{self, Holder, Ways};
use crate::policy::findings;
use crate::policy::{Document, Grant, grants};

/// Returns the dangers of one step, each a sentence. `boundaries` are the policies that only bound: what
/// they allow, they grant to nobody.
pub fn of(step: &Step, account: &Account, boundaries: &BTreeSet<ObjectId>) -> Vec<String> {
    let mut found = Vec::new();
    found.extend(gap(step));
    found.extend(principal::of(step));
    found.extend(step.gaps.iter().cloned());
    found.extend(room(step));
    if step.made.as_ref().is_none_or(|made| !boundaries.contains(made)) {
        found.extend(escalating(step, account));
    }
    found.extend(attached(step));
    found.extend(trusted::dangers(step, account));
    found.extend(credential(step));
    found.extend(strange_credential(step));
    found.extend(boundary(step, boundaries));
    found.extend(batch(step));
    found
}

/// A credential that somebody switched off, or that goes elsewhere from now on.
fn credential(step: &Step) -> Vec<String> {
    let Change::Update { before, after } = &step.change else { return Vec::new() };
    let is_issued = step.id().is_some_and(kinds::is_issued);
    let changes = |field: &str| is_issued && before.get(field) != after.get(field);
    let mut found = Vec::new();
    if changes(issued::STATUS) && text(after, issued::STATUS) == Some(issued::ACTIVE) {
        found.push("somebody switched it off; it is valid again after this: `key rotate` exchanges it".to_owned());
    }
    if changes(issued::ON_AGAIN) {
        let [on, off] = [after, before].map(|side| text(side, issued::ON_AGAIN));
        found.extend(
            on.map(|key| format!("{key}, the key before it, was switched on again: whoever has it may use it")),
        );
        found.extend(
            off.map(|key| format!("{key}, the key before it, is switched off again: whoever needs it lacks it")),
        );
    }
    if let Some(next) = text(before, issued::NEXT).filter(|_| changes(issued::NEXT)) {
        found.push(format!("{next} is deleted: a rotation that was cut short made it and handed it to nobody"));
    }
    if changes(issued::DELIVER_TO) {
        let [from, to] = [before, after].map(|it| text(it, issued::DELIVER_TO).unwrap_or_default());
        found.push(match [from, to].contains(&issued::TERMINAL) {
            true => format!("the secret is not told again: the next key, of `key rotate`, goes to {to}"),
            false => format!("its file is moved there if it lies in {from} still"),
        });
    }
    found
}

/// A credential that others made for somebody of ours: it goes nowhere that we know of.
fn strange_credential(step: &Step) -> Option<String> {
    let Change::Create { after } = &step.change else { return None };
    let spec = kinds::spec(&step.made.as_ref()?.kind).filter(|spec| spec.credential_of().is_some())?;
    if after.contains_key(issued::DELIVER_TO) || text(after, issued::STATUS).is_some_and(|it| it == issued::INACTIVE) {
        return None;
    }
    let owner = spec.hangs_on(after)?.owner;
    Some(format!("whoever made it may do all that {owner} may, and an apply does not end that"))
}

/// A replacement that deletes first leaves a moment without the object.
fn gap(step: &Step) -> Option<String> {
    let Change::Replace { first: First::Delete, because, .. } = &step.change else { return None };
    let id = step.removed.as_ref()?;
    Some(format!("{id} is gone for a moment while it is replaced: {because}"))
}

/// What goes before something else comes, though nobody lacks a permission meanwhile: an access key.
fn room(step: &Step) -> Option<String> {
    let next = step.makes_room_for.first().filter(|_| step.gaps.is_empty())?;
    Some(format!("goes before {next} comes: AWS allows no more of them at a time"))
}

/// A document that newly allows everything, or what leads to everything.
fn escalating(step: &Step, account: &Account) -> Vec<String> {
    fn document(attributes: Option<&Attributes>) -> Option<&Document> {
        attributes.and_then(|a| a.get("document")?.document())
    }
    let after = document(step.change.after());
    after.map(|after| escalates(document(step.change.before()), after, account)).unwrap_or_default()
}

fn escalates(before: Option<&Document>, after: &Document, account: &Account) -> Vec<String> {
    let granted = |document: Option<&Document>| document.map(grants).unwrap_or_default();
    let all = |grant: &Grant| grant.resource == "*" && ["*", "*:*"].iter().any(|all| grant.allows_everywhere(all));
    if granted(Some(after)).difference(&granted(before)).any(all) {
        return vec!["allows every action on every resource".to_owned()];
    }
    let ways = |document: &Document| escalation::ways(&Holding::default().policy(document), None, account);
    let known = before.map(ways).unwrap_or_default();
    let found = new_ways(&ways(after).without(&known));
    let passes = findings::passes_every_role(after) && !before.is_some_and(findings::passes_every_role);
    if found.is_empty() && passes {
        return vec!["allows iam:PassRole on every resource: every role may be passed to every service".to_owned()];
    }
    found
}

fn new_ways(ways: &Ways) -> Vec<String> {
    let told = |ways: &[String], sentence: &dyn Fn(&str) -> String| match ways {
        [] => None,
        [one] => Some(sentence(one)),
        [one, _] => Some(format!("{}, as is 1 more such way", sentence(one))),
        [one, more @ ..] => Some(format!("{}, as are {} more such ways", sentence(one), more.len())),
    };
    let everywhere =
        told(&ways.everywhere, &|way| format!("allows {way} on every resource: enough to gain any permission"));
    let made = told(&ways.made, &|way| {
        format!("allows {way} on the same names: enough to make somebody who has any permission")
    });
    let oneself = told(&ways.oneself, &|way| format!("allows {way}: enough to gain any permission"));
    everywhere.into_iter().chain(made).chain(oneself).collect()
}

/// Names, on the step that brings it, what leads an owner to any permission when all that it has counts together and
/// its own name is known.
pub(super) fn of_holders(holders: &[Held], account: &Account, steps: &mut [Step]) {
    for Held { address, before, after, alone, brought_by } in holders {
        let ways_of = |(holding, holder): &(Holding, Holder)| escalation::ways(holding, Some(holder), account);
        let known = before.as_ref().map(ways_of).unwrap_or_default();
        // What one document says by itself is told where it stands.
        let told = alone.iter().map(|document| escalation::ways(document, None, account));
        let new = told.fold(ways_of(after).without(&known), |new, told| new.without(&told));
        let brings = |step: &&mut Step| {
            let gives = matches!(step.action(), Action::Create | Action::Update | Action::Import | Action::Replace(_));
            gives && step.made.as_ref().is_some_and(|made| brought_by.contains(made))
        };
        let whole = |danger: String| format!("with all that {address} has, it {danger}");
        if let Some(step) = steps.iter_mut().rev().find(brings) {
            step.dangers.extend(new_ways(&new).into_iter().map(whole));
        }
    }
}

/// Policies of AWS's that allow everything, or to allow oneself everything.
const ALMIGHTY: [&str; 2] = ["AdministratorAccess", "IAMFullAccess"];

/// An attachment of one of those.
fn attached(step: &Step) -> Option<String> {
    let after = step.change.after()?;
    let before = step.change.before().and_then(|before| text(before, "policy_arn"));
    let name = almighty(after).filter(|_| before != text(after, "policy_arn"))?;
    Some(format!("{name} is enough to gain any permission"))
}

fn almighty(attached: &Attributes) -> Option<&'static str> {
    let arn = text(attached, "policy_arn").filter(|arn| arn.contains(":aws:policy/"))?;
    ALMIGHTY.into_iter().find(|name| arn.rsplit('/').next() == Some(name))
}

/// What a step gives or takes that stands in no document of its own: an attachment of a policy that was read,
/// a membership in a group of others.
pub fn of_lent(step: &Step, live: &LiveState, account: &Account) -> Vec<String> {
    let (before, after) = (step.change.before(), step.change.after());
    match (&step.change, before, after) {
        (Change::Create { .. } | Change::Import { .. }, _, Some(after)) => lent(step, after, live, account),
        (Change::Delete { .. }, Some(before), _) => lifted(step, before, live).into_iter().collect(),
        _ => Vec::new(),
    }
}

fn lent(step: &Step, after: &Attributes, live: &LiveState, account: &Account) -> Vec<String> {
    let Some(spec) = step.made.as_ref().and_then(|made| kinds::spec(&made.kind)) else { return Vec::new() };
    if let Some(group) = spec.brings(after) {
        let on_group = |object: &&Live| hanging_on(object, &group);
        let all = live.referred.values().chain(live.objects.values()).filter(on_group);
        let all: BTreeMap<&ObjectId, &Live> = all.map(|object| (&object.id, object)).collect();
        let given = all.values().flat_map(|object| {
            let almighty = almighty(&object.attributes).map(|name| format!("{name} is enough to gain any permission"));
            almighty.into_iter().chain(
                document_of(&object.attributes, live)
                    .into_iter()
                    .flat_map(|document| escalates(None, document, account)),
            )
        });
        let mut given: Vec<String> = given.map(|what| format!("{group} gives it: {what}")).collect();
        given.dedup();
        return given;
    }
    // A document of its own speaks for itself, and so does the policy that this plan makes or changes.
    let lent = text(after, "policy_arn").and_then(|arn| live.referred.get(&policy::id_of(arn)));
    let document = lent.and_then(|policy| policy.attributes.get("document")).and_then(Value::document);
    document.into_iter().flat_map(|document| escalates(None, document, account)).collect()
}

/// What only restricted, and goes.
fn lifted(step: &Step, before: &Attributes, live: &LiveState) -> Option<String> {
    let id = step.removed.as_ref()?;
    let owner = kinds::hanging(id, before)?.owner;
    let name = text(before, "policy_arn").or_else(|| text(before, "name"))?;
    let known = document_of(before, live).map(Document::only_denies);
    known.unwrap_or_else(|| is_quarantine(name)).then(|| {
        let name = name.rsplit('/').next().unwrap_or(name);
        format!("{name} restricts {owner} no more: what it denies is open where another policy allows it")
    })
}

fn hanging_on(object: &Live, owner: &ObjectId) -> bool {
    kinds::hanging(&object.id, &object.attributes).is_some_and(|hangs| hangs.owner == *owner)
}

/// Returns the document of what hangs on an owner: its own, or that of the policy that it attaches.
fn document_of<'a>(attributes: &'a Attributes, live: &'a LiveState) -> Option<&'a Document> {
    let own = attributes.get("document").and_then(Value::document);
    let attached = || {
        let policy = policy::id_of(text(attributes, "policy_arn")?);
        let policy = live.objects.get(&policy).or_else(|| live.referred.get(&policy))?;
        policy.attributes.get("document").and_then(Value::document)
    };
    // The sandbox knows AWS's own by their names.
    own.or_else(attached).filter(|document| document.has_statements())
}

fn allowing(document: &Document) -> impl Iterator<Item = &Json> {
    let statements = document.json().get("Statement");
    let one = statements.filter(|statement| statement.is_object()).into_iter();
    let many = statements.and_then(Json::as_array).into_iter().flatten();
    one.chain(many).filter(|statement| {
        statement.get("Effect").and_then(Json::as_str).is_some_and(|effect| effect.eq_ignore_ascii_case("Allow"))
    })
}

fn texts(json: &Json) -> Vec<&str> {
    match json {
        Json::Array(items) => items.iter().filter_map(Json::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    }
}

/// What limited somebody, and limits less.
fn boundary(step: &Step, boundaries: &BTreeSet<ObjectId>) -> Option<String> {
    let (Change::Update { before, after } | Change::Import { before, after } | Change::Replace { before, after, .. }) =
        &step.change
    else {
        return None;
    };
    let bound = |attributes: &Attributes| attributes.get("boundary").and_then(Value::text).map(str::to_owned);
    let is_bound = step.made.as_ref().is_some_and(|made| boundaries.contains(made));
    match (bound(before), bound(after)) {
        (Some(before), None) => Some(format!("is not limited by the boundary {before} any more")),
        (Some(before), Some(after)) if before != after => Some(format!("has {after} as its boundary and not {before}")),
        _ if is_bound && !step.permissions.added.is_empty() => {
            Some("is a boundary: whoever it limits may be granted more".to_owned())
        }
        _ => None,
    }
}

/// A role that AWS Batch may work with for its compute environments, and that goes for good.
fn batch(step: &Step) -> Option<String> {
    const BATCH: &str = "batch.amazonaws.com";
    let (Change::Delete { before } | Change::Replace { before, .. }) = &step.change else { return None };
    let trust = before.get("trust")?.document()?;
    let services = |statement: &Json| statement.get("Principal")?.get("Service").cloned();
    let trusts = allowing(trust).filter_map(services).any(|services| texts(&services).contains(&BATCH));
    (trusts && step.made != step.removed).then(|| {
        format!(
            "trusts {BATCH}: a compute environment that has it as its service role becomes INVALID and cannot be \
             deleted without it; delete those first"
        )
    })
}

/// What goes and is in use: who uses it stands in front of a closed door.
pub fn of_use(step: &Step, used: &BTreeMap<ObjectId, String>) -> Option<String> {
    let (Change::Delete { .. } | Change::Replace { .. }) = &step.change else { return None };
    let used = used.get(step.removed.as_ref()?)?;
    Some(format!("{used}; whoever uses it has no access any more"))
}

/// A step that takes something from whoever runs it.
pub fn of_own(step: &Step) -> Option<String> {
    step.last.then(|| "takes something from whoever runs this, so it runs last".to_owned())
}

/// Says which owners have nothing left, each on the step that takes the last of it.
pub fn of_owners(affected: &[Affected], steps: &mut [Step]) {
    for affected in affected.iter().filter(|affected| affected.nothing_left) {
        let takes = |step: &&mut Step| match &step.change {
            Change::Delete { .. } => step.address.is_within(&affected.address),
            Change::Update { .. } => !step.permissions.removed.is_empty() || step.address == affected.address,
            _ => false,
        };
        if let Some(step) = steps.iter_mut().rev().find(takes) {
            step.dangers.push(format!("{} may do nothing any more", affected.address));
        }
    }
}
