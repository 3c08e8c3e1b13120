//! What a deployment wrote last: the memory between two runs. It holds no secret.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value as Json};

use crate::model::{Account, Address, Attributes, ObjectId, Schema};

pub const FORMAT_VERSION: &str = "1";

/// All that a deployment knows of itself.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct State {
    pub format_version: String,
    pub deployment: String,
    pub account: Account,
    /// Whether the account is one of the sandbox: what is tried there must not pass for AWS.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub sandbox: bool,
    /// Random, made once for each deployment; every taggable object carries it.
    pub lineage: String,
    /// Goes up with every run that changed something.
    pub serial: u64,
    /// By what AWS knows them by, so that a resource that moves in the manifest stays the same object.
    #[serde(serialize_with = "by_address")]
    pub objects: BTreeMap<ObjectId, Record>,
    /// What a replacement takes away before it brings it back, in full: where a run is cut short between the two, AWS
    /// does not tell any more what was to be kept beside the manifest.
    #[serde(serialize_with = "by_address", skip_serializing_if = "BTreeMap::is_empty")]
    pub owed: BTreeMap<ObjectId, Record>,
    pub outputs: Map<String, Json>,
}

/// One object as the manifest last asked for it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Record {
    pub address: Address,
    #[serde(flatten)]
    pub id: ObjectId,
    /// The id that AWS gave it, where it gives one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aws_id: Option<String>,
    /// When it was asked for, `2026-01-01T00:00:00Z`, in an intent: nobody knows whether it was made. An access key has
    /// that among its attributes (`issued::ASKED`), as its record knows a key before it, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked: Option<String>,
    /// What it is, or was about to be, on the way to what it shall be, where that takes several writes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passing: Option<Attributes>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub prevent_destroy: bool,
    pub attributes: Attributes,
}

/// A record before its kind's schema has read the attributes.
#[derive(Deserialize)]
pub struct RawRecord {
    address: Address,
    #[serde(flatten)]
    id: ObjectId,
    #[serde(default)]
    aws_id: Option<String>,
    #[serde(default)]
    asked: Option<String>,
    #[serde(default)]
    passing: Option<Map<String, Json>>,
    #[serde(default)]
    prevent_destroy: bool,
    attributes: Map<String, Json>,
}

#[derive(Deserialize)]
struct RawState {
    format_version: String,
    deployment: String,
    account: Account,
    #[serde(default)]
    sandbox: bool,
    lineage: String,
    serial: u64,
    objects: Vec<RawRecord>,
    #[serde(default)]
    owed: Vec<RawRecord>,
    #[serde(default)]
    outputs: Map<String, Json>,
}

impl State {
    pub fn new(deployment: &str, account: &Account, lineage: String) -> Self {
        Self {
            format_version: FORMAT_VERSION.to_owned(),
            deployment: deployment.to_owned(),
            account: account.clone(),
            sandbox: false,
            lineage,
            serial: 0,
            objects: BTreeMap::new(),
            owed: BTreeMap::new(),
            outputs: Map::new(),
        }
    }

    /// Reads a state file. `schema` finds the schema of a kind.
    pub fn from_json(text: &str, schema: impl Fn(&str) -> Option<&'static Schema>) -> Result<Self, String> {
        let raw: RawState = serde_json::from_str(text).map_err(|e| e.to_string())?;
        if raw.format_version != FORMAT_VERSION {
            let version = raw.format_version;
            return Err(format!("it has format version {version}, this program reads {FORMAT_VERSION}"));
        }
        let by_id = |records: Vec<RawRecord>| -> Result<BTreeMap<ObjectId, Record>, String> {
            let read = |record: RawRecord| record.read(&schema).map(|record| (record.id.clone(), record));
            records.into_iter().map(read).collect()
        };
        Ok(Self {
            format_version: raw.format_version,
            deployment: raw.deployment,
            account: raw.account,
            sandbox: raw.sandbox,
            lineage: raw.lineage,
            serial: raw.serial,
            objects: by_id(raw.objects)?,
            owed: by_id(raw.owed)?,
            outputs: raw.outputs,
        })
    }
}

fn by_address<S: Serializer>(objects: &BTreeMap<ObjectId, Record>, serializer: S) -> Result<S::Ok, S::Error> {
    let mut records: Vec<&Record> = objects.values().collect();
    records.sort_by(|a, b| (&a.address, &a.id).cmp(&(&b.address, &b.id)));
    serializer.collect_seq(records)
}

impl RawRecord {
    pub fn read(self, schema: impl Fn(&str) -> Option<&'static Schema>) -> Result<Record, String> {
        let Self { address, id, aws_id, asked, passing, prevent_destroy, attributes } = self;
        let schema = schema(&id.kind).ok_or_else(|| format!("{address}: kind `{}` is not known", id.kind))?;
        let read = |attributes| schema.read_attributes(attributes).map_err(|why| format!("{address}: {why}"));
        let (attributes, passing) = (read(attributes)?, passing.map(read).transpose()?);
        Ok(Record { address, id, aws_id, asked, passing, prevent_destroy, attributes })
    }
}
