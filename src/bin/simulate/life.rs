//! One life: wishes, hands, faults and kills, and what has to hold after each.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use seqera_iam::rotation::Rotated;
use seqera_iam::sandbox::{Request, Sandbox};
use serde_json::Value as Json;
use tokio::time::Instant;

use crate::draw::Chance;
use crate::hands;
use crate::keys;
use crate::session::{Place, Ran, Refusal, Task, Wish};
use crate::weather::Weather;
use crate::witness::Deeds;
use crate::world::{GUEST, World};

/// Plays one seed. Returns how many runs it took, or what does not hold.
pub fn play(seed: u64, verbose: bool) -> Result<u64, String> {
    // The clock jumps to what is waited for next: only work takes time.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.map_err(|e| e.to_string())?;
    // The SDK draws its pauses here.
    fastrand::seed(seed);
    // Memory, where the system has such a folder: the disk is not what is doubted.
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    let folder = folder.map_err(|e| e.to_string())?;
    runtime.block_on(async {
        let place = Place { folder: folder.path().to_owned(), born: Instant::now(), verbose };
        Life { place, chance: Chance::new(seed), runs: 0, remembers: true, doubtful: false, doubtful_groups: false }
            .live()
            .await
    })
}

struct Life {
    place: Place,
    chance: Chance,
    runs: u64,
    /// Whether no record was ever lost of what carries no tag of ours.
    remembers: bool,
    /// Whether somebody took our tag from something, or gave a policy to a group, which has no tag: with the state lost,
    /// too, it is not ours any more.
    doubtful: bool,
    /// Whether somebody gave a policy of ours to a group. If it only restricts, it stays there, and so does the doubt.
    doubtful_groups: bool,
}

/// Every object of the account, as the sandbox keeps it.
type Objects = BTreeMap<String, String>;

impl Life {
    async fn live(mut self) -> Result<u64, String> {
        std::fs::create_dir(self.place.keys()).map_err(|e| e.to_string())?;
        self.make_others()?;
        let others = self.objects()?;
        let mut wish = Wish::new(World::default())?;
        for stage in 0..2 + self.chance.below(3) {
            let mut world = wish.world.clone();
            world.change(&mut self.chance);
            self.think().await;
            self.place.tell(|| format!("stage {stage}: {}", world.manifest()));
            let before = std::mem::replace(&mut wish, Wish::new(world)?).arrived()?;
            if self.chance.percent(20) {
                self.turn_back(&wish, &before).await?;
            }
            if let Some(refusal) = self.reach(&wish, false).await? {
                self.place.tell(|| format!("refused: {}", refusal.why));
                wish = self.answer(&refusal, before, &wish)?;
                self.think().await;
                if let Some(refusal) = self.reach(&wish, true).await? {
                    return Err(format!("what was answered to a refusal is refused: {}", refusal.why));
                }
            }
            self.hold(&wish, &others).await?;
        }
        self.destroy(&wish, &others).await?;
        Ok(self.runs)
    }

    /// What a person does about a refusal: what it says, or going back to the wish before. Both have to work: nothing
    /// was half done that a refusal keeps from being mended. Where a record was lost, what nobody wishes for any more
    /// would stay.
    fn answer(&mut self, refusal: &Refusal, before: Wish, refused: &Wish) -> Result<Wish, String> {
        if refusal.import.is_empty() || self.remembers && self.chance.percent(50) {
            return Ok(before);
        }
        Wish::new(World { imports: refusal.import.clone(), ..refused.world.clone() })
    }

    /// Goes some way towards a wish, and back to the one before: nobody has done anything wrong.
    async fn turn_back(&mut self, wish: &Wish, before: &Wish) -> Result<(), String> {
        self.interrupted(Task::Apply(wish)).await?;
        self.place.tell(|| "back to the wish before".to_owned());
        let (refusal, _) = self.settle(Task::Apply(before)).await?;
        match refusal {
            Some(Refusal { why, .. }) if there_is_only_forward(&why) => {
                let (refusal, _) = self.settle(Task::Apply(wish)).await?;
                let why = refusal.map(|Refusal { why, .. }| format!("there is neither back nor forward: {why}"));
                return why.map_or(Ok(()), Err);
            }
            Some(Refusal { why, .. }) => return Err(format!("going back after a run that was cut is refused: {why}")),
            None => {}
        }
        self.pass_time().await;
        self.place.demand_empty(before, &mut self.chance).await?;
        self.demand_keys(&before.world)?;
        self.think().await;
        Ok(())
    }

