//! Failures of effects: AWS, files, the terminal. What is wrong in a manifest is a [`Problem`].

use std::fmt;

use crate::problem::{PREVENT_DESTROY, Problem, Sources};

pub type Result<T, E = Error> = std::result::Result<T, E>;
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What an error means for the caller; it decides the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// Something went wrong. Exit 1.
    Failed,
    /// Stopped for safety before anything was changed. Exit 3.
    Refused,
    /// The user interrupted; the state is written. Exit 130.
    Interrupted,
}

impl ErrorKind {
    pub fn exit_code(self) -> u8 {
        match self {
            ErrorKind::Failed => 1,
            ErrorKind::Refused => 3,
            ErrorKind::Interrupted => 130,
        }
    }
}

/// An error with what to type next.
#[derive(Debug)]
pub struct Error {
    pub kind: ErrorKind,
    pub message: String,
    /// What else is known, in short lines.
    pub notes: Vec<String>,
    /// What to type next.
    pub hints: Vec<String>,
    /// Problems found in what the user wrote, with the files to show them from.
    pub problems: Option<Box<(Vec<Problem>, Sources)>>,
    pub source: Option<BoxError>,
}

impl Error {
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Failed, message)
    }

    pub fn refused(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Refused, message)
    }

    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), notes: Vec::new(), hints: Vec::new(), problems: None, source: None }
    }

    pub fn problems(problems: Vec<Problem>, sources: Sources) -> Self {
        let count = problems.len();
        let plural = if count == 1 { "" } else { "s" };
        // What somebody protected is protected; there is no mistake to mend.
        let protected = problems.iter().all(|problem| problem.code == PREVENT_DESTROY);
        let kind = if protected { ErrorKind::Refused } else { ErrorKind::Failed };
        Self {
            problems: Some(Box::new((problems, sources))),
            ..Self::new(kind, format!("{count} problem{plural} found"))
        }
    }

    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    pub fn caused_by(mut self, source: impl Into<BoxError>) -> Self {
        self.source = Some(source.into());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match self.source.as_ref().map(ToString::to_string) {
            // A message may have been made from its cause.
            Some(source) if !self.message.contains(&source) => write!(f, ": {source}"),
            _ => Ok(()),
        }
    }
}

impl std::error::Error for Error {}
