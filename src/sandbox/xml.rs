//! Writes XML: elements and text, all that the query protocol answers with.

use std::fmt::Display;

#[derive(Clone, Debug, Default)]
pub struct Xml(String);

impl Xml {
    pub fn text(&mut self, name: &str, value: impl Display) -> &mut Self {
        self.open(name);
        for c in value.to_string().chars() {
            match c {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                // A parser would read it as a line feed.
                '\r' => self.0.push_str("&#xD;"),
                c => self.0.push(c),
            }
        }
        self.close(name)
    }

    pub fn maybe(&mut self, name: &str, value: Option<impl Display>) -> &mut Self {
        match value {
            Some(value) => self.text(name, value),
            None => self,
        }
    }

    pub fn node(&mut self, name: &str, write: impl FnOnce(&mut Xml)) -> &mut Self {
        self.open(name);
        write(self);
        self.close(name)
    }

    pub fn list<T>(
        &mut self,
        name: &str,
        items: impl IntoIterator<Item = T>,
        write: impl Fn(&mut Xml, T),
    ) -> &mut Self {
        self.node(name, |xml| {
            for item in items {
                xml.node("member", |xml| write(xml, item));
            }
        })
    }

    /// Writes a list of plain texts.
    pub fn texts<'t>(&mut self, name: &str, items: impl IntoIterator<Item = &'t String>) -> &mut Self {
        self.node(name, |xml| {
            for item in items {
                xml.text("member", item);
            }
        })
    }

    pub fn root(&mut self, name: &str, namespace: &str, write: impl FnOnce(&mut Xml)) -> &mut Self {
        self.0.push_str(&format!("<{name} xmlns=\"{namespace}\">"));
        write(self);
        self.close(name)
    }

    /// Takes in elements that were written before.
    pub fn append(&mut self, finished: &str) {
        self.0.push_str(finished);
    }

    pub fn finish(self) -> String {
        self.0
    }

    fn open(&mut self, name: &str) {
        self.0.push('<');
        self.0.push_str(name);
        self.0.push('>');
    }

    fn close(&mut self, name: &str) -> &mut Self {
        self.0.push_str("</");
        self.0.push_str(name);
        self.0.push('>');
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_and_elements_nest() {
        let mut xml = Xml::default();
        xml.list("Tags", [("a&b", "<\r>")], |xml, (key, value)| {
            xml.text("Key", key).text("Value", value).maybe("None", None::<&str>);
        });
        let wanted = "<Tags><member><Key>a&amp;b</Key><Value>&lt;&#xD;&gt;</Value></member></Tags>";
        assert_eq!(xml.finish(), wanted);
    }
}
