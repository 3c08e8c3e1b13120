//! The Resource Groups Tagging API: `GetResources`, which finds what is tagged, all types in one list.
//!
//! Of what the sandbox holds it knows policies and instance profiles; roles it never lists, as documented.
//! AWS lists what is global in us-east-1 alone; here the region does not matter.

use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::answer::Refusal;
use super::request::Request;
use super::world::{Account, Tags, World};

/// What `X-Amz-Target` says before the action.
pub const TARGET: &str = "ResourceGroupsTaggingAPI_20170126.";

const MOST_RESOURCES: usize = 100;
const MOST_FILTERS: usize = 50;
const MOST_VALUES: usize = 20;

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct GetResources {
    pagination_token: Option<String>,
    tag_filters: Vec<TagFilter>,
    resource_type_filters: Vec<String>,
    resources_per_page: Option<i64>,
    #[serde(rename = "ResourceARNList")]
    resource_arn_list: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct TagFilter {
    key: String,
    values: Vec<String>,
}

/// Something that can be found.
struct Tagged<'a> {
    arn: String,
    of_type: &'static str,
    tags: &'a Tags,
}

/// Answers one call; `page` is the most that a page holds where a fault says so.
pub fn answer(world: &World, request: &Request, page: Option<usize>) -> Result<Json, Refusal> {
    match request.action() {
        "GetResources" => get_resources(world, &request.input()?, page),
        other => Err(Refusal::new(400, "UnknownOperationException", format!("The sandbox does not know {other}."))),
    }
}

pub fn denied(account: &Account, action: &str) -> Refusal {
    Refusal { code: "AccessDeniedException", status: 400, ..Refusal::denied(account, &format!("tag:{action}"), "*") }
}

fn get_resources(world: &World, asked: &GetResources, page: Option<usize>) -> Result<Json, Refusal> {
    let most = asked.check()?;
    let most = page.unwrap_or(most).min(most);
    let token = asked.pagination_token.as_deref().unwrap_or_default();
    let mut found = tagged(world);
    found.retain(|one| one.arn.as_str() > token && asked.wants(one));
    found.sort_by(|a, b| a.arn.cmp(&b.arn));
    // The token is the last ARN sent, so a list goes on rightly though objects came or went in between.
    let more = found.len() > most;
    found.truncate(most);
    let token = found.last().filter(|_| more).map(|last| last.arn.as_str()).unwrap_or_default();
    let list: Vec<Json> = found.iter().map(Tagged::to_json).collect();
    Ok(json!({"PaginationToken": token, "ResourceTagMappingList": list}))
}

impl GetResources {
    /// Returns how many resources a page may hold.
    fn check(&self) -> Result<usize, Refusal> {
        let wrong = |why: &str| Err(Refusal::new(400, "InvalidParameterException", why));
        if self.tag_filters.len() > MOST_FILTERS {
            return wrong("TagFilters may hold at most 50 filters.");
        }
        if self.tag_filters.iter().any(|filter| filter.key.is_empty() || filter.values.len() > MOST_VALUES) {
            return wrong("A tag filter has a Key and at most 20 Values.");
        }
        let filtered = !self.tag_filters.is_empty() || !self.resource_type_filters.is_empty();
        if !self.resource_arn_list.is_empty() && (filtered || self.resources_per_page.is_some()) {
            return wrong("ResourceARNList cannot be combined with filters or with ResourcesPerPage.");
        }
        match usize::try_from(self.resources_per_page.unwrap_or(MOST_RESOURCES as i64)) {
            Ok(most @ 1..=MOST_RESOURCES) => Ok(most),
            _ => wrong("ResourcesPerPage is a number from 1 to 100."),
        }
    }

    /// Says whether all filters hold; of a filter's values one is enough, and none means any.
    fn wants(&self, one: &Tagged) -> bool {
        let holds = |filter: &TagFilter| {
            let value = one.tags.get(&filter.key);
            value.is_some_and(|value| filter.values.is_empty() || filter.values.contains(value))
        };
        let types = &self.resource_type_filters;
        let of_type = types.is_empty() || types.iter().any(|wanted| wanted == "iam" || wanted == one.of_type);
        let named = self.resource_arn_list.is_empty() || self.resource_arn_list.contains(&one.arn);
        of_type && named && self.tag_filters.iter().all(holds)
    }
}

impl Tagged<'_> {
    fn to_json(&self) -> Json {
        let tags: Vec<Json> = self.tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect();
        json!({"ResourceARN": self.arn, "Tags": tags})
    }
}

