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
//! | `fail_action=CreateRole` | that action is always `AccessDenied` |
//! | `throttle=N` | the first N calls of IAM answer `Throttling` |
//! | `invalid_principal=N` | the first N trust policies that name a role made by this process are refused |
//! | `log=FILE` | appends a line for every call: the action and the names it is about |
//! | `now=2026-01-01T00:00:00Z` | the clock stands still |
//!
//! Neither failure of a write is one that the SDK repeats, so a caller sees it at once. A writing call
//! counts when it arrives, also when IAM refuses it; a throttled or denied one does not.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;

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
    pub(super) throttled: u64,
    pub(super) invalid_principals: u64,
    pub(super) log: Option<PathBuf>,
    pub(super) now: Option<Timestamp>,
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

    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut faults = Self::default();
        for setting in text.split(',').map(str::trim).filter(|setting| !setting.is_empty()) {
            let (key, value) = setting.split_once('=').unwrap_or((setting, ""));
            if faults.set(key, value).is_none() {
                return Err(Error::failed(format!("{VARIABLE}: `{setting}` is not a setting of the sandbox")).hint(
                    "latency=40ms, page=2, fail_write=3:before, kill_write=3:after, fail_action=CreateRole, \
                     throttle=5, invalid_principal=2, log=FILE, now=2026-01-01T00:00:00Z",
                ));
            }
        }
        Ok(faults)
    }

    fn set(&mut self, key: &str, value: &str) -> Option<()> {
        match key {
            "latency" => self.latency = Some(duration(value)?),
            "page" => self.page = Some(value.parse().ok().filter(|items| *items > 0)?),
            "fail_write" => self.writes.push(write_fault(value, What::Fail)?),
            "kill_write" => self.writes.push(write_fault(value, What::Kill)?),
            "fail_action" if !value.is_empty() => drop(self.denied.insert(value.to_owned())),
            "throttle" => self.throttled = value.parse().ok()?,
            "invalid_principal" => self.invalid_principals = value.parse().ok()?,
            "log" if !value.is_empty() => self.log = Some(value.into()),
            "now" => self.now = Some(value.parse().ok()?),
            _ => return None,
        }
        Some(())
    }

    /// Returns what happens to the writing call of this number at this moment.
    pub(super) fn of_write(&self, number: u64, when: When) -> Option<What> {
        self.writes.iter().find(|fault| fault.number == number && fault.when == when).map(|fault| fault.what)
    }
}

fn duration(text: &str) -> Option<Duration> {
    match text.strip_suffix("ms") {
        Some(number) => Some(Duration::from_millis(number.parse().ok()?)),
        None => Some(Duration::from_secs(text.strip_suffix('s')?.parse().ok()?)),
    }
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
    }

    #[test]
    fn what_is_no_setting_is_named() {
        let wrong =
            ["latency=40", "page=0", "fail_write=3", "fail_write=0:before", "kill_write=1:during", "throttle=x"];
        for setting in wrong.into_iter().chain(["fail_action=", "log", "now=today", "speed=9"]) {
            let error = Faults::parse(&format!("page=2,{setting}")).unwrap_err();
            assert!(error.to_string().contains(&format!("`{setting}`")), "{error}");
        }
    }
}
