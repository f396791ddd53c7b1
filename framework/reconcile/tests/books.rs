//! Books are told apart by a ladder of their own: editions and translations stay apart.

use segue_model::{Item, ItemId, LinkId, Location, Value, books};
use segue_reconcile::identify::{Evidence, Identified, Party, Rung, identify};
use segue_reconcile::{LinkView, Writing};
use segue_translator::Capabilities;

static APP: Capabilities = Capabilities::of("test", &books::BOOKS, &[]);

/// `path | title | author | language | identifier, …`
fn book(line: &str) -> Item {
    let mut parts = line.split('|').map(|part| part.trim().to_owned());
    let mut next = || parts.next().filter(|part| !part.is_empty());
    let path = next().unwrap_or_default();
    let mut item = Item::new(&*path);
    item.location = Some(Location::from(path));
    item.fields.set(&books::TITLE, next().map(Value::text));
    item.fields.set(&books::AUTHORS, next().map(|author| Value::list([author])));
    item.fields.set(&books::LANGUAGES, next().map(|language| Value::list([language])));
    let identifiers = next().map(|all| Value::list(all.split(", ").map(Box::<str>::from)));
    item.fields.set(&books::IDENTIFIERS, identifiers);
    item
}

fn run(libraries: &[(&str, &[&str])]) -> Identified {
    let party = |(index, (root, lines)): (usize, &(&str, &[&str]))| {
        let root = Location::from(*root);
        let link = LinkId([index as u8 + 1; 8]);
        let (root, writing) = (Some(&root), Writing::Use);
        let view = LinkView { link, capabilities: &APP, root, writing, in_doubt: false };
        let items = lines.iter().map(|line| Evidence::of_item(&view, &book(line))).collect();
        Party { link, items }
    };
    let parties: Vec<Party> = libraries.iter().enumerate().map(party).collect();
    identify(Vec::new(), &parties, &|link, index| {
        let mut id = [link.0[0]; 16];
        id[1] = index as u8;
        ItemId(id)
    })
}

/// On which rung the one book of the second library is that of the first.
fn rung(first: &str, second: &str) -> Option<Rung> {
    run(&[("/m", &[first]), ("/n", &[second])]).matched.into_keys().next()
}

const EMMA: &str = "/m/emma.epub | Emma | Jane Austen | en | isbn:9780141439587, uuid:1";

#[test]
fn each_rung_matches_on_its_own() {
    let cases = [
        ("/m/emma.epub | Emma (annotated) | Jane Austen", Rung::File),
        ("/n/x.epub | Emma | J. Austen | | isbn:1, uuid:1", Rung::Identifier),
        ("/n/emma.epub | Emma", Rung::Path),
        ("/n/x.epub | Emma | Jane Austen | en | uuid:2", Rung::Tags),
    ];
    for (line, expected) in cases {
        assert_eq!(rung(EMMA, line), Some(expected), "{line}");
    }
}

#[test]
fn f10_nothing_is_matched_on_doubtful_evidence() {
    let cases = [
        ("/m/emma.epub | Dune | Frank Herbert", "another book in its place"),
        ("/n/x.epub | Persuasion | Jane Austen | en | uuid:1", "one number for a set of volumes"),
        ("/n/x.epub | Emma | Jane Austen | fr | isbn:9780141439587", "a translation"),
        ("/n/emma.epub | Persuasion", "a path alone"),
        ("/n/emma.epub | Emma | Jane Austen | en | isbn:2", "another edition"),
        ("/n/x.epub | Emma | Alexander McCall Smith", "another book of that title"),
        ("/n/x.epub", "nothing at all"),
    ];
    for (line, why) in cases {
        assert_eq!(rung(EMMA, line), None, "{why}");
    }
}

#[test]
fn f10_what_two_of_one_library_share_decides_nothing() {
    let shop = "url:http://shop.example/";
    let volumes = [
        format!("/m/1 | One | A | en | {shop}, isbn:1"),
        format!("/m/2 | Two | A | en | {shop}, isbn:2"),
    ];
    let volumes = [volumes[0].as_str(), &volumes[1]];
    let far = format!("/n/9 | | | | {shop}, isbn:2");
    let found = run(&[("/m", &volumes), ("/n", &[&far])]);
    assert_eq!(found.items[1][0], ItemId([2, 0, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2]));
    let found = run(&[("/n", &["/n/9 | | | | isbn:2"]), ("/m", &volumes)]);
    assert_eq!(found.items[1][1], found.items[0][0]);
}

#[test]
fn editions_that_only_the_rest_can_tell_are_asked_about() {
    let found = run(&[("/m", &[EMMA]), ("/n", &["/n/x.epub | Emma | Jane Austen | en | isbn:2"])]);
    assert_eq!(found.questions.len(), 1);
}
