//! The process table, made up.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};

use segue_translator::{Host, Probe};

use super::{OWN_PID, ThisComputer, World};

#[test]
fn a_process_is_known_by_any_of_its_three_names() {
    for made_by in [
        |world: &World| world.process(7, "rhythmbox"),
        |world: &World| world.process(7, "python3").program("/app/bin/rhythmbox"),
        |world: &World| world.process(7, "python3").program("/usr/bin/rhythmbox (deleted)"),
        |world: &World| world.process(7, "ld.so").cmdline(&["/opt/rhythmbox", "--debug"]),
    ] {
        let world = World::new();
        made_by(&world).environ(&[("HOME", &world.home())]);
        assert_eq!(world.running(false).as_deref(), Some("rhythmbox (process 7)"));
    }
}

#[test]
fn names_are_compared_whole_but_for_the_length_that_the_kernel_keeps() {
    let world = World::new();
    world.process(7, "rhythmbox-clien").environ(&[("HOME", &world.home())]);
    assert_eq!(world.running(false), None);
    let probe = Probe { processes: &["rhythmbox-client"], ..world.probe(false) };
    assert!(world.computer().running(&probe).is_some());
}

#[test]
fn odd_names_neither_hide_a_process_nor_break_the_scan() {
    let world = World::new();
    for (pid, stat) in [(5, "5 (a) R 2) S 1"), (6, "6 ("), (8, ""), (9, "9 )("), (10, "10 (x)")] {
        let made = world.process(pid, "x");
        fs::write(made.folder.join("stat"), stat).unwrap();
    }
    let home = world.home();
    // Up to the first bracket it would be a zombie.
    world.process(11, "x) Z 1").program("/usr/bin/rhythmbox").environ(&[("HOME", &home)]);
    assert_eq!(world.running(false).as_deref(), Some("rhythmbox (process 11)"));
}

#[test]
fn the_dead_and_we_ourselves_do_not_count() {
    let world = World::new();
    world.process(7, "rhythmbox").environ(&[("HOME", &world.home())]).state('Z');
    world.process(OWN_PID, "rhythmbox").environ(&[("HOME", &world.home())]);
    assert_eq!(world.running(false), None);
    world.process(8, "rhythmbox").environ(&[("HOME", &world.home())]).state('T');
    assert!(world.running(false).is_some());
}

#[test]
fn a_process_with_another_home_has_another_library() {
    let world = World::new();
    world.process(7, "rhythmbox");
    assert_eq!(world.running(false), None);
    assert_eq!(world.running(true), None);
}

#[test]
fn an_open_library_counts_whatever_the_environment_says() {
    let world = World::new();
    world.process(7, "rhythmbox").opens(&world.library);
    assert!(world.running(true).is_some());
    assert!(world.running(false).is_some());
}

#[test]
fn an_open_file_is_known_by_its_number_under_another_path() {
    let world = World::new();
    let other = world.at("other.xml");
    fs::hard_link(&world.library, &other).unwrap();
    world.process(7, "rhythmbox").opens(&other);
    assert!(world.running(true).is_some());
}

#[test]
fn a_library_given_by_a_link_is_the_same_library() {
    let world = World::new();
    let link = world.at("link.xml");
    symlink(&world.library, &link).unwrap();
    world.process(7, "rhythmbox").environ(&[("HOME", &world.home())]);
    let probe = Probe { library: &link, ..world.probe(false) };
    assert!(world.computer().running(&probe).is_some());
}

#[test]
fn a_file_inside_a_library_that_is_a_folder_is_the_library() {
    let world = World::new();
    world.process(7, "rhythmbox").opens(&world.library);
    let probe = Probe { library: world.library.parent().unwrap(), ..world.probe(true) };
    assert!(world.computer().running(&probe).is_some());
}

#[test]
fn hidden_files_are_in_doubt_only_for_an_app_that_holds_its_library_open() {
    let world = World::new();
    world.process(7, "rhythmbox").hides_its_files();
    assert!(world.running(true).is_some());
    assert_eq!(world.running(false), None);
}

