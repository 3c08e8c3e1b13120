//! Users, and what they sign in with.

use super::lists::Page;
use super::owner::{self, Owner};
use super::role::time;
use super::tags::{self, Case};
use super::{Answer, Call, account, boundary, names};
use crate::sandbox::answer::Refusal;
use crate::sandbox::world::{User, World};
use crate::sandbox::xml::Xml;

pub fn create(call: &mut Call) -> Answer {
    let request = call.request;
    let name = names::name(request, User::PARAMETER, User::LONGEST)?;
    let path = names::path(request)?;
    let tags = tags::given(request, Case::Ignored)?;
    if call.world.users.is_taken(name) {
        return Err(Refusal::exists(format!("User with name {name} already exists.")));
    }
    account::room(call.world, "Users", call.world.users.len())?;
    let boundary = request.get("PermissionsBoundary").map(|arn| boundary::existing(call.world, arn)).transpose()?;
    let id = call.new_id::<User>();
    let (name, path) = (name.to_owned(), path.to_owned());
    call.world.users.insert(User { name, path, id, created: call.now, boundary, tags, ..User::default() });
    get(call)
}

pub fn get(call: &mut Call) -> Answer {
    let user = owner::existing::<User>(call)?;
    let mut xml = Xml::default();
    xml.node("User", |xml| {
        write_brief(xml, call.world, user);
        xml.maybe("PasswordLastUsed", user.password_last_used.map(time));
        boundary::write(xml, user.boundary.as_deref());
        tags::write(xml, &user.tags);
    });
    Ok(xml)
}

pub fn list(call: &mut Call) -> Answer {
    let prefix = names::path_prefix(call.request)?;
    let users = call.world.users.after(call.request.get("Marker"));
    let page = Page::of(call, users.filter(|(_, user)| user.path.starts_with(prefix)))?;
    Ok(page.answer("Users", |xml, user| write_brief(xml, call.world, user)))
}

/// Only the path: nothing here needs users of another name.
pub fn update(call: &mut Call) -> Answer {
    let name = owner::existing::<User>(call)?.name.clone();
    let path = names::new_path(call.request, "NewUserName")?.map(str::to_owned);
    call.world.users.edit(&name, |user| user.path = path.unwrap_or_else(|| user.path.clone()));
    Ok(Xml::default())
}

pub fn tag(call: &mut Call) -> Answer {
    let user = owner::existing::<User>(call)?;
    let (name, tags) = (user.name.clone(), tags::tagged(&user.tags, call.request, Case::Ignored)?);
    call.world.users.edit(&name, |user| user.tags = tags);
    Ok(Xml::default())
}

pub fn untag(call: &mut Call) -> Answer {
    let user = owner::existing::<User>(call)?;
    let (name, tags) = (user.name.clone(), tags::untagged(&user.tags, call.request, Case::Ignored)?);
    call.world.users.edit(&name, |user| user.tags = tags);
    Ok(Xml::default())
}

pub fn list_tags(call: &mut Call) -> Answer {
    tags::list(call, &owner::existing::<User>(call)?.tags)
}

pub fn delete(call: &mut Call) -> Answer {
    let user = owner::existing::<User>(call)?;
    let conflict = |what: &str| Err(Refusal::conflict(format!("Cannot delete entity, must {what} first.")));
    if user.password.is_some() {
        return conflict("delete login profile");
    }
    if !user.access_keys.is_empty() {
        return conflict("delete access keys");
    }
    if !user.mfa_devices.is_empty() {
        return conflict("delete MFA device");
    }
    if !user.ssh_public_keys.is_empty() {
        return conflict("delete SSH public keys");
    }
    if !user.signing_certificates.is_empty() {
        return conflict("delete certificates");
    }
    if !user.service_credentials.is_empty() {
        return conflict("delete service specific credentials");
    }
    if !user.groups.is_empty() {
        return conflict("remove users from group");
    }
    owner::without_policies(user)?;
    let name = user.name.clone();
    call.world.users.remove(&name);
    Ok(Xml::default())
}

pub fn create_login(call: &mut Call) -> Answer {
    let user = owner::existing::<User>(call)?;
    call.request.required("Password")?;
    if user.password.is_some() {
        return Err(Refusal::exists(format!("Login Profile for user {} already exists.", user.name)));
    }
    let (name, now) = (user.name.clone(), call.now);
    call.world.users.edit(&name, |user| user.password = Some(now));
    get_login(call)
}

