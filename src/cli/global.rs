//! The options of every command, on either side of the verb.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgAction, Args, CommandFactory, FromArgMatches, Parser, ValueEnum};

use super::{Cli, duration, pair};
use crate::plan::saved::Invocation;
use crate::survey::Reader;

/// Where `--sandbox` keeps its account when no folder is named.
pub const SANDBOX: &str = ".seqera-iam/sandbox";

/// Options of every command, before or after the verb.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Options for every command")]
pub struct Global {
    /// The manifest
    #[arg(short = 'f', long = "file", global = true, value_name = "FILE", default_value = Invocation::DEFAULT_FILE)]
    pub file: PathBuf,
    /// Sets a parameter of the manifest
    #[arg(short = 'p', long = "param", global = true, value_name = "K=V", value_parser = pair)]
    pub param: Vec<(String, String)>,
    /// Reads parameters from a YAML file
    #[arg(long, global = true, value_name = "FILE")]
    pub params: Vec<PathBuf>,
    /// Where the state is kept [default: state/<name>.json beside the manifest]
    #[arg(long, global = true, value_name = "LOCATION")]
    pub state: Option<String>,
    /// Runs against an embedded AWS, kept in DIR [.seqera-iam/sandbox]: no account, no network
    #[arg(long, global = true, value_name = "DIR", num_args = 0..=1, require_equals = true, default_missing_value = SANDBOX)]
    pub sandbox: Option<PathBuf>,
    /// Prints JSON for programs
    #[arg(long, global = true)]
    pub json: bool,
    /// When to use colours; NO_COLOR is obeyed
    #[arg(long, global = true, value_enum, default_value = "auto", value_name = "WHEN")]
    pub color: Color,
    /// AWS calls at a time
    #[arg(long, global = true, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=100))]
    pub parallelism: u16,
    /// How to read AWS [default: whichever takes fewer calls]
    #[arg(long, global = true, value_enum, value_name = "READER")]
    pub reader: Option<Reader>,
    /// How long to wait for another run to free the state, such as 30s or 5m
    #[arg(long, global = true, value_name = "DURATION", default_value = "0s", value_parser = duration)]
    pub lock_timeout: Duration,
    /// Shows whole documents and text diffs; -vv says no more
    #[arg(short = 'v', long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
    /// The AWS profile to use
    #[arg(long, global = true, value_name = "NAME")]
    pub profile: Option<String>,
    /// The AWS region to sign for; IAM itself is global
    #[arg(long, global = true, value_name = "REGION")]
    pub region: Option<String>,
}

impl Global {
    /// Returns the options that say which deployment and which AWS this run is about, as they would be typed again;
    /// empty where none were given.
    pub fn again(&self) -> String {
        let mut words: Vec<String> = Vec::new();
        let mut option = |name: &str, value: &str| words.extend([name.to_owned(), quoted(value)]);
        if self.file != Path::new(Invocation::DEFAULT_FILE) {
            option("-f", &self.file.display().to_string());
        }
        self.params.iter().for_each(|file| option("--params", &file.display().to_string()));
        self.param.iter().for_each(|(name, value)| option("-p", &format!("{name}={value}")));
        let named = [("--state", &self.state), ("--profile", &self.profile), ("--region", &self.region)];
        named.iter().for_each(|(name, value)| value.iter().for_each(|value| option(name, value)));
        match &self.sandbox {
            Some(folder) if folder == Path::new(SANDBOX) => words.push("--sandbox".to_owned()),
            Some(folder) => words.push(format!("--sandbox={}", quoted(&folder.display().to_string()))),
            None => {}
        }
        words.join(" ")
    }
}

