//! How long it takes to say what policies mean: `cargo bench --bench policy`.

use std::hint::black_box;
use std::time::{Duration, Instant};

use seqera_iam::policy::difference::{Holding, of_holdings};
use seqera_iam::policy::evaluate::{Decision, Policy, Request, evaluate};
use seqera_iam::policy::{Document, Host};
use serde_json::{Value as Json, json};

fn main() {
    let one = policy(0);
    line(&format!("canonical form of a policy of {} bytes", one.to_string().len()), canonical(&one));
    line("a request against 20 of them, 7 statements each", evaluation());
    line("what 1,000 changed roles may do more and less", differences(1_000));
}

fn line(what: &str, took: Duration) {
    println!("{what:<52}{took:>12.1?}");
}

/// A policy as a Batch setup has it, of some 6 KB: services, buckets, roles to pass; `number` tells it from others.
fn policy(number: usize) -> Json {
    let actions = |service: &str, names: &[&str]| -> Vec<String> {
        let verbs = ["Describe", "List", "Create", "Update", "Delete", "Tag"];
        names.iter().flat_map(|name| verbs.map(|verb| format!("{service}:{verb}{name}"))).collect()
    };
    let roles: Vec<String> =
        (0..24).map(|i| format!("arn:aws:iam::123456789012:role/TowerForge-{number}-{i}-*")).collect();
    let buckets: Vec<String> = (0..20).map(|i| format!("arn:aws:s3:::acme-{number}-work-{i}")).collect();
    let objects: Vec<String> = buckets.iter().map(|bucket| format!("{bucket}/*")).collect();
    let batch = ["ComputeEnvironments", "JobQueues", "JobDefinitions", "Jobs", "SchedulingPolicies"];
    let ec2 = ["Instances", "LaunchTemplates", "SecurityGroups", "Subnets", "Vpcs", "Volumes"];
    json!({"Version": "2012-10-17", "Statement": [
        {"Sid": "Batch", "Effect": "Allow", "Action": actions("batch", &batch), "Resource": "*"},
        {"Sid": "Ec2", "Effect": "Allow", "Action": actions("ec2", &ec2), "Resource": "*"},
        {"Sid": "Roles", "Effect": "Allow", "Action": ["iam:GetRole", "iam:CreateRole", "iam:DeleteRole", "iam:TagRole"], "Resource": roles},
        {"Sid": "Pass", "Effect": "Allow", "Action": "iam:PassRole", "Resource": roles,
         "Condition": {"StringEquals": {"iam:PassedToService": ["ec2.amazonaws.com", "batch.amazonaws.com"]}}},
        {"Sid": "List", "Effect": "Allow", "Action": ["s3:ListBucket", "s3:GetBucketLocation"], "Resource": buckets},
        {"Sid": "Objects", "Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], "Resource": objects},
        {"Sid": "Tls", "Effect": "Deny", "Action": "s3:*", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}},
    ]})
}

/// The same with a wildcard for some actions, a bucket more and a role less.
fn changed(number: usize) -> Json {
    let mut policy = policy(number);
    let statements = &mut policy["Statement"];
    statements[0]["Action"] = json!(["batch:*"]);
    if let Some(roles) = statements[2]["Resource"].as_array_mut() {
        roles.pop();
    }
    if let Some(objects) = statements[5]["Resource"].as_array_mut() {
        objects.push(json!(format!("arn:aws:s3:::acme-{number}-more/*")));
    }
    policy
}

fn canonical(policy: &Json) -> Duration {
    const TIMES: u32 = 200;
    // Another order, so that the texts differ and the forms have to be made.
    let mut turned = policy.clone();
    if let Some(statements) = turned["Statement"].as_array_mut() {
        statements.reverse();
    }
    let document = |json: &Json| Document::from_json(json.clone());
    let pairs: Vec<(Document, Document)> = (0..TIMES).map(|_| (document(policy), document(&turned))).collect();
    let compare = || {
        let began = Instant::now();
        assert!(pairs.iter().all(|(one, other)| black_box(one == other)));
        began.elapsed() / TIMES
    };
    // They are made at the first comparison and kept.
    let (first, again) = (compare(), compare());
    first.saturating_sub(again) / 2
}

/// A request that none allows: each statement has to be looked at.
fn evaluation() -> Duration {
    const TIMES: u32 = 2_000;
    let read = |number| Policy::read(&Document::from_json(policy(number)), Host::Managed).expect("a policy");
    let policies: Vec<Policy> = (0..20).map(read).collect();
    let context = [("aws:username", "ana"), ("aws:SecureTransport", "true")].into_iter().collect();
    let request = Request::new("ec2:DescribeImages", "*", context);
    let began = Instant::now();
    for _ in 0..TIMES {
        assert_eq!(evaluate(&policies, None, black_box(&request)).decision, Decision::ImplicitDeny);
    }
    began.elapsed() / TIMES
}

/// Each role holds its own policy, one that all share, and a boundary.
fn differences(roles: usize) -> Duration {
    let shared = Document::from_json(json!({"Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Action": ["logs:*", "cloudwatch:Get*"], "Resource": "*"}}));
    let ceiling = Document::from_json(json!({"Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Action": ["batch:*", "ec2:*", "iam:*", "logs:*", "s3:*"], "Resource": "*"}}));
    let holding = |json: Json| Holding::default().policy(&Document::from_json(json)).policy(&shared).boundary(&ceiling);
    let pairs: Vec<_> = (0..roles).map(|i| (holding(policy(i)), holding(changed(i)))).collect();
    let began = Instant::now();
    for (before, after) in &pairs {
        let difference = black_box(of_holdings(before, after));
        assert!(!difference.added.is_empty() && !difference.removed.is_empty());
    }
    began.elapsed()
}
