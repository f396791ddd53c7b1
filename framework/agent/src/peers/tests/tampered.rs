//! A store that is changed behind its back, as by a broken disk or another program.

use segue_model::DeviceId;

use super::device::Device;

impl Device {
    /// What an author has stored becomes so many changes, as the store counts.
    pub(super) fn uses(&self, author: &DeviceId, changes: u64) {
        self.sql(&format!("UPDATE usage SET changes = {changes} WHERE author = x'{author}'"));
    }

    /// Changes the store behind its back.
    pub(super) fn sql(&self, sql: &str) {
        let store = rusqlite::Connection::open(self.home.join("segue.db")).unwrap();
        assert!(store.execute(sql, ()).unwrap() > 0, "{sql}");
    }
}
