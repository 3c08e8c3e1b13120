//! Roles.

use jiff::Timestamp;

use super::lists::Page;
use super::owner::{self, Owner};
use super::tags::{self, Case};
use super::{Answer, Call, account, boundary, document, names, trust};
use crate::sandbox::answer::Refusal;
use crate::sandbox::table::Use;
use crate::sandbox::world::{Role, World};
use crate::sandbox::xml::Xml;

pub fn create(call: &mut Call) -> Answer {
    let request = call.request;
    let name = names::name(request, Role::PARAMETER, Role::LONGEST)?;
    let path = names::path(request)?;
    let description = names::description(request)?;
    let max_session = request.number("MaxSessionDuration", 3600, 43200)?.unwrap_or(3600);
    let tags = tags::given(request, Case::Ignored)?;
    if call.world.roles.is_taken(name) {
        return Err(Refusal::exists(format!("Role with name {name} already exists.")));
    }
    account::room(call.world, "Roles", call.world.roles.len())?;
    let trust = trust::read(call.world, request.required("AssumeRolePolicyDocument")?)?;
    let boundary = request.get("PermissionsBoundary").map(|arn| boundary::existing(call.world, arn)).transpose()?;
    let role = Role {
        name: name.to_owned(),
        path: path.to_owned(),
        id: call.new_id::<Role>(),
        created: call.now,
        description,
        max_session,
        boundary,
        trust: trust.document,
        trusted_ids: trust.ids,
        policies: Default::default(),
        inline: Default::default(),
        tags,
        last_used: None,
        deletion: Default::default(),
    };
    call.world.roles.insert(role);
    answer_one(call)
}

pub fn get(call: &mut Call) -> Answer {
    answer_one(call)
}

pub fn list(call: &mut Call) -> Answer {
    let prefix = names::path_prefix(call.request)?;
    let roles = call.world.roles.after(call.request.get("Marker")).filter(|(_, role)| role.path.starts_with(prefix));
    let page = Page::of(call, roles)?;
    Ok(page.answer("Roles", |xml, role| write_brief(xml, call.world, role)))
}

pub fn update(call: &mut Call) -> Answer {
    let role = editable(call)?.name.clone();
    let description =
        call.request.get("Description").is_some().then(|| names::description(call.request)).transpose()?;
    let max_session = call.request.number("MaxSessionDuration", 3600, 43200)?;
    call.world.roles.edit(&role, |role| {
        if let Some(description) = description {
            role.description = description;
        }
        role.max_session = max_session.unwrap_or(role.max_session);
    });
    Ok(Xml::default())
}

pub fn update_description(call: &mut Call) -> Answer {
    let role = editable(call)?.name.clone();
    call.request.required("Description")?;
    let description = names::description(call.request)?;
    call.world.roles.edit(&role, |role| role.description = description);
    answer_one(call)
}

pub fn update_trust(call: &mut Call) -> Answer {
    let role = editable(call)?.name.clone();
    let trust = trust::read(call.world, call.request.required("PolicyDocument")?)?;
    call.world.roles.edit(&role, |role| {
        role.trust = trust.document;
        role.trusted_ids = trust.ids;
    });
    Ok(Xml::default())
}

pub fn tag(call: &mut Call) -> Answer {
    let role = editable(call)?;
    let (name, tags) = (role.name.clone(), tags::tagged(&role.tags, call.request, Case::Ignored)?);
    call.world.roles.edit(&name, |role| role.tags = tags);
    Ok(Xml::default())
}

pub fn untag(call: &mut Call) -> Answer {
    let role = editable(call)?;
    let (name, tags) = (role.name.clone(), tags::untagged(&role.tags, call.request, Case::Ignored)?);
    call.world.roles.edit(&name, |role| role.tags = tags);
    Ok(Xml::default())
}

pub fn list_tags(call: &mut Call) -> Answer {
    tags::list(call, &existing(call)?.tags)
}

pub fn delete(call: &mut Call) -> Answer {
    let role = editable(call)?;
    if call.world.profiles.users(&Use::Role(role.name.clone())).next().is_some() {
        return Err(Refusal::conflict("Cannot delete entity, must remove roles from instance profile first."));
    }
    owner::without_policies(role)?;
    let name = role.name.clone();
    call.world.roles.remove(&name);
    Ok(Xml::default())
}

/// Returns the role in `RoleName`.
pub fn existing<'a>(call: &'a Call) -> Result<&'a Role, Refusal> {
    owner::existing(call)
}

/// Returns the role in `RoleName` when it may be changed.
pub fn editable<'a>(call: &'a Call) -> Result<&'a Role, Refusal> {
    owner::editable(call)
}

