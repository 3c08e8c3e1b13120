//! What is shown while a plan is carried out: one line for each running step with its time on a
//! terminal, plain lines in a pipe, JSON lines for programs.

use std::collections::HashMap;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use serde_json::json;

use super::Output;
use crate::apply::Event;
use crate::plan::order::Part;
use crate::plan::{Change, Step};
use crate::render::theme::{self, paint};

/// A wait that is shorter than this is not worth a line.
const PATIENT: Duration = Duration::from_secs(3);

pub struct Progress<'a> {
    output: &'a Output,
    bars: Option<MultiProgress>,
    running: HashMap<(String, Part), ProgressBar>,
}

impl<'a> Progress<'a> {
    pub fn new(output: &'a Output) -> Self {
        Self { output, bars: output.is_live().then(MultiProgress::new), running: HashMap::new() }
    }

    pub fn show(&mut self, event: &mut Event) {
        if let Event::HandingOver { hand_over } = event {
            match &self.bars {
                Some(bars) => bars.suspend(hand_over),
                None => hand_over(),
            }
        } else if self.output.json {
            self.event(event);
        } else {
            self.line(event);
        }
    }

    /// Events are progress: one that cannot be printed does not stop the run.
    fn event(&self, event: &Event) {
        let json = match event {
            Event::Started { step, part } => {
                json!({"type": "apply_start", "address": step.address, "action": doing(step, *part).0})
            }
            Event::Finished { step, part, elapsed } => json!({
                "type": "apply_complete", "address": step.address, "action": doing(step, *part).0,
                "elapsed_seconds": elapsed.as_secs_f64(),
            }),
            Event::Settling { step, part, pause } => json!({
                "type": "settling", "address": step.address, "action": doing(step, *part).0,
                "seconds": pause.as_secs_f64(),
            }),
            Event::Failed { step, part, error, elapsed } => json!({
                "type": "apply_errored", "address": step.address, "action": doing(step, *part).0,
                "message": error.to_string(), "hints": error.hints, "elapsed_seconds": elapsed.as_secs_f64(),
            }),
            Event::Waiting { step, part, to_know, elapsed } => json!({
                "type": "apply_progress", "address": step.address, "action": doing(step, *part).0,
                "waiting_for": to_know, "elapsed_seconds": elapsed.as_secs_f64(),
            }),
            Event::Throttled => json!({"type": "throttled"}),
            Event::Interrupted { running } => json!({"type": "interrupted", "running": running}),
            Event::HandingOver { .. } => return,
        };
        let _ = self.output.event(&json);
    }

    fn line(&mut self, event: &Event) {
        match event {
            Event::Started { step, part } => self.start(step, *part),
            Event::Finished { step, part, elapsed } => {
                let (_, _, done) = doing(step, *part);
                self.end(
                    step,
                    *part,
                    format!("{}: {done} after {}", paint(theme::STRONG, &step.address), seconds(*elapsed)),
                );
            }
            Event::Settling { step, part, pause } => self.print(format!(
                "{}: settling {}s before {}",
                paint(theme::STRONG, &step.address),
                pause.as_secs_f64().ceil(),
                doing(step, *part).1
            )),
            Event::Failed { step, part, error, elapsed } => {
                let failed = paint(theme::DANGER, format!("failed after {}", seconds(*elapsed)));
                self.end(step, *part, format!("{}: {failed}: {error}", paint(theme::STRONG, &step.address)));
            }
            Event::HandingOver { .. } => {}
            Event::Waiting { step, part, to_know, elapsed } => self.wait(step, *part, to_know, *elapsed),
            Event::Throttled => self.print(format!(
                "{} the account; fewer calls are made at a time",
                paint(theme::WARNING, "IAM throttles")
            )),
            Event::Interrupted { running } => self.print(format!(
                "{} finishing what runs ({running}), then the state is written; once more to stop at once",
                paint(theme::WARNING, "Interrupted:")
            )),
        }
    }

    fn start(&mut self, step: &Step, part: Part) {
        let (_, doing, _) = doing(step, part);
        let text = format!("{}: {doing} ...", step.address);
        match &self.bars {
            Some(bars) => {
                let bar = bars.add(ProgressBar::new_spinner());
                if let Ok(style) = ProgressStyle::with_template("{wide_msg} [{elapsed}]") {
                    bar.set_style(style);
                }
                bar.set_message(text);
                bar.enable_steady_tick(Duration::from_millis(200));
                self.running.insert((step.address.to_string(), part), bar);
            }
            None => self.print(text),
        }
    }

    /// On a terminal the running line says it, beside its time; in a pipe each try after some seconds is a line.
    fn wait(&mut self, step: &Step, part: Part, to_know: &[String], elapsed: Duration) {
        let whom = match to_know {
            [] => "what is new".to_owned(),
            names => names.join(", "),
        };
        let text = format!("{}: waiting for IAM to know {whom}", step.address);
        match self.running.get(&(step.address.to_string(), part)) {
            Some(bar) => bar.set_message(text),
            None if elapsed >= PATIENT => self.print(format!("{text}, {} s", elapsed.as_secs())),
            None => {}
        }
    }

    fn end(&mut self, step: &Step, part: Part, text: String) {
        if let Some(bar) = self.running.remove(&(step.address.to_string(), part)) {
            bar.finish_and_clear();
        }
        self.print(text);
    }

    fn print(&self, text: String) {
        match &self.bars {
            // Above the running lines; what has no terminal any more is lost.
            Some(bars) => bars.suspend(|| drop(self.output.say(&format!("{text}\n")))),
            None => drop(self.output.say(&format!("{text}\n"))),
        }
    }
}

fn seconds(elapsed: Duration) -> String {
    match elapsed.as_secs() {
        0 => format!("{:.1}s", elapsed.as_secs_f64()),
        seconds if seconds < 60 => format!("{seconds}s"),
        seconds => format!("{}m{:02}s", seconds / 60, seconds % 60),
    }
}

/// The word for programs, what is going on, and what was done.
fn doing(step: &Step, part: Part) -> (&'static str, &'static str, &'static str) {
    match (&step.change, part) {
        (Change::Create { .. } | Change::Replace { .. }, Part::Make) => ("create", "creating", "created"),
        (Change::Create { .. } | Change::Replace { .. }, Part::Finish) => ("update", "finishing", "finished"),
        (Change::Update { .. } | Change::Import { .. }, Part::Early(_)) => {
            ("update", "updating at first", "updated at first")
        }
        (Change::Update { .. }, _) => ("update", "updating", "updated"),
        (Change::Import { .. }, _) => ("import", "importing", "imported"),
        (Change::Delete { .. } | Change::Replace { .. } | Change::Create { .. }, _) => {
            ("delete", "destroying", "destroyed")
        }
        (Change::Forget { .. }, _) => ("forget", "forgetting", "forgotten"),
    }
}
