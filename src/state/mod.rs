//! Where the state lives. A store is append-only while a run goes on and is compacted at its end, so
//! that a run killed anywhere has lost nothing that finished.

use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;

use crate::error::{Error, Result};
use crate::model::State;

pub mod journal;
mod local;

pub use journal::Entry;
pub use local::LocalStore;

/// A place that keeps one deployment's state.
#[async_trait]
pub trait StateStore: Send + Sync {
    /// Returns the location as a user would type it.
    fn location(&self) -> String;

    /// Keeps others from writing (and, when `Writing`, from reading) until the guard is dropped.
    async fn lock(&self, access: Access, timeout: Duration) -> Result<Lock>;

    /// Returns the state with its journal replayed; `None` when there was never any.
    async fn load(&self) -> Result<Option<State>>;

    /// Says whether a run was cut short: its journal is there still.
    fn was_cut_short(&self) -> bool;

    /// Begins the journal of a run that starts from `state`.
    async fn begin(&self, state: &State) -> Result<()>;

    /// Records what one call changed, or is about to. It is safe from a kill when this returns, and from a power cut
    /// where AWS would not tell it again.
    async fn append(&self, entry: &Entry) -> Result<()>;

    /// Writes the whole state in one step and ends the journal.
    async fn compact(&self, state: &State) -> Result<()>;

    /// Puts a copy of what is there aside, as it is, and returns where. Nothing overwrites it; `None` where there
    /// is nothing yet.
    async fn backup(&self) -> Result<Option<String>>;

    /// Sees to it that the lock of this id is held no more. An error says who holds one.
    async fn unlock(&self, id: &str) -> Result<()>;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Reading,
    Writing,
}

/// Held as long as the run goes on; the operating system frees it when the process dies.
pub struct Lock {
    pub(crate) _guard: Option<Box<dyn Send + Sync>>,
}

/// Opens the store at `location`: `--state`, else the manifest's `state`, else `state/<name>.json`
/// beside the manifest.
pub fn open(location: Option<&str>, folder: &Path, deployment: &str) -> Result<Box<dyn StateStore>> {
    let path = match location {
        Some(remote) if remote.contains("://") => {
            let scheme = remote.split("://").next().unwrap_or_default();
            return Err(Error::failed(format!("state location {remote}: `{scheme}://` is not supported"))
                .hint("use a path: state/production.json"));
        }
        Some(path) => folder.join(path),
        None => default_path(folder, deployment),
    };
    Ok(Box::new(LocalStore::new(path)))
}

fn default_path(folder: &Path, deployment: &str) -> PathBuf {
    // A deployment's name may hold slashes, a file name may not.
    let name: String = deployment.chars().map(|c| if c == '/' || c == '\\' { '_' } else { c }).collect();
    folder.join("state").join(format!("{name}.json"))
}
