//! A statement as the findings walk it: each part with the way to it, each action looked up.

use super::super::condition::{Operator, Quantifier, Test};
use super::super::pattern::Pattern as Wildcards;
use super::super::reference::{self, Action, Service};
use super::super::spot::Spot;
use super::arn::Pattern;

pub(super) struct Statement<'a> {
    pub spot: Spot<'a>,
    pub allows: bool,
    /// Under `Action`; those under `NotAction` apart.
    pub actions: Vec<Entry<'a>>,
    pub not_actions: Vec<Entry<'a>>,
    /// Under `Resource`.
    pub resources: Vec<Resource<'a>>,
    pub conditions: Vec<Condition<'a>>,
}

/// One item under `Action`.
pub(super) struct Entry<'a> {
    pub spot: Spot<'a>,
    pub text: &'a str,
    pub means: Means,
    /// None where the text is one action.
    pattern: Option<Wildcards>,
}

pub(super) enum Means {
    /// `*`, or what the grammar does not allow.
    Anything,
    /// The reference has no such service.
    NoService,
    Of(&'static Service, Vec<&'static Action>),
}

/// One item under `Resource`.
pub(super) struct Resource<'a> {
    pub spot: Spot<'a>,
    pub text: &'a str,
    pub pattern: Pattern,
}

/// One key under one operator.
pub(super) struct Condition<'a> {
    /// The values.
    pub spot: Spot<'a>,
    /// As written: `ForAnyValue:StringEqualsIfExists`.
    pub operator: &'a str,
    /// None for an operator that there is not.
    pub parsed: Option<Operator>,
    pub key: &'a str,
    pub values: Vec<String>,
}

/// Returns the statements of a document that are objects.
pub(super) fn all<'a>(document: &Spot<'a>) -> Vec<Statement<'a>> {
    let list = document.get("Statement").map(|list| list.one_or_many()).unwrap_or_default();
    list.into_iter().filter(|spot| spot.json.is_object()).map(Statement::of).collect()
}

impl<'a> Statement<'a> {
    fn of(spot: Spot<'a>) -> Self {
        let entries = |element: &str| {
            let items = spot.get(element).map(|list| list.one_or_many()).unwrap_or_default();
            items.into_iter().filter_map(Entry::of).collect()
        };
        let resources = spot.get("Resource").map(|list| list.one_or_many()).unwrap_or_default();
        let allows = spot.get("Effect").and_then(|effect| effect.text()) == Some("Allow");
        let conditions = spot.get("Condition").map(|block| conditions(&block)).unwrap_or_default();
        Self {
            allows,
            actions: entries("Action"),
            not_actions: entries("NotAction"),
            resources: resources.into_iter().filter_map(Resource::of).collect(),
            conditions,
            spot,
        }
    }

    /// Says whether it holds whatever the circumstances.
    pub fn is_unconditional(&self) -> bool {
        self.conditions.is_empty()
    }

    /// `Allow` and `Deny` in a sentence about what a statement does not reach.
    pub fn does_nothing(&self) -> &'static str {
        if self.allows { "grants nothing" } else { "denies nothing" }
    }
}

impl<'a> Entry<'a> {
    fn of(spot: Spot<'a>) -> Option<Self> {
        let text = spot.text()?;
        let means = match text.split_once(':') {
            Some((prefix, name)) if !prefix.contains(['*', '?']) => match reference::service(prefix) {
                Some(service) => Means::Of(service, service.matching(name)),
                None => Means::NoService,
            },
            _ => Means::Anything,
        };
        let pattern = text.contains(['*', '?']).then(|| Wildcards::action(text));
        Some(Self { spot, text, means, pattern })
    }

    /// Says whether it stands for the action, which is without wildcards.
    pub fn covers(&self, action: &str) -> bool {
        match &self.pattern {
            Some(pattern) => pattern.matches(&action.to_ascii_lowercase()),
            None => self.text.eq_ignore_ascii_case(action),
        }
    }

    pub fn is_pattern(&self) -> bool {
        self.pattern.is_some()
    }

    /// Says whether it is all actions of a service, or of all.
    pub fn is_whole_service(&self) -> bool {
        self.text.split_once(':').is_none_or(|(_, name)| name == "*")
    }

    /// Returns the actions that it stands for; none where that is not known.
    pub fn known(&self) -> impl Iterator<Item = (&'static Service, &'static Action)> {
        let found = match &self.means {
            Means::Of(service, actions) => Some((*service, actions)),
            Means::Anything | Means::NoService => None,
        };
        found.into_iter().flat_map(|(service, actions)| actions.iter().map(move |action| (service, *action)))
    }
}

impl<'a> Resource<'a> {
    fn of(spot: Spot<'a>) -> Option<Self> {
        let text = spot.text()?;
        Some(Self { pattern: Pattern::parse(text), text, spot })
    }
}

fn conditions<'a>(block: &Spot<'a>) -> Vec<Condition<'a>> {
    let mut found = Vec::new();
    for (operator, keys) in block.entries() {
        for (key, spot) in keys.entries() {
            let scalar = |item: Spot| item.text().map_or_else(|| item.json.to_string(), str::to_owned);
            let values = spot.one_or_many().into_iter().map(scalar).collect();
            found.push(Condition { spot, operator, parsed: Operator::parse(operator), key, values });
        }
    }
    found
}

impl Condition<'_> {
    /// Says whether it also holds for a request that does not carry the key, or asks for just that.
    pub fn holds_without_key(&self) -> bool {
        self.parsed.is_some_and(|operator| {
            operator.if_exists || operator.quantifier == Some(Quantifier::ForAllValues) || operator.test == Test::Null
        })
    }

    pub fn is_negated(&self) -> bool {
        self.parsed.is_some_and(|operator| operator.negated)
    }

    pub fn is_key(&self, name: &str) -> bool {
        self.key.eq_ignore_ascii_case(name)
    }
}
