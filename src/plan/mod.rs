//! The plan: what has to change so that AWS holds what the manifest asks for. A plan is data; nothing
//! here calls anything.
//!
//! Premise: an object is known by its [`ObjectId`], not by its address. For every id that is wanted or
//! recorded there is at most one thing to do, and an id that is wanted anywhere is never removed except
//! to be made again. What stays although the manifest does not ask for it is copied into the wish
//! first (`wish`), so that the comparison itself knows no exception.

use std::collections::BTreeSet;

use crate::kinds;
use crate::model::schema::OnChange;
use crate::model::{Account, Address, Attributes, ObjectId, Record};
use crate::policy::difference::Difference;

pub mod brake;
mod cascade;
mod claim;
mod compare;
pub mod danger;
pub mod digest;
pub mod drift;
mod moved;
pub mod order;
mod own;
mod permissions;
mod principal;
mod quota;
mod rebuild;
mod references;
mod refusal;
mod renamed;
mod room;
pub mod saved;
mod secrets;
mod size;
mod steady;
mod successors;
mod trusted;
mod whose;
mod wish;

pub use brake::Brake;
pub use claim::{Claim, Claims, DEPLOYMENT_TAG, LINEAGE_TAG, recover, unsigned};
pub use compare::{Question, plan};
pub use permissions::Affected;
pub use rebuild::{rebuild, stray_address};
pub use renamed::renamed;
pub use secrets::{destination, destinations, relocation, superseded};
pub use size::Size;

/// What happens to one address.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    Create {
        after: Attributes,
    },
    Update {
        before: Attributes,
        after: Attributes,
    },
    Replace {
        before: Attributes,
        after: Attributes,
        because: String,
        first: First,
    },
    Delete {
        before: Attributes,
    },
    /// Taken over: recorded, signed, and made what the manifest says.
    Import {
        before: Attributes,
        after: Attributes,
    },
    /// Dropped from the state. What AWS still holds stays there, without our tags: `after`.
    Forget {
        before: Attributes,
        after: Option<Attributes>,
    },
}

/// Which half of a replacement comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum First {
    /// `+/-`: nobody notices.
    Create,
    /// `-/+`: AWS allows only one at a time, so there is a gap.
    Delete,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    Create,
    Update,
    Replace(First),
    Delete,
    Import,
    Forget,
}

/// One address of the plan and all that happens to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    pub address: Address,
    pub change: Change,
    /// The object that will be there afterwards.
    pub made: Option<ObjectId>,
    /// What the state will say of it; nothing of what is only kept.
    pub record: Option<Record>,
    /// The object that will be gone.
    pub removed: Option<ObjectId>,
    /// The steps that have room only when this one is done: AWS allows an owner only so much.
    pub makes_room_for: Vec<Address>,
    /// Whether it runs after all that does not depend on it: it takes from whoever runs it what the rest needs.
    pub last: bool,
    /// Steps that have to be done before this one begins.
    pub waits_for: BTreeSet<Address>,
    /// Of a step with several parts, the steps that have to be done before its later parts.
    pub finishes_after: BTreeSet<Address>,
    /// The steps after which a pause lets IAM make them known everywhere, as this one takes away what they give.
    pub settles: BTreeSet<Address>,
    /// What is written between the two sides of an update, in this order: it has to come early and late at once.
    pub interim: Vec<Attributes>,
    /// What is not steady for a moment, and why: somebody lacks what both sides give, or holds what neither gives.
    pub gaps: Vec<String>,
    /// Whether something outside made this step necessary.
    pub drift: bool,
    /// What its document allows more and less, by itself.
    pub permissions: Difference,
    pub dangers: Vec<String>,
    /// What is worth a word and is as it should be.
    pub notes: Vec<String>,
}

/// An outside change that needs no step: what the manifest asks for now is what AWS holds, or nobody asked for
/// a repair.
#[derive(Clone, Debug, PartialEq)]
pub struct Drift {
    pub address: Address,
    pub text: String,
    /// From what we wrote to what AWS holds, where it was looked at.
    pub step: Option<Box<Step>>,
    /// Since when, where AWS says it.
    pub since: Option<String>,
    /// Where an apply leaves it: why, and what ends it.
    pub kept: Option<Kept>,
}

impl Drift {
    /// `step` goes from what we wrote to what AWS holds.
    fn of(text: impl Into<String>, step: Step) -> Self {
        Self { address: step.address.clone(), text: text.into(), step: Some(Box::new(step)), since: None, kept: None }
    }
}

/// Something that AWS holds beside the manifest and that stays.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    pub address: Address,
    pub what: String,
    pub because: &'static str,
    /// What to type to end it, or to hear no more of it.
    pub help: Vec<String>,
}

/// All that an apply will do.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    pub account: Account,
    pub deployment: String,
    pub lineage: String,
    /// Of the state that it was made from; 0 without one.
    pub serial: u64,
    pub steps: Vec<Step>,
    /// The parts of all steps with their order.
    pub tasks: Vec<order::Task>,
    /// What changes for each owner that is there before and after.
    pub permissions: Vec<Affected>,
    pub drift: Vec<Drift>,
    pub kept: Vec<Kept>,
    pub brakes: Vec<Brake>,
    /// How full the documents will be that are written.
    pub sizes: Vec<Size>,
    /// What the state will say of everything wanted that needs no step.
    pub settled: Vec<Record>,
    /// What `moved` gives another address. It is recorded before anything else: beside its successor, which may take
    /// that address in a run that is cut short, the move would seem to come too late.
    pub moved: Vec<Record>,
    /// Intents of which nothing came and nothing shall come: the state has to know them no more.
    pub lapsed: Vec<ObjectId>,
}

