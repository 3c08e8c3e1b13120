//! `GetAccountAuthorizationDetails`: everything in one list, users first, then groups, roles and policies.

use super::lists::Page;
use super::owner::Owner;
use super::policy::Found;
use super::{Answer, Call, boundary, document, group, policy, policy_version, role, tags, user};
use crate::sandbox::answer::Refusal;
use crate::sandbox::request::Request;
use crate::sandbox::table::Use;
use crate::sandbox::world::{Group, Role, User, World};
use crate::sandbox::xml::Xml;

const FILTERS: [&str; 5] = ["User", "Role", "Group", "LocalManagedPolicy", "AWSManagedPolicy"];

enum Detail<'a> {
    User(&'a User),
    Group(&'a Group),
    Role(&'a Role),
    Policy(Found<'a>),
}

pub fn get(call: &mut Call) -> Answer {
    let wanted = filters(call.request)?;
    let world = &*call.world;
    let users = world.users.iter().filter(|_| wanted("User"));
    let users = users.map(|user| (format!("0:{}", user.name.to_lowercase()), Detail::User(user)));
    let groups = world.groups.iter().filter(|_| wanted("Group"));
    let groups = groups.map(|group| (format!("1:{}", group.name.to_lowercase()), Detail::Group(group)));
    let roles = world.roles.iter().filter(|_| wanted("Role"));
    let roles = roles.map(|role| (format!("2:{}", role.name.to_lowercase()), Detail::Role(role)));
    let own = world.policies.iter().filter(|_| wanted("LocalManagedPolicy"));
    let own = own.map(|policy| (format!("3:{}", policy.name.to_lowercase()), Detail::Policy(Found::Own(policy))));
    let of_aws = policy::of_aws_in_use(world).into_iter().filter(|_| wanted("AWSManagedPolicy"));
    let of_aws = of_aws.map(|(arn, found)| (format!("4:{arn}"), Detail::Policy(found)));
    let page = Page::of(call, users.chain(groups).chain(roles).chain(own).chain(of_aws))?;
    let (items, marker) = page.into_parts();
    let mut xml = Xml::default();
    for list in ["UserDetailList", "GroupDetailList", "RoleDetailList", "Policies"] {
        xml.list(list, items.iter().filter(|item| item.list() == list), |xml, item| write(xml, world, item));
    }
    xml.text("IsTruncated", marker.is_some()).maybe("Marker", marker);
    Ok(xml)
}

/// Returns whether a type is asked for; no filter asks for all.
fn filters(request: &Request) -> Result<impl Fn(&str) -> bool, Refusal> {
    let filters = request.texts("Filter");
    if let Some(other) = filters.iter().find(|filter| !FILTERS.contains(filter)) {
        let why = "Member must satisfy enum value set: [User, Role, Group, LocalManagedPolicy, AWSManagedPolicy]";
        return Err(Refusal::constraint(Some(other), "filter", why));
    }
    Ok(move |of_type: &str| filters.is_empty() || filters.contains(&of_type))
}

impl Detail<'_> {
    /// Returns the list of the answer that it is in.
    fn list(&self) -> &'static str {
        match self {
            Detail::User(_) => "UserDetailList",
            Detail::Group(_) => "GroupDetailList",
            Detail::Role(_) => "RoleDetailList",
            Detail::Policy(_) => "Policies",
        }
    }
}

fn write(xml: &mut Xml, world: &World, item: &Detail) {
    match item {
        Detail::User(user) => write_user(xml, world, user),
        Detail::Group(group) => {
            group::write(xml, world, group);
            write_policies(xml, *group);
        }
        Detail::Role(role) => write_role(xml, world, role),
        Detail::Policy(found) => {
            policy::write_brief(xml, world, found);
            xml.list("PolicyVersionList", policy_version::all(found), |xml, version| {
                xml.text("Document", document::encode(&version.document));
                version.write(xml);
            });
        }
    }
}

/// Neither description nor longest session: AWS leaves both out here.
fn write_role(xml: &mut Xml, world: &World, role: &Role) {
    role::write_identity(xml, world, role);
    let inside = Use::Role(role.name.clone());
    let profiles = world.profiles.users(&inside);
    xml.list("InstanceProfileList", profiles, |xml, profile| super::instance_profile::write(xml, world, profile));
    write_policies(xml, role);
    boundary::write(xml, role.boundary.as_deref());
    tags::write(xml, &role.tags);
    role::write_last_used(xml, role);
}

fn write_user(xml: &mut Xml, world: &World, user: &User) {
    user::write_brief(xml, world, user);
    write_policies(xml, user);
    xml.node("GroupList", |xml| {
        for group in &user.groups {
            xml.text("member", group);
        }
    });
    boundary::write(xml, user.boundary.as_deref());
    tags::write(xml, &user.tags);
}

fn write_policies<T: Owner>(xml: &mut Xml, owner: &T) {
    xml.list(&format!("{}PolicyList", T::title()), owner.inline(), |xml, (name, json)| {
        xml.text("PolicyName", name).text("PolicyDocument", document::encode(json));
    });
    xml.list("AttachedManagedPolicies", owner.policies(), |xml, arn| {
        xml.text("PolicyName", policy::name_in(arn)).text("PolicyArn", arn);
    });
}

#[cfg(test)]
mod tests {
    use aws_sdk_iam::types::{EntityType, Tag};
    use percent_encoding::percent_decode_str;

    use crate::sandbox::testbed::{Bed, allow, refused, trust};

    async fn furnished(faults: &str) -> Bed {
        let bed = Bed::with(faults).await;
        let own = bed.policy("reads").await;
        bed.policy("spare").await;
        let call = bed.iam().create_policy_version().policy_arn(&own).policy_document(allow("s3:Put*").to_string());
        call.set_as_default(true).send().await.unwrap();
        let tag = Tag::builder().key("team").value("a").build().unwrap();
        let role = bed.iam().create_role().role_name("head").description("d").tags(tag).permissions_boundary(&own);
        role.assume_role_policy_document(trust("ec2").to_string()).send().await.unwrap();
        bed.role("other").await;
        for arn in [own.as_str(), "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"] {
            bed.iam().attach_role_policy().role_name("head").policy_arn(arn).send().await.unwrap();
        }
        let put = bed.iam().put_role_policy().role_name("head").policy_name("logs");
        put.policy_document(allow("logs:*").to_string()).send().await.unwrap();
        bed.iam().create_instance_profile().instance_profile_name("nodes").send().await.unwrap();
        let add = bed.iam().add_role_to_instance_profile().instance_profile_name("nodes").role_name("head");
        add.send().await.unwrap();
        bed
    }

    #[tokio::test]
    async fn everything_is_there_with_its_documents() {
        let bed = furnished("").await;
        let all = bed.iam().get_account_authorization_details().send().await.unwrap();
        let [head, other] = all.role_detail_list() else { panic!("{all:?}") };
        assert_eq!((head.role_name(), other.role_name()), (Some("head"), Some("other")));
        let decoded = |text: Option<&str>| percent_decode_str(text.unwrap()).decode_utf8().unwrap().into_owned();
        assert_eq!(decoded(head.assume_role_policy_document()), trust("ec2").to_string());
        let [logs] = head.role_policy_list() else { panic!("{head:?}") };
        assert_eq!((logs.policy_name(), decoded(logs.policy_document())), (Some("logs"), allow("logs:*").to_string()));
        assert_eq!(head.attached_managed_policies().len(), 2);
        assert_eq!(head.instance_profile_list()[0].instance_profile_name(), "nodes");
        assert_eq!(head.tags()[0].key(), "team");
        assert!(head.permissions_boundary().is_some() && head.role_last_used().is_some());
        let names: Vec<_> = all.policies().iter().filter_map(|policy| policy.policy_name()).collect();
        assert_eq!(names, ["reads", "spare", "AmazonSSMManagedInstanceCore"]);
        let versions = all.policies()[0].policy_version_list();
        assert_eq!(versions.iter().filter_map(|version| version.version_id()).collect::<Vec<_>>(), ["v2", "v1"]);
        assert!(versions[0].is_default_version());
        assert_eq!(decoded(versions[0].document()), allow("s3:Put*").to_string());
    }

    #[tokio::test]
    async fn types_are_filtered_and_pages_go_on_across_them() {
        let bed = furnished("page=2").await;
        let get = |filter: EntityType| bed.iam().get_account_authorization_details().filter(filter).send();
        let roles = get(EntityType::Role).await.unwrap();
        assert_eq!((roles.role_detail_list().len(), roles.policies().len(), roles.is_truncated()), (2, 0, false));
        let of_aws = get(EntityType::AwsManagedPolicy).await.unwrap();
        assert_eq!((of_aws.role_detail_list().len(), of_aws.policies().len()), (0, 1));
        bed.iam().create_group().group_name("ops").send().await.unwrap();
        bed.iam().create_user().user_name("ana").send().await.unwrap();
        bed.iam().add_user_to_group().user_name("ana").group_name("ops").send().await.unwrap();
        let put = bed.iam().put_group_policy().group_name("ops").policy_name("p");
        put.policy_document(allow("s3:*").to_string()).send().await.unwrap();
        let users = get(EntityType::User).await.unwrap();
        assert_eq!(users.user_detail_list()[0].group_list(), ["ops"]);
        let groups = get(EntityType::Group).await.unwrap();
        assert_eq!(groups.group_detail_list()[0].group_policy_list()[0].policy_name(), Some("p"));
        assert_eq!(refused(get(EntityType::from("Robot")).await).0, "ValidationError");
        let mut pages = bed.iam().get_account_authorization_details().into_paginator().send();
        let mut sizes = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.unwrap();
            sizes.push((page.role_detail_list().len(), page.policies().len()));
        }
        assert_eq!(sizes, [(0, 0), (2, 0), (0, 2), (0, 1)]);
    }
}
