//! What is really wanted: the manifest's wish, signed, plus what AWS holds beside it and what stays.

use std::collections::BTreeMap;

use super::claim::Claims;
use super::successors::Successors;
use super::{Change, Kept, must_replace};
use crate::graph::Desired;
use crate::kinds::{self, Hanging, Spec};
use crate::model::schema::OnChange;
use crate::model::{Account, Address, Attributes, Live, LiveState, ObjectId, Record, Resource, State, Value};

/// One object that shall be there.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub resource: Resource,
    /// The wish with all that stays copied in: what AWS shall hold afterwards.
    pub whole: Attributes,
    /// The wish alone, signed: what the state remembers, so that a foreign tag never becomes ours.
    pub own: Attributes,
    /// Whether it is only kept; the state does not remember it then.
    pub kept: bool,
}

impl Wanted {
    /// Returns the policy that stays its boundary although the manifest says nothing of one.
    pub fn kept_boundary(&self, account: &Account) -> Option<ObjectId> {
        let spec = kinds::spec(&self.resource.id.kind)?;
        let said = spec.refers(account, &self.resource.wanted);
        let held = spec.refers(account, &self.whole).into_iter().filter(|needed| needed.held);
        held.filter(|needed| !said.contains(needed)).map(|needed| needed.id).next()
    }
}

/// Everything that shall be there, and what is kept beside the manifest.
pub struct Wish {
    pub objects: BTreeMap<ObjectId, Wanted>,
    /// Ids in the manifest's order.
    pub order: Vec<ObjectId>,
    pub kept: Vec<Beside>,
}

/// Something that AWS holds beside the manifest and that stays.
pub struct Beside {
    pub id: ObjectId,
    pub kept: Kept,
    /// What others did to it, from what we wrote; `None` where it was there before, or the manifest says to keep it.
    pub came: Option<Change>,
}

impl Wish {
    pub fn new(desired: &Desired, state: Option<&State>, live: &LiveState, claims: &Claims) -> Self {
        let mut wish = Wish { objects: BTreeMap::new(), order: Vec::new(), kept: Vec::new() };
        let owed = owed(state, live);
        for resource in desired.resources.values() {
            let recorded = state.and_then(|state| state.objects.get(&resource.id));
            let held = live.objects.get(&resource.id).or_else(|| owed.get(&resource.id));
            wish.add(resource, recorded, held, claims);
        }
        // One that gets another name keeps what restricts it.
        let successors = Successors::of(desired, state, live, &owed);
        for (record, before, resource) in successors.pairs() {
            let is_there = live.objects.contains_key(&resource.id) || owed.contains_key(&resource.id);
            let came_later = record.attributes.get("boundary") != before.attributes.get("boundary");
            if !is_there || came_later {
                wish.keep_boundary(resource, record, before);
            }
        }
        for object in live.objects.values().chain(owed.values()) {
            wish.keep_hanging(object, &successors, state, live);
        }
        wish.kept.sort_by(|a, b| a.kept.address.cmp(&b.kept.address));
        wish
    }

    fn add(&mut self, resource: &Resource, recorded: Option<&Record>, live: Option<&Live>, claims: &Claims) {
        let mut own = resource.wanted.clone();
        if kinds::spec(&resource.id.kind).is_some_and(|spec| spec.schema().taggable) {
            claims.sign(&mut own);
        }
        if let Some(live) = live {
            // A tag that the manifest only ignores is not ours to remember.
            let said = own.get("tags").and_then(Value::tags).cloned().unwrap_or_default();
            let is_said = |path: &&String| path.strip_prefix("tags.").is_none_or(|key| said.contains_key(key));
            resource.ignore.iter().filter(is_said).for_each(|path| leave(&mut own, path, live));
        }
        if let Some(live) = live.filter(|live| must_replace(&resource.id, &live.attributes, &own).is_none()) {
            keep_notes(&mut own, &resource.id, live);
        }
        let mut whole = own.clone();
        if let Some(live) = live {
            keep_tags(&mut whole, recorded, live);
            resource.ignore.iter().for_each(|path| leave(&mut whole, path, live));
            self.keep_fields(&mut whole, &mut own, resource, recorded, live);
        }
        self.order.push(resource.id.clone());
        self.objects.insert(resource.id.clone(), Wanted { resource: resource.clone(), whole, own, kept: false });
    }

    /// Copies what the manifest does not say and AWS cannot or shall not lose: a description that only
    /// a new policy could lose, what AWS fills in, a boundary, which restricts. The state remembers one that was
    /// there when we came, or that we wrote: that is nothing that others did.
    fn keep_fields(
        &mut self,
        whole: &mut Attributes,
        own: &mut Attributes,
        resource: &Resource,
        recorded: Option<&Record>,
        live: &Live,
    ) {
        let Some(spec) = kinds::spec(&resource.id.kind) else { return };
        for field in spec.schema().fields {
            let Some(value) = live.attributes.get(field.name) else { continue };
            if whole.contains_key(field.name) || resource.removed.contains(&field.name) {
                continue;
            }
            if field.name == "boundary" {
                let known = recorded.is_none_or(|record| record.attributes.get(field.name) == Some(value));
                let before = whole.clone();
                whole.insert(field.name, value.clone());
                if known {
                    own.insert(field.name, value.clone());
                }
                let came = (!known).then(|| Change::Update { before, after: whole.clone() });
                self.kept.push(kept_boundary(resource, value, came));
            } else if matches!(field.on_change, OnChange::Replace(_) | OnChange::Filled) {
                whole.insert(field.name, value.clone());
            }
        }
    }

