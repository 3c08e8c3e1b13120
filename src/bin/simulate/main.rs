//! Draws worlds, faults and kills from seeds and demands of each that the tool comes through: it converges,
//! the next plan is empty, nothing foreign is touched, the state can always be read, and nothing that the
//! manifest keeps is made again. A seed that fails prints the command that repeats it.

mod draw;
mod play;
mod world;

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use clap::Parser;

/// Simulates lives of deployments, each drawn from a seed.
#[derive(Parser)]
struct Args {
    /// How many seeds to play
    #[arg(long, default_value_t = 1000)]
    seeds: u64,
    /// The first seed
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Threads; default: eight for each core, as most of the time is spent waiting for the next try
    #[arg(long)]
    jobs: Option<usize>,
    /// Tells what each seed does
    #[arg(short, long)]
    verbose: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let began = Instant::now();
    let jobs =
        args.jobs.or_else(|| std::thread::available_parallelism().ok().map(|cores| cores.get() * 8)).unwrap_or(8);
    let (next, failures, applies) = (AtomicU64::new(args.from), AtomicU64::new(0), AtomicU64::new(0));
    let end = args.from.saturating_add(args.seeds);
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        break;
                    }
                    match play::play(seed, args.verbose) {
                        Ok(count) => drop(applies.fetch_add(count, Ordering::Relaxed)),
                        Err(why) => {
                            failures.fetch_add(1, Ordering::Relaxed);
                            eprintln!("seed {seed} failed: {why}");
                            eprintln!(
                                "  to repeat it:   cargo run --bin simulate -- --from {seed} --seeds 1 --verbose"
                            );
                        }
                    }
                }
            });
        }
    });
    let (failed, applies) = (failures.load(Ordering::Relaxed), applies.load(Ordering::Relaxed));
    println!(
        "{} seeds from {}, {applies} applies, {failed} failed, {:.1} s",
        args.seeds,
        args.from,
        began.elapsed().as_secs_f64()
    );
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
