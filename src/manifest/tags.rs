//! Tags of an entry, merged over those of all entries.

use super::report::Report;
use super::shape;
use crate::model::{Node, Tags};
use crate::policy::limits::{self, TAG_KEY, TAG_VALUE};
use crate::problem::Problem;

/// Two are ours.
const MOST: usize = limits::TAGS - 2;

/// Reads a map of tags. A key that differs from a default only in letter case replaces it, as AWS holds
/// only one of the two.
pub fn read(node: &Node, what: &str, defaults: &Tags, report: &mut Report) -> Option<Tags> {
    let entries = shape::map(node, what, report)?;
    let mut tags = defaults.clone();
    let mut own: Vec<(String, &str)> = Vec::new();
    for entry in entries {
        let key = entry.key.as_str();
        let problem = |message: String| Problem::error("bad-tag", message).at(entry.key_place);
        let folded = key.to_lowercase();
        if folded.starts_with("aws:") {
            report.push(problem(format!("{what}: keys that start with `aws:` belong to AWS")).help("remove this key"));
        } else if folded.starts_with("seqera-iam:") {
            let problem = problem(format!("{what}: keys that start with `seqera-iam:` mark what this tool owns"));
            report.push(problem.help("remove this key"));
        } else if let Some((_, first)) = own.iter().find(|(seen, _)| *seen == folded) {
            report.push(problem(format!("{what}: to AWS `{key}` and `{first}` are one key")));
        } else if key.is_empty() || key.chars().count() > TAG_KEY {
            report.push(problem(format!("{what}: a key has 1 to {TAG_KEY} characters")));
        } else if let Some(odd) = odd(key) {
            report.push(problem(format!("{what}: AWS takes no `{odd}` in the key of a tag")));
        }
        let value = shape::text(&entry.value, &format!("{what}.{key}"), report);
        let Some(value) = value else { continue };
        let problem = |message: String| Problem::error("bad-tag", message).at(entry.value.place);
        if value.chars().count() > TAG_VALUE {
            report.push(problem(format!("{what}.{key} has more than {TAG_VALUE} characters")));
        } else if let Some(odd) = odd(value) {
            report.push(problem(format!("{what}.{key}: AWS takes no `{odd}` in the value of a tag")));
        }
        tags.retain(|default, _| default.to_lowercase() != folded);
        tags.insert(key.to_owned(), value.to_owned());
        own.push((folded, key));
    }
    if tags.len() > MOST {
        let message = format!("{what}: {} tags with those of `defaults`, {MOST} fit", tags.len());
        report.push(Problem::error("bad-tag", message).at(node.place).note("AWS takes 50, two mark the owner"));
    }
    Some(tags)
}

fn odd(text: &str) -> Option<char> {
    text.chars().find(|c| !c.is_alphanumeric() && *c != ' ' && !"_.:/=+-@".contains(*c))
}
