//! The account on disk: a folder that survives between runs and that a person can edit.
//!
//! `.generation` counts writes, and every call holds an OS lock on it: a process that finds it moved by
//! another one reads the folder again. It is raised before the object's file is written, so that a kill
//! between the two costs others a useless reading and never a stale one. Files appear by renaming.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::ids;
use super::table::{Entity, Table};
use super::world::{Account, Group, Policy, Profile, Provider, Role, User, World};
use crate::error::{Error, Result};
use crate::model;

/// What the names of files start with that are not complete yet.
const PREPARED: &str = ".new-";

/// How many writes there were, in so many digits and a line feed.
const COUNTER: &str = ".generation";
const DIGITS: usize = 20;

/// After a pause this long a person may have edited the files.
const PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub struct Store {
    dir: PathBuf,
    /// `.generation`, open for as long as the account is.
    counter: Arc<File>,
    /// What is on disk as of `generation`; none when it has to be read.
    world: Option<World>,
    generation: u64,
    last_turn: Instant,
}

/// The lock, while it is held.
struct Locked(Arc<File>);

impl Locked {
    fn new(file: &Arc<File>) -> std::io::Result<Self> {
        file.lock()?;
        Ok(Self(file.clone()))
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        // Should it fail, the lock goes with the file.
        let _ = self.0.unlock();
    }
}

impl Store {
    /// Opens the account in `dir`, or makes one.
    pub fn open(dir: &Path, account: Option<&model::Account>) -> Result<Self> {
        let folders = [Role::FOLDER, User::FOLDER, Group::FOLDER, Policy::FOLDER, Profile::FOLDER, Provider::FOLDER];
        for folder in folders {
            std::fs::create_dir_all(dir.join(folder)).map_err(cannot("create", &dir.join(folder)))?;
        }
        let path = dir.join(COUNTER);
        let counter = File::options().create(true).truncate(false).read(true).write(true).open(&path);
        let counter = Arc::new(counter.map_err(cannot("open", &path))?);
        let mut store = Self { dir: dir.to_owned(), counter, world: None, generation: 0, last_turn: Instant::now() };
        let _locked = Locked::new(&store.counter).map_err(cannot("lock", &path))?;
        store.sweep()?;
        let path = dir.join("account.json");
        if !path.exists() {
            let mut new = Account::default();
            if let Some(account) = account {
                new.id.clone_from(&account.id);
                new.partition.clone_from(&account.partition);
            }
            check_id(&new.id, &path)?;
            store.write_json(&path, &new)?;
        }
        store.generation = store.read_generation()?;
        store.world = Some(store.read()?);
        Ok(store)
    }

    /// Returns the id of the account.
    pub fn account(&self) -> &str {
        self.world.as_ref().map_or("", |world| &world.account.id)
    }

    /// Lets one call act on the account and writes what it changed. `act` also gets the number that a
    /// write has.
    pub fn turn<R>(&mut self, act: impl FnOnce(&mut World, u64) -> R) -> Result<R> {
        let _locked = Locked::new(&self.counter).map_err(cannot("lock", &self.dir.join(COUNTER)))?;
        let generation = self.read_generation()?;
        let paused = self.last_turn.elapsed() > PAUSE;
        let kept = self.world.take().filter(|_| generation == self.generation && !paused);
        let mut world = match kept {
            Some(world) => world,
            None => self.read()?,
        };
        self.generation = generation;
        let result = act(&mut world, generation + 1);
        // After an error the world stays away, and the next call reads what really is on disk.
        self.write(&mut world)?;
        self.world = Some(world);
        self.last_turn = Instant::now();
        Ok(result)
    }

