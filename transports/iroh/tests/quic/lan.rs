//! Two devices find each other by mDNS, in a network of their own that leads nowhere.

use std::process::Command;

use segue_iroh::{Channel, Network, Node, Settings, Verdict};
use segue_sync::DeviceId;

/// Makes an interface with an address in a new network namespace, and runs what follows there.
const NAMESPACE: &str = "ip link set lo up && ip link add a0 type veth peer name b0 \
    && ip addr add 192.168.77.1/24 dev a0 && ip link set a0 up && ip link set b0 up \
    && ip route add default dev a0 && exec \"$@\"";

#[test]
fn devices_in_one_network_find_each_other_without_addresses() {
    let inside = |command: &[&str]| {
        let mut unshare = Command::new("unshare");
        unshare.args(["--net", "sh", "-c", NAMESPACE, "sh"]).args(command);
        unshare.env("SEGUE_TEST_LAN", "1").output()
    };
    if !inside(&["true"]).is_ok_and(|output| output.status.success()) {
        println!("skipped: a network namespace of one's own needs root, unshare and ip");
        return;
    }
    let own = std::env::current_exe().unwrap();
    let output =
        inside(&[own.to_str().unwrap(), "--exact", "lan::in_the_namespace", "--nocapture"]);
    let output = output.unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("they met"), "{output:?}");
}

async fn node(byte: u8) -> Node {
    let admission = Box::new(|_: &DeviceId, _| Verdict::Member);
    Node::bind([byte; 32], Network::Lan, Settings::default(), admission).await.unwrap()
}

/// Runs only inside the namespace.
#[tokio::test]
async fn in_the_namespace() {
    if std::env::var_os("SEGUE_TEST_LAN").is_none() {
        return;
    }
    let (one, two) = (node(1).await, node(2).await);
    let addresses: Vec<_> = two.addresses().iter().map(ToString::to_string).collect();
    assert!(addresses.iter().any(|text| text.starts_with("192.168.77.1:")), "{addresses:?}");
    let began = std::time::Instant::now();
    let here = one.dial(two.id(), Channel::Sync, &[]).await.unwrap();
    let there = two.accept().await.unwrap();
    assert_eq!((here.peer(), there.peer()), (two.id(), one.id()));
    println!("they met after {:?}", began.elapsed());
}
