//! Soft edges: which of them hold, which updates are taken apart for them, and which give way.

use std::collections::{BTreeSet, HashMap, HashSet};

use petgraph::algo::{DfsSpace, has_path_connecting, kosaraju_scc};
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef;

use super::{Edge, Ordering, Part};
use crate::model::Attributes;
use crate::plan::steady::{Steady, Why, Write, Writes};
use crate::plan::{Change, First};

type Graph = DiGraph<(usize, Part), Edge>;

/// Up to so many edges of circles, each is put back that closes none; more cost too much time.
pub(super) const PUT_BACK: usize = 2_000;

impl Ordering<'_> {
    /// Puts in the soft edges, and takes apart or gives up what they close a circle with.
    pub(super) fn steady(&mut self, steady: &Steady) {
        for step in 0..self.steps.len() {
            match steady.owner_in_two(step) {
                Ok(two) if two.is_empty() => {}
                Ok(two) => self.take_apart(step, two),
                Err(gap) => drop(self.gaps.insert((step, gap))),
            }
        }
        let mut whole: HashMap<usize, String> = HashMap::new();
        loop {
            self.graph.retain_edges(|graph, edge| !matches!(graph[edge], Edge::Soft(_)));
            for (from, to, why) in steady.order(&self.writes()) {
                self.graph.add_edge(NodeIndex::new(from), NodeIndex::new(to), Edge::Soft(why));
            }
            let mut apart = false;
            for step in self.steps_in_circles() {
                if self.interim.contains_key(&step) || whole.contains_key(&step) {
                    continue;
                }
                match steady.interim(step, &self.interim) {
                    Ok(interim) if interim.is_empty() => drop(whole.insert(step, String::new())),
                    Ok(interim) => {
                        self.take_apart(step, interim);
                        apart = true;
                    }
                    Err(why) => drop(whole.insert(step, why)),
                }
            }
            if !apart {
                break;
            }
        }
        self.give_way(&whole);
    }

    /// All writes of the objects that the steps are about.
    fn writes(&self) -> Writes<'_> {
        let mut writes: Writes = HashMap::new();
        for (index, step) in self.steps.iter().enumerate() {
            let (make, remove) = (self.make_of(step), self.remove_of(step));
            match (&step.change, make, remove) {
                (Change::Update { before, after } | Change::Import { before, after }, Some(make), _) => {
                    let Some(id) = &step.made else { continue };
                    let (nodes, values) = (self.early.get(&index), self.interim.get(&index));
                    let nodes = nodes.into_iter().flatten().chain([&make]);
                    let values = values.into_iter().flatten().chain([after]);
                    let mut old = before;
                    let own = writes.entry(id).or_default();
                    for (node, new) in nodes.zip(values) {
                        own.push(Write { node: node.index(), old: Some(old), new: Some(new) });
                        old = new;
                    }
                }
                (Change::Forget { .. }, ..) => {}
                (change, make, remove) => {
                    if let (Some(id), Some(node)) = (&step.removed, remove) {
                        let write = Write { node: node.index(), old: change.before(), new: None };
                        writes.entry(id).or_default().push(write);
                    }
                    if let (Some(id), Some(node)) = (&step.made, make) {
                        let write = Write { node: node.index(), old: None, new: change.after() };
                        writes.entry(id).or_default().push(write);
                    }
                }
            }
        }
        writes
    }

    fn take_apart(&mut self, step: usize, interim: Vec<Attributes>) {
        let Some(make) = self.make_of(&self.steps[step]) else { return };
        let nodes: Vec<NodeIndex> =
            (0..interim.len()).map(|place| self.graph.add_node((step, Part::Early(place)))).collect();
        for (from, to) in nodes.iter().zip(nodes.iter().skip(1).chain([&make])) {
            self.graph.add_edge(*from, *to, Edge::Hard);
        }
        // What holds a boundary for a while waits for it as the last write does, and what trusts somebody who moves
        // for the path to be the new one.
        for (node, attributes) in nodes.iter().zip(&interim) {
            for needed in self.needs(&self.steps[step], attributes) {
                let comes = self.makes.get(&needed.id).filter(|&&comes| self.graph.contains_edge(comes, make));
                let Some(&comes) = comes else { continue };
                let moves = matches!(self.steps[self.graph[comes].0].change, Change::Update { .. });
                if needed.held || moves {
                    self.graph.add_edge(comes, *node, Edge::Hard);
                }
            }
        }
        if let (Change::Import { .. }, Some(&first)) = (&self.steps[step].change, nodes.first()) {
            // What waits until it is taken over does not wait for the rest; what it lets go of does.
            let goes = |node: NodeIndex| self.graph[node].1 == Part::Remove;
            let held = self.graph.edges(make).filter(|edge| *edge.weight() == Edge::Hard && !goes(edge.target()));
            let held: Vec<_> = held.map(|edge| (edge.id(), edge.target())).collect();
            for &(_, target) in &held {
                self.graph.add_edge(first, target, Edge::Hard);
            }
            let held: HashSet<_> = held.into_iter().map(|(edge, _)| edge).collect();
            self.graph.retain_edges(|_, edge| !held.contains(&edge));
        }
        self.interim.insert(step, interim);
        self.early.insert(step, nodes);
    }

    fn steps_in_circles(&self) -> BTreeSet<usize> {
        let circles = kosaraju_scc(&self.graph).into_iter().filter(|circle| circle.len() > 1);
        circles.flatten().map(|node| self.graph[node].0).collect()
    }

    /// Lets soft edges give way where they are part of a circle, as few as may be and grants before revokes
    /// first, and notes what that means.
    fn give_way(&mut self, whole: &HashMap<usize, String>) {
        let circle = self.circles();
        let within = |graph: &Graph, edge| {
            let (from, to) = graph.edge_endpoints(edge)?;
            let Edge::Soft(why) = graph[edge] else { return None };
            (circle[from.index()] == circle[to.index()]).then_some((from, to, why))
        };
        let mut given: Vec<_> = self.graph.edge_indices().filter_map(|edge| within(&self.graph, edge)).collect();
        self.graph.retain_edges(|graph, edge| within(&graph, edge).is_none());
        let rank = |why| match why {
            Why::Bounds { .. } => 0,
            Why::Whole => 1,
            Why::Keeps => 2,
        };
        given.sort_by_key(|&(from, to, why)| (rank(why), from, to));
        let few = given.len() <= PUT_BACK;
        let mut space = DfsSpace::new(&self.graph);
        for (from, to, why) in given {
            if few && !has_path_connecting(&self.graph, to, from, Some(&mut space)) {
                self.graph.add_edge(from, to, Edge::Soft(why));
            } else {
                self.name(self.graph[from].0, self.graph[to].0, why, whole);
            }
        }
    }

    /// Notes that a step does not wait for another one.
    fn name(&mut self, from: usize, to: usize, why: Why, whole: &HashMap<usize, String>) {
        let goes = |step: usize| matches!(self.steps[step].change, Change::Replace { first: First::Delete, .. });
        if why == Why::Keeps && (goes(to) || goes(from)) {
            // The replacement says it.
            return;
        }
        let because = [to, from].iter().filter_map(|step| whole.get(step)).find(|why| !why.is_empty());
        let because = match because {
            _ if !self.steps[to].makes_room_for.is_empty() => ": AWS has no room for both".to_owned(),
            Some(why) => format!(": {why}"),
            None => String::new(),
        };
        let other = &self.steps[from].address;
        let gap = match why {
            Why::Keeps => format!("takes away for a moment what {other} gives only later{because}"),
            Why::Bounds { .. } => {
                format!("allows for a moment what neither side does, as it cannot wait for {other}{because}")
            }
            Why::Whole => {
                format!("allows for a moment more or less than both sides do, as it cannot wait for {other}{because}")
            }
        };
        self.gaps.insert((to, gap));
    }
}
