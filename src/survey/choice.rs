//! Which way to read AWS: object by object, or the account as a whole.

use std::collections::BTreeMap;

use super::account::{PAGE, TAGGED_PAGE};
use crate::kinds;
use crate::model::ObjectId;

/// How AWS is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Reader {
    /// Each object by itself.
    Targeted,
    /// The account in pages.
    Survey,
}

/// So few calls are not worth asking how large the account is.
pub(super) const FEW: usize = 12;
/// So many calls that the survey begins while the size of the account is asked: should it not be the way that is
/// taken, then its first calls, one for each list, are less than a tenth.
pub(super) const MANY: usize = 50;

/// Returns how many calls it takes to read these objects one by one.
pub(super) fn targeted<'a>(ids: impl Iterator<Item = &'a ObjectId>) -> usize {
    ids.filter_map(|id| kinds::kind(&id.kind)).map(|kind| kind.calls()).sum()
}

/// Returns how many calls the survey of an account takes that holds so much, and of which so many things
/// are ours whose tags are listed apart; `None` when the account does not say.
pub(super) fn survey(figures: &BTreeMap<String, usize>, tagged: usize) -> Option<usize> {
    let [roles, policies, profiles] = ["Roles", "Policies", "InstanceProfiles"].map(|name| figures.get(name).copied());
    let (roles, policies, profiles) = (roles?, policies?, profiles?);
    let people: usize = ["Users", "Groups"].iter().filter_map(|name| figures.get(*name)).sum();
    let pages = |items: usize, page: usize| items.div_ceil(page).max(1);
    Some(
        pages(roles + people + policies, PAGE)
            + pages(roles, PAGE)
            + pages(profiles, PAGE)
            + pages(tagged, TAGGED_PAGE),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_estimated_from_what_the_account_holds() {
        let figures = |roles, policies, profiles| {
            let figures = [("Roles", roles), ("Policies", policies), ("InstanceProfiles", profiles)];
            figures.into_iter().map(|(name, figure)| (name.to_owned(), figure)).collect()
        };
        assert_eq!(survey(&figures(100, 100, 100), 200), Some(1 + 1 + 1 + 2));
        assert_eq!(survey(&figures(2100, 100, 0), 0), Some(3 + 3 + 1 + 1));
        assert_eq!(survey(&BTreeMap::new(), 0), None);
        let ids =
            ["role", "policy", "instance_profile", "attachment", "inline_policy"].map(|kind| ObjectId::new(kind, "x"));
        assert_eq!(targeted(ids.iter()), 3 + 2 + 1 + 1);
    }
}
