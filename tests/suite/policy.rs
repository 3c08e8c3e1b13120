//! `policy`: documents by themselves, with the binary as scripts use it.

use serde_json::{Value as Json, json};

use crate::scene::{Run, Scene};

const HOME: &str = r#"{"Version": "2012-10-17", "Statement": [
  {"Sid": "Home", "Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/${aws:username}/*"}]}"#;

fn vectors(text: &str) -> Vec<Json> {
    serde_json::from_str(text).expect("vectors")
}

fn printed(run: &Run) -> Json {
    serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {}{}", run.stdout, run.stderr))
}

#[test]
fn cases_are_decided_in_one_go() {
    let mut cases = vectors(include_str!("../vectors/simulate.json"));
    cases.extend(vectors(include_str!("../vectors/conditions.json")));
    cases.retain(|case| case["tier"] == "must");
    cases.push(json!({"id": "odd", "expected": "error", "policies": [{"Statement": {"Effect": "Maybe"}}],
                      "request": {"action": "s3:GetObject", "resource": "*", "context": {}}}));
    cases.push(json!({"id": 7, "expected": "error", "policies": []}));
    cases.push(json!({"id": "bool", "expected": "allowed", "unknown": {}, "request": {
        "action": "a:B", "resource": "*", "context": {"x:n": 5, "x:b": [true]}}, "policies": [{"Version": "2012-10-17",
        "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*",
                      "Condition": {"NumericEquals": {"x:n": "5"}, "ForAnyValue:Bool": {"x:b": "true"}}}}]}));
    let scene = Scene::new();
    scene.write("cases.json", &json!(cases).to_string());
    let expected: Vec<Json> =
        cases.iter().map(|case| json!({"id": case["id"], "decision": case["expected"]})).collect();
    assert!(expected.len() > 250);
    assert_eq!(printed(scene.run("policy simulate --cases cases.json").expect(0)), json!(expected));
    scene.write("cases.json", "{}");
    scene.run("policy simulate --cases cases.json").expect(1).says("cases are a list");
    scene.run("policy simulate --cases none.json").expect(1).says("none.json cannot be read");
}

#[test]
fn a_decision_says_which_statement_made_it() {
    let scene = Scene::new();
    scene.write("home.json", HOME);
    scene.write("ceiling.yaml", "Version: 2012-10-17\nStatement: {Effect: Allow, Action: 's3:List*', Resource: '*'}\n");
    let ask = "policy simulate --policy home.json --action S3:getobject --resource arn:aws:s3:::b/ana/x";
    let run = scene.run(&format!("{ask} --context aws:username=ana --json"));
    let expected = json!({"decision": "allowed", "matched": [{"policy": "home.json", "statement": "Home"}],
                          "explanation": ["Home of home.json allows it"]});
    assert_eq!(printed(run.expect(0)), expected);
    scene.run(ask).expect(0).says("implicitDeny: S3:getobject on arn:aws:s3:::b/ana/x").says("not among its resources");
    let run = scene.run(&format!("{ask} --context aws:username=ana --boundary ceiling.yaml --json"));
    assert_eq!(printed(run.expect(0))["decision"], "implicitDeny");
    scene.run("policy simulate --action a --resource b").expect(1).says("--policy");
    scene.write("odd.json", "{\"Statement\": [\n {\"Effect\": \"Maybe\"}]}");
    let run = scene.run("policy simulate --policy odd.json --action a --resource b --json");
    run.expect(1).says("odd.json:2:2").says("neither `Allow` nor `Deny`");
    assert_eq!(run.stdout, "");
}

