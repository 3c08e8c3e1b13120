//! One document as several, where it is longer than AWS takes.
//!
//! Whole statements stay together; one that is too long by itself is divided by its resources, which means the
//! same. What goes where is read off a hash of the name of each statement (of each resource, in one that is
//! divided): all is in part 1 as long as it fits. A part that is too full gives those whose next bit is 1 to a part
//! of their own. So what goes where depends on nothing but the document; when it grows, only what is in the part
//! that overflows moves, and only into a part that is new. The numbers of parts have gaps, which keeps the others'
//! names. The first statement is in part 1, come what may.

use serde_json::{Map, Value as Json, json};
use sha2::{Digest, Sha256};

use super::Document;

/// One of the documents.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// 1 is always there; after it, numbers may be missing.
    pub number: u64,
    pub document: Document,
}

impl Part {
    /// Returns the name that this part has where the first has `name`.
    pub fn named(&self, name: &str) -> String {
        if self.number == 1 { name.to_owned() } else { format!("{name}-{}", self.number) }
    }
}

/// A statement that no document holds, as it cannot be divided further.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TooLong {
    /// From 0.
    pub statement: usize,
    /// What it needs at least, in characters.
    pub size: usize,
}

/// What is put into parts: a statement, or some of the resources of one.
#[derive(Clone)]
struct Piece {
    number: u64,
    json: Json,
    size: usize,
}

/// Returns the documents in the place of one, none longer than `longest`, in the order of their numbers.
pub fn split(document: &Document, longest: usize) -> Result<Vec<Part>, TooLong> {
    if document.size() <= longest {
        return Ok(vec![Part { number: 1, document: document.clone() }]);
    }
    let json = document.json();
    let statements = match &json["Statement"] {
        Json::Array(statements) => statements.as_slice(),
        one => std::slice::from_ref(one),
    };
    let frame = size(&framed(json, &[]));
    let room = longest.saturating_sub(frame);
    let mut sids: Vec<&str> = statements.iter().filter_map(|statement| statement["Sid"].as_str()).collect();
    sids.sort_unstable();
    let mut units = Vec::new();
    for (at, statement) in statements.iter().enumerate() {
        let key = statement["Sid"].as_str().map_or_else(|| format!("#{at}"), str::to_owned);
        let pieces = pieces(at, statement, room, &sids)?;
        units.extend(pieces.into_iter().map(|piece| (hash(&format!("{key} {}", piece.number)), piece)));
    }
    if let Some((hash, _)) = units.first_mut() {
        *hash = 0;
    }
    // Each statement after the first has a comma before it.
    let fits = |units: &[(u64, Piece)]| units.iter().map(|(_, piece)| piece.size + 1).sum::<usize>() <= room + 1;
    let mut leaves = Vec::new();
    divide(units, 0, 1, &fits, &mut leaves);
    leaves.sort_by_key(|(number, _)| *number);
    let part = |(number, pieces): (u64, Vec<Piece>)| {
        let statements: Vec<Json> = pieces.into_iter().map(|piece| piece.json).collect();
        Part { number, document: Document::from_json(framed(json, &statements)) }
    };
    Ok(leaves.into_iter().map(part).collect())
}

/// Returns the statement as it is where it fits, else in pieces with some of its resources each.
fn pieces(at: usize, statement: &Json, room: usize, sids: &[&str]) -> Result<Vec<Piece>, TooLong> {
    let size = size(statement);
    if size <= room {
        return Ok(vec![Piece { number: 1, json: statement.clone(), size }]);
    }
    let (Some(resources), Some(said)) = (statement["Resource"].as_array(), statement.as_object()) else {
        return Err(TooLong { statement: at, size });
    };
    let frame = self::size(&with_resources(said, 1, &[], sids));
    // A number makes the Sid longer; 20 digits are the longest.
    let left = room.saturating_sub(frame + 20);
    let mut units: Vec<(u64, Json)> =
        resources.iter().map(|one| (hash(one.as_str().unwrap_or(" ")), one.clone())).collect();
    // One that stands there twice would never be divided.
    let mut seen = std::collections::HashSet::new();
    units.retain(|(hash, _)| seen.insert(*hash));
    let length = |units: &[(u64, Json)]| units.iter().map(|(_, one)| self::size(one) + 1).sum::<usize>();
    if let Some(one) = units.iter().find(|one| length(std::slice::from_ref(one)) > left + 1) {
        return Err(TooLong { statement: at, size: frame + self::size(&one.1) });
    }
    let mut leaves = Vec::new();
    divide(units, 0, 1, &|units| length(units) <= left + 1, &mut leaves);
    leaves.sort_by_key(|(number, _)| *number);
    let piece = |(number, resources): (u64, Vec<Json>)| {
        let json = with_resources(said, number, &resources, sids);
        Piece { number, size: self::size(&json), json }
    };
    Ok(leaves.into_iter().map(piece).collect())
}

