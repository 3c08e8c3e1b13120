//! Patterns as the sets of texts that are of them: is one within another, have they a text in common?
//!
//! A pattern is a small automaton whose states are positions in it. All questions are one: is there a text
//! that is of each of these patterns and of none of those? It is looked for breadth first, so that what is
//! found is short. A variable is a letter of its own: the same variable has the same value on both sides,
//! and whatever it is, only a `*` or the variable itself takes it.

use std::collections::{BTreeSet, HashMap, VecDeque};

use super::{Pattern, Token};

/// More states than these, and the answer is that nobody knows.
const STATES: usize = 5_000;

/// The question has too many cases to answer it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge;

/// One letter of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Letter<'a> {
    /// Any character that no pattern names.
    Other,
    Char(char),
    Variable(&'a Token),
}

/// Returns a text that is of every pattern of `all` and of none of `none`, `None` when there is no such text.
///
/// With variables that are not resolved, `None` holds whatever their values are; a text may still not be
/// one for the values that they have.
pub fn sample(all: &[&Pattern], none: &[&Pattern]) -> Result<Option<String>, TooLarge> {
    let all = narrowest(all);
    // One pattern alone: what its variables stand for is the same in all that it is compared with. With
    // several, the value of one may be just what another says.
    let open = all.len() > 1;
    let opened: Vec<Vec<Token>> = all.iter().map(|pattern| tokens(pattern, open)).collect();
    let mut patterns: Vec<&[Token]> = opened.iter().map(Vec::as_slice).collect();
    patterns.extend(none.iter().map(|pattern| pattern.tokens.as_slice()));
    Search { patterns, wanted: all.len() }.run()
}

impl Pattern {
    /// Says whether every text of `other` is of this pattern: proven when it says yes.
    pub fn includes(&self, other: &Pattern) -> bool {
        if self.is_any() || self.tokens == other.tokens {
            return true;
        }
        let same = |(a, b): &(&Token, &Token)| a == b && !matches!(a, Token::Many | Token::Within);
        let shared = self.tokens.iter().zip(&other.tokens).take_while(same).count();
        match (&self.tokens[shared..], other.tokens.get(shared)) {
            ([Token::Many], _) => return true,
            // What comes next is fixed here, and something else there.
            ([Token::Char(_) | Token::Variable(_), ..], Some(_)) | ([], _) => return false,
            _ => {}
        }
        match other.to_literal() {
            Some(text) => self.matches(&text),
            None => sample(&[other], &[self]) == Ok(None),
        }
    }

    /// Says whether a text can be of both: proven when it says no.
    pub fn overlaps(&self, other: &Pattern) -> bool {
        if self.is_any() || other.is_any() {
            return true;
        }
        let fixed = |(a, b): &(&Token, &Token)| matches!((a, b), (Token::Char(_), Token::Char(_)));
        let pairs = self.tokens.iter().zip(&other.tokens);
        let mut same = 0;
        for (a, b) in pairs.take_while(fixed) {
            if a != b {
                return false;
            }
            same += 1;
        }
        // What comes next decides where one is fixed to its end, or takes everything from here on.
        match (&self.tokens[same..], &other.tokens[same..]) {
            ([Token::Many], _) | (_, [Token::Many]) | ([], []) => return true,
            ([], rest) | (rest, []) => {
                return rest.iter().all(|token| !matches!(token, Token::Char(_) | Token::One));
            }
            _ => {}
        }
        sample(&[self, other], &[]) != Ok(None)
    }
}

/// Says whether `text` is of a pattern, whatever wildcards it has.
pub(super) fn accepts(pattern: &Pattern, text: &str) -> bool {
    let tokens = &pattern.tokens;
    let mut states = closed(tokens, vec![0]);
    for c in text.chars() {
        states = step(tokens, &states, Letter::Char(c));
    }
    states.last() == Some(&tokens.len())
}

/// Leaves out what another of them is within.
fn narrowest<'a>(patterns: &[&'a Pattern]) -> Vec<&'a Pattern> {
    let mut kept: Vec<&Pattern> = Vec::new();
    for (i, pattern) in patterns.iter().enumerate() {
        let wider = |other: &Pattern| simply_includes(pattern, other);
        if kept.iter().any(|other| wider(other)) || patterns[i + 1..].iter().any(|other| wider(other)) {
            continue;
        }
        kept.push(pattern);
    }
    kept
}

/// Sees an inclusion where the wider pattern begins like the other and then takes all.
fn simply_includes(wide: &Pattern, narrow: &Pattern) -> bool {
    wide.tokens == narrow.tokens
        || wide
            .tokens
            .split_last()
            .is_some_and(|(last, begin)| *last == Token::Many && narrow.tokens.starts_with(begin))
}