/// What names principals is asked for one of them.
#[test]
fn policies_that_name_principals_are_judged() {
    let scene = Scene::new();
    let statement = r#"{"Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "sts:AssumeRole"}"#;
    scene.write("trust.json", &format!(r#"{{"Version": "2012-10-17", "Statement": [{statement}]}}"#));
    let ask = "policy simulate --policy trust.json --action sts:AssumeRole --resource arn:aws:iam::111122223333:role/r";
    let ana = |account: &str| scene.run(&format!("{ask} --principal arn:aws:iam::{account}:user/ana"));
    ana("111122223333").expect(0).says("allowed: ");
    ana("444455556666").expect(0).says("implicitDeny: ").says("is not among its principals");
    let bucket = r#"{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"}"#;
    scene.write("bucket.json", &format!(r#"{{"Version": "2012-10-17", "Statement": [{bucket}]}}"#));
    let get = "policy simulate --policy bucket.json --action s3:GetObject --principal 444455556666";
    scene.run(&format!("{get} --resource arn:aws:s3:::b/k")).expect(0).says("allowed: ");
    scene.run(&format!("{get} --resource arn:aws:s3:::c/k")).expect(0).says("implicitDeny: ");
    let cases = json!([{"id": "trust", "policies": [serde_json::from_str::<Json>(&scene.read("trust.json")).expect("JSON")],
        "request": {"action": "sts:AssumeRole", "resource": "*", "principal": "111122223333", "context": {}}}]);
    scene.write("cases.json", &cases.to_string());
    let decided = printed(scene.run("policy simulate --cases cases.json").expect(0));
    assert_eq!(decided, json!([{"id": "trust", "decision": "allowed"}]));
}

#[test]
fn documents_differ_by_meaning() {
    let scene = Scene::new();
    for case in vectors(include_str!("../vectors/equivalence.json")) {
        scene.write("a.json", case["a"].as_str().expect("a text"));
        scene.write("b.json", case["b"].as_str().expect("a text"));
        let run = scene.run("policy diff a.json b.json --json");
        if case["error"] == true {
            assert!(run.code != 0, "{}", case["id"]);
        } else if case["tier"] != "choice" {
            let equal = case["equivalent"].as_bool().expect("a bool");
            assert_eq!(run.code, if equal { 0 } else { 2 }, "{} {}", case["id"], run.stderr);
            assert_eq!(printed(&run)["equivalent"], equal);
        }
    }
}

#[test]
fn a_difference_is_said_in_both_directions() {
    let scene = Scene::new();
    scene.write("a.json", HOME);
    scene.write("b.json", &HOME.replace("\"s3:GetObject\"", "[\"s3:GetObject\", \"s3:PutObject\"]"));
    let expected = json!({"equivalent": false, "removed": [],
                          "added": ["Home: s3:PutObject on arn:aws:s3:::b/${aws:username}/*"]});
    assert_eq!(printed(scene.run("policy diff a.json b.json --json").expect(2)), expected);
    scene.run("policy diff b.json a.json").expect(2).says("- s3:PutObject on arn:aws:s3:::b");
    scene.run("policy diff a.json a.json").expect(0).says("The documents mean the same.");
    scene.write("empty.json", "{}");
    scene.run("policy diff empty.json empty.json").expect(0);
    scene.run("policy diff empty.json a.json --json").expect(2);
    scene.write("list.json", "[]");
    scene.run("policy diff list.json a.json").expect(2);
    scene.run("policy diff list.json list.json").expect(0);
    for (text, why) in [("{\"a\": 1, \"a\": 2}", "written twice"), ("{,}", "strict JSON")] {
        scene.write("odd.json", text);
        scene.run("policy diff a.json odd.json").expect(1).says("odd.json:1:").says(why);
    }
    scene.run("policy diff a.json none.json").expect(1).says("none.json cannot be read");
}

#[test]
fn documents_are_taken_or_refused_with_their_place() {
    let scene = Scene::new();
    for case in vectors(include_str!("../vectors/grammar.json")) {
        scene.write("x.json", case["document"].as_str().expect("a text"));
        let kind = if case["policy_type"] == "trust" { "trust" } else { "identity" };
        let host = case["host"].as_str().map(|host| format!("--host {host}")).unwrap_or_default();
        let run = scene.run(&format!("policy validate x.json --kind {kind} {host} --json"));
        let valid = case["valid"].as_bool().expect("a bool");
        assert_eq!(run.code, if valid { 0 } else { 2 }, "{} {}", case["id"], run.stdout);
        let printed = printed(&run);
        assert_eq!(printed["valid"], valid);
        if let Some(message) = case["aws_error_message"].as_str() {
            assert_eq!(printed["errors"][0]["message"], message, "{}", case["id"]);
        }
        for error in printed["errors"].as_array().expect("a list") {
            assert!(error["line"].is_u64() && error["column"].is_u64() && error["code"].is_string(), "{error}");
        }
    }
}

#[test]
fn what_is_refused_says_where_and_why() {
    let scene = Scene::new();
    scene.write("x.json", HOME);
    scene.run("policy validate x.json --kind identity").expect(0).says("AWS takes x.json as an identity policy.");
    scene.run("policy validate x.json --kind trust").expect(2).says("x.json:2:").says("Has prohibited field Resource.");
    scene.write("x.json", "{\"Version\": \"2012-10-17\",\n \"Statement\": [],}");
    let printed = printed(scene.run("policy validate x.json --kind identity --json").expect(2));
    let error = json!({"code": "policy-json", "message": "Syntax errors in policy.", "line": 2, "column": 17,
                       "detail": "this is no strict JSON: trailing comma before `}`"});
    assert_eq!(printed, json!({"valid": false, "errors": [error], "findings": []}));
    scene.run("policy validate none.json --kind trust --json").expect(1);
    scene.run("policy validate x.json").expect(1).says("--kind");
    scene.run("policy validate x.json --kind trust --host managed").expect(1);
    std::fs::write(scene.path("x.json"), b"{\"Id\": \"\xff\"}").expect("a file");
    scene.run("policy validate x.json --kind trust").expect(2).says("x.json:1:9").says("UTF-8");
}

#[test]
fn sizes_are_those_of_the_host() {
    let scene = Scene::new();
    let long = HOME.replace("/*", &"x".repeat(3000));
    scene.write("x.yaml", &long);
    for (host, code) in [("", 0), ("--host managed", 0), ("--host inline-group", 0), ("--host inline-user", 2)] {
        scene.run(&format!("policy validate x.yaml --kind identity {host}")).expect(code);
    }
    scene.run("policy validate x.yaml --kind identity --host inline-user").says("Maximum policy size of 2048 bytes");
    let trust = json!({"Statement": {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"},
                                     "Condition": {"StringEquals": {"aws:PrincipalTag/x": "y".repeat(2000)}}}});
    scene.write("trust.json", &trust.to_string());
    scene.run("policy validate trust.json --kind trust").expect(2).says("ACLSizePerRole: 2048");
}

const OURS: &str = r#"
apiVersion: seqera-iam/v1
name: demo
account: 123456789012
defaults: {path: /seqera/, boundary: policy/ceiling}
policies:
  reads: {statements: {Read: {Effect: Allow, Action: s3:GetObject, Resource: "arn:aws:s3:::b/*"}}}
roles:
  head:
    trust: {services: [ec2.amazonaws.com]}
    policies: [policies.reads]
    inline: {logs: {statements: {Logs: {Effect: Allow, Action: logs:GetLogEvents, Resource: "*"}}}}
instance_profiles: {head: {role: roles.head}}
groups: {crew: {policies: [policies.reads]}}
users: {ci: {groups: [groups.crew], inline: {logs: {statements: {Logs: {Effect: Allow, Action: logs:GetLogEvents, Resource: "*"}}}}}}
"#;

/// A scene with a boundary, and with the permissions to apply in `apply.json`.
fn restricted() -> Scene {
    let scene = Scene::new();
    let allow = json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}});
    scene.call(&json!({"Action": "CreatePolicy", "PolicyName": "ceiling", "PolicyDocument": allow.to_string()}));
    scene.manifest(OURS);
    let options = "--path /seqera/ --deployment demo --boundary arn:aws:iam::123456789012:policy/ceiling";
    scene.write("apply.json", &scene.run(&format!("permissions apply {options}")).expect(0).stdout);
    scene.write("plan.json", &scene.run("permissions plan").expect(0).stdout);
    let wide = scene.run(&format!("permissions apply {}", options.replace("/seqera/", "/")));
    wide.expect(0).says("may take over each role and user of the account");
    scene
}

fn enforced(scene: &Scene, file: &str, args: &str) -> Run {
    scene.run_with(&format!("enforce={}", scene.path(file).display()), args)
}

#[test]
fn what_the_tool_asks_for_is_what_it_needs() {
    let scene = restricted();
    enforced(&scene, "plan.json", "plan").expect(0);
    enforced(&scene, "plan.json", "apply --auto-approve").expect(1).says("AccessDenied");
    let scene = restricted();
    enforced(&scene, "apply.json", "apply --auto-approve --force").expect(0);
    scene.manifest(&OURS.replace("s3:GetObject", "s3:GetObjectVersion").replace("logs:Get", "logs:Filter"));
    enforced(&scene, "apply.json", "apply --auto-approve --force").expect(0);
    enforced(&scene, "plan.json", "plan --detailed-exitcode").expect(0);
    enforced(&scene, "apply.json", "destroy --auto-approve").expect(0);
    assert_eq!(scene.everything(), ["policies/ceiling"]);
}

/// What was made by hand is changed only when it is signed: nothing else tells that it may be.
#[test]
fn what_is_taken_over_is_signed_before_it_is_changed() {
    let scene = restricted();
    let trust = |service: &str| json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}});
    scene.call(&json!({
        "Action": "CreateRole", "RoleName": "head", "Path": "/seqera/",
        "PermissionsBoundary": "arn:aws:iam::123456789012:policy/ceiling",
        "AssumeRolePolicyDocument": trust("lambda.amazonaws.com").to_string()
    }));
    scene.manifest(&format!("{OURS}import: [roles.head]\n"));
    enforced(&scene, "apply.json", "apply --auto-approve --force").expect(0);
    enforced(&scene, "plan.json", "plan --detailed-exitcode").expect(0);
}

#[test]
fn without_one_action_it_is_refused() {
    for action in ["GetRole", "CreateRole", "CreatePolicy", "PassRole", "AttachRolePolicy", "PutUserPolicy"] {
        let scene = restricted();
        let text = scene.read("apply.json");
        let fewer = text.replace(&format!("\"iam:{action}\""), "\"iam:GetSAMLProvider\"");
        assert_ne!(text, fewer);
        scene.write("apply.json", &fewer);
        let run = enforced(&scene, "apply.json", "apply --auto-approve --force --reader targeted");
        run.expect(1).says("is not authorized to perform").says(&format!("iam:{action}"));
    }
}

#[test]
fn a_role_without_the_boundary_is_refused() {
    let scene = restricted();
    scene.manifest(&OURS.replace(", boundary: policy/ceiling", ""));
    enforced(&scene, "apply.json", "apply --auto-approve").expect(1).says("iam:CreateRole");
    scene.run("permissions apply --boundary x").expect(1).says("is not the ARN of a policy");
    scene.run("permissions apply").expect(1).says("--boundary");
}
