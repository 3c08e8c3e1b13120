//! What we show to users works as it is shown: each example, and the commands of the README.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::many;
use crate::moto::Moto;
use crate::scene::{Run, Scene};

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn copy(scene: &Scene, from: &Path, to: &str) {
    for entry in std::fs::read_dir(from).expect("a folder").flatten() {
        let name = format!("{to}{}", entry.file_name().display());
        match entry.path().is_dir() {
            true => copy(scene, &entry.path(), &format!("{name}/")),
            false => scene.write(&name, &std::fs::read_to_string(entry.path()).expect("a text")),
        }
    }
}

fn examples() -> Vec<String> {
    let entries = std::fs::read_dir(repository().join("examples")).expect("examples").flatten();
    let folders = entries.filter(|entry| entry.path().is_dir());
    let mut names: Vec<String> = folders.map(|folder| folder.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Applies an example, demands that the next plan is empty, and destroys it.
fn tried(scene: &Scene, name: &str) {
    copy(scene, &repository().join("examples").join(name), "");
    scene.run("validate").expect(0);
    assert!(!scene.steps().is_empty(), "{name} asks for nothing");
    scene.apply();
    scene.destroy();
    assert_eq!(scene.everything(), [""; 0], "{name} leaves something");
}

#[test]
fn every_example_is_applied_and_destroyed() {
    many::each(&examples(), |name| tried(&Scene::new(), name));
}

#[test]
fn every_example_is_applied_and_destroyed_on_a_server_that_we_did_not_write() {
    // One after another on one server, as emptying it takes longer than an example: each leaves it as it was.
    let moto = Moto::new();
    examples().iter().for_each(|name| tried(&moto.scene(), name));
}

/// Returns the lines of the README's blocks that stand under `<!-- test: run -->`.
fn commands(text: &str) -> Vec<&str> {
    let marked = text.split("<!-- test: run -->\n```sh\n").skip(1);
    marked.filter_map(|rest| rest.split("```").next()).flat_map(str::lines).collect()
}

#[test]
fn the_readmes_commands_work_as_written() {
    let readme = std::fs::read_to_string(repository().join("README.md")).expect("the README");
    let commands = commands(&readme);
    assert!(!commands.is_empty(), "no block of the README is marked to be run");
    let scene = Scene::new();
    copy(&scene, &repository().join("examples"), "examples/");
    let binary = Path::new(env!("CARGO_BIN_EXE_seqera-iam"));
    let binaries = binary.parent().expect("a folder").display();
    for command in commands {
        // What `cargo run` would build is built already.
        let typed = command.replace("cargo run --", "seqera-iam");
        let mut shell = Command::new("sh");
        shell.args(["-euc", &typed]).current_dir(scene.path("")).stdin(Stdio::null()).env_clear();
        shell.env("PATH", format!("{binaries}:/usr/bin:/bin")).env("HOME", scene.path(""));
        let run = Run::of(shell.output().expect("a shell"));
        assert_eq!(run.code, 0, "{command}\n{}{}", run.stdout, run.stderr);
    }
    assert_eq!(scene.everything(), [""; 0], "what was tried is destroyed in the end");
}

#[test]
fn the_readmes_manifests_are_valid() {
    let readme = std::fs::read_to_string(repository().join("README.md")).expect("the README");
    let blocks = readme.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let manifests: Vec<&str> = blocks.filter(|block| block.starts_with("apiVersion:")).collect();
    assert!(manifests.len() >= 2, "{manifests:?}");
    for manifest in manifests {
        let scene = Scene::new();
        scene.manifest(manifest);
        scene.run("validate").expect(0);
        scene.apply();
    }
}
