//! Ways from one account to another, on which anything may go wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::{Value as Json, json};

use crate::scene::Scene;

pub const HEAD: &str = "apiVersion: seqera-iam/v1\nname: faulty\naccount: 123456789012\n";

/// Every kind, roles that trust each other, a boundary, a Deny.
pub const FIRST: &str = r#"
defaults: {tags: {team: genomics}}
policies:
  stays: {statements: {S: {Effect: Allow, Action: "s3:Get*", Resource: "*"}}}
  goes: {statements: {S: {Effect: Deny, Action: "s3:Put*", Resource: "*"}}}
  moves: {statements: {S: {Effect: Allow, Action: "s3:List*", Resource: "*"}}}
roles:
  head:
    boundary: policies.stays
    trust: {principals: [roles.worker]}
    policies: [policies.goes, policies.moves, AmazonS3ReadOnlyAccess]
    inline: {logs: {statements: {S: {Effect: Allow, Action: "logs:*", Resource: "*"}}}}
  worker: {trust: {principals: [roles.head]}, policies: [policies.moves]}
instance_profiles: {head: {role: roles.head}}
"#;

/// The same deployment later: everything changes, in all ways that there are.
pub const SECOND: &str = r#"
defaults: {tags: {team: proteomics}}
policies:
  stays: {statements: {S: {Effect: Allow, Action: "s3:*", Resource: "*"}}}
  moves: {path: /m/, statements: {S: {Effect: Allow, Action: "s3:List*", Resource: "*"}}}
  comes: {statements: {S: {Effect: Allow, Action: "ec2:*", Resource: "*"}}}
roles:
  head:
    name: chief
    boundary: policies.comes
    trust: {principals: [roles.worker]}
    policies: [policies.comes, policies.moves]
    inline: {logs: {statements: {S: {Effect: Deny, Action: "logs:*", Resource: "*"}}}}
  worker: {path: /w/, max_session: 2h, trust: {services: [ec2.amazonaws.com]}, policies: [policies.moves, policies.stays]}
instance_profiles: {head: {role: roles.worker}, more: {role: roles.head}}
"#;

/// What hangs on a role of others carries no tag of ours and is known to the state alone.
const OTHERS: &str = r#"
policies:
  reads: {statements: {S: {Effect: Allow, Action: "s3:Get*", Resource: "*"}}}
roles:
  foreign:
    existing: true
    policies: [policies.reads, CloudWatchLogsReadOnlyAccess, AmazonS3ReadOnlyAccess]
    inline: {logs: {statements: {S: {Effect: Allow, Action: "logs:*", Resource: "*"}}}}
"#;

/// Groups carry no tags: that we made one is known to the state alone.
const PEOPLE: &str = r#"
policies:
  ceiling: {statements: {S: {Effect: Allow, Action: "s3:*", Resource: "*"}}}
groups:
  crew: {policies: [AmazonS3ReadOnlyAccess], inline: {logs: {statements: {S: {Effect: Allow, Action: "logs:*", Resource: "*"}}}}}
users:
  ci:
    boundary: policies.ceiling
    groups: [groups.crew]
    policies: [AmazonS3ReadOnlyAccess]
    access_keys: {main: {deliver_to: {file: ci.env}}}
  bot: {access_keys: {main: {deliver_to: {file: bot.env}}}}
oidc_providers:
  tower: {url: "https://tower.example.com/api", audiences: [a, b]}
  gone: {url: "https://gone.example.com"}
roles:
  runs: {trust: {federated: oidc_providers.tower, subjects: "org:1:wsp:2:*"}}
service_linked_roles: [spot.amazonaws.com]
"#;

/// The same later.
const OTHER_PEOPLE: &str = r#"
policies:
  ceiling: {statements: {S: {Effect: Allow, Action: "s3:*", Resource: "*"}}}
groups:
  crew: {path: /m/, inline: {logs: {statements: {S: {Effect: Deny, Action: "logs:*", Resource: "*"}}}}}
  comes: {policies: [policies.ceiling]}
users:
  ci: {name: robot, boundary: policies.ceiling, groups: [groups.comes]}
  ana: {groups: [groups.crew], access_keys: {main: {deliver_to: {file: ana.env}}}}
  bot: {access_keys: {other: {deliver_to: {file: other.env}}}}
oidc_providers:
  tower: {url: "https://tower.example.com/api", audiences: [b, c], tags: {team: a}}
  comes: {url: "https://comes.example.com"}
roles:
  runs: {trust: {federated: oidc_providers.comes, subjects: "org:1:wsp:2:*"}}
service_linked_roles: [ecs.amazonaws.com]
"#;

/// One way from one account to another.
pub struct Road {
    pub name: &'static str,
    pub verb: &'static str,
    /// Just before the run.
    pub start: Scene,
    /// The account after a run in which nothing went wrong, and the calls of that run.
    pub end: BTreeMap<String, Json>,
    pub calls: Vec<String>,
    pub writes: usize,
}

