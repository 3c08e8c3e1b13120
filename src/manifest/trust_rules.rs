//! From a trust policy back to rules, where there are rules that mean the same.

use serde_json::{Map, Value as Json, json};

use super::{Inputs, Manifest};
use crate::kinds;
use crate::model::{Account, Value};
use crate::policy::Document;

/// Returns the rules that give this trust policy, principals as AWS shows them; `None` where only the document
/// itself says it. What they mean is asked of the reader, so nothing is written that it would take otherwise.
pub fn rules(account: &Account, trust: &Document) -> Option<Vec<Json>> {
    let json = trust.json();
    let statements = match json.get("Statement")? {
        Json::Array(statements) => statements.iter().collect(),
        one => vec![one],
    };
    let mut rules: Vec<(Json, Json)> = Vec::new();
    for statement in statements {
        let principal = statement.get("Principal")?;
        match (rule(statement), rules.last_mut()) {
            (Some(rule), _) => rules.push((principal.clone(), rule)),
            // Tags of a session are allowed in a statement of their own.
            (None, Some((whom, last))) if whom == principal => last[beside(statement)?] = true.into(),
            (None, _) => return None,
        }
    }
    let rules: Vec<Json> = rules.into_iter().map(|(_, rule)| rule).collect();
    (read(account, &rules)? == *trust).then_some(rules)
}

/// Returns what a rule says for a statement that lets somebody assume the role.
fn rule(statement: &Json) -> Option<Json> {
    let mut rule = Map::new();
    let principal = statement.get("Principal")?.as_object()?;
    for (kind, key) in [("Service", "services"), ("AWS", "principals")] {
        rule.extend(principal.get(kind).map(|names| (key.to_owned(), list(names))));
    }
    rule.extend(principal.get("Federated").map(|provider| ("federated".to_owned(), provider.clone())));
    let actions = list(statement.get("Action")?);
    for action in actions.as_array()?.iter().filter_map(Json::as_str) {
        if let Some(flag) = flag(action) {
            rule.insert(flag.to_owned(), true.into());
        }
    }
    if !actions.as_array()?.iter().filter_map(Json::as_str).any(|action| action.starts_with("sts:AssumeRole")) {
        return None;
    }
    for (_, conditions) in statement.get("Condition").and_then(Json::as_object).into_iter().flatten() {
        for (key, values) in conditions.as_object()? {
            match key.rsplit_once(':')?.1 {
                "ExternalId" => rule.insert("external_id".to_owned(), values.clone()),
                "aud" => rule.insert("audience".to_owned(), values.clone()),
                "sub" => rule.insert("subjects".to_owned(), list(values)),
                _ => return None,
            };
        }
    }
    Some(rule.into())
}

/// Returns the flag of a rule that stands for a statement beside it.
fn beside(statement: &Json) -> Option<&'static str> {
    let actions = list(statement.get("Action")?);
    match actions.as_array()?.as_slice() {
        [action] => flag(action.as_str()?),
        _ => None,
    }
}

fn flag(action: &str) -> Option<&'static str> {
    match action {
        "sts:TagSession" => Some("tag_session"),
        "sts:SetSourceIdentity" => Some("source_identity"),
        _ => None,
    }
}

fn list(value: &Json) -> Json {
    if value.is_array() { value.clone() } else { json!([value]) }
}

/// Returns the trust policy that rules give.
fn read(account: &Account, rules: &[Json]) -> Option<Document> {
    let (section, key) = place()?;
    let text = json!({"apiVersion": super::header::API_VERSION, "name": "x", section: {"x": {key: rules}}}).to_string();
    let none = |_: &str| Err(String::new());
    let manifest = Manifest::parse("x", &text, &Inputs::default(), &none).ok()?;
    let (desired, _) = manifest.resolve(account).ok()?;
    desired.resources.values().find_map(|resource| resource.wanted.get(key)).and_then(Value::document).cloned()
}

/// Returns the section whose entries say whom they trust, and under which key.
fn place() -> Option<(&'static str, &'static str)> {
    kinds::specs().filter_map(|spec| spec.schema().section.as_ref()).find_map(|section| {
        let trusts = section.keys.iter().find(|key| key.accepts == crate::model::schema::Accepts::Trust)?;
        Some((section.name, trusts.name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules_of(statements: Json) -> Option<Vec<Json>> {
        let trust = Document::from_json(json!({"Version": "2012-10-17", "Statement": statements}));
        rules(&Account::new("aws", "123456789012"), &trust)
    }

    #[test]
    fn what_a_rule_says_becomes_one() {
        let service =
            json!({"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"});
        assert_eq!(rules_of(service.clone()).unwrap(), [json!({"services": ["ec2.amazonaws.com"]})]);
        let ana = json!({"AWS": ["arn:aws:iam::111122223333:root", "arn:aws:iam::123456789012:user/ana"]});
        let outside = json!([service,
            {"Effect": "Allow", "Principal": ana, "Action": ["sts:AssumeRole"], "Condition": {"StringEquals": {"sts:ExternalId": "x1"}}},
            {"Effect": "Allow", "Principal": ana, "Action": "sts:TagSession"}]);
        let expected = [
            json!({"services": ["ec2.amazonaws.com"]}),
            json!({"principals": ana["AWS"], "external_id": "x1", "tag_session": true}),
        ];
        assert_eq!(rules_of(outside).unwrap(), expected);
    }

    #[test]
    fn what_no_rule_says_stays_a_document() {
        let service = json!({"Service": "ec2.amazonaws.com"});
        for statement in [
            json!({"Sid": "S", "Effect": "Allow", "Principal": service, "Action": "sts:AssumeRole"}),
            json!({"Effect": "Deny", "Principal": service, "Action": "sts:AssumeRole"}),
            json!({"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}),
            json!({"Effect": "Allow", "Principal": {"AWS": "AROAEXAMPLEEXAMPLE12"}, "Action": "sts:AssumeRole"}),
            json!({"Effect": "Allow", "Principal": service, "Action": "sts:TagSession"}),
            json!({"Effect": "Allow", "Principal": service, "Action": ["sts:AssumeRole", "sts:TagSession"]}),
            json!({"Effect": "Allow", "Principal": service, "Action": "sts:AssumeRole", "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}}),
            json!({"Effect": "Allow", "Principal": service, "Action": "sts:AssumeRole", "Condition": {"StringLike": {"sts:ExternalId": "x*"}}}),
        ] {
            assert_eq!(rules_of(statement.clone()), None, "{statement}");
        }
    }
}
