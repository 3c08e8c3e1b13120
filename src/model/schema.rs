//! What a kind is made of: its fields, what a change of each means, and the IAM calls it uses.

use serde_json::{Map, Value as Json};

use crate::model::{Attributes, Value};
use crate::policy::{Document, Host};

/// The pure description of a kind, as data.
#[derive(Debug)]
pub struct Schema {
    /// As in the state: `role`, `inline_policy`.
    pub kind: &'static str,
    /// The attributes of its objects.
    pub fields: &'static [Field],
    /// Whether objects of this kind carry the ownership tags.
    pub taggable: bool,
    /// IAM actions that reading needs, and that writing needs on top.
    pub reads: &'static [&'static str],
    pub writes: &'static [&'static str],
    /// What `GetAccountSummary` calls them where an account may hold only so many: `Roles`, of `RolesQuota`.
    pub counted: Option<&'static str>,
    /// The manifest's section (`roles`) and what one entry of it may say; none for what hangs on an owner.
    pub section: Option<Section>,
}

/// One attribute of an object.
#[derive(Debug)]
pub struct Field {
    pub name: &'static str,
    pub holds: Holds,
    pub on_change: OnChange,
}

impl Field {
    fn read(&self, json: Json) -> Option<Value> {
        Some(match self.holds {
            Holds::Text => Value::Text(json.as_str()?.to_owned()),
            Holds::Number => Value::Number(json.as_u64()?),
            Holds::Texts => Value::Texts(serde_json::from_value(json).ok()?),
            Holds::Document(_) => Value::Document(Document::from_json(json)),
            Holds::Tags => Value::Tags(serde_json::from_value(json).ok()?),
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    Text,
    Number,
    /// A list whose order means nothing.
    Texts,
    Document(Host),
    Tags,
}

/// What AWS can do about a changed attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnChange {
    Update,
    /// The same, but where the manifest does not say it, AWS fills it in and what it holds stays.
    Filled,
    /// Only a new object has the new value; the text says why.
    Replace(&'static str),
    /// It is noted of the object and asked for by nobody: it stays as long as the object does.
    Noted,
}

/// A top-level map of the manifest: `roles: {KEY: {…}}`.
#[derive(Debug)]
pub struct Section {
    pub name: &'static str,
    /// None for a section that is a list of keys: `service_linked_roles: [KEY]`.
    pub keys: &'static [Key],
}

impl Section {
    pub fn is_list(&self) -> bool {
        self.keys.is_empty()
    }
}

/// One key that an entry may say.
#[derive(Debug)]
pub struct Key {
    pub name: &'static str,
    pub accepts: Accepts,
    pub required: bool,
    /// One line for the reference and for editors.
    pub doc: &'static str,
}

/// What may stand under a key of the manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepts {
    /// The AWS name; default: the entry's key.
    Name {
        longest: usize,
    },
    /// The URL of an OIDC provider, which is its name: `https://HOST/PATH`.
    Issuer,
    /// A list of audiences, as tokens of an OIDC provider name them.
    Audiences,
    /// A list of SHA-1 thumbprints of certificates.
    Thumbprints,
    /// `/a/b/`; default: `defaults.path`, else `/`.
    Path,
    /// AWS takes only Latin-1 in some texts: no dash but `-`, no curly quotes.
    Text {
        longest: usize,
        latin1: bool,
    },
    Bool,
    /// `4h`, `90m`, `3600`; seconds within the bounds.
    Duration {
        least: u64,
        most: u64,
    },
    /// A flag: whether the document may become several.
    Split,
    /// A map of strings, merged over `defaults.tags`.
    Tags,
    /// `document: {…}`, `document: {file: F}`; `statements: {Sid: {…}}` is the same by Sid.
    Document(Host),
    Statements(Host),
    /// A rule or a list of rules; `document:` inside it is a whole trust policy.
    Trust,
    /// A list of managed policies: address, AWS managed name, `policy/x` or ARN.
    Policies,
    /// A list of groups: address, `group/x` or ARN.
    Groups,
    /// A map of label to `{deliver_to: {file: F}}` or `{deliver_to: terminal}`.
    AccessKeys,
    /// One managed policy, or `none`.
    Boundary,
    /// An address of `roles` or `role/x`.
    Role,
    /// A map of policy name to `{statements}` or `{document}`.
    Inline(Host),
    /// `true` or a list of some of these words.
    Keep(&'static [&'static str]),
    /// A list of fields of the kind, or of single tags: `tags.CostCentre`.
    Ignore,
    /// A flag; with it, the entry may say these keys only.
    Existing(&'static [&'static str]),
}

impl Schema {
    /// Returns the field that is a document, and where AWS keeps it.
    pub fn document(&self) -> Option<(&'static str, Host)> {
        self.fields.iter().find_map(|field| match field.holds {
            Holds::Document(host) => Some((field.name, host)),
            _ => None,
        })
    }

    pub fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|f| f.name == name)
    }

    /// Reads attributes from JSON, as the state holds them.
    pub fn read_attributes(&self, json: Map<String, Json>) -> Result<Attributes, String> {
        json.into_iter()
            .map(|(name, value)| {
                let field = self.field(&name).ok_or_else(|| format!("{} has no field `{name}`", self.kind))?;
                Ok((field.name, field.read(value).ok_or_else(|| format!("`{name}` is of another type"))?))
            })
            .collect()
    }
}
