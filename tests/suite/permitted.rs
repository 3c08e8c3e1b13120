//! What the program asks to be allowed, on an IAM that enforces it and that we did not write.
//!
//! moto sees neither resources nor conditions: there the names of the actions are what is tried. That the rest
//! holds is tried in the sandbox.

use serde_json::{Value as Json, json};

use crate::moto::Moto;
use crate::scene::{Run, Scene};

const OURS: &str = "\
apiVersion: seqera-iam/v1
name: demo
defaults: {path: /seqera/, boundary: policy/ceiling, tags: {team: genomics}}
policies:
  reads: {statements: {Read: {Effect: Allow, Action: s3:GetObject, Resource: '*'}}}
roles:
  head:
    description: head
    trust: {services: [ec2.amazonaws.com]}
    policies: [policies.reads]
    inline: {logs: {statements: {Logs: {Effect: Allow, Action: logs:GetLogEvents, Resource: '*'}}}}
instance_profiles: {head: {role: roles.head}}
oidc_providers: {tower: {url: 'https://tower.example.com/api', tags: {team: a}}}
service_linked_roles: [spot.amazonaws.com]
";

/// Everything allowed by name, and nothing else.
fn actions(document: &str) -> Vec<String> {
    let document: Json = serde_json::from_str(document).expect("a policy");
    let allowed = document["Statement"].as_array().expect("statements").iter().filter(|s| s["Effect"] == "Allow");
    let names = allowed.flat_map(|statement| statement["Action"].as_array().expect("actions"));
    names.map(|name| name.as_str().expect("a name").to_owned()).collect()
}

/// An account with a user whose key is all that the scene has.
struct Account {
    moto: Moto,
    scene: Scene,
    key: (String, String),
}

impl Account {
    fn new() -> Self {
        let moto = Moto::new();
        let wide = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}"#;
        moto.call(moto.iam.create_policy().policy_name("ceiling").policy_document(wide).send());
        moto.call(moto.iam.create_user().user_name("deployer").send());
        let key = moto.call(moto.iam.create_access_key().user_name("deployer").send()).access_key.expect("a key");
        let scene = moto.scene();
        scene.manifest(OURS);
        Self { moto, scene, key: (key.access_key_id, key.secret_access_key) }
    }

    fn allow(&self, actions: &[String]) {
        let policy = json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": actions, "Resource": "*"}]});
        let put = self.moto.iam.put_user_policy().user_name("deployer").policy_name("only");
        self.moto.call(put.policy_document(policy.to_string()).send());
    }

    fn run(&self, args: &str) -> Run {
        self.moto.enforce(true);
        let mut command = self.scene.command(args.split_whitespace());
        command.env("AWS_ACCESS_KEY_ID", &self.key.0).env("AWS_SECRET_ACCESS_KEY", &self.key.1);
        let run = Run::of(command.output().expect("the binary runs"));
        self.moto.enforce(false);
        run
    }

    fn asked(&self, args: &str) -> Vec<String> {
        let run = self.scene.run(&format!("permissions {args}"));
        run.expect(0);
        actions(&run.stdout)
    }
}

#[test]
fn what_the_tool_asks_for_is_what_it_needs() {
    let account = Account::new();
    let reads = account.asked("plan");
    let writes = account.asked("apply --path /seqera/ --boundary arn:aws:iam::123456789012:policy/ceiling");
    account.allow(&reads);
    account.run("plan").expect(0);
    account.run("apply --auto-approve --force").expect(1).says("AccessDenied");
    account.allow(&writes);
    account.run("apply --auto-approve --force").expect(0);
    account.scene.manifest(&OURS.replace("s3:GetObject", "s3:PutObject").replace("team: genomics", "team: other"));
    account.run("apply --auto-approve --force").expect(0);
    account.allow(&reads);
    for reader in ["targeted", "survey"] {
        account.run(&format!("plan --detailed-exitcode --reader {reader}")).expect(0);
    }
    account.allow(&writes);
    account.run("destroy --auto-approve").expect(0);
}

#[test]
fn without_one_action_it_is_refused() {
    let account = Account::new();
    let all = account.asked("apply --path /seqera/ --boundary arn:aws:iam::123456789012:policy/ceiling");
    for action in ["iam:GetRole", "iam:CreateRole", "iam:CreatePolicy", "iam:AttachRolePolicy", "iam:PutRolePolicy"] {
        let fewer: Vec<String> = all.iter().filter(|name| *name != action).cloned().collect();
        assert!(fewer.len() < all.len());
        account.allow(&fewer);
        account
            .run("apply --auto-approve --force")
            .expect(1)
            .says("AccessDenied")
            .says(action.trim_start_matches("iam:"));
        account.allow(&all);
        account.run("destroy --auto-approve").expect(0);
    }
    account.allow(&all);
    account.run("apply --auto-approve --force").expect(0);
    account.run("plan --detailed-exitcode").expect(0);
}
