//! Managed policies attached to roles, users and groups.

use super::lists::Page;
use super::owner::{self, Owner};
use super::{Answer, Call, names, policy};
use crate::policy::limits;
use crate::sandbox::answer::Refusal;
use crate::sandbox::xml::Xml;

/// Attaching what is attached already is no error and no change.
pub fn attach<T: Owner>(call: &mut Call) -> Answer {
    let owner = owner::editable::<T>(call)?;
    let arn = policy::arn(call.request)?;
    let absent = || Refusal::absent(format!("Policy {arn} does not exist or is not attachable."));
    policy::find(call.world, arn).ok_or_else(absent)?;
    if arn.contains(":policy/aws-service-role/") {
        let message = "Cannot attach a Service Role Policy to a Customer Role.";
        return Err(Refusal::new(400, "PolicyNotAttachable", message));
    }
    if owner.policies().contains(arn) {
        return Ok(Xml::default());
    }
    let quota = call.world.account.quota(&format!("AttachedPoliciesPer{}Quota", T::title()));
    if owner.policies().len() >= quota {
        return Err(Refusal::limit(limits::quota(&format!("PoliciesPer{}", T::title()), quota)));
    }
    let (name, arn) = (owner.name().to_owned(), arn.to_owned());
    T::table_mut(call.world).edit(&name, |owner| {
        owner.policies_mut().insert(arn);
    });
    Ok(Xml::default())
}

pub fn detach<T: Owner>(call: &mut Call) -> Answer {
    let owner = owner::editable::<T>(call)?;
    let arn = policy::arn(call.request)?.to_owned();
    if !owner.policies().contains(&arn) {
        return Err(Refusal::absent(format!("Policy {arn} was not found.")));
    }
    let name = owner.name().to_owned();
    T::table_mut(call.world).edit(&name, |owner| {
        owner.policies_mut().remove(&arn);
    });
    Ok(Xml::default())
}

pub fn list<T: Owner>(call: &mut Call) -> Answer {
    let prefix = names::path_prefix(call.request)?;
    let owner = owner::existing::<T>(call)?;
    let policies = owner.policies().iter().map(|arn| (arn.clone(), arn));
    let page = Page::of(call, policies.filter(|(_, arn)| policy::path_in(arn).starts_with(prefix)))?;
    Ok(page.answer("AttachedPolicies", |xml, arn| {
        xml.text("PolicyName", policy::name_in(arn)).text("PolicyArn", arn);
    }))
}

#[cfg(test)]
mod tests {
    use crate::sandbox::testbed::{ACCOUNT, Bed, refused};

    const CORE: &str = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore";

    #[tokio::test]
    async fn attaching_twice_is_attaching_once() {
        let bed = Bed::new().await;
        bed.role("head").await;
        let own = bed.policy("reads").await;
        for arn in [&own, CORE, CORE] {
            bed.iam().attach_role_policy().role_name("head").policy_arn(arn).send().await.unwrap();
        }
        let listed = bed.iam().list_attached_role_policies().role_name("head").send().await.unwrap();
        let listed: Vec<_> = listed.attached_policies().iter().filter_map(|p| p.policy_name()).collect();
        assert_eq!(listed, ["reads", "AmazonSSMManagedInstanceCore"]);
        let policy = bed.iam().get_policy().policy_arn(CORE).send().await.unwrap().policy.unwrap();
        assert_eq!(policy.attachment_count(), Some(1));
        bed.iam().detach_role_policy().role_name("head").policy_arn(CORE).send().await.unwrap();
        let again = refused(bed.iam().detach_role_policy().role_name("head").policy_arn(CORE).send().await);
        assert_eq!(again, ("NoSuchEntity".into(), format!("Policy {CORE} was not found.")));
    }

    #[tokio::test]
    async fn what_cannot_be_attached_is_not() {
        let bed = Bed::new().await;
        bed.role("head").await;
        let attach = |arn: &str| bed.iam().attach_role_policy().role_name("head").policy_arn(arn).send();
        for arn in [format!("arn:aws:iam::{ACCOUNT}:policy/no"), "arn:aws:iam::aws:policy/NoSuchThing".to_owned()] {
            let expected = ("NoSuchEntity".to_owned(), format!("Policy {arn} does not exist or is not attachable."));
            assert_eq!(refused(attach(&arn).await), expected);
        }
        assert_eq!(refused(attach("AmazonSSMManagedInstanceCore").await).0, "InvalidInput");
        let of_services = "arn:aws:iam::aws:policy/aws-service-role/BatchServiceRolePolicy";
        assert_eq!(refused(attach(of_services).await).0, "PolicyNotAttachable");
    }

    #[tokio::test]
    async fn ten_policies_at_most_unless_the_account_has_more() {
        let bed = Bed::new().await;
        bed.role("head").await;
        let mut arns = Vec::new();
        for n in 0..11 {
            arns.push(bed.policy(&format!("p{n}")).await);
        }
        for arn in &arns[..10] {
            bed.iam().attach_role_policy().role_name("head").policy_arn(arn).send().await.unwrap();
        }
        let eleventh = |bed: &Bed| bed.iam().attach_role_policy().role_name("head").policy_arn(&arns[10]).send();
        let expected = ("LimitExceeded".to_owned(), "Cannot exceed quota for PoliciesPerRole: 10".to_owned());
        assert_eq!(refused(eleventh(&bed).await), expected);
        let raised = format!(r#"{{"account": "{ACCOUNT}", "attached_policies_per_role": 20}}"#);
        std::fs::write(bed.file("account.json"), raised).unwrap();
        let bed = Bed::over(bed.dir, "").await;
        eleventh(&bed).await.unwrap();
    }
}
