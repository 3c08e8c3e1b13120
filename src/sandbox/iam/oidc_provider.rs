//! OIDC providers: "CreateOpenIDConnectProvider" and its neighbours in the IAM API Reference.

use super::role::time;
use super::tags::{self, Case};
use super::{Answer, Call, account, names};
use crate::policy::limits;
use crate::sandbox::answer::Refusal;
use crate::sandbox::request::Request;
use crate::sandbox::world::{Provider, World};
use crate::sandbox::xml::Xml;

/// What IAM finds itself where a call brings no thumbprint: that of an authority that signs for many.
const FOUND: &str = "9e99a48a9960b14926bb7f3b02e22da2b0ab7280";

pub fn create(call: &mut Call) -> Answer {
    let request = call.request;
    let url = url(request.required("Url")?)?;
    let audiences = audiences(&request.texts("ClientIDList"))?;
    let thumbprints = thumbprints(&request.texts("ThumbprintList"))?;
    let tags = tags::given(request, Case::Told)?;
    let name = Provider::name_of(url);
    if call.world.providers.is_taken(&name) {
        return Err(Refusal::exists(format!("Provider with url https://{url} already exists.")));
    }
    account::room(call.world, "OpenIDConnectProviders", call.world.providers.len())?;
    let thumbprints = if thumbprints.is_empty() { vec![FOUND.to_owned()] } else { thumbprints };
    let arn = call.world.account.arn("oidc-provider", "/", url);
    let mut xml = Xml::default();
    xml.text("OpenIDConnectProviderArn", arn);
    tags::write(&mut xml, &tags);
    call.world.providers.insert(Provider { name, id: String::new(), created: call.now, audiences, thumbprints, tags });
    Ok(xml)
}

pub fn get(call: &mut Call) -> Answer {
    let provider = existing(call)?;
    let mut xml = Xml::default();
    xml.text("Url", provider.url()).text("CreateDate", time(provider.created));
    xml.texts("ClientIDList", &provider.audiences).texts("ThumbprintList", &provider.thumbprints);
    tags::write(&mut xml, &provider.tags);
    Ok(xml)
}

/// All in one answer: this list has no pages.
pub fn list(call: &mut Call) -> Answer {
    let world = &*call.world;
    let mut xml = Xml::default();
    xml.list("OpenIDConnectProviderList", world.providers.iter(), |xml, provider| {
        xml.text("Arn", provider.arn(&world.account));
    });
    Ok(xml)
}

/// One that is there already is no error and no change.
pub fn add_audience(call: &mut Call) -> Answer {
    let audience = audience(call.request.required("ClientID")?)?.to_owned();
    let provider = existing(call)?;
    if !provider.audiences.contains(&audience) && provider.audiences.len() >= limits::AUDIENCES {
        return Err(Refusal::limit(limits::quota("ClientIdsPerOpenIdConnectProvider", limits::AUDIENCES)));
    }
    let name = provider.name.clone();
    call.world.providers.edit(&name, |provider| {
        if !provider.audiences.contains(&audience) {
            provider.audiences.push(audience);
        }
    });
    Ok(Xml::default())
}

/// One that is not there is no error and no change.
pub fn remove_audience(call: &mut Call) -> Answer {
    let audience = audience(call.request.required("ClientID")?)?.to_owned();
    let name = existing(call)?.name.clone();
    call.world.providers.edit(&name, |provider| provider.audiences.retain(|held| *held != audience));
    Ok(Xml::default())
}

pub fn update_thumbprints(call: &mut Call) -> Answer {
    let given = thumbprints(&call.request.texts("ThumbprintList"))?;
    if given.is_empty() {
        return Err(Refusal::constraint(None, "thumbprintList", "Member must not be null"));
    }
    let name = existing(call)?.name.clone();
    call.world.providers.edit(&name, |provider| provider.thumbprints = given);
    Ok(Xml::default())
}

