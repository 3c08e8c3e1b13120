//! Random pairs of worlds, carried out in random orders that the plan allows, and judged by the evaluator at every
//! moment. `STEADY_PAIRS=10000 cargo test --lib steady` tries 10,000 of them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use fastrand::Rng;
use serde_json::{Value as Json, json};

use crate::kinds;
use crate::model::{Account, Address, Attributes, Live, LiveState, ObjectId, Value};
use crate::plan::order::{self, Part, Task};
use crate::plan::{Change, Step};
use crate::policy::evaluate::{Context, Decision, Policy, Request, evaluate};
use crate::policy::statement::Principal;
use crate::policy::{Document, Host};

const ACTIONS: [&str; 7] = ["s3:GetObject", "s3:PutObject", "s3:*", "s3:Get*", "iam:GetRole", "*", "s3:*Object"];
const RESOURCES: [&str; 5] = ["*", "arn:aws:s3:::a/*", "arn:aws:s3:::b/*", "arn:aws:s3:::a/x", "arn:aws:s3:::*/x"];
const ASKED: [&str; 3] = ["s3:GetObject", "s3:PutObject", "iam:GetRole"];
const OF: [&str; 3] = ["arn:aws:s3:::a/x", "arn:aws:s3:::a/y", "arn:aws:s3:::b/x"];
const POLICIES: [&str; 5] = ["p0", "p1", "p2", "p3", "p4"];
const OWNERS: [(&str, &str); 6] =
    [("user", "u0"), ("user", "u1"), ("role", "r0"), ("role", "r1"), ("group", "g0"), ("group", "g1")];
const CALLERS: [&str; 3] =
    ["arn:aws:iam::123456789012:user/u0", "arn:aws:iam::999999999999:root", "arn:aws:iam::999999999999:role/x"];

fn account() -> Account {
    Account::new("aws", "123456789012")
}

fn arn(policy: &str) -> String {
    account().iam_arn("policy", "/", policy)
}

#[derive(Clone, Debug, Default)]
struct Owner {
    boundary: Option<&'static str>,
    attached: BTreeSet<&'static str>,
    inline: BTreeMap<&'static str, Vec<Json>>,
    groups: BTreeSet<&'static str>,
    trust: Vec<Json>,
}

#[derive(Clone, Debug, Default)]
struct World {
    policies: BTreeMap<&'static str, Vec<Json>>,
    owners: BTreeMap<(&'static str, &'static str), Owner>,
}

type Objects = BTreeMap<ObjectId, Attributes>;

fn some<T: Copy>(rng: &mut Rng, all: &[T], most: usize) -> Vec<T> {
    (0..rng.usize(1..=most)).map(|_| all[rng.usize(..all.len())]).collect()
}

fn statement(rng: &mut Rng) -> Json {
    let effect = if rng.u8(..4) == 0 { "Deny" } else { "Allow" };
    let actions = if rng.u8(..12) == 0 { "NotAction" } else { "Action" };
    json!({"Effect": effect, actions: some(rng, &ACTIONS, 3), "Resource": some(rng, &RESOURCES, 2)})
}

fn statements(rng: &mut Rng) -> Vec<Json> {
    (0..rng.usize(1..4)).map(|_| statement(rng)).collect()
}

fn trust(rng: &mut Rng) -> Json {
    json!({"Effect": "Allow", "Principal": {"AWS": some(rng, &CALLERS, 2)}, "Action": "sts:AssumeRole"})
}

impl Owner {
    fn draw(kind: &str, world: &World, rng: &mut Rng) -> Self {
        let policies: Vec<&'static str> = world.policies.keys().copied().collect();
        let mut owner = Owner::default();
        if !policies.is_empty() {
            owner.attached = some(rng, &policies, 2).into_iter().filter(|_| rng.bool()).collect();
            let bound = kind != "group" && rng.u8(..3) == 0;
            owner.boundary = bound.then(|| policies[rng.usize(..policies.len())]);
        }
        for name in ["i0", "i1"] {
            if rng.bool() {
                owner.inline.insert(name, statements(rng));
            }
        }
        let groups: Vec<&'static str> =
            world.owners.keys().filter(|(kind, _)| *kind == "group").map(|(_, n)| *n).collect();
        if kind == "user" && !groups.is_empty() && rng.bool() {
            owner.groups = some(rng, &groups, 2).into_iter().collect();
        }
        if kind == "role" {
            owner.trust = vec![trust(rng)];
        }
        owner
    }
}

