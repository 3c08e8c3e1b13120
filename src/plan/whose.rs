//! Whose an object is, by its tags, by the state, and by the manifest.

use jiff::Timestamp;

use super::claim::{Claim, Claims};
use super::compare::Comparison;
use super::refusal;
use super::wish::Wanted;
use crate::kinds;
use crate::model::{Address, Attributes, Live, LiveState, ObjectId, Record, State, Value, issued};
use crate::problem::Problem;

impl Comparison<'_> {
    /// Returns whose an object is that hangs on nothing. One that AWS cannot tag is ours as long as it is the one
    /// that we recorded, and where it is just what the manifest asks for.
    pub fn claim(&self, live: &Live) -> Claim {
        if kinds::spec(&live.id.kind).is_some_and(|spec| spec.schema().taggable) {
            return self.claims.of(&live.attributes);
        }
        let is_it = |record: Record| record.aws_id.is_none() || is_the_same(&record, live);
        let recorded = self.recorded(&live.id).is_some_and(is_it);
        if recorded || self.as_asked.contains(&live.id) { Claim::Ours } else { Claim::Nobody }
    }

    pub fn is_existing(&self, owner: &ObjectId) -> bool {
        self.wish.objects.get(owner).is_some_and(|wanted| wanted.resource.existing)
    }

    /// Says whether the owner is recorded, carries our tags, or is being taken over.
    pub fn is_ours(&self, owner: &ObjectId) -> bool {
        let Some(wanted) = self.wish.objects.get(owner).filter(|wanted| !wanted.resource.existing) else {
            return false;
        };
        self.is_imported(wanted)
            || self.recorded(owner).is_some()
            || self.live.objects.get(owner).is_some_and(|live| self.claim(live) == Claim::Ours)
    }

    /// Says whether the manifest says to take it over.
    pub fn is_imported(&self, wanted: &Wanted) -> bool {
        self.imports.contains(&wanted.resource.address)
    }

    /// A recorded object that is not the one we made.
    pub fn contradiction(
        &self,
        address: &Address,
        wanted: Option<&Wanted>,
        live: &Live,
        record: &Record,
    ) -> Option<Problem> {
        let spec = kinds::spec(&live.id.kind)?;
        // What hangs on an owner is whose the owner is.
        if spec.hangs_on(&live.attributes).is_some() {
            return None;
        }
        let claim = self.claim(live);
        let why = match &claim {
            Claim::Ours => return None,
            // Somebody took our tags off.
            Claim::Nobody if is_the_same(record, live) => return None,
            Claim::Nobody if spec.schema().taggable => {
                "it was deleted and made again by somebody else: it carries no tag of this deployment".to_owned()
            }
            Claim::Nobody => "it was deleted and made again by somebody else, and holds something else".to_owned(),
            Claim::OtherDeployment(other) => format!("its tags say that it belongs to deployment {other} now"),
            Claim::OtherLineage(_) => "its tags say that it belongs to another life of this deployment".to_owned(),
            Claim::Aws => "AWS keeps it for its services".to_owned(),
            Claim::CloudFormation(stack) => format!("CloudFormation's stack {stack} owns it now"),
        };
        let problem = Problem::error("not-ours", format!("{address} is not ours any more")).note(why);
        let problem = match wanted {
            Some(wanted) if claim == Claim::Nobody => problem
                .at(wanted.resource.place)
                .help(refusal::take_over(address, self.desired))
                .help("to make another one:   name: OTHER"),
            Some(wanted) => problem.at(wanted.resource.place).help("give yours another name:   name: OTHER"),
            None if !spec.schema().taggable => {
                problem.help("to let it be:   removed: [".to_owned() + &address.to_string() + "]")
            }
            None => problem.help(
                "if it is yours after all, tag it:   seqera-iam:deployment = ".to_owned() + &self.claims.deployment,
            ),
        };
        Some(problem)
    }
}

/// Returns what is wanted of an object of others that it does not have: field and text. Tags say only whose it is.
pub fn lacking(wanted: &Attributes, live: &Attributes) -> Vec<(&'static str, String)> {
    let mut lacking = Vec::new();
    for (field, value) in wanted.iter().filter(|(field, _)| **field != "tags") {
        match (value, live.get(field)) {
            (_, Some(held)) if held == value => {}
            (Value::Texts(wanted), held) => {
                let held = held.and_then(Value::texts);
                let absent = wanted.iter().filter(|text| held.is_none_or(|held| !held.contains(*text)));
                lacking.extend(absent.map(|text| (*field, text.clone())));
            }
            _ => lacking.push((field, value.text().unwrap_or_default().to_owned())),
        }
    }
    lacking
}

/// Returns the state without intents of which nothing came, and their ids: what they ask for is not there, or others
/// made it.
pub fn without_lapsed(state: &State, live: &LiveState, claims: &Claims) -> (State, Vec<ObjectId>) {
    let came = |record: &Record| live.objects.get(&record.id).is_some_and(|live| came_of(record, live, claims));
    let is_lapsed = |record: &&Record| record.asked.is_some() && !came(record);
    let lapsed: Vec<ObjectId> = state.objects.values().filter(is_lapsed).map(|record| record.id.clone()).collect();
    let mut state = state.clone();
    lapsed.iter().for_each(|id| drop(state.objects.remove(id)));
    (state, lapsed)
}

/// Says whether an object may be what an intent asked for: it carries our tags or, where AWS cannot tag it, it was
/// created just then. Of what hangs on others AWS does not say when it came.
fn came_of(intent: &Record, live: &Live, claims: &Claims) -> bool {
    if kinds::spec(&live.id.kind).is_some_and(|spec| spec.schema().taggable) {
        return claims.are_on(&live.attributes);
    }
    let time = |text: Option<&String>| text.and_then(|text| text.parse::<Timestamp>().ok());
    let (Some(asked), Some(created)) = (time(intent.asked.as_ref()), time(live.created.as_ref())) else { return true };
    issued::came_just_then(asked, created)
}

/// Says whether an object is surely the one that was recorded: AWS gives no id twice. Where it gives none, only tags
/// tell.
pub fn is_the_same(record: &Record, live: &Live) -> bool {
    live.aws_id.is_some() && live.aws_id == record.aws_id
}
