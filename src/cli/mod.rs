//! What can be typed. The doc comments here are the help texts.

mod global;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use global::{Color, Global, SANDBOX, quoted};

/// The IAM that Seqera Platform needs on AWS, declared in YAML.
#[derive(Debug, Parser)]
#[command(name = "seqera-iam", version, about, max_term_width = 100, disable_help_subcommand = true)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Writes a commented manifest that uses a blueprint; never overwrites
    Init(InitArgs),
    /// Shows what apply would do; changes nothing
    Plan(PlanArgs),
    /// Plans, asks, and makes it so
    Apply(ApplyArgs),
    /// Removes all that the deployment owns
    Destroy(DestroyArgs),
    /// Writes a manifest for roles that exist and what they hold; apply then takes them over
    Import(ImportArgs),
    /// Says what changed in AWS since we wrote it; changes nothing; exit 2 when anything did
    Drift,
    /// Checks everything that can be known without AWS
    Validate,
    /// The built-in Seqera setups: their parameters, and what they ask for
    #[command(subcommand)]
    Blueprint(BlueprintCommand),
    /// One policy document at a time: what changed, whether AWS takes it, what it allows
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// The state: what the deployment last asked AWS for
    #[command(subcommand)]
    State(StateCommand),
    /// Prints the IAM policy that this program itself needs
    #[command(subcommand)]
    Permissions(PermissionsCommand),
    /// Access keys of users
    #[command(subcommand)]
    Key(KeyCommand),
    /// Prints the JSON Schema of the manifest, for editors
    Schema,
    /// Prints what a shell needs to complete commands and options
    Completions(CompletionsArgs),
    /// Prints a manual page
    Man(ManArgs),
    /// Prints what depends on what
    Graph(GraphArgs),
    /// Serves the embedded AWS (IAM, STS, tag:GetResources) to other tools on one port
    Sandbox(SandboxArgs),
}

