//! What systemd is told, and the unit with which it starts the agent.
//!
//! Invariant: without systemd nothing happens here.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;

use crate::Reach;

/// Tells systemd, if it waits to be told (`NOTIFY_SOCKET`), such as `READY=1`.
pub(super) fn notify(state: &str) {
    if let Some(socket) = std::env::var_os("NOTIFY_SOCKET") {
        // Whoever set the variable and does not listen misses nothing that matters here.
        let _ = send(&socket, state);
    }
}

fn send(socket: &OsStr, state: &str) -> std::io::Result<()> {
    let address = match socket.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(socket)?,
    };
    UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address).map(drop)
}

/// A unit for the user's systemd that runs `program`, for the agent's folder if it is not the usual
/// one. `None` if a path is no text.
pub fn unit(program: &Path, folder: Option<&Path>, reach: Option<Reach>) -> Option<String> {
    let mut command = format!("{} up", quoted(program.to_str()?));
    if let Some(folder) = folder {
        let _ = write!(command, " --home {}", quoted(folder.to_str()?));
    }
    if let Some(reach) = reach {
        let _ = write!(command, " --network {reach}");
    }
    Some(format!(
        "[Unit]\n\
         Description=Segue: your library, in every app\n\
         Documentation=man:segue(1)\n\
         \n\
         [Service]\n\
         Type=notify\n\
         ExecStart={command}\n\
         Restart=on-failure\n\
         RestartSec=10\n\
         TimeoutStopSec=60\n\
         Nice=5\n\
         \n\
         [Install]\n\
         WantedBy=default.target\n"
    ))
}

/// A word as systemd reads it back.
fn quoted(word: &str) -> String {
    let escaped = word.replace('\\', r"\\").replace('"', "\\\"").replace('%', "%%");
    format!("\"{}\"", escaped.replace('$', "$$"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_runs_the_program_whatever_its_path() {
        let (program, folder) = ("/opt/a b/100%\"$x\"/segue", Some(Path::new("/srv/s")));
        let unit = unit(Path::new(program), folder, Some(Reach::Lan)).unwrap();
        let line = unit.lines().find(|line| line.starts_with("ExecStart=")).unwrap();
        let expected =
            r#"ExecStart="/opt/a b/100%%\"$$x\"/segue" up --home "/srv/s" --network lan"#;
        assert_eq!(line, expected);
        assert!(unit.contains("Type=notify") && unit.contains("WantedBy=default.target"));
    }

    #[test]
    fn a_socket_with_or_without_a_file_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let heard = |socket: UnixDatagram, name: &OsStr| {
            send(name, "READY=1").unwrap();
            let mut buffer = [0; 16];
            let length = socket.recv(&mut buffer).unwrap();
            assert_eq!(&buffer[..length], b"READY=1");
        };
        heard(UnixDatagram::bind(&path).unwrap(), path.as_os_str());
        let name = format!("segue-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        heard(UnixDatagram::bind_addr(&address).unwrap(), format!("@{name}").as_ref());
    }
}
