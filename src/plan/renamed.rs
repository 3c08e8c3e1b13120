//! An entry that got another key: without a name of its own, what it makes has another name in AWS.

use std::collections::HashMap;

use super::{Action, Step};
use crate::kinds;
use crate::model::{Address, Attributes, Value};
use crate::policy::Document;

/// What an entry says of who it is, and not of what it is.
const WHO: [&str; 2] = ["name", "tags"];

/// Returns which new addresses have all that another one has which goes, and the name of that in AWS. What is alike
/// with several is not guessed.
pub fn renamed(steps: &[Step]) -> Vec<(&Address, &Address, &str)> {
    let of = |action: Action| steps.iter().filter(move |step| step.action() == action);
    // Hundreds may have another key at once, as all entries of a `for_each` have.
    let mut gone: HashMap<(&str, Option<String>), Vec<&Step>> = HashMap::new();
    for step in of(Action::Delete) {
        gone.entry((section(step), step.change.before().and_then(says))).or_default().push(step);
    }
    let mut pairs = Vec::new();
    for step in of(Action::Create).filter(|step| !section(step).is_empty()) {
        let Some(after) = step.change.after() else { continue };
        let Some(gone) = gone.get(&(section(step), says(after))) else { continue };
        let mut alike = gone.iter().filter(|gone| gone.change.before().is_some_and(|before| is_alike(before, after)));
        if let (Some(old), None) = (alike.next(), alike.next())
            && let Some(name) = old.change.before().and_then(|before| before.get("name")).and_then(Value::text)
        {
            pairs.push((&step.address, &old.address, name));
        }
    }
    pairs
}

/// The section of the manifest that a step's object has an entry in; nothing for what hangs on another.
fn section(step: &Step) -> &str {
    let schema = step.id().and_then(|id| kinds::spec(&id.kind)).map(|spec| spec.schema());
    schema
        .filter(|schema| schema.field("name").is_some())
        .and_then(|schema| schema.section.as_ref())
        .map_or("", |of| of.name)
}

/// Returns what a policy says. Its text names no principals, so that equal ones have it in common.
fn says(attributes: &Attributes) -> Option<String> {
    attributes.get("document").and_then(Value::document).map(Document::meaning)
}

/// Says whether two have a document, and all that they say alike.
fn is_alike(before: &Attributes, after: &Attributes) -> bool {
    let said = |(field, _): &(&&str, &Value)| !WHO.contains(*field);
    after.values().any(|value| value.document().is_some()) && before.iter().filter(said).eq(after.iter().filter(said))
}