/// Puts what does not fit together into leaves, by the bits of the hashes from `depth` on.
fn divide<T>(
    units: Vec<(u64, T)>,
    depth: u32,
    number: u64,
    fits: &impl Fn(&[(u64, T)]) -> bool,
    leaves: &mut Vec<(u64, Vec<T>)>,
) {
    if units.is_empty() {
        return;
    }
    if units.len() == 1 || depth == u64::BITS - 1 || fits(&units) {
        leaves.push((number, units.into_iter().map(|(_, unit)| unit).collect()));
        return;
    }
    let (ones, zeros): (Vec<_>, Vec<_>) = units.into_iter().partition(|(hash, _)| hash >> depth & 1 == 1);
    divide(zeros, depth + 1, number, fits, leaves);
    divide(ones, depth + 1, number + (1 << depth), fits, leaves);
}

/// Returns the document with these statements.
fn framed(document: &Json, statements: &[Json]) -> Json {
    let mut framed = document.clone();
    framed["Statement"] = json!(statements);
    framed
}

/// Returns a piece of a statement. Its Sid is that of no other.
fn with_resources(statement: &Map<String, Json>, number: u64, resources: &[Json], sids: &[&str]) -> Json {
    let mut piece = statement.clone();
    piece.insert("Resource".to_owned(), json!(resources));
    if let (Some(sid), true) = (statement.get("Sid").and_then(Json::as_str), number > 1) {
        let mut named = format!("{sid}{number}");
        while sids.binary_search(&named.as_str()).is_ok() {
            named.push('x');
        }
        piece.insert("Sid".to_owned(), json!(named));
    }
    Json::Object(piece)
}

fn size(json: &Json) -> usize {
    json.to_string().chars().filter(|c| !c.is_whitespace()).count()
}

