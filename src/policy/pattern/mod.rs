//! Texts with wildcards: `*` is any text, `?` any one character, and `${aws:username}` what the request says.

mod arn;
mod language;

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::Chars;

pub use language::{TooLarge, sample};

/// A text with wildcards, as actions, resources and conditions have it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pattern {
    /// As it was written.
    text: String,
    tokens: Vec<Token>,
    /// The characters it begins with, before anything that varies: most texts differ there already.
    beginning: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Token {
    Char(char),
    /// `?`
    One,
    /// `*`
    Many,
    /// A `*` that stays between two colons.
    Within,
    Variable(Box<Variable>),
}

/// `${aws:username}`, or `${aws:PrincipalTag/team, 'none'}` with a default.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Variable {
    /// The key of the request's context, in lower case.
    pub key: String,
    pub default: Option<String>,
}

/// What `${…}` is in a text: "IAM policy elements: Variables and tags" allows it from version 2012-10-17 on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variables {
    Read,
    Literal,
}

impl Pattern {
    fn new(text: &str, tokens: Vec<Token>) -> Self {
        let fixed = |token: &Token| match token {
            Token::Char(c) => Some(*c),
            _ => None,
        };
        let beginning = tokens.iter().map_while(fixed).collect();
        Self { text: text.to_owned(), tokens, beginning }
    }

    /// Reads a text whose wildcards have no other rule than that they are wildcards.
    pub fn text(text: &str, variables: Variables) -> Self {
        Self::new(text, tokens(text, variables, &|_| Token::Many))
    }

    /// Reads an action: its letter case does not count, and it knows no variables.
    pub fn action(text: &str) -> Self {
        let tokens = tokens(&text.to_ascii_lowercase(), Variables::Literal, &|_| Token::Many);
        Self::new(text, tokens)
    }

    /// Reads a resource. "IAM JSON policy elements: Resource": a `*` goes beyond the colons of an ARN only where
    /// it ends its segment; the last segment is all the rest. "IAM identifiers": of an ARN that ends early, what
    /// is missing is `*`.
    pub fn resource(text: &str, variables: Variables) -> Self {
        let is_arn = text.starts_with("arn:");
        let (colons, last) = arn::last_part(text, variables);
        let missing = if is_arn && !text.ends_with('*') { arn::PARTS - 1 - colons } else { 0 };
        let whole = text.to_owned() + &":*".repeat(missing);
        let star = |at: usize| {
            let after = &whole[at + 1..];
            let ends_segment = after.is_empty() || after.starts_with(':') || after.starts_with('*');
            if is_arn && at < last && !ends_segment { Token::Within } else { Token::Many }
        };
        Self::new(text, tokens(&whole, variables, &star))
    }

    /// Reads a text in which `*` and `?` are those characters.
    pub fn without_wildcards(text: &str, variables: Variables) -> Self {
        let mut tokens = tokens(text, variables, &|_| Token::Char('*'));
        tokens.iter_mut().filter(|token| **token == Token::One).for_each(|token| *token = Token::Char('?'));
        Self::new(text, tokens)
    }

    /// Returns the pattern that only `text` is of.
    pub fn literal(text: &str) -> Self {
        Self::new(text, text.chars().map(Token::Char).collect())
    }

    /// Returns the same pattern, written in another way.
    pub(super) fn shown_as(self, text: &str) -> Self {
        Self { text: text.to_owned(), ..self }
    }

