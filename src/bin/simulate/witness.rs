//! Sees every call on its way to the sandbox and what it does to the account, from the files that the
//! sandbox keeps: whether the tool did what its plan said, once, and nothing else.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use seqera_iam::model::ObjectId;
use seqera_iam::plan::{Action, Plan, Step};
use seqera_iam::sandbox::{Request, Sandbox};
use serde_json::Value as Json;

use crate::draw::Chance;
use crate::keys;
use crate::law::Law;
use crate::world::ACCOUNT;

/// What a run did.
#[derive(Debug, Default)]
pub struct Deeds {
    pub made: BTreeMap<ObjectId, usize>,
    pub removed: BTreeMap<ObjectId, usize>,
    /// AWS's ids of keys that came and went, and whose they are.
    keys_made: BTreeMap<String, String>,
    keys_gone: BTreeMap<String, String>,
    /// Calls that changed something, by what they said.
    said: BTreeMap<String, usize>,
}

#[derive(Clone)]
pub struct Witness {
    account: PathBuf,
    deeds: Arc<Mutex<Deeds>>,
    /// What was in the files that were looked at: nobody else writes during a run.
    seen: Arc<Mutex<HashMap<File, Option<Json>>>>,
    /// Watches the permissions at each moment.
    law: Arc<Mutex<Option<Law>>>,
    chance: Arc<Mutex<Chance>>,
    slow: bool,
}

#[derive(Clone)]
struct Connector {
    sandbox: Sandbox,
    witness: Witness,
}

impl Witness {
    /// Answers take some time where they are slow, another time each, so that calls finish in any order.
    pub fn new(account: &Path, chance: Chance, slow: bool) -> Self {
        let chance = Arc::new(Mutex::new(chance));
        let (deeds, seen, law) = <(Arc<_>, Arc<_>, Arc<_>)>::default();
        Self { account: account.to_owned(), deeds, seen, law, chance, slow }
    }

    pub fn http_client(&self, sandbox: &Sandbox) -> SharedHttpClient {
        let connector = SharedHttpConnector::new(Connector { sandbox: sandbox.clone(), witness: self.clone() });
        http_client_fn(move |_, _| connector.clone())
    }

    pub fn deeds(&self) -> Deeds {
        std::mem::take(&mut locked(&self.deeds))
    }

    /// Watches from here on that permissions keep between both sides of this plan.
    pub fn watch(&self, plan: &Plan) {
        *locked(&self.law) = Some(Law::new(&self.account, plan));
    }

    /// Returns who was watching.
    pub fn law(&self) -> Option<Law> {
        locked(&self.law).take()
    }

    fn latency(&self) -> Duration {
        let most = if self.slow { 60 } else { 1 };
        let drawn = locked(&self.chance).below(most);
        Duration::from_millis(drawn as u64)
    }

    /// Reads a file before the first call that may change it.
    fn look(&self, file: &File) {
        let mut seen = locked(&self.seen);
        if !seen.contains_key(file) {
            seen.insert(file.clone(), file.read(&self.account));
        }
    }

    fn note(&self, body: &str, file: &File) {
        let after = file.read(&self.account);
        let before = locked(&self.seen).insert(file.clone(), after.clone()).flatten();
        if before == after {
            return;
        }
        let (before, after) = (before.as_ref(), after.as_ref());
        let (held, holds) = (file.objects(before), file.objects(after));
        let (keys_held, keys_hold) = (file.keys(before), file.keys(after));
        if let Some(law) = locked(&self.law).as_mut() {
            law.look(body, file, &held, after);
        }
        let mut deeds = locked(&self.deeds);
        *deeds.said.entry(body.to_owned()).or_default() += 1;
        holds.difference(&held).for_each(|id| *deeds.made.entry(id.clone()).or_default() += 1);
        held.difference(&holds).for_each(|id| *deeds.removed.entry(id.clone()).or_default() += 1);
        let of = |key: &String| (key.clone(), file.name.clone());
        deeds.keys_made.extend(keys_hold.difference(&keys_held).map(of));
        deeds.keys_gone.extend(keys_held.difference(&keys_hold).map(of));
    }
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Connector").field(&self.witness.account).finish()
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let Self { sandbox, witness } = self.clone();
        HttpConnectorFuture::new(async move {
            let latency = witness.latency();
            if !latency.is_zero() {
                tokio::time::sleep(latency).await;
            }
            let call = Request::of(&request)?;
            let file = File::of(&call).filter(|_| !["Get", "List"].iter().any(|verb| call.action().starts_with(verb)));
            file.iter().for_each(|file| witness.look(file));
            let reply = sandbox.answer(&call);
            if let Some(file) = file {
                witness.note(&request.body().bytes().map(String::from_utf8_lossy).unwrap_or_default(), &file);
            }
            reply.arrive().await
        })
    }
}

