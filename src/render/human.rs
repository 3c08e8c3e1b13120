//! A plan for people: Terraform's conventions, policies by meaning, dangers last.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;

use similar::{ChangeTag, TextDiff};

use super::document::{self, Detail};
use super::spell::spelled;
use super::theme::{self, paint};
use super::{permissions, wrap};
use crate::kinds;
use crate::model::schema::Field;
use crate::model::{Attributes, Tags, Value};
use crate::plan::{
    self, Action, Affected, Brake, Change, DEPLOYMENT_TAG, Drift, Kept, LINEAGE_TAG, Plan, Size, Step, Summary,
    unsigned,
};

/// Draws the whole plan.
pub fn plan(plan: &Plan, detail: Detail) -> String {
    let mut text = String::new();
    if !plan.is_empty() {
        text += &format!("{}\n\n", legend(plan));
        for (steps, body) in folded(plan, detail) {
            text += &titles(&steps, detail.width);
            text += &body;
            text.push('\n');
        }
    }
    text += &permissions::of_owners(&plan.permissions, &plan.steps, detail);
    text += &notes(plan, detail);
    text += &summary(plan);
    text
}

/// Draws one step that is no part of a plan.
pub fn step(step: &Step, detail: Detail) -> String {
    title(step, detail.width) + &body(step, detail)
}

/// Draws what changes for owners by steps that are drawn above it.
pub fn owners(affected: &[Affected], steps: &[Step], detail: Detail) -> String {
    permissions::of_owners(affected, steps, detail)
}

/// Draws what changed outside; `unread` objects nobody knows anything of.
pub fn drift(plan: &Plan, unread: usize, detail: Detail) -> String {
    let mut text = String::new();
    for drift in &plan.drift {
        let Some(step) = &drift.step else { continue };
        text += &drifted(drift, step, detail.width);
        text += &match step.action() {
            Action::Delete => dangers(step, detail.width),
            _ => fields(step, detail) + &permissions::of_step(step, BODY.len(), detail) + &dangers(step, detail.width),
        };
        if let Some(kept) = &drift.kept {
            let head = format!("{BODY}{} ", paint(theme::WARNING, "kept:"));
            text += &wrap::words(&head, kept.because, BODY.len() + 6, detail.width);
            text += &help(kept, BODY.len(), detail.width);
        }
        text.push('\n');
    }
    text += &plan.kept.iter().map(|kept| self::kept(kept, detail.width)).collect::<String>();
    if !plan.kept.is_empty() {
        text.push('\n');
    }
    text + &drift_summary(&plan.drift, unread)
}

/// What stays beside the manifest, and what ends it.
fn kept(kept: &Kept, width: usize) -> String {
    let says_itself = kept.address.segments().last().is_some_and(|last| *last == kept.what);
    let what = if says_itself { String::new() } else { format!(": {}", kept.what) };
    let text = format!("{}{what} ({})", kept.address, kept.because);
    wrap::words(&format!("{} ", paint(theme::WARNING, "kept:")), &text, 6, width) + &help(kept, 2, width)
}

fn help(kept: &Kept, indent: usize, width: usize) -> String {
    let head = format!("{}{} ", " ".repeat(indent), paint(theme::HELP, "help:"));
    kept.help.iter().map(|help| wrap::hint(&head, help, indent + 6, width)).collect()
}

fn drifted(drift: &Drift, step: &Step, width: usize) -> String {
    let (style, symbol) = (theme::of(step.action()), step.action().symbol());
    let since = drift.since.as_ref().map(|since| format!(", since {since}")).unwrap_or_default();
    let head = format!("  {} {} ", paint(style, symbol), paint(theme::STRONG, &drift.address));
    let column = 5 + drift.address.to_string().chars().count();
    let remark = format!("({}{since})", drift.text);
    if column + remark.chars().count() <= width {
        return format!("{head}{}\n", paint(theme::QUIET, remark));
    }
    format!("{}\n{}", head.trim_end(), wrap::words(BODY, &remark, BODY.len(), width))
}