impl World {
    fn draw(rng: &mut Rng) -> Self {
        let mut world = World::default();
        for policy in POLICIES {
            if rng.u8(..5) > 0 {
                world.policies.insert(policy, statements(rng));
            }
        }
        // Groups first: users are in them.
        for (kind, name) in OWNERS.into_iter().rev() {
            if rng.u8(..4) > 0 {
                let owner = Owner::draw(kind, &world, rng);
                world.owners.insert((kind, name), owner);
            }
        }
        world
    }

    /// A document, wherever it is.
    fn any_document(&mut self, rng: &mut Rng) -> Option<&mut Vec<Json>> {
        let inline = self.owners.values_mut().flat_map(|owner| owner.inline.values_mut());
        let mut all: Vec<&mut Vec<Json>> = self.policies.values_mut().chain(inline).collect();
        (!all.is_empty()).then(|| all.swap_remove(rng.usize(..all.len())))
    }

    fn change(&mut self, rng: &mut Rng) {
        let (kind, name) = OWNERS[rng.usize(..OWNERS.len())];
        let policy = POLICIES[rng.usize(..POLICIES.len())];
        let has_policy = self.policies.contains_key(policy);
        match rng.u8(..14) {
            // A statement moves.
            0..=3 => {
                let moved =
                    self.any_document(rng).filter(|d| !d.is_empty()).map(|d| d.swap_remove(rng.usize(..d.len())));
                if let (Some(moved), Some(to)) = (moved, self.any_document(rng)) {
                    to.push(moved);
                }
            }
            4 => drop(self.any_document(rng).map(|document| document.push(statement(rng)))),
            5 => {
                if let Some(statement) = self.any_document(rng).and_then(|d| d.first_mut()) {
                    let element = if statement.get("Action").is_some() { "Action" } else { "NotAction" };
                    statement[element] = json!(some(rng, &ACTIONS, 3));
                }
            }
            6 if has_policy => {
                if let Some(owner) = self.owners.get_mut(&(kind, name))
                    && !owner.attached.remove(policy)
                {
                    owner.attached.insert(policy);
                }
            }
            7 | 8 if kind != "group" => {
                let boundary = (has_policy && rng.u8(..4) > 0).then_some(policy);
                self.owners.entry((kind, name)).and_modify(|owner| owner.boundary = boundary);
            }
            9 => {
                if let Some(owner) = self.owners.get_mut(&("role", name)) {
                    owner.trust = if rng.bool() { vec![trust(rng)] } else { vec![trust(rng), trust(rng)] };
                }
            }
            10 => {
                let groups: Vec<&'static str> =
                    self.owners.keys().filter(|(k, _)| *k == "group").map(|(_, n)| *n).collect();
                if let Some(owner) = self.owners.get_mut(&("user", name)).filter(|_| !groups.is_empty()) {
                    let group = groups[rng.usize(..groups.len())];
                    if !owner.groups.remove(group) {
                        owner.groups.insert(group);
                    }
                }
            }
            11 => {
                if self.owners.remove(&(kind, name)).is_none() {
                    let owner = Owner::draw(kind, self, rng);
                    self.owners.insert((kind, name), owner);
                }
                self.owners
                    .values_mut()
                    .for_each(|owner| owner.groups.retain(|group| kind != "group" || *group != name));
            }
            12 => {
                if let Some(owner) = self.owners.get_mut(&(kind, name))
                    && owner.inline.remove("i0").is_none()
                {
                    owner.inline.insert("i0", statements(rng));
                }
            }
            13 if has_policy => {
                self.policies.remove(policy);
                for owner in self.owners.values_mut() {
                    owner.attached.remove(policy);
                    owner.boundary = owner.boundary.filter(|boundary| *boundary != policy);
                }
            }
            _ => drop(self.policies.entry(policy).or_insert_with(|| statements(rng))),
        }
    }

