//! What a manifest asks for, as a graph: resources, and which of them has to exist before which.

use std::collections::{BTreeSet, HashMap};

use indexmap::IndexMap;
use petgraph::Direction;
use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};

use crate::kinds;
use crate::model::{Account, Address, ObjectId, Resource};
use crate::problem::{Place, Problem};

/// The wish: every resource by its address, in the manifest's order.
#[derive(Clone, Debug)]
pub struct Desired {
    pub deployment: String,
    pub account: Account,
    /// Grows by [`Desired::insert`], which keeps objects findable.
    pub resources: IndexMap<Address, Resource>,
    /// Addresses that the manifest says to take over.
    pub imports: Vec<(Address, Place)>,
    pub outputs: IndexMap<String, serde_json::Value>,
    by_id: HashMap<ObjectId, Address>,
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
            by_id: HashMap::new(),
        }
    }

    /// Adds a resource. Two that are one object in AWS, or that share an address, are a problem.
    pub fn insert(&mut self, resource: Resource) -> Result<(), Problem> {
        if let Some(first) = self.by_id.get(&resource.id) {
            let message = format!("{} and {first} are one object: {}", resource.address, resource.id);
            return Err(Problem::error("duplicate-object", message).at(resource.place));
        }
        if let Some(first) = self.resources.get(&resource.address) {
            let message = format!("{} stands for {} and {}", resource.address, first.id, resource.id);
            return Err(Problem::error("duplicate-address", message).at(resource.place));
        }
        self.by_id.insert(resource.id.clone(), resource.address.clone());
        self.resources.insert(resource.address.clone(), resource);
        Ok(())
    }

    /// Returns the address that asks for this object.
    pub fn address_of(&self, id: &ObjectId) -> Option<&Address> {
        self.by_id.get(id)
    }

    /// Returns what each resource waits for. What it refers to outside the manifest exists already; who is
    /// named in a trust policy may come later, so roles may trust each other and themselves.
    pub fn dependencies(&self) -> Dependencies {
        let mut graph = DiGraph::with_capacity(self.resources.len(), self.resources.len());
        let nodes: IndexMap<Address, NodeIndex> =
            self.resources.keys().map(|address| (address.clone(), graph.add_node(address.clone()))).collect();
        for resource in self.resources.values() {
            let Some(spec) = kinds::spec(&resource.id.kind) else { continue };
            let needed = spec.refers(&self.account, &resource.wanted);
            for address in needed.iter().filter(|needed| needed.held).filter_map(|needed| self.address_of(&needed.id)) {
                if let (Some(from), Some(to)) = (nodes.get(address), nodes.get(&resource.address)) {
                    graph.add_edge(*from, *to, ());
                }
            }
        }
        Dependencies { graph, nodes }
    }
}

/// A dependency graph of addresses; an edge points from what is needed to what needs it.
pub struct Dependencies {
    pub graph: DiGraph<Address, ()>,
    pub nodes: IndexMap<Address, NodeIndex>,
}

impl Dependencies {
    /// Returns what has to exist before this resource can.
    pub fn waits_for(&self, address: &Address) -> BTreeSet<Address> {
        self.neighbours(address, Direction::Incoming)
    }

    /// Returns what cannot exist without this resource.
    pub fn needed_by(&self, address: &Address) -> BTreeSet<Address> {
        self.neighbours(address, Direction::Outgoing)
    }

    fn neighbours(&self, address: &Address, direction: Direction) -> BTreeSet<Address> {
        let Some(node) = self.nodes.get(address) else { return BTreeSet::new() };
        self.graph.neighbors_directed(*node, direction).map(|other| self.graph[other].clone()).collect()
    }

    /// Returns every set of resources that wait for each other, each in the manifest's order.
    pub fn cycles(&self) -> Vec<Vec<Address>> {
        let mut cycles: Vec<Vec<NodeIndex>> =
            tarjan_scc(&self.graph).into_iter().filter(|component| self.is_cycle(component)).collect();
        for cycle in &mut cycles {
            cycle.sort();
        }
        cycles.sort();
        cycles.into_iter().map(|cycle| cycle.into_iter().map(|node| self.graph[node].clone()).collect()).collect()
    }

    /// A role that trusts itself is a cycle of one.
    fn is_cycle(&self, component: &[NodeIndex]) -> bool {
        component.len() > 1 || component.iter().any(|node| self.graph.contains_edge(*node, *node))
    }

    /// Reports each cycle as one problem that names all who are in it.
    pub fn cycle_problems(&self, desired: &Desired) -> Vec<Problem> {
        let problem = |cycle: Vec<Address>| {
            let names: Vec<String> = cycle.iter().map(ToString::to_string).collect();
            let place = cycle.first().and_then(|first| desired.resources.get(first)).map(|resource| resource.place);
            Problem::error("cycle", format!("these wait for each other, so none can be created: {}", names.join(", ")))
                .at(place)
                .note("each refers to the next")
        };
        self.cycles().into_iter().map(problem).collect()
    }
}
