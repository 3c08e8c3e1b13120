//! What the wish refers to and AWS will not hold.

use std::collections::BTreeSet;

use super::compare::Comparison;
use super::wish::Wanted;
use super::{Change, refusal};
use crate::kinds;
use crate::model::ObjectId;
use crate::problem::Problem;

impl Comparison<'_> {
    /// Says whether this plan deletes an object for good.
    fn is_gone(&self, id: &ObjectId) -> bool {
        self.work.get(id).is_some_and(|work| matches!(work.change, Change::Delete { .. }))
    }

    /// What the manifest refers to by its ARN and this plan deletes.
    pub fn dangling(&self) -> Vec<Problem> {
        let refers = |wanted: &Wanted| {
            let spec = kinds::spec(&wanted.resource.id.kind)?;
            spec.refers(&self.desired.account, &wanted.resource.wanted)
                .into_iter()
                .find(|needed| self.is_gone(&needed.id))
        };
        let wanted = self.wish.objects.values().filter(|wanted| !wanted.kept);
        wanted
            .filter_map(|wanted| Some((wanted, refers(wanted)?)))
            .map(|(wanted, needed)| {
                let address = &wanted.resource.address;
                Problem::error(
                    "refers-to-deleted",
                    format!("{address} refers to {}, which this plan deletes", needed.id),
                )
                .at(wanted.resource.place)
                .help("declare it in the manifest, or drop the reference")
            })
            .collect()
    }

    /// Boundaries of owners about which the manifest says nothing, so that they are kept, and that this plan deletes.
    pub fn boundaries_that_go(&self) -> Vec<Problem> {
        let kept = |wanted: &Wanted| {
            let bound = wanted.kept_boundary(&self.desired.account)?;
            self.is_gone(&bound).then(|| refusal::keeps_boundary(wanted, &bound))
        };
        self.wish.objects.values().filter_map(kept).collect()
    }

    /// Says whether an owner keeps this policy as its boundary, as the manifest says nothing of it.
    pub fn keeps(&self, owner: &ObjectId, policy: &ObjectId) -> bool {
        let wanted = self.wish.objects.get(owner);
        wanted.and_then(|wanted| wanted.kept_boundary(&self.desired.account)).is_some_and(|bound| bound == *policy)
    }

    /// What the manifest refers to outside itself and AWS does not hold.
    pub fn missing_references(&self) -> Vec<Problem> {
        let refers = |wanted: &Wanted| {
            let spec = kinds::spec(&wanted.resource.id.kind);
            spec.map(|spec| spec.refers(&self.desired.account, &wanted.own)).unwrap_or_default()
        };
        let wanted = self.wish.objects.values().filter(|wanted| !wanted.kept && !wanted.resource.existing);
        let missing = wanted.flat_map(|wanted| {
            // Two statements may name the same.
            let missing: BTreeSet<ObjectId> = refers(wanted).into_iter().map(|needed| needed.id).collect();
            let missing = missing.into_iter().filter(|id| self.live.missing.contains(id));
            missing.map(move |id| refusal::refers_to_nothing(wanted, &id))
        });
        missing.collect()
    }
}