fn hash(text: &str) -> u64 {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().take(8).fold(0, |hash, byte| hash << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;

    const LONGEST: usize = 600;

    fn document(statements: &[Vec<String>]) -> Document {
        let statement = |(at, resources): (usize, &Vec<String>)| json!({"Sid": format!("S{at}"), "Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": resources});
        Document::from_json(json!({
            "Version": "2012-10-17",
            "Statement": statements.iter().enumerate().map(statement).collect::<Vec<_>>(),
        }))
    }

    fn statements(part: &Part) -> Vec<Json> {
        part.document.json()["Statement"].as_array().unwrap().clone()
    }

    fn sids(parts: &[Part]) -> Vec<String> {
        parts.iter().flat_map(statements).map(|statement| statement["Sid"].as_str().unwrap().to_owned()).collect()
    }

    /// Which part grants what: by the statement as it was written and the resource.
    fn placed(parts: &[Part]) -> BTreeMap<(String, String), u64> {
        let mut placed = BTreeMap::new();
        for part in parts {
            for statement in statements(part) {
                // `S3` and, in pieces, `S32`: one digit is written in these tests.
                let sid = statement["Sid"].as_str().unwrap()[..2].to_owned();
                for resource in statement["Resource"].as_array().unwrap() {
                    let before = placed.insert((sid.clone(), resource.as_str().unwrap().to_owned()), part.number);
                    assert_eq!(before, None, "granted twice");
                }
            }
        }
        placed
    }

    fn resources() -> impl Strategy<Value = Vec<Vec<String>>> {
        let name = "arn:aws:s3:::[a-z]{3,30}";
        prop::collection::vec(prop::collection::btree_set(name, 1..25), 1..9)
            .prop_map(|all| all.into_iter().map(|set| set.into_iter().collect()).collect())
    }

    proptest! {
        #[test]
        fn parts_fit_and_are_the_whole(all in resources()) {
            let parts = split(&document(&all), LONGEST).unwrap();
            prop_assert_eq!(parts[0].number, 1);
            let numbers: BTreeSet<u64> = parts.iter().map(|part| part.number).collect();
            prop_assert_eq!(numbers.len(), parts.len());
            for part in &parts {
                prop_assert!(part.document.size() <= LONGEST);
                prop_assert!(!statements(part).is_empty());
            }
            let sids = sids(&parts);
            prop_assert_eq!(sids.iter().collect::<BTreeSet<_>>().len(), sids.len());
            let expected: BTreeSet<(String, String)> = all.iter().enumerate()
                .flat_map(|(at, resources)| resources.iter().map(move |one| (format!("S{at}"), one.clone()))).collect();
            prop_assert_eq!(placed(&parts).into_keys().collect::<BTreeSet<_>>(), expected);
        }

        /// One more resource, anywhere: nothing moves from one part that was there to another.
        #[test]
        fn one_more_moves_no_other(all in resources(), at in 0usize..9, front in any::<bool>(), name in "arn:aws:s3:::[A-Z]{3,30}") {
            let at = at % all.len();
            let mut more = all.clone();
            let position = if front { 0 } else { more[at].len() };
            more[at].insert(position, name);
            let (before, after) = (split(&document(&all), LONGEST).unwrap(), split(&document(&more), LONGEST).unwrap());
            // A statement that outgrows a document, or a piece of one, is divided: its own resources move.
            prop_assume!(sids(&before).iter().collect::<BTreeSet<_>>() == sids(&after).iter().collect::<BTreeSet<_>>());
            let existed: BTreeSet<u64> = before.iter().map(|part| part.number).collect();
            let placed_after = placed(&after);
            for (what, number) in placed(&before) {
                let now = placed_after[&what];
                prop_assert!(now == number || !existed.contains(&now), "{what:?} went from {number} to {now}");
            }
            let sid = format!("S{at}");
            for part in &after {
                let touched = |part: &Part| statements(part).iter().any(|one| one["Sid"].as_str().unwrap().starts_with(&sid));
                if let Some(was) = before.iter().find(|was| was.number == part.number)
                    && !touched(was) && !touched(part)
                {
                    prop_assert_eq!(part, was);
                }
            }
        }
    }

    #[test]
    fn what_fits_stays_as_it_is() {
        let one = Document::from_json(
            json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}),
        );
        assert_eq!(split(&one, LONGEST), Ok(vec![Part { number: 1, document: one }]));
    }

    #[test]
    fn a_statement_that_cannot_be_divided_is_named() {
        let actions: Vec<String> = (0..60).map(|i| format!("s3:Action{i}")).collect();
        let long = Document::from_json(json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"},
            {"Effect": "Allow", "Action": actions, "Resource": "*"},
        ]}));
        assert_eq!(split(&long, LONGEST).unwrap_err().statement, 1);
        let many = Document::from_json(json!({"Version": "2012-10-17", "Statement":
            {"Effect": "Allow", "Action": actions, "Resource": ["arn:aws:s3:::a", "arn:aws:s3:::b"]},
        }));
        assert_eq!(split(&many, LONGEST).unwrap_err().statement, 0);
    }

    #[test]
    fn a_piece_takes_no_sid_that_is_taken() {
        let buckets: Vec<String> = (0..30).map(|i| format!("arn:aws:s3:::bucket-{i}")).collect();
        let statement = |sid: &str, resources: Json| json!({"Sid": sid, "Effect": "Allow", "Action": "s3:GetObject", "Resource": resources});
        let document = Document::from_json(json!({"Version": "2012-10-17", "Statement": [
            statement("A", json!(buckets)), statement("A2", json!(["arn:aws:s3:::x"])),
        ]}));
        let sids = sids(&split(&document, LONGEST).unwrap());
        assert!(sids.contains(&"A2x".to_owned()), "{sids:?}");
        assert_eq!(sids.iter().collect::<BTreeSet<_>>().len(), sids.len());
    }
}
