//! The package of an EPUB, pure: bytes in, fields out. Versions 2 and 3, and what calibre adds.
//!
//! Of several ways in which a package may say one thing the newest wins: what refines an element, then
//! its own attributes, then `<meta name="calibre:…">`.
//!
//! Invariant: what a field cannot hold is a loss in words, and the rest is read all the same.

use segue_translator::model::{Field, Fields, Real, Value, books};

use crate::identifier::identifier;
use crate::language;
use crate::markup::{Element, elements};

/// The longest text, and the longest list, that are read.
const TEXT_MAX: usize = 1 << 16;
const LIST_MAX: usize = 500;

/// What a package says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Package {
    pub(crate) fields: Fields,
    /// What could not be read, in words.
    pub(crate) losses: Vec<String>,
}

/// The name of the package, as `META-INF/container.xml` says it.
pub(crate) fn package_name(container: &[u8]) -> Result<String, String> {
    let elements = elements(container).map_err(|why| format!("META-INF/container.xml: {why}"))?;
    let is_package = |element: &&Element| {
        element.name == "rootfile"
            && element
                .attribute("media-type")
                .is_none_or(|kind| kind == "application/oebps-package+xml")
    };
    let name = elements.iter().find(is_package).and_then(|root| root.attribute("full-path"));
    let name = name.filter(|name| !name.is_empty());
    name.map(str::to_owned).ok_or_else(|| "META-INF/container.xml names no package".into())
}

/// Reads a package.
pub(crate) fn package(bytes: &[u8]) -> Result<Package, String> {
    let all = elements(bytes).map_err(|why| format!("the package: {why}"))?;
    if all.first().is_none_or(|root| root.name != "package") {
        return Err("the package is none".into());
    }
    let metadata = Metadata::of(&all);
    let mut package = Package::default();
    package.text(&books::TITLE, metadata.main_title().map(|title| plain(&title.text)));
    package.text(&books::TITLE_SORT, metadata.title_sort());
    package.list(&books::AUTHORS, metadata.authors());
    package.list(&books::LANGUAGES, metadata.texts("language").filter_map(language::tag).collect());
    package.list(&books::SUBJECTS, metadata.texts("subject").map(plain).collect());
    package.text(&books::PUBLISHER, metadata.texts("publisher").next().map(plain));
    package.text(&books::PUBLISHED, metadata.published());
    package.text(
        &books::DESCRIPTION,
        metadata.texts("description").next().map(|t| t.trim().to_owned()),
    );
    package.identifiers(&metadata);
    package.series(&metadata);
    Ok(package)
}

impl Package {
    fn text(&mut self, field: &'static Field, text: Option<String>) {
        match text.filter(|text| !text.is_empty()) {
            Some(text) if text.len() > TEXT_MAX => {
                self.losses.push(format!("its {} has {} bytes", field.name, text.len()));
            }
            text => self.fields.set(field, text.map(Value::text)),
        }
    }

    fn list(&mut self, field: &'static Field, mut texts: Vec<String>) {
        let mut seen = std::collections::HashSet::new();
        texts.retain(|text| !text.is_empty() && seen.insert(text.clone()));
        let bytes: usize = texts.iter().map(String::len).sum();
        if texts.len() > LIST_MAX || bytes > TEXT_MAX {
            self.losses.push(format!("its {} are {} with {bytes} bytes", field.name, texts.len()));
        } else if !texts.is_empty() {
            self.fields.set(field, Value::list(texts));
        }
    }

    fn identifiers(&mut self, metadata: &Metadata<'_>) {
        let mut all = Vec::new();
        for element in metadata.named("identifier") {
            let scheme = metadata.refined(element, "identifier-type");
            let scheme = scheme.or_else(|| element.attribute("scheme"));
            match identifier(&element.text, scheme) {
                Ok(found) => all.extend(found),
                Err(why) => self.losses.push(format!("an identifier: {why}")),
            }
        }
        all.sort_unstable();
        self.list(&books::IDENTIFIERS, all);
    }

    fn series(&mut self, metadata: &Metadata<'_>) {
        let (name, index) = metadata.series();
        let Some(name) = name.filter(|name| !name.is_empty()) else { return };
        self.text(&books::SERIES, Some(name));
        match index.map(|index| (index.parse::<f64>(), index)) {
            Some((Ok(number), _)) if number.is_finite() => {
                self.fields.set(&books::SERIES_INDEX, Value::Real(Real(number)));
            }
            Some((_, index)) => self.losses.push(format!("its place in the series: `{index:.40}`")),
            None => {}
        }
    }
}

