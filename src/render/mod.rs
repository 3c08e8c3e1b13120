//! From data to what people and programs read. Text carries colours as ANSI codes; whoever prints it
//! strips them where they are not wanted.

pub mod document;
pub mod graph;
pub mod human;
pub mod json;
pub mod markdown;
mod permissions;
pub mod problem;
pub mod spell;
pub mod theme;
pub mod wrap;
