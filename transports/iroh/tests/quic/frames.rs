//! Frames between two nodes.

use crate::nodes::{admits, impatient, node, node_with, pair, within};
use segue_iroh::{Code, Connection, Ended, Fault, FaultKind, LaneError, Reason, Verdict};
use std::time::Duration;

/// Sends every frame back until the peer finishes.
async fn echo(connection: Connection) {
    while let Ok(mut lane) = connection.accept().await {
        tokio::spawn(async move {
            while let Some(frame) = lane.receive().await.unwrap() {
                lane.send(&frame).await.unwrap();
            }
        });
    }
}

#[tokio::test]
async fn frames_come_back_whole_and_in_order() {
    let (one, two) = (node(1).await, node(2).await);
    let (here, there) = pair(&one, &two).await;
    tokio::spawn(echo(there));
    let (mut sender, mut receiver) = here.open().await.unwrap().split();
    let sizes = [0, 1, 255, 65_536, 65_537, 4 << 20, 3];
    let sending = tokio::spawn(async move {
        for (at, size) in sizes.into_iter().enumerate() {
            sender.send(&vec![at as u8; size]).await.unwrap();
        }
        sender.finish();
    });
    for (at, size) in sizes.into_iter().enumerate() {
        let frame = within(receiver.receive()).await.unwrap().unwrap();
        assert!(frame.len() == size && frame.iter().all(|byte| *byte == at as u8), "{at}");
    }
    assert_eq!(within(receiver.receive()).await.unwrap(), None);
    sending.await.unwrap();
}

#[tokio::test]
async fn lanes_do_not_wait_for_each_other_and_are_few() {
    let (one, two) =
        (node(1).await, node_with(2, impatient(), admits(|_, _| Verdict::Member)).await);
    let (here, there) = pair(&one, &two).await;
    let (mut first, mut second) = (here.open().await.unwrap(), here.open().await.unwrap());
    first.send(b"first").await.unwrap();
    second.send(b"second").await.unwrap();
    let mut lanes = [within(there.accept()).await.unwrap(), within(there.accept()).await.unwrap()];
    assert_eq!(within(lanes[1].receive()).await.unwrap().unwrap(), b"second");
    assert_eq!(within(lanes[0].receive()).await.unwrap().unwrap(), b"first");
    // The peer has as many as it may; a third is not opened until one ends.
    let third = tokio::time::timeout(Duration::from_millis(100), here.open()).await;
    assert!(third.is_err(), "a third lane was opened");
    drop((first, lanes));
    within(here.open()).await.unwrap();
}

#[tokio::test]
async fn a_frame_above_the_cap_is_not_sent_and_the_lane_goes_on() {
    let (one, two) =
        (node_with(1, impatient(), admits(|_, _| Verdict::Member)).await, node(2).await);
    let (here, there) = pair(&one, &two).await;
    let mut lane = here.open().await.unwrap();
    let error = lane.send(&vec![0; 100_001]).await.unwrap_err();
    assert_eq!(error, LaneError::TooLarge { bytes: 100_001, max: 100_000 });
    lane.send(&vec![0; 100_000]).await.unwrap();
    let mut lane = within(there.accept()).await.unwrap();
    assert_eq!(within(lane.receive()).await.unwrap().unwrap().len(), 100_000);
}

#[tokio::test]
async fn a_peer_that_takes_nothing_is_named_after_its_time() {
    let (one, two) =
        (node_with(1, impatient(), admits(|_, _| Verdict::Member)).await, node(2).await);
    let (here, there) = pair(&one, &two).await;
    let mut lane = here.open().await.unwrap();
    let flood = async {
        let frame = vec![0; 100_000];
        loop {
            if let Err(error) = lane.send(&frame).await {
                return error;
            }
        }
    };
    let error = within(flood).await;
    assert_eq!(error, Fault { peer: two.id(), kind: FaultKind::Stalled }.into());
    let Ended::ByPeer(reason) = within(there.ended()).await else { panic!("not told why") };
    assert_eq!(reason.code, Code::Fault);
}

#[tokio::test]
async fn an_abandoned_send_ends_its_lane_and_nothing_else() {
    let (one, two) = (node(1).await, node(2).await);
    let (here, there) = pair(&one, &two).await;
    let mut lane = here.open().await.unwrap();
    let abandoned =
        tokio::time::timeout(Duration::from_millis(50), lane.send(&vec![0; 4 << 20])).await;
    assert!(abandoned.is_err());
    assert_eq!(lane.send(b"more").await, Err(LaneError::Interrupted));
    drop(lane);
    let mut lane = within(there.accept()).await.unwrap();
    assert_eq!(within(lane.receive()).await, Err(LaneError::GivenUp));
    let mut lane = here.open().await.unwrap();
    lane.send(b"next").await.unwrap();
    let mut lane = within(there.accept()).await.unwrap();
    assert_eq!(within(lane.receive()).await.unwrap().unwrap(), b"next");
}

#[tokio::test]
async fn a_reason_is_read_at_the_other_side() {
    let (one, two) = (node(1).await, node(2).await);
    let (here, there) = pair(&one, &two).await;
    here.close(&Reason::new(Code::Leaving, "good night"));
    let reason = Reason::new(Code::Leaving, "good night");
    assert_eq!(within(there.ended()).await, Ended::ByPeer(reason.clone()));
    assert_eq!(within(here.ended()).await, Ended::Here);
    let lane = within(there.open()).await;
    assert_eq!(lane.unwrap_err(), Ended::ByPeer(reason));
}
