//! The sentences of a plan that cannot be made: what is wrong and what to type.

use super::claim::{Claim, Claims};
use super::compare::Work;
use super::wish::Wanted;
use super::{order, quota};
use crate::graph::Desired;
use crate::kinds;
use crate::model::schema::{Accepts, OnChange};
use crate::model::{Address, Attributes, Live, ObjectId, Obstacle, Value};
use crate::problem::{PREVENT_DESTROY, Problem};

pub fn elsewhere(wanted: &Wanted, path: &str) -> Problem {
    let (address, id) = (&wanted.resource.address, &wanted.resource.id);
    let name = order::unique_name(id);
    Problem::error("path-differs", format!("{address}: the name {name} is taken by one in path {path}"))
        .at(wanted.resource.place)
        .note("AWS keeps names unique across paths")
        .help(format!("to mean that one:   path: {path}"))
        .help("to make another one:   name: OTHER")
}

/// What names an object of others by its ARN has to know its path, which is part of it.
pub fn exists_elsewhere(wanted: &Wanted, live: &Live, desired: &Desired) -> Option<Problem> {
    let (address, id) = (&wanted.resource.address, &wanted.resource.id);
    let [said, path] = [&wanted.resource.wanted, &live.attributes].map(path_of);
    let name = wanted.resource.wanted.get("name").and_then(Value::text)?;
    let arn = kinds::spec(&id.kind)?.arn(&desired.account, said, name)?;
    (said != path && desired.names(&arn)).then(|| {
        Problem::error("path-differs", format!("{address}: {id} is in path {path}, so that there is no {arn}"))
            .at(wanted.resource.place)
            .help(format!("write what it has:   path: {path}"))
    })
}

fn path_of(attributes: &Attributes) -> &str {
    attributes.get("path").and_then(Value::text).unwrap_or("/")
}

pub fn cannot_import(wanted: &Wanted, live: &Live, reason: &str) -> Problem {
    let address = &wanted.resource.address;
    let mut problem =
        Problem::error("import-differs", format!("{address} cannot be taken over as the manifest says it"))
            .at(wanted.resource.place)
            .note(reason);
    for field in kinds::spec(&wanted.resource.id.kind).map_or(&[][..], |spec| spec.schema().fields) {
        let (said, held) = (wanted.whole.get(field.name), live.attributes.get(field.name));
        let is_kept = matches!(field.on_change, OnChange::Replace(_)) && said.is_some() && said != held;
        problem = match held.and_then(Value::text) {
            _ if !is_kept => problem,
            Some(held) => problem.help(format!("to keep what AWS holds:   {}: {held}", field.name)),
            None => problem.help(format!("to keep what AWS holds, drop `{}`", field.name)),
        };
    }
    problem
}

pub fn not_ours(
    wanted: &Wanted,
    live: &Live,
    claim: &Claim,
    claims: &Claims,
    desired: &Desired,
    undeclared: Vec<String>,
) -> Problem {
    let (address, id) = (&wanted.resource.address, &wanted.resource.id);
    let name = live.attributes.get("name").and_then(Value::text).unwrap_or(&id.name);
    let taggable = kinds::spec(&id.kind).is_some_and(|spec| spec.schema().taggable);
    let whose = match claim {
        Claim::Nobody | Claim::Ours if taggable => "no ownership tag".to_owned(),
        Claim::Nobody | Claim::Ours => "not in the state".to_owned(),
        Claim::Aws => "kept by AWS for its services".to_owned(),
        Claim::OtherDeployment(other) => format!("owned by deployment {other}"),
        Claim::OtherLineage(_) => format!("owned by another life of {}", claims.deployment),
        Claim::CloudFormation(stack) => format!("owned by CloudFormation's stack {stack}"),
    };
    let mut differs: Vec<String> = wanted
        .resource
        .wanted
        .iter()
        .filter(|(field, value)| **field != "tags" && live.attributes.get(*field) != Some(*value))
        .map(|(field, _)| (*field).to_owned())
        .collect();
    differs.extend(undeclared);
    let created =
        live.created.as_deref().map(|at| format!("created {}, ", &at[..at.len().min(10)])).unwrap_or_default();
    let differs = if differs.is_empty() && !taggable {
        "it lacks policies that the manifest gives it".to_owned()
    } else if differs.is_empty() {
        "equal to the manifest".to_owned()
    } else {
        format!("differs from the manifest in: {}", differs.join(", "))
    };
    let kind = id.kind.replace('_', " ");
    let mut problem =
        Problem::error("not-ours", format!("{kind} {name} exists in {} and is not ours", desired.account.id))
            .at(wanted.resource.place)
            .note(format!("{created}{whose}; {differs}"));
    if *claim == Claim::Nobody {
        problem = problem.help(take_over(address, desired));
    }
    if let ([section, key], true) = (address.segments(), takes_existing(&id.kind)) {
        let says = existing(wanted, live, key, name);
        problem = problem.help(format!("to use it as it is:   {section}: {{{}: {{{says}}}}}", spelled(key)));
    }
    problem.help("to make another one:   name: OTHER".to_owned())
}

/// Returns how many things of a kind there are, whatever they hang on: `2 attachments`.
pub fn counted(count: usize, kind: &str) -> String {
    let word = kind.trim_start_matches("user_").trim_start_matches("group_").replace('_', " ");
    match word.strip_suffix("policy") {
        _ if count == 1 => format!("1 {word}"),
        Some(what) => format!("{count} {what}policies"),
        None => format!("{count} {word}s"),
    }
}

/// What to type so that something becomes ours.
pub fn take_over(address: &Address, desired: &Desired) -> String {
    format!("to take it over, add to {}:   import: [{address}]", desired.manifest)
}

