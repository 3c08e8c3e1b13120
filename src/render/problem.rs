//! Draws problems the way rustc does: what, where, the source line with a caret, why, what to type.

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use anstream::adapter::strip_str;

use crate::problem::{Place, Problem, Severity, Sources};

/// Returns the problems as text, each followed by an empty line.
pub fn render(problems: &[Problem], sources: &Sources, color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let renderer = renderer.decor_style(DecorStyle::Ascii);
    let mut drawn = String::new();
    for problem in problems {
        let shown = renderer.render(&[group(problem, sources)]);
        // Without a place there is no line for the gutter to stand before.
        let is_gutter = |line: &str| strip_str(line).to_string().trim() == "|";
        match problem.place.is_some() || !problem.related.is_empty() {
            true => drawn.push_str(&shown),
            false => drawn.push_str(&shown.lines().filter(|line| !is_gutter(line)).collect::<Vec<_>>().join("\n")),
        }
        drawn.push_str("\n\n");
    }
    drawn
}

/// Returns the problem as programs read it.
pub fn to_json(problem: &Problem, sources: &Sources) -> serde_json::Value {
    let place = problem.place.map(|place| (&sources.get(place.file).name, sources.line_column(place)));
    let related = |(place, text): &(Place, String)| {
        let (line, column) = sources.line_column(*place);
        serde_json::json!({"message": text, "file": sources.get(place.file).name, "line": line, "column": column})
    };
    serde_json::json!({
        "code": problem.code,
        "message": problem.message,
        "file": place.map(|(file, _)| file),
        "line": place.map(|(_, (line, _))| line),
        "column": place.map(|(_, (_, column))| column),
        "suggestion": problem.helps.first(),
        "related": problem.related.iter().map(related).collect::<Vec<_>>(),
    })
}

fn group<'p>(problem: &'p Problem, sources: &'p Sources) -> Group<'p> {
    let level = match problem.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group = Group::with_title(level.primary_title(problem.message.as_str()));
    if let Some(place) = problem.place {
        group = group.element(snippet(place, None, sources));
    }
    for (place, text) in &problem.related {
        group = group.element(snippet(*place, Some(text), sources));
    }
    for note in &problem.notes {
        group = group.element(Level::NOTE.message(note.as_str()));
    }
    for help in &problem.helps {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    group
}

/// Shows the line that a place starts on. The rest of the file is left out, as looking for lines in all
/// of it for each of many problems would take long.
fn snippet<'p>(
    place: Place,
    label: Option<&'p str>,
    sources: &'p Sources,
) -> Snippet<'p, annotate_snippets::Annotation<'p>> {
    let source = sources.get(place.file);
    let text = source.text.as_str();
    let floor = |at: usize| (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let start = floor(place.start);
    let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
    let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
    let (line, _) = sources.line_column(place);
    let end = floor(place.end).clamp(start, line_end);
    let span = start - line_start..end - line_start;
    Snippet::source(&text[line_start..line_end]).line_start(line).path(source.name.as_str()).annotation(match label {
        None => AnnotationKind::Primary.span(span),
        Some(label) => AnnotationKind::Context.span(span).label(label),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(text: &str) -> Sources {
        let mut sources = Sources::default();
        sources.add("seqera.yaml", text);
        sources
    }

    fn place(start: usize, end: usize) -> Place {
        Place { file: 0, start, end }
    }

    #[test]
    fn a_problem_shows_line_caret_note_and_help() {
        let sources = sources("roles:\n  héad: {bondary: none}\n");
        let problem = Problem::error("unknown-key", "roles.héad has no key `bondary`")
            .at(place(17, 24))
            .note("first line")
            .help("did you mean `boundary`?");
        let drawn = render(&[problem], &sources, false);
        let expected = "error: roles.héad has no key `bondary`
 --> seqera.yaml:2:10
  |
2 |   héad: {bondary: none}
  |          ^^^^^^^
  |
  = note: first line
  = help: did you mean `boundary`?\n\n";
        assert_eq!(drawn, expected);
    }

    #[test]
    fn a_second_place_has_its_own_line() {
        let mut sources = sources("a: 1\nb: 2\n");
        let file = sources.add("ours.yaml", "x:\n  y: 1\n");
        let used = Place { file, start: 5, end: 6 };
        let problem = Problem::error("x", "wrong").at(used).related(place(5, 6), "used here").note("why");
        let expected = "error: wrong
 --> ours.yaml:2:3
  |
2 |   y: 1
  |   ^
  |
 ::: seqera.yaml:2:1
  |
2 | b: 2
  | - used here
  |
  = note: why\n\n";
        assert_eq!(render(&[problem], &sources, false), expected);
    }

    #[test]
    fn places_at_the_edges_are_drawn() {
        let text = "a: 1\r\nb: x";
        for (start, end) in [(0, 0), (4, 99), (5, 5), (9, 10), (10, 10), (99, 120)] {
            let drawn = render(&[Problem::error("x", "wrong").at(place(start, end))], &sources(text), false);
            assert!(drawn.contains("--> seqera.yaml:") && drawn.contains('^'), "{start}..{end}\n{drawn}");
        }
        assert!(render(&[Problem::error("x", "wrong").at(place(0, 0))], &sources(""), false).contains(":1:1"));
    }

    #[test]
    fn what_has_no_place_has_no_snippet_and_text_cannot_paint_the_terminal() {
        let drawn = render(&[Problem::warning("x", "a \u{1b}[31m b")], &sources(""), false);
        assert_eq!(drawn, "warning: a ␛[31m b\n\n");
        let helped = render(&[Problem::error("x", "wrong").note("why").help("so")], &sources(""), false);
        assert_eq!(helped, "error: wrong\n = note: why\n = help: so\n\n");
        assert!(render(&[Problem::error("x", "wrong")], &sources(""), true).contains("\u{1b}["));
    }

    #[test]
    fn programs_get_code_place_and_first_help() {
        let problem =
            Problem::error("unknown-key", "wrong").at(place(8, 9)).help("one").help("two").related(place(0, 1), "also");
        let json = to_json(&problem, &sources("a: 1\nbé: 2\n"));
        let expected = serde_json::json!({
            "code": "unknown-key", "message": "wrong", "file": "seqera.yaml", "line": 2, "column": 3,
            "suggestion": "one", "related": [{"message": "also", "file": "seqera.yaml", "line": 1, "column": 1}],
        });
        assert_eq!(json, expected);
        assert_eq!(to_json(&Problem::error("x", "wrong"), &sources(""))["line"], serde_json::Value::Null);
    }
}