fn drift_summary(drift: &[Drift], unread: usize) -> String {
    let (count, stays) = (drift.len(), drift.iter().filter(|drift| drift.kept.is_some()).count());
    let mut text = match count {
        0 if unread > 0 => format!("{}\n", paint(theme::STRONG, "No drift was found.")),
        0 => format!("{}\n", paint(theme::STRONG, "No drift. AWS holds what was last applied.")),
        1 => format!("{} 1 object changed outside.\n", paint(theme::STRONG, "Drift:")),
        count => format!("{} {count} objects changed outside.\n", paint(theme::STRONG, "Drift:")),
    };
    if unread > 0 {
        let it = if unread == 1 { "1 object was" } else { &format!("{unread} objects were") };
        text += &format!("That is of what could be read: {it} not.\n");
    }
    if count > stays {
        text += "To undo it:   seqera-iam apply      To keep it, write it into the manifest first.\n";
    }
    if stays > 0 {
        text += "What is kept no apply takes away: see what its help says.\n";
    }
    text
}

/// The symbols that occur and what they mean.
fn legend(plan: &Plan) -> String {
    let actions: BTreeSet<(&str, &str)> = plan
        .steps
        .iter()
        .map(|step| {
            let meaning = match step.action() {
                Action::Create => "create",
                Action::Update => "update in place",
                Action::Replace(crate::plan::First::Create) => "create, then destroy",
                Action::Replace(crate::plan::First::Delete) => "destroy, then create",
                Action::Delete => "destroy",
                Action::Import => "import",
                Action::Forget => "forget",
            };
            (step.action().symbol(), meaning)
        })
        .collect();
    let style = |symbol: &str| {
        let step = plan.steps.iter().find(|step| step.action().symbol() == symbol);
        step.map_or(theme::STRONG, |step| theme::of(step.action()))
    };
    let words: Vec<String> =
        actions.into_iter().map(|(symbol, meaning)| format!("{} {meaning}", paint(style(symbol), symbol))).collect();
    words.join("   ")
}

/// Steps with what changes in each; those that change in the same way stand together.
pub(super) fn folded<'p>(plan: &'p Plan, detail: Detail) -> Vec<(Vec<&'p Step>, String)> {
    let mut groups: Vec<(Vec<&Step>, String)> = Vec::new();
    let mut alike: HashMap<(Action, String), usize> = HashMap::new();
    for step in &plan.steps {
        let body = body(step, detail);
        let (action, foldable) = (step.action(), body.lines().count() > 1);
        match alike.get(&(action, body.clone())).filter(|_| foldable) {
            Some(&group) => groups[group].0.push(step),
            None => {
                if foldable {
                    alike.insert((action, body.clone()), groups.len());
                }
                groups.push((vec![step], body));
            }
        }
    }
    groups
}

fn titles(steps: &[&Step], width: usize) -> String {
    steps.iter().map(|step| title(step, width)).collect()
}

pub(super) fn title(step: &Step, width: usize) -> String {
    let action = step.action();
    let symbol = action.symbol();
    // Symbols of up to three characters end in the same column.
    let pad = " ".repeat(3 - symbol.len());
    let mut text = format!(
        "{pad}{} {}",
        paint(theme::of(action), symbol),
        paint(theme::STRONG, spelled(&step.address.to_string()))
    );
    let mut column = 4 + step.address.to_string().chars().count();
    for remark in remarks(step) {
        let length = remark.chars().count() + 3;
        if column + length > width {
            text += "\n    ";
            column = 4;
        }
        column += length;
        let _ = write!(text, " {}", paint(theme::QUIET, format!("({})", spelled(&remark))));
    }
    text + "\n"
}

fn remarks(step: &Step) -> Vec<String> {
    let mut remarks: Vec<String> = Vec::new();
    if let Some(id) = step.id()
        && step.address.segments().last().is_some_and(|key| *key != short(&id.name))
        && kinds::spec(&id.kind)
            .map(|spec| spec.schema())
            .is_some_and(|it| it.section.is_some() && it.field("name").is_some())
    {
        remarks.push(format!("named {}", short(&id.name)));
    }
    if let Change::Replace { because, .. } = &step.change {
        remarks.push(because.clone());
    }
    remarks.extend(outside(step).map(str::to_owned));
    remarks
}

