//! The only file that knows a colour.

use anstyle::{AnsiColor, Color, Style};

use crate::plan::Action;

const fn color(color: AnsiColor) -> Style {
    Style::new().fg_color(Some(Color::Ansi(color)))
}

pub const CREATE: Style = color(AnsiColor::Green);
pub const UPDATE: Style = color(AnsiColor::Yellow);
pub const DELETE: Style = color(AnsiColor::Red);
pub const IMPORT: Style = color(AnsiColor::Cyan);
pub const FORGET: Style = Style::new().dimmed();
pub const DANGER: Style = color(AnsiColor::Red).bold();
pub const WARNING: Style = color(AnsiColor::Yellow).bold();
pub const HELP: Style = color(AnsiColor::Cyan).bold();
pub const STRONG: Style = Style::new().bold();
pub const QUIET: Style = Style::new().dimmed();

/// Returns the style of an action's symbol and lines.
pub fn of(action: Action) -> Style {
    match action {
        Action::Create => CREATE,
        Action::Update => UPDATE,
        Action::Replace(_) => DELETE,
        Action::Delete => DELETE,
        Action::Import => IMPORT,
        Action::Forget => FORGET,
    }
}

/// Wraps `text` in a style.
pub fn paint(style: Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}
