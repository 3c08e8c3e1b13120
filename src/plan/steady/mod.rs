//! Nobody loses, even for a moment, a permission that both sides of an apply give, and at no moment does anybody
//! hold what neither gives.
//!
//! A principal may do what one of its statements allows, its boundary allows too, and no statement denies; who may
//! assume a role comes to it through the role's trust. An apply is a number of **writes**, each of which changes
//! one object at once, from one [`Shift`] of statements to the next. For one principal a write
//!
//! - **restricts**: adds a Deny, takes something away from the boundary or from the trust;
//! - **grants**: adds an Allow;
//! - **revokes**: takes an Allow away;
//! - **loosens**: takes a Deny away, adds to the boundary or to the trust;
//!
//! or several of these at a time. What may be about one request is done in this order, and all else in any:
//!
//! 1. restricts before grants and before loosens, revokes before loosens ([`Why::Bounds`]): else somebody holds
//!    what neither side gives;
//! 2. grants before revokes ([`Why::Keeps`]): else somebody lacks what both give;
//! 3. what comes onto a principal comes after the last write of what it brings, what leaves leaves before the
//!    first ([`Why::Whole`]): so its writes are about those only who keep it.
//!
//! Any order that keeps these is right, whichever tasks run at a time. Proof, for one request: let it be held by
//! neither side and yet be held at some moment. What allows it then is of the first side, of the last, or of
//! both. Of the first only: it is revoked, and what kept the first side from holding it has been loosened before
//! that. Of the last only: it is granted, and what keeps the last side from holding it does not restrict yet. Of
//! both: what kept the first from holding it is loosened, and what keeps the last does not restrict. Each is
//! against 1. Now let it be held by both and not at some moment: no statement of either side denies it and both
//! bounds let it through, so nothing allows it, so what allowed it is revoked before what will is granted. That
//! is against 2.
//!
//! Where one write both has to come before another and after it, it is taken apart into several ([`interim`]). A
//! boundary that is exchanged for another one, and a text that would not fit, cannot be: such an order gives way,
//! and the plan names the gap ([`Step::gaps`](super::Step::gaps)).

mod apart;
mod interim;
mod paths;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::rc::Rc;

use super::permissions::{Objects, Side, brought};
use super::{Change, First, Step};
use crate::model::{Attributes, LiveState, ObjectId, Value, text};
use crate::policy::Document;
use crate::policy::shift::{Reach, Shift, overlap};

/// One change of one object, at once. The node is the caller's.
#[derive(Clone, Copy, Debug)]
pub(super) struct Write<'w> {
    pub node: usize,
    /// `None` before it is there.
    pub old: Option<&'w Attributes>,
    /// `None` when it is gone.
    pub new: Option<&'w Attributes>,
}

impl Write<'_> {
    /// Says whether it is there before and after: what is only recorded anew stays as it is.
    fn keeps(&self) -> bool {
        self.old.is_some() && self.new.is_some()
    }
}

/// All writes of an apply, those of each object in their order.
pub(super) type Writes<'w> = HashMap<&'w ObjectId, Vec<Write<'w>>>;

/// Why one write comes before another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Why {
    /// The second takes away what the first gives.
    Keeps,
    /// The first keeps from being held what the second would allow.
    Bounds {
        /// Whether the second takes away what the first puts in its place.
        settles: bool,
    },
    /// The second brings what the first changes, or the other way round.
    Whole,
}

/// The first node comes before the second.
pub(super) type Before = (usize, usize, Why);

/// Where a write is about an owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum In {
    Policies,
    Boundary,
    Trust,
}

#[derive(Clone)]
struct Touch {
    node: usize,
    shift: Rc<Shift>,
    at: In,
}

/// Both sides of an apply.
pub(super) struct Steady<'a> {
    steps: &'a [Step],
    before: Side<'a>,
    after: Side<'a>,
    /// Policies that are the boundary of somebody, and those that are attached.
    bounding: HashSet<&'a str>,
    attached: HashSet<&'a str>,
    /// Owners that go and come back under their name.
    interrupted: HashSet<&'a ObjectId>,
    shifts: RefCell<HashMap<[*const Document; 2], Rc<Shift>>>,
}