/// The file of the object that a call is about.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct File {
    pub folder: &'static str,
    pub name: String,
}

fn locked<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}

impl File {
    fn of(call: &Request) -> Option<Self> {
        let named = |folder, parameter| Some(Self { folder, name: call.get(parameter)?.to_owned() });
        let policy = || {
            let name = call.get("PolicyArn")?.rsplit('/').next()?.to_owned();
            Some(Self { folder: "policies", name })
        };
        let provider = || {
            let arn = call.get("OpenIDConnectProviderArn").and_then(|arn| arn.split_once(":oidc-provider/"));
            let url = arn.map(|(_, url)| url).or_else(|| call.get("Url")?.strip_prefix("https://"))?;
            Some(Self { folder: "oidc_providers", name: url.replace('/', "%2F") })
        };
        let linked = || {
            let name = match call.get("AWSServiceName")? {
                "spot.amazonaws.com" => "AWSServiceRoleForEC2Spot",
                "batch.amazonaws.com" => "AWSServiceRoleForBatch",
                _ => "AWSServiceRoleForTransfer",
            };
            Some(Self { folder: "roles", name: name.to_owned() })
        };
        named("instance_profiles", "InstanceProfileName")
            .or_else(|| named("roles", "RoleName"))
            // A membership is in the file of the user.
            .or_else(|| named("users", "UserName"))
            .or_else(|| named("groups", "GroupName"))
            .or_else(provider)
            .or_else(linked)
            .or_else(policy)
            .or_else(|| named("policies", "PolicyName"))
    }

    pub fn read(&self, account: &Path) -> Option<Json> {
        let text = std::fs::read(account.join(self.folder).join(format!("{}.json", self.name))).ok()?;
        serde_json::from_slice(&text).ok()
    }

    fn keys(&self, content: Option<&Json>) -> BTreeSet<String> {
        content.map(keys::of).unwrap_or_default().into_keys().collect()
    }

    /// Returns the objects in it: a role's attachments and inline policies are in the role's file.
    pub fn objects(&self, content: Option<&Json>) -> BTreeSet<ObjectId> {
        let Some(content) = content else { return BTreeSet::new() };
        let name = &self.name;
        let mut objects = BTreeSet::new();
        match self.folder {
            "roles" | "users" | "groups" => {
                let path = content["path"].as_str().unwrap_or("/");
                if let Some(service) = path.strip_prefix("/aws-service-role/") {
                    return BTreeSet::from([ObjectId::new("service_linked_role", service.trim_end_matches('/'))]);
                }
                let owner = self.folder.trim_end_matches('s');
                let kind = |of: &str| if owner == "role" { of.to_owned() } else { format!("{owner}_{of}") };
                objects.insert(ObjectId::new(owner, name));
                let attached = content["policies"].as_array().into_iter().flatten().filter_map(Json::as_str);
                objects.extend(attached.map(|arn| ObjectId::new(kind("attachment"), format!("{name} {arn}"))));
                let inline = content["inline"].as_object().into_iter().flatten();
                objects.extend(inline.map(|(key, _)| ObjectId::new(kind("inline_policy"), format!("{name}/{key}"))));
                let groups = content["groups"].as_array().into_iter().flatten().filter_map(Json::as_str);
                objects.extend(groups.map(|group| ObjectId::new("membership", format!("{name}/{group}"))));
            }
            "oidc_providers" => {
                objects.insert(ObjectId::new("oidc_provider", name.replace("%2F", "/")));
            }
            "policies" => {
                let path = content["path"].as_str().unwrap_or("/");
                objects.insert(ObjectId::new("policy", format!("arn:aws:iam::{ACCOUNT}:policy{path}{name}")));
            }
            _ => {
                objects.insert(ObjectId::new("instance_profile", name));
                objects.extend(content["role"].as_str().map(|_| ObjectId::new("profile_role", name)));
            }
        }
        objects
    }
}

/// Returns the owner that an object hangs on.
pub fn owner(id: &ObjectId) -> Option<ObjectId> {
    match id.kind.as_str() {
        kind if kind.ends_with("attachment") || kind.ends_with("inline_policy") || kind == "membership" => {
            let of = kind.split_once('_').map_or("", |(of, _)| of);
            let owner = match kind {
                "membership" => "user",
                _ if ["user", "group"].contains(&of) => of,
                _ => "role",
            };
            id.name.split([' ', '/']).next().map(|name| ObjectId::new(owner, name))
        }
        "profile_role" => Some(ObjectId::new("instance_profile", &id.name)),
        _ => None,
    }
}

