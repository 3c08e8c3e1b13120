//! Collects what is wrong, one problem for each mistake.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::Address;
use crate::problem::{Place, Problem, Problems};

/// The problems so far, and the values that are known to be wrong: a value whose expression failed shall
/// not be blamed again for what it then looks like.
#[derive(Clone, Debug, Default)]
pub struct Report {
    problems: Problems,
    broken: BTreeSet<(usize, Place)>,
    /// One place is read once for each use and each round of a `for_each`: what is broken in one turn may
    /// be well in the next.
    turn: usize,
    /// Where else to look: added to every problem.
    related: Vec<(Place, String)>,
    /// The address of what is read and the address as it is written: one mistake is one problem, however often
    /// a `for_each` repeats it.
    subject: Option<(String, String)>,
    seen: BTreeSet<(Option<Place>, String)>,
    /// What the header lacks, by what is said of it: the first place that needs it, and how many more do.
    lacking: BTreeMap<String, (Problem, usize)>,
}

/// The code of a problem about what the header lacks: it is one problem, wherever it shows.
pub const NOT_SET: &str = "not-set";

impl Report {
    /// Adds a problem, unless it is about a value that is already known to be wrong.
    pub fn push(&mut self, mut problem: Problem) {
        if problem.place.is_some_and(|place| self.is_broken(place)) {
            return;
        }
        let message = match &self.subject {
            Some((made, written)) => problem.message.replace(made, written),
            None => problem.message.clone(),
        };
        if problem.code == NOT_SET
            && let Some((_, more)) = self.lacking.get_mut(&message)
        {
            *more += 1;
            return;
        }
        // What comes in through an anchor, a document file or a use is read once for each of them.
        if self.seen.insert((problem.place, message.clone())) {
            // The innermost first.
            problem.related.extend(self.related.iter().rev().cloned());
            match problem.code {
                NOT_SET => drop(self.lacking.insert(message, (problem, 0))),
                _ => self.problems.push(problem),
            }
        }
    }

    /// Keeps later checks from blaming the value at `place`: its mistake was reported elsewhere.
    pub fn silence(&mut self, place: Place) {
        self.broken.insert((self.turn, place));
    }

    pub fn is_broken(&self, place: Place) -> bool {
        self.broken.contains(&(self.turn, place))
    }

    /// Begins or resumes a turn. Returns the one before.
    pub fn turn(&mut self, turn: usize) -> usize {
        self.subject = None;
        std::mem::replace(&mut self.turn, turn)
    }

    /// Names what this turn is about, as it is made and as it is written.
    pub fn subject(&mut self, made: &Address, written: &Address) {
        self.subject = (made != written).then(|| (made.to_string(), written.to_string()));
    }

    /// Shows these places with every problem from now on. Returns those before.
    pub fn relate(&mut self, related: Vec<(Place, String)>) -> Vec<(Place, String)> {
        std::mem::replace(&mut self.related, related)
    }

    /// Does something of which every problem also shows `place`.
    pub fn relating<T>(&mut self, place: Place, text: &str, action: impl FnOnce(&mut Self) -> T) -> T {
        self.related.push((place, text.to_owned()));
        let done = action(self);
        self.related.pop();
        done
    }

    pub fn has_errors(&self) -> bool {
        self.problems.has_errors() || !self.lacking.is_empty()
    }

    pub fn into_sorted(mut self) -> Vec<Problem> {
        let lacking = self.lacking.into_values().map(|(problem, more)| match more {
            0 => problem,
            1 => problem.note("one more place needs it"),
            _ => problem.note(format!("{more} more places need it")),
        });
        self.problems.extend(lacking);
        self.problems.into_sorted()
    }
}