fn tokens(pattern: &Pattern, open: bool) -> Vec<Token> {
    let opened = |token: &Token| match token {
        Token::Variable(_) if open => Token::Many,
        other => other.clone(),
    };
    pattern.tokens.iter().map(opened).collect()
}

/// Positions in one pattern, in order.
type Places = Vec<usize>;

/// Adds the places that are reached without a letter, and leaves out those before the last `*` that is
/// reached: whatever can follow them can follow it.
fn closed(tokens: &[Token], mut places: Places) -> Places {
    let mut at = 0;
    while at < places.len() {
        let place = places[at];
        if matches!(tokens.get(place), Some(Token::Many | Token::Within)) && !places.contains(&(place + 1)) {
            places.push(place + 1);
        }
        at += 1;
    }
    places.sort_unstable();
    places.dedup();
    if let Some(star) = places.iter().rposition(|place| tokens.get(*place) == Some(&Token::Many)) {
        places.drain(..star);
    }
    places
}

fn step(tokens: &[Token], places: &Places, letter: Letter) -> Places {
    let mut next = Vec::with_capacity(places.len() + 1);
    for &place in places {
        let Some(token) = tokens.get(place) else { continue };
        let to = match (token, letter) {
            (Token::Many, _) => place,
            (Token::Within, Letter::Char(c)) if c != ':' => place,
            (Token::Within, Letter::Other) => place,
            (Token::One, Letter::Char(_) | Letter::Other) => place + 1,
            (Token::Char(own), Letter::Char(c)) if *own == c => place + 1,
            (Token::Variable(_), Letter::Variable(variable)) if token == variable => place + 1,
            _ => continue,
        };
        next.push(to);
    }
    closed(tokens, next)
}

struct Search<'a> {
    /// The first `wanted` of them take the text, the others do not.
    patterns: Vec<&'a [Token]>,
    wanted: usize,
}

impl<'a> Search<'a> {
    fn run(&self) -> Result<Option<String>, TooLarge> {
        let begin: Vec<Places> = self.patterns.iter().map(|tokens| closed(tokens, vec![0])).collect();
        let mut met: HashMap<Vec<Places>, usize> = HashMap::from([(begin.clone(), 0)]);
        // Each state with the one that it came from and the letter in between.
        let mut trail: Vec<(usize, Option<Letter>)> = vec![(0, None)];
        let mut queue = VecDeque::from([(begin, 0)]);
        while let Some((state, index)) = queue.pop_front() {
            if self.accepts(&state) {
                return Ok(Some(self.spell(&trail, index)));
            }
            for letter in self.letters(&state) {
                let Some(next) = self.follow(&state, letter) else { continue };
                if met.contains_key(&next) {
                    continue;
                }
                if trail.len() == STATES {
                    return Err(TooLarge);
                }
                met.insert(next.clone(), trail.len());
                queue.push_back((next, trail.len()));
                trail.push((index, Some(letter)));
            }
        }
        Ok(None)
    }

    fn accepts(&self, state: &[Places]) -> bool {
        let ends = |i: usize| state[i].last() == Some(&self.patterns[i].len());
        (0..self.wanted).all(ends) && !(self.wanted..state.len()).any(ends)
    }

