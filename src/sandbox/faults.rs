//! What can be made to go wrong, for tests and for people who want to see it go wrong.
//!
//! `SEQERA_IAM_SANDBOX` holds `key=value`, separated by commas; keys may repeat. Numbers count from 1
//! and within one process.
//!
//! | setting | effect |
//! |---|---|
//! | `latency=40ms` | every answer takes that long; concurrent calls wait together |
//! | `page=2` | lists come in pages of at most so many items, whatever the call asks for |
//! | `fail_write=N:before` | the N-th writing call fails and changes nothing: HTTP 400 `InjectedFailure` |
//! | `fail_write=N:after` | the N-th writing call takes effect and its answer is lost: the connection breaks |
//! | `kill_write=N:before`, `:after` | the process exits with 137 before or after the N-th writing call took effect |
//! | `halt_write=N:before`, `:after` | from then on no call of this process is answered: a kill for those who share the process |
//! | `fail_action=CreateRole`, `deny=CreateRole` | that action is always `AccessDenied` |
//! | `enforce=FILE` | the caller may do what the identity policies in such files allow, and nothing else |
//! | `throttle=N` | the first N calls of IAM answer `Throttling` |
//! | `throttle_rate=N` | more than N calls of IAM a second answer `Throttling`; a fraction is allowed |
//! | `throttle_rate=CreateRole:N` | so do more than N calls a second of that action |
//! | `invalid_principal=N` | the first N trust policies that name a role made by this process are refused |
//! | `delay=2s` | a role or instance profile is not known everywhere for so long after it was made: a write that trusts it is refused as `invalid_principal`, one that puts something on it as `NoSuchEntity`; removing it works |
//! | `stale_reads=P%` | while `delay` lasts, so many of the reads that name what is new answer `NoSuchEntity` |
//! | `drop=P%` | so many calls take effect and their answers are lost: the connection breaks |
//! | `html=P%` | so many answers are a proxy's page: half of them HTTP 503, where the call took no effect, half 500, where it did |
//! | `cut=P%` | so many calls take effect and the text of their answers ends early |
//! | `seed=N` | decides which calls those percentages hit, with the number of the call; the default is 0 |
//! | `log=FILE` | appends a line for every call: the action and the names it is about |
//! | `now=2026-01-01T00:00:00Z` | the clock stands still; it cannot be had with `delay` |
//! | `start=2026-01-01T00:00:00Z` | the clock begins there and goes on |
//!
//! A second holds as many calls as its rate at once, and at least one. Behind the SDK of this process,
//! neither failure of a write is one that it repeats, so a caller sees it at once; what `drop` breaks it
//! repeats. On a port both are broken connections, which any SDK repeats. A writing call counts when it
//! arrives, also when IAM refuses it; a throttled or denied one, or one that got a page, does not.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;

use super::chance::{Draw, draw};
use super::throttle::Rate;
use crate::error::Error;

/// The environment variable that holds the settings.
pub const VARIABLE: &str = "SEQERA_IAM_SANDBOX";

/// What shall go wrong. The default: nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Faults {
    pub(super) latency: Option<Duration>,
    pub(super) page: Option<usize>,
    pub(super) writes: Vec<WriteFault>,
    pub(super) denied: BTreeSet<String>,
    pub(super) enforced: Vec<PathBuf>,
    pub(super) throttled: u64,
    pub(super) rates: Vec<Rate>,
    pub(super) invalid_principals: u64,
    pub(super) delay: Option<Duration>,
    pub(super) stale_reads: Share,
    dropped: Share,
    pages: Share,
    cut: Share,
    seed: u64,
    pub(super) log: Option<PathBuf>,
    pub(super) now: Option<Timestamp>,
    pub(super) start: Option<Timestamp>,
}

/// What happens to one writing call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct WriteFault {
    pub number: u64,
    pub when: When,
    pub what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    Before,
    After,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Fail,
    Kill,
    Halt,
}

/// A part of all calls, from 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub(super) struct Share(f64);

/// What becomes of one call on its way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fate {
    Arrives,
    /// A proxy answers instead of AWS, and AWS hears nothing.
    Unavailable,
    /// A proxy answers instead of AWS, which heard of it.
    Mangled,
    Dropped,
    /// The answer ends after this part of it.
    Cut(f64),
}

impl Faults {
    /// Reads the settings from the environment; none is no fault.
    pub fn from_env() -> Result<Self, Error> {
        match std::env::var(VARIABLE) {
            Ok(text) => Self::parse(&text),
            Err(std::env::VarError::NotPresent) => Ok(Self::default()),
            Err(error) => Err(Error::failed(format!("{VARIABLE} cannot be read")).caused_by(error)),
        }
    }

