//! What a field refers to: an address of this manifest, something else in the account, or an ARN.

use super::declarations::Declarations;
use super::declared::Reference;
use super::names;
use super::report::Report;
use super::scope::Tree;
use super::shape;
use crate::model::{Account, Address, Node};
use crate::policy::managed;
use crate::problem::{Place, Problem};

/// What a field takes.
pub struct Target {
    /// `a managed policy`, for messages.
    noun: &'static str,
    /// Sections whose entries fit.
    sections: &'static [&'static str],
    /// What may stand before the slash of `policy/x`, and in an ARN.
    collections: &'static [&'static str],
}

pub const POLICY: Target = Target { noun: "a managed policy", sections: &["policies"], collections: &["policy"] };
pub const ROLE: Target = Target { noun: "a role", sections: &["roles"], collections: &["role"] };
pub const GROUP: Target = Target { noun: "a group", sections: &["groups"], collections: &["group"] };
pub const PRINCIPAL: Target =
    Target { noun: "a principal", sections: &["roles", "users"], collections: &["role", "user"] };

pub const PROVIDER: Target = Target {
    noun: "an OIDC or SAML provider",
    sections: &["oidc_providers"],
    collections: &["oidc-provider", "saml-provider"],
};

/// Resolves references of one account.
pub struct References<'a> {
    pub account: &'a Account,
    /// The account that the header names: only then a foreign ARN can be told.
    pub guard: Option<&'a str>,
    pub declared: &'a Declarations<'a>,
    pub tree: Tree<'a>,
}

