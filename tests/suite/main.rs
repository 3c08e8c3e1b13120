//! One integration target; each module is one way to doubt the tool. Everything goes through the built
//! binary and the real SDK.

mod access_keys;
mod architecture;
mod begin;
mod blueprints;
mod deviations;
mod examples;
mod faults;
mod findings;
mod fuzz;
mod hand;
mod independent;
mod interruption;
mod key_rotation;
mod language;
mod listen;
mod many;
mod moto;
mod night;
mod permitted;
mod picture;
mod policy;
mod safety;
mod scene;
mod schema;
mod second_day;
mod second_opinion;
mod simulation;
mod spine;
mod state;
mod stories;
mod strangers;
mod takeover;
mod waiting;
mod wire;
mod worlds;
