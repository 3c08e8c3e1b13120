//! Hands a secret over: to a file that nobody else can read, or to the terminal. Once.
//!
//! A file is prepared before anything is asked of AWS: beside the destination, with mode 0600, as large as it
//! will be and on the disk, so that a full disk or a folder that may not be written to is known while there is
//! no key yet. What is there already is written over only when it holds nothing but a key that this one comes
//! in the place of. The file appears whole, by a rename that does not replace what it was not told to.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use tempfile::NamedTempFile;
use zeroize::Zeroizing;

use crate::error::{Error, Result};
use crate::model::issued::TERMINAL;
use crate::secret::Secret;

const ID: &str = "AWS_ACCESS_KEY_ID=";
const SECRET: &str = "AWS_SECRET_ACCESS_KEY=";
/// What unfinished files begin with.
const UNFINISHED: &str = ".seqera-iam-key-";
/// More than the two lines of any key.
const LONGEST: usize = 512;

/// Where secrets of this run can go.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Paths are from here: the manifest's folder.
    folder: PathBuf,
    /// Whether stdout is a terminal, and not a program that reads JSON.
    terminal: bool,
}

/// A destination that is ready.
#[derive(Debug)]
pub enum Prepared {
    Terminal,
    File {
        /// Beside the destination.
        file: NamedTempFile,
        path: PathBuf,
        superseded: BTreeSet<String>,
    },
}

/// A file of a key that is to lie elsewhere; `from` and `to` are destinations.
#[derive(Clone, Debug)]
pub struct Move {
    pub key: String,
    pub from: String,
    pub to: String,
}

impl Delivery {
    pub fn new(folder: &Path, terminal: bool) -> Self {
        Self { folder: folder.to_owned(), terminal }
    }

    fn path(&self, to: &str) -> PathBuf {
        self.folder.join(to)
    }

    /// Returns the id of the key that a destination holds, when it is a file that holds one and nothing else.
    pub fn held(&self, to: &str) -> Option<String> {
        if to == TERMINAL { None } else { key_in(&self.path(to)).ok().flatten() }
    }

    /// Says what keeps a secret from being handed over there. Nothing is left behind.
    pub fn check(&self, to: &str, superseded: &BTreeSet<String>) -> Result<()> {
        if to == TERMINAL {
            return self.check_terminal();
        }
        let path = self.path(to);
        may_write(&path, superseded)?;
        tempfile::tempfile_in(folder(&path)).map(drop).map_err(|e| unwritable(&path, e))
    }

    fn check_terminal(&self) -> Result<()> {
        if self.terminal {
            return Ok(());
        }
        Err(Error::refused("a secret is to go to the terminal, and stdout is none")
            .hint("run it on a terminal, without --json, or let it go to a file:   deliver_to: {file: F}"))
    }

    /// Makes ready for a secret, so that handing it over can hardly fail.
    pub fn prepare(&self, to: &str, superseded: &BTreeSet<String>) -> Result<Prepared> {
        if to == TERMINAL {
            return self.check_terminal().map(|()| Prepared::Terminal);
        }
        self.sweep(to);
        let path = self.path(to);
        may_write(&path, superseded)?;
        // Made with mode 0600 under a name that did not exist; links are not followed.
        let make = || -> std::io::Result<NamedTempFile> {
            let mut file = tempfile::Builder::new().prefix(&unfinished(&path)).tempfile_in(folder(&path))?;
            file.write_all(&[b'\n'; LONGEST])?;
            file.as_file().sync_all()?;
            Ok(file)
        };
        let file = make().map_err(|e| unwritable(&path, e))?;
        Ok(Prepared::File { file, path, superseded: superseded.clone() })
    }

    /// Removes what a run that was killed left beside a destination. It may hold a secret that nobody was told.
    pub fn sweep(&self, to: &str) {
        let path = self.path(to);
        let prefix = unfinished(&path);
        let is_left = |name: &str| {
            name.strip_prefix(&prefix).is_some_and(|rest| rest.len() == 6 && rest.chars().all(char::is_alphanumeric))
        };
        // What cannot be listed cannot be written to either, and that is said elsewhere.
        let entries = (to != TERMINAL).then(|| std::fs::read_dir(folder(&path)).ok()).flatten();
        for entry in
            entries.into_iter().flatten().flatten().filter(|entry| entry.file_name().to_str().is_some_and(is_left))
        {
            let _ = std::fs::remove_file(entry.path());
        }
    }

