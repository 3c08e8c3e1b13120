//! One integration target; each module is one way to doubt the tool. Everything goes through the built
//! binary and the real SDK.

mod architecture;
mod deviations;
mod faults;
mod hand;
mod independent;
mod interruption;
mod listen;
mod many;
mod moto;
mod safety;
mod scene;
mod spine;
mod strangers;
mod wire;
mod worlds;
