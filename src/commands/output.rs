//! What is printed, and where: results on stdout, everything else on stderr.

use std::io::{IsTerminal, Write};

use anstream::{AutoStream, ColorChoice};

use crate::cli::Color;
use crate::error::{Error, Result};
use crate::problem::{Problem, Sources};
use crate::render::document::Detail;
use crate::render::problem;
use crate::render::theme::{self, paint};

/// Where and how a command prints.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    pub json: bool,
    color: Color,
    verbose: bool,
}

impl Output {
    pub fn new(json: bool, color: Color, verbose: bool) -> Self {
        Self { json, color, verbose }
    }

    fn choice(&self, stream: &impl anstream::stream::RawStream) -> ColorChoice {
        match self.color {
            Color::Auto => AutoStream::choice(stream),
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
        }
    }

    /// Prints a result. A reader that has gone (`| head`) is no error.
    pub fn say(&self, text: &str) -> Result<()> {
        let stdout = std::io::stdout();
        let choice = self.choice(&stdout);
        written(AutoStream::new(stdout.lock(), choice), text)
    }

    /// Prints one JSON document.
    pub fn document(&self, json: &serde_json::Value) -> Result<()> {
        self.say(&format!("{json:#}\n"))
    }

    /// Prints one line of JSON.
    pub fn event(&self, json: &serde_json::Value) -> Result<()> {
        self.say(&format!("{json}\n"))
    }

    /// Prints what is no result: where we are, progress, problems. It may be lost.
    pub fn note(&self, text: &str) {
        let stderr = std::io::stderr();
        let choice = self.choice(&stderr);
        let _ = written(AutoStream::new(stderr.lock(), choice), text);
    }

    /// Prints an error with its problems and hints.
    pub fn error(&self, error: &Error) {
        if let Some(problems) = &error.problems {
            self.problems(&problems.0, &problems.1);
            return;
        }
        let mut text = format!("{} {error}\n", paint(theme::DANGER, "error:"));
        for note in &error.notes {
            text += &format!("  {note}\n");
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

    pub fn detail(&self) -> Detail {
        let width = terminal_width().unwrap_or(100);
        Detail { width: width.clamp(40, 120), verbose: self.verbose }
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
