//! Instance profiles and the one role in each.

use super::lists::Page;
use super::tags::{self, Case};
use super::{Answer, Call, account, names, role};
use crate::policy::limits;
use crate::sandbox::answer::Refusal;
use crate::sandbox::table::Use;
use crate::sandbox::world::{Profile, World};
use crate::sandbox::xml::Xml;

/// Longest name.
const NAME: usize = 128;

pub fn create(call: &mut Call) -> Answer {
    let request = call.request;
    let name = names::name(request, "InstanceProfileName", NAME)?;
    let path = names::path(request)?;
    let tags = tags::given(request, Case::Told)?;
    if call.world.profiles.is_taken(name) {
        return Err(Refusal::exists(format!("Instance Profile {name} already exists.")));
    }
    account::room(call.world, "InstanceProfiles", call.world.profiles.len())?;
    let id = call.new_id::<Profile>();
    let profile = Profile { name: name.to_owned(), path: path.to_owned(), id, created: call.now, role: None, tags };
    call.world.profiles.insert(profile);
    get(call)
}

pub fn get(call: &mut Call) -> Answer {
    let profile = existing(call)?;
    let mut xml = Xml::default();
    xml.node("InstanceProfile", |xml| {
        write(xml, call.world, profile);
        tags::write(xml, &profile.tags);
    });
    Ok(xml)
}

pub fn list(call: &mut Call) -> Answer {
    let prefix = names::path_prefix(call.request)?;
    let profiles = call.world.profiles.after(call.request.get("Marker"));
    let page = Page::of(call, profiles.filter(|(_, profile)| profile.path.starts_with(prefix)))?;
    Ok(page.answer("InstanceProfiles", |xml, profile| write(xml, call.world, profile)))
}

pub fn list_for_role(call: &mut Call) -> Answer {
    let role = Use::Role(role::existing(call)?.name.clone());
    let profiles = call.world.profiles.users(&role).map(|profile| (profile.name.to_lowercase(), profile));
    let page = Page::of(call, profiles)?;
    Ok(page.answer("InstanceProfiles", |xml, profile| write(xml, call.world, profile)))
}

pub fn add_role(call: &mut Call) -> Answer {
    let role = role::editable(call)?.name.clone();
    let profile = existing(call)?;
    if profile.role.is_some() {
        return Err(Refusal::limit(limits::quota("InstanceSessionsPerInstanceProfile", 1)));
    }
    let name = profile.name.clone();
    call.world.profiles.edit(&name, |profile| profile.role = Some(role));
    Ok(Xml::default())
}

pub fn remove_role(call: &mut Call) -> Answer {
    let role = role::editable(call)?.name.clone();
    let profile = existing(call)?;
    if profile.role.as_ref() != Some(&role) {
        return Err(Refusal::absent(format!("Instance Profile {} does not contain role {role}.", profile.name)));
    }
    let name = profile.name.clone();
    call.world.profiles.edit(&name, |profile| profile.role = None);
    Ok(Xml::default())
}

pub fn tag(call: &mut Call) -> Answer {
    let profile = existing(call)?;
    let (name, tags) = (profile.name.clone(), tags::tagged(&profile.tags, call.request, Case::Told)?);
    call.world.profiles.edit(&name, |profile| profile.tags = tags);
    Ok(Xml::default())
}

pub fn untag(call: &mut Call) -> Answer {
    let profile = existing(call)?;
    let (name, tags) = (profile.name.clone(), tags::untagged(&profile.tags, call.request, Case::Told)?);
    call.world.profiles.edit(&name, |profile| profile.tags = tags);
    Ok(Xml::default())
}

pub fn list_tags(call: &mut Call) -> Answer {
    tags::list(call, &existing(call)?.tags)
}

pub fn delete(call: &mut Call) -> Answer {
    let profile = existing(call)?;
    if profile.role.is_some() {
        return Err(Refusal::conflict("Cannot delete entity, must remove roles from instance profile first."));
    }
    let name = profile.name.clone();
    call.world.profiles.remove(&name);
    Ok(Xml::default())
}

fn existing<'a>(call: &'a Call) -> Result<&'a Profile, Refusal> {
    let name = names::name(call.request, "InstanceProfileName", NAME)?;
    let absent = || Refusal::absent(format!("Instance Profile {name} cannot be found."));
    call.world.profiles.get(name).ok_or_else(absent)
}

/// Writes a profile as lists show it: without tags.
pub fn write(xml: &mut Xml, world: &World, profile: &Profile) {
    xml.text("Path", &profile.path).text("InstanceProfileName", &profile.name);
    xml.text("InstanceProfileId", &profile.id).text("Arn", profile.arn(&world.account));
    xml.text("CreateDate", role::time(profile.created));
    let role = profile.role.as_ref().and_then(|role| world.roles.get(role));
    xml.list("Roles", role, |xml, role| role::write_brief(xml, world, role));
}

#[cfg(test)]
mod tests {
    use crate::sandbox::testbed::{Bed, refused};

    #[tokio::test]
    async fn a_profile_holds_one_role_and_is_deleted_empty() {
        let bed = Bed::new().await;
        bed.role("head").await;
        bed.role("other").await;
        let made = bed.iam().create_instance_profile().instance_profile_name("p").path("/x/").send().await.unwrap();
        let made = made.instance_profile.unwrap();
        assert_eq!(made.arn(), "arn:aws:iam::123456789012:instance-profile/x/p");
        assert!(made.instance_profile_id().starts_with("AIPA"));
        let taken = refused(bed.iam().create_instance_profile().instance_profile_name("P").send().await);
        assert_eq!(taken, ("EntityAlreadyExists".into(), "Instance Profile P already exists.".into()));

        let add =
            |role: &str| bed.iam().add_role_to_instance_profile().instance_profile_name("p").role_name(role).send();
        assert_eq!(refused(add("nobody").await).0, "NoSuchEntity");
        add("head").await.unwrap();
        let full = "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1";
        assert_eq!(refused(add("other").await), ("LimitExceeded".into(), full.into()));

        let profiles = bed.iam().list_instance_profiles_for_role().role_name("head").send().await.unwrap();
        assert_eq!(profiles.instance_profiles()[0].instance_profile_name(), "p");
        let get = || bed.iam().get_instance_profile().instance_profile_name("p").send();
        assert_eq!(get().await.unwrap().instance_profile.unwrap().roles()[0].role_name(), "head");

        let delete = || bed.iam().delete_instance_profile().instance_profile_name("p").send();
        assert_eq!(refused(delete().await).0, "DeleteConflict");
        let remove = |role: &str| {
            bed.iam().remove_role_from_instance_profile().instance_profile_name("p").role_name(role).send()
        };
        assert_eq!(refused(remove("other").await).0, "NoSuchEntity");
        remove("head").await.unwrap();
        delete().await.unwrap();
        assert_eq!(refused(get().await), ("NoSuchEntity".into(), "Instance Profile p cannot be found.".into()));
    }
}
