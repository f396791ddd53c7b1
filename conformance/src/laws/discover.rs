//! A library is found where its app keeps it, and nowhere else.

use std::collections::BTreeMap;
use std::fs;

use segue_translator::Place;

use crate::trial::{Case, Law, OrFail as _, Verdict, ensure, skip};

pub(crate) const LAWS: &[Law] = &[
    Law { name: "discover::finds_the_library_in_a_home", check: finds },
    Law { name: "discover::finds_nothing_in_an_empty_home", check: finds_nothing },
    Law { name: "discover::opens_nothing_where_nothing_is", check: opens_nothing },
];

fn finds(case: &Case<'_>) -> Verdict {
    let laid = case.lay()?;
    let place = Place::new(laid.home(), BTreeMap::new());
    let found = case.subject.translator.discover(&place);
    if let Some(why) = &case.subject.named {
        ensure!(found.is_empty(), "nothing is to be looked for, but {found:?} was found");
        return skip(format!("declares: not looked for, {why}"));
    }
    ensure!(found == [laid.path()], "expected {:?}, found {found:?}", laid.path());
    Ok(())
}

fn finds_nothing(case: &Case<'_>) -> Verdict {
    let laid = case.lay()?;
    fs::remove_dir_all(laid.home()).or_fail("cannot remove the home")?;
    let place = Place::new(laid.home(), BTreeMap::new());
    let found = case.subject.translator.discover(&place);
    ensure!(found.is_empty(), "there is no home, but {found:?} was found");
    fs::create_dir_all(laid.path()).or_fail("cannot make a folder")?;
    let found = case.subject.translator.discover(&place);
    ensure!(found.is_empty(), "the folder is empty, but {found:?} was found");
    Ok(())
}

fn opens_nothing(case: &Case<'_>) -> Verdict {
    let laid = case.lay()?;
    let library = laid.open()?;
    fs::remove_dir_all(laid.path()).or_fail("cannot remove the library")?;
    let host = std::sync::Arc::new(segue_translator::Idle);
    let opened = case.subject.translator.open(&laid.path(), host);
    ensure!(opened.is_err(), "a library that is not there was opened");
    let read = segue_translator::Collector::collect(&*library);
    ensure!(read.is_err(), "f01: a library that went away was read as {read:?}");
    Ok(())
}
