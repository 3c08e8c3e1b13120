//! A wish that changes: what a drawn manifest asks for, and its text.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};

use crate::draw::Chance;
use crate::weather;

const KEYS: [&str; 4] = ["alpha", "beta", "gamma", "delta"];
const AWS_MANAGED: [&str; 3] = ["AmazonS3ReadOnlyAccess", "CloudWatchLogsReadOnlyAccess", "PowerUserAccess"];
const ACTIONS: [&str; 5] = ["s3:GetObject", "s3:PutObject", "logs:GetLogEvents", "batch:SubmitJob", "ec2:Describe*"];
const SIDS: [&str; 5] = ["S", "T", "U", "V", "W"];
const SERVICES: [&str; 3] = ["ec2.amazonaws.com", "ecs-tasks.amazonaws.com", "lambda.amazonaws.com"];
/// Services whose linked roles are asked for.
const LINKED: [&str; 3] = ["spot.amazonaws.com", "batch.amazonaws.com", "transfer.amazonaws.com"];
pub const ACCOUNT: &str = "123456789012";
/// The user that all calls come from.
const CALLER: &str = "sandbox";
/// A role of others, on which we may put something.
pub const GUEST: &str = "guest";
pub const TAGS: [&str; 3] = ["team", "stage", "cost"];

/// What the manifest asks for, entry by entry, as it is written.
#[derive(Clone, Debug, Default)]
pub struct World {
    pub policies: BTreeMap<String, Json>,
    pub roles: BTreeMap<String, Json>,
    pub profiles: BTreeMap<String, Json>,
    pub guest: Option<Json>,
    /// Addresses to take over.
    pub imports: Vec<String>,
    pub groups: BTreeMap<String, Json>,
    pub users: BTreeMap<String, Json>,
    pub providers: BTreeMap<String, Json>,
    pub services: BTreeSet<&'static str>,
    /// Addresses that others stood at.
    pub moved: Vec<[String; 2]>,
}

impl World {
    /// Changes some of it, or draws it when there is nothing.
    pub fn change(&mut self, chance: &mut Chance) {
        self.imports.clear();
        self.moved.clear();
        for key in KEYS {
            if chance.percent(25) {
                entry(&mut self.policies, key, chance, policy);
            }
        }
        for key in KEYS {
            if chance.percent(35) {
                let own: Vec<String> = self.policies.keys().cloned().collect();
                entry(&mut self.roles, key, chance, |stem, chance| role(stem, &own, chance));
            }
        }
        let roles: Vec<String> = self.roles.keys().cloned().collect();
        for key in KEYS {
            if chance.percent(25) {
                entry(&mut self.profiles, key, chance, |stem, chance| profile(stem, &roles, chance));
            }
        }
        self.change_people(chance);
        for key in KEYS {
            if chance.percent(15) {
                entry(&mut self.providers, key, chance, provider);
            }
        }
        for service in LINKED {
            if chance.percent(12) && !self.services.remove(service) {
                self.services.insert(service);
            }
        }
        if chance.percent(30) {
            self.guest =
                (!chance.percent(30)).then(|| guest(&self.policies.keys().cloned().collect::<Vec<_>>(), chance));
        }
        if chance.percent(10) {
            self.swap(chance);
        }
        if chance.percent(15) {
            self.move_entry(chance);
        }
        for _ in 0..chance.below(4) {
            self.move_statement(chance);
        }
        self.mend(chance);
    }