    /// Goes through bad weather towards a wish, and in fine weather to it. Returns why it is refused. Who looks first
    /// whether a brake holds goes back where one does; who does not lifts all.
    async fn reach(&mut self, wish: &Wish, forced: bool) -> Result<Option<Refusal>, String> {
        if !forced && self.chance.percent(25) {
            let (refusal, deeds) = self.settle(Task::ApplyUnforced(wish)).await?;
            if refusal.is_some() && !deeds.is_nothing() {
                return Err("a run that is held back changed something".to_owned());
            }
            return Ok(refusal);
        }
        let mut way = self.interrupted(Task::Apply(wish)).await?;
        let (refusal, deeds) = self.settle(Task::Apply(wish)).await?;
        way.add(deeds)?;
        Ok(refusal)
    }

    /// What has to hold when a wish is settled, and what people do until the next one.
    async fn hold(&mut self, wish: &Wish, others: &Objects) -> Result<(), String> {
        self.pass_time().await;
        self.place.demand_empty(wish, &mut self.chance).await?;
        self.demand_keys(&wish.world)?;
        if !self.doubtful_groups && self.chance.percent(25) {
            self.lose_state(wish).await?;
        }
        if self.chance.percent(25) {
            self.rotate(wish).await?;
        }
        let objects = self.objects()?;
        if !others.iter().all(|(name, text)| name == &guest_file() || objects.get(name) == Some(text)) {
            return Err("something of others was touched".to_owned());
        }
        self.by_hand()
    }

    async fn lose_state(&mut self, wish: &Wish) -> Result<(), String> {
        self.drop_state()?;
        let (refusal, deeds) = self.settle(Task::Apply(wish)).await?;
        if let Some(Refusal { why, .. }) = refusal {
            return Err(format!("with the state lost it is refused: {why}"));
        }
        if !deeds.are_quiet() {
            return Err(format!("with the state lost something came or went: {deeds:?}"));
        }
        self.place.demand_empty(wish, &mut self.chance).await?;
        self.demand_keys(&wish.world)
    }

    /// Exchanges somebody's key, with runs that are cut on the way, until the old one is deleted.
    async fn rotate(&mut self, wish: &Wish) -> Result<(), String> {
        let users: Vec<String> = wish.world.keys().into_keys().collect();
        if users.is_empty() {
            return Ok(());
        }
        let user = self.chance.pick(&users).clone();
        let grace = *self.chance.pick(&[None, Some(Duration::ZERO), Some(Duration::from_secs(3600))]);
        for _ in 0..self.chance.below(3) {
            let weather = Weather::draw(&mut self.chance);
            self.place.tell(|| format!("rotating the key of {user} with {}", weather.settings.join(",")));
            let rotated = self.place.rotate((wish, &user), grace, &weather, &mut self.chance).await?;
            self.runs += 1;
            if let Err(why) = &rotated {
                self.place.tell(|| format!("cut: {why}"));
                self.cut_power()?;
            }
            self.place.load().await?;
            self.pass_time().await;
            // What a cut run left is mended first.
            if let (Some(Refusal { why, .. }), _) = self.settle(Task::Apply(wish)).await? {
                return Err(format!("after a rotation that was cut it is refused: {why}"));
            }
        }
        for _ in 0..4 {
            let rotated = self.place.rotate((wish, &user), grace, &Weather::fine(), &mut self.chance).await?;
            self.runs += 1;
            self.place.tell(|| format!("rotating the key of {user}: {rotated:?}"));
            let rotated = rotated.map_err(|why| format!("a rotation without faults fails: {why}"))?;
            self.place.demand_empty(wish, &mut self.chance).await?;
            if let Rotated::Deleted { .. } | Rotated::Exchanged { until: None, .. } = rotated {
                return self.demand_keys(&wish.world);
            }
            tokio::time::sleep(Duration::from_secs(25 * 3600)).await;
        }
        Err(format!("the rotation of the key of {user} does not end"))
    }

    fn demand_keys(&self, world: &World) -> Result<(), String> {
        let objects = self.objects()?;
        let user = |(file, text): (&'_ String, &'_ String)| {
            let name = file.strip_prefix("users/")?.strip_suffix(".json")?.to_owned();
            Some((name, serde_json::from_str::<Json>(text).ok()?))
        };
        let users: BTreeMap<String, Json> = objects.iter().filter_map(user).collect();
        keys::demand(&users, &self.place.keys(), &world.keys())
    }

