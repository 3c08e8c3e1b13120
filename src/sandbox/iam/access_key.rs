//! Access keys of users: two at most, each with a secret that is told once.

use super::lists::Page;
use super::role::time;
use super::{Answer, Call, owner};
use crate::policy::limits;
use crate::sandbox::answer::Refusal;
use crate::sandbox::ids;
use crate::sandbox::world::{AccessKey, User, World};
use crate::sandbox::xml::Xml;

/// The secret is in the answer and nowhere else.
pub fn create(call: &mut Call) -> Answer {
    let user = owner::existing::<User>(call)?;
    let quota = call.world.account.quota("AccessKeysPerUserQuota");
    if user.access_keys.len() >= quota {
        return Err(Refusal::limit(limits::quota("AccessKeysPerUser", quota)));
    }
    let id = ids::of_write("AKIA", &call.world.account.id, call.number)[..20].to_owned();
    let secret: String = ids::of_name("", &id, &call.now.to_string()).chars().cycle().take(40).collect();
    let (name, now) = (user.name.clone(), call.now);
    let key = AccessKey { created: now, active: true, last_used: None };
    call.world.users.edit(&name, |user| {
        user.access_keys.insert(id.clone(), key);
    });
    let mut xml = Xml::default();
    xml.node("AccessKey", |xml| {
        xml.text("UserName", name).text("AccessKeyId", id).text("Status", "Active");
        xml.text("SecretAccessKey", secret).text("CreateDate", time(now));
    });
    Ok(xml)
}

pub fn list(call: &mut Call) -> Answer {
    let user = owner::existing::<User>(call)?;
    let mut keys: Vec<_> = user.access_keys.iter().map(|(id, key)| (id.clone(), (id, key))).collect();
    keys.sort_by(|(id, _), (other, _)| id.cmp(other));
    let page = Page::of(call, keys.into_iter())?;
    Ok(page.answer("AccessKeyMetadata", |xml, (id, key)| {
        let status = if key.active { "Active" } else { "Inactive" };
        xml.text("UserName", &user.name).text("AccessKeyId", id).text("Status", status);
        xml.text("CreateDate", time(key.created));
    }))
}

pub fn update(call: &mut Call) -> Answer {
    let (name, id) = named(call)?;
    let active = match call.request.required("Status")? {
        "Active" => true,
        "Inactive" => false,
        other => {
            let constraint = "Member must satisfy enum value set: [Active, Inactive]";
            return Err(Refusal::constraint(Some(other), "Status", constraint));
        }
    };
    call.world.users.edit(&name, |user| {
        if let Some(key) = user.access_keys.get_mut(&id) {
            key.active = active;
        }
    });
    Ok(Xml::default())
}

/// A key that was never used has neither service nor region: `N/A`.
pub fn last_used(call: &mut Call) -> Answer {
    let id = call.request.required("AccessKeyId")?;
    let Some((user, key)) = of_id(call.world, id) else { return Err(absent(id)) };
    let mut xml = Xml::default();
    xml.text("UserName", &user.name);
    xml.node("AccessKeyLastUsed", |xml| match &key.last_used {
        Some(used) => {
            xml.text("LastUsedDate", time(used.date)).text("ServiceName", &used.service).text("Region", &used.region);
        }
        None => {
            xml.text("ServiceName", "N/A").text("Region", "N/A");
        }
    });
    Ok(xml)
}

pub fn delete(call: &mut Call) -> Answer {
    let (name, id) = named(call)?;
    call.world.users.edit(&name, |user| {
        user.access_keys.shift_remove(&id);
    });
    Ok(Xml::default())
}

/// Returns the user and the id of the key that a call is about.
fn named(call: &Call) -> Result<(String, String), Refusal> {
    let user = owner::existing::<User>(call)?;
    let id = call.request.required("AccessKeyId")?;
    if user.access_keys.contains_key(id) { Ok((user.name.clone(), id.to_owned())) } else { Err(absent(id)) }
}

fn absent(id: &str) -> Refusal {
    Refusal::absent(format!("The Access Key with id {id} cannot be found."))
}

/// Finds a key and whose it is.
pub fn of_id<'a>(world: &'a World, id: &str) -> Option<(&'a User, &'a AccessKey)> {
    world.users.iter().find_map(|user| Some((user, user.access_keys.get(id)?)))
}

/// Says whether an id looks like those that this account gives.
pub fn is_of(account: &str, id: &str) -> bool {
    let length = "AKIA".len() + 8;
    id.len() == 20 && id.get(..length) == ids::of_write("AKIA", account, 0).get(..length)
}
