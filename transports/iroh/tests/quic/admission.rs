//! Who is let in, and how many.

use crate::nodes::{admits, dial, node, node_with, pair, within};
use segue_iroh::{Channel, Code, Connection, Ended, Node, Settings, Verdict};
use segue_sync::DeviceId;

/// Why the other side closed a connection that stood for a moment.
async fn told(connection: Connection) -> Code {
    let Ended::ByPeer(reason) = within(connection.ended()).await else { panic!("not told why") };
    reason.code
}

async fn join(from: &Node, to: &Node) -> Connection {
    within(from.dial(to.id(), Channel::Join, &to.addresses())).await.unwrap()
}

#[tokio::test]
async fn a_device_that_is_no_member_is_refused_before_any_frame() {
    let (member, stranger) = (node(1).await, node(2).await);
    let known = member.id();
    let verdict = move |device: &DeviceId, channel| match channel {
        Channel::Sync if *device == known => Verdict::Member,
        Channel::Sync => Verdict::Refused,
        Channel::Join => Verdict::Stranger,
    };
    let host = node_with(3, Settings::default(), admits(verdict)).await;
    let refused = dial(&stranger, &host).await.unwrap();
    // There is no lane to say anything on before the host has judged.
    let opened = within(refused.open()).await;
    assert!(matches!(opened, Err(Ended::ByPeer(_))), "{opened:?}");
    assert_eq!(told(refused).await, Code::NotAdmitted);
    // The host's next connections are the member's and the stranger's on the other channel.
    let (_here, there) = pair(&member, &host).await;
    assert_eq!(there.peer(), member.id());
    let _joining = join(&stranger, &host).await;
    let there = within(host.accept()).await.unwrap();
    assert_eq!((there.peer(), there.channel()), (stranger.id(), Channel::Join));
}

#[tokio::test]
async fn strangers_are_few_and_do_not_stay_for_ever() {
    let settings = Settings { strangers_max: 2, stranger_ms_max: 300, ..Settings::default() };
    let host = node_with(9, settings, admits(|_, _| Verdict::Stranger)).await;
    let strangers = [node(1).await, node(2).await, node(3).await];
    let first = join(&strangers[0], &host).await;
    let kept = within(host.accept()).await.unwrap();
    let second = join(&strangers[1], &host).await;
    let also_kept = within(host.accept()).await.unwrap();
    assert_eq!(told(join(&strangers[2], &host).await).await, Code::Busy);
    assert_eq!(told(first).await, Code::Done);
    assert_eq!(told(second).await, Code::Done);
    drop((kept, also_kept));
    let _third = join(&strangers[2], &host).await;
    assert_eq!(within(host.accept()).await.unwrap().peer(), strangers[2].id());
}

#[tokio::test]
async fn connections_are_counted_and_a_dropped_one_makes_room() {
    let settings = Settings { connections_max: 1, ..Settings::default() };
    let host = node_with(9, settings, admits(|_, _| Verdict::Member)).await;
    let (one, two) = (node(1).await, node(2).await);
    let (_here, there) = pair(&one, &host).await;
    assert_eq!(told(dial(&two, &host).await.unwrap()).await, Code::Busy);
    drop(there);
    pair(&two, &host).await;
}

#[tokio::test]
async fn a_flood_of_calls_is_answered_one_by_one_and_members_still_come_in() {
    let settings = Settings { handshakes_max: 2, ..Settings::default() };
    let host = node_with(9, settings, admits(|_, _| Verdict::Member)).await;
    let mut callers = Vec::new();
    for byte in 20..26 {
        callers.push(node(byte).await);
    }
    let (id, addresses) = (host.id(), host.addresses());
    let calls: Vec<_> = callers
        .into_iter()
        .map(|caller| {
            let addresses = addresses.clone();
            tokio::spawn(async move {
                let connection = caller.dial(id, Channel::Sync, &addresses).await;
                (caller, connection)
            })
        })
        .collect();
    for _ in 0..calls.len() {
        within(host.accept()).await.unwrap();
    }
    for call in calls {
        within(call).await.unwrap().1.unwrap();
    }
}
