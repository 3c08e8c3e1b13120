//! Managed policies: those of the account, and those of AWS, which anybody can read and attach.

use std::collections::BTreeMap;

use indexmap::IndexMap;

use super::lists::Page;
use super::role::time;
use super::tags::{self, Case};
use super::{Answer, Call, account, document, names, usage};
use crate::policy::{Host, limits, managed};
use crate::sandbox::answer::Refusal;
use crate::sandbox::ids;
use crate::sandbox::request::Request;
use crate::sandbox::table::Entity;
use crate::sandbox::world::{Account, Policy, Version, World};
use crate::sandbox::xml::Xml;

/// Longest name.
const NAME: usize = 128;
pub fn create(call: &mut Call) -> Answer {
    let request = call.request;
    let name = names::name(request, "PolicyName", NAME)?;
    let path = names::policy_path(request)?;
    let description = request.get("Description").filter(|text| !text.is_empty());
    names::length("description", description.unwrap_or_default(), 0, 1000)?;
    let tags = tags::given(request, Case::Told)?;
    let document = read_document(request)?;
    if call.world.policies.is_taken(name) {
        let message = format!("A policy called {name} already exists. Duplicate names are not allowed.");
        return Err(Refusal::exists(message));
    }
    account::room(call.world, "Policies", call.world.policies.len())?;
    let policy = Policy {
        name: name.to_owned(),
        path: path.to_owned(),
        id: call.new_id::<Policy>(),
        created: call.now,
        updated: call.now,
        description: description.map(str::to_owned),
        tags,
        default_version: "v1".to_owned(),
        last_version: 1,
        versions: IndexMap::from([("v1".to_owned(), Version { created: call.now, document })]),
    };
    let arn = policy.arn(&call.world.account);
    call.world.policies.insert(policy);
    answer_one(call.world, &arn)
}

pub fn get(call: &mut Call) -> Answer {
    answer_one(call.world, arn(call.request)?)
}

/// Lists the account's policies first, then those of AWS.
pub fn list(call: &mut Call) -> Answer {
    let request = call.request;
    let prefix = names::path_prefix(request)?;
    let (local, of_aws) = match request.get("Scope").unwrap_or("All") {
        "All" => (true, true),
        "Local" => (true, false),
        "AWS" => (false, true),
        other => {
            let why = "Member must satisfy enum value set: [AWS, Local, All]";
            return Err(Refusal::constraint(Some(other), "scope", why));
        }
    };
    let only_attached = request.get("OnlyAttached") == Some("true");
    let marker = request.get("Marker").and_then(|marker| marker.strip_prefix("account:"));
    let world = &*call.world;
    let mine = world.policies.after(marker).filter(|_| local);
    let mine = mine.map(|(key, policy)| (format!("account:{key}"), Found::Own(policy)));
    let theirs = managed::names().filter(|_| of_aws);
    let theirs = theirs.map(|name| (format!("aws:{name}"), Found::of_aws(name, managed::path_of(name).unwrap_or("/"))));
    let wanted = |found: &Found| {
        found.path().starts_with(prefix) && (!only_attached || usage::count(world, &found.arn(&world.account)).0 > 0)
    };
    let page = Page::of(call, mine.chain(theirs).filter(|(_, found)| wanted(found)))?;
    Ok(page.answer("Policies", |xml, found| write_brief(xml, world, &found)))
}

pub fn tag(call: &mut Call) -> Answer {
    let policy = editable(call, "TagPolicy")?;
    let (name, tags) = (policy.name.clone(), tags::tagged(&policy.tags, call.request, Case::Told)?);
    call.world.policies.edit(&name, |policy| policy.tags = tags);
    Ok(Xml::default())
}

pub fn untag(call: &mut Call) -> Answer {
    let policy = editable(call, "UntagPolicy")?;
    let (name, tags) = (policy.name.clone(), tags::untagged(&policy.tags, call.request, Case::Told)?);
    call.world.policies.edit(&name, |policy| policy.tags = tags);
    Ok(Xml::default())
}

pub fn list_tags(call: &mut Call) -> Answer {
    match existing(call.world, arn(call.request)?)? {
        Found::Own(policy) => tags::list(call, &policy.tags),
        Found::OfAws { .. } => tags::list(call, &Default::default()),
    }
}

pub fn delete(call: &mut Call) -> Answer {
    let policy = editable(call, "DeletePolicy")?;
    let (attached, bounding) = usage::count(call.world, &policy.arn(&call.world.account));
    if attached > 0 {
        return Err(Refusal::conflict("Cannot delete a policy attached to entities."));
    }
    if bounding > 0 {
        return Err(Refusal::conflict("Cannot delete a policy that is the permissions boundary of entities."));
    }
    if policy.versions.len() > 1 {
        return Err(Refusal::conflict(
            "This policy has more than one version. Delete the others first; the default version goes with the policy.",
        ));
    }
    let name = policy.name.clone();
    call.world.policies.remove(&name);
    Ok(Xml::default())
}

