//! Collects what is wrong, one problem for each mistake.

use std::collections::BTreeSet;

use crate::problem::{Place, Problem, Problems};

/// The problems so far, and the values that are known to be wrong: a value whose expression failed shall
/// not be blamed again for what it then looks like.
#[derive(Clone, Debug, Default)]
pub struct Report {
    problems: Problems,
    broken: BTreeSet<Place>,
}

impl Report {
    /// Adds a problem, unless it is about a value that is already known to be wrong.
    pub fn push(&mut self, problem: Problem) {
        if problem.place.is_none_or(|place| !self.broken.contains(&place)) {
            self.problems.push(problem);
        }
    }

    /// Keeps later checks from blaming the value at `place`: its mistake was reported elsewhere.
    pub fn silence(&mut self, place: Place) {
        self.broken.insert(place);
    }

    pub fn is_broken(&self, place: Place) -> bool {
        self.broken.contains(&place)
    }

    pub fn has_errors(&self) -> bool {
        self.problems.has_errors()
    }

    pub fn into_sorted(self) -> Vec<Problem> {
        let mut problems = self.problems.into_sorted();
        // Values that come in through an anchor or a document file are read once for each use.
        let mut seen = BTreeSet::new();
        problems.retain(|problem| seen.insert((problem.place, problem.message.clone())));
        problems
    }
}
