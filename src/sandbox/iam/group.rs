//! Groups, and who is in them.

use super::lists::Page;
use super::owner::{self, Owner};
use super::role::time;
use super::{Answer, Call, account, names, user};
use crate::policy::limits;
use crate::sandbox::answer::Refusal;
use crate::sandbox::table::Use;
use crate::sandbox::world::{Group, User, World};
use crate::sandbox::xml::Xml;

pub fn create(call: &mut Call) -> Answer {
    let name = names::name(call.request, Group::PARAMETER, Group::LONGEST)?;
    let path = names::path(call.request)?;
    if call.world.groups.is_taken(name) {
        return Err(Refusal::exists(format!("Group with name {name} already exists.")));
    }
    account::room(call.world, "Groups", call.world.groups.len())?;
    let group = Group {
        name: name.to_owned(),
        path: path.to_owned(),
        id: call.new_id::<Group>(),
        created: call.now,
        policies: Default::default(),
        inline: Default::default(),
    };
    call.world.groups.insert(group);
    let group = owner::existing::<Group>(call)?;
    let mut xml = Xml::default();
    xml.node("Group", |xml| write(xml, call.world, group));
    Ok(xml)
}

/// Answers with the group and a page of those who are in it.
pub fn get(call: &mut Call) -> Answer {
    let group = owner::existing::<Group>(call)?;
    let inside = Use::Member(group.name.clone());
    let members = call.world.users.users(&inside);
    let page = Page::of(call, members.map(|user| (user.name.to_lowercase(), user)))?;
    let mut xml = Xml::default();
    xml.node("Group", |xml| write(xml, call.world, group));
    xml.append(&page.answer("Users", |xml, member| user::write_brief(xml, call.world, member)).finish());
    Ok(xml)
}

pub fn list(call: &mut Call) -> Answer {
    let prefix = names::path_prefix(call.request)?;
    let groups = call.world.groups.after(call.request.get("Marker"));
    let page = Page::of(call, groups.filter(|(_, group)| group.path.starts_with(prefix)))?;
    Ok(page.answer("Groups", |xml, group| write(xml, call.world, group)))
}

pub fn list_for_user(call: &mut Call) -> Answer {
    let user = owner::existing::<User>(call)?;
    let groups = user.groups.iter().filter_map(|name| call.world.groups.get(name));
    let page = Page::of(call, groups.map(|group| (group.name.clone(), group)))?;
    Ok(page.answer("Groups", |xml, group| write(xml, call.world, group)))
}

/// Only the path: a group of another name would be in the files of all who are in it.
pub fn update(call: &mut Call) -> Answer {
    let name = owner::existing::<Group>(call)?.name.clone();
    let path = names::new_path(call.request, "NewGroupName")?.map(str::to_owned);
    call.world.groups.edit(&name, |group| group.path = path.unwrap_or_else(|| group.path.clone()));
    Ok(Xml::default())
}

/// Adding who is in already is no error and no change.
pub fn add_user(call: &mut Call) -> Answer {
    let group = owner::existing::<Group>(call)?.name.clone();
    let user = owner::existing::<User>(call)?;
    let quota = call.world.account.quota("GroupsPerUserQuota");
    if !user.groups.contains(&group) && user.groups.len() >= quota {
        return Err(Refusal::limit(limits::quota("GroupsPerUser", quota)));
    }
    let user = user.name.clone();
    call.world.users.edit(&user, |user| {
        user.groups.insert(group);
    });
    Ok(Xml::default())
}

pub fn remove_user(call: &mut Call) -> Answer {
    let group = owner::existing::<Group>(call)?.name.clone();
    let user = owner::existing::<User>(call)?;
    if !user.groups.contains(&group) {
        return Err(Refusal::absent(format!("User {} is not in group {group}.", user.name)));
    }
    let user = user.name.clone();
    call.world.users.edit(&user, |user| {
        user.groups.remove(&group);
    });
    Ok(Xml::default())
}