fn short(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// Says what happened outside that this step repairs.
fn outside(step: &Step) -> Option<&'static str> {
    if !step.drift {
        return None;
    }
    Some(match step.action() {
        Action::Create => "deleted outside",
        Action::Delete => "added outside, not in the manifest",
        Action::Update | Action::Replace(_) | Action::Import | Action::Forget => "changed outside",
    })
}

fn body(step: &Step, detail: Detail) -> String {
    let mut text = match &step.change {
        // What goes with its owner needs no reading; what somebody added does.
        Change::Delete { .. } if !step.drift && !detail.verbose => String::new(),
        Change::Forget { after: None, .. } => format!("{BODY}AWS does not hold it any more\n"),
        Change::Forget { after: Some(_), .. } => format!("{BODY}stays in AWS, without our tags\n"),
        _ => fields(step, detail),
    };
    text += &permissions::of_step(step, BODY.len(), detail);
    text += &steadily(step, detail.width);
    let note = |note: &String| {
        wrap::words(&format!("{BODY}{} ", paint(theme::QUIET, "note:")), note, BODY.len() + 6, detail.width)
    };
    text += &step.notes.iter().map(note).collect::<String>();
    text + &dangers(step, detail.width)
}

fn dangers(step: &Step, width: usize) -> String {
    let head = format!("{BODY}{} ", paint(theme::DANGER, "danger:"));
    step.dangers.iter().map(|danger| wrap::words(&head, danger, BODY.len() + 8, width)).collect()
}

/// How it is done so that nobody lacks anything meanwhile.
fn steadily(step: &Step, width: usize) -> String {
    if step.interim.is_empty() {
        return String::new();
    }
    let after: Vec<String> = step.finishes_after.iter().map(ToString::to_string).collect();
    let writes = step.interim.len() + 1;
    let what = match after.is_empty() {
        true => format!("in {writes} writes, what restricts first"),
        false => format!("in {writes} writes, the last after {}", after.join(", ")),
    };
    wrap::words(&format!("{BODY}{} ", paint(theme::QUIET, "steady:")), &what, BODY.len() + 8, width)
}

fn fields(step: &Step, detail: Detail) -> String {
    let empty = Attributes::new();
    let fields = step.id().and_then(|id| kinds::spec(&id.kind)).map_or(&[][..], |spec| spec.schema().fields);
    let (before, after) = (step.change.before().unwrap_or(&empty), step.change.after().unwrap_or(&empty));
    let shown = fields.iter().filter(|field| !said_by_address(field, step));
    let draw = |before: &Attributes, after: &Attributes| -> String {
        shown.map(|field| self::field(field.name, before.get(field.name), after.get(field.name), detail)).collect()
    };
    match &step.change {
        Change::Import { .. } => draw(&unsigned(before), &unsigned(after)) + &signature(before, after),
        _ => draw(before, after),
    }
}

/// Our tags on what is taken over: all that is written to what is as the manifest says.
fn signature(before: &Attributes, after: &Attributes) -> String {
    let deployment = |it: &Attributes| it.get("tags").and_then(Value::tags)?.get(DEPLOYMENT_TAG).cloned();
    match deployment(after) {
        Some(ours) if deployment(before).as_ref() != Some(&ours) => {
            format!("{BODY}{} {:<LABEL$}  {DEPLOYMENT_TAG}={ours}\n", paint(theme::CREATE, "+"), "our tags")
        }
        _ => String::new(),
    }
}

/// What the address says already: names, and the owner that something hangs on.
fn said_by_address(field: &Field, step: &Step) -> bool {
    let replaced = matches!(step.change, Change::Replace { .. });
    !replaced
        && matches!(
            field.name,
            "name" | "service" | "delivered" | "role" | "user" | "group" | "policy_arn" | "instance_profile"
        )
}

/// Before every line of a step's body.
const BODY: &str = "      ";
const LABEL: usize = 11;

