//! Dials, deaths and returns.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::nodes::{admits, dial, node, node_with, pair, within};
use segue_iroh::{Address, Channel, Code, DialError, Ended, Node, Reason, Settings, Verdict};
use segue_sync::{DeviceId, Side};

#[tokio::test]
async fn a_device_with_another_key_is_not_taken_for_the_one_dialled() {
    let (one, two, three) = (node(1).await, node(2).await, node(3).await);
    let dialled = within(one.dial(three.id(), Channel::Sync, &two.addresses())).await;
    let error = dialled.unwrap_err();
    assert!(
        matches!(error, DialError::Failed { peer, .. } | DialError::TimedOut(peer) if peer == three.id()),
        "{error}"
    );
    // Nobody came in at the wrong device: its next caller is another one.
    let (_here, there) = pair(&three, &two).await;
    assert_eq!(there.peer(), three.id());
}

#[tokio::test]
async fn a_dial_ends_in_time_when_nobody_answers() {
    let settings = Settings { dial_ms_max: 300, ..Settings::default() };
    let one = node_with(1, settings, admits(|_, _| Verdict::Member)).await;
    let deaf = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = Address::direct(deaf.local_addr().unwrap());
    let peer = node(2).await.id();
    let began = Instant::now();
    let error = within(one.dial(peer, Channel::Sync, &[address])).await.unwrap_err();
    assert_eq!(error, DialError::TimedOut(peer));
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
}

#[tokio::test]
async fn what_cannot_be_dialled_is_refused_without_a_packet() {
    let one = node(1).await;
    let peer = node(2).await.id();
    let far = ["192.168.1.9:4433".parse().unwrap(), "relay:https://r.example/".parse().unwrap()];
    let error = |dialled: Result<_, DialError>| dialled.err().unwrap();
    assert_eq!(error(one.dial(peer, Channel::Sync, &far).await), DialError::OutOfReach(peer));
    assert_eq!(error(one.dial(peer, Channel::Sync, &[]).await), DialError::OutOfReach(peer));
    assert_eq!(error(one.dial(one.id(), Channel::Sync, &[]).await), DialError::Myself);
    let no_key = DeviceId([2; 32]);
    assert_eq!(error(one.dial(no_key, Channel::Sync, &far).await), DialError::NoKey(no_key));
}

#[tokio::test]
async fn addresses_go_through_a_ticket_as_text() {
    let (one, two) = (node(1).await, node(2).await);
    let ticket: Vec<String> = two.addresses().iter().map(ToString::to_string).collect();
    assert!(ticket.iter().any(|text| text.starts_with("127.0.0.1:")), "{ticket:?}");
    let addresses: Vec<Address> = ticket.iter().map(|text| text.parse().unwrap()).collect();
    assert_eq!(addresses, two.addresses());
    within(one.dial(two.id(), Channel::Sync, &addresses)).await.unwrap();
}

#[tokio::test]
async fn dials_are_quick() {
    let (one, two) = (node(1).await, node(2).await);
    for round in ["first", "second"] {
        let began = Instant::now();
        let (here, there) = pair(&one, &two).await;
        let mut lane = here.open().await.unwrap();
        lane.send(b"?").await.unwrap();
        let mut other = within(there.accept()).await.unwrap();
        other.receive().await.unwrap();
        other.send(b"!").await.unwrap();
        within(lane.receive()).await.unwrap();
        println!("{round} dial and a frame there and back: {:?}", began.elapsed());
        here.close(&Reason::new(Code::Done, ""));
        within(there.ended()).await;
    }
}

/// The peer that is killed: a process of its own, which does something only when the test asks.
#[tokio::test]
async fn peer_process() {
    if std::env::var_os("SEGUE_TEST_PEER").is_none() {
        return;
    }
    let node = node(2).await;
    println!("listens {}", node.addresses()[0]);
    let connection = node.accept().await.unwrap();
    connection.ended().await;
}

