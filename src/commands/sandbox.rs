//! `sandbox --listen`: the embedded AWS on a port, for other tools.

use std::path::Path;

use serde_json::json;

use super::{Exit, Output, signals};
use crate::cli::{Global, SANDBOX, SandboxArgs};
use crate::error::Result;
use crate::sandbox::{Faults, Listener, Sandbox};

/// Listens until Ctrl-C or SIGTERM: that is how it is meant to end.
pub async fn run(global: &Global, args: &SandboxArgs, output: &Output) -> Result<Exit> {
    Listener::allow(args.listen)?;
    let folder = global.sandbox.as_deref().unwrap_or(Path::new(SANDBOX));
    let sandbox = Sandbox::open(folder, None, Faults::from_env()?)?;
    let account = sandbox.account().to_owned();
    let listener = Listener::bind(args.listen, sandbox).await?;
    // The handlers stand before anybody can know that there is something to end.
    let ended = signals::awaited();
    let (address, folder) = (listener.address(), folder.display());
    let where_we_are = format!("Sandbox: account {account} in {folder}; nothing here is AWS.");
    if output.json {
        output.note(&format!("{where_we_are}\n"));
        output.event(&json!({
            "type": "listening", "address": address.to_string(), "url": format!("http://{address}"), "account": account,
        }))?;
    } else {
        output.say(&format!(
            "{where_we_are} Elsewhere, type: export AWS_ENDPOINT_URL=http://{address}\n\
             Any credentials will do: export AWS_ACCESS_KEY_ID=sandbox AWS_SECRET_ACCESS_KEY=sandbox AWS_DEFAULT_REGION=us-east-1\n\
             Ctrl-C ends it; the account stays in {folder}.\n"
        ))?;
    }
    tokio::select! {
        never = listener.serve() => match never {},
        () = ended => Ok(Exit::Done),
    }
}
