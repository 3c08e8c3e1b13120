//! `policy diff`: what one document says otherwise than another, by meaning.

use std::path::Path;

use serde_json::json;

use super::super::{Exit, Output};
use super::file;
use crate::error::{Error, Result};
use crate::policy::diff::{Line, Sign};
use crate::policy::{Document, DocumentChange, diff};
use crate::problem::Sources;
use crate::render::document;

pub fn run(before: &Path, after: &Path, output: &Output) -> Result<Exit> {
    let read = |path: &Path| {
        let node = file::value(path, &mut Sources::default())?;
        Ok::<_, Error>(Document::from_json(node.to_json()))
    };
    let (before, after) = (read(before)?, read(after)?);
    let changes = diff(&before, &after);
    if output.json {
        let of = |sign| lines(&changes, sign);
        let (added, removed) = (of(Sign::Added), of(Sign::Removed));
        output.document(&json!({"equivalent": changes.is_empty(), "added": added, "removed": removed}))?;
    } else if changes.is_empty() {
        output.say("The documents mean the same.\n")?;
    } else {
        output.say(&document::change(Some(&before), Some(&after), 0, output.detail()))?;
    }
    Ok(if changes.is_empty() { Exit::Done } else { Exit::No })
}

/// Returns what comes or goes: `Objects: s3:DeleteObject on arn:aws:s3:::acme-work/*`.
fn lines(changes: &[DocumentChange], sign: Sign) -> Vec<String> {
    let text = |change: &DocumentChange, line: &Line| {
        let element = if line.element == "Action" { String::new() } else { format!("{} ", line.element) };
        let on = line.on.as_ref().map(|on| format!(" on {on}")).unwrap_or_default();
        format!("{}: {element}{}{on}", change.label, line.text)
    };
    let all = changes.iter().flat_map(|change| change.lines.iter().map(move |line| (change, line)));
    all.filter(|(_, line)| line.sign == sign).map(|(change, line)| text(change, line)).collect()
}