    /// Lets files follow the manifest, as they do not lie where they are to lie. What stands in the way is exchanged with
    /// one when it is a file of a key that moves as well or is superseded; what else is there stays, and so does the file
    /// that was to go there.
    pub fn rearrange(&self, mut moves: Vec<Move>, superseded: &BTreeSet<String>) {
        while let Some(Move { key, from, to }) = moves.pop() {
            let [old, new] = [&from, &to].map(|it| self.path(it));
            match self.held(&to) {
                _ if self.held(&from).as_ref() != Some(&key) => continue,
                _ if is_same(&old, &new) => continue,
                // A run was cut short after it gave it a second name.
                Some(held) if held == key => drop(std::fs::remove_file(&old)),
                Some(held) if superseded.contains(&held) || moves.iter().any(|other| other.key == held) => {
                    if renameat_with(CWD, &old, CWD, &new, RenameFlags::EXCHANGE).is_ok() {
                        moves.iter_mut().filter(|other| other.key == held).for_each(|it| it.from.clone_from(&from));
                    }
                }
                // A second name fails where there is anything, a link included; the first goes when the second is there.
                _ => {
                    let _ = std::fs::hard_link(&old, &new).and_then(|()| std::fs::remove_file(&old));
                }
            }
            let _ = File::open(folder(&new)).and_then(|folder| folder.sync_all());
        }
    }

    /// Removes the file that holds this key, which is gone, and nothing else.
    pub fn clear(&self, to: &str, key: &str) {
        // A dead key in a file does no harm: who cannot remove it may leave it.
        if self.held(to).as_deref() == Some(key) {
            let _ = std::fs::remove_file(self.path(to));
        }
    }
}

impl Prepared {
    /// Hands a key over. `what` says whose it is. The secret is gone afterwards, whatever comes of it.
    pub fn hand_over(self, what: &str, key: &str, secret: Secret) -> Result<()> {
        match self {
            Prepared::Terminal => print(what, key, &secret),
            Prepared::File { mut file, path, superseded } => {
                write(&mut file, key, &secret).map_err(|e| unwritable(&path, e))?;
                put(file, &path, &superseded)
            }
        }
    }
}

/// Returns the two lines of a key.
fn lines(key: &str, secret: &Secret) -> Zeroizing<String> {
    // All at once: a text that grows leaves copies behind.
    let mut text = Zeroizing::new(String::with_capacity(LONGEST));
    for part in [ID, key, "\n", SECRET, secret.reveal(), "\n"] {
        text.push_str(part);
    }
    text
}

fn print(what: &str, key: &str, secret: &Secret) -> Result<()> {
    let text = lines(key, secret);
    let failed = |e| Error::failed(format!("{what}: the terminal does not take the secret")).caused_by(e);
    let head = format!("\n{what}, shown once and kept nowhere:\n");
    // Not through a buffer that outlives this.
    let mut terminal = OpenOptions::new().write(true).open("/dev/stdout").map_err(failed)?;
    terminal.write_all(head.as_bytes()).and_then(|()| terminal.write_all(text.as_bytes())).map_err(failed)?;
    terminal.write_all(b"\n").map_err(failed)
}

fn write(file: &mut NamedTempFile, key: &str, secret: &Secret) -> std::io::Result<()> {
    let text = lines(key, secret);
    file.rewind()?;
    file.write_all(text.as_bytes())?;
    file.as_file().set_len(text.len() as u64)?;
    file.as_file().sync_all()
}

/// Gives the file its name.
fn put(file: NamedTempFile, path: &Path, superseded: &BTreeSet<String>) -> Result<()> {
    let held = key_in(path).ok().flatten();
    let renamed = match held {
        Some(held) if superseded.contains(&held) => file.persist(path),
        // Fails when there is anything, a link included.
        _ => file.persist_noclobber(path),
    };
    renamed.map_err(|e| unwritable(path, e.error))?;
    // The name is durable only once the folder is; a power cut costs a key that is made anew.
    let _ = File::open(folder(path)).and_then(|folder| folder.sync_all());
    Ok(())
}

