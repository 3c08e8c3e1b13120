//! `drift`: what changed in AWS behind our back, for cron; changes nothing.

use serde_json::{Value as Json, json};

use super::session::{self, Session};
use super::{Exit, Output};
use crate::cli::Global;
use crate::error::Result;
use crate::kinds;
use crate::plan::{Action, Plan};
use crate::render::theme::{self, paint};
use crate::render::{self, human};
use crate::state::Access;

pub async fn run(global: &Global, output: &Output) -> Result<Exit> {
    let session = session::declared(global)?.look(global, Access::Reading, output).await?;
    let mut plan = session.drift()?;
    for drift in &mut plan.drift {
        let is_new = drift.kept.is_some() && drift.step.as_ref().is_some_and(|step| step.action() == Action::Create);
        let id = drift.step.as_ref().and_then(|step| step.id());
        if let Some((id, kind)) = id.and_then(|id| Some((id, kinds::kind(&id.kind)?))) {
            // It is there for who looks, and no part of the answer.
            let changed = kind.changed(&session.cloud, &id.name).await.unwrap_or_default();
            drift.since = changed.or_else(|| session.live.objects.get(id)?.created.clone().filter(|_| is_new));
        }
    }
    for (id, why) in &session.live.unread {
        output.note(&format!("{} {id} could not be read: {why}\n", paint(theme::DANGER, "error:")));
    }
    if output.json {
        output.document(&render::json::plan(&plan, unread(&session), &session.outputs()))?;
    } else {
        output.say(&human::drift(&plan, session.live.unread.len(), output.detail()))?;
    }
    Ok(exit(&plan, session.live.unread.is_empty()))
}

/// What is missing in the answer, as its warnings.
fn unread(session: &Session) -> Vec<Json> {
    let warning = |(id, why)| json!({"code": "unread", "message": format!("{id} could not be read: {why}")});
    session.live.unread.iter().map(warning).collect()
}

fn exit(plan: &Plan, whole: bool) -> Exit {
    match (whole, plan.drift.is_empty()) {
        (false, _) => Exit::Failed,
        (true, true) => Exit::Done,
        (true, false) => Exit::No,
    }
}
