//! The one door to AWS: clients, the account they reach, pace, and what its errors mean.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig, timeout::TimeoutConfig};
use aws_sdk_iam::config::retry::{RetryConfig, RetryPartition};
use aws_sdk_iam::config::{Credentials, SharedCredentialsProvider};
use aws_sdk_iam::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_async::future::pagination_stream::PaginationStream;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_types::DateTime;

use jiff::Timestamp;

use crate::error::{Error, Result};
use crate::model::Account;
use crate::policy::Document;
use crate::secret::Secret;

mod failure;
mod pace;
mod whole;

pub use failure::AwsError;
use pace::Pace;
use whole::Whole;

/// Where and as whom to call.
#[derive(Clone, Debug, Default)]
pub struct Target {
    pub profile: Option<String>,
    pub region: Option<String>,
    /// The HTTP client of the sandbox; none for AWS or what `AWS_ENDPOINT_URL` names.
    pub http: Option<SharedHttpClient>,
    /// Calls at a time.
    pub parallelism: usize,
    /// What time it is there; none for the machine's.
    pub now: Option<Timestamp>,
    /// How long until what was written is known everywhere; where it is not said, [`SETTLING`] on AWS.
    pub settling: Option<Duration>,
}

/// How long IAM may take until a change of permissions counts everywhere. AWS promises no figure ("Changes that I
/// make are not always immediately visible"); it is a few seconds nearly always.
pub const SETTLING: Duration = Duration::from_secs(10);

/// Who we are to AWS.
#[derive(Clone, Debug)]
pub struct Caller {
    pub account: Account,
    pub arn: String,
}

/// How long a new key may be unknown.
const KNOWN_WITHIN: Duration = Duration::from_secs(90);

/// Clients for one account.
pub struct Cloud {
    pub iam: aws_sdk_iam::Client,
    pub tagging: aws_sdk_resourcegroupstagging::Client,
    pub account: Account,
    pub caller: String,
    /// For clients with other credentials.
    config: SdkConfig,
    pace: Arc<Pace>,
    local: bool,
    /// What time it was said to be, and when that was.
    now: Option<(Timestamp, tokio::time::Instant)>,
    settling: Duration,
    calls: AtomicU64,
    /// Customer managed policies by lower-case name, listed at most once a run.
    pub(crate) policies_by_name: tokio::sync::OnceCell<std::collections::HashMap<String, String>>,
}

impl Cloud {
    /// Asks STS who we are. Nothing else was called before.
    pub async fn connect(target: &Target) -> Result<Self> {
        let config = load(target).await;
        let pace = Arc::new(Pace::new(target.parallelism.max(1)));
        // Runs that share a process with others, over sandboxes, are not to eat up each other's retries.
        let retries = target.http.as_ref().map(|_| RetryPartition::custom("sandbox").build());
        let caller = identify(&config, &pace, retries.clone()).await?;
        let mut iam = aws_sdk_iam::config::Builder::from(&config)
            .retry_classifier(failure::IamRetry { pace: pace.clone() })
            .interceptor(Whole);
        iam.set_retry_partition(retries.clone());
        // What is global is listed in the region where IAM is.
        let mut tagging = aws_sdk_resourcegroupstagging::config::Builder::from(&config)
            .region(Region::from_static(home(&caller.account.partition)))
            .retry_classifier(failure::IamRetry { pace: pace.clone() });
        tagging.set_retry_partition(retries);
        let local = config.endpoint_url().is_some_and(is_loopback);
        Ok(Self {
            iam: aws_sdk_iam::Client::from_conf(iam.build()),
            tagging: aws_sdk_resourcegroupstagging::Client::from_conf(tagging.build()),
            account: caller.account,
            caller: caller.arn,
            pace,
            config: config.clone(),
            now: target.now.map(|now| (now, tokio::time::Instant::now())),
            local,
            settling: target.settling.unwrap_or(if local || target.http.is_some() { Duration::ZERO } else { SETTLING }),
            calls: AtomicU64::new(1),
            policies_by_name: tokio::sync::OnceCell::new(),
        })
    }

    /// Returns how many calls were made, retries not counted.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Returns what time it is.
    pub fn now(&self) -> Timestamp {
        self.now.map_or_else(Timestamp::now, |(now, since)| now + since.elapsed())
    }

