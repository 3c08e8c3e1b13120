//! Passwords of users. No manifest asks for one: a person is to sign in with an identity of their own. One that
//! somebody gave to a user of ours is found, told, and left alone. It goes by the user's name.

use async_trait::async_trait;

use super::{Hanging, Kind, Made, Needed, Spec, text, user};
use crate::cloud::{Cloud, time};
use crate::error::{Error, Result};
use crate::model::schema::{Field, Holds, OnChange, Schema};
use crate::model::{Account, Attributes, Live, ObjectId};

pub struct LoginProfile;

pub const KIND: &str = "login_profile";

static SCHEMA: Schema = Schema {
    kind: KIND,
    fields: &[Field {
        name: "user",
        holds: Holds::Text,
        on_change: OnChange::Replace("a password of another user is another one"),
    }],
    taggable: false,
    reads: &["iam:GetLoginProfile"],
    writes: &[],
    counted: None,
    section: None,
};

fn user_of(attributes: &Attributes) -> &str {
    text(attributes, "user").unwrap_or_default()
}

impl Spec for LoginProfile {
    fn schema(&self) -> &'static Schema {
        &SCHEMA
    }

    fn id(&self, _: &Account, attributes: &Attributes) -> ObjectId {
        ObjectId::new(KIND, user_of(attributes))
    }

    fn refers(&self, _: &Account, attributes: &Attributes) -> Vec<Needed> {
        vec![Needed::held(user::id_of(user_of(attributes)))]
    }

    fn credential_of(&self) -> Option<&'static str> {
        Some(user::KIND)
    }

    fn by_hand(&self, attributes: &Attributes) -> Option<String> {
        Some(format!("aws iam delete-login-profile --user-name {}", user_of(attributes)))
    }

    fn hangs_on(&self, attributes: &Attributes) -> Option<Hanging> {
        let segments = vec!["password".to_owned()];
        Some(Hanging { owner: user::id_of(user_of(attributes)), segments, keep: Some(user::CREDENTIALS) })
    }
}

#[async_trait]
impl Kind for LoginProfile {
    /// Reads whether the user of this name has a password.
    async fn read(&self, cloud: &Cloud, user: &str) -> Result<Vec<Live>> {
        let found = cloud.get("GetLoginProfile", user, cloud.iam.get_login_profile().user_name(user).send()).await?;
        let profile = found.and_then(|found| found.login_profile);
        let live = |created| Live {
            id: ObjectId::new(KIND, user),
            aws_id: None,
            attributes: Attributes::from([("user", user.into())]),
            created: Some(created),
        };
        Ok(profile.map(|profile| live(time(&profile.create_date))).into_iter().collect())
    }

    async fn create(&self, _: &Cloud, wanted: &Attributes) -> Result<Made> {
        Err(Error::failed(format!("{}: a password is made by a person", user_of(wanted))))
    }

    async fn converge(&self, _: &Cloud, _: &Attributes, _: &Attributes) -> Result<()> {
        Ok(())
    }

    async fn delete(&self, cloud: &Cloud, live: &Attributes) -> Result<()> {
        let user = user_of(live);
        let call = cloud.iam.delete_login_profile().user_name(user);
        Ok(cloud.remove("DeleteLoginProfile", user, call.send()).await?)
    }
}