    fn keep_boundary(&mut self, resource: &Resource, record: &Record, before: &Live) {
        let Some(wanted) = self.objects.get_mut(&resource.id) else { return };
        let Some(boundary) = before.attributes.get("boundary") else { return };
        if wanted.whole.contains_key("boundary") || resource.removed.contains(&"boundary") {
            return;
        }
        wanted.whole.insert("boundary", boundary.clone());
        // One that others put there stays theirs.
        if record.attributes.get("boundary") == Some(boundary) {
            wanted.own.insert("boundary", boundary.clone());
        }
        self.kept.push(kept_boundary(resource, boundary, None));
    }

    /// Copies an undeclared thing that hangs on one of our owners into the wish, when it stays; of an owner that gets
    /// another name, as it hangs on that.
    fn keep_hanging(&mut self, object: &Live, successors: &Successors, state: Option<&State>, live: &LiveState) {
        let is_recorded = |id: &ObjectId| state.is_some_and(|state| state.objects.contains_key(id));
        let is_known = |id: &ObjectId| self.objects.contains_key(id) || is_recorded(id);
        if is_known(&object.id) {
            return;
        }
        let goes = |id: &ObjectId| is_recorded(id) && !self.objects.contains_key(id);
        let Some(stays) = successors.carried(object, goes).filter(|stays| !is_known(&stays.id)) else { return };
        let Some(hangs) = kinds::hanging(&stays.id, &stays.attributes) else {
            return;
        };
        let Some(owner) = self.objects.get(&hangs.owner).filter(|owner| !owner.resource.existing) else { return };
        let Some(spec) = kinds::spec(&stays.id.kind) else { return };
        let declared_kept = hangs.keep.is_some_and(|word| owner.resource.keep_undeclared.contains(&word));
        let restricts = |object: &Live| self.restricts(&object.id, &object.attributes, live);
        let because = match (declared_kept, restricts(object) && restricts(&stays)) {
            (true, _) => "keep_undeclared",
            _ if spec.credential_of().is_some() => "somebody made it and may use it; nothing here deletes it",
            (false, true) => "restricts: it holds only Denies",
            (false, false) => return,
        };
        let address = hangs.address(&owner.resource.address);
        // What an owner that is only now taken over has, nobody added behind our back.
        let added = is_recorded(&hangs.owner) && stays.id == object.id && !declared_kept;
        let came = added.then(|| Change::Create { after: object.attributes.clone() });
        let help = if declared_kept { Vec::new() } else { ways_out(spec, &stays, &hangs, &owner.resource.address) };
        let kept = Kept { address: address.clone(), what: name(&address), because, help };
        self.kept.push(Beside { id: stays.id.clone(), kept, came });
        let resource = Resource {
            address,
            id: stays.id.clone(),
            wanted: stays.attributes.clone(),
            place: owner.resource.place,
            keep_undeclared: Vec::new(),
            removed: Vec::new(),
            ignore: Vec::new(),
            existing: false,
            prevent_destroy: false,
        };
        let (whole, own) = (resource.wanted.clone(), resource.wanted.clone());
        self.objects.insert(stays.id.clone(), Wanted { resource, whole, own, kept: true });
    }

    /// Says whether an object only takes permissions away, as AWS holds it and as it shall be: it holds nothing but
    /// Denies, or refers to a policy or a group that does. What allows something beside its Deny does not count:
    /// whoever attaches it would otherwise have found a way to stay.
    fn restricts(&self, id: &ObjectId, attributes: &Attributes, live: &LiveState) -> bool {
        let Some(spec) = kinds::spec(&id.kind) else { return false };
        let owner = spec.hangs_on(attributes).map(|hangs| hangs.owner);
        let account = Account::new("aws", "");
        is_quarantine(&id.name)
            || denies(attributes)
            || spec.brings(attributes).is_some_and(|group| self.group_restricts(&group, live))
            || spec.refers(&account, attributes).iter().any(|needed| {
                owner.as_ref().is_some_and(|owner| *owner != needed.id) && self.policy_restricts(&needed.id, live)
            })
    }

    fn policy_restricts(&self, policy: &ObjectId, live: &LiveState) -> bool {
        let held = live.referred.get(policy).or_else(|| live.objects.get(policy)).map(|live| &live.attributes);
        let wanted = self.objects.get(policy).map(|wanted| &wanted.whole);
        let mut sides = held.into_iter().chain(wanted).peekable();
        sides.peek().is_some() && sides.all(denies)
    }