    fn write(&mut self, world: &mut World) -> Result<()> {
        let files = [
            self.files(&mut world.roles)?,
            self.files(&mut world.users)?,
            self.files(&mut world.groups)?,
            self.files(&mut world.policies)?,
            self.files(&mut world.profiles)?,
            self.files(&mut world.providers)?,
        ];
        let files: Vec<_> = files.into_iter().flatten().collect();
        if files.is_empty() {
            return Ok(());
        }
        self.generation += 1;
        self.write_generation()?;
        for (path, content) in files {
            match content {
                Some(text) => self.write_text(&path, &text)?,
                None => remove(&path)?,
            }
        }
        Ok(())
    }

    /// Returns the files of what changed with their new content; none for what was removed.
    fn files<T: Entity>(&self, table: &mut Table<T>) -> Result<Vec<(PathBuf, Option<String>)>> {
        let mut files = Vec::new();
        for name in table.take_changed() {
            let path = self.dir.join(T::FOLDER).join(format!("{name}.json"));
            let text = table.get(&name).map(|entity| json(&path, entity)).transpose()?;
            files.push((path, text));
        }
        Ok(files)
    }

    /// 0 in a folder that a person made, where none was written yet.
    fn read_generation(&self) -> Result<u64> {
        let mut digits = [0; DIGITS + 1];
        let mut file = &*self.counter;
        let read = file.rewind().and_then(|()| file.read(&mut digits));
        let read = read.map_err(cannot("read", &self.dir.join(COUNTER)))?;
        let text = std::str::from_utf8(&digits[..read]).unwrap_or_default();
        Ok(text.trim().parse().unwrap_or(0))
    }

    /// All digits in one write over the old ones: a kill leaves no half of a number, and no file is replaced,
    /// which takes a disk longer than anything else here.
    fn write_generation(&self) -> Result<()> {
        let mut file = &*self.counter;
        let text = format!("{:0DIGITS$}\n", self.generation);
        let written = file.rewind().and_then(|()| file.write_all(text.as_bytes()));
        written.map_err(cannot("write", &self.dir.join(COUNTER)))
    }

    fn read(&self) -> Result<World> {
        let path = self.dir.join("account.json");
        let account: Account = parse(&path, &std::fs::read(&path).map_err(cannot("read", &path))?)?;
        check_id(&account.id, &path)?;
        let id = &account.id;
        Ok(World {
            roles: self.read_table(id)?,
            users: self.read_table(id)?,
            groups: self.read_table(id)?,
            policies: self.read_table(id)?,
            profiles: self.read_table(id)?,
            providers: self.read_table(id)?,
            account,
        })
    }

    /// Deletes what a process that was killed had prepared. Nobody else prepares anything under the lock.
    fn sweep(&self) -> Result<()> {
        for file in std::fs::read_dir(&self.dir).map_err(cannot("read", &self.dir))? {
            let path = file.map_err(cannot("read", &self.dir))?.path();
            if path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(PREPARED)) {
                remove(&path)?;
            }
        }
        Ok(())
    }

    fn read_table<T: Entity>(&self, account: &str) -> Result<Table<T>> {
        let mut table = Table::default();
        let folder = self.dir.join(T::FOLDER);
        for file in std::fs::read_dir(&folder).map_err(cannot("read", &folder))? {
            let path = file.map_err(cannot("read", &folder))?.path();
            let Some(name) =
                path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".json"))
            else {
                continue;
            };
            let mut entity: T = parse(&path, &std::fs::read(&path).map_err(cannot("read", &path))?)?;
            entity.set_name(name);
            if entity.id_mut().is_empty() {
                *entity.id_mut() = ids::of_name(T::ID_PREFIX, account, name);
            }
            if table.is_taken(name) {
                let message = format!("{}: another file has this name in another letter case", path.display());
                return Err(Error::failed(message).hint("IAM names are unique whatever their case: rename one of them"));
            }
            table.load(entity);
        }
        Ok(table)
    }

    fn write_json(&self, path: &Path, value: &impl Serialize) -> Result<()> {
        self.write_text(path, &json(path, value)?)
    }

    /// Puts a whole file in place of the one that is there. The file is prepared in `dir` itself, where
    /// one that a kill leaves behind is never taken for an object.
    fn write_text(&self, path: &Path, text: &str) -> Result<()> {
        let write = || {
            let mut file = tempfile::Builder::new().prefix(PREPARED).tempfile_in(&self.dir)?;
            file.write_all(text.as_bytes())?;
            file.persist(path).map(drop).map_err(|error| error.error)
        };
        write().map_err(cannot("write", path))
    }
}

