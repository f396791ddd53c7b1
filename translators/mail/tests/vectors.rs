//! The keys in the documentation, from which programs in other languages learn to make them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use segue_mail::message;

/// Messages, one of each case that the page names.
fn messages() -> Vec<String> {
    let whole = |header: &str, body: &str| format!("{header}\n{body}");
    let all = [
        ("Message-ID: <a@b>\n", "Hello\n"),
        ("Received: elsewhere\r\nMESSAGE-ID :\r\n <a@b> \r\n\r", "Hello\r\n\r\n\r\n"),
        ("Message-ID: <a@b>\n", "Hello"),
        ("Message-ID: <a@b>\n", "one\r\r\n\r\n\rtwo\r three\n\r\n\r"),
        ("Message-ID: <A@b>\nMessage-ID: <a@b>\n", "Hello\n"),
        ("Message-ID:\n <a@b>\n\t(comment)\n", "Hello\n"),
        ("Message-ID: <a@b>\n", ""),
        ("Message-ID: <>\nSubject: x\n", "Hello\n"),
        ("From: a\nSubject: x\n", "Hello\n"),
        ("Status: RO\nFrom: a\nX-Keywords: a\n b\nSubject: x\nContent-Length: 6\n", "Hello\n"),
        ("Subject: gr\u{fc}\u{df}e\n", "\u{e4}\n"),
        ("", "Hello\n"),
    ];
    all.map(|(header, body)| whole(header, body)).into()
}

/// Each character of a text is a byte.
fn bytes(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect()
}

fn table() -> String {
    let mut table = "| message | key |\n| --- | --- |\n".to_owned();
    for message in messages() {
        let key = message::key(&mut &bytes(&message)[..]).unwrap().id();
        writeln!(table, "| `{}` | `{key}` |", json(&message)).unwrap();
    }
    table
}

/// A JSON string with no character beyond ASCII.
fn json(text: &str) -> String {
    let escaped = text.chars().map(|c| match c {
        '\n' => "\\n".to_owned(),
        '\r' => "\\r".to_owned(),
        '\t' => "\\t".to_owned(),
        c if c.is_ascii() => c.to_string(),
        c => format!("\\u{:04x}", u32::from(c)),
    });
    format!("\"{}\"", escaped.collect::<String>())
}

/// A key is for ever: that one is other than the page says is a mistake here.
#[test]
fn every_key_of_the_page_is_made_so() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/translator-protocol.md");
    let page = fs::read_to_string(path).unwrap();
    let mark = |end| format!("<!-- checked by translators/mail/tests/vectors.rs: {end} -->\n");
    let (_, rest) = page.split_once(&mark("begin")).unwrap();
    let (found, _) = rest.split_once(&mark("end")).unwrap();
    assert_eq!(found, table(), "the page should say:\n{}", table());
}
