//! The state in a local file: `production.json`, with `.journal` and `.lock` beside it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use async_trait::async_trait;

use super::journal::{self, Entry, Header};
use super::{Access, Lock, StateStore};
use crate::error::{Error, Result};
use crate::model::State;

pub struct LocalStore {
    path: PathBuf,
    /// Open while a run goes on.
    journal: Mutex<Option<File>>,
}

impl LocalStore {
    pub fn new(path: PathBuf) -> Self {
        Self { path, journal: Mutex::new(None) }
    }

    fn beside(&self, suffix: &str) -> PathBuf {
        let mut name = self.path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    }

    fn folder(&self) -> &Path {
        match self.path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        }
    }

    fn broken(&self, what: &str, why: impl std::fmt::Display) -> Error {
        Error::failed(format!("cannot {what} the state {}: {why}", self.location()))
    }

    /// Opens the lock file. A reader does not make one: where there is none, nobody writes.
    fn lock_file(&self, access: Access) -> std::io::Result<Option<File>> {
        let path = self.beside(".lock");
        match access {
            Access::Writing => {
                std::fs::create_dir_all(self.folder())?;
                private().read(true).create(true).truncate(false).open(path).map(Some)
            }
            Access::Reading => match File::open(path) {
                Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
                file => file.map(Some),
            },
        }
    }

    fn write_atomically(&self, state: &State) -> std::io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(self.folder())?;
        let mut text = serde_json::to_vec_pretty(state)?;
        text.push(b'\n');
        file.write_all(&text)?;
        file.as_file().sync_all()?;
        file.persist(&self.path)?;
        // The rename itself is durable only once the folder is.
        File::open(self.folder())?.sync_all()
    }
}

/// Returns options for a file that only its owner may read.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn read_if_present(path: &Path) -> std::io::Result<Option<String>> {
    match std::fs::read_to_string(path) {
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        text => text.map(Some),
    }
}

#[async_trait]
impl StateStore for LocalStore {
    fn location(&self) -> String {
        self.path.display().to_string()
    }

    async fn lock(&self, access: Access, timeout: Duration) -> Result<Lock> {
        let began = Instant::now();
        let Some(mut file) = self.lock_file(access).map_err(|e| self.broken("lock", e))? else {
            return Ok(Lock { _guard: None });
        };
        loop {
            let tried = match access {
                Access::Reading => file.try_lock_shared(),
                Access::Writing => file.try_lock(),
            };
            match tried {
                Ok(()) => break,
                Err(TryLockError::Error(e)) => return Err(self.broken("lock", e)),
                Err(TryLockError::WouldBlock) if began.elapsed() < timeout => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                Err(TryLockError::WouldBlock) => {
                    let mut holder = String::new();
                    // Only names the holder; an unreadable name is no reason to fail otherwise.
                    let _ = file.read_to_string(&mut holder);
                    return Err(Error::refused(format!("the state {} is locked {}", self.location(), holder.trim()))
                        .hint("wait for the other run, or let this one wait: --lock-timeout 5m"));
                }
            }
        }
        if access == Access::Writing {
            let holder = format!("by process {} since {}\n", std::process::id(), jiff::Timestamp::now());
            let named = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(holder.as_bytes()));
            named.map_err(|e| self.broken("lock", e))?;
        }
        Ok(Lock { _guard: Some(Box::new(file)) })
    }

    async fn load(&self) -> Result<Option<State>> {
        let text = read_if_present(&self.path).map_err(|e| self.broken("read", e))?;
        let state = text.map(|text| State::from_json(&text, journal::schema)).transpose().map_err(|why| {
            self.broken("read", why)
                .hint("restore it from a backup, or move it away: the next plan finds what carries our tags")
        })?;
        let journal = read_if_present(&self.beside(".journal")).map_err(|e| self.broken("read", e))?;
        journal::replay(state, &journal.unwrap_or_default()).map_err(|why| self.broken("replay the journal of", why))
    }

    fn was_cut_short(&self) -> bool {
        self.beside(".journal").exists()
    }

    async fn begin(&self, state: &State) -> Result<()> {
        let start = || -> std::io::Result<File> {
            // What the last journal held is in `state`; it is made durable before that journal ends.
            if self.beside(".journal").exists() && !state.objects.is_empty() {
                self.write_atomically(state)?;
            }
            let mut file = private().create(true).truncate(true).open(self.beside(".journal"))?;
            let mut line = serde_json::to_vec(&Header::of(state))?;
            line.push(b'\n');
            file.write_all(&line)?;
            Ok(file)
        };
        let file = start().map_err(|e| self.broken("write", e))?;
        if let Ok(mut journal) = self.journal.lock() {
            *journal = Some(file);
        }
        Ok(())
    }

    /// One write, no fsync: a killed process loses nothing, and what a power cut loses is found by its tag.
    async fn append(&self, entry: &Entry) -> Result<()> {
        let mut line = serde_json::to_vec(entry).map_err(|e| self.broken("write", e))?;
        line.push(b'\n');
        let mut journal = self.journal.lock().map_err(|e| self.broken("write", e))?;
        match journal.as_mut() {
            Some(file) => file.write_all(&line).map_err(|e| self.broken("write", e)),
            None => Err(self.broken("write", "no run has begun")),
        }
    }

    async fn compact(&self, state: &State) -> Result<()> {
        self.write_atomically(state).map_err(|e| self.broken("write", e))?;
        if let Ok(mut journal) = self.journal.lock() {
            *journal = None;
        }
        match std::fs::remove_file(self.beside(".journal")) {
            Err(e) if e.kind() != ErrorKind::NotFound => Err(self.broken("write", e)),
            _ => Ok(()),
        }
    }
}
