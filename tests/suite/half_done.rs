//! Changes of name, swaps and moves that are cut short, and what others do meanwhile.

use serde_json::{Value as Json, json};

use crate::many;
use crate::scene::Scene;

const HEAD: &str = "apiVersion: seqera-iam/v1\nname: demo\naccount: 123456789012\n";
const APPLY: &str = "apply --auto-approve --force --allow-gap";
const TRUST: &str = "trust: {services: [ec2.amazonaws.com]}";
const READS: &str = r#"{statements: {A: {Effect: Allow, Action: "s3:GetObject", Resource: "*"}}}"#;
const ADMIN: &str = "arn:aws:iam::aws:policy/AdministratorAccess";

fn arn(policy: &str) -> String {
    format!("arn:aws:iam::123456789012:policy/{policy}")
}

impl Scene {
    fn says(&self, entries: &str) {
        self.manifest(&format!("{HEAD}{entries}\n"));
    }

    /// Applies with faults, whatever comes of it.
    fn cut(&self, faults: &str) {
        self.run_with(faults, &format!("{APPLY} --parallelism 1"));
    }

    fn finish(&self) {
        self.run(APPLY).expect(0);
        self.expect_no_changes();
    }

    fn object(&self, path: &str) -> Json {
        serde_json::from_str(&self.read(&format!(".seqera-iam/sandbox/{path}.json"))).expect("JSON")
    }
}

/// AWS takes two letter cases for one name, so the old role goes first. What restricted it comes back, wherever the run is
/// cut, also under a third name.
#[test]
fn what_restricts_comes_back_under_another_name() {
    let faults: Vec<String> =
        (1..=9).flat_map(|write| ["before", "after"].map(|when| format!("kill_write={write}:{when}"))).collect();
    many::each(&faults, |faults| {
        for last in ["seqera", "other"] {
            let scene = Scene::new();
            let role = |name: &str| {
                format!("policies: {{p: {READS}}}\nroles: {{r: {{name: {name}, {TRUST}, policies: [policies.p]}}}}")
            };
            scene.says(&role("Seqera"));
            scene.apply();
            let deny =
                json!({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "iam:*", "Resource": "*"}]});
            let bound =
                json!({"Action": "PutRolePermissionsBoundary", "RoleName": "Seqera", "PermissionsBoundary": arn("p")});
            scene.call(&bound);
            scene.call(&json!({"Action": "PutRolePolicy", "RoleName": "Seqera", "PolicyName": "stop", "PolicyDocument": deny.to_string()}));
            scene.says(&role("seqera"));
            scene.cut(faults);
            scene.says(&role(last));
            scene.finish();
            assert_eq!(scene.held("roles"), [last], "{faults}");
            scene.expect_held(&format!("roles/{last}"), &json!({"boundary": arn("p"), "inline": {"stop": deny}}));
        }
    });
}

fn half_renamed_user() -> Scene {
    let scene = Scene::new();
    let user = |name: &str, more: &str| {
        format!("users: {{u: {{name: {name}, access_keys: {{main: {{deliver_to: {{file: ci.env}}}}}}}}}}\n{more}")
    };
    scene.says(&user("ci", ""));
    scene.apply();
    scene.says(&user("cx", "groups: {g: {}}"));
    scene.cut("deny=CreateGroup");
    assert_eq!(scene.held("users"), ["ci", "cx"]);
    scene
}

/// A key of the new name that was never handed over goes, and the old name's key, which is valid, keeps its file.
#[test]
fn a_valid_key_keeps_its_file_when_the_next_one_is_made_anew() {
    let scene = Scene::new();
    let user = |name: &str| {
        scene.says(&format!("users: {{u: {{name: {name}, access_keys: {{main: {{deliver_to: {{file: ci.env}}}}}}}}}}"));
    };
    user("ci");
    scene.apply();
    user("cx");
    scene.cut("kill_write=2:after");
    assert_eq!((scene.keys_of("ci").len(), scene.keys_of("cx").len()), (1, 1));
    scene.cut("kill_write=2:before");
    let valid = vec![(scene.key_in("ci.env"), true)];
    assert_eq!((scene.keys_of("ci"), scene.keys_of("cx")), (valid.clone(), vec![]));
    user("ci");
    scene.finish();
    assert_eq!((scene.held("users"), scene.keys_of("ci")), (vec!["ci".to_owned()], valid));
}