pub fn tag(call: &mut Call) -> Answer {
    let provider = existing(call)?;
    let (name, tags) = (provider.name.clone(), tags::tagged(&provider.tags, call.request, Case::Told)?);
    call.world.providers.edit(&name, |provider| provider.tags = tags);
    Ok(Xml::default())
}

pub fn untag(call: &mut Call) -> Answer {
    let provider = existing(call)?;
    let (name, tags) = (provider.name.clone(), tags::untagged(&provider.tags, call.request, Case::Told)?);
    call.world.providers.edit(&name, |provider| provider.tags = tags);
    Ok(Xml::default())
}

pub fn list_tags(call: &mut Call) -> Answer {
    tags::list(call, &existing(call)?.tags)
}

/// One that is not there is deleted, whoever trusts it.
pub fn delete(call: &mut Call) -> Answer {
    if let Ok(name) = existing(call).map(|provider| provider.name.clone()) {
        call.world.providers.remove(&name);
    } else {
        url_in_arn(call.world, call.request)?;
    }
    Ok(Xml::default())
}

fn existing<'a>(call: &'a Call) -> Result<&'a Provider, Refusal> {
    let url = url_in_arn(call.world, call.request)?;
    find(call.world, url)
        .ok_or_else(|| Refusal::absent(format!("OpenIDConnect Provider not found for arn {}", arn(call.request))))
}

/// Returns the provider of this URL, written without its scheme.
pub fn find<'w>(world: &'w World, url: &str) -> Option<&'w Provider> {
    world.providers.get(&Provider::name_of(url))
}

fn arn(request: &Request) -> &str {
    request.get("OpenIDConnectProviderArn").unwrap_or_default()
}

fn url_in_arn<'a>(world: &World, request: &'a Request) -> Result<&'a str, Refusal> {
    let arn = request.required("OpenIDConnectProviderArn")?;
    arn.strip_prefix(&world.account.arn("oidc-provider", "/", ""))
        .filter(|url| !url.is_empty())
        .ok_or_else(|| Refusal::input(format!("Invalid ARN: {arn}")))
}

/// Returns the URL without its scheme when IAM takes it: no port and no query, a path if need be.
fn url(url: &str) -> Result<&str, Refusal> {
    names::length("url", url, 1, limits::ISSUER)?;
    let refused = || Refusal::invalid("Invalid Open ID Connect Provider URL");
    let name = url.strip_prefix("https://").ok_or_else(refused)?;
    let (host, path) = name.find('/').map_or((name, ""), |at| name.split_at(at));
    let host_is_well = host.contains('.')
        && host
            .split('.')
            .all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
    let path_is_well = path.bytes().all(|b| b.is_ascii_graphic() && b != b'?' && b != b'#') && !path.ends_with('/');
    if host_is_well && path_is_well { Ok(name) } else { Err(refused()) }
}

fn audiences(given: &[&str]) -> Result<Vec<String>, Refusal> {
    if given.len() > limits::AUDIENCES {
        return Err(Refusal::limit(limits::quota("ClientIdsPerOpenIdConnectProvider", limits::AUDIENCES)));
    }
    let mut audiences: Vec<String> = Vec::new();
    for one in given {
        let one = audience(one)?.to_owned();
        if !audiences.contains(&one) {
            audiences.push(one);
        }
    }
    Ok(audiences)
}

fn audience(text: &str) -> Result<&str, Refusal> {
    names::length("clientID", text, 1, limits::AUDIENCE).map(|()| text)
}

