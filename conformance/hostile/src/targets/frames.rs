//! What peers say to each other.

/// Any frame, at any moment of a session.
pub(crate) mod frame {
    use std::sync::LazyLock;

    use segue_access::verify_change;
    use segue_document::{CHANGE_BYTES_MAX, ChangeHeader};
    use segue_sync::{
        Batch, Effect, Event, FRAME_BYTES_MAX, INFLATED_BYTES_MAX, Ingested, Session, Side,
        document_of,
    };

    use crate::company::{Held, WRITTEN, device, document, hostile, statements};
    use crate::library::fixture;
    use crate::target::Outcome;
    use crate::targets::Repair;

    pub(crate) const REPAIR: Repair = None;

    struct World {
        ours: Held,
        theirs: Held,
        /// What two honest peers say, in turn.
        talk: Vec<(Side, Vec<u8>)>,
    }

    static WORLD: LazyLock<World> = LazyLock::new(|| {
        let (ours, theirs) = (Held::with(1), Held::with(3));
        let talk = talk(&ours, &theirs);
        World { ours, theirs, talk }
    });

    fn session(side: Side) -> Session {
        let (me, them) = (device(2).id(), hostile().id());
        match side {
            Side::Dialer => Session::new(side, me, them, document()),
            Side::Answerer => Session::new(side, them, me, document()),
        }
    }

    /// Lets the two talk until nobody has anything to say.
    fn talk(ours: &Held, theirs: &Held) -> Vec<(Side, Vec<u8>)> {
        let (mut dialer, mut answerer) = (session(Side::Dialer), session(Side::Answerer));
        let mut said = Vec::new();
        let mut events = vec![(Side::Answerer, Event::Opened), (Side::Dialer, Event::Opened)];
        while let Some((to, event)) = events.pop() {
            let (effects, other) = match to {
                Side::Dialer => (dialer.handle(event, ours, 0), Side::Answerer),
                Side::Answerer => (answerer.handle(event, theirs, 0), Side::Dialer),
            };
            for effect in effects {
                match effect {
                    Effect::Send(frame) => {
                        said.push((to, frame.clone()));
                        events.insert(0, (other, Event::Frame(frame)));
                    }
                    Effect::Ingest { number, batch } => {
                        let held = batch.changes.iter().filter_map(|change| {
                            Some((change.shard, ChangeHeader::read(&change.raw).ok()?.hash))
                        });
                        let held = held.collect();
                        let ingested = Ingested { number, held, ..Ingested::default() };
                        events.insert(0, (to, Event::Ingested(ingested)));
                    }
                    _ => {}
                }
            }
        }
        said
    }

    /// The side that is called `side`, after the other has said its first `count` frames.
    fn after(side: Side, count: usize) -> Session {
        let replica = if side == Side::Dialer { &WORLD.ours } else { &WORLD.theirs };
        let mut session = session(side);
        session.handle(Event::Opened, replica, 0);
        let heard = WORLD.talk.iter().filter(|(by, _)| *by != side).take(count);
        for (_, frame) in heard {
            session.handle(Event::Frame(frame.clone()), replica, 0);
        }
        session
    }

    pub(crate) fn run(bytes: &[u8]) -> Outcome {
        let _ = document_of(bytes);
        let mut is_read = false;
        for (side, count) in
            [(Side::Dialer, 0), (Side::Dialer, 1), (Side::Answerer, 0), (Side::Answerer, 2)]
        {
            let replica = if side == Side::Dialer { &WORLD.ours } else { &WORLD.theirs };
            let them = if side == Side::Dialer { hostile().id() } else { device(2).id() };
            let mut session = after(side, count);
            let effects = session.handle(Event::Frame(bytes.to_vec()), replica, 1);
            let mut is_closed = false;
            let mut named = None;
            for effect in effects {
                match effect {
                    Effect::Send(frame) => assert!(frame.len() <= FRAME_BYTES_MAX),
                    Effect::Ingest { batch, .. } => judge(&batch),
                    Effect::Culprit { who, why } => {
                        assert!(!why.is_empty(), "blamed without a reason");
                        named = Some(who);
                    }
                    Effect::Close(_) => is_closed = true,
                    Effect::InStep | Effect::Compared(_) => {}
                }
            }
            assert!(named.is_none_or(|who| who == them), "somebody else is blamed");
            assert!(named.is_none() || is_closed, "blamed and listened to");
            let later = session.handle(Event::Frame(bytes.to_vec()), replica, 2);
            assert!(!is_closed || later.is_empty(), "a closed session goes on");
            is_read |= !is_closed;
        }
        Outcome::of(is_read)
    }

    /// What verifies was said by its author; and all of it together keeps to the caps.
    fn judge(batch: &Batch) {
        let size: usize = batch.changes.iter().map(|change| change.raw.len()).sum();
        let said: usize = batch.statements.iter().map(|said| said.bytes.len()).sum();
        assert!(size + said <= INFLATED_BYTES_MAX, "a batch of {size} + {said} bytes");
        for change in &batch.changes {
            let Ok(header) = ChangeHeader::read(&change.raw) else { continue };
            assert!(change.raw.len() <= CHANGE_BYTES_MAX);
            let by = (&change.author, change.shard, &change.signature);
            if verify_change(by.0, &document(), by.1, &header.hash, by.2).is_ok() {
                assert!(WRITTEN.1.contains(change), "a change that nobody made verifies");
            }
        }
        for said in &batch.statements {
            let is_forged = said.verify().is_ok() && !statements().contains(said);
            assert!(!is_forged, "a statement that nobody made verifies");
        }
    }

