//! Who is who, and what comes together: pairing again, moves, deletes against edits, edits while
//! Segue writes, counts, lists.

use segue_agent::command::Request;
use segue_memory::Kind;
use segue_translator::model::{Location, NativeId, Value, music};

use crate::bench::{Bench, song_mut, song_ref, spec, sync};
use crate::oracle::in_step;
use crate::wrapped::Act;

const PAIR: [Kind; 2] = [Kind::Stars, Kind::Exact];

#[test]
fn f08_pairing_again_doubles_nothing() {
    let mut bench = Bench::with_songs(8, &PAIR, 6);
    bench.play(Kind::Stars, 1, 12);
    bench.play(Kind::Exact, 1, 10);
    bench.list(Kind::Stars, "Mix", &[1, 2, 2]);
    bench.list(Kind::Exact, "Mix", &[1, 2, 2]);
    bench.link();
    bench.play(Kind::Stars, 1, 3);
    bench.play(Kind::Exact, 1, 2);
    in_step(&mut bench);
    for round in 0..20 {
        let kind = PAIR[round % 2];
        bench.run(Request::Unlink { library: spec(kind) });
        bench.link();
        let export = bench.export();
        assert_eq!(export["items"].as_array().unwrap().len(), 6, "round {round}");
        assert_eq!(export["collections"].as_array().unwrap().len(), 1, "round {round}");
        assert_eq!((bench.count(Kind::Stars, 1), bench.count(Kind::Exact, 1)), (17, 17));
        assert_eq!(bench.songs(kind, "Mix"), Some(vec![1, 2, 2]));
    }
    in_step(&mut bench);
}

#[test]
fn f08_every_order_of_pairing_gives_the_union() {
    let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    for order in orders {
        let kinds = [Kind::Stars, Kind::Exact, Kind::Lossy];
        let mut bench = Bench::with_songs(9, &kinds, 5);
        bench.rate(Kind::Stars, 1, Some(80));
        bench.play(Kind::Lossy, 2, 7);
        bench.list(Kind::Exact, "Mix", &[5, 1]);
        let kinds = order.map(|index| kinds[index]);
        bench.link_these(&kinds[..2]);
        bench.link_these(&kinds);
        in_step(&mut bench);
        let export = bench.export();
        assert_eq!(export["items"].as_array().unwrap().len(), 5, "{order:?}");
        assert_eq!(export["collections"].as_array().unwrap().len(), 1, "{order:?}");
        for kind in kinds {
            assert_eq!((bench.rating(kind, 1), bench.count(kind, 2)), (Some(80), 7));
            assert_eq!(bench.songs(kind, "Mix"), Some(vec![5, 1]));
        }
    }
}

/// Live takes and compilations: equal names never decide alone.
#[test]
fn f10_a_rating_never_lands_on_another_song() {
    let mut bench = Bench::with_songs(10, &PAIR, 8);
    for kind in PAIR {
        bench.edit(kind, |catalog| {
            for (index, item) in catalog.items.iter_mut().enumerate() {
                item.fields.set(&music::TITLE, Value::text("Song"));
                item.fields.set(&music::ARTIST, Value::list(["Band"]));
                item.fields.set(&music::ALBUM, Value::text("Live"));
                item.fields.set(&music::TRACK, None);
                // One app has the files elsewhere, in another order: only what describes them is left.
                if kind == Kind::Stars {
                    let place = format!("/elsewhere/{}.ogg", 9 - index);
                    item.id = NativeId::from(place.as_str());
                    item.location = Some(Location::from(place.as_str()));
                }
            }
        });
    }
    for number in 1..=8 {
        bench.rate(Kind::Exact, number, Some(20 * (number as i64 % 5 + 1)));
    }
    bench.link();
    bench.sync();
    for number in 1..=8 {
        let got = bench.rating(Kind::Stars, number);
        assert!(
            got.is_none() || got == bench.rating(Kind::Exact, number),
            "song {number}: {got:?}"
        );
    }
}

#[test]
fn f11_a_moved_file_keeps_what_people_gave_it() {
    let mut bench = Bench::with_songs(11, &PAIR, 5);
    bench.rate(Kind::Stars, 2, Some(60));
    bench.play(Kind::Stars, 2, 9);
    bench.list(Kind::Stars, "Mix", &[1, 2, 3]);
    bench.link();
    let new = bench.music().join("moved/2.ogg").to_string_lossy().into_owned();
    Bench::lay(&new);
    std::fs::remove_file(bench.place(2)).unwrap();
    bench.edit(Kind::Stars, |catalog| {
        let mut fresh = bench.song(2);
        fresh.id = NativeId::from(new.as_str());
        fresh.location = Some(Location::from(new.as_str()));
        let old = NativeId::from(bench.place(2));
        catalog.items.retain(|item| item.id != old);
        catalog.items.push(fresh);
        catalog.collections[0].entries.retain(|entry| *entry != old);
    });
    in_step(&mut bench);
    assert_eq!((bench.rating(Kind::Stars, 2), bench.count(Kind::Stars, 2)), (Some(60), 9));
    assert_eq!(bench.songs(Kind::Stars, "Mix"), Some(vec![1, 2, 3]));
    assert_eq!(bench.songs(Kind::Exact, "Mix"), Some(vec![1, 2, 3]));
}