/// What the names of unfinished files for this destination begin with; six letters or digits follow.
fn unfinished(path: &Path) -> String {
    format!("{UNFINISHED}{}-", path.file_name().unwrap_or_default().to_string_lossy())
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Says whether two paths are one name of one file, as they are where case does not count. A second name is another one.
fn is_same(one: &Path, other: &Path) -> bool {
    let known = |path: &Path| path.symlink_metadata().ok().map(|it| (it.dev(), it.ino(), it.nlink()));
    one == other || known(one).is_some_and(|it| it.2 == 1 && known(other) == Some(it))
}

/// Refuses a destination that is there and is not the file of a key that is superseded.
fn may_write(path: &Path, superseded: &BTreeSet<String>) -> Result<()> {
    let shown = path.display();
    let what = match path.symlink_metadata() {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(unwritable(path, e)),
        Ok(it) if it.is_symlink() => "is a link, which is not followed".to_owned(),
        Ok(it) if !it.is_file() => "is no file".to_owned(),
        Ok(_) => match key_in(path).map_err(|e| unwritable(path, e))? {
            Some(held) if superseded.contains(&held) => return Ok(()),
            Some(held) => format!("exists and holds the key {held}"),
            None => "exists".to_owned(),
        },
    };
    Err(Error::failed(format!("{shown} {what}; it is not overwritten"))
        .hint(format!("move it away:   mv {shown} {shown}.old")))
}

/// Returns the id of the key in a file of exactly the two lines.
fn key_in(path: &Path) -> std::io::Result<Option<String>> {
    if !path.symlink_metadata()?.is_file() {
        return Ok(None);
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(LONGEST + 1));
    File::open(path)?.take(LONGEST as u64 + 1).read_to_end(&mut bytes)?;
    let Ok(text) = std::str::from_utf8(&bytes) else { return Ok(None) };
    let mut lines = text.lines();
    let id = lines.next().and_then(|line| line.strip_prefix(ID));
    let secret = lines.next().and_then(|line| line.strip_prefix(SECRET));
    let whole = secret.is_some_and(|secret| !secret.is_empty()) && lines.next().is_none() && bytes.len() <= LONGEST;
    Ok(id.filter(|id| whole && !id.is_empty()).map(str::to_owned))
}

fn unwritable(path: &Path, error: std::io::Error) -> Error {
    let shown = path.display();
    let error = Error::failed(format!("{shown} cannot be written")).caused_by(error);
    error.hint("name another one:   deliver_to: {file: F}, or make room and the folder for this one")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    const TO: &str = "ci.env";

    fn secret() -> Secret {
        Secret::new("wJalr/XUtn+FEMI".to_owned())
    }

    fn deliver(folder: &Path, key: &str, superseded: &[&str]) -> Result<()> {
        let delivery = Delivery::new(folder, false);
        let superseded = superseded.iter().map(|&key| key.to_owned()).collect();
        delivery.check(TO, &superseded)?;
        delivery.prepare(TO, &superseded)?.hand_over("users.ci", key, secret())
    }

    fn names(folder: &Path) -> Vec<String> {
        let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        names.map(|name| name.to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn a_file_holds_two_lines_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        deliver(folder.path(), "AKIA1", &[]).unwrap();
        let path = folder.path().join(TO);
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, "AWS_ACCESS_KEY_ID=AKIA1\nAWS_SECRET_ACCESS_KEY=wJalr/XUtn+FEMI\n");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(names(folder.path()), [TO]);
        assert_eq!(Delivery::new(folder.path(), false).held(TO).as_deref(), Some("AKIA1"));
    }

    #[test]
    fn only_the_key_that_goes_is_written_over() {
        let folder = tempfile::tempdir().unwrap();
        deliver(folder.path(), "AKIA1", &[]).unwrap();
        for superseded in [&[][..], &["AKIA2"]] {
            assert!(deliver(folder.path(), "AKIA3", superseded).unwrap_err().message.contains("holds the key AKIA1"));
        }
        deliver(folder.path(), "AKIA2", &["AKIA0", "AKIA1"]).unwrap();
        let delivery = Delivery::new(folder.path(), false);
        assert_eq!(delivery.held(TO).as_deref(), Some("AKIA2"));
        delivery.clear(TO, "AKIA1");
        assert_eq!(names(folder.path()), [TO]);
        delivery.clear(TO, "AKIA2");
        assert!(names(folder.path()).is_empty());
    }

    fn rearrange(delivery: &Delivery, moves: &[(&str, &str, &str)], superseded: &[&str]) {
        let owned = |&(key, from, to): &(&str, &str, &str)| Move { key: key.into(), from: from.into(), to: to.into() };
        delivery.rearrange(moves.iter().map(owned).collect(), &superseded.iter().map(|&key| key.into()).collect());
    }

    #[test]
    fn a_key_is_moved_only_where_nothing_is() {
        let folder = tempfile::tempdir().unwrap();
        deliver(folder.path(), "AKIA1", &[]).unwrap();
        let delivery = Delivery::new(folder.path(), false);
        std::fs::write(folder.path().join("taken"), "mine").unwrap();
        for (key, to) in [("AKIA2", "other.env"), ("AKIA1", "taken"), ("AKIA1", "nowhere/ci.env")] {
            rearrange(&delivery, &[(key, TO, to)], &[]);
        }
        assert_eq!(delivery.held(TO).as_deref(), Some("AKIA1"));
        rearrange(&delivery, &[("AKIA1", TO, "other.env")], &[]);
        assert_eq!((delivery.held(TO), delivery.held("other.env").as_deref()), (None, Some("AKIA1")));
        assert_eq!(std::fs::read_to_string(folder.path().join("taken")).unwrap(), "mine");
    }

    #[test]
    fn keys_change_places_in_any_order() {
        let folder = tempfile::tempdir().unwrap();
        let delivery = Delivery::new(folder.path(), false);
        let lay = |files: &[(&str, &str)]| {
            for (file, key) in files {
                std::fs::write(folder.path().join(file), lines(key, &secret()).as_bytes()).unwrap();
            }
        };
        let held = || ["a", "b", "c", "d"].map(|file| delivery.held(file).unwrap_or_default());
        let circle = [("K1", "a", "b"), ("K2", "b", "c"), ("K3", "c", "a")];
        let chain = [("K1", "a", "b"), ("K2", "b", "c"), ("K3", "c", "d")];
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            lay(&[("a", "K1"), ("b", "K2"), ("c", "K3")]);
            rearrange(&delivery, &order.map(|place| circle[place]), &[]);
            assert_eq!(held(), ["K3", "K1", "K2", ""]);
            lay(&[("a", "K1"), ("b", "K2"), ("c", "K3")]);
            rearrange(&delivery, &order.map(|place| chain[place]), &[]);
            assert_eq!(held(), ["", "K1", "K2", "K3"]);
            std::fs::remove_file(folder.path().join("d")).unwrap();
        }
        // One that goes makes room; a key that stays does not; a second name is what a cut run left.
        lay(&[("a", "K1"), ("b", "K2"), ("c", "K3"), ("d", "K3")]);
        rearrange(&delivery, &[("K1", "a", "b")], &[]);
        assert_eq!(held(), ["K1", "K2", "K3", "K3"]);
        rearrange(&delivery, &[("K1", "a", "b"), ("K3", "c", "d")], &["K2"]);
        assert_eq!(held(), ["K2", "K1", "", "K3"]);
    }

    #[test]
    fn what_is_there_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let (path, elsewhere) = (folder.path().join(TO), folder.path().join("elsewhere"));
        for text in ["", "AWS_ACCESS_KEY_ID=AKIA1\n", "AWS_ACCESS_KEY_ID=AKIA1\nAWS_SECRET_ACCESS_KEY=x\nMORE=1\n"] {
            std::fs::write(&path, text).unwrap();
            assert!(
                deliver(folder.path(), "AKIA2", &["AKIA0", "AKIA1"]).unwrap_err().message.contains("not overwritten")
            );
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
        std::fs::remove_file(&path).unwrap();
        symlink(&elsewhere, &path).unwrap();
        assert!(deliver(folder.path(), "AKIA2", &[]).unwrap_err().message.contains("is a link"));
        assert!(!elsewhere.exists());
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        assert!(deliver(folder.path(), "AKIA2", &[]).unwrap_err().message.contains("is no file"));
    }

    #[test]
    fn what_appears_in_the_meantime_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let prepared = Delivery::new(folder.path(), false).prepare(TO, &BTreeSet::new()).unwrap();
        std::fs::write(folder.path().join(TO), "mine").unwrap();
        prepared.hand_over("users.ci", "AKIA1", secret()).unwrap_err();
        assert_eq!(std::fs::read_to_string(folder.path().join(TO)).unwrap(), "mine");
        assert_eq!(names(folder.path()), [TO]);
    }

    #[test]
    fn nothing_goes_to_a_terminal_that_is_none() {
        let nowhere = Delivery::new(Path::new("/nonexistent"), false);
        assert_eq!(nowhere.check(TERMINAL, &BTreeSet::new()).unwrap_err().kind, crate::error::ErrorKind::Refused);
        assert!(nowhere.check(TO, &BTreeSet::new()).unwrap_err().message.contains("cannot be written"));
        assert!(nowhere.prepare(TO, &BTreeSet::new()).unwrap_err().message.contains("cannot be written"));
    }
}