    fn objects(&self) -> Objects {
        let mut objects = Objects::new();
        let mut put = |kind: &str, attributes: Attributes| {
            let id = kinds::spec(kind).unwrap().id(&account(), &attributes);
            objects.insert(id, attributes);
        };
        let text = |text: &str| Value::Text(text.to_owned());
        for (name, document) in &self.policies {
            put(
                "policy",
                Attributes::from([("name", text(name)), ("path", text("/")), ("document", written(document))]),
            );
        }
        for ((kind, name), owner) in &self.owners {
            let mut attributes = Attributes::from([("name", text(name)), ("path", text("/"))]);
            if let Some(boundary) = owner.boundary {
                attributes.insert("boundary", text(&arn(boundary)));
            }
            if *kind == "role" {
                attributes.insert("trust", written(&owner.trust));
            }
            put(kind, attributes);
            let prefix = if *kind == "role" { String::new() } else { format!("{kind}_") };
            for policy in &owner.attached {
                let attributes = Attributes::from([(*kind, text(name)), ("policy_arn", text(&arn(policy)))]);
                put(&if *kind == "role" { "attachment".to_owned() } else { format!("{kind}_attachment") }, attributes);
            }
            for (inline, document) in &owner.inline {
                let attributes =
                    Attributes::from([(*kind, text(name)), ("name", text(inline)), ("document", written(document))]);
                put(&format!("{prefix}inline_policy"), attributes);
            }
            for group in &owner.groups {
                put("membership", Attributes::from([("user", text(name)), ("group", text(group))]));
            }
        }
        objects
    }
}

fn written(statements: &[Json]) -> Value {
    let nothing = json!({"Effect": "Allow", "Action": "none:None", "Resource": "*"});
    let statements = if statements.is_empty() { vec![nothing] } else { statements.to_vec() };
    Value::Document(Document::from_json(json!({"Version": "2012-10-17", "Statement": statements})))
}

/// What is taken into the state may be as it should be already.
fn steps(before: &Objects, after: &Objects, rng: &mut Rng) -> Vec<Step> {
    let ids: BTreeSet<&ObjectId> = before.keys().chain(after.keys()).collect();
    let changes = ids.into_iter().filter_map(|id| {
        let change = match (before.get(id).cloned(), after.get(id).cloned()) {
            (Some(before), Some(after)) if rng.u8(..6) == 0 => Change::Import { before, after },
            (Some(before), Some(after)) if before == after => return None,
            (Some(before), Some(after)) => Change::Update { before, after },
            (None, Some(after)) => Change::Create { after },
            (Some(before), None) => Change::Delete { before },
            (None, None) => return None,
        };
        let goes = matches!(change, Change::Delete { .. });
        let (made, removed) = if goes { (None, Some(id.clone())) } else { (Some(id.clone()), None) };
        Some(Step::new(Address::new([id.kind.clone(), id.name.clone()]), change, made, removed))
    });
    changes.collect()
}

/// What documents say of every request: one answer for each.
#[derive(Default)]
struct Judge {
    known: HashMap<String, Vec<Decision>>,
}

impl Judge {
    fn says(&mut self, document: &Document, trust: bool) -> Vec<Decision> {
        let key = document.to_compact();
        if let Some(known) = self.known.get(&key) {
            return known.clone();
        }
        let host = if trust { Host::Trust } else { Host::Managed };
        let policy = [Policy::read(document, host).unwrap_or_else(|why| panic!("{key}: {why:?}"))];
        let requests: Vec<Request> = if trust {
            let by = |caller: &&str| Request::new("sts:AssumeRole", "*", Context::default()).by(Principal::of(caller));
            CALLERS.iter().map(by).collect()
        } else {
            let each = |action: &'static str| OF.iter().map(move |of| Request::new(action, *of, Context::default()));
            ASKED.into_iter().flat_map(each).collect()
        };
        let says: Vec<Decision> = requests.iter().map(|request| evaluate(&policy, None, request).decision).collect();
        self.known.insert(key, says.clone());
        says
    }

