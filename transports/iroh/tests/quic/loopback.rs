//! A loopback node binds nothing that others can reach.

use std::collections::BTreeSet;

use crate::nodes::{node, pair};

/// The sockets that this process holds, by inode.
fn own_inodes() -> BTreeSet<String> {
    let folder = std::fs::read_dir("/proc/self/fd").unwrap();
    let links = folder.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
    let names = links.filter_map(|link| link.to_str().map(str::to_owned));
    names
        .filter_map(|name| Some(name.strip_prefix("socket:[")?.trim_end_matches(']').to_owned()))
        .collect()
}

/// Local addresses of this process's sockets in one of the kernel's tables, as the kernel writes them.
fn bound(table: &str, own: &BTreeSet<String>) -> Vec<String> {
    let text = std::fs::read_to_string(format!("/proc/self/net/{table}")).unwrap_or_default();
    let rows = text.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    let own = rows.filter(|row| row.get(9).is_some_and(|inode| own.contains(*inode)));
    own.map(|row| row[1].to_owned()).collect()
}

fn is_loopback(address: &str) -> bool {
    let (ip, _port) = address.split_once(':').unwrap();
    ip == "0100007F" || ip == "00000000000000000000000001000000"
}

#[tokio::test]
async fn a_loopback_node_binds_nothing_else() {
    let (one, two) = (node(1).await, node(2).await);
    let _both = pair(&one, &two).await;
    let own = own_inodes();
    let udp: Vec<_> = ["udp", "udp6"].iter().flat_map(|table| bound(table, &own)).collect();
    println!("{udp:?}");
    assert!(udp.len() >= 2, "the nodes' own sockets were not found");
    let others = ["tcp", "tcp6", "raw", "raw6", "udplite"];
    let others = others.iter().flat_map(|table| bound(table, &own));
    for address in udp.iter().cloned().chain(others) {
        assert!(is_loopback(&address), "{address}");
    }
    let elsewhere = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
    let found = bound("udp", &own_inodes());
    assert!(found.iter().any(|address| !is_loopback(address)), "the check is blind");
    drop(elsewhere);
}
