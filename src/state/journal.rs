//! The journal of a run: one JSON line for each finished call, and one before a call of which nothing else would tell;
//! replayed over the state that the run began from.

use serde::{Deserialize, Serialize};

use crate::kinds;
use crate::model::state::RawRecord;
use crate::model::{Account, ObjectId, Record, State};

/// What one call changed in the state, or is about to.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    /// It is about to be made. Who comes after a run that was cut short looks for it.
    Intend(Record),
    Put(Record),
    Forget(ObjectId),
    /// It is about to be taken away, to be brought back as this.
    Owe(Record),
    /// It is back, or nobody asks for it any more.
    Paid(ObjectId),
}

/// The first line: which state the entries belong to. A journal of another serial was compacted already.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Header {
    pub deployment: String,
    pub account: Account,
    #[serde(default)]
    pub sandbox: bool,
    pub lineage: String,
    pub serial: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum RawEntry {
    Intend(RawRecord),
    Put(RawRecord),
    Forget(ObjectId),
    Owe(RawRecord),
    Paid(ObjectId),
}

impl Entry {
    pub fn apply(self, state: &mut State) {
        match self {
            // What is about to be made has no id yet: one of that name that was there before is another.
            Entry::Intend(mut record) => {
                record.aws_id = None;
                state.objects.insert(record.id.clone(), record);
            }
            Entry::Put(mut record) => {
                // An update does not say the id again that AWS gave.
                let known = state.objects.get(&record.id).and_then(|known| known.aws_id.clone());
                record.aws_id = record.aws_id.or(known);
                state.objects.insert(record.id.clone(), record);
            }
            Entry::Forget(id) => drop(state.objects.remove(&id)),
            Entry::Owe(record) => drop(state.owed.insert(record.id.clone(), record)),
            Entry::Paid(id) => drop(state.owed.remove(&id)),
        }
    }

    /// Says whether nothing in AWS would tell again what this says: whose something is, or how AWS named it.
    pub fn is_the_only_trace(&self) -> bool {
        match self {
            Entry::Intend(_) | Entry::Owe(_) => true,
            Entry::Put(record) => kinds::is_issued(&record.id),
            Entry::Forget(_) | Entry::Paid(_) => false,
        }
    }
}

impl Header {
    pub fn of(state: &State) -> Self {
        Self {
            deployment: state.deployment.clone(),
            account: state.account.clone(),
            sandbox: state.sandbox,
            lineage: state.lineage.clone(),
            serial: state.serial,
        }
    }

    fn fresh_state(&self) -> State {
        let mut state = State::new(&self.deployment, &self.account, self.lineage.clone());
        state.serial = self.serial;
        state.sandbox = self.sandbox;
        state
    }
}

/// Returns the state with the journal replayed over it. A line that was cut off by a kill is the
/// call that did not finish being recorded: the next plan finds its object by tag or by owner.
pub fn replay(state: Option<State>, journal: &str) -> Result<Option<State>, String> {
    let mut lines = journal.split_inclusive('\n').enumerate();
    let Some((_, first)) = lines.next() else { return Ok(state) };
    if !first.ends_with('\n') {
        return Ok(state);
    }
    let header: Header = serde_json::from_str(first).map_err(|e| format!("line 1: {e}"))?;
    let mut state = match state {
        Some(state) if state.lineage == header.lineage && state.serial == header.serial => state,
        Some(compacted) => return Ok(Some(compacted)),
        None => header.fresh_state(),
    };
    for (number, line) in lines {
        if !line.ends_with('\n') {
            break;
        }
        let entry = parse(line).map_err(|e| format!("line {}: {e}", number + 1))?;
        entry.apply(&mut state);
    }
    Ok(Some(state))
}

fn parse(line: &str) -> Result<Entry, String> {
    Ok(match serde_json::from_str(line).map_err(|e| e.to_string())? {
        RawEntry::Intend(record) => Entry::Intend(record.read(schema)?),
        RawEntry::Put(record) => Entry::Put(record.read(schema)?),
        RawEntry::Forget(id) => Entry::Forget(id),
        RawEntry::Owe(record) => Entry::Owe(record.read(schema)?),
        RawEntry::Paid(id) => Entry::Paid(id),
    })
}

/// Finds the schema of a kind.
pub fn schema(kind: &str) -> Option<&'static crate::model::Schema> {
    kinds::spec(kind).map(|spec| spec.schema())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Address, Attributes};

    fn state() -> State {
        State::new("demo", &Account::new("aws", "123456789012"), "abc".into())
    }

    fn put(name: &str) -> Entry {
        let attributes = Attributes::from([("name", name.into()), ("path", "/".into())]);
        let (address, id) = (Address::new(["roles", name]), ObjectId::new("role", name));
        Entry::Put(Record { address, id, aws_id: None, asked: None, passing: None, prevent_destroy: false, attributes })
    }

    fn journal(state: &State, entries: &[Entry]) -> String {
        let mut text = serde_json::to_string(&Header::of(state)).unwrap() + "\n";
        for entry in entries {
            text += &(serde_json::to_string(entry).unwrap() + "\n");
        }
        text
    }

    #[test]
    fn entries_are_replayed_in_order() {
        let forget = Entry::Forget(ObjectId::new("role", "a"));
        let text = journal(&state(), &[put("a"), put("b"), forget]);
        let replayed = replay(Some(state()), &text).unwrap().unwrap();
        assert_eq!(replayed.objects.keys().map(|id| id.name.as_str()).collect::<Vec<_>>(), ["b"]);
    }

    #[test]
    fn a_line_cut_anywhere_loses_only_itself() {
        let whole = journal(&state(), &[put("a"), put("b")]);
        let kept = journal(&state(), &[put("a")]);
        for end in kept.len()..whole.len() {
            let replayed = replay(None, &whole[..end]).unwrap().unwrap();
            assert_eq!(replayed.objects.len(), 1, "cut at {end}");
        }
        for end in 0..journal(&state(), &[]).len() {
            assert_eq!(replay(None, &whole[..end]).unwrap(), None, "cut at {end}");
        }
    }

    #[test]
    fn a_journal_that_was_compacted_already_is_ignored() {
        let text = journal(&state(), &[put("a")]);
        let mut compacted = state();
        compacted.serial = 1;
        assert_eq!(replay(Some(compacted.clone()), &text).unwrap(), Some(compacted));
    }

    #[test]
    fn what_is_intended_lasts() {
        let Entry::Put(record) = put("a") else { unreachable!() };
        let intent = Entry::Intend(record);
        assert!(intent.is_the_only_trace() && !put("a").is_the_only_trace());
        let replayed = replay(Some(state()), &journal(&state(), &[intent])).unwrap().unwrap();
        assert_eq!(replayed.objects.len(), 1);
    }

    #[test]
    fn a_broken_line_in_the_middle_is_an_error() {
        let text = journal(&state(), &[put("a"), put("b")]).replacen("\"put\"", "\"pot\"", 1);
        assert!(replay(Some(state()), &text).unwrap_err().starts_with("line 2"));
    }
}
