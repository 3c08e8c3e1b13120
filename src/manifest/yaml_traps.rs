//! What to say about text that is no YAML: the parser's finding, and for the known traps what to type.

use serde_saphyr::Error;

use super::yaml;
use crate::problem::{FileId, Place, Problem};

/// Turns the parser's error into a problem.
pub fn explain(error: &Error, text: &str, file: FileId) -> Problem {
    let at = position(error, text);
    let place = Place { file, start: at, end: at };
    if matches!(error, Error::MultipleDocuments { .. }) {
        // The parser points into the second document.
        let at = text.get(..at).and_then(|before| before.rfind("---")).unwrap_or(at);
        let place = Place { file, start: at, end: at };
        return Problem::error("yaml", "a manifest is one YAML document, here a second one starts")
            .at(Place { end: (at + 3).min(text.len()), ..place })
            .help("remove the `---`, or write one file for each deployment");
    }
    let rest = text.get(at..).unwrap_or_default();
    if rest.starts_with('*') && !is_limit(error) {
        return alias(text, at, file);
    }
    if rest.starts_with('{') && text.get(..at).is_some_and(|before| before.ends_with('$')) {
        return braces_in_flow(text, at - 1, file);
    }
    let finding = finding(error);
    if is_limit(error) {
        return Problem::error("yaml", "this file is deeper or larger than any manifest").at(place).note(finding);
    }
    let problem = Problem::error("yaml", format!("this is not valid YAML: {finding}")).at(place);
    match () {
        () if finding.starts_with("mapping values are not allowed") => {
            problem.help("quote a value that contains `: `, and check the indentation")
        }
        () if finding.contains("tab") => problem.help("indent with spaces"),
        () if finding.starts_with("unexpected character") => {
            problem.help("quote a value that starts with this character")
        }
        () => problem,
    }
}

/// Says that a key is a list or a map; `{{ x }}` is one, to YAML.
pub fn key_is_no_text(text: &str, place: Place) -> Problem {
    let opens = text.get(..place.start).is_some_and(|before| before.ends_with('{'));
    let rest = text.get(place.start..).unwrap_or_default();
    if let Some(inner) = rest.strip_prefix('{').filter(|_| opens) {
        let end = inner.find("}}").unwrap_or(0);
        let written = inner.get(..end).unwrap_or_default().trim();
        let start = place.start - 1;
        return Problem::error("yaml", "`{{` opens a map in YAML")
            .at(Place { start, end: place.start + 1, ..place })
            .help(format!("an expression has a dollar sign and, inside [] or {{}}, quotes: \"${{{{ {written} }}}}\""));
    }
    Problem::error("wrong-type", "a key is a string, this one is a list or a map").at(place)
}

fn alias(text: &str, at: usize, file: FileId) -> Problem {
    let rest = text.get(at..).unwrap_or_default();
    let end = rest.find(|c: char| c.is_whitespace() || ",]}".contains(c)).unwrap_or(rest.len());
    let token = &rest[..end];
    Problem::error("yaml", format!("`{token}` is an alias in YAML, and nothing has that anchor"))
        .at(Place { file, start: at, end: at + end })
        .help(format!("quote it: \"{token}\""))
}

/// `${…}` inside `[]` or `{}`: its braces end the value, unless it is quoted.
fn braces_in_flow(text: &str, dollar: usize, file: FileId) -> Problem {
    let before = text.get(..dollar).unwrap_or_default();
    let start = before.rfind(|c: char| c.is_whitespace() || ",[{".contains(c)).map_or(0, |at| at + 1);
    let rest = text.get(dollar..).unwrap_or_default();
    let line = rest.find('\n').unwrap_or(rest.len());
    let closing = if rest.starts_with("${{") { "}}" } else { "}" };
    let closed = rest[..line].find(closing).map_or(line, |at| at + closing.len());
    let tail = rest[closed..line].find(|c: char| c.is_whitespace() || ",]}".contains(c)).unwrap_or(line - closed);
    let end = dollar + closed + tail;
    let value = text.get(start..end).unwrap_or_default();
    Problem::error("yaml", "inside [] or {} a value with `${` needs quotes")
        .at(Place { file, start, end })
        .help(format!("quote it: \"{value}\""))
}

fn is_limit(error: &Error) -> bool {
    let text = error.to_string();
    text.contains("limit") || text.contains("budget")
}

/// Returns the parser's words without the place, which is shown apart.
fn finding(error: &Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or_default().to_owned()
}

/// Returns the byte at which the parser stopped. Some of its errors only know line and column.
fn position(error: &Error, text: &str) -> usize {
    let Some(location) = error.location() else { return 0 };
    if location.span().byte_offset().is_some() {
        return yaml::place(location, 0).start.min(text.len());
    }
    let count = |n: u64| usize::try_from(n.saturating_sub(1)).unwrap_or(usize::MAX);
    let line_start: usize = text.split_inclusive('\n').take(count(location.line())).map(str::len).sum();
    let line = text.get(line_start..).unwrap_or_default().split('\n').next().unwrap_or_default();
    line_start + line.char_indices().nth(count(location.column())).map_or(line.len(), |(at, _)| at)
}
