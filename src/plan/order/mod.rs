//! What has to be done before what.
//!
//! A step has up to two parts, making and removing; a replacement has both. Hard edges are what AWS
//! demands: owners before what hangs on them, and the other way round when they go. Soft edges keep
//! permissions steady ([`steady`](super::steady)). Where soft edges close a circle, updates in it are taken apart
//! into several writes; where that does not help they give way, since the hard ones cannot, and the plan
//! names the gap. What goes before its successor comes waits, as far as it can, for all that the successor waits
//! for ([`gone`]).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef;

use super::compare::Work;
use super::steady::{Steady, Why};
use super::{Change, First, Step, own};
use crate::kinds;
use crate::model::{Account, Address, Attributes, LiveState, ObjectId};
use crate::problem::Problem;

mod gone;
mod soft;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// One of the writes between the two sides of an update, by its place among [`Step::interim`].
    Early(usize),
    Make,
    /// Puts in what could not be made at once: roles that trust each other are created trusting nobody.
    Finish,
    Remove,
}

/// One part of one step, as the executor runs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// Index of its step in the plan.
    pub step: usize,
    pub part: Part,
    /// Whether making leaves out the names of what does not exist yet; a finishing part follows then.
    pub without_names: bool,
    /// Indexes of the tasks that have to be done before.
    pub after: Vec<usize>,
    /// Those of them that IAM has to know everywhere before this one takes away what they give.
    pub settles: Vec<usize>,
}

/// Returns what AWS keeps unique of this object, without path and letter case.
pub fn unique_name(id: &ObjectId) -> String {
    kinds::spec(&id.kind).map_or_else(|| id.name.clone(), |spec| spec.unique_name(id))
}

/// Turns the work on each object into one step for each address, in the manifest's order. An object
/// that goes and one that comes at the same address are a replacement; `leaves_first` says of the
/// attributes of both and their kind whether the one can come only when the other is gone.
pub(super) fn steps(
    work: BTreeMap<ObjectId, Work>,
    order: &[ObjectId],
    leaves_first: &dyn Fn(&Attributes, &Attributes, &str) -> bool,
) -> Vec<Step> {
    let goes: BTreeSet<ObjectId> = work
        .iter()
        .filter(|(_, work)| matches!(work.change, Change::Delete { .. }))
        .map(|(id, _)| id.clone())
        .collect();
    let mut leaving: BTreeMap<Address, (ObjectId, Work)> = BTreeMap::new();
    let mut rest: Vec<(ObjectId, Work)> = Vec::new();
    for (id, work) in work {
        let goes = matches!(work.change, Change::Delete { .. });
        if goes && !leaving.contains_key(&work.address) {
            leaving.insert(work.address.clone(), (id, work));
        } else {
            rest.push((id, work));
        }
    }
    // What is made has the address, and not what only goes.
    rest.sort_by_key(|(_, work)| work.change.after().is_none());
    let mut steps: BTreeMap<Address, Step> = BTreeMap::new();
    for (id, work) in rest {
        let (change, removed) = match (&work.change, leaving.remove(&work.address)) {
            (Change::Create { after }, Some((old, gone)))
                if old.kind == id.kind && is_successor((&old, &gone), (&id, after), &goes) =>
            {
                (renamed(&old, &gone, &id, after, leaves_first), Some(old))
            }
            (change, other) => {
                leaving.extend(other.map(|(old, gone)| (gone.address.clone(), (old, gone))));
                (change.clone(), removes(change).then(|| id.clone()))
            }
        };
        let address = if steps.contains_key(&work.address) { aside(&work.address, &id) } else { work.address.clone() };
        let made = change.after().is_some().then(|| id.clone());
        steps.insert(address.clone(), step(address, change, work, made, removed));
    }
    for (_, (id, work)) in leaving {
        let address = if steps.contains_key(&work.address) { aside(&work.address, &id) } else { work.address.clone() };
        steps.insert(address.clone(), step(address, work.change.clone(), work, None, Some(id)));
    }
    let rank: HashMap<&ObjectId, usize> = order.iter().enumerate().map(|(rank, id)| (id, rank)).collect();
    let mut steps: Vec<Step> = steps.into_values().collect();
    steps.sort_by_key(|step| step.made.as_ref().and_then(|made| rank.get(made)).copied().unwrap_or(usize::MAX));
    steps
}

/// Says whether one comes in the place of another. What hangs on two owners that both stay, and only change their places in
/// the manifest, is not one after the other: each owner gets something and loses something.
fn is_successor(
    (old, gone): (&ObjectId, &Work),
    (id, after): (&ObjectId, &Attributes),
    goes: &BTreeSet<ObjectId>,
) -> bool {
    let from = gone.change.before().and_then(|before| kinds::owner(old, before));
    let to = kinds::owner(id, after);
    from == to || from.is_none_or(|owner| goes.contains(&owner))
}

