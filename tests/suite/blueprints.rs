//! What every built-in blueprint holds: it is well in every partition, `published` is what Seqera publishes, `least`
//! allows no more than that, and every statement is for a feature. To add a blueprint's own, open
//!
//! - `published/samples.yaml`: uses of it, the least first and everything it has last;
//! - `published/SYSTEM.yaml`: for each published document what asks for it (`blueprint`, `with`, `at`; `field: trust`
//!   for a trust policy, `sids: false` where the document has none), or why nothing does (`not`);
//! - `published/exceptions.yaml`: what `least` allows beyond `published`, and why.
//!
//! The documents are not ours to ship; their digests are (`published/digests.txt`). With the folder that has them,
//! `SEQERA_DOCUMENTS=FOLDER cargo test --test suite -- --ignored documents_have_their_digests` compares them by
//! meaning, and with `UPDATE=1` writes the digests anew.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};

use seqera_iam::graph::Desired;
use seqera_iam::manifest::blueprint::About;
use seqera_iam::manifest::features::Need;
use seqera_iam::manifest::{Inputs, Manifest, builtin};
use seqera_iam::model::{Account, Address, Value};
use seqera_iam::policy::difference::{Holding, of_holdings};
use seqera_iam::policy::{Document, diff};
use seqera_iam::problem::{Problem, Sources};
use seqera_iam::render::problem::render;
use serde_json::{Map, Value as Json, json};
use sha2::{Digest, Sha256};

const ACCOUNT: &str = "123456789012";
const REGION: &str = "eu-west-1";
/// One that is not said means any, in the partition of most.
const REGIONS: [&str; 4] = [REGION, "", "us-gov-west-1", "cn-north-1"];

/// Seqera Cloud is in the partition of most, and nobody is trusted across partitions.
const ONLY_IN_AWS: [&str; 1] = ["seqera-cloud-role"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/published")
}

