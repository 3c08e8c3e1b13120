//! Policy documents: what they mean, whether AWS takes them, how two of them differ.

mod canonical;
pub mod condition;
mod date;
pub mod diff;
pub mod difference;
pub mod document;
pub mod evaluate;
pub mod findings;
pub mod grants;
pub mod json;
mod label;
pub mod limits;
pub mod managed;
pub mod pattern;
mod principal;
pub mod reference;
pub mod shift;
pub mod split;
mod spot;
pub mod statement;
pub mod validate;

pub use crate::model::PathSegment;
pub use diff::{DocumentChange, diff};
pub use document::{Document, Host};
pub use findings::{Finding, findings};
pub use grants::{Grant, grants};
pub use validate::{Fault, validate, validate_text};
