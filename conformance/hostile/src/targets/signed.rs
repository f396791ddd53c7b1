//! What is signed: by anybody, by members, and by a member who lies.

use crate::company::hostile;

/// The public key and the signature stand before what is signed.
const HEAD: usize = 32 + 64;

/// Signs with the key that a hostile member really has.
fn sign(bytes: &mut [u8]) {
    if let Some(said) = bytes.get(HEAD..) {
        let (key, signature) = (hostile(), hostile().sign_bytes(said));
        bytes[..32].copy_from_slice(&key.id().0);
        bytes[32..HEAD].copy_from_slice(&signature);
    }
}

/// A statement about who may what.
pub(crate) mod statement {
    use segue_access::{Members, Role, SignedStatement, Statement};

    use crate::company::{device, document, grant, hostile, owner, statements};
    use crate::target::Outcome;
    use crate::targets::Repair;

    pub(crate) const REPAIR: Repair = Some(|bytes| super::sign(bytes));

    pub(crate) fn run(bytes: &[u8]) -> Outcome {
        let Some((head, said)) = bytes.split_at_checked(super::HEAD) else {
            return Outcome::Refused;
        };
        let (mut signer, mut signature) = ([0; 32], [0; 64]);
        signer.copy_from_slice(&head[..32]);
        signature.copy_from_slice(&head[32..]);
        let signed = SignedStatement { bytes: said.to_vec(), signature, signer };
        let mut all = statements();
        let is_said = all.contains(&signed);
        let Ok(statement) = signed.verify() else { return Outcome::Refused };
        assert!(is_said || signer != owner().id().0, "the owner did not say that: {statement:?}");
        all.push(signed);
        let members = Members::of(&all, &document());
        assert_eq!(members.owner(), Some(owner().id()));
        assert_eq!(members.role(&device(2).id()), Some(Role::Admin), "{statement:?}");
        assert_eq!(members.role(&device(3).id()), Some(Role::Write), "{statement:?}");
        assert_eq!(members.role(&hostile().id()), Some(Role::Write), "{statement:?}");
        assert_eq!(members.devices().count(), 3, "a stranger has a role: {statement:?}");
        Outcome::Read
    }

    pub(crate) fn seeds() -> Vec<Vec<u8>> {
        let hostile = hostile();
        let grant = grant(device(9).id(), Role::Admin);
        let revoke = Statement::Revoke {
            document: document(),
            grant: statements()[3].hash(),
            keeps: [statements()[4].hash()].into(),
            cut: [(7, [segue_model::ChangeHash([1; 32])].into())].into(),
        };
        let limit = Statement::Limit { document: document(), body: vec![1, 2, 3].into() };
        let lies = [grant, revoke, limit].map(|lie| hostile.sign(&lie).expect("it can be signed"));
        let bytes =
            |said: SignedStatement| [&said.signer[..], &said.signature, &said.bytes].concat();
        statements().into_iter().chain(lies).map(bytes).collect()
    }
}

/// A statement about seats.
pub(crate) mod lease {
    use segue_limits::lease::{
        Incarnation, Lease, Leases, Licence, Link, Party, Request, SignedLease, To, Token,
    };
    use segue_model::ItemId;

    use crate::company::{device, document, hostile, owner};
    use crate::target::Outcome;
    use crate::targets::Repair;

    pub(crate) const REPAIR: Repair = Some(|bytes| super::sign(bytes));

    const BEGAN: i64 = 1_700_000_000_000;

    fn licence() -> Licence {
        Licence { document: document(), item: ItemId([7; 16]), issuer: [8; 32] }
    }

    fn party(seed: u8) -> Party {
        Party { device: device(seed).id(), incarnation: Incarnation([0; 4]) }
    }

    /// A device asks, and is given a seat for a day.
    fn honest() -> [SignedLease; 2] {
        let request = Request { licence: licence(), by: party(3), at: BEGAN - 10 };
        let asked = Lease::Request(request).sign(&device(3));
        let link = Link {
            token: Token { licence: licence(), seat: 0 },
            term: BEGAN,
            number: 0,
            previous: asked.verify().expect("an honest request").hash(),
            to: To::Device(party(3)),
            end: BEGAN + 86_400_000,
            at: BEGAN,
        };
        let given = Lease::Link(link).sign_as_owner(&owner());
        [asked, given]
    }

    /// Whoever does not hold a seat cannot take it away from who does.
    pub(crate) fn run(bytes: &[u8]) -> Outcome {
        let Ok(signed) = SignedLease::decode(bytes) else { return Outcome::Refused };
        assert_eq!(signed.encode(), bytes);
        let Ok(said) = signed.verify() else { return Outcome::Refused };
        let mut leases = Leases::new(owner().id());
        for honest in honest() {
            leases.insert(&honest.verify().expect("an honest lease"));
        }
        let token = Token { licence: licence(), seat: 0 };
        let before = leases.standing(&token);
        let is_honest = *said.signer() != hostile().id().0;
        leases.insert(&said);
        assert!(is_honest || leases.standing(&token) == before, "a seat was taken: {said:?}");
        Outcome::Read
    }

    pub(crate) fn seeds() -> Vec<Vec<u8>> {
        let [asked, given] = honest();
        let grab = Link {
            token: Token { licence: licence(), seat: 0 },
            term: BEGAN,
            number: 1,
            previous: given.verify().expect("an honest lease").hash(),
            to: To::Device(party(4)),
            end: BEGAN + 86_400_000,
            at: BEGAN + 1,
        };
        let grab = Lease::Link(grab).sign(&hostile());
        [asked, given, grab].iter().map(SignedLease::encode).collect()
    }
}

