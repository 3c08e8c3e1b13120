//! The manifest as a JSON Schema, so that editors complete keys, show what they mean and underline mistakes.
//!
//! It is made from what the kinds say that an entry may say. It knows less than the program: what names and
//! references mean is not in it.

use serde_json::{Map, Value as Json, json};

use super::{header, names, param_type, uses};
use crate::model::schema::{Accepts, Key, Section};

/// Elements of a statement of a policy.
const STATEMENT: [&str; 9] =
    ["Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"];

/// What has an expression in it.
const EXPRESSION: &str = "\\$\\{\\{";

/// Returns the schema, of the draft of 2020-12.
pub fn json_schema() -> Json {
    let mut properties = Map::new();
    for key in header::KEYS {
        properties.insert(key.to_owned(), of_header(key));
    }
    for (_, section) in names::sections() {
        let of_section = match section.is_list() {
            true => described(list_of(reference("text")), "Services of AWS whose roles shall be there"),
            false => map_of(described(entry(section), section_doc(section))),
        };
        properties.insert(section.name.to_owned(), of_section);
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "seqera-iam manifest",
        "type": "object",
        "additionalProperties": false,
        "required": ["apiVersion", "name"],
        "properties": properties,
        "$defs": definitions(),
    })
}

fn section_doc(section: &Section) -> &'static str {
    section.keys.iter().find(|key| key.required).map_or("What the entry asks for", |key| key.doc)
}

fn definitions() -> Json {
    let statement: Map<String, Json> = STATEMENT.iter().map(|name| ((*name).to_owned(), json!(true))).collect();
    json!({
        "expression": {"anyOf": [
            {"type": "string", "pattern": EXPRESSION},
            {
                "type": "object",
                "required": ["choose"],
                "properties": {
                    "choose": {"description": "An expression; the key that equals its value is the one that counts"},
                    "else": {"description": "The value for all other cases"},
                },
            },
        ]},
        "text": {"type": ["string", "number"]},
        "flag": or_expression(json!({"type": "boolean"})),
        "for_each": described(
            or_expression(json!({"type": ["array", "object"]})),
            "Make one for each of a list or map; each.key and each.value name it",
        ),
        "when": described(reference("flag"), "Leave it out when this is false"),
        "item": {
            "type": "object",
            "additionalProperties": false,
            "required": ["value"],
            "properties": repeated(json!({"value": {"description": "The item, or a list of items"}})),
        },
        "tags": or_expression(map_of(reference("text"))),
        "statement": closed(repeated(Json::Object(statement))),
        "statements": or_expression(map_of(reference("statement"))),
        "document": {"anyOf": [
            reference("expression"),
            {
                "type": "object",
                "additionalProperties": false,
                "required": ["file"],
                "properties": {"file": described(reference("text"), "Path of a JSON or YAML file, beside this one")},
            },
            {
                "type": "object",
                "additionalProperties": false,
                "required": ["Statement"],
                "properties": {
                    "Version": reference("text"),
                    "Id": reference("text"),
                    "Statement": {"anyOf": [reference("statement"), list_of(reference("statement"))]},
                },
            },
        ]},
        "rule": closed(rule()),
    })
}

fn rule() -> Json {
    repeated(json!({
        "services": one_or_more(),
        "principals": one_or_more(),
        "external_id": reference("text"),
        "federated": reference("text"),
        "audience": one_or_more(),
        "subjects": one_or_more(),
        "tag_session": reference("flag"),
        "source_identity": reference("flag"),
    }))
}

fn of_header(key: &str) -> Json {
    match key {
        "apiVersion" => {
            json!({"const": header::API_VERSION, "description": "The language that this file is written in"})
        }
        "name" => described(reference("text"), "The deployment: it marks what this manifest owns, and names its state"),
        "account" => described(reference("text"), "The account that this is for; any other is refused"),
        "region" => described(reference("text"), "What ${{ region }} is; IAM itself is global"),
        "state" => described(reference("text"), "Where the state is kept; default: state/NAME.json beside this file"),
        "defaults" => described(
            closed(json!({"path": reference("text"), "boundary": reference("text"), "tags": reference("tags")})),
            "What entries get that say nothing themselves",
        ),
        "include" => described(list_of(reference("text")), "Files of entries, such as teams/*.yaml"),
        "params" => described(map_of(param()), "What is set with -p NAME=VALUE and --params FILE"),
        "use" => described(map_of(of_use()), "Blueprints, built in or ./ours.yaml"),
        "import" => described(list_of(reference("text")), "Addresses to take over; no effect once done"),
        "moved" => {
            let mut move_of = closed(repeated(json!({"from": reference("text"), "to": reference("text")})));
            move_of["required"] = json!(["from", "to"]);
            described(list_of(move_of), "What has another address by now")
        }
        "removed" => described(list_of(reference("text")), "Addresses that leave the state and stay in AWS"),
        _ => described(json!({"type": ["object", "null"]}), "Values that are printed after apply"),
    }
}

