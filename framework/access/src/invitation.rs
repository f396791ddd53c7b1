//! What an inviter remembers of a ticket that it gave out.
//!
//! The ticket's secret is not kept, only its hash. A device that presents the ticket first is bound
//! to it: until it was let in it may come again, and nobody else. Who may give out tickets is
//! for [`Members`](crate::Members) to say, and the grant is a statement of its own.
//!
//! Invariant: a ticket lets in one device, once, within a day of its making; a refused
//! presentation changes nothing.

use segue_model::{DeviceId, DocumentId};
use sha2::{Digest, Sha256};

use crate::{Refusal, Role, Secret};

const TAG: &[u8] = b"segue ticket secret\x01";
const LIFE_SECONDS_MAX: i64 = 24 * 60 * 60;

/// The inviter's record of a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// The hash of the ticket's secret.
    pub secret: [u8; 32],
    /// What it lets into.
    pub document: DocumentId,
    /// With which role.
    pub role: Role,
    /// When it was made, in Unix seconds.
    pub made: i64,
    /// When it ends, in Unix seconds.
    pub expires: i64,
    /// How far it got.
    pub state: State,
}

/// How far an invitation got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Nobody came yet.
    Open,
    /// This device came and was not let in yet.
    Bound(DeviceId),
    /// This device was let in.
    Used(DeviceId),
    /// The inviter took it back.
    Cancelled,
}

impl Invitation {
    /// An open invitation.
    ///
    /// # Errors
    /// [`Refusal::TooLong`] if it would live longer than 24 hours, [`Refusal::Expired`] if not
    /// at all.
    pub fn open(
        secret: &Secret,
        document: DocumentId,
        role: Role,
        made: i64,
        expires: i64,
    ) -> Result<Self, Refusal> {
        if expires <= made {
            return Err(Refusal::Expired);
        }
        if expires.saturating_sub(made) > LIFE_SECONDS_MAX {
            return Err(Refusal::TooLong);
        }
        let secret = Self::secret_hash(secret);
        Ok(Self { secret, document, role, made, expires, state: State::Open })
    }

    /// What is kept of a secret, and looked up by.
    pub fn secret_hash(secret: &Secret) -> [u8; 32] {
        Sha256::new().chain_update(TAG).chain_update(secret.0).finalize().into()
    }

    /// A device presents a ticket at `now`, in Unix seconds: binds it, and says with which role
    /// it may be let in. The same device may present it again until it was let in.
    ///
    /// # Errors
    /// Any [`Refusal`]; the invitation is then as it was.
    pub fn present(
        &mut self,
        secret: &Secret,
        document: &DocumentId,
        now: i64,
        device: &DeviceId,
    ) -> Result<Role, Refusal> {
        if self.secret != Self::secret_hash(secret) || self.document != *document {
            return Err(Refusal::Unknown);
        }
        match self.state {
            State::Cancelled => return Err(Refusal::Cancelled),
            State::Used(_) => return Err(Refusal::Used),
            State::Bound(other) if other != *device => return Err(Refusal::Bound),
            State::Open | State::Bound(_) => {}
        }
        // A clock that was set back must not make a ticket live longer.
        if now < self.made || now >= self.expires {
            return Err(Refusal::Expired);
        }
        self.state = State::Bound(*device);
        Ok(self.role)
    }

    /// The device was given its grant.
    ///
    /// # Errors
    /// If another device, or none, is bound.
    pub fn complete(&mut self, device: &DeviceId) -> Result<(), Refusal> {
        match self.state {
            State::Bound(bound) if bound == *device => self.state = State::Used(bound),
            State::Cancelled => return Err(Refusal::Cancelled),
            State::Used(_) => return Err(Refusal::Used),
            State::Open | State::Bound(_) => return Err(Refusal::Bound),
        }
        Ok(())
    }