/// A state made anew in the middle of a change of name still knows the old one and its key.
#[test]
fn a_state_made_anew_ends_a_change_of_name() {
    let scene = half_renamed_user();
    scene.run("state rebuild").expect(0);
    scene.finish();
    assert_eq!(
        (scene.held("users"), scene.keys_of("cx")),
        (vec!["cx".to_owned()], vec![(scene.key_in("ci.env"), true)])
    );
}

/// Both names move together to another address.
#[test]
fn a_change_of_name_moves_with_both() {
    let scene = half_renamed_user();
    let text = scene.read("seqera.yaml").replace("{u: {", "{v: {");
    scene.manifest(&format!("{text}moved: [{{from: users.u, to: users.v}}]\n"));
    scene.finish();
    assert_eq!(scene.held("users"), ["cx"]);
}

/// A boundary that somebody puts on the old one meanwhile limits the new one, too.
#[test]
fn a_boundary_that_comes_late_is_carried_over() {
    let scene = Scene::new();
    let role =
        |name: &str, more: &str| format!("policies: {{b: {READS}}}\nroles: {{r: {{name: {name}, {TRUST}}}}}\n{more}");
    scene.says(&role("aa", ""));
    scene.apply();
    scene.says(&role("bb", "groups: {g: {}}"));
    scene.cut("deny=CreateGroup");
    scene.call(&json!({"Action": "PutRolePermissionsBoundary", "RoleName": "aa", "PermissionsBoundary": arn("b")}));
    scene.finish();
    assert_eq!(scene.held("roles"), ["bb"]);
    scene.expect_held("roles/bb", &json!({"boundary": arn("b")}));
}

/// The version of what the manifest wants comes into force again, and not that of the old name.
#[test]
fn a_rollback_means_the_new_name() {
    let scene = Scene::new();
    let policy = |name: &str, action: &str, more: &str| {
        format!(
            "policies: {{p: {{name: {name}, statements: {{A: {{Effect: Allow, Action: \"s3:{action}\", Resource: \"*\"}}}}}}}}\n{more}"
        )
    };
    scene.says(&policy("aa", "GetObject", ""));
    scene.apply();
    scene.says(&policy("bb", "GetObject", "groups: {g: {}}"));
    scene.cut("deny=CreateGroup");
    scene.says(&policy("bb", "PutObject", "groups: {g: {}}"));
    scene.cut("deny=CreateGroup");
    scene.run("policy rollback policies.p --auto-approve").expect(0);
    assert_eq!(
        (&scene.object("policies/bb")["default_version"], &scene.object("policies/aa")["default_version"]),
        (&json!("v1"), &json!("v1"))
    );
}

/// The file of a key that others deleted goes with the next key, though the old name is still there.
#[test]
fn the_file_of_a_key_that_is_gone_goes_with_the_next_one() {
    let scene = half_renamed_user();
    let key = scene.key_in("ci.env");
    scene.call(&json!({"Action": "DeleteAccessKey", "UserName": "cx", "AccessKeyId": key}));
    scene.manifest(&scene.read("seqera.yaml").replace("ci.env", "cy.env"));
    scene.finish();
    assert_eq!(scene.files(), ["cy.env", "seqera.yaml"]);
}