    /// Returns how long it takes until what is new is known everywhere.
    pub fn lag(&self) -> Duration {
        self.delay.unwrap_or_default()
    }

    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut faults = Self::default();
        for setting in text.split(',').map(str::trim).filter(|setting| !setting.is_empty()) {
            let (key, value) = setting.split_once('=').unwrap_or((setting, ""));
            if faults.set(key, value).is_none() {
                return Err(Error::failed(format!("{VARIABLE}: `{setting}` is not a setting of the sandbox")).hint(
                    "latency=40ms, page=2, fail_write=3:before, kill_write=3:after, halt_write=3:after, deny=CreateRole, enforce=FILE, throttle=5, \
                     throttle_rate=20, throttle_rate=CreateRole:2, invalid_principal=2, delay=2s, stale_reads=50%, \
                     drop=5%, html=5%, cut=5%, seed=7, log=FILE, now=2026-01-01T00:00:00Z, start=2026-01-01T00:00:00Z",
                ));
            }
        }
        faults.check()?;
        Ok(faults)
    }

    /// Refuses settings that exclude each other.
    fn check(&self) -> Result<(), Error> {
        let why = if self.dropped.0 + self.pages.0 + self.cut.0 > 1.0 {
            "drop, html and cut are more than 100% together"
        } else if self.delay.is_some() && self.now.is_some() {
            "with now= the clock stands still, and delay= would never end"
        } else if self.start.is_some() && self.now.is_some() {
            "a clock that stands still at now= does not start"
        } else if self.stale_reads > Share::default() && self.delay.is_none() {
            "stale_reads= has no effect without delay="
        } else {
            return Ok(());
        };
        Err(Error::failed(format!("{VARIABLE}: {why}")))
    }

    fn set(&mut self, key: &str, value: &str) -> Option<()> {
        match key {
            "latency" => self.latency = Some(duration(value)?),
            "page" => self.page = Some(value.parse().ok().filter(|items| *items > 0)?),
            "fail_write" => self.writes.push(write_fault(value, What::Fail)?),
            "kill_write" => self.writes.push(write_fault(value, What::Kill)?),
            "halt_write" => self.writes.push(write_fault(value, What::Halt)?),
            "fail_action" | "deny" if !value.is_empty() => drop(self.denied.insert(value.to_owned())),
            "enforce" if !value.is_empty() => self.enforced.push(value.into()),
            "throttle" => self.throttled = value.parse().ok()?,
            "throttle_rate" => self.rates.push(rate(value)?),
            "invalid_principal" => self.invalid_principals = value.parse().ok()?,
            "delay" => self.delay = Some(duration(value)?),
            "stale_reads" => self.stale_reads = share(value)?,
            "drop" => self.dropped = share(value)?,
            "html" => self.pages = share(value)?,
            "cut" => self.cut = share(value)?,
            "seed" => self.seed = value.parse().ok()?,
            "log" if !value.is_empty() => self.log = Some(value.into()),
            "now" => self.now = Some(value.parse().ok()?),
            "start" => self.start = Some(value.parse().ok()?),
            _ => return None,
        }
        Some(())
    }

    /// Returns what happens to the writing call of this number at this moment.
    pub(super) fn of_write(&self, number: u64, when: When) -> Option<What> {
        self.writes.iter().find(|fault| fault.number == number && fault.when == when).map(|fault| fault.what)
    }

    /// Returns what becomes of the call of this number.
    pub(super) fn fate(&self, call: u64) -> Fate {
        let drawn = self.draw(call, Draw::Fate);
        let (pages, cut) = (self.dropped.0 + self.pages.0, self.dropped.0 + self.pages.0 + self.cut.0);
        match drawn {
            drawn if drawn < self.dropped.0 => Fate::Dropped,
            drawn if drawn < pages && self.draw(call, Draw::Status) < 0.5 => Fate::Unavailable,
            drawn if drawn < pages => Fate::Mangled,
            drawn if drawn < cut => Fate::Cut(self.draw(call, Draw::Place)),
            _ => Fate::Arrives,
        }
    }

    /// Says whether the call of this number, if it reads, reaches an endpoint that lags behind.
    pub(super) fn is_stale(&self, call: u64) -> bool {
        self.draw(call, Draw::Staleness) < self.stale_reads.0
    }

    fn draw(&self, call: u64, of: Draw) -> f64 {
        draw(self.seed, call, of)
    }
}

fn duration(text: &str) -> Option<Duration> {
    match text.strip_suffix("ms") {
        Some(number) => Some(Duration::from_millis(number.parse().ok()?)),
        None => Some(Duration::from_secs(text.strip_suffix('s')?.parse().ok()?)),
    }
}

fn rate(text: &str) -> Option<Rate> {
    let (action, number) = match text.split_once(':') {
        Some((action, number)) if !action.is_empty() => (Some(action.to_owned()), number),
        Some(_) => return None,
        None => (None, text),
    };
    let per_second = number.parse().ok().filter(|number: &f64| number.is_finite() && *number > 0.0)?;
    Some(Rate { action, per_second })
}