    /// The inviter takes it back, or says no to the device that came.
    ///
    /// # Errors
    /// [`Refusal::Used`]: then only a revoke helps.
    pub fn cancel(&mut self) -> Result<(), Refusal> {
        if matches!(self.state, State::Used(_)) {
            return Err(Refusal::Used);
        }
        self.state = State::Cancelled;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: Secret = Secret([1; 16]);
    const DOCUMENT: DocumentId = DocumentId([2; 32]);
    const DEVICE: DeviceId = DeviceId([3; 32]);
    const OTHER: DeviceId = DeviceId([4; 32]);

    fn invitation() -> Invitation {
        Invitation::open(&SECRET, DOCUMENT, Role::Write, 1000, 1000 + LIFE_SECONDS_MAX).unwrap()
    }

    fn present(invitation: &mut Invitation, now: i64, device: &DeviceId) -> Result<Role, Refusal> {
        let before = invitation.clone();
        let result = invitation.present(&SECRET, &DOCUMENT, now, device);
        assert!(result.is_ok() || *invitation == before, "a refusal changes nothing");
        result
    }

    #[test]
    fn a_ticket_lets_in_one_device_once() {
        let mut invitation = invitation();
        assert_eq!(present(&mut invitation, 1000, &DEVICE), Ok(Role::Write));
        assert_eq!(present(&mut invitation, 1001, &OTHER), Err(Refusal::Bound));
        assert_eq!(present(&mut invitation, 1001, &DEVICE), Ok(Role::Write));
        assert_eq!(invitation.complete(&OTHER), Err(Refusal::Bound));
        assert_eq!(invitation.complete(&DEVICE), Ok(()));
        for device in [DEVICE, OTHER] {
            assert_eq!(present(&mut invitation, 1002, &device), Err(Refusal::Used));
            assert_eq!(invitation.complete(&device), Err(Refusal::Used));
        }
        assert_eq!(invitation.cancel(), Err(Refusal::Used));
        assert_eq!(invitation.state, State::Used(DEVICE));
    }

    #[test]
    fn an_expired_ticket_lets_nobody_in_not_even_whom_it_is_bound_to() {
        let mut invitation = invitation();
        let end = invitation.expires;
        assert_eq!(present(&mut invitation, end, &DEVICE), Err(Refusal::Expired));
        assert_eq!(present(&mut invitation, 999, &DEVICE), Err(Refusal::Expired));
        assert_eq!(present(&mut invitation, end - 1, &DEVICE), Ok(Role::Write));
        assert_eq!(present(&mut invitation, end, &DEVICE), Err(Refusal::Expired));
    }

    #[test]
    fn a_cancelled_ticket_lets_nobody_in() {
        for bound in [false, true] {
            let mut invitation = invitation();
            if bound {
                present(&mut invitation, 1000, &DEVICE).unwrap();
            }
            assert_eq!(invitation.cancel(), Ok(()));
            assert_eq!(present(&mut invitation, 1001, &DEVICE), Err(Refusal::Cancelled));
            assert_eq!(invitation.complete(&DEVICE), Err(Refusal::Cancelled));
        }
    }

    #[test]
    fn a_guessed_secret_and_another_document_are_unknown() {
        let mut invitation = invitation();
        for bit in 0..128 {
            let mut guess = SECRET;
            guess.0[bit / 8] ^= 1 << (bit % 8);
            let guessed = invitation.present(&guess, &DOCUMENT, 1000, &DEVICE);
            assert_eq!(guessed, Err(Refusal::Unknown));
        }
        let elsewhere = invitation.present(&SECRET, &DocumentId([9; 32]), 1000, &DEVICE);
        assert_eq!(elsewhere, Err(Refusal::Unknown));
        assert_eq!(invitation.complete(&DEVICE), Err(Refusal::Bound));
        assert_eq!(invitation.state, State::Open);
    }

    #[test]
    fn no_ticket_lives_longer_than_a_day() {
        let open = |made, expires| {
            Invitation::open(&SECRET, DOCUMENT, Role::Read, made, expires).map(drop)
        };
        assert_eq!(open(0, LIFE_SECONDS_MAX), Ok(()));
        assert_eq!(open(0, LIFE_SECONDS_MAX + 1), Err(Refusal::TooLong));
        assert_eq!(open(i64::MIN, i64::MAX), Err(Refusal::TooLong));
        assert_eq!(open(5, 5), Err(Refusal::Expired));
    }

    #[test]
    fn each_refusal_has_its_own_sentence() {
        let all = [
            Refusal::Unknown,
            Refusal::Used,
            Refusal::Expired,
            Refusal::Cancelled,
            Refusal::Bound,
            Refusal::TooLong,
        ];
        let said: std::collections::BTreeSet<String> =
            all.iter().map(ToString::to_string).collect();
        assert_eq!(said.len(), all.len());
    }

    #[test]
    fn the_kept_hash_never_changes() {
        insta::assert_snapshot!(DocumentId(Invitation::secret_hash(&SECRET)).to_string());
    }
}
