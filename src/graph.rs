//! What a manifest asks for, as a graph: resources, and which of them has to exist before which.

use std::collections::{BTreeSet, HashMap};

use indexmap::IndexMap;
use petgraph::Direction;
use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};

use crate::kinds::{self, Needed};
use crate::model::{Account, Address, ObjectId, Resource, Value};
use crate::problem::{Place, Problem};

/// The wish: every resource by its address, in the manifest's order.
#[derive(Clone, Debug)]
pub struct Desired {
    pub deployment: String,
    /// The file that says all this, as it was named.
    pub manifest: String,
    pub account: Account,
    /// Grows by [`Desired::insert`], which keeps objects findable.
    pub resources: IndexMap<Address, Resource>,
    /// Addresses that the manifest says to take over.
    pub imports: Vec<(Address, Place)>,
    /// What stands at another address by now: from, to. Either names a resource or all that stands within.
    pub moved: Vec<(Address, Address, Place)>,
    /// What leaves the state and stays in AWS.
    pub removed: Vec<(Address, Place)>,
    pub outputs: IndexMap<String, serde_json::Value>,
    by_id: HashMap<ObjectId, Address>,
}

impl Desired {
    /// Returns a wish for nothing.
    pub fn nothing(deployment: impl Into<String>, account: Account) -> Self {
        Self {
            deployment: deployment.into(),
            manifest: "the manifest".to_owned(),
            account,
            resources: IndexMap::new(),
            imports: Vec::new(),
            moved: Vec::new(),
            removed: Vec::new(),
            outputs: IndexMap::new(),
            by_id: HashMap::new(),
        }
    }

    /// Returns the wish of whoever wants nothing of this any more: the plan of it destroys the deployment. It still
    /// lets go of what is to stay in AWS, and of what is used as it is where that is `known`.
    pub fn given_up(&self, known: impl Fn(&ObjectId) -> bool) -> Self {
        let mut nothing = Self::nothing(self.deployment.clone(), self.account.clone());
        nothing.manifest.clone_from(&self.manifest);
        nothing.removed.clone_from(&self.removed);
        for resource in self.resources.values().filter(|resource| resource.existing && known(&resource.id)) {
            // They got along with each other here, too.
            let _ = nothing.insert(resource.clone());
        }
        nothing
    }

