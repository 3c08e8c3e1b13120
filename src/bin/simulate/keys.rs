//! Access keys: each that is valid lies in the file of its user, where the manifest says, and nowhere is another.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value as Json;

/// AWS's ids of the keys that a user has, as the sandbox keeps them, and whether each is valid.
pub fn of(user: &Json) -> BTreeMap<String, bool> {
    let keys = user["access_keys"].as_object().into_iter().flatten();
    keys.map(|(id, key)| (id.clone(), key["active"].as_bool().unwrap_or_default())).collect()
}

/// Demands that `users`, by name, have the keys that lie in the files of `wanted`, also by name, and no others.
pub fn demand(users: &BTreeMap<String, Json>, folder: &Path, wanted: &BTreeMap<String, String>) -> Result<(), String> {
    for (name, user) in users {
        let handed = wanted.get(name).map(|file| held(&folder.join(file))).transpose()?;
        let expected: BTreeMap<String, bool> = handed.into_iter().map(|id| (id, true)).collect();
        let keys = of(user);
        if keys != expected {
            return Err(format!("{name} has the keys {keys:?}, and handed over is {expected:?}"));
        }
    }
    // A key that somebody deleted may still lie in its file: it does no harm.
    let files = std::fs::read_dir(folder).map_err(|e| e.to_string())?;
    for file in files.flatten().filter(|file| !wanted.values().any(|wanted| file.file_name() == wanted.as_str())) {
        let id = held(&file.path())?;
        if users.values().any(|user| of(user).contains_key(&id)) {
            return Err(format!("{} holds the valid key {id}, and no key is to go to it", file.path().display()));
        }
    }
    Ok(())
}

fn held(file: &Path) -> Result<String, String> {
    let text = std::fs::read_to_string(file).map_err(|e| format!("{}: {e}", file.display()))?;
    let id = text.lines().next().and_then(|line| line.strip_prefix("AWS_ACCESS_KEY_ID="));
    id.map(str::to_owned).ok_or_else(|| format!("{} holds no key", file.display()))
}
