//! The ARNs under `Resource` against the formats of AWS's resource types: can both be one resource?

use super::super::pattern::{self as wildcards, Variables, matches_exactly};
use super::super::reference::any_text;

/// One resource of a statement, taken apart where ARNs are.
pub(super) enum Pattern {
    /// `*`.
    All,
    /// Partition, service, region, account and resource; an ARN that ends early is filled up with `*`, as AWS does.
    Arn([String; 5]),
    /// No ARN: a placeholder, or what the grammar does not allow.
    Unclear,
}

/// What a variable of a format is in [`Pattern::is_wide`]: a name that nobody limits anything to.
const ODD: &str = "zq7x";

impl Pattern {
    pub fn parse(text: &str) -> Self {
        if text == "*" {
            return Self::All;
        }
        // A policy variable can be any text.
        let text = if text.contains("${") { any_text(text) } else { text.to_owned() };
        let Some(rest) = text.strip_prefix("arn:") else { return Self::Unclear };
        let mut fields = rest.splitn(5, ':').map(str::to_owned);
        Self::Arn(std::array::from_fn(|_| fields.next().unwrap_or_else(|| "*".to_owned())))
    }

    /// Says whether a resource of this format can be of the pattern. What is unclear can.
    pub fn meets(&self, format: &str) -> bool {
        let Self::Arn(fields) = self else { return true };
        let mut of_format = format.splitn(6, ':').skip(1);
        fields.iter().all(|field| of_format.next().is_some_and(|format| field_meets(field, format)))
    }

    /// Says whether any resource of this format in one region of one account is of the pattern.
    pub fn is_wide(&self, format: &str) -> bool {
        match self {
            Self::All => true,
            Self::Unclear => false,
            Self::Arn(fields) => {
                let odd = odd(format.splitn(6, ':').nth(5).unwrap_or_default());
                self.meets(format) && matches_exactly(&fields[4], &odd)
            }
        }
    }

    /// Returns the part after the account: `role/a`, `log-group:a`, an object of a bucket.
    pub fn resource(&self) -> Option<&str> {
        match self {
            Self::Arn(fields) => Some(&fields[4]),
            Self::All | Self::Unclear => None,
        }
    }

    /// Says whether it names no region and no account.
    pub fn is_anywhere(&self) -> bool {
        let Self::Arn(fields) = self else { return false };
        fields[2..4].iter().all(|field| field.is_empty() || field == "*")
    }
}

/// Returns a format with an odd name for each of its variables.
fn odd(format: &str) -> String {
    any_text(format).replace('*', ODD)
}

/// The name of a bucket has no slash, which tells it from its objects.
const BUCKET: &str = "${BucketName}";

fn field_meets(field: &str, format: &str) -> bool {
    if format == BUCKET {
        return !field.contains('/');
    }
    if field == "*" || field == format {
        return true;
    }
    if !format.contains(['$', '*']) && !field.contains(['*', '?']) {
        return false;
    }
    let format = any_text(format);
    let text = |text: &str| wildcards::Pattern::text(text, Variables::Literal);
    match (field.contains(['*', '?']), format.contains('*')) {
        _ if format == "*" => true,
        (false, false) => field == format,
        (false, true) => matches_exactly(&format, field),
        (true, _) => text(field).overlaps(&text(&format)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUCKETS: &str = "arn:${Partition}:s3:::${BucketName}";
    const OBJECT: &str = "arn:${Partition}:s3:::${BucketName}/${ObjectName}";
    const ROLE: &str = "arn:${Partition}:iam::${Account}:role/${RoleNameWithPath}";

    fn meets(text: &str, format: &str) -> bool {
        Pattern::parse(text).meets(format)
    }

    #[test]
    fn buckets_and_their_objects_are_told_apart() {
        for (text, bucket, object) in [
            ("*", true, true),
            ("arn:aws:s3:::acme", true, false),
            ("arn:aws:s3:::acme/*", false, true),
            ("arn:aws:s3:::acme*", true, true),
            ("arn:aws:s3:::*/x", false, true),
            ("arn:aws:s3:::*", true, true),
            ("arn:aws:s3", true, true),
            ("arn:aws:s3:::${aws:username}", true, true),
            ("arn:aws:sqs:::acme", false, false),
            ("<BUCKET>", true, true),
        ] {
            assert_eq!((meets(text, BUCKETS), meets(text, OBJECT)), (bucket, object), "{text}");
        }
    }

    #[test]
    fn a_pattern_meets_a_format_where_some_text_is_of_both() {
        let stream = "arn:${Partition}:logs:${Region}:${Account}:log-group:${LogGroupName}:log-stream:${LogStreamName}";
        assert!(meets("arn:aws:logs:eu-west-1:1:log-group:/aws/batch/job/*", stream));
        assert!(!meets("arn:aws:logs:eu-west-1:1:log-group:/aws/batch/job", stream));
        let table = "arn:${Partition}:dynamodb:${Region}:${Account}:table/${TableName}";
        assert!(!meets("arn:aws:dynamodb:us-east-1:111122223333:table:t", table));
        assert!(meets("arn:aws:dynamodb:*:*:t?ble/t", table));
    }

    #[test]
    fn wide_is_what_has_any_name() {
        let wide = |text: &str| Pattern::parse(text).is_wide(ROLE);
        assert!(wide("*") && wide("arn:aws:iam::111122223333:role/*") && wide("arn:aws:iam::*:*"));
        assert!(!wide("arn:aws:iam::*:role/TowerForge-*") && !wide("arn:aws:iam::*:user/*") && !wide("ROLE"));
    }
}
