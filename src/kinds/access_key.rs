//! Access keys of users. AWS names a key when it makes it and tells its secret once, so the manifest has a label
//! for it: the object goes by `USER/LABEL`, and which key that is the record says (`model/issued.rs`).

use async_trait::async_trait;
use aws_sdk_iam::types::{AccessKeyLastUsed, AccessKeyMetadata, StatusType};

use super::{Hanging, Kind, LastUse, Made, Most, Needed, Spec, text, user};
use crate::cloud::{Cloud, time};
use crate::error::{Error, Result};
use crate::manifest::{Declared, KeyWish};
use crate::model::issued::{self, DELIVER_TO, DELIVERED, INSTEAD_OF, KEY_ID, NEXT, ON_AGAIN, PREVIOUS, STATUS, UNTIL};
use crate::model::schema::{Field, Holds, OnChange, Schema};
use crate::model::{Account, Attributes, Live, ObjectId, Resource};
use crate::policy::limits;
use crate::secret::Secret;

pub struct AccessKey;

pub const KIND: &str = "access_key";

const OTHER: OnChange = OnChange::Replace("a key of another user, or under another label, is another one");

static SCHEMA: Schema = Schema {
    kind: KIND,
    fields: &[
        Field { name: "user", holds: Holds::Text, on_change: OTHER },
        Field { name: "name", holds: Holds::Text, on_change: OTHER },
        Field { name: KEY_ID, holds: Holds::Text, on_change: OnChange::Noted },
        Field { name: STATUS, holds: Holds::Text, on_change: OnChange::Update },
        Field { name: DELIVER_TO, holds: Holds::Text, on_change: OnChange::Update },
        Field { name: issued::MOVES_TO, holds: Holds::Text, on_change: OnChange::Noted },
        Field {
            name: DELIVERED,
            holds: Holds::Text,
            on_change: OnChange::Replace("it was made and never handed over: AWS tells its secret only once"),
        },
        Field { name: PREVIOUS, holds: Holds::Text, on_change: OnChange::Noted },
        Field { name: issued::OFF_SINCE, holds: Holds::Text, on_change: OnChange::Noted },
        Field { name: UNTIL, holds: Holds::Text, on_change: OnChange::Noted },
        Field { name: ON_AGAIN, holds: Holds::Text, on_change: OnChange::Update },
        Field { name: NEXT, holds: Holds::Text, on_change: OnChange::Update },
        Field { name: issued::ASKED, holds: Holds::Text, on_change: OnChange::Noted },
        Field { name: INSTEAD_OF, holds: Holds::Text, on_change: OnChange::Noted },
    ],
    taggable: false,
    reads: &["iam:ListAccessKeys", "iam:GetAccessKeyLastUsed"],
    writes: &["iam:CreateAccessKey", "iam:UpdateAccessKey", "iam:DeleteAccessKey"],
    counted: None,
    section: None,
};

/// Returns the id of the key under this label, or of the one that AWS names so and no label stands for.
pub fn id_of(user: &str, label: &str) -> ObjectId {
    ObjectId::new(KIND, format!("{user}/{label}"))
}

/// Returns the resource that one entry of a user's `access_keys` asks for.
pub fn declared(entry: &Declared, user: &str, key: &KeyWish) -> Resource {
    let wanted = Attributes::from([
        ("user", user.into()),
        ("name", key.label.as_str().into()),
        (STATUS, issued::ACTIVE.into()),
        (DELIVER_TO, key.deliver_to.as_str().into()),
        (DELIVERED, issued::YES.into()),
    ]);
    entry.hanging(["access_keys", &key.label], key.place, id_of(user, &key.label), wanted)
}

/// A key as AWS tells of it: whose label it has is not in it.
fn live(key: &AccessKeyMetadata) -> Option<Live> {
    let (user, id) = (key.user_name()?, key.access_key_id()?);
    let status = key.status().map_or_else(String::new, |status| status.as_str().to_owned());
    let attributes =
        Attributes::from([("user", user.into()), ("name", id.into()), (KEY_ID, id.into()), (STATUS, status.into())]);
    let created = key.create_date().map(time);
    Some(Live { id: id_of(user, id), attributes, aws_id: Some(id.to_owned()), created })
}

/// Switches a key on or off.
async fn set_status(cloud: &Cloud, user: &str, key: &str, status: &str) -> Result<()> {
    let call = cloud.iam.update_access_key().user_name(user).access_key_id(key).status(StatusType::from(status));
    cloud.call("UpdateAccessKey", key, call.send()).await?;
    Ok(())
}

async fn remove(cloud: &Cloud, user: &str, key: &str) -> Result<()> {
    let call = cloud.iam.delete_access_key().user_name(user).access_key_id(key);
    Ok(cloud.remove("DeleteAccessKey", key, call.send()).await?)
}

/// Makes a key. The call is made once: one more would make a second key.
async fn make(cloud: &Cloud, user: &str) -> Result<(String, Secret)> {
    let call = |once| cloud.iam.create_access_key().user_name(user).customize().config_override(once).send();
    let made = cloud.call_once("CreateAccessKey", user, call).await?;
    let key = made.access_key.ok_or_else(|| Error::failed(format!("CreateAccessKey {user}: AWS told no key")))?;
    Ok((key.access_key_id, Secret::new(key.secret_access_key)))
}

