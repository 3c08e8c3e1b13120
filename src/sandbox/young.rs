//! What IAM does not know everywhere yet: roles, users, groups and instance profiles that were made a moment ago.

use std::time::Duration;

use jiff::Timestamp;

use super::answer::Refusal;
use super::iam::{self, Action};
use super::request::Request;
use super::world::World;

/// The account as an endpoint sees it that lags behind.
pub struct Lagging<'a> {
    pub world: &'a World,
    pub now: Timestamp,
    pub delay: Duration,
    /// Whether this read reaches such an endpoint; writes always do.
    pub stale_read: bool,
}

impl Lagging<'_> {
    /// Refuses a call about what this endpoint has not heard of. What makes it again or removes it
    /// reaches where it was made.
    pub fn check(&self, action: &Action, request: &Request) -> Result<(), Refusal> {
        let arrives =
            ["Create", "Delete", "Detach", "Remove", "Untag"].iter().any(|verb| action.name.starts_with(verb));
        let refusal = match action.writes {
            true if arrives => self.unknown_principal(request),
            true => self.absent(request).or_else(|| self.unknown_principal(request)),
            false if self.stale_read => self.absent(request),
            false => None,
        };
        refusal.map_or(Ok(()), Err)
    }

    fn absent(&self, request: &Request) -> Option<Refusal> {
        let role = request.get("RoleName").and_then(|name| self.world.roles.get(name));
        let profile = request.get("InstanceProfileName").and_then(|name| self.world.profiles.get(name));
        if let Some(profile) = profile.filter(|profile| self.is_young(profile.created)) {
            return Some(Refusal::absent(format!("Instance Profile {} cannot be found.", profile.name)));
        }
        let absent = |noun: &str, name: &str| Refusal::absent(format!("The {noun} with name {name} cannot be found."));
        let user = request.get("UserName").and_then(|name| self.world.users.get(name));
        if let Some(user) = user.filter(|user| self.is_young(user.created)) {
            return Some(absent("user", &user.name));
        }
        let group = request.get("GroupName").and_then(|name| self.world.groups.get(name));
        if let Some(group) = group.filter(|group| self.is_young(group.created)) {
            return Some(absent("group", &group.name));
        }
        let role = role.filter(|role| self.is_young(role.created))?;
        Some(absent("role", &role.name))
    }

    fn unknown_principal(&self, request: &Request) -> Option<Refusal> {
        let is_unknown = |principal: &String| {
            let (name, account) = (principal.rsplit('/').next().unwrap_or(principal), &self.world.account);
            let role = self.world.roles.get(name).filter(|role| role.arn(account) == *principal);
            let user = self.world.users.get(name).filter(|user| user.arn(account) == *principal);
            role.map(|role| role.created).or(user.map(|user| user.created)).is_some_and(|made| self.is_young(made))
        };
        iam::trusted(request).into_iter().find(is_unknown).map(|principal| Refusal::invalid_principal(&principal))
    }

    fn is_young(&self, created: Timestamp) -> bool {
        // A file that a person wrote may be from the future.
        Duration::try_from(self.now.duration_since(created)).is_ok_and(|age| age < self.delay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::testbed::{ACCOUNT, Bed, allow, refused, trust_of};

    #[tokio::test]
    async fn what_is_new_cannot_be_named_by_writes_yet() {
        let bed = Bed::with("delay=1s").await;
        bed.role("head").await;
        let arn = bed.policy("reads").await;
        let attach = || bed.iam().attach_role_policy().role_name("head").policy_arn(&arn).send();
        let put = || {
            let call = bed.iam().put_role_policy().role_name("head").policy_name("p");
            call.policy_document(allow("s3:*").to_string()).send()
        };
        let head = format!("arn:aws:iam::{ACCOUNT}:role/head");
        let trusting = || {
            let call = bed.iam().create_role().role_name("launch");
            call.assume_role_policy_document(trust_of(&head).to_string()).send()
        };
        let absent = ("NoSuchEntity".to_owned(), "The role with name head cannot be found.".to_owned());
        assert_eq!(refused(attach().await), absent);
        assert_eq!(refused(put().await), absent);
        let unknown = format!("Invalid principal in policy: \"AWS\":\"{head}\"");
        assert_eq!(refused(trusting().await), ("MalformedPolicyDocument".to_owned(), unknown));
        // Reads are exact.
        bed.iam().get_role().role_name("head").send().await.unwrap();
        tokio::time::sleep(Duration::from_millis(1050)).await;
        attach().await.unwrap();
        put().await.unwrap();
        trusting().await.unwrap();
    }

    #[tokio::test]
    async fn a_new_profile_takes_no_role_yet_and_goes_at_once() {
        let bed = Bed::with("delay=60s").await;
        bed.iam().create_instance_profile().instance_profile_name("nodes").send().await.unwrap();
        bed.role("head").await;
        let add = bed.iam().add_role_to_instance_profile().instance_profile_name("nodes").role_name("head");
        let expected = ("NoSuchEntity".to_owned(), "Instance Profile nodes cannot be found.".to_owned());
        assert_eq!(refused(add.send().await), expected);
        bed.iam().delete_instance_profile().instance_profile_name("nodes").send().await.unwrap();
        bed.iam().delete_role().role_name("head").send().await.unwrap();
        assert!(bed.iam().list_roles().send().await.unwrap().roles().is_empty());
    }

    #[tokio::test]
    async fn reads_lag_where_that_is_asked_for() {
        let bed = Bed::with("delay=60s,stale_reads=50%,seed=3").await;
        bed.role("head").await;
        let mut known = Vec::new();
        for _ in 0..40 {
            known.push(bed.iam().get_role().role_name("head").send().await.is_ok());
        }
        let count = known.iter().filter(|known| **known).count();
        assert!((10..30).contains(&count), "{known:?}");
        let again = Bed::with("delay=60s,stale_reads=50%,seed=3").await;
        again.role("head").await;
        for expected in known {
            assert_eq!(again.iam().get_role().role_name("head").send().await.is_ok(), expected);
        }
    }
}
