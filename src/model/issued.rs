//! What AWS names itself and gives with a secret that it tells once: access keys.
//!
//! Nothing in AWS ties such an object to its place in the manifest, so the record does, and tells how far it
//! came: *asked* for (an intent, before the call), made (AWS's id is known), *delivered* (the secret is where
//! the manifest says). One that was made and not delivered is worth nothing to anybody and is made anew.

use jiff::{SignedDuration, Timestamp};

use super::{Attributes, Record, text};

/// AWS's id of it: `AKIA…`.
pub const KEY_ID: &str = "access_key_id";
/// `terminal`, or the path of a file, from the manifest's folder.
pub const DELIVER_TO: &str = "deliver_to";
/// Where its file is about to be moved: a run that is cut short leaves it here or there.
pub const MOVES_TO: &str = "moves_to";
/// `yes` once the secret was handed over.
pub const DELIVERED: &str = "delivered";
/// When it was asked for, in a record of which it is not known whether anything was made.
pub const ASKED: &str = "asked";
/// The id that the destination may still hold of one that goes or is gone, while this one is not handed over.
pub const INSTEAD_OF: &str = "instead_of";
/// The one before, switched off and not deleted yet.
pub const PREVIOUS: &str = "previous";
/// Since when the one before is off; without it, it is not off yet.
pub const OFF_SINCE: &str = "off_since";
/// Until when the one before is kept.
pub const UNTIL: &str = "until";
/// The one before, where it is on again though it was switched off: AWS's id of it.
pub const ON_AGAIN: &str = "on_again";
/// One that a rotation made and that is not proven yet.
pub const NEXT: &str = "next";

pub const TERMINAL: &str = "terminal";
pub const YES: &str = "yes";
pub const STATUS: &str = "status";
pub const ACTIVE: &str = "Active";
pub const INACTIVE: &str = "Inactive";

/// Returns AWS's id of what a record is of, or was of before it was asked for anew.
pub fn own(record: &Record) -> Option<&str> {
    record.aws_id.as_deref().or_else(|| text(&record.attributes, KEY_ID))
}

/// Returns AWS's ids of all that these attributes name.
pub fn named(attributes: &Attributes) -> impl Iterator<Item = &str> {
    [KEY_ID, PREVIOUS, NEXT, INSTEAD_OF].into_iter().filter_map(|field| text(attributes, field))
}

/// Returns AWS's ids of all that are there, as far as a record knows.
pub fn there(record: &Record) -> impl Iterator<Item = &str> {
    own(record).into_iter().chain([PREVIOUS, NEXT].into_iter().filter_map(|field| text(&record.attributes, field)))
}

/// Returns the record of something that is about to be asked for at `now`. `known` is what the state knew before: what
/// AWS did not show may be there after all, and its file `lies` elsewhere. `held` is what the destination holds and may lose.
pub fn asked(
    mut record: Record,
    now: String,
    known: Option<&Record>,
    lies: Option<&str>,
    held: Option<String>,
) -> Record {
    record.aws_id = None;
    record.attributes.remove(DELIVERED);
    if let Some(known) = known {
        let kept = [DELIVERED, PREVIOUS, OFF_SINCE, UNTIL, NEXT].into_iter();
        record.attributes.extend(kept.filter_map(|field| Some((field, known.attributes.get(field)?.clone()))));
        record.attributes.extend(own(known).map(|own| (KEY_ID, own.into())));
    }
    record.attributes.extend(lies.map(|lies| (MOVES_TO, lies.into())));
    record.attributes.extend(held.map(|held| (INSTEAD_OF, held.into())));
    record.attributes.insert(ASKED, now.into());
    record
}

/// Returns the record of what was made and not handed over yet. `intent` is what the state said before it was made.
pub fn undelivered(mut record: Record, intent: Option<&Record>) -> Record {
    record.attributes.remove(DELIVERED);
    let instead_of = intent.and_then(|intent| text(&intent.attributes, INSTEAD_OF));
    record.attributes.extend(instead_of.map(|id| (INSTEAD_OF, id.into())));
    record
}

/// Says whether something that AWS created then may be what was asked for: how long a call may take from the intent to the
/// creation, and how much the clocks may differ.
pub fn came_just_then(asked: Timestamp, created: Timestamp) -> bool {
    const LONGEST: SignedDuration = SignedDuration::from_mins(15);
    const SKEW: SignedDuration = SignedDuration::from_mins(5);
    let after = created.duration_since(asked);
    -SKEW <= after && after <= LONGEST
}

/// Says whether it is not known whether anything was made.
pub fn is_asked(record: &Record) -> bool {
    record.aws_id.is_none() && record.attributes.contains_key(ASKED)
}
