//! What exists already, what has moved, what is left alone.

use super::*;

fn shown(addresses: impl IntoIterator<Item = Address>) -> Vec<String> {
    addresses.into_iter().map(|address| address.to_string()).collect()
}

#[test]
fn an_existing_role_is_its_name_and_what_hangs_on_it() {
    let desired = wish(&format!(
        "{HEAD}defaults: {{path: /p/, boundary: policy/b, tags: {{a: b}}}}
roles:
  legacy:
    existing: true
    name: Legacy
    policies: [ReadOnlyAccess]
    inline: {{i: {{statements: {{A: {{Effect: Deny, Action: '*', Resource: '*'}}}}}}}}
  ours: {{{TRUST}, existing: false}}
instance_profiles: {{p: {{role: roles.legacy}}}}
"
    ));
    let legacy = &desired.resources[0];
    let wanted: Vec<_> = legacy.wanted.iter().map(|(name, value)| (*name, value.text().unwrap())).collect();
    assert_eq!((legacy.existing, wanted), (true, vec![("name", "Legacy"), ("path", "/")]));
    assert_eq!(
        addresses(&desired)[..3],
        ["roles.legacy", "roles.legacy.inline.i", "roles.legacy.policies.ReadOnlyAccess"]
    );
    assert!(desired.resources.values().skip(1).all(|resource| !resource.existing));
}

#[test]
fn what_exists_cannot_be_told_what_it_is() {
    let text = format!(
        "{HEAD}roles:\n  a: {{existing: true, {TRUST}, tags: {{}}}}\n  b: {{existing: yes}}\nimport: [roles.a]\n"
    );
    assert_eq!(
        problems(&text),
        ["5:23 existing", "5:63 existing", "6:3 missing-key", "6:17 wrong-type", "7:10 existing"]
    );
    assert!(words(&text).contains("roles.a exists already: its `trust` is not ours to say"));
    assert!(words(&text).contains("`existing`, `name`, `path`, `policies`, `inline` and `ignore`"));
}

#[test]
fn ignored_fields_are_those_of_the_kind_and_single_tags() {
    let text = format!("{HEAD}roles: {{a: {{{TRUST}, ignore: [tags.CostCentre, description, tags.a.b]}}}}\n");
    assert_eq!(wish(&text).resources[0].ignore, ["tags.CostCentre", "description", "tags.a.b"]);
    for (ignore, code, part) in [
        ("[name]", "unknown-word", "there is no field `name`"),
        ("[descripton]", "unknown-word", "did you mean `description`?"),
        ("[everything]", "unknown-word", "or one tag: `tags.KEY`"),
        ("[tags, tags]", "duplicate-item", "twice"),
        ("tags", "wrong-type", "takes a list"),
    ] {
        let text = format!("{HEAD}roles: {{a: {{{TRUST}, ignore: {ignore}}}}}\n");
        assert!(problems(&text)[0].ends_with(code), "{ignore}: {:?}", problems(&text));
        assert!(words(&text).contains(part), "{ignore}: {}", words(&text));
    }
}

#[test]
fn moved_and_removed_are_on_the_wish() {
    let desired = wish(&format!(
        "{HEAD}roles: {{head: {{{TRUST}}}, worker: {{{TRUST}}}}}
moved: [{{from: roles.old, to: roles.head}}, {{from: roles.x, to: roles.worker}}]
removed: [roles.kept, policies.p]
"
    ));
    let (from, to): (Vec<_>, Vec<_>) = desired.moved.into_iter().map(|(from, to, _)| (from, to)).unzip();
    assert_eq!(
        (shown(from), shown(to)),
        (vec!["roles.old".into(), "roles.x".into()], vec!["roles.head".into(), "roles.worker".to_owned()])
    );
    assert_eq!(shown(desired.removed.into_iter().map(|(address, _)| address)), ["roles.kept", "policies.p"]);
}

#[test]
fn moved_and_removed_are_checked() {
    for (lists, code, part) in [
        ("moved: [{from: roles.head, to: roles.head}]", "still-declared", "roles.head is still in this manifest"),
        ("moved: [{from: roles.old, to: roles.haed}]", "unknown-reference", "did you mean `roles.head`?"),
        ("moved: [{from: roles.old}]", "missing-key", "lacks `to`"),
        ("moved: [{form: roles.old, to: roles.head}]", "unknown-key", "did you mean `from`?"),
        ("moved: [roles.old]", "wrong-type", "items such as {from: roles.a, to: roles.b}"),
        ("moved: {from: a, to: b}", "wrong-type", "takes a list"),
        ("moved: [{from: 'roles[', to: roles.head}]", "bad-address", "roles.KEY"),
        ("moved: [&a {from: roles.old, to: roles.head}, *a]", "duplicate-item", "names roles.old twice"),
        (
            "moved: [{from: roles.a, to: roles.head}, {from: roles.b, to: roles.head}]",
            "duplicate-item",
            "roles.a and roles.b cannot both move to roles.head",
        ),
        ("removed: [roles.head]", "still-declared", "delete roles.head, or this line"),
        ("removed: [roles.x, roles.x]", "duplicate-item", "twice"),
        ("removed: [roles.head.policies.p]", "not-kept", "roles.head: {keep_undeclared: [policies]}"),
        ("removed: [roles.head.inline]", "not-kept", "drop this line"),
    ] {
        let text = format!("{HEAD}roles: {{head: {{{TRUST}}}}}\n{lists}\n");
        assert_eq!(problems(&text).len(), 1, "{lists}: {:?}", problems(&text));
        assert!(problems(&text)[0].ends_with(code), "{lists}: {:?}", problems(&text));
        assert!(words(&text).contains(part), "{lists}: {}", words(&text));
    }
}

/// What hangs on an owner is left in AWS where that keeps it, or is left there as well.
#[test]
fn what_an_owner_does_not_keep_is_not_removed_alone() {
    let manifest = |owner: &str, removed: &str| format!("{HEAD}{owner}\nremoved: [{removed}]\n");
    let profile = manifest("instance_profiles: {head: {}}", "instance_profiles.head.role");
    assert!(problems(&profile)[0].ends_with("not-kept") && !words(&profile).contains("keep_undeclared"));
    for (owner, removed) in [
        (format!("roles: {{head: {{{TRUST}, keep_undeclared: [policies]}}}}"), "roles.head.policies.p"),
        ("roles: {head: {existing: true}}".to_owned(), "roles.head.policies.p"),
        ("users: {ci: {}}".to_owned(), "users.ci.access_keys.primary"),
        (String::new(), "roles.head.policies.p"),
    ] {
        assert_eq!(wish(&manifest(&owner, removed)).removed.len(), 1, "{owner}");
    }
}