pub fn get_login(call: &mut Call) -> Answer {
    let user = owner::existing::<User>(call)?;
    let absent = || Refusal::absent(format!("Login Profile for User {} cannot be found.", user.name));
    let since = user.password.ok_or_else(absent)?;
    let mut xml = Xml::default();
    xml.node("LoginProfile", |xml| {
        xml.text("UserName", &user.name).text("CreateDate", time(since)).text("PasswordResetRequired", false);
    });
    Ok(xml)
}

pub fn delete_login(call: &mut Call) -> Answer {
    get_login(call)?;
    let name = owner::existing::<User>(call)?.name.clone();
    call.world.users.edit(&name, |user| user.password = None);
    Ok(Xml::default())
}

/// What follows can only be written into the user's file by a person.
pub fn list_mfa(call: &mut Call) -> Answer {
    let user = owner::existing::<User>(call)?;
    let page = Page::of(call, user.mfa_devices.iter().map(|serial| (serial.clone(), serial)))?;
    Ok(page.answer("MFADevices", |xml, serial| {
        xml.text("UserName", &user.name).text("SerialNumber", serial).text("EnableDate", time(user.created));
    }))
}

pub fn list_ssh_keys(call: &mut Call) -> Answer {
    let user = owner::existing::<User>(call)?;
    let page = Page::of(call, user.ssh_public_keys.iter().map(|id| (id.clone(), id)))?;
    Ok(page.answer("SSHPublicKeys", |xml, id| {
        xml.text("UserName", &user.name).text("SSHPublicKeyId", id).text("Status", "Active");
        xml.text("UploadDate", time(user.created));
    }))
}

pub fn list_certificates(call: &mut Call) -> Answer {
    let user = owner::existing::<User>(call)?;
    let page = Page::of(call, user.signing_certificates.iter().map(|id| (id.clone(), id)))?;
    Ok(page.answer("Certificates", |xml, id| {
        xml.text("UserName", &user.name).text("CertificateId", id).text("CertificateBody", "");
        xml.text("Status", "Active").text("UploadDate", time(user.created));
    }))
}

pub fn list_credentials(call: &mut Call) -> Answer {
    let user = owner::existing::<User>(call)?;
    let mut xml = Xml::default();
    xml.list("ServiceSpecificCredentials", &user.service_credentials, |xml, (id, service)| {
        xml.text("UserName", &user.name).text("Status", "Active").text("ServiceUserName", &user.name);
        xml.text("CreateDate", time(user.created)).text("ServiceSpecificCredentialId", id);
        xml.text("ServiceName", service);
    });
    Ok(xml)
}

/// Writes a user as lists show it: without boundary and tags.
pub fn write_brief(xml: &mut Xml, world: &World, user: &User) {
    xml.text("Path", &user.path).text("UserName", &user.name).text("UserId", &user.id);
    xml.text("Arn", user.arn(&world.account)).text("CreateDate", time(user.created));
}

#[cfg(test)]
mod tests {
    use aws_sdk_iam::types::Tag;

    use crate::sandbox::testbed::{Bed, allow, refused};

    #[tokio::test]
    async fn a_user_is_created_read_moved_and_deleted() {
        let bed = Bed::new().await;
        let bound = bed.policy("bound").await;
        let tag = Tag::builder().key("team").value("a").build().unwrap();
        let call = bed.iam().create_user().user_name("ana").path("/a/").permissions_boundary(&bound).tags(tag.clone());
        let made = call.send().await.unwrap().user.unwrap();
        let get = || async { bed.iam().get_user().user_name("ana").send().await.unwrap().user.unwrap() };
        assert_eq!(get().await, made);
        assert_eq!((made.arn(), made.tags()), ("arn:aws:iam::123456789012:user/a/ana", &[tag][..]));
        assert!(made.user_id().starts_with("AIDA") && made.permissions_boundary().is_some());
        let entities = bed.iam().list_entities_for_policy().policy_arn(&bound).send().await.unwrap();
        assert_eq!(entities.policy_users()[0].user_name(), Some("ana"));
        bed.iam().delete_user_permissions_boundary().user_name("ana").send().await.unwrap();
        bed.iam().update_user().user_name("ana").new_path("/b/").send().await.unwrap();
        bed.iam().untag_user().user_name("ana").tag_keys("team").send().await.unwrap();
        assert_eq!(
            (get().await.path(), get().await.tags(), get().await.permissions_boundary()),
            ("/b/", &[][..], None)
        );
        assert_eq!(refused(bed.iam().create_user().user_name("ANA").send().await).0, "EntityAlreadyExists");
        bed.iam().delete_user().user_name("ana").send().await.unwrap();
        let gone = ("NoSuchEntity".to_owned(), "The user with name ana cannot be found.".to_owned());
        assert_eq!(refused(bed.iam().get_user().user_name("ana").send().await), gone);
    }

