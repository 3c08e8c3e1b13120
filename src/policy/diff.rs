//! What changes between two documents, by meaning.
//!
//! The result is data without colours: a renderer draws it, `--json` prints it. It is empty exactly when
//! the documents are equal.

use serde::Serialize;

use super::Document;

/// One statement, or one element beside the statements, that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DocumentChange {
    pub subject: Subject,
    /// A statement's Sid, else what it does: `Allow 3 actions on arn:aws:s3:::acme-work/*`. The name of
    /// any other element: `Version`.
    pub label: String,
    pub status: Status,
    /// What it says more or less, by element. An added or removed statement has all of its lines.
    pub lines: Vec<Line>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    Statement,
    /// `Version`, `Id`.
    Element,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Added,
    Removed,
    Changed,
}

/// One action, resource, principal or condition value that comes or goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    pub sign: Sign,
    /// `Action`, `Condition` …
    pub element: String,
    /// `s3:DeleteObject`, `AWS: arn:…`, `StringEquals aws:SourceVpc: vpc-1`.
    pub text: String,
    /// What an action is on: the statement's resources when they are one or two, else `5 resources`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Sign {
    Removed,
    Added,
}

/// Returns what `after` says otherwise than `before`.
pub fn diff(before: &Document, after: &Document) -> Vec<DocumentChange> {
    if before == after {
        return Vec::new();
    }
    vec![DocumentChange {
        subject: Subject::Element,
        label: "Document".to_owned(),
        status: Status::Changed,
        lines: Vec::new(),
    }]
}
