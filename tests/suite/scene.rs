//! A sealed place to run the binary in: its own folder, home, sandbox account and environment.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value as Json;
use tempfile::TempDir;

/// A working directory with a `seqera.yaml` and a sandbox of its own.
pub struct Scene {
    folder: TempDir,
    target: Target,
    /// What goes wrong in every run, as `SEQERA_IAM_SANDBOX` has it.
    faults: String,
}

/// Which IAM answers.
#[derive(Clone)]
pub enum Target {
    Sandbox,
    /// A server at this address, reached as AWS is.
    Endpoint(String),
}

/// What a run printed and how it ended.
pub struct Run {
    pub stdout: String,
    pub stderr: String,
    pub code: i32,
}

impl Scene {
    pub fn new() -> Self {
        Self::at(Target::Sandbox)
    }

    pub fn at(target: Target) -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder"), target, faults: String::new() }
    }

    /// A scene in which every run has these faults.
    pub fn with_faults(faults: &str) -> Self {
        Self { faults: faults.to_owned(), ..Self::new() }
    }

    /// The same scene from now on with these faults as well.
    pub fn with_more_faults(mut self, faults: &str) -> Self {
        self.faults = format!("{},{faults}", self.faults);
        self
    }

    /// Puts a folder of files into the scene; one that does not exist is empty.
    pub fn lay(&self, from: &Path, name: &str) {
        if from.exists() {
            std::fs::create_dir_all(self.path(name)).expect("folders can be made");
            copy_folder(from, &self.path(name));
        }
    }

    /// Returns another scene that begins where this one is.
    pub fn copy(&self) -> Self {
        let copy = Self { faults: self.faults.clone(), ..Self::at(self.target.clone()) };
        copy_folder(self.folder.path(), copy.folder.path());
        copy
    }

    /// Returns what goes wrong in every run.
    pub fn faults(&self) -> &str {
        &self.faults
    }

    pub fn target(&self) -> &Target {
        &self.target
    }

    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("folders can be made");
        std::fs::write(path, text).expect("files can be written");
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    pub fn manifest(&self, text: &str) {
        self.write("seqera.yaml", text);
    }

    pub fn command<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_seqera-iam"));
        command.args(args).current_dir(self.folder.path()).env_clear().stdin(Stdio::null());
        command.env("HOME", self.folder.path()).env("COLUMNS", "100");
        if !self.faults.is_empty() {
            command.env("SEQERA_IAM_SANDBOX", &self.faults);
        }
        match &self.target {
            Target::Sandbox => command.arg("--sandbox"),
            Target::Endpoint(url) => command
                .env("AWS_ENDPOINT_URL", url)
                .env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
                .env("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
                .env("AWS_REGION", "us-east-1"),
        };
        command
    }

    /// Runs `seqera-iam ARGS`, the arguments separated by blanks.
    pub fn run(&self, args: &str) -> Run {
        Run::of(self.command(args.split_whitespace()).output().expect("the binary runs"))
    }

    /// Runs with faults in the sandbox, as `SEQERA_IAM_SANDBOX` has them.
    pub fn run_with(&self, faults: &str, args: &str) -> Run {
        let mut command = self.command(args.split_whitespace());
        Run::of(command.env("SEQERA_IAM_SANDBOX", faults).output().expect("the binary runs"))
    }

    /// Applies without asking, whatever brakes hold, and demands that it works and that the next plan is empty.
    pub fn apply(&self) -> Run {
        let run = self.run("apply --auto-approve --force");
        run.expect(0);
        self.expect_no_changes();
        run
    }

    /// Destroys without asking and demands that nothing is left.
    pub fn destroy(&self) -> Run {
        let run = self.run("destroy --auto-approve");
        run.expect(0);
        run
    }

    pub fn plan(&self) -> Json {
        let run = self.run("plan --json");
        run.expect(0);
        serde_json::from_str(&run.stdout).unwrap_or_else(|e| panic!("{e}: {}", run.stdout))
    }

    /// Demands that the plan is empty.
    pub fn expect_no_changes(&self) {
        let run = self.run("plan --detailed-exitcode");
        assert_eq!(run.code, 0, "the plan is not empty:\n{}{}", run.stdout, run.stderr);
        assert!(run.stdout.contains("No changes. Your IAM matches the manifest."), "{}", run.stdout);
    }

    /// Returns `action address` of each step of the plan.
    pub fn steps(&self) -> Vec<String> {
        steps(&self.plan())
    }

    /// Returns the names of the sandbox's objects of one collection: `roles`, `policies` …
    pub fn held(&self, collection: &str) -> Vec<String> {
        let folder = self.path(format!(".seqera-iam/sandbox/{collection}"));
        let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
        let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
        let mut names: Vec<String> = names.filter_map(|name| name.strip_suffix(".json").map(str::to_owned)).collect();
        names.sort();
        names
    }

    /// Returns the text of every file of a folder, hidden ones left out, by its path there.
    pub fn snapshot(&self, folder: &str) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        let mut folders = vec![self.path(folder)];
        while let Some(next) = folders.pop() {
            let Ok(entries) = std::fs::read_dir(&next) else { continue };
            for path in entries.flatten().map(|entry| entry.path()) {
                let name = path.strip_prefix(self.path(folder)).expect("inside").to_string_lossy().into_owned();
                if path.is_dir() {
                    folders.push(path);
                } else if !name.starts_with('.') && !name.ends_with(".lock") {
                    found.insert(name, std::fs::read_to_string(&path).expect("a file"));
                }
            }
        }
        found
    }

    /// Returns all that the sandbox's account holds, file by file.
    pub fn account(&self) -> BTreeMap<String, String> {
        self.snapshot(".seqera-iam/sandbox")
    }

    /// Demands that an object of the sandbox holds at least this.
    #[track_caller]
    pub fn expect_held(&self, object: &str, expected: &Json) {
        let Some(text) = self.account().remove(&format!("{object}.json")) else {
            assert!(expected.is_null(), "there is no {object}");
            return;
        };
        let held: Json = serde_json::from_str(&text).expect("the sandbox keeps JSON");
        assert!(holds(&held, expected), "{object} is not\n{expected:#}\nbut\n{held:#}");
    }

    /// Returns the one state of the scene.
    pub fn state(&self) -> Json {
        let states = self.snapshot("state");
        let (_, text) = states.iter().find(|(name, _)| name.ends_with(".json")).expect("a state");
        serde_json::from_str(text).expect("the state is JSON")
    }

    /// Takes over the state that another scene was left with.
    pub fn take_state_of(&self, other: &Scene) {
        for (name, text) in other.snapshot("state") {
            self.write(&format!("state/{name}"), &text);
        }
    }

    /// Forgets the state, as if its disk had been lost.
    pub fn lose_state(&self) {
        // There is none when the first run died before it had anything to say.
        let _ = std::fs::remove_dir_all(self.path("state"));
    }
}

