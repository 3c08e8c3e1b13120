//! Draws what the pure core found, for people and for programs.

pub mod problem;
