//! The sandbox: an embedded AWS account (IAM, STS and the tagging API) behind the SDK's HTTP client.
//!
//! The SDK serialises, signs, retries and parses as ever; only the network is missing. [`Sandbox::answer`]
//! is the whole of it: a request in, a reply out, no async and no socket. [`Sandbox::http_client`] puts
//! it where the SDK looks for AWS, a [`Listener`] puts it on a port.
//!
//! It shares this crate's idea of what IAM does, so it is where people play and tests make things go
//! wrong ([`Faults`]); it is no independent evidence.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::error::{Error, Result};
use crate::model;

mod answer;
mod chance;
mod clock;
mod connector;
mod enforce;
mod faults;
mod iam;
mod ids;
mod listen;
mod request;
mod store;
mod sts;
mod table;
mod tagging;
mod throttle;
mod world;
mod xml;
mod young;

#[cfg(test)]
mod lifecycle;
#[cfg(test)]
mod testbed;

pub use answer::Response;
use answer::{Protocol, Refusal};
use clock::Clock;
use enforce::Enforced;
use faults::{Fate, What, When};
pub use faults::{Faults, VARIABLE};
use iam::Call;
pub use listen::Listener;
pub use request::Request;
use request::Service;
use store::Store;
use throttle::Buckets;
use world::World;
use xml::Xml;
use young::Lagging;

/// How a process ends that is told to: as if by `kill -9`.
const KILLED: i32 = 137;

/// An account. Clones are the same one.
#[derive(Clone)]
pub struct Sandbox {
    shared: Arc<Shared>,
}

struct Shared {
    account: String,
    faults: Faults,
    calls: AtomicU64,
    halted: Notify,
    state: Mutex<State>,
}

/// What calls change.
struct State {
    store: Store,
    clock: Clock,
    log: Option<File>,
    /// What the caller may do, where it may not do everything.
    enforced: Option<Enforced>,
    /// Calls of IAM and writing ones among them, from 1.
    iam_calls: u64,
    writes: u64,
    /// Roles and users that this process made, and how often a trust policy that names one was refused.
    made: BTreeSet<String>,
    misled: u64,
    buckets: Buckets,
    halted: bool,
}

/// What one call comes to.
enum Outcome {
    /// The content of the result element, or JSON.
    Result(String),
    /// It took effect, and nobody hears of it.
    Lost,
    /// Nobody hears of anything any more.
    Never,
}

impl Outcome {
    fn of(xml: Xml) -> Self {
        Outcome::Result(xml.finish())
    }
}

/// What whoever brought a call gets.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    Answer(Response),
    /// The connection breaks, though the call took effect, and the SDK of this process shall say so
    /// instead of calling again.
    Lost,
    /// The connection breaks, though the call took effect.
    Dropped,
    /// Nothing is ever heard again: whoever waits for it is as good as killed.
    Never,
}

impl Reply {
    /// Returns the answer, if one comes.
    pub fn answer(self) -> Option<Response> {
        match self {
            Reply::Answer(response) => Some(response),
            Reply::Lost | Reply::Dropped | Reply::Never => None,
        }
    }
}

impl Sandbox {
    /// Opens the account in `dir`, or makes one there with the id `account` or, without, 123456789012.
    pub fn open(dir: &Path, account: Option<&model::Account>, faults: Faults) -> Result<Self> {
        let store = Store::open(dir, account)?;
        let log = faults.log.as_ref().map(|path| {
            let file = File::options().create(true).append(true).open(path);
            file.map_err(|error| Error::failed(format!("cannot open the log {}", path.display())).caused_by(error))
        });
        let account = store.account().to_owned();
        let log = log.transpose()?;
        let buckets = Buckets::new(&faults.rates, Instant::now());
        let enforced = Enforced::read(&faults.enforced)?;
        let state = State {
            store,
            clock: Clock::new(faults.now, faults.start),
            log,
            enforced,
            iam_calls: 0,
            writes: 0,
            made: BTreeSet::new(),
            misled: 0,
            buckets,
            halted: false,
        };
        let calls = AtomicU64::new(0);
        Ok(Self {
            shared: Arc::new(Shared { account, faults, calls, halted: Notify::new(), state: Mutex::new(state) }),
        })
    }

    /// Returns what the SDK takes as its HTTP client.
    pub fn http_client(&self) -> SharedHttpClient {
        connector::http_client(self.clone())
    }