impl References<'_> {
    pub fn resolve(&self, node: &Node, what: &str, target: &Target, report: &mut Report) -> Option<Reference> {
        let text = shape::text(node, what, report)?;
        let arn = match self.arn(text, node.place, what, target) {
            Ok(arn) => arn?,
            Err(problem) => {
                report.push(problem.at(node.place));
                return None;
            }
        };
        Some(Reference { arn, place: node.place })
    }

    /// `Ok(None)` where what is meant is wrong itself and was reported.
    fn arn(&self, text: &str, place: Place, what: &str, target: &Target) -> Result<Option<String>, Problem> {
        if text.starts_with("arn:") {
            return self.check_arn(text, what, target).map(|()| Some(text.to_owned()));
        }
        let is_principal = target.sections == PRINCIPAL.sections;
        if is_principal && text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit()) {
            return Ok(Some(format!("arn:{}:iam::{text}:root", self.account.partition)));
        }
        if let Some((collection, rest)) = text.split_once('/') {
            return self.in_account(text, collection, rest, what, target).map(Some);
        }
        if text.contains(['.', '[']) {
            return self.address(text, place, what, target);
        }
        if target.collections == POLICY.collections
            && let Some(path) = managed::path_of(text)
        {
            return Ok(Some(self.account.aws_managed_arn(path, text)));
        }
        Err(self.unknown_name(text, what, target))
    }

    /// `policy/x`, `role/a/b/x`: something of this account that the manifest does not declare.
    fn in_account(
        &self,
        text: &str,
        collection: &str,
        rest: &str,
        what: &str,
        target: &Target,
    ) -> Result<String, Problem> {
        if !target.collections.contains(&collection) {
            return Err(mismatch(text, what, target));
        }
        // The name of a provider is a URL and has slashes of its own.
        if target.sections == PROVIDER.sections {
            return Ok(self.account.iam_arn(collection, "/", rest));
        }
        let (path, name) =
            rest.rsplit_once('/').map_or(("/".to_owned(), rest), |(path, name)| (format!("/{path}/"), name));
        let odd = |c: char| !c.is_ascii_alphanumeric() && !"_+=,.@-".contains(c);
        if name.is_empty() || path.contains("//") || name.contains(odd) {
            let problem = Problem::error("unknown-reference", format!("{what}: `{text}` is no name in an account"));
            return Err(problem.note(format!("it is written {collection}/NAME or {collection}/PATH/NAME")));
        }
        Ok(self.account.iam_arn(collection, &path, name))
    }

    /// An address means what it means in the namespace; in an `override` that fails, in the user's.
    fn address(&self, text: &str, place: Place, what: &str, target: &Target) -> Result<Option<String>, Problem> {
        let unknown = |message: String| Problem::error("unknown-reference", format!("{what}: {message}"));
        let address: Address = text.parse().map_err(|_| unknown(format!("there is no `{text}` in this manifest")))?;
        let mut found = self.declared.find(self.tree.at, address.segments(), target.sections);
        let home = self.tree.written_in(place);
        if home != self.tree.at && found.is_err() {
            found = self.declared.find(home, address.segments(), target.sections);
        }
        match found {
            Ok(named) if target.sections.contains(&named.section.name) => Ok(named.arn.clone()),
            Ok(_) => Err(mismatch(text, what, target)),
            Err(missing) => match missing.in_words(&[]) {
                None => Ok(None),
                Some((message, help)) => {
                    let mut problem = unknown(message);
                    problem.helps.extend(help);
                    Err(problem)
                }
            },
        }
    }

    fn unknown_name(&self, text: &str, what: &str, target: &Target) -> Problem {
        let noun = target.noun;
        let problem = Problem::error("unknown-reference", format!("{what}: `{text}` names nothing"));
        let own = target.sections.iter().find(|section| self.declared.has(self.tree.at, section, text));
        if let Some(section) = own {
            return problem.help(format!("did you mean `{}`?", Address::new([*section, text])));
        }
        if target.collections == POLICY.collections {
            if let Some(near) = managed::nearest(text) {
                return problem.help(format!("did you mean `{near}`?"));
            }
            return problem
                .note("AWS has no managed policy of this name")
                .help(format!("for a policy of this account: policy/{text}"));
        }
        let collection = target.collections.first().copied().unwrap_or_default();
        let section = target.sections.first().copied().unwrap_or_default();
        problem.note(format!("{noun} is written {section}.KEY, {collection}/NAME or as an ARN"))
    }

    fn check_arn(&self, arn: &str, what: &str, target: &Target) -> Result<(), Problem> {
        let noun = target.noun;
        let mut parts = arn.splitn(6, ':').skip(2);
        let mut next = || parts.next().unwrap_or_default();
        let (service, region, account, resource) = (next(), next(), next(), next());
        let collection = resource.split('/').next().unwrap_or_default();
        let digits = account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
        let is_principal = target.sections == PRINCIPAL.sections;
        let fits = match (service, collection) {
            ("iam", "root") => is_principal && digits && resource == "root",
            ("iam", "policy") => target.collections.contains(&"policy") && (digits || account == "aws"),
            ("iam", of) => target.collections.contains(&of) && digits,
            ("sts", "assumed-role" | "federated-user") => is_principal && digits,
            _ => false,
        };
        let named =
            resource == "root" || resource.split('/').skip(1).all(|part| !part.is_empty()) && resource.contains('/');
        if !fits || !named || !region.is_empty() {
            return Err(Problem::error("bad-arn", format!("{what}: `{arn}` is not the ARN of {noun}")));
        }
        if arn.contains(['*', '?']) {
            let problem = Problem::error("bad-arn", format!("{what}: `{arn}` has a wildcard, AWS takes none here"));
            return Err(problem);
        }
        if !is_principal && account != "aws" && self.guard.is_some_and(|guard| guard != account) {
            let problem = Problem::error("bad-arn", format!("{what}: `{arn}` is of another account"));
            return Err(match target.collections == POLICY.collections {
                true => problem.note("AWS attaches only policies of the same account and its own"),
                false => problem,
            });
        }
        if let Some(problem) = self.other_partition(arn, what) {
            return Err(problem);
        }
        self.check_aws_managed(arn, account, resource, what)
    }

    /// Says that an ARN is of another partition than the account: nothing in one can be named in another.
    pub fn other_partition(&self, arn: &str, what: &str) -> Option<Problem> {
        let own = self.account.partition.as_str();
        let (partition, rest) = arn.strip_prefix("arn:")?.split_once(':')?;
        if partition == own || own.is_empty() {
            return None;
        }
        let message = format!("{what}: `{arn}` is in the partition {partition}, and this manifest is for {own}");
        let problem = Problem::error("other-partition", message);
        let is_own = self.guard.is_some_and(|guard| rest.split(':').any(|part| part == guard || part == "aws"));
        Some(match is_own {
            true => problem.help(format!("arn:{own}:{rest}")),
            false => problem.note("AWS lets no partition's roles and users into another"),
        })
    }

    /// Several of AWS's policies lie under a path that the texts about them leave out.
    fn check_aws_managed(&self, arn: &str, account: &str, resource: &str, what: &str) -> Result<(), Problem> {
        let name = resource.rsplit('/').next().unwrap_or_default();
        if account != "aws" || self.account.partition != "aws" {
            return Ok(());
        }
        match managed::path_of(name).map(|path| self.account.aws_managed_arn(path, name)) {
            Some(right) if right != arn => {
                let problem =
                    Problem::error("bad-arn", format!("{what}: AWS has {name} under another path than `{arn}`"));
                Err(problem.help(format!("write {name}, or {right}")))
            }
            _ => Ok(()),
        }
    }
}

fn mismatch(text: &str, what: &str, target: &Target) -> Problem {
    let problem = Problem::error("wrong-reference", format!("{what} takes {}, `{text}` is none", target.noun));
    let known = |section: &&&str| names::sections().any(|(_, known)| known.name == **section);
    let mut ways: Vec<String> = target.sections.iter().filter(known).map(|section| format!("{section}.KEY")).collect();
    ways.extend(target.collections.iter().map(|collection| format!("{collection}/NAME")));
    problem.note(format!("it is written {} or as an ARN", ways.join(", ")))
}
