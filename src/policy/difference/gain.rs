//! What is gained from one holding to another, as regions.

use std::collections::HashSet;

use super::line::{Line, Of};
use super::region::Region;
use super::{Holding, Policies};
use crate::policy::statement::Effect;

/// What is left of a grant: a region, and what of it is not gained.
pub(super) struct Piece<'a> {
    pub region: Region<'a>,
    pub except: Vec<Region<'a>>,
}

/// The two sides, taken apart.
pub(super) struct Gain<'a> {
    /// Each set of regions that all together bound what was allowed before: the policies, the boundary.
    before: Vec<Vec<Region<'a>>>,
    /// What was denied before and is not, in the same words, after.
    lifted: Vec<Region<'a>>,
    granted: Vec<Region<'a>>,
    denied: Vec<Region<'a>>,
    /// What the boundary lets through after, and what it did before, where it changes.
    bounds: Option<[Vec<Region<'a>>; 2]>,
    of: Of,
}

impl<'a> Gain<'a> {
    pub fn new(from: &'a Holding, to: &'a Holding) -> Self {
        let denied = to.denied();
        let known: HashSet<&Region> = denied.iter().collect();
        let lifted = from.denied().into_iter().filter(|region| !known.contains(region)).collect();
        // What is granted after is within the boundary after; the same boundary before says nothing more.
        let same = |bounds: &&Policies| {
            to.boundary.as_ref().is_some_and(|after| after.statements == bounds.statements && after.unread.is_empty())
        };
        let bounds = from.boundary.as_ref().filter(|bounds| bounds.unread.is_empty() && !same(bounds));
        let after = match &to.boundary {
            Some(after) if after.unread.is_empty() => Some(after.regions(Effect::Allow)),
            Some(_) => None,
            None => Some(vec![Region::everything()]),
        };
        let passed = bounds.and_then(|before| Some([after?, before.regions(Effect::Allow)]));
        let before = std::iter::once(&from.policies).chain(bounds).map(|p| p.regions(Effect::Allow)).collect();
        let of = if to.is_trust() || from.is_trust() { Of::Principals } else { Of::Resources };
        Self { before, lifted, granted: to.granted(), denied, bounds: passed, of }
    }

    /// Returns regions that together are what is gained.
    pub fn pieces(&self) -> Vec<Piece<'a>> {
        let mut pieces = Vec::new();
        for before in &self.before {
            let known: HashSet<&Region> = before.iter().collect();
            let new = self.granted.iter().filter(|grant| !known.contains(grant));
            pieces.extend(new.filter_map(|grant| self.left(grant.clone(), before)));
        }
        for grant in &self.granted {
            let both = self.lifted.iter().filter(|denied| denied.overlaps(grant)).map(|denied| grant.and(denied));
            pieces.extend(both.filter_map(|both| self.left(both, &[])));
        }
        pieces
    }

    /// Returns what is no longer denied and not granted here: something else may grant it.
    pub fn lifted_elsewhere(&self) -> Vec<Piece<'a>> {
        let granted: Vec<&Region> = self.granted.iter().collect();
        let others = self.lifted.iter().filter(|region| !region.is_covered_by(&granted));
        others.filter_map(|region| self.left(region.clone(), &[])).collect()
    }

    /// Returns what the boundary newly lets through, for whatever grants it.
    pub fn unbound(&self) -> Vec<Piece<'a>> {
        let Some([after, before]) = &self.bounds else { return Vec::new() };
        after.iter().filter_map(|region| self.left(region.clone(), before)).collect()
    }

    /// Takes away from a grant what was allowed before and what is denied after; `None` when nothing is left.
    fn left(&self, region: Region<'a>, before: &[Region<'a>]) -> Option<Piece<'a>> {
        let others: Vec<&Region> = before.iter().chain(&self.denied).filter(|other| region.overlaps(other)).collect();
        if region.is_covered_by(&others) {
            return None;
        }
        let mut except: Vec<Region> = Vec::new();
        for other in others {
            if except.iter().any(|wider| wider.includes(other)) {
                continue;
            }
            except.retain(|narrower| !other.includes(narrower));
            except.push(other.clone());
        }
        Some(Piece { region, except })
    }

    /// Writes the pieces down, without those that are within another.
    pub fn lines(&self, pieces: &[Piece<'a>]) -> Vec<Line> {
        let within = |i: usize, one: &Piece| {
            pieces.iter().enumerate().any(|(j, other)| {
                // Of two that are equal the first stays.
                let first = j < i || !one.region.includes(&other.region);
                i != j && other.except.is_empty() && first && other.region.includes(&one.region)
            })
        };
        let apart = pieces.iter().enumerate().filter(|(i, one)| !within(*i, one));
        apart.map(|(_, piece)| Line::new(&piece.region, &piece.except, self.of)).collect()
    }
}
