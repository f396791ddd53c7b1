//! `docs/apps.md`: what each app holds, from the tables that the code itself works by.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use segue_agent::registry;
use segue_mail::marks::{
    DELETED_LETTER, FLAGS, FORWARDED, FORWARDED_KEYWORD, KEYWORD_BYTES_MAX, Tag,
};
use segue_model::{Rule, Schema, mail};
use segue_translator::{Access, Capabilities};

const HEAD: &str = "# What each app holds

This page is made from the tables by which translators read and write; a test keeps it so. `w` is read and written, `r` is read, and nothing is neither.
What is said of how values are rounded, and of everything else, stands in the page of each translator.
";

#[test]
fn the_page_is_up_to_date() {
    let page = page();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/apps.md");
    if std::env::var_os("SEGUE_BLESS").is_some() {
        fs::write(&path, &page).unwrap();
    }
    let hint = "docs/apps.md is out of date; run again with SEGUE_BLESS=1";
    assert!(fs::read_to_string(&path).unwrap_or_default() == page, "{hint}");
}

fn page() -> String {
    let mut page = HEAD.to_owned();
    let translators = registry::translators();
    let all: Vec<&'static Capabilities> =
        translators.iter().map(|translator| translator.capabilities()).collect();
    let mut schemas: Vec<&'static Schema> = all.iter().map(|one| one.schema).collect();
    schemas.sort_by_key(|schema| schema.name);
    schemas.dedup_by_key(|schema| schema.name);
    for schema in schemas {
        let apps: Vec<_> =
            all.iter().copied().filter(|one| one.schema.name == schema.name).collect();
        write!(page, "\n## {}\n\n{}", schema.name, fields(schema, &apps)).unwrap();
        for app in &apps {
            let cannot = app.cannot_hold.join("; ");
            if !cannot.is_empty() {
                write!(page, "\n`{}` cannot hold: {cannot}.\n", app.app).unwrap();
            }
        }
        if schema.name == mail::MAIL.name {
            page += &marks();
            page += &roles();
        }
    }
    page
}

/// A row for each field and each kind of collection, a column for each app.
fn fields(schema: &Schema, apps: &[&'static Capabilities]) -> String {
    let names: Vec<&str> = apps.iter().map(|app| app.app).collect();
    let mut table = format!("| | {} |\n|---{}|\n", names.join(" | "), "|---".repeat(names.len()));
    let access = |access: Option<Access>| match access {
        Some(Access::Write) => "w",
        Some(Access::Read) => "r",
        None => "",
    };
    for field in schema.fields {
        let cells = apps.iter().map(|app| access(app.field(field).map(|held| held.access)));
        let kind = match field.rule {
            Rule::Set => ", a set",
            Rule::Counter => ", a count",
            Rule::Max => ", the latest",
            Rule::Register => "",
        };
        row(&mut table, &format!("`{}`{kind}", field.name), cells);
    }
    for kind in schema.kinds {
        let cells = apps.iter().map(|app| access(app.collection(kind).map(|held| held.access)));
        row(&mut table, &format!("{} (collection)", kind.name.replace('_', " ")), cells);
    }
    table
}

fn row<'c>(table: &mut String, head: &str, cells: impl Iterator<Item = &'c str>) {
    writeln!(table, "| {head} | {} |", cells.collect::<Vec<_>>().join(" | ")).unwrap();
}

/// How each program spells flags and keywords.
fn marks() -> String {
    let mut text =
        "\n### Flags, keywords and tags\n\n| Segue | IMAP | Maildir | notmuch | mbox |\n\
         |---|---|---|---|---|\n"
            .to_owned();
    for flag in &FLAGS {
        let tag = match flag.tag {
            Tag::Present(tag) => format!("tag `{tag}`"),
            Tag::Absent(tag) => format!("no tag `{tag}`"),
        };
        let mbox = match flag.header {
            Some((header, letter)) => format!("`{}` in `{header}`", char::from(letter)),
            None if flag.name == FORWARDED => format!("`{FORWARDED_KEYWORD}` in `X-Keywords`"),
            None => String::new(),
        };
        let letter = char::from(flag.letter);
        let (name, imap) = (flag.name, flag.imap);
        writeln!(text, "| flag `{name}` | `{imap}` | `{letter}` | {tag} | {mbox} |").unwrap();
    }
    writeln!(
        text,
        "| keyword `x` | keyword `x` | a small letter, by `dovecot-keywords` | tag `x` | `x` in `X-Keywords` |\n\
         | lies in its folder no more | `\\Deleted` | `{}` | | `D` in `X-Status` |\n\n\
         Keywords are in lower case; a spelling that an app has stays there. IMAP servers take keywords of at most \
         {KEYWORD_BYTES_MAX} bytes, of ASCII without spaces, brackets, quotes, `*`, `%` and `\\`; others are held by \
         notmuch alone and stay there. In notmuch, `attachment`, `encrypted` and `signed` are the index's own and no marks.",
        char::from(DELETED_LETTER)
    )
    .unwrap();
    text
}

/// What special folders are called.
fn roles() -> String {
    let mut text = "\n### Special folders\n\nA folder of one of these names is one folder in all apps, called as on \
        the left. Where an app has several of one line, the first of them is it.\n\n| Segue | or |\n|---|---|\n"
        .to_owned();
    for role in &mail::ROLES {
        writeln!(text, "| {} | {} |", role.path, role.others.join(", ")).unwrap();
    }
    text
}
