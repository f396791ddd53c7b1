use super::*;

fn read(metadata: &str) -> Package {
    let text = format!("<?xml version='1.0'?><package><metadata>{metadata}</metadata></package>");
    package(text.as_bytes()).unwrap()
}

fn value(package: &Package, field: &Field) -> String {
    match package.fields.value(field) {
        None => "-".to_owned(),
        Some(Value::Text(text)) => text.to_string(),
        Some(Value::List(texts)) => texts.join(" | "),
        Some(Value::Real(number)) => number.0.to_string(),
        Some(other) => format!("{other:?}"),
    }
}

#[test]
fn refinements_say_more_than_attributes_and_these_more_than_calibre() {
    let package = read(
        "<dc:title id='a'>Sub</dc:title><dc:title id='b'> The\n Book </dc:title>
         <meta refines='#b' property='title-type'>main</meta>
         <meta refines='#b' property='file-as'>Book, The</meta>
         <meta name='calibre:title_sort' content='Sub'/>
         <meta property='belongs-to-collection' id='s'>Set</meta>
         <meta refines='#s' property='collection-type'>set</meta>
         <meta property='belongs-to-collection' id='c'>Saga</meta>
         <meta refines='#c' property='collection-type'>series</meta>
         <meta refines='#c' property='group-position'>1.5</meta>
         <meta name='calibre:series' content='Other'/>",
    );
    assert_eq!(value(&package, &books::TITLE), "The Book");
    assert_eq!(value(&package, &books::TITLE_SORT), "Book, The");
    assert_eq!(value(&package, &books::SERIES), "Saga");
    assert_eq!(value(&package, &books::SERIES_INDEX), "1.5");
    assert_eq!(package.losses, Vec::<String>::new());
}

#[test]
fn who_did_not_write_it_is_no_author_unless_nobody_did() {
    let package = read(
        "<creator opf:role='aut'>One</creator><creator>Two</creator><creator opf:role='aut'>One</creator>
         <creator id='e'>Three</creator><meta refines='#e' property='role'>edt</meta>",
    );
    assert_eq!(value(&package, &books::AUTHORS), "One | Two");
    let package = read("<creator opf:role='edt'>Three</creator><creator> </creator>");
    assert_eq!(value(&package, &books::AUTHORS), "Three");
}

#[test]
fn dates_are_those_of_publication() {
    let package =
        read("<date opf:event='modification'>2020</date><date opf:event='publication'>1813</date>");
    assert_eq!(value(&package, &books::PUBLISHED), "1813");
    assert_eq!(value(&read("<date opf:event='creation'>1</date>"), &books::PUBLISHED), "-");
    let unknown = "<date>0101-01-01T00:00:00+00:00</date>";
    assert_eq!(value(&read(unknown), &books::PUBLISHED), "-");
}

#[test]
fn older_packages_wrap_what_they_say() {
    let package = read(
        "<dc-metadata><dc:Title>x</dc:Title><dc:title>Old</dc:title></dc-metadata>
         <x-metadata><meta name='calibre:series' content='S'/>
         <meta name='calibre:series_index' content='3'/></x-metadata>",
    );
    assert_eq!(value(&package, &books::TITLE), "Old");
    assert_eq!(value(&package, &books::SERIES), "S");
    assert_eq!(value(&package, &books::SERIES_INDEX), "3");
}

#[test]
fn what_no_field_can_hold_is_told_and_the_rest_is_read() {
    let package = read(&format!(
        "<title>{}</title><language>en</language><identifier opf:scheme='ISBN'>12</identifier>
         <meta name='calibre:series' content='S'/><meta name='calibre:series_index' content='NaN'/>{}",
        "x".repeat(TEXT_MAX + 1),
        (0..=LIST_MAX).map(|n| format!("<subject>{n}</subject>")).collect::<Vec<_>>().concat(),
    ));
    assert_eq!(value(&package, &books::LANGUAGES), "en");
    assert_eq!(value(&package, &books::TITLE), "-");
    assert_eq!(
        package.losses,
        [
            "its title has 65537 bytes",
            "its subjects are 501 with 1393 bytes",
            "an identifier: `12` is no ISBN",
            "its place in the series: `NaN`",
        ]
    );
    for broken in ["", "<html/>", "<package>", "<package><metadata></package>"] {
        assert!(super::package(broken.as_bytes()).is_err(), "{broken}");
    }
}

#[test]
fn random_bytes_are_no_panic() {
    let mut rng = fastrand::Rng::with_seed(1);
    let seed = include_bytes!("../fixtures/folders/calibre-6.13.opf");
    for _ in 0..2_000 {
        let mut bytes = seed.to_vec();
        for _ in 0..rng.usize(1..8) {
            let place = rng.usize(0..bytes.len());
            bytes[place] = rng.u8(..);
        }
        bytes.truncate(rng.usize(0..=bytes.len()));
        let _ = package(&bytes);
        let _ = package_name(&bytes);
    }
}
