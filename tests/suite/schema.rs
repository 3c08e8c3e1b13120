//! As much of JSON Schema as the schema of the state uses. A keyword that is not known here fails, so
//! that nothing is taken for checked.

use serde_json::{Map, Value as Json};

/// Words that say something and demand nothing.
const WORDS: [&str; 3] = ["$schema", "title", "description"];

/// Returns what is wrong with `json`, each with its place.
pub fn check(schema: &Json, json: &Json) -> Vec<String> {
    let mut wrong = Vec::new();
    check_at("$", schema, json, &mut wrong);
    wrong
}

fn check_at(at: &str, schema: &Json, json: &Json, wrong: &mut Vec<String>) {
    let nothing = Map::new();
    let properties = schema.get("properties").and_then(Json::as_object).unwrap_or(&nothing);
    let object = json.as_object().unwrap_or(&nothing);
    for (keyword, value) in schema.as_object().expect("a schema is an object") {
        let well = match keyword.as_str() {
            "type" => is_of_type(json, value.as_str().expect("one type")),
            "const" => json == value,
            "enum" => value.as_array().expect("a list").contains(json),
            "required" => {
                value.as_array().expect("a list").iter().all(|key| object.contains_key(key.as_str().expect("a key")))
            }
            "additionalProperties" => *value == true || object.keys().all(|key| properties.contains_key(key)),
            "properties" | "items" => true,
            word => {
                assert!(WORDS.contains(&word), "{at}: the keyword {word} is not known here");
                true
            }
        };
        if !well {
            wrong.push(format!("{at}: {keyword} {value}"));
        }
    }
    for (key, value) in object {
        if let Some(schema) = properties.get(key) {
            check_at(&format!("{at}.{key}"), schema, value, wrong);
        }
    }
    for (number, item) in json.as_array().into_iter().flatten().enumerate() {
        if let Some(schema) = schema.get("items") {
            check_at(&format!("{at}[{number}]"), schema, item, wrong);
        }
    }
}

fn is_of_type(json: &Json, name: &str) -> bool {
    match name {
        "object" => json.is_object(),
        "array" => json.is_array(),
        "string" => json.is_string(),
        "integer" => json.is_u64() || json.is_i64(),
        "boolean" => json.is_boolean(),
        other => panic!("the type {other} is not known here"),
    }
}

#[test]
fn what_the_schema_does_not_allow_is_found() {
    use serde_json::json;
    let schema = json!({"type": "object", "required": ["a"], "additionalProperties": false,
        "properties": {"a": {"type": "array", "items": {"enum": ["x"]}}, "b": {"const": "1"}}});
    assert_eq!(check(&schema, &json!({"a": ["x"], "b": "1"})), [""; 0]);
    let wrong = check(&schema, &json!({"b": "2", "c": 1}));
    assert_eq!(wrong.len(), 3, "{wrong:?}");
    assert_eq!(check(&schema, &json!({"a": ["x", "y"]})), ["$.a[1]: enum [\"x\"]"]);
}