    #[tokio::test]
    async fn a_user_that_has_something_stays() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("users")).unwrap();
        let user = r#"{"mfa_devices": ["arn:aws:iam::123456789012:mfa/ana"], "ssh_public_keys": ["APKA1"],
            "signing_certificates": ["C1"], "service_credentials": {"ACCA1": "codecommit.amazonaws.com"}}"#;
        std::fs::write(dir.path().join("users/ana.json"), user).unwrap();
        let bed = Bed::over(dir, "").await;
        let iam = bed.iam();
        let conflict = || async { refused(iam.delete_user().user_name("ana").send().await) };
        assert_eq!(conflict().await.1, "Cannot delete entity, must delete MFA device first.");
        assert_eq!(iam.list_mfa_devices().user_name("ana").send().await.unwrap().mfa_devices().len(), 1);
        assert_eq!(iam.list_ssh_public_keys().user_name("ana").send().await.unwrap().ssh_public_keys().len(), 1);
        assert_eq!(iam.list_signing_certificates().user_name("ana").send().await.unwrap().certificates().len(), 1);
        let credentials = iam.list_service_specific_credentials().user_name("ana").send().await.unwrap();
        assert_eq!(credentials.service_specific_credentials()[0].service_name(), "codecommit.amazonaws.com");
        iam.create_login_profile().user_name("ana").password("secret").send().await.unwrap();
        assert_eq!(conflict().await.1, "Cannot delete entity, must delete login profile first.");
        iam.delete_login_profile().user_name("ana").send().await.unwrap();
        assert_eq!(refused(iam.get_login_profile().user_name("ana").send().await).0, "NoSuchEntity");
        let key = iam.create_access_key().user_name("ana").send().await.unwrap().access_key.unwrap();
        assert!(key.access_key_id().starts_with("AKIA") && key.secret_access_key().len() == 40, "{key:?}");
        let file = std::fs::read_to_string(bed.file("users/ana.json")).unwrap();
        assert!(file.contains(key.access_key_id()) && !file.contains(key.secret_access_key()), "{file}");
        iam.create_access_key().user_name("ana").send().await.unwrap();
        let third = refused(iam.create_access_key().user_name("ana").send().await);
        assert_eq!(third, ("LimitExceeded".into(), "Cannot exceed quota for AccessKeysPerUser: 2".into()));
        iam.delete_access_key().user_name("ana").access_key_id(key.access_key_id()).send().await.unwrap();
        assert_eq!(iam.list_access_keys().user_name("ana").send().await.unwrap().access_key_metadata().len(), 1);
    }

    #[tokio::test]
    async fn inline_policies_of_a_user_share_2048_characters() {
        let bed = Bed::new().await;
        bed.iam().create_user().user_name("ana").send().await.unwrap();
        let put = |name: &str, length: usize| {
            let call = bed.iam().put_user_policy().user_name("ana").policy_name(name);
            call.policy_document(allow(&format!("s3:{}", "x".repeat(length))).to_string()).send()
        };
        put("a", 900).await.unwrap();
        put("b", 800).await.unwrap();
        let message = "Maximum policy size of 2048 bytes exceeded for user ana".to_owned();
        assert_eq!(refused(put("c", 200).await), ("LimitExceeded".to_owned(), message));
        let absent = bed.iam().get_user_policy().user_name("ana").policy_name("c").send().await;
        assert_eq!(refused(absent).1, "The user policy with name c cannot be found.");
    }
}
