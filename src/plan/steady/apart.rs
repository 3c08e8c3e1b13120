//! One update taken apart into several writes: what is written between its two sides, and whether that fits.

use std::collections::HashMap;

use serde_json::json;

use super::{Steady, document, interim, paths, shift_of_trust};
use crate::kinds;
use crate::model::{Attributes, ObjectId, Value, text};
use crate::plan::Change;
use crate::plan::permissions::Side;
use crate::policy::{Document, Host, limits};

impl<'a> Steady<'a> {
    /// Returns what to write between the two sides of an update so that each write does one thing; empty where
    /// that is one write. An error says, in a clause, why it cannot be taken apart. `others` says what is
    /// written between the sides of other steps.
    pub fn interim(&self, step: usize, others: &HashMap<usize, Vec<Attributes>>) -> Result<Vec<Attributes>, String> {
        let (change, made) = (&self.steps[step].change, &self.steps[step].made);
        let (Change::Update { before, after } | Change::Import { before, after }, Some(id)) = (change, made) else {
            return Ok(Vec::new());
        };
        if let (Some(old), Some(new)) = (document(before, "document"), document(after, "document")) {
            let only_bounds = self.bounding.contains(id.name.as_str()) && !self.attached.contains(id.name.as_str());
            let nothing = json!({"Effect": "Deny", "Action": "*", "Resource": "*"});
            let between =
                if only_bounds { interim::of_bounds(old, new, nothing) } else { interim::of_grants(old, new) };
            self.fits(step, &between, others)?;
            // What is taken over is signed before anything else is written.
            let signed = match change {
                Change::Import { after, .. } if after.contains_key("tags") => with(before, "tags", after.get("tags")),
                _ => before.clone(),
            };
            return Ok(between
                .into_iter()
                .map(|document| with(&signed, "document", Some(&Value::Document(document))))
                .collect());
        }
        let mut between = of_owner(before, after);
        if let (Change::Import { .. }, true) = (change, restricted(before) != restricted(after)) {
            // What hangs on it waits until it is ours, and not until it is as it shall be.
            let first = between.pop().unwrap_or_else(|| before.clone());
            between.push(with(&first, "tags", after.get("tags")));
        }
        Ok(between)
    }

    /// Says whether documents fit where they are written for a while.
    fn fits(
        &self,
        step: usize,
        documents: &[Document],
        others: &HashMap<usize, Vec<Attributes>>,
    ) -> Result<(), String> {
        let Some(longest) = documents.iter().map(Document::size).max() else { return Ok(()) };
        let Some(id) = self.steps[step].made.as_ref() else { return Ok(()) };
        let Some(host) = host(id) else { return Ok(()) };
        let size = |attributes: &Attributes| document(attributes, "document").map_or(0, Document::size);
        let owner =
            self.steps[step].change.after().and_then(|after| kinds::hanging(id, after)).map(|hangs| hangs.owner);
        // Inline policies share the figure: each counts with the longest that it is at any time.
        let mut beside: HashMap<&ObjectId, usize> = HashMap::new();
        if let Some(owner) = owner {
            for side in [&self.before, &self.after] {
                for (other, attributes) in
                    side.hanging.get(&owner).into_iter().flatten().filter(|(other, _)| *other != id)
                {
                    let most = beside.entry(other).or_default();
                    *most = size(attributes).max(*most);
                }
            }
            for (index, between) in others {
                if let Some(most) = self.steps[*index].made.as_ref().and_then(|made| beside.get_mut(made)) {
                    *most = between.iter().map(size).max().unwrap_or(0).max(*most);
                }
            }
        }
        let (peak, most) = (longest + beside.values().sum::<usize>(), limits::longest(host));
        if peak <= most { Ok(()) } else { Err(format!("both texts together would have {peak} of {most} characters")) }
    }

    /// Returns what has to be written between the sides of an owner whose two calls would be in the wrong order:
    /// converging puts the boundary before the trust. An error says that no order is right.
    pub fn owner_in_two(&self, step: usize) -> Result<Vec<Attributes>, String> {
        let (Change::Update { before, after } | Change::Import { before, after }) = &self.steps[step].change else {
            return Ok(Vec::new());
        };
        let bounds = [before, after].map(|attributes| text(attributes, "boundary"));
        let trust = shift_of_trust(before, after);
        let narrows = !trust.allows_no_more.is_empty() || !trust.denies.is_empty();
        if bounds[0].is_none() || bounds[0] == bounds[1] || !narrows {
            return Ok(Vec::new());
        }
        let first = of_owner(before, after);
        if !first.is_empty() {
            return Ok(first);
        }
        let text_of = |side: &Side<'a>, arn: Option<&str>| side.policies.get(arn?).map(|(_, document)| *document);
        let bound = [text_of(&self.before, bounds[0]), text_of(&self.after, bounds[1])];
        let loosens = match (bounds[1], bound) {
            (None, _) => true,
            (Some(_), [Some(old), Some(new)]) => {
                let shift = self.shift(Some(old), Some(new));
                shift.allows_no_more.is_empty() && shift.denies.is_empty()
            }
            _ => false,
        };
        if loosens {
            return Ok(vec![with(before, "trust", after.get("trust"))]);
        }
        Err("allows for a moment what neither side does, as boundary and trust are exchanged one by one".to_owned())
    }
}

/// Where AWS keeps the permissions of an object, and not who may assume it.
fn host(id: &ObjectId) -> Option<Host> {
    kinds::spec(&id.kind)?.schema().document().filter(|(field, _)| *field == "document").map(|(_, host)| host)
}

fn with(attributes: &Attributes, field: &'static str, value: Option<&Value>) -> Attributes {
    let mut attributes = attributes.clone();
    match value {
        Some(value) => attributes.insert(field, value.clone()),
        None => attributes.remove(field),
    };
    attributes
}

/// What of an owner decides about permissions.
fn restricted(owner: &Attributes) -> [Option<&Value>; 2] {
    ["trust", "boundary"].map(|field| owner.get(field))
}

/// What restricts an owner first: the narrower trust, and a boundary where there was none.
fn of_owner(before: &Attributes, after: &Attributes) -> Vec<Attributes> {
    let (Some(old), Some(new)) = (document(before, "trust"), document(after, "trust")) else { return Vec::new() };
    let (old, shift) = (paths::told_as(old, new), shift_of_trust(before, after));
    let widens = !shift.allows.is_empty() || !shift.denies_no_more.is_empty();
    let narrows = !shift.allows_no_more.is_empty() || !shift.denies.is_empty();
    let trust = match (narrows, widens) {
        (true, true) => {
            let nobody = json!({"Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"});
            interim::of_bounds(&old, new, nobody).pop().map(Value::Document)
        }
        (true, false) => after.get("trust").cloned(),
        (false, _) => None,
    };
    let trust = trust.as_ref().or_else(|| before.get("trust"));
    let mut first = with(before, "trust", trust);
    if text(before, "boundary").is_none() {
        first = with(&first, "boundary", after.get("boundary"));
    }
    if restricted(before) != restricted(&first) && restricted(&first) != restricted(after) {
        vec![first]
    } else {
        Vec::new()
    }
}
