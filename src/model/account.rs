//! The account a deployment belongs to, and the ARNs that follow from it.

use serde::{Deserialize, Serialize};

/// Partition (`aws`, `aws-cn`, `aws-us-gov`) and the 12 digits of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    pub partition: String,
    pub id: String,
}

impl Account {
    pub fn new(partition: impl Into<String>, id: impl Into<String>) -> Self {
        Self { partition: partition.into(), id: id.into() }
    }

    /// Returns the ARN of an IAM resource of this account: `arn:aws:iam::ID:role/path/name`.
    pub fn iam_arn(&self, collection: &str, path: &str, name: &str) -> String {
        format!("arn:{}:iam::{}:{collection}{path}{name}", self.partition, self.id)
    }

    /// Returns the partition that a region is in; `aws` where none is known.
    pub fn partition_of(region: Option<&str>) -> &'static str {
        match region {
            Some(region) if region.starts_with("cn-") => "aws-cn",
            Some(region) if region.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        }
    }

    /// Returns the ARN of a policy that AWS manages; `path` starts and ends with a slash.
    pub fn aws_managed_arn(&self, path: &str, name: &str) -> String {
        format!("arn:{}:iam::aws:policy{path}{name}", self.partition)
    }
}
