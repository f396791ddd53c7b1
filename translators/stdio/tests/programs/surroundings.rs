//! What a program finds around it: little.

use std::fs::{self, File};

use segue_translator::Collector;

use crate::Program;

/// What a program says that a shell command printed, in the words of a loss.
fn said(program: &Program) -> String {
    let (_, reading) = Collector::collect(&*program.open()).unwrap();
    reading.losses[0].what.clone()
}

fn saying(command: &str) -> Program {
    let on_read = format!(
        r#"answer "{{\"losses\":[{{\"id\":\"/a\",\"what\":\"$({command} 2>/dev/null | tr '\n' ' ')\"}}]}}""#
    );
    Program::new("", &on_read, "true")
}

#[test]
fn the_environment_has_no_secrets() {
    let mut program = saying("env | cut -d= -f1 | sort");
    let extra =
        [("AWS_SECRET", "x"), ("XDG_DATA_HOME", "/d"), ("LANG", "C"), ("XDG_RUNTIME_DIR", "/r")];
    for (name, value) in extra {
        program.around.variables.insert(name.into(), value.into());
    }
    let said = said(&program);
    let mut names: Vec<&str> = said.split_whitespace().collect();
    names.retain(|name| !name.starts_with("XDG_") || *name == "XDG_RUNTIME_DIR");
    assert_eq!(names, ["HOME", "LANG", "PATH", "PWD", "TMPDIR"], "{said}");
    assert!(said.contains("XDG_DATA_HOME"));
}

#[test]
fn no_descriptor_is_inherited() {
    let folder = tempfile::tempdir().unwrap();
    let open = File::create(folder.path().join("left-open")).unwrap();
    // Not closed on exec, as those of a careless parent.
    rustix::io::fcntl_setfd(&open, rustix::io::FdFlags::empty()).unwrap();
    let said = said(&saying("for one in /proc/$$/fd/*; do readlink $one; done"));
    assert!(said.contains("segue-translator-x"), "a shell has its script open: {said}");
    assert!(!said.contains("left-open"), "{said}");
}

#[test]
fn limits_that_are_set_already_are_not_raised() {
    let mut program = saying("ulimit -n");
    assert_eq!(said(&program).trim(), "256");
    let launcher = program.around.launcher.program.clone();
    program.around.launcher.program = "/bin/sh".into();
    program.around.launcher.arguments =
        ["-c", "ulimit -n 100; exec \"$@\"", "sh"].map(Into::into).into();
    program.around.launcher.arguments.push(launcher.into());
    assert_eq!(said(&program).trim(), "100");
}

#[test]
fn only_its_own_folder_and_the_system_can_be_reached() {
    if let Some(why) = segue_stdio::unconfined() {
        println!("skipped: {why}");
        return;
    }
    let mut program = saying(
        "cat $HOME/secret; echo mine > $HOME/mine; cat $HOME/.local/share/x/x.json; echo done",
    );
    let home = program.home();
    fs::write(home.join("secret"), "secret").unwrap();
    program.around.variables.insert("HOME".into(), home.clone().into());
    assert_eq!(said(&program).trim(), "done");
    assert!(!home.join("mine").exists());
    let mut program = saying("echo mine > $TMPDIR/mine; cat $TMPDIR/mine /etc/passwd | head -1");
    program.around.variables.insert("HOME".into(), home.into());
    assert_eq!(said(&program).trim(), "mine");
}
