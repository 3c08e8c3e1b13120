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
        // As one would type it.
        let path = path.strip_prefix(".").map(Path::to_owned).unwrap_or(path);
        Self { path, journal: Mutex::new(None) }
    }

    fn beside(&self, suffix: &str) -> PathBuf {
        let mut name = self.path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    }

    fn folder(&self) -> &Path {
        folder_of(&self.path)
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
        // Where it is a link, that stays, and what it leads to is written.
        let path = self.path.canonicalize().unwrap_or_else(|_| self.path.clone());
        let mut file = tempfile::NamedTempFile::new_in(folder_of(&path))?;
        let mut text = serde_json::to_vec_pretty(state)?;
        text.push(b'\n');
        file.write_all(&text)?;
        file.as_file().sync_all()?;
        file.persist(&path)?;
        // The rename itself is durable only once the folder is.
        File::open(folder_of(&path))?.sync_all()
    }
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Who holds a lock: a run that writes has left its name in the file, runs that only read leave none.
enum Holder {
    Writer(String),
    Readers,
}

impl Holder {
    fn of(file: &mut File) -> Self {
        if file.try_lock_shared().is_ok() {
            // It is only to be told apart; what is held here ends with the file.
            return Self::Readers;
        }
        let mut name = String::new();
        // Only names the holder; an unreadable name is no reason to fail otherwise.
        let _ = file.read_to_string(&mut name);
        Self::Writer(name.trim().to_owned())
    }

    /// The number of the process, which is the lock's id.
    fn id(&self) -> Option<&str> {
        match self {
            Self::Writer(name) => name.split(' ').nth(2),
            Self::Readers => None,
        }
    }
}

/// A lock file that says who holds it, as long as somebody does.
struct Named(File);

impl Drop for Named {
    fn drop(&mut self) {
        // The lock itself is what counts; a name that stays misleads only who looks into the file.
        let _ = self.0.set_len(0);
    }
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Writer(name) if name.is_empty() => f.write_str("by another run"),
            Self::Writer(name) => f.write_str(name),
            Self::Readers => f.write_str("by a run that reads it"),
        }
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
                    let holder = Holder::of(&mut file);
                    return Err(Error::refused(format!("the state {} is locked {holder}", self.location()))
                        .hint("wait for the other run, or let this one wait: --lock-timeout 5m"));
                }
            }
        }
        if access == Access::Writing {
            let holder = format!("by process {} since {}\n", std::process::id(), jiff::Timestamp::now());
            let named = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(holder.as_bytes()));
            named.map_err(|e| self.broken("lock", e))?;
            return Ok(Lock { _guard: Some(Box::new(Named(file))) });
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
            if self.beside(".journal").exists() {
                self.write_atomically(state)?;
            }
            let mut file = private().create(true).truncate(true).open(self.beside(".journal"))?;
            let mut line = serde_json::to_vec(&Header::of(state))?;
            line.push(b'\n');
            file.write_all(&line)?;
            File::open(self.folder())?.sync_all()?;
            Ok(file)
        };
        let file = start().map_err(|e| self.broken("write", e))?;
        if let Ok(mut journal) = self.journal.lock() {
            *journal = Some(file);
        }
        Ok(())
    }

    /// One write, mostly without fsync: a killed process loses nothing, and what a power cut loses is what became of
    /// an intent, which AWS tells; what nothing else tells of goes to the disk at once.
    async fn append(&self, entry: &Entry) -> Result<()> {
        let mut line = serde_json::to_vec(entry).map_err(|e| self.broken("write", e))?;
        line.push(b'\n');
        let mut journal = self.journal.lock().map_err(|e| self.broken("write", e))?;
        match journal.as_mut() {
            Some(file) => {
                let mut durable = || -> std::io::Result<()> {
                    file.write_all(&line)?;
                    if entry.is_the_only_trace() { file.sync_data() } else { Ok(()) }
                };
                durable().map_err(|e| self.broken("write", e))
            }
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

    async fn backup(&self) -> Result<Option<String>> {
        let copy = || -> std::io::Result<Option<PathBuf>> {
            let Some(text) = read_bytes_if_present(&self.path)? else { return Ok(None) };
            let names = std::iter::once(".backup".to_owned()).chain((2..).map(|n: u32| format!(".backup.{n}")));
            for name in names {
                let path = self.beside(&name);
                match private().create_new(true).open(&path) {
                    Err(e) if e.kind() == ErrorKind::AlreadyExists => continue,
                    file => file?.write_all(&text)?,
                }
                if let Some(journal) = read_bytes_if_present(&self.beside(".journal"))? {
                    private().create_new(true).open(self.beside(&format!("{name}.journal")))?.write_all(&journal)?;
                }
                return Ok(Some(path));
            }
            Ok(None)
        };
        let path = copy().map_err(|e| self.broken("copy", e))?;
        Ok(path.map(|path| path.display().to_string()))
    }

    /// The operating system ends a lock with its process, so there is one only where the process lives.
    async fn unlock(&self, id: &str) -> Result<()> {
        let Some(mut file) = self.lock_file(Access::Reading).map_err(|e| self.broken("unlock", e))? else {
            return Ok(());
        };
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::Error(e)) => return Err(self.broken("unlock", e)),
            Err(TryLockError::WouldBlock) => {}
        }
        let holder = Holder::of(&mut file);
        let error = Error::refused(format!("the state {} is locked {holder}", self.location()));
        Err(match holder.id() {
            Some(process) if process == id => error
                .note("that process lives, and a lock ends with its process")
                .hint(format!("to end it:   kill {process}   it finishes what runs, and writes the state")),
            Some(process) => error
                .note(format!("that is another lock than {id}"))
                .hint(format!("to see how to end it:   seqera-iam state unlock {process}")),
            None => error.note("a lock of a run that only reads has no id, and ends with that run"),
        })
    }
}

fn read_bytes_if_present(path: &Path) -> std::io::Result<Option<Vec<u8>>> {
    match std::fs::read(path) {
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        bytes => bytes.map(Some),
    }
}