impl<'a> Steady<'a> {
    pub fn new(steps: &'a [Step], live: &'a LiveState) -> Self {
        let held: Objects = live.objects.values().map(|live| (&live.id, &live.attributes)).collect();
        let read: Objects = live.referred.values().map(|live| (&live.id, &live.attributes)).collect();
        let mut wanted = held.clone();
        for step in steps {
            let stays = matches!(step.change, Change::Forget { .. });
            if let Some(removed) = step.removed.as_ref().filter(|_| !stays) {
                wanted.remove(removed);
            }
            if let (Some(made), Some(after)) = (&step.made, step.change.after()) {
                wanted.insert(made, after);
            }
        }
        let (before, after) = (Side::new(held, &read), Side::new(wanted, &read));
        let (mut bounding, mut attached) = (HashSet::new(), HashSet::new());
        for side in [&before, &after] {
            bounding.extend(side.objects.values().filter_map(|attributes| text(attributes, "boundary")));
            let hanging = side.hanging.values().flatten();
            attached.extend(hanging.filter_map(|(_, attributes)| text(attributes, "policy_arn")));
        }
        let goes = |step: &&Step| matches!(step.change, Change::Replace { first: First::Delete, .. });
        let interrupted = steps.iter().filter(goes).filter_map(|step| step.removed.as_ref()).collect();
        Self { steps, before, after, bounding, attached, interrupted, shifts: RefCell::default() }
    }

    /// Returns which nodes come before which.
    pub fn order(&self, writes: &Writes) -> HashSet<Before> {
        let mut found = HashSet::new();
        let mut owners: BTreeSet<&ObjectId> =
            self.before.hanging.keys().chain(self.after.hanging.keys()).copied().collect();
        let bounded = |id: &&&ObjectId| {
            [&self.before, &self.after].into_iter().filter_map(|side| side.objects.get(**id)).any(|attributes| {
                text(attributes, "boundary").is_some() || attributes.contains_key("trust") && writes.contains_key(**id)
            })
        };
        owners.extend(self.before.objects.keys().chain(self.after.objects.keys()).filter(bounded));
        for owner in owners {
            let mut touches = Vec::new();
            self.policies(owner, writes, &mut touches, &mut found);
            self.boundary(owner, writes, &mut touches, &mut found);
            self.trust(owner, writes, &mut touches);
            touches.retain(|touch| !touch.shift.is_empty());
            self.pairs(owner, &touches, &mut found);
        }
        found
    }

    fn pairs(&self, owner: &ObjectId, touches: &[Touch], found: &mut HashSet<Before>) {
        if touches.len() < 2 {
            return;
        }
        // Who is gone for a while lacks everything; that is said of its replacement.
        let keeps = !self.interrupted.contains(owner);
        let roles: Vec<Roles> = touches.iter().map(Touch::roles).collect();
        for (one, first) in touches.iter().zip(&roles) {
            for (other, second) in touches.iter().zip(&roles).filter(|(other, _)| other.node != one.node) {
                let mut put = |why| found.insert((one.node, other.node, why));
                if meet(&first.restricts, &second.loosens) {
                    put(Why::Bounds { settles: true });
                } else if meet(&first.restricts, &[second.grants]) || meet(&[first.revokes], &second.loosens) {
                    put(Why::Bounds { settles: false });
                }
                if keeps && overlap(first.grants, second.revokes) {
                    put(Why::Keeps);
                }
            }
        }
    }

    /// The writes of the policies that count for an owner.
    fn policies(&self, owner: &ObjectId, writes: &Writes, touches: &mut Vec<Touch>, found: &mut HashSet<Before>) {
        let hanging = |side: &Side<'a>| side.hanging.get(owner).cloned().unwrap_or_default();
        let mut all: Vec<(&ObjectId, &Attributes)> = hanging(&self.before);
        let known: HashSet<&ObjectId> = all.iter().map(|(id, _)| *id).collect();
        all.extend(hanging(&self.after).into_iter().filter(|(id, _)| !known.contains(id)));
        for (id, attributes) in all {
            let own = writes.get(id);
            let brings = Brought::of(id, attributes);
            match (own, brings) {
                (Some(own), Some(brings)) if !own.iter().all(Write::keeps) => {
                    self.comes_and_goes(own, &brings, writes, touches, found);
                }
                (_, Some(Brought::Policy(arn))) => self.of_policy(arn, writes, In::Policies, touches),
                (_, Some(Brought::Group(group))) => self.policies(&group, writes, touches, found),
                (Some(own), None) => {
                    for write in own {
                        let [old, new] = [write.old, write.new].map(|a| document(a?, "document"));
                        touches.push(Touch { node: write.node, shift: self.shift(old, new), at: In::Policies });
                    }
                }
                (None, None) => {}
            }
        }
    }

