//! What is wrong within a built-in blueprint cannot be mended there: what to type is said for who uses it, and what
//! only follows from a wrong param is not said.

use super::builtin;
use super::namespace::{Namespace, Settled, Used, related};
use super::params::{Params, TYPED};
use super::report::NOT_SET;
use crate::problem::{Place, Problem, Sources};

/// How a help ends that is about the name of an entry.
const OTHER_NAME: &str = "name: OTHER";

/// Returns a problem as whoever uses a blueprint can mend it. A comment behind what is wrong is what to type; else the params that a line names are what it depends on.
pub fn told(mut problem: Problem, spaces: &[Namespace], sources: &Sources) -> Problem {
    let typed = problem.place.and_then(|place| sources.get(place.file).name.strip_prefix(TYPED));
    if let (Some(name), "unknown-param") = (typed, problem.code) {
        let uses = spaces.iter().skip(1).filter(|space| space.params.declares(name));
        problem
            .helps
            .extend(uses.map(|space| format!("in the manifest, under {}:   with: {{{name}: …}}", space.address([]))));
        return problem;
    }
    let Some(place) = problem.place.filter(|place| builtin::is_source(&sources.get(place.file).name)) else {
        return problem;
    };
    let mut uses = (0..spaces.len()).filter(|&at| spaces[at].files.first() == Some(&place.file));
    if let (true, Some(at), None) = (problem.related.is_empty(), uses.next(), uses.next()) {
        problem.related = related(spaces, at).into_iter().rev().collect();
    }
    let text = &sources.get(place.file).text;
    for help in &mut problem.helps {
        if let Some(what) = help.strip_suffix(OTHER_NAME) {
            *help = format!("{what}{}", other_name(text, place, problem.related.len()));
        }
    }
    let line = line(text, place);
    match line.split_once(" # ") {
        Some((_, comment)) => problem.helps = vec![comment.trim().to_owned()],
        None if problem.helps.is_empty() => {
            let named: Vec<String> = params(line).into_iter().map(|name| format!("{name}: …")).collect();
            if !named.is_empty() {
                problem.helps.push(format!("with: {{{}}}", named.join(", ")));
            }
        }
        None => {}
    }
    problem
}

/// Returns how the object of an entry is given another name where its blueprint is used, by as many blueprints as `uses`.
fn other_name(text: &str, place: Place, uses: usize) -> String {
    let (before, after) = text.split_at_checked(place.start).unwrap_or_default();
    let key = after.split(':').next().unwrap_or_default();
    // Its lines are those that are indented more than it.
    let entry = after.lines().skip(1).take_while(|line| line.starts_with("    "));
    let named = entry.filter_map(|line| line.strip_prefix("    name:")).flat_map(params).next();
    let section =
        before.lines().rev().find_map(|line| line.strip_suffix(':').filter(|key| !key.starts_with([' ', '#'])));
    match (named, section) {
        _ if uses > 1 => "another key under `use`".to_owned(),
        (Some(param), _) => format!("with: {{{param}: OTHER}}"),
        (None, Some(section)) => format!("override: {{{section}: {{{key}: {{{OTHER_NAME}}}}}}}"),
        (None, None) => OTHER_NAME.to_owned(),
    }
}

/// Says whether a problem within a built-in blueprint only follows from a param that was reported. What the header
/// lacks does not.
pub fn follows(problem: &Problem, spaces: &[Namespace], settled: &Settled, sources: &Sources) -> bool {
    let Some(place) = problem.place.filter(|place| builtin::is_source(&sources.get(place.file).name)) else {
        return false;
    };
    problem.code != NOT_SET
        && spaces.iter().enumerate().any(|(at, space)| {
            let used_here = |used: &Used| problem.related.iter().any(|(place, _)| *place == used.place);
            let broken = space.params.are_broken() || settled.params(at).is_some_and(Params::are_broken);
            broken && space.files.first() == Some(&place.file) && space.used.as_ref().is_some_and(used_here)
        })
}

/// Returns the line in which a place begins.
fn line(text: &str, place: Place) -> &str {
    let start = text.get(..place.start).and_then(|before| before.rfind('\n')).map_or(0, |newline| newline + 1);
    text.get(start..).and_then(|rest| rest.lines().next()).unwrap_or_default()
}

/// Returns the params that a text names, each once.
fn params(text: &str) -> Vec<&str> {
    let mut found: Vec<&str> = Vec::new();
    for rest in text.split("params.").skip(1) {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        if !found.contains(&&rest[..end]) {
            found.push(&rest[..end]);
        }
    }
    found
}
