//! The pure wall: the core knows no effect.

use std::path::{Path, PathBuf};

const PURE: [&str; 7] = ["model", "policy", "manifest", "graph.rs", "plan", "render", "problem.rs"];

/// What a pure file may not mention outside comments and its own tests.
const EFFECTS: [&str; 14] = [
    "async ",
    ".await",
    "tokio",
    "std::fs",
    "std::env",
    "std::io",
    "std::process",
    "std::net",
    "Instant::now",
    "SystemTime",
    "Timestamp::now",
    "println!",
    "print!",
    "crate::cloud",
];

fn source(root: &Path, found: &mut Vec<PathBuf>) {
    if root.is_file() {
        found.push(root.to_owned());
        return;
    }
    for entry in std::fs::read_dir(root).expect("a folder").flatten() {
        source(&entry.path(), found);
    }
}

fn rust_files(names: &[&str]) -> Vec<PathBuf> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    names.iter().for_each(|name| source(&src.join(name), &mut found));
    found.retain(|path| path.extension().is_some_and(|extension| extension == "rs"));
    found
}

#[test]
fn the_core_is_pure() {
    let files = rust_files(&PURE);
    assert!(files.len() > 30, "the core is not where it was: {files:?}");
    let mut effects = Vec::new();
    for path in files.iter().filter(|path| !path.iter().any(|part| part == "tests")) {
        let text = std::fs::read_to_string(path).expect("a source file");
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for (number, line) in code.lines().enumerate() {
            let line = line.split("//").next().unwrap_or_default();
            let found = EFFECTS.iter().filter(|effect| line.contains(*effect));
            effects.extend(found.map(|effect| format!("{}:{}: {effect}", path.display(), number + 1)));
        }
    }
    assert!(effects.is_empty(), "effects in the pure core:\n{}", effects.join("\n"));
}

#[test]
fn only_the_theme_knows_a_colour() {
    let theme = Path::new("render").join("theme.rs");
    for path in rust_files(&["."]).iter().filter(|path| !path.ends_with(&theme)) {
        let text = std::fs::read_to_string(path).expect("a source file");
        assert!(!text.contains("AnsiColor"), "{} names a colour", path.display());
    }
}

#[test]
fn kinds_are_named_only_where_they_are_defined() {
    let files = rust_files(&["plan", "apply", "survey", "commands", "state", "graph.rs"]);
    for path in files.iter().filter(|path| !path.iter().any(|part| part == "tests")) {
        let text = std::fs::read_to_string(path).expect("a source file");
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let kinds = ["role", "user", "group", "membership", "inline_policy", "attachment", "instance_profile"];
        for kind in kinds.map(|kind| format!("\"{kind}\"")) {
            let offending: Vec<&str> = code.lines().filter(|line| line.contains(&kind)).collect();
            assert!(offending.is_empty(), "{}: {offending:?}", path.display());
        }
    }
}
