//! Where moto is not AWS. Each line says what AWS does, and holds moto to what it does instead: when one
//! fails, moto was mended, and what allows for it can go.

use aws_sdk_iam::error::ProvideErrorMetadata;
use aws_sdk_iam::types::{PolicyUsageType, Tag};

use crate::moto::Moto;

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:role/nobody"},"Action":"sts:AssumeRole"}]}"#;
const ALL: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
const POLICY: &str = "arn:aws:iam::123456789012:policy/p";

/// Returns the code of what has to be refused.
fn code<O, E: ProvideErrorMetadata>(result: Result<O, E>) -> Option<String> {
    result.err().map(|error| error.code().unwrap_or("none").to_owned())
}

#[test]
fn moto_takes_what_aws_refuses() {
    let moto = Moto::new();
    let iam = &moto.iam;
    let nothing = "arn:aws:iam::123456789012:policy/absent";
    // MalformedPolicyDocument: the principal does not exist. NoSuchEntity: nor does the boundary.
    let role = iam.create_role().role_name("r").assume_role_policy_document(TRUST).description("d");
    moto.call(role.permissions_boundary(nothing).send());
    // EntityAlreadyExists: a name is taken in any letter case, and for policies in any path.
    moto.call(iam.create_role().role_name("R").assume_role_policy_document(TRUST).send());
    moto.call(iam.create_policy().policy_name("p").policy_document(ALL).send());
    moto.call(iam.create_policy().policy_name("p").path("/x/").policy_document(ALL).send());
    moto.call(iam.create_instance_profile().instance_profile_name("i").send());
    moto.call(iam.create_instance_profile().instance_profile_name("I").send());
    // ValidationError: 64 characters. LimitExceeded: a trust policy of 2,048.
    moto.call(iam.create_role().role_name("r".repeat(65)).assume_role_policy_document(TRUST).send());
    let long = TRUST.replace("nobody", &"r".repeat(2100));
    moto.call(iam.update_assume_role_policy().role_name("R").policy_document(long).send());
    // InvalidInput: tag keys are equal in any letter case, and `aws:` is AWS's.
    for key in ["team", "Team", "aws:stack"] {
        let tag = Tag::builder().key(key).value("v").build().expect("a tag");
        moto.call(iam.tag_role().role_name("r").tags(tag).send());
    }
    // LimitExceeded: ten attachments.
    for number in 0..11 {
        let name = format!("p{number}");
        let policy = moto.call(iam.create_policy().policy_name(&name).policy_document(ALL).send()).policy;
        let arn = policy.and_then(|policy| policy.arn).expect("an ARN");
        moto.call(iam.attach_role_policy().role_name("R").policy_arn(arn).send());
    }
    // DeleteConflict: a policy that has other versions, that is attached, or that is a boundary.
    moto.call(iam.create_policy_version().policy_arn(POLICY).policy_document(ALL).set_as_default(true).send());
    moto.call(iam.attach_role_policy().role_name("r").policy_arn(POLICY).send());
    moto.call(iam.put_role_permissions_boundary().role_name("r").permissions_boundary(POLICY).send());
    moto.call(iam.delete_policy().policy_arn(POLICY).send());
    // And the attachment of a policy that is gone can never be detached.
    assert_eq!(
        code(moto.wait(iam.detach_role_policy().role_name("r").policy_arn(POLICY).send())).as_deref(),
        Some("NoSuchEntity")
    );
    assert_eq!(code(moto.wait(iam.delete_role().role_name("r").send())).as_deref(), Some("DeleteConflict"));
}