    /// Asks STS, with a key that was just made, whose it is. A key is not known everywhere at once.
    pub async fn identity_of(&self, key: &str, secret: &Secret) -> Result<String> {
        let credentials = Credentials::new(key, secret.reveal(), None, None, "a new key");
        let sts = aws_sdk_sts::config::Builder::from(&self.config).credentials_provider(credentials).build();
        let sts = aws_sdk_sts::Client::from_conf(sts);
        let began = tokio::time::Instant::now();
        loop {
            match self.call("GetCallerIdentity", key, sts.get_caller_identity().send()).await {
                Ok(identity) => return Ok(identity.arn.unwrap_or_default()),
                Err(error) if error.is("InvalidClientTokenId") && began.elapsed() < KNOWN_WITHIN => {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Says whether a server on this machine answers instead of AWS.
    pub fn is_local(&self) -> bool {
        self.local
    }

    /// Returns how long to wait until what was given counts everywhere, before what it stands in for is taken away.
    pub fn settling(&self) -> Duration {
        self.settling
    }

    /// Returns how many calls may run at a time.
    pub fn parallelism(&self) -> usize {
        self.pace.most()
    }

    /// Says whether AWS throttled us.
    pub fn was_throttled(&self) -> bool {
        self.pace.was_throttled()
    }

    /// Resolves as soon as AWS has throttled us.
    pub async fn throttled(&self) {
        self.pace.until_throttled().await;
    }

    /// Makes one call. `subject` is what it is about, for the error.
    pub async fn call<O, E>(
        &self,
        operation: &'static str,
        subject: &str,
        call: impl Future<Output = Result<O, SdkError<E, HttpResponse>>>,
    ) -> Result<O, AwsError>
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let _permit = self.pace.enter().await;
        self.calls.fetch_add(1, Ordering::Relaxed);
        call.await.map_err(|error| AwsError::new(operation, subject, error))
    }

    /// Makes a call that must not be repeated once AWS may have acted: the SDK gets one attempt. Only
    /// throttling, which nothing came of, is repeated here.
    pub async fn call_once<O, E, F>(
        &self,
        operation: &'static str,
        subject: &str,
        call: impl Fn(aws_sdk_iam::config::Builder) -> F,
    ) -> Result<O, AwsError>
    where
        F: Future<Output = Result<O, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let mut pause = Duration::from_millis(200);
        loop {
            let one_attempt = aws_sdk_iam::config::Builder::default().retry_config(RetryConfig::disabled());
            match self.call(operation, subject, call(one_attempt)).await {
                Err(error) if error.is_throttling() && pause < Duration::from_secs(60) => {
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
                result => return result,
            }
        }
    }

    /// Makes one reading call; what does not exist is `None`. Only `NoSuchEntity` means absent.
    pub async fn get<O, E>(
        &self,
        operation: &'static str,
        subject: &str,
        call: impl Future<Output = Result<O, SdkError<E, HttpResponse>>>,
    ) -> Result<Option<O>>
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        match self.call(operation, subject, call).await {
            Ok(output) => Ok(Some(output)),
            Err(error) if error.is_absent() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes one removing call; what is gone already is removed.
    pub async fn remove<O, E>(
        &self,
        operation: &'static str,
        subject: &str,
        call: impl Future<Output = Result<O, SdkError<E, HttpResponse>>>,
    ) -> Result<(), AwsError>
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        match self.call(operation, subject, call).await {
            Err(error) if !error.is_absent() => Err(error),
            _ => Ok(()),
        }
    }

    /// Returns what is on all pages of a list, in the order of pages.
    pub async fn all<O, E, I>(
        &self,
        operation: &'static str,
        subject: &str,
        mut pages: PaginationStream<Result<O, SdkError<E, HttpResponse>>>,
        items: impl Fn(O) -> I,
    ) -> Result<Vec<I::Item>>
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
        I: IntoIterator,
    {
        let mut all = Vec::new();
        while let Some(page) = self.page(operation, subject, &mut pages).await? {
            all.extend(items(page));
        }
        Ok(all)
    }

    /// Returns the next page of a list; an owner that does not exist has none.
    pub async fn page<O, E>(
        &self,
        operation: &'static str,
        subject: &str,
        pages: &mut PaginationStream<Result<O, SdkError<E, HttpResponse>>>,
    ) -> Result<Option<O>>
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let _permit = self.pace.enter().await;
        let Some(page) = pages.next().await else { return Ok(None) };
        self.calls.fetch_add(1, Ordering::Relaxed);
        match page.map_err(|error| AwsError::new(operation, subject, error)) {
            Ok(page) => Ok(Some(page)),
            Err(error) if error.is_absent() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// Returns the region in which a partition keeps what is global.
fn home(partition: &str) -> &'static str {
    match partition {
        "aws-cn" => "cn-north-1",
        "aws-us-gov" => "us-gov-west-1",
        _ => "us-east-1",
    }
}

fn is_loopback(url: &str) -> bool {
    let host = url.split("://").nth(1).unwrap_or(url);
    ["127.", "localhost", "[::1]"].iter().any(|local| host.starts_with(local))
}

/// Returns the settings of the SDK: its own environment and profiles, or the sandbox and nothing else.
async fn load(target: &Target) -> SdkConfig {
    match &target.http {
        Some(http) => sandboxed(target, http.clone()),
        None => from_environment(target).await,
    }
}

async fn from_environment(target: &Target) -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(3))
        .read_timeout(Duration::from_secs(20))
        .operation_attempt_timeout(Duration::from_secs(30))
        .operation_timeout(Duration::from_secs(300))
        .build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest()).timeout_config(timeouts);
    if let Ok(name) = aws_config::AppName::new(concat!("seqera-iam-", env!("CARGO_PKG_VERSION"))) {
        loader = loader.app_name(name);
    }
    if let Some(profile) = &target.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(region) = &target.region {
        loader = loader.region(Region::new(region.clone()));
    }
    let config = loader.load().await;
    // Standard retries with more attempts, unless the environment says otherwise.
    let chosen = std::env::var_os("AWS_MAX_ATTEMPTS").is_some() || std::env::var_os("AWS_RETRY_MODE").is_some();
    let region = config.region().cloned().unwrap_or_else(|| Region::from_static("us-east-1"));
    let mut builder = config.into_builder().region(region.clone());
    if let Some(profile) = &target.profile {
        builder.set_credentials_provider(Some(of_profile(profile, region)));
    }
    if !chosen {
        builder.set_retry_config(Some(RetryConfig::standard().with_max_attempts(10)));
    }
    builder.build()
}

/// Returns the credentials of a profile that was named: as with the AWS CLI, those in the environment do not count then.
fn of_profile(profile: &str, region: Region) -> SharedCredentialsProvider {
    let place = ProviderConfig::without_region().with_region(Some(region));
    SharedCredentialsProvider::new(
        ProfileFileCredentialsProvider::builder().configure(&place).profile_name(profile).build(),
    )
}

fn sandboxed(target: &Target, http: SharedHttpClient) -> SdkConfig {
    let nobody = Credentials::new("SANDBOX", "sandbox", None, None, "sandbox");
    let region = target.region.clone().unwrap_or_else(|| "us-east-1".to_owned());
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region))
        .credentials_provider(SharedCredentialsProvider::new(nobody))
        .retry_config(RetryConfig::standard().with_max_attempts(10))
        .http_client(http)
        .build()
}