/// An address for a second object that goes at an address where another one comes.
fn aside(address: &Address, id: &ObjectId) -> Address {
    address.child(["replaced", &id.name])
}

fn removes(change: &Change) -> bool {
    matches!(change, Change::Delete { .. } | Change::Replace { .. } | Change::Forget { .. })
}

fn renamed(
    old: &ObjectId,
    gone: &Work,
    id: &ObjectId,
    after: &Attributes,
    leaves_first: &dyn Fn(&Attributes, &Attributes, &str) -> bool,
) -> Change {
    let before = gone.change.before().cloned().unwrap_or_default();
    let because = super::must_replace(id, &before, after).unwrap_or("it is another object").to_owned();
    let delete_first = unique_name(old) == unique_name(id) || leaves_first(&before, after, &id.kind);
    let first = if delete_first { First::Delete } else { First::Create };
    Change::Replace { before, after: after.clone(), because, first }
}

fn step(address: Address, change: Change, work: Work, made: Option<ObjectId>, removed: Option<ObjectId>) -> Step {
    let Work { record, drift, .. } = work;
    Step { record, drift, ..Step::new(address, change, made, removed) }
}

/// Puts all parts of the steps in their order, and fills in what a step says of it. Steps that wait for each
/// other are a problem.
pub(super) fn arrange(steps: &mut [Step], live: &LiveState, account: &Account) -> Result<Vec<Task>, Problem> {
    let (tasks, interim, gaps) = {
        let mut ordering = Ordering::new(steps, account);
        let tasks = ordering.tasks(&Steady::new(steps, live));
        (tasks, ordering.interim, ordering.gaps)
    };
    for (step, interim) in interim {
        steps[step].interim = interim;
    }
    for (step, gap) in gaps {
        steps[step].gaps.push(gap);
    }
    let addresses: Vec<Address> = steps.iter().map(|step| step.address.clone()).collect();
    for task in &tasks {
        let others = |of: &[usize]| -> Vec<Address> {
            let others = of.iter().map(|&other| tasks[other].step).filter(|&other| other != task.step);
            others.map(|other| addresses[other].clone()).collect()
        };
        let first = task.after.iter().all(|&before| tasks[before].step != task.step);
        let step = &mut steps[task.step];
        if first { &mut step.waits_for } else { &mut step.finishes_after }.extend(others(&task.after));
        step.settles.extend(others(&task.settles));
    }
    for step in steps.iter_mut() {
        let waits_for = std::mem::take(&mut step.waits_for);
        step.finishes_after.retain(|address| !waits_for.contains(address));
        step.waits_for = waits_for;
    }
    let stuck = stuck(&tasks);
    if stuck.is_empty() {
        return Ok(tasks);
    }
    let names: BTreeSet<String> = stuck.iter().map(|&task| addresses[tasks[task].step].to_string()).collect();
    let message = format!("these wait for each other: {}", names.into_iter().collect::<Vec<_>>().join(", "));
    Err(Problem::error("cycle", message)
        .note("one has to go before another can come, and the other way round")
        .help("change some of them in an apply of its own"))
}

/// Returns the tasks that can never start, as they wait for themselves.
fn stuck(tasks: &[Task]) -> Vec<usize> {
    let mut waiting: Vec<usize> = tasks.iter().map(|task| task.after.len()).collect();
    let mut dependents = vec![Vec::new(); tasks.len()];
    for (index, task) in tasks.iter().enumerate() {
        task.after.iter().for_each(|&before| dependents[before].push(index));
    }
    let mut ready: Vec<usize> = (0..tasks.len()).filter(|&task| waiting[task] == 0).collect();
    while let Some(done) = ready.pop() {
        for &dependent in &dependents[done] {
            waiting[dependent] -= 1;
            if waiting[dependent] == 0 {
                ready.push(dependent);
            }
        }
    }
    (0..tasks.len()).filter(|&task| waiting[task] > 0).collect()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Edge {
    Hard,
    /// A name in a trust policy: as hard, but it can be put in later.
    Named,
    Soft(Why),
}

struct Ordering<'a> {
    steps: &'a [Step],
    account: &'a Account,
    graph: DiGraph<(usize, Part), Edge>,
    makes: HashMap<&'a ObjectId, NodeIndex>,
    removes: HashMap<&'a ObjectId, NodeIndex>,
    /// What is written between the sides of updates, by their steps, and the nodes of that.
    interim: HashMap<usize, Vec<Attributes>>,
    early: HashMap<usize, Vec<NodeIndex>>,
    /// What gave way, by the step that comes too early.
    gaps: BTreeSet<(usize, String)>,
    /// What has to go, or shrink, before something can come, and that.
    gone: BTreeSet<(NodeIndex, NodeIndex)>,
}