    /// Returns what each principal may do, a bit for each request.
    fn held(&mut self, objects: &Objects) -> BTreeMap<String, u32> {
        let document = |attributes: &Attributes, field: &str| attributes.get(field).and_then(Value::document).cloned();
        let text =
            |attributes: &Attributes, field: &str| attributes.get(field).and_then(Value::text).map(str::to_owned);
        let mut of: BTreeMap<(String, String), Vec<Document>> = BTreeMap::new();
        for (id, attributes) in objects {
            for kind in ["user", "role", "group"] {
                let Some(owner) = text(attributes, kind).filter(|_| id.kind != "membership") else { continue };
                let attached = text(attributes, "policy_arn").map(|arn| ObjectId::new("policy", arn));
                let policy =
                    attached.map_or_else(|| document(attributes, "document"), |id| document(&objects[&id], "document"));
                of.entry((kind.to_owned(), owner)).or_default().extend(policy);
            }
        }
        let mut held = BTreeMap::new();
        for (id, attributes) in objects.iter().filter(|(id, _)| ["user", "role"].contains(&id.kind.as_str())) {
            let mut policies = of.get(&(id.kind.clone(), id.name.clone())).cloned().unwrap_or_default();
            for (membership, attributes) in objects.iter().filter(|(member, _)| member.kind == "membership") {
                if membership.name.starts_with(&format!("{}/", id.name)) && id.kind == "user" {
                    let group = ("group".to_owned(), text(attributes, "group").unwrap());
                    policies.extend(of.get(&group).cloned().unwrap_or_default());
                }
            }
            let boundary = text(attributes, "boundary")
                .map(|arn| document(&objects[&ObjectId::new("policy", arn)], "document").unwrap());
            let policies: Vec<Vec<Decision>> = policies.iter().map(|document| self.says(document, false)).collect();
            let boundary = boundary.map(|document| self.says(&document, false));
            let mut mask = 0;
            for request in 0..ASKED.len() * OF.len() {
                let all = || policies.iter().chain(&boundary).map(|says| says[request]);
                let allowed = policies.iter().any(|says| says[request] == Decision::Allowed)
                    && boundary.as_ref().is_none_or(|says| says[request] == Decision::Allowed);
                if allowed && all().all(|says| says != Decision::ExplicitDeny) {
                    mask |= 1 << request;
                }
            }
            if let Some(trust) = document(attributes, "trust") {
                for (caller, says) in CALLERS.iter().zip(self.says(&trust, true)) {
                    held.insert(format!("{caller} as {}", id.name), if says == Decision::Allowed { mask } else { 0 });
                }
            }
            held.insert(id.to_string(), mask);
        }
        held
    }
}

/// What a task leaves behind, call by call.
fn moments(task: &Task, step: &Step, now: &Objects) -> Vec<Objects> {
    let put = |now: &Objects, id: &ObjectId, attributes: &Attributes| {
        let mut next = now.clone();
        next.insert(id.clone(), attributes.clone());
        next
    };
    match task.part {
        Part::Remove => {
            let mut next = now.clone();
            next.remove(step.removed.as_ref().unwrap());
            vec![next]
        }
        _ => {
            let id = step.made.as_ref().unwrap();
            let after = match task.part {
                Part::Early(place) => &step.interim[place],
                _ => step.change.after().unwrap(),
            };
            let mut all = Vec::new();
            // Converging an owner puts the boundary first.
            if let Some(held) = now.get(id).filter(|held| held.get("boundary") != after.get("boundary")) {
                let mut between = after.clone();
                if let Some(trust) = held.get("trust") {
                    between.insert("trust", trust.clone());
                }
                all.push(put(now, id, &between));
            }
            all.push(put(now, id, after));
            all
        }
    }
}

#[derive(Debug, Default)]
struct Tally {
    pairs: usize,
    moments: usize,
    apart: usize,
    lacking: usize,
    exceeding: usize,
    /// Pairs in which a gap was named.
    gaps: usize,
    /// Those in which none of the orders tried had one.
    spared: usize,
}

