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

    /// Returns the items and, when there are more, the marker to go on from.
    pub fn into_parts(self) -> (Vec<T>, Option<String>) {
        (self.items, self.marker)
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
        xml.texts(list, self.items);
        xml.text("IsTruncated", self.marker.is_some()).maybe("Marker", self.marker);
        xml
    }
}

#[cfg(test)]
mod tests {
    use crate::sandbox::testbed::{Bed, refused};

    async fn names(bed: &Bed, most: Option<i32>) -> (Vec<String>, u64) {
        let before = bed.sandbox.calls();
        let mut items = bed.iam().list_roles().set_max_items(most).into_paginator().items().send();
        let mut names = Vec::new();
        while let Some(role) = items.next().await {
            names.push(role.unwrap().role_name);
        }
        (names, bed.sandbox.calls() - before)
    }

    #[tokio::test]
    async fn every_item_comes_once_in_pages_of_any_size() {
        let bed = Bed::new().await;
        let mut all: Vec<String> = (0..101).map(|n| format!("r{n:03}")).collect();
        for name in &all {
            bed.role(name).await;
        }
        assert_eq!(names(&bed, None).await, (all.clone(), 2));
        assert_eq!(names(&bed, Some(1000)).await, (all.clone(), 1));
        assert_eq!(names(&bed, Some(7)).await, (all.clone(), 15));
        let bed = Bed::over(bed.dir, "page=50").await;
        assert_eq!(names(&bed, Some(1000)).await, (all.clone(), 3));
        // What goes between two pages does not make others vanish.
        let first = bed.iam().list_roles().max_items(2).send().await.unwrap();
        bed.iam().delete_role().role_name("r001").send().await.unwrap();
        let second = bed.iam().list_roles().max_items(1).marker(first.marker().unwrap()).send().await.unwrap();
        assert_eq!(second.roles()[0].role_name(), "r002");
        all.remove(1);
        assert_eq!(names(&bed, None).await.0, all);
    }

    #[tokio::test]
    async fn a_page_has_1_to_1000_items() {
        let bed = Bed::new().await;
        for most in [0, 1001] {
            assert_eq!(refused(bed.iam().list_roles().max_items(most).send().await).0, "ValidationError");
        }
    }
}