/// The elements in `<metadata>`.
struct Metadata<'a>(Vec<&'a Element>);

impl<'a> Metadata<'a> {
    fn of(all: &'a [Element]) -> Self {
        let mut inside = vec![false; all.len()];
        for (at, element) in all.iter().enumerate() {
            // What is around an element stands before it.
            let around = element.within.map(|around| (inside[around], &*all[around].name));
            inside[at] = around.is_some_and(|(inside, name)| inside || name == "metadata");
        }
        Self(all.iter().zip(inside).filter(|(_, inside)| *inside).map(|(one, _)| one).collect())
    }

    fn named(&self, name: &str) -> impl Iterator<Item = &'a Element> {
        self.0.iter().copied().filter(move |element| element.name == name)
    }

    fn texts(&self, name: &str) -> impl Iterator<Item = &'a str> {
        self.named(name).map(|element| &*element.text)
    }

    /// What a property says about an element.
    fn refined(&self, element: &Element, property: &str) -> Option<&'a str> {
        let id = element.attribute("id")?;
        let mut refining = self.named("meta").filter(|meta| {
            let refines = meta.attribute("refines").and_then(|target| target.strip_prefix('#'));
            refines == Some(id) && meta.attribute("property") == Some(property)
        });
        refining.next().map(|meta| meta.text.trim())
    }

    /// What `<meta name="…" content="…">` says.
    fn calibre(&self, name: &str) -> Option<&'a str> {
        let mut named = self.named("meta").filter(|meta| meta.attribute("name") == Some(name));
        named.next()?.attribute("content")
    }

    fn main_title(&self) -> Option<&'a Element> {
        let kind = |title: &Element| self.refined(title, "title-type");
        let main = self.named("title").find(|title| kind(title) == Some("main"));
        main.or_else(|| self.named("title").find(|title| !title.text.trim().is_empty()))
    }

    fn title_sort(&self) -> Option<String> {
        let title = self.main_title()?;
        let refined = self.refined(title, "file-as").or_else(|| title.attribute("file-as"));
        refined.or_else(|| self.calibre("calibre:title_sort")).map(plain)
    }

    /// Who wrote it; where nobody is said to have, whoever made it.
    fn authors(&self) -> Vec<String> {
        let role = |one: &'a Element| self.refined(one, "role").or_else(|| one.attribute("role"));
        let wrote =
            |one: &&'a Element| role(one).is_none_or(|role| role == "aut" || role.is_empty());
        let names = |some: &mut dyn Iterator<Item = &'a Element>| -> Vec<String> {
            some.map(|one| plain(&one.text)).filter(|name| !name.is_empty()).collect()
        };
        let authors = names(&mut self.named("creator").filter(wrote));
        if authors.is_empty() { names(&mut self.named("creator")) } else { authors }
    }

    /// When it was published; no other event of its life.
    fn published(&self) -> Option<String> {
        let event = |date: &Element| date.attribute("event").map(str::to_lowercase);
        let dates = || self.named("date").filter(|date| !date.text.trim().is_empty());
        let said =
            dates().find(|date| event(date).is_some_and(|event| event.contains("publication")));
        let date = said.or_else(|| dates().find(|date| event(date).is_none()))?;
        // The year in which calibre puts what it knows no date of.
        Some(date.text.trim().to_owned()).filter(|text| !text.starts_with("0101-"))
    }

    /// The series and the place in it.
    fn series(&self) -> (Option<String>, Option<&'a str>) {
        let collections = || {
            self.named("meta").filter(|meta| {
                meta.attribute("property") == Some("belongs-to-collection")
                    && meta.attribute("refines").is_none()
            })
        };
        let kind = |one: &Element| self.refined(one, "collection-type");
        let series = collections().find(|one| kind(one) == Some("series"));
        match series.or_else(|| collections().find(|one| kind(one).is_none())) {
            Some(one) => (Some(plain(&one.text)), self.refined(one, "group-position")),
            None => {
                (self.calibre("calibre:series").map(plain), self.calibre("calibre:series_index"))
            }
        }
    }
}

/// A text of one line, with single blanks.
fn plain(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
#[path = "format_tests.rs"]
mod tests;
