//! Books that no maker wrote: each is told by its name, costs little, and ends nothing.

use std::fs;
use std::time::{Duration, Instant};

use crate::shelf::{CONTAINER, Shelf, book, packed};

const GOOD: &str = "good.epub";

/// What is told of this book beside a good one.
fn told(bytes: &[u8]) -> String {
    let shelf = Shelf::new();
    shelf.book(GOOD, "Good");
    shelf.put("bad.epub", bytes);
    let begun = Instant::now();
    let (titles, losses) = (shelf.titles(), shelf.losses());
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert_eq!(titles, [(GOOD.to_owned(), "Good".to_owned())]);
    let [loss] = losses.try_into().unwrap();
    loss.strip_prefix("bad.epub: a book that cannot be read: ").unwrap().to_owned()
}

fn with(container: &str, package: &str) -> Vec<u8> {
    packed(&[("META-INF/container.xml", container.as_bytes()), ("p.opf", package.as_bytes())])
}

#[test]
fn what_is_missing_or_broken_is_told() {
    let cases = [
        (b"no container".to_vec(), "invalid Zip archive"),
        (packed(&[("p.opf", b"<package/>")]), "META-INF/container.xml: specified file not found"),
        (with("<container/>", "<package/>"), "META-INF/container.xml names no package"),
        (with("<container>", "<package/>"), "META-INF/container.xml: the text ends too early"),
        (with(CONTAINER, "<html/>"), "the package is none"),
        (with(CONTAINER, "<package>&nbsp;</package>"), "the package: `&nbsp;` is no character"),
        (
            with(&CONTAINER.replace("p.opf", "../../etc/passwd"), "<package/>"),
            "../../etc/passwd: specified file not found",
        ),
        (
            with(&CONTAINER.replace("p.opf", "/etc/passwd"), "<package/>"),
            "/etc/passwd: specified file not found",
        ),
    ];
    for (bytes, expected) in cases {
        let found = told(&bytes);
        assert!(found.starts_with(expected), "expected {expected}, found {found}");
    }
}

#[test]
fn names_that_lead_out_are_names_and_lead_nowhere() {
    let shelf = Shelf::new();
    let files: [(&str, &[u8]); 2] = [("../../out.txt", b"x"), ("/tmp/out.txt", b"x")];
    shelf.put("sub/a.epub", &book("A", &files));
    assert_eq!(shelf.titles(), [("sub/a.epub".into(), "A".into())]);
    assert_eq!(fs::read_dir(shelf.path()).unwrap().count(), 1);
}

#[test]
fn what_inflates_to_more_than_a_book_needs_is_refused_before_it_does() {
    let bomb = vec![b' '; 200 << 20];
    let package = packed(&[("META-INF/container.xml", CONTAINER.as_bytes()), ("p.opf", &bomb)]);
    assert!(package.len() < 1 << 20);
    assert_eq!(told(&package), "p.opf: more than 4194304 bytes");
    let container = packed(&[("META-INF/container.xml", &bomb)]);
    assert_eq!(told(&container), "META-INF/container.xml: more than 1048576 bytes");
}

#[test]
fn entities_do_not_multiply() {
    let entity = |level: usize| {
        let inner = format!("&e{};", level - 1).repeat(10);
        format!("<!ENTITY e{level} '{inner}'>")
    };
    let entities = (1..30).map(entity).collect::<Vec<_>>().concat();
    let doctype = format!("<!DOCTYPE package [<!ENTITY e0 'xxxxxxxxxx'>{entities}");
    let package =
        format!("{doctype}]><package><metadata><title>&e29;</title></metadata></package>");
    assert_eq!(told(&with(CONTAINER, &package)), "the package: `&e29;` is no character");
}

#[test]
fn a_container_of_very_many_files_is_refused() {
    let names: Vec<String> = (0..20_001).map(|number| number.to_string()).collect();
    let files: Vec<(&str, &[u8])> = names.iter().map(|name| (&**name, &b""[..])).collect();
    assert_eq!(told(&packed(&files)), "20001 files; at most 20000 are accepted");
}

#[test]
fn a_directory_that_claims_to_be_huge_makes_no_room() {
    // The end of a directory that would hold 2^40 files, in a sparse file.
    let shelf = Shelf::new();
    shelf.book(GOOD, "Good");
    let mut end = b"PK\x06\x06".to_vec();
    end.extend(44_u64.to_le_bytes());
    end.extend([45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    for number in [1_u64 << 40, 1 << 40, 46 << 40, 1 << 20] {
        end.extend(number.to_le_bytes());
    }
    let at = (3_u64 << 30) - end.len() as u64;
    end.extend(b"PK\x06\x07\0\0\0\0");
    end.extend(at.to_le_bytes());
    end.extend(1_u32.to_le_bytes());
    end.extend(b"PK\x05\x06\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0");
    let file = fs::File::create(shelf.path().join("bad.epub")).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, &end, at).unwrap();
    assert_eq!(
        shelf.losses(),
        ["bad.epub: a book that cannot be read: a ZIP64 container, which no book needs"]
    );
}

#[test]
fn what_is_no_file_is_told_and_not_waited_for() {
    let shelf = Shelf::new();
    shelf.book(GOOD, "Good");
    fs::create_dir(shelf.path().join("bad.epub")).unwrap();
    shelf.book("bad.epub/inside.epub", "Inside");
    assert_eq!(shelf.titles().len(), 1);
    assert_eq!(shelf.losses(), ["bad.epub: a book that cannot be read: it is no file"]);
}

#[test]
fn folders_that_lie_very_deep_are_refused() {
    let shelf = Shelf::new();
    shelf.book(&format!("{}a.epub", "d/".repeat(70)), "Deep");
    assert!(shelf.try_read().unwrap_err().detail.contains("deep"));
}

#[test]
fn a_book_cut_at_any_place_is_lost_or_whole() {
    let whole = book("Bad", &[("text.xhtml", b"text")]);
    let shelf = Shelf::new();
    for length in 0..whole.len() {
        shelf.put("bad.epub", &whole[..length]);
        assert_eq!((shelf.titles().len(), shelf.losses().len()), (0, 1), "{length}");
    }
}

#[test]
fn random_bytes_are_no_panic() {
    let mut rng = fastrand::Rng::with_seed(1);
    let whole = book("Bad", &[("META-INF/license.lcpl", b"{}")]);
    let shelf = Shelf::new();
    for _ in 0..1_000 {
        let mut bytes = whole.clone();
        for _ in 0..rng.usize(1..6) {
            let place = rng.usize(0..bytes.len());
            bytes[place] = rng.u8(..);
        }
        shelf.put("bad.epub", &bytes);
        let _ = shelf.read();
    }
}
