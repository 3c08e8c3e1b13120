//! The dependency graph for Graphviz and Mermaid. An arrow points from what is needed to what needs it.

use petgraph::dot::{Config, Dot};
use petgraph::visit::EdgeRef;

use crate::graph::Desired;

/// Returns the graph for `dot -Tsvg`.
pub fn dot(desired: &Desired) -> String {
    let dependencies = desired.dependencies();
    let graph = dependencies.graph.map(|_, address| address.to_string(), |_, ()| "");
    let label = |_, (_, address): (_, &String)| format!("label = {}", serde_json::Value::from(address.as_str()));
    let config = [Config::NodeNoLabel, Config::EdgeNoLabel];
    let drawn = Dot::with_attr_getters(&graph, &config, &|_, _| String::new(), &label).to_string();
    drawn.replacen("digraph {", "digraph {\n    rankdir = LR\n    node [shape = box, fontname = sans]", 1)
}

/// Returns the graph as GitHub and GitLab draw it in Markdown.
pub fn mermaid(desired: &Desired) -> String {
    let dependencies = desired.dependencies();
    let mut text = "flowchart LR\n".to_owned();
    for (address, node) in &dependencies.nodes {
        // Quotes end a label; Mermaid writes them as an entity.
        text += &format!("    n{}[\"{}\"]\n", node.index(), address.to_string().replace('"', "#quot;"));
    }
    for edge in dependencies.graph.edge_references() {
        text += &format!("    n{} --> n{}\n", edge.source().index(), edge.target().index());
    }
    text
}
