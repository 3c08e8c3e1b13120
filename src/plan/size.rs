//! How much of what AWS takes the documents will fill that a plan writes.

use std::collections::{BTreeMap, BTreeSet};

use super::Step;
use crate::kinds;
use crate::model::{Address, Attributes, LiveState, ObjectId, Value};
use crate::policy::{Document, Host, limits};

/// Characters of a document, or of all inline policies of one owner, which share their figure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Size {
    /// The document's step, or the owner.
    pub address: Address,
    /// `trust policy`, `inline policies`; nothing where the address is the document.
    pub of: &'static str,
    pub used: usize,
    pub most: usize,
}

/// Returns the sizes of all that the steps write, in their order.
pub(super) fn of(steps: &[Step], live: &LiveState) -> Vec<Size> {
    let inline = inline(steps, live);
    let mut sizes: Vec<Size> = Vec::new();
    for step in steps {
        let (Some(id), Some(after)) = (step.id(), step.change.after()) else { continue };
        let Some((field, host)) = document(id) else { continue };
        if step.change.before().and_then(|before| before.get(field)) == after.get(field) {
            continue;
        }
        let (address, used, of) = match kinds::hanging(id, after) {
            Some(hangs) => {
                let segments = step.address.segments();
                let owner = Address::new(segments.iter().take(segments.len() - hangs.segments.len()).cloned());
                (owner, inline.get(&hangs.owner).copied().unwrap_or(0), "inline policies")
            }
            None => (step.address.clone(), size(after, field), if host == Host::Trust { "trust policy" } else { "" }),
        };
        let size = Size { address, of, used, most: limits::longest(host) };
        // The inline policies of one owner follow each other.
        if sizes.last() != Some(&size) {
            sizes.push(size);
        }
    }
    sizes
}

/// Returns the characters of all inline policies that each owner will have.
fn inline(steps: &[Step], live: &LiveState) -> BTreeMap<ObjectId, usize> {
    let touched: BTreeSet<&ObjectId> =
        steps.iter().flat_map(|step| [step.id(), step.removed.as_ref()]).flatten().collect();
    let kept = live.objects.values().filter(|object| !touched.contains(&object.id));
    let written = steps.iter().filter_map(|step| Some((step.id()?, step.change.after()?)));
    let mut totals = BTreeMap::new();
    for (id, attributes) in written.chain(kept.map(|object| (&object.id, &object.attributes))) {
        if let (Some((field, _)), Some(hangs)) = (document(id), kinds::hanging(id, attributes)) {
            *totals.entry(hangs.owner).or_default() += size(attributes, field);
        }
    }
    totals
}

fn document(id: &ObjectId) -> Option<(&'static str, Host)> {
    kinds::spec(&id.kind)?.schema().document()
}

fn size(attributes: &Attributes, field: &str) -> usize {
    attributes.get(field).and_then(Value::document).map_or(0, Document::size)
}
