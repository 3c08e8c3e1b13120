//! Inline policies of roles, users and groups: a kind for each. They live and die with their owner and go by
//! `OWNER/POLICY`.

use async_trait::async_trait;

use super::owner::Owner;
use super::{Hanging, Kind, Made, Needed, Spec, compact, text};
use crate::cloud::Cloud;
use crate::error::Result;
use crate::manifest::Declared;
use crate::manifest::declared::Inline;
use crate::model::schema::{Field, Holds, OnChange, Schema};
use crate::model::{Account, Attributes, Live, ObjectId, Resource, Value};
use crate::policy::{Document, Host};

pub struct InlinePolicy {
    owner: Owner,
    schema: &'static Schema,
}

const OTHER: OnChange = OnChange::Replace("an inline policy of another name or owner is another policy");
const NAME: Field = Field { name: "name", holds: Holds::Text, on_change: OTHER };

pub static OF_ROLE: InlinePolicy = InlinePolicy {
    owner: Owner::Role,
    schema: &schema(
        "inline_policy",
        &[
            Field { name: "role", holds: Holds::Text, on_change: OTHER },
            NAME,
            Field { name: "document", holds: Holds::Document(Host::InlineRole), on_change: OnChange::Update },
        ],
        &["iam:PutRolePolicy", "iam:DeleteRolePolicy"],
    ),
};

pub static OF_USER: InlinePolicy = InlinePolicy {
    owner: Owner::User,
    schema: &schema(
        "user_inline_policy",
        &[
            Field { name: "user", holds: Holds::Text, on_change: OTHER },
            NAME,
            Field { name: "document", holds: Holds::Document(Host::InlineUser), on_change: OnChange::Update },
        ],
        &["iam:PutUserPolicy", "iam:DeleteUserPolicy"],
    ),
};

pub static OF_GROUP: InlinePolicy = InlinePolicy {
    owner: Owner::Group,
    schema: &schema(
        "group_inline_policy",
        &[
            Field { name: "group", holds: Holds::Text, on_change: OTHER },
            NAME,
            Field { name: "document", holds: Holds::Document(Host::InlineGroup), on_change: OnChange::Update },
        ],
        &["iam:PutGroupPolicy", "iam:DeleteGroupPolicy"],
    ),
};

const fn schema(kind: &'static str, fields: &'static [Field], writes: &'static [&'static str]) -> Schema {
    Schema { kind, fields, taggable: false, reads: &[], writes, counted: None, section: None }
}

/// Returns the kind of inline policies of such an owner.
pub fn of(owner: Owner) -> &'static InlinePolicy {
    match owner {
        Owner::Role => &OF_ROLE,
        Owner::User => &OF_USER,
        Owner::Group => &OF_GROUP,
    }
}

impl InlinePolicy {
    /// Returns the resource that one entry of an owner's `inline` asks for.
    pub fn declared(&self, entry: &Declared, owner: &str, inline: &Inline) -> Resource {
        let wanted = self.attributes(owner, &inline.name, inline.document.clone());
        entry.hanging(["inline", &inline.name], inline.place, self.id_of(owner, &inline.name), wanted)
    }

    /// Returns the policy as AWS holds it.
    pub fn live(&self, owner: &str, name: &str, document: Document) -> Live {
        let (id, attributes) = (self.id_of(owner, name), self.attributes(owner, name, document));
        Live { id, attributes, aws_id: None, created: None }
    }

    fn id_of(&self, owner: &str, name: &str) -> ObjectId {
        ObjectId::new(self.schema.kind, format!("{owner}/{name}"))
    }

    fn attributes(&self, owner: &str, name: &str, document: Document) -> Attributes {
        let document = Value::Document(document);
        Attributes::from([(self.owner.kind(), owner.into()), ("name", name.into()), ("document", document)])
    }

    fn names<'a>(&self, attributes: &'a Attributes) -> (&'a str, &'a str) {
        let field = |name| text(attributes, name).unwrap_or_default();
        (field(self.owner.kind()), field("name"))
    }
}

impl Spec for InlinePolicy {
    fn schema(&self) -> &'static Schema {
        self.schema
    }

    fn id(&self, _: &Account, attributes: &Attributes) -> ObjectId {
        let (owner, name) = self.names(attributes);
        self.id_of(owner, name)
    }

    fn refers(&self, _: &Account, attributes: &Attributes) -> Vec<Needed> {
        vec![Needed::held(self.owner.id_of(self.names(attributes).0))]
    }

    fn by_hand(&self, attributes: &Attributes) -> Option<String> {
        let ((owner, name), kind) = (self.names(attributes), self.owner.kind());
        Some(format!("aws iam delete-{kind}-policy --{kind}-name {owner} --policy-name {name}"))
    }

    fn hangs_on(&self, attributes: &Attributes) -> Option<Hanging> {
        let (owner, name) = self.names(attributes);
        Some(Hanging {
            owner: self.owner.id_of(owner),
            segments: vec!["inline".to_owned(), name.to_owned()],
            keep: Some("inline"),
        })
    }
}

#[async_trait]
impl Kind for InlinePolicy {
    async fn create(&self, cloud: &Cloud, wanted: &Attributes) -> Result<Made> {
        let (owner, name) = self.names(wanted);
        self.owner.put_inline(cloud, owner, name, &compact(wanted, "document")).await?;
        Ok(Made::default())
    }

    async fn converge(&self, cloud: &Cloud, live: &Attributes, wanted: &Attributes) -> Result<()> {
        if live != wanted {
            self.create(cloud, wanted).await?;
        }
        Ok(())
    }

    async fn delete(&self, cloud: &Cloud, live: &Attributes) -> Result<()> {
        let (owner, name) = self.names(live);
        self.owner.delete_inline(cloud, owner, name).await
    }
}