fn field(name: &str, before: Option<&Value>, after: Option<&Value>, detail: Detail) -> String {
    if before == after {
        return String::new();
    }
    let (style, symbol) = match (before, after) {
        (None, _) => (theme::CREATE, "+"),
        (_, None) => (theme::DELETE, "-"),
        _ => (theme::UPDATE, "~"),
    };
    // The root path is what everybody expects.
    if (before, name) == (None, "path") && after.and_then(Value::text) == Some("/") {
        return String::new();
    }
    let head = format!("{BODY}{} {name:<LABEL$}", paint(style, symbol));
    let document = |value: Option<&Value>| value.and_then(Value::document).cloned();
    let tags = |value: Option<&Value>| value.and_then(Value::tags).cloned().unwrap_or_default();
    fn text(value: Option<&Value>) -> &str {
        value.and_then(Value::text).unwrap_or_default()
    }
    match (before, after) {
        (Some(Value::Document(_)), _) | (_, Some(Value::Document(_))) => {
            let change = document::change(document(before).as_ref(), document(after).as_ref(), BODY.len() + 4, detail);
            format!("{}\n{change}", head.trim_end())
        }
        (Some(Value::Tags(_)), _) | (_, Some(Value::Tags(_))) => {
            let (before, after) = (tags(before), tags(after));
            if before.is_empty() || after.is_empty() {
                tag_list(&head, if after.is_empty() { &before } else { &after }, detail)
            } else {
                format!("{}\n{}", head.trim_end(), tag_lines(&before, &after))
            }
        }
        (Some(Value::Texts(before)), Some(Value::Texts(after))) => {
            format!("{}\n{}", head.trim_end(), text_lines(before, after))
        }
        _ if [before, after].iter().any(|value| text(*value).trim_end().contains('\n')) => {
            format!("{}\n{}", head.trim_end(), several(text(before), text(after)))
        }
        (Some(before), Some(after)) => {
            let text = format!("{} -> {}", scalar(name, before), scalar(name, after));
            wrap::words(&format!("{head}  "), &text, BODY.len() + LABEL + 4, detail.width)
        }
        (None, Some(value)) | (Some(value), None) => {
            wrap::words(&format!("{head}  "), &scalar(name, value), BODY.len() + LABEL + 4, detail.width)
        }
        (None, None) => String::new(),
    }
}

/// All tags of an object that comes or goes. Ours are on everything, so they are not worth a line.
fn tag_list(head: &str, tags: &Tags, detail: Detail) -> String {
    let own = |key: &str| key == DEPLOYMENT_TAG || key == LINEAGE_TAG;
    let shown = tags.iter().filter(|(key, _)| detail.verbose || !own(key));
    let shown: Vec<String> = shown.map(|(key, value)| format!("{key}={value}")).collect();
    if shown.is_empty() {
        return String::new();
    }
    let shown: Vec<&str> = shown.iter().map(String::as_str).collect();
    wrap::list(&format!("{head}  "), &shown, BODY.len() + LABEL + 4, detail.width)
}

fn tag_lines(before: &Tags, after: &Tags) -> String {
    let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let mut text = String::new();
    for key in keys {
        let (style, line) = match (before.get(key), after.get(key)) {
            (Some(before), Some(after)) if before == after => continue,
            (Some(before), Some(after)) => (theme::UPDATE, format!("~ {key} = {before} -> {after}")),
            (None, Some(after)) => (theme::CREATE, format!("+ {key} = {after}")),
            (Some(before), None) => (theme::DELETE, format!("- {key} = {before}")),
            (None, None) => continue,
        };
        let _ = writeln!(text, "{BODY}    {}", paint(style, spelled(&line)));
    }
    text
}

/// One line for each text that comes or goes.
fn text_lines(before: &BTreeSet<String>, after: &BTreeSet<String>) -> String {
    let come = after.difference(before).map(|text| paint(theme::CREATE, format!("+ {}", spelled(text))));
    let go = before.difference(after).map(|text| paint(theme::DELETE, format!("- {}", spelled(text))));
    come.chain(go).map(|line| format!("{BODY}    {line}\n")).collect()
}

/// A text of several lines, each with its sign: what the text says of itself cannot be taken for one.
fn several(before: &str, after: &str) -> String {
    let (before, after): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let difference = TextDiff::from_slices(&before, &after);
    let line = |change: similar::Change<&str>| {
        let text = spelled(change.value());
        let line = match change.tag() {
            ChangeTag::Equal => format!("| {text}"),
            ChangeTag::Insert => paint(theme::CREATE, format!("+ {text}")),
            ChangeTag::Delete => paint(theme::DELETE, format!("- {text}")),
        };
        format!("{BODY}    {line}\n")
    };
    difference.iter_all_changes().map(line).collect()
}