fn check_id(id: &str, path: &Path) -> Result<()> {
    if id.len() == 12 && id.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(());
    }
    Err(Error::failed(format!("{}: the account `{id}` is not 12 digits", path.display())))
}

fn json(path: &Path, value: &impl Serialize) -> Result<String> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| Error::failed(format!("cannot write {}", path.display())).caused_by(error))?;
    Ok(text + "\n")
}

fn parse<T: serde::de::DeserializeOwned>(path: &Path, bytes: &[u8]) -> Result<T> {
    serde_json::from_slice(bytes).map_err(|error| {
        Error::failed(format!("{} is not an object of the sandbox", path.display()))
            .caused_by(error)
            .hint("mend the file, or delete it to delete the object")
    })
}

fn remove(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(cannot("delete", path)(error)),
        _ => Ok(()),
    }
}

fn cannot(verb: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let message = format!("cannot {verb} {} of the sandbox", path.display());
    move |error| Error::failed(message).caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::testbed::{ACCOUNT, Bed, refused};
    use crate::sandbox::{Faults, Sandbox};

    #[tokio::test]
    async fn an_account_survives_and_keeps_its_id() {
        let dir = tempfile::tempdir().unwrap();
        assert!(Sandbox::open(dir.path(), Some(&model::Account::new("aws", "12")), Faults::default()).is_err());
        std::fs::write(dir.path().join(".new-left"), "{").unwrap();
        let first =
            Sandbox::open(dir.path(), Some(&model::Account::new("aws", "999999999999")), Faults::default()).unwrap();
        assert!(!dir.path().join(".new-left").exists());
        assert_eq!(first.account(), "999999999999");
        let bed = Bed::over(dir, "").await;
        assert_eq!((bed.sandbox.account(), bed.cloud.account.id.as_str()), ("999999999999", "999999999999"));
        bed.role("head").await;
        let arn = bed.policy("reads").await;
        bed.iam().attach_role_policy().role_name("head").policy_arn(&arn).send().await.unwrap();
        let before = bed.iam().get_role().role_name("head").send().await.unwrap().role;
        let bed = Bed::over(bed.dir, "").await;
        assert_eq!(bed.iam().get_role().role_name("head").send().await.unwrap().role, before);
        assert_eq!(refused(bed.iam().delete_policy().policy_arn(&arn).send().await).0, "DeleteConflict");
    }

    #[tokio::test]
    async fn two_processes_see_each_other_and_make_different_ids() {
        let one = Bed::new().await;
        let other = Sandbox::open(one.dir.path(), None, Faults::default()).unwrap();
        let target = crate::cloud::Target { http: Some(other.http_client()), ..Default::default() };
        let other = crate::cloud::Cloud::connect(&target).await.unwrap();
        let mut ids = std::collections::BTreeSet::new();
        for n in 0..4 {
            one.role(&format!("r{n}")).await;
            let role = other.iam.get_role().role_name(format!("r{n}")).send().await.unwrap().role.unwrap();
            assert!(ids.insert(role.role_id));
            let call = other.iam.create_instance_profile().instance_profile_name(format!("r{n}"));
            let profile = call.send().await.unwrap().instance_profile.unwrap();
            assert!(ids.insert(profile.instance_profile_id[4..].to_owned()));
        }
        assert_eq!(one.iam().list_instance_profiles().send().await.unwrap().instance_profiles().len(), 4);
    }

    #[tokio::test]
    async fn what_a_person_edits_is_drift() {
        let bed = Bed::new().await;
        bed.role("head").await;
        let path = bed.file("roles/head.json");
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replacen('{', "{\n  \"description\": \"by hand\",", 1)).unwrap();
        std::fs::write(bed.file("roles/bare.json"), r#"{"trust": {}}"#).unwrap();
        std::thread::sleep(PAUSE + Duration::from_millis(50));
        let get = |name: &str| bed.iam().get_role().role_name(name).send();
        assert_eq!(get("head").await.unwrap().role.unwrap().description(), Some("by hand"));
        let bare = get("bare").await.unwrap().role.unwrap();
        assert!(bare.role_id().starts_with("AROA") && bare.path() == "/", "{bare:?}");
        std::fs::remove_file(&path).unwrap();
        let bed = Bed::over(bed.dir, "").await;
        assert_eq!(refused(bed.iam().get_role().role_name("head").send().await).0, "NoSuchEntity");
    }

    #[tokio::test]
    async fn a_file_that_is_nonsense_is_named() {
        let bed = Bed::new().await;
        let open = || Sandbox::open(bed.dir.path(), None, Faults::default());
        for (file, text) in
            [("roles/x.json", "{"), ("roles/x.json", r#"{"trust": {}, "colour": 1}"#), ("policies/y.json", "1")]
        {
            std::fs::write(bed.file(file), text).unwrap();
            let error = open().err().unwrap();
            assert!(error.to_string().contains(file), "{error}");
            std::fs::remove_file(bed.file(file)).unwrap();
        }
        std::fs::write(bed.file("roles/a.json"), r#"{"trust": {}}"#).unwrap();
        std::fs::write(bed.file("roles/A.json"), r#"{"trust": {}}"#).unwrap();
        assert!(open().err().unwrap().to_string().contains("letter case"));
        std::fs::remove_file(bed.file("roles/A.json")).unwrap();
        std::fs::write(bed.file("account.json"), r#"{"account": "12"}"#).unwrap();
        assert!(open().err().unwrap().to_string().contains("12 digits"));
        // A running one says so too, and goes on when the file is mended.
        std::fs::write(bed.file(".generation"), "99").unwrap();
        assert_eq!(refused(bed.iam().list_roles().send().await).0, "SandboxFailure");
        std::fs::write(bed.file("account.json"), format!(r#"{{"account": "{ACCOUNT}"}}"#)).unwrap();
        assert_eq!(bed.iam().list_roles().send().await.unwrap().roles().len(), 1);
    }

    #[tokio::test]
    async fn a_write_that_fails_on_disk_did_not_happen() {
        let bed = Bed::new().await;
        // A folder stands where the file should go.
        std::fs::create_dir(bed.file("roles/head.json")).unwrap();
        let call = bed.iam().create_role().role_name("head");
        let call = call.assume_role_policy_document(crate::sandbox::testbed::trust("ec2").to_string());
        assert_eq!(refused(call.send().await).0, "SandboxFailure");
        std::fs::remove_dir(bed.file("roles/head.json")).unwrap();
        assert_eq!(refused(bed.iam().get_role().role_name("head").send().await).0, "NoSuchEntity");
    }

    #[tokio::test]
    async fn a_call_writes_its_object_and_nothing_else() {
        let bed = Bed::new().await;
        for n in 0..3 {
            bed.role(&format!("r{n}")).await;
        }
        let written = |name: &str| std::fs::metadata(bed.file(name)).unwrap().modified().unwrap();
        let before = [written("roles/r0.json"), written("roles/r2.json"), written("account.json")];
        std::thread::sleep(Duration::from_millis(20));
        let change = written("roles/r1.json");
        bed.iam().update_role().role_name("r1").description("d").send().await.unwrap();
        assert_eq!(before, [written("roles/r0.json"), written("roles/r2.json"), written("account.json")]);
        assert_ne!(change, written("roles/r1.json"));
    }
}
