//! What is asked: who wants to do what, on what, under which circumstances.

use super::super::statement::Principal;

/// One request, as AWS sees it when it looks at policies.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// In lower case.
    action: String,
    resource: String,
    context: Context,
    principal: Option<Principal>,
}

impl Request {
    /// A request by nobody in particular: what identity policies need to know.
    pub fn new(action: &str, resource: impl Into<String>, context: Context) -> Self {
        Self { action: action.to_ascii_lowercase(), resource: resource.into(), context, principal: None }
    }

    /// Says who asks: what trust policies need to know.
    pub fn by(self, principal: Principal) -> Self {
        Self { principal: Some(principal), ..self }
    }

    /// Returns the action in lower case.
    pub fn action(&self) -> &str {
        &self.action
    }

    pub fn resource(&self) -> &str {
        &self.resource
    }

    pub fn context(&self) -> &Context {
        &self.context
    }

    pub fn principal(&self) -> Option<&Principal> {
        self.principal.as_ref()
    }
}

/// The circumstances of a request: condition keys and their values. What is not in it is not in the request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context(Vec<(String, Vec<String>)>);

impl Context {
    /// Adds a value to a key, whose letter case does not count.
    pub fn add(&mut self, key: &str, value: impl Into<String>) {
        match self.0.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(key)) {
            Some((_, values)) => values.push(value.into()),
            None => self.0.push((key.to_owned(), vec![value.into()])),
        }
    }

    /// Returns the values of a key; a key that is absent has none.
    pub fn values(&self, key: &str) -> &[String] {
        self.0.iter().find(|(known, _)| known.eq_ignore_ascii_case(key)).map_or(&[], |(_, values)| values)
    }

    /// Returns what a policy variable stands for. "IAM policy elements: Variables and tags": a key with several
    /// values can be none.
    pub(super) fn variable(&self, key: &str) -> Option<String> {
        match self.values(key) {
            [value] => Some(value.clone()),
            _ => None,
        }
    }
}

impl<K: AsRef<str>, V: Into<String>> FromIterator<(K, V)> for Context {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let mut context = Self::default();
        pairs.into_iter().for_each(|(key, value)| context.add(key.as_ref(), value));
        context
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_letter_case_of_keys_does_not_count() {
        let context: Context =
            [("aws:TagKeys", "a"), ("AWS:tagkeys", "b"), ("aws:username", "ana")].into_iter().collect();
        assert_eq!(context.values("aws:tagKeys"), ["a", "b"]);
        assert_eq!(context.variable("aws:UserName").as_deref(), Some("ana"));
        assert_eq!((context.variable("aws:TagKeys"), context.values("aws:x").len()), (None, 0));
    }
}
