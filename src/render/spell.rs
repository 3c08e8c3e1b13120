//! Values as text that stays in its place: what a policy or a description says cannot look like the plan around it.

use std::borrow::Cow;

/// Spells what would move the cursor, begin another line or turn the text around, as JSON does. What is shown is
/// what is written, and one line stays one line.
pub fn spelled(text: &str) -> Cow<'_, str> {
    if !text.contains(is_out_of_line) {
        return Cow::Borrowed(text);
    }
    let mut spelled = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\n' => spelled += "\\n",
            '\r' => spelled += "\\r",
            '\t' => spelled += "\\t",
            c if is_out_of_line(c) => spelled += &format!("\\u{:04x}", u32::from(c)),
            c => spelled.push(c),
        }
    }
    Cow::Owned(spelled)
}

/// Controls, separators of lines and paragraphs, and marks, embeddings, overrides and isolates of the direction.
fn is_out_of_line(c: char) -> bool {
    let turns = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c.is_control() || turns || matches!(c, '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leaves_the_line_is_spelled_and_nothing_else() {
        assert_eq!(spelled("a\u{1b}[2K\n\r\t\u{9b}b"), "a\\u001b[2K\\n\\r\\t\\u009bb");
        assert_eq!(spelled("\u{202e}x\u{2069}\u{2028}"), "\\u202ex\\u2069\\u2028");
        let plain = "arn:aws:s3:::acme/é ü 中 \\n";
        assert!(matches!(spelled(plain), Cow::Borrowed(text) if text == plain));
    }
}
