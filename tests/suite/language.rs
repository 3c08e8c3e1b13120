//! `docs/language.md` is true: each line's words stand in the manifest of its story, the story of its errors is
//! refused, and no key of the language is missing.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use crate::scene::Scene;

struct Line {
    words: Vec<String>,
    story: PathBuf,
    errors: PathBuf,
}

fn lines() -> Vec<Line> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join("docs/language.md")).expect("docs/language.md");
    let cases = root.join("tests/suite/cases");
    let rows = text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| construct"));
    rows.map(|row| {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        assert_eq!(cells.len(), 5, "{row}");
        let words = cells[1].split('`').skip(1).step_by(2).map(str::to_owned).collect();
        Line { words, story: cases.join(cells[2]), errors: cases.join(cells[3]) }
    })
    .collect()
}

/// All that somebody wrote for a story: its manifest, and the files beside it.
fn written(story: &Path) -> String {
    let mut texts = std::fs::read_to_string(story.join("seqera.yaml")).unwrap_or_default();
    let mut folders = vec![story.join("beside")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.path() {
                path if path.is_dir() => folders.push(path),
                path => texts += &std::fs::read_to_string(path).expect("a text"),
            }
        }
    }
    texts
}

#[test]
fn every_construct_has_a_story_and_one_of_its_errors() {
    for Line { words, story, errors } in lines() {
        let text = written(&story);
        let lacking: Vec<&String> = words.iter().filter(|word| !text.contains(word.as_str())).collect();
        assert!(lacking.is_empty(), "{}: nothing shows {lacking:?}", story.display());
        assert!(errors.join("seqera.yaml").is_file(), "there is no {}", errors.display());
        let printed = |name: &str| std::fs::read_to_string(errors.join(name)).unwrap_or_default();
        let printed = ["plan.txt", "apply.txt", "destroy.txt"].map(printed).concat();
        // What the manifest protects is refused for safety.
        let refused = printed.contains("error: ") && ["[exit 1]", "[exit 3]"].iter().any(|exit| printed.contains(exit));
        assert!(refused, "{} shows no error", errors.display());
    }
}

#[test]
fn no_key_of_the_language_is_missing() {
    let scene = Scene::new();
    let schema: Json = serde_json::from_str(&scene.run("schema").stdout).expect("a schema");
    let mut keys = BTreeSet::new();
    let mut left = vec![&schema];
    while let Some(node) = left.pop() {
        match node {
            Json::Object(map) => {
                let properties = map.get("properties").and_then(Json::as_object);
                keys.extend(properties.into_iter().flat_map(|it| it.keys().map(String::as_str)));
                left.extend(map.values());
            }
            Json::Array(items) => left.extend(items),
            _ => {}
        }
    }
    let all = lines();
    let told: BTreeSet<&str> = all.iter().flat_map(|line| line.words.iter().map(String::as_str)).collect();
    assert_eq!(keys.difference(&told).collect::<Vec<_>>(), [] as [&&str; 0]);
    assert!(keys.len() > 50, "{keys:?}");
}