fn param() -> Json {
    let mut param = closed(json!({
        "type": {"type": "string", "examples": param_type::NAMES, "description": "string, list(bucket) …"},
        "default": {"description": "Without one, a value is required"},
        "enum": {"type": "array", "description": "All values that are allowed"},
        "pattern": {"type": "string", "description": "A regular expression for the whole value"},
        "description": {"type": "string"},
    }));
    param["required"] = json!(["type"]);
    param
}

fn of_use() -> Json {
    let of_section = |section: &Section| match section.is_list() {
        true => list_of(reference("text")),
        false => json!({"type": "object"}),
    };
    let sections: Map<String, Json> =
        names::sections().map(|(_, section)| (section.name.to_owned(), of_section(section))).collect();
    let mut of_use = closed(repeated(json!({
        "blueprint": described(reference("text"), "The name of one that is built in, or the path of a file"),
        "with": described(or_expression(json!({"type": "object"})), "Values of the blueprint's params"),
        "override": described(closed(Json::Object(sections)), "Merged over the blueprint's entries; null removes"),
    })));
    of_use["required"] = json!([uses::KEYS[0]]);
    of_use
}

fn entry(section: &Section) -> Json {
    let properties: Map<String, Json> =
        section.keys.iter().map(|key| (key.name.to_owned(), described(value(key), key.doc))).collect();
    let mut entry = closed(repeated(Json::Object(properties)));
    let required: Vec<&str> = section.keys.iter().filter(|key| key.required).map(|key| key.name).collect();
    let existing = section.keys.iter().find(|key| matches!(key.accepts, Accepts::Existing(_)));
    if section.keys.iter().any(|key| matches!(key.accepts, Accepts::Document(_))) {
        entry["oneOf"] = either_document();
    } else if let Some(existing) = existing {
        entry["anyOf"] = json!([{"required": required}, {"required": [existing.name]}]);
    } else {
        entry["required"] = json!(required);
    }
    if required.is_empty() && entry.get("oneOf").is_none() {
        entry["type"] = json!(["object", "null"]);
    }
    entry
}

fn value(key: &Key) -> Json {
    match key.accepts {
        Accepts::Name { .. }
        | Accepts::Issuer
        | Accepts::Path
        | Accepts::Text { .. }
        | Accepts::Duration { .. }
        | Accepts::Boundary
        | Accepts::Role => reference("text"),
        Accepts::Bool | Accepts::Split | Accepts::Existing(_) => reference("flag"),
        Accepts::Tags => reference("tags"),
        Accepts::Document(_) => reference("document"),
        Accepts::Statements(_) => reference("statements"),
        Accepts::Trust => {
            let mut rule = rule();
            rule["document"] = described(reference("document"), "The whole trust policy, instead of rules");
            let mut trust = or_expression(closed(rule));
            trust["items"] = items(reference("rule"));
            trust["type"] = json!(["object", "array", "string"]);
            trust
        }
        Accepts::Policies | Accepts::Groups | Accepts::Ignore | Accepts::Audiences | Accepts::Thumbprints => {
            list_of(reference("text"))
        }
        Accepts::AccessKeys => map_of(access_key()),
        Accepts::Inline(_) => {
            let mut inline =
                closed(repeated(json!({"document": reference("document"), "statements": reference("statements")})));
            inline["oneOf"] = either_document();
            map_of(inline)
        }
        Accepts::Keep(words) => json!({"type": ["boolean", "array", "string"], "pattern": EXPRESSION, "items": {
            "anyOf": [{"enum": words}, reference("item"), reference("expression")],
        }}),
    }
}

