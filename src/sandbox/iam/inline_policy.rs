//! Inline policies of roles. Their documents share one quota.

use super::lists::Page;
use super::{Answer, Call, document, names, role};
use crate::policy::{Host, limits};
use crate::sandbox::answer::Refusal;
use crate::sandbox::world::Role;
use crate::sandbox::xml::Xml;

/// Longest name.
const NAME: usize = 128;

pub fn put(call: &mut Call) -> Answer {
    let role = role::editable(call)?;
    let policy = names::name(call.request, "PolicyName", NAME)?;
    let text = call.request.required("PolicyDocument")?;
    let document = document::read(text, Host::InlineRole)?;
    let others = role.inline.iter().filter(|(name, _)| *name != policy);
    let size = document::size(text) + others.map(|(_, json)| document::size(&json.to_string())).sum::<usize>();
    if size > limits::longest(Host::InlineRole) {
        return Err(Refusal::limit(limits::too_long(Host::InlineRole, &role.name)));
    }
    let name = role.name.clone();
    call.world.roles.edit(&name, |role| drop(role.inline.insert(policy.to_owned(), document)));
    Ok(Xml::default())
}

pub fn get(call: &mut Call) -> Answer {
    let (role, policy) = existing(call)?;
    let mut xml = Xml::default();
    xml.text("RoleName", &role.name).text("PolicyName", policy);
    xml.maybe("PolicyDocument", role.inline.get(policy).map(document::encode));
    Ok(xml)
}

pub fn list(call: &mut Call) -> Answer {
    let role = role::existing(call)?;
    let page = Page::of(call, role.inline.keys().map(|name| (name.clone(), name)))?;
    Ok(page.texts("PolicyNames"))
}

pub fn delete(call: &mut Call) -> Answer {
    role::editable(call)?;
    let (role, policy) = existing(call)?;
    let (role, policy) = (role.name.clone(), policy.to_owned());
    call.world.roles.edit(&role, |role| drop(role.inline.remove(&policy)));
    Ok(Xml::default())
}

/// Returns the role in `RoleName` and the name of its policy in `PolicyName`.
fn existing<'a>(call: &'a Call) -> Result<(&'a Role, &'a str), Refusal> {
    let role = role::existing(call)?;
    let policy = names::name(call.request, "PolicyName", NAME)?;
    if role.inline.contains_key(policy) {
        return Ok((role, policy));
    }
    Err(Refusal::absent(format!("The role policy with name {policy} cannot be found.")))
}

#[cfg(test)]
mod tests {
    use crate::sandbox::testbed::{Bed, allow, refused};

    async fn put(bed: &Bed, name: &str, document: &str) -> Result<(), (String, String)> {
        let call = bed.iam().put_role_policy().role_name("head").policy_name(name).policy_document(document);
        call.send().await.map(drop).map_err(|error| refused(Err::<(), _>(error)))
    }

    fn filled(characters: usize) -> String {
        let mut policy = allow("");
        let rest = characters - policy.to_string().len();
        policy["Statement"][0]["Action"] = format!("s3:{}", "x".repeat(rest - 3)).into();
        policy.to_string()
    }

    #[tokio::test]
    async fn a_policy_is_put_over_read_and_deleted() {
        let bed = Bed::new().await;
        bed.role("head").await;
        put(&bed, "logs", &allow("logs:*").to_string()).await.unwrap();
        let document = allow("logs:Get+ ü&=%*");
        put(&bed, "logs", &document.to_string()).await.unwrap();
        let get = || bed.iam().get_role_policy().role_name("head").policy_name("logs").send();
        let got = get().await.unwrap();
        assert!(!got.policy_document().contains([' ', '+', '"']), "{}", got.policy_document());
        let live = crate::cloud::document("logs", Some(got.policy_document())).unwrap();
        assert_eq!(live.json(), &document);
        bed.iam().delete_role_policy().role_name("head").policy_name("logs").send().await.unwrap();
        let expected = ("NoSuchEntity".to_owned(), "The role policy with name logs cannot be found.".to_owned());
        assert_eq!(refused(get().await), expected);
        let again = bed.iam().delete_role_policy().role_name("head").policy_name("logs").send().await;
        assert_eq!(refused(again), expected);
    }

    #[tokio::test]
    async fn inline_policies_share_10240_characters() {
        let bed = Bed::new().await;
        bed.role("head").await;
        put(&bed, "a", &filled(6000)).await.unwrap();
        put(&bed, "b", &filled(4240)).await.unwrap();
        let message = "Maximum policy size of 10240 bytes exceeded for role head";
        let expected = Err(("LimitExceeded".to_owned(), message.to_owned()));
        assert_eq!(put(&bed, "c", &allow("s3:*").to_string()).await, expected);
        assert_eq!(put(&bed, "b", &filled(4241)).await, expected);
        // The policy that is replaced does not count, and white space never does.
        put(&bed, "a", &(filled(5999) + &" ".repeat(5000))).await.unwrap();
    }

    #[tokio::test]
    async fn a_document_must_be_one() {
        let bed = Bed::new().await;
        bed.role("head").await;
        for wrong in ["{", "[]", "\"x\""] {
            assert_eq!(put(&bed, "x", wrong).await.unwrap_err().0, "MalformedPolicyDocument", "{wrong}");
        }
        assert_eq!(put(&bed, "a b", &allow("s3:*").to_string()).await.unwrap_err().0, "ValidationError");
    }
}
