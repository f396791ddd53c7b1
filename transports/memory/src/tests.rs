use super::*;

fn device(number: u8) -> DeviceId {
    DeviceId([number; 32])
}

fn pair(network: &Network) -> (Endpoint, Connection, Endpoint, Connection) {
    let (mut a, mut b) = (network.endpoint(device(1)), network.endpoint(device(2)));
    a.dial(&device(2));
    let Some(Arrival::Opened { connection: there, .. }) = a.next() else { panic!("no connection") };
    let Some(Arrival::Opened { connection: back, peer, side }) = b.next() else {
        panic!("no connection")
    };
    assert_eq!((peer, side), (device(1), Side::Answerer));
    (a, there, b, back)
}

fn received(endpoint: &mut Endpoint) -> Vec<u8> {
    let mut all = Vec::new();
    while let Some(arrival) = endpoint.next() {
        if let Arrival::Frame { bytes, .. } = arrival {
            all.extend(bytes);
        }
    }
    all
}

#[test]
fn in_fair_weather_frames_arrive_in_order() {
    let network = Network::new(1);
    let (mut a, there, mut b, _) = pair(&network);
    (0..50).for_each(|n| a.send(there, vec![n]));
    while network.step() {}
    assert_eq!(received(&mut b), (0..50).collect::<Vec<u8>>());
    assert_eq!(network.traffic(&device(1), &device(2)), Traffic { frames: 50, bytes: 50 });
}

#[test]
fn bad_weather_is_the_same_for_the_same_seed() {
    let run = |seed| {
        let network = Network::new(seed);
        network.set_weather(Weather { lost: 20, overtaken: 30, repeated: 20, changed: 20 });
        let (mut a, there, mut b, _) = pair(&network);
        (0..100).for_each(|n| a.send(there, vec![n]));
        while network.step() {}
        received(&mut b)
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
    assert_ne!(run(1), (0..100).collect::<Vec<u8>>());
}

#[test]
fn a_partition_cuts_and_keeps_apart() {
    let network = Network::new(1);
    let (mut a, there, mut b, back) = pair(&network);
    a.send(there, vec![1]);
    network.part([device(1)]);
    assert!(!network.step(), "what was on the way is lost");
    assert_eq!(b.next(), Some(Arrival::Closed { connection: back }));
    assert_eq!(a.next(), Some(Arrival::Closed { connection: there }));
    a.dial(&device(2));
    assert_eq!(a.next(), None);
    network.heal();
    a.dial(&device(2));
    assert!(matches!(a.next(), Some(Arrival::Opened { .. })));
}

#[test]
fn closing_lets_through_what_was_sent() {
    let network = Network::new(1);
    let (mut a, there, mut b, back) = pair(&network);
    a.send(there, vec![7]);
    a.close(there);
    a.send(there, vec![8]);
    while network.step() {}
    assert_eq!(b.next(), Some(Arrival::Frame { connection: back, bytes: vec![7] }));
    assert_eq!(b.next(), Some(Arrival::Closed { connection: back }));
}
