//! OIDC providers, whose tokens roles can trust. They go by their URL, which an account can have once, so all
//! who want it share it.

use std::collections::BTreeSet;

use async_trait::async_trait;

use super::{Kind, Made, Spec, tags, text};
use crate::cloud::{Cloud, time};
use crate::error::Result;
use crate::manifest::Declared;
use crate::model::schema::{Accepts, Field, Holds, Key, OnChange, Schema, Section};
use crate::model::{Account, Attributes, Live, ObjectId, Obstacle, Resource, Value};

pub struct OidcProvider;

pub const KIND: &str = "oidc_provider";

const SCHEME: &str = "https://";

/// What the SDKs of AWS ask tokens for.
const AUDIENCE: &str = "sts.amazonaws.com";

static SCHEMA: Schema = Schema {
    kind: KIND,
    fields: &[
        Field { name: "url", holds: Holds::Text, on_change: OnChange::Replace("a provider goes by its URL") },
        Field { name: "audiences", holds: Holds::Texts, on_change: OnChange::Update },
        Field { name: "thumbprints", holds: Holds::Texts, on_change: OnChange::Filled },
        Field { name: "tags", holds: Holds::Tags, on_change: OnChange::Update },
    ],
    taggable: true,
    reads: &["iam:GetOpenIDConnectProvider"],
    writes: &[
        "iam:CreateOpenIDConnectProvider",
        "iam:DeleteOpenIDConnectProvider",
        "iam:AddClientIDToOpenIDConnectProvider",
        "iam:RemoveClientIDFromOpenIDConnectProvider",
        "iam:UpdateOpenIDConnectProviderThumbprint",
        "iam:TagOpenIDConnectProvider",
        "iam:UntagOpenIDConnectProvider",
    ],
    counted: None,
    section: Some(Section {
        name: "oidc_providers",
        keys: &[
            Key {
                name: "url",
                accepts: Accepts::Issuer,
                required: true,
                doc: "URL of the provider, as its tokens say it",
            },
            Key {
                name: "audiences",
                accepts: Accepts::Audiences,
                required: false,
                doc: "Audiences that its tokens may have; default: sts.amazonaws.com",
            },
            Key {
                name: "thumbprints",
                accepts: Accepts::Thumbprints,
                required: false,
                doc: "SHA-1 of the certificates that sign for it; AWS finds them itself",
            },
            Key { name: "tags", accepts: Accepts::Tags, required: false, doc: "Tags, over defaults.tags" },
            Key {
                name: "ignore",
                accepts: Accepts::Ignore,
                required: false,
                doc: "Fields that others may change, such as audiences or tags.CostCentre",
            },
            Key {
                name: "existing",
                accepts: Accepts::Existing(&["existing", "url"]),
                required: false,
                doc: "The provider exists and is not ours",
            },
            Key {
                name: "prevent_destroy",
                accepts: Accepts::Bool,
                required: false,
                doc: "Refuse every plan that would delete it",
            },
        ],
    }),
};

/// Returns the id of the provider of this ARN; `None` where it is no OIDC provider of the account.
pub fn id_of_arn(account: &Account, arn: &str) -> Option<ObjectId> {
    let name = arn.strip_prefix(&account.iam_arn("oidc-provider", "/", ""))?;
    Some(ObjectId::new(KIND, name))
}

fn name_of(url: &str) -> &str {
    url.strip_prefix(SCHEME).unwrap_or(url)
}

/// Returns a set as an attribute: one that is empty is not set.
fn insert(attributes: &mut Attributes, field: &'static str, texts: BTreeSet<String>) {
    if !texts.is_empty() {
        attributes.insert(field, Value::Texts(texts));
    }
}

fn texts(attributes: &Attributes, field: &str) -> BTreeSet<String> {
    attributes.get(field).and_then(Value::texts).cloned().unwrap_or_default()
}

fn sdk(texts: BTreeSet<String>) -> Option<Vec<String>> {
    (!texts.is_empty()).then(|| texts.into_iter().collect())
}

fn arn(account: &Account, attributes: &Attributes) -> String {
    account.iam_arn("oidc-provider", "/", name_of(text(attributes, "url").unwrap_or_default()))
}

impl Spec for OidcProvider {
    fn schema(&self) -> &'static Schema {
        &SCHEMA
    }

    fn id(&self, _: &Account, attributes: &Attributes) -> ObjectId {
        ObjectId::new(KIND, name_of(text(attributes, "url").unwrap_or_default()))
    }

    fn arn(&self, account: &Account, _: &str, name: &str) -> Option<String> {
        Some(account.iam_arn("oidc-provider", "/", name))
    }

    /// Paths of URLs differ by letter case.
    fn unique_name(&self, id: &ObjectId) -> String {
        id.name.clone()
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn declare(&self, account: &Account, entry: &Declared) -> Vec<Resource> {
        let mut wanted = Attributes::from([("url", entry.text("url").unwrap_or_default().into())]);
        if !entry.flag("existing") {
            let audiences = entry.texts("audiences").cloned();
            insert(&mut wanted, "audiences", audiences.unwrap_or_else(|| BTreeSet::from([AUDIENCE.to_owned()])));
            insert(&mut wanted, "thumbprints", entry.texts("thumbprints").cloned().unwrap_or_default());
            let tags = entry.tags();
            if !tags.is_empty() {
                wanted.insert("tags", Value::Tags(tags));
            }
        }
        vec![entry.resource(self.id(account, &wanted), wanted)]
    }
}