impl<'a> Ordering<'a> {
    fn new(steps: &'a [Step], account: &'a Account) -> Self {
        let mut graph = DiGraph::new();
        let (mut makes, mut removes) = (HashMap::new(), HashMap::new());
        for (index, step) in steps.iter().enumerate() {
            if let Some(made) = &step.made {
                makes.insert(made, graph.add_node((index, Part::Make)));
            }
            if let Some(removed) = &step.removed {
                removes.insert(removed, graph.add_node((index, Part::Remove)));
            }
        }
        let (interim, early) = (HashMap::new(), HashMap::new());
        let (gaps, gone) = (BTreeSet::new(), BTreeSet::new());
        Self { steps, account, graph, makes, removes, interim, early, gaps, gone }
    }

    fn tasks(&mut self, steady: &Steady) -> Vec<Task> {
        for step in self.steps {
            self.owners_first(step);
            self.holders_go_first(step);
            self.halves(step);
        }
        // A name that is not free yet may close a circle of trust, too.
        self.one_of_a_name();
        let finished = self.circles_of_trust();
        self.room_first();
        self.keys_last();
        self.steady(steady);
        self.gone_late();
        let task = |node: NodeIndex| {
            let (step, part) = self.graph[node];
            let before = || self.graph.edges_directed(node, petgraph::Direction::Incoming);
            let sorted = |mut tasks: Vec<usize>| {
                tasks.sort_unstable();
                tasks.dedup();
                tasks
            };
            let settles =
                before().filter(|edge| matches!(edge.weight(), Edge::Soft(Why::Keeps | Why::Bounds { settles: true })));
            Task {
                step,
                part,
                without_names: part == Part::Make && finished.contains(&step),
                settles: sorted(settles.map(|edge| edge.source().index()).collect()),
                after: sorted(before().map(|edge| edge.source().index()).collect()),
            }
        };
        let mut tasks: Vec<Task> = self.graph.node_indices().map(task).collect();
        own::put_last(&mut tasks, self.steps);
        tasks
    }

    fn make_of(&self, step: &Step) -> Option<NodeIndex> {
        step.made.as_ref().and_then(|made| self.makes.get(made)).copied()
    }

    fn remove_of(&self, step: &Step) -> Option<NodeIndex> {
        step.removed.as_ref().and_then(|id| self.removes.get(id)).copied()
    }

    fn needs(&self, step: &Step, attributes: &Attributes) -> Vec<kinds::Needed> {
        let spec = step.id().and_then(|id| kinds::spec(&id.kind));
        spec.map(|spec| spec.refers(self.account, attributes)).unwrap_or_default()
    }

    /// What is created comes before what refers to it, and what is taken over before what hangs on it. What
    /// is only updated is there.
    fn owners_first(&mut self, step: &Step) {
        let (Some(after), Some(make)) = (step.change.after(), self.make_of(step)) else { return };
        for needed in self.needs(step, after) {
            let Some(&owner) = self.makes.get(&needed.id) else { continue };
            let there = match &self.steps[self.graph[owner].0].change {
                // One that moves to another path has another ARN from then on.
                Change::Update { before, after } => before.get("path") == after.get("path"),
                Change::Import { .. } => !needed.held,
                Change::Create { .. } | Change::Replace { .. } | Change::Delete { .. } | Change::Forget { .. } => false,
            };
            let edge = if needed.held { Edge::Hard } else { Edge::Named };
            // An edge to itself stays: a role may trust itself.
            if !there {
                self.graph.add_edge(owner, make, edge);
            }
        }
    }

    /// What holds an object goes, or lets go of it, before the object goes.
    fn holders_go_first(&mut self, step: &Step) {
        let Some(before) = step.change.before() else { return };
        let after = step.change.after().map(|after| self.needs(step, after)).unwrap_or_default();
        for needed in self.needs(step, before).into_iter().filter(|needed| needed.held) {
            let Some(&owner) = self.removes.get(&needed.id) else { continue };
            let holder = match self.remove_of(step) {
                Some(removed) => Some(removed),
                None if after.contains(&needed) => None,
                None => self.make_of(step),
            };
            if let Some(holder) = holder.filter(|&holder| holder != owner) {
                self.graph.add_edge(holder, owner, Edge::Hard);
            }
        }
    }

    fn halves(&mut self, step: &Step) {
        let (Some(make), Some(remove)) = (self.make_of(step), self.remove_of(step)) else { return };
        match step.change {
            Change::Replace { first: First::Create, .. } => drop(self.graph.add_edge(make, remove, Edge::Hard)),
            _ => self.goes_first(remove, make),
        }
    }

