//! All guards of a source file, each with its switch: what is built once can be run without any one of them.
//!
//! The body of a function that holds a guard's text is written down twice, with and without the guard,
//! and a file in the build folder says at run time which of both is meant ("mutant schemata"; Untch, Offutt and Harrold 1993).
//! It is a file and not a variable, because tests start programs without their environment.
//!
//! What does not stand in a function's body, or in one whose type differs between both (`impl Trait`,
//! `const fn`), has to be built on its own.
//!
//! Invariant: as long as the file is not there, the source does what it did before.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::ops::Range;
use std::path::Path;

use syn::visit::{self, Visit};
use syn::{Block, ReturnType, Signature, Type};

use crate::Switch;

/// A source in which each of the named switches can be thrown while it runs; `off` names the file that does it.
///
/// # Errors
/// The names of those that must be built on their own; all of them, if the source cannot be read.
pub(crate) fn with_switches(
    source: &str,
    switches: &[(&str, &Switch)],
    off: &Path,
) -> Result<String, Vec<String>> {
    let names = |of: &[&str]| of.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let all: Vec<&str> = switches.iter().map(|(name, _)| *name).collect();
    let file = syn::parse_file(source).map_err(|_| names(&all))?;
    let mut bodies = Bodies::default();
    bodies.visit_file(&file);
    let mut doubled: BTreeMap<usize, Doubled<'_>> = BTreeMap::new();
    let mut alone = Vec::new();
    for &(name, switch) in switches {
        let found =
            place_of(source, switch).and_then(|place| Some((bodies.around(&place)?, place)));
        let Some((body, place)) = found else {
            alone.push(name);
            continue;
        };
        let texts =
            &mut doubled.entry(body.start).or_insert(Doubled { body, texts: Vec::new() }).texts;
        texts.push(Guarded { name, place, replacement: &switch.replacement });
    }
    // One of two bodies that hold each other.
    for inner in doubled.values() {
        if doubled.values().any(|outer| outer.holds(inner)) {
            alone.extend(inner.texts.iter().map(|text| text.name));
        }
    }
    if !alone.is_empty() {
        return Err(names(&alone));
    }
    let mut result = source.to_owned();
    // From the end, so that the places before it stay.
    for one in doubled.values().rev() {
        result.replace_range(one.body.clone(), &one.written(source, off));
    }
    Ok(result)
}

fn place_of(source: &str, switch: &Switch) -> Option<Range<usize>> {
    let mut places = source.match_indices(&switch.text);
    let (start, text) = places.next()?;
    places.next().is_none().then(|| start..start + text.len())
}

/// A body that is written down once for each control in it, and once with every guard.
struct Doubled<'a> {
    body: Range<usize>,
    texts: Vec<Guarded<'a>>,
}

/// A guard's text in it.
struct Guarded<'a> {
    /// Of the control. Texts of one name are off together.
    name: &'a str,
    place: Range<usize>,
    replacement: &'a str,
}

impl Doubled<'_> {
    fn holds(&self, other: &Self) -> bool {
        self.body.start < other.body.start && other.body.end < self.body.end
    }

    fn written(&self, source: &str, off: &Path) -> String {
        let (on, off) = (&source[self.body.clone()], off.display().to_string());
        let mut result = format!(
            "{{\nstatic SEGUE_OFF: ::std::sync::LazyLock<String> = ::std::sync::LazyLock::new(|| \
             ::std::fs::read_to_string({off:?}).unwrap_or_default());\n"
        );
        let names: BTreeSet<&str> = self.texts.iter().map(|text| text.name).collect();
        for name in names {
            let mut texts: Vec<_> = self.texts.iter().filter(|text| text.name == name).collect();
            texts.sort_by_key(|text| std::cmp::Reverse(text.place.start));
            let mut without = on.to_owned();
            for Guarded { place, replacement, .. } in texts {
                let start = self.body.start;
                without.replace_range(place.start - start..place.end - start, replacement);
            }
            // Writing into a string does not fail.
            let _ = write!(result, "if *SEGUE_OFF == {name:?} {without} else ");
        }
        result + on + "\n}"
    }
}

/// The bodies of functions that can be written down twice, as places in the source.
#[derive(Default)]
struct Bodies(Vec<Range<usize>>);

impl Bodies {
    /// The smallest that holds all of `text`.
    fn around(&self, text: &Range<usize>) -> Option<Range<usize>> {
        let holds = |body: &&Range<usize>| body.start < text.start && text.end < body.end;
        self.0.iter().filter(holds).min_by_key(|body| body.len()).cloned()
    }

    fn add(&mut self, signature: &Signature, body: &Block) {
        if signature.constness.is_none() && !is_opaque(&signature.output) {
            let braces = body.brace_token.span;
            self.0.push(braces.open().byte_range().start..braces.close().byte_range().end);
        }
    }
}

impl<'ast> Visit<'ast> for Bodies {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.add(&item.sig, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.add(&item.sig, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(body) = &item.default {
            self.add(&item.sig, body);
        }
        visit::visit_trait_item_fn(self, item);
    }
}

/// Whether the caller does not know the type, so that two bodies have two.
fn is_opaque(output: &ReturnType) -> bool {
    struct Opaque(bool);
    impl Visit<'_> for Opaque {
        fn visit_type(&mut self, kind: &Type) {
            self.0 |= matches!(kind, Type::ImplTrait(_));
            visit::visit_type(self, kind);
        }
    }
    let mut found = Opaque(false);
    found.visit_return_type(output);
    found.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "\
fn first(a: u8) -> Option<u8> {
    if a > 1 { return None; }
    Some(a)
}
const MOST: u8 = 3;
fn second() -> impl Iterator<Item = u8> { (0..MOST).filter(|n| n > &1) }
";

    fn switch(text: &str, replacement: &str) -> Switch {
        let [file, text, replacement] = ["a.rs", text, replacement].map(str::to_owned);
        Switch { file, text, replacement }
    }

    #[test]
    fn a_body_is_there_with_and_without_each_guard() {
        let (one, two) = (switch("a > 1", "false"), switch("Some(a)", "None"));
        let result =
            with_switches(SOURCE, &[("F01-1", &one), ("F01-2", &two)], Path::new("/off")).unwrap();
        assert!(result.contains("\"/off\""), "{result}");
        for way in [
            "if *SEGUE_OFF == \"F01-1\" {\n    if false { return None; }\n    Some(a)\n} else",
            "if *SEGUE_OFF == \"F01-2\" {\n    if a > 1 { return None; }\n    None\n} else",
            "else {\n    if a > 1 { return None; }\n    Some(a)\n}\n}\nconst MOST",
        ] {
            assert!(result.contains(way), "{way} is not in\n{result}");
        }
        assert!(syn::parse_file(&result).is_ok(), "{result}");
    }

    #[test]
    fn two_texts_of_one_control_are_off_together() {
        let (one, two) = (switch("a > 1", "false"), switch("Some(a)", "None"));
        let result =
            with_switches(SOURCE, &[("F01-1", &two), ("F01-1", &one)], Path::new("/off")).unwrap();
        assert!(result.contains("{\n    if false { return None; }\n    None\n} else"), "{result}");
    }

    #[test]
    fn what_cannot_be_doubled_is_named() {
        for (text, replacement) in [("= 3", "= 9"), ("> &1", "> &0"), ("gone", ""), ("u8", "u16")] {
            let switch = switch(text, replacement);
            let result = with_switches(SOURCE, &[("F02-1", &switch)], Path::new("/off"));
            assert_eq!(result, Err(vec!["F02-1".to_owned()]), "{text}");
        }
    }
}
