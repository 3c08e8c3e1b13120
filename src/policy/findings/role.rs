//! What shows only where documents come together at one owner.

use std::collections::HashMap;

use super::super::Document;
use super::super::canonical::{one_or_many, statements};
use super::super::spot::Spot;
use super::{Finding, Found};

/// AWS's policies that are made for one service each: "Amazon ECS container instance IAM role", "Service roles for
/// AWS Batch", "IAM role for Spot Fleet", "Amazon ECS task execution IAM role".
const MADE_FOR: &[(&str, &str)] = &[
    ("AWSBatchServiceRole", "batch.amazonaws.com"),
    ("AmazonEC2ContainerServiceforEC2Role", "ec2.amazonaws.com"),
    ("AmazonEC2SpotFleetTaggingRole", "spotfleet.amazonaws.com"),
    ("AmazonECSTaskExecutionRolePolicy", "ecs-tasks.amazonaws.com"),
];

/// Returns the policies, by their number, that were made for a service which the role does not trust.
/// `attached` are their ARNs.
pub fn of_role(trust: &Document, attached: &[&str]) -> Vec<(usize, Finding)> {
    let principals = statements(trust.json()).filter_map(|statement| statement.get("Principal"));
    let names: Vec<&str> = principals
        .filter_map(|principal| principal.get("Service"))
        .flat_map(one_or_many)
        .filter_map(|name| name.as_str())
        .collect();
    // A role for people or for another account may hold anything.
    if names.is_empty() {
        return Vec::new();
    }
    let mut all = Vec::new();
    for (number, arn) in attached.iter().enumerate().filter(|(_, arn)| arn.contains(":iam::aws:policy/")) {
        let made = MADE_FOR.iter().find(|(name, _)| arn.rsplit('/').next() == Some(name));
        let Some((name, service)) = made else { continue };
        let trusted = names.iter().any(|trusted| trusted.trim_end_matches(".cn") == *service);
        if !trusted {
            let mut found = Found::default();
            let message = format!("{name} is made for {service}, which the role does not trust");
            found.add(
                "trust-lacks-service",
                &Spot::root(trust.json()),
                message,
                format!("trust: {{services: [{service}]}}"),
            );
            all.extend(found.0.into_iter().map(|finding| (number, finding)));
        }
    }
    all
}

/// Returns the Sids that stand in more than one of an owner's documents for different statements: joined to one,
/// AWS would refuse it. Each comes with the number of its document.
pub fn same_sids(documents: &[(&str, &Document)]) -> Vec<(usize, Finding)> {
    let mut first: HashMap<&str, (usize, &serde_json::Value)> = HashMap::new();
    let mut all = Vec::new();
    for (number, (_, document)) in documents.iter().enumerate() {
        let root = Spot::root(document.json());
        for spot in root.get("Statement").map(|list| list.one_or_many()).unwrap_or_default() {
            let Some(place) = spot.get("Sid") else { continue };
            let Some(sid) = place.text().filter(|sid| !sid.is_empty()) else { continue };
            let (other, statement) = *first.entry(sid).or_insert((number, spot.json));
            if other != number && statement != spot.json {
                let mut found = Found::default();
                let message =
                    format!("the Sid `{sid}` stands in {} too: joined, AWS would refuse the two", documents[other].0);
                found.add("sid-clash", &place, message, "give one of them a Sid of its own");
                all.extend(found.0.into_iter().map(|finding| (number, finding)));
            }
        }
    }
    all
}