    /// Lets a statement move from one document to another, of the same owner most often: nobody loses anything by it.
    fn move_statement(&mut self, chance: &mut Chance) {
        let key = *chance.pick(&KEYS);
        let owners = [self.roles.get_mut(key), self.users.get_mut(key), self.groups.get_mut(key)];
        let inline = owners.into_iter().flatten().flat_map(|owner| {
            let inline = owner.get_mut("inline").and_then(Json::as_object_mut);
            inline.into_iter().flat_map(|inline| inline.values_mut())
        });
        let mut documents: Vec<&mut Json> = self.policies.values_mut().chain(inline).collect();
        if documents.len() < 2 {
            return;
        }
        let from = documents.swap_remove(chance.below(documents.len()));
        let Some(statements) = from["statements"].as_object_mut().filter(|statements| statements.len() > 1) else {
            return;
        };
        let sid = chance.pick(&statements.keys().cloned().collect::<Vec<_>>()).clone();
        let to = documents.swap_remove(chance.below(documents.len()));
        if let (Some(to), Some(moved)) = (to["statements"].as_object_mut(), statements.get(&sid)) {
            let free = SIDS.iter().find(|sid| !to.contains_key(**sid));
            let Some(free) = free else { return };
            to.insert((*free).to_owned(), moved.clone());
            statements.remove(&sid);
        }
    }

    /// Changes users, groups, and who is in which.
    fn change_people(&mut self, chance: &mut Chance) {
        let own: Vec<String> = self.policies.keys().cloned().collect();
        for key in KEYS {
            if chance.percent(20) {
                entry(&mut self.groups, key, chance, |stem, chance| group(stem, &own, chance));
            }
        }
        let groups: Vec<String> = self.groups.keys().cloned().collect();
        for key in KEYS {
            if chance.percent(25) {
                entry(&mut self.users, key, chance, |stem, chance| user(stem, &own, &groups, chance));
            }
        }
        if chance.percent(15) {
            self.exchange_keys(chance);
        }
        if chance.percent(25) && (self.users.remove("caller").is_none() || chance.percent(70)) {
            self.users.insert("caller".to_owned(), caller(&own, &groups, chance));
        }
    }

    /// Lets the keys of two users go where the other's went, or only one of them have a key, in the file of the other.
    fn exchange_keys(&mut self, chance: &mut Chance) {
        let users = [*chance.pick(&KEYS), *chance.pick(&KEYS)];
        if users.iter().any(|key| !self.users.contains_key(*key)) {
            return;
        }
        let mut keys = users.map(|key| self.users.get_mut(key)?.as_object_mut()?.remove("access_keys"));
        keys.reverse();
        for (user, keys) in users.iter().zip(keys) {
            if let (Some(user), Some(keys)) = (self.users.get_mut(*user), keys) {
                user["access_keys"] = keys;
            }
        }
    }

    /// Gives each key a file of its own.
    fn part_files(&mut self) {
        let files = KEYS.iter().flat_map(|key| ["", "-other"].map(|more| format!("{key}{more}.env")));
        let used: BTreeSet<String> = self.keys().into_values().collect();
        let mut free = files.filter(|file| !used.contains(file));
        let mut taken = BTreeSet::new();
        for user in self.users.values_mut() {
            let Some(file) = user.pointer_mut("/access_keys/main/deliver_to/file") else { continue };
            if !taken.insert(file.to_string()) {
                *file = json!(free.next());
            }
        }
    }

    /// Lets two roles stand at each other's address: they stay the same objects.
    fn swap(&mut self, chance: &mut Chance) {
        let (one, other) = (*chance.pick(&KEYS), *chance.pick(&KEYS));
        if let (true, Some(first), Some(second)) =
            (one != other, self.roles.get(one).cloned(), self.roles.get(other).cloned())
        {
            self.roles.insert(one.to_owned(), second);
            self.roles.insert(other.to_owned(), first);
        }
    }