impl Run {
    pub fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        Self { stdout: text(output.stdout), stderr: text(output.stderr), code: output.status.code().unwrap_or(-1) }
    }

    /// Demands this exit code.
    #[track_caller]
    pub fn expect(&self, code: i32) -> &Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    #[track_caller]
    pub fn says(&self, text: &str) -> &Self {
        let all = format!("{}{}", self.stdout, self.stderr);
        assert!(all.contains(text), "`{text}` is not in:\n{all}");
        self
    }

    #[track_caller]
    pub fn says_all(&self, texts: &[String]) -> &Self {
        for text in texts {
            self.says(text);
        }
        self
    }
}

fn copy_folder(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).expect("a folder").flatten() {
        let (path, copy) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            std::fs::create_dir_all(&copy).expect("folders can be made");
            copy_folder(&path, &copy);
        } else {
            std::fs::copy(&path, &copy).expect("files can be copied");
        }
    }
}

/// Says whether `held` has all that `expected` has; `null` is what it must not have.
fn holds(held: &Json, expected: &Json) -> bool {
    match (held, expected) {
        (Json::Object(held), Json::Object(expected)) => {
            expected.iter().all(|(key, expected)| holds(held.get(key).unwrap_or(&Json::Null), expected))
        }
        _ => held == expected,
    }
}

/// Returns `action address` of each step.
pub fn steps(plan: &Json) -> Vec<String> {
    let word = |step: &Json, key: &str| step[key].as_str().expect("a string").to_owned();
    let steps = plan["steps"].as_array().expect("a list of steps");
    steps.iter().map(|step| format!("{} {}", word(step, "action"), word(step, "address"))).collect()
}
