//! Lists come in pages: `MaxItems` items from after `Marker`, in a fixed order.
//!
//! A marker is the key of the last item that was sent, so a list goes on rightly though objects came or
//! went in between.

use super::Call;
use crate::sandbox::answer::Refusal;
use crate::sandbox::xml::Xml;

const DEFAULT: u32 = 100;
const MOST: u32 = 1000;

pub struct Page<T> {
    items: Vec<T>,
    /// The key of the last item, when there are more.
    marker: Option<String>,
}

impl<T> Page<T> {
    /// Takes a page from items with their keys, in the order of keys.
    pub fn of(call: &Call, items: impl Iterator<Item = (String, T)>) -> Result<Self, Refusal> {
        let asked = call.request.number("MaxItems", 1, MOST)?.unwrap_or(DEFAULT) as usize;
        let most = call.page.unwrap_or(asked).min(asked);
        let marker = call.request.get("Marker").unwrap_or_default();
        let mut rest = items.skip_while(|(key, _)| !marker.is_empty() && key.as_str() <= marker).peekable();
        let mut page = Page { items: Vec::new(), marker: None };
        let mut last = None;
        while page.items.len() < most
            && let Some((key, item)) = rest.next()
        {
            page.items.push(item);
            last = Some(key);
        }
        page.marker = last.filter(|_| rest.peek().is_some());
        Ok(page)
    }

    /// Writes the items as a list of this name, and whether there are more.
    pub fn answer(self, list: &str, write: impl Fn(&mut Xml, T)) -> Xml {
        let mut xml = Xml::default();
        xml.list(list, self.items, write);
        xml.text("IsTruncated", self.marker.is_some()).maybe("Marker", self.marker);
        xml
    }
}

impl Page<&String> {
    /// Writes the items as a list of plain texts.
    pub fn texts(self, list: &str) -> Xml {
        let mut xml = Xml::default();
        xml.node(list, |xml| {
            for item in self.items {
                xml.text("member", item);
            }
        });
        xml.text("IsTruncated", self.marker.is_some()).maybe("Marker", self.marker);
        xml
    }
}
