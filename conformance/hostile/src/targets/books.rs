//! Books, and the licences that are lent with them.

/// A whole EPUB.
pub(crate) mod epub {
    use segue_books::Books;

    use crate::library::{fixture, take};
    use crate::target::Outcome;
    use crate::targets::Repair;

    pub(crate) const REPAIR: Repair = None;

    pub(crate) fn run(bytes: &[u8]) -> Outcome {
        take(&Books, &[("book.epub", bytes)])
    }

    pub(crate) fn seeds() -> Vec<Vec<u8>> {
        let books = ["three.epub", "lent.epub", "other.epub"];
        let path = |name| format!("translators/books/fixtures/folders/epub/{name}");
        books.into_iter().map(|name| fixture(&path(name))).collect()
    }
}

/// The package of an EPUB that is otherwise sound.
pub(crate) mod opf {
    use std::io::{Cursor, Write as _};

    use segue_books::Books;
    use zip::write::{SimpleFileOptions, ZipWriter};

    use crate::library::{fixture, take};
    use crate::target::Outcome;
    use crate::targets::Repair;

    pub(crate) const REPAIR: Repair = None;

    const CONTAINER: &[u8] = br#"<?xml version="1.0"?>
<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>
<rootfile full-path="book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>"#;

    pub(crate) fn run(bytes: &[u8]) -> Outcome {
        take(&Books, &[("book.epub", &packed(bytes))])
    }

    fn packed(package: &[u8]) -> Vec<u8> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        let plain = SimpleFileOptions::default();
        let files = [
            ("mimetype", b"application/epub+zip".as_slice()),
            ("META-INF/container.xml", CONTAINER),
            ("book.opf", package),
        ];
        for (name, bytes) in files {
            zip.start_file(name, plain).expect("a file in memory");
            zip.write_all(bytes).expect("a file in memory");
        }
        zip.finish().expect("an archive in memory").into_inner()
    }

    pub(crate) fn seeds() -> Vec<Vec<u8>> {
        vec![fixture("translators/books/fixtures/folders/calibre-6.13.opf")]
    }
}

/// A licence of Readium LCP.
pub(crate) mod lcp {
    use segue_books::lcp;

    use crate::library::fixture;
    use crate::target::Outcome;
    use crate::targets::Repair;

    pub(crate) const REPAIR: Repair = None;

    /// Whatever it is, it is a limit; what cannot be read allows nothing.
    pub(crate) fn run(bytes: &[u8]) -> Outcome {
        let limit = lcp::read(bytes);
        assert_eq!(limit, lcp::read(bytes), "two reads differ");
        let is_unreadable = limit.terms.unknown.contains(lcp::UNREADABLE);
        assert!(limit.evidence.is_none_or(|bytes| bytes.len() <= lcp::BYTES_MAX));
        assert!(limit.issuer.len() + limit.licence.len() <= 4 << 10, "names without end");
        Outcome::of(!is_unreadable)
    }

    pub(crate) fn seeds() -> Vec<Vec<u8>> {
        let kinds = ["rsa", "ecdsa-raw", "ecdsa-der", "another-key", "loan", "own-right"];
        let path = |name| format!("translators/books/fixtures/lcp/{name}.lcpl");
        kinds.into_iter().map(|name| fixture(&path(name))).collect()
    }
}