fn scalar(name: &str, value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        Value::Number(seconds) if name == "max_session" => duration(*seconds),
        Value::Number(number) => number.to_string(),
        Value::Texts(texts) => texts.iter().map(String::as_str).collect::<Vec<_>>().join(", "),
        Value::Document(_) | Value::Tags(_) => String::new(),
    }
}

/// `4h`, `90m`, `3601s`: as it would be written in a manifest.
fn duration(seconds: u64) -> String {
    match seconds {
        s if s % 3600 == 0 => format!("{}h", s / 3600),
        s if s % 60 == 0 => format!("{}m", s / 60),
        s => format!("{s}s"),
    }
}

/// What is kept, what changed outside without a step, what is getting full, and all dangers once more.
pub(super) fn notes(plan: &Plan, detail: Detail) -> String {
    let mut text = String::new();
    let width = detail.width;
    let mut note = |style: anstyle::Style, word: &str, what: String| {
        text += &wrap::words(&format!("{} ", paint(style, word)), &what, word.len() + 1, width);
    };
    for drift in plan.drift.iter().filter(|drift| drift.kept.is_none()) {
        note(theme::WARNING, "drift:", format!("{}: {}", drift.address, drift.text));
    }
    text += &plan.all_kept().map(|kept| self::kept(kept, width)).collect::<String>();
    let mut note = |style: anstyle::Style, word: &str, what: String| {
        text += &wrap::words(&format!("{} ", paint(style, word)), &what, word.len() + 1, width);
    };
    for (new, old, name) in plan::renamed(&plan.steps) {
        let what =
            format!("{new} has all that {old} has, which goes; to keep that one, give it its name:   name: {name}");
        note(theme::HELP, "help:", what);
    }
    for size in plan.sizes.iter().filter(|size| detail.verbose || size.used * 2 >= size.most) {
        note(theme::QUIET, "size:", self::size(size));
    }
    let stays = plan.drift.iter().filter(|drift| drift.kept.is_some()).filter_map(|drift| drift.step.as_deref());
    for step in stays.chain(&plan.steps) {
        for danger in &step.dangers {
            note(theme::DANGER, "danger:", format!("{}: {danger}", step.address));
        }
    }
    text += &brakes(plan, detail.apply, width);
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

fn size(size: &Size) -> String {
    let of = if size.of.is_empty() { String::new() } else { format!(", {}", size.of) };
    format!("{}{of}: {} of {} characters", size.address, grouped(size.used), grouped(size.most))
}

/// `6,144`
fn grouped(number: usize) -> String {
    match number {
        0..1000 => number.to_string(),
        _ => format!("{},{:03}", grouped(number / 1000), number % 1000),
    }
}

/// What stops an apply, each with what lifts it.
fn brakes(plan: &Plan, apply: &str, width: usize) -> String {
    let brake = |brake: &Brake| {
        let what = wrap::words(&format!("{} ", paint(theme::DANGER, "brake:")), &brake.what, 7, width);
        what + &wrap::hint(&format!("  {} ", paint(theme::HELP, "help:")), &brake.lifted_by(apply), 8, width)
    };
    plan.brakes.iter().map(brake).collect()
}

/// The line that ends every plan, counted as Terraform does: a replacement adds one and destroys one, and what is
/// taken over and written is imported and changed.
pub fn summary(plan: &Plan) -> String {
    let Summary { import, create, update, replace, delete, forget, drift: _ } = plan.summary();
    let update = update + plan.steps.iter().filter(|step| step.change.rewrites()).count();
    if import + create + update + replace + delete + forget == 0 {
        return format!("{}\n", paint(theme::STRONG, "No changes. Your IAM matches the manifest."));
    }
    let imported = if import > 0 { format!("{import} to import, ") } else { String::new() };
    let forgotten = if forget > 0 { format!(", {forget} to forget") } else { String::new() };
    format!(
        "{} {imported}{} to add, {update} to change, {} to destroy{forgotten}.\n",
        paint(theme::STRONG, "Plan:"),
        create + replace,
        delete + replace,
    )
}
