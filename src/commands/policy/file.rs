//! A document as it stands in a file: strict JSON, and YAML only where the name says so.

use std::path::Path;

use crate::error::{Error, Result};
use crate::manifest::parse_yaml;
use crate::model::{Node, NodeValue};
use crate::policy::json;
use crate::problem::{FileId, Place, Problem, Sources};

/// Reads a file. The inner error is a text that is neither.
pub fn read(path: &Path, sources: &mut Sources) -> Result<Result<Node, Vec<Problem>>> {
    let bytes = std::fs::read(path)
        .map_err(|error| Error::failed(format!("{} cannot be read", path.display())).caused_by(error))?;
    let invalid = std::str::from_utf8(&bytes).err().map(|error| error.valid_up_to());
    let file = sources.add(path.display().to_string(), String::from_utf8_lossy(&bytes));
    if let Some(start) = invalid {
        let problem = Problem::error("policy-json", "this is no text in UTF-8");
        return Ok(Err(vec![problem.at(Place { file, start, end: start })]));
    }
    let is_yaml = path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
    Ok(if is_yaml { yaml(file, sources) } else { strict(file, sources) })
}

/// Reads a file, whatever it holds.
pub fn value(path: &Path, sources: &mut Sources) -> Result<Node> {
    read(path, sources)?.map_err(|problems| Error::problems(problems, std::mem::take(sources)))
}

/// Reads a file, which has to hold an object.
pub fn object(path: &Path, sources: &mut Sources) -> Result<Node> {
    let node = value(path, sources)?;
    if matches!(node.value, NodeValue::Map(_)) {
        return Ok(node);
    }
    let message = format!("a policy document is an object, not {}", node.type_name());
    let problem = Problem::error("policy-syntax", message).at(node.place);
    Err(Error::problems(vec![problem], std::mem::take(sources)))
}

fn strict(file: FileId, sources: &Sources) -> Result<Node, Vec<Problem>> {
    let problem = |fault: json::JsonFault| {
        Problem::error("policy-json", format!("this is no strict JSON: {}", fault.message)).at(fault.place)
    };
    json::parse(&sources.get(file).text, file).map_err(|faults| faults.into_iter().map(problem).collect())
}

fn yaml(file: FileId, sources: &Sources) -> Result<Node, Vec<Problem>> {
    let mut problems = Vec::new();
    let node = parse_yaml(&sources.get(file).text, file, &mut problems).map_err(|problem| vec![problem])?;
    if problems.is_empty() { Ok(node) } else { Err(problems) }
}