    fn sections(&mut self) -> [(&'static str, &mut BTreeMap<String, Json>); 6] {
        [
            ("policies", &mut self.policies),
            ("roles", &mut self.roles),
            ("instance_profiles", &mut self.profiles),
            ("groups", &mut self.groups),
            ("users", &mut self.users),
            ("oidc_providers", &mut self.providers),
        ]
    }

    /// Lets an entry move to a free key, and what refers to it follow. Its name follows the key, or stays.
    fn move_entry(&mut self, chance: &mut Chance) {
        let (from, to) = (*chance.pick(&KEYS), *chance.pick(&KEYS));
        let (follows, place) = (chance.percent(60), chance.below(5));
        let section = self.sections()[place].0;
        let addresses = [from, to].map(|key| format!("{section}.{key}"));
        let [old, new] = addresses.each_ref().map(|address| format!("\"{address}\""));
        // What was removed a moment ago may be named still.
        if self.sections().iter().any(|(_, entries)| entries.values().any(|entry| entry.to_string().contains(&new))) {
            return;
        }
        let [(_, entries)] = &mut self.sections()[place..=place] else { return };
        let taken = entries.values().filter_map(stem).any(|stem| stem == to);
        if entries.contains_key(to) || follows && taken {
            return;
        }
        let Some(mut moved) = entries.remove(from) else { return };
        if follows {
            moved["name"] = json!(to);
            if let Some(file) = moved.pointer_mut("/access_keys/main/deliver_to/file") {
                *file = json!(file_of(to, chance));
            }
        }
        entries.insert(to.to_owned(), moved);
        let follow = |entry: &mut Json| {
            let text = entry.to_string();
            if text.contains(&old) {
                *entry = text.replace(&old, &new).parse().unwrap_or_default();
            }
        };
        self.sections().into_iter().flat_map(|(_, entries)| entries.values_mut()).for_each(follow);
        self.guest.iter_mut().for_each(follow);
        self.moved.push(addresses);
    }

    /// Drops references to what is not there any more, and draws trust among the roles that are.
    fn mend(&mut self, chance: &mut Chance) {
        self.part_files();
        let (policies, roles) = (self.policies.clone(), self.roles.clone());
        let groups = self.groups.clone();
        let some = |section: &str, keys: &BTreeMap<String, Json>| -> Vec<String> {
            keys.keys().map(|key| format!("{section}.{key}")).collect()
        };
        let trustworthy = [some("roles", &roles), some("users", &self.users)].concat();
        for user in self.users.values_mut() {
            if let Some(member) = user.pointer_mut("/groups").and_then(Json::as_array_mut) {
                let is_there = |name: &str| groups.contains_key(name.trim_start_matches("groups."));
                member.retain(|name| name.as_str().is_some_and(is_there));
            }
        }
        let people = self.users.values_mut().chain(self.groups.values_mut());
        for role in self.roles.values_mut().chain(&mut self.guest).chain(people) {
            if let Some(attached) = role.pointer_mut("/policies").and_then(Json::as_array_mut) {
                attached.retain(|name| {
                    name.as_str()
                        .and_then(|name| name.strip_prefix("policies."))
                        .is_none_or(|key| policies.contains_key(key))
                });
            }
            let bound = role["boundary"].as_str().and_then(|name| name.strip_prefix("policies."));
            if bound.is_some_and(|key| !policies.contains_key(key)) {
                // Silence would keep it.
                role["boundary"] = json!("none");
            }
            if role.get("trust").is_some() && chance.percent(20) {
                role["trust"]["principals"] = json!(chance.some(&trustworthy, 30));
            }
            if let Some(trusted) = role.pointer_mut("/trust/principals").and_then(Json::as_array_mut) {
                trusted.retain(|name| trustworthy.iter().any(|known| name == known));
                if trusted.is_empty()
                    && let Some(trust) = role["trust"].as_object_mut()
                {
                    trust.remove("principals");
                }
            }
        }
        for profile in self.profiles.values_mut() {
            let gone =
                profile["role"].as_str().is_some_and(|name| !roles.contains_key(name.trim_start_matches("roles.")));
            if let (true, Some(profile)) = (gone, profile.as_object_mut()) {
                profile.remove("role");
            }
        }
    }

    /// Returns the file that the key of each user goes to, by the user's name.
    pub fn keys(&self) -> BTreeMap<String, String> {
        let file = |user: &Json| user.pointer("/access_keys/main/deliver_to/file")?.as_str().map(str::to_owned);
        let named = |user: &Json| Some((user["name"].as_str()?.to_owned(), file(user)?));
        self.users.values().filter_map(named).collect()
    }

    /// Returns the manifest. JSON is YAML.
    pub fn manifest(&self) -> String {
        let mut manifest = json!({"apiVersion": "seqera-iam/v1", "name": "sim", "account": ACCOUNT});
        for (section, entries) in [
            ("policies", &self.policies),
            ("roles", &self.roles),
            ("instance_profiles", &self.profiles),
            ("groups", &self.groups),
            ("users", &self.users),
            ("oidc_providers", &self.providers),
        ] {
            if !entries.is_empty() {
                manifest[section] = json!(entries);
            }
        }
        if !self.services.is_empty() {
            manifest["service_linked_roles"] = json!(self.services);
        }
        if let Some(guest) = &self.guest {
            manifest["roles"][GUEST] = guest.clone();
        }
        if !self.imports.is_empty() {
            manifest["import"] = json!(self.imports);
        }
        if !self.moved.is_empty() {
            let moved = self.moved.iter().map(|[from, to]| json!({"from": from, "to": to}));
            manifest["moved"] = moved.collect();
        }
        format!("{manifest:#}")
    }
}

/// Adds, changes or removes one entry. A new one is named after its key or, where another entry has that
/// name, after a key that none has.
fn entry(
    entries: &mut BTreeMap<String, Json>,
    key: &str,
    chance: &mut Chance,
    draw: impl Fn(&str, &mut Chance) -> Json,
) {
    if entries.contains_key(key) && chance.percent(30) {
        entries.remove(key);
        return;
    }
    let taken: Vec<String> = entries.values().filter_map(stem).collect();
    let own = entries.get(key).and_then(stem);
    let free = || [key].into_iter().chain(KEYS).find(|key| !taken.iter().any(|taken| taken == key)).map(str::to_owned);
    if let Some(stem) = own.or_else(free) {
        entries.insert(key.to_owned(), draw(&stem, chance));
    }
}

/// Returns the key that an entry is named after.
fn stem(entry: &Json) -> Option<String> {
    entry["name"].as_str().map(|name| name.to_lowercase().replace("-2", ""))
}

/// The key, the same in other letters, or another name: none is another entry's.
fn name(key: &str, chance: &mut Chance) -> String {
    match chance.below(8) {
        0 => key.to_uppercase(),
        1 => format!("{key}-2"),
        _ => key.to_owned(),
    }
}

fn named(key: &str, chance: &mut Chance) -> Json {
    let tags: BTreeMap<&str, String> =
        chance.some(&TAGS, 40).into_iter().map(|tag| (tag, format!("v{}", chance.below(3)))).collect();
    let path = if chance.percent(12) { "/x/" } else { "/" };
    json!({"name": name(key, chance), "path": path, "tags": tags})
}

/// Statements by their Sids.
fn document(chance: &mut Chance) -> Json {
    let count = 1 + chance.below(3);
    SIDS.iter().take(count).map(|sid| ((*sid).to_owned(), statement(chance))).collect()
}

fn statement(chance: &mut Chance) -> Json {
    let mut actions = chance.some(&ACTIONS, 50);
    if actions.is_empty() {
        actions.push(ACTIONS[0]);
    }
    let effect = if chance.percent(10) { "Deny" } else { "Allow" };
    json!({"Effect": effect, "Action": actions, "Resource": format!("arn:aws:s3:::bucket-{}/*", chance.below(3))})
}

/// What hangs on a role of others.
fn guest(own: &[String], chance: &mut Chance) -> Json {
    json!({"existing": true, "policies": attached(own, chance), "inline": inline(chance)})
}

fn attached(own: &[String], chance: &mut Chance) -> Vec<String> {
    let mut policies: Vec<String> = chance.some(own, 50).iter().map(|key| format!("policies.{key}")).collect();
    policies.extend(chance.some(&AWS_MANAGED, 30).iter().map(|name| (*name).to_owned()));
    policies
}

fn inline(chance: &mut Chance) -> BTreeMap<String, Json> {
    let names = chance.some(&["one", "two"], 40);
    names.iter().map(|name| ((*name).to_owned(), json!({"statements": document(chance)}))).collect()
}

fn policy(key: &str, chance: &mut Chance) -> Json {
    let mut policy = named(key, chance);
    policy["statements"] = document(chance);
    if chance.percent(30) {
        policy["description"] = json!(format!("d{}", chance.below(2)));
    }
    policy
}

fn role(key: &str, own: &[String], chance: &mut Chance) -> Json {
    let mut role = named(key, chance);
    role["trust"] = json!({"services": [*chance.pick(&SERVICES)]});
    role["policies"] = json!(attached(own, chance));
    role["inline"] = json!(inline(chance));
    match chance.below(6) {
        0 => role["boundary"] = json!("PowerUserAccess"),
        1 => role["boundary"] = json!("none"),
        2 if !own.is_empty() => role["boundary"] = json!(format!("policies.{}", chance.pick(own))),
        _ => {}
    }
    if chance.percent(30) {
        role["description"] = json!(format!("d{}", chance.below(2)));
    }
    if chance.percent(30) {
        role["max_session"] = json!(format!("{}h", 1 + chance.below(12)));
    }
    if chance.percent(15) {
        role["keep_undeclared"] = json!(true);
    }
    role
}

/// A group carries no tags.
fn group(key: &str, own: &[String], chance: &mut Chance) -> Json {
    let mut group = named(key, chance);
    group.as_object_mut().map(|group| group.remove("tags"));
    group["policies"] = json!(attached(own, chance));
    group["inline"] = json!(inline(chance));
    group
}

fn user(key: &str, own: &[String], groups: &[String], chance: &mut Chance) -> Json {
    let mut user = named(key, chance);
    user["groups"] = json!(chance.some(groups, 40).iter().map(|key| format!("groups.{key}")).collect::<Vec<_>>());
    user["policies"] = json!(attached(own, chance));
    user["inline"] = json!(inline(chance));
    if chance.percent(50) {
        user["access_keys"] = json!({"main": {"deliver_to": {"file": file_of(key, chance)}}});
    }
    match chance.below(6) {
        0 => user["boundary"] = json!("PowerUserAccess"),
        1 => user["boundary"] = json!("none"),
        2 if !own.is_empty() => user["boundary"] = json!(format!("policies.{}", chance.pick(own))),
        _ => {}
    }
    if chance.percent(15) {
        user["keep_undeclared"] = json!(true);
    }
    user
}

/// Where a key goes.
fn file_of(user: &str, chance: &mut Chance) -> String {
    format!("{user}{}.env", chance.pick(&["", "", "", "-other"]))
}

/// Whoever runs this: may do everything, or most of it.
fn caller(own: &[String], groups: &[String], chance: &mut Chance) -> Json {
    let mut statements = json!({"All": {"Effect": "Allow", "Action": ["iam:*", "tag:*"], "Resource": "*"}});
    if chance.percent(40) {
        let actions = chance.some(&weather::ACTIONS, 20);
        let actions: Vec<String> = actions.iter().map(|action| format!("iam:{action}")).collect();
        if !actions.is_empty() {
            statements["Not"] = json!({"Effect": "Deny", "Action": actions, "Resource": "*"});
        }
    }
    let groups: Vec<String> = chance.some(groups, 30).iter().map(|key| format!("groups.{key}")).collect();
    let inline = json!({"own": {"statements": statements}});
    json!({"name": CALLER, "groups": groups, "policies": attached(own, chance), "inline": inline})
}

fn provider(key: &str, chance: &mut Chance) -> Json {
    let path = if chance.percent(20) { "/x" } else { "" };
    let mut provider = json!({"url": format!("https://{key}.example.com{path}"), "tags": named(key, chance)["tags"]});
    if chance.percent(50) {
        provider["audiences"] = json!(chance.some(&["sts.amazonaws.com", "a", "b"], 60));
    }
    if chance.percent(30) {
        provider["thumbprints"] = json!([format!("{:040}", chance.below(3))]);
    }
    provider
}

fn profile(key: &str, roles: &[String], chance: &mut Chance) -> Json {
    let mut profile = named(key, chance);
    if !roles.is_empty() && chance.percent(70) {
        profile["role"] = json!(format!("roles.{}", chance.pick(roles)));
    }
    profile
}
