//! AWS's services: their actions, what each action is on, and which condition keys a request carries.
//!
//! The table is embedded, so that a document can be checked without AWS. `tools/aws-service-reference.py`
//! writes it anew. AWS adds actions every week: what is missing here may exist, and whoever says that it
//! does not says of which [`date`] the table is.

mod table;

use super::pattern::{self, Pattern};
pub use table::{date, global_keys, services};

/// One service, by the prefix of its actions.
#[derive(Debug)]
pub struct Service {
    pub prefix: &'static str,
    keys: Vec<ConditionKey>,
    types: Vec<ResourceType>,
    /// Sorted by name in lower case.
    actions: Vec<Action>,
}

#[derive(Debug)]
pub struct Action {
    /// Without the service: `GetObject`.
    pub name: &'static str,
    pub level: Level,
    /// Numbers of resource types, and of the keys that come with each.
    types: Vec<(u16, Vec<u16>)>,
    keys: Vec<u16>,
}

/// AWS's access levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    List,
    Read,
    Write,
    Tagging,
    PermissionsManagement,
}

#[derive(Debug)]
pub struct ResourceType {
    pub name: &'static str,
    /// Formats such as `arn:${Partition}:s3:::${BucketName}`; a few types have two.
    pub arns: Vec<&'static str>,
    keys: Vec<u16>,
}

#[derive(Debug)]
pub struct ConditionKey {
    /// As AWS writes it: `s3:prefix`, `aws:ResourceTag/${TagKey}`.
    pub name: &'static str,
    pub holds: KeyType,
    /// A request may have several values of it.
    pub many: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyType {
    Text,
    Arn,
    Bool,
    Number,
    Date,
    Ip,
    Binary,
}

/// Returns the service of this prefix, whatever its letter case.
pub fn service(prefix: &str) -> Option<&'static Service> {
    table::service(&prefix.to_ascii_lowercase())
}

/// Returns the prefix that was probably meant.
pub fn nearest_service(prefix: &str) -> Option<&'static str> {
    nearest(prefix, services())
}

impl Service {
    /// Returns the action of this name, whatever its letter case.
    pub fn action(&self, name: &str) -> Option<&Action> {
        let name = name.to_ascii_lowercase();
        let at = self.actions.binary_search_by(|action| lower(action.name).cmp(name.bytes()));
        at.ok().map(|at| &self.actions[at])
    }

    pub fn actions(&self) -> &[Action] {
        &self.actions
    }

    /// Returns the actions that a name with wildcards stands for.
    pub fn matching<'s>(&'s self, name: &str) -> Vec<&'s Action> {
        if !name.contains(['*', '?']) {
            return self.action(name).into_iter().collect();
        }
        // Most patterns begin with a few letters, which halving finds.
        let literal = name.split(['*', '?']).next().unwrap_or_default().to_ascii_lowercase();
        let first = self.actions.partition_point(|action| lower(action.name).lt(literal.bytes()));
        let begin = self.actions[first..].iter().take_while(|action| starts_with(action.name, &literal));
        let pattern = Pattern::action(name);
        begin.filter(|action| pattern.matches(&action.name.to_ascii_lowercase())).collect()
    }

    /// Returns the name of the action that was probably meant.
    pub fn nearest(&self, name: &str) -> Option<&'static str> {
        nearest(name, self.actions.iter().map(|action| action.name))
    }

    /// Returns what an action can be limited to; nothing for one that is on `*` only.
    pub fn types_of<'s>(&'s self, action: &'s Action) -> impl Iterator<Item = &'s ResourceType> {
        action.types.iter().filter_map(|(number, _)| self.types.get(usize::from(*number)))
    }

    /// Returns the keys that a request for the action may carry, beside those that every request does.
    pub fn keys_of<'s>(&'s self, action: &'s Action) -> impl Iterator<Item = &'s ConditionKey> {
        let of_types = action.types.iter().flat_map(|(number, keys)| {
            let own = self.types.get(usize::from(*number)).map_or(&[][..], |kind| &kind.keys);
            keys.iter().chain(own)
        });
        action.keys.iter().chain(of_types).filter_map(|number| self.keys.get(usize::from(*number)))
    }

    /// Returns every condition key of the service.
    pub fn keys(&self) -> &[ConditionKey] {
        &self.keys
    }
}

impl ConditionKey {
    /// Says whether this is the key of that name: letter case does not count, and `${TagKey}` is any text.
    pub fn is(&self, name: &str) -> bool {
        match self.name.find(['$', '<']) {
            None => self.name.eq_ignore_ascii_case(name),
            Some(_) => pattern::matches(&any_text(self.name), name),
        }
    }
}

/// Returns a format as a pattern: `${BucketName}` and `<key>` are any text.
pub fn any_text(format: &str) -> String {
    let mut pattern = String::with_capacity(format.len());
    let mut rest = format;
    while let Some(start) = rest.find("${").or_else(|| rest.find('<')) {
        let Some(end) = rest[start..].find(['}', '>']) else { break };
        pattern.push_str(&rest[..start]);
        pattern.push('*');
        rest = &rest[start + end + 1..];
    }
    pattern + rest
}

