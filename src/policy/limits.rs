//! AWS's quotas on IAM objects, and the words in which AWS says that one is exceeded.
//!
//! The figures are those of "IAM and AWS STS quotas" in the IAM User Guide. Those that an account can
//! have raised are here at their default.

use super::Host;

/// Managed policies attached to one user, group or role.
pub const ATTACHMENTS: usize = 10;
/// The same in an account whose quota AWS raised as far as it does.
pub const MOST_ATTACHMENTS: usize = 20;
/// Characters of a managed policy's name.
pub const POLICY_NAME: usize = 128;
/// Access keys of one user.
pub const ACCESS_KEYS_OF_USER: usize = 2;
/// Groups that one user is in.
pub const GROUPS_OF_USER: usize = 10;
/// Versions of one managed policy.
pub const VERSIONS: usize = 5;
/// Characters of an OIDC provider's URL, and of one audience.
pub const ISSUER: usize = 255;
pub const AUDIENCE: usize = 255;
/// Audiences and thumbprints of one OIDC provider.
pub const AUDIENCES: usize = 100;
pub const THUMBPRINTS: usize = 5;
/// Tags of one object.
pub const TAGS: usize = 50;
/// Characters of a tag's key and of its value.
pub const TAG_KEY: usize = 128;
pub const TAG_VALUE: usize = 256;

/// Returns how many characters a document may have, white space not counted. The inline policies of
/// one owner share their figure.
pub fn longest(host: Host) -> usize {
    match host {
        Host::Managed => 6144,
        Host::InlineUser => 2048,
        Host::InlineGroup => 5120,
        Host::InlineRole => 10240,
        Host::Trust => 2048,
    }
}

/// Returns AWS's message for a document that is too long; `owner` is the user, group or role.
pub fn too_long(host: Host, owner: &str) -> String {
    let longest = longest(host);
    let inline = |kind: &str| format!("Maximum policy size of {longest} bytes exceeded for {kind} {owner}");
    match host {
        Host::Managed => quota("PolicySize", longest),
        Host::InlineUser => inline("user"),
        Host::InlineGroup => inline("group"),
        Host::InlineRole => inline("role"),
        Host::Trust => quota("ACLSizePerRole", longest),
    }
}

/// Returns AWS's message for one attachment too many; `owner` is `User`, `Group` or `Role`.
pub fn too_many_attachments(owner: &str) -> String {
    quota(&format!("PoliciesPer{owner}"), ATTACHMENTS)
}

/// Returns AWS's message for a quota, as it comes with the code `LimitExceeded`.
pub fn quota(name: &str, figure: usize) -> String {
    format!("Cannot exceed quota for {name}: {figure}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_those_of_aws() {
        assert_eq!(too_long(Host::Managed, ""), "Cannot exceed quota for PolicySize: 6144");
        assert_eq!(too_long(Host::InlineRole, "head"), "Maximum policy size of 10240 bytes exceeded for role head");
        assert_eq!(too_long(Host::InlineUser, "ci"), "Maximum policy size of 2048 bytes exceeded for user ci");
        assert_eq!(too_long(Host::InlineGroup, "ops"), "Maximum policy size of 5120 bytes exceeded for group ops");
        assert_eq!(too_long(Host::Trust, "head"), "Cannot exceed quota for ACLSizePerRole: 2048");
        assert_eq!(too_many_attachments("Role"), "Cannot exceed quota for PoliciesPerRole: 10");
    }
}
