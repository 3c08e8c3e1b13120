//! The kinds of AWS objects that a manifest can ask for.
//!
//! # To add a kind
//!
//! 1. Write `kinds/<kind>.rs` with a unit struct. `impl Spec` says, purely, what it is: its [`Schema`]
//!    (fields, what a change of each means, IAM actions, the manifest's section), its id and ARN, what
//!    it refers to, and which resources one manifest entry declares. `impl Kind` adds the calls.
//! 2. Add its `mod` line here, one line to [`KINDS`], and its name to `state/schema.json`.
//! 3. See in `permissions.rs` that its actions are guarded as they have to be: they are sorted by name.
//!
//! Manifest, graph, plan, rendering, executor, state and tests read the list; only what is about one kind names it:
//! dangers of policies, `import` of roles.

use async_trait::async_trait;

use crate::cloud::Cloud;
use crate::error::{Error, Result};
use crate::manifest::Declared;
use crate::model::{Account, Address, Attributes, Live, ObjectId, Obstacle, Resource, Schema, Value, text};
use crate::problem::Problem;
use crate::secret::Secret;
use crate::survey::AccountSurvey;

mod access_key;
mod attachment;
mod group;
mod inline_policy;
mod instance_profile;
pub mod linked_services;
mod login_profile;
mod membership;
mod oidc_provider;
mod owner;
pub mod permissions;
pub mod policy;
mod profile_role;
pub mod role;
pub mod service_linked_role;
mod tags;
mod user;
pub mod versions;

/// All kinds. Order is that of the sections in the manifest's documentation.
pub const KINDS: &[&dyn Kind] = &[
    &policy::Policy,
    &oidc_provider::OidcProvider,
    &role::Role,
    &inline_policy::OF_ROLE,
    &attachment::OF_ROLE,
    &instance_profile::InstanceProfile,
    &profile_role::ProfileRole,
    &group::Group,
    &inline_policy::OF_GROUP,
    &attachment::OF_GROUP,
    &user::User,
    &inline_policy::OF_USER,
    &attachment::OF_USER,
    &membership::Membership,
    &access_key::AccessKey,
    &login_profile::LoginProfile,
    &service_linked_role::ServiceLinkedRole,
];

/// What a kind is, without any effect.
pub trait Spec: Sync + Send {
    fn schema(&self) -> &'static Schema;

    /// Returns the id of the object that has these attributes.
    fn id(&self, account: &Account, attributes: &Attributes) -> ObjectId;

    /// Returns the ARN of an object of this name and path; `None` for what has no ARN of its own.
    fn arn(&self, _account: &Account, _path: &str, _name: &str) -> Option<String> {
        None
    }

    /// Returns what has to exist before an object with these attributes can: edges of the graph.
    fn refers(&self, _account: &Account, _attributes: &Attributes) -> Vec<Needed> {
        Vec::new()
    }

    /// Returns what AWS keeps unique: two objects of one kind cannot exist at a time when it is equal.
    fn unique_name(&self, id: &ObjectId) -> String {
        id.name.to_lowercase()
    }

    /// Says whether an account has one of it that all share who want it: what is there already is used as it is,
    /// and only who made it deletes it.
    fn is_shared(&self) -> bool {
        false
    }

    /// Returns how many of this kind AWS lets hang on one owner; `None` where it counts none.
    fn most(&self) -> Option<Most> {
        None
    }

    /// Returns what to create when something that the object names does not exist yet and waits for the
    /// object itself: the same without those names. `None` where the names cannot be left out.
    fn without_names(&self, _wanted: &Attributes) -> Option<Attributes> {
        None
    }

    /// Says whether somebody relies on such an object by its name: people and programs that act as it or get
    /// their permissions from it. It is destroyed only by a plan that somebody has reviewed.
    fn is_relied_on(&self) -> bool {
        self.schema().section.is_some()
    }

    /// Says whether AWS names such an object itself, when it makes it, and tells a secret with it once: the
    /// record alone knows which one it is (`model/issued.rs`), and it is never made or deleted on a guess.
    fn is_issued(&self) -> bool {
        false
    }