    /// Who leaves a group loses the Denies that hang on it as well.
    fn group_restricts(&self, group: &ObjectId, live: &LiveState) -> bool {
        let held = live.objects.values().chain(live.referred.values()).map(|live| (&live.id, &live.attributes));
        let wanted = self.objects.iter().map(|(id, wanted)| (id, &wanted.whole));
        let mut hanging = held
            .chain(wanted)
            .filter(|(id, attributes)| kinds::hanging(id, attributes).is_some_and(|hangs| hangs.owner == *group))
            .peekable();
        hanging.peek().is_some() && hanging.all(|(id, attributes)| self.restricts(id, attributes, live))
    }
}

/// Copies what is noted of an object and asked for by nobody.
fn keep_notes(own: &mut Attributes, id: &ObjectId, live: &Live) {
    let fields = kinds::spec(&id.kind).map_or(&[][..], |spec| spec.schema().fields);
    for field in fields.iter().filter(|field| field.on_change == OnChange::Noted) {
        own.extend(live.attributes.get(field.name).map(|value| (field.name, value.clone())));
    }
}

fn kept_boundary(resource: &Resource, boundary: &Value, came: Option<Change>) -> Beside {
    let say_it = format!("to hear no more of it, write it as the boundary of {}", resource.address);
    let kept = Kept {
        address: resource.address.clone(),
        what: format!("boundary {}", boundary.text().unwrap_or_default()),
        because: "restricts; `boundary: none` removes it",
        help: came.iter().map(|_| say_it.clone()).collect(),
    };
    Beside { id: resource.id.clone(), kept, came }
}

/// What to type about something that others put on an owner of ours and that stays.
fn ways_out(spec: &dyn Spec, object: &Live, hangs: &Hanging, owner: &Address) -> Vec<String> {
    let by_hand = spec.by_hand(&object.attributes).map(|command| match is_quarantine(&object.id.name) {
        true => format!("to end it, once no key is in strange hands:   {command}"),
        false => format!("to end it:   {command}"),
    });
    let word = hangs.keep.map(|word| match spec.credential_of() {
        Some(_) => format!("to hear no more of it:   {owner}: {{keep_undeclared: [{word}]}}"),
        None => format!("to hear no more of it, write it under {word} of {owner}"),
    });
    by_hand.into_iter().chain(word).collect()
}

/// Returns what a run that was cut short took away and did not bring back, as AWS would hold it.
fn owed(state: Option<&State>, live: &LiveState) -> BTreeMap<ObjectId, Live> {
    let records = state.into_iter().flat_map(|state| state.owed.values());
    let owed = records.filter(|record| !live.objects.contains_key(&record.id));
    let as_held = |record: &Record| {
        let (id, attributes) = (record.id.clone(), record.attributes.clone());
        (id.clone(), Live { id, aws_id: None, created: None, attributes })
    };
    owed.map(as_held).collect()
}

fn name(address: &Address) -> String {
    address.segments().last().cloned().unwrap_or_default()
}

/// Leaves a field, or one tag, as AWS holds it: others change it.
fn leave(wish: &mut Attributes, path: &str, live: &Live) {
    if let Some(key) = path.strip_prefix("tags.") {
        let held = live.attributes.get("tags").and_then(Value::tags).and_then(|tags| tags.get(key));
        if let Some(Value::Tags(tags)) = wish.get_mut("tags") {
            tags.remove(key);
            tags.extend(held.map(|value| (key.to_owned(), value.clone())));
        }
        return;
    }
    let field = live.attributes.get_key_value(path).or_else(|| wish.get_key_value(path)).map(|(field, _)| *field);
    let Some(field) = field else { return };
    match live.attributes.get(field) {
        Some(held) => wish.insert(field, held.clone()),
        None => wish.remove(field),
    };
}

/// Leaves tags alone that we never wrote.
fn keep_tags(whole: &mut Attributes, recorded: Option<&Record>, live: &Live) {
    let Some(held) = live.attributes.get("tags").and_then(Value::tags) else { return };
    let ours = recorded.and_then(|record| record.attributes.get("tags")).and_then(Value::tags);
    let foreign = held.iter().filter(|(key, _)| !ours.is_some_and(|ours| ours.contains_key(*key)));
    let mut tags = whole.get("tags").and_then(Value::tags).cloned().unwrap_or_default();
    for (key, value) in foreign {
        tags.entry(key.clone()).or_insert_with(|| value.clone());
    }
    whole.insert("tags", Value::Tags(tags));
}

/// Policies of AWS's that stop a principal. Whoever is called so beside them is told by what it holds: anybody
/// may give a policy such a name.
const QUARANTINE: [&str; 2] = ["AWSCompromisedKeyQuarantine", "AWSDenyAll"];

/// Says whether a policy, by its ARN, is one of those: all that it holds is a Deny.
pub(super) fn is_quarantine(policy: &str) -> bool {
    let name = policy.rsplit(['/', ' ']).next().unwrap_or_default();
    policy.contains(":iam::aws:policy/") && QUARANTINE.iter().any(|known| name.starts_with(known))
}

fn denies(attributes: &Attributes) -> bool {
    attributes.values().filter_map(Value::document).next().is_some_and(|document| document.only_denies())
}