    /// Returns the pattern that every text is of.
    pub fn any() -> Self {
        Self::new("*", vec![Token::Many])
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub fn is_any(&self) -> bool {
        self.tokens == [Token::Many]
    }

    pub fn has_wildcards(&self) -> bool {
        self.tokens.iter().any(|token| matches!(token, Token::One | Token::Many | Token::Within))
    }

    pub fn variables(&self) -> impl Iterator<Item = &Variable> {
        self.tokens.iter().filter_map(|token| match token {
            Token::Variable(variable) => Some(&**variable),
            _ => None,
        })
    }

    /// Says whether `text` is of this pattern; a variable that is not resolved is of none. For an action
    /// `text` is in lower case. Takes time linear in both for one `*` and never more than their product.
    pub fn matches(&self, text: &str) -> bool {
        let Some(rest) = text.strip_prefix(self.beginning.as_str()) else { return false };
        match &self.tokens[self.beginning.chars().count()..] {
            [] => rest.is_empty(),
            varying if varying.contains(&Token::Within) => language::accepts(self, text),
            varying => fits(varying, rest),
        }
    }

    /// Puts the request's values in place of variables. Returns `None` when one has neither value nor default.
    /// What is put in stands for itself: a star in it is a star.
    pub fn resolve(&self, value: &dyn Fn(&str) -> Option<String>) -> Option<Pattern> {
        let mut tokens = Vec::with_capacity(self.tokens.len());
        for token in &self.tokens {
            match token {
                Token::Variable(variable) => {
                    let text = value(&variable.key).or_else(|| variable.default.clone())?;
                    tokens.extend(text.chars().map(Token::Char));
                }
                other => tokens.push(other.clone()),
            }
        }
        Some(Pattern::new(&self.text, tokens))
    }

    /// Returns a text of this pattern that few others have: each wildcard and variable stands for `~`.
    pub fn unlikely_text(&self) -> String {
        let char = |token: &Token| match token {
            Token::Char(c) => *c,
            Token::One | Token::Many | Token::Within | Token::Variable(_) => '~',
        };
        self.tokens.iter().map(char).collect()
    }

    /// Returns the text it stands for, unless it has wildcards or variables that are not resolved.
    pub fn to_literal(&self) -> Option<String> {
        let char = |token: &Token| match token {
            Token::Char(c) => Some(*c),
            _ => None,
        };
        self.tokens.iter().map(char).collect()
    }
}

/// The text tells nearly all patterns apart.
impl Hash for Pattern {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Says whether `text` is of `pattern`, whatever the letter case.
pub fn matches(pattern: &str, text: &str) -> bool {
    Pattern::action(pattern).matches(&text.to_ascii_lowercase())
}

/// Says whether `text` is of `pattern`.
pub fn matches_exactly(pattern: &str, text: &str) -> bool {
    Pattern::text(pattern, Variables::Literal).matches(text)
}

/// Says whether these tokens take all of a text; whatever they are, a star takes everything.
fn fits(tokens: &[Token], text: &str) -> bool {
    let (mut at, mut rest) = (0, text.chars());
    // Where to go on when a later part does not fit: after the last star, one character further.
    let mut star: Option<(usize, Chars)> = None;
    loop {
        let before = rest.clone();
        match (tokens.get(at), rest.next()) {
            (None, None) => return true,
            (Some(Token::Many | Token::Within), _) if at + 1 == tokens.len() => return true,
            (Some(Token::Many | Token::Within), _) => {
                rest = before.clone();
                star = Some((at + 1, before));
            }
            (Some(Token::Char(c)), Some(next)) if *c == next => {}
            (Some(Token::One), Some(_)) => {}
            _ => {
                let Some((after, from)) = &mut star else { return false };
                if from.next().is_none() {
                    return false;
                }
                (at, rest) = (*after, from.clone());
                continue;
            }
        }
        at += 1;
    }
}

/// Takes a text apart; `star` says what the `*` at an offset is.
fn tokens(text: &str, variables: Variables, star: &dyn Fn(usize) -> Token) -> Vec<Token> {
    let mut tokens = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        if variables == Variables::Read
            && let Some((token, length)) = variable(&text[at..])
        {
            tokens.push(token);
            at += length;
            continue;
        }
        tokens.push(match c {
            '*' => star(at),
            '?' => Token::One,
            c => Token::Char(c),
        });
        at += c.len_utf8();
    }
    tokens.dedup_by(|later, earlier| *later == Token::Many && *earlier == Token::Many);
    tokens
}

/// Reads `${…}` at the start of a text: the token and its length. `${*}`, `${?}` and `${$}` are those characters.
fn variable(text: &str) -> Option<(Token, usize)> {
    let inside = text.strip_prefix("${")?;
    let end = inside.find('}')?;
    let name = &inside[..end];
    let token = match name {
        "*" | "?" | "$" => Token::Char(name.chars().next()?),
        _ => {
            let (key, default) = match name.split_once(',') {
                Some((key, default)) => (key, Some(default.trim().trim_matches('\'').to_owned())),
                None => (name, None),
            };
            Token::Variable(Box::new(Variable { key: key.trim().to_ascii_lowercase(), default }))
        }
    };
    Some((token, "${".len() + end + "}".len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(text: &str) -> Pattern {
        Pattern::resource(text, Variables::Read)
    }

    #[test]
    fn wildcards_match_as_in_iam() {
        for (pattern, text) in [
            ("*", "s3:GetObject"),
            ("s3:*", "s3:GetObject"),
            ("s3:Get*", "S3:getobject"),
            ("s3:?etObject", "s3:GetObject"),
            ("*:*Obj*t", "s3:GetObject"),
            ("a*b*c", "aXbXbc"),
            ("a**", "a"),
            ("", ""),
        ] {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in
            [("s3:Get", "s3:GetObject"), ("s3:*x", "s3:GetObject"), ("?", ""), ("a*b", "ac"), ("", "a"), ("a?", "a")]
        {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn a_star_crosses_colons_at_the_end_of_its_segment() {
        for (pattern, text, expected) in [
            ("arn:aws:s3:::b/*", "arn:aws:s3:::b/x:y/z", true),
            ("arn:aws:s3:::b*z", "arn:aws:s3:::b/x:y/z", true),
            ("arn:aws:lambda:*:function:f", "arn:aws:lambda:eu-west-1:1:function:f", true),
            ("arn:aws:ec2:*-1:1:x", "arn:aws:ec2:eu-1:1:x", true),
            ("arn:aws:ec2:*-1:1:x", "arn:aws:ec2:eu:a-1:1:x", false),
            ("arn:aws:ec2:*e*-1:1:x", "arn:aws:ec2:eu-west-1:1:x", true),
            ("*-1:x", "a:b-1:x", true),
            ("arn:aws:sqs", "arn:aws:sqs:eu-west-1:1:q", true),
            ("arn:aws:sqs", "arn:aws:sqsx:eu-west-1:1:q", false),
            ("arn:aws:iam::1", "arn:aws:iam::1:role/a:b", true),
        ] {
            assert_eq!(resource(pattern).matches(text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn variables_take_what_the_request_says() {
        let ana = |key: &str| (key == "aws:username").then(|| "a*a".to_owned());
        let resolved = |text: &str| resource(text).resolve(&ana);
        let home = resolved("arn:aws:s3:::b/${aws:UserName}/*").unwrap();
        assert!(home.matches("arn:aws:s3:::b/a*a/x") && !home.matches("arn:aws:s3:::b/ana/x"));
        assert_eq!(resolved("${aws:PrincipalTag/team}"), None);
        let team = resolved("t/${aws:PrincipalTag/team, 'none'}").unwrap();
        assert_eq!(team.to_literal().as_deref(), Some("t/none"));
        assert!(resource("a${*}${?}${$}").matches("a*?$") && !resource("a${*}").matches("ab"));
        assert!(Pattern::resource("${a", Variables::Read).matches("${a"));
        assert!(Pattern::resource("${a}", Variables::Literal).matches("${a}"));
    }
}