fn access_key() -> Json {
    let mut file = or_expression(closed(json!({"file": described(reference("text"), "Created with mode 0600")})));
    file["required"] = json!(["file"]);
    file["description"] = json!("`{file: F}`, or `terminal`");
    let mut key = closed(json!({"deliver_to": file}));
    key["required"] = json!(["deliver_to"]);
    key
}

fn either_document() -> Json {
    json!([{"required": ["document"]}, {"required": ["statements"]}])
}

fn reference(name: &str) -> Json {
    json!({"$ref": format!("#/$defs/{name}")})
}

fn described(mut schema: Json, doc: &str) -> Json {
    schema["description"] = json!(doc);
    schema
}

/// The same, or an expression. No `anyOf`: editors then say which key is wrong, not only that something is.
fn or_expression(mut schema: Json) -> Json {
    let types = match schema["type"].take() {
        Json::Array(types) => types,
        one => vec![one],
    };
    schema["type"] = types.into_iter().chain([json!("string")]).collect();
    schema["pattern"] = json!(EXPRESSION);
    schema
}

/// A map of these keys and no others.
fn closed(properties: Json) -> Json {
    json!({"type": "object", "additionalProperties": false, "properties": properties})
}

/// The same keys with `for_each` and `when`.
fn repeated(mut properties: Json) -> Json {
    properties["for_each"] = reference("for_each");
    properties["when"] = reference("when");
    properties
}

/// A map of any keys; nothing at all is an empty one.
fn map_of(value: Json) -> Json {
    json!({"type": ["object", "null"], "additionalProperties": value})
}

/// A list, of items under a condition and of lists as well.
fn list_of(item: Json) -> Json {
    or_expression(json!({"type": ["array", "null"], "items": items(item)}))
}

fn items(item: Json) -> Json {
    json!({"anyOf": [item, reference("item"), {"type": "array"}, reference("expression")]})
}

