//! ARNs in conditions: six parts between colons, the last of which is all the rest.

use super::{Pattern, Token, Variables, fits, tokens, variable};

/// The parts of an ARN.
pub(super) const PARTS: usize = 6;

impl Pattern {
    /// Reads a value of `ArnLike` or `ArnEquals`, in which no wildcard goes beyond a colon.
    pub fn arn(text: &str, variables: Variables) -> Self {
        let (_, last) = last_part(text, variables);
        let star = |at: usize| if at < last { Token::Within } else { Token::Many };
        Self::new(text, tokens(text, variables, &star))
    }

    /// Says whether `text` is an ARN each part of which is of the same part of this pattern: "IAM JSON policy
    /// elements: Condition operators". What a variable stands for is put in first, colons and all.
    pub fn matches_arn(&self, text: &str) -> bool {
        let wanted: Vec<&[Token]> = self.tokens.splitn(PARTS, |token| *token == Token::Char(':')).collect();
        let said: Vec<&str> = text.splitn(PARTS, ':').collect();
        let each = || wanted.iter().zip(&said).all(|(wanted, said)| fits(wanted, said));
        wanted.len() == PARTS && said.len() == PARTS && each()
    }
}

/// Returns how many of its first five colons a text has, and where the last part begins: at the fifth, or at
/// the end. Those in variables do not count.
pub(super) fn last_part(text: &str, variables: Variables) -> (usize, usize) {
    let (mut count, mut at) = (0, 0);
    while let Some(found) = text[at..].find([':', '$']) {
        at += found;
        if text[at..].starts_with(':') {
            count += 1;
            if count == PARTS - 1 {
                return (count, at);
            }
        }
        let length = match variables {
            Variables::Read => variable(&text[at..]).map(|(_, length)| length),
            Variables::Literal => None,
        };
        at += length.unwrap_or(1);
    }
    (count, text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_is_compared_by_itself() {
        let topic = "arn:aws:sns:us-east-1:111122223333:a:b";
        for (pattern, expected) in [
            ("arn:aws:sns:us-east-1:111122223333:a:b", true),
            ("arn:*:*:*:*:*", true),
            ("arn:aws:s?s:us-*-?:*:a*", true),
            ("arn:aws:sns:*:a:b", false),
            ("arn:aws:*", false),
            ("*", false),
            ("arn:aws?sns:us-east-1:111122223333:a:b:c", false),
            ("arn:aws:sns:us-east-1:${account}:*", false),
        ] {
            assert_eq!(Pattern::arn(pattern, Variables::Read).matches_arn(topic), expected, "{pattern}");
        }
        assert!(!Pattern::arn("*:*:*:*:*:*", Variables::Read).matches_arn("no:arn"));
    }

    #[test]
    fn a_variable_may_stand_for_several_parts() {
        let whole = Pattern::arn("${arn}", Variables::Read);
        let resolved = whole.resolve(&|_| Some("arn:aws:iam::1:role/a".to_owned())).unwrap();
        assert!(resolved.matches_arn("arn:aws:iam::1:role/a") && !resolved.matches_arn("arn:aws:iam::1:role/b"));
    }

    #[test]
    fn the_colons_of_variables_do_not_count() {
        let text = "arn:${aws:x}:$:::last:";
        assert_eq!(last_part(text, Variables::Read), (5, text.find(":last").unwrap()));
        assert_eq!(last_part(text, Variables::Literal), (5, text.find("::last").unwrap()));
        assert_eq!(last_part("a:b", Variables::Read), (1, 3));
    }
}
