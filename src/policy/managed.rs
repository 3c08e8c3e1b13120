//! Policies that AWS manages, by name.
//!
//! The list is embedded, so that a manifest can be checked without AWS. It holds what partition `aws`
//! has; `tools/aws-managed-policies.py` writes it anew. A name that is missing here may still exist:
//! AWS adds some every week, and an ARN reaches those.

use std::sync::OnceLock;

/// One `PATH NAME` a line, sorted by name.
const LIST: &str = include_str!("aws_managed_policies.txt");

struct Managed {
    name: &'static str,
    path: &'static str,
}

fn list() -> &'static [Managed] {
    static POLICIES: OnceLock<Vec<Managed>> = OnceLock::new();
    POLICIES.get_or_init(|| {
        LIST.lines().filter_map(|line| line.split_once(' ')).map(|(path, name)| Managed { name, path }).collect()
    })
}

/// Returns the path of the AWS managed policy of this name: `/` or `/service-role/` …
pub fn path_of(name: &str) -> Option<&'static str> {
    let list = list();
    list.binary_search_by(|policy| policy.name.cmp(name)).ok().map(|at| list[at].path)
}

/// Returns all names, sorted.
pub fn names() -> impl Iterator<Item = &'static str> {
    list().iter().map(|policy| policy.name)
}

/// Returns the name that was probably meant: the shortest that goes on where `name` stops, else the one
/// with the fewest letters to change, at most a third.
pub fn nearest(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase();
    let longer = names().filter(|known| name.len() > 5 && known.to_ascii_lowercase().starts_with(&name));
    if let Some(longer) = longer.min_by_key(|known| known.len()) {
        return Some(longer);
    }
    let length = name.chars().count();
    let distance = |known: &str| strsim::osa_distance(&known.to_ascii_lowercase(), &name);
    // Every letter too many or too few has to be changed; most names are out by that, which is cheap to see.
    let alike = names().filter(|known| known.len().abs_diff(length) * 3 <= length);
    let (distance, known) = alike.map(|known| (distance(known), known)).min()?;
    (distance * 3 <= length).then_some(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_and_every_path_is_one() {
        let names: Vec<_> = names().collect();
        assert!(names.len() > 1500 && names.is_sorted_by(|a, b| a < b));
        assert!(list().iter().all(|policy| policy.path.starts_with('/') && policy.path.ends_with('/')));
    }

    #[test]
    fn names_have_their_paths() {
        assert_eq!(path_of("AmazonSSMManagedInstanceCore"), Some("/"));
        assert_eq!(path_of("AWSBatchServiceRole"), Some("/service-role/"));
        assert_eq!(path_of("Billing"), Some("/job-function/"));
        assert_eq!(path_of("awsbatchservicerole"), None);
        assert_eq!(path_of(""), None);
    }

    #[test]
    fn a_slip_is_recognised_and_nonsense_is_not() {
        assert_eq!(nearest("AmazonSSMManagedInstaceCore"), Some("AmazonSSMManagedInstanceCore"));
        assert_eq!(nearest("awsbatchservicerole"), Some("AWSBatchServiceRole"));
        assert_eq!(nearest("CloudWatchLogReadOnlyAccess"), Some("CloudWatchLogsReadOnlyAccess"));
        assert_eq!(nearest("AmazonS3ReadOnly"), Some("AmazonS3ReadOnlyAccess"));
        assert_eq!(nearest("zzzzzz"), None);
        assert_eq!(nearest(&"z".repeat(1_000_000)), None, "it must not take minutes either");
    }
}