#[test]
fn moto_answers_otherwise_than_aws() {
    let moto = Moto::new();
    let iam = &moto.iam;
    let role = iam.create_role().role_name("r").assume_role_policy_document(TRUST).description("d");
    moto.call(role.send());
    // UpdateRole without a description leaves the one that is there.
    moto.call(iam.update_role().role_name("r").max_session_duration(7200).send());
    assert_eq!(moto.call(iam.get_role().role_name("r").send()).role.and_then(|role| role.description), None);
    // Documents are URL-encoded; those of versions come raw.
    moto.call(iam.create_policy().policy_name("p").policy_document(ALL).send());
    let version = moto.call(iam.get_policy_version().policy_arn(POLICY).version_id("v1").send()).policy_version;
    assert!(version.and_then(|version| version.document).is_some_and(|document| document.starts_with('{')));
    // Attaching twice is attaching once.
    for _ in 0..2 {
        moto.call(iam.attach_role_policy().role_name("r").policy_arn(POLICY).send());
    }
    let policy = moto.call(iam.get_policy().policy_arn(POLICY).send()).policy.expect("a policy");
    assert_eq!(policy.attachment_count(), Some(2));
    // Ids of policies begin with ANPA, of instance profiles with AIPA.
    assert!(!policy.policy_id().expect("an id").starts_with("ANPA"));
    // Asked who has a policy as the boundary, it tells who has it attached.
    moto.call(
        iam.create_role().role_name("bound").assume_role_policy_document(TRUST).permissions_boundary(POLICY).send(),
    );
    let usage = PolicyUsageType::PermissionsBoundary;
    let users = moto.call(iam.list_entities_for_policy().policy_arn(POLICY).policy_usage_filter(usage).send());
    assert_eq!(users.policy_roles().iter().filter_map(|role| role.role_name()).collect::<Vec<_>>(), ["r"]);
    // The name of a principal that was deleted becomes its id.
    moto.call(iam.create_role().role_name("nobody").assume_role_policy_document(TRUST).send());
    moto.call(iam.delete_role().role_name("nobody").send());
    let role = moto.call(iam.get_role().role_name("r").send()).role.expect("a role");
    assert!(role.assume_role_policy_document().is_some_and(|trust| trust.contains("nobody")));
    // A group moves to another path, and who moves keeps the tags; users have boundaries.
    moto.call(iam.create_group().group_name("g").send());
    moto.call(iam.update_group().group_name("g").new_path("/x/").send());
    let group = moto.call(iam.get_group().group_name("g").send()).group;
    assert_eq!(group.map(|group| group.path), Some("/".to_owned()));
    let tag = Tag::builder().key("team").value("v").build().expect("a tag");
    moto.call(iam.create_user().user_name("u").tags(tag).permissions_boundary(POLICY).send());
    moto.call(iam.update_user().user_name("u").new_path("/x/").send());
    let user = moto.call(iam.get_user().user_name("u").send()).user.expect("a user");
    assert_eq!((user.tags().len(), user.permissions_boundary()), (0, None));
    // A call that it does not know breaks, as in a proxy.
    let credentials = moto.wait(iam.list_service_specific_credentials().user_name("u").send());
    let broken = credentials.err().and_then(|error| error.raw_response().map(|raw| raw.status().as_u16()));
    assert_eq!(broken, Some(500));
    // The tags of a profile have a call of their own; here it breaks, as does taking out a role that
    // is not in.
    moto.call(iam.create_instance_profile().instance_profile_name("i").send());
    let tags = moto.wait(iam.list_instance_profile_tags().instance_profile_name("i").send());
    let status = |raw: Option<&aws_sdk_iam::config::http::HttpResponse>| raw.map(|raw| raw.status().as_u16());
    assert_eq!(status(tags.as_ref().err().and_then(|error| error.raw_response())), Some(500));
    let removal = iam.remove_role_from_instance_profile().instance_profile_name("i").role_name("r");
    let removed = moto.wait(removal.send());
    assert_eq!(status(removed.as_ref().err().and_then(|error| error.raw_response())), Some(500));
    // Each service names its role as it likes, and audiences are added to a provider.
    let linked = moto.call(iam.create_service_linked_role().aws_service_name("spot.amazonaws.com").send()).role;
    assert_eq!(linked.map(|role| role.role_name).as_deref(), Some("AWSServiceRoleForspot"));
    let provider = iam.create_open_id_connect_provider().url("https://a.example.com").client_id_list("a");
    let arn = moto.call(provider.send()).open_id_connect_provider_arn.expect("an ARN");
    let more = iam.add_client_id_to_open_id_connect_provider().open_id_connect_provider_arn(arn).client_id("b");
    let added = moto.wait(more.send());
    assert_eq!(status(added.as_ref().err().and_then(|error| error.raw_response())), Some(500));
}
