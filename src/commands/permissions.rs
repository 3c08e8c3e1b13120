//! `permissions`: the policies that this program itself needs.

use super::{Exit, Output};
use crate::cli::PermissionsCommand;
use crate::error::{Error, Result};
use crate::kinds::permissions::{self, Scope};

pub fn run(command: &PermissionsCommand, output: &Output) -> Result<Exit> {
    let document = match command {
        PermissionsCommand::Plan => permissions::of_plan(),
        PermissionsCommand::Apply { path, deployment, boundary, holder } => {
            if !(path.starts_with('/') && path.ends_with('/')) {
                return Err(Error::failed(format!("`{path}` is not a path")).hint("write it like --path /seqera/"));
            }
            if !(boundary.starts_with("arn:") && boundary.contains(":policy/")) {
                let error = Error::failed(format!("`{boundary}` is not the ARN of a policy"));
                return Err(error.hint("write it like --boundary arn:aws:iam::123456789012:policy/ceiling"));
            }
            if path == "/" {
                output.note(
                    "Whoever holds this may take over each role and user of the account that no deployment owns yet, \
                     and act as it.\nBind it to a path that has nothing else in it:   seqera-iam permissions apply --path /seqera/ …\n",
                );
            }
            permissions::of_apply(&Scope {
                path: path.clone(),
                deployment: deployment.clone(),
                boundary: boundary.clone(),
                holders: holder.clone(),
            })
        }
    };
    // A policy is JSON, whoever reads it.
    output.document(document.json())?;
    Ok(Exit::Done)
}
