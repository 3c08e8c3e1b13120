//! Actions against the resources of their statement: what can be limited to what is in the Service
//! Authorization Reference.

use std::cell::RefCell;

use super::super::reference::{Action, ResourceType, Service, any_text, date};
use super::statement::{Entry, Resource, Statement};
use super::{Found, listed};

/// Where AWS Batch writes unless a job says otherwise: "Using the awslogs log driver" in the Batch User Guide.
const BATCH_LOGS: &str = "log-group:/aws/batch/job";

pub(super) fn check(statement: &Statement, found: &mut Found) {
    if let (true, Some(spot)) = (statement.allows, statement.spot.get("NotResource")) {
        let message = "`NotResource` with Allow grants the actions on every other resource".to_owned();
        found.add("notresource-with-allow", &spot, message, "list what is meant under `Resource`");
    }
    // Without `Resource` there is nothing to compare, and `NotResource` leaves enough.
    if statement.resources.is_empty() {
        return;
    }
    // A whole service is let pass, as some actions without resource types have been seen to take it.
    let is_whole = statement.resources.iter().any(|one| one.pattern.resource().is_none_or(|part| part == "*"));
    let has_type = once(|kind| statement.resources.iter().any(|resource| is_of(resource, kind)));
    let is_on_any = |service: &'static Service, action| is_whole || service.types_of(action).any(&has_type);
    for entry in &statement.actions {
        reaches(entry, statement, is_on_any, found);
        on_id(entry, statement, found);
    }
    star(statement, found);
    batch_logs(statement, found);
}

