//! Roles.

use jiff::Timestamp;

use super::lists::Page;
use super::tags::{self, Case};
use super::{Answer, Call, boundary, document, names, trust};
use crate::sandbox::answer::Refusal;
use crate::sandbox::world::{Role, Use, World};
use crate::sandbox::xml::Xml;

/// Longest name.
pub const NAME: usize = 64;

pub fn create(call: &mut Call) -> Answer {
    let request = call.request;
    let name = names::name(request, "RoleName", NAME)?;
    let path = names::path(request)?;
    let description = names::description(request)?;
    let max_session = request.number("MaxSessionDuration", 3600, 43200)?.unwrap_or(3600);
    let tags = tags::given(request, Case::Ignored)?;
    if call.world.roles.is_taken(name) {
        return Err(Refusal::exists(format!("Role with name {name} already exists.")));
    }
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
    if !role.policies.is_empty() {
        return Err(Refusal::conflict("Cannot delete entity, must detach all policies first."));
    }
    if !role.inline.is_empty() {
        return Err(Refusal::conflict("Cannot delete entity, must delete policies first."));
    }
    let name = role.name.clone();
    call.world.roles.remove(&name);
    Ok(Xml::default())
}

/// Returns the role in `RoleName`.
pub fn existing<'a>(call: &'a Call) -> Result<&'a Role, Refusal> {
    let name = names::name(call.request, "RoleName", NAME)?;
    let absent = || Refusal::absent(format!("The role with name {name} cannot be found."));
    call.world.roles.get(name).ok_or_else(absent)
}

/// Returns the role in `RoleName` when it may be changed: those of AWS's services may not.
pub fn editable<'a>(call: &'a Call) -> Result<&'a Role, Refusal> {
    let role = existing(call)?;
    if role.path.starts_with("/aws-service-role/") {
        let message = format!(
            "Cannot perform the operation on the protected role '{}' - this role is only modifiable by AWS",
            role.name
        );
        return Err(Refusal::new(400, "UnmodifiableEntity", message));
    }
    Ok(role)
}

fn answer_one(call: &Call) -> Answer {
    let role = existing(call)?;
    let mut xml = Xml::default();
    xml.node("Role", |xml| write(xml, call.world, role));
    Ok(xml)
}

fn write(xml: &mut Xml, world: &World, role: &Role) {
    write_brief(xml, world, role);
    if let Some(arn) = &role.boundary {
        xml.node("PermissionsBoundary", |xml| {
            xml.text("PermissionsBoundaryType", "Policy").text("PermissionsBoundaryArn", arn);
        });
    }
    tags::write(xml, &role.tags);
    xml.node("RoleLastUsed", |xml| {
        if let Some(used) = &role.last_used {
            xml.text("LastUsedDate", time(used.date)).text("Region", &used.region);
        }
    });
}

/// Writes a role as lists show it: without tags, boundary and last use.
pub fn write_brief(xml: &mut Xml, world: &World, role: &Role) {
    xml.text("Path", &role.path).text("RoleName", &role.name).text("RoleId", &role.id);
    xml.text("Arn", role.arn(&world.account)).text("CreateDate", time(role.created));
    xml.text("AssumeRolePolicyDocument", document::encode(&trust::show(world, role)));
    xml.maybe("Description", role.description.as_ref()).text("MaxSessionDuration", role.max_session);
}

/// Returns a moment as IAM writes it, in whole seconds.
pub fn time(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use aws_sdk_iam::types::Tag;

    use crate::sandbox::testbed::{ACCOUNT, Bed, allow, refused, trust, trust_of};

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
}