#[tokio::test]
async fn a_killed_peer_is_noticed() {
    let settings = Settings { idle_ms_max: 1_000, keep_alive_ms: 200, ..Settings::default() };
    let one = node_with(1, settings, admits(|_, _| Verdict::Member)).await;
    let mut process = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "reach::peer_process", "--nocapture"])
        .env("SEGUE_TEST_PEER", "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let mut lines = lines.map(Result::unwrap);
    let address = lines.find_map(|line| Some(line.split_once("listens ")?.1.parse().unwrap()));
    let peer = node(2).await.id();
    let connection = within(one.dial(peer, Channel::Sync, &[address.unwrap()])).await.unwrap();
    // The peer lives: nothing is said, and the connection outlasts the limit of silence by its keep-alives.
    let idle = tokio::time::timeout(Duration::from_millis(1_500), connection.ended()).await;
    assert!(idle.is_err(), "{idle:?}");
    process.kill().unwrap();
    process.wait().unwrap();
    let began = Instant::now();
    assert_eq!(within(connection.ended()).await, Ended::Silent);
    println!("noticed after {:?}", began.elapsed());
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_node_that_closes_says_so_and_closes_in_time() {
    let (one, two) = (node(1).await, node(2).await);
    let (_here, there) = pair(&one, &two).await;
    let began = Instant::now();
    one.close(&Reason::new(Code::Leaving, "shutting down")).await;
    println!("closed in {:?}", began.elapsed());
    assert!(began.elapsed() < Duration::from_secs(4));
    let reason = Reason::new(Code::Leaving, "shutting down");
    assert_eq!(within(there.ended()).await, Ended::ByPeer(reason));
    assert!(within(one.accept()).await.is_none());
}

#[tokio::test]
async fn of_two_simultaneous_dials_one_connection_stays() {
    for _ in 0..10 {
        let (one, two) = (node(1).await, node(2).await);
        let (lower, higher) = if one.id() < two.id() { (&one, &two) } else { (&two, &one) };
        let (theirs, mine) = tokio::join!(dial(lower, higher), dial(higher, lower));
        // The lower id keeps its own, unless the call of the other one came in before.
        let kept = match theirs {
            Ok(kept) => kept,
            Err(error) => {
                assert_eq!(error, DialError::Duplicate(higher.id()));
                within(lower.accept()).await.unwrap()
            }
        };
        let mine = mine.unwrap();
        let (stays, goes) = match kept.side() {
            Side::Dialer => (within(higher.accept()).await.unwrap(), mine),
            Side::Answerer => (mine, within(higher.accept()).await.unwrap()),
        };
        within(goes.ended()).await;
        let mut lane = kept.open().await.unwrap();
        lane.send(b"one").await.unwrap();
        let mut lane = within(stays.accept()).await.unwrap();
        assert_eq!(within(lane.receive()).await.unwrap().unwrap(), b"one");
    }
}

#[tokio::test]
async fn a_listener_that_restarts_on_another_port_is_reached_again() {
    let (one, two) = (node(1).await, node(2).await);
    let old_addresses = two.addresses();
    let (here, _there) = pair(&one, &two).await;
    two.close(&Reason::new(Code::Leaving, "restart")).await;
    drop(two);
    within(here.ended()).await;
    let two = node(2).await;
    assert_ne!(two.addresses(), old_addresses);
    let began = Instant::now();
    let (_here, there) = pair(&one, &two).await;
    println!("reached again in {:?}", began.elapsed());
    assert_eq!(there.peer(), one.id());
}

async fn node_at(byte: u8, port: u16) -> Node {
    let settings = Settings { port, ..Settings::default() };
    node_with(byte, settings, admits(|_, _| Verdict::Member)).await
}

async fn comes_back() -> bool {
    let first = node_at(1, 0).await;
    let port = first.port().unwrap();
    first.close(&Reason::new(Code::Leaving, "restart")).await;
    drop(first);
    let again = node_at(1, port).await;
    let here = format!("127.0.0.1:{port}");
    again.port() == Some(port) && again.addresses().iter().any(|place| place.to_string() == here)
}

#[tokio::test]
async fn a_node_comes_back_at_its_port_and_does_without_it_where_it_is_taken() {
    // Somebody else can be given the port in between, but not again and again.
    let mut tries = 0..5;
    while !comes_back().await {
        assert!(tries.next().is_some(), "the port was never kept");
    }
    let taken = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let (one, two) = (node(1).await, node_at(2, port).await);
    assert_ne!(two.port(), Some(port));
    pair(&one, &two).await;
}
