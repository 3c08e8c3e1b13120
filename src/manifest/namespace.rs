//! The manifest itself and every use of a blueprint in it: each has params, entries and uses of its own.

use std::cell::OnceCell;
use std::sync::Arc;

use indexmap::IndexMap;

use super::each::Each;
use super::header::Defaults;
use super::params::Params;
use super::parts::SplitPolicies;
use crate::model::{Address, Entry, Node};
use crate::problem::{FileId, Place};

/// What one file (with those it includes) declares, in one place of the tree.
#[derive(Clone, Debug)]
pub struct Namespace {
    /// Of addresses: nothing for the manifest, `use.forge` for that use.
    pub prefix: Vec<String>,
    /// The same without what a `for_each` adds.
    pub written: Vec<String>,
    /// Of default names in AWS: `forge-`.
    pub names: String,
    /// Whose expressions see this namespace, in order.
    pub files: Vec<FileId>,
    /// Included and overridden entries are in it.
    pub root: Node,
    /// As far as they are known without the names of entries.
    pub params: Params,
    pub defaults: Defaults,
    /// None for the manifest.
    pub used: Option<Used>,
    pub uses: IndexMap<String, Child>,
}

/// How a blueprint is used.
#[derive(Clone, Debug)]
pub struct Used {
    /// Index of the namespace whose `use` it is.
    pub by: usize,
    /// Of the key under `use`.
    pub place: Place,
    pub each: Option<Arc<Each>>,
    /// The values of `with`, unevaluated.
    pub with: Vec<Entry>,
}

/// What stands under one name of `use`.
#[derive(Clone, Debug)]
pub enum Child {
    /// Index of its namespace.
    Made(usize),
    Absent(Absent),
}

/// Why something that is written is not there under this name.
#[derive(Clone, Debug)]
pub enum Absent {
    /// A `when` leaves it out.
    LeftOut,
    /// It has a `for_each`; the key of the first that this makes.
    Repeated(Option<String>),
    /// It is wrong, which was reported.
    Broken,
}

impl Namespace {
    /// Returns the manifest itself, before it is known what it uses.
    pub fn manifest(root: Node, files: Vec<FileId>, params: Params) -> Self {
        Self {
            prefix: Vec::new(),
            written: Vec::new(),
            names: String::new(),
            files,
            root,
            params,
            defaults: Defaults::default(),
            used: None,
            uses: IndexMap::new(),
        }
    }

    pub fn address<'s>(&self, segments: impl IntoIterator<Item = &'s str>) -> Address {
        Address::new(self.prefix.iter().cloned()).child(segments)
    }

    /// Returns the address of something under `use`.
    pub fn address_of_use(&self, name: &str) -> Address {
        self.address(["use", name])
    }
}

/// Returns where a namespace is used, the outermost first.
pub fn related(spaces: &[Namespace], at: usize) -> Vec<(Place, String)> {
    let mut related = Vec::new();
    let mut used = spaces[at].used.as_ref();
    while let Some(by) = used {
        related.push((by.place, "used here".to_owned()));
        used = spaces[by.by].used.as_ref();
    }
    related.reverse();
    related
}

/// Values that need the names of all entries, by namespace.
#[derive(Debug)]
pub struct Settled {
    params: Vec<OnceCell<Params>>,
    /// `None` for one that is wrong, which was reported.
    outputs: Vec<OnceCell<IndexMap<String, Option<Node>>>>,
    pub split: SplitPolicies,
}

impl Settled {
    pub fn nothing(count: usize) -> Self {
        Self {
            params: vec![OnceCell::new(); count],
            outputs: vec![OnceCell::new(); count],
            split: SplitPolicies::default(),
        }
    }

    pub fn params(&self, at: usize) -> Option<&Params> {
        self.params[at].get()
    }

    pub fn outputs(&self, at: usize) -> Option<&IndexMap<String, Option<Node>>> {
        self.outputs[at].get()
    }

    pub fn set_params(&self, at: usize, params: Params) {
        // Each namespace is settled once.
        let _ = self.params[at].set(params);
    }

    pub fn set_outputs(&self, at: usize, outputs: IndexMap<String, Option<Node>>) {
        let _ = self.outputs[at].set(outputs);
    }
}
