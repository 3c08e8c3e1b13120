//! `graph`: what depends on what, for Graphviz or Mermaid. Asks nothing of AWS.

use super::{Exit, Output, session};
use crate::cli::{Global, GraphArgs, GraphFormat};
use crate::error::Result;
use crate::render::graph;

pub async fn run(global: &Global, args: &GraphArgs, output: &Output) -> Result<Exit> {
    let desired = session::declared(global)?.desired()?;
    let text = match args.format {
        GraphFormat::Dot => graph::dot(&desired),
        GraphFormat::Mermaid => graph::mermaid(&desired),
    };
    output.say(&text)?;
    Ok(Exit::Done)
}
