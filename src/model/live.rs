//! What AWS holds.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Attributes, ObjectId};

/// One object as AWS holds it.
#[derive(Clone, Debug, PartialEq)]
pub struct Live {
    pub id: ObjectId,
    /// The id that AWS gave it (`AROA…`), never given twice: one that was deleted and made again has another.
    pub aws_id: Option<String>,
    pub attributes: Attributes,
    /// When it was created, `2023-04-12T08:00:00Z`, where AWS says it.
    pub created: Option<String>,
}

/// Something that hangs on an object and makes AWS refuse to delete it.
#[derive(Clone, Debug, PartialEq)]
pub struct Obstacle {
    /// The object that would have to go first, as the state would name it.
    pub object: ObjectId,
    /// `is attached to role analytics`.
    pub text: String,
    /// The command that takes it away.
    pub remedy: String,
}

/// All that was read for one plan.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LiveState {
    pub objects: BTreeMap<ObjectId, Live>,
    /// What hangs on the objects that may have to be deleted.
    pub obstacles: BTreeMap<ObjectId, Vec<Obstacle>>,
    /// Objects that are not ours and count for ours: what the manifest or something on our owners refers to, groups of
    /// others that our users are in with what these hold, and what whoever runs this holds.
    pub referred: BTreeMap<ObjectId, Live>,
    /// What the manifest refers to outside itself and AWS does not hold.
    pub missing: BTreeSet<ObjectId>,
    /// Who reads this, where it is a role or a user of the account; what it has is in `referred`, or in `objects`.
    pub caller: Option<ObjectId>,
    /// What could not be read, and why: only where the rest is worth something by itself.
    pub unread: BTreeMap<ObjectId, String>,
    /// Where a wanted name is taken by an object of another id: a policy of this name in another path.
    pub elsewhere: BTreeMap<ObjectId, ObjectId>,
    /// Of what may have to go: when and for what it was last used, where AWS says it.
    pub used: BTreeMap<ObjectId, String>,
    /// What carries the deployment's tag, and neither manifest nor state knows. Only the survey sees it.
    pub strays: BTreeSet<ObjectId>,
    /// How many of what the account holds and may hold, as `GetAccountSummary` names it: `Roles`, `RolesQuota`.
    /// Empty when nothing is to be made, or nobody may ask.
    pub figures: BTreeMap<String, usize>,
}
