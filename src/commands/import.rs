//! `import`: writes a manifest for what exists. Nothing is changed before somebody applies it.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::{Exit, Output, session};
use crate::cli::{Global, ImportArgs};
use crate::cloud::Cloud;
use crate::error::{Error, Result};
use crate::kinds::{self, role};
use crate::manifest::takeover::{self, Takeover, Written};
use crate::manifest::{Inputs, Manifest, RESERVED, is_of_forge, nearest};
use crate::model::{Live, Value};
use crate::plan::{Claim, Claims};
use crate::render::wrap;
use crate::survey;

/// Who asks: nobody, so that what any deployment owns is somebody else's.
const NOBODY: Claims = Claims { deployment: String::new(), lineage: String::new() };

/// What stays outside of the manifest, and why.
struct Left {
    what: String,
    because: String,
}

pub async fn run(global: &Global, args: &ImportArgs, output: &Output) -> Result<Exit> {
    if args.out.exists() {
        return Err(is_there_already(&args.out));
    }
    let cloud = Arc::new(session::connect(global, None, None, output).await?);
    let (names, mut left) = match &args.prefix {
        Some(prefix) => beginning_with(&cloud, prefix).await?,
        None => (typed(&args.role), Vec::new()),
    };
    let holdings = survey::holdings(&cloud, &names).await?;
    let mut objects = Vec::new();
    let mut refused = Vec::new();
    for (id, found) in holdings.roles {
        match found.first().map(why_not) {
            None => refused.push(absent(&cloud, &id.name).await?),
            Some(Some(because)) => refused.push(Left { what: id.to_string(), because }),
            Some(None) => objects.extend(found),
        }
    }
    if args.prefix.is_some() && !objects.is_empty() {
        left.append(&mut refused);
    }
    if !refused.is_empty() {
        return Err(cannot_take(refused, &cloud));
    }
    for (id, found) in holdings.held {
        match found.first().map(why_not) {
            None => {}
            Some(Some(because)) => left.push(Left { what: id.to_string(), because }),
            Some(None) => objects.extend(found),
        }
    }
    let deployment = deployment(args, &objects);
    let remarks = remarks(&cloud, &left);
    let region = home_of_other_partition(&cloud, global);
    let takeover =
        Takeover { account: &cloud.account, deployment: &deployment, region, objects: &objects, remarks: &remarks };
    let written = takeover.write();
    let problems = read_back(&written, &cloud, &objects, &args.out)?;
    save(&args.out, &written.text)?;
    let again = Global { file: args.out.clone(), ..global.clone() }.again();
    report((args, &again), &deployment, &written, &left, output)?;
    // What AWS holds and a manifest may not say is mended in the file.
    problems.map_or(Ok(Exit::Done), Err)
}

/// Returns the names of roles as they were typed, or the names in their ARNs.
fn typed(names: &[String]) -> Vec<String> {
    names.iter().map(|name| name.rsplit('/').next().unwrap_or(name).to_owned()).collect()
}

/// Returns the roles whose names begin so. Those that AWS keeps for itself are nobody's to take.
async fn beginning_with(cloud: &Cloud, prefix: &str) -> Result<(Vec<String>, Vec<Left>)> {
    let all = role::list(cloud).await?;
    let (of_aws, found): (Vec<_>, Vec<_>) = all
        .iter()
        .filter(|(name, _)| name.starts_with(prefix))
        .partition(|(_, path)| RESERVED.iter().any(|reserved| path.starts_with(reserved)));
    let left = of_aws.into_iter().map(|(name, path)| Left { what: format!("role {name}"), because: of_aws_in(path) });
    let left: Vec<Left> = left.collect();
    if !found.is_empty() {
        return Ok((found.into_iter().map(|(name, _)| name.clone()).collect(), left));
    }
    if !left.is_empty() {
        return Err(cannot_take(left, cloud));
    }
    let error = Error::failed(format!("no role in {} begins with `{prefix}`", cloud.account.id));
    let folded = prefix.to_lowercase();
    let other_case = all.iter().find(|(name, _)| name.to_lowercase().starts_with(&folded));
    let near = other_case.or_else(|| all.iter().find(|(name, _)| name.to_lowercase().contains(&folded)));
    Err(match near {
        Some((name, _)) => error.hint(format!("there is a role {name}")),
        None => error.hint("aws iam list-roles names them all"),
    })
}

fn of_aws_in(path: &str) -> String {
    format!("it is in {path}, which AWS keeps for its services")
}

/// Says why an object cannot be taken over; `None` where it can.
fn why_not(live: &Live) -> Option<String> {
    let text = |field: &str| live.attributes.get(field).and_then(Value::text).unwrap_or_default();
    if is_of_forge(text("name")) {
        return Some("its name is one of Batch Forge's: Seqera Platform made it, and deletes it".to_owned());
    }
    match NOBODY.of(&live.attributes) {
        Claim::Nobody | Claim::Ours => None,
        Claim::Aws => Some(of_aws_in(text("path"))),
        Claim::CloudFormation(stack) => Some(format!("CloudFormation's stack {stack} owns it")),
        Claim::OtherDeployment(other) | Claim::OtherLineage(other) => {
            Some(format!("deployment {other} owns it; its manifest has it"))
        }
    }
}

async fn absent(cloud: &Cloud, name: &str) -> Result<Left> {
    let all = role::list(cloud).await?;
    let near = nearest(name, all.iter().map(|(name, _)| name.as_str()));
    let guess = near.map(|near| format!(", did you mean {near}?")).unwrap_or_default();
    Ok(Left { what: format!("role {name}"), because: format!("there is none{guess}") })
}