#[test]
fn a_hidden_environment_is_in_doubt() {
    let world = World::new();
    world.process(7, "rhythmbox").hides_its_environment();
    assert!(world.running(false).is_some());
    assert!(world.running(true).is_some());
}

#[test]
fn an_environment_without_a_home_is_in_doubt() {
    let world = World::new();
    world.process(7, "rhythmbox").environ(&[("LANG", &world.at("C"))]);
    assert!(world.running(false).is_some());
}

#[test]
fn an_endless_environment_is_in_doubt() {
    let world = World::new();
    let made = world.process(7, "rhythmbox");
    let mut environ = format!("HOME={}\0", world.at("other").display()).into_bytes();
    environ.resize(5 << 20, b'x');
    fs::write(made.folder.join("environ"), environ).unwrap();
    assert!(world.running(false).is_some());
}

#[test]
fn an_app_just_started_counts_before_it_has_opened_its_library() {
    let world = World::new();
    world.process(7, "rhythmbox").environ(&[("HOME", &world.home())]);
    assert!(world.running(true).is_some());
}

#[test]
fn a_moved_data_folder_is_the_one_that_counts() {
    let world = World::new();
    let (home, elsewhere) = (world.home(), world.at("elsewhere"));
    world.process(7, "rhythmbox").environ(&[("HOME", &home), ("XDG_DATA_HOME", &elsewhere)]);
    assert_eq!(world.running(false), None);
    let (other, data) = (world.at("other"), home.join(".local/share"));
    world.process(7, "rhythmbox").environ(&[("HOME", &other), ("XDG_DATA_HOME", &data)]);
    assert!(world.running(false).is_some());
}

#[test]
fn a_sandbox_has_its_own_library() {
    let world = World::new();
    let home = world.home();
    let sandbox = home.join(".var/app/org.gnome.Rhythmbox3/data");
    let library = sandbox.join("rhythmbox/rhythmdb.xml");
    let in_sandbox = Probe { library: &library, ..world.probe(false) };
    world.process(7, "rhythmbox").environ(&[("HOME", &home), ("XDG_DATA_HOME", &sandbox)]);
    assert!(world.computer().running(&in_sandbox).is_some());
    assert_eq!(world.running(false), None);
    world.process(7, "rhythmbox").environ(&[("HOME", &home)]);
    assert_eq!(world.computer().running(&in_sandbox), None);
    assert!(world.running(false).is_some());
}

#[test]
fn a_home_inside_a_home_is_another_home() {
    let world = World::new();
    world.process(7, "rhythmbox").environ(&[("HOME", world.folder.path())]);
    assert_eq!(world.running(false), None);
    let probe = Probe { library: &world.home().join(".mozilla/places"), ..world.probe(false) };
    assert!(world.computer().running(&probe).is_some(), "an app's own folder in its home");
}

#[test]
fn a_library_named_in_the_arguments_counts() {
    let world = World::new();
    let named = format!("--rhythmdb-file={}", world.library.display());
    world.process(7, "rhythmbox").cmdline(&["rhythmbox", &named]);
    assert!(world.running(false).is_some());
    let above = world.folder.path().display().to_string();
    world.process(7, "rhythmbox").cmdline(&["rhythmbox", &above]);
    assert_eq!(world.running(false), None);
}

#[test]
fn another_users_app_counts_only_with_the_library_open() {
    let world = World::new();
    let stranger = fs::metadata(world.home()).unwrap().uid() + 1;
    world.process(7, "rhythmbox").hides_its_files().hides_its_environment().user(stranger);
    assert_eq!(world.running(true), None);
    assert_eq!(world.running(false), None);
    world.process(8, "rhythmbox").opens(&world.library).user(stranger);
    assert_eq!(world.running(true).as_deref(), Some("rhythmbox (process 8)"));
}

#[test]
fn a_process_table_that_cannot_be_read_is_in_doubt() {
    let world = World::new();
    let computer = ThisComputer::new(world.at("no such folder"), None, OWN_PID);
    let words = computer.running(&world.probe(false)).unwrap();
    assert_eq!(words, "perhaps rhythmbox (the list of processes cannot be read)");
    let nobody = Probe { processes: &[], ..world.probe(false) };
    assert_eq!(computer.running(&nobody), None);
}