/// Returns the document of a call that writes one.
pub fn read_document(request: &Request) -> Result<serde_json::Value, Refusal> {
    let text = request.required("PolicyDocument")?;
    let document = document::read(text, Host::Managed)?;
    if document::size(text) > limits::longest(Host::Managed) {
        return Err(Refusal::limit(limits::too_long(Host::Managed, "")));
    }
    Ok(document)
}

/// A managed policy that was found.
pub enum Found<'a> {
    Own(&'a Policy),
    OfAws { name: String, path: String },
}

impl Found<'_> {
    fn of_aws(name: &str, path: &str) -> Self {
        Found::OfAws { name: name.to_owned(), path: path.to_owned() }
    }

    fn path(&self) -> &str {
        match self {
            Found::Own(policy) => &policy.path,
            Found::OfAws { path, .. } => path,
        }
    }

    fn arn(&self, account: &Account) -> String {
        match self {
            Found::Own(policy) => policy.arn(account),
            Found::OfAws { name, path } => format!("{}{path}{name}", account.policies_of_aws()),
        }
    }
}

/// Returns the ARN in `PolicyArn` when it looks like one.
pub fn arn(request: &Request) -> Result<&str, Refusal> {
    let arn = request.required("PolicyArn")?;
    check_arn(arn)?;
    Ok(arn)
}

pub fn check_arn(arn: &str) -> Result<(), Refusal> {
    names::length("policyArn", arn, 20, 2048)?;
    if arn.starts_with("arn:aws") && arn.contains(":iam::") && arn.contains(":policy/") {
        return Ok(());
    }
    Err(Refusal::input(format!("ARN {arn} is not valid.")))
}

pub fn find<'a>(world: &'a World, arn: &str) -> Option<Found<'a>> {
    let (name, path) = (name_in(arn), path_in(arn));
    if arn.starts_with(&world.account.policies_of_aws()) {
        return managed::path_of(name).filter(|known| *known == path).map(|path| Found::of_aws(name, path));
    }
    let policy = world.policies.get(name)?;
    (policy.arn(&world.account) == arn).then_some(Found::Own(policy))
}

pub fn existing<'a>(world: &'a World, arn: &str) -> Result<Found<'a>, Refusal> {
    find(world, arn).ok_or_else(|| Refusal::absent(format!("Policy {arn} was not found.")))
}

/// Returns the policy in `PolicyArn` when this account may change it.
pub fn editable<'a>(call: &'a Call, action: &str) -> Result<&'a Policy, Refusal> {
    let arn = arn(call.request)?;
    match existing(call.world, arn)? {
        Found::Own(policy) => Ok(policy),
        Found::OfAws { .. } => Err(Refusal::denied(&call.world.account, &format!("iam:{action}"), arn)),
    }
}

/// Returns the name at the end of an ARN.
pub fn name_in(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

/// Returns the path in the ARN of a policy.
pub fn path_in(arn: &str) -> &str {
    let Some(start) = arn.find(":policy/").map(|at| at + ":policy".len()) else { return "/" };
    let end = arn.rfind('/').map_or(arn.len(), |at| at + 1);
    arn.get(start..end).unwrap_or("/")
}

/// Returns the policies of AWS that are attached or a boundary, by ARN.
pub fn of_aws_in_use(world: &World) -> BTreeMap<&str, Found<'_>> {
    let of_aws = usage::all(world)
        .filter(|arn| arn.starts_with(&world.account.policies_of_aws()))
        .filter_map(|arn| Some((arn.as_str(), find(world, arn)?)));
    of_aws.collect()
}

fn answer_one(world: &World, arn: &str) -> Answer {
    let found = existing(world, arn)?;
    let mut xml = Xml::default();
    xml.node("Policy", |xml| {
        write_brief(xml, world, &found);
        if let Found::Own(policy) = &found {
            xml.maybe("Description", policy.description.as_ref());
            tags::write(xml, &policy.tags);
        }
    });
    Ok(xml)
}

