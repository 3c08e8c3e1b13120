//! Whom a trust policy names. AWS keeps the unique id of each principal and looks its ARN up again when
//! it shows the policy: a role that was deleted shows as `AROA…`, and another one that took its name
//! since is not trusted.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::document;
use crate::policy::Host;
use crate::sandbox::answer::Refusal;
use crate::sandbox::request::Request;
use crate::sandbox::table::Entity;
use crate::sandbox::world::{Role, User, World};

/// A trust policy that AWS takes, and the ids of the roles and users that it names.
pub struct Trust {
    pub document: Json,
    pub ids: BTreeMap<String, String>,
}

/// Returns the trust policy in `text` when all that it names is there.
pub fn read(world: &World, text: &str) -> Result<Trust, Refusal> {
    let mut trust = document::read(text, Host::Trust)?;
    let quota = world.account.trust_policy_size;
    if document::size(text) > quota {
        return Err(Refusal::limit(format!("Cannot exceed quota for ACLSizePerRole: {quota}")));
    }
    let mut ids = BTreeMap::new();
    let mut missing = None;
    each_principal(&mut trust, &mut |principal| match resolve(world, principal) {
        Named::Known { id, arn } => {
            ids.insert(arn.clone(), id);
            *principal = arn;
        }
        Named::Other => {}
        Named::Nobody => drop(missing.get_or_insert_with(|| principal.clone())),
    });
    match missing {
        Some(principal) => Err(Refusal::invalid_principal(&principal)),
        None => Ok(Trust { document: trust, ids }),
    }
}

/// Returns the trust policy of a role as AWS shows it today.
pub fn show(world: &World, role: &Role) -> Json {
    let mut trust = role.trust.clone();
    each_principal(&mut trust, &mut |principal| {
        let Some(id) = role.trusted_ids.get(principal) else { return };
        if matches!(resolve(world, principal), Named::Known { id: known, .. } if known == *id) {
            return;
        }
        // A user may have another path by now.
        *principal = match resolve(world, id) {
            Named::Known { arn, .. } => arn,
            Named::Other | Named::Nobody => id.clone(),
        };
    });
    trust
}

/// Returns whom the trust policy of a call names; nobody when it has none.
pub fn named_by(request: &Request) -> Vec<String> {
    let text = request.get("AssumeRolePolicyDocument").or_else(|| request.get("PolicyDocument"));
    let mut document: Json = text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let mut found = Vec::new();
    each_principal(&mut document, &mut |principal| found.push(principal.clone()));
    found
}

enum Named {
    /// A role or a user of this account.
    Known {
        id: String,
        arn: String,
    },
    /// Somebody this account does not know about: another account, a service, everybody.
    Other,
    Nobody,
}

fn resolve(world: &World, principal: &str) -> Named {
    let partition = world.account.partition.as_str();
    let (of_role, of_user) = (world.account.arn("role", "/", ""), world.account.arn("user", "/", ""));
    let name = principal.rsplit('/').next().unwrap_or(principal);
    // Whoever calls is there before anybody made it.
    let is_made = world.users.get(name).is_some();
    let (role, user) = if is_unique_id(principal) {
        let role = world.roles.iter().find(|role| role.id == principal);
        (role, world.users.iter().find(|user| user.id == principal))
    } else if principal.starts_with(&of_role) {
        (world.roles.get(name).filter(|role| role.arn(&world.account) == principal), None)
    } else if principal.starts_with(&of_user) && (is_made || *principal != world.account.caller()) {
        (None, world.users.get(name).filter(|user| user.arn(&world.account) == principal))
    } else {
        // Nothing of one partition can be named in another.
        let is_within = principal.strip_prefix("arn:").is_none_or(|rest| rest.split(':').next() == Some(partition));
        return if is_within { Named::Other } else { Named::Nobody };
    };
    match (role, user) {
        (Some(role), _) => Named::Known { id: role.id.clone(), arn: role.arn(&world.account) },
        (None, Some(user)) => Named::Known { id: user.id.clone(), arn: user.arn(&world.account) },
        (None, None) => Named::Nobody,
    }
}

fn is_unique_id(principal: &str) -> bool {
    [Role::ID_PREFIX, User::ID_PREFIX].iter().any(|prefix| principal.starts_with(prefix)) && !principal.contains(':')
}

/// Visits every principal under `AWS`, also those of Deny statements and of `NotPrincipal`.
fn each_principal(document: &mut Json, visit: &mut impl FnMut(&mut String)) {
    let Some(statements) = document.get_mut("Statement") else { return };
    for statement in items(statements) {
        for key in ["Principal", "NotPrincipal"] {
            let Some(named) = statement.get_mut(key).and_then(|principal| principal.get_mut("AWS")) else { continue };
            for principal in items(named) {
                if let Json::String(principal) = principal {
                    visit(principal);
                }
            }
        }
    }
}

