//! What goes wrong during a run.

use crate::draw::Chance;

/// Faults of one run, as the sandbox takes them.
pub struct Weather {
    pub settings: Vec<String>,
    /// Nothing of it keeps a run from coming to its end; it only takes longer.
    pub passes: bool,
}

/// Actions that a policy may deny.
pub const ACTIONS: [&str; 15] = [
    "CreateRole",
    "GetRole",
    "ListRolePolicies",
    "AttachRolePolicy",
    "DetachRolePolicy",
    "CreatePolicy",
    "ListPolicyVersions",
    "CreatePolicyVersion",
    "TagRole",
    "AddRoleToInstanceProfile",
    "RemoveRoleFromInstanceProfile",
    "DeletePolicy",
    "CreateAccessKey",
    "UpdateAccessKey",
    "DeleteAccessKey",
];

impl Weather {
    pub fn fine() -> Self {
        Self { settings: Vec::new(), passes: true }
    }

    /// Draws any number of faults together: a run that is throttled loses answers too and is killed then.
    pub fn draw(chance: &mut Chance) -> Self {
        let mut weather = Self::fine();
        let mut settings = Vec::new();
        if chance.percent(25) {
            settings.push(match chance.below(3) {
                0 => format!("throttle={}", 1 + chance.below(8)),
                1 => format!("throttle_rate={}", 10 + chance.below(40)),
                _ => format!("throttle_rate={}:{}", chance.pick(&ACTIONS), 1 + chance.below(4)),
            });
        }
        if chance.percent(15) {
            settings.push(format!("invalid_principal={}", 1 + chance.below(3)));
        }
        if chance.percent(20) {
            settings.push(format!("page={}", 1 + chance.below(3)));
        }
        if chance.percent(25) {
            settings.push(format!("delay={}s", 1 + chance.below(20)));
            if chance.percent(40) {
                weather.passes = false;
                settings.push(format!("stale_reads={}%", 5 + chance.below(50)));
            }
        }
        if chance.percent(30) {
            weather.passes = false;
            let share = |chance: &mut Chance| chance.below(10);
            settings.push(format!("drop={}%,html={}%,cut={}%", share(chance), share(chance), share(chance)));
        }
        if chance.percent(8) {
            weather.passes = false;
            settings.push(format!("deny={}", chance.pick(&ACTIONS)));
        }
        if chance.percent(60) {
            weather.passes = false;
            let what = if chance.percent(60) { "halt" } else { "fail" };
            let when = if chance.percent(50) { "before" } else { "after" };
            settings.push(format!("{what}_write={}:{when}", 1 + chance.below(16)));
        }
        settings.push(format!("seed={}", chance.below(1_000_000)));
        weather.settings = settings;
        weather
    }
}