    /// Returns the kind of those who sign in with such an object: what others gave to one of ours is told, and
    /// never taken away. `None` for what is no credential.
    fn credential_of(&self) -> Option<&'static str> {
        None
    }

    /// Returns the command of the AWS CLI that takes away such an object, which is for people to decide.
    fn by_hand(&self, _attributes: &Attributes) -> Option<String> {
        None
    }

    /// Says what is wrong with an item of a section that lists names, or only doubtful; `what` is the section.
    fn doubt(&self, _name: &str, _what: &str) -> Option<Problem> {
        None
    }

    /// Returns the resources that one entry of this kind's section asks for, the entry itself first; nothing where it has
    /// no section.
    fn declare(&self, _account: &Account, _entry: &Declared) -> Vec<Resource> {
        Vec::new()
    }

    /// Returns the other owner whose policies also count for the owner of this: the group of a membership.
    fn brings(&self, _attributes: &Attributes) -> Option<ObjectId> {
        None
    }

    /// Says, in a sentence, what follows outside this deployment when one of its objects is replaced.
    fn aftermath(&self) -> Option<&'static str> {
        None
    }

    /// For what hangs on an owner: the owner's id and the address that it has under the owner's.
    fn hangs_on(&self, _attributes: &Attributes) -> Option<Hanging> {
        None
    }
}

/// What follows when somebody is replaced: AWS knows principals by their unique ids.
const NAMED_NO_MORE: &str =
    "what names it outside this deployment means it no more: bucket policies, KMS key grants, EKS access entries";

/// An object that another one refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needed {
    pub id: ObjectId,
    /// Whether AWS refuses to delete it as long as it is referred to. A principal in a trust policy
    /// may go; a policy that is attached may not.
    pub held: bool,
}

impl Needed {
    pub fn held(id: ObjectId) -> Self {
        Self { id, held: true }
    }

    pub fn named(id: ObjectId) -> Self {
        Self { id, held: false }
    }
}

/// The last time that somebody used an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastUse {
    /// `2025-12-20T08:00:00Z`
    pub at: String,
    /// `in eu-west-1`, `to sign in`
    pub how: String,
}

/// How many may hang on one owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Most {
    /// Where the account was not granted more.
    pub usual: usize,
    /// The name under which the account's summary says it.
    pub figure: &'static str,
}

/// Where an object hangs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hanging {
    pub owner: ObjectId,
    /// `["inline", "logs"]` under the owner's address.
    pub segments: Vec<String>,
    /// The word of `keep_undeclared` that keeps it; what has none is kept only by declaring it.
    pub keep: Option<&'static str>,
}

impl Hanging {
    pub fn address(&self, owner: &Address) -> Address {
        owner.child(self.segments.iter().cloned())
    }
}

/// The calls of a kind. Errors name what was attempted; retries and pace belong to [`Cloud`].
#[async_trait]
pub trait Kind: Spec {
    /// Reads the object and all that hangs on it; empty when it does not exist.
    /// What hangs on an owner is read with the owner and is never asked for itself; credentials are read by the name of
    /// their user.
    async fn read(&self, _cloud: &Cloud, _name: &str) -> Result<Vec<Live>> {
        Ok(Vec::new())
    }

    /// Returns how many calls a read makes for one object of this kind.
    fn calls(&self) -> usize {
        1
    }

    /// Finds the object and all that hangs on it in a survey of the account.
    fn surveyed(&self, _survey: &AccountSurvey, _account: &Account, _name: &str) -> Result<Surveyed> {
        Ok(Surveyed::Unknown)
    }

    /// Returns the objects of this kind that carry the deployment's tag, as far as a survey of the account tells.
    fn signed(&self, _survey: &AccountSurvey) -> Vec<ObjectId> {
        Vec::new()
    }

    /// Returns what hangs on the object and would make AWS refuse to delete it.
    async fn obstacles(&self, _cloud: &Cloud, _name: &str) -> Result<Vec<Obstacle>> {
        Ok(Vec::new())
    }

    /// Returns when the object was last used and how, where AWS keeps track of it.
    async fn last_used(&self, _cloud: &Cloud, _name: &str) -> Result<Option<LastUse>> {
        Ok(None)
    }

    /// Returns when the object was changed last and by what, where AWS tells: `2026-01-02T03:04:05Z, version v3`.
    async fn changed(&self, _cloud: &Cloud, _name: &str) -> Result<Option<String>> {
        Ok(None)
    }

