//! Text in lines of a width. A word that is too long stays whole: an ARN is copied, not hyphenated. What the text says is
//! spelled (`spell`); colours are in what stands before it.

use super::spell::spelled;

/// Writes `items` after `head`, separated by commas, wrapped at `width` and aligned at `indent`.
pub fn list(head: &str, items: &[&str], indent: usize, width: usize) -> String {
    let last = items.len().saturating_sub(1);
    let items: Vec<String> = items
        .iter()
        .enumerate()
        .map(|(i, item)| if i < last { format!("{item},") } else { (*item).to_owned() })
        .collect();
    fill(head, items.iter().map(String::as_str), indent, width)
}

/// Writes the words of `text` after `head`, wrapped at `width` and aligned at `indent`.
pub fn words(head: &str, text: &str, indent: usize, width: usize) -> String {
    fill(head, text.split(' '), indent, width)
}

/// Writes what a hint says after `head`: the words wrapped, and a command, which stands after three blanks, whole, so
/// that it can be copied.
pub fn hint(head: &str, text: &str, indent: usize, width: usize) -> String {
    match text.split_once("   ") {
        Some((lead, command)) if indent + text.chars().count() > width => {
            words(head, lead, indent, width) + &format!("{}{}\n", " ".repeat(indent), spelled(command))
        }
        Some(_) => format!("{head}{}\n", spelled(text)),
        None => words(head, text, indent, width),
    }
}

/// `head` is as wide as `indent`; it may hold colours, so its length says nothing.
fn fill<'a>(head: &str, pieces: impl Iterator<Item = &'a str>, indent: usize, width: usize) -> String {
    let mut text = head.to_owned();
    let mut column = indent;
    for (number, piece) in pieces.enumerate() {
        let piece = spelled(piece);
        let length = piece.chars().count();
        // At the start of a line it would be the sign of something that comes or goes.
        let is_sign = matches!(&*piece, "+" | "-" | "~");
        if number > 0 && column + 1 + length > width && !is_sign {
            text += &format!("\n{}", " ".repeat(indent));
            column = indent;
        } else if number > 0 {
            text.push(' ');
            column += 1;
        }
        text += &piece;
        column += length;
    }
    text + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_wrap_where_they_must() {
        assert_eq!(list("x  ", &["aaaa", "bbbb", "cccc"], 3, 14), "x  aaaa, bbbb,\n   cccc\n");
        assert_eq!(list("x  ", &[], 3, 14), "x  \n");
        assert_eq!(words("", "a bbbbbbbbbbbb c", 2, 6), "a\n  bbbbbbbbbbbb\n  c\n");
        assert_eq!(words("", "aaaa - b", 0, 4), "aaaa -\nb\n");
        assert_eq!(words("  ", "a\n- b\u{1b}[2K", 2, 80), "  a\\n- b\\u001b[2K\n");
        assert_eq!(hint("h ", "to end it:   a b", 2, 20), "h to end it:   a b\n");
        assert_eq!(hint("h ", "to end it:   a b c", 2, 12), "h to end it:\n  a b c\n");
    }
}
