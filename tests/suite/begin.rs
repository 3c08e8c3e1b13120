//! How one begins: a manifest from a blueprint, and what helps to write one.

use crate::scene::Scene;

#[test]
fn a_blueprint_becomes_a_manifest_that_works_as_it_is() {
    let scene = Scene::new();
    let init = "init enterprise-instance-role -p buckets=acme-work,acme-data -p forge=false";
    scene.run(init).expect(0).says("Wrote seqera.yaml").says("seqera-iam validate");
    let text = scene.read("seqera.yaml");
    for line in ["      buckets: [acme-work, acme-data]", "      # role_name: Seqera-Role", "      forge: false"] {
        assert!(text.lines().any(|written| written == line), "{line} is not in:\n{text}");
    }
    scene.run("validate").expect(0);
    scene.apply();
    scene.destroy();
    scene.run(init).expect(3).says("is not overwritten");
    assert_eq!(scene.read("seqera.yaml"), text);
}

#[test]
fn permissions_and_who_gets_them_begin_together() {
    let scene = Scene::new();
    let init = "init batch-forge seqera-cloud-role -p buckets=acme-work,acme-data -p external_id=a1b2c3";
    scene.run(init).expect(0).says("Set in it: the account.");
    let text = scene.read("seqera.yaml");
    assert!(text.contains("permissions: [use.batch-forge.policies.identity]\n"), "{text}");
    scene.run("plan").expect(0).says("+ use.seqera-cloud-role.roles.seqera.policies.batch-forge-identity");
    scene.apply();
    scene.destroy();
}

#[test]
fn permissions_alone_say_who_could_get_them() {
    let scene = Scene::new();
    scene.run("init batch-forge -p buckets=acme-work,acme-data").expect(0);
    let text = scene.read("seqera.yaml");
    let role = "  # seqera-cloud-role: {blueprint: seqera-cloud-role, with: {permissions: [use.seqera.policies.identity], external_id: …}}";
    assert!(text.lines().any(|line| line == role), "{text}");
    let chosen = text.replace(role, &role.replacen("# ", "", 1).replace('…', "a1b2c3"));
    scene.write("seqera.yaml", &chosen);
    scene.apply();
    scene.destroy();
    scene.run("init batch-forge batch-forge -f twice.yaml").expect(1).says("named twice");
}

#[test]
fn what_is_required_is_asked_for_in_the_manifest() {
    let scene = Scene::new();
    scene.run("init enterprise-instance-role -f new.yaml").expect(0).says("the account, and buckets");
    scene.run("validate -f new.yaml").expect(1).says("params.buckets has no default and no value");
    scene.run("init enterprise-instance-rol").expect(1).says("did you mean enterprise-instance-role?");
    scene.run("init enterprise-instance-role -p bucket=x").expect(1).says("did you mean `buckets`?");
    assert!(!scene.path("seqera.yaml").exists());
}

#[test]
fn what_a_use_needs_is_named_with_the_use() {
    let scene = Scene::new();
    let init = "init batch-forge seqera-cloud-role -p buckets=acme-work";
    scene.run(init).expect(0).says("the account, and external_id of use.seqera-cloud-role");
    let run = scene.run("validate -p external_id=a1b2c3");
    run.expect(1).says("in the manifest, under use.seqera-cloud-role:   with: {external_id: …}");
}

#[test]
fn what_changes_nothing_in_a_rendered_blueprint_is_said() {
    let scene = Scene::new();
    let run = scene.run("blueprint render batch-forge -p buckets=acme -p scope=published -p features=secrets");
    run.expect(0).says("Rendered for account 123456789012").says("warning: `buckets` changes nothing here");
    assert!(!run.stderr.contains("`features`") && !run.stderr.contains("`scope`"), "{}", run.stderr);
    let run = scene.run("blueprint render batch-forge -p buckets=acme");
    assert!(!run.expect(0).stderr.contains("changes nothing"), "{}", run.stderr);
}

#[test]
fn blueprints_are_listed_shown_and_rendered() {
    let scene = Scene::new();
    scene.run("blueprint list").expect(0).says("enterprise-instance-role");
    let list: serde_json::Value = serde_json::from_str(&scene.run("blueprint list --json").stdout).expect("JSON");
    for key in ["name", "title", "source", "date", "params"] {
        assert!(!list[0][key].is_null(), "{key}");
    }
    scene.run("blueprint show enterprise-instance-role").expect(0).says("list(bucket), required");
    scene.run("blueprint show batch-launch").expect(0).says_all(&[
        "optional, with job_roles".to_owned(),
        "some of \"data-explorer\", \"secrets\"".to_owned(),
        "seqera-iam init batch-launch seqera-cloud-role".to_owned(),
    ]);
    scene.run("blueprint render enterprise-instance-role").expect(1).says("params.buckets has no default");
    let render = "blueprint render enterprise-instance-role -p buckets=acme-work";
    scene.run(render).expect(0).says("use.seqera.roles.seqera:").says("arn:aws:s3:::acme-work/*");
    let json: serde_json::Value = serde_json::from_str(&scene.run(&format!("{render} --json")).stdout).expect("JSON");
    assert_eq!(json["use.seqera.roles.seqera"]["name"], "Seqera-Role");
}

#[test]
fn editors_shells_and_man_are_served() {
    let scene = Scene::new();
    let schema: serde_json::Value = serde_json::from_str(&scene.run("schema").expect(0).stdout).expect("JSON");
    assert_eq!(schema["properties"]["roles"]["description"], serde_json::Value::Null);
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        scene.run(&format!("completions {shell}")).expect(0).says("seqera-iam");
    }
    scene.run("man").expect(0).says(".TH seqera-iam 1").says("blueprint");
    scene.run("man policy diff").expect(0).says(".TH seqera-iam-policy-diff 1").says("exit 2 when they differ");
    scene.run("man policy dif").expect(1).says("seqera-iam policy has no command `dif`").says("one of: diff, validate");
}