fn takes_existing(kind: &str) -> bool {
    let section = kinds::spec(kind).and_then(|spec| spec.schema().section.as_ref());
    section.is_some_and(|section| section.keys.iter().any(|key| matches!(key.accepts, Accepts::Existing(_))))
}

/// Returns what an entry says that only says that there is such an object.
fn existing(wanted: &Wanted, live: &Live, key: &str, name: &str) -> String {
    let paths = [&live.attributes, &wanted.whole].map(path_of);
    let path = (paths != ["/", "/"]).then_some(paths[0]);
    let name = (key != name).then(|| format!("name: {}", spelled(name)));
    let says = name.into_iter().chain(path.map(|path| format!("path: {path}")));
    says.chain(["existing: true".to_owned()]).collect::<Vec<_>>().join(", ")
}

/// Returns a name as YAML takes it anywhere.
fn spelled(name: &str) -> String {
    let plain = name.chars().all(|c| c.is_alphanumeric() || "-_.".contains(c));
    if plain { name.to_owned() } else { format!("{name:?}") }
}

/// `lacking` is field and text of what is wanted of something that all share.
pub fn lacks(wanted: &Wanted, lacking: &[(&'static str, String)], claim: &Claim, desired: &Desired) -> Problem {
    let (address, id) = (&wanted.resource.address, &wanted.resource.id);
    let lacks: Vec<String> = lacking.iter().map(|(field, text)| format!("{text} in its {field}")).collect();
    let message = format!("{id} exists in {}, is not ours, and lacks {}", desired.account.id, lacks.join(", "));
    let problem = Problem::error("not-ours", message).at(wanted.resource.place);
    let problem = match claim {
        Claim::OtherDeployment(other) => {
            problem.note(format!("deployment {other} owns it: what it lacks is added there"))
        }
        Claim::CloudFormation(stack) => {
            problem.note(format!("CloudFormation's stack {stack} owns it: what it lacks is added there"))
        }
        _ => problem.help(take_over(address, desired)),
    };
    problem.help("to use it as it is, drop that and say:   existing: true".to_owned())
}

pub fn refers_to_nothing(wanted: &Wanted, missing: &ObjectId) -> Problem {
    let address = &wanted.resource.address;
    Problem::error("does-not-exist", format!("{address} refers to {missing}, which does not exist"))
        .at(wanted.resource.place)
        .help("correct the name, or declare it in the manifest and refer to its address")
}

pub fn does_not_exist(wanted: &Wanted) -> Problem {
    let (address, id) = (&wanted.resource.address, &wanted.resource.id);
    Problem::error("does-not-exist", format!("{address} says existing, and there is no {id}"))
        .at(wanted.resource.place)
        .help("to have it made, drop   existing: true")
}

pub fn on_existing(wanted: &Wanted, desired: &Desired) -> Problem {
    let address = &wanted.resource.address;
    Problem::error("not-ours", format!("{address} exists, differs, and is not ours"))
        .at(wanted.resource.place)
        .note("its owner is not ours, so what hangs on it is ours only when we put it there")
        .help(take_over(address, desired))
        .help("to make another one, give it another name")
}

pub fn prevented(work: &Work, id: &ObjectId) -> Problem {
    Problem::error(PREVENT_DESTROY, format!("{} must not be destroyed: it says prevent_destroy", work.address))
        .note(format!("this plan would {} {id}", work.change.action().word()))
        .help("to allow it, set and apply first:   prevent_destroy: false")
}

pub fn blocked(work: &Work, id: &ObjectId, obstacle: &Obstacle) -> Problem {
    let problem =
        Problem::error("delete-conflict", format!("{} cannot be deleted: {id} {}", work.address, obstacle.text))
            .note("that is not part of this deployment, and AWS refuses to delete what is in use");
    problem.help(format!("when nobody needs it:   {}", obstacle.remedy))
}

/// An owner keeps a boundary that goes: without it, it could do more.
pub fn keeps_boundary(wanted: &Wanted, policy: &ObjectId) -> Problem {
    let address = &wanted.resource.address;
    Problem::error("keeps-boundary", format!("{address} keeps its boundary {policy}, which this plan deletes"))
        .at(wanted.resource.place)
        .note("the manifest says nothing of its boundary, and a boundary is never taken off by silence")
        .help("to let it go, write there and apply:   boundary: none")
        .help("or declare the policy again")
}

/// `counted` is `Roles`, as AWS counts them.
pub fn quota(counted: &str, held: usize, made: usize, most: usize) -> Problem {
    let message = format!("the account has no room: it holds {held} of {most} {counted}, this plan makes {made} more");
    Problem::error("quota-exceeded", message)
        .help(format!("ask AWS for more: Service Quotas, AWS Identity and Access Management, {counted} per account"))
        .help("or delete what nobody uses, and plan again")
}

/// A user that has all the keys that AWS allows.
pub fn full(work: &Work, owner: &ObjectId, held: &[&Live], most: usize) -> Problem {
    let ids: Vec<&str> = held.iter().flat_map(|key| quota::ids(&key.attributes)).collect();
    let message = format!("{} cannot be made: {owner} has {} of {most} access keys", work.address, ids.len());
    let problem = Problem::error("too-many-access-keys", message).note(format!("they are {}", ids.join(", ")));
    let name = &owner.name;
    if ids.len() > held.len() {
        let command = format!("seqera-iam key rotate {name} --grace 0s");
        return problem.help(format!("to end its rotation first, with the manifest as it was:   {command}"));
    }
    ids.iter().fold(problem, |problem, key| {
        let command = format!("aws iam delete-access-key --user-name {name} --access-key-id {key}");
        problem.help(format!("if nobody uses it any more:   {command}"))
    })
}
