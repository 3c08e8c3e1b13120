//! What is printed, and where: results on stdout, everything else on stderr.

use std::io::{IsTerminal, Write};

use anstream::{AutoStream, ColorChoice};

use crate::cli::{Color, Global};
use crate::error::{Error, Result};
use crate::plan::brake::APPLY;
use crate::problem::{Problem, Sources};
use crate::render::document::Detail;
use crate::render::problem;
use crate::render::theme::{self, paint};
use crate::render::wrap;

/// Where and how a command prints.
#[derive(Clone, Debug)]
pub struct Output {
    pub json: bool,
    color: Color,
    verbose: bool,
    /// The options that any command to type next needs as well.
    again: String,
}

impl Output {
    pub fn new(global: &Global) -> Self {
        Self { json: global.json, color: global.color, verbose: global.verbose > 0, again: global.again() }
    }

    /// Returns the same with the options of another run in what is to type next.
    pub fn with_options(&self, global: &Global) -> Self {
        Self { again: global.again(), ..self.clone() }
    }

    /// Puts the options that this run was given into each command that a text says to type; by convention three
    /// blanks stand before it.
    fn to_type(&self, text: &str) -> String {
        const COMMAND: &str = "   seqera-iam ";
        let mut parts = text.split(COMMAND);
        let mut typed = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            typed += COMMAND;
            // What begins with an option was written with all that it needs.
            if part.starts_with(|c: char| c.is_ascii_lowercase()) && !self.again.is_empty() {
                typed += &self.again;
                typed += " ";
            }
            typed += part;
        }
        typed
    }

    fn choice(&self, stream: &impl anstream::stream::RawStream) -> ColorChoice {
        match self.color {
            Color::Auto => AutoStream::choice(stream),
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
        }
    }

    /// Prints a result for people.
    pub fn say(&self, text: &str) -> Result<()> {
        self.print(&self.to_type(text))
    }

    /// Prints a result as it is. A reader that has gone (`| head`) is no error.
    pub fn print(&self, text: &str) -> Result<()> {
        let stdout = std::io::stdout();
        let choice = self.choice(&stdout);
        written(AutoStream::new(stdout.lock(), choice), text)
    }

    /// Prints one JSON document.
    pub fn document(&self, json: &serde_json::Value) -> Result<()> {
        self.print(&format!("{json:#}\n"))
    }

    /// Prints one line of JSON.
    pub fn event(&self, json: &serde_json::Value) -> Result<()> {
        self.print(&format!("{json}\n"))
    }

    /// Prints what is no result: where we are, progress, problems. It may be lost.
    pub fn note(&self, text: &str) {
        let stderr = std::io::stderr();
        let choice = self.choice(&stderr);
        let _ = written(AutoStream::new(stderr.lock(), choice), &self.to_type(text));
    }

    /// Prints an error with its problems and hints.
    pub fn error(&self, error: &Error) {
        if let Some(problems) = &error.problems {
            self.problems(&problems.0, &problems.1);
            return;
        }
        // Whoever reads it from a pipe gets whole lines.
        let width = if std::io::stderr().is_terminal() { self.detail().width } else { usize::MAX };
        let mut text = wrap::words(&format!("{} ", paint(theme::DANGER, "error:")), &error.to_string(), 7, width);
        for note in &error.notes {
            text += &wrap::words("  ", note, 2, width);
        }
        for hint in &error.hints {
            text += &format!("  {} {hint}\n", paint(theme::HELP, "help:"));
        }
        self.note(&text);
    }

    /// Prints problems with their source lines.
    pub fn problems(&self, problems: &[Problem], sources: &Sources) {
        let color = self.choice(&std::io::stderr()) != ColorChoice::Never;
        self.note(&problem::render(problems, sources, color));
    }

    pub fn detail(&self) -> Detail<'_> {
        let width = terminal_width().unwrap_or(100);
        Detail { width: width.clamp(40, 120), verbose: self.verbose, apply: APPLY }
    }

    /// Returns how many columns a line for people may have; `None` where programs read lines.
    pub fn columns(&self) -> Option<usize> {
        std::io::stdout().is_terminal().then(|| self.detail().width)
    }

    /// Says whether progress may redraw lines.
    pub fn is_live(&self) -> bool {
        !self.json && std::io::stdout().is_terminal() && std::io::stderr().is_terminal()
    }
}

/// `COLUMNS` wins over what the terminal says, so that a pipe can be given a width.
fn terminal_width() -> Option<usize> {
    let given = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    given.or_else(|| terminal_size::terminal_size().map(|(width, _)| usize::from(width.0)))
}

fn written(mut stream: impl Write, text: &str) -> Result<()> {
    match stream.write_all(text.as_bytes()).and_then(|()| stream.flush()) {
        Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        Err(e) => Err(Error::failed("cannot print").caused_by(e)),
        Ok(()) => Ok(()),
    }
}
