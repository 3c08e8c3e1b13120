//! Policies that AWS manages, by name.

/// Returns the path of the AWS managed policy of this name: `/` or `/service-role/` …
pub fn path_of(_name: &str) -> Option<&'static str> {
    None
}

/// Returns the name that was probably meant.
pub fn nearest(_name: &str) -> Option<&'static str> {
    None
}
