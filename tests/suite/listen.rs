//! The sandbox on a port, seen by tools that we did not write (boto3 and the AWS CLI) and by ourselves: all
//! see one account, whoever changes it, and whatever goes wrong on the way.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use crate::scene::{Run, Scene, Target};
use crate::spine::DEMO;
use crate::wire;

/// The account that `Scene` works on when it is not told another.
const ACCOUNT: &str = ".seqera-iam/sandbox";

/// A running `sandbox --listen`.
pub struct Port {
    process: Child,
    stdout: BufReader<ChildStdout>,
    first_line: String,
    pub url: String,
}

impl Port {
    /// Serves the account of a scene.
    pub fn open(scene: &Scene, faults: &str, more: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_seqera-iam"));
        command.args(["sandbox", "--listen", "127.0.0.1:0"]).args(more).env_clear().env("SEQERA_IAM_SANDBOX", faults);
        command.arg(format!("--sandbox={}", scene.path(ACCOUNT).display()));
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the binary runs");
        let mut stdout = BufReader::new(process.stdout.take().expect("a pipe"));
        let mut first_line = String::new();
        stdout.read_line(&mut first_line).expect("a line");
        let start = first_line.find("http://").unwrap_or_else(|| panic!("no address in `{first_line}`"));
        let end = |c: char| c.is_whitespace() || c == '"';
        let url = first_line[start..].split(end).next().expect("an address").to_owned();
        Self { process, stdout, first_line, url }
    }

    /// Sends a signal and returns how the process ended and what else it had printed.
    fn end(mut self, signal: &str) -> (Option<i32>, String) {
        let sent = Command::new("kill").args([signal, &self.process.id().to_string()]).status();
        assert!(sent.expect("kill runs").success());
        let code = self.process.wait().expect("it ends").code();
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).expect("text");
        (code, rest)
    }

    /// Returns a scene that reaches this port as it would reach AWS.
    pub fn scene(&self) -> Scene {
        Scene::at(Target::Endpoint(self.url.clone()))
    }

    fn tool(&self, name: &str) -> Command {
        let mut command = Command::new(installed(name));
        command.env_clear().env("AWS_ENDPOINT_URL", &self.url).env("AWS_DEFAULT_REGION", "us-east-1");
        command.env("AWS_ACCESS_KEY_ID", "anybody").env("AWS_SECRET_ACCESS_KEY", "anything");
        command.env("AWS_CONFIG_FILE", "/dev/null").env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
        command
    }

    /// Runs Python with `iam`, `tagging` and `show` at hand, and returns what it shows.
    #[track_caller]
    fn boto(&self, code: &str) -> Json {
        let head = "import boto3, json\n\
                    iam, tagging = boto3.client('iam'), boto3.client('resourcegroupstaggingapi')\n\
                    show = lambda it: print(json.dumps(it))\n";
        json_of(self.tool("python").args(["-c", &format!("{head}{code}")]))
    }

    #[track_caller]
    fn aws(&self, line: &str) -> Json {
        json_of(self.tool("aws").args(line.split_whitespace()).args(["--output", "json"]))
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub fn installed(name: &str) -> PathBuf {
    let tool = Path::new(env!("CARGO_MANIFEST_DIR")).join(".venv/bin").join(name);
    assert!(tool.exists(), "{} is missing: tests/run.sh installs it", tool.display());
    tool
}

#[track_caller]
fn json_of(command: &mut Command) -> Json {
    let run = Run::of(command.output().expect("the tool runs"));
    run.expect(0);
    serde_json::from_str(&run.stdout).unwrap_or_else(|e| panic!("{e}: {}{}", run.stdout, run.stderr))
}

fn demo(scene: &Scene) {
    scene.manifest(DEMO);
}

#[test]
fn it_says_where_it_is_and_what_to_type() {
    let scene = Scene::new();
    let port = Port::open(&scene, "", &[]);
    assert!(port.first_line.contains("account 123456789012"), "{}", port.first_line);
    assert!(port.first_line.contains(&format!("export AWS_ENDPOINT_URL={}\n", port.url)), "{}", port.first_line);
    let (code, rest) = port.end("-TERM");
    assert_eq!(code, Some(0));
    assert!(rest.contains("AWS_SECRET_ACCESS_KEY=") && rest.contains("Ctrl-C ends it"), "{rest}");

    let port = Port::open(&scene, "", &["--json"]);
    let line: Json = serde_json::from_str(&port.first_line).expect("JSON");
    let address = port.url.strip_prefix("http://").expect("an address");
    let expected = json!({"type": "listening", "address": address, "url": port.url, "account": "123456789012"});
    assert_eq!(line, expected);
    let taken = Run::of(scene.command(["sandbox", "--listen", address]).output().expect("the binary runs"));
    taken.expect(1).says(&format!("cannot listen on {address}"));
    assert_eq!(port.end("-INT"), (Some(0), String::new()));
}

#[test]
fn only_this_machine_may_reach_it() {
    let scene = Scene::new();
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:4566"] {
        scene.run(&format!("sandbox --listen {address}")).expect(3).says("listens for this machine only");
    }
    assert!(!scene.path(".seqera-iam").exists(), "a refusal makes no account");
    scene.run("sandbox --listen here").expect(1).says("expected 127.0.0.1:PORT");
    scene.run("sandbox").expect(1).says("--listen");
    scene.run_with("drop=5", "sandbox --listen 127.0.0.1:0").expect(1).says("`drop=5` is not a setting");
}