fn answer_one(call: &Call) -> Answer {
    Ok(one(call.world, Some(existing(call)?)))
}

/// Returns a role as answers about one show it.
pub fn one(world: &World, role: Option<&Role>) -> Xml {
    let mut xml = Xml::default();
    if let Some(role) = role {
        xml.node("Role", |xml| write(xml, world, role));
    }
    xml
}

fn write(xml: &mut Xml, world: &World, role: &Role) {
    write_brief(xml, world, role);
    boundary::write(xml, role.boundary.as_deref());
    tags::write(xml, &role.tags);
    write_last_used(xml, role);
}

/// Writes a role as lists show it: without tags, boundary and last use.
pub fn write_brief(xml: &mut Xml, world: &World, role: &Role) {
    write_identity(xml, world, role);
    xml.maybe("Description", role.description.as_ref()).text("MaxSessionDuration", role.max_session);
}

/// Writes what every answer about a role says.
pub fn write_identity(xml: &mut Xml, world: &World, role: &Role) {
    xml.text("Path", &role.path).text("RoleName", &role.name).text("RoleId", &role.id);
    xml.text("Arn", role.arn(&world.account)).text("CreateDate", time(role.created));
    xml.text("AssumeRolePolicyDocument", document::encode(&trust::show(world, role)));
}

pub fn write_last_used(xml: &mut Xml, role: &Role) {
    xml.node("RoleLastUsed", |xml| {
        if let Some(used) = &role.last_used {
            xml.text("LastUsedDate", time(used.date)).text("Region", &used.region);
        }
    });
}

