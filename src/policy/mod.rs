//! Policy documents: what they mean, whether AWS takes them, how two of them differ.

pub mod document;
pub mod managed;

pub use document::{Document, Host};