pub fn delete(call: &mut Call) -> Answer {
    let group = owner::existing::<Group>(call)?;
    if call.world.users.users(&Use::Member(group.name.clone())).next().is_some() {
        return Err(Refusal::conflict("Cannot delete entity, must remove users from group first."));
    }
    owner::without_policies(group)?;
    let name = group.name.clone();
    call.world.groups.remove(&name);
    Ok(Xml::default())
}

pub fn write(xml: &mut Xml, world: &World, group: &Group) {
    xml.text("Path", &group.path).text("GroupName", &group.name).text("GroupId", &group.id);
    xml.text("Arn", group.arn(&world.account)).text("CreateDate", time(group.created));
}

#[cfg(test)]
mod tests {
    use crate::sandbox::testbed::{Bed, allow, refused};

    async fn furnished(faults: &str) -> Bed {
        let bed = Bed::with(faults).await;
        bed.iam().create_group().group_name("ops").path("/a/").send().await.unwrap();
        for name in ["ana", "Bo", "cy"] {
            bed.iam().create_user().user_name(name).send().await.unwrap();
            bed.iam().add_user_to_group().user_name(name).group_name("ops").send().await.unwrap();
        }
        bed
    }

    #[tokio::test]
    async fn who_is_in_a_group_comes_in_pages() {
        let bed = furnished("page=2").await;
        let mut pages = bed.iam().get_group().group_name("ops").into_paginator().send();
        let mut names = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.unwrap();
            assert_eq!(page.group().unwrap().arn(), "arn:aws:iam::123456789012:group/a/ops");
            names.push(page.users().iter().map(|user| user.user_name().to_owned()).collect::<Vec<_>>());
        }
        assert_eq!(names, [vec!["ana", "Bo"], vec!["cy"]]);
        let groups = bed.iam().list_groups_for_user().user_name("ana").send().await.unwrap().groups;
        assert_eq!(groups.iter().map(|group| group.group_name()).collect::<Vec<_>>(), ["ops"]);
    }

    #[tokio::test]
    async fn a_group_that_holds_something_stays() {
        let bed = furnished("").await;
        let delete = || bed.iam().delete_group().group_name("ops").send();
        let conflict = |message: &str| ("DeleteConflict".to_owned(), message.to_owned());
        assert_eq!(refused(delete().await), conflict("Cannot delete entity, must remove users from group first."));
        for name in ["ana", "Bo", "cy"] {
            bed.iam().remove_user_from_group().user_name(name).group_name("ops").send().await.unwrap();
        }
        let again = bed.iam().remove_user_from_group().user_name("ana").group_name("ops").send().await;
        assert_eq!(refused(again).0, "NoSuchEntity");
        let put = bed.iam().put_group_policy().group_name("ops").policy_name("p");
        put.policy_document(allow("s3:*").to_string()).send().await.unwrap();
        assert_eq!(refused(delete().await), conflict("Cannot delete entity, must delete policies first."));
        bed.iam().delete_group_policy().group_name("ops").policy_name("p").send().await.unwrap();
        bed.iam().update_group().group_name("ops").new_path("/b/").send().await.unwrap();
        delete().await.unwrap();
        let gone = ("NoSuchEntity".to_owned(), "The group with name ops cannot be found.".to_owned());
        assert_eq!(refused(delete().await), gone);
    }

    #[tokio::test]
    async fn a_user_is_in_ten_groups_at_most() {
        let bed = Bed::new().await;
        bed.iam().create_user().user_name("ana").send().await.unwrap();
        for n in 0..11 {
            let name = format!("g{n}");
            bed.iam().create_group().group_name(&name).send().await.unwrap();
            let added = bed.iam().add_user_to_group().user_name("ana").group_name(&name).send().await;
            if n < 10 {
                added.unwrap();
                continue;
            }
            let message = "Cannot exceed quota for GroupsPerUser: 10".to_owned();
            assert_eq!(refused(added), ("LimitExceeded".to_owned(), message));
        }
    }
}
