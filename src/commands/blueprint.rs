//! `blueprint`: the built-in setups, what they take, what they ask for.

use std::fmt::Write;

use serde_json::{Map, Value as Json};

use super::{Exit, Output, init, session};
use crate::cli::{BlueprintCommand, Global};
use crate::error::{Error, Result};
use crate::manifest::blueprint::About;
use crate::manifest::features::Feature;
use crate::manifest::start::Start;
use crate::manifest::{Files, Inputs, Manifest, builtin};
use crate::model::Address;
use crate::render::theme::{self, paint};
use crate::render::wrap;

pub fn run(global: &Global, command: &BlueprintCommand, output: &Output) -> Result<Exit> {
    match command {
        BlueprintCommand::List => list(output)?,
        BlueprintCommand::Show { name } => show(name, global, output)?,
        BlueprintCommand::Render { name } => render(name, global, output)?,
    }
    Ok(Exit::Done)
}

/// Returns the blueprint of this name.
pub fn find(name: &str) -> Result<About> {
    builtin::find(name).map(About::of).ok_or_else(|| {
        let error = Error::failed(format!("there is no blueprint `{name}`"));
        match builtin::nearest(name) {
            Some(near) => error.hint(format!("did you mean {near}?")),
            None => error.hint("seqera-iam blueprint list names them all"),
        }
    })
}

fn list(output: &Output) -> Result<()> {
    let all: Vec<About> = builtin::BUILTINS.iter().map(About::of).collect();
    if output.json {
        return output.document(&all.iter().map(About::to_json).collect());
    }
    let width = all.iter().map(|about| about.name.len()).max().unwrap_or(0);
    let mut text = String::new();
    let columns = output.detail().width;
    for about in &all {
        text += &wrap::words(
            &format!("{:width$}  ", about.name),
            &format!("{} ({})", about.title, about.date),
            width + 2,
            columns,
        );
    }
    let next = "seqera-iam init NAME begins a manifest with one, seqera-iam blueprint show NAME says what it takes and which \
                page it follows, as of the date in brackets.";
    text += &format!("\n{}", wrap::words("", next, 0, columns));
    output.say(&text)
}

fn show(name: &str, global: &Global, output: &Output) -> Result<()> {
    let about = find(name)?;
    let source = builtin::find(name).map_or("", |builtin| builtin.text);
    if output.json {
        let mut json = about.to_json();
        json["features"] = about.features.iter().map(|feature| feature_json(&about, feature)).collect();
        json["uses"] = about.uses.clone().into();
        json["outputs"] = about.outputs.clone().into();
        json["text"] = source.into();
        return output.document(&json);
    }
    if global.verbose > 0 {
        return output.say(source);
    }
    let mut text = format!("{}\n{} ({})\n\nParameters:\n", about.title, about.source, about.date);
    for param in &about.params {
        let default = param.default.as_ref().map_or("required".to_owned(), |value| format!("default {value}"));
        let head = paint(theme::STRONG, &param.name);
        let _ = writeln!(text, "\n  {head}  {}, {default}", param.of);
        if !param.allowed.is_empty() {
            let words: Vec<String> = param.allowed.iter().map(Json::to_string).collect();
            let _ = writeln!(text, "      {} of {}", if param.is_list() { "some" } else { "one" }, words.join(", "));
        }
        text += &wrap::words("      ", &param.description, 6, output.detail().width);
    }
    text += &features(&about, output.detail().width);
    if !about.uses.is_empty() {
        let _ = writeln!(text, "\nIt uses {}: their features count too.", about.uses.join(" and "));
    }
    let _ = write!(text, "\nOutputs: {}\n\nBegin with it:\n\n  seqera-iam init {name}\n", about.outputs.join(", "));
    text += &together(&about, output.detail().width);
    output.say(&text)
}

