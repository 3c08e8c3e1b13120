//! `seqera.yaml`: from text to the resources it asks for. All problems of a manifest come in one run.

pub mod declared;

pub use declared::{Declared, Reference, Said};
