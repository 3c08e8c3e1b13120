//! `seqera-iam`: the IAM that Seqera Platform needs on AWS, declared in YAML, planned and applied.

pub mod apply;
pub mod cli;
pub mod cloud;
pub mod commands;
pub mod error;
pub mod graph;
pub mod kinds;
pub mod manifest;
pub mod model;
pub mod plan;
pub mod policy;
pub mod problem;
pub mod render;
pub mod state;
pub mod survey;
