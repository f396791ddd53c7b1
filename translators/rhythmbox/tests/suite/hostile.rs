//! Files that no library is: clear errors, no panic, no guess.

use std::fs;

use segue_translator::{Collector, ErrorKind};

use crate::shelf::{Shelf, fixture, song_library};

fn library_error(library: impl AsRef<[u8]>) -> (ErrorKind, String) {
    let error = Shelf::new(library, None).read_error();
    (error.kind, error.detail)
}

#[test]
fn what_is_no_library_is_refused() {
    let entry = "<entry type=\"song\"><location>a</location></entry>";
    for (library, part) in [
        (String::new(), "empty"),
        ("  \n".to_owned(), "empty"),
        ("<rhythmdb-playlists/>".to_owned(), "no file of Rhythmbox"),
        ("{\"a\": 1}".to_owned(), "outside"),
        (format!("<rhythmdb version=\"2.0\" a=\"\">{entry}</rhythmdb>"), "abort"),
        (
            "<rhythmdb version=\"2.0\"><entry><title/></entry></rhythmdb>".to_owned(),
            "without a type",
        ),
        (song_library("<title>a<b/></title>"), "inside of <title>"),
        (song_library("<title>a</artist>"), "title"),
        (song_library("<title>a & b</title>"), "at byte"),
        (song_library("<title>&nbsp;</title>"), "&nbsp;"),
        (song_library("<title>&#0;</title>"), "at byte"),
        (song_library("<title>&#1;</title>"), "&#1;"),
        (song_library("<title>&#xFFFE;</title>"), "&#xFFFE;"),
        (song_library("<title>a\u{1}b</title>"), "control character"),
        (song_library("<title>a\u{ffff}b</title>"), "forbids"),
        (song_library("<title>a]]>b</title>"), "]]>"),
        (song_library("<title a=\"1\" a=\"2\"></title>"), "at byte"),
        (song_library("<title a=\"<\"></title>"), "attribute"),
        (song_library("<!-- a -- b -->"), "at byte"),
        (song_library("") + "<rhythmdb/>", "second root"),
        (song_library("") + "x", "outside"),
        (song_library("").replace("\"yes\"", "\"yes\" encoding=\"latin1\""), "declaration|latin1"),
        (song_library("").replace("standalone=\"yes\"", "encoding=\"latin1\""), "latin1"),
    ] {
        let (kind, detail) = library_error(&library);
        assert_eq!(kind, ErrorKind::Corrupt, "{library}: {detail}");
        assert!(part.split('|').any(|part| detail.contains(part)), "{library}: {detail}");
    }
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    let mut library = song_library("<title>a</title>").into_bytes();
    let place = library.len() - 40;
    library[place] = 0xff;
    let (kind, detail) = library_error(library);
    assert_eq!((kind, detail.contains("UTF-8")), (ErrorKind::Corrupt, true), "{detail}");
}

#[test]
fn entities_and_document_types_are_refused() {
    let bomb = "<!DOCTYPE rhythmdb [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;&a;&a;\">]>";
    let (kind, detail) = library_error(format!("{bomb}{}", "<rhythmdb version=\"2.0\"/>"));
    assert_eq!((kind, detail.contains("document type")), (ErrorKind::Corrupt, true), "{detail}");
}

#[test]
fn deep_nesting_is_too_large() {
    let deep = "<a>".repeat(100_000) + &"</a>".repeat(100_000);
    let (kind, detail) = library_error(song_library(&deep));
    assert_eq!((kind, detail.contains("deeper")), (ErrorKind::TooLarge, true), "{detail}");
}

#[test]
fn f29_every_cut_of_a_library_is_refused_whole() {
    let whole = fixture("rhythmdb.xml");
    let bytes = whole.trim_end().as_bytes();
    let shelf = Shelf::real();
    for cut in (0..bytes.len()).step_by(397).chain(bytes.len() - 12..bytes.len()) {
        fs::write(shelf.path("rhythmdb.xml"), &bytes[..cut]).unwrap();
        let error = Collector::collect(&*shelf.library()).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Corrupt, "cut at {cut}");
    }
    fs::write(shelf.path("rhythmdb.xml"), bytes).unwrap();
    let playlists = fixture("playlists.xml");
    let bytes = playlists.trim_end().as_bytes();
    for cut in (0..bytes.len()).step_by(13).chain([bytes.len() - 1]) {
        fs::write(shelf.path("playlists.xml"), &bytes[..cut]).unwrap();
        assert_eq!(shelf.read_error().kind, ErrorKind::Corrupt, "cut at {cut}");
    }
}

#[test]
fn f36_flipped_bytes_never_panic() {
    let whole = fixture("rhythmdb.xml").into_bytes();
    let shelf = Shelf::real();
    for place in (0..whole.len()).step_by(311) {
        for byte in *b"<>&\"\0/\xff" {
            let mut flipped = whole.clone();
            flipped[place] = byte;
            fs::write(shelf.path("rhythmdb.xml"), flipped).unwrap();
            let _ = Collector::collect(&*shelf.library());
        }
    }
}

#[test]
fn f31_other_versions_are_read_but_not_written() {
    for (version, reason) in [("2.1", "newer"), ("3", "newer"), ("1.9", "old"), ("x", "old")] {
        let shelf = Shelf::new(
            song_library("").replace("version=\"2.0\"", &format!("version=\"{version}\"")),
            None,
        );
        let (catalog, reading) = shelf.read();
        assert_eq!(catalog.items.len(), 1);
        assert!(reading.read_only.as_ref().unwrap().contains(reason), "{version}: {reading:?}");
        let library = shelf.library();
        let error = library.write(&reading.revision, &crate::shelf::fields([])).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unsupported);
    }
    for version in ["2.0", "2", "2.00"] {
        let library = song_library("").replace("\"2.0\"", &format!("\"{version}\""));
        assert_eq!(Shelf::new(library, None).read().1.read_only, None);
    }
}

#[test]
fn what_is_odd_but_well_formed_is_read() {
    let library = "\u{feff}<?xml version='1.0' encoding='UTF-8'?><!-- a --><rhythmdb version='2.0'>\
                   <other><deep/></other>text<entry type='song'><!-- b --><title>a<![CDATA[<&>]]>\
                   &#x62;&quot;\r\nc</title><location>file:///a</location></entry></rhythmdb>\n<?p?>";
    let (catalog, reading) = Shelf::new(library, None).read();
    let title = catalog.items[0].fields.value(&segue_translator::model::music::TITLE).unwrap();
    assert_eq!(title.as_text(), Some("a<&>b\"\nc"));
    assert_eq!(reading.losses, []);
}

#[test]
fn playlists_that_are_none_are_refused() {
    for playlists in ["", "<playlists/>", "<rhythmdb-playlists>", "<rhythmdb-playlists>&a;"] {
        let error = Shelf::new(song_library(""), Some(playlists)).read_error();
        assert_eq!(error.kind, ErrorKind::Corrupt, "{playlists}");
        assert!(error.path.ends_with("playlists.xml"));
    }
}

#[test]
fn a_pipe_or_folder_in_place_of_the_playlists_is_refused() {
    let shelf = Shelf::new(song_library(""), None);
    fs::create_dir(shelf.path("playlists.xml")).unwrap();
    assert_eq!(shelf.read_error().kind, ErrorKind::Corrupt);
}
