use std::process::ExitCode;

use clap::error::ErrorKind;
use seqera_iam::cli::Cli;
use seqera_iam::commands::{self, Exit, Output, signals};
use seqera_iam::error::{Error, Result};
use seqera_iam::secret;

fn main() -> ExitCode {
    let cli = match Cli::read(std::env::args_os()) {
        Ok(cli) => cli,
        Err(error) => {
            // Help may be piped into a pager that is gone.
            let _ = error.print();
            let asked = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            return if asked { ExitCode::SUCCESS } else { ExitCode::FAILURE };
        }
    };
    let output = Output::new(&cli.global);
    match run(cli, &output) {
        Ok(exit) => ExitCode::from(exit.code()),
        Err(error) => {
            output.error(&error);
            ExitCode::from(error.kind.exit_code())
        }
    }
}

fn run(cli: Cli, output: &Output) -> Result<Exit> {
    let cannot_start = |e| Error::failed("cannot start").caused_by(e);
    secret::keep_memory_private().map_err(cannot_start)?;
    signals::end_the_process();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(cannot_start)?;
    runtime.block_on(commands::run(cli, output))
}