/// Plays one pair in some orders. Returns what is wrong that the plan does not name.
fn play(seed: u64, judge: &mut Judge, tally: &mut Tally) -> Result<(), String> {
    let mut rng = Rng::with_seed(seed);
    let before = World::draw(&mut rng);
    let mut after = before.clone();
    for _ in 0..rng.usize(1..9) {
        after.change(&mut rng);
    }
    let (before, after) = (before.objects(), after.objects());
    let mut steps = steps(&before, &after, &mut rng);
    let live = |(id, attributes): (&ObjectId, &Attributes)| {
        (id.clone(), Live { id: id.clone(), aws_id: None, attributes: attributes.clone(), created: None })
    };
    let live = LiveState { objects: before.iter().map(live).collect(), ..LiveState::default() };
    let tasks = order::arrange(&mut steps, &live, &account()).map_err(|problem| format!("{seed}: {problem}"))?;
    let (held, wanted) = (judge.held(&before), judge.held(&after));
    let gaps: Vec<&String> = steps.iter().flat_map(|step| &step.gaps).collect();
    let named = |word: &str| gaps.iter().any(|gap| gap.starts_with(word));
    let (may_lack, may_exceed) = (named("takes away") || named("allows for a moment more or less"), named("allows"));
    let mut seen = false;
    for _ in 0..4 {
        let mut now = before.clone();
        let mut waiting: Vec<usize> = tasks.iter().map(|task| task.after.len()).collect();
        let mut ready: Vec<usize> = (0..tasks.len()).filter(|&task| waiting[task] == 0).collect();
        while !ready.is_empty() {
            let task = ready.swap_remove(rng.usize(..ready.len()));
            for next in moments(&tasks[task], &steps[tasks[task].step], &now) {
                let holds = judge.held(&next);
                tally.moments += 1;
                let of = |side: &BTreeMap<String, u32>, who: &String| side.get(who).copied().unwrap_or(0);
                let everybody: BTreeSet<&String> = held.keys().chain(wanted.keys()).chain(holds.keys()).collect();
                for who in everybody {
                    let (before, after, at) = (of(&held, who), of(&wanted, who), of(&holds, who));
                    let (lacks, exceeds) = (before & after & !at != 0, at & !(before | after) != 0);
                    seen |= lacks || exceeds;
                    if lacks && !may_lack || exceeds && !may_exceed {
                        let what = if lacks { "lacks" } else { "exceeds" };
                        let (step, part) = (&steps[tasks[task].step], tasks[task].part);
                        return Err(format!(
                            "seed {seed}: {who} {what} {before:b} {after:b} {at:b} after {part:?} {}; gaps: {gaps:?}",
                            step.address
                        ));
                    }
                }
                now = next;
            }
            for (index, _) in tasks.iter().enumerate().filter(|(_, other)| other.after.contains(&task)) {
                waiting[index] -= 1;
                if waiting[index] == 0 {
                    ready.push(index);
                }
            }
        }
        if now != after {
            return Err(format!("seed {seed}: the end is another one"));
        }
    }
    tally.pairs += 1;
    tally.apart += usize::from(steps.iter().any(|step| !step.interim.is_empty()));
    tally.lacking += usize::from(may_lack);
    tally.exceeding += usize::from(may_exceed);
    tally.gaps += usize::from(!gaps.is_empty());
    tally.spared += usize::from(!gaps.is_empty() && !seen);
    Ok(())
}

fn demand(seeds: std::ops::Range<u64>) {
    let (mut judge, mut tally, mut wrong) = (Judge::default(), Tally::default(), Vec::new());
    for seed in seeds {
        wrong.extend(play(seed, &mut judge, &mut tally).err());
    }
    assert_eq!(wrong, [""; 0]);
    // A plan that named a gap everywhere would pass as well.
    assert!(tally.gaps * 10 < tally.pairs && tally.apart > 0, "{tally:?}");
}

/// `STEADY_PAIRS` says how many pairs are played.
#[test]
fn nobody_lacks_what_both_sides_give_nor_holds_what_neither_does() {
    demand(0..std::env::var("STEADY_PAIRS").map_or(150, |pairs| pairs.parse().expect("a number of pairs")));
}
