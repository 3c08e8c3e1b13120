//! What stands between the tool and AWS: a port on which each request is carried on, lost, or answered
//! with anything. It speaks as much HTTP as the SDK needs.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

/// What happens to one request.
pub enum Fate {
    /// The server behind answers.
    Carried,
    /// The server behind gets it, and its answer is lost.
    AnswerLost,
    /// These bytes are the answer.
    Answered(Vec<u8>),
    /// Nobody answers as long as the connection is held.
    Silence,
}

/// Listens until the process ends. Returns its URL.
pub fn open(behind: &str, decide: impl Fn(&str) -> Fate + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let (behind, decide) = (behind.to_owned(), Arc::new(decide));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (behind, decide) = (behind.clone(), decide.clone());
            std::thread::spawn(move || serve(stream, &behind, decide.as_ref()));
        }
    });
    url
}

/// Returns the action that a request asks for.
pub fn action(body: &str) -> &str {
    body.split('&').find_map(|pair| pair.strip_prefix("Action=")).unwrap_or_default()
}

/// Returns an HTTP answer.
pub fn answer(status: u16, content_type: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "HTTP/1.1 {status} X\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
    .into_bytes()
}

/// Sends a whole request on a connection of its own and returns the whole answer.
pub fn exchange(url: &str, request: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(url.trim_start_matches("http://")).expect("the server listens");
    stream.write_all(request).expect("a request");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    answer
}

/// One request a connection.
fn serve(mut stream: TcpStream, behind: &str, decide: &dyn Fn(&str) -> Fate) {
    let Some((head, body)) = request(&mut stream) else { return };
    match decide(&body) {
        Fate::Carried => drop(stream.write_all(&carry(behind, &head, &body))),
        Fate::AnswerLost => drop(carry(behind, &head, &body)),
        Fate::Answered(bytes) => drop(stream.write_all(&bytes)),
        Fate::Silence => drop(stream.read(&mut [0])),
    }
    let _ = stream.shutdown(Shutdown::Both);
}

fn request(stream: &mut TcpStream) -> Option<(String, String)> {
    stream.set_read_timeout(Some(Duration::from_secs(60))).ok()?;
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n")
            && body.len() >= content_length(head)
        {
            return Some((head.to_owned(), body.to_owned()));
        }
        let read = stream.read(&mut chunk).ok().filter(|read| *read > 0)?;
        bytes.extend(&chunk[..read]);
    }
}

fn content_length(head: &str) -> usize {
    let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length:").map(str::to_owned));
    length.and_then(|length| length.trim().parse().ok()).unwrap_or(0)
}

fn carry(behind: &str, head: &str, body: &str) -> Vec<u8> {
    let kept = head.lines().filter(|line| !line.to_lowercase().starts_with("connection:"));
    let head: String = kept.map(|line| format!("{line}\r\n")).collect();
    exchange(behind, format!("{head}Connection: close\r\n\r\n{body}").as_bytes())
}
