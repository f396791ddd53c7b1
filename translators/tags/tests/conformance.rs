//! The laws of reading, on songs as several programs leave them. Nothing is written, so the laws of
//! writing do not apply.

use std::fs;
use std::path::Path;

use segue_tags::Tags;

segue_conformance::suite! {
    translator: Tags,
    fixtures: "fixtures",
    home: "Music",
    named: "a person says which folder",
    sound: |path| fs::read_dir(path).map(drop).map_err(|error| error.to_string()),
    large: |path, count| large(path, count).map_err(|error| error.to_string()),
}

/// So many names of a few songs: each is read, none takes room.
fn large(folder: &Path, count: usize) -> std::io::Result<()> {
    let song = folder.join("Odd/rtl.mp3");
    for number in 0..count {
        // File systems bound the names of one file.
        let first = folder.join(format!("many/{}/0.mp3", number / 1_000));
        if number % 1_000 == 0 {
            fs::create_dir_all(first.with_file_name(""))?;
            fs::copy(&song, &first)?;
        } else {
            fs::hard_link(&first, first.with_file_name(format!("{number}.mp3")))?;
        }
    }
    Ok(())
}
