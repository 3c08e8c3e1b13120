//! Policy documents and their differences as text.

use similar::{ChangeTag, TextDiff};

use super::spell::spelled;
use super::theme::{self, paint};
use super::wrap;
use crate::policy::Document;
use crate::policy::condition::Operator;
use crate::policy::diff::{DocumentChange, Line, Sign, Status, Subject, diff};

/// How much to show, and how wide.
#[derive(Clone, Copy, Debug)]
pub struct Detail<'a> {
    /// Columns of the terminal.
    pub width: usize,
    /// Whole documents and text diffs instead of meanings.
    pub verbose: bool,
    /// The command that applies the plan.
    pub apply: &'a str,
}

/// Draws what `after` says otherwise than `before`, each line indented by `indent`.
pub fn change(before: Option<&Document>, after: Option<&Document>, indent: usize, detail: Detail) -> String {
    match (before, after) {
        (Some(before), Some(after)) if detail.verbose => text_diff(before, after, indent),
        (None, Some(whole)) if detail.verbose => whole_text(whole, "+", indent),
        (Some(whole), None) if detail.verbose => whole_text(whole, "-", indent),
        (Some(before), Some(after)) => meanings(&diff(before, after), indent, detail),
        (None, Some(after)) => meanings(&statements(&diff(&without_statements(after), after)), indent, detail),
        (Some(before), None) => meanings(&statements(&diff(before, &without_statements(before))), indent, detail),
        (None, None) => String::new(),
    }
}

/// The same document without its statements: the other side of one that comes or goes as a whole.
fn without_statements(document: &Document) -> Document {
    let mut json = document.json().clone();
    if let Some(object) = json.as_object_mut() {
        object.insert("Statement".to_owned(), serde_json::Value::Array(Vec::new()));
    }
    Document::from_json(json)
}

fn statements(changes: &[DocumentChange]) -> Vec<DocumentChange> {
    changes.iter().filter(|change| change.subject == Subject::Statement).cloned().collect()
}

fn meanings(changes: &[DocumentChange], indent: usize, detail: Detail) -> String {
    let mut text = String::new();
    for change in changes {
        let pad = " ".repeat(indent);
        let (style, symbol) = match change.status {
            Status::Added => (theme::CREATE, "+"),
            Status::Removed => (theme::DELETE, "-"),
            Status::Changed => (theme::UPDATE, "~"),
        };
        text += &wrap::words(&format!("{pad}{} ", paint(style, symbol)), &label(change), indent + 2, detail.width);
        text += &match change.status {
            Status::Added | Status::Removed => elements(&change.lines, indent + 2, detail),
            Status::Changed => change.lines.iter().map(|line| one_line(line, indent + 2, detail)).collect(),
        };
    }
    text
}

/// `Logs: Allow` for a statement that comes or goes; what has no Sid says its effect already.
fn label(change: &DocumentChange) -> String {
    let line = |element: &str| change.lines.iter().find(|line| line.element == element).map(|line| line.text.as_str());
    match (change.status, line("Effect")) {
        (Status::Added | Status::Removed, Some(effect)) if line("Sid") == Some(change.label.as_str()) => {
            format!("{}: {effect}", change.label)
        }
        _ => change.label.clone(),
    }
}

fn one_line(line: &Line, indent: usize, detail: Detail) -> String {
    let (style, symbol) = match line.sign {
        Sign::Added => (theme::CREATE, "+"),
        Sign::Removed => (theme::DELETE, "-"),
    };
    let element = if line.element == "Action" { String::new() } else { format!("{}: ", line.element) };
    let on = line.on.as_ref().map(|on| format!(" on {on}")).unwrap_or_default();
    let text = wrap::words("", &format!("{symbol} {element}{}{on}", line.text), indent + 2, detail.width);
    let lines = text.trim_end().lines().map(|line| paint(style, line.trim_start()));
    let pads = std::iter::once(" ".repeat(indent)).chain(std::iter::repeat(" ".repeat(indent + 2)));
    lines.zip(pads).map(|(line, pad)| format!("{pad}{line}\n")).collect()
}