    /// Returns the 12 digits of the account.
    pub fn account(&self) -> &str {
        &self.shared.account
    }

    /// Returns what time it is there.
    pub fn now(&self) -> jiff::Timestamp {
        self.state().clock.now()
    }

    /// Returns how many calls arrived, retries included.
    pub fn calls(&self) -> u64 {
        self.shared.calls.load(Ordering::Relaxed)
    }

    /// Returns how long whoever carries the answers has to wait before each: [`Sandbox::answer`] waits never.
    pub fn latency(&self) -> Option<Duration> {
        self.shared.faults.latency
    }

    /// Waits until a fault has halted the account.
    pub async fn halted(&self) {
        self.shared.halted.notified().await;
    }

    /// Answers one call.
    pub fn answer(&self, request: &Request) -> Reply {
        let number = self.shared.calls.fetch_add(1, Ordering::Relaxed) + 1;
        let request_id = format!("00000000-0000-4000-8000-{number:012x}");
        let faults = &self.shared.faults;
        let fate = faults.fate(number);
        let mut state = self.state();
        if state.halted {
            return Reply::Never;
        }
        state.log(request);
        if fate == Fate::Unavailable {
            return Reply::Answer(Response::page(503, "Service Unavailable", &request_id));
        }
        let protocol = protocol(request.service());
        let response = match state.answer(request, faults, number) {
            Ok(Outcome::Result(result)) => Response::success(request.action(), protocol, &request_id, result),
            Ok(Outcome::Lost) => return Reply::Lost,
            Ok(Outcome::Never) => {
                state.halted = true;
                self.shared.halted.notify_one();
                return Reply::Never;
            }
            Err(refusal) => refusal.respond(protocol, &request_id),
        };
        match fate {
            Fate::Arrives | Fate::Unavailable => Reply::Answer(response),
            Fate::Mangled => Reply::Answer(Response::page(500, "Internal Server Error", &request_id)),
            Fate::Dropped => Reply::Dropped,
            Fate::Cut(part) => Reply::Answer(response.cut(part)),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A call that panicked changed nothing on disk that another would not read again.
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn protocol(service: Service) -> Protocol {
    match service {
        Service::Iam => Protocol::Query(iam::NAMESPACE),
        Service::Sts => Protocol::Query(sts::NAMESPACE),
        Service::Tagging => Protocol::Json,
    }
}

impl State {
    fn log(&mut self, request: &Request) {
        if let Some(log) = &mut self.log {
            // One write, so that lines of several processes do not mix. A full disk must not stop IAM.
            let _ = log.write_all(format!("{}\n", request.line()).as_bytes());
        }
    }

    /// Any credentials do, but for keys of the kind that this account gives: those have to be valid.
    fn check_key(&mut self, request: &Request, faults: &Faults) -> Result<(), Refusal> {
        let now = self.clock.now();
        let is_valid = |world: &World, key: &str| match iam::key_of_id(world, key) {
            Some((_, key)) => {
                let known = faults.delay.is_none_or(|delay| now.duration_since(key.created).unsigned_abs() >= delay);
                key.active && known
            }
            None => false,
        };
        let Some(key) = request.key().filter(|key| iam::is_key_of(self.store.account(), key)) else { return Ok(()) };
        let valid = self.store.turn(|world, _| is_valid(world, key)).map_err(Refusal::internal)?;
        let message = "The security token included in the request is invalid.";
        if valid { Ok(()) } else { Err(Refusal::new(403, "InvalidClientTokenId", message)) }
    }

    fn answer(&mut self, request: &Request, faults: &Faults, number: u64) -> Result<Outcome, Refusal> {
        self.check_key(request, faults)?;
        match request.service() {
            Service::Iam => self.answer_iam(request, faults, number),
            Service::Sts => self.answer_sts(request, faults),
            Service::Tagging => self.answer_tagging(request, faults),
        }
    }

    fn answer_sts(&mut self, request: &Request, faults: &Faults) -> Result<Outcome, Refusal> {
        let action = request.action();
        let answer = self.store.turn(|world, _| {
            if faults.denied.contains(action) {
                return Err(Refusal::denied(&world.account, &format!("sts:{action}"), "*"));
            }
            sts::answer(action, world, request.key()).ok_or_else(|| unknown(request))
        });
        answer.map_err(Refusal::internal)?.map(Outcome::of)
    }

    fn answer_tagging(&mut self, request: &Request, faults: &Faults) -> Result<Outcome, Refusal> {
        let answer = self.store.turn(|world, _| {
            if faults.denied.contains(request.action()) {
                return Err(tagging::denied(&world.account, request.action()));
            }
            if let Some(enforced) = &self.enforced {
                enforced.check_tagging(world, request.action())?;
            }
            tagging::answer(world, request, faults.page)
        });
        answer.map_err(Refusal::internal)?.map(|json| Outcome::Result(json.to_string()))
    }

    fn answer_iam(&mut self, request: &Request, faults: &Faults, number: u64) -> Result<Outcome, Refusal> {
        let action = iam::action(request.action()).ok_or_else(|| unknown(request))?;
        self.iam_calls += 1;
        if self.iam_calls <= faults.throttled || !self.buckets.admit(action.name, Instant::now()) {
            return Err(Refusal::new(400, "Throttling", "Rate exceeded"));
        }
        self.writes += u64::from(action.writes && !faults.denied.contains(action.name));
        let write = action.writes.then_some(self.writes);
        match write.and_then(|number| faults.of_write(number, When::Before)) {
            Some(What::Fail) => return Err(Refusal::new(400, "InjectedFailure", "The sandbox was told to fail.")),
            Some(What::Kill) => std::process::exit(KILLED),
            Some(What::Halt) => return Ok(Outcome::Never),
            None => {}
        }
        let xml = self.run(action, request, faults, number)?;
        match write.and_then(|number| faults.of_write(number, When::After)) {
            Some(What::Fail) => Ok(Outcome::Lost),
            Some(What::Kill) => std::process::exit(KILLED),
            Some(What::Halt) => Ok(Outcome::Never),
            None => Ok(Outcome::of(xml)),
        }
    }

    fn run(&mut self, action: &iam::Action, request: &Request, faults: &Faults, call: u64) -> iam::Answer {
        let State { store, clock, enforced, made, misled, .. } = self;
        let answer = store.turn(|world, number| {
            if faults.denied.contains(action.name) {
                return Err(Refusal::denied(
                    &world.account,
                    &format!("iam:{}", action.name),
                    &iam::subject(world, request),
                ));
            }
            if let Some(enforced) = enforced {
                enforced.check(world, request)?;
            }
            if *misled < faults.invalid_principals
                && let Some(principal) = iam::trusted(request).into_iter().find(|principal| made.contains(principal))
            {
                *misled += 1;
                return Err(Refusal::invalid_principal(&principal));
            }
            let now = clock.now();
            if let Some(delay) = faults.delay {
                let lagging = Lagging { world, now, delay, stale_read: faults.is_stale(call) };
                lagging.check(action, request)?;
            }
            let answer = (action.run)(&mut Call { world, request, now, number, page: faults.page });
            if ["CreateRole", "CreateUser"].contains(&action.name) && answer.is_ok() {
                made.insert(iam::subject(world, request));
            }
            answer
        });
        answer.map_err(Refusal::internal)?
    }
}

fn unknown(request: &Request) -> Refusal {
    if request.action().is_empty() {
        let message = "The sandbox answers IAM, STS and tag:GetResources, and this call names no action of theirs.";
        return Refusal::new(400, "MissingAction", message);
    }
    let message = format!("Could not find operation {} for version {}", request.action(), request.version());
    Refusal::new(400, "InvalidAction", message)
}

#[cfg(test)]
mod tests {
    use super::testbed::{ACCOUNT, Bed, refused, trust, trust_of};
    use super::*;

    async fn create(bed: &Bed, name: &str) -> Result<(), (String, String)> {
        let call = bed.iam().create_role().role_name(name).assume_role_policy_document(trust("ec2").to_string());
        call.send().await.map(drop).map_err(|error| refused(Err::<(), _>(error)))
    }

    async fn exists(bed: &Bed, name: &str) -> bool {
        bed.iam().get_role().role_name(name).send().await.is_ok()
    }

    #[tokio::test]
    async fn the_caller_is_a_user_of_the_account() {
        let bed = Bed::new().await;
        assert_eq!(bed.cloud.account.id, ACCOUNT);
        assert_eq!(bed.cloud.caller, "arn:aws:iam::123456789012:user/sandbox");
        let request = Request::parse(b"Action=Dance&Version=2010-05-08");
        let answer = bed.sandbox.answer(&request).answer().unwrap();
        assert_eq!(answer.status, 400);
        assert!(answer.body.contains("<Type>Sender</Type><Code>InvalidAction</Code>"), "{}", answer.body);
    }

    #[tokio::test]
    async fn the_nth_write_fails_before_it_takes_effect() {
        let bed = Bed::with("fail_write=2:before").await;
        create(&bed, "a").await.unwrap();
        assert!(exists(&bed, "a").await);
        let calls = bed.sandbox.calls();
        assert_eq!(create(&bed, "b").await.unwrap_err().0, "InjectedFailure");
        assert_eq!(bed.sandbox.calls(), calls + 1, "the SDK must not call again");
        assert!(!exists(&bed, "b").await);
        create(&bed, "b").await.unwrap();
    }

    #[tokio::test]
    async fn the_nth_write_takes_effect_and_its_answer_is_lost() {
        let bed = Bed::with("fail_write=1:after").await;
        let calls = bed.sandbox.calls();
        let call = bed.iam().create_role().role_name("a").assume_role_policy_document(trust("ec2").to_string());
        let error = bed.cloud.call("CreateRole", "a", call.send()).await.unwrap_err();
        assert_eq!(bed.sandbox.calls(), calls + 1, "the SDK must not call again");
        assert!(error.code.is_empty() && error.message.contains("the connection broke"), "{error:?}");
        assert!(exists(&bed, "a").await);
    }

    #[tokio::test]
    async fn an_action_can_be_denied() {
        let bed = Bed::with("fail_action=CreateRole,fail_action=GetRole").await;
        let message = "User: arn:aws:iam::123456789012:user/sandbox is not authorized to perform: iam:CreateRole on \
                       resource: arn:aws:iam::123456789012:role/a";
        assert_eq!(create(&bed, "a").await, Err(("AccessDenied".to_owned(), message.to_owned())));
        assert_eq!(refused(bed.iam().get_role().role_name("a").send().await).0, "AccessDenied");
        assert!(bed.iam().list_roles().send().await.unwrap().roles().is_empty());
    }

    #[tokio::test]
    async fn throttling_is_overcome_by_the_sdk() {
        let bed = Bed::with("throttle=2").await;
        let calls = bed.sandbox.calls();
        create(&bed, "a").await.unwrap();
        assert_eq!(bed.sandbox.calls(), calls + 3);
        assert!(bed.cloud.was_throttled());
    }

    #[tokio::test]
    async fn a_new_principal_is_not_known_at_once() {
        let bed = Bed::with("invalid_principal=2").await;
        create(&bed, "head").await.unwrap();
        let arn = format!("arn:aws:iam::{ACCOUNT}:role/head");
        let put = || {
            let call = bed.iam().create_role().role_name("launch");
            call.assume_role_policy_document(trust_of(&arn).to_string()).send()
        };
        let message = format!("Invalid principal in policy: \"AWS\":\"{arn}\"");
        for _ in 0..2 {
            assert_eq!(refused(put().await), ("MalformedPolicyDocument".into(), message.clone()));
        }
        put().await.unwrap();
        // One that another process made is known.
        let bed = Bed::over(bed.dir, "invalid_principal=2").await;
        let call = bed.iam().update_assume_role_policy().role_name("launch");
        call.policy_document(trust_of(&arn).to_string()).send().await.unwrap();
    }

    #[tokio::test]
    async fn calls_wait_together() {
        let bed = Bed::with("latency=200ms").await;
        let start = std::time::Instant::now();
        tokio::join!(exists(&bed, "a"), exists(&bed, "b"), exists(&bed, "c"), exists(&bed, "d"));
        let took = start.elapsed();
        assert!(took >= Duration::from_millis(200) && took < Duration::from_millis(600), "{took:?}");
    }

    #[tokio::test]
    async fn calls_are_logged_in_order() {
        let log = tempfile::NamedTempFile::new().unwrap();
        let bed = Bed::with(&format!("log={},throttle=1", log.path().display())).await;
        create(&bed, "head").await.unwrap();
        let arn = bed.policy("reads").await;
        bed.iam().attach_role_policy().role_name("head").policy_arn(&arn).send().await.unwrap();
        let text = std::fs::read_to_string(log.path()).unwrap();
        let expected = format!(
            "GetCallerIdentity\nCreateRole head\nCreateRole head\nCreatePolicy reads\nAttachRolePolicy head {arn}\n"
        );
        assert_eq!(text, expected);
    }
}
