//! The licences of books: inside, beside, both, and those that cannot be read.

use std::fs;
use std::path::Path;

use segue_books::lcp;
use segue_translator::model::{CarriedLimit, Proof};

use crate::shelf::{Shelf, book};

fn licence(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/lcp").join(name)).unwrap()
}

fn limits(shelf: &Shelf, id: &str) -> Vec<CarriedLimit> {
    shelf.read().0.limits.get(&id.into()).cloned().unwrap_or_default()
}

#[test]
fn a_licence_is_found_inside_and_beside() {
    let shelf = Shelf::new();
    let (rsa, ec) = (licence("rsa.lcpl"), licence("ecdsa-der.lcpl"));
    shelf.put("a/inside.epub", &book("A", &[("META-INF/license.lcpl", &rsa)]));
    shelf.book("a/beside.epub", "B");
    shelf.put("a/beside.lcpl", &ec);
    shelf.book("a/double.epub", "C");
    shelf.put("a/double.EPUB.lcpl", &ec);
    shelf.book("a/free.epub", "D");
    shelf.put("beside.lcpl", &rsa);
    assert_eq!(limits(&shelf, "a/inside.epub"), [lcp::read(&rsa)]);
    assert_eq!(limits(&shelf, "a/beside.epub"), [lcp::read(&ec)]);
    assert_eq!(limits(&shelf, "a/double.epub"), [lcp::read(&ec)]);
    assert_eq!(limits(&shelf, "a/free.epub"), []);
    assert!(matches!(limits(&shelf, "a/inside.epub")[0].proof, Proof::Signed { .. }));
    assert_eq!(shelf.losses(), Vec::<String>::new());
}

#[test]
fn both_count_and_the_same_one_once() {
    let shelf = Shelf::new();
    let (rsa, ec) = (licence("rsa.lcpl"), licence("ecdsa-der.lcpl"));
    shelf.put("a.epub", &book("A", &[("META-INF/license.lcpl", &rsa)]));
    shelf.put("a.lcpl", &rsa);
    shelf.put("a.epub.lcpl", &ec);
    assert_eq!(limits(&shelf, "a.epub"), [lcp::read(&rsa), lcp::read(&ec)]);
}

#[test]
fn a_licence_that_cannot_be_read_frees_nothing_and_is_told() {
    let long = vec![b' '; lcp::BYTES_MAX + 1];
    for (bytes, why) in [
        (&b"{}"[..], "it has no `id`"),
        (&b"{\"id\": \"a\""[..], "EOF while parsing an object at line 1 column 10"),
        (&long, "more than 65536 bytes"),
    ] {
        let shelf = Shelf::new();
        shelf.put("in.epub", &book("A", &[("META-INF/license.lcpl", bytes)]));
        shelf.book("by.epub", "B");
        shelf.put("by.lcpl", bytes);
        for id in ["in.epub", "by.epub"] {
            let [limit] = limits(&shelf, id).try_into().unwrap();
            assert!(limit.terms.unknown.contains(lcp::UNREADABLE), "{id}");
            assert!(limit.note.is_some());
        }
        assert_eq!(shelf.titles().len(), 2, "the books are there");
        let losses = shelf.losses();
        assert_eq!(losses.len(), 2, "{losses:?}");
        assert!(losses[1].contains(why) || why.starts_with("more"), "{losses:?}");
    }
}

#[test]
fn what_lies_where_a_licence_should_be_frees_nothing() {
    let shelf = Shelf::new();
    shelf.book("a.epub", "A");
    fs::create_dir(shelf.path().join("a.lcpl")).unwrap();
    assert!(limits(&shelf, "a.epub")[0].terms.unknown.contains(lcp::UNREADABLE));
    assert_eq!(shelf.losses(), ["a.epub: a licence that cannot be read: it is no file"]);
}