/// Returns everything with a tag that this API knows.
fn tagged(world: &World) -> Vec<Tagged<'_>> {
    let account = &world.account;
    let policies = world.policies.iter().map(|policy| (policy.arn(account), "iam:policy", &policy.tags));
    let profiles = world.profiles.iter().map(|profile| (profile.arn(account), "iam:instance-profile", &profile.tags));
    let all = policies.chain(profiles).map(|(arn, of_type, tags)| Tagged { arn, of_type, tags });
    all.filter(|one| !one.tags.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use aws_sdk_iam::types::Tag;

    use super::*;
    use crate::sandbox::Response;
    use crate::sandbox::testbed::{ACCOUNT, Bed, allow, trust};

    fn tags(pairs: &[(&str, &str)]) -> Option<Vec<Tag>> {
        Some(pairs.iter().map(|(key, value)| Tag::builder().key(*key).value(*value).build().unwrap()).collect())
    }

    async fn policy(bed: &Bed, name: &str, pairs: &[(&str, &str)]) {
        let call = bed.iam().create_policy().policy_name(name).policy_document(allow("s3:*").to_string());
        call.set_tags(tags(pairs)).send().await.unwrap();
    }

    fn call(bed: &Bed, action: &str, input: &str) -> Response {
        let request = Request::read(Some(&format!("{TARGET}{action}")), None, input.as_bytes());
        bed.sandbox.answer(&request).answer().unwrap()
    }

    fn get(bed: &Bed, input: Json) -> Json {
        let response = call(bed, "GetResources", &input.to_string());
        assert_eq!((response.status, response.content_type), (200, "application/x-amz-json-1.1"), "{}", response.body);
        serde_json::from_str(&response.body).unwrap()
    }

    fn names(found: &Json) -> Vec<&str> {
        let list = found["ResourceTagMappingList"].as_array().unwrap().iter();
        list.map(|one| one["ResourceARN"].as_str().unwrap().rsplit(':').next().unwrap()).collect()
    }

    async fn furnished(faults: &str) -> Bed {
        let bed = Bed::with(faults).await;
        policy(&bed, "reads", &[("team", "a"), ("stage", "prod")]).await;
        policy(&bed, "writes", &[("team", "b")]).await;
        policy(&bed, "untagged", &[]).await;
        let profile = bed.iam().create_instance_profile().instance_profile_name("nodes").path("/x/");
        profile.set_tags(tags(&[("team", "a")])).send().await.unwrap();
        let role = bed.iam().create_role().role_name("head").set_tags(tags(&[("team", "a")]));
        role.assume_role_policy_document(trust("ec2").to_string()).send().await.unwrap();
        bed
    }

    #[tokio::test]
    async fn policies_and_profiles_are_found_by_their_tags_and_roles_are_not() {
        let bed = furnished("").await;
        let all = get(&bed, json!({}));
        assert_eq!(names(&all), ["instance-profile/x/nodes", "policy/reads", "policy/writes"]);
        assert_eq!(all["PaginationToken"], "");
        let reads = json!([{"Key": "stage", "Value": "prod"}, {"Key": "team", "Value": "a"}]);
        assert_eq!(all["ResourceTagMappingList"][1]["Tags"], reads);
        let arn = format!("arn:aws:iam::{ACCOUNT}:policy/writes");
        for (input, expected) in [
            (
                json!({"TagFilters": [{"Key": "team", "Values": ["a"]}]}),
                &["instance-profile/x/nodes", "policy/reads"][..],
            ),
            (json!({"TagFilters": [{"Key": "team", "Values": ["b", "c"]}]}), &["policy/writes"]),
            (json!({"TagFilters": [{"Key": "team"}, {"Key": "stage", "Values": []}]}), &["policy/reads"]),
            (json!({"TagFilters": [{"Key": "Team"}]}), &[]),
            (json!({"ResourceTypeFilters": ["iam:instance-profile"]}), &["instance-profile/x/nodes"]),
            (json!({"ResourceTypeFilters": ["ec2:instance", "iam:role"]}), &[]),
            (json!({"ResourceARNList": [arn]}), &["policy/writes"]),
        ] {
            assert_eq!(names(&get(&bed, input.clone())), expected, "{input}");
        }
        assert_eq!(names(&get(&bed, json!({"ResourceTypeFilters": ["iam"]}))).len(), 3);
    }

    #[tokio::test]
    async fn a_list_comes_in_pages() {
        for (faults, input) in [("", json!({"ResourcesPerPage": 2})), ("page=2", json!({}))] {
            let bed = furnished(faults).await;
            let first = get(&bed, input.clone());
            assert_eq!(names(&first), ["instance-profile/x/nodes", "policy/reads"]);
            let mut next = input;
            next["PaginationToken"] = first["PaginationToken"].clone();
            let second = get(&bed, next);
            assert_eq!((names(&second), &second["PaginationToken"]), (vec!["policy/writes"], &json!("")));
        }
    }

    #[tokio::test]
    async fn what_is_wrong_is_named_in_json() {
        let bed = Bed::with("deny=GetResources").await;
        let denied = call(&bed, "GetResources", "{}");
        assert!(denied.status == 400 && denied.body.contains(r#""__type":"AccessDeniedException""#), "{denied:?}");
        let bed = Bed::new().await;
        for (action, input, code) in [
            ("GetResources", r#"{"ResourcesPerPage": 101}"#, "InvalidParameterException"),
            ("GetResources", r#"{"ResourcesPerPage": 0}"#, "InvalidParameterException"),
            ("GetResources", r#"{"TagFilters": [{"Values": ["x"]}]}"#, "InvalidParameterException"),
            (
                "GetResources",
                r#"{"ResourceARNList": ["a"], "ResourceTypeFilters": ["iam"]}"#,
                "InvalidParameterException",
            ),
            ("GetResources", "{", "SerializationException"),
            ("TagResources", "{}", "UnknownOperationException"),
        ] {
            let response = call(&bed, action, input);
            assert_eq!(response.status, 400);
            let body: Json = serde_json::from_str(&response.body).unwrap();
            assert_eq!(body["__type"], code, "{action} {input}");
        }
        assert_eq!(names(&serde_json::from_str(&call(&bed, "GetResources", "").body).unwrap()), [""; 0]);
    }
}