/// Returns a moment as IAM writes it, in whole seconds.
pub fn time(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use aws_sdk_iam::types::Tag;

    use crate::sandbox::testbed::{Bed, allow, refused, trust};

    fn tag(key: &str, value: &str) -> Tag {
        Tag::builder().key(key).value(value).build().unwrap()
    }

    #[tokio::test]
    async fn a_role_is_created_read_and_deleted() {
        let bed = Bed::new().await;
        let arn = bed.policy("bound").await;
        let call = bed.iam().create_role().role_name("head").path("/seqera/").description("<runs> & \"heads\"");
        let call = call.max_session_duration(7200).permissions_boundary(&arn).tags(tag("Team", "a+b c"));
        let made = call.assume_role_policy_document(trust("ec2").to_string()).send().await.unwrap().role.unwrap();
        let role = bed.iam().get_role().role_name("head").send().await.unwrap().role.unwrap();
        assert_eq!(role, made);
        assert_eq!((role.arn(), role.path()), ("arn:aws:iam::123456789012:role/seqera/head", "/seqera/"));
        assert!(role.role_id().starts_with("AROA") && role.role_id().len() == 21);
        assert_eq!(role.description(), Some("<runs> & \"heads\""));
        assert_eq!(role.max_session_duration(), Some(7200));
        assert_eq!(role.permissions_boundary().unwrap().permissions_boundary_arn(), Some(arn.as_str()));
        assert_eq!(role.tags(), [tag("Team", "a+b c")]);
        assert_eq!(role.create_date().secs(), 1_767_225_600);
        let document = role.assume_role_policy_document().unwrap();
        assert!(document.starts_with("%7B%22Version%22%3A%222012-10-17%22"), "{document}");
        bed.iam().delete_role().role_name("head").send().await.unwrap();
        let gone = refused(bed.iam().get_role().role_name("head").send().await);
        assert_eq!(gone, ("NoSuchEntity".into(), "The role with name head cannot be found.".into()));
    }

    #[tokio::test]
    async fn names_are_unique_in_any_case_and_on_any_path() {
        let bed = Bed::new().await;
        bed.role("head").await;
        let call = bed.iam().create_role().role_name("HEAD").path("/other/");
        let taken = refused(call.assume_role_policy_document(trust("ec2").to_string()).send().await);
        assert_eq!(taken, ("EntityAlreadyExists".into(), "Role with name HEAD already exists.".into()));
        let other = refused(bed.iam().get_role().role_name("Head").send().await);
        assert_eq!(other.0, "NoSuchEntity");
    }

    #[tokio::test]
    async fn an_update_leaves_what_it_does_not_name() {
        let bed = Bed::new().await;
        bed.role("head").await;
        let update = || bed.iam().update_role().role_name("head");
        update().description("one").max_session_duration(7200).send().await.unwrap();
        update().max_session_duration(3600).send().await.unwrap();
        let get = || async { bed.iam().get_role().role_name("head").send().await.unwrap().role.unwrap() };
        assert_eq!((get().await.description(), get().await.max_session_duration()), (Some("one"), Some(3600)));
        update().description("").send().await.unwrap();
        assert_eq!(get().await.description(), None);
        bed.iam().update_role_description().role_name("head").description("two").send().await.unwrap();
        assert_eq!(get().await.description(), Some("two"));
        let wrong = refused(update().max_session_duration(60).send().await);
        assert_eq!(wrong.0, "ValidationError");
        assert!(wrong.1.contains("'maxSessionDuration'") && wrong.1.ends_with("than or equal to 3600"), "{}", wrong.1);
    }

    #[tokio::test]
    async fn tags_of_roles_ignore_case() {
        let bed = Bed::new().await;
        bed.role("head").await;
        bed.iam().tag_role().role_name("head").tags(tag("Team", "a")).tags(tag("x", "1")).send().await.unwrap();
        bed.iam().tag_role().role_name("head").tags(tag("TEAM", "b")).send().await.unwrap();
        let list = || async { bed.iam().list_role_tags().role_name("head").send().await.unwrap().tags };
        assert_eq!(list().await, [tag("TEAM", "b"), tag("x", "1")]);
        bed.iam().untag_role().role_name("head").tag_keys("team").tag_keys("none").send().await.unwrap();
        assert_eq!(list().await, [tag("x", "1")]);
        let reserved = refused(bed.iam().tag_role().role_name("head").tags(tag("aws:x", "b")).send().await);
        assert_eq!(reserved.0, "InvalidInput");
    }

    #[tokio::test]
    async fn a_role_that_something_hangs_on_stays() {
        let bed = Bed::new().await;
        bed.role("head").await;
        let arn = bed.policy("reads").await;
        let delete = || bed.iam().delete_role().role_name("head").send();
        let conflict = |message: &str| ("DeleteConflict".to_owned(), message.to_owned());

        bed.iam().attach_role_policy().role_name("head").policy_arn(&arn).send().await.unwrap();
        assert_eq!(refused(delete().await), conflict("Cannot delete entity, must detach all policies first."));
        bed.iam().detach_role_policy().role_name("head").policy_arn(&arn).send().await.unwrap();

        let put = bed.iam().put_role_policy().role_name("head").policy_name("logs");
        put.policy_document(allow("logs:*").to_string()).send().await.unwrap();
        assert_eq!(refused(delete().await), conflict("Cannot delete entity, must delete policies first."));
        bed.iam().delete_role_policy().role_name("head").policy_name("logs").send().await.unwrap();

        bed.iam().create_instance_profile().instance_profile_name("p").send().await.unwrap();
        bed.iam().add_role_to_instance_profile().instance_profile_name("p").role_name("head").send().await.unwrap();
        let in_profile = "Cannot delete entity, must remove roles from instance profile first.";
        assert_eq!(refused(delete().await), conflict(in_profile));
        let remove = bed.iam().remove_role_from_instance_profile().instance_profile_name("p").role_name("head");
        remove.send().await.unwrap();
        delete().await.unwrap();
        assert_eq!(refused(delete().await).0, "NoSuchEntity");
    }

    #[tokio::test]
    async fn roles_of_aws_services_cannot_be_touched() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("roles")).unwrap();
        let role = format!(r#"{{"path": "/aws-service-role/batch.amazonaws.com/", "trust": {}}}"#, trust("batch"));
        std::fs::write(dir.path().join("roles/AWSServiceRoleForBatch.json"), role).unwrap();
        let bed = Bed::over(dir, "").await;
        let name = "AWSServiceRoleForBatch";
        assert_eq!(refused(bed.iam().delete_role().role_name(name).send().await).0, "UnmodifiableEntity");
        assert_eq!(
            refused(bed.iam().tag_role().role_name(name).tags(tag("a", "b")).send().await).0,
            "UnmodifiableEntity"
        );
        assert!(bed.iam().get_role().role_name(name).send().await.is_ok());
    }

    #[tokio::test]
    async fn lists_say_less_and_filter_by_path() {
        let bed = Bed::new().await;
        for (name, path) in [("b", "/x/"), ("A", "/x/y/"), ("c", "/")] {
            let call = bed.iam().create_role().role_name(name).path(path).tags(tag("k", "v")).description("d");
            call.assume_role_policy_document(trust("ec2").to_string()).send().await.unwrap();
        }
        let listed = bed.iam().list_roles().path_prefix("/x/").send().await.unwrap();
        let names: Vec<_> = listed.roles().iter().map(|role| role.role_name()).collect();
        assert_eq!((names, listed.is_truncated()), (vec!["A", "b"], false));
        assert!(listed.roles()[0].tags().is_empty());
        assert_eq!(
            (listed.roles()[0].description(), listed.roles()[0].max_session_duration()),
            (Some("d"), Some(3600))
        );
    }
}
