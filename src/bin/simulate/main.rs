//! Draws worlds, faults and kills from seeds and demands of each that the tool comes through: it converges,
//! the next plan is empty, nothing of others is touched, the state can always be read, a run does what its
//! plan says and nothing else, and nothing is made or removed twice on the way to one wish. A seed that
//! fails prints the command that repeats it: the same happens again, to the second.

mod draw;
mod hands;
mod keys;
mod law;
mod life;
mod second_day;
mod session;
mod weather;
mod witness;
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
    /// Threads; default: one for each core
    #[arg(long)]
    jobs: Option<usize>,
    /// Tells what each seed does
    #[arg(short, long)]
    verbose: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let began = Instant::now();
    let jobs = args.jobs.or_else(|| std::thread::available_parallelism().ok().map(std::num::NonZero::get)).unwrap_or(1);
    let (next, failures, runs) = (AtomicU64::new(args.from), AtomicU64::new(0), AtomicU64::new(0));
    let end = args.from.saturating_add(args.seeds);
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        break;
                    }
                    if seed > args.from && (seed - args.from).is_multiple_of(1000) {
                        eprintln!("{} seeds, {:.0} s", seed - args.from, began.elapsed().as_secs_f64());
                    }
                    match played(seed, args.verbose) {
                        Ok(count) => drop(runs.fetch_add(count, Ordering::Relaxed)),
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
    let (failed, runs) = (failures.load(Ordering::Relaxed), runs.load(Ordering::Relaxed));
    println!(
        "{} seeds from {}, {runs} runs, {failed} failed, {:.1} s",
        args.seeds,
        args.from,
        began.elapsed().as_secs_f64()
    );
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A panic is the end of one seed.
fn played(seed: u64, verbose: bool) -> Result<u64, String> {
    std::panic::catch_unwind(|| life::play(seed, verbose)).unwrap_or_else(|_| Err("it panicked".to_owned()))
}
