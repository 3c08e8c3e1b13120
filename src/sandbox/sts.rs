//! STS: who the caller is. Everybody is the same user, but who calls with a key of a user of the account.

use super::iam;
use super::world::World;
use super::xml::Xml;

pub const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";
/// What STS's calls say in `Version`; it tells them from IAM's.
pub const VERSION: &str = "2011-06-15";

/// Answers an action of STS; none when it is not known.
pub fn answer(action: &str, world: &World, key: Option<&str>) -> Option<Xml> {
    (action == "GetCallerIdentity").then(|| {
        let account = &world.account;
        let mut xml = Xml::default();
        match key.and_then(|key| iam::key_of_id(world, key)) {
            Some((user, _)) => xml.text("Arn", user.arn(account)).text("UserId", &user.id),
            None => xml.text("Arn", account.caller()).text("UserId", "AIDASANDBOXSANDBOXSAN"),
        };
        xml.text("Account", &account.id);
        xml
    })
}