#[async_trait]
impl Kind for OidcProvider {
    async fn read(&self, cloud: &Cloud, name: &str) -> Result<Vec<Live>> {
        let arn = cloud.account.iam_arn("oidc-provider", "/", name);
        let call = cloud.iam.get_open_id_connect_provider().open_id_connect_provider_arn(&arn).send();
        let Some(provider) = cloud.get("GetOpenIDConnectProvider", name, call).await? else {
            return Ok(Vec::new());
        };
        // AWS leaves out the scheme; the name is what was asked for.
        let mut attributes = Attributes::from([("url", format!("{SCHEME}{name}").into())]);
        insert(&mut attributes, "audiences", provider.client_id_list().iter().cloned().collect());
        let thumbprints = provider.thumbprint_list().iter().map(|thumbprint| thumbprint.to_lowercase());
        insert(&mut attributes, "thumbprints", thumbprints.collect());
        tags::insert(&mut attributes, provider.tags());
        let created = provider.create_date().map(time);
        Ok(vec![Live { id: ObjectId::new(KIND, name), aws_id: None, attributes, created }])
    }

    /// AWS lets a provider go whoever trusts it.
    async fn obstacles(&self, _: &Cloud, _: &str) -> Result<Vec<Obstacle>> {
        Ok(Vec::new())
    }

    async fn create(&self, cloud: &Cloud, wanted: &Attributes) -> Result<Made> {
        let url = text(wanted, "url").unwrap_or_default();
        let call = cloud
            .iam
            .create_open_id_connect_provider()
            .url(url)
            .set_client_id_list(sdk(texts(wanted, "audiences")))
            .set_thumbprint_list(sdk(texts(wanted, "thumbprints")))
            .set_tags(tags::sdk(wanted));
        cloud.call("CreateOpenIDConnectProvider", name_of(url), call.send()).await?;
        Ok(Made::default())
    }

    async fn converge(&self, cloud: &Cloud, live: &Attributes, wanted: &Attributes) -> Result<()> {
        let arn = arn(&cloud.account, wanted);
        let name = name_of(text(wanted, "url").unwrap_or_default());
        let iam = &cloud.iam;
        let change = tags::change(live, wanted);
        if let Some(keys) = change.removed {
            let call = iam.untag_open_id_connect_provider().open_id_connect_provider_arn(&arn);
            cloud.call("UntagOpenIDConnectProvider", name, call.set_tag_keys(Some(keys)).send()).await?;
        }
        if let Some(tags) = change.set {
            let call = iam.tag_open_id_connect_provider().open_id_connect_provider_arn(&arn);
            cloud.call("TagOpenIDConnectProvider", name, call.set_tags(Some(tags)).send()).await?;
        }
        let (held, asked) = (texts(live, "audiences"), texts(wanted, "audiences"));
        for audience in asked.difference(&held) {
            let call = iam.add_client_id_to_open_id_connect_provider().open_id_connect_provider_arn(&arn);
            cloud.call("AddClientIDToOpenIDConnectProvider", name, call.client_id(audience).send()).await?;
        }
        for audience in held.difference(&asked) {
            let call = iam.remove_client_id_from_open_id_connect_provider().open_id_connect_provider_arn(&arn);
            cloud.call("RemoveClientIDFromOpenIDConnectProvider", name, call.client_id(audience).send()).await?;
        }
        // Where none are wanted, AWS has filled them in.
        let thumbprints = texts(wanted, "thumbprints");
        if !thumbprints.is_empty() && thumbprints != texts(live, "thumbprints") {
            let call = iam.update_open_id_connect_provider_thumbprint().open_id_connect_provider_arn(&arn);
            let call = call.set_thumbprint_list(sdk(thumbprints)).send();
            cloud.call("UpdateOpenIDConnectProviderThumbprint", name, call).await?;
        }
        Ok(())
    }

    async fn delete(&self, cloud: &Cloud, live: &Attributes) -> Result<()> {
        let arn = arn(&cloud.account, live);
        let call = cloud.iam.delete_open_id_connect_provider().open_id_connect_provider_arn(&arn);
        Ok(cloud
            .remove("DeleteOpenIDConnectProvider", name_of(text(live, "url").unwrap_or_default()), call.send())
            .await?)
    }
}
