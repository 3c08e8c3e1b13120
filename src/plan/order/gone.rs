//! What goes before its successor comes. Where the successor cannot be made then, the gap that it leaves stays open: so
//! it goes late, when all is done that the successor waits for, as far as that waits for nothing of it.

use std::collections::{BTreeSet, HashMap};

use petgraph::Direction;
use petgraph::algo::{DfsSpace, has_path_connecting};
use petgraph::graph::NodeIndex;
use petgraph::visit::EdgeRef;

use super::soft::PUT_BACK;
use super::{Edge, Ordering, Part};
use crate::kinds;
use crate::model::ObjectId;
use crate::plan::{Change, Step};

impl Ordering<'_> {
    /// Puts what goes first behind what comes before its successor, wherever that closes no circle.
    pub(super) fn gone_late(&mut self) {
        let wanted = self.wanted_before();
        let edges: Vec<_> = wanted.iter().map(|&(from, to)| self.graph.add_edge(from, to, Edge::Hard)).collect();
        let circle = self.circles();
        let closing: Vec<_> = wanted
            .into_iter()
            .zip(edges)
            .filter(|((from, to), _)| circle[from.index()] == circle[to.index()])
            .collect();
        let given: BTreeSet<_> = closing.iter().map(|(_, edge)| *edge).collect();
        self.graph.retain_edges(|_, edge| !given.contains(&edge));
        if closing.len() > PUT_BACK {
            return;
        }
        let mut space = DfsSpace::new(&self.graph);
        for ((from, to), _) in closing {
            if !has_path_connecting(&self.graph, to, from, Some(&mut space)) {
                self.graph.add_edge(from, to, Edge::Hard);
            }
        }
    }

    /// Returns what would be done before something that goes, and that.
    fn wanted_before(&self) -> BTreeSet<(NodeIndex, NodeIndex)> {
        let mut wanted = BTreeSet::new();
        let hanging = if self.gone.is_empty() { HashMap::new() } else { self.hanging() };
        for &(goes, comes) in &self.gone {
            // What it refers to and is new is whole by then: a profile gets no role that lacks its policies.
            let step = &self.steps[self.graph[comes].0];
            let needed = step.change.after().map(|after| self.needs(step, after)).unwrap_or_default();
            let parts = needed.iter().filter_map(|needed| hanging.get(&needed.id)).flatten();
            wanted.extend(parts.map(|&part| (part, goes)));
            let before = || self.graph.edges_directed(comes, Direction::Incoming);
            wanted.extend(before().map(|edge| (edge.source(), goes)));
            // What hangs on it, or holds it, has to go even before it.
            let holders = self.graph.edges_directed(goes, Direction::Incoming);
            let holders = holders.map(|edge| edge.source()).filter(|&holder| self.graph[holder].1 == Part::Remove);
            for holder in holders {
                let needed = before().filter(|edge| !matches!(edge.weight(), Edge::Soft(_)));
                wanted.extend(needed.map(|edge| (edge.source(), holder)));
            }
        }
        wanted.retain(|(from, to)| {
            from != to && !self.graph.contains_edge(*from, *to) && !self.graph.contains_edge(*to, *from)
        });
        wanted
    }

    /// Returns what comes to each owner that this plan makes.
    fn hanging(&self) -> HashMap<ObjectId, Vec<NodeIndex>> {
        let is_made = |step: &&Step| matches!(step.change, Change::Create { .. } | Change::Replace { .. });
        let made: BTreeSet<&ObjectId> =
            self.steps.iter().filter(is_made).filter_map(|step| step.made.as_ref()).collect();
        let mut hanging: HashMap<ObjectId, Vec<NodeIndex>> = HashMap::new();
        for step in self.steps.iter().filter(is_made) {
            let owner = step.made.as_ref().zip(step.change.after()).and_then(|(id, after)| kinds::owner(id, after));
            if let (Some(owner), Some(make)) = (owner.filter(|owner| made.contains(owner)), self.make_of(step)) {
                hanging.entry(owner).or_default().push(make);
            }
        }
        hanging
    }
}
