//! A ticket: what one person gives another so that a device can join a document.
//!
//! Its text is `segue1` and base32 of the fields and a checksum; people may break it into lines and
//! write it in capitals. The checksum finds slips, not forgery: what a ticket says of role and end
//! is for the joiner's screen, and the inviter's [`Invitation`](crate::Invitation) decides.
//!
//! Invariant: one meaning has one text, and reading a text never needs more memory than a few of it.

use std::fmt;

use data_encoding::BASE32_NOPAD;
use segue_model::{DeviceId, DocumentId};
use sha2::{Digest, Sha256};

use crate::encoding::{Reader, Writer};
use crate::{AccessError, Role, TicketError};

const PREFIX: &str = "SEGUE";
const VERSION: char = '1';
const CHECKSUM_TAG: &[u8] = b"segue ticket checksum\x01";
const CHECKSUM_BYTES: usize = 4;
const TEXT_BYTES_MAX: usize = 8192;
const ADDRESSES_MAX: usize = 16;

/// What proves that somebody holds a ticket. Never shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Secret(pub [u8; 16]);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// An invitation as it travels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// What to join.
    pub document: DocumentId,
    /// Proves that the joiner was given the ticket.
    pub secret: Secret,
    /// Whom to ask, and who must answer.
    pub inviter: DeviceId,
    /// What the joiner will be able to do.
    pub role: Role,
    /// Until when, in Unix seconds.
    pub expires: i64,
    /// Where the inviter may be found, as the transport writes it; at most 16.
    pub addresses: Vec<String>,
    /// What the inviter is called.
    pub name: Option<String>,
}

impl Ticket {
    /// The one text of this ticket, in lower case.
    ///
    /// # Errors
    /// If there are too many addresses, or a text is longer than 255 bytes.
    pub fn encode(&self) -> Result<String, TicketError> {
        let mut bytes = self.fields().map_err(malformed)?;
        bytes.extend(checksum(&bytes));
        Ok(format!("{PREFIX}{VERSION}{}", BASE32_NOPAD.encode(&bytes)).to_ascii_lowercase())
    }

    fn fields(&self) -> Result<Vec<u8>, AccessError> {
        let mut writer = Writer::default();
        writer.bytes(&self.document.0).bytes(&self.secret.0).bytes(&self.inviter.0);
        writer.bytes(&[self.role.code()]).bytes(&self.expires.to_be_bytes());
        let count = u8::try_from(self.addresses.len()).unwrap_or(u8::MAX);
        check_addresses(count)?;
        writer.bytes(&[count]);
        for address in &self.addresses {
            writer.text(address)?;
        }
        writer.bytes(&[u8::from(self.name.is_some())]);
        if let Some(name) = &self.name {
            writer.text(name)?;
        }
        Ok(writer.0)
    }

    /// Reads a ticket; white space and the case of letters make no difference.
    ///
    /// # Errors
    /// Any [`TicketError`]; each says what a person can do.
    pub fn decode(text: &str) -> Result<Self, TicketError> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(TicketError::Malformed("it is longer than any ticket"));
        }
        let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        let text = text.to_ascii_uppercase();
        let mut rest = text.strip_prefix(PREFIX).ok_or(TicketError::NoTicket)?.chars();
        match rest.next() {
            Some(VERSION) => {}
            Some(version) if version.is_ascii_digit() && version > VERSION => {
                return Err(TicketError::Newer);
            }
            _ => return Err(TicketError::NoTicket),
        }
        let altered = |_| TicketError::Altered;
        let bytes = BASE32_NOPAD.decode(rest.as_str().as_bytes()).map_err(altered)?;
        let (fields, sum) =
            bytes.split_last_chunk::<CHECKSUM_BYTES>().ok_or(TicketError::Altered)?;
        if *sum != checksum(fields) {
            return Err(TicketError::Altered);
        }
        Self::read(Reader(fields)).map_err(malformed)
    }

    fn read(mut reader: Reader<'_>) -> Result<Self, AccessError> {
        let document = DocumentId(reader.array()?);
        let secret = Secret(reader.array()?);
        let inviter = DeviceId(reader.array()?);
        let role = Role::from_code(reader.byte()?)?;
        let expires = i64::from_be_bytes(reader.array()?);
        let count = reader.byte()?;
        check_addresses(count)?;
        let addresses =
            (0..count).map(|_| reader.text().map(String::from)).collect::<Result<_, _>>()?;
        let name = match reader.byte()? {
            0 => None,
            1 => Some(reader.text()?.into()),
            _ => return Err(AccessError::Malformed("neither absent nor present")),
        };
        reader.end()?;
        Ok(Self { document, secret, inviter, role, expires, addresses, name })
    }
}

