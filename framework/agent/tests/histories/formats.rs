//! What the real formats' own ways mean for the engine.

use segue_memory::Kind;
use segue_translator::model::{Collection, NativeId};

use crate::app::App;
use crate::bench::Bench;
use crate::oracle::in_step;

/// Rhythmbox names a list by its name: one is renamed, and another takes its old name in the same
/// write. Once the two were mistaken for each other.
#[test]
fn f21_the_old_id_of_a_renamed_list_is_another_list() {
    let mut bench = Bench::with_songs(43, &[App::Rhythmbox, App::Memory(Kind::Exact)], 6);
    bench.list(App::Rhythmbox, "Mix", &[1, 2]);
    bench.list(Kind::Exact, "Mix", &[3, 4]);
    bench.link();
    in_step(&mut bench);
    assert_eq!(bench.songs(App::Rhythmbox, "Mix (memory-exact)"), Some(vec![3, 4]));
    bench.edit(Kind::Exact, |catalog| {
        let list = catalog.collections.iter_mut().find(|list| *list.name == *"Mix").unwrap();
        let other = Collection { id: NativeId::from("other"), ..list.clone() };
        list.name = "Evening".into();
        catalog.collections.push(other);
    });
    in_step(&mut bench);
    bench.list(Kind::Exact, "Evening", &[3, 4, 5]);
    in_step(&mut bench);
    assert_eq!(bench.export()["collections"].as_array().unwrap().len(), 3);
    assert_eq!(bench.songs(App::Rhythmbox, "Evening"), Some(vec![3, 4, 5]));
    assert_eq!(bench.songs(App::Rhythmbox, "Mix (memory-exact)"), Some(vec![3, 4]));
    assert_eq!(bench.songs(App::Rhythmbox, "Mix"), Some(vec![1, 2]));
}

/// Both real apps, edited as they save, with all that a person does.
#[test]
fn what_people_do_in_one_real_app_is_in_the_other() {
    let apps = [App::Rhythmbox, App::Strawberry];
    let mut bench = Bench::with_songs(44, &apps, 6);
    bench.rate(App::Rhythmbox, 1, Some(80));
    bench.play(App::Strawberry, 2, 7);
    bench.list(App::Strawberry, "Mix", &[1, 2, 3]);
    bench.link();
    in_step(&mut bench);
    assert_eq!((bench.rating(App::Strawberry, 1), bench.count(App::Rhythmbox, 2)), (Some(80), 7));
    assert_eq!(bench.songs(App::Rhythmbox, "Mix"), Some(vec![1, 2, 3]));
    bench.play(App::Rhythmbox, 2, 1);
    bench.list(App::Rhythmbox, "Mix", &[3, 1, 2, 4]);
    bench.rate(App::Strawberry, 1, None);
    in_step(&mut bench);
    assert_eq!((bench.rating(App::Rhythmbox, 1), bench.count(App::Strawberry, 2)), (None, 8));
    assert_eq!(bench.songs(App::Strawberry, "Mix"), Some(vec![3, 1, 2, 4]));
}
