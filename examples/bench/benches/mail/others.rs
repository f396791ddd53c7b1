//! What else keeps two stores of mail in step: isync's mbsync between two folders, and muchsync between two notmuch
//! databases, its remote shell being a plain one.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use crate::store::{Store, base, first, mark};
use crate::table::Row;
use crate::timed::timed;
use crate::{Outcome, notmuch};

pub(crate) fn command(program: &str, home: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("HOME", home).env("PATH", "/usr/bin:/bin").current_dir(home);
    command
}

/// What one message is tagged with.
const TAG: &str = "bench";

/// Why a program cannot be run, if it cannot.
pub(crate) fn installed(program: &str) -> Outcome<()> {
    let found = ["/usr/bin", "/bin"].iter().any(|folder| Path::new(folder).join(program).exists());
    if found { Ok(()) } else { Err(format!("{program} is not installed").into()) }
}

/// Two stores by mbsync: first, without a change, with one flag.
pub(crate) fn mbsync(files: u32) -> Outcome<Vec<Row>> {
    installed("mbsync")?;
    let (far, near) = (Store::new(files)?, tempfile::tempdir()?);
    let near = near.path();
    fs::create_dir_all(near.join("state"))?;
    let config = format!(
        "MaildirStore far\nInbox {}\nSubFolders Maildir++\n\nMaildirStore near\nInbox {1}/mail\n\
         SubFolders Maildir++\n\nChannel c\nFar :far:\nNear :near:\nPatterns INBOX *\nCreate Both\n\
         Remove Both\nExpunge None\nCopyArrivalDate yes\nSyncState {1}/state/\n",
        far.path().display(),
        near.display()
    );
    fs::write(near.join("config"), config)?;
    let run = || {
        let mut mbsync = command("mbsync", near);
        mbsync.args(["-c", "config", "c"]);
        Ok::<_, Box<dyn std::error::Error>>(timed(&mbsync)?.0)
    };
    let mut rows = vec![Row::new(files, "mbsync: first", run()?)];
    run()?;
    rows.push(Row::new(files, "mbsync: nothing changed", run()?));
    let flagged = far.mark("FRS")?;
    rows.push(Row::new(files, "mbsync: one flag", run()?));
    let inbox = fs::read_dir(near.join("mail/cur"))?.collect::<std::io::Result<Vec<_>>>()?;
    let is_marked = |name: &str| name.ends_with("FRS");
    let marked = |path: &Path| path.file_name().and_then(|n| n.to_str()).is_some_and(is_marked);
    if !marked(&flagged) || !inbox.iter().any(|entry| marked(&entry.path())) {
        return Err("mbsync carried no flag".into());
    }
    Ok(rows)
}

/// Two databases by muchsync: first, without a change, with one flag, with one tag.
pub(crate) fn muchsync(files: u32) -> Outcome<Vec<Row>> {
    installed("muchsync")?;
    installed("notmuch")?;
    let (here, there) = (Store::new(files)?, tempfile::tempdir()?);
    let home = here.path().parent().ok_or("no folder")?.to_owned();
    let there = there.path();
    fs::create_dir(there.join("mail"))?;
    let (near, far) = (notmuch::Home::at(&home)?, notmuch::Home::at(there)?);
    let shell = home.join("shell");
    let count = format!("tee {0}/up | sh -c \"$*\" | tee {0}/down", home.display());
    fs::write(&shell, format!("#!/bin/sh\nshift\nexport HOME={}\n{count}\n", there.display()))?;
    fs::set_permissions(&shell, fs::Permissions::from_mode(0o755))?;
    let run = || {
        let mut muchsync = command("muchsync", &home);
        muchsync.arg("-s").arg(&shell).arg("other");
        timed(&muchsync).map(|(took, _)| took)
    };
    let mut rows = vec![Row::new(files, "notmuch: first index", near.run(&["new"])?.0)];
    far.run(&["new"])?;
    rows.push(Row::new(files, "muchsync: first", run()?));
    run()?;
    rows.push(Row::new(files, "muchsync: nothing changed", run()?));
    mark(&here.path(), "FRS")?;
    rows.push(Row::new(files, "muchsync: one flag", run()?));
    let bytes = || -> Outcome<u64> {
        Ok(fs::metadata(home.join("up"))?.len() + fs::metadata(home.join("down"))?.len())
    };
    rows.push(Row::bytes(files, "muchsync: its bytes, both ways", bytes()?));
    let flagged = first(&here.path())?.ok_or("the inbox is empty")?;
    let there = there.join("mail/cur");
    let arrived = there.join(format!("{}:2,FRS", base(&flagged)?));
    let names = || fs::read_dir(&there).into_iter().flatten().flatten();
    let is_marked = names().any(|entry| entry.file_name().to_string_lossy().ends_with(":2,FRS"));
    if !arrived.exists() && !is_marked {
        return Err("muchsync carried no flag".into());
    }
    near.tag(TAG)?;
    rows.push(Row::new(files, "muchsync: one tag", run()?));
    rows.push(Row::bytes(files, "muchsync: its bytes, both ways", bytes()?));
    if !far.has(TAG)? {
        return Err("muchsync carried no tag".into());
    }
    Ok(rows)
}