impl Road {
    pub fn new(name: &'static str, verb: &'static str, before: Option<&str>, manifest: &str) -> Self {
        let start = Scene::new();
        let trust = json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]});
        start.call(&json!({"Action": "CreateRole", "RoleName": "foreign", "AssumeRolePolicyDocument": trust}));
        start.call(&json!({"Action": "AttachRolePolicy", "RoleName": "foreign",
            "PolicyArn": "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"}));
        if let Some(before) = before {
            start.manifest(&format!("{HEAD}{before}"));
            start.apply();
        }
        start.manifest(&format!("{HEAD}{manifest}"));
        let well = start.copy();
        well.run_with("log=calls", verb).expect(0);
        let calls: Vec<String> = well.read("calls").lines().map(str::to_owned).collect();
        let writes = calls.iter().filter(|call| is_write(call)).count();
        Self { name, verb, start, end: meaning(&well), calls, writes }
    }

    pub fn create() -> Self {
        Self::new("create", "apply --auto-approve", None, FIRST)
    }

    pub fn update() -> Self {
        Self::new("update", "apply --auto-approve --force", Some(FIRST), SECOND)
    }

    pub fn destroy() -> Self {
        Self::new("destroy", "destroy --auto-approve", Some(FIRST), FIRST)
    }

    /// On a role of others.
    pub fn others() -> Self {
        Self::new("others", "apply --auto-approve", None, OTHERS)
    }

    pub fn people() -> Self {
        Self::new("people", "apply --auto-approve", None, PEOPLE)
    }

    pub fn all() -> Vec<Self> {
        let other_people = Self::new("other people", "apply --auto-approve --force", Some(PEOPLE), OTHER_PEOPLE);
        vec![Self::create(), Self::update(), Self::destroy(), Self::others(), Self::people(), other_people]
    }

    /// Says whether the account was surveyed, so that no role and no user was read by itself.
    pub fn surveys(&self) -> bool {
        self.calls.iter().any(|call| call.starts_with("GetAccountAuthorizationDetails"))
    }

    pub fn asks_after_a_write(&self, action: &str) -> bool {
        let mut calls = self.calls.iter().skip_while(|call| !is_write(call));
        calls.any(|call| call.split(' ').next() == Some(action))
    }

    /// Demands that one more run finishes the job as if nothing had gone wrong.
    #[track_caller]
    pub fn finishes(&self, scene: &Scene) {
        scene.run(self.verb).expect(0);
        if self.verb.starts_with("apply") {
            scene.expect_no_changes();
        }
        assert_eq!(meaning(scene), self.end, "{}: another account than without the fault", self.name);
        // Where all was recorded before it was made, the next run may find nothing to write.
        let journal = scene.snapshot("state").keys().any(|name| name.ends_with(".journal"));
        assert!(!journal || ["others", "people"].contains(&self.name), "a journal is left");
        self.expect_foreign_untouched(scene);
        expect_keys_in_files(scene);
    }

    #[track_caller]
    pub fn expect_foreign_untouched(&self, scene: &Scene) {
        if self.name == "others" {
            return;
        }
        let foreign = "roles/foreign.json";
        assert_eq!(scene.account().get(foreign), self.start.account().get(foreign), "{}: touched", self.name);
    }
}

/// Demands that each key that there is lies in a file, and that nothing else does.
#[track_caller]
fn expect_keys_in_files(scene: &Scene) {
    let users = scene.account().into_iter().filter(|(name, _)| name.starts_with("users/"));
    let users = users.map(|(_, text)| serde_json::from_str::<Json>(&text).expect("the sandbox keeps JSON"));
    let held = |user: Json| user["access_keys"].as_object().cloned().unwrap_or_default().into_iter();
    let held: BTreeSet<String> = users.flat_map(held).map(|(id, _)| id).collect();
    let files = std::fs::read_dir(scene.path("")).expect("a folder").flatten().map(|entry| entry.path());
    let files = files.filter(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name.ends_with(".env") || name.starts_with(".seqera-iam-key-")
    });
    let handed = files.map(|path| std::fs::read_to_string(path).expect("a file"));
    let handed: BTreeSet<String> =
        handed.map(|text| text.lines().next().unwrap_or_default().replace("AWS_ACCESS_KEY_ID=", "")).collect();
    assert_eq!(held, handed, "keys, and what is in files");
}

pub fn is_write(call: &str) -> bool {
    !call.starts_with("Get") && !call.starts_with("List")
}

/// Returns what the account holds without what differs from run to run: ids, times, the lineage.
pub fn meaning(scene: &Scene) -> BTreeMap<String, Json> {
    let strip = |text: &String| {
        let mut json: Json = serde_json::from_str(text).expect("the sandbox keeps JSON");
        let object = json.as_object_mut().expect("an object");
        for key in ["id", "created", "updated", "trusted_ids"] {
            object.remove(key);
        }
        // Keys go by ids of AWS's own.
        if let Some(keys) = object.get_mut("access_keys") {
            let valid = keys.as_object().into_iter().flatten().filter(|(_, key)| key["active"] == true).count();
            *keys = json!({"valid": valid, "all": keys.as_object().map_or(0, serde_json::Map::len)});
        }
        for version in object.get_mut("versions").and_then(Json::as_object_mut).into_iter().flat_map(|v| v.values_mut())
        {
            version.as_object_mut().expect("a version").remove("created");
        }
        if let Some(tags) = object.get_mut("tags").and_then(Json::as_object_mut) {
            tags.remove("seqera-iam:lineage").expect("our objects carry the lineage");
        }
        json
    };
    scene.account().iter().map(|(name, text)| (name.clone(), strip(text))).collect()
}

/// A fault at one write.
pub struct Fault<'r> {
    pub road: &'r Road,
    pub number: usize,
    pub when: &'static str,
}

impl fmt::Display for Fault<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}:{}", self.road.name, self.number, self.when)
    }
}

pub fn faults(roads: &[Road]) -> Vec<Fault<'_>> {
    let both = |road, number| ["before", "after"].map(|when| Fault { road, number, when });
    roads.iter().flat_map(|road| (1..=road.writes).flat_map(move |number| both(road, number))).collect()
}

/// A kill before a write is much like one after the write before it.
pub fn kills(roads: &[Road]) -> Vec<Fault<'_>> {
    faults(roads).into_iter().filter(|fault| fault.when == "after").collect()
}
