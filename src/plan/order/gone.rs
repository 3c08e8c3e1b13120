//! What goes before its successor comes. Where the successor cannot be made then, the gap that it leaves stays open: so
//! it goes late, when all is done that the successor waits for, as far as that waits for nothing of it.

use std::collections::BTreeSet;

use petgraph::Direction;
use petgraph::algo::{DfsSpace, has_path_connecting};
use petgraph::graph::NodeIndex;
use petgraph::visit::EdgeRef;

use super::soft::PUT_BACK;
use super::{Edge, Ordering, Part};

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
        for &(goes, comes) in &self.gone {
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
}
