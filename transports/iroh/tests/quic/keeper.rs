//! Peers are kept connected, whatever happens to them.

use std::sync::Arc;
use std::time::Duration;

use crate::nodes::{admits, dial, node, node_with, within};
use segue_iroh::{
    Code, Connection, DialError, Ended, Keeper, Node, Pace, Reason, Report, Settings, Verdict,
};
use segue_sync::Side;

const PACE: Pace = Pace {
    first_ms: 20,
    longest_ms: 50,
    settled_ms: 0,
    silence_ms_max: 20_000,
    proof_ms_max: 8_000,
    dials_max: 4,
};

fn keeper(node: &Arc<Node>, seed: u64) -> Keeper {
    Keeper::new(Arc::clone(node), seed, PACE)
}

/// The next connection, whatever else is reported before.
async fn up(keeper: &mut Keeper) -> Connection {
    loop {
        if let Report::Up(connection) = within(keeper.next()).await.unwrap() {
            return connection;
        }
    }
}

#[tokio::test]
async fn a_peer_that_restarts_elsewhere_is_reached_at_its_new_address() {
    let (one, two) = (Arc::new(node(1).await), node(2).await);
    let mut keeper = keeper(&one, 1);
    let peer = two.id();
    keeper.want(peer, two.addresses());
    assert_eq!(up(&mut keeper).await.peer(), peer);
    let _there = within(two.accept()).await.unwrap();
    two.close(&Reason::new(Code::Leaving, "restart")).await;
    drop(two);
    let report = within(keeper.next()).await.unwrap();
    let reason = Reason::new(Code::Leaving, "restart");
    let is_told = matches!(&report, Report::Down { ended, .. } if *ended == Ended::ByPeer(reason));
    assert!(is_told, "{report:?}");
    let two = node(2).await;
    keeper.want(peer, two.addresses());
    assert_eq!(up(&mut keeper).await.peer(), peer);
}

#[tokio::test]
async fn a_peer_that_is_not_there_is_tried_until_it_is() {
    let settings = Settings { dial_ms_max: 200, ..Settings::default() };
    let one = Arc::new(node_with(1, settings, admits(|_, _| Verdict::Member)).await);
    let mut keeper = keeper(&one, 1);
    let peer = node(2).await.id();
    let deaf = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let nowhere = segue_iroh::Address::direct(deaf.local_addr().unwrap());
    keeper.want(peer, vec![nowhere]);
    for _ in 0..2 {
        let Report::Unreached { error, .. } = within(keeper.next()).await.unwrap() else {
            panic!()
        };
        assert_eq!(error, DialError::TimedOut(peer));
    }
    let two = node(2).await;
    keeper.want(peer, two.addresses());
    assert_eq!(up(&mut keeper).await.peer(), peer);
}

#[tokio::test]
async fn two_that_want_each_other_end_with_one_connection() {
    for seed in 0..5 {
        let (one, two) = (Arc::new(node(1).await), Arc::new(node(2).await));
        let (mut here, mut there) = (keeper(&one, seed), keeper(&two, seed + 100));
        here.want(two.id(), two.addresses());
        there.want(one.id(), one.addresses());
        let lower_is_one = one.id() < two.id();
        let (lower, higher) =
            if lower_is_one { (&mut here, &mut there) } else { (&mut there, &mut here) };
        // The first that the lower id hears of is the one that stays.
        let talk = async {
            let connection = up(lower).await;
            let mut lane = connection.open().await.unwrap();
            lane.send(b"?").await.unwrap();
            assert_eq!(lane.receive().await.unwrap().as_deref(), Some(b"?".as_slice()));
        };
        let answer = async {
            let mut answers = tokio::task::JoinSet::new();
            loop {
                let connection = up(higher).await;
                answers.spawn(async move {
                    while let Ok(mut lane) = connection.accept().await {
                        if let Ok(Some(frame)) = lane.receive().await {
                            let _ = lane.send(&frame).await;
                        }
                    }
                });
            }
        };
        tokio::select! {
            () = within(talk) => {}
            () = answer => {}
        }
    }
}

#[tokio::test]
async fn a_connection_on_which_nothing_comes_is_given_up_though_it_says_that_it_stands() {
    // Signs of life are rarer than the keeper's patience, so the connection only looks dead.
    let one = Arc::new(node(1).await);
    let two = node(2).await;
    let pace = Pace { silence_ms_max: 300, ..PACE };
    let mut keeper = Keeper::new(Arc::clone(&one), 1, pace);
    keeper.want(two.id(), two.addresses());
    let first = up(&mut keeper).await;
    let Report::Down { ended, .. } = within(keeper.next()).await.unwrap() else { panic!() };
    assert_eq!(ended, Ended::Here);
    let second = up(&mut keeper).await;
    assert_eq!((first.peer(), second.peer()), (two.id(), two.id()));
}

