//! What answers may not be AWS: a proxy, a server that breaks, nobody. Each time one line says which call
//! failed and why, within seconds, and nothing panics.

use std::io::Read;
use std::time::{Duration, Instant};

use crate::moto::Moto;
use crate::scene::{Run, Scene, Target};
use crate::spine::DEMO;
use crate::wire::{self, Fate};

const PAGE: &str = "<!doctype html>\n<html lang=en>\n<title>500 Internal Server Error</title>\n<h1>Oops</h1>\n";

/// Runs a plan, demands that it fails soon and in one line, and returns the line.
#[track_caller]
fn failure(scene: &Scene, unset: &[&str]) -> String {
    scene.manifest(DEMO);
    let began = Instant::now();
    let mut command = scene.command(["plan"]);
    for name in unset {
        command.env_remove(name);
    }
    command.env("AWS_EC2_METADATA_DISABLED", "true").env("AWS_MAX_ATTEMPTS", "3");
    let run = Run::of(command.output().expect("the binary runs"));
    run.expect(1);
    assert!(began.elapsed() < Duration::from_secs(10), "it took {:?}", began.elapsed());
    assert_eq!(run.stdout, "");
    let (first, rest) = run.stderr.split_once('\n').expect("a line");
    assert!(rest.lines().all(|line| line.starts_with("  help: ")), "{}", run.stderr);
    first.to_owned()
}

/// Returns a scene in which one action is answered by a stranger, and everything else by moto.
fn stranger(moto: &Moto, action: &'static str, fate: impl Fn() -> Fate + Send + Sync + 'static) -> Scene {
    let url = wire::open(moto.url(), move |body| if wire::action(body) == action { fate() } else { Fate::Carried });
    Scene::at(Target::Endpoint(url))
}

#[test]
fn a_page_instead_of_an_answer() {
    let moto = Moto::new();
    let scene = stranger(&moto, "GetRole", || Fate::Answered(wire::answer(500, "text/html; charset=utf-8", PAGE)));
    assert_eq!(
        failure(&scene, &[]),
        "error: GetRole head: the server answered HTTP 500 with text/html; charset=utf-8, which is not an answer \
         of IAM: <!doctype html> <html lang=en> <title>500 Internal Server Error</title> <h1>Oops</h1>"
    );
    let scene = stranger(&moto, "GetRole", || Fate::Answered(wire::answer(200, "text/html", "<p>Sign in</p>")));
    let line = failure(&scene, &[]);
    assert!(line.starts_with("error: GetRole head: the server answered HTTP 200 with text/html"), "{line}");
    let scene = stranger(&moto, "GetCallerIdentity", || Fate::Answered(wire::answer(500, "text/html", PAGE)));
    let line = failure(&scene, &[]);
    assert!(line.starts_with("error: GetCallerIdentity: the server answered HTTP 500"), "{line}");
}

#[test]
fn half_an_answer() {
    let moto = Moto::new();
    let cut = "<GetRoleResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><GetRoleResult><Role><Path>/</";
    let scene = stranger(&moto, "GetRole", move || Fate::Answered(wire::answer(200, "text/xml", cut)));
    let line = failure(&scene, &[]);
    assert!(
        line.starts_with("error: GetRole head: the server answered HTTP 200 with text/xml, which ends early"),
        "{line}"
    );
    let scene = stranger(&moto, "GetCallerIdentity", || Fate::Answered(b"HTTP/1.1 200 OK\r\nContent-Le".to_vec()));
    let line = failure(&scene, &[]);
    assert!(line.starts_with("error: GetCallerIdentity: "), "{line}");
}

#[test]
fn no_answer() {
    let moto = Moto::new();
    let scene = stranger(&moto, "GetCallerIdentity", || Fate::AnswerLost);
    let line = failure(&scene, &[]);
    assert!(line.starts_with("error: GetCallerIdentity: connection closed"), "{line}");
}

#[test]
fn nobody_there() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let scene = Scene::at(Target::Endpoint(format!("http://{address}")));
    let line = failure(&scene, &[]);
    assert_eq!(line, "error: GetCallerIdentity: tcp connect error: Connection refused (os error 111)");
    let scene = Scene::at(Target::Endpoint("localhost".to_owned()));
    let line = failure(&scene, &[]);
    assert!(line.starts_with("error: GetCallerIdentity: failed to apply endpoint `localhost`"), "{line}");
}

#[test]
fn no_credentials() {
    let scene = Scene::at(Target::Endpoint("http://127.0.0.1:9".to_owned()));
    let line = failure(&scene, &["AWS_ACCESS_KEY_ID"]);
    assert_eq!(line, "error: GetCallerIdentity: no AWS credentials were found");
}

/// As with the AWS CLI: credentials in the environment do not count beside a profile that somebody named.
#[test]
fn a_named_profile_is_the_one_that_is_used() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let scene = Scene::at(Target::Endpoint(format!("http://{}", listener.local_addr().expect("an address"))));
    scene.manifest(DEMO);
    scene.write("config", "[profile other]\naws_access_key_id = AKIAOFPROFILE\naws_secret_access_key = secret\n");
    let plan = |profile: &str| {
        let mut command = scene.command(["plan", "--profile", profile]);
        command.env("AWS_CONFIG_FILE", scene.path("config")).env("AWS_MAX_ATTEMPTS", "1");
        Run::of(command.output().expect("the binary runs"))
    };
    let heard = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a request");
        let mut head = [0; 4096];
        let length = stream.read(&mut head).expect("a request");
        String::from_utf8_lossy(&head[..length]).into_owned()
    });
    plan("other").expect(1);
    let heard = heard.join().expect("no panic");
    assert!(heard.contains("Credential=AKIAOFPROFILE/"), "{heard}");
    plan("nope").expect(1).says("GetCallerIdentity: profile `nope` was not defined");
    scene.write("config", "[profile bare]\nregion = eu-west-1\n");
    plan("bare").expect(1).says("no AWS credentials were found");
}
