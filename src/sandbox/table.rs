//! Objects of one type by name, and who uses what.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Something with a name that is unique in its table, whatever the letter case.
pub trait Entity: Serialize + DeserializeOwned {
    /// The folder of its files.
    const FOLDER: &'static str;
    /// What AWS starts its ids with.
    const ID_PREFIX: &'static str;

    fn name(&self) -> &str;
    fn set_name(&mut self, name: &str);
    fn id_mut(&mut self) -> &mut String;
    /// What it uses, for lookups from the other end.
    fn uses(&self) -> Vec<Use>;
}

/// A use of one object by another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Use {
    /// A policy of this ARN is attached.
    Attached(String),
    /// A policy of this ARN is the permissions boundary.
    Boundary(String),
    /// A role of this name is inside.
    Role(String),
    /// It is in the group of this name.
    Member(String),
}

/// All objects of one type by lower-case name, with what they use and what was changed.
#[derive(Debug)]
pub struct Table<T> {
    entries: BTreeMap<String, T>,
    users: BTreeMap<Use, BTreeSet<String>>,
    /// Names of what was inserted, edited or removed since the last [`Table::take_changed`].
    changed: BTreeSet<String>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { entries: BTreeMap::new(), users: BTreeMap::new(), changed: BTreeSet::new() }
    }
}

impl<T: Entity> Table<T> {
    /// Returns the object of exactly this name.
    pub fn get(&self, name: &str) -> Option<&T> {
        self.entries.get(&name.to_lowercase()).filter(|entity| entity.name() == name)
    }

    /// Says whether the name is taken, in any letter case.
    pub fn is_taken(&self, name: &str) -> bool {
        self.entries.contains_key(&name.to_lowercase())
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.entries.values()
    }

    /// Returns what comes after `marker` in the order of names, with the marker of each.
    pub fn after<'a>(&'a self, marker: Option<&str>) -> impl Iterator<Item = (String, &'a T)> + use<'a, T> {
        let from = marker.map_or(std::ops::Bound::Unbounded, |marker| std::ops::Bound::Excluded(marker.to_owned()));
        self.entries.range((from, std::ops::Bound::Unbounded)).map(|(key, entity)| (key.clone(), entity))
    }

    /// Returns the objects that use something.
    pub fn users(&self, of: &Use) -> impl Iterator<Item = &T> {
        self.users.get(of).into_iter().flatten().filter_map(|key| self.entries.get(key))
    }

    pub fn insert(&mut self, entity: T) {
        self.changed.insert(entity.name().to_owned());
        self.load(entity);
    }

    /// Takes in what is on disk.
    pub fn load(&mut self, entity: T) {
        let key = entity.name().to_lowercase();
        self.unlink(&key);
        for it in entity.uses() {
            self.users.entry(it).or_default().insert(key.clone());
        }
        self.entries.insert(key, entity);
    }

    pub fn edit(&mut self, name: &str, change: impl FnOnce(&mut T)) {
        if let Some(mut entity) = self.remove(name) {
            change(&mut entity);
            self.insert(entity);
        }
    }

    pub fn remove(&mut self, name: &str) -> Option<T> {
        let key = name.to_lowercase();
        self.unlink(&key);
        let entity = self.entries.remove(&key)?;
        self.changed.insert(entity.name().to_owned());
        Some(entity)
    }

    pub fn take_changed(&mut self) -> BTreeSet<String> {
        std::mem::take(&mut self.changed)
    }

    fn unlink(&mut self, key: &str) {
        let uses = self.entries.get(key).map(Entity::uses).unwrap_or_default();
        for it in uses {
            if let Some(users) = self.users.get_mut(&it) {
                users.remove(key);
                if users.is_empty() {
                    self.users.remove(&it);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::world::Profile;

    fn profile(name: &str, role: Option<&str>) -> Profile {
        let mut profile: Profile = serde_json::from_str("{}").unwrap();
        profile.name = name.to_owned();
        profile.role = role.map(str::to_owned);
        profile
    }

    #[test]
    fn users_follow_every_edit() {
        let mut table = Table::default();
        table.insert(profile("A", Some("r")));
        table.insert(profile("B", None));
        let users = |table: &Table<Profile>, role: &str| {
            table.users(&Use::Role(role.to_owned())).map(|p| p.name.clone()).collect::<Vec<_>>()
        };
        assert_eq!(users(&table, "r"), ["A"]);
        table.edit("B", |b| b.role = Some("r".to_owned()));
        assert_eq!(users(&table, "r"), ["A", "B"]);
        table.edit("A", |a| a.role = Some("s".to_owned()));
        assert_eq!((users(&table, "r"), users(&table, "s")), (vec!["B".to_owned()], vec!["A".to_owned()]));
        table.remove("B");
        assert!(users(&table, "r").is_empty());
    }

    #[test]
    fn names_are_taken_in_any_case_and_found_in_their_own() {
        let mut table = Table::default();
        table.insert(profile("Head", None));
        assert!(table.is_taken("hEAD") && table.get("Head").is_some() && table.get("head").is_none());
    }
}