#[derive(Debug, Args)]
pub struct InitArgs {
    /// A blueprint, as `blueprint list` names it; several: permissions, and who gets them
    #[arg(value_name = "BLUEPRINT", required = true)]
    pub blueprints: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub enum BlueprintCommand {
    /// Names them all
    List,
    /// Shows the parameters of one, and with -v its text
    Show {
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Prints what one asks for with these parameters
    Render {
        #[arg(value_name = "NAME")]
        name: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum PermissionsCommand {
    /// To plan: it only reads
    Plan,
    /// To apply and to destroy: bound to a path, to what it owns, and to new roles and users under a boundary
    Apply {
        /// The path of what it makes; what carries no deployment's tag in it may be taken over, so have nothing else there
        #[arg(long, value_name = "PATH", default_value = "/")]
        path: String,
        /// The one deployment that it may change
        #[arg(long, value_name = "NAME")]
        deployment: Option<String>,
        /// The permissions boundary that each role and user it makes must have
        #[arg(long, value_name = "ARN")]
        boundary: String,
        /// A role or policy that holds these permissions, which it may not change
        #[arg(long, value_name = "ARN")]
        holder: Vec<String>,
    },
}

#[derive(Debug, Subcommand)]
pub enum StateCommand {
    /// Names everything in it by its address, with what AWS knows it by
    List,
    /// Shows what it says of one address
    Show {
        #[arg(value_name = "ADDR")]
        address: String,
    },
    /// Prints it, as a file that `push` takes
    Pull,
    /// Puts a file in its place; what was there is kept beside it. Another deployment, an older one: refused
    Push {
        /// A state as `pull` prints it; `-` reads it from stdin
        #[arg(value_name = "FILE")]
        pushed: PathBuf,
    },
    /// Makes it anew: from AWS what carries the deployment's tags and the manifest says, from the old one what AWS does not tell
    Rebuild {
        /// Something of ours that the manifest does not say, by address or ARN, to be recorded: the next apply deletes it
        #[arg(value_name = "ADDR|ARN")]
        named: Vec<String>,
    },
    /// Says whether the lock of this id is held, and how to end it: it ends with its process
    Unlock {
        /// The number of the process that holds it
        #[arg(value_name = "ID")]
        id: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// Says what B says otherwise than A, by meaning; exit 2 when they differ
    Diff {
        #[arg(value_name = "A")]
        before: PathBuf,
        #[arg(value_name = "B")]
        after: PathBuf,
    },
    /// Says whether AWS takes a document; exit 2 when it does not
    Validate(PolicyValidateArgs),
    /// Decides whether policies allow a request, and says why
    Simulate(SimulateArgs),
    /// Makes an earlier version of one of our managed policies the default, after showing what that changes
    Rollback(RollbackArgs),
}

#[derive(Debug, Args)]
pub struct RollbackArgs {
    /// Where it stands in the manifest: policies.reads
    #[arg(value_name = "ADDR")]
    pub address: String,
    /// Such as v3 [default: the one before the version that is in force]
    #[arg(value_name = "VERSION")]
    pub version: Option<String>,
    /// Do not ask
    #[arg(long)]
    pub auto_approve: bool,
}

#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Makes a second key, hands it over, proves it, and switches the old one off; a later run deletes that
    Rotate {
        /// A user's address or its name in AWS; the address of a key where it has several
        #[arg(value_name = "USER")]
        user: String,
        /// How long the old key is kept, switched off, before a later run deletes it [default: 24h]
        #[arg(long, value_name = "DURATION", value_parser = duration)]
        grace: Option<Duration>,
    },
}

#[derive(Debug, Args)]
pub struct PolicyValidateArgs {
    /// Strict JSON; YAML in a file that ends in .yaml or .yml
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// What the document is for
    #[arg(long, value_enum, value_name = "KIND")]
    pub kind: PolicyKind,
    /// Where an identity policy is put; its size is checked then
    #[arg(long, value_enum, value_name = "HOST")]
    pub host: Option<PolicyHost>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PolicyKind {
    Identity,
    Trust,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PolicyHost {
    Managed,
    InlineUser,
    InlineGroup,
    InlineRole,
}

#[derive(Debug, Args)]
pub struct SimulateArgs {
    /// The identity policies of whoever asks
    #[arg(long, value_name = "FILE", num_args = 1.., required_unless_present = "cases")]
    pub policy: Vec<PathBuf>,
    /// Its permissions boundary
    #[arg(long, value_name = "FILE")]
    pub boundary: Option<PathBuf>,
    /// Such as s3:GetObject
    #[arg(long, value_name = "ACTION", required_unless_present = "cases")]
    pub action: Option<String>,
    /// An ARN, or * for an action that knows no resources
    #[arg(long, value_name = "ARN", required_unless_present = "cases")]
    pub resource: Option<String>,
    /// Who asks; nothing is derived from it
    #[arg(long, value_name = "ARN")]
    pub principal: Option<String>,
    /// A condition key and its value; several for a key with several values
    #[arg(long, value_name = "K=V", num_args = 1.., value_parser = pair)]
    pub context: Vec<(String, String)>,
    /// Decides a JSON list of cases instead
    #[arg(long, value_name = "FILE", conflicts_with_all = ["policy", "boundary", "action", "resource", "principal", "context"])]
    pub cases: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct CompletionsArgs {
    #[arg(value_enum, value_name = "SHELL")]
    pub shell: clap_complete::Shell,
}

#[derive(Debug, Args)]
pub struct ManArgs {
    /// Whose page [default: that of the program]: policy diff
    #[arg(value_name = "COMMAND")]
    pub command: Vec<String>,
}

#[derive(Debug, Args)]
pub struct PlanArgs {
    /// Saves the plan, so that `apply FILE` does exactly this or refuses
    #[arg(long, value_name = "FILE", value_parser = file_to_write)]
    pub out: Option<PathBuf>,
    /// Writes the plan as Markdown for a pull request; what one comment cannot hold goes to plan.2.md and so on
    #[arg(long, value_name = "FILE", value_parser = file_to_write)]
    pub markdown: Option<PathBuf>,
    /// Exit 2 when there are changes, 0 when there are none
    #[arg(long)]
    pub detailed_exitcode: bool,
}

#[derive(Debug, Args)]
pub struct ApplyArgs {
    /// A plan saved with `plan --out`: done without a question, and refused when it would be another one by now
    #[arg(value_name = "PLANFILE")]
    pub planfile: Option<PathBuf>,
    /// Refuse unless the plan has this digest, as `plan --json` prints it
    #[arg(long, value_name = "DIGEST")]
    pub expect: Option<String>,
    /// Do not ask
    #[arg(long)]
    pub auto_approve: bool,
    /// Go ahead though brakes hold; the plan names them
    #[arg(long)]
    pub force: bool,
    /// Go ahead though somebody lacks for a moment what both sides give, or holds what neither does; the plan names such gaps
    #[arg(long)]
    pub allow_gap: bool,
}

#[derive(Debug, Args)]
pub struct DestroyArgs {
    /// Do not ask for the deployment's name
    #[arg(long)]
    pub auto_approve: bool,
}

#[derive(Debug, Args)]
pub struct ImportArgs {
    /// Roles by their names
    #[arg(long, value_name = "NAME", num_args = 1.., required_unless_present = "prefix")]
    pub role: Vec<String>,
    /// All roles whose names begin with this
    #[arg(long, value_name = "P", conflicts_with = "role", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub prefix: Option<String>,
    /// The manifest to write; a file that is there is never overwritten
    #[arg(long, value_name = "FILE", value_parser = manifest_to_write)]
    pub out: PathBuf,
}

#[derive(Debug, Args)]
pub struct GraphArgs {
    /// For Graphviz (dot -Tsvg) or for Markdown
    #[arg(long, value_enum, default_value = "dot", value_name = "FORMAT")]
    pub format: GraphFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum GraphFormat {
    Dot,
    Mermaid,
}

#[derive(Debug, Args)]
pub struct SandboxArgs {
    /// An address of this machine; port 0 takes one that is free. Ctrl-C or SIGTERM ends it with exit 0
    #[arg(long, value_name = "127.0.0.1:PORT", value_parser = address)]
    pub listen: SocketAddr,
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected NAME=VALUE".to_owned()),
    }
}

fn address(text: &str) -> Result<SocketAddr, String> {
    let of_name = text.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
    of_name.as_deref().unwrap_or(text).parse().map_err(|_| "expected 127.0.0.1:PORT".to_owned())
}

fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is not a duration: write 30s, 5m or 1h");
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..digits].parse().map_err(|_| wrong())?;
    let unit = match &text[digits..] {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return Err(wrong()),
    };
    number.checked_mul(unit).map(Duration::from_secs).ok_or_else(wrong)
}

/// The plan itself is on stdout, and who types `-` does not want a file of that name.
fn file_to_write(text: &str) -> Result<PathBuf, String> {
    match text {
        "-" => Err("stdout shows the plan already: name a file, and `cat` it".to_owned()),
        path => Ok(path.into()),
    }
}

fn manifest_to_write(text: &str) -> Result<PathBuf, String> {
    match text {
        "" | "-" => Err("a manifest is a file: name one".to_owned()),
        path => Ok(path.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn an_address_has_a_port() {
        assert_eq!(address("localhost:0").unwrap().to_string(), "127.0.0.1:0");
        assert_eq!(address("[::1]:80").unwrap().to_string(), "[::1]:80");
        assert!(address("127.0.0.1").is_err() && address("example.org:80").is_err());
    }

    #[test]
    fn a_plan_is_not_written_to_stdout() {
        for option in ["--out", "--markdown"] {
            let refused = Cli::try_parse_from(["seqera-iam", "plan", option, "-"]).unwrap_err().to_string();
            assert!(refused.contains("name a file"), "{refused}");
            assert!(Cli::try_parse_from(["seqera-iam", "plan", option, "plan.md"]).is_ok());
        }
    }

    #[test]
    fn durations_have_units() {
        assert_eq!(duration("5m"), Ok(Duration::from_secs(300)));
        assert_eq!(duration("5"), Ok(Duration::from_secs(5)));
        assert!(duration("5x").is_err());
        assert!(duration("").is_err());
    }
}
