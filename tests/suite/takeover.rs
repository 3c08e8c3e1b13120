//! Taking over what exists: roles that people made with the AWS CLI, as `import` writes them down.

use std::process::Command;

use serde_json::json;

use crate::listen::{Port, installed};
use crate::moto::Moto;
use crate::scene::{Run, Scene};

const ACCOUNT: &str = "123456789012";

/// Types a line to the AWS CLI; what stands in single quotes is one word.
#[track_caller]
fn aws(url: &str, line: &str) {
    let words = line.split('\'').enumerate().flat_map(|(at, part)| match at % 2 {
        0 => part.split_whitespace().map(str::to_owned).collect::<Vec<_>>(),
        _ => vec![part.to_owned()],
    });
    let mut command = Command::new(installed("aws"));
    command.args(words).env_clear().env("AWS_ENDPOINT_URL", url).env("AWS_DEFAULT_REGION", "us-east-1");
    command.env("AWS_ACCESS_KEY_ID", "anybody").env("AWS_SECRET_ACCESS_KEY", "anything").env("LC_ALL", "C.UTF-8");
    command.env("AWS_CONFIG_FILE", "/dev/null").env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
    Run::of(command.output().expect("the AWS CLI runs")).expect(0);
}

fn made_by_hand(url: &str) {
    let trust = |principal: &str, more: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{principal},"Action":"sts:AssumeRole"{more}}}]}}"#
        )
    };
    let ec2 = trust(r#"{"Service":"ec2.amazonaws.com"}"#, "");
    let head = trust(
        r#"{"AWS":"arn:aws:iam::123456789012:role/legacy/legacy-head"}"#,
        r#","Condition":{"StringEquals":{"sts:ExternalId":"012"}}"#,
    );
    let odd = trust(r#"{"Service":"ecs-tasks.amazonaws.com"}"#, r#","Sid":"Tasks""#);
    let read = r#"{"Version":"2012-10-17","Statement":[{"Sid":"Read","Effect":"Allow","Action":"s3:Get*","Resource":"arn:aws:s3:::acme/*"}]}"#;
    let home = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:PutObject","Resource":"arn:aws:s3:::acme/${aws:username}/*"}}"#;
    for line in [
        format!("iam create-policy --policy-name legacy-reads --path /legacy/ --description 'Was ist: « 日本 »' --policy-document '{read}'"),
        format!("iam create-role --role-name legacy-head --path /legacy/ --description 'Tête: yes' --max-session-duration 7200 --permissions-boundary arn:aws:iam::{ACCOUNT}:policy/legacy/legacy-reads --tags Key=Team,Value=yes Key=Cost,Value=007 --assume-role-policy-document '{ec2}'"),
        format!("iam create-role --role-name legacy-worker --assume-role-policy-document '{head}'"),
        format!("iam create-role --role-name legacy.odd@name --assume-role-policy-document '{odd}'"),
        format!("iam attach-role-policy --role-name legacy-head --policy-arn arn:aws:iam::{ACCOUNT}:policy/legacy/legacy-reads"),
        "iam attach-role-policy --role-name legacy-head --policy-arn arn:aws:iam::aws:policy/service-role/AWSBatchServiceRole".to_owned(),
        format!("iam put-role-policy --role-name legacy-worker --policy-name home --policy-document '{home}'"),
        "iam create-instance-profile --instance-profile-name legacy-head".to_owned(),
        "iam add-role-to-instance-profile --instance-profile-name legacy-head --role-name legacy-head".to_owned(),
        "iam create-instance-profile --instance-profile-name spare --path /legacy/".to_owned(),
        "iam add-role-to-instance-profile --instance-profile-name spare --role-name legacy-head".to_owned(),
    ] {
        aws(url, &line);
    }
}

const WRITTEN: &str = r#"# What roles of account 123456789012 hold, as `seqera-iam import` found it.
apiVersion: seqera-iam/v1
name: legacy
account: 123456789012 # with credentials of another account, nothing is read or changed

policies:
  legacy-reads:
    path: /legacy/
    description: "Was ist: « 日本 »"
    statements:
      Read: {Effect: Allow, Action: s3:Get*, Resource: "arn:aws:s3:::acme/*"}

roles:
  legacy-head:
    path: /legacy/
    description: "Tête: yes"
    max_session: 2h
    boundary: policies.legacy-reads
    trust: {services: [ec2.amazonaws.com]}
    policies: [policies.legacy-reads, AWSBatchServiceRole]
    tags: {Cost: "007", Team: "yes"}
  legacy-worker:
    trust: {principals: [roles.legacy-head], external_id: "012"}
    inline:
      home:
        document:
          Version: "2012-10-17"
          Statement:
            Effect: Allow
            Action: s3:PutObject
            Resource: "arn:aws:s3:::acme/${aws:username}/*"
  legacy-odd-name:
    name: legacy.odd@name
    trust:
      document:
        Version: "2012-10-17"
        Statement:
          - Effect: Allow
            Principal: {Service: ecs-tasks.amazonaws.com}
            Action: sts:AssumeRole
            Sid: Tasks

instance_profiles:
  legacy-head: {role: roles.legacy-head}
  spare: {path: /legacy/, role: roles.legacy-head}

# Taken over as it is; without effect once that is done.
import:
  - policies.legacy-reads
  - roles.legacy-head
  - roles.legacy-worker
  - roles.legacy-odd-name
  - instance_profiles.legacy-head
  - instance_profiles.spare
"#;

/// Takes over what was made by hand, changes it, and applies.
fn taken_over(scene: &Scene) {
    let run = scene.run("import --prefix legacy --out seqera.yaml");
    run.expect(0).says("Wrote seqera.yaml, deployment legacy: 1 policy, 3 roles, 2 instance profiles.");
    assert_eq!(scene.read("seqera.yaml"), WRITTEN);
    scene.run("import --prefix legacy --out seqera.yaml").expect(3).says("is there already, and is not overwritten");

    let plan = scene.plan();
    let steps = crate::scene::steps(&plan);
    assert!(steps.len() == 11 && steps.iter().all(|step| step.starts_with("import ")), "{steps:?}");
    assert_eq!(plan["permissions"].as_array().map(Vec::len).unwrap_or_default(), 0, "{plan:#}");
    scene.apply().says("Apply complete! Resources: 11 imported, 0 added, 0 changed, 0 destroyed.");

    scene.manifest(&WRITTEN.replace("max_session: 2h", "max_session: 3h"));
    assert_eq!(scene.steps(), ["update roles.legacy-head"]);
    scene.apply().says("0 added, 1 changed, 0 destroyed.");
    scene.run("import --role legacy-head --out again.yaml").expect(1).says("deployment legacy owns it");
    scene.destroy().says("11 destroyed");
}

#[test]
fn roles_made_with_the_aws_cli_are_taken_over() {
    let account = Scene::new();
    let log = account.path("calls");
    let port = Port::open(&account, &format!("log={}", log.display()), &[]);
    made_by_hand(&port.url);
    let before = std::fs::read_to_string(&log).expect("calls").lines().count();
    taken_over(&port.scene());
    let calls = account.read("calls");
    let writes: Vec<&str> =
        calls.lines().skip(before).filter(|call| !call.starts_with("Get") && !call.starts_with("List")).collect();
    let taking = writes.iter().take_while(|call| call.starts_with("Tag")).count();
    assert_eq!(taking, 6, "taking over writes tags and nothing else: {writes:?}");
    assert_eq!((account.held("roles"), account.held("policies")), (Vec::new(), Vec::new()));
}

#[test]
fn moto_lets_them_be_taken_over_as_well() {
    let moto = Moto::new();
    made_by_hand(moto.url());
    taken_over(&moto.scene());
}

fn role(name: &str, more: &serde_json::Value) -> serde_json::Value {
    let trust = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]});
    let mut call = json!({"Action": "CreateRole", "RoleName": name, "AssumeRolePolicyDocument": trust});
    call.as_object_mut().expect("a call").extend(more.as_object().cloned().unwrap_or_default());
    call
}

#[test]
fn what_is_not_there_or_not_to_be_had_is_refused_by_name() {
    let scene = Scene::new();
    scene.manifest(
        "apiVersion: seqera-iam/v1\nname: theirs\nroles: {theirs: {trust: {services: [ec2.amazonaws.com]}}}\n",
    );
    scene.apply();
    for name in ["legacy", "TowerForge-1", "stacked"] {
        scene.call(&role(name, &json!({})));
    }
    let stacked = scene.read(".seqera-iam/sandbox/roles/stacked.json").replacen(
        '{',
        r#"{"tags": {"aws:cloudformation:stack-id": "x", "aws:cloudformation:stack-name": "batch"},"#,
        1,
    );
    scene.write(".seqera-iam/sandbox/roles/stacked.json", &stacked.replace("\"tags\": {},", ""));
    let linked = scene
        .read(".seqera-iam/sandbox/roles/legacy.json")
        .replace("legacy", "AWSServiceRoleForX")
        .replace("\"/\"", "\"/aws-service-role/x.amazonaws.com/\"");
    scene.write(".seqera-iam/sandbox/roles/AWSServiceRoleForX.json", &linked);

    let run = scene
        .run("import --role nobody legcay TowerForge-1 theirs stacked --role AWSServiceRoleForX legacy --out new.yaml");
    run.expect(1).says("cannot take over 6 roles of 123456789012; nothing was written");
    run.says("role nobody: there is none\n").says("role legcay: there is none, did you mean legacy?");
    run.says("role TowerForge-1: its name is one of Batch Forge's: Seqera Platform made it, and deletes it");
    run.says("role theirs: deployment theirs owns it; its manifest has it")
        .says("role stacked: CloudFormation's stack batch owns it");
    run.says("role AWSServiceRoleForX: it is in /aws-service-role/x.amazonaws.com/, which AWS keeps for its services");
    assert!(!scene.path("new.yaml").exists());
    scene.run("import --prefix AWS --out new.yaml").expect(1).says("which AWS keeps for its services");
    scene
        .run("import --prefix Leg --out new.yaml")
        .expect(1)
        .says("no role in 123456789012 begins with `Leg`")
        .says("there is a role legacy");
    scene.run("import --out new.yaml").expect(1).says("--role");
    scene.run("import --prefix x").expect(1).says("--out");
    scene.run("import --prefix x --out -").expect(1).says("name one");
    assert!(!scene.path("new.yaml").exists());
}

#[test]
fn what_belongs_to_others_stays_outside() {
    let scene = Scene::new();
    scene.manifest("apiVersion: seqera-iam/v1\nname: theirs\npolicies: {shared: {path: /t/, statements: {S: {Effect: Allow, Action: \"s3:Get*\", Resource: \"*\"}}}}\nroles: {x-theirs: {trust: {services: [ec2.amazonaws.com]}}}\n");
    scene.apply();
    scene.call(&role("x-mine", &json!({})));
    scene.call(&json!({"Action": "AttachRolePolicy", "RoleName": "x-mine", "PolicyArn": "arn:aws:iam::123456789012:policy/t/shared"}));
    let run = scene.run("import --prefix x- --out mine.yaml");
    run.expect(0)
        .says("Left as it is: role x-theirs: deployment theirs owns it")
        .says("Left as it is: policy arn:aws:iam::123456789012:policy/t/shared: deployment theirs owns it");
    let written = scene.read("mine.yaml");
    assert!(
        written.contains("policies: [policy/t/shared]") && written.contains("# Left as it is: role x-theirs"),
        "{written}"
    );
    let run = scene.run("apply --auto-approve -f mine.yaml");
    run.expect(0).says("2 imported, 0 added, 0 changed, 0 destroyed.");
    scene.run("plan -f mine.yaml --detailed-exitcode").expect(0);
}

/// In an account where AWS raised the quota, a role may hold more policies than usual.
#[test]
fn a_role_that_holds_more_than_usual_is_taken_over() {
    let scene = Scene::new();
    scene.write(".seqera-iam/sandbox/account.json", r#"{"account": "123456789012", "attached_policies_per_role": 20}"#);
    scene.call(&role("full", &json!({})));
    let attach = |name: &str| {
        let arn = format!("arn:aws:iam::aws:policy/{name}");
        scene.call(&json!({"Action": "AttachRolePolicy", "RoleName": "full", "PolicyArn": arn}));
    };
    let services = ["S3", "EC2", "SQS", "SNS", "Kinesis", "Route53"];
    services
        .iter()
        .for_each(|it| ["FullAccess", "ReadOnlyAccess"].map(|how| attach(&format!("Amazon{it}{how}"))).fill(()));
    scene.run("import --role full --out full.yaml").expect(0);
    let written = scene.read("full.yaml");
    assert!(written.contains("ignore: [findings.too-many-attachments]"), "{written}");
    scene.run("apply --auto-approve -f full.yaml").expect(0).says("13 imported, 0 added, 0 changed, 0 destroyed.");
    scene.write("full.yaml", &written.replace("      - AmazonSQSFullAccess\n", "      - AmazonVPCFullAccess\n"));
    scene.run("apply --auto-approve -f full.yaml").expect(0).says("1 added, 0 changed, 1 destroyed.");
    scene.run("plan --detailed-exitcode -f full.yaml").expect(0);
    scene.write("full.yaml", &written.replace("    ignore: [findings.too-many-attachments]\n", ""));
    let run = scene.run("validate -f full.yaml");
    run.expect(1).says("roles.full.policies has 12 policies, AWS attaches 10");
    run.says("where AWS raised the account's quota:   ignore: [findings.too-many-attachments]");
}

/// What is taken over and written in the same step is counted as both, and our tags are shown as one line.
#[test]
fn what_is_changed_while_it_is_taken_over_is_counted() {
    let scene = Scene::new();
    scene.call(&role("as-it-is", &json!({"Tags": {"team": "genomics"}})));
    scene.call(&role("other", &json!({})));
    let role = |key: &str, service: &str| format!("  {key}: {{trust: {{services: [{service}.amazonaws.com]}}}}\n");
    let roles = role("as-it-is", "ec2") + &role("other", "ecs-tasks");
    scene.manifest(&format!(
        "apiVersion: seqera-iam/v1\nname: taken\nimport: [roles.as-it-is, roles.other]\nroles:\n{roles}"
    ));
    let plan = scene.run("plan");
    plan.expect(0).says("Plan: 2 to import, 0 to add, 1 to change, 0 to destroy.");
    plan.says("  = roles.as-it-is\n      + our tags     seqera-iam:deployment=taken\n");
    assert!(!plan.stdout.contains("lineage"), "{}", plan.stdout);
    assert_eq!(scene.run("plan").stdout, plan.stdout);
    let run = scene.run("apply --auto-approve --force");
    run.expect(0).says("Apply complete! Resources: 2 imported, 0 added, 1 changed, 0 destroyed.");
    scene.expect_no_changes();
}

#[test]
fn what_a_manifest_may_not_say_is_shown_in_the_file() {
    let scene = Scene::new();
    scene.call(&role("old", &json!({"Description": "plain"})));
    let file = ".seqera-iam/sandbox/roles/old.json";
    scene.write(file, &scene.read(file).replace("plain", "\u{2014} not of western Europe"));
    let run = scene.run("import --role old --out old.yaml");
    run.expect(1)
        .says("Wrote old.yaml")
        .says("roles.old.description: AWS takes no `\u{2014}` here")
        .says("--> old.yaml:");
    assert!(scene.path("old.yaml").exists());
}
