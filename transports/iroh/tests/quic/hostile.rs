//! Peers that do not behave, as raw QUIC: half frames, too large ones, floods.

use std::time::{Duration, Instant};

use crate::nodes::{admits, impatient, node, node_with, pair, within};
use iroh::endpoint::SendDatagramError;
use segue_iroh::{Ended, Fault, FaultKind, Lane, LaneError, Node, Verdict};

const SYNC: &[u8] = b"segue/sync/1";
const JOIN: &[u8] = b"segue/join/1";

/// What is never to happen is waited for so long.
const MOMENT: Duration = Duration::from_millis(100);

/// What a peer sends, as raw bytes on a lane, and what the node that gets it says.
async fn hostile(bytes: &[u8], finishes: bool) -> (Fault, Ended, Duration) {
    let victim = node_with(2, impatient(), admits(|_, _| Verdict::Member)).await;
    let endpoint = raw_endpoint(1).await;
    let quic = raw_dial(&endpoint, &victim, SYNC).await;
    let (mut send, _receive) = quic.open_bi().await.unwrap();
    send.write_all(bytes).await.unwrap();
    if finishes {
        send.finish().unwrap();
    }
    let connection = within(victim.accept()).await.unwrap();
    let mut lane = within(connection.accept()).await.unwrap();
    let began = Instant::now();
    let fault = within(first_fault(&mut lane)).await;
    let took = began.elapsed();
    let iroh::endpoint::ConnectionError::ApplicationClosed(close) = within(quic.closed()).await
    else {
        panic!("the culprit was not told")
    };
    assert_eq!(close.error_code, 4u8.into());
    assert!(close.reason.starts_with(b"this device "), "{close}");
    assert_eq!(fault.peer.0, *endpoint.id().as_bytes());
    let ended = within(connection.ended()).await;
    endpoint.close().await;
    (fault, ended, took)
}

async fn first_fault(lane: &mut Lane) -> Fault {
    loop {
        match lane.receive().await {
            Ok(Some(_)) => {}
            Err(LaneError::Fault(fault)) => return fault,
            other => panic!("{other:?}"),
        }
    }
}

async fn raw_endpoint(byte: u8) -> iroh::Endpoint {
    let builder = iroh::Endpoint::builder(iroh::endpoint::presets::Minimal)
        .secret_key(iroh::SecretKey::from_bytes(&[byte; 32]))
        .clear_ip_transports();
    builder.bind_addr("127.0.0.1:0").unwrap().bind().await.unwrap()
}

async fn raw_dial(from: &iroh::Endpoint, to: &Node, channel: &[u8]) -> iroh::endpoint::Connection {
    let key = iroh::PublicKey::from_bytes(&to.id().0).unwrap();
    let places = to.addresses().into_iter().map(|address| address.to_string().parse().unwrap());
    let places = places.map(iroh::TransportAddr::Ip);
    let place = iroh::EndpointAddr::from_parts(key, places);
    within(from.connect(place, channel)).await.unwrap()
}

#[tokio::test]
async fn an_announced_frame_above_the_cap_closes_and_names_the_culprit() {
    let (fault, ended, _) = hostile(&[0, 1, 0x86, 0xa1], false).await;
    assert_eq!(fault.kind, FaultKind::FrameTooLarge { bytes: 100_001, max: 100_000 });
    assert_eq!(ended, Ended::Here);
    let (fault, ..) = hostile(&[0xff; 4], false).await;
    assert_eq!(fault.kind, FaultKind::FrameTooLarge { bytes: 0xffff_ffff, max: 100_000 });
}

#[tokio::test]
async fn half_a_frame_is_waited_for_in_bounded_time() {
    for bytes in [&[0, 0, 0, 9, 1, 2][..], &[0, 0], &[0, 0, 0, 1, 7, 0]] {
        let (fault, _, took) = hostile(bytes, false).await;
        assert_eq!(fault.kind, FaultKind::Stalled);
        assert!(took < Duration::from_secs(5), "{took:?}");
    }
}

#[tokio::test]
async fn a_lane_that_ends_inside_a_frame_is_a_fault() {
    for bytes in [&[0, 0, 0, 9, 1, 2][..], &[0]] {
        assert_eq!(hostile(bytes, true).await.0.kind, FaultKind::HalfFrame);
    }
}

/// Opens lanes, with a byte on each, until no more are allowed.
async fn flood(quic: &iroh::endpoint::Connection) -> Vec<iroh::endpoint::SendStream> {
    let mut lanes = Vec::new();
    let (mut first, _) = within(quic.open_bi()).await.unwrap();
    first.write_all(&[0]).await.unwrap();
    lanes.push(first);
    while let Ok(opened) = tokio::time::timeout(MOMENT, quic.open_bi()).await {
        let (mut send, _) = opened.unwrap();
        send.write_all(&[0]).await.unwrap();
        lanes.push(send);
        assert!(lanes.len() < 100, "there is no end");
    }
    lanes
}

#[tokio::test]
async fn a_flood_of_streams_or_bytes_stays_with_whoever_sends_it() {
    let victim = node_with(2, impatient(), admits(|_, _| Verdict::Member)).await;
    let endpoint = raw_endpoint(1).await;
    let flood_bytes = vec![0; 65_536];
    for (channel, lanes_max) in [(SYNC, 2), (JOIN, 1)] {
        let quic = raw_dial(&endpoint, &victim, channel).await;
        let _kept = within(victim.accept()).await.unwrap();
        let mut lanes = flood(&quic).await;
        assert_eq!(lanes.len(), lanes_max);
        assert!(tokio::time::timeout(MOMENT, quic.open_uni()).await.is_err(), "a one-way stream");
        let datagram = quic.send_datagram(vec![0].into());
        assert_eq!(datagram, Err(SendDatagramError::UnsupportedByPeer));
        let mut bytes = 1;
        while let Ok(written) = tokio::time::timeout(MOMENT, lanes[0].write(&flood_bytes)).await {
            bytes += written.unwrap();
            assert!(bytes <= 512 << 10, "nobody reads, and it goes on");
        }
        // Nobody else notices.
        let (here, there) = pair(&node(3).await, &victim).await;
        here.open().await.unwrap().send(b"hello").await.unwrap();
        let mut lane = within(there.accept()).await.unwrap();
        assert_eq!(within(lane.receive()).await.unwrap().unwrap(), b"hello");
    }
    endpoint.close().await;
}
