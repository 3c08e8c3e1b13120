//! Stories: what a user types and sees, byte for byte. Each folder of `cases/` is one, and each of `jobs/`: those are
//! whole jobs of people who set up Seqera Platform, in few lines. All of it is data. `UPDATE=1 cargo test stories`
//! writes anew what is there; an empty file is written too.
//!
//! | file | what |
//! |---|---|
//! | `world/` | the sandbox's account before anything happens |
//! | `first.yaml` | a manifest that was applied before |
//! | `by_hand.yaml` | calls to IAM that somebody made since |
//! | `seqera.yaml` | the manifest of the story |
//! | `beside/` | files that lie beside it |
//! | `faults` | what goes wrong in the sandbox |
//! | `consent` | how apply is told to go ahead although a brake holds: `--force` |
//! | `rollback` | what `policy rollback` is asked for |
//! | `validate.json` `drift.txt` `drift.json` `rollback.txt` `plan.txt` `plan.svg` `plan.json` `apply.txt` `destroy.txt` | what is printed, in this order |
//! | `state.json` | the state at the end |

use std::fmt;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use crate::scene::{Run, Scene};
use crate::{many, picture, schema};

/// What is printed, by which command, in the order in which they are typed.
const PRINTED: [(&str, &str); 9] = [
    ("validate.json", "validate --json"),
    ("drift.txt", "drift"),
    ("drift.json", "drift --json"),
    ("rollback.txt", "policy rollback"),
    ("plan.txt", "plan"),
    ("plan.svg", "plan --color always"),
    ("plan.json", "plan --json"),
    ("apply.txt", "apply --auto-approve --parallelism 1"),
    ("destroy.txt", "destroy --auto-approve --parallelism 1"),
];
const GIVEN: [&str; 8] =
    ["world", "first.yaml", "by_hand.yaml", "seqera.yaml", "beside", "faults", "consent", "rollback"];

struct Story(PathBuf);

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.file_name().expect("a name").to_string_lossy())
    }
}

impl Story {
    fn read(&self, name: &str) -> Option<String> {
        std::fs::read_to_string(self.0.join(name)).ok()
    }

    fn begin(&self) -> Scene {
        let faults = self.read("faults").unwrap_or_default();
        let quiet = Scene::with_faults("now=2026-01-01T00:00:00Z");
        quiet.lay(&self.0.join("world"), ".seqera-iam/sandbox");
        quiet.lay(&self.0.join("beside"), "");
        if let Some(first) = self.read("first.yaml") {
            quiet.manifest(&first);
            quiet.run("apply --auto-approve --parallelism 1").expect(0);
        }
        let by_hand: Vec<Json> =
            self.read("by_hand.yaml").map(|text| serde_yaml::from_str(&text).expect("calls")).unwrap_or_default();
        by_hand.iter().for_each(|call| drop(quiet.call(call)));
        quiet.manifest(&self.read("seqera.yaml").expect("a story has a manifest"));
        quiet.with_more_faults(faults.trim())
    }

    fn tell(&self) {
        let scene = self.begin();
        for (name, command) in PRINTED {
            let Some(golden) = self.read(name) else { continue };
            let more = match name {
                "apply.txt" => self.read("consent"),
                "rollback.txt" => self.read("rollback"),
                _ => None,
            };
            let run = scene.run(&format!("{command} {}", more.unwrap_or_default().trim()));
            self.compare(name, &golden, &printed(name, &run));
        }
        if let Some(golden) = self.read("state.json") {
            let state = scene.state();
            let rules: Json = serde_json::from_str(include_str!("../../state/schema.json")).expect("a schema");
            assert_eq!(schema::check(&rules, &state), [""; 0], "{self}: the state is not as its schema says");
            self.compare("state.json", &golden, &normal(&format!("{state:#}\n")));
        }
    }

    fn compare(&self, name: &str, golden: &str, actual: &str) {
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(self.0.join(name), actual).expect("goldens can be written");
        } else if golden != actual {
            let difference = similar::TextDiff::from_lines(golden, actual);
            panic!("{self}/{name}:\n{}", difference.unified_diff().header("expected", "printed"));
        }
    }
}

fn printed(name: &str, run: &Run) -> String {
    let text = match name.rsplit('.').next() {
        Some("svg") => {
            let all = format!("{}{}", run.stdout, run.stderr);
            return picture::svg(&normal(&all));
        }
        Some("json") => run.stdout.clone(),
        _ => {
            let errors = if run.stderr.is_empty() { String::new() } else { format!("[on stderr]\n{}", run.stderr) };
            format!("{}{errors}[exit {}]\n", run.stdout, run.code)
        }
    };
    normal(&text)
}

/// Puts words in the place of what differs from run to run: the lineage and how long something took.
fn normal(text: &str) -> String {
    // The stories do not say how they are told.
    let text = without_lineage(text).replace("seqera-iam --sandbox ", "seqera-iam ");
    let mut parts = text.split(" after ");
    let mut normal = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(0);
        match part[digits..].strip_prefix('s') {
            Some(rest) if digits > 0 => normal += &format!(" after [time]{rest}"),
            _ => normal += &format!(" after {part}"),
        }
    }
    normal
}

/// A lineage is a word of 16 hexadecimal digits; nothing else is.
fn without_lineage(text: &str) -> String {
    let is_lineage = |word: &str| word.len() == 16 && word.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let words = text.split_inclusive(|c: char| !c.is_ascii_alphanumeric());
    words
        .map(|piece| {
            let word = piece.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
            if is_lineage(word) { piece.replace(word, "[lineage]") } else { piece.to_owned() }
        })
        .collect()
}

/// Lines of YAML that a job takes.
const FEW: usize = 15;

fn stories() -> Vec<Story> {
    ["cases", "jobs"].into_iter().flat_map(stories_of).collect()
}

fn stories_of(folder: &str) -> Vec<Story> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite").join(folder);
    let mut stories: Vec<Story> =
        std::fs::read_dir(folder).expect("a folder of stories").flatten().map(|entry| Story(entry.path())).collect();
    stories.sort_by(|a, b| a.0.cmp(&b.0));
    stories
}

#[test]
fn stories_are_told_as_ever() {
    many::each(&stories(), Story::tell);
}

#[test]
fn a_job_takes_few_lines() {
    for job in stories_of("jobs") {
        for name in ["first.yaml", "seqera.yaml"] {
            let text = job.read(name).unwrap_or_default();
            let lines = text.lines().filter(|line| !line.trim_start().starts_with('#')).count();
            assert!(lines <= FEW, "{job}/{name} has {lines} lines of YAML");
        }
    }
}

/// Every folder is a story, every file in it is used, and every story has something to compare.
#[test]
fn no_case_is_orphaned() {
    let stories = stories();
    assert!(stories.len() >= 8, "{} stories", stories.len());
    for story in &stories {
        let files: Vec<String> = std::fs::read_dir(&story.0)
            .unwrap_or_else(|e| panic!("{story}: {e}"))
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        let (given, golden): (Vec<&String>, Vec<&String>) =
            files.iter().partition(|name| GIVEN.contains(&name.as_str()));
        assert!(given.iter().any(|name| *name == "seqera.yaml"), "{story} has no manifest");
        assert!(!golden.is_empty(), "{story} compares nothing");
        let known = |name: &str| name == "state.json" || PRINTED.iter().any(|(printed, _)| *printed == name);
        let unused: Vec<_> = golden.into_iter().filter(|name| !known(name)).collect();
        assert!(unused.is_empty(), "{story}: {unused:?}");
    }
}
