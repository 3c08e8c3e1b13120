//! One integration target; each module is one way to doubt the tool. Everything goes through the built
//! binary and the real SDK.

mod architecture;
mod faults;
mod hand;
mod interruption;
mod many;
mod safety;
mod scene;
mod schema;
mod spine;
mod stories;
mod worlds;