    /// Returns the letters that lead to different states: those that a pattern waits for, and one that none does.
    fn letters(&self, state: &[Places]) -> BTreeSet<Letter<'a>> {
        let mut letters = BTreeSet::from([Letter::Other]);
        for (places, tokens) in state.iter().zip(&self.patterns) {
            for &place in places {
                match tokens.get(place) {
                    Some(Token::Char(c)) => drop(letters.insert(Letter::Char(*c))),
                    Some(Token::Within) => drop(letters.insert(Letter::Char(':'))),
                    Some(token @ Token::Variable(_)) => drop(letters.insert(Letter::Variable(token))),
                    _ => {}
                }
            }
        }
        letters
    }

    /// Returns the next state, unless one of the wanted patterns has no way on.
    fn follow(&self, state: &[Places], letter: Letter) -> Option<Vec<Places>> {
        let mut next = Vec::with_capacity(state.len());
        for (i, (places, tokens)) in state.iter().zip(&self.patterns).enumerate() {
            let places = step(tokens, places, letter);
            if i < self.wanted && places.is_empty() {
                return None;
            }
            next.push(places);
        }
        Some(next)
    }

    fn spell(&self, trail: &[(usize, Option<Letter>)], mut index: usize) -> String {
        let mut letters = Vec::new();
        while let (from, Some(letter)) = trail[index] {
            letters.push(letter);
            index = from;
        }
        let other = self.unnamed();
        let spelled = letters.iter().rev().map(|letter| match letter {
            Letter::Char(c) => c.to_string(),
            Letter::Other => other.to_string(),
            Letter::Variable(Token::Variable(variable)) => format!("${{{}}}", variable.key),
            Letter::Variable(_) => String::new(),
        });
        spelled.collect()
    }

    /// Returns a character that no pattern names.
    fn unnamed(&self) -> char {
        let named = |c: char| self.patterns.iter().any(|tokens| tokens.contains(&Token::Char(c)));
        ('a'..='z').rev().chain('0'..='9').chain('A'..='Z').find(|c| !named(*c)).unwrap_or('~')
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::policy::pattern::Variables;

    fn text(pattern: &str) -> Pattern {
        Pattern::text(pattern, Variables::Read)
    }

    #[test]
    fn inclusion_is_proven() {
        for (wide, narrow) in [
            ("*", "a*"),
            ("a*", "ab*c"),
            ("a*c", "ab?c"),
            ("*b*", "a*b*c"),
            ("a/${v}/*", "a/${v}/b"),
            ("a/*", "a/${v}"),
            ("*?", "?*"),
            ("a", "a"),
        ] {
            assert!(text(wide).includes(&text(narrow)), "{wide} {narrow}");
        }
        for (wide, narrow) in [
            ("a*", "*"),
            ("ab", "a?"),
            ("a/?", "a/${v}"),
            ("a/${v}", "a/${w}"),
            ("a/${v}", "a/*"),
            ("?*", "*"),
            ("", "a"),
        ] {
            assert!(!text(wide).includes(&text(narrow)), "{wide} {narrow}");
        }
    }

    #[test]
    fn patterns_without_a_common_text_do_not_overlap() {
        for (a, b, expected) in [
            ("a*", "*b", true),
            ("a*", "b*", false),
            ("a?", "a", false),
            ("*a", "*b", false),
            ("x/${v}", "x/b", true),
            ("x/${v}", "y/b", false),
            ("x/${v}", "x/", true),
            ("x/", "x/?", false),
            ("s3:Get*", "s3:*Object", true),
        ] {
            assert_eq!((text(a).overlaps(&text(b)), text(b).overlaps(&text(a))), (expected, expected), "{a} {b}");
        }
    }

    #[test]
    fn a_union_may_cover_what_no_part_of_it_does() {
        let sampled = |all: &[&str], none: &[&str]| {
            let read = |texts: &[&str]| -> Vec<Pattern> { texts.iter().map(|t| text(t)).collect() };
            let (all, none) = (read(all), read(none));
            sample(&all.iter().collect::<Vec<_>>(), &none.iter().collect::<Vec<_>>())
        };
        assert_eq!(sampled(&["*"], &["", "?*"]), Ok(None));
        assert_eq!(sampled(&["a*"], &["a", "a?", "ab*"]), Ok(Some("azz".to_owned())));
        assert_eq!(sampled(&["*a*", "*b*"], &["*ab*"]), Ok(Some("ba".to_owned())));
        assert_eq!(sampled(&["x/${v}", "x/y"], &[]), Ok(Some("x/y".to_owned())));
    }

    #[test]
    fn a_question_with_too_many_cases_is_not_answered() {
        let many = ["*a??????????????", "*b???????????????", "*c????????????????"].map(text);
        assert_eq!(sample(&many.each_ref(), &[]), Err(TooLarge));
        assert!(many[0].overlaps(&many[1]), "nobody knows: it may");
    }

    /// Every text of up to four letters.
    fn texts() -> Vec<String> {
        let mut texts = vec![String::new()];
        for from in 0.. {
            if texts[from].len() == 4 {
                return texts;
            }
            for letter in ["a", "b", ":"] {
                texts.push(format!("{}{letter}", texts[from]));
            }
        }
        unreachable!()
    }

    proptest! {
        #[test]
        fn answers_agree_with_trying_every_short_text(a in "[ab:?*]{0,5}", b in "[ab:?*]{0,5}") {
            let (a, b) = (text(&a), text(&b));
            let texts = texts();
            let within = texts.iter().filter(|t| b.matches(t)).all(|t| a.matches(t));
            prop_assert!(within || !a.includes(&b));
            let common = texts.iter().any(|t| a.matches(t) && b.matches(t));
            prop_assert!(!common || a.overlaps(&b));
            if let Ok(Some(found)) = sample(&[&b], &[&a]) {
                prop_assert!(b.matches(&found) && !a.matches(&found), "{}", found);
                prop_assert!(!a.includes(&b));
            }
        }
    }
}
