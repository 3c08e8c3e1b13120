//! For the tests of the sandbox: an account in a temporary folder, reached through the real SDK.

use std::path::PathBuf;

use aws_sdk_iam::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use serde_json::{Value as Json, json};
use tempfile::TempDir;

use super::{Faults, Sandbox};
use crate::cloud::{Cloud, Target};

pub const ACCOUNT: &str = "123456789012";

pub struct Bed {
    pub dir: TempDir,
    pub sandbox: Sandbox,
    pub cloud: Cloud,
}

impl Bed {
    pub async fn new() -> Self {
        Self::with("now=2026-01-01T00:00:00Z").await
    }

    pub async fn with(faults: &str) -> Self {
        Self::over(tempfile::tempdir().unwrap(), faults).await
    }

    /// Opens the account that is in `dir` already.
    pub async fn over(dir: TempDir, faults: &str) -> Self {
        let sandbox = Sandbox::open(dir.path(), None, Faults::parse(faults).unwrap()).unwrap();
        let target = Target { http: Some(sandbox.http_client()), parallelism: 10, ..Target::default() };
        let cloud = Cloud::connect(&target).await.unwrap();
        Self { dir, sandbox, cloud }
    }

    pub fn iam(&self) -> &aws_sdk_iam::Client {
        &self.cloud.iam
    }

    pub fn file(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    pub async fn role(&self, name: &str) {
        let call = self.iam().create_role().role_name(name).assume_role_policy_document(trust("ec2").to_string());
        call.send().await.unwrap();
    }

    /// Makes a policy and returns its ARN.
    pub async fn policy(&self, name: &str) -> String {
        let call = self.iam().create_policy().policy_name(name).policy_document(allow("s3:GetObject").to_string());
        call.send().await.unwrap().policy.unwrap().arn.unwrap()
    }
}

/// Returns a trust policy for a service.
pub fn trust(service: &str) -> Json {
    let principal = json!({"Service": format!("{service}.amazonaws.com")});
    json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}]})
}

/// Returns a trust policy for an ARN.
pub fn trust_of(arn: &str) -> Json {
    let principal = json!({"AWS": arn});
    json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}]})
}

/// Returns a policy that allows one action on everything.
pub fn allow(action: &str) -> Json {
    json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}]})
}

/// Returns the code and the message of a call that must fail.
pub fn refused<O: std::fmt::Debug, E>(result: Result<O, SdkError<E, HttpResponse>>) -> (String, String)
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let error = result.expect_err("a refusal");
    let meta = error.meta();
    (meta.code().unwrap_or_default().to_owned(), meta.message().unwrap_or_default().to_owned())
}
