//! What there is in the account, and how much there may be.

use super::{Answer, Call};
use crate::policy::{Host, limits};
use crate::sandbox::answer::Refusal;
use crate::sandbox::world::{Use, World};
use crate::sandbox::xml::Xml;

pub fn summary(call: &mut Call) -> Answer {
    let world = &*call.world;
    let in_use = world.policies.iter().filter(|policy| {
        let arn = policy.arn(&world.account);
        world.roles.users(&Use::Attached(arn)).next().is_some()
    });
    let figures = [
        ("Roles", world.roles.len()),
        ("RolesQuota", world.account.quota("RolesQuota")),
        ("Policies", world.policies.len()),
        ("PoliciesQuota", world.account.quota("PoliciesQuota")),
        ("PolicyVersionsInUse", world.policies.iter().map(|policy| policy.versions.len()).sum()),
        ("PolicyVersionsInUseQuota", 10000),
        ("AttachedPolicies", in_use.count()),
        ("InstanceProfiles", world.profiles.len()),
        ("InstanceProfilesQuota", world.account.quota("InstanceProfilesQuota")),
        ("Users", 0),
        ("Groups", 0),
        ("AttachedPoliciesPerRoleQuota", world.account.attached_policies_per_role),
        ("AssumeRolePolicySizeQuota", world.account.trust_policy_size),
        ("PolicySizeQuota", limits::longest(Host::Managed)),
        ("VersionsPerPolicyQuota", limits::VERSIONS),
        ("RolePolicySizeQuota", limits::longest(Host::InlineRole)),
    ];
    let mut xml = Xml::default();
    xml.node("SummaryMap", |xml| {
        for (key, value) in figures {
            xml.node("entry", |xml| {
                xml.text("key", key).text("value", value);
            });
        }
    });
    Ok(xml)
}

/// Refuses one more of `what` where the account holds as many as it may.
pub fn room(world: &World, what: &str, held: usize) -> Result<(), Refusal> {
    let quota = world.account.quota(&format!("{what}Quota"));
    if held < quota { Ok(()) } else { Err(Refusal::limit(limits::quota(&format!("{what}PerAccount"), quota))) }
}

#[cfg(test)]
mod tests {
    use crate::sandbox::testbed::Bed;

    #[tokio::test]
    async fn the_summary_counts_and_says_the_quotas() {
        let bed = Bed::new().await;
        bed.role("head").await;
        let arn = bed.policy("reads").await;
        bed.policy("unused").await;
        bed.iam().attach_role_policy().role_name("head").policy_arn(&arn).send().await.unwrap();
        let summary = bed.iam().get_account_summary().send().await.unwrap().summary_map.unwrap();
        let figure = |name: &str| summary.iter().find(|(key, _)| key.as_str() == name).map(|(_, value)| *value);
        assert_eq!((figure("Roles"), figure("Policies"), figure("AttachedPolicies")), (Some(1), Some(2), Some(1)));
        assert_eq!(
            (figure("AttachedPoliciesPerRoleQuota"), figure("AssumeRolePolicySizeQuota")),
            (Some(10), Some(2048))
        );
    }
}
