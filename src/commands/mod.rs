//! One file for each verb. A command reads its arguments, asks the core, and says what came of it.

pub mod apply;
pub mod blueprint;
pub mod completions;
pub mod destroy;
pub mod drift;
pub mod graph;
pub mod import;
pub mod init;
pub mod key;
pub mod man;
mod output;
pub mod permissions;
pub mod plan;
pub mod policy;
mod progress;
pub mod sandbox;
pub mod schema;
mod session;
pub mod signals;
pub mod state;
pub mod validate;

pub use output::Output;

use crate::cli::{Cli, Command};
use crate::error::Result;

/// How a command ended when nothing went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Done,
    /// There are changes, and the caller asked to be told so.
    Changes,
    /// The answer to what was asked is no: documents differ, a check failed.
    No,
    /// Something failed on the way; it was said already.
    Failed,
    Interrupted,
}

impl Exit {
    pub fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Changes | Exit::No => 2,
            Exit::Failed => 1,
            Exit::Interrupted => 130,
        }
    }
}

/// Runs what was typed.
pub async fn run(cli: Cli, output: &Output) -> Result<Exit> {
    match &cli.command {
        None => {
            output.say(GREETING)?;
            Ok(Exit::Done)
        }
        Some(Command::Init(args)) => init::run(&cli.global, args, output),
        Some(Command::Blueprint(command)) => blueprint::run(&cli.global, command, output),
        Some(Command::Policy(command)) => policy::run(&cli.global, command, output).await,
        Some(Command::State(command)) => state::run(&cli.global, command, output).await,
        Some(Command::Permissions(command)) => permissions::run(command, output),
        Some(Command::Key(command)) => key::run(&cli.global, command, output).await,
        Some(Command::Schema) => schema::run(output),
        Some(Command::Completions(args)) => completions::run(args, output),
        Some(Command::Man(args)) => man::run(args, output),
        Some(Command::Plan(args)) => plan::run(&cli.global, args, output).await,
        Some(Command::Apply(args)) => apply::run(&cli.global, args, output).await,
        Some(Command::Destroy(args)) => destroy::run(&cli.global, args, output).await,
        Some(Command::Import(args)) => import::run(&cli.global, args, output).await,
        Some(Command::Drift) => drift::run(&cli.global, output).await,
        Some(Command::Graph(args)) => graph::run(&cli.global, args, output).await,
        Some(Command::Sandbox(args)) => sandbox::run(&cli.global, args, output).await,
        Some(Command::Validate) => validate::run(&cli.global, output).await,
    }
}

const GREETING: &str = "\
seqera-iam: the IAM that Seqera Platform needs on AWS, declared in YAML

  init        begin a seqera.yaml with a blueprint; blueprint list names them
  validate    check it without AWS
  plan        show what apply would do; changes nothing
  apply       plan, ask, and make it so
  destroy     remove all that the deployment owns
  import      write a manifest for roles that exist; apply then takes them over
  drift       what changed in AWS behind our back; exit 2 when anything did

Try it without an AWS account:

  seqera-iam init enterprise-instance-role -p buckets=acme-work
  seqera-iam apply --sandbox

seqera-iam --help names all commands, seqera-iam COMMAND --help says more.
";