#[test]
fn boto_sees_what_we_made_and_we_see_what_boto_changed() {
    let scene = Scene::new();
    demo(&scene);
    scene.apply();
    let port = Port::open(&scene, "", &[]);
    let seen = port.boto(
        r#"
role = iam.get_role(RoleName='head')['Role']
attached = iam.list_attached_role_policies(RoleName='head')['AttachedPolicies']
show([role['AssumeRolePolicyDocument']['Statement'][0]['Principal'], role['MaxSessionDuration'],
      sorted(policy['PolicyName'] for policy in attached), boto3.client('sts').get_caller_identity()['Account']])
"#,
    );
    let principal = json!({"Service": "ec2.amazonaws.com"});
    assert_eq!(seen, json!([principal, 14400, ["AmazonS3ReadOnlyAccess", "buckets"], "123456789012"]));

    let tagged = port.boto(
        r#"
filters = [{'Key': 'seqera-iam:deployment', 'Values': ['demo']}]
pages = tagging.get_paginator('get_resources').paginate(TagFilters=filters, ResourcesPerPage=1)
show([[one['ResourceARN'].split(':')[5] for one in page['ResourceTagMappingList']] for page in pages])
"#,
    );
    assert_eq!(tagged, json!([["instance-profile/head"], ["policy/buckets"]]));

    port.boto(
        r#"
iam.update_role(RoleName='head', Description='by boto', MaxSessionDuration=3600)
iam.delete_role_policy(RoleName='head', PolicyName='logs')
iam.detach_role_policy(RoleName='head', PolicyArn='arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess')
show(None)
"#,
    );
    let expected =
        ["update roles.head", "create roles.head.inline.logs", "create roles.head.policies.AmazonS3ReadOnlyAccess"];
    assert_eq!(scene.steps(), expected);
    scene.apply();
    let refused = port.boto(
        r#"
try: iam.delete_role(RoleName='head')
except iam.exceptions.DeleteConflictException as error: show(error.response['Error']['Message'])
"#,
    );
    assert_eq!(refused, "Cannot delete entity, must remove roles from instance profile first.");
}

#[test]
fn the_aws_cli_sees_what_we_made() {
    let scene = Scene::new();
    demo(&scene);
    scene.apply();
    let port = Port::open(&scene, "page=1", &[]);
    assert_eq!(port.aws("sts get-caller-identity")["Arn"], "arn:aws:iam::123456789012:user/sandbox");
    let profiles = port.aws("iam list-instance-profiles --query InstanceProfiles[].Roles[].RoleName");
    assert_eq!(profiles, json!(["head"]));
    let found = port.aws("resourcegroupstaggingapi get-resources --resource-type-filters iam:policy");
    let found = &found["ResourceTagMappingList"];
    assert_eq!(found[0]["ResourceARN"], "arn:aws:iam::123456789012:policy/buckets");
    assert_eq!(found.as_array().map(Vec::len), Some(1));
    let all = port.aws("iam get-account-authorization-details");
    let role = &all["RoleDetailList"][0];
    assert_eq!(role["RolePolicyList"][0]["PolicyDocument"]["Statement"][0]["Action"], "logs:GetLogEvents");
    assert!(role.get("Description").is_none() && role.get("MaxSessionDuration").is_none(), "{role}");
    let names: Vec<&Json> = all["Policies"].as_array().expect("a list").iter().map(|it| &it["PolicyName"]).collect();
    assert_eq!(names, ["buckets", "AmazonS3ReadOnlyAccess"]);
    let mut command = port.tool("aws");
    let refused = command.args(["iam", "get-role", "--role-name", "nobody"]).output().expect("the AWS CLI runs");
    Run::of(refused).says("(NoSuchEntity) when calling the GetRole operation: The role with name nobody");
}

