//! Texts that nobody would write, against what reads texts: no panic, no hang. `FUZZ_SECONDS` says how long each
//! target is tried (a moment, if it does not); run with `--nocapture` to see how often.

use std::path::Path;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestError, TestRunner};
use seqera_iam::manifest::{Inputs, Manifest};
use seqera_iam::model::Account;
use seqera_iam::policy::evaluate::{Context, Decision, Policy, Request, Source, evaluate, explain};
use seqera_iam::policy::statement::Principal;
use seqera_iam::policy::{Document, Host, diff, validate_text};
use serde_json::Value as Json;

/// What takes longer than this hangs; everything takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);
const BATCH: u32 = 100;
const HOSTS: [Host; 5] = [Host::Managed, Host::InlineUser, Host::InlineGroup, Host::InlineRole, Host::Trust];

/// Words that mean something somewhere.
const WORDS: [&str; 44] = [
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\\",
    "\\u",
    "\n",
    "  ",
    "*",
    "?",
    "${",
    "}",
    "${{",
    "}}",
    "'",
    "#",
    "-",
    "|",
    "&a",
    "*a",
    "!!",
    "<<",
    "null",
    "true",
    "1e999",
    "-0",
    "9007199254740993",
    "arn:",
    "arn:aws:s3:::*",
    "é",
    "\u{0}",
    "\u{feff}",
    "${aws:username}",
    "for_each",
    "when",
    "each.value",
    "params",
    "Condition",
    "ForAnyValue:",
    "IfExists",
    "2026-02-30T24:60:60+99:99",
];

#[derive(Clone, Debug)]
enum Edit {
    Remove(Index, usize),
    Repeat(Index, usize, usize),
    Insert(Index, &'static str),
    Replace(Index, char),
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        (any::<Index>(), 1_usize..40).prop_map(|(at, length)| Edit::Remove(at, length)),
        (any::<Index>(), 1_usize..60, 1_usize..40).prop_map(|(at, length, times)| Edit::Repeat(at, length, times)),
        (any::<Index>(), prop::sample::select(&WORDS[..])).prop_map(|(at, word)| Edit::Insert(at, word)),
        (any::<Index>(), any::<char>()).prop_map(|(at, c)| Edit::Replace(at, c)),
    ]
}

/// One of the texts after a few edits.
fn mangled(seeds: Vec<String>) -> impl Strategy<Value = String> {
    (prop::sample::select(seeds), prop::collection::vec(edit(), 0..8)).prop_map(|(seed, edits)| {
        let mut text: Vec<char> = seed.chars().collect();
        for edit in edits {
            let place = |at: Index, text: &[char]| at.index(text.len() + 1);
            let end = |start: usize, length: usize, text: &[char]| (start + length).min(text.len());
            match edit {
                Edit::Remove(at, length) => {
                    let start = place(at, &text);
                    text.drain(start..end(start, length, &text));
                }
                Edit::Repeat(at, length, times) => {
                    let start = place(at, &text);
                    let part = text[start..end(start, length, &text)].repeat(times);
                    text.splice(start..start, part);
                }
                Edit::Insert(at, word) => {
                    let start = place(at, &text);
                    text.splice(start..start, word.chars());
                }
                Edit::Replace(at, c) => {
                    let start = place(at, &text);
                    text.splice(start..end(start, 1, &text), [c]);
                }
            }
        }
        text.into_iter().collect()
    })
}

/// Tries inputs until the time is over.
fn fuzz<S: Strategy>(name: &str, inputs: &S, target: impl Fn(&S::Value)) {
    let seconds = std::env::var("FUZZ_SECONDS").ok().and_then(|seconds| seconds.parse().ok()).unwrap_or(0.5);
    let (began, mut executions) = (Instant::now(), 0_u64);
    while began.elapsed().as_secs_f64() < seconds {
        let config = Config { cases: BATCH, failure_persistence: None, ..Config::default() };
        let run = TestRunner::new(config).run(inputs, |input| {
            let began = Instant::now();
            target(&input);
            prop_assert!(began.elapsed() < PATIENCE, "it took {:?}", began.elapsed());
            Ok(())
        });
        match run {
            Ok(()) => executions += u64::from(BATCH),
            Err(TestError::Fail(why, input)) => panic!("{name}: {why}: {input:?}"),
            Err(TestError::Abort(why)) => panic!("{name}: {why}"),
        }
    }
    eprintln!("{name}: {executions} executions in {:.1} s", began.elapsed().as_secs_f64());
}

