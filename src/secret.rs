//! A secret on its way from AWS to where the manifest says. It is held once, told once, and cannot be printed,
//! copied, compared or written as data.
//!
//! The answer that it came in is the HTTP client's, which reuses its memory when the next answer comes. So it is
//! the process that keeps its memory to itself.

use rustix::process::{self, Resource, Rlimit};
use zeroize::Zeroizing;

/// The secret half of a credential. It has no `Debug`, `Display`, `Clone` or `Serialize`, and its memory is
/// overwritten when it goes.
pub struct Secret(Zeroizing<String>);

impl Secret {
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// Returns the text, for the one place that hands it over.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// Keeps the memory of this process out of core files, and other processes of the same user from reading it
/// where the system knows how to (Linux). Nothing keeps root from it.
pub fn keep_memory_private() -> std::io::Result<()> {
    process::setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    // A core that goes to a program, as systemd has it, knows no such limit.
    #[cfg(target_os = "linux")]
    process::set_dumpable_behavior(process::DumpableBehavior::NotDumpable)?;
    Ok(())
}
