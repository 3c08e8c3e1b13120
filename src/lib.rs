//! `seqera-iam`: the IAM that Seqera Platform needs on AWS, declared in YAML, planned and applied.
//!
//! # Layout
//!
//! `manifest` reads what the user wrote, `graph` is the wish, `survey` reads what AWS holds, `state` is what
//! we wrote last; `plan` compares the three, `render` shows the plan, `apply` carries it out. `kinds` holds
//! one file for each kind of AWS object, `policy` knows what documents mean, `cloud` is the door to AWS, and
//! `sandbox` an AWS to try things on. `model`, `policy`, `manifest`, `graph`, `plan` and `render` are pure.

pub mod apply;
pub mod cli;
pub mod cloud;
pub mod commands;
pub mod delivery;
pub mod error;
pub mod graph;
pub mod kinds;
pub mod manifest;
pub mod model;
pub mod plan;
pub mod policy;
pub mod problem;
pub mod render;
pub mod rotation;
pub mod sandbox;
pub mod secret;
pub mod state;
pub mod survey;
