//! The dependency graph for Graphviz and Mermaid. An arrow points from what is needed to what needs it; it is broken
//! where a trust policy names what may come later, so that roles may trust each other.

use petgraph::dot::{Config, Dot};
use petgraph::graph::DiGraph;
use petgraph::visit::EdgeRef;

use crate::graph::Desired;

/// Returns the graph for `dot -Tsvg`.
pub fn dot(desired: &Desired) -> String {
    let graph = drawn(desired);
    let label = |_, (_, address): (_, &String)| format!("label = {}", serde_json::Value::from(address.as_str()));
    let style = |_, edge: petgraph::graph::EdgeReference<'_, bool>| {
        (if *edge.weight() { "" } else { "style = dashed" }).to_owned()
    };
    let config = [Config::NodeNoLabel, Config::EdgeNoLabel];
    let drawn = Dot::with_attr_getters(&graph, &config, &style, &label).to_string();
    drawn.replacen("digraph {", "digraph {\n    rankdir = LR\n    node [shape = box, fontname = sans]", 1)
}

/// Returns the graph as GitHub and GitLab draw it in Markdown.
pub fn mermaid(desired: &Desired) -> String {
    let graph = drawn(desired);
    let mut text = "flowchart LR\n".to_owned();
    for node in graph.node_indices() {
        // Quotes end a label; Mermaid writes them as an entity.
        text += &format!("    n{}[\"{}\"]\n", node.index(), graph[node].replace('"', "#quot;"));
    }
    for edge in graph.edge_references() {
        let arrow = if *edge.weight() { "-->" } else { "-.->" };
        text += &format!("    n{} {arrow} n{}\n", edge.source().index(), edge.target().index());
    }
    text
}

/// Returns what is drawn; an edge says whether what it comes from has to exist before.
fn drawn(desired: &Desired) -> DiGraph<String, bool> {
    let dependencies = desired.dependencies();
    let mut graph = dependencies.graph.map(|_, address| address.to_string(), |_, ()| true);
    for (named, _, by) in desired.references().filter(|(_, held, _)| !*held) {
        if let (Some(from), Some(to)) = (dependencies.nodes.get(named), dependencies.nodes.get(by)) {
            graph.add_edge(*from, *to, false);
        }
    }
    graph
}