#[tokio::test]
async fn after_waking_up_a_connection_that_stays_silent_is_given_up() {
    let (one, two) = (Arc::new(node(1).await), node(2).await);
    let mut keeper = Keeper::new(Arc::clone(&one), 1, Pace { proof_ms_max: 0, ..PACE });
    keeper.want(two.id(), two.addresses());
    up(&mut keeper).await;
    within(keeper.network_change()).await;
    let Report::Down { ended, .. } = within(keeper.next()).await.unwrap() else { panic!() };
    assert_eq!(ended, Ended::Here);
    up(&mut keeper).await;
}

/// Two nodes, that with the lower id first.
async fn ordered() -> (Arc<Node>, Arc<Node>) {
    let (one, two) = (Arc::new(node(1).await), Arc::new(node(2).await));
    if one.id() < two.id() { (one, two) } else { (two, one) }
}

/// A lower and a higher node; the lower one lets nobody in before the sender is dropped.
async fn behind_a_door() -> (std::sync::mpsc::Sender<()>, Arc<Node>, Arc<Node>) {
    let (opens, is_open) = std::sync::mpsc::channel::<()>();
    let is_open = std::sync::Mutex::new(is_open);
    let admission = admits(move |_, _| {
        let _ = is_open.lock().unwrap().recv();
        Verdict::Member
    });
    let (lower, higher) = ordered().await;
    let byte = if lower.id() == node(1).await.id() { 1 } else { 2 };
    let lower = Arc::new(node_with(byte, Settings::default(), admission).await);
    (opens, lower, higher)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn the_second_of_two_dials_at_once_is_up_when_the_peer_closes_the_first() {
    let (door, lower, higher) = behind_a_door().await;
    let mut keeper = keeper(&higher, 1);
    keeper.want(lower.id(), lower.addresses());
    let own = up(&mut keeper).await;
    assert_eq!(own.side(), Side::Dialer);
    // The lower id has not seen it yet when its own call gets through, so that one stays.
    let theirs = dial(&lower, &higher).await.unwrap();
    let not_yet = tokio::time::timeout(Duration::from_millis(200), keeper.next()).await;
    assert!(not_yet.is_err(), "the first stays up until the other end says so: {not_yet:?}");
    drop(door);
    let Some(Report::Up(second)) = within(keeper.next()).await else { panic!("it was not kept") };
    assert_eq!(second.side(), Side::Answerer);
    within(own.ended()).await;
    let mut lane = theirs.open().await.unwrap();
    lane.send(b"one").await.unwrap();
    let mut lane = within(second.accept()).await.unwrap();
    assert_eq!(within(lane.receive()).await.unwrap().unwrap(), b"one");
    theirs.close(&Reason::new(Code::Leaving, "bye"));
    let report = within(keeper.next()).await.unwrap();
    assert!(matches!(report, Report::Down { .. }), "{report:?}");
}

#[tokio::test]
async fn a_connection_that_stands_outlives_a_later_dial_of_the_lower_id() {
    let (lower, higher) = ordered().await;
    let mut keeper = keeper(&higher, 1);
    keeper.want(lower.id(), lower.addresses());
    let own = up(&mut keeper).await;
    let there = within(lower.accept()).await.unwrap();
    let refused = dial(&lower, &higher).await;
    assert_eq!(refused.err(), Some(DialError::Duplicate(higher.id())));
    let mut lane = own.open().await.unwrap();
    lane.send(b"one").await.unwrap();
    let mut lane = within(there.accept()).await.unwrap();
    assert_eq!(within(lane.receive()).await.unwrap().unwrap(), b"one");
    let nothing = tokio::time::timeout(Duration::from_millis(200), keeper.next()).await;
    assert!(nothing.is_err(), "{nothing:?}");
}

#[tokio::test]
async fn a_peer_whose_call_came_first_and_got_lost_is_dialled_again() {
    let (lower, higher) = ordered().await;
    for (here, there) in [(&lower, &higher), (&higher, &lower)] {
        let theirs = dial(there, here).await.unwrap();
        // Nobody tells the keeper of this one.
        let lost = within(here.accept()).await.unwrap();
        let mut keeper = keeper(here, 1);
        keeper.want(there.id(), there.addresses());
        let in_vain = async { while keeper.next().await.is_some() {} };
        assert!(tokio::time::timeout(Duration::from_millis(200), in_vain).await.is_err());
        theirs.close(&Reason::new(Code::Done, ""));
        drop((theirs, lost));
        let kept = tokio::select! {
            kept = within(there.accept()) => kept.unwrap(),
            () = async { while keeper.next().await.is_some() {} } => panic!("it gave up"),
        };
        assert_eq!(kept.peer(), here.id());
        kept.close(&Reason::new(Code::Done, ""));
    }
}

#[tokio::test]
async fn who_is_forgotten_is_told_and_not_dialled_again() {
    let (one, two) = (Arc::new(node(1).await), node(2).await);
    let mut keeper = keeper(&one, 1);
    keeper.want(two.id(), two.addresses());
    up(&mut keeper).await;
    let there = within(two.accept()).await.unwrap();
    let reason = Reason::new(Code::NotAdmitted, "revoked");
    keeper.forget(&two.id(), &reason);
    assert_eq!(within(there.ended()).await, Ended::ByPeer(reason));
    one.close(&Reason::new(Code::Leaving, "")).await;
    assert!(within(keeper.next()).await.is_none());
}
