//! Mail: what anybody in the world can send.

/// A message, as far as Segue reads it.
pub(crate) mod message {
    use std::io::BufReader;

    use segue_mail::message::{HEADER_BYTES_MAX, header, ident, key, read_header, subject};
    use segue_model::Value;

    use crate::target::Outcome;
    use crate::targets::Repair;

    pub(crate) const REPAIR: Repair = None;

    pub(crate) fn run(bytes: &[u8]) -> Outcome {
        let found = key(&mut &*bytes);
        // However it comes in pieces, it is the same message.
        let again = key(&mut BufReader::with_capacity(7, bytes));
        assert_eq!(found.as_ref().ok(), again.as_ref().ok(), "the key depends on the reading");
        let head = header(&mut &*bytes).expect("a slice can be read");
        assert!(head.len() <= HEADER_BYTES_MAX + 2, "a header of {} bytes", head.len());
        let _ = (ident(&head), subject(&head));
        let fields = read_header(&head);
        for (field, value) in fields.iter() {
            let size = match value {
                Value::Text(text) => text.len(),
                Value::List(texts) => texts.iter().map(|text| text.len()).sum(),
                _ => 0,
            };
            assert!(size <= 256 << 10, "{} holds {size} bytes", field.name);
        }
        assert_eq!(fields, read_header(&head), "two reads differ");
        Outcome::of(found.is_ok())
    }

    pub(crate) fn seeds() -> Vec<Vec<u8>> {
        let mut messages = vec![
            b"From: =?utf-8?q?=C3=84nne?= <a@example.org>\r\nTo: b@example.org, \"C, D\" <c@example.org>\r\n\
              Subject: =?iso-8859-1?b?5Gg=?= again\r\nMessage-ID: <1@example.org>\r\n\
              Date: Mon, 30 Feb 2026 25:61:00 +9999\r\n\r\nbody\r\n"
                .to_vec(),
            b"Content-Type: multipart/mixed; boundary=\"x\"\n\n--x\nA: b\n\nc\n--x--\n".to_vec(),
        ];
        messages.extend(super::mbox::seeds());
        messages
    }
}

/// A file of messages.
pub(crate) mod mbox {
    use segue_mbox::Mbox;

    use crate::library::{fixture, take};
    use crate::target::Outcome;
    use crate::targets::Repair;

    pub(crate) const REPAIR: Repair = None;

    pub(crate) fn run(bytes: &[u8]) -> Outcome {
        take(&Mbox, &[("INBOX", bytes)])
    }

    pub(crate) fn seeds() -> Vec<Vec<u8>> {
        ["mboxrd-1/INBOX", "mboxo-1/Drafts", "dovecot-2.3.19/Sent"]
            .into_iter()
            .map(|name| fixture(&format!("translators/mbox/fixtures/{name}")))
            .collect()
    }
}

/// What the letters in the names of a Maildir's files mean.
pub(crate) mod keywords {
    use segue_maildir::Maildir;

    use crate::library::{fixture, take};
    use crate::target::Outcome;
    use crate::targets::Repair;

    pub(crate) const REPAIR: Repair = None;

    pub(crate) fn run(bytes: &[u8]) -> Outcome {
        let message: &[u8] = b"Message-ID: <1@example.org>\n\nbody\n";
        let files: [(&str, &[u8]); 5] = [
            ("cur/1.M1P1.a:2,Sabz", message),
            ("new/.keep", b""),
            ("tmp/.keep", b""),
            ("dovecot-uidlist", b"3 V1 N2\n"),
            ("dovecot-keywords", bytes),
        ];
        take(&Maildir, &files)
    }

    pub(crate) fn seeds() -> Vec<Vec<u8>> {
        vec![fixture("translators/maildir/fixtures/dovecot-2.3.19-fs/dovecot-keywords")]
    }
}

/// The names of folders, in modified UTF-7.
pub(crate) mod utf7 {
    use segue_mail::utf7::{decode, encode};

    use crate::target::Outcome;
    use crate::targets::Repair;

    pub(crate) const REPAIR: Repair = None;

    pub(crate) fn run(bytes: &[u8]) -> Outcome {
        let Ok(name) = str::from_utf8(bytes) else { return Outcome::Refused };
        assert_eq!(decode(&encode(name)).as_deref(), Some(name), "a name does not come back");
        let Some(text) = decode(name) else { return Outcome::Refused };
        assert_eq!(decode(&encode(&text)), Some(text), "a name has two meanings");
        Outcome::Read
    }

    pub(crate) fn seeds() -> Vec<Vec<u8>> {
        ["Entw&APw-rfe", "&TtVOiw-/&istsQmb4-", "R&-D", "AC&IhU-DC tickets", "&2D3eAA-"]
            .map(|name| name.as_bytes().to_vec())
            .to_vec()
    }
}