/// The elements of a statement that comes or goes as a whole, one list each.
fn elements(lines: &[Line], indent: usize, detail: Detail) -> String {
    let mut grouped: Vec<(&str, Vec<String>)> = Vec::new();
    let mut said = "";
    // The label says these.
    for line in lines.iter().filter(|line| line.element != "Sid" && line.element != "Effect") {
        // Several values of one condition are one condition.
        let text = match line.text.split_once(": ").filter(|_| line.element == "Condition") {
            Some((test, value)) if test == said => format!("{} {value}", joined_by(test)),
            Some((test, _)) => {
                said = test;
                line.text.clone()
            }
            None => line.text.clone(),
        };
        match grouped.iter_mut().find(|(element, _)| *element == line.element) {
            Some((_, texts)) => texts.push(text),
            None => grouped.push((&line.element, vec![text])),
        }
    }
    let label = grouped.iter().map(|(element, _)| element.len()).max().unwrap_or(0);
    grouped
        .into_iter()
        .map(|(element, texts)| {
            let head = format!("{}{element:<label$}  ", " ".repeat(indent));
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            wrap::list(&head, &texts, indent + label + 2, detail.width)
        })
        .collect()
}

/// "AWS JSON policy elements: Condition": one value suffices, except that a negated operator demands it of none.
fn joined_by(test: &str) -> &'static str {
    let operator = test.split(' ').next().and_then(Operator::parse);
    if operator.is_some_and(|operator| operator.negated) { "nor" } else { "or" }
}

fn whole_text(document: &Document, symbol: &str, indent: usize) -> String {
    let style = if symbol == "+" { theme::CREATE } else { theme::DELETE };
    // YAML, as it would stand in the manifest.
    let yaml = serde_yaml::to_string(document.json()).unwrap_or_else(|_| document.to_pretty());
    let line = |line| format!("{}{}\n", " ".repeat(indent), paint(style, format!("{symbol} {}", spelled(line))));
    yaml.lines().map(line).collect()
}

fn text_diff(before: &Document, after: &Document, indent: usize) -> String {
    let (before, after) = (before.to_pretty(), after.to_pretty());
    let difference = TextDiff::from_lines(before.as_str(), after.as_str());
    let mut text = String::new();
    for group in difference.grouped_ops(3) {
        for change in group.iter().flat_map(|operation| difference.iter_changes(operation)) {
            let line = spelled(change.value().trim_end_matches('\n'));
            let line = match change.tag() {
                ChangeTag::Equal => format!("  {line}"),
                ChangeTag::Insert => paint(theme::CREATE, format!("+ {line}")),
                ChangeTag::Delete => paint(theme::DELETE, format!("- {line}")),
            };
            text += &format!("{}{line}\n", " ".repeat(indent));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_of_a_negated_condition_are_joined_by_nor() {
        let drawn = |operator: &str| {
            let condition = json!({operator: {"aws:RequestedRegion": ["eu-west-1", "eu-west-2"]}});
            let statement = json!({"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": condition});
            let document = Document::from_json(json!({"Version": "2012-10-17", "Statement": [statement]}));
            change(None, Some(&document), 0, Detail { width: 200, verbose: false, apply: "" })
        };
        let key = "aws:RequestedRegion: eu-west-1";
        for (operator, word) in [
            ("StringEquals", "or"),
            ("StringNotEquals", "nor"),
            ("ForAnyValue:StringNotLikeIfExists", "nor"),
            ("ForAllValues:StringLike", "or"),
        ] {
            let expected = format!("Condition  {operator} {key}, {word} eu-west-2\n");
            assert!(drawn(operator).contains(&expected), "{}", drawn(operator));
        }
    }
}
