//! The embedded table: unpacked once, and each service read when it is first asked for.

use std::sync::OnceLock;

use super::{Action, ConditionKey, KeyType, Level, ResourceType, Service};

/// Raw deflate; `tools/aws-service-reference.py` says what is in it.
const PACKED: &[u8] = include_bytes!("table.deflate");

/// What is on top of the table, and where each service stands.
struct Table {
    date: &'static str,
    global: Vec<ConditionKey>,
    /// Sorted by prefix.
    services: Vec<Shelf>,
}

struct Shelf {
    prefix: &'static str,
    lines: &'static str,
    read: OnceLock<Service>,
}

fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| Table::of(text()))
}

/// Returns the unpacked text; a table that is damaged is empty, which a test would see.
fn text() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| {
        let bytes = miniz_oxide::inflate::decompress_to_vec(PACKED).unwrap_or_default();
        String::from_utf8(bytes).unwrap_or_default()
    })
}

impl Table {
    fn of(text: &'static str) -> Self {
        let mut parts = text.split("\n=");
        let mut top = parts.next().unwrap_or_default().lines();
        let date = top.next().and_then(|line| line.split_once(' ')).map_or("", |(_, date)| date);
        let shelf = |part: &'static str| {
            let (prefix, lines) = part.split_once('\n').unwrap_or((part, ""));
            Shelf { prefix, lines, read: OnceLock::new() }
        };
        Self { date, global: top.filter_map(key).collect(), services: parts.map(shelf).collect() }
    }
}

/// The day of the table, as `2026-09-26`.
pub fn date() -> &'static str {
    table().date
}

/// Returns the condition keys that a request carries whatever the service.
pub fn global_keys() -> &'static [ConditionKey] {
    &table().global
}

/// Returns the prefixes of all services, sorted.
pub fn services() -> impl Iterator<Item = &'static str> + Clone {
    table().services.iter().map(|shelf| shelf.prefix)
}

/// Returns the service of a prefix in lower case.
pub(super) fn service(prefix: &str) -> Option<&'static Service> {
    let services = &table().services;
    let at = services.binary_search_by(|shelf| shelf.prefix.cmp(prefix)).ok()?;
    Some(services[at].read.get_or_init(|| read(services[at].prefix, services[at].lines)))
}

fn read(prefix: &'static str, lines: &'static str) -> Service {
    let mut service = Service { prefix, keys: Vec::new(), types: Vec::new(), actions: Vec::new() };
    for line in lines.lines() {
        let Some((sort, rest)) = line.split_at_checked(1) else { continue };
        match sort {
            "k" => service.keys.extend(key(rest)),
            "r" => service.types.extend(resource_type(rest)),
            _ => service.actions.extend(action(rest)),
        }
    }
    service
}

fn key(line: &'static str) -> Option<ConditionKey> {
    let (name, sort) = line.rsplit_once(' ')?;
    let holds = match sort.chars().next()? {
        'A' => KeyType::Arn,
        'B' => KeyType::Bool,
        'N' => KeyType::Number,
        'D' => KeyType::Date,
        'I' => KeyType::Ip,
        'X' => KeyType::Binary,
        _ => KeyType::Text,
    };
    Some(ConditionKey { name, holds, many: sort.ends_with('M') })
}

fn resource_type(line: &'static str) -> Option<ResourceType> {
    let mut fields = line.split('\t');
    let (name, arns, keys) = (fields.next()?, fields.next()?, fields.next()?);
    Some(ResourceType { name, arns: arns.split(", ").collect(), keys: numbers(keys) })
}

fn action(line: &'static str) -> Option<Action> {
    let mut fields = line.split('\t');
    let (name, level, types, keys) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    let level = match level {
        "L" => Level::List,
        "R" => Level::Read,
        "T" => Level::Tagging,
        "P" => Level::PermissionsManagement,
        _ => Level::Write,
    };
    let on = |text: &str| {
        let (number, keys) = text.split_once(':').unwrap_or((text, ""));
        Some((number.parse().ok()?, numbers(keys)))
    };
    Some(Action { name, level, types: types.split(' ').filter_map(on).collect(), keys: numbers(keys) })
}

fn numbers(text: &str) -> Vec<u16> {
    text.split(',').filter_map(|number| number.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn the_table_is_whole() {
        assert!(date().len() == 10 && date() > "2026");
        assert!(services().is_sorted_by(|a, b| a < b) && services().count() > 400);
        assert!(global_keys().len() > 50);
        let mut actions = 0;
        for prefix in services() {
            let service = service(prefix).unwrap();
            let by_name = |action: &Action| action.name.to_ascii_lowercase();
            assert!(service.actions.is_sorted_by(|a, b| by_name(a) < by_name(b)), "{prefix}");
            for action in &service.actions {
                assert!(!action.name.is_empty() && action.name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'));
                assert_eq!(service.types_of(action).count(), action.types.len(), "{prefix}:{}", action.name);
            }
            assert!(service.types.iter().flat_map(|kind| &kind.arns).all(|arn| arn.starts_with("arn:")), "{prefix}");
            actions += service.actions.len();
        }
        assert!(actions > 20_000);
    }

    #[test]
    fn the_first_look_is_quick() {
        let start = Instant::now();
        let whole = Table::of(text());
        let s3 = whole.services.iter().find(|shelf| shelf.prefix == "s3").unwrap();
        assert!(read(s3.prefix, s3.lines).actions.len() > 150);
        assert!(start.elapsed().as_millis() < 500, "{:?}", start.elapsed());
    }
}
