//! Every message, byte for byte: what a released version said must be understood for ever.

use std::path::Path;

use segue_access::{Refusal, Role};

use super::frame::Frame;
use super::sample::*;
use super::{InviterStep, JoinerStep, Refused};
use crate::fixture_tests::{hex, kept_in, page, unhex};

const FOLDER: &str = "fixtures/join-v1";

/// A whole conversation, and two that end early.
fn messages() -> Vec<(&'static str, Vec<u8>)> {
    let (mut joiner, mut inviter, ask) = both();
    asked(&mut inviter, &ask);
    let wait = inviter.wait("Ann's server");
    joiner.handle(&wait).unwrap();
    let welcome = inviter.welcome(Role::Write, &held(Role::Write), &addresses()).unwrap();
    let Ok(Some(JoinerStep::Welcome(welcomed))) = joiner.handle(&welcome) else {
        panic!("not welcome")
    };
    let refuse = |why| both().1.refuse(&why);
    vec![
        ("ask", ask),
        ("wait", wait),
        ("welcome", welcome),
        ("refused", refuse(Refusal::Used.into())),
        ("refused-version", refuse(Refused::OUR_VERSIONS)),
        ("joined", welcomed.joined()),
    ]
}

#[test]
fn every_kept_message_is_read_and_written_the_same() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(FOLDER);
    let messages = messages();
    for (name, frame) in &messages {
        let kept = std::fs::read_to_string(folder.join(format!("{name}.hex"))).unwrap_or_default();
        assert_eq!(hex(frame), kept.trim(), "{name}");
        let read = Frame::decode(&unhex(&kept));
        assert_eq!(read.map(|read| read.encode()).as_ref(), Ok(frame), "{name}");
    }
    let names: Vec<String> = messages.iter().map(|(name, _)| format!("{name}.hex")).collect();
    assert_eq!(kept_in(&folder), names.into_iter().collect());
}

#[test]
fn the_kept_messages_are_a_conversation() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(FOLDER);
    let kept =
        |name: &str| unhex(&std::fs::read_to_string(folder.join(format!("{name}.hex"))).unwrap());
    let (mut joiner, mut inviter, _) = both();
    asked(&mut inviter, &kept("ask"));
    assert!(matches!(joiner.handle(&kept("wait")), Ok(Some(JoinerStep::Wait { .. }))));
    assert!(matches!(joiner.handle(&kept("welcome")), Ok(Some(JoinerStep::Welcome(_)))));
    inviter.welcome(Role::Write, &held(Role::Write), &[]).unwrap();
    assert_eq!(inviter.handle(&kept("joined")), Ok(Some(InviterStep::Joined)));
    for (name, why) in
        [("refused", Refusal::Used.into()), ("refused-version", Refused::OUR_VERSIONS)]
    {
        assert_eq!(both().0.handle(&kept(name)), Ok(Some(JoinerStep::Refused(why))));
    }
}

#[test]
fn the_page_about_the_protocol_shows_these_messages() {
    let page = page();
    for (name, frame) in messages() {
        assert!(page.contains(&hex(&frame)), "{name} is not shown as it is: {}", hex(&frame));
    }
    let words = asked(&mut both().1, &both().2).words.join(" ");
    assert!(page.contains(&words.replace(' ', "")), "{words}");
}
