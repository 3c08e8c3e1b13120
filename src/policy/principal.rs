//! Whom a policy names, in a form that compares: "AWS JSON policy elements: Principal".

use super::canonical::{Text, principal};
use super::pattern::{Pattern, Variables};
use super::statement::Among;

/// Somebody whom a trust policy names, as it is written there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Principal {
    /// `AWS`, `Service`, `Federated` or `CanonicalUser`.
    pub kind: String,
    /// An ARN, an account's id, `*`, a service like `ec2.amazonaws.com`.
    pub name: String,
    /// All who are meant: of an account everybody in it, of a role its sessions, of `*` everybody.
    pub whom: Pattern,
    /// The one alone who has this name, of an account its root: whom `NotPrincipal` leaves out.
    pub(super) itself: Pattern,
}

/// Who a principal is, in parts that begin alike for all who are in one account.
enum Form<'a> {
    Everybody,
    Account {
        id: String,
    },
    Role {
        account: &'a str,
        path: &'a str,
        name: &'a str,
    },
    /// A session does not know the path of its role.
    Session {
        account: &'a str,
        role: &'a str,
        name: &'a str,
    },
    Member {
        account: &'a str,
        resource: &'a str,
    },
    /// All services, or all providers.
    All,
    Other,
}

impl Principal {
    pub fn new(kind: &str, name: &str) -> Self {
        let text = |form: &str| Pattern::text(form, Variables::Literal);
        let (whom, itself) = match form(kind, name) {
            Form::Everybody => (Pattern::any(), Pattern::any()),
            Form::Account { id } => (text(&format!("AWS:{id}:*")), text(&format!("AWS:{id}:root"))),
            Form::Role { account, path, name } => {
                let role = format!("AWS:{account}:role/{name}:{path}:");
                (text(&format!("{role}*")), text(&role))
            }
            Form::Session { account, role, name } => {
                let session = text(&format!("AWS:{account}:role/{role}:*:{name}"));
                (session.clone(), session)
            }
            Form::Member { account, resource } => {
                let member = text(&format!("AWS:{account}:{resource}"));
                (member.clone(), member)
            }
            Form::All => (text(&format!("{kind}:*")), text(&format!("{kind}:*"))),
            Form::Other => (Pattern::literal(&format!("{kind}:{name}")), Pattern::literal(&format!("{kind}:{name}"))),
        };
        let [whom, itself] = [whom, itself].map(|pattern| pattern.shown_as(name));
        Self { kind: kind.to_owned(), name: name.to_owned(), whom, itself }
    }

    /// Says whether all who are `other` are meant by this.
    pub fn includes(&self, other: &Principal) -> bool {
        self.whom.includes(&other.whom)
    }

    /// Says whether `NotPrincipal` with this leaves out whomever it does with `other`.
    pub fn leaves_out(&self, other: &Principal) -> bool {
        self.itself.includes(&other.itself)
    }
}

fn form<'a>(kind: &str, name: &'a str) -> Form<'a> {
    if name == "*" {
        return if kind == "AWS" { Form::Everybody } else { Form::All };
    }
    // AWS takes no wildcards here: they stand for themselves.
    if kind != "AWS" || name.contains(['*', '?']) {
        return Form::Other;
    }
    if let Text::Account { id, .. } = principal(name) {
        return Form::Account { id };
    }
    let parts: Vec<&str> = name.splitn(6, ':').collect();
    let ["arn", _, service, "", account, resource] = parts[..] else { return Form::Other };
    let (collection, rest) = resource.split_once('/').unwrap_or((resource, ""));
    match (service, collection) {
        ("iam", "role") => {
            let (path, name) = rest.rsplit_once('/').unwrap_or(("", rest));
            Form::Role { account, path, name }
        }
        ("sts", "assumed-role") => match rest.split_once('/') {
            Some((role, name)) => Form::Session { account, role, name },
            None => Form::Member { account, resource },
        },
        _ => Form::Member { account, resource },
    }
}

impl Among<Principal> {
    /// Says whether all who are this one are among them.
    pub fn covers(&self, who: &Principal) -> bool {
        match self {
            Among::Only(named) => named.iter().any(|named| named.includes(who)),
            Among::Except(named) => !left_out(named).any(|out| out.overlaps(&who.whom)),
        }
    }

    /// Says whether the one who is meant by name is among them, or all but a few of those who are.
    pub fn meets(&self, who: &Principal) -> bool {
        match self {
            Among::Only(_) => self.covers(who),
            Among::Except(named) => !left_out(named).any(|out| out.includes(&who.whom)),
        }
    }
}

/// Returns whom `NotPrincipal` leaves out. "AWS JSON policy elements: NotPrincipal": whoever is named in all that it
/// is, a session with its role and its account, a role and a user with their account. An account alone is its root.
pub(super) fn left_out(named: &[Principal]) -> impl Iterator<Item = &Pattern> {
    let account =
        |id: &str| named.iter().any(|one| matches!(form(&one.kind, &one.name), Form::Account { id: of } if of == id));
    let role = |id: &str, role: &str| {
        let is = |one: &Principal| matches!(form(&one.kind, &one.name), Form::Role { account, name, .. } if (account, name) == (id, role));
        named.iter().any(is)
    };
    let is_left_out = move |one: &&Principal| match form(&one.kind, &one.name) {
        Form::Role { account: id, .. } | Form::Member { account: id, .. } => account(id),
        Form::Session { account: id, role: name, .. } => account(id) && role(id, name),
        Form::Other => one.kind != "AWS",
        Form::Everybody | Form::Account { .. } | Form::All => true,
    };
    named.iter().filter(is_left_out).map(|one| &one.itself)
}