/// As on a volume without cases, where the old name still leads to the file; a second name of it shows that here.
#[test]
fn f14_a_file_of_which_only_the_case_of_its_name_changed_is_no_removal() {
    let mut bench = Bench::with_songs(14, &PAIR, 5);
    bench.rate(Kind::Stars, 2, Some(60));
    bench.list(Kind::Stars, "Mix", &[1, 2, 3]);
    bench.link();
    let (old, new) = (bench.place(2), bench.place(2).replace("2.ogg", "2.OGG"));
    std::fs::hard_link(&old, &new).unwrap();
    bench.edit(Kind::Stars, |catalog| {
        let item = song_mut(catalog, 2).unwrap();
        let id = std::mem::replace(&mut item.id, NativeId::from(new.as_str()));
        item.location = Some(Location::from(new.as_str()));
        item.fields.set(&music::TITLE, Value::text("Corrected"));
        let entries = catalog.collections[0].entries.iter_mut();
        entries.filter(|entry| **entry == id).for_each(|entry| *entry = new.as_str().into());
    });
    in_step(&mut bench);
    assert_eq!(bench.rating(Kind::Stars, 2), Some(60));
    for kind in PAIR {
        assert_eq!(bench.songs(kind, "Mix"), Some(vec![1, 2, 3]), "{kind:?}");
    }
    assert_eq!(bench.export()["items"].as_array().unwrap().len(), 5);
}

