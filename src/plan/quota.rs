//! Room in the account. AWS holds only so many roles, policies and instance profiles in one, and says so
//! in the middle of an apply; the plan says it before.

use std::collections::BTreeMap;

use super::compare::Work;
use super::{Change, refusal};
use crate::kinds;
use crate::model::{LiveState, ObjectId};
use crate::problem::Problem;

/// Returns what the account has no room for. What this plan removes may still be there when the rest is made.
pub(super) fn exceeded(work: &BTreeMap<ObjectId, Work>, live: &LiveState) -> Vec<Problem> {
    let mut made: BTreeMap<&str, usize> = BTreeMap::new();
    for (id, work) in work {
        let counted = kinds::spec(&id.kind).and_then(|spec| spec.schema().counted);
        if let (Some(counted), Change::Create { .. }) = (counted, &work.change) {
            *made.entry(counted).or_default() += 1;
        }
    }
    let exceeded = made.into_iter().filter_map(|(counted, made)| {
        let (held, most) = (live.figures.get(counted)?, live.figures.get(&format!("{counted}Quota"))?);
        (held + made > *most).then(|| refusal::quota(counted, *held, made, *most))
    });
    exceeded.collect()
}
