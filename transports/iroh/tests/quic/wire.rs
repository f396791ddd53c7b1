//! The transport as sessions use it.

use std::time::Duration;

use segue_iroh::{ChannelLimits, Connection, FaultKind, Meter, Node, Settings, Verdict, Wire};
use segue_sync::{Arrival, Side, Transport};

use crate::nodes::{admits, node, node_with, pair, within};

/// Two wires over one connection, and what must be kept for it to stand.
async fn wires(settings: Settings) -> ([Wire; 2], [Node; 2], [Connection; 2]) {
    let (one, two) = (node(1).await, node_with(2, settings, admits(|_, _| Verdict::Member)).await);
    let (here, there) = pair(&one, &two).await;
    let mut wires = [Wire::default(), Wire::default()];
    wires[0].add(&here);
    wires[1].add(&there);
    (wires, [one, two], [here, there])
}

/// Dials and says hello, and returns what both ends call the connection.
async fn opened(wires: &mut [Wire; 2], peer: &Node) -> [segue_sync::Connection; 2] {
    wires[0].dial(&peer.id());
    let Arrival::Opened { connection, side: Side::Dialer, .. } = within(wires[0].arrival()).await
    else {
        panic!("not opened")
    };
    wires[0].send(connection, b"hello".to_vec());
    let Arrival::Opened { connection: other, side: Side::Answerer, .. } =
        within(wires[1].arrival()).await
    else {
        panic!("not opened there")
    };
    let hello = Arrival::Frame { connection: other, bytes: b"hello".to_vec() };
    assert_eq!(within(wires[1].arrival()).await, hello);
    [connection, other]
}

#[tokio::test]
async fn frames_go_both_ways_and_closing_lets_through_what_was_sent() {
    let (mut wires, nodes, _connections) = wires(Settings::default()).await;
    let [here, there] = opened(&mut wires, &nodes[1]).await;
    wires[1].send(there, vec![1; 300_000]);
    wires[1].send(there, b"bye".to_vec());
    wires[1].close(there);
    wires[1].send(there, b"too late".to_vec());
    for bytes in [vec![1; 300_000], b"bye".to_vec()] {
        assert_eq!(within(wires[0].arrival()).await, Arrival::Frame { connection: here, bytes });
    }
    assert_eq!(within(wires[0].arrival()).await, Arrival::Closed { connection: here });
    assert_eq!(within(wires[1].arrival()).await, Arrival::Closed { connection: there });
    assert_eq!((wires[0].next(), wires[1].next()), (None, None));
    let again = opened(&mut wires, &nodes[1]).await;
    assert!(again[0] != here && again[1] != there, "a number is used once");
}

#[tokio::test]
async fn a_meter_counts_what_travels_and_keeps_no_connection_alive() {
    let (mut wires, nodes, connections) = wires(Settings::default()).await;
    let meters = [Meter::default(), Meter::default()];
    for (index, connection) in connections.iter().enumerate() {
        // The first wire must not take the lane that the second waits for.
        wires[index].remove(&connection.peer());
        wires[index] = Wire::new(meters[index].clone());
        wires[index].add(connection);
    }
    let [_, there] = opened(&mut wires, &nodes[1]).await;
    wires[1].send(there, vec![1; 300_000]);
    within(wires[0].arrival()).await;
    let [here, there] = meters.each_ref().map(Meter::read);
    assert_eq!((here.frames_sent, here.frames_received), (9, 300_004));
    assert_eq!((there.frames_sent, there.frames_received), (300_004, 9));
    assert!(here.udp_received > 300_004 && there.udp_sent >= here.udp_received);
    for (wire, connection) in wires.iter_mut().zip(&connections) {
        wire.remove(&connection.peer());
    }
    drop((wires, connections));
    for node in &nodes {
        node.close(&segue_iroh::Reason::new(segue_iroh::Code::Leaving, "")).await;
    }
    let after = meters[1].read();
    assert_eq!(after.frames_sent, there.frames_sent);
    assert!(after.udp_sent >= there.udp_sent, "no count ever falls");
}

#[tokio::test]
async fn each_document_has_its_own_lane() {
    let (mut wires, nodes, _connections) = wires(Settings::default()).await;
    let [first, _] = opened(&mut wires, &nodes[1]).await;
    let [second, other] = opened(&mut wires, &nodes[1]).await;
    wires[0].close(first);
    assert!(matches!(within(wires[1].arrival()).await, Arrival::Closed { .. }));
    wires[0].send(second, b"still here".to_vec());
    let frame = Arrival::Frame { connection: other, bytes: b"still here".to_vec() };
    assert_eq!(within(wires[1].arrival()).await, frame);
}

#[tokio::test]
async fn a_lost_connection_closes_its_lanes() {
    let (mut wires, [_one, two], [here, there]) = wires(Settings::default()).await;
    let [first, _] = opened(&mut wires, &two).await;
    drop(there);
    two.close(&segue_iroh::Reason::new(segue_iroh::Code::Leaving, "")).await;
    assert_eq!(within(wires[0].arrival()).await, Arrival::Closed { connection: first });
    wires[0].dial(&here.peer());
    wires[0].send(first, b"nobody".to_vec());
    wires[0].close(first);
    wires[0].remove(&here.peer());
    assert_eq!(wires[0].next(), None);
}

#[tokio::test]
async fn a_peer_that_breaks_the_rules_is_named() {
    let small = ChannelLimits { frame_bytes_max: 100, lanes_max: 8 };
    let settings = Settings { sync: small, ..Settings::default() };
    let (mut wires, nodes, _connections) = wires(settings).await;
    let [here, there] = opened(&mut wires, &nodes[1]).await;
    wires[0].send(here, vec![0; 101]);
    assert_eq!(within(wires[1].arrival()).await, Arrival::Closed { connection: there });
    let faults = wires[1].faults();
    assert_eq!(faults.len(), 1);
    assert_eq!(faults[0].peer, nodes[0].id());
    assert_eq!(faults[0].kind, FaultKind::FrameTooLarge { bytes: 101, max: 100 });
    assert!(wires[1].faults().is_empty());
}

#[tokio::test]
async fn a_peer_that_takes_nothing_does_not_fill_our_memory() {
    let (mut wires, nodes, _connections) = wires(Settings::default()).await;
    let [here, _there] = opened(&mut wires, &nodes[1]).await;
    // Nobody asks the other wire for what came. Sending goes on for ever, and ends with the lane: at 20 MiB
    // here and 16 there, and what is on the way.
    let flood = async {
        for sent in 0.. {
            assert!(sent < 64, "{sent} MiB are kept");
            wires[0].send(here, vec![0; 1 << 20]);
            let arrival = tokio::time::timeout(Duration::from_millis(1), wires[0].arrival()).await;
            if let Ok(arrival) = arrival {
                return arrival;
            }
        }
        unreachable!("the flood ends with the lane")
    };
    assert_eq!(within(flood).await, Arrival::Closed { connection: here });
}
