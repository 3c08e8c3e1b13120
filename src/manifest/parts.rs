//! `split: true`: a policy that may become several. What refers to it refers to all of them.

use std::cell::RefCell;
use std::collections::HashMap;

use super::declarations::Named;
use super::declared::{Declared, Reference, Said};
use super::document::{self, Owner};
use super::reading::Reading;
use crate::model::{Account, Address, NodeValue};
use crate::policy::split::{self, Part};
use crate::policy::{Host, limits};
use crate::problem::Problem;

/// The policies that were split so far.
#[derive(Debug, Default)]
pub struct SplitPolicies {
    /// By the ARN of the entry, those of its parts; the entry's own is the first.
    arns: RefCell<HashMap<String, Vec<String>>>,
    /// Read before all others, as outputs name their parts.
    entries: RefCell<HashMap<Address, Declared>>,
}

impl SplitPolicies {
    /// Returns the ARNs of all parts of the policy that has this ARN; `None` for one that is not split, or not yet.
    pub fn arns(&self, arn: &str) -> Option<Vec<String>> {
        self.arns.borrow().get(arn).cloned()
    }

    /// Takes out what was read at an address.
    pub fn take(&self, address: &Address) -> Option<Declared> {
        self.entries.borrow_mut().remove(address)
    }

    fn add(&self, account: &Account, named: &Named, entry: Declared) {
        let (Some(arn), Some(path), Some(name)) = (&named.arn, &named.path, &named.name) else { return };
        let arns = entry.parts().iter().filter_map(|part| named.spec.arn(account, path, &part.named(name)));
        self.arns.borrow_mut().insert(arn.clone(), arns.collect());
        self.entries.borrow_mut().insert(named.address.clone(), entry);
    }
}

impl Reading<'_> {
    /// Reads the policies of a namespace that may become several.
    pub fn split(&mut self, at: usize) {
        let declared = self.references.declared;
        for named in declared.of(at).filter(|named| named.split) {
            let entry = self.named(named);
            self.settled.split.add(self.references.account, named, entry);
        }
    }

    /// Reads the documents of a policy that may become several.
    pub fn parts(&mut self, owner: &Owner, host: Host, named: &Named) -> Option<Vec<Part>> {
        let what = owner.what;
        let node = self.said_document(owner)?;
        let (document, well) = self.well_formed(&node, what, host);
        if !well {
            return None;
        }
        let longest = limits::longest(host);
        let parts = match split::split(&document, longest) {
            Ok(parts) => parts,
            Err(too_long) => {
                let statement = node.get("Statement").map_or(&node, |entry| &entry.value);
                let statement = match &statement.value {
                    NodeValue::List(items) => items.get(too_long.statement).unwrap_or(statement),
                    _ => statement,
                };
                let sid = statement.get("Sid").and_then(|sid| sid.value.to_json().as_str().map(str::to_owned));
                let what = sid.map_or_else(|| what.to_owned(), |sid| format!("{what}.statements.{sid}"));
                let problem = document::too_large(&what, too_long.size, longest).at(statement.place);
                self.report.push(
                    problem.note("a statement is divided by its resources, and this has too few or too long ones"),
                );
                return None;
            }
        };
        if parts.len() > limits::ATTACHMENTS {
            let message = format!(
                "{what}: {} characters are {} policies, AWS attaches {}",
                document.size(),
                parts.len(),
                limits::ATTACHMENTS
            );
            self.report.push(Problem::error("too-many-attachments", message).at(node.place));
            return None;
        }
        let longest =
            parts.iter().map(|part| part.named(named.name.as_deref().unwrap_or_default())).max_by_key(String::len);
        if let Some(name) = longest.filter(|name| name.len() > limits::POLICY_NAME) {
            let message = format!(
                "{what}: the name of a part, {name}, has {} characters, AWS takes {}",
                name.len(),
                limits::POLICY_NAME
            );
            self.report.push(Problem::error("bad-name", message).at(named.key_place));
            return None;
        }
        Some(parts)
    }

    /// Puts all parts in the place of a policy that was split.
    pub fn with_all_parts(&mut self, entry: &mut Declared) {
        let split = &self.settled.split;
        let mut more = Vec::new();
        if let Some(Said::Policies(policies)) = entry.said.get_mut("policies") {
            let written = policies.len();
            let all = |one: &Reference| split.arns(&one.arn).unwrap_or_else(|| vec![one.arn.clone()]);
            let all =
                policies.iter().flat_map(|one| all(one).into_iter().map(|arn| Reference { arn, place: one.place }));
            let mut arns = std::collections::HashSet::new();
            let all: Vec<Reference> =
                all.collect::<Vec<_>>().into_iter().filter(|one| arns.insert(one.arn.clone())).collect();
            if let Some(extra) = all.get(limits::ATTACHMENTS).filter(|_| written <= limits::ATTACHMENTS) {
                let message = format!("{}.policies: these are {} policies", entry.address, all.len());
                let problem = self.too_many_attachments(all.len(), &message, extra.place);
                more.extend(problem.map(|problem| problem.note("a policy that is too long was split into several")));
            }
            *policies = all;
        }
        if let Some(Said::Boundary(Some(boundary))) = entry.said.get("boundary")
            && let Some(count) = split.arns(&boundary.arn).map(|arns| arns.len()).filter(|count| *count > 1)
        {
            let message =
                format!("{}.boundary: this policy is split into {count}, and a boundary is one", entry.address);
            more.push(Problem::error("split-boundary", message).at(boundary.place));
        }
        more.into_iter().for_each(|problem| self.report.push(problem));
    }
}