fn vectors() -> Vec<Json> {
    let all = [include_str!("../vectors/simulate.json"), include_str!("../vectors/conditions.json")];
    all.iter().flat_map(|text| serde_json::from_str::<Vec<Json>>(text).expect("cases")).collect()
}

fn documents() -> Vec<String> {
    let policies = vectors().into_iter().flat_map(|case| case["policies"].as_array().expect("a list").clone());
    let grammar: Vec<Json> = serde_json::from_str(include_str!("../vectors/grammar.json")).expect("cases");
    let texts = grammar.iter().map(|case| case["document"].as_str().expect("a text").to_owned());
    policies.map(|policy| policy.to_string()).chain(texts.filter(|text| text.len() < 3000)).collect()
}

#[test]
fn documents_are_read_or_refused() {
    fuzz("document parser", &mangled(documents()), |text| {
        for host in HOSTS {
            validate_text(text, host);
        }
        if let Ok(document) = Document::parse(text) {
            let again = Document::parse(&document.to_compact()).expect("what is written can be read");
            assert!(document == again && diff(&document, &again).is_empty());
            document.size();
        }
    });
}

#[test]
fn documents_that_can_be_read_can_be_judged() {
    let seeds = documents();
    let inputs =
        (mangled(seeds.clone()), mangled(seeds), "\\PC{0,24}|arn:aws:s3:::[ab*:]{0,40}", mangled(vectors_texts()));
    fuzz("evaluator", &inputs, |(policy, boundary, resource, said)| {
        let read =
            |text: &str, host| Document::parse(text).ok().and_then(|document| Policy::read(&document, host).ok());
        let context: Context = [
            "aws:username",
            "aws:TagKeys",
            "aws:TagKeys",
            "s3:prefix",
            "aws:SourceIp",
            "aws:CurrentTime",
            "x:n",
            "x:y",
        ]
        .into_iter()
        .zip(said.split(' '))
        .collect();
        for host in [Host::InlineRole, Host::Trust] {
            let policies: Vec<Policy> = read(policy, host).into_iter().collect();
            let boundary = read(boundary, Host::Managed);
            let request = Request::new("s3:GetObject", resource.as_str(), context.clone()).by(Principal::of(resource));
            let verdict = evaluate(&policies, boundary.as_ref(), &request);
            let why = explain(&policies, boundary.as_ref(), &request, &|_: Source| String::new());
            assert!(verdict.decision != Decision::Allowed || why.len() == verdict.matched.len(), "{why:?}");
        }
    });
}

fn vectors_texts() -> Vec<String> {
    let texts =
        "ana a b home/x 203.0.113.1 2026-01-01T00:00:00Z 10 x|2001:db8::1/64 1e9 -1.5 ::/0 1767225600 a*b ${x} true";
    texts.split('|').map(str::to_owned).collect()
}

fn manifests() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut folders = ["manifests", "examples", "tests/suite/cases"].map(|folder| root.join(folder)).to_vec();
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.path()) {
            match path.extension().and_then(|extension| extension.to_str()) {
                _ if path.is_dir() => folders.push(path),
                Some("yaml") => found.push(std::fs::read_to_string(path).expect("a text")),
                _ => {}
            }
        }
    }
    assert!(found.len() > 20, "where are the manifests?");
    found
}

#[test]
fn manifests_are_read_or_refused() {
    let account = Account::new("aws", "123456789012");
    let document =
        r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "${{ region }}"}}"#;
    let files = |path: &str| match path.ends_with(".json") {
        true => Ok(document.to_owned()),
        false => Err("there is none".to_owned()),
    };
    fuzz("manifest parser", &mangled(manifests()), |text| {
        if let Ok(manifest) = Manifest::parse("seqera.yaml", text, &Inputs::default(), &files) {
            let _ = manifest.resolve(&account);
        }
    });
}