/// Steps by action, and what came from outside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Summary {
    pub import: usize,
    pub create: usize,
    pub update: usize,
    pub replace: usize,
    pub delete: usize,
    pub forget: usize,
    pub drift: usize,
}

impl Change {
    pub fn action(&self) -> Action {
        match self {
            Change::Create { .. } => Action::Create,
            Change::Update { .. } => Action::Update,
            Change::Replace { first, .. } => Action::Replace(*first),
            Change::Delete { .. } => Action::Delete,
            Change::Import { .. } => Action::Import,
            Change::Forget { .. } => Action::Forget,
        }
    }

    pub fn before(&self) -> Option<&Attributes> {
        match self {
            Change::Create { .. } => None,
            Change::Update { before, .. }
            | Change::Replace { before, .. }
            | Change::Delete { before }
            | Change::Import { before, .. }
            | Change::Forget { before, .. } => Some(before),
        }
    }

    /// Says whether an import writes more than our tags.
    pub fn rewrites(&self) -> bool {
        matches!(self, Change::Import { before, after } if unsigned(before) != unsigned(after))
    }

    pub fn after(&self) -> Option<&Attributes> {
        match self {
            Change::Create { after }
            | Change::Update { after, .. }
            | Change::Replace { after, .. }
            | Change::Import { after, .. } => Some(after),
            Change::Delete { .. } | Change::Forget { .. } => None,
        }
    }
}

impl Action {
    /// The word of the JSON plan.
    pub fn word(self) -> &'static str {
        match self {
            Action::Create => "create",
            Action::Update => "update",
            Action::Replace(_) => "replace",
            Action::Delete => "delete",
            Action::Import => "import",
            Action::Forget => "forget",
        }
    }

    /// Terraform's symbol.
    pub fn symbol(self) -> &'static str {
        match self {
            Action::Create => "+",
            Action::Update => "~",
            Action::Replace(First::Create) => "+/-",
            Action::Replace(First::Delete) => "-/+",
            Action::Delete => "-",
            Action::Import => "=",
            Action::Forget => ".",
        }
    }
}

impl Step {
    /// Returns a step by itself: it waits for nothing, and nothing is known of it yet.
    fn new(address: Address, change: Change, made: Option<ObjectId>, removed: Option<ObjectId>) -> Self {
        Self {
            address,
            change,
            made,
            record: None,
            removed,
            makes_room_for: Vec::new(),
            last: false,
            waits_for: BTreeSet::new(),
            finishes_after: BTreeSet::new(),
            settles: BTreeSet::new(),
            interim: Vec::new(),
            gaps: Vec::new(),
            drift: false,
            permissions: Difference::default(),
            dangers: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Returns a step that is no part of a plan, with what it allows and what is dangerous in it. `boundaries` are
    /// the policies that only bound.
    pub fn alone(
        id: &ObjectId,
        address: Address,
        change: Change,
        account: &Account,
        boundaries: &BTreeSet<ObjectId>,
    ) -> Self {
        let made = change.after().is_some().then(|| id.clone());
        let removed = matches!(change, Change::Delete { .. }).then(|| id.clone());
        let mut step = Self::new(address, change, made, removed);
        step.permissions = permissions::of_step(&step);
        step.dangers = danger::of(&step, account, boundaries);
        step.notes = trusted::notes(&step);
        step
    }

    pub fn action(&self) -> Action {
        self.change.action()
    }

    /// Returns what the state says before it is made: nothing else would tell of it once the manifest does not.
    pub fn intent(&self) -> Option<&Record> {
        self.record.as_ref().filter(|_| matches!(self.action(), Action::Create | Action::Replace(_)))
    }

    /// Returns the object that the step is about: the one that will be there, else the one that goes.
    pub fn id(&self) -> Option<&ObjectId> {
        self.made.as_ref().or(self.removed.as_ref())
    }
}

impl Plan {
    /// Returns all that stays beside the manifest: what others added and what the manifest says to keep.
    pub fn all_kept(&self) -> impl Iterator<Item = &Kept> {
        self.drift.iter().filter_map(|drift| drift.kept.as_ref()).chain(&self.kept)
    }

    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    pub fn summary(&self) -> Summary {
        let count = |wanted: fn(Action) -> bool| self.steps.iter().filter(|step| wanted(step.action())).count();
        Summary {
            import: count(|action| action == Action::Import),
            create: count(|action| action == Action::Create),
            update: count(|action| action == Action::Update),
            replace: count(|action| matches!(action, Action::Replace(_))),
            delete: count(|action| action == Action::Delete),
            forget: count(|action| action == Action::Forget),
            drift: self.steps.iter().filter(|step| step.drift).count() + self.drift.len(),
        }
    }
}

/// Says why AWS cannot change `live` into `wanted`; `None` when it can. A field that the manifest does
/// not say keeps what AWS holds, so it is never a reason.
pub fn must_replace(id: &ObjectId, live: &Attributes, wanted: &Attributes) -> Option<&'static str> {
    let fields = kinds::spec(&id.kind)?.schema().fields;
    fields.iter().find_map(|field| match field.on_change {
        OnChange::Replace(reason)
            if wanted.contains_key(field.name) && live.get(field.name) != wanted.get(field.name) =>
        {
            Some(reason)
        }
        OnChange::Replace(_) | OnChange::Update | OnChange::Filled | OnChange::Noted => None,
    })
}
