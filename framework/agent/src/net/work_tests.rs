//! A device without others, whose network has errors.

use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};

use segue_access::{Invitation, Role, Secret};
use segue_model::DocumentId;
use segue_store::{DocumentRow, InvitationRow};
use tempfile::TempDir;

use super::*;
use crate::Agent;
use crate::net::Net;
use crate::net::choice::Reach;
use crate::world::{Outside, ambient};

const NOW: i64 = 1_700_000_000;
/// Nothing takes so long.
const PATIENCE: Duration = Duration::from_mins(1);

/// A device that knows nobody, what its network tells, and whether it has an error when it looks at the clock.
struct Alone {
    agent: Agent,
    net: Net,
    said: Receiver<String>,
    is_broken: Arc<AtomicBool>,
    folder: TempDir,
}

impl Alone {
    /// Its network reads the store by another name.
    fn begin(reach: Reach) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let agent = Agent::open_in(folder.path(), ambient(Outside::Left)).unwrap();
        let seed = agent.home.device_seed(&agent.world).unwrap();
        let store = folder.path().join("link.db");
        symlink(agent.home.store.path(), &store).unwrap();
        let is_broken = Arc::new(AtomicBool::new(false));
        let breaks = Arc::clone(&is_broken);
        let setup = Setup {
            folder: folder.path().to_owned(),
            store,
            seed,
            me: agent.home.device.id(),
            name: "alone".into(),
            reach,
            now: Arc::new(move || {
                assert!(!breaks.swap(false, Ordering::Relaxed), "the test has it so");
                NOW
            }),
            chance: 1,
        };
        let (tell, said) = channel();
        let tell = move |event| match event {
            NetEvent::Said(sentence) => tell.send(sentence).is_ok(),
            _ => true,
        };
        let net = Net::begin(setup, Arc::new(tell)).unwrap();
        Self { agent, net, said, is_broken, folder }
    }

    /// A ticket is out, so the network is needed.
    fn expects(&mut self) {
        let document = DocumentId([9; 32]);
        let made = Invitation::open(&Secret([1; 16]), document, Role::Read, NOW, NOW + 60);
        let secret = made.unwrap().secret;
        let row = DocumentRow {
            id: document,
            schema: "music".into(),
            root_statement: Vec::new(),
            created_at: 0,
        };
        let tx = self.agent.home.store.transaction().unwrap();
        tx.put_document(&row).unwrap();
        tx.put_invitation(&InvitationRow {
            secret,
            document,
            role: Role::Read.to_string(),
            made: NOW,
            expires: NOW + 60,
            approved: true,
            state: "open".into(),
            device: None,
        })
        .unwrap();
        tx.commit().unwrap();
    }

    fn next(&self) -> String {
        self.said.recv_timeout(PATIENCE).unwrap()
    }
}

#[test]
fn an_error_of_its_own_is_said_and_the_network_begins_anew_where_it_was() {
    let alone = Alone::begin(Reach::Loopback);
    let addresses = alone.net.addresses().unwrap();
    for _ in 0..2 {
        alone.is_broken.store(true, Ordering::Relaxed);
        alone.net.refresh();
        assert_eq!(alone.next(), "has an error in its network: see above");
        assert!(!alone.net.live().is_bound);
        assert_eq!(alone.net.addresses().unwrap()[0], addresses[0]);
        assert!(alone.net.live().is_bound);
    }
    alone.is_broken.store(true, Ordering::Relaxed);
    alone.net.refresh();
    alone.next();
    alone.net.stop();
    assert!(alone.net.addresses().is_err(), "it ends while it rests");
}

#[test]
fn a_store_that_cannot_be_read_is_read_again_without_a_reason() {
    let mut alone = Alone::begin(Reach::Loopback);
    let link = alone.folder.path().join("link.db");
    // From then on it works.
    alone.net.addresses().unwrap();
    std::fs::remove_file(&link).unwrap();
    alone.expects();
    for _ in 0..3 {
        alone.net.refresh();
    }
    // These were for nothing, and nobody asks for another look.
    alone.net.addresses().unwrap();
    let why = alone.next();
    assert!(why.starts_with("cannot read its store: "), "{why}");
    symlink(alone.agent.home.store.path(), &link).unwrap();
    assert_eq!(alone.next(), "has its network again", "and what does not work is said once");
    alone.net.stop();
}
