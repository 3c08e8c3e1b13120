//! The elements of a statement: which there may be, which there must be, and what they hold.

use super::super::Host;
use super::{Check, Faults, STRINGS_ONLY, Spot, condition, principal, resource};

const ELEMENTS: &[&str] =
    &["Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"];

/// How alike (Jaro-Winkler) a wrong element must be to one that exists to propose it.
const ALIKE: f64 = 0.85;

pub(super) fn check(statement: &Spot, host: Host, faults: &mut Faults) {
    if !statement.json.is_object() {
        return faults.syntax(statement.path.clone(), "a statement is an object");
    }
    for (element, value) in statement.entries() {
        match element {
            "Sid" => sid(&value, faults),
            "Effect" => effect(&value, faults),
            "Action" | "NotAction" => actions(&value, element, host, faults),
            "Resource" | "NotResource" => resources(&value, element, host, faults),
            "Principal" | "NotPrincipal" => principals(&value, host, faults),
            "Condition" => condition::check(&value, faults),
            _ => unknown(value, element, faults),
        }
    }
    if statement.get("Effect").is_none() {
        faults.syntax(statement.path.clone(), "`Effect` is missing");
    }
    for (one, other) in [("Action", "NotAction"), ("Resource", "NotResource"), ("Principal", "NotPrincipal")] {
        if statement.get(one).is_some()
            && let Some(other_spot) = statement.get(other)
        {
            faults.syntax(other_spot.path, format!("`{one}` and `{other}` cannot stand in one statement"));
        }
    }
    missing(statement, host, faults);
}

fn missing(statement: &Spot, host: Host, faults: &mut Faults) {
    let path = || statement.path.clone();
    let lacks = |one: &str, other: &str| statement.get(one).or_else(|| statement.get(other)).is_none();
    if lacks("Action", "NotAction") {
        no_actions(path(), "`Action` is missing", faults);
    }
    if host == Host::Trust {
        if lacks("Principal", "NotPrincipal") {
            faults.add(Check::Elements, path(), principal::MISSING, "`Principal` is missing: who may assume the role");
        }
    } else if lacks("Resource", "NotResource") {
        no_resources(path(), "`Resource` is missing", faults);
    }
}

fn unknown(value: Spot, element: &str, faults: &mut Faults) {
    let alike = |known: &str| strsim::jaro_winkler(&known.to_ascii_lowercase(), &element.to_ascii_lowercase());
    let nearest = ELEMENTS.iter().map(|known| (alike(known), known)).max_by(|a, b| a.0.total_cmp(&b.0));
    let meant = match nearest {
        Some((likeness, known)) if likeness >= ALIKE => format!("; did you mean `{known}`?"),
        _ => String::new(),
    };
    faults.syntax(value.path, format!("`{element}` is not an element of a statement{meant}"));
}

/// "IAM JSON policy elements: Sid": letters and digits.
fn sid(value: &Spot, faults: &mut Faults) {
    let Some(text) = value.text() else {
        return faults.syntax(value.path.clone(), "`Sid` is a string");
    };
    if let Some(c) = text.chars().find(|c| !c.is_ascii_alphanumeric()) {
        let message = "Statement IDs (SID) must be alpha-numeric. \
                       Check that your input satisfies the regular expression [0-9A-Za-z]*";
        faults.add(Check::Sid, value.path.clone(), message, format!("`Sid` takes letters and digits, not `{c}`"));
    }
}

fn effect(value: &Spot, faults: &mut Faults) {
    let is = |effect: &str| value.text().is_some_and(|text| text.eq_ignore_ascii_case(effect));
    match value.text() {
        Some("Allow" | "Deny") => {}
        _ if is("Allow") => faults.legacy(value.path.clone(), "`Effect` is case-sensitive: write `Allow`"),
        _ if is("Deny") => faults.legacy(value.path.clone(), "`Effect` is case-sensitive: write `Deny`"),
        _ => faults.syntax(value.path.clone(), "`Effect` is `Allow` or `Deny`"),
    }
}

fn actions(value: &Spot, element: &str, host: Host, faults: &mut Faults) {
    let items = value.one_or_many();
    if items.is_empty() {
        no_actions(value.path.clone(), &format!("`{element}` is empty"), faults);
    }
    for item in items {
        match item.text() {
            Some(text) => action(&item, text, host, faults),
            None => faults.syntax(item.path, format!("`{element}` {STRINGS_ONLY}")),
        }
    }
}