    /// An attachment or a membership that comes or goes, with all that it brings.
    fn comes_and_goes(
        &self,
        own: &[Write],
        brings: &Brought,
        writes: &Writes,
        touches: &mut Vec<Touch>,
        found: &mut HashSet<Before>,
    ) {
        for write in own {
            let (side, comes) = match (write.old, write.new) {
                (None, Some(_)) => (&self.after, true),
                (Some(_), None) => (&self.before, false),
                _ => continue,
            };
            let mut inner = Vec::new();
            match brings {
                Brought::Policy(arn) => {
                    touches.push(Touch { node: write.node, shift: self.whole(arn, side, comes), at: In::Policies });
                    self.of_policy(arn, writes, In::Policies, &mut inner);
                }
                Brought::Group(group) => {
                    self.all_of(group, side, comes, write.node, touches);
                    self.policies(group, writes, &mut inner, found);
                }
            }
            for touch in inner.iter().filter(|touch| touch.node != write.node && !touch.shift.is_empty()) {
                found.insert(if comes {
                    (touch.node, write.node, Why::Whole)
                } else {
                    (write.node, touch.node, Why::Whole)
                });
            }
        }
    }

    /// All policies of a group.
    fn all_of(&self, group: &ObjectId, side: &Side<'a>, comes: bool, node: usize, touches: &mut Vec<Touch>) {
        for (id, attributes) in side.hanging.get(group).into_iter().flatten() {
            let shift = match Brought::of(id, attributes) {
                Some(Brought::Policy(arn)) => self.whole(arn, side, comes),
                Some(Brought::Group(_)) => continue,
                None => self.comes(document(attributes, "document"), comes),
            };
            touches.push(Touch { node, shift, at: In::Policies });
        }
    }

    /// A policy as a whole, which an owner gets or loses.
    fn whole(&self, arn: &str, side: &Side<'a>, comes: bool) -> Rc<Shift> {
        let document = side.policies.get(arn).or_else(|| self.before.policies.get(arn)).map(|(_, document)| *document);
        match document {
            Some(document) => self.comes(Some(document), comes),
            None => Rc::new(Shift::unread(comes, super::wish::is_quarantine(arn))),
        }
    }

    fn comes(&self, document: Option<&Document>, comes: bool) -> Rc<Shift> {
        if comes { self.shift(None, document) } else { self.shift(document, None) }
    }

    /// The writes of a policy for those who keep it.
    fn of_policy(&self, arn: &str, writes: &Writes, at: In, touches: &mut Vec<Touch>) {
        let Some((id, _)) = self.before.policies.get(arn) else { return };
        for write in writes.get(id).into_iter().flatten() {
            if let (Some(old), Some(new)) = (write.old, write.new) {
                let [old, new] = [old, new].map(|a| document(a, "document"));
                touches.push(Touch { node: write.node, shift: self.shift(old, new), at });
            }
        }
    }

    fn boundary(&self, owner: &ObjectId, writes: &Writes, touches: &mut Vec<Touch>, found: &mut HashSet<Before>) {
        let of = |side: &Side<'a>| side.objects.get(owner).map(|attributes| text(attributes, "boundary"));
        // Who is only there on one side is never bound by anything else.
        let (before, after) = match (of(&self.before), of(&self.after)) {
            (Some(before), Some(after)) => (before, after),
            (Some(only), None) | (None, Some(only)) => (only, only),
            (None, None) => return,
        };
        if before == after {
            if let Some(arn) = before {
                self.of_policy(arn, writes, In::Boundary, touches);
            }
            return;
        }
        let exchanges = |write: &&Write| match (write.old, write.new) {
            (Some(old), Some(new)) => text(old, "boundary") != text(new, "boundary"),
            _ => false,
        };
        let exchanged: Vec<&Write> = writes.get(owner).into_iter().flatten().filter(exchanges).collect();
        if exchanged.is_empty() {
            // Who goes and comes back under the name is bound by its own each time.
            let bounds = before.into_iter().chain(after);
            bounds.for_each(|arn| self.of_policy(arn, writes, In::Boundary, touches));
        }
        for write in exchanged {
            let document = |side: &Side<'a>, arn: Option<&str>| side.policies.get(arn?).map(|(_, document)| *document);
            let (old, new) = (document(&self.before, before), document(&self.after, after));
            let mut shift = self.shift(old, new).as_ref().clone();
            // None bounds nothing, and what nobody has read may bound anything.
            if old.is_none() {
                shift.allows_no_more.push(Reach::Everything);
            }
            if new.is_none() {
                shift.allows.push(Reach::Everything);
            }
            if before.is_none() {
                shift.allows.clear();
                shift.denies_no_more.clear();
            }
            if after.is_none() {
                shift.allows_no_more.clear();
                shift.denies.clear();
            }
            touches.push(Touch { node: write.node, shift: Rc::new(shift), at: In::Boundary });
            for (arn, comes) in [(before, false), (after, true)] {
                let mut inner = Vec::new();
                arn.into_iter().for_each(|arn| self.of_policy(arn, writes, In::Boundary, &mut inner));
                for touch in inner.into_iter().filter(|touch| !touch.shift.is_empty()) {
                    found.insert(if comes {
                        (touch.node, write.node, Why::Whole)
                    } else {
                        (write.node, touch.node, Why::Whole)
                    });
                }
            }
        }
    }

