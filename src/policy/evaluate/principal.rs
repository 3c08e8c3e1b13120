//! Who is meant by a principal that a trust policy names: "AWS JSON policy elements: Principal".

use super::super::statement::{Among, Principal};

impl Principal {
    /// Reads whoever asks: an ARN, an account's id, or a service like `ec2.amazonaws.com`.
    pub fn of(name: &str) -> Self {
        let provider = |name: &str| name.contains(":saml-provider/") || name.contains(":oidc-provider/");
        let kind = match name {
            _ if provider(name) => "Federated",
            _ if name.starts_with("arn:") || account_of(name).is_some() || name == "*" => "AWS",
            _ => "Service",
        };
        Self::new(kind, name)
    }

    /// Says whether this, as a policy names it, means whoever asks.
    fn means(&self, caller: &Principal) -> bool {
        match (self.kind.as_str(), self.name.as_str()) {
            ("AWS", "*") => true,
            (kind, _) if kind != caller.kind => false,
            ("AWS", name) => Identity::all(&caller.name).any(|identity| identity.is(name)),
            (_, name) => name == "*" || name == caller.name,
        }
    }
}

/// Says whether a statement with these principals is about whoever asks.
///
/// "AWS JSON policy elements: NotPrincipal": to be left out, a caller has to be named in all that it is: its
/// session, its role and its account.
pub(super) fn concerns(principals: &Among<Principal>, caller: &Principal) -> bool {
    match principals {
        Among::Except(named) if caller.kind == "AWS" => {
            let names = |named: &Principal, identity: &Identity| named.name == "*" || identity.is(&named.name);
            let is_named = |identity| named.iter().any(|named| named.kind == "AWS" && names(named, &identity));
            !Identity::all(&caller.name).all(is_named)
        }
        _ => principals.has(|named| named.means(caller)),
    }
}

/// Something that a caller is.
enum Identity<'a> {
    Itself(&'a str),
    /// The role of a session, whose path the session does not know.
    Role {
        account: &'a str,
        name: &'a str,
    },
    Account(&'a str),
}

impl<'a> Identity<'a> {
    fn all(caller: &'a str) -> impl Iterator<Item = Identity<'a>> {
        let session = caller.starts_with("arn:").then(|| caller.split_once(":assumed-role/")).flatten();
        let role = session.and_then(|(_, rest)| Some((account_of(caller)?, rest.split_once('/')?.0)));
        let account = account_of(caller).map(Identity::Account);
        let itself = (!is_account(caller)).then_some(Identity::Itself(caller));
        itself.into_iter().chain(role.map(|(account, name)| Identity::Role { account, name })).chain(account)
    }

    /// Says whether `name`, as it stands in a policy, names it.
    fn is(&self, name: &str) -> bool {
        match self {
            Identity::Itself(arn) => name == *arn,
            Identity::Role { account, name: role } => {
                name.contains(":role/") && account_of(name) == Some(account) && name.rsplit('/').next() == Some(role)
            }
            Identity::Account(id) => is_account(name) && account_of(name) == Some(id),
        }
    }
}

/// Says whether a name is that of an account: its id or its root.
fn is_account(name: &str) -> bool {
    account_of(name).is_some_and(|account| name == account || name.ends_with(":root"))
}

/// Returns the 12 digits of an account or of an ARN in one.
fn account_of(name: &str) -> Option<&str> {
    let id = if name.starts_with("arn:") { name.split(':').nth(4)? } else { name };
    (id.len() == 12 && id.bytes().all(|b| b.is_ascii_digit())).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLE: &str = "arn:aws:iam::111122223333:role/team/head";
    const SESSION: &str = "arn:aws:sts::111122223333:assumed-role/head/ana";

    #[test]
    fn callers_are_known_by_their_kind() {
        for (name, kind) in [
            (ROLE, "AWS"),
            ("111122223333", "AWS"),
            ("ec2.amazonaws.com", "Service"),
            ("arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/A", "Federated"),
        ] {
            assert_eq!(Principal::of(name).kind, kind, "{name}");
        }
    }

    #[test]
    fn a_caller_is_itself_its_role_and_its_account() {
        for (kind, name, caller, expected) in [
            ("AWS", ROLE, ROLE, true),
            ("AWS", "arn:aws:iam::111122223333:role/head", ROLE, false),
            ("AWS", ROLE, SESSION, true),
            ("AWS", SESSION, SESSION, true),
            ("AWS", SESSION, ROLE, false),
            ("AWS", "arn:aws:iam::111122223333:role/worker", SESSION, false),
            ("AWS", "arn:aws:iam::444455556666:role/head", SESSION, false),
            ("AWS", "111122223333", ROLE, true),
            ("AWS", "arn:aws:iam::111122223333:root", SESSION, true),
            ("AWS", "arn:aws:iam::111122223333:root", "111122223333", true),
            ("AWS", "444455556666", ROLE, false),
            ("AWS", "*", "ec2.amazonaws.com", true),
            ("Service", "ec2.amazonaws.com", "ec2.amazonaws.com", true),
            ("Service", "ec2.amazonaws.com", "ecs.amazonaws.com", false),
            ("Service", "*", ROLE, false),
            ("AWS", "arn:aws:iam::111122223333:user/ana", "arn:aws:iam::111122223333:user/Ana", false),
        ] {
            let (named, caller) = (Principal::new(kind, name), Principal::of(caller));
            assert_eq!(named.means(&caller), expected, "{kind} {name}, asked by {}", caller.name);
            // The comparison of documents has another form of the same.
            assert_eq!(named.whom.overlaps(&caller.itself), expected, "{kind} {name}, with {}", caller.name);
        }
    }

    #[test]
    fn who_is_left_out_is_named_in_all_that_it_is() {
        let left_out = |names: &[&str], caller: &str| {
            let named = names.iter().map(|name| Principal::new("AWS", name)).collect();
            !concerns(&Among::Except(named), &Principal::of(caller))
        };
        assert!(!left_out(&[ROLE], ROLE));
        assert!(left_out(&[ROLE, "111122223333"], ROLE));
        assert!(left_out(&[SESSION, ROLE, "arn:aws:iam::111122223333:root"], SESSION));
        assert!(!left_out(&[ROLE, "arn:aws:iam::111122223333:root"], SESSION));
        let service = Among::Except(vec![Principal::new("Service", "ec2.amazonaws.com")]);
        assert!(!concerns(&service, &Principal::of("ec2.amazonaws.com")) && concerns(&service, &Principal::of(ROLE)));
    }
}