fn share(text: &str) -> Option<Share> {
    let percent: f64 = text.strip_suffix('%')?.parse().ok()?;
    (0.0..=100.0).contains(&percent).then_some(Share(percent / 100.0))
}

fn write_fault(text: &str, what: What) -> Option<WriteFault> {
    let (number, when) = text.split_once(':')?;
    let when = match when {
        "before" => When::Before,
        "after" => When::After,
        _ => return None,
    };
    Some(WriteFault { number: number.parse().ok().filter(|number| *number > 0)?, when, what })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read() {
        let text = "latency=40ms, page=2,fail_write=3:before,fail_write=4:after,kill_write=5:after,\
                    fail_action=CreateRole,throttle=6,invalid_principal=7,log=/tmp/calls,now=2026-01-01T00:00:00Z,";
        let faults = Faults::parse(text).unwrap();
        assert_eq!(faults.latency, Some(Duration::from_millis(40)));
        assert_eq!((faults.page, faults.throttled, faults.invalid_principals), (Some(2), 6, 7));
        assert_eq!(faults.of_write(3, When::Before), Some(What::Fail));
        assert_eq!(faults.of_write(3, When::After), None);
        assert_eq!(faults.of_write(4, When::After), Some(What::Fail));
        assert_eq!(faults.of_write(5, When::After), Some(What::Kill));
        assert!(faults.denied.contains("CreateRole"));
        assert_eq!(faults.log, Some("/tmp/calls".into()));
        assert_eq!(faults.now.unwrap().to_string(), "2026-01-01T00:00:00Z");
        assert_eq!(Faults::parse("").unwrap(), Faults::default());
        let text = "deny=GetRole,throttle_rate=20,throttle_rate=GetRole:0.5,delay=2s,stale_reads=10%,seed=7";
        let faults = Faults::parse(text).unwrap();
        assert!(faults.denied.contains("GetRole"));
        let rate = |action: Option<&str>, per_second| Rate { action: action.map(str::to_owned), per_second };
        assert_eq!(faults.rates, [rate(None, 20.0), rate(Some("GetRole"), 0.5)]);
        assert_eq!((faults.delay, faults.stale_reads, faults.seed), (Some(Duration::from_secs(2)), Share(0.1), 7));
    }

    #[test]
    fn fates_follow_from_the_seed() {
        let fates = |text: &str| {
            let faults = Faults::parse(text).unwrap();
            (1..=1000).map(|call| faults.fate(call)).collect::<Vec<_>>()
        };
        let text = "drop=10%,html=20%,cut=10%,seed=5";
        assert_eq!(fates(text), fates(text));
        assert_ne!(fates(text), fates("drop=10%,html=20%,cut=10%,seed=6"));
        let count = |wanted: fn(&Fate) -> bool| fates(text).iter().filter(|fate| wanted(fate)).count();
        for (name, count) in [
            ("dropped", count(|fate| *fate == Fate::Dropped)),
            ("unavailable", count(|fate| *fate == Fate::Unavailable)),
            ("mangled", count(|fate| *fate == Fate::Mangled)),
            ("cut", count(|fate| matches!(fate, Fate::Cut(_)))),
        ] {
            assert!((70..130).contains(&count), "{count} of 1000 are {name}");
        }
        assert!(fates("drop=100%").iter().all(|fate| *fate == Fate::Dropped));
        assert!(fates("seed=5").iter().all(|fate| *fate == Fate::Arrives));
    }

    #[test]
    fn settings_that_exclude_each_other_are_refused() {
        let both = "now=2026-01-01T00:00:00Z,start=2026-01-01T00:00:00Z";
        let wrong = ["drop=50%,html=40%,cut=20%", "delay=1s,now=2026-01-01T00:00:00Z", both, "stale_reads=5%"];
        for text in wrong {
            assert!(Faults::parse(text).is_err(), "{text}");
        }
        assert!(Faults::parse("drop=50%,html=40%,cut=10%").is_ok());
    }

    #[test]
    fn what_is_no_setting_is_named() {
        let wrong =
            ["latency=40", "page=0", "fail_write=3", "fail_write=0:before", "kill_write=1:during", "throttle=x"];
        let rates = ["throttle_rate=0", "throttle_rate=:3", "throttle_rate=GetRole:", "drop=5", "cut=101%", "html=-1%"];
        let others = ["fail_action=", "deny=", "log", "now=today", "speed=9", "delay=2", "seed=x"];
        for setting in wrong.into_iter().chain(rates).chain(others) {
            let error = Faults::parse(&format!("page=2,{setting}")).unwrap_err();
            assert!(error.to_string().contains(&format!("`{setting}`")), "{error}");
        }
    }
}
