//! Brakes: what a plan does that nobody should do by accident. One that holds stops an apply before anything
//! happens (exit 3); `--force` lifts all that were named, and `--allow-gap` those of gaps.

use std::collections::BTreeSet;

use super::{Change, Step};
use crate::kinds;
use crate::model::{Address, ObjectId};

/// From so many destroyed or replaced objects on, and more than this share of the deployment, it is many.
const MANY: usize = 3;
const SHARE: usize = 30;

/// What a brake holds for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// Much of the deployment goes.
    Many,
    /// Whoever runs this loses what the rest of it needs.
    Own,
    /// Somebody, or what hands out somebody's permissions, goes, and nobody has looked at it.
    Unreviewed,
    /// Somebody lacks for a moment what both sides give, or holds what neither does.
    Gap,
}

impl Cause {
    /// The word of the JSON plan.
    pub fn code(self) -> &'static str {
        match self {
            Cause::Many => "many-destroyed",
            Cause::Own => "own-permissions",
            Cause::Unreviewed => "unreviewed-destroy",
            Cause::Gap => "gap",
        }
    }
}

/// One brake of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Brake {
    pub cause: Cause,
    /// A sentence without its full stop.
    pub what: String,
    /// The steps that it is about.
    pub addresses: Vec<Address>,
}

impl Brake {
    /// Says whether it holds. A plan is reviewed when a person answers for it, when it was saved, and when its
    /// digest was given.
    pub fn holds(&self, reviewed: bool) -> bool {
        !reviewed || self.cause != Cause::Unreviewed
    }

    /// What lifts it, and what to type for that: `apply` is the command that the plan is applied with.
    pub fn lifted_by(&self, apply: &str) -> String {
        match self.cause {
            Cause::Many => format!("to do it all the same:   {apply} --force"),
            Cause::Own => format!("run it as somebody else, or, with these steps last:   {apply} --force"),
            Cause::Unreviewed => {
                "review it:   seqera-iam plan --out FILE, then apply FILE; --force does without".to_owned()
            }
            Cause::Gap => format!("to do it all the same:   {apply} --allow-gap"),
        }
    }
}

/// What to type to apply, where nothing else was.
pub const APPLY: &str = "seqera-iam apply";

/// Returns the brakes of a plan whose deployment holds these objects.
pub(super) fn of(steps: &[Step], held: &BTreeSet<ObjectId>) -> Vec<Brake> {
    let going: Vec<(&Step, &ObjectId)> =
        steps.iter().filter_map(|step| Some((step, goes(step)?))).filter(|(_, id)| held.contains(*id)).collect();
    many(&going, held.len()).into_iter().chain(unreviewed(&going)).collect()
}

/// Returns the object that a step destroys, to be made again or not.
fn goes(step: &Step) -> Option<&ObjectId> {
    matches!(step.change, Change::Delete { .. } | Change::Replace { .. }).then_some(step.removed.as_ref()).flatten()
}

fn many(going: &[(&Step, &ObjectId)], held: usize) -> Option<Brake> {
    let gone = going.len();
    (gone >= MANY && gone * 100 > held * SHARE).then(|| Brake {
        cause: Cause::Many,
        what: format!("{gone} of the {held} objects of this deployment would be destroyed or replaced"),
        addresses: addresses(going),
    })
}

fn unreviewed(going: &[(&Step, &ObjectId)]) -> Option<Brake> {
    let relied_on = |(_, id): &&(&Step, &ObjectId)| kinds::spec(&id.kind).is_some_and(|spec| spec.is_relied_on());
    let going: Vec<(&Step, &ObjectId)> = going.iter().filter(relied_on).copied().collect();
    (!going.is_empty()).then(|| {
        let names: Vec<String> = going.iter().map(|(_, id)| id.to_string()).collect();
        let what = format!("{} would be destroyed or replaced, which needs a review", names.join(", "));
        Brake { cause: Cause::Unreviewed, what, addresses: addresses(&going) }
    })
}

/// A brake on steps that take something from whoever runs them.
pub(super) fn own<'s>(what: String, steps: impl Iterator<Item = &'s Step>) -> Brake {
    Brake { cause: Cause::Own, what, addresses: steps.map(|step| step.address.clone()).collect() }
}

/// A brake on steps by which permissions are not steady for a moment.
pub(super) fn gap(steps: &[Step]) -> Option<Brake> {
    let open: Vec<&Step> = steps.iter().filter(|step| !step.gaps.is_empty()).collect();
    (!open.is_empty()).then(|| {
        let names: Vec<String> = open.iter().map(|step| step.address.to_string()).collect();
        let what = format!("for a moment permissions are not what both sides of the plan say, by {}", names.join(", "));
        Brake { cause: Cause::Gap, what, addresses: open.iter().map(|step| step.address.clone()).collect() }
    })
}

fn addresses(going: &[(&Step, &ObjectId)]) -> Vec<Address> {
    going.iter().map(|(step, _)| step.address.clone()).collect()
}