    fn goes_first(&mut self, goes: NodeIndex, comes: NodeIndex) {
        self.graph.update_edge(goes, comes, Edge::Hard);
        self.gone.insert((goes, comes));
    }

    /// Roles that trust each other, or themselves: each is created without the names and finished when
    /// all exist. Returns their steps.
    fn circles_of_trust(&mut self) -> BTreeSet<usize> {
        let circle = self.circles();
        let steps = self.steps;
        let within = |graph: &DiGraph<(usize, Part), Edge>, edge| {
            let (from, to) = graph.edge_endpoints(edge)?;
            let named = graph[edge] == Edge::Named && circle[from.index()] == circle[to.index()];
            // What is there already is never left without those that it trusts.
            let made = matches!(steps[graph[to].0].change, Change::Create { .. } | Change::Replace { .. });
            (named && made).then_some((from, to))
        };
        let closing: Vec<_> = self.graph.edge_indices().filter_map(|edge| within(&self.graph, edge)).collect();
        self.graph.retain_edges(|graph, edge| within(&graph, edge).is_none());
        let mut finishing: BTreeMap<usize, NodeIndex> = BTreeMap::new();
        for (named, make) in closing {
            let step = self.graph[make].0;
            let finish = *finishing.entry(step).or_insert_with(|| self.graph.add_node((step, Part::Finish)));
            self.graph.update_edge(make, finish, Edge::Hard);
            self.graph.update_edge(named, finish, Edge::Hard);
        }
        finishing.into_keys().collect()
    }

    /// A name is free only when the object that had it is gone.
    fn one_of_a_name(&mut self) {
        let mut taken: HashMap<(&str, String), NodeIndex> = HashMap::new();
        for (id, &remove) in &self.removes {
            taken.insert((&id.kind, unique_name(id)), remove);
        }
        let freed =
            |(id, &make): (&&ObjectId, &NodeIndex)| Some((*taken.get(&(id.kind.as_str(), unique_name(id)))?, make));
        let freed: Vec<_> = self.makes.iter().filter_map(freed).collect();
        freed.into_iter().for_each(|(remove, make)| self.goes_first(remove, make));
    }

    /// Where an owner is full, something goes or shrinks before something comes or grows.
    fn room_first(&mut self) {
        let by_address: HashMap<&Address, &Step> = self.steps.iter().map(|step| (&step.address, step)).collect();
        for step in self.steps {
            let Some(goes) = self.remove_of(step).or_else(|| self.make_of(step)) else { continue };
            for next in step.makes_room_for.iter().filter_map(|address| by_address.get(address)) {
                if let Some(make) = self.make_of(next) {
                    self.goes_first(goes, make);
                }
            }
        }
    }

    /// A key goes only when those have come that its user gets: one of them is meant for its place, and without either
    /// whoever uses it is locked out. Those that have to make room go one by one.
    fn keys_last(&mut self) {
        let user = |step: &Step, attributes: &Attributes| {
            let spec = kinds::spec(&step.id()?.kind).filter(|spec| spec.is_issued())?;
            spec.hangs_on(attributes).map(|hangs| hangs.owner)
        };
        let mut comes: HashMap<ObjectId, Vec<(&Address, NodeIndex)>> = HashMap::new();
        for step in self.steps {
            let (Change::Create { after } | Change::Replace { after, .. }) = &step.change else { continue };
            if let (Some(user), Some(make)) = (user(step, after), self.make_of(step)) {
                comes.entry(user).or_default().push((&step.address, make));
            }
        }
        let mut latest: HashMap<ObjectId, NodeIndex> = HashMap::new();
        for step in self.steps {
            let Change::Delete { before } = &step.change else { continue };
            let (Some(user), Some(remove)) = (user(step, before), self.remove_of(step)) else { continue };
            let comes = comes.get(&user).map_or(&[][..], Vec::as_slice);
            let next = comes.iter().find(|(address, _)| step.makes_room_for.contains(address));
            let awaited: Vec<NodeIndex> = match next {
                Some((_, make)) => latest.insert(user, *make).into_iter().collect(),
                None => comes.iter().map(|(_, make)| *make).collect(),
            };
            for make in awaited {
                self.graph.update_edge(make, remove, Edge::Hard);
            }
        }
    }

    /// Numbers the nodes so that those on a common circle have the same number.
    fn circles(&self) -> Vec<usize> {
        let mut circle = vec![usize::MAX; self.graph.node_count()];
        for (number, component) in kosaraju_scc(&self.graph).into_iter().enumerate() {
            component.into_iter().for_each(|node| circle[node.index()] = number);
        }
        circle
    }
}