    /// Creates the object whole: tags, path, description and boundary in the one call.
    async fn create(&self, cloud: &Cloud, wanted: &Attributes) -> Result<Made>;

    /// Changes what differs between `live` and `wanted`; tags first, as what is taken over is signed before it is changed.
    async fn converge(&self, cloud: &Cloud, live: &Attributes, wanted: &Attributes) -> Result<()>;

    /// Removes what a write left behind that was only for a while: `interim` is what it had written.
    async fn tidy(&self, _cloud: &Cloud, _interim: &Attributes) -> Result<()> {
        Ok(())
    }

    /// Deletes the object. One that is gone already is deleted.
    async fn delete(&self, cloud: &Cloud, live: &Attributes) -> Result<()>;
}

/// What AWS gave with an object that was just created.
#[derive(Default)]
pub struct Made {
    /// The unique id of it, where there is one.
    pub aws_id: Option<String>,
    /// Attributes that only AWS could say.
    pub noted: Attributes,
    /// Told once; of what [`Spec::is_issued`].
    pub secret: Option<Secret>,
}

impl From<Option<String>> for Made {
    fn from(aws_id: Option<String>) -> Self {
        Self { aws_id, ..Self::default() }
    }
}

/// What a survey says of an object.
#[derive(Debug)]
pub enum Surveyed {
    /// What a read would say; empty when it does not exist.
    Known(Vec<Live>),
    /// The same but for its tags and its description, of which the survey has none.
    WithoutTags(Vec<Live>),
    /// It has to be read.
    Unknown,
}

/// Returns the kind of this name.
pub fn kind(name: &str) -> Option<&'static dyn Kind> {
    KINDS.iter().copied().find(|kind| kind.schema().kind == name)
}

/// Returns the pure half of the kind of this name.
pub fn spec(name: &str) -> Option<&'static dyn Spec> {
    kind(name).map(|kind| kind as &dyn Spec)
}

/// Returns the kind of this object.
pub fn kind_of(id: &ObjectId) -> Result<&'static dyn Kind> {
    kind(&id.kind).ok_or_else(|| Error::failed(format!("kind `{}` is not known", id.kind)))
}

/// Says whether AWS names this object itself: [`Spec::is_issued`].
pub fn is_issued(id: &ObjectId) -> bool {
    spec(&id.kind).is_some_and(|spec| spec.is_issued())
}

/// Returns what an object of this id and these attributes hangs on, if on anything.
pub fn owner(id: &ObjectId, attributes: &Attributes) -> Option<ObjectId> {
    hanging(id, attributes).map(|hangs| hangs.owner)
}

/// Returns what an object is read with: what it hangs on, or itself.
pub fn read_with(id: &ObjectId, attributes: &Attributes) -> ObjectId {
    owner(id, attributes).unwrap_or_else(|| id.clone())
}

/// Returns where an object of this id and these attributes hangs, if on anything.
pub fn hanging(id: &ObjectId, attributes: &Attributes) -> Option<Hanging> {
    spec(&id.kind).and_then(|spec| spec.hangs_on(attributes))
}

/// Returns the role or user that has this ARN as STS tells it: `arn:aws:sts::123456789012:assumed-role/NAME/SESSION`.
pub fn caller(arn: &str) -> Option<ObjectId> {
    let resource = arn.splitn(6, ':').nth(5)?;
    match resource.split_once('/')? {
        ("assumed-role", rest) => rest.split('/').next().map(role::id_of),
        ("user", rest) => rest.rsplit('/').next().map(user::id_of),
        _ => None,
    }
}

/// Returns the pure halves of all kinds.
pub fn specs() -> impl Iterator<Item = &'static dyn Spec> {
    KINDS.iter().map(|kind| *kind as &dyn Spec)
}

fn number(attributes: &Attributes, field: &str) -> Option<u64> {
    attributes.get(field).and_then(Value::number)
}

fn name_and_path(attributes: &Attributes) -> (&str, &str) {
    (text(attributes, "name").unwrap_or_default(), text(attributes, "path").unwrap_or("/"))
}

/// Returns the document in `field` as it is sent to AWS.
fn compact(attributes: &Attributes, field: &str) -> String {
    attributes.get(field).and_then(Value::document).map(|document| document.to_compact()).unwrap_or_default()
}
