//! The secret of an access key: handed over once, and nowhere else where anybody could look.

use std::process::{Command, Stdio};

use crate::access_keys::{HEAD, TO_FILE, TWO, WITHOUT};
use crate::interruption::{Running, wait_for};
use crate::listen::Port;
use crate::scene::{Run, Scene};

#[test]
fn a_secret_for_the_terminal_needs_one() {
    let scene = Scene::new();
    scene.manifest(&format!("{HEAD}{}", TO_FILE.replace("{file: ci.env}", "terminal")));
    scene.run("plan").expect(0).says("terminal");
    for verb in ["apply --auto-approve", "apply --auto-approve --json"] {
        scene.run(verb).expect(3).says("stdout is none");
    }
    assert!(scene.everything().is_empty());
}

fn said(run: &Run) -> String {
    format!("{}{}", run.stdout, run.stderr)
}

/// The secret is in its file and nowhere else that anybody could look into.
#[test]
fn the_secret_is_nowhere_else() {
    let scene = Scene::with_keys();
    let planned = scene.run("plan -v --out plan.bin --markdown plan.md");
    let applied = scene.run("apply --auto-approve -vv");
    applied.expect(0);
    let secret = scene.key().secret;
    // The part of it that is not the same in all secrets of the sandbox.
    let part = &secret[8..17];
    let json = scene.run("plan --json");
    let reports = [&planned, &applied, &json].map(said);
    let mut texts: Vec<String> = reports.to_vec();
    for folder in ["state", ".seqera-iam"] {
        texts.extend(scene.snapshot(folder).into_values());
    }
    texts.extend(["plan.bin", "plan.md", "state/keys.json"].map(|name| scene.read(name)));
    scene.manifest(&format!("{HEAD}{WITHOUT}"));
    texts.push(said(scene.run("apply --auto-approve --json -vv").expect(0)));
    assert!(texts.iter().all(|text| !text.contains(part)), "{texts:#?}");
}

/// The journal of a run that was killed after a hand-over.
#[test]
fn the_secret_is_not_in_a_journal() {
    let scene = Scene::new();
    scene.manifest(&format!("{HEAD}{TWO}"));
    let killed = scene.run_with("kill_write=4:before", "apply --auto-approve --parallelism 1 -vv");
    killed.expect(137);
    let secret = scene.key().secret;
    let part = &secret[8..17];
    let journal = scene.read("state/keys.json.journal");
    assert!(journal.contains(r#""delivered":"yes""#), "{journal}");
    for text in [&journal, &said(&killed)].into_iter().chain(scene.snapshot(".seqera-iam").values()) {
        assert!(!text.contains(part), "{text}");
    }
    scene.apply();
    scene.expect_one_key();
    let rotated = [scene.run("key rotate ci -vv"), scene.run("key rotate cj --json -vv")];
    let part = scene.key().secret[8..17].to_owned();
    assert!(rotated.iter().all(|run| !said(run.expect(0)).contains(&part)));
}

/// The same run, as a shell starts it that lets cores be written.
fn with_cores(command: &Command) -> Command {
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", "ulimit -c unlimited; exec \"$@\"", "sh"]).arg(command.get_program()).args(command.get_args());
    shell.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell.current_dir(command.get_current_dir().expect("a folder")).stdin(Stdio::null());
    shell
}

fn cores(scene: &Scene) -> usize {
    let entries = std::fs::read_dir(scene.path("")).expect("a folder").flatten();
    entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("core")).count()
}

/// The answer with the secret may still be in memory when the run crashes: nobody gets to see that memory.
#[cfg(target_os = "linux")]
#[test]
fn a_run_that_crashes_leaves_no_core() {
    let account = Scene::new();
    let port = Port::open(&account, "latency=300ms", &[]);
    let scene = port.scene();
    scene.manifest(&format!("{HEAD}{TWO}"));
    let run = Running::of(&scene, with_cores(&scene.command(["apply", "--auto-approve", "--parallelism", "1"])));
    wait_for("key", || scene.path("ci.env").exists());
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", run.id())).expect("limits");
    let of_cores = limits.lines().find(|line| line.starts_with("Max core file size")).expect("a limit");
    assert_eq!(of_cores.split_whitespace().collect::<Vec<_>>()[4..6], ["0", "0"], "{of_cores}");
    // Who may raise the limit from outside, as root does, gets none either.
    let raised = Command::new("prlimit").args(["--core=unlimited", "--pid", &run.id().to_string()]).status();
    run.signal("-ABRT");
    assert_eq!(run.end().code, -1, "it was killed by a signal");
    assert_eq!(cores(&scene), 0);
    // Whether this machine would have written one.
    let mut crash = Command::new("/bin/sh");
    let crash = with_cores(crash.args(["-c", "kill -ABRT $$"]).current_dir(scene.path(""))).status();
    crash.expect("a shell");
    if cores(&scene) == 0 || !raised.is_ok_and(|status| status.success()) {
        eprintln!("skipped in part: here nobody writes cores into the working directory, or may raise their limit");
    }
}