/// Another song takes a row's id between two passes.
#[test]
fn f12_a_reused_id_is_another_song() {
    let mut bench = Bench::with_songs(12, &PAIR, 5);
    bench.rate(Kind::Exact, 1, Some(100));
    bench.link();
    bench.edit(Kind::Stars, |catalog| {
        let mut other = bench.song(9);
        other.id = NativeId::from(bench.place(1));
        *song_mut(catalog, 1).unwrap() = other;
    });
    Bench::lay(&bench.place(9));
    bench.rate(Kind::Exact, 1, Some(40));
    bench.sync();
    bench.sync();
    assert_eq!(bench.rating(Kind::Exact, 1), Some(40));
    assert_ne!(bench.rating(Kind::Stars, 9), Some(40), "the rating was given to another song");
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Deed {
    Rate,
    Remove,
    Sync,
}

fn interleavings() -> Vec<Vec<(usize, Deed)>> {
    let own = [vec![Deed::Rate], vec![Deed::Remove], vec![Deed::Rate, Deed::Remove]];
    let mut all = Vec::new();
    for first in &own {
        for second in &own {
            let count = first.len() + second.len();
            for mask in 0u8..1 << count {
                if mask.count_ones() as usize != first.len() {
                    continue;
                }
                for syncs in 0u8..1 << (count - 1) {
                    let (mut a, mut b) = (first.iter(), second.iter());
                    let mut deeds = Vec::new();
                    for place in 0..count {
                        let mine = mask >> place & 1 == 1;
                        let deed = if mine { a.next() } else { b.next() };
                        deeds.push((usize::from(!mine), *deed.unwrap()));
                        if syncs >> place & 1 == 1 {
                            deeds.push((0, Deed::Sync));
                        }
                    }
                    all.push(deeds);
                }
            }
        }
    }
    all
}

/// What an app removed stays in the document while another has it; what all removed is gone.
#[test]
fn f18_every_interleaving_of_edits_and_deletes() {
    for deeds in interleavings() {
        let mut bench = Bench::with_songs(18, &PAIR, 2);
        bench.link();
        let mut rated = [None; 2];
        for (step, (who, deed)) in deeds.iter().enumerate() {
            let kind = PAIR[*who];
            match deed {
                Deed::Sync => _ = bench.sync(),
                Deed::Rate => {
                    let rating = 20 * (step as i64 % 5 + 1);
                    bench.rate(kind, 1, Some(rating));
                    rated[*who] = Some(rating);
                }
                Deed::Remove => {
                    bench.edit(kind, |catalog| {
                        catalog.items.retain(|item| item.id != bench_id(&bench, 1));
                    });
                }
            }
        }
        in_step(&mut bench);
        let here = PAIR.map(|kind| song_ref(&bench.catalog(kind), 1).is_some());
        assert_eq!(bench.fields(1).is_some(), here.contains(&true), "{deeds:?}");
        for (who, kind) in PAIR.into_iter().enumerate() {
            if here == [who == 0, who == 1] && rated[1 - who].is_none() {
                assert_eq!(bench.rating(kind, 1), rated[who], "{deeds:?}");
            }
        }
    }
}

fn bench_id(bench: &Bench, number: usize) -> NativeId {
    NativeId::from(bench.place(number))
}

/// An edit is injected before every step of a pass that also writes.
#[test]
fn f19_an_edit_at_any_step_is_never_lost() {
    for at in 1.. {
        let mut bench = Bench::with_songs(19, &PAIR, 3);
        bench.link();
        bench.rate(Kind::Exact, 1, Some(40));
        bench.rate(Kind::Exact, 2, Some(60));
        let folder = bench.path(Kind::Stars);
        bench.steps.set(Box::new(move |_, _, n| {
            if n == at {
                segue_memory::Store::edit(Kind::Stars, &folder, |catalog| {
                    song_mut(catalog, 1).unwrap().fields.set(&music::RATING, Value::Int(100));
                    song_mut(catalog, 3).unwrap().fields.set(&music::PLAY_COUNT, Value::Int(5));
                })
                .unwrap();
            }
            Act::Go
        }));
        let _ = bench.try_run(sync(false)).unwrap();
        let steps = bench.steps.clear();
        in_step(&mut bench);
        if at > steps {
            break;
        }
        let conflicts = bench.conflicts();
        let kept = conflicts.iter().any(|row| row.values.iter().any(|v| v.value == 100));
        assert!(kept || bench.fields(1).unwrap()["rating"] == 100, "step {at}: the edit is lost");
        assert_eq!(bench.fields(3).unwrap()["play_count"], 5, "step {at}");
        assert_eq!(bench.fields(2).unwrap()["rating"], 60, "step {at}");
    }
}

/// A kill at every step of a pass in which both apps played: the total is exact.
#[test]
fn f20_counts_are_exact_whenever_the_process_is_killed() {
    for at in 1.. {
        let mut bench = Bench::with_songs(20, &PAIR, 2);
        bench.play(Kind::Stars, 1, 12);
        bench.play(Kind::Exact, 1, 10);
        bench.link();
        bench.play(Kind::Stars, 1, 3);
        bench.play(Kind::Exact, 1, 2);
        bench.list(Kind::Stars, "Mix", &[1, 2, 1]);
        bench.steps.set(Box::new(move |_, _, n| if n == at { Act::Kill } else { Act::Go }));
        let killed = bench.try_run(sync(false)).is_none();
        bench.steps.clear();
        in_step(&mut bench);
        for kind in PAIR {
            assert_eq!(bench.count(kind, 1), 17, "killed at step {at}");
            assert_eq!(bench.songs(kind, "Mix"), Some(vec![1, 2, 1]), "killed at step {at}");
        }
        if !killed {
            break;
        }
    }
}

/// One after the other edits the list; all hold what the last one left.
#[test]
fn f21_random_edits_of_a_list_equal_a_list() {
    for seed in 0..4 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut bench = Bench::with_songs(seed, &PAIR, 6);
        let mut model: Vec<usize> = vec![1, 2, 3];
        bench.list(Kind::Exact, "Mix", &model);
        bench.link();
        for round in 0..12 {
            for _ in 0..rng.usize(1..4) {
                match rng.u8(..3) {
                    0 => model.insert(rng.usize(..=model.len()), rng.usize(1..=6)),
                    1 if model.len() > 2 => _ = model.remove(rng.usize(..model.len())),
                    _ => {
                        let song = model.remove(rng.usize(..model.len()));
                        model.insert(rng.usize(..=model.len()), song);
                    }
                }
            }
            bench.list(PAIR[rng.usize(..2)], "Mix", &model);
            bench.sync();
            for kind in PAIR {
                assert_eq!(bench.songs(kind, "Mix").as_ref(), Some(&model), "{seed} {round}");
            }
        }
        in_step(&mut bench);
    }
}

/// An app resets its own count while it runs: nobody else wrote, and still it is behind.
#[test]
fn f20_a_reset_while_the_app_runs_is_written_when_it_ends() {
    let mut bench = Bench::with_songs(41, &PAIR, 2);
    bench.play(Kind::Stars, 1, 6);
    bench.link();
    bench.set(Kind::Stars, 1, &music::PLAY_COUNT, None);
    bench.running(&[Kind::Stars.into()]);
    bench.sync();
    bench.sync();
    bench.running(&[]);
    bench.sync();
    assert_eq!(bench.count(Kind::Stars, 1), 6);
    in_step(&mut bench);
}
