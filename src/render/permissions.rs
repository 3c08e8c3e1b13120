//! What a plan allows more and less, in lines.

use super::document::Detail;
use super::theme::{self, paint};
use super::wrap;
use crate::model::Attributes;
use crate::plan::{Affected, Step};
use crate::policy::difference::{Difference, LEFT_OUT, Line, Precision};

/// More lines of one sign than these are counted; `-v` and `--json` show all.
const SHOWN: usize = 8;

/// The same for what a line excepts.
const EXCEPTED: usize = 4;

/// Draws what the document of a step allows more and less by itself, when it changes one that is there.
pub(super) fn of_step(step: &Step, indent: usize, detail: Detail) -> String {
    let pad = " ".repeat(indent);
    let is_document = |field: &str| {
        let side = |attributes: Option<&Attributes>| attributes.and_then(|a| a.get(field)).cloned();
        let (before, after) = (side(step.change.before()), side(step.change.after()));
        before.is_some() && after.is_some() && before != after
    };
    if !["document", "trust"].into_iter().any(is_document) {
        return String::new();
    }
    if step.permissions.is_empty() {
        return format!("{pad}{}\n", paint(theme::QUIET, "no change in permissions"));
    }
    format!("{pad}permissions\n{}", lines(&step.permissions, indent + 4, detail))
}

/// Draws what changes for the owners, those alike together, and what nobody looked at.
pub(super) fn of_owners(affected: &[Affected], steps: &[Step], detail: Detail) -> String {
    if affected.is_empty() {
        return String::new();
    }
    let mut text = format!("{}\n", paint(theme::STRONG, "Permissions by owner:"));
    let mut groups: Vec<(Vec<&Affected>, &Difference)> = Vec::new();
    for affected in affected {
        match groups.iter_mut().find(|(_, difference)| **difference == affected.difference) {
            Some((alike, _)) => alike.push(affected),
            None => groups.push((vec![affected], &affected.difference)),
        }
    }
    for (alike, difference) in groups {
        let names: Vec<String> = alike.iter().map(|affected| affected.address.to_string()).collect();
        let names = names.join(", ");
        // What a step says above needs no second reading.
        let same = steps.iter().find(|step| !difference.is_empty() && step.permissions == *difference);
        let what = match same {
            _ if difference.is_empty() => "no change".to_owned(),
            Some(step) if step.change.before().is_some() => format!("as {} says above", step.address),
            _ => {
                let (difference, beside) = apart(difference);
                let beside = beside.map(|beside| format!(", apart from {beside}")).unwrap_or_default();
                text += &wrap::words("  ", &format!("{names}{beside}"), 4, detail.width);
                text += &lines(&difference, 6, detail);
                continue;
            }
        };
        text += &wrap::words("  ", &format!("{names}: {what}"), 4, detail.width);
    }
    let left_out = format!("({} are not looked at)", LEFT_OUT.join(", "));
    text + &paint_lines(&wrap::words("  ", &left_out, 2, detail.width)) + "\n"
}

/// Takes out what nobody has read where every line says the same of it.
fn apart(difference: &Difference) -> (Difference, Option<String>) {
    let known = |line: &&Line| line.precision != Precision::Unknown;
    let mut all = difference.added.iter().chain(&difference.removed).filter(known);
    let beside = all.next().map(|line| line.beside.clone()).unwrap_or_default();
    let may_have_been = beside.iter().all(|unread| unread.ends_with(" allows") || unread.ends_with(" allow"));
    if beside.is_empty() || !may_have_been || all.any(|line| line.beside != beside) {
        return (difference.clone(), None);
    }
    let mut difference = difference.clone();
    for line in difference.added.iter_mut().chain(&mut difference.removed) {
        line.beside.clear();
    }
    (difference, Some(beside.join("; ")))
}

fn paint_lines(text: &str) -> String {
    text.lines().map(|line| format!("{}\n", paint(theme::QUIET, line))).collect()
}

fn lines(difference: &Difference, indent: usize, detail: Detail) -> String {
    side(&difference.added, "+", theme::CREATE, indent, detail)
        + &side(&difference.removed, "-", theme::DELETE, indent, detail)
}

fn side(lines: &[Line], symbol: &str, style: anstyle::Style, indent: usize, detail: Detail) -> String {
    let shown = Line::together(lines, if detail.verbose { usize::MAX } else { EXCEPTED });
    let most = if detail.verbose { usize::MAX } else { SHOWN };
    let mut text = String::new();
    for line in shown.iter().take(most) {
        let head = format!("{}{} ", " ".repeat(indent), paint(style, symbol));
        text += &wrap::words(&head, &line.to_string(), indent + 2, detail.width);
    }
    if shown.len() > most {
        let more = format!("{symbol} {} more, with -v or --json", shown.len() - most);
        text += &format!("{}{}\n", " ".repeat(indent), paint(theme::QUIET, more));
    }
    text
}
