//! What AWS holds.

use std::collections::BTreeMap;

use crate::model::{Attributes, ObjectId};

/// One object as AWS holds it.
#[derive(Clone, Debug, PartialEq)]
pub struct Live {
    pub id: ObjectId,
    pub attributes: Attributes,
    /// Day it was created, `2023-04-12`, where AWS says it.
    pub created: Option<String>,
}

/// Something that hangs on an object and makes AWS refuse to delete it.
#[derive(Clone, Debug, PartialEq)]
pub struct Obstacle {
    /// The object that would have to go first, as the state would name it.
    pub object: ObjectId,
    /// `attached to role analytics`.
    pub text: String,
}

/// All that was read for one plan.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LiveState {
    pub objects: BTreeMap<ObjectId, Live>,
    /// What hangs on the objects that may have to be deleted.
    pub obstacles: BTreeMap<ObjectId, Vec<Obstacle>>,
    /// ARNs of attached policies outside the manifest that hold a Deny.
    pub restricting: std::collections::BTreeSet<String>,
}