    pub(crate) fn seeds() -> Vec<Vec<u8>> {
        let kinds =
            ["batch-deflated", "batch-lean", "batch-plain", "bye-version", "clock", "have-answer"]
                .into_iter()
                .chain([
                    "hello",
                    "taken",
                    "want-shards",
                    "want-statements",
                    "welcome-summary",
                    "welcome-time",
                ]);
        let kept = kinds.map(|name| {
            let text = fixture(&format!("framework/sync/fixtures/v1/{name}.hex"));
            data_encoding::HEXLOWER.decode(text.trim_ascii()).expect("a fixture in hexadecimal")
        });
        WORLD.talk.iter().map(|(_, frame)| frame.clone()).chain(kept).collect()
    }
}

/// Any frame, at any moment of joining by ticket.
pub(crate) mod join {
    use std::sync::LazyLock;

    use segue_access::{PersonKey, Role, Secret, SignedStatement, Statement, Ticket};
    use segue_sync::join::{FRAME_BYTES_MAX, Inviter, InviterStep, Joiner, JoinerStep, Refused};

    use crate::company::{device, document, grant, hostile, statements};
    use crate::target::Outcome;
    use crate::targets::Repair;

    pub(crate) const REPAIR: Repair = None;

    static TICKET: LazyLock<Ticket> = LazyLock::new(|| Ticket {
        document: document(),
        secret: Secret([9; 16]),
        inviter: device(2).id(),
        role: Role::Write,
        expires: 1_800_000_000,
        addresses: vec!["192.0.2.7:4433".into()],
        name: Some("Ann".into()),
    });

    static VOUCH: LazyLock<SignedStatement> = LazyLock::new(|| {
        let person = PersonKey::from_seed([6; 32]);
        let name = "Bea's laptop".into();
        let said = Statement::Device { person: person.id(), device: hostile().id(), name };
        person.sign(&said).expect("a person vouches")
    });

    struct Talk {
        ask: Vec<u8>,
        wait: Vec<u8>,
        welcome: Vec<u8>,
        refused: Vec<u8>,
        joined: Vec<u8>,
    }

    static TALK: LazyLock<Talk> = LazyLock::new(|| {
        let (mut joiner, ask) = joiner();
        let mut inviter = Inviter::new(device(2).id(), hostile().id());
        assert!(inviter.handle(&ask).is_ok());
        let wait = inviter.wait("Ann's server");
        let mut held = statements();
        held.push(VOUCH.clone());
        let given = device(2).sign(&grant(hostile().id(), Role::Write)).expect("an admin grants");
        held.push(given);
        let welcome = inviter.welcome(Role::Write, &held, &[]).expect("a welcome");
        let _ = joiner.handle(&wait);
        let Ok(Some(JoinerStep::Welcome(welcomed))) = joiner.handle(&welcome) else {
            panic!("the joiner is not welcome")
        };
        let refused = inviter.refuse(&Refused::Version { oldest: 1, newest: 1 });
        Talk { ask, wait, welcome, refused, joined: welcomed.joined() }
    });

    fn joiner() -> (Joiner, Vec<u8>) {
        Joiner::new(&TICKET, hostile().id(), VOUCH.clone(), &["192.0.2.9:1".to_owned()])
    }

    /// Nobody learns a role, a secret or a name that was not said and signed.
    pub(crate) fn run(bytes: &[u8]) -> Outcome {
        assert!(bytes.len() <= FRAME_BYTES_MAX || joiner().0.handle(bytes).is_err());
        let mut is_read = false;
        for waits in [false, true] {
            let (mut joiner, _) = joiner();
            if waits {
                let _ = joiner.handle(&TALK.wait);
            }
            let step = joiner.handle(bytes);
            if let Ok(Some(JoinerStep::Welcome(welcomed))) = &step {
                assert!(waits && welcomed.role == Role::Write, "a role that nobody gave");
            }
            is_read |= step.is_ok();
            assert!(step.is_ok() || joiner.handle(&TALK.welcome).is_err(), "it listens on");
        }
        for asked in [false, true] {
            let mut inviter = Inviter::new(device(2).id(), hostile().id());
            if asked {
                let _ = inviter.handle(&TALK.ask);
            }
            let step = inviter.handle(bytes);
            if let Ok(Some(InviterStep::Asked(asked))) = &step {
                assert_eq!(asked.vouch.verify().ok(), VOUCH.verify().ok(), "a forged person");
            }
            is_read |= step.is_ok();
            assert!(step.is_ok() || inviter.handle(&TALK.ask).is_err(), "it listens on");
        }
        Outcome::of(is_read)
    }

    pub(crate) fn seeds() -> Vec<Vec<u8>> {
        let Talk { ask, wait, welcome, refused, joined } = &*TALK;
        [ask, wait, welcome, refused, joined].into_iter().cloned().collect()
    }
}