fn action(item: &Spot, text: &str, host: Host, faults: &mut Faults) {
    let path = || item.path.clone();
    let vendor = text.split(':').next().unwrap_or_default();
    match text.matches(':').count() {
        _ if text == "*" => {}
        0 => {
            let message = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.";
            faults.add(Check::Vendor, path(), message, format!("`{text}` lacks its service: write `s3:{text}` or so"));
        }
        1 if vendor.is_empty() || vendor.contains(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '.')) => {
            let detail = format!("`{vendor}` in `{text}` is not the prefix of a service");
            faults.add(Check::Action, path(), format!("Vendor {vendor} is not valid"), detail);
        }
        1 => {}
        _ => {
            let message = "Actions/Condition can contain only one colon.";
            faults.add(Check::Action, path(), message, format!("`{text}` has more than one colon"));
        }
    }
    if host == Host::Trust && !vendor.eq_ignore_ascii_case("sts") {
        let message = "AssumeRole policy may only specify STS AssumeRole actions.";
        let detail = format!("a trust policy takes actions such as `sts:AssumeRole`, not `{text}`");
        faults.add(Check::Action, path(), message, detail);
    }
}

fn resources(value: &Spot, element: &str, host: Host, faults: &mut Faults) {
    if host == Host::Trust {
        let message = format!("Has prohibited field {element}.");
        return faults.add(Check::Elements, value.path.clone(), message, "a trust policy is about its own role only");
    }
    let items = value.one_or_many();
    if items.is_empty() {
        no_resources(value.path.clone(), &format!("`{element}` is empty"), faults);
    }
    for item in items {
        match item.text() {
            Some(text) => resource::check(&item, text, faults),
            // AWS skips a null among others.
            None if item.json.is_null() && value.json.is_array() => {}
            None => faults.syntax(item.path, format!("`{element}` {STRINGS_ONLY}")),
        }
    }
}

fn principals(value: &Spot, host: Host, faults: &mut Faults) {
    if host == Host::Trust {
        principal::check(value, faults);
    } else {
        let message = "Policy document should not specify a principal.";
        let detail = "a permissions policy is about whom it is attached to; `Principal` belongs into a trust policy";
        faults.add(Check::Elements, value.path.clone(), message, detail);
    }
}

fn no_actions(path: Vec<crate::model::PathSegment>, detail: &str, faults: &mut Faults) {
    faults.add(Check::Elements, path, "Policy statement must contain actions.", detail);
}

fn no_resources(path: Vec<crate::model::PathSegment>, detail: &str, faults: &mut Faults) {
    faults.add(Check::ResourceMissing, path, "Policy statement must contain resources.", detail);
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    fn details(statement: Json, host: Host) -> Vec<String> {
        let mut faults = Faults::default();
        check(&Spot::root(&statement), host, &mut faults);
        faults.sorted().into_iter().map(|fault| fault.detail).collect()
    }

    #[test]
    fn what_excludes_each_other_is_refused() {
        let found =
            details(json!({"Effect": "Deny", "Action": "a:B", "NotAction": "a:C", "NotResource": "*"}), Host::Managed);
        assert_eq!(found, ["`Action` and `NotAction` cannot stand in one statement"]);
    }

    #[test]
    fn details_say_what_to_write() {
        let found = details(json!({"Effect": "allow", "Action": "Get", "Ressource": "*"}), Host::InlineUser);
        assert_eq!(
            found,
            [
                "`Ressource` is not an element of a statement; did you mean `Resource`?",
                "`Effect` is case-sensitive: write `Allow`",
                "`Get` lacks its service: write `s3:Get` or so",
                "`Resource` is missing",
            ]
        );
    }

    #[test]
    fn a_null_among_resources_is_skipped_and_alone_is_not() {
        let with =
            |resource: Json| details(json!({"Effect": "Allow", "Action": "a:B", "Resource": resource}), Host::Managed);
        assert_eq!(with(json!(["*", null])), Vec::<String>::new());
        assert_eq!(with(json!(null)), ["`Resource` holds strings only"]);
    }
}