/// Returns what a step makes.
fn to_make(step: &Step) -> Option<&ObjectId> {
    step.made.as_ref().filter(|_| matches!(step.action(), Action::Create | Action::Replace(_)))
}

/// Returns what a step removes.
fn to_remove(step: &Step) -> Option<&ObjectId> {
    step.removed.as_ref().filter(|_| matches!(step.action(), Action::Delete | Action::Replace(_)))
}

impl Deeds {
    /// Demands that a run did nothing that its plan does not say, and nothing twice.
    pub fn follow(&self, plan: &Plan) -> Result<(), String> {
        let steps = |wanted: fn(&Step) -> bool| plan.steps.iter().filter(move |step| wanted(step));
        // What a profile holds is changed by removing it and adding another.
        let swaps = |step: &Step| {
            matches!(step.action(), Action::Update | Action::Import)
                && step.id().is_some_and(|id| id.kind == "profile_role")
        };
        let to_make: BTreeSet<&ObjectId> = steps(|step| matches!(step.action(), Action::Create | Action::Replace(_)))
            .filter_map(|s| s.made.as_ref())
            .collect();
        let to_remove: BTreeSet<&ObjectId> = steps(|step| matches!(step.action(), Action::Delete | Action::Replace(_)))
            .filter_map(|step| step.removed.as_ref())
            .collect();
        let swapped: BTreeSet<&ObjectId> = plan.steps.iter().filter(|step| swaps(step)).filter_map(Step::id).collect();
        if let Some(id) = self.made.keys().find(|id| !to_make.contains(id) && !swapped.contains(id)) {
            return Err(format!("{id} was made, and the plan does not say so"));
        }
        let goes = |id: &ObjectId| to_remove.contains(id) || owner(id).is_some_and(|owner| to_remove.contains(&owner));
        if let Some(id) = self.removed.keys().find(|id| !goes(id) && !swapped.contains(id)) {
            return Err(format!("{id} was removed, and the plan does not say so"));
        }
        self.follow_keys(plan)?;
        match self.said.iter().find(|(_, times)| **times > 1) {
            Some((call, _)) => Err(format!("one call had effect twice in a run: {call}")),
            None => Ok(()),
        }
    }

    /// The same for keys, which come again where one was made that nobody has.
    fn follow_keys(&self, plan: &Plan) -> Result<(), String> {
        let key_of = |user: &String| ObjectId::new("access_key", format!("{user}/main"));
        let says =
            |says: fn(&Step) -> Option<&ObjectId>, id: &ObjectId| plan.steps.iter().any(|step| says(step) == Some(id));
        if let Some((key, user)) = self.keys_made.iter().find(|(_, user)| !says(to_make, &key_of(user))) {
            return Err(format!("{key} of {user} was made, and the plan does not say so"));
        }
        // A change of a key deletes another one that nobody has.
        let changed =
            |user| plan.steps.iter().any(|step| step.action() == Action::Update && step.id() == Some(&key_of(user)));
        let removes = |user| says(to_remove, &key_of(user)) || changed(user);
        let taken_back = |key| self.keys_made.contains_key(key);
        match self.keys_gone.iter().find(|(key, user)| !removes(user) && !taken_back(*key)) {
            Some((key, user)) => Err(format!("{key} of {user} was removed, and the plan does not say so")),
            None => Ok(()),
        }
    }

    /// Adds what another run did on the way to the same wish. Nothing may be made or removed twice on it.
    pub fn add(&mut self, other: Deeds) -> Result<(), String> {
        for (ours, theirs, what) in
            [(&mut self.made, other.made, "made"), (&mut self.removed, other.removed, "removed")]
        {
            for (id, times) in theirs {
                let all = ours.entry(id.clone()).or_default();
                *all += times;
                if *all > 1 {
                    return Err(format!("{id} was {what} {all} times on the way to one wish"));
                }
            }
        }
        Ok(())
    }

    /// Says whether nothing changed.
    pub fn is_nothing(&self) -> bool {
        self.said.is_empty()
    }

    /// Says whether nothing came or went.
    pub fn are_quiet(&self) -> bool {
        self.made.is_empty() && self.removed.is_empty() && self.keys_made.is_empty() && self.keys_gone.is_empty()
    }
}