fn thumbprints(given: &[&str]) -> Result<Vec<String>, Refusal> {
    if given.len() > limits::THUMBPRINTS {
        return Err(Refusal::input(format!(
            "Thumbprint list must contain fewer than {} entries.",
            limits::THUMBPRINTS + 1
        )));
    }
    for thumbprint in given {
        names::length("thumbprint", thumbprint, 40, 40)?;
        if !thumbprint.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(Refusal::input("Thumbprint contains invalid characters"));
        }
    }
    Ok(given.iter().map(|thumbprint| thumbprint.to_lowercase()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::testbed::{ACCOUNT, Bed, refused};

    const URL: &str = "https://oidc.eks.eu-west-1.amazonaws.com/id/ABC";

    fn arn() -> String {
        format!("arn:aws:iam::{ACCOUNT}:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/ABC")
    }

    #[tokio::test]
    async fn a_provider_is_made_changed_and_deleted() {
        let bed = Bed::new().await;
        let create = || bed.iam().create_open_id_connect_provider().url(URL).client_id_list("sts.amazonaws.com").send();
        let get = || bed.iam().get_open_id_connect_provider().open_id_connect_provider_arn(arn()).send();
        assert_eq!(refused(get().await).0, "NoSuchEntity");
        assert_eq!(create().await.unwrap().open_id_connect_provider_arn(), Some(arn().as_str()));
        assert_eq!(refused(create().await).0, "EntityAlreadyExists");
        let found = get().await.unwrap();
        assert_eq!(found.url(), Some("oidc.eks.eu-west-1.amazonaws.com/id/ABC"));
        assert_eq!(
            (found.client_id_list(), found.thumbprint_list()),
            (&["sts.amazonaws.com".to_owned()][..], &[FOUND.to_owned()][..])
        );
        for _ in 0..2 {
            let add = bed.iam().add_client_id_to_open_id_connect_provider().open_id_connect_provider_arn(arn());
            add.client_id("other").send().await.unwrap();
        }
        for _ in 0..2 {
            let remove = bed.iam().remove_client_id_from_open_id_connect_provider().open_id_connect_provider_arn(arn());
            remove.client_id("sts.amazonaws.com").send().await.unwrap();
        }
        let update = |thumbprint: String| {
            let call = bed.iam().update_open_id_connect_provider_thumbprint().open_id_connect_provider_arn(arn());
            call.thumbprint_list(thumbprint).send()
        };
        update("A".repeat(40)).await.unwrap();
        assert_eq!(refused(update("g".repeat(40)).await).0, "InvalidInput");
        assert_eq!(refused(update("a".repeat(39)).await).0, "ValidationError");
        let found = get().await.unwrap();
        assert_eq!(
            (found.client_id_list(), found.thumbprint_list()),
            (&["other".to_owned()][..], &["a".repeat(40)][..])
        );
        let listed = bed.iam().list_open_id_connect_providers().send().await.unwrap();
        assert_eq!(listed.open_id_connect_provider_list()[0].arn(), Some(arn().as_str()));
        let bed = Bed::over(bed.dir, "").await;
        for _ in 0..2 {
            let delete = bed.iam().delete_open_id_connect_provider().open_id_connect_provider_arn(arn());
            delete.send().await.unwrap();
        }
        assert!(
            bed.iam().list_open_id_connect_providers().send().await.unwrap().open_id_connect_provider_list().is_empty()
        );
    }

    #[tokio::test]
    async fn urls_and_numbers_have_limits() {
        let bed = Bed::new().await;
        let create = |url: String| bed.iam().create_open_id_connect_provider().url(url).send();
        for url in [
            "http://a.example",
            "https://a.example:8443",
            "https://a.example/x?y",
            "https://a.example/",
            "https://",
            "x",
        ] {
            assert_eq!(refused(create(url.to_owned()).await).0, "ValidationError", "{url}");
        }
        for n in 0..101 {
            let made = create(format!("https://a.example/{n}")).await;
            if n < 100 {
                made.unwrap();
                continue;
            }
            let message = "Cannot exceed quota for OpenIDConnectProvidersPerAccount: 100".to_owned();
            assert_eq!(refused(made), ("LimitExceeded".to_owned(), message));
        }
        let many = (0..101).map(|n| n.to_string()).collect();
        let call = bed.iam().create_open_id_connect_provider().url("https://b.example").set_client_id_list(Some(many));
        assert_eq!(refused(call.send().await).0, "LimitExceeded");
    }
}
