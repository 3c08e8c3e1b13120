//! The simulation, which plays many more lives elsewhere, can be trusted: a seed is one life, always.

use std::process::Command;

use crate::scene::Run;

fn simulate(args: &[&str]) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_simulate"));
    Run::of(command.args(args).args(["--jobs", "1"]).output().expect("the binary runs"))
}

#[test]
fn lives_end_well_and_repeat() {
    let told = || {
        let run = simulate(&["--from", "20", "--seeds", "5", "--verbose"]);
        assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
        // The last line says how long it took.
        run.stdout.rsplit_once("5 seeds").expect("a count").0.to_owned()
    };
    let (first, again) = (told(), told());
    assert!(first.contains("killed") && first.contains("by hand"), "{first}");
    let difference = first.lines().zip(again.lines()).find(|(first, again)| first != again);
    assert_eq!(difference, None, "the same seed is another life");
    assert_eq!(first.len(), again.len());
}