fn cannot_take(refused: Vec<Left>, cloud: &Cloud) -> Error {
    let (count, account) = (refused.len(), &cloud.account.id);
    let what = if count == 1 { "a role".to_owned() } else { format!("{count} roles") };
    let error = Error::failed(format!("cannot take over {what} of {account}; nothing was written"));
    refused.into_iter().fold(error, |error, left| error.note(format!("{}: {}", left.what, left.because)))
}

/// Names the deployment after what the names of its roles have in common.
fn deployment(args: &ImportArgs, objects: &[Live]) -> String {
    let roles = objects.iter().filter(|object| object.id.kind == role::KIND);
    let names: Vec<&str> = roles.map(|role| role.id.name.as_str()).collect();
    let common = names.iter().skip(1).fold(names.first().copied().unwrap_or_default(), |common, name| {
        let alike = common.bytes().zip(name.bytes()).take_while(|(a, b)| a == b).count();
        &common[..alike]
    });
    let whole_word = |name: &&str| name.as_bytes().get(common.len()).is_none_or(|next| b"-_.+=,@".contains(next));
    let words = match common.rfind(['-', '_', '.']) {
        _ if names.iter().all(whole_word) => common,
        Some(end) => &common[..end],
        None => args.prefix.as_deref().unwrap_or_default(),
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let name: String = words.chars().map(|c| if plain(c) { c } else { '-' }).collect();
    let name = name.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    if name.is_empty() { "imported".to_owned() } else { name.to_owned() }
}

fn remarks(cloud: &Cloud, left: &[Left]) -> Vec<String> {
    let mut remarks =
        vec![format!("What roles of account {} hold, as `seqera-iam import` found it.", cloud.account.id)];
    remarks.extend(left.iter().map(|left| format!("Left as it is: {}: {}.", left.what, left.because)));
    remarks
}

/// The partition of an account is told by its region before AWS is asked.
fn home_of_other_partition<'a>(cloud: &Cloud, global: &'a Global) -> Option<&'a str> {
    match cloud.account.partition.as_str() {
        "aws" => None,
        "aws-cn" => Some(global.region.as_deref().unwrap_or("cn-north-1")),
        _ => Some(global.region.as_deref().unwrap_or("us-gov-west-1")),
    }
}

/// Reads what was written, and demands that it means what AWS holds. Returns what a manifest may not say.
fn read_back(written: &Written, cloud: &Cloud, objects: &[Live], out: &Path) -> Result<Option<Error>> {
    let none = |path: &str| Err::<String, String>(format!("there is no {path}"));
    let name = out.display().to_string();
    let manifest = Manifest::parse(&name, &written.text, &Inputs::default(), &none)
        .map_err(|(problems, sources)| Error::problems(problems, sources))?;
    let desired = match manifest.resolve(&cloud.account) {
        Ok((desired, _)) => desired,
        Err(problems) => return Ok(Some(Error::problems(problems, manifest.sources().clone()))),
    };
    let different = takeover::differences(&desired, objects);
    if different.is_empty() {
        return Ok(None);
    }
    let error = Error::failed("the manifest would not say what AWS holds; nothing was written");
    Err(different
        .iter()
        .fold(error, |error, id| error.note(id.to_string()))
        .hint("this is a mistake of seqera-iam: report it"))
}

fn is_there_already(out: &Path) -> Error {
    Error::refused(format!("{} is there already, and is not overwritten", out.display()))
        .hint("for another file: --out FILE")
}

fn save(out: &Path, text: &str) -> Result<()> {
    // One call both asks and takes: nobody's file is overwritten, whoever else writes.
    match std::fs::OpenOptions::new().write(true).create_new(true).open(out) {
        Ok(mut file) => file.write_all(text.as_bytes()),
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => return Err(is_there_already(out)),
        Err(e) => Err(e),
    }
    .map_err(|e| Error::failed(format!("cannot write {}", out.display())).caused_by(e))
}

fn report(
    (args, again): (&ImportArgs, &str),
    deployment: &str,
    written: &Written,
    left: &[Left],
    output: &Output,
) -> Result<()> {
    let file = args.out.display().to_string();
    if output.json {
        let left: Vec<Json> = left.iter().map(|left| json!({"object": left.what, "because": left.because})).collect();
        return output
            .document(&json!({"file": file, "deployment": deployment, "import": written.addresses, "left": left}));
    }
    let mut count: BTreeMap<&str, usize> = BTreeMap::new();
    for address in &written.addresses {
        *count.entry(address.segments()[0].as_str()).or_default() += 1;
    }
    let counted = kinds::specs().filter_map(|spec| {
        let section = spec.schema().section.as_ref()?.name;
        let count = *count.get(section)?;
        Some(format!("{count} {}", if count == 1 { spec.schema().kind } else { section }))
    });
    let counted = counted.collect::<Vec<_>>().join(", ").replace('_', " ");
    let mut text = format!("Wrote {file}, deployment {deployment}: {counted}.\n");
    for left in left {
        text += &format!("  Left as it is: {}: {}.\n", left.what, left.because);
    }
    let typed = if again.is_empty() { String::new() } else { format!(" {again}") };
    let width = output.columns().unwrap_or(usize::MAX);
    text += "\n";
    text += &wrap::words("", "Nothing is changed yet. Look at it, change the name if you like, then:", 0, width);
    text += &format!(
        "\n  seqera-iam plan{typed}    what is taken over; only the tags that say so are written\n  \
         seqera-iam apply{typed}   takes it over\n"
    );
    output.say(&text)
}
