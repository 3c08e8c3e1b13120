//! The sandbox on a port of this machine, for other tools: HTTP/1.1, any credentials.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

use super::{Reply, Request, Response, Sandbox};
use crate::error::{Error, Result};

/// Longest body that is read; IAM's own limits are far below.
const LONGEST: usize = 1 << 20;
/// How long to wait when the system has no socket left for another caller.
const PAUSE: Duration = Duration::from_millis(50);

const TARGET: HeaderName = HeaderName::from_static("x-amz-target");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

/// A port on which a sandbox answers.
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
    sandbox: Sandbox,
}

/// Why a caller gets no answer: it went away, or a fault says so. The connection is closed.
#[derive(Debug)]
struct Broken;

impl Listener {
    /// Refuses an address that others than this machine can reach: the sandbox takes any credentials and
    /// changes what is in its folder.
    pub fn allow(address: SocketAddr) -> Result<()> {
        if address.ip().is_loopback() {
            return Ok(());
        }
        let (ip, port) = (address.ip(), address.port());
        let why = format!("the sandbox takes any credentials, so it listens for this machine only, not on {ip}");
        Err(Error::refused(why).hint(format!("seqera-iam sandbox --listen 127.0.0.1:{port}")))
    }

    /// Takes the port; 0 is any that is free.
    pub async fn bind(address: SocketAddr, sandbox: Sandbox) -> Result<Self> {
        Self::allow(address)?;
        let cannot = |error| Error::failed(format!("cannot listen on {address}")).caused_by(error);
        let socket = TcpListener::bind(address).await.map_err(|error| {
            cannot(error).hint(format!("let the system choose a port: --listen {}", SocketAddr::new(address.ip(), 0)))
        })?;
        let address = socket.local_addr().map_err(cannot)?;
        Ok(Self { socket, address, sandbox })
    }

    /// Returns where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until the runtime ends.
    pub async fn serve(self) -> Infallible {
        loop {
            match self.socket.accept().await {
                Ok((stream, _)) => drop(tokio::spawn(converse(stream, self.sandbox.clone()))),
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }
}

/// Answers one connection's requests, one after the other.
async fn converse(stream: TcpStream, sandbox: Sandbox) {
    // It costs time, not answers, when it fails.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| exchange(&sandbox, request));
    // A caller that has gone or was left without an answer is no concern of others.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn exchange(
    sandbox: &Sandbox,
    request: hyper::Request<Incoming>,
) -> Result<hyper::Response<Full<Bytes>>, Broken> {
    let (head, body) = request.into_parts();
    let query = head.uri.query().unwrap_or_default();
    // A person with a browser, not a tool that takes this for another service of AWS.
    if head.method == Method::GET && query.is_empty() && !head.headers.contains_key(AUTHORIZATION) {
        return Ok(plain(StatusCode::OK, greeting(sandbox)));
    }
    let too_long = || plain(StatusCode::PAYLOAD_TOO_LARGE, format!("A body has at most {LONGEST} bytes.\n"));
    if body.size_hint().lower() > LONGEST as u64 {
        return Ok(too_long());
    }
    let body = match Limited::new(body, LONGEST).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => return Ok(too_long()),
        Err(_) => return Err(Broken),
    };
    let target = head.headers.get(TARGET).and_then(|target| target.to_str().ok());
    // The query protocol also takes its parameters from the URL.
    let form = if head.method == Method::GET { query.as_bytes() } else { &body };
    let authorization = head.headers.get(AUTHORIZATION).and_then(|text| text.to_str().ok());
    let request = Request::read(target, authorization, form);
    if let Some(latency) = sandbox.latency() {
        tokio::time::sleep(latency).await;
    }
    match sandbox.answer(&request) {
        Reply::Answer(response) => Ok(http(response)),
        Reply::Lost | Reply::Dropped | Reply::Never => Err(Broken),
    }
}

fn greeting(sandbox: &Sandbox) -> String {
    format!("The sandbox of seqera-iam: IAM, STS and tag:GetResources of account {}.\n", sandbox.account())
}

fn plain(status: StatusCode, text: String) -> hyper::Response<Full<Bytes>> {
    let mut response = hyper::Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

fn http(answer: Response) -> hyper::Response<Full<Bytes>> {
    let mut response = hyper::Response::new(Full::new(Bytes::from(answer.body)));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(answer.content_type));
    if let Ok(id) = HeaderValue::from_str(&answer.request_id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the connection is broken off")
    }
}

impl std::error::Error for Broken {}