/// Says whether a user has this key. An error while IAM does not know the user: what was made a moment ago is not
/// taken for absent.
async fn has(cloud: &Cloud, user: &str, key: &str) -> Result<bool> {
    let mut marker = None;
    loop {
        let call = cloud.iam.list_access_keys().user_name(user).set_marker(marker);
        let page = cloud.call("ListAccessKeys", user, call.send()).await?;
        if page.access_key_metadata().iter().any(|held| held.access_key_id() == Some(key)) {
            return Ok(true);
        }
        if !page.is_truncated() {
            return Ok(false);
        }
        marker = page.marker;
    }
}

fn user_of(attributes: &Attributes) -> &str {
    text(attributes, "user").unwrap_or_default()
}

impl Spec for AccessKey {
    fn schema(&self) -> &'static Schema {
        &SCHEMA
    }

    fn id(&self, _: &Account, attributes: &Attributes) -> ObjectId {
        id_of(user_of(attributes), text(attributes, "name").unwrap_or_default())
    }

    fn refers(&self, _: &Account, attributes: &Attributes) -> Vec<Needed> {
        vec![Needed::held(user::id_of(user_of(attributes)))]
    }

    fn most(&self) -> Option<Most> {
        Some(Most { usual: limits::ACCESS_KEYS_OF_USER, figure: "AccessKeysPerUserQuota" })
    }

    fn is_issued(&self) -> bool {
        true
    }

    fn credential_of(&self) -> Option<&'static str> {
        Some(user::KIND)
    }

    fn by_hand(&self, attributes: &Attributes) -> Option<String> {
        let (user, key) = (user_of(attributes), text(attributes, KEY_ID)?);
        Some(format!("aws iam delete-access-key --user-name {user} --access-key-id {key}"))
    }

    fn hangs_on(&self, attributes: &Attributes) -> Option<Hanging> {
        let label = text(attributes, "name").unwrap_or_default();
        let segments = vec!["access_keys".to_owned(), label.to_owned()];
        Some(Hanging { owner: user::id_of(user_of(attributes)), segments, keep: Some(user::CREDENTIALS) })
    }
}

#[async_trait]
impl Kind for AccessKey {
    /// Reads all keys of the user of this name.
    async fn read(&self, cloud: &Cloud, user: &str) -> Result<Vec<Live>> {
        let pages = cloud.iam.list_access_keys().user_name(user).into_paginator().send();
        let keys = cloud.all("ListAccessKeys", user, pages, |page| page.access_key_metadata).await?;
        Ok(keys.iter().filter_map(live).collect())
    }

    async fn create(&self, cloud: &Cloud, wanted: &Attributes) -> Result<Made> {
        let user = user_of(wanted);
        // The plan may come from a read that lagged behind, and one more key would be one that nobody looks for.
        if let Some(before) = text(wanted, KEY_ID)
            && has(cloud, user, before).await?
        {
            return Err(Error::refused(format!(
                "{user} has the key {before} after all: IAM said before that it was gone"
            ))
            .hint("plan again"));
        }
        let (id, secret) = make(cloud, user).await?;
        let noted = Attributes::from([(KEY_ID, id.as_str().into())]);
        Ok(Made { aws_id: Some(id), noted, secret: Some(secret) })
    }

    /// Where the secret goes is the next one's business: the one that is there was told already.
    async fn converge(&self, cloud: &Cloud, live: &Attributes, wanted: &Attributes) -> Result<()> {
        let (user, key) = (user_of(live), text(live, KEY_ID).unwrap_or_default());
        if let Some(unproven) = text(live, NEXT).filter(|next| text(wanted, NEXT) != Some(next)) {
            remove(cloud, user, unproven).await?;
        }
        if let Some(again) = text(live, ON_AGAIN).filter(|_| !wanted.contains_key(ON_AGAIN)) {
            set_status(cloud, user, again, issued::INACTIVE).await?;
        }
        match text(wanted, STATUS).filter(|status| text(live, STATUS) != Some(status)) {
            Some(status) => set_status(cloud, user, key, status).await,
            None => Ok(()),
        }
    }

    /// The ones beside it go with it.
    async fn delete(&self, cloud: &Cloud, live: &Attributes) -> Result<()> {
        let user = user_of(live);
        for key in [NEXT, PREVIOUS, KEY_ID].into_iter().filter_map(|field| text(live, field)) {
            remove(cloud, user, key).await?;
        }
        Ok(())
    }

    async fn last_used(&self, cloud: &Cloud, key: &str) -> Result<Option<LastUse>> {
        let call = cloud.iam.get_access_key_last_used().access_key_id(key).send();
        let answer = cloud.get("GetAccessKeyLastUsed", key, call).await?;
        let used = answer.as_ref().and_then(|answer| answer.access_key_last_used());
        let told = |used: &AccessKeyLastUsed| {
            let how = format!("by {} in {}", used.service_name(), used.region());
            Some(LastUse { at: time(used.last_used_date()?), how })
        };
        Ok(used.and_then(told))
    }
}