fn one_or_more() -> Json {
    json!({"type": ["string", "number", "array"], "items": items(reference("text"))})
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::manifest::yaml;

    /// Checks a value by those words of JSON Schema that the schema uses; any other fails the test.
    fn is_valid(schema: &Json, root: &Json, value: &Json) -> bool {
        let Json::Object(words) = schema else { return schema != &Json::Bool(false) };
        words.iter().all(|(word, says)| match word.as_str() {
            "$schema" | "title" | "description" | "$defs" | "examples" | "properties" => true,
            "$ref" => {
                let name = says.as_str().unwrap().strip_prefix("#/$defs/").unwrap();
                is_valid(&root["$defs"][name], root, value)
            }
            "type" => says.as_array().map_or(vec![says.clone()], Clone::clone).iter().any(|of| is_of(of, value)),
            "const" => says == value,
            "enum" => says.as_array().unwrap().contains(value),
            "pattern" => value.as_str().is_none_or(|text| says == EXPRESSION && text.contains("${{")),
            "required" => value
                .as_object()
                .is_none_or(|map| says.as_array().unwrap().iter().all(|k| map.contains_key(k.as_str().unwrap()))),
            "items" => value.as_array().is_none_or(|items| items.iter().all(|item| is_valid(says, root, item))),
            "anyOf" => says.as_array().unwrap().iter().any(|one| is_valid(one, root, value)),
            "oneOf" => says.as_array().unwrap().iter().filter(|one| is_valid(one, root, value)).count() == 1,
            "additionalProperties" => value.as_object().is_none_or(|map| {
                map.iter().all(|(key, value)| match schema["properties"].get(key) {
                    Some(of) => is_valid(of, root, value),
                    None => is_valid(says, root, value),
                })
            }),
            _ => panic!("the test does not know `{word}`"),
        })
    }

    fn is_of(name: &Json, value: &Json) -> bool {
        match name.as_str().unwrap() {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "number" => value.is_number(),
            "boolean" => value.is_boolean(),
            "null" => value.is_null(),
            other => panic!("the test does not know the type `{other}`"),
        }
    }

    fn accepts(text: &str) -> bool {
        let json = yaml::parse(text, 0, &mut Vec::new()).unwrap().to_json();
        let schema = json_schema();
        is_valid(&schema, &schema, &json)
    }

    #[test]
    fn every_example_is_accepted() {
        let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
        let manifests: Vec<_> = std::fs::read_dir(examples)
            .unwrap()
            .map(|entry| entry.unwrap().path().join("seqera.yaml"))
            .filter(|path| path.exists())
            .collect();
        assert!(!manifests.is_empty());
        for path in manifests {
            assert!(accepts(&std::fs::read_to_string(&path).unwrap()), "{}", path.display());
        }
    }

    const HEAD: &str = "apiVersion: seqera-iam/v1\nname: x\n";

    #[test]
    fn all_that_the_language_has_is_accepted() {
        for text in [
            "account: 123456789012\nregion: ${{ params.r }}\nstate: s3://x\ninclude: [a/*.yaml]\n",
            "params: {a: {type: list(bucket), default: [x], enum: [x], pattern: x, description: y}}\n",
            "defaults: {path: /p/, boundary: policy/x, tags: {a: 1}}\nroles:\npolicies: {}\n",
            "roles: {a: {for_each: [1], when: true, trust: {services: ec2.amazonaws.com}, max_session: 3600}}\n",
            "roles: {a: {existing: true, policies: [a, {when: '${{ x }}', value: b}, [c]], inline: {i: {document: {file: x.json}}}}}\n",
            "roles: {a: {trust: [{principals: ['${{ x }}'], external_id: 1, tag_session: true}, {for_each: '${{ x }}', services: [a]}], ignore: [tags.X], keep_undeclared: [policies]}}\n",
            "roles: {a: {trust: {services: [{choose: '${{ partition }}', aws-cn: a, else: b}]}, policies: [{choose: '${{ x }}', a: [b]}]}}\n",
            "roles: {a: {trust: {document: {Version: 2012-10-17, Statement: [{Effect: Allow, Action: x}]}}, prevent_destroy: true}}\n",
            "policies: {p: {statements: {'A${{ x }}': {for_each: {a: b}, Effect: Allow, Action: [x], Resource: '*'}}}}\n",
            "groups: {g: {policies: [a], inline: {i: {statements: {}}}}}\nusers: {u: {groups: [groups.g], boundary: none, tags: {a: b}}, v: }\n",
            "oidc_providers: {a: {url: x, audiences: [a], thumbprints: [b], tags: {c: d}}, b: {existing: true, url: x}}\n",
            "roles: {a: {trust: {federated: oidc_providers.a, audience: x, subjects: [y], source_identity: true}}}\n",
            "service_linked_roles: [spot.amazonaws.com, {when: true, value: x}, '${{ params.x }}']\n",
            "instance_profiles: {a: , b: {role: roles.a}}\noutputs: {a: [1, {b: c}]}\n",
            "use: {f: {blueprint: x, with: {a: [1]}, for_each: [a], override: {roles: {a: null}}}}\n",
            "import: [roles.a]\nmoved: [{from: roles.a, to: roles.b}]\nremoved: [roles.c]\n",
        ] {
            assert!(accepts(&format!("{HEAD}{text}")), "{text}");
        }
    }

    #[test]
    fn mistakes_are_refused() {
        assert!(!accepts("name: x\n") && !accepts("apiVersion: seqera-iam/v2\nname: x\n"));
        for text in [
            "role: {}\n",
            "roles: {a: {}}\n",
            "roles: {a: {trust: {service: x}}}\n",
            "roles: {a: {trust: {services: [x]}, bondary: none}}\n",
            "roles: {a: {trust: {services: [x]}, prevent_destroy: yes}}\n",
            "roles: [a]\n",
            "service_linked_roles: {a: {}}\n",
            "oidc_providers: {a: {audiences: [b]}}\n",
            "policies: {p: {}}\n",
            "policies: {p: {document: {file: x}, statements: {}}}\n",
            "policies: {p: {statements: {A: {Effect: Allow, Actions: x}}}}\n",
            "params: {a: {default: x}}\n",
            "use: {f: {with: {}}}\n",
            "moved: [{from: a}]\n",
            "roles: {a: {existing: true, policies: [{when: true, vlaue: x}]}}\n",
        ] {
            assert!(!accepts(&format!("{HEAD}{text}")), "{text}");
        }
    }
}
