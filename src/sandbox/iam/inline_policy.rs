//! Inline policies of roles, users and groups. The documents of one owner share one quota.

use super::lists::Page;
use super::owner::{self, Owner};
use super::{Answer, Call, document, names};
use crate::policy::limits;
use crate::sandbox::answer::Refusal;
use crate::sandbox::xml::Xml;

/// Longest name.
const NAME: usize = 128;

pub fn put<T: Owner>(call: &mut Call) -> Answer {
    let owner = owner::editable::<T>(call)?;
    let policy = names::name(call.request, "PolicyName", NAME)?;
    let text = call.request.required("PolicyDocument")?;
    let document = document::read(text, T::INLINE)?;
    let others = owner.inline().iter().filter(|(name, _)| *name != policy);
    let size = document::size(text) + others.map(|(_, json)| document::size(&json.to_string())).sum::<usize>();
    if size > limits::longest(T::INLINE) {
        return Err(Refusal::limit(limits::too_long(T::INLINE, owner.name())));
    }
    let (name, policy) = (owner.name().to_owned(), policy.to_owned());
    T::table_mut(call.world).edit(&name, |owner| drop(owner.inline_mut().insert(policy, document)));
    Ok(Xml::default())
}

pub fn get<T: Owner>(call: &mut Call) -> Answer {
    let (owner, policy) = existing::<T>(call)?;
    let mut xml = Xml::default();
    xml.text(T::PARAMETER, owner.name()).text("PolicyName", policy);
    xml.maybe("PolicyDocument", owner.inline().get(policy).map(document::encode));
    Ok(xml)
}

pub fn list<T: Owner>(call: &mut Call) -> Answer {
    let owner = owner::existing::<T>(call)?;
    let page = Page::of(call, owner.inline().keys().map(|name| (name.clone(), name)))?;
    Ok(page.texts("PolicyNames"))
}

pub fn delete<T: Owner>(call: &mut Call) -> Answer {
    owner::editable::<T>(call)?;
    let (owner, policy) = existing::<T>(call)?;
    let (name, policy) = (owner.name().to_owned(), policy.to_owned());
    T::table_mut(call.world).edit(&name, |owner| drop(owner.inline_mut().remove(&policy)));
    Ok(Xml::default())
}

/// Returns the owner that a call names, and the name of its policy in `PolicyName`.
fn existing<'a, T: Owner>(call: &'a Call) -> Result<(&'a T, &'a str), Refusal> {
    let owner = owner::existing::<T>(call)?;
    let policy = names::name(call.request, "PolicyName", NAME)?;
    if owner.inline().contains_key(policy) {
        return Ok((owner, policy));
    }
    Err(Refusal::absent(format!("The {} policy with name {policy} cannot be found.", T::NOUN)))
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
