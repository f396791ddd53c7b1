//! What other devices send, between commands and passes.

use segue_limits::lease::Observation;

use super::*;

#[test]
fn what_peers_send_is_taken_in_before_a_pass_and_after_commands() {
    let mut schedule = in_step();
    let now = 10;
    assert_eq!(words(&schedule.handle(arrived(1, DOCUMENT.0), now)), "ingest 1");
    let (order, _answer) = Order::of(Request::Redo);
    assert_eq!(words(&schedule.handle(arrived(2, DOCUMENT.0), now)), "");
    assert_eq!(words(&schedule.handle(Event::Asked(order), now)), "");
    assert_eq!(words(&schedule.handle(Event::Ingested(DOCUMENT, Ok(true)), now)), "answer");
    assert_eq!(words(&schedule.handle(Event::Answered, now)), "ingest 2");
    // Then the libraries of the document are looked at as if nothing were known.
    let looks = words(&schedule.handle(Event::Ingested(DOCUMENT, Ok(false)), now));
    assert_eq!(looks, "look 1@? 2@?");
}

#[test]
fn an_agent_that_stays_for_one_command_passes_over_nothing_by_itself() {
    let mut schedule = Schedule::new(Passes::OnCommand);
    assert_eq!(words(&schedule.handle(Event::Linked(vec![link(1)]), 0)), "watch 1");
    schedule.handle(Event::Touched(vec![LinkId([1; 8])]), 10);
    assert_eq!(words(&schedule.handle(Event::Tick, POLL_MS * 3)), "");
    assert_eq!(words(&schedule.handle(arrived(1, DOCUMENT.0), POLL_MS * 3)), "ingest 1");
    let done = Event::Ingested(DOCUMENT, Ok(true));
    assert_eq!(words(&schedule.handle(done, POLL_MS * 3)), "");
    let order = Event::Asked(Order::of(Request::Redo).0);
    assert_eq!(words(&schedule.handle(order, POLL_MS * 3)), "answer");
    assert!(schedule.next() > POLL_MS * 3, "it does not spin");
}

#[test]
fn notes_of_peers_do_not_pile_up_and_batches_are_never_forgotten() {
    let mut schedule = in_step();
    schedule.handle(arrived(0, DOCUMENT.0), 10);
    for number in 1..=500 {
        let note = NetEvent::Culprit(DeviceId([1; 32]), format!("lie {number}"));
        schedule.handle(Event::Net(note), 10);
    }
    schedule.handle(arrived(9, DOCUMENT.0), 10);
    let (mut begun, mut done) = (Vec::new(), Event::Ingested(DOCUMENT, Ok(false)));
    for _ in 0..NOTES_MAX {
        begun.push(words(&schedule.handle(done, 10)));
        done = Event::Noted(None);
    }
    assert!(begun.iter().all(|word| word == "note"), "{begun:?}");
    assert_eq!(words(&schedule.handle(done, 10)), "ingest 9");
}

#[test]
fn f38_who_sends_on_and_on_keeps_no_library_waiting() {
    let mut schedule = in_step();
    for number in 0..=200 {
        schedule.handle(arrived(number, DOCUMENT.0), 10);
    }
    schedule.handle(Event::Touched(vec![LinkId([1; 8])]), 10);
    let mut begun = Vec::new();
    for _ in 0..200 {
        let done = Event::Ingested(DOCUMENT, Ok(false));
        begun.push(words(&schedule.handle(done, 1_000)));
        if !begun.last().unwrap().starts_with("ingest") {
            break;
        }
    }
    assert_eq!(begun.pop().unwrap(), "look 1@a");
    assert_eq!(begun.last().unwrap(), "ingest 63");
    // What the look finds is passed over at the next turn, and then the mail goes on.
    let looked = Event::Looked(vec![seen(1, "c", false)]);
    assert_eq!(words(&schedule.handle(looked, 1_000)), "ingest 64");
    let mut turns = 0;
    while words(&schedule.handle(Event::Ingested(DOCUMENT, Ok(false)), 1_000)) != "pass" {
        turns += 1;
        assert!(turns < 64, "no turn");
    }
    assert_eq!(turns, 63);
    assert_eq!(
        words(&schedule.handle(Event::Passed(DOCUMENT, Ok(Vec::new())), 1_000)),
        "ingest 128"
    );
}

#[test]
fn a_clock_that_was_compared_is_noted_and_what_a_job_found_is_told_while_it_goes_on() {
    let mut schedule = in_step();
    let seen = Observation { peer: DeviceId([1; 32]), theirs: 1, ours: 2, round_trip: 3 };
    let compared = Event::Net(NetEvent::Compared(DOCUMENT, seen));
    let effects = schedule.handle(compared, 10);
    let [Effect::Start(Job::Note(Note::Compared(document, noted)))] = &effects[..] else {
        panic!("{effects:?}")
    };
    assert_eq!((*document, *noted), (DOCUMENT, seen));
    let effects = schedule.handle(Event::Said("1 item ends".into()), 10);
    assert!(matches!(&effects[..], [Effect::Say(None, said)] if said == "1 item ends"));
    schedule.handle(arrived(1, DOCUMENT.0), 10);
    assert_eq!(words(&schedule.handle(Event::Noted(None), 10)), "ingest 1", "the note went on");
}