/// Asks a question about resource types once for each.
fn once(ask: impl Fn(&ResourceType) -> bool) -> impl Fn(&'static ResourceType) -> bool {
    let answers: RefCell<Vec<(&'static ResourceType, bool)>> = RefCell::default();
    move |kind| {
        let known = answers.borrow().iter().find(|(other, _)| std::ptr::eq(*other, kind)).map(|(_, answer)| *answer);
        known.unwrap_or_else(|| {
            let answer = ask(kind);
            answers.borrow_mut().push((kind, answer));
            answer
        })
    }
}

fn is_of(resource: &Resource, kind: &ResourceType) -> bool {
    kind.arns.iter().any(|format| resource.pattern.meets(format))
}

fn reaches(
    entry: &Entry,
    statement: &Statement,
    is_on_any: impl Fn(&'static Service, &'static Action) -> bool,
    found: &mut Found,
) {
    let known: Vec<_> = entry.known().collect();
    let outside: Vec<_> = known.iter().copied().filter(|(service, action)| !is_on_any(service, action)).collect();
    if outside.is_empty() {
        return;
    }
    if outside.len() == known.len() {
        return nothing(entry, &outside, statement, found);
    }
    if statement.allows && !entry.is_whole_service() {
        let name = |(service, action): &(&Service, &Action)| format!("{}:{}", service.prefix, action.name);
        let names: Vec<String> = outside.iter().map(name).collect();
        let names = listed(names.iter().map(String::as_str));
        let message = format!("of `{}`, {names} cannot be on any of these resources", entry.text);
        let fix = "nothing where they are not needed; else give them a statement of their own";
        found.advise("resource-mismatch", &entry.spot, message, fix);
    }
}

/// None of the actions, one or more, is on any of the resources.
fn nothing(entry: &Entry, actions: &[(&'static Service, &'static Action)], statement: &Statement, found: &mut Found) {
    let on = listed(statement.resources.iter().map(|resource| resource.text));
    let types = actions.iter().flat_map(|(service, action)| service.types_of(action)).map(|kind| kind.name);
    let mut types: Vec<&str> = types.collect();
    types.sort_unstable();
    types.dedup();
    let (text, nothing, date) = (entry.text, statement.does_nothing(), date());
    let fix = instead(actions[0].0, actions[0].1, &statement.resources);
    if !types.is_empty() {
        let types = listed(types);
        let message = format!("`{text}` is on {types} (reference of {date}), not on {on}: it {nothing}");
        found.add("resource-mismatch", &entry.spot, message, fix);
    } else if statement.resources.iter().any(is_whole_type) {
        let message = format!("`{text}` cannot be limited to resources: it may need more than {on}");
        found.advise("resource-mismatch", &entry.spot, message, fix);
    } else {
        let message = format!("`{text}` cannot be limited to resources (reference of {date}): on {on} it {nothing}");
        found.add("resource-mismatch", &entry.spot, message, fix);
    }
}

/// `log-group:*`: some actions without resource types have been seen to take it.
fn is_whole_type(resource: &Resource) -> bool {
    let part = resource.pattern.resource().unwrap_or_default();
    part.strip_suffix(['*'])
        .and_then(|kind| kind.strip_suffix(['/', ':']))
        .is_some_and(|kind| !kind.contains(['/', ':', '*']))
}

/// Returns what to write for an action that is on none of the resources.
fn instead(service: &Service, action: &Action, resources: &[Resource]) -> String {
    let mut types = service.types_of(action).peekable();
    if types.peek().is_none() {
        return format!("put `{}:{}` into a statement with Resource \"*\"", service.prefix, action.name);
    }
    let types: Vec<&ResourceType> = types.collect();
    let own = |resource: &Resource| bucket_or_objects(resource.text, &types);
    if let Some(arn) = resources.iter().find_map(own) {
        return format!("add the resource `{arn}`");
    }
    format!("add a resource such as `{}`", types[0].arns.first().copied().unwrap_or("*"))
}

/// Returns the bucket of what are objects, or the objects of what is a bucket.
fn bucket_or_objects(text: &str, types: &[&ResourceType]) -> Option<String> {
    let has = |name: &str| types.iter().any(|kind| kind.name == name);
    let bucket = text.split_once(":s3:::")?.1;
    match bucket.split_once('/') {
        Some((name, _)) if has("bucket") && !name.is_empty() => text.split('/').next().map(str::to_owned),
        None if has("object") => Some(format!("{text}/*")),
        _ => None,
    }
}

/// What makes something is refused where it is limited to an id that AWS has yet to choose.
fn on_id(entry: &Entry, statement: &Statement, found: &mut Found) {
    if entry.is_pattern() || !statement.allows {
        return;
    }
    let Some((service, action)) = entry.known().next() else { return };
    let has_id = |kind: &&ResourceType| kind.arns.iter().all(|arn| arn.ends_with("Id}"));
    let Some(kind) = made_by(service, action).find(has_id) else { return };
    let of_kind: Vec<&Resource> = statement.resources.iter().filter(|resource| is_of(resource, kind)).collect();
    let is_one =
        |resource: &&Resource| resource.pattern.resource().is_some_and(|part| !last(part).contains(['*', '?']));
    if let Some(first) = of_kind.first()
        && of_kind.iter().all(is_one)
    {
        let part = first.pattern.resource().unwrap_or_default();
        let message = format!("AWS chooses the id of what `{}` makes: it will not be `{}`", entry.text, last(part));
        let any = first.text.strip_suffix(last(part)).unwrap_or(first.text);
        found.add("create-on-id", &entry.spot, message, format!("put it into a statement with Resource \"{any}*\""));
    }
}

/// `CreateFileSystem` makes a `file-system`.
fn is_made_by(kind: &ResourceType, action: &Action) -> bool {
    let letters =
        |text: &str| text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    action.name.strip_prefix("Create").is_some_and(|made| letters(made) == letters(kind.name))
}

/// Returns what follows the last slash or colon.
fn last(part: &str) -> &str {
    part.rsplit(['/', ':']).next().unwrap_or(part)
}

/// `*`, or its like for one type, where the actions could be limited.
fn star(statement: &Statement, found: &mut Found) {
    if !statement.allows {
        return;
    }
    for resource in &statement.resources {
        if resource.text == "*" {
            let Some(names) = on_types(statement, |_| true) else { continue };
            let message = format!("{names} could be limited to some resources");
            found.add("resource-star", &resource.spot, message, "list the resources that are meant");
        } else if resource.pattern.is_anywhere() && !resource.text.contains("${") {
            let Some(names) = on_types(statement, |kind| is_every(resource, kind)) else { continue };
            let message = format!("`{}` is every resource that {names} can be on", resource.text);
            found.add("resource-effectively-star", &resource.spot, message, "say account, region or name");
        }
    }
}

/// Returns the actions that are on such types, where there are any.
fn on_types(statement: &Statement, is_such: impl Fn(&ResourceType) -> bool) -> Option<String> {
    let is_such = once(is_such);
    let has = |entry: &&Entry| entry.known().any(|(service, action)| service.types_of(action).any(&is_such));
    let names: Vec<&str> = statement.actions.iter().filter(has).map(|entry| entry.text).collect();
    (!names.is_empty()).then(|| listed(names))
}

fn is_every(resource: &Resource, kind: &ResourceType) -> bool {
    let said = resource.pattern.resource().unwrap_or_default();
    let has_all = |format: &str| said == "*" || said == any_text(format.splitn(6, ':').nth(5).unwrap_or_default());
    kind.arns.iter().any(|arn| has_all(arn) && resource.pattern.meets(arn))
}

/// The groups below the default one of AWS Batch without that one itself.
fn batch_logs(statement: &Statement, found: &mut Found) {
    let below = format!("{BATCH_LOGS}/");
    let part = |resource: &Resource| resource.pattern.resource().unwrap_or_default().to_owned();
    let covers = |resource: &Resource| {
        let pattern = part(resource);
        let stream = format!("{BATCH_LOGS}:log-stream:default");
        resource.text == "*" || super::super::pattern::matches_exactly(&pattern, &stream) || pattern == BATCH_LOGS
    };
    let is_below = |resource: &&Resource| part(resource).starts_with(&below) && resource.text.contains(":logs:");
    if let Some(resource) = statement.resources.iter().find(is_below)
        && !statement.resources.iter().any(covers)
    {
        let message =
            "AWS Batch writes to the log group `/aws/batch/job` itself, which is not in `/aws/batch/job/*`".to_owned();
        let fix = resource.text.split(&format!("{BATCH_LOGS}/")).next().unwrap_or_default();
        found.add(
            "log-group-missed",
            &resource.spot,
            message,
            format!("`{fix}{BATCH_LOGS}` and `{fix}{BATCH_LOGS}:*`"),
        );
    }
}

/// A document that tags some types and makes one that it may not tag: with tags, making it is refused.
pub(super) fn tagging<'s, 'a>(statements: &'s [Statement<'a>], found: &mut Found) {
    let allowing = statements.iter().filter(|statement| statement.allows && !statement.resources.is_empty());
    let one = |statement: &'s Statement<'a>| {
        let named = |entry: &'_ &Entry| !entry.is_pattern();
        let entries = statement.actions.iter().filter(named);
        entries.filter_map(move |entry| Some(Named { statement, entry, what: entry.known().next()? }))
    };
    let named: Vec<Named> = allowing.flat_map(one).collect();
    let tags: Vec<&Named> = named.iter().filter(|named| named.what.1.name == "TagResource").collect();
    let mut told = Vec::new();
    for tag in &tags {
        let (service, action) = tag.what;
        let of_service = |named: &&Named| named.what.0.prefix == service.prefix;
        let is_tagged = |kind: &ResourceType| {
            let resources = tags.iter().copied().filter(of_service).flat_map(|tag| &tag.statement.resources);
            resources.into_iter().any(|resource| is_of(resource, kind))
        };
        let takes = |kind: &&ResourceType| service.types_of(action).any(|own| own.name == kind.name);
        let made = named.iter().filter(of_service).flat_map(|named| made_by(named.what.0, named.what.1));
        let mut untagged: Vec<&str> =
            made.filter(takes).filter(|kind| !is_tagged(kind)).map(|kind| kind.name).collect();
        if untagged.is_empty() || told.contains(&service.prefix) {
            continue;
        }
        untagged.sort_unstable();
        untagged.dedup();
        told.push(service.prefix);
        let (text, types) = (tag.entry.text, listed(untagged));
        let message = format!("`{text}` here is not on {types}, which this document makes: with tags, that is refused");
        found.add("tagging-missed", &tag.entry.spot, message, "add its ARN to the resources");
    }
}

/// An action without wildcards and where it stands.
struct Named<'s, 'a> {
    statement: &'s Statement<'a>,
    entry: &'s Entry<'a>,
    what: (&'static Service, &'static Action),
}

/// Returns the type that `CreateX` makes.
fn made_by(service: &'static Service, action: &'static Action) -> impl Iterator<Item = &'static ResourceType> {
    service.types_of(action).filter(|kind| is_made_by(kind, action))
}
