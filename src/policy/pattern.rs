//! IAM's wildcards: `*` is any text, `?` any one character. Letter case does not count in actions.

/// Says whether `text` is of `pattern`, whatever the letter case.
pub fn matches(pattern: &str, text: &str) -> bool {
    matches_exactly(&pattern.to_lowercase(), &text.to_lowercase())
}

/// Says whether `text` is of `pattern`, in time linear in both for one `*` and never worse than their product.
pub fn matches_exactly(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    // Where to go on when a later part does not fit: after the last star, one character further.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p + 1, t));
                p += 1;
            }
            Some(&c) if c == '?' || c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((after, from)) => {
                    star = Some((after, from + 1));
                    (p, t) = (after, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&c| c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_match_as_in_iam() {
        for (pattern, text) in [
            ("*", "s3:GetObject"),
            ("s3:*", "s3:GetObject"),
            ("s3:Get*", "S3:getobject"),
            ("s3:?etObject", "s3:GetObject"),
            ("*:*Obj*t", "s3:GetObject"),
            ("a*b*c", "aXbXbc"),
            ("", ""),
        ] {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in
            [("s3:Get", "s3:GetObject"), ("s3:*x", "s3:GetObject"), ("?", ""), ("a*b", "ac"), ("", "a")]
        {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }
}
