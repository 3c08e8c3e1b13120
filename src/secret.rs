//! A secret on its way from AWS to where the manifest says. It is held once, told once, and cannot be printed,
//! copied, compared or written as data.

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
