//! The words everything else is written in: addresses, values, schemas, resources.

pub mod account;
pub mod address;
pub mod issued;
pub mod live;
pub mod node;
pub mod resource;
pub mod schema;
pub mod state;
pub mod value;

pub use account::Account;
pub use address::Address;
pub use live::{Live, LiveState, Obstacle};
pub use node::{Entry, Node, NodeValue, PathSegment};
pub use resource::{ObjectId, Resource};
pub use schema::{Field, OnChange, Schema};
pub use state::{Record, State};
pub use value::{Attributes, Tags, Value, text};
