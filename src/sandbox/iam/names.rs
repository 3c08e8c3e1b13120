//! What names, paths and descriptions may look like.

use crate::sandbox::answer::Refusal;
use crate::sandbox::request::Request;

/// Returns the name in `parameter` when IAM takes it.
pub fn name<'a>(request: &'a Request, parameter: &str, longest: usize) -> Result<&'a str, Refusal> {
    let name = request.required(parameter)?;
    length(parameter, name, 1, longest)?;
    if name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b)) {
        return Ok(name);
    }
    Err(Refusal::invalid(format!(
        "The specified value for {} is invalid. It must contain only alphanumeric characters and/or the following: \
         +=,.@_-",
        camel(parameter)
    )))
}

/// Returns the `Path` of what is to be created; the default is the root.
pub fn path(request: &Request) -> Result<&str, Refusal> {
    checked_path(request.get("Path").unwrap_or("/"), "path")
}

fn checked_path<'a>(path: &'a str, parameter: &str) -> Result<&'a str, Refusal> {
    length(parameter, path, 1, 512)?;
    let inner = path.strip_prefix('/').and_then(|rest| if rest.is_empty() { Some("") } else { rest.strip_suffix('/') });
    // Graphic ASCII, and something between the slashes: `//` is no path.
    let grammatical = inner.is_some_and(|inner| inner.bytes().all(|b| b.is_ascii_graphic())) && path != "//";
    if !grammatical {
        return Err(Refusal::invalid(format!(
            "The specified value for {parameter} is invalid. It must begin and end with / and contain only \
             alphanumeric characters and/or / characters.",
        )));
    }
    if path.starts_with("/aws-service-role/") || path.starts_with("/aws-reserved/") {
        return Err(Refusal::input(format!("The path {path} is reserved for AWS.")));
    }
    Ok(path)
}

/// Returns the `NewPath` of a call that updates. `renames` is the parameter with a new name.
pub fn new_path<'a>(request: &'a Request, renames: &str) -> Result<Option<&'a str>, Refusal> {
    if request.get(renames).is_some() {
        return Err(Refusal::input(format!("The sandbox does not know {renames}: it renames nothing.")));
    }
    request.get("NewPath").map(|text| checked_path(text, "newPath")).transpose()
}

/// Returns the path of a managed policy, whose grammar is narrower.
pub fn policy_path(request: &Request) -> Result<&str, Refusal> {
    let path = path(request)?;
    let segment = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_alphanumeric() || b".,+@=_-".contains(&b));
    if path == "/" || path.trim_matches('/').split('/').all(segment) && !path.starts_with("//") && !path.ends_with("//")
    {
        return Ok(path);
    }
    Err(Refusal::constraint(
        Some(path),
        "path",
        r"Member must satisfy regular expression pattern: ((/[A-Za-z0-9\.,\+@=_-]+)*)/",
    ))
}

/// Returns the `PathPrefix` of a list; the default takes all.
pub fn path_prefix(request: &Request) -> Result<&str, Refusal> {
    let prefix = request.get("PathPrefix").unwrap_or("/");
    if prefix.starts_with('/') && prefix.len() <= 512 && prefix.bytes().all(|b| b.is_ascii_graphic()) {
        return Ok(prefix);
    }
    Err(Refusal::invalid("The specified value for pathPrefix is invalid. It must begin with /."))
}

/// Returns the `Description` of a role.
pub fn description(request: &Request) -> Result<Option<String>, Refusal> {
    let Some(text) = request.get("Description") else { return Ok(None) };
    length("description", text, 0, 1000)?;
    let allowed = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='~' | '\u{A1}'..='\u{FF}');
    if !text.chars().all(allowed) {
        return Err(Refusal::constraint(
            Some(text),
            "description",
            r"Member must satisfy regular expression pattern: [\u0009\u000A\u000D\u0020-\u007E\u00A1-\u00FF]*",
        ));
    }
    Ok(Some(text.to_owned()).filter(|text| !text.is_empty()))
}

pub fn length(parameter: &str, text: &str, least: usize, most: usize) -> Result<(), Refusal> {
    let wrong = |why: String| Err(Refusal::constraint(Some(text), parameter, &why));
    match text.chars().count() {
        n if n < least => wrong(format!("Member must have length greater than or equal to {least}")),
        n if n > most => wrong(format!("Member must have length less than or equal to {most}")),
        _ => Ok(()),
    }
}

fn camel(parameter: &str) -> String {
    let mut name = parameter.to_owned();
    if let Some(first) = name.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(parameter: &str, value: &str) -> Request {
        let form = form_urlencoded::Serializer::new(String::new()).append_pair(parameter, value).finish();
        Request::parse(form.as_bytes())
    }

    #[test]
    fn names_have_letters_and_lengths() {
        for fine in ["a", "A-b_c+d=e,f.g@h", &"x".repeat(64)] {
            assert_eq!(name(&with("RoleName", fine), "RoleName", 64).unwrap(), fine);
        }
        for (wrong, text) in [
            ("a b", "The specified value for roleName is invalid"),
            ("a/b", "The specified value for roleName is invalid"),
            ("é", "The specified value for roleName is invalid"),
            ("", "'roleName' failed to satisfy constraint: Member must have length greater than or equal to 1"),
            (&"x".repeat(65), "Member must have length less than or equal to 64"),
        ] {
            let refusal = name(&with("RoleName", wrong), "RoleName", 64).unwrap_err();
            assert_eq!(refusal.code, "ValidationError");
            assert!(refusal.message.contains(text), "{}", refusal.message);
        }
        let missing = name(&Request::default(), "RoleName", 64).unwrap_err();
        assert!(missing.message.ends_with("Value at 'roleName' failed to satisfy constraint: Member must not be null"));
    }

    #[test]
    fn paths_begin_and_end_with_a_slash() {
        for fine in ["/", "/a/", "/a/b!/"] {
            assert_eq!(path(&with("Path", fine)).unwrap(), fine);
        }
        for wrong in ["", "a", "/a", "a/", "//", "/a b/", "/é/"] {
            assert_eq!(path(&with("Path", wrong)).unwrap_err().code, "ValidationError", "{wrong}");
        }
        assert_eq!(path(&with("Path", "/aws-service-role/x/")).unwrap_err().code, "InvalidInput");
        assert!(policy_path(&with("Path", "/a/b.c/")).is_ok() && policy_path(&Request::default()).is_ok());
        for wrong in ["/a!/", "/a//b/", "//a/", "/a//"] {
            assert!(policy_path(&with("Path", wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn descriptions_are_latin() {
        assert_eq!(description(&with("Description", "höchst\n")).unwrap().as_deref(), Some("höchst\n"));
        assert_eq!(description(&with("Description", "")).unwrap(), None);
        assert!(description(&with("Description", "→")).is_err());
        assert!(description(&with("Description", &"x".repeat(1001))).is_err());
    }
}
