//! Where the session bus is.

use std::ffi::OsStr;
use std::fs;

use tempfile::TempDir;

use super::super::bus_address;

#[test]
fn the_address_variable_wins_and_the_usual_socket_is_next() {
    let folder = TempDir::new().unwrap();
    let runtime_dir = Some(folder.path().as_os_str());
    assert_eq!(bus_address(None, None), None);
    assert_eq!(bus_address(None, runtime_dir), None, "no socket there");
    fs::write(folder.path().join("bus"), "").unwrap();
    let usual = format!("unix:path={}/bus", folder.path().display());
    assert_eq!(bus_address(None, runtime_dir), Some(usual.clone()));
    assert_eq!(bus_address(Some(OsStr::new("")), runtime_dir), Some(usual));
    let given = Some(OsStr::new("unix:path=/run/x"));
    assert_eq!(bus_address(given, runtime_dir).as_deref(), Some("unix:path=/run/x"));
}