    fn drop_state(&mut self) -> Result<(), String> {
        self.place.tell(|| "the state is lost".to_owned());
        self.remembers = false;
        std::fs::remove_dir_all(self.place.folder.join("state")).map_err(|e| e.to_string())
    }

    async fn destroy(&mut self, wish: &Wish, others: &Objects) -> Result<(), String> {
        self.think().await;
        if !self.doubtful && !self.doubtful_groups && self.chance.percent(20) {
            self.drop_state()?;
        }
        let mut way = self.interrupted(Task::Destroy(wish)).await?;
        let (refusal, deeds) = self.settle(Task::Destroy(wish)).await?;
        if let Some(Refusal { why, .. }) = refusal {
            return Err(format!("destroying is refused: {why}"));
        }
        way.add(deeds)?;
        let mut objects = self.objects()?;
        if !self.remembers {
            // What hangs on a role of others was known to the state alone.
            objects.insert(guest_file(), others[&guest_file()].clone());
            // So were the roles of services, and groups that were not just as the manifest says: nothing else
            // tells whose they are.
            objects.retain(|file, text| !text.contains("/aws-service-role/") && !file.starts_with("groups/"));
        }
        if objects != *others {
            return Err(format!("after destroying there is {:?}", objects.keys().collect::<Vec<_>>()));
        }
        self.demand_keys(&World::default())
    }

    /// Runs with faults, some of them deadly. Whatever comes of it, the state can be read.
    async fn interrupted(&mut self, task: Task<'_>) -> Result<Deeds, String> {
        let mut way = Deeds::default();
        for _ in 0..self.chance.below(3) {
            let weather = Weather::draw(&mut self.chance);
            self.place.tell(|| format!("with {}", weather.settings.join(",")));
            let (ran, deeds) = self.place.run(task, &weather, &mut self.chance).await?;
            self.runs += 1;
            way.add(deeds)?;
            if let Ran::Cut(why) = ran {
                self.place.tell(|| format!("cut: {why}"));
                if weather.passes {
                    return Err(format!("with {} a run fails: {why}", weather.settings.join(",")));
                }
                self.cut_power()?;
            }
            self.place.load().await?;
            self.pass_time().await;
        }
        Ok(way)
    }

    /// Runs without faults: it has to come to its end, or to be refused.
    async fn settle(&mut self, task: Task<'_>) -> Result<(Option<Refusal>, Deeds), String> {
        self.runs += 1;
        match self.place.run(task, &Weather::fine(), &mut self.chance).await? {
            (Ran::Cut(why), _) => Err(format!("a run without faults fails: {why}")),
            (Ran::Refused(refusal), deeds) => Ok((Some(refusal), deeds)),
            (Ran::Done, deeds) => Ok((None, deeds)),
        }
    }

    /// After a kill the machine may go down, too, with what the journal had not on its disk yet.
    fn cut_power(&mut self) -> Result<(), String> {
        let journal = self.place.state().with_extension("json.journal");
        let Ok(text) = std::fs::read(&journal) else { return Ok(()) };
        if !self.chance.percent(15) {
            return Ok(());
        }
        let kept = self.chance.below(text.len() + 1).max(durable(&text));
        self.place.tell(|| format!("the power is cut: {kept} of {} bytes are kept", text.len()));
        std::fs::write(&journal, &text[..kept]).map_err(|e| e.to_string())
    }

    /// Writing another manifest takes longer than IAM needs to know everywhere what was made. Nobody can
    /// take away what a stale read denies.
    async fn think(&self) {
        tokio::time::sleep(Duration::from_secs(30)).await;
    }

    /// Nothing, a moment, or as long as IAM needs to know everywhere what was made.
    async fn pass_time(&mut self) {
        let seconds = *self.chance.pick(&[0, 0, 1, 5, 60]);
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }

    fn call(sandbox: &Sandbox, parameters: &[(&str, String)]) -> Result<bool, String> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("Version", "2010-05-08").extend_pairs(parameters);
        let answer = sandbox.answer(&Request::parse(form.finish().as_bytes())).answer();
        answer.map(|response| response.status == 200).ok_or_else(|| "an answer was lost without a fault".to_owned())
    }

    /// Others have things here: a role that we leave alone, and one that we may put something on.
    fn make_others(&self) -> Result<(), String> {
        let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
        let text = |text: &str| text.to_owned();
        let sandbox = self.place.open(&[])?;
        for role in ["foreign", GUEST] {
            let policy = text("arn:aws:iam::aws:policy/job-function/Billing");
            let role = ("RoleName", text(role));
            Self::call(
                &sandbox,
                &[("Action", text("CreateRole")), role.clone(), ("AssumeRolePolicyDocument", text(trust))],
            )?;
            Self::call(&sandbox, &[("Action", text("AttachRolePolicy")), role, ("PolicyArn", policy)])?;
        }
        Self::call(&sandbox, &[("Action", text("CreateInstanceProfile")), ("InstanceProfileName", text("foreign"))])?;
        Ok(())
    }

    fn objects(&self) -> Result<Objects, String> {
        let mut objects = BTreeMap::new();
        for collection in ["roles", "policies", "instance_profiles", "users", "groups", "oidc_providers"] {
            let Ok(entries) = std::fs::read_dir(self.place.account().join(collection)) else { continue };
            for entry in entries.flatten() {
                let text = std::fs::read_to_string(entry.path()).map_err(|e| e.to_string())?;
                objects.insert(format!("{collection}/{}", entry.file_name().to_string_lossy()), text);
            }
        }
        Ok(objects)
    }

    /// Somebody changes something of ours in the console.
    fn by_hand(&mut self) -> Result<(), String> {
        self.doubtful = false;
        let objects = self.objects()?;
        let ours: Vec<(&str, &str, &String)> = objects
            .iter()
            .filter_map(|(file, text)| {
                let (collection, name) = file.strip_suffix(".json")?.split_once('/')?;
                Some((collection, name, text)).filter(|_| !["foreign", GUEST].contains(&name))
            })
            .collect();
        if ours.is_empty() || self.chance.percent(40) {
            return Ok(());
        }
        let sandbox = self.place.open(&[])?;
        let read = hands::Objects::read(&objects);
        for _ in 0..1 + self.chance.below(2) {
            let (collection, name, text) = *self.chance.pick(&ours);
            let calls: Vec<hands::Call> = match collection {
                // AWS lets nobody change the role of a service.
                "roles" if text.contains("/aws-service-role/") => Vec::new(),
                _ if self.chance.percent(12) => read.delete(collection, name),
                _ if self.chance.percent(10) => {
                    self.doubtful_groups |= collection == "groups";
                    read.attach(collection, name, &mut self.chance).into_iter().collect()
                }
                _ => read.change(collection, name, &mut self.chance).into_iter().collect(),
            };
            for call in calls {
                self.place.tell(|| format!("by hand: {call:?}"));
                self.doubtful |=
                    call.iter().any(|(_, value)| ["UntagRole", "AttachGroupPolicy"].contains(&value.as_str()));
                Self::call(&sandbox, &call)?;
            }
        }
        Ok(())
    }
}

/// Says whether the wish before cannot be had, wherever one comes from: no boundary is taken off by silence, a policy that
/// has to go and come again bounds nobody in between, and what only a second apply can do is refused.
fn there_is_only_forward(why: &str) -> bool {
    ["keeps its boundary", "cannot be replaced: it is the boundary of", "these wait for each other"]
        .iter()
        .any(|said| why.contains(said))
}

/// Returns how much of a journal is on the disk for certain: what nothing else tells of goes there at once, before the
/// call. The last word, that a secret was handed over, comes after the hand-over, and the power may be cut in between;
/// what a rotation or a move of its file intends comes before it, though the key was handed over long ago.
fn durable(journal: &[u8]) -> usize {
    let has = |line: &[u8], word: &[u8]| line.windows(word.len()).any(|window| window == word);
    let (mut end, mut durable) = (0, 0);
    for line in journal.split_inclusive(|byte| *byte == b'\n') {
        end += line.len();
        let comes_before = [&b"\"asked\""[..], b"\"next\"", b"\"moves_to\""];
        let is_last_word = has(line, b"\"delivered\"") && !comes_before.iter().any(|field| has(line, field));
        let is_of_key = has(line, b"\"access_key\"") && has(line, b"\"put\"") && !is_last_word;
        if is_of_key || line.starts_with(b"{\"intend\"") {
            durable = end;
        }
    }
    durable
}

fn guest_file() -> String {
    format!("roles/{GUEST}.json")
}
