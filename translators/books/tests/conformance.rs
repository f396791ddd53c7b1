//! Every law, on a folder of books that pandoc and calibre made; what a reader would open is asked of a
//! check of its own.

use std::fs;
use std::path::Path;

use segue_books::Books;

segue_conformance::suite! {
    translator: Books,
    fixtures: "fixtures/folders",
    home: "Books",
    named: "each book is a file",
    sound: sound,
}

/// A reader tells a book by the first file in it, which lies there as it is.
fn sound(folder: &Path) -> Result<(), String> {
    for entry in fs::read_dir(folder).map_err(|error| error.to_string())? {
        let path = entry.map_err(|error| error.to_string())?.path();
        let ending = path.extension().unwrap_or_default().to_ascii_lowercase();
        if path.is_dir() {
            sound(&path)?;
        } else if ending == "epub" {
            let bytes = fs::read(&path).map_err(|error| error.to_string())?;
            if bytes.get(30..58) != Some(b"mimetypeapplication/epub+zip") {
                return Err(format!("{} is no book", path.display()));
            }
        }
    }
    Ok(())
}