/// Writes a policy as lists show it: without description and tags.
pub fn write_brief(xml: &mut Xml, world: &World, found: &Found) {
    let (attached, bounding) = usage::count(world, &found.arn(&world.account));
    match found {
        Found::Own(policy) => {
            xml.text("PolicyName", &policy.name).text("PolicyId", &policy.id).text("Path", &policy.path);
            xml.text("DefaultVersionId", &policy.default_version);
            xml.text("CreateDate", time(policy.created)).text("UpdateDate", time(policy.updated));
        }
        Found::OfAws { name, path } => {
            let id = ids::of_name(Policy::ID_PREFIX, "0", name);
            xml.text("PolicyName", name).text("PolicyId", id).text("Path", path).text("DefaultVersionId", "v1");
            xml.text("CreateDate", OF_AWS_SINCE).text("UpdateDate", OF_AWS_SINCE);
        }
    }
    xml.text("Arn", found.arn(&world.account)).text("IsAttachable", true);
    xml.text("AttachmentCount", attached).text("PermissionsBoundaryUsageCount", bounding);
}

/// When AWS is said to have made all its policies and their only version.
pub const OF_AWS_SINCE: &str = "2015-02-06T18:40:00Z";

#[cfg(test)]
mod tests {
    use aws_sdk_iam::types::{PolicyScopeType, PolicyUsageType, Tag};

    use crate::sandbox::testbed::{ACCOUNT, Bed, allow, refused, trust};

    #[test]
    fn arns_have_a_path_and_a_name() {
        for (arn, path) in [("arn:aws:iam::1:policy/x", "/"), ("arn:aws:iam::1:policy/a/b/x", "/a/b/"), ("x", "/")] {
            assert_eq!((super::path_in(arn), super::name_in(arn)), (path, "x"));
        }
    }

    #[tokio::test]
    async fn names_are_unique_in_any_case_and_on_any_path() {
        let bed = Bed::new().await;
        bed.policy("reads").await;
        let call = bed.iam().create_policy().policy_name("Reads").path("/x/");
        let taken = refused(call.policy_document(allow("s3:*").to_string()).send().await);
        let message = "A policy called Reads already exists. Duplicate names are not allowed.";
        assert_eq!(taken, ("EntityAlreadyExists".into(), message.into()));
        let elsewhere = format!("arn:aws:iam::{ACCOUNT}:policy/x/reads");
        let absent = refused(bed.iam().get_policy().policy_arn(&elsewhere).send().await);
        assert_eq!(absent, ("NoSuchEntity".into(), format!("Policy {elsewhere} was not found.")));
        assert_eq!(refused(bed.iam().get_policy().policy_arn("reads").send().await).0, "ValidationError");
    }

    #[tokio::test]
    async fn a_policy_in_use_stays() {
        let bed = Bed::new().await;
        let arn = bed.policy("reads").await;
        bed.role("head").await;
        let delete = || bed.iam().delete_policy().policy_arn(&arn).send();
        bed.iam().attach_role_policy().role_name("head").policy_arn(&arn).send().await.unwrap();
        let attached = "Cannot delete a policy attached to entities.";
        assert_eq!(refused(delete().await), ("DeleteConflict".into(), attached.into()));
        bed.iam().put_role_permissions_boundary().role_name("head").permissions_boundary(&arn).send().await.unwrap();
        let policy = bed.iam().get_policy().policy_arn(&arn).send().await.unwrap().policy.unwrap();
        assert_eq!((policy.attachment_count(), policy.permissions_boundary_usage_count()), (Some(1), Some(1)));
        let entities = bed.iam().list_entities_for_policy().policy_arn(&arn).send().await.unwrap();
        assert_eq!(entities.policy_roles().len(), 1);
        bed.iam().detach_role_policy().role_name("head").policy_arn(&arn).send().await.unwrap();
        let bounding = refused(delete().await);
        assert!(bounding.0 == "DeleteConflict" && bounding.1.contains("boundary"), "{bounding:?}");
        bed.iam().delete_role_permissions_boundary().role_name("head").send().await.unwrap();
        delete().await.unwrap();
        assert_eq!(refused(delete().await).0, "NoSuchEntity");
    }

    #[tokio::test]
    async fn a_policy_has_6144_characters_without_white_space() {
        let bed = Bed::new().await;
        let filled = |characters: usize| {
            let mut policy = allow("");
            let rest = characters - policy.to_string().len();
            policy["Statement"][0]["Action"] = format!("s3:{}", "x".repeat(rest - 3)).into();
            policy
        };
        let create =
            |name: &str, text: String| bed.iam().create_policy().policy_name(name).policy_document(text).send();
        create("fits", format!("{:#}", filled(6144))).await.unwrap();
        let expected = ("LimitExceeded".to_owned(), "Cannot exceed quota for PolicySize: 6144".to_owned());
        assert_eq!(refused(create("over", filled(6145).to_string()).await), expected);
        assert_eq!(refused(create("text", "{".to_owned()).await).0, "MalformedPolicyDocument");
    }

