//! A resource: one thing that a manifest asks for.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::{Address, Attributes};
use crate::problem::Place;

/// Names one object in an account: its kind and the name that AWS knows it by.
///
/// A role, user or profile goes by its name, a managed policy by its ARN, and what hangs on an
/// owner by both: `Seqera-Role/logs`. It is computable from the manifest before the object exists.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ObjectId {
    pub kind: String,
    pub name: String,
}

impl ObjectId {
    pub fn new(kind: impl Into<String>, name: impl Into<String>) -> Self {
        Self { kind: kind.into(), name: name.into() }
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind.replace('_', " "), self.name)
    }
}

/// What the manifest wants at one address.
#[derive(Clone, Debug, PartialEq)]
pub struct Resource {
    pub address: Address,
    pub id: ObjectId,
    pub wanted: Attributes,
    /// Where it is declared, for problems that only AWS can reveal.
    pub place: Place,
    /// What AWS holds beside the wish and shall keep: `policies`, `inline`, `groups`, `credentials` (owners only).
    pub keep_undeclared: Vec<&'static str>,
    /// Fields that the manifest says to remove: `boundary: none`. A boundary that is only not
    /// mentioned stays, as it restricts.
    pub removed: Vec<&'static str>,
    /// Fields that others may change: `description`, `tags` or `tags.CostCentre`.
    pub ignore: Vec<String>,
    /// It is there already and not ours: only what hangs on it is. `wanted` holds its name and path.
    pub existing: bool,
    pub prevent_destroy: bool,
}
