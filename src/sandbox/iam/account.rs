//! What there is in the account, and how much there may be.

use super::{Answer, Call, usage};
use crate::policy::{Host, limits};
use crate::sandbox::answer::Refusal;
use crate::sandbox::world::World;
use crate::sandbox::xml::Xml;

pub fn summary(call: &mut Call) -> Answer {
    let world = &*call.world;
    let in_use = world.policies.iter().filter(|policy| usage::count(world, &policy.arn(&world.account)).0 > 0);
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
        ("Users", world.users.len()),
        ("UsersQuota", world.account.quota("UsersQuota")),
        ("Groups", world.groups.len()),
        ("GroupsQuota", world.account.quota("GroupsQuota")),
        ("GroupsPerUserQuota", world.account.quota("GroupsPerUserQuota")),
        ("AccessKeysPerUserQuota", world.account.quota("AccessKeysPerUserQuota")),
        ("AttachedPoliciesPerRoleQuota", world.account.quota("AttachedPoliciesPerRoleQuota")),
        ("AttachedPoliciesPerUserQuota", world.account.quota("AttachedPoliciesPerUserQuota")),
        ("AttachedPoliciesPerGroupQuota", world.account.quota("AttachedPoliciesPerGroupQuota")),
        ("AssumeRolePolicySizeQuota", world.account.trust_policy_size),
        ("PolicySizeQuota", limits::longest(Host::Managed)),
        ("VersionsPerPolicyQuota", limits::VERSIONS),
        ("RolePolicySizeQuota", limits::longest(Host::InlineRole)),
        ("UserPolicySizeQuota", limits::longest(Host::InlineUser)),
        ("GroupPolicySizeQuota", limits::longest(Host::InlineGroup)),
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
