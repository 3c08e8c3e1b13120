//! What can be wrong with what a user wrote, and where.
//!
//! A [`Problem`] is data: pure code collects as many as it finds, `render::problem` draws them.

use std::fmt;

/// Index of a file in [`Sources`].
pub type FileId = usize;

/// A stretch of a source file, in bytes. Line and column are computed when it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub file: FileId,
    pub start: usize,
    pub end: usize,
}

/// The files that a manifest was read from, so that a [`Place`] can be shown.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    files: Vec<Source>,
}

/// One file as it was read; `name` is the path as the user would type it.
#[derive(Clone, Debug)]
pub struct Source {
    pub name: String,
    pub text: String,
    /// Where each line begins, so that a place is found without reading the file again.
    lines: Vec<usize>,
}

impl Sources {
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<String>) -> FileId {
        let text = text.into();
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        self.files.push(Source { name: name.into(), text, lines });
        self.files.len() - 1
    }

    /// Returns what each is called.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(|file| file.name.as_str())
    }

    pub fn get(&self, file: FileId) -> &Source {
        &self.files[file]
    }

    /// Returns line and column of the start of `place`, both from 1; the column counts characters.
    pub fn line_column(&self, place: Place) -> (usize, usize) {
        let Source { text, lines, .. } = &self.files[place.file];
        let at = floor_char_boundary(text, place.start);
        let line = lines.partition_point(|&start| start <= at);
        let start = lines[line - 1];
        (line, text[start..at].chars().count() + 1)
    }
}

fn floor_char_boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|&i| text.is_char_boundary(i)).unwrap_or(0)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    Error,
    Warning,
}

/// The code of what is refused because the manifest protects it.
pub const PREVENT_DESTROY: &str = "prevent-destroy";

/// Something a user has to know or mend: what, where, why, and what to type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub severity: Severity,
    /// Stable, kebab-case, for scripts: `unknown-key`, `duplicate-key`, `unknown-reference` …
    pub code: &'static str,
    /// One sentence without a full stop that names the address or key.
    pub message: String,
    pub place: Option<Place>,
    /// Why, in short lines.
    pub notes: Vec<String>,
    /// What to type, each a line of its own.
    pub helps: Vec<String>,
    /// Other places that have to do with it, and what stands there.
    pub related: Vec<(Place, String)>,
}

impl Problem {
    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            code,
            message: message.into(),
            place: None,
            notes: Vec::new(),
            helps: Vec::new(),
            related: Vec::new(),
        }
    }

    pub fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, message) }
    }

    pub fn at(mut self, place: impl Into<Option<Place>>) -> Self {
        self.place = place.into();
        self
    }

    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.helps.push(help.into());
        self
    }

    pub fn related(mut self, place: Place, text: impl Into<String>) -> Self {
        self.related.push((place, text.into()));
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// Collects problems, so that one run reports all of them.
#[derive(Clone, Debug, Default)]
pub struct Problems(Vec<Problem>);

impl Problems {
    pub fn push(&mut self, problem: Problem) {
        self.0.push(problem);
    }

    pub fn extend(&mut self, problems: impl IntoIterator<Item = Problem>) {
        self.0.extend(problems);
    }

    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|p| p.severity == Severity::Error)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns all problems in the order of their places.
    pub fn into_sorted(mut self) -> Vec<Problem> {
        self.0.sort_by_key(|p| p.place);
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_count_characters_from_one() {
        let mut sources = Sources::default();
        let file = sources.add("x", "é: 1\n\nab\n");
        let at = |start| sources.line_column(Place { file, start, end: start });
        assert_eq!(
            [at(0), at(2), at(4), at(5), at(6), at(7), at(8), at(9), at(99)],
            [(1, 1), (1, 2), (1, 4), (1, 5), (2, 1), (3, 1), (3, 2), (3, 3), (4, 1),]
        );
    }
}
