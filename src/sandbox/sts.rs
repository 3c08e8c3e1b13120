//! STS: who the caller is. Everybody is the same user.

use super::world::Account;
use super::xml::Xml;

pub const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";
/// What STS's calls say in `Version`; it tells them from IAM's.
pub const VERSION: &str = "2011-06-15";

/// Answers an action of STS; none when it is not known.
pub fn answer(action: &str, account: &Account) -> Option<Xml> {
    (action == "GetCallerIdentity").then(|| {
        let mut xml = Xml::default();
        xml.text("Arn", account.caller()).text("UserId", "AIDASANDBOXSANDBOXSAN").text("Account", &account.id);
        xml
    })
}
