//! Peers are kept connected, whatever happens to them.

use std::sync::Arc;
use std::time::Duration;

use crate::nodes::{admits, dial, node, node_with, within};
use segue_iroh::{
    Code, Connection, DialError, Ended, Keeper, Node, Pace, Reason, Report, Settings, Verdict,
};

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
        // Frames pass on the connection that stays, and no other comes.
        let talk = async {
            loop {
                let connection = up(lower).await;
                let Ok(mut lane) = connection.open().await else { continue };
                if lane.send(b"?").await.is_ok() && lane.receive().await.is_ok_and(|f| f.is_some())
                {
                    return connection;
                }
            }
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
            connection = within(talk) => assert_eq!(connection.side(), segue_sync::Side::Dialer),
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

#[tokio::test]
async fn a_dial_that_was_replaced_before_it_was_heard_of_replaces_nothing() {
    // Which of the two is heard of first is left to chance; a few rounds see both.
    for seed in 0..8 {
        let (lower, higher) = ordered().await;
        let mut keeper = keeper(&higher, seed);
        keeper.want(lower.id(), lower.addresses());
        // Asked once: it begins to dial, and does not hear how that ends.
        tokio::select! {
            biased;
            report = keeper.next() => panic!("{report:?}"),
            () = std::future::ready(()) => {}
        }
        let replaced = within(lower.accept()).await.unwrap();
        let theirs = dial(&lower, &higher).await.unwrap();
        within(replaced.ended()).await;
        let reason = Reason::new(Code::Leaving, "the one that stayed");
        theirs.close(&reason);
        let heard = async {
            loop {
                if let Some(Report::Down { ended, .. }) = keeper.next().await
                    && ended == Ended::ByPeer(reason.clone())
                {
                    break;
                }
            }
        };
        within(heard).await;
    }
}

#[tokio::test]
async fn a_peer_whose_call_came_first_and_got_lost_is_dialled_again() {
    let (lower, higher) = ordered().await;
    let theirs = dial(&lower, &higher).await.unwrap();
    // Nobody tells the keeper of this one.
    let lost = within(higher.accept()).await.unwrap();
    let mut keeper = keeper(&higher, 1);
    keeper.want(lower.id(), lower.addresses());
    let asked = tokio::time::timeout(Duration::from_millis(200), keeper.next()).await;
    assert!(asked.is_err(), "{asked:?}");
    theirs.close(&Reason::new(Code::Done, ""));
    drop(lost);
    assert_eq!(up(&mut keeper).await.peer(), lower.id());
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
