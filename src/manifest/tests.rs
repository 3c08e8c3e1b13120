//! Whole manifests, from text to the wish or to every problem.

use super::*;
use crate::model::Value;
use crate::render;

pub const HEAD: &str = "apiVersion: seqera-iam/v1\nname: test\naccount: 123456789012\n";

fn account() -> Account {
    Account::new("aws", "123456789012")
}

fn no_files(path: &str) -> Result<String, String> {
    Err(format!("no file {path}"))
}

pub fn parse(text: &str) -> Manifest {
    parse_with(text, &Inputs::default())
}

fn parse_with(text: &str, inputs: &Inputs) -> Manifest {
    Manifest::parse("seqera.yaml", text, inputs, &no_files).unwrap_or_else(|(problems, sources)| {
        panic!("no YAML:\n{}", render::problem::render(&problems, &sources, false))
    })
}

pub fn wish(text: &str) -> Desired {
    resolved(&parse(text))
}

fn resolved(manifest: &Manifest) -> Desired {
    manifest.resolve(&account()).map(|(desired, _)| desired).unwrap_or_else(|problems| {
        panic!("problems:\n{}", render::problem::render(&problems, manifest.sources(), false))
    })
}

/// Returns every problem as `LINE:COLUMN CODE`.
fn problems(text: &str) -> Vec<String> {
    let manifest = parse(text);
    places(&manifest.resolve(&account()).expect_err("a problem"), manifest.sources())
}

fn places(problems: &[Problem], sources: &Sources) -> Vec<String> {
    problems
        .iter()
        .map(|problem| match problem.place.map(|place| sources.line_column(place)) {
            Some((line, column)) => format!("{line}:{column} {}", problem.code),
            None => format!("- {}", problem.code),
        })
        .collect()
}

fn attribute<'d>(desired: &'d Desired, address: &str, field: &str) -> &'d Value {
    &desired.resources[&address.parse::<Address>().unwrap()].wanted[field]
}

#[test]
fn a_role_and_its_policy_become_resources() {
    let desired = wish(&format!(
        "{HEAD}policies:
  reads:
    statements:
      Read: {{Effect: Allow, Action: s3:GetObject, Resource: \"*\"}}
roles:
  head:
    trust: {{services: [ec2.amazonaws.com]}}
    policies: [policies.reads]
"
    ));
    let addresses: Vec<String> = desired.resources.keys().map(ToString::to_string).collect();
    assert_eq!(addresses, ["policies.reads", "roles.head", "roles.head.policies.reads"]);
    assert_eq!(
        attribute(&desired, "policies.reads", "document").document().unwrap().to_compact(),
        r#"{"Version":"2012-10-17","Statement":[{"Sid":"Read","Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}"#
    );
    assert_eq!(
        attribute(&desired, "roles.head", "trust").document().unwrap().to_compact(),
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#
    );
    let waits: Vec<String> = desired
        .dependencies()
        .waits_for(&"roles.head.policies.reads".parse().unwrap())
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(waits, ["policies.reads", "roles.head"]);
}

#[test]
#[ignore]
fn scratch() {
    let text = std::fs::read_to_string(std::env::var("SCRATCH").unwrap()).unwrap();
    match Manifest::parse("seqera.yaml", &text, &Inputs::default(), &|p: &str| {
        std::fs::read_to_string(format!("/tmp/{p}")).map_err(|e| e.to_string())
    }) {
        Err((problems, sources)) => println!("{}", render::problem::render(&problems, &sources, false)),
        Ok(manifest) => match manifest.resolve(&account()) {
            Err(problems) => println!("{}", render::problem::render(&problems, manifest.sources(), false)),
            Ok((desired, _)) => {
                for r in desired.resources.values() {
                    println!("{} {} {}", r.address, r.id, serde_json::to_string(&r.wanted).unwrap());
                }
            }
        },
    }
}
