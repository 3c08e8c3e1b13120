//! Managed policies attached to roles, users and groups: a kind for each. An attachment goes by `OWNER ARN`.

use async_trait::async_trait;

use super::owner::Owner;
use super::{Hanging, Kind, Made, Most, Needed, Spec, policy, text};
use crate::cloud::Cloud;
use crate::error::Result;
use crate::manifest::{Declared, Reference};
use crate::model::schema::{Field, Holds, OnChange, Schema};
use crate::model::{Account, Attributes, Live, ObjectId, Resource};
use crate::policy::{limits, managed};

pub struct Attachment {
    owner: Owner,
    schema: &'static Schema,
    /// The name under which the account's summary says how many an owner may have.
    figure: &'static str,
}

const OTHER: OnChange = OnChange::Replace("an attachment of another owner or policy is another attachment");
const POLICY_ARN: Field = Field { name: "policy_arn", holds: Holds::Text, on_change: OTHER };

pub static OF_ROLE: Attachment = Attachment {
    owner: Owner::Role,
    schema: &schema(
        "attachment",
        &[Field { name: "role", holds: Holds::Text, on_change: OTHER }, POLICY_ARN],
        &["iam:AttachRolePolicy", "iam:DetachRolePolicy"],
    ),
    figure: "AttachedPoliciesPerRoleQuota",
};

pub static OF_USER: Attachment = Attachment {
    owner: Owner::User,
    schema: &schema(
        "user_attachment",
        &[Field { name: "user", holds: Holds::Text, on_change: OTHER }, POLICY_ARN],
        &["iam:AttachUserPolicy", "iam:DetachUserPolicy"],
    ),
    figure: "AttachedPoliciesPerUserQuota",
};

pub static OF_GROUP: Attachment = Attachment {
    owner: Owner::Group,
    schema: &schema(
        "group_attachment",
        &[Field { name: "group", holds: Holds::Text, on_change: OTHER }, POLICY_ARN],
        &["iam:AttachGroupPolicy", "iam:DetachGroupPolicy"],
    ),
    figure: "AttachedPoliciesPerGroupQuota",
};

const fn schema(kind: &'static str, fields: &'static [Field], writes: &'static [&'static str]) -> Schema {
    Schema { kind, fields, taggable: false, reads: &[], writes, counted: None, section: None }
}

/// Returns the kind of attachments to such an owner.
pub fn of(owner: Owner) -> &'static Attachment {
    match owner {
        Owner::Role => &OF_ROLE,
        Owner::User => &OF_USER,
        Owner::Group => &OF_GROUP,
    }
}

impl Attachment {
    /// Returns the id of the attachment of this policy to the owner of this name.
    pub fn id_of(&self, owner: &str, arn: &str) -> ObjectId {
        ObjectId::new(self.schema.kind, format!("{owner} {arn}"))
    }

    /// Returns the resource that one entry of an owner's `policies` asks for.
    pub fn declared(&self, entry: &Declared, owner: &str, to: &Reference) -> Resource {
        let segments = ["policies", &segment(&to.arn)];
        entry.hanging(segments, to.place, self.id_of(owner, &to.arn), self.attributes(owner, &to.arn))
    }

    /// Returns the attachment as AWS holds it.
    pub fn live(&self, owner: &str, arn: &str) -> Live {
        let (id, attributes) = (self.id_of(owner, arn), self.attributes(owner, arn));
        Live { id, attributes, aws_id: None, created: None }
    }

    fn attributes(&self, owner: &str, arn: &str) -> Attributes {
        Attributes::from([(self.owner.kind(), owner.into()), ("policy_arn", arn.into())])
    }

    fn names<'a>(&self, attributes: &'a Attributes) -> (&'a str, &'a str) {
        let field = |name| text(attributes, name).unwrap_or_default();
        (field(self.owner.kind()), field("policy_arn"))
    }
}

/// Names an attachment in its address: the policy's name, or its ARN where a policy of the account
/// has the name of one that AWS manages and both could be attached.
fn segment(arn: &str) -> String {
    let name = arn.rsplit('/').next().unwrap_or(arn);
    let of_aws = arn.contains(":iam::aws:policy/");
    if !of_aws && managed::path_of(name).is_some() { arn.to_owned() } else { name.to_owned() }
}

impl Spec for Attachment {
    fn schema(&self) -> &'static Schema {
        self.schema
    }

    fn id(&self, _: &Account, attributes: &Attributes) -> ObjectId {
        let (owner, arn) = self.names(attributes);
        self.id_of(owner, arn)
    }

    fn refers(&self, _: &Account, attributes: &Attributes) -> Vec<Needed> {
        let (owner, arn) = self.names(attributes);
        vec![Needed::held(self.owner.id_of(owner)), Needed::held(policy::id_of(arn))]
    }

    fn by_hand(&self, attributes: &Attributes) -> Option<String> {
        let ((owner, arn), kind) = (self.names(attributes), self.owner.kind());
        Some(format!("aws iam detach-{kind}-policy --{kind}-name {owner} --policy-arn {arn}"))
    }

    fn most(&self) -> Option<Most> {
        Some(Most { usual: limits::ATTACHMENTS, figure: self.figure })
    }

    fn hangs_on(&self, attributes: &Attributes) -> Option<Hanging> {
        let (owner, arn) = self.names(attributes);
        Some(Hanging {
            owner: self.owner.id_of(owner),
            segments: vec!["policies".to_owned(), segment(arn)],
            keep: Some("policies"),
        })
    }
}

#[async_trait]
impl Kind for Attachment {
    fn calls(&self) -> usize {
        0
    }

    async fn create(&self, cloud: &Cloud, wanted: &Attributes) -> Result<Made> {
        let (owner, arn) = self.names(wanted);
        self.owner.attach(cloud, owner, arn).await?;
        Ok(Made::default())
    }

    async fn converge(&self, _: &Cloud, _: &Attributes, _: &Attributes) -> Result<()> {
        Ok(())
    }

    async fn delete(&self, cloud: &Cloud, live: &Attributes) -> Result<()> {
        let (owner, arn) = self.names(live);
        self.owner.detach(cloud, owner, arn).await
    }
}