async fn identify(config: &SdkConfig, pace: &Arc<Pace>, retries: Option<RetryPartition>) -> Result<Caller> {
    // Nothing was begun yet: where nobody answers, the user hears of it within seconds.
    let retry = config.retry_config().cloned().unwrap_or_else(RetryConfig::standard);
    let attempts = retry.max_attempts().min(3);
    let mut sts = aws_sdk_sts::config::Builder::from(config)
        .retry_config(retry.with_max_attempts(attempts))
        .retry_classifier(failure::IamRetry { pace: pace.clone() })
        .interceptor(Whole);
    sts.set_retry_partition(retries);
    let sts = aws_sdk_sts::Client::from_conf(sts.build());
    let identity =
        sts.get_caller_identity().send().await.map_err(|error| AwsError::new("GetCallerIdentity", "", error))?;
    let arn = identity.arn().unwrap_or_default().to_owned();
    let partition = arn.split(':').nth(1).filter(|p| !p.is_empty()).unwrap_or("aws").to_owned();
    let id = identity.account().unwrap_or_default().to_owned();
    if id.is_empty() {
        return Err(Error::failed("STS did not say which account this is"));
    }
    Ok(Caller { account: Account { partition, id }, arn })
}

/// Returns a time stamp as `2023-04-12T08:00:00Z`.
pub fn time(time: &DateTime) -> String {
    time.fmt(aws_smithy_types::date_time::Format::DateTime).unwrap_or_default()
}

/// Returns the document that AWS holds. AWS sends it URL-encoded, other servers raw; a plus sign is
/// a plus sign.
pub fn document(subject: &str, text: Option<&str>) -> Result<Document> {
    let text = text.unwrap_or_default();
    let decoded = if text.trim_start().starts_with('{') {
        text.into()
    } else {
        percent_encoding::percent_decode_str(text).decode_utf8_lossy()
    };
    Document::parse(&decoded).map_err(|faults| {
        let why = faults.into_iter().next().map(|fault| fault.message).unwrap_or_default();
        Error::failed(format!("AWS holds a document of {subject} that is not JSON: {why}"))
    })
}