fn lower(name: &str) -> impl Iterator<Item = u8> {
    name.bytes().map(|b| b.to_ascii_lowercase())
}

fn starts_with(name: &str, start: &str) -> bool {
    name.get(..start.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(start))
}

/// Returns the shortest name that goes on where `name` stops, else the one with the fewest letters to
/// change, at most a third.
fn nearest(name: &str, among: impl Iterator<Item = &'static str> + Clone) -> Option<&'static str> {
    let name = name.to_ascii_lowercase();
    let length = name.chars().count();
    // Every character too many or too few is one to change.
    let alike = among.clone().filter(|known| known.len().abs_diff(length) * 3 <= length);
    let distance = |known: &str| strsim::osa_distance(&known.to_ascii_lowercase(), &name);
    let near = alike.map(|known| (distance(known), known)).min();
    if let Some((_, known)) = near.filter(|(distance, _)| distance * 3 <= length) {
        return Some(known);
    }
    among.filter(|known| name.len() > 3 && starts_with(known, &name)).min_by_key(|known| known.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action(name: &str) -> (&'static Service, &'static Action) {
        let (prefix, name) = name.split_once(':').unwrap();
        let service = service(prefix).unwrap();
        (service, service.action(name).unwrap())
    }

    #[test]
    fn actions_have_their_level_and_their_resource_types() {
        let types = |name: &str| {
            let (service, action) = action(name);
            let names: Vec<_> = service.types_of(action).map(|kind| kind.name).collect();
            (action.name, action.level, names)
        };
        assert_eq!(types("S3:listbucket"), ("ListBucket", Level::List, vec!["accesspoint", "bucket"]));
        assert_eq!(types("logs:StopQuery"), ("StopQuery", Level::Read, vec![]));
        assert_eq!(types("iam:PassRole"), ("PassRole", Level::Write, vec!["role"]));
        assert_eq!(types("batch:TagResource").1, Level::Tagging);
        assert_eq!(types("s3:PutBucketPolicy").1, Level::PermissionsManagement);
        let (service, launch) = action("ec2:CreateLaunchTemplate");
        let arns: Vec<_> = service.types_of(launch).flat_map(|kind| &kind.arns).collect();
        assert_eq!(arns, [&"arn:${Partition}:ec2:${Region}:${Account}:launch-template/${LaunchTemplateId}"]);
    }

    #[test]
    fn keys_come_from_the_action_its_types_and_both_together() {
        let carries = |name: &str, key: &str| {
            let (service, action) = action(name);
            service.keys_of(action).find(|known| known.is(key)).map(|known| (known.holds, known.many))
        };
        assert_eq!(carries("s3:ListBucket", "S3:Prefix"), Some((KeyType::Text, false)));
        assert_eq!(carries("s3:GetObject", "s3:prefix"), None);
        assert_eq!(carries("s3:GetObject", "s3:ExistingObjectTag/stage"), Some((KeyType::Text, false)));
        assert_eq!(carries("ec2:CreateLaunchTemplate", "aws:TagKeys"), Some((KeyType::Text, true)));
        assert_eq!(carries("batch:TerminateJob", "aws:ResourceTag/team"), Some((KeyType::Text, false)));
        assert_eq!(carries("kms:Decrypt", "kms:EncryptionContext:a"), Some((KeyType::Text, false)));
        assert!(global_keys().iter().any(|key| key.is("AWS:principalTAG/x") && key.holds == KeyType::Text));
        assert!(!global_keys().iter().any(|key| key.is("aws:PrincipalTags/x")));
    }

    #[test]
    fn patterns_stand_for_the_actions_that_they_match() {
        let names = |service_prefix: &str, name: &str| -> Vec<_> {
            service(service_prefix).unwrap().matching(name).iter().map(|action| action.name).collect()
        };
        assert_eq!(names("logs", "stop*"), ["StopLiveTail", "StopQuery"]);
        assert_eq!(names("s3", "*etObjectTagging"), ["GetObjectTagging"]);
        assert_eq!(names("s3", "PutObjekt*"), [""; 0]);
        assert_eq!(names("s3", "putobject"), ["PutObject"]);
        assert_eq!(names("iam", "*").len(), service("iam").unwrap().actions().len());
    }

    #[test]
    fn a_slip_is_recognised_and_nonsense_is_not() {
        let s3 = service("s3").unwrap();
        assert_eq!(s3.nearest("GetObjct"), Some("GetObject"));
        assert_eq!(s3.nearest("listbuckets"), Some("ListBucket"));
        assert_eq!(s3.nearest("Frobnicate"), None);
        assert_eq!(nearest_service("elasticfilesytem"), Some("elasticfilesystem"));
        assert_eq!(nearest_service("qqqqqqqqq"), None);
        assert!(service("S3").is_some() && service("").is_none() && service("s3\n").is_none());
    }

    #[test]
    fn formats_are_patterns() {
        assert_eq!(any_text("arn:${Partition}:s3:::${BucketName}/${ObjectName}"), "arn:*:s3:::*/*");
        assert_eq!(any_text("s3:RequestObjectTag/<key>"), "s3:RequestObjectTag/*");
        assert_eq!(any_text("odd${"), "odd${");
    }
}