    #[tokio::test]
    async fn policies_of_aws_can_be_read_and_not_changed() {
        let bed = Bed::new().await;
        let arn = "arn:aws:iam::aws:policy/service-role/AWSBatchServiceRole";
        let policy = bed.iam().get_policy().policy_arn(arn).send().await.unwrap().policy.unwrap();
        assert_eq!((policy.path(), policy.default_version_id()), (Some("/service-role/"), Some("v1")));
        let version = bed.iam().get_policy_version().policy_arn(arn).version_id("v1").send().await.unwrap();
        assert!(crate::cloud::document(arn, version.policy_version.unwrap().document()).is_ok());
        let delete = refused(bed.iam().delete_policy().policy_arn(arn).send().await);
        let message = format!(
            "User: arn:aws:iam::{ACCOUNT}:user/sandbox is not authorized to perform: iam:DeletePolicy on resource: {arn}"
        );
        assert_eq!(delete, ("AccessDenied".into(), message));
        let elsewhere = "arn:aws:iam::aws:policy/AWSBatchServiceRole";
        assert_eq!(refused(bed.iam().get_policy().policy_arn(elsewhere).send().await).0, "NoSuchEntity");
    }

    #[tokio::test]
    async fn lists_are_scoped_and_go_on_across_pages() {
        let bed = Bed::with("page=700").await;
        for name in ["b", "A"] {
            bed.policy(name).await;
        }
        let core = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore";
        let call = bed.iam().create_role().role_name("head").assume_role_policy_document(trust("ec2").to_string());
        call.send().await.unwrap();
        bed.iam().attach_role_policy().role_name("head").policy_arn(core).send().await.unwrap();
        let list = |scope: PolicyScopeType, attached: bool| {
            let call = bed.iam().list_policies().scope(scope).only_attached(attached).max_items(1000);
            async move {
                let mut names = Vec::new();
                let mut pages = call.into_paginator().items().send();
                while let Some(policy) = pages.next().await {
                    names.push(policy.unwrap().policy_name.unwrap());
                }
                names
            }
        };
        assert_eq!(list(PolicyScopeType::Local, false).await, ["A", "b"]);
        let known = crate::policy::managed::names().count();
        assert_eq!(list(PolicyScopeType::Aws, false).await.len(), known);
        let all = list(PolicyScopeType::All, false).await;
        assert_eq!((all.len(), &all[..2]), (known + 2, &["A".to_owned(), "b".to_owned()][..]));
        assert_eq!(list(PolicyScopeType::All, true).await, ["AmazonSSMManagedInstanceCore"]);
    }

    #[tokio::test]
    async fn entities_are_filtered_by_use_and_path() {
        let bed = Bed::with("page=1").await;
        let arn = bed.policy("reads").await;
        for name in ["both", "attached", "bounded"] {
            bed.role(name).await;
        }
        for name in ["both", "attached"] {
            bed.iam().attach_role_policy().role_name(name).policy_arn(&arn).send().await.unwrap();
        }
        for name in ["both", "bounded"] {
            bed.iam().put_role_permissions_boundary().role_name(name).permissions_boundary(&arn).send().await.unwrap();
        }
        let names = |filter: Option<PolicyUsageType>, prefix: &str| {
            let call = bed.iam().list_entities_for_policy().policy_arn(&arn);
            let mut pages = call.set_policy_usage_filter(filter).path_prefix(prefix).into_paginator().send();
            async move {
                let mut names = Vec::new();
                while let Some(page) = pages.next().await {
                    names.extend(page.unwrap().policy_roles.unwrap().into_iter().filter_map(|role| role.role_name));
                }
                names
            }
        };
        assert_eq!(names(None, "/").await, ["attached", "both", "bounded"]);
        assert_eq!(names(Some(PolicyUsageType::PermissionsPolicy), "/").await, ["attached", "both"]);
        assert_eq!(names(Some(PolicyUsageType::PermissionsBoundary), "/").await, ["both", "bounded"]);
        assert!(names(None, "/x/").await.is_empty());
    }

    #[tokio::test]
    async fn tags_of_policies_tell_case() {
        let bed = Bed::new().await;
        let arn = bed.policy("reads").await;
        let tag = |key: &str| Tag::builder().key(key).value("v").build().unwrap();
        bed.iam().tag_policy().policy_arn(&arn).tags(tag("Team")).tags(tag("team")).send().await.unwrap();
        bed.iam().untag_policy().policy_arn(&arn).tag_keys("TEAM").tag_keys("team").send().await.unwrap();
        let listed = bed.iam().list_policy_tags().policy_arn(&arn).send().await.unwrap();
        assert_eq!(listed.tags(), [tag("Team")]);
    }
}
