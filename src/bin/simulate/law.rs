//! Grant before revoke, and never more than both sides: at every moment of a run nobody lacks what AWS gave before it
//! and gives after it, and nobody holds what neither gives.
//!
//! Each run is judged by itself, from what the account held when it planned to what its plan says AWS will hold,
//! whether it comes to its end or is cut. That is enough for a run that goes on from another one that was cut: let
//! B be what was held first, A what the wish gives and M what the cut run left, so that B∧A ≤ M ≤ B∨A. The next
//! run keeps between M∧A and M∨A, and B∧A ≤ M∧A, M∨A ≤ B∨A: the whole way is between B and A, too. A step that
//! fails holds up what waits for it and nothing else, which is one of the orders that the law is about. A run to which
//! IAM did not show something finds it when it makes it, and leaves it as it is.
//!
//! What is asked are a few requests that the drawn documents are about. AWS's own policies are not in the sandbox:
//! here they say something that is like them. Nobody but this file knows it, so nothing may lean on it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::rc::Rc;

use seqera_iam::model::{Attributes, ObjectId, Value};
use seqera_iam::plan::{Change, First, Plan, Step};
use seqera_iam::policy::evaluate::{Context, Decision, Policy, Request, evaluate};
use seqera_iam::policy::statement::Principal;
use seqera_iam::policy::{Document, Host};
use serde_json::{Value as Json, json};

use crate::witness::{File, owner};
use crate::world::ACCOUNT;

const ASKED: [&str; 6] =
    ["s3:GetObject", "s3:PutObject", "logs:GetLogEvents", "batch:SubmitJob", "ec2:DescribeInstances", "iam:GetRole"];
const OF: [&str; 3] = ["arn:aws:s3:::bucket-0/x", "arn:aws:s3:::bucket-1/x", "arn:aws:s3:::bucket-2/x"];

/// A bit for each request.
type Mask = u32;

/// What a document says of all requests.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Says {
    allows: Mask,
    denies: Mask,
}

/// One object, as far as it decides about permissions. Whose an attachment is, or a membership, its id says.
#[derive(Clone, Debug, PartialEq)]
enum Part {
    Document(Says),
    Owner {
        boundary: Option<String>,
        /// Who may assume it, with the id that each had when that was written.
        trusted: Vec<(String, Option<String>)>,
        arn: String,
        id: String,
    },
    Link,
}

/// What an account holds at one moment.
#[derive(Clone, Debug, Default)]
struct Rights {
    parts: BTreeMap<ObjectId, Part>,
}

/// What each principal may do, also through a role.
type Held = BTreeMap<Who, Mask>;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Who {
    owner: ObjectId,
    /// Who acts as this role: a role or user of this account, by kind and name, or else what the trust says. One that
    /// is replaced under its name, in another path or spelling, is the same principal to whoever trusts it.
    by: Option<ObjectId>,
}

/// A run that is watched.
pub struct Law {
    now: Rights,
    before: Held,
    after: Held,
    /// Owners about whom the plan says that they may lack something for a moment, or hold more.
    may_lack: BTreeSet<ObjectId>,
    may_exceed: BTreeSet<ObjectId>,
    broken: Option<String>,
}

thread_local! {
    static SAID: RefCell<HashMap<String, Says>> = RefCell::default();
    static TRUSTED: RefCell<HashMap<String, Rc<Vec<String>>>> = RefCell::default();
}

fn says(document: &Json) -> Says {
    let text = document.to_string();
    if let Some(known) = SAID.with_borrow(|said| said.get(&text).copied()) {
        return known;
    }
    let mut found = Says::default();
    // What nobody can read says nothing.
    if let Ok(policy) = Policy::read(&Document::from_json(document.clone()), Host::Managed) {
        let requests = ASKED.iter().flat_map(|action| OF.iter().map(move |of| (action, of)));
        for (bit, (action, of)) in requests.enumerate() {
            let request = Request::new(action, *of, Context::default());
            match evaluate(std::slice::from_ref(&policy), None, &request).decision {
                Decision::Allowed => found.allows |= 1 << bit,
                Decision::ExplicitDeny => found.denies |= 1 << bit,
                Decision::ImplicitDeny => {}
            }
        }
    }
    SAID.with_borrow_mut(|said| said.insert(text, found));
    found
}