#[test]
fn we_reach_it_as_we_reach_aws() {
    let account = Scene::new();
    let port = Port::open(&account, "", &[]);
    let scene = port.scene();
    demo(&scene);
    assert_eq!(scene.steps().len(), 7);
    scene.apply().says("Resources: 7 added");
    assert_eq!((account.held("roles"), account.held("instance_profiles")), (vec!["head".into()], vec!["head".into()]));
    scene.destroy().says("Destroy complete! Resources: 7 destroyed.");
    assert_eq!(account.held("roles"), [""; 0]);
}

#[test]
fn calls_wait_together_and_connections_stay_open() {
    let scene = Scene::new();
    let port = Port::open(&scene, "latency=300ms", &[]);
    let took = port.boto(
        r#"
import time, concurrent.futures
with concurrent.futures.ThreadPoolExecutor(10) as pool:
    began = time.monotonic()
    list(pool.map(lambda _: iam.list_roles(), range(10)))
    show(time.monotonic() - began)
"#,
    );
    let took = took.as_f64().expect("a number");
    assert!((0.3..2.0).contains(&took), "ten calls at a time took {took}s");
    let ask = "GET /?Action=ListRoles&Version=2010-05-08 HTTP/1.1\r\nHost: x\r\n";
    let twice = format!("{ask}\r\n{ask}Connection: close\r\n\r\n");
    let answers = String::from_utf8(wire::exchange(&port.url, twice.as_bytes())).expect("text");
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 2, "{answers}");
    let large = format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", 2 << 20);
    let answer = wire::exchange(&port.url, large.as_bytes());
    assert!(answer.starts_with(b"HTTP/1.1 413"), "{}", String::from_utf8_lossy(&answer));
}

/// Applies and destroys until both have come to their end; returns how many runs failed. Each run has a
/// seed of its own, so that none meets the same bad luck again.
#[track_caller]
fn survives(scene: &Scene, faults: &str) -> usize {
    demo(scene);
    let mut failed = 0;
    for verb in ["apply", "destroy"] {
        loop {
            let began = Instant::now();
            let run = scene.run_with(&format!("{faults},seed={failed}"), &format!("{verb} --auto-approve"));
            assert!([0, 1].contains(&run.code) && !run.stderr.contains("panicked"), "{}{}", run.stdout, run.stderr);
            assert!(began.elapsed() < Duration::from_secs(120), "{verb} took {:?}", began.elapsed());
            if run.code == 0 {
                break;
            }
            let all = format!("{}{}", run.stdout, run.stderr);
            assert!(all.contains("error: ") || all.contains("failed: "), "{all}");
            failed += 1;
            assert!(failed < 10, "{faults}: {all}");
        }
    }
    failed
}

#[test]
fn what_goes_wrong_in_the_sandbox_is_survived() {
    let faults = ["drop=15%", "html=15%", "cut=15%", "drop=5%,html=5%,cut=5%"];
    for faults in faults {
        let scene = Scene::new();
        survives(&scene, faults);
        assert_eq!((scene.held("roles"), scene.held("policies")), (Vec::new(), Vec::new()), "{faults}");
    }
}

#[test]
fn what_the_sdk_waits_for_is_no_failure() {
    for faults in ["throttle_rate=10", "throttle_rate=AttachRolePolicy:1", "delay=2s", "delay=1s,stale_reads=30%"] {
        let scene = Scene::new();
        assert_eq!(survives(&scene, faults), 0, "{faults}");
        assert_eq!((scene.held("roles"), scene.held("policies")), (Vec::new(), Vec::new()), "{faults}");
    }
}

#[test]
fn what_goes_wrong_on_the_port_is_survived() {
    for faults in
        ["drop=10%,html=5%,cut=5%,seed=5", "fail_write=2:after,fail_write=5:after", "throttle_rate=20,delay=1s"]
    {
        let account = Scene::new();
        let port = Port::open(&account, faults, &[]);
        survives(&port.scene(), "");
        assert_eq!((account.held("roles"), account.held("policies")), (Vec::new(), Vec::new()), "{faults}");
    }
}
