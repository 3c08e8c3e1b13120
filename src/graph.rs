//! What a manifest asks for, as a graph: resources, and which of them has to exist before which.

use indexmap::IndexMap;
use petgraph::graph::{DiGraph, NodeIndex};

use crate::model::{Account, Address, ObjectId, Resource};
use crate::problem::Place;

/// The wish: every resource by its address, in the manifest's order.
#[derive(Clone, Debug)]
pub struct Desired {
    pub deployment: String,
    pub account: Account,
    pub resources: IndexMap<Address, Resource>,
    /// Addresses that the manifest says to take over.
    pub imports: Vec<(Address, Place)>,
    pub outputs: IndexMap<String, serde_json::Value>,
}

impl Desired {
    /// Returns a wish for nothing: the plan of it destroys the deployment.
    pub fn nothing(deployment: impl Into<String>, account: Account) -> Self {
        Self {
            deployment: deployment.into(),
            account,
            resources: IndexMap::new(),
            imports: Vec::new(),
            outputs: IndexMap::new(),
        }
    }

    /// Returns the address that asks for this object.
    pub fn address_of(&self, id: &ObjectId) -> Option<&Address> {
        self.resources.values().find(|r| r.id == *id).map(|r| &r.address)
    }
}

/// A dependency graph of addresses; an edge points from what is needed to what needs it.
pub struct Dependencies {
    pub graph: DiGraph<Address, ()>,
    pub nodes: IndexMap<Address, NodeIndex>,
}