impl Cli {
    /// Reads what was typed. clap takes an option of every command from the last side of the verb on which it stands: here
    /// those that may be repeated count on both, and another one is refused there as it is on one side.
    pub fn read(typed: impl IntoIterator<Item = impl Into<OsString>>) -> Result<Self, clap::Error> {
        let typed: Vec<OsString> = typed.into_iter().map(Into::into).collect();
        let matches = Self::command().try_get_matches_from(&typed)?;
        let mut cli = Self::from_arg_matches(&matches)?;
        let mut before_verb = BeforeVerb::command();
        let early = before_verb.try_get_matches_from_mut(&typed)?;
        for option in before_verb.get_arguments().filter(|it| matches!(it.get_action(), ArgAction::Set)) {
            let id = option.get_id().as_str();
            let values =
                |from: &clap::ArgMatches| from.get_raw(id).map(|raw| raw.map(OsString::from).collect::<Vec<_>>());
            if early.value_source(id) == Some(ValueSource::CommandLine) && values(&early) != values(&matches) {
                let twice = format!("the argument '{option}' cannot be used multiple times");
                return Err(Self::command().error(ErrorKind::ArgumentConflict, twice));
            }
        }
        let before = BeforeVerb::from_arg_matches(&early)?.global;
        join(before.param, &mut cli.global.param);
        join(before.params, &mut cli.global.params);
        Ok(cli)
    }
}

/// What stands before the verb.
#[derive(Debug, Parser)]
#[command(allow_external_subcommands = true)]
struct BeforeVerb {
    #[command(flatten)]
    global: Global,
}

/// Puts what stands before the verb in front of what stands behind it. Where nothing does, `all` is what stands before.
fn join<T: PartialEq>(before: Vec<T>, all: &mut Vec<T>) {
    if *all != before {
        all.splice(0..0, before);
    }
}

/// Writes a word as a shell reads it.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@,+%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Color {
    Auto,
    Always,
    Never,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Command;

    #[test]
    fn global_options_stand_before_or_after_the_verb() {
        for line in [["seqera-iam", "--sandbox=x", "plan"], ["seqera-iam", "plan", "--sandbox=x"]] {
            assert_eq!(Cli::parse_from(line).global.sandbox, Some(PathBuf::from("x")));
        }
        let bare = Cli::parse_from(["seqera-iam", "--sandbox", "plan"]);
        assert_eq!(bare.global.sandbox, Some(PathBuf::from(".seqera-iam/sandbox")));
        assert!(matches!(bare.command, Some(Command::Plan(_))));
    }

    #[test]
    fn what_to_type_next_is_about_the_same_deployment() {
        let again = |line: &str| Cli::parse_from(line.split('|')).global.again();
        assert_eq!(again("seqera-iam|plan|-v|--json|-f|seqera.yaml"), "");
        let line = "seqera-iam|plan|-f|it's.yaml|-p|env=prod|--sandbox|--state|s.json|-p|a=b c";
        assert_eq!(again(line), r"-f 'it'\''s.yaml' -p env=prod -p 'a=b c' --state s.json --sandbox");
        assert_eq!(again("seqera-iam|--sandbox=/x|--profile|dev|plan"), "--profile dev --sandbox=/x");
    }

    #[test]
    fn options_on_both_sides_of_the_verb_count_both() {
        let read = |line: &str| Cli::read(line.split(' ').map(str::to_owned));
        let again = |line: &str| read(line).expect("a command line").global.again();
        let (both, one) = ("-p a=1 --params x.yaml plan -p b=2 --params y.yaml -p a=3", "plan -p a=1 -p b=2");
        assert_eq!(again(&format!("seqera-iam {both}")), "--params x.yaml --params y.yaml -p a=1 -p b=2 -p a=3");
        assert_eq!(again(&format!("seqera-iam {one}")), "-p a=1 -p b=2");
        assert_eq!(again("seqera-iam -p a=1 -p b=2 policy rollback policies.x -v"), "-p a=1 -p b=2");
        assert_eq!(again("seqera-iam -f a.yaml --sandbox plan -f a.yaml"), "-f a.yaml --sandbox");
        for twice in ["-f a.yaml plan -f b.yaml", "--sandbox=a plan --sandbox", "--color never plan --color always"] {
            let refused = read(&format!("seqera-iam {twice}")).expect_err(twice).to_string();
            assert!(refused.contains("cannot be used multiple times"), "{refused}");
        }
    }
}
