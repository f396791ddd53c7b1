//! Whole agents that find each other by mDNS, each in a network namespace of its own; a cable between the two, and
//! nothing else.

use std::process::{Child, Command, Stdio};

use crate::desk::Desk;

/// Inside: the network of the test itself, with one end of the cable.
const INSIDE: &str = "SEGUE_TEST_LAN";
const CABLE: &str = "ip link set lo up && ip link add cable type veth peer name far && \
    ip addr add 192.168.77.1/24 dev cable && ip link set cable up && ip route add default dev cable && exec \"$@\"";

fn shell(script: &str) {
    let output = Command::new("sh").args(["-ec", script]).output().unwrap();
    assert!(output.status.success(), "{script}: {output:?}");
}

/// Another network, as long as its process lives.
struct Elsewhere(Child);

impl Elsewhere {
    /// With the other end of the cable.
    fn new() -> Self {
        let mut process = Command::new("unshare");
        process.args(["--net", "sh", "-c", "echo; exec cat"]);
        let mut process = process.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        // Once it says something it is where it belongs.
        let mut first = [0];
        std::io::Read::read_exact(process.stdout.as_mut().unwrap(), &mut first).unwrap();
        let elsewhere = Self(process);
        shell(&format!("ip link set far netns {}", elsewhere.0.id()));
        elsewhere.shell("ip link set lo up; ip link set far up");
        elsewhere
    }

    fn enter(&self) -> [String; 4] {
        ["nsenter".into(), "--target".into(), self.0.id().to_string(), "--net".into()]
    }

    fn shell(&self, script: &str) {
        shell(&format!("{} sh -ec '{script}'", self.enter().join(" ")));
    }

    fn moves_to(&self, address: &str) {
        self.shell(&format!(
            "ip addr flush dev far scope global; ip addr add {address}/24 dev far; \
             ip route replace default dev far"
        ));
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn agents_whose_addresses_changed_find_each_other_in_the_local_network() {
    let inside = |command: &[&str]| {
        let mut unshare = Command::new("unshare");
        unshare.args(["--net", "sh", "-c", CABLE, "sh"]).args(command).env(INSIDE, "1").output()
    };
    if !inside(&["unshare", "--net", "true"]).is_ok_and(|output| output.status.success()) {
        println!("skipped: network namespaces of one's own need root, unshare and ip");
        return;
    }
    let own = std::env::current_exe().unwrap();
    let output =
        inside(&[own.to_str().unwrap(), "--exact", "lan::in_the_namespace", "--nocapture"]);
    let output = output.unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("they met"), "{output:?}");
}

/// Runs only inside the namespace.
#[test]
fn in_the_namespace() {
    if std::env::var_os(INSIDE).is_none() {
        return;
    }
    let elsewhere = Elsewhere::new();
    elsewhere.moves_to("192.168.77.2");
    let (desk, laptop) = (Desk::rhythmbox("desk"), Desk::bare("laptop"));
    let (one, two) = (desk.up_in_lan(&[]), laptop.up_in_lan(&elsewhere.enter()));
    laptop.json(&["join", &desk.ticket(&["--yes"])]);
    laptop.until_in_step();
    two.stop();

    // It has another address, and nobody remembers any.
    one.stop();
    elsewhere.moves_to("192.168.77.3");
    for device in [&desk, &laptop] {
        device.remembers_addresses(&[]);
    }
    let (one, two) = (desk.up_in_lan(&[]), laptop.up_in_lan(&elsewhere.enter()));
    desk.json(&["resolve", "Exit Music", "rating", "20"]);
    laptop.until_known("Exit Music", 20);
    println!("they met without an address");
    one.stop();
    two.stop();

    // What is remembered is of no use any more.
    elsewhere.moves_to("192.168.77.4");
    shell(
        "ip addr flush dev cable scope global; ip addr add 192.168.77.9/24 dev cable; \
         ip route replace default dev cable",
    );
    for device in [&desk, &laptop] {
        device.remembers_addresses(&["192.168.77.1:9", "192.168.77.2:9"]);
    }
    let (one, two) = (desk.up_in_lan(&[]), laptop.up_in_lan(&elsewhere.enter()));
    desk.json(&["resolve", "Exit Music", "rating", "60"]);
    laptop.until_known("Exit Music", 60);
    println!("they met though each knew a wrong address");
    one.stop();
    two.stop();
}
