//! moto: an IAM server that we did not write, and so a second opinion on what IAM does.
//!
//! A server lives as long as this process, however it ends: it leaves when its standard input closes.
//! Tests that run at a time have one each; one that becomes free is emptied and taken by the next.

use std::future::Future;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;

use aws_sdk_iam::config::{BehaviorVersion, Credentials, Region};
use tokio::runtime::Runtime;

use crate::scene::{Scene, Target};
use crate::wire;

const SERVE: &str = r#"
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
server.start()
print(*server.get_host_and_port(), sep=":", flush=True)
sys.stdin.read()
"#;

static IDLE: Mutex<Vec<Server>> = Mutex::new(Vec::new());

struct Server {
    url: String,
    /// Holds the pipe that the server lives by.
    _process: Child,
}

/// An empty account on a server of its own, with AWS's managed policies in it.
pub struct Moto {
    server: Option<Server>,
    runtime: Runtime,
    /// For what people do by hand.
    pub iam: aws_sdk_iam::Client,
}

impl Server {
    fn start() -> Self {
        let python = Path::new(env!("CARGO_MANIFEST_DIR")).join(".venv/bin/python");
        let mut command = Command::new(&python);
        command.args(["-c", SERVE]).env("MOTO_IAM_LOAD_MANAGED_POLICIES", "true");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let missing = |why: &dyn std::fmt::Display| -> ! {
            panic!("moto does not start with {}: {why}\ntests/run.sh installs it", python.display())
        };
        let mut process = command.spawn().unwrap_or_else(|e| missing(&e));
        let mut address = String::new();
        let stdout = process.stdout.take().expect("a pipe");
        BufReader::new(stdout).read_line(&mut address).unwrap_or_else(|e| missing(&e));
        if address.is_empty() {
            missing(&"it ended before it listened");
        }
        Self { url: format!("http://{}", address.trim()), _process: process }
    }

    fn empty(&self) {
        let answer = wire::exchange(&self.url, b"POST /moto-api/reset HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
        assert!(answer.starts_with(b"HTTP/1.1 200"), "moto cannot be emptied");
    }
}

impl Moto {
    pub fn new() -> Self {
        let idle = IDLE.lock().expect("nobody panics with it").pop();
        let server = idle.inspect(Server::empty).unwrap_or_else(Server::start);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let credentials = Credentials::new("AKIAIOSFODNN7EXAMPLE", "by hand", None, None, "test");
        let config = aws_config::defaults(BehaviorVersion::latest())
            .endpoint_url(&server.url)
            .region(Region::new("us-east-1"))
            .credentials_provider(credentials);
        let iam = aws_sdk_iam::Client::new(&runtime.block_on(config.load()));
        Self { server: Some(server), runtime, iam }
    }

    pub fn url(&self) -> &str {
        &self.server.as_ref().expect("until it is dropped").url
    }

    /// Returns a scene whose AWS is this server.
    pub fn scene(&self) -> Scene {
        Scene::at(Target::Endpoint(self.url().to_owned()))
    }

    /// Makes it ask the policies of whoever calls, or take everybody for an administrator.
    pub fn enforce(&self, policies: bool) {
        let after = if policies { "0" } else { "inf" };
        let request = format!("POST /moto-api/reset-auth HTTP/1.1\r\nContent-Length: {}\r\n\r\n{after}", after.len());
        let answer = wire::exchange(self.url(), request.as_bytes());
        assert!(answer.starts_with(b"HTTP/1.1 200"), "moto does not take it: {}", String::from_utf8_lossy(&answer));
    }

    /// Waits for a call.
    pub fn wait<T>(&self, call: impl Future<Output = T>) -> T {
        self.runtime.block_on(call)
    }

    /// Makes a call that has to work.
    #[track_caller]
    pub fn call<O, E: std::fmt::Debug>(&self, call: impl Future<Output = Result<O, E>>) -> O {
        self.wait(call).expect("a call by hand")
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        if let (Some(server), Ok(mut idle)) = (self.server.take(), IDLE.lock()) {
            idle.push(server);
        }
    }
}