/// Returns the items of a list; anything else is one item.
fn items(json: &mut Json) -> &mut [Json] {
    match json {
        Json::Array(items) => items,
        one => std::slice::from_mut(one),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use crate::sandbox::testbed::{ACCOUNT, Bed, refused, trust, trust_of};

    async fn put(bed: &Bed, trust: &Json) -> Result<(), (String, String)> {
        let call = bed.iam().update_assume_role_policy().role_name("head").policy_document(trust.to_string());
        call.send().await.map(drop).map_err(|error| refused(Err::<(), _>(error)))
    }

    async fn shown(bed: &Bed) -> String {
        let role = bed.iam().get_role().role_name("head").send().await.unwrap().role.unwrap();
        let text = percent_encoding::percent_decode_str(role.assume_role_policy_document().unwrap());
        text.decode_utf8().unwrap().into_owned()
    }

    #[tokio::test]
    async fn only_roles_and_users_that_exist_can_be_named() {
        let bed = Bed::new().await;
        bed.role("head").await;
        let nobody = format!("arn:aws:iam::{ACCOUNT}:role/nobody");
        let message = format!("Invalid principal in policy: \"AWS\":\"{nobody}\"");
        let expected = Err(("MalformedPolicyDocument".to_owned(), message));
        assert_eq!(put(&bed, &trust_of(&nobody)).await, expected);
        let in_a_list = json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "sts:AssumeRole",
            "Principal": {"AWS": ["*", nobody]}}});
        assert_eq!(put(&bed, &in_a_list).await, expected);
        // A path belongs to the ARN.
        assert!(put(&bed, &trust_of(&format!("arn:aws:iam::{ACCOUNT}:role/x/head"))).await.is_err());
        let user = format!("arn:aws:iam::{ACCOUNT}:user/ci");
        assert!(put(&bed, &trust_of(&user)).await.is_err());
        bed.iam().create_user().user_name("ci").send().await.unwrap();
        let known = ["*", ACCOUNT, "arn:aws:iam::999999999999:root", "arn:aws:iam::999999999999:role/x", &user];
        for known in known {
            assert_eq!(put(&bed, &trust_of(known)).await, Ok(()), "{known}");
        }
        let call = bed.iam().create_role().role_name("x").assume_role_policy_document(trust_of(&nobody).to_string());
        assert_eq!(refused(call.send().await).0, "MalformedPolicyDocument");
    }

    #[tokio::test]
    async fn a_deleted_role_shows_as_its_id_and_is_not_its_successor() {
        let bed = Bed::new().await;
        bed.role("head").await;
        bed.role("launch").await;
        let launch = format!("arn:aws:iam::{ACCOUNT}:role/launch");
        let id = bed.iam().get_role().role_name("launch").send().await.unwrap().role.unwrap().role_id;
        put(&bed, &trust_of(&launch)).await.unwrap();
        assert!(shown(&bed).await.contains(&launch));
        // Who sends an id is shown the name.
        put(&bed, &trust_of(&id)).await.unwrap();
        assert!(shown(&bed).await.contains(&launch));
        bed.iam().delete_role().role_name("launch").send().await.unwrap();
        assert_eq!(shown(&bed).await, trust_of(&id).to_string());
        assert!(put(&bed, &trust_of(&id)).await.is_err());
        bed.role("launch").await;
        assert_eq!(shown(&bed).await, trust_of(&id).to_string());
        put(&bed, &trust_of(&launch)).await.unwrap();
        assert_eq!(shown(&bed).await, trust_of(&launch).to_string());
    }

    #[tokio::test]
    async fn a_user_that_moves_is_trusted_as_before() {
        let bed = Bed::new().await;
        bed.role("head").await;
        bed.iam().create_user().user_name("ci").send().await.unwrap();
        put(&bed, &trust_of(&format!("arn:aws:iam::{ACCOUNT}:user/ci"))).await.unwrap();
        bed.iam().update_user().user_name("ci").new_path("/x/").send().await.unwrap();
        assert_eq!(shown(&bed).await, trust_of(&format!("arn:aws:iam::{ACCOUNT}:user/x/ci")).to_string());
        bed.iam().delete_user().user_name("ci").send().await.unwrap();
        assert!(shown(&bed).await.contains("AIDA"));
    }

    #[tokio::test]
    async fn a_trust_policy_has_2048_characters_without_white_space() {
        let bed = Bed::new().await;
        bed.role("head").await;
        let fill = |count: usize| {
            let mut trust = trust("ec2");
            trust["Statement"][0]["Sid"] = "".into();
            let rest = count - trust.to_string().len();
            trust["Statement"][0]["Sid"] = "x".repeat(rest).into();
            trust
        };
        assert_eq!(put(&bed, &fill(2048)).await, Ok(()));
        let call = bed.iam().update_assume_role_policy().role_name("head");
        call.policy_document(format!("{:#}", fill(2048))).send().await.unwrap();
        let expected = ("LimitExceeded".to_owned(), "Cannot exceed quota for ACLSizePerRole: 2048".to_owned());
        assert_eq!(put(&bed, &fill(2049)).await, Err(expected));
    }
}
