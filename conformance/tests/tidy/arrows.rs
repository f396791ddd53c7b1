//! Which crate may depend on which. A new arrow needs a note in `docs/decisions`.

use crate::check;
use crate::tree::Tree;

/// A line in a manifest's list of dependencies.
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) is_dev: bool,
}

/// The dependencies that a manifest lists, in tables or one by one.
pub(crate) fn dependencies(manifest: &str) -> Vec<Dependency> {
    let mut section = String::new();
    let mut found = Vec::new();
    for line in manifest.lines().map(str::trim) {
        if let Some(header) = line.strip_prefix('[') {
            section = header.trim_end_matches(']').to_owned();
            // `[dependencies.name]` and `[target.'cfg(unix)'.dependencies.name]`
            if let Some((table, name)) = section.rsplit_once("dependencies.") {
                found.push(Dependency { name: name.into(), is_dev: table.ends_with("dev-") });
            }
        } else if section.ends_with("dependencies") && !line.starts_with('#') {
            let name = line.split(['.', '=', ' ']).next().unwrap_or_default();
            if !name.is_empty() {
                let is_dev = section.ends_with("dev-dependencies");
                found.push(Dependency { name: name.trim_matches('"').into(), is_dev });
            }
        }
    }
    found
}

/// What a crate may depend on: always, and for its tests. `None`: on anything.
fn allowed(folder: &str) -> Option<(&'static [&'static str], &'static [&'static str])> {
    let arrows: (&'static [&'static str], &'static [&'static str]) = match folder {
        "framework/agent" => return None,
        "framework/model" => (&[], &[]),
        "framework/translator" | "framework/document" | "framework/store" | "framework/access" => {
            (&["segue-model"], &[])
        }
        "framework/limits" => (&["segue-access", "segue-model"], &[]),
        "framework/reconcile" => (
            &["segue-translator", "segue-document", "segue-limits", "segue-model"],
            &["segue-memory"],
        ),
        "framework/sync" => {
            (&["segue-document", "segue-access", "segue-model"], &["segue-transport-memory"])
        }
        "conformance" => (
            &["segue-reconcile", "segue-sync", "segue-translator", "segue-model"],
            &["segue-memory"],
        ),
        "conformance/faults" => (&["segue-agent", "segue-translator"], &[]),
        "conformance/simulation" => {
            (&["segue-document", "segue-model", "segue-reconcile", "segue-translator"], &[])
        }
        // It feeds whatever reads what strangers send.
        "conformance/hostile" => return None,
        "conformance/fuzz" => (&["segue-hostile"], &[]),
        "translators/notmuch" => {
            (&["segue-mail", "segue-maildir", "segue-translator"], &["segue-conformance"])
        }
        "translators/maildir" | "translators/mbox" => {
            (&["segue-mail", "segue-translator"], &["segue-conformance"])
        }
        _ if folder.starts_with("translators/") => (&["segue-translator"], &["segue-conformance"]),
        _ if folder.starts_with("transports/") => {
            (&["segue-sync"], &["segue-access", "segue-model"])
        }
        _ if folder.starts_with("examples/") || folder.starts_with("benches") => return None,
        _ => (&[], &[]),
    };
    Some(arrows)
}

fn strange_arrows(tree: &Tree) -> Vec<String> {
    let mut complaints = Vec::new();
    for (path, text) in tree.ending("/Cargo.toml") {
        let folder = path.trim_end_matches("/Cargo.toml");
        let Some((always, in_tests)) = allowed(folder) else { continue };
        for dependency in dependencies(text) {
            let name = dependency.name.as_str();
            let may = always.contains(&name) || dependency.is_dev && in_tests.contains(&name);
            if name.starts_with("segue-") && !may {
                complaints.push(format!("{folder} must not depend on {name}"));
            }
        }
    }
    complaints
}

#[test]
fn dependencies_go_one_way() {
    let agent = "[dependencies]\nsegue-agent.workspace = true\n";
    check(strange_arrows, &[("framework/sync/Cargo.toml", agent)]);
    for (path, manifest) in [
        ("framework/model/Cargo.toml", "[dev-dependencies]\nsegue-store = { path = \"\" }\n"),
        ("translators/a/Cargo.toml", "[dependencies]\nsegue-conformance.workspace = true\n"),
        ("translators/a/Cargo.toml", "[dependencies.segue-document]\nworkspace = true\n"),
        ("conformance/Cargo.toml", "[dependencies]\nsegue-memory.workspace = true\n"),
        ("transports/a/Cargo.toml", "[dependencies]\nsegue-model.workspace = true\n"),
        ("transports/a/Cargo.toml", "[dev-dependencies]\nsegue-document.workspace = true\n"),
    ] {
        assert!(!strange_arrows(&Tree::of(&[(path, manifest)])).is_empty(), "{path} {manifest}");
    }
    let fine = "[dependencies]\nsegue-translator.workspace = true\nserde_json = \"1\"\n\n\
        [dev-dependencies]\nsegue-conformance.workspace = true\n\n[features]\nsegue-agent = []\n";
    assert!(strange_arrows(&Tree::of(&[("translators/a/Cargo.toml", fine)])).is_empty());
}