/// What a statement says about limits.
pub(crate) mod body {
    use segue_limits::{BODY_BYTES_MAX, Body, Claim};
    use segue_model::{ItemId, Terms};

    use crate::target::Outcome;
    use crate::targets::Repair;

    pub(crate) const REPAIR: Repair = None;

    pub(crate) fn run(bytes: &[u8]) -> Outcome {
        let body = match Body::decode(bytes) {
            Ok(body) => body,
            Err(error) => {
                assert!(!error.to_string().is_empty());
                return Outcome::Refused;
            }
        };
        assert!(bytes.len() <= BODY_BYTES_MAX, "too large, and read");
        if let Ok(again) = body.encode() {
            assert!(*again == *bytes, "one meaning has two texts");
        } else {
            assert!(matches!(body, Body::Unknown { .. }), "what was read cannot be written");
        }
        Outcome::Read
    }

    pub(crate) fn seeds() -> Vec<Vec<u8>> {
        let terms = Terms {
            valid_until: Some(1_800_000_000),
            unknown: ["what nobody knows".into()].into(),
            ..Terms::default()
        };
        let claim = Claim::member(ItemId([7; 16]), "Ann", "a loan", 3, terms);
        let rich = Claim { note: Some("for Bea".into()), evidence: Some([1; 40].into()), ..claim };
        [Body::Claim(rich.into()), Body::Strike { statement: [3; 32] }]
            .map(|body| body.encode().expect("a body in bounds").into_vec())
            .to_vec()
    }
}

/// A licence beside a file.
pub(crate) mod sidecar {
    use segue_access::PersonKey;
    use segue_limits::{UNREADABLE, sidecar};
    use segue_model::Proof;

    use crate::library::fixture;
    use crate::target::Outcome;
    use crate::targets::Repair;

    pub(crate) const REPAIR: Repair = None;

    pub(crate) fn run(bytes: &[u8]) -> Outcome {
        let carried = sidecar::read(bytes);
        let parsed = sidecar::parse(bytes);
        assert_eq!(parsed.is_err(), carried.terms.unknown.contains(UNREADABLE));
        let Ok((licence, _)) = parsed else { return Outcome::Refused };
        // A kind of limit that only a newer Segue knows cannot be written.
        let Ok(written) = sidecar::write(&licence, &PersonKey::from_seed([1; 32])) else {
            return Outcome::Read;
        };
        let (again, proof) = sidecar::parse(&written).expect("what was written can be read");
        assert_eq!(again, licence, "another licence comes back");
        assert!(matches!(proof, Proof::Signed { .. }), "our own signature does not hold");
        Outcome::Read
    }

    pub(crate) fn seeds() -> Vec<Vec<u8>> {
        vec![fixture("framework/limits/fixtures/python.segue-licence")]
    }
}

/// A ticket.
pub(crate) mod ticket {
    use data_encoding::BASE32_NOPAD;
    use segue_access::{Role, Secret, Ticket};
    use sha2::{Digest as _, Sha256};

    use crate::company::{device, document};
    use crate::target::Outcome;
    use crate::targets::Repair;

    pub(crate) const REPAIR: Repair = Some(reseal);

    const PREFIX: &str = "segue1";

    /// Takes the text for what it says and gives it a checksum that fits.
    fn reseal(text: &mut Vec<u8>) {
        let upper = text.to_ascii_uppercase();
        let letters = upper.get(PREFIX.len()..).unwrap_or_default();
        let letters: Vec<u8> =
            letters.iter().filter(|c| matches!(c, b'A'..=b'Z' | b'2'..=b'7')).copied().collect();
        let whole = letters.len() / 8 * 8;
        let Ok(mut fields) = BASE32_NOPAD.decode(&letters[..whole]) else { return };
        fields.truncate(fields.len().saturating_sub(4));
        let sum = Sha256::new().chain_update(b"segue ticket checksum\x01").chain_update(&fields);
        fields.extend_from_slice(&sum.finalize()[..4]);
        *text = format!("{PREFIX}{}", BASE32_NOPAD.encode(&fields)).into_bytes();
    }

    pub(crate) fn run(bytes: &[u8]) -> Outcome {
        let Ok(text) = str::from_utf8(bytes) else { return Outcome::Refused };
        match Ticket::decode(text) {
            Ok(ticket) => {
                let again = ticket.encode().expect("what was read can be written");
                assert_eq!(Ticket::decode(&again), Ok(ticket), "another ticket comes back");
                Outcome::Read
            }
            Err(error) => {
                assert!(!error.to_string().is_empty(), "an error without words");
                Outcome::Refused
            }
        }
    }

    pub(crate) fn seeds() -> Vec<Vec<u8>> {
        let bare = Ticket {
            document: document(),
            secret: Secret([9; 16]),
            inviter: device(2).id(),
            role: Role::Write,
            expires: 1_800_000_000,
            addresses: Vec::new(),
            name: None,
        };
        let addresses = vec!["192.0.2.7:4433".to_owned(), "[2001:db8::7]:4433".to_owned()];
        let full = Ticket { addresses, name: Some("Ann's server".into()), ..bare.clone() };
        [bare, full].map(|ticket| ticket.encode().expect("a ticket").into_bytes()).to_vec()
    }
}