/// Says what permissions and those who get them begin with.
fn together(about: &About, width: usize) -> String {
    let all = || builtin::BUILTINS.iter().map(About::of);
    let (what, first, others): (_, _, Vec<&str>) = if about.takes_permissions() {
        let sets = all().filter(About::gives_permissions).map(|about| about.name);
        ("What it may do is said by another blueprint", format!("batch-forge {}", about.name), sets.collect())
    } else if about.gives_permissions() {
        let principals = all().filter(About::takes_permissions).map(|about| about.name);
        (
            "Who gets these permissions is said by another blueprint",
            format!("{} seqera-cloud-role", about.name),
            principals.collect(),
        )
    } else {
        return String::new();
    };
    let said = wrap::words("", &format!("{what}: {}. Both at once:", others.join(", ")), 0, width);
    format!("\n{said}\n  seqera-iam init {first}\n")
}

fn feature_json(about: &About, feature: &Feature) -> Json {
    let mut json = feature.to_json();
    json["switch"] = about.switch(feature).into();
    json
}

/// Writes which statement is for what.
fn features(about: &About, width: usize) -> String {
    let mut text = String::new();
    if !about.features.is_empty() {
        text.push_str("\nFeatures, and the statements that each needs:\n");
    }
    for feature in &about.features {
        let switch = about.switch(feature).map(|switch| format!(", {switch}")).unwrap_or_default();
        let _ = writeln!(text, "\n  {}  {}{switch}", paint(theme::STRONG, &feature.name), feature.need.word());
        text += &wrap::words("      ", &feature.title, 6, width);
        let mut documents: Vec<&Address> = feature.statements.iter().map(|statement| &statement.document).collect();
        documents.dedup();
        for document in documents {
            let of = feature.statements.iter().filter(|statement| statement.document == *document);
            let sids: Vec<&str> = of.map(|statement| statement.sid.as_str()).collect();
            text += &wrap::words("      ", &format!("{document}: {}", sids.join(", ")), 8, width);
        }
    }
    text
}

/// Reads no files: a built-in blueprint names none.
struct Nothing;

impl Files for Nothing {
    fn read(&self, path: &str) -> Result<String, String> {
        Err(format!("{path} is not part of the program"))
    }

    fn list(&self, _: &str) -> Result<Vec<String>, String> {
        Ok(Vec::new())
    }
}

fn render(name: &str, global: &Global, output: &Output) -> Result<()> {
    let start = init::begun(&[name.to_owned()], &session::inputs(global)?, true)?;
    let region = global.region.as_deref();
    let (all, account) = asked_for(&start, region, name)?;
    output.note(&format!("Rendered for account {account}, as none is known here.\n"));
    for param in start.given() {
        // What is not right without it does change something.
        if asked_for(&start.without(param), region, name).is_ok_and(|(without, _)| without == all) {
            output.note(&format!("{} `{param}` changes nothing here\n", paint(theme::WARNING, "warning:")));
        }
    }
    if output.json {
        return output.document(&Json::Object(all));
    }
    output.say(&serde_yaml::to_string(&all).map_err(|e| Error::failed("cannot print").caused_by(e))?)
}

/// Returns all that a blueprint asks for, by address, and in which account.
fn asked_for(start: &Start, region: Option<&str>, name: &str) -> Result<(Map<String, Json>, String)> {
    let text = start.manifest(region);
    let problems = |(problems, sources)| Error::problems(problems, sources);
    let manifest = Manifest::parse(&format!("{name}.yaml"), &text, &Inputs::default(), &Nothing).map_err(problems)?;
    let account = session::likely_account(&manifest);
    let resolved = manifest.resolve(&account);
    let (desired, _) = resolved.map_err(|problems| Error::problems(problems, manifest.sources().clone()))?;
    let mut all = Map::new();
    for (address, resource) in &desired.resources {
        let wanted = serde_json::to_value(&resource.wanted).map_err(|e| Error::failed("cannot print").caused_by(e))?;
        all.insert(address.to_string(), wanted);
    }
    Ok((all, account.id))
}