fn data(name: &str) -> Json {
    let text = std::fs::read_to_string(folder().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Returns what a use of a blueprint asks for, with the warnings.
fn use_of(blueprint: &str, with: &Json, region: &str) -> Result<(Desired, Vec<Problem>), String> {
    let head = "apiVersion: seqera-iam/v1\nname: test\naccount: \"123456789012\"\n";
    let used = json!({"x": {"blueprint": blueprint, "with": with}});
    // What a sample is given is in the partition that it is tried in.
    let used = used.to_string().replace("arn:aws:", &format!("arn:{}:", Account::partition_of(Some(region))));
    let region = if region.is_empty() { String::new() } else { format!("region: {region}\n") };
    let text = format!("{head}{region}use: {used}\n");
    let none = |path: &str| Err(format!("{path} is not part of the program"));
    let drawn =
        |problems: &[Problem], sources: &Sources| format!("{blueprint} {with}\n{}", render(problems, sources, false));
    let manifest = Manifest::parse("seqera.yaml", &text, &Inputs::default(), &none)
        .map_err(|(problems, sources)| drawn(&problems, &sources))?;
    let account = Account::new(manifest.partition(), ACCOUNT);
    manifest.resolve(&account).map_err(|problems| drawn(&problems, manifest.sources()))
}

#[track_caller]
fn desired(blueprint: &str, with: &Json) -> Desired {
    use_of(blueprint, with, REGION).unwrap_or_else(|problems| panic!("{problems}")).0
}

/// Returns the samples of every blueprint.
fn samples() -> Map<String, Json> {
    let Json::Object(samples) = data("samples.yaml") else { panic!("samples.yaml is a map") };
    samples
}

fn samples_of(all: &Map<String, Json>, name: &str) -> Vec<Json> {
    let of = all.get(name).and_then(Json::as_array);
    of.unwrap_or_else(|| panic!("published/samples.yaml has no samples of {name}")).clone()
}

fn with(sample: &Json, key: &str, value: &str) -> Json {
    let mut sample = sample.clone();
    sample[key] = json!(value);
    sample
}

/// Returns the address within the use.
fn within(address: &Address) -> Address {
    Address::new(address.segments()[2..].iter().map(String::as_str))
}

/// Returns every document of a field, by its address within the use. Parts of one that was split are one.
fn documents(desired: &Desired, field: &str) -> BTreeMap<String, Document> {
    let mut found: BTreeMap<String, Document> = BTreeMap::new();
    for (address, resource) in &desired.resources {
        let Some(Value::Document(document)) = resource.wanted.get(field) else { continue };
        let address = within(address).to_string();
        let whole = address.rsplit_once('-').and_then(|(whole, number)| {
            number.parse::<u64>().ok().and_then(|_| found.get(whole).map(|first| (whole.to_owned(), first)))
        });
        let (address, document) = match whole {
            Some((whole, first)) => (whole, joined(first, document)),
            None => (address, document.clone()),
        };
        found.insert(address, document);
    }
    found
}

fn joined(first: &Document, second: &Document) -> Document {
    let mut json = first.json().clone();
    let more = second.json()["Statement"].as_array().cloned().unwrap_or_default();
    json["Statement"].as_array_mut().expect("statements").extend(more);
    Document::from_json(json)
}

/// Joins all documents.
fn whole(documents: BTreeMap<String, Document>) -> BTreeMap<String, Document> {
    let whole = documents.into_values().reduce(|first, second| joined(&first, &second));
    whole.map(|document| ("all".to_owned(), document)).into_iter().collect()
}

fn sids(document: &Document) -> BTreeSet<String> {
    let statements = document.json()["Statement"].as_array().cloned().unwrap_or_default();
    statements.iter().filter_map(|statement| statement["Sid"].as_str()).map(str::to_owned).collect()
}

fn abouts() -> Vec<About> {
    builtin::BUILTINS.iter().map(About::of).collect()
}

#[test]
fn every_sample_is_well_in_every_partition_and_has_no_unexplained_finding() {
    let samples = samples();
    let mut wrong = String::new();
    for about in abouts() {
        for sample in samples_of(&samples, about.name) {
            for region in REGIONS {
                if ONLY_IN_AWS.contains(&about.name) && Account::partition_of(Some(region)) != "aws" {
                    let refused = use_of(about.name, &sample, region).expect_err(region);
                    assert!(refused.contains("Seqera Cloud is in no other partition than aws"), "{refused}");
                    continue;
                }
                match use_of(about.name, &sample, region) {
                    Err(problems) => wrong += &problems,
                    Ok((desired, warnings)) => {
                        for warning in warnings {
                            let _ = writeln!(wrong, "{} {sample}: {}: {}", about.name, warning.code, warning.message);
                        }
                        let partition = format!("arn:{}:", Account::partition_of(Some(region)));
                        for (address, document) in documents(&desired, "document") {
                            for arn in arns(document.json()).iter().filter(|arn| !arn.starts_with(&partition)) {
                                let _ = writeln!(wrong, "{} {address} in {region}: {arn}", about.name);
                            }
                        }
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    let known: BTreeSet<&str> = abouts().iter().map(|about| about.name).collect();
    let unknown: Vec<&String> = samples.keys().filter(|name| !known.contains(name.as_str())).collect();
    assert!(unknown.is_empty(), "samples of what is no blueprint: {unknown:?}");
}

/// Returns every ARN in a document, those that a sample gave left out.
fn arns(json: &Json) -> Vec<String> {
    match json {
        Json::String(text) if text.starts_with("arn:") && !text.ends_with("/given") => vec![text.clone()],
        Json::Array(items) => items.iter().flat_map(arns).collect(),
        Json::Object(map) => map.values().flat_map(arns).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn every_statement_is_for_a_feature_and_every_feature_has_its_statements() {
    for about in abouts() {
        let written: BTreeSet<_> = about.statements().into_iter().collect();
        let named: BTreeSet<_> = about.features.iter().flat_map(|feature| feature.statements.iter().cloned()).collect();
        let name = about.name;
        assert_eq!(written.difference(&named).collect::<Vec<_>>(), Vec::<&_>::new(), "{name}: for no feature");
        assert_eq!(named.difference(&written).collect::<Vec<_>>(), Vec::<&_>::new(), "{name}: no such statement");
        for param in about.params.iter().filter(|param| ["features", "without"].contains(&param.name.as_str())) {
            for value in &param.allowed {
                let used = about.uses.iter().filter_map(|name| builtin::find(name)).map(About::of);
                let used: Vec<_> = used.flat_map(|about| about.features).collect();
                let mut features = about.features.iter().chain(&used);
                let feature = features.find(|feature| value == feature.name.as_str());
                let feature = feature.unwrap_or_else(|| panic!("{name}: {value} is a value and no feature"));
                assert_eq!(feature.need, Need::Optional, "{name}: {value} can be left out");
            }
        }
    }
}

/// The last sample has everything.
#[test]
fn least_has_every_mandatory_statement() {
    let samples = samples();
    for about in abouts().iter().filter(|about| !about.features.is_empty()) {
        let last = samples_of(&samples, about.name).pop().expect("a sample");
        let made = documents(&desired(about.name, &last), "document");
        for feature in about.features.iter().filter(|feature| feature.need == Need::Mandatory) {
            for statement in &feature.statements {
                let document = statement.document.to_string();
                // A `for_each` adds to the key of an entry and to a Sid.
                let is_of = |address: &str| address == document || address.starts_with(&format!("{document}-"));
                let there = made.iter().any(|(address, document)| {
                    is_of(address) && sids(document).iter().any(|sid| sid.starts_with(&statement.sid))
                });
                assert!(there, "{}: {document} lacks {} for {}", about.name, statement.sid, feature.name);
            }
        }
    }
}

#[test]
fn least_allows_nothing_that_published_does_not() {
    let samples = samples();
    let exceptions = data("exceptions.yaml");
    let mut used: BTreeSet<(String, usize)> = BTreeSet::new();
    let mut wrong = String::new();
    for about in abouts().iter().filter(|about| about.params.iter().any(|param| param.name == "scope")) {
        let excepted = exceptions[about.name].as_array().cloned().unwrap_or_default();
        for sample in samples_of(&samples, about.name) {
            let mut least = documents(&desired(about.name, &with(&sample, "scope", "least")), "document");
            let mut published = documents(&desired(about.name, &with(&sample, "scope", "published")), "document");
            // What it uses has addresses of its own, and the same principal.
            if !about.uses.is_empty() {
                (least, published) = (whole(least), whole(published));
            }
            for (address, document) in least {
                let after = Holding::default().policy(&document);
                let before = published.get(&address).map(|one| Holding::default().policy(one)).unwrap_or_default();
                for line in of_holdings(&before, &after).added {
                    let is_of = |exception: &Json| exception["allows"] == line.action.as_str();
                    match excepted.iter().position(is_of) {
                        Some(at) => drop(used.insert((about.name.to_owned(), at))),
                        None => drop(writeln!(wrong, "{} {address}: {} on {}", about.name, line.action, line.on)),
                    }
                }
            }
        }
        for (at, exception) in excepted.iter().enumerate() {
            assert!(exception["why"].is_string(), "{}: {exception} says no why", about.name);
            if !used.contains(&(about.name.to_owned(), at)) {
                let _ = writeln!(wrong, "{}: {exception} excepts nothing", about.name);
            }
        }
    }
    assert!(wrong.is_empty(), "beyond what is published; what is meant goes into exceptions.yaml:\n{wrong}");
}

/// Every published document by its path, with what the table says of it.
fn table() -> BTreeMap<String, Json> {
    let mut table = BTreeMap::new();
    for file in std::fs::read_dir(folder()).expect("published").flatten() {
        let name = file.file_name().display().to_string();
        let Some(system) = name.strip_suffix(".yaml").filter(|name| name.starts_with(|c: char| c.is_ascii_digit()))
        else {
            continue;
        };
        let Json::Object(documents) = data(&name) else { panic!("{name} is a map") };
        table.extend(documents.into_iter().map(|(document, says)| (format!("{system}/{document}"), says)));
    }
    table
}

/// Returns what a blueprint renders for a line of the table.
fn rendered(document: &str, says: &Json) -> Document {
    let blueprint = says["blueprint"].as_str().unwrap_or_else(|| panic!("{document}: `blueprint` or `not`"));
    let at = says["at"].as_str().unwrap_or_else(|| panic!("{document}: `at` says which entry"));
    let made = documents(&desired(blueprint, &says["with"]), says["field"].as_str().unwrap_or("document"));
    let there = made.keys().cloned().collect::<Vec<_>>().join(", ");
    let found = made.get(at).unwrap_or_else(|| panic!("{document}: {blueprint} has no {at}, only {there}"));
    comparable(found, says)
}

/// Leaves out the Sids where the published document has none, and an override needs some.
fn comparable(document: &Document, says: &Json) -> Document {
    if says["sids"] != false {
        return document.clone();
    }
    let mut json = document.json().clone();
    for statement in json["Statement"].as_array_mut().into_iter().flatten() {
        statement.as_object_mut().and_then(|statement| statement.remove("Sid"));
    }
    Document::from_json(json)
}

fn digest(document: &Document) -> String {
    let digest = Sha256::digest(document.meaning().as_bytes());
    digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

fn digests() -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(folder().join("digests.txt")).expect("digests.txt");
    text.lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(name, digest)| (name.to_owned(), digest.to_owned()))
        .collect()
}

#[test]
fn published_is_what_is_published() {
    let digests = digests();
    let mut wrong = Vec::new();
    let table = table();
    for (document, says) in &table {
        match says.get("not") {
            Some(why) => assert!(why.as_str().is_some_and(|why| !why.is_empty()), "{document}: why not?"),
            None if digests.get(document) == Some(&digest(&rendered(document, says))) => {}
            None => wrong.push(document.as_str()),
        }
    }
    assert_eq!(table.len(), 106, "every document is in the table");
    assert!(
        wrong.is_empty(),
        "these differ from what is published (the top of this file says how to see it): {wrong:?}"
    );
}

#[test]
#[ignore = "needs SEQERA_DOCUMENTS"]
fn documents_have_their_digests() {
    let folder = std::env::var("SEQERA_DOCUMENTS").expect("SEQERA_DOCUMENTS names a folder");
    let read = |name: &str| std::fs::read_to_string(Path::new(&folder).join(name)).expect(name);
    let index: Json = serde_json::from_str(&read("index.json")).unwrap();
    let files = index.as_array().unwrap().iter().map(|entry| entry["file"].as_str().unwrap());
    let files: BTreeSet<String> = files.map(|file| file.trim_start_matches("policies/").to_owned()).collect();
    let table = table();
    assert_eq!(files, table.keys().cloned().collect(), "the table has every document");
    let mut text = String::new();
    let mut wrong = String::new();
    for (document, says) in table.iter().filter(|(_, says)| says.get("not").is_none()) {
        let mut source = read(document);
        for (placeholder, value) in says["placeholders"].as_object().into_iter().flatten() {
            assert!(source.contains(placeholder), "{document} has no {placeholder}");
            source = source.replace(placeholder, value.as_str().expect("a string"));
        }
        let published = comparable(&Document::parse(&source).expect("JSON"), says);
        let rendered = rendered(document, says);
        if published != rendered {
            let _ = writeln!(
                wrong,
                "{document}: published (-) and rendered (+) differ:\n{:#?}",
                diff(&published, &rendered)
            );
        }
        let _ = writeln!(text, "{document} {}", digest(&published));
    }
    assert!(wrong.is_empty(), "{wrong}");
    let path = self::folder().join("digests.txt");
    match std::env::var_os("UPDATE") {
        Some(_) => std::fs::write(path, text).unwrap(),
        None => assert_eq!(text, std::fs::read_to_string(path).unwrap()),
    }
}

/// A policy of buckets holds so many; the next one takes a second policy, which the role gets as well.
#[test]
fn one_bucket_too_many_makes_a_second_policy() {
    let policies = |count: usize| {
        let buckets: Vec<String> =
            (0..count).map(|number| format!("acme-research-{number:02}-{}", "x".repeat(18))).collect();
        assert!(buckets.iter().all(|bucket| bucket.len() == 35));
        let desired = desired("enterprise-instance-role", &json!({"buckets": buckets, "scope": "published"}));
        let sizes: Vec<usize> = desired
            .resources
            .iter()
            .filter_map(|(address, resource)| {
                let is_policy = within(address).to_string().starts_with("policies.buckets");
                resource.wanted.get("document").and_then(Value::document).filter(|_| is_policy).map(Document::size)
            })
            .collect();
        let attached =
            desired.resources.keys().filter(|address| address.to_string().contains(".policies.Seqera-Role-buckets"));
        (sizes.clone(), attached.count())
    };
    assert_eq!(policies(56), (vec![6080], 1));
    let (sizes, attached) = policies(57);
    assert_eq!((sizes.len(), attached), (2, 2));
    assert!(sizes.iter().all(|size| *size <= 6144), "{sizes:?}");
}