/// Two roles that hold all that AWS lets them hold change their names: each gets something and loses something.
#[test]
fn full_owners_swap_their_names() {
    let scene = Scene::new();
    let statement = |action: &str, n: usize| {
        format!("{{statements: {{A: {{Effect: Allow, Action: \"s3:{action}\", Resource: \"arn:aws:s3:::b{n}/*\"}}}}}}")
    };
    let many: String = (1..=9).map(|n| format!("  q{n}: {}\n", statement("GetObject", n))).collect();
    let held: String = (1..=9).map(|n| format!(", policies.q{n}")).collect();
    let swapped = |a: &str, b: &str| {
        let role = |entry: &str, name: &str, own: &str| {
            format!("  {entry}: {{name: {name}, {TRUST}, policies: [{own}{held}]}}\n")
        };
        format!(
            "policies:\n  p1: {}\n  p2: {}\n{many}roles:\n{}{}",
            statement("GetObject", 0),
            statement("PutObject", 0),
            role("a", a, "policies.p1"),
            role("b", b, "policies.p2"),
        )
    };
    scene.says(&swapped("x", "y"));
    scene.apply();
    scene.says(&swapped("y", "x"));
    scene.finish();
}

/// A name that newly gets a policy of all is a danger, also where two swap.
#[test]
fn a_swap_names_the_dangers() {
    let scene = Scene::new();
    let roles = |a: &str, b: &str| {
        format!(
            "roles:\n  a: {{name: {a}, {TRUST}, policies: [AdministratorAccess], ignore: [findings.privilege-escalation]}}\n  b: {{name: {b}, {TRUST}, policies: [ReadOnlyAccess]}}"
        )
    };
    scene.says(&roles("x", "y"));
    scene.apply();
    scene.says(&roles("y", "x"));
    scene.run("plan").expect(0).says("AdministratorAccess is enough to gain any permission");
    scene.finish();
    scene.expect_held("roles/y", &json!({"policies": [ADMIN]}));
}

/// A profile gets a renamed role when that has all that hangs on it.
#[test]
fn a_profile_gets_a_role_that_is_whole() {
    let scene = Scene::new();
    let role = |name: &str| {
        format!(
            "policies: {{p: {READS}}}\nroles: {{r: {{name: {name}, {TRUST}, policies: [policies.p]}}}}\ninstance_profiles: {{i: {{role: roles.r}}}}"
        )
    };
    scene.says(&role("a"));
    scene.apply();
    scene.says(&role("b"));
    scene.cut("deny=AttachRolePolicy");
    scene.expect_held("instance_profiles/i", &json!({"role": "a"}));
    scene.finish();
    scene.expect_held("instance_profiles/i", &json!({"role": "b"}));
}

/// A key that goes anyway makes room for the next one, before one that is to be followed does.
#[test]
fn one_key_stays_until_the_next_is_there() {
    let scene = Scene::new();
    let keys = |keys: &str, more: &str| format!("{more}users: {{u: {{access_keys: {{{keys}}}}}}}");
    scene.says(&keys("p: {deliver_to: {file: p.env}}, r: {deliver_to: {file: r.env}}", ""));
    scene.apply();
    let moved = "moved: [{from: users.u.access_keys.p, to: users.u.access_keys.q}]\n";
    scene.says(&keys("q: {deliver_to: {file: q.env}}", moved));
    scene.cut("deny=CreateAccessKey");
    assert_eq!(scene.keys_of("u"), [(scene.key_in("p.env"), true)]);
    scene.finish();
    assert_eq!(
        (scene.keys_of("u"), scene.files()),
        (vec![(scene.key_in("q.env"), true)], vec!["q.env".into(), "seqera.yaml".into()])
    );
}

/// A long inline policy gets another address, and so another name, on an owner that has no room for both.
#[test]
fn a_long_inline_policy_moves() {
    let scene = Scene::new();
    let long: Vec<String> = (0..200).map(|n| format!("\"arn:aws:s3:::bucket-{n:010}/*\"")).collect();
    let role = |name: &str, more: &str| {
        let policy = format!(
            "{{statements: {{S: {{Effect: Allow, Action: \"s3:GetObject\", Resource: [{}]}}}}}}",
            long.join(", ")
        );
        format!("{more}roles: {{a: {{{TRUST}, inline: {{{name}: {policy}}}}}}}")
    };
    scene.says(&role("one", ""));
    scene.apply();
    scene.says(&role("two", "moved: [{from: roles.a.inline.one, to: roles.a.inline.two}]\n"));
    scene.finish();
}

