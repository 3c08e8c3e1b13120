//! Findings on documents and cases that are not ours to ship: the environment says where they are.
//! `SEQERA_DOCUMENTS=FOLDER cargo test --test suite -- --ignored published`; `UPDATE=1` writes the table anew.

use std::collections::BTreeSet;
use std::path::Path;

use seqera_iam::policy::{Document, Fault, Finding, Host, findings, validate_text};
use serde_json::Value as Json;

/// Document, then the codes that it has; `-` for none.
const TABLE: &str = include_str!("findings.txt");

fn codes(found: &[Finding]) -> BTreeSet<&str> {
    found.iter().map(|finding| finding.code).collect()
}

fn host(kind: &str) -> Host {
    if kind == "trust" { Host::Trust } else { Host::InlineRole }
}

/// `SEQERA_DOCUMENTS` is the folder of the published documents with their `index.json`.
#[test]
#[ignore = "needs SEQERA_DOCUMENTS"]
fn published_documents_have_their_findings() {
    let folder = std::env::var("SEQERA_DOCUMENTS").expect("SEQERA_DOCUMENTS names a folder");
    let read = |name: &str| std::fs::read_to_string(Path::new(&folder).join(name)).expect(name);
    let index: Json = serde_json::from_str(&read("index.json")).unwrap();
    let mut table = String::new();
    for entry in index.as_array().unwrap() {
        let name = entry["file"].as_str().unwrap().trim_start_matches("policies/").to_owned();
        let document = Document::parse(&read(&name)).unwrap();
        let found = findings(&document, host(entry["kind"].as_str().unwrap()));
        let codes = codes(&found).into_iter().collect::<Vec<_>>().join(" ");
        table += &format!("{name}: {}\n", if codes.is_empty() { "-" } else { &codes });
    }
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/findings.txt"), &table).unwrap();
    } else {
        assert_eq!(table, TABLE);
    }
}

/// `SEQERA_VECTORS` is a file of cases with the findings that other tools agree on.
#[test]
#[ignore = "needs SEQERA_VECTORS"]
fn findings_are_those_that_others_expect() {
    let file = std::env::var("SEQERA_VECTORS").expect("SEQERA_VECTORS names a file");
    let cases: Vec<Json> = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let judged = |case: &&Json| {
        case["tier"] == "must" && (case["category"] == "lint" || case["category"] == "privilege-escalation")
    };
    let mut count = 0;
    let mut wrong = Vec::new();
    for case in cases.iter().filter(judged) {
        count += 1;
        let text = case["document"].as_str().unwrap();
        let kind = case["policy_type"].as_str().unwrap();
        // What the grammar refuses is a fault with AWS's words.
        let host = host(kind);
        // Cases about buckets name a principal, which a policy of ours may not.
        let is_of_bucket = |fault: &Fault| fault.code == "policy-elements" && kind == "resource";
        if validate_text(text, host).iter().any(|fault| !is_of_bucket(fault)) {
            println!("{}: a fault; expected {}", case["id"], case["findings"]);
            continue;
        }
        let document = Document::parse(text).unwrap();
        let found = findings(&document, host);
        let found = codes(&found);
        let expected: Vec<String> = case["findings"].as_array().unwrap().iter().map(kebab).collect();
        let expected: BTreeSet<&str> = expected.iter().map(String::as_str).collect();
        let well = match case["findings_match"].as_str() {
            Some("contains") => expected.is_subset(&found),
            Some(rule) => !found.contains(kebab(&Json::from(rule.trim_start_matches("excludes:"))).as_str()),
            None => expected == found,
        };
        if !well {
            wrong.push(format!("{} expected {expected:?}, found {found:?}: {text}", case["id"]));
        }
    }
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(count > 50);
}

fn kebab(code: &Json) -> String {
    code.as_str().unwrap().to_ascii_lowercase().replace('_', "-")
}