    /// Adds a resource. Two that are one object in AWS, or that share an address, are a problem.
    pub fn insert(&mut self, resource: Resource) -> Result<(), Problem> {
        if let Some(first) = self.by_id.get(&resource.id) {
            if self.is_shared(first, &resource) {
                return Ok(());
            }
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

    /// Says whether another namespace asks for just the same of which an account has one.
    fn is_shared(&self, first: &Address, resource: &Resource) -> bool {
        let namespace = |address: &Address| address.segments().iter().rev().skip(2).cloned().collect::<Vec<_>>();
        let asks_same = |first: &Resource| first.wanted == resource.wanted && first.existing == resource.existing;
        kinds::spec(&resource.id.kind).is_some_and(|spec| spec.is_shared())
            && namespace(first) != namespace(&resource.address)
            && self.resources.get(first).is_some_and(asks_same)
    }

    /// Returns the address that asks for this object.
    pub fn address_of(&self, id: &ObjectId) -> Option<&Address> {
        self.by_id.get(id)
    }

    /// Says whether a resource or an output has this ARN in it.
    pub fn names(&self, arn: &str) -> bool {
        let quoted = format!("\"{arn}\"");
        let has = |value: &Value| match value {
            Value::Text(text) => text == arn,
            Value::Texts(texts) => texts.contains(arn),
            Value::Document(document) => document.to_compact().contains(&quoted),
            Value::Number(_) | Value::Tags(_) => false,
        };
        self.resources.values().any(|resource| resource.wanted.values().any(has))
            || self.outputs.values().any(|output| output.to_string().contains(arn))
    }

    /// Returns what each resource waits for. What it refers to outside the manifest exists already; who is
    /// named in a trust policy may come later, so roles may trust each other and themselves.
    pub fn dependencies(&self) -> Dependencies {
        let mut graph = DiGraph::with_capacity(self.resources.len(), self.resources.len());
        let nodes: IndexMap<Address, NodeIndex> =
            self.resources.keys().map(|address| (address.clone(), graph.add_node(address.clone()))).collect();
        for (needed, _, resource) in self.references().filter(|(_, held, _)| *held) {
            if let (Some(from), Some(to)) = (nodes.get(needed), nodes.get(resource)) {
                graph.add_edge(*from, *to, ());
            }
        }
        Dependencies { graph, nodes }
    }

    /// Returns who refers to what in the manifest, as what is referred to, whether it has to exist before, and who
    /// does. What need not exist before is named in a trust policy.
    pub fn references(&self) -> impl Iterator<Item = (&Address, bool, &Address)> {
        let of = |resource: &Resource| {
            let spec = kinds::spec(&resource.id.kind);
            spec.map_or_else(Vec::new, |spec| spec.refers(&self.account, &resource.wanted))
        };
        self.resources.values().flat_map(move |resource| {
            let known = move |needed: Needed| Some((self.address_of(&needed.id)?, needed.held, &resource.address));
            of(resource).into_iter().filter_map(known)
        })
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
        // Kosaraju's search keeps its own stack; Tarjan's is recursive and a long chain would exhaust ours.
        let mut cycles: Vec<Vec<NodeIndex>> =
            kosaraju_scc(&self.graph).into_iter().filter(|component| self.is_cycle(component)).collect();
        for cycle in &mut cycles {
            cycle.sort();
        }
        cycles.sort();
        cycles.into_iter().map(|cycle| cycle.into_iter().map(|node| self.graph[node].clone()).collect()).collect()
    }

    /// What refers to itself is a cycle of one.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Attributes, Value};
    use crate::policy::Document;

    const PLACE: Place = Place { file: 0, start: 0, end: 0 };

    fn resource(kind: &str, name: &str, segments: &[&str], wanted: Attributes) -> Resource {
        Resource {
            address: Address::new(segments.iter().copied()),
            id: ObjectId::new(kind, name),
            wanted,
            place: PLACE,
            keep_undeclared: Vec::new(),
            removed: Vec::new(),
            ignore: Vec::new(),
            existing: false,
            prevent_destroy: false,
        }
    }

    /// A role that trusts another of the account.
    fn role(name: &str, trusts: &str) -> Resource {
        let trust = serde_json::json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"AWS": format!("arn:aws:iam::123456789012:role/{trusts}")},
            "Action": "sts:AssumeRole",
        }]});
        let trust = Value::Document(Document::from_json(trust));
        let wanted = Attributes::from([("name", name.into()), ("path", "/".into()), ("trust", trust)]);
        resource("role", name, &["roles", name], wanted)
    }

    fn desired(resources: impl IntoIterator<Item = Resource>) -> Desired {
        let mut desired = Desired::nothing("test", Account::new("aws", "123456789012"));
        resources.into_iter().for_each(|resource| desired.insert(resource).unwrap());
        desired
    }

    fn named(addresses: impl IntoIterator<Item = Address>) -> Vec<String> {
        addresses.into_iter().map(|address| address.to_string()).collect()
    }

    /// Dependencies of `r0`, `r1` … by hand, as no two kinds of today can wait for each other.
    fn dependencies(count: usize, edges: &[(usize, usize)]) -> Dependencies {
        let mut graph = DiGraph::new();
        let address = |i: usize| Address::new(["roles".to_owned(), format!("r{i}")]);
        let nodes = (0..count).map(|i| (address(i), graph.add_node(address(i)))).collect();
        for (from, to) in edges {
            graph.add_edge(NodeIndex::new(*from), NodeIndex::new(*to), ());
        }
        Dependencies { graph, nodes }
    }

    #[test]
    fn a_resource_waits_for_what_it_holds_and_not_for_whom_it_trusts() {
        let wanted = Attributes::from([("role", "a".into()), ("name", "logs".into())]);
        let inline = resource("inline_policy", "a/logs", &["roles", "a", "inline", "logs"], wanted);
        let desired = desired([role("a", "b"), role("b", "b"), inline.clone()]);
        let dependencies = desired.dependencies();
        assert_eq!(named(dependencies.waits_for(&inline.address)), ["roles.a"]);
        assert_eq!(named(dependencies.needed_by(&Address::new(["roles", "a"]))), ["roles.a.inline.logs"]);
        assert_eq!(named(dependencies.waits_for(&Address::new(["roles", "a"]))), Vec::<String>::new());
        assert_eq!(named(dependencies.waits_for(&Address::new(["roles", "none"]))), Vec::<String>::new());
        assert!(dependencies.cycles().is_empty());
    }

    #[test]
    fn every_cycle_is_one_problem() {
        let dependencies = dependencies(6, &[(1, 0), (0, 1), (0, 2), (4, 3), (3, 4), (5, 5)]);
        let problems = dependencies.cycle_problems(&desired([]));
        let names: Vec<&str> = problems.iter().filter_map(|problem| problem.message.split(": ").nth(1)).collect();
        assert_eq!(names, ["roles.r0, roles.r1", "roles.r3, roles.r4", "roles.r5"]);
    }

    #[test]
    fn an_object_has_one_address_and_an_address_one_object() {
        let mut desired = desired([role("a", "x")]);
        let same_object = Resource { address: Address::new(["roles", "other"]), ..role("a", "x") };
        let same_address = Resource { address: Address::new(["roles", "a"]), ..role("b", "x") };
        assert_eq!(desired.insert(same_object).unwrap_err().code, "duplicate-object");
        assert_eq!(desired.insert(same_address).unwrap_err().code, "duplicate-address");
        assert_eq!(desired.address_of(&ObjectId::new("role", "a")), Some(&Address::new(["roles", "a"])));
        assert_eq!(desired.address_of(&ObjectId::new("role", "b")), None);
    }

    #[test]
    fn a_long_chain_costs_no_stack() {
        let edges: Vec<(usize, usize)> = (1..50_000).map(|i| (i - 1, i)).collect();
        assert!(dependencies(50_000, &edges).cycles().is_empty());
    }
}