/// A policy goes before the one of its name that comes, so it takes no second place in the account.
#[test]
fn a_full_account_has_room_for_another_path() {
    let scene = Scene::new();
    let policy = |path: &str| {
        format!(
            "policies: {{p: {{path: {path}, statements: {{A: {{Effect: Allow, Action: \"s3:GetObject\", Resource: \"*\"}}}}}}}}"
        )
    };
    scene.says(&policy("/a/"));
    scene.apply();
    let mut account = scene.object("account");
    account["quotas"] = json!({"PoliciesQuota": 1});
    scene.write(".seqera-iam/sandbox/account.json", &account.to_string());
    scene.says(&policy("/b/"));
    scene.finish();
}

/// A new name without the boundary, or with another one, is a danger as it is under the same name.
#[test]
fn a_new_name_without_its_boundary_is_a_danger() {
    let scene = Scene::new();
    let role = |name: &str, bound: &str| {
        format!("policies: {{b: {READS}, c: {READS}}}\nroles: {{r: {{name: {name}, boundary: {bound}, {TRUST}}}}}")
    };
    scene.says(&role("a", "policies.b"));
    scene.apply();
    scene.says(&role("z", "none"));
    scene.run("plan").expect(0).says("is not limited by the boundary");
    scene.says(&role("z", "policies.c"));
    scene.run("plan").expect(0).says("as its boundary and not");
    scene.finish();
}

/// Two policies of one role that allow these actions: an exchange needs a version on the way, which allows both.
fn pair(p: &str, q: &str) -> String {
    let policy =
        |action: &str| format!("{{statements: {{A: {{Effect: Allow, Action: \"s3:{action}\", Resource: \"*\"}}}}}}");
    let role = format!("roles: {{r: {{{TRUST}, policies: [policies.p, policies.q]}}}}");
    format!("policies: {{p: {}, q: {}}}\n{role}", policy(p), policy(q))
}

impl Scene {
    /// How many versions both policies of the pair have.
    fn versions(&self) -> usize {
        let of = |name: &str| self.object(&format!("policies/{name}"))["versions"].as_object().expect("versions").len();
        of("p") + of("q")
    }
}

/// Somebody's pair that is to be taken over, with its actions exchanged.
fn strange_pair() -> Scene {
    let scene = Scene::new();
    scene.says(&pair("GetObject", "PutObject"));
    scene.apply();
    std::fs::remove_dir_all(scene.path("state")).expect("a state");
    for path in ["policies/p", "policies/q", "roles/r"] {
        let mut object = scene.object(path);
        object.as_object_mut().expect("a map").remove("tags");
        scene.write(&format!(".seqera-iam/sandbox/{path}.json"), &object.to_string());
    }
    scene.says(&format!("{}\nimport: [policies.p, policies.q, roles.r]", pair("PutObject", "GetObject")));
    scene
}

#[test]
fn what_is_taken_over_in_two_writes_is_signed_first() {
    let scene = strange_pair();
    scene.cut("deny=CreatePolicyVersion");
    assert!(!scene.object("policies/p")["tags"].is_null() || !scene.object("policies/q")["tags"].is_null());
    scene.finish();
}

/// The version on the way is none to go back to, wherever the run is cut.
#[test]
fn what_is_taken_over_never_goes_back_to_what_was_on_the_way() {
    let cuts: Vec<String> =
        (1..=6).flat_map(|write| ["before", "after"].map(|when| format!("kill_write={write}:{when}"))).collect();
    many::each(&cuts, |cut| {
        let scene = strange_pair();
        scene.cut(cut);
        scene.finish();
        for name in ["p", "q"] {
            scene.run(&format!("policy rollback policies.{name} --auto-approve")).expect(0);
            assert_eq!(scene.object(&format!("policies/{name}"))["default_version"], "v1", "{cut}");
        }
    });
}

