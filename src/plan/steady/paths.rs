//! Users who move to another path.

use std::borrow::Cow;
use std::collections::HashMap;

use serde_json::Value as Json;

use crate::policy::Document;

/// Returns a trust policy that calls its users as `new` does. AWS trusts ids: a user in another path is the same
/// one, and trust policies tell the new path by themselves.
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_users_rename.html>.
pub(super) fn told_as<'d>(old: &'d Document, new: &Document) -> Cow<'d, Document> {
    let called: HashMap<[&str; 2], &str> =
        new.principals("AWS").filter_map(|arn| user(arn).map(|user| (user, arn))).collect();
    let moved = |arn: &str| called.get(&user(arn)?).copied().filter(|new| *new != arn);
    if !old.principals("AWS").any(|arn| moved(arn).is_some()) {
        return Cow::Borrowed(old);
    }
    let mut told = old.json().clone();
    let mut open = vec![&mut told];
    while let Some(value) = open.pop() {
        match value {
            Json::String(text) => {
                if let Some(new) = moved(text) {
                    *text = new.to_owned();
                }
            }
            Json::Array(items) => open.extend(items),
            Json::Object(fields) => open.extend(fields.values_mut()),
            _ => {}
        }
    }
    Cow::Owned(Document::from_json(told))
}

/// The account, with what is before it, and the name, which is unique there whatever the path.
fn user(arn: &str) -> Option<[&str; 2]> {
    let (account, name) = arn.split_once(":user/")?;
    Some([account, name.rsplit('/').next().unwrap_or(name)])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_user_in_another_path_is_called_by_it_and_nobody_else_is() {
        let trusts = |names: &[&str]| {
            let arns: Vec<String> = names.iter().map(|name| format!("arn:aws:iam::123456789012:{name}")).collect();
            let statement = json!({"Effect": "Allow", "Principal": {"AWS": arns}, "Action": "sts:AssumeRole"});
            Document::from_json(json!({"Version": "2012-10-17", "Statement": [statement]}))
        };
        let old = trusts(&["user/x/ana", "user/x/ben", "role/x/ana"]);
        let new = trusts(&["user/ana", "user/eve", "role/ana"]);
        assert_eq!(*told_as(&old, &new), trusts(&["user/ana", "user/x/ben", "role/x/ana"]));
        assert!(matches!(told_as(&new, &new), Cow::Borrowed(_)));
    }
}
