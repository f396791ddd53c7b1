//! A change spelled out: every key and every value that it says, for who looks for what must not be in it.
//!
//! The columns of a change are packed, and deflated where they are stored together, so its bytes tell little to
//! a search. It makes no record of what it
//! finds, and knows no key: what no version of this program understands is spelled out like the rest.

use automerge::Change;

use crate::error::DocumentError;

/// Everything that a change says.
///
/// # Errors
/// If the bytes are no change.
pub fn spelled(raw: &[u8]) -> Result<String, DocumentError> {
    let no_change = |error: automerge::LoadChangeError| DocumentError::Automerge(error.to_string());
    let change = Change::from_bytes(raw.to_vec()).map_err(no_change)?;
    Ok(format!("{:?}", change.decode()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use segue_model::{OperationId, Value};

    use super::*;
    use crate::{Shard, Write};

    #[test]
    fn what_a_change_says_is_found_however_often_it_says_it() {
        let mut shard = Shard::create([1; 16]).unwrap();
        let text = "whispered ".repeat(200);
        let value = Some(Value::text(text.clone()));
        let write = Write::Register { name: "comment".into(), value, link: None };
        let writes = BTreeMap::from([([7; 16], vec![write])]);
        let made = shard.commit(None, OperationId([2; 8]), 0, &writes).unwrap().unwrap();
        let raw = &made.changes[0].bytes;
        let spelled = spelled(raw).unwrap();
        assert!(spelled.contains(&text) && spelled.contains("comment"));
        assert!(super::spelled(b"no change").is_err());
    }
}