fn check_addresses(count: u8) -> Result<(), AccessError> {
    if usize::from(count) > ADDRESSES_MAX {
        return Err(AccessError::Malformed("more than 16 addresses"));
    }
    Ok(())
}

fn malformed(error: AccessError) -> TicketError {
    match error {
        AccessError::Malformed(what) => TicketError::Malformed(what),
        _ => TicketError::Malformed("it cannot be read"),
    }
}

fn checksum(fields: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let hash = Sha256::new().chain_update(CHECKSUM_TAG).chain_update(fields).finalize();
    let mut sum = [0; CHECKSUM_BYTES];
    sum.copy_from_slice(&hash[..CHECKSUM_BYTES]);
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket() -> Ticket {
        Ticket {
            document: DocumentId([1; 32]),
            secret: Secret([2; 16]),
            inviter: DeviceId([3; 32]),
            role: Role::Write,
            expires: 1_800_000_000,
            addresses: vec!["192.0.2.7:4433".into(), "[2001:db8::7]:4433".into()],
            name: Some("Ännes laptop".into()),
        }
    }

    #[test]
    fn what_was_written_is_what_is_read() {
        let bare = Ticket { addresses: Vec::new(), name: None, role: Role::Relay, ..ticket() };
        for ticket in [ticket(), bare] {
            let text = ticket.encode().unwrap();
            assert_eq!(Ticket::decode(&text), Ok(ticket));
        }
    }

    #[test]
    fn case_and_line_breaks_make_no_difference() {
        let text = ticket().encode().unwrap();
        let mut broken = String::from("\n ");
        for (index, letter) in text.chars().enumerate() {
            broken.push(if index % 3 == 0 { letter.to_ascii_uppercase() } else { letter });
            if index % 40 == 7 {
                broken.push_str(" \r\n\t");
            }
        }
        assert_eq!(Ticket::decode(&broken), Ok(ticket()));
    }

    #[test]
    fn an_altered_ticket_is_refused() {
        let text = ticket().encode().unwrap();
        for index in PREFIX.len() + 1..text.len() {
            for letter in ["a", "7", "1", "é", "="] {
                let mut other = text.clone();
                other.replace_range(index..=index, letter);
                if other != text {
                    assert_eq!(Ticket::decode(&other), Err(TicketError::Altered), "{index}");
                }
            }
            assert_eq!(Ticket::decode(&text[..index]), Err(TicketError::Altered), "{index}");
        }
        assert_eq!(Ticket::decode(&format!("{text}a")), Err(TicketError::Altered));
    }

    #[test]
    fn other_texts_are_no_tickets() {
        for text in ["", "segue", "segue0abc", "seguex", "https://example.org", "é", "sēgue1"] {
            assert_eq!(Ticket::decode(text), Err(TicketError::NoTicket), "{text}");
        }
        let newer = ticket().encode().unwrap().replacen("segue1", "segue2", 1);
        assert_eq!(Ticket::decode(&newer), Err(TicketError::Newer));
        let long = "segue1".to_owned() + &"a".repeat(TEXT_BYTES_MAX);
        assert!(matches!(Ticket::decode(&long), Err(TicketError::Malformed(_))));
    }

    #[test]
    fn fields_that_no_ticket_has_are_refused_although_the_checksum_fits() {
        let good = ticket().fields().unwrap();
        let mut bad: Vec<Vec<u8>> = (0..good.len()).map(|length| good[..length].to_vec()).collect();
        bad.push([&good[..], &[0]].concat());
        for (at, byte) in [(80, 0), (80, 5), (89, 17), (89, 1)] {
            let mut fields = good.clone();
            fields[at] = byte;
            bad.push(fields);
        }
        for mut fields in bad {
            fields.extend(checksum(&fields));
            let text = format!("segue1{}", BASE32_NOPAD.encode(&fields));
            assert!(matches!(Ticket::decode(&text), Err(TicketError::Malformed(_))), "{text}");
        }
    }

    #[test]
    fn what_does_not_fit_is_not_written() {
        let many = Ticket { addresses: vec![String::new(); 17], ..ticket() };
        let long = Ticket { name: Some("n".repeat(256)), ..ticket() };
        for ticket in [many, long] {
            assert!(matches!(ticket.encode(), Err(TicketError::Malformed(_))));
        }
    }

    #[test]
    fn a_ticket_never_shows_its_secret() {
        assert!(!format!("{:?}", ticket()).contains("[2, 2"));
    }

    #[test]
    fn the_text_never_changes() {
        insta::assert_snapshot!(ticket().encode().unwrap());
    }
}
