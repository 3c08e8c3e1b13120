//! A plan as a comment on a pull request: summary and dangers first, each step collapsed.

use anstream::adapter::strip_str;

use super::document::Detail;
use super::spell::spelled;
use super::{human, permissions};
use crate::plan::brake::APPLY;
use crate::plan::{Plan, Step};
use crate::problem::{Place, Problem, Sources};

/// What a comment on GitHub holds.
const LONGEST: usize = 65_536;

/// What is left for the end of one part and the head of the next.
const RESERVE: usize = 256;

/// Returns the plan in parts that each fit a comment; the first one has the summary and the warnings of the manifest,
/// which a reviewer sees nowhere else.
pub fn plan(plan: &Plan, warnings: &[Problem], sources: &Sources) -> Vec<String> {
    let mut parts = vec![head(plan, warnings, sources)];
    for section in sections(plan) {
        for piece in pieces(&section) {
            let last = parts.last_mut().filter(|last| last.len() + piece.len() < LONGEST);
            match last {
                Some(last) => *last += &piece,
                None => parts.push(format!("_Plan of `{}`, continued_\n\n{piece}", plan.deployment)),
            }
        }
    }
    parts
}

fn head(plan: &Plan, warnings: &[Problem], sources: &Sources) -> String {
    let mut text = format!("### seqera-iam: `{}` in account {}\n\n", plan.deployment, plan.account.id);
    text += &format!("**{}**\n", strip(&human::summary(plan)).trim());
    let lines = human::notes(plan, Detail { width: usize::MAX, verbose: false, apply: APPLY });
    let lines = lines.lines().map(strip).filter(|line| !line.trim().is_empty());
    let lines: Vec<String> = lines.chain(warnings.iter().map(|problem| warning(problem, sources))).collect();
    if !lines.is_empty() {
        text += "\n";
        for (number, line) in lines.iter().enumerate() {
            if text.len() + line.len() * 2 > LONGEST - RESERVE {
                text += &format!("- and {} more\n", lines.len() - number);
                break;
            }
            text += &format!("- {}\n", escaped(line));
        }
    }
    text + "\n"
}

fn warning(problem: &Problem, sources: &Sources) -> String {
    let at = |place: Place| format!(" ({}:{})", sources.get(place.file).name, sources.line_column(place).0);
    format!("warning: {}{}", spelled(&problem.message), problem.place.map(at).unwrap_or_default())
}

/// One collapsed section for what changes for owners, and one for each group of steps that change alike.
fn sections(plan: &Plan) -> Vec<Section> {
    let detail = Detail { width: 100, verbose: false, apply: APPLY };
    let section = |(steps, body): (Vec<&Step>, String)| {
        let first =
            steps.first().map_or_else(String::new, |step| format!("{} {}", step.action().symbol(), step.address));
        let others = if steps.len() > 1 { format!(" and {} others", steps.len() - 1) } else { String::new() };
        let titles = steps.iter().map(|step| strip(&human::title(step, usize::MAX))).collect::<String>();
        Section { summary: format!("{first}{others}"), body: titles + &strip(&body) }
    };
    let owners = strip(&permissions::of_owners(&plan.permissions, &plan.steps, detail));
    let owners = owners.split_once('\n').map(|(title, body)| Section {
        summary: title.trim_end_matches(':').to_owned(),
        body: body.trim_end().to_owned(),
    });
    owners.into_iter().chain(human::folded(plan, detail).into_iter().map(section)).collect()
}

struct Section {
    summary: String,
    body: String,
}

/// A section that is too long for one comment goes on in the next; the fence is closed and opened again.
fn pieces(section: &Section) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut body = String::new();
    for line in section.body.lines() {
        if body.len() + line.len() + section.summary.len() + RESERVE > LONGEST - RESERVE {
            pieces.push(piece(&section.summary, &body));
            body.clear();
        }
        body += line;
        body.push('\n');
    }
    pieces.push(piece(&section.summary, &body));
    pieces
}

fn piece(summary: &str, body: &str) -> String {
    let summary = summary.replace('&', "&amp;").replace('<', "&lt;");
    // A fence longer than any run of backticks inside.
    let fence = "`".repeat(body.split(|c| c != '`').map(str::len).max().unwrap_or(0).max(2) + 1);
    format!(
        "<details><summary><code>{summary}</code></summary>\n\n{fence}diff\n{}{fence}\n\n</details>\n\n",
        diff(body)
    )
}

/// Moves `+` and `-` to the start of the line, where GitHub colours them. What stands below a line that
/// comes or goes, comes or goes with it.
fn diff(body: &str) -> String {
    let mut text = String::new();
    let mut whole: Option<(usize, &str)> = None;
    for line in body.lines() {
        let trimmed = line.trim_start();
        let indent = line.len() - trimmed.len();
        whole = whole.filter(|(above, _)| indent > *above);
        let (sign, rest) = match trimmed.split_at_checked(2) {
            Some(("+ ", rest)) => ("+", rest),
            Some(("- ", rest)) => ("-", rest),
            Some(("~ ", rest)) => ("!", rest),
            _ => (whole.map_or(" ", |(_, sign)| sign), trimmed),
        };
        if whole.is_none() && matches!(sign, "+" | "-") {
            whole = Some((indent, sign));
        }
        let pad = if rest.len() < trimmed.len() { indent + 1 } else { indent };
        text += &format!("{sign}{}{rest}\n", " ".repeat(pad));
    }
    text
}

/// What stands between backticks is code, which Markdown leaves as it is.
fn escaped(text: &str) -> String {
    let escaped = |text: &str| text.replace('<', "&lt;").replace('*', "\\*").replace('_', "\\_");
    let parts: Vec<&str> = text.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return escaped(text);
    }
    let part = |(number, part): (usize, &&str)| if number % 2 == 1 { (*part).to_owned() } else { escaped(part) };
    parts.iter().enumerate().map(part).collect::<Vec<_>>().join("`")
}

fn strip(text: &str) -> String {
    strip_str(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_section_is_cut_between_lines_and_fenced_again() {
        let line = "+ aws:action\n";
        let section = Section { summary: "x".to_owned(), body: line.repeat(3 * LONGEST / line.len()) };
        let pieces = pieces(&section);
        assert!(pieces.len() >= 3);
        for piece in &pieces {
            assert!(piece.len() < LONGEST, "{}", piece.len());
            assert_eq!(piece.matches("```").count(), 2);
            assert!(piece.ends_with("</details>\n\n"));
        }
        let lines: usize = pieces.iter().map(|piece| piece.matches("aws:action").count()).sum();
        assert_eq!(lines, 3 * LONGEST / line.len());
    }

    #[test]
    fn signs_stand_where_they_are_coloured() {
        assert_eq!(diff("  + a\n    ~ b\n  c\n"), "+   a\n!     b\n   c\n");
        assert_eq!(diff("  ~ a\n    + b\n      c\n    d\n"), "!   a\n+     b\n+      c\n     d\n");
    }

    #[test]
    fn what_is_code_is_not_escaped() {
        assert_eq!(escaped("`s3:*` on * and a_b"), "`s3:*` on \\* and a\\_b");
        assert_eq!(escaped("`s3:* <b>"), "`s3:\\* &lt;b>");
    }

    #[test]
    fn backticks_in_a_policy_do_not_end_the_fence() {
        assert!(piece("x", "a ``` b\n").contains("````diff\n"));
    }
}