/// The same where the state is made anew.
#[test]
fn a_state_made_anew_knows_what_is_only_on_the_way() {
    let scene = Scene::new();
    scene.says(&pair("GetObject", "PutObject"));
    scene.apply();
    scene.says(&pair("PutObject", "GetObject"));
    scene.cut("kill_write=1:after");
    assert_eq!(scene.versions(), 3, "one is on the way");
    scene.run("state rebuild").expect(0);
    scene.finish();
    assert_eq!(scene.versions(), 4, "that one is gone");
}

/// Whatever letter case a policy writes an action in, whoever runs a plan that takes it from them hears of it.
#[test]
fn whoever_runs_a_plan_hears_what_it_takes_from_them() {
    let scene = Scene::new();
    let tool = |actions: &str, more: &str| {
        format!(
            "policies: {{tool: {{statements: {{I: {{Effect: Allow, Action: [{actions}], Resource: \"*\"}}}}, ignore: [findings.privilege-escalation]}}}}\n\
             users: {{me: {{name: sandbox, policies: [policies.tool]}}}}\n{more}"
        )
    };
    let rest = r#""iam:Get*", "iam:List*", "iam:CreatePolicyVersion""#;
    scene.says(&tool(&format!("{rest}, \"iam:CreateRole\", \"iam:TagRole\""), ""));
    scene.apply();
    let role = format!("roles: {{head: {{{TRUST}}}}}");
    scene.says(&tool(rest, &role));
    scene
        .run("plan")
        .expect(0)
        .says("it takes from user sandbox, which runs this, what the rest needs: iam:CreateRole");
    scene.says(&tool(&format!("{rest}, \"iam:CreateRole\", \"IAM:tagrole\""), &role));
    let run = scene.run("plan");
    assert!(!run.expect(0).stdout.contains("it takes from"), "{}", run.stdout);
}

/// The old name is deleted, so whoever runs this needs that of the old name.
#[test]
fn a_change_of_name_needs_what_the_old_name_needs() {
    let scene = Scene::new();
    let tool = |name: &str| {
        format!(
            "policies: {{tool: {{statements: {{I: {{Effect: Allow, Action: \"iam:*\", Resource: [\"arn:aws:iam::123456789012:role/{name}\", \"arn:aws:iam::123456789012:policy/*\"]}}}}, ignore: [findings.privilege-escalation]}}}}\n\
             users: {{me: {{name: sandbox, policies: [policies.tool]}}}}\nroles: {{r: {{name: {name}, {TRUST}}}}}"
        )
    };
    scene.says(&tool("b"));
    scene.apply();
    scene.says(&tool("c"));
    scene
        .run("plan")
        .expect(0)
        .says("it takes from user sandbox, which runs this, what the rest needs: iam:DeleteRole");
}

/// One role gets the name that another one leaves in other letter case, and that one trusts it under its new name: the
/// trust is finished when all are there.
#[test]
fn a_role_trusts_the_one_that_takes_its_name() {
    let scene = Scene::new();
    let roles = |a: &str, d: &str, trusted: &str| {
        format!(
            "policies: {{p: {READS}}}\nroles:\n  a: {{name: {a}, {TRUST}, policies: [policies.p]}}\n  \
             d: {{name: {d}, trust: {{services: [lambda.amazonaws.com]{trusted}}}, policies: [policies.p]}}\n\
             instance_profiles: {{i: {{role: roles.d}}}}"
        )
    };
    scene.says(&roles("alpha", "DELTA", ""));
    scene.apply();
    scene.says(&roles("delta", "beta", ", principals: [roles.a]"));
    scene.finish();
    assert_eq!(scene.held("roles"), ["beta", "delta"]);
    scene.expect_held("instance_profiles/i", &json!({"role": "beta"}));
}