    fn trust(&self, owner: &ObjectId, writes: &Writes, touches: &mut Vec<Touch>) {
        for write in writes.get(owner).into_iter().flatten() {
            if let (Some(old), Some(new)) = (write.old, write.new) {
                touches.push(Touch { node: write.node, shift: Rc::new(shift_of_trust(old, new)), at: In::Trust });
            }
        }
    }

    fn shift(&self, old: Option<&Document>, new: Option<&Document>) -> Rc<Shift> {
        let pointer = |document: Option<&Document>| document.map_or(std::ptr::null(), std::ptr::from_ref);
        let key = [pointer(old), pointer(new)];
        if let Some(known) = self.shifts.borrow().get(&key) {
            return known.clone();
        }
        let shift = if key[0] == key[1] { Shift::default() } else { Shift::between(old, new) };
        let shift = Rc::new(shift);
        self.shifts.borrow_mut().insert(key, shift.clone());
        shift
    }
}

fn shift_of_trust(before: &Attributes, after: &Attributes) -> Shift {
    match [before, after].map(|attributes| document(attributes, "trust")) {
        [Some(old), Some(new)] => Shift::between(Some(&paths::told_as(old, new)), Some(new)),
        [old, new] => Shift::between(old, new),
    }
}

/// What an attachment or a membership brings.
enum Brought<'b> {
    Policy(&'b str),
    Group(ObjectId),
}

impl<'b> Brought<'b> {
    fn of(id: &ObjectId, attributes: &'b Attributes) -> Option<Self> {
        match text(attributes, "policy_arn") {
            Some(arn) => Some(Self::Policy(arn)),
            None => brought(id, attributes).map(Self::Group),
        }
    }
}

static EVERYTHING: [Reach; 1] = [Reach::Everything];

/// What a write does to what an owner may do.
struct Roles<'r> {
    restricts: [&'r [Reach]; 2],
    grants: &'r [Reach],
    revokes: &'r [Reach],
    loosens: [&'r [Reach]; 2],
}

impl Touch {
    fn roles(&self) -> Roles<'_> {
        let Shift { allows, allows_no_more, denies, denies_no_more } = self.shift.as_ref();
        // Who comes to a role through its trust comes to all that it may do.
        let any = |lists: [&Vec<Reach>; 2]| -> [&[Reach]; 2] {
            if lists.iter().all(|list| list.is_empty()) { [&[], &[]] } else { [&EVERYTHING, &[]] }
        };
        let (restricts, grants, revokes, loosens): (_, &[Reach], &[Reach], _) = match self.at {
            In::Policies => ([denies.as_slice(), &[]], allows, allows_no_more, [denies_no_more.as_slice(), &[]]),
            In::Boundary => ([denies.as_slice(), allows_no_more], &[], &[], [denies_no_more.as_slice(), allows]),
            In::Trust => (any([denies, allows_no_more]), &[], &[], any([denies_no_more, allows])),
        };
        Roles { restricts, grants, revokes, loosens }
    }
}

fn meet(ones: &[&[Reach]], others: &[&[Reach]]) -> bool {
    ones.iter().any(|one| others.iter().any(|other| overlap(one, other)))
}

fn document<'d>(attributes: &'d Attributes, field: &str) -> Option<&'d Document> {
    attributes.get(field).and_then(Value::document)
}