/// Returns who of those that a trust policy names may assume the role.
fn trusted(document: &Json) -> Rc<Vec<String>> {
    let text = document.to_string();
    if let Some(known) = TRUSTED.with_borrow(|trusted| trusted.get(&text).cloned()) {
        return known;
    }
    let document = Document::from_json(document.clone());
    let mut found = Vec::new();
    if let Ok(policy) = Policy::read(&document, Host::Trust) {
        for kind in ["AWS", "Service"] {
            for name in document.principals(kind) {
                let request = Request::new("sts:AssumeRole", "*", Context::default()).by(Principal::new(kind, name));
                if evaluate(std::slice::from_ref(&policy), None, &request).decision == Decision::Allowed {
                    found.push(name.to_owned());
                }
            }
        }
    }
    let found = Rc::new(found);
    TRUSTED.with_borrow_mut(|trusted| trusted.insert(text, found.clone()));
    found
}

/// What a policy of AWS's own is like.
fn of_aws(arn: &str) -> Says {
    let statement = match arn.rsplit('/').next().unwrap_or_default() {
        "AdministratorAccess" => json!({"Effect": "Allow", "Action": "*", "Resource": "*"}),
        "PowerUserAccess" => json!({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}),
        "AmazonS3ReadOnlyAccess" => json!({"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}),
        "CloudWatchLogsReadOnlyAccess" => json!({"Effect": "Allow", "Action": "logs:Get*", "Resource": "*"}),
        _ => return Says::default(),
    };
    says(&json!({"Version": "2012-10-17", "Statement": statement}))
}

fn arn(collection: &str, path: &str, name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:{collection}{path}{name}")
}

impl Part {
    /// Reads the part that an object is in the file of its owner, or in its own.
    fn of_file(id: &ObjectId, file: &File, content: &Json) -> Self {
        let text = |field: &str| content[field].as_str().map(str::to_owned);
        match id.kind.as_str() {
            "role" | "user" | "group" => {
                let ids = |arn: &String| content["trusted_ids"][arn.as_str()].as_str().map(str::to_owned);
                let named = trusted(&content["trust"]);
                Part::Owner {
                    boundary: text("boundary"),
                    trusted: named.iter().map(|arn| (arn.clone(), ids(arn))).collect(),
                    arn: arn(&id.kind, content["path"].as_str().unwrap_or("/"), &file.name),
                    id: text("id").unwrap_or_default(),
                }
            }
            "policy" => {
                let version = content["default_version"].as_str().unwrap_or_default();
                Part::Document(says(&content["versions"][version]["document"]))
            }
            kind if kind.ends_with("inline_policy") => {
                let name = id.name.split_once('/').map_or("", |(_, name)| name);
                Part::Document(says(&content["inline"][name]))
            }
            _ => Part::Link,
        }
    }

    /// The same of what a step makes.
    fn of_step(id: &ObjectId, attributes: &Attributes) -> Self {
        let text = |field: &str| attributes.get(field).and_then(Value::text);
        let document = |field: &str| attributes.get(field).and_then(Value::document).map(Document::json);
        match id.kind.as_str() {
            "role" | "user" | "group" => Part::Owner {
                boundary: text("boundary").map(str::to_owned),
                trusted: document("trust")
                    .map(|trust| trusted(trust).iter().map(|arn| (arn.clone(), None)).collect())
                    .unwrap_or_default(),
                arn: arn(&id.kind, text("path").unwrap_or("/"), &id.name),
                id: String::new(),
            },
            _ => document("document").map_or(Part::Link, |document| Part::Document(says(document))),
        }
    }
}

impl Rights {
    /// Reads all files of an account.
    fn read(account: &Path) -> Self {
        let mut rights = Self::default();
        for folder in ["roles", "policies", "users", "groups"] {
            for entry in std::fs::read_dir(account.join(folder)).into_iter().flatten().flatten() {
                let name = entry.file_name();
                let Some(name) = name.to_str().and_then(|name| name.strip_suffix(".json")) else { continue };
                let file = File { folder, name: name.to_owned() };
                let content = file.read(account);
                rights.put(&file, &file.objects(None), content.as_ref());
            }
        }
        rights
    }

    /// Puts what a file holds in the place of what it held.
    fn put(&mut self, file: &File, held: &BTreeSet<ObjectId>, content: Option<&Json>) {
        held.iter().for_each(|id| drop(self.parts.remove(id)));
        let Some(content) = content else { return };
        let parts = file.objects(Some(content)).into_iter().map(|id| {
            let part = Part::of_file(&id, file, content);
            (id, part)
        });
        self.parts.extend(parts);
    }

    /// What AWS will hold after a plan.
    fn with(&self, plan: &Plan) -> Self {
        let mut rights = self.clone();
        let changes = |step: &&Step| !matches!(step.change, Change::Forget { .. });
        for step in plan.steps.iter().filter(changes) {
            step.removed.iter().for_each(|id| drop(rights.parts.remove(id)));
        }
        for step in plan.steps.iter().filter(changes) {
            let (Some(id), Some(after)) = (&step.made, step.change.after()) else { continue };
            let mut part = Part::of_step(id, after);
            if let (Part::Owner { id, .. }, Some(Part::Owner { id: known, .. })) = (&mut part, rights.parts.get(id)) {
                id.clone_from(known);
            }
            rights.parts.insert(id.clone(), part);
        }
        rights
    }

    fn policy(&self, arn: &str) -> Says {
        match self.parts.get(&ObjectId::new("policy", arn)) {
            Some(Part::Document(says)) => *says,
            _ => of_aws(arn),
        }
    }

    fn held(&self) -> Held {
        let mut own: HashMap<ObjectId, Says> = HashMap::new();
        for (id, part) in &self.parts {
            let says = match part {
                Part::Document(says) if id.kind != "policy" => *says,
                Part::Link if id.kind.ends_with("attachment") => {
                    self.policy(id.name.split_once(' ').map_or("", |(_, arn)| arn))
                }
                _ => continue,
            };
            let of = own.entry(owner(id).unwrap_or_else(|| id.clone())).or_default();
            *of = Says { allows: of.allows | says.allows, denies: of.denies | says.denies };
        }
        for id in self.parts.keys().filter(|id| id.kind == "membership") {
            let Some((user, group)) = id.name.split_once('/') else { continue };
            let brought = own.get(&ObjectId::new("group", group)).copied().unwrap_or_default();
            let of = own.entry(ObjectId::new("user", user)).or_default();
            *of = Says { allows: of.allows | brought.allows, denies: of.denies | brought.denies };
        }
        let ids: HashMap<&str, &str> = self
            .parts
            .values()
            .filter_map(|part| match part {
                Part::Owner { arn, id, .. } => Some((arn.as_str(), id.as_str())),
                _ => None,
            })
            .collect();
        // AWS trusts ids and not names: a user who has another path is the same one.
        let is_known = |(arn, id): &&(String, Option<String>)| match id {
            Some(id) => ids.values().any(|known| known == id),
            None => ids.contains_key(arn.as_str()) || !arn.contains(&format!(":{ACCOUNT}:")),
        };
        let mut held = Held::new();
        for (id, part) in &self.parts {
            let Part::Owner { boundary, trusted, .. } = part else { continue };
            if id.kind == "group" {
                continue;
            }
            let mut all = own.get(id).copied().unwrap_or_default();
            if let Some(arn) = boundary {
                let boundary = self.policy(arn);
                all = Says { allows: all.allows & boundary.allows, denies: all.denies | boundary.denies };
            }
            let mask = all.allows & !all.denies;
            for (by, _) in trusted.iter().filter(is_known) {
                held.insert(Who { owner: id.clone(), by: Some(caller(by)) }, mask);
            }
            held.insert(Who { owner: id.clone(), by: None }, mask);
        }
        held
    }

    /// Returns the owners that something counts for: itself, whom it hangs on, who has the policy, who is in the
    /// group, and who is trusted by a role.
    fn concerned(&self, id: &ObjectId, found: &mut BTreeSet<ObjectId>) {
        let first = owner(id).unwrap_or_else(|| id.clone());
        if id.kind == "policy" {
            for (other, part) in &self.parts {
                let bounded = matches!(part, Part::Owner { boundary: Some(boundary), .. } if *boundary == id.name);
                let attached = other.name.split_once(' ').is_some_and(|(_, arn)| arn == id.name);
                if bounded || attached {
                    self.concerned(&owner(other).unwrap_or_else(|| other.clone()), found);
                }
            }
            return;
        }
        if first.kind == "group" {
            let members = self.parts.keys().filter(|id| id.kind == "membership");
            let members = members.filter_map(|id| id.name.split_once('/')).filter(|(_, group)| *group == first.name);
            found.extend(members.map(|(user, _)| ObjectId::new("user", user)));
        }
        found.insert(first);
    }
}

impl Law {
    /// Begins to watch a run.
    pub fn new(account: &Path, plan: &Plan) -> Self {
        let now = Rights::read(account);
        let end = now.with(plan);
        let (mut may_lack, mut may_exceed) = (BTreeSet::new(), BTreeSet::new());
        for step in &plan.steps {
            let mut concerned = BTreeSet::new();
            for side in [&now, &end] {
                step.made.iter().chain(&step.removed).for_each(|id| side.concerned(id, &mut concerned));
            }
            let lacks = |gap: &String| !gap.starts_with("allows for a moment what neither");
            let exceeds = |gap: &String| gap.starts_with("allows");
            let goes = matches!(step.change, Change::Replace { first: First::Delete, .. });
            if goes || gives_its_name_away(step, plan) || step.gaps.iter().any(lacks) {
                may_lack.extend(concerned.iter().cloned());
            }
            if step.gaps.iter().any(exceeds) {
                may_exceed.extend(concerned);
            }
        }
        let (before, after) = (now.held(), end.held());
        Self { now, before, after, may_lack, may_exceed, broken: None }
    }

    /// Looks at a moment: a file holds something else.
    pub fn look(&mut self, call: &str, file: &File, held: &BTreeSet<ObjectId>, content: Option<&Json>) {
        self.now.put(file, held, content);
        if self.broken.is_some() {
            return;
        }
        let holds = self.now.held();
        let of = |side: &Held, who: &Who| side.get(who).copied().unwrap_or(0);
        let everybody: BTreeSet<&Who> = self.before.keys().chain(self.after.keys()).chain(holds.keys()).collect();
        for who in everybody {
            let (before, after, at) = (of(&self.before, who), of(&self.after, who), of(&holds, who));
            let may = |owners: &BTreeSet<ObjectId>| {
                let is = |by: &ObjectId| owners.iter().any(|owner| same(owner, by));
                owners.contains(&who.owner) || who.by.as_ref().is_some_and(is)
            };
            let (lacks, exceeds) = (before & after & !at, at & !(before | after));
            let what = match (lacks, exceeds) {
                (0, 0) => continue,
                (lacks, 0) if !may(&self.may_lack) => format!("lacks {}", requests(lacks)),
                (_, exceeds) if exceeds != 0 && !may(&self.may_exceed) => format!("holds {}", requests(exceeds)),
                _ => continue,
            };
            let by = who.by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
            self.broken = Some(format!("{}{by} for a moment {what}, after {call}", who.owner));
            return;
        }
    }

    /// Says what did not hold. Where the run came to its end, what was planned is there.
    pub fn demand(self, done: bool) -> Result<(), String> {
        if let Some(broken) = self.broken {
            return Err(broken);
        }
        let end = self.now.held();
        if !done || end == self.after {
            return Ok(());
        }
        let differs = |who: &&Who| end.get(*who) != self.after.get(*who);
        let who = end.keys().chain(self.after.keys()).find(differs);
        Err(format!("{who:?} has {:?}, and planned was {:?}", who.map(|w| end.get(w)), who.map(|w| self.after.get(w))))
    }
}

/// Says whether what a step removes leaves its name, in some spelling, to something else: that is somebody else to AWS and
/// to whoever trusts it.
fn gives_its_name_away(step: &Step, plan: &Plan) -> bool {
    let removes = matches!(step.change, Change::Delete { .. } | Change::Replace { .. });
    let Some(gone) = step.removed.as_ref().filter(|_| removes) else { return false };
    let others = plan.steps.iter().filter(|other| !std::ptr::eq(*other, step));
    others.filter_map(|step| step.made.as_ref()).any(|made| same(made, gone))
}

/// Returns the role or user of this account that an ARN is of, with its name in small letters, or whoever else.
fn caller(arn: &str) -> ObjectId {
    let own = arn.split_once(&format!(":{ACCOUNT}:")).and_then(|(_, rest)| rest.split_once('/'));
    match own {
        Some((kind, path)) => ObjectId::new(kind, path.rsplit('/').next().unwrap_or_default().to_lowercase()),
        None => ObjectId::new("principal", arn),
    }
}

fn same(one: &ObjectId, other: &ObjectId) -> bool {
    one.kind == other.kind && one.name.eq_ignore_ascii_case(&other.name)
}

fn requests(mask: Mask) -> String {
    let all = ASKED.iter().flat_map(|action| OF.iter().map(move |of| format!("{action} on {of}")));
    let said = all.enumerate().filter(|(bit, _)| mask & (1 << bit) != 0).map(|(_, request)| request);
    said.take(3).collect::<Vec<_>>().join(", ")
}
