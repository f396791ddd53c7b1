//! The lines of `strace -f -y -xx` as calls.

use std::collections::HashMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;

use crate::Failed;

/// One call that ended, or began while others go on.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub(crate) thread: u32,
    pub(crate) name: &'a str,
    pub(crate) arguments: String,
    /// What it returned; `None` if it failed.
    pub(crate) result: Option<i64>,
    /// It began, and its end comes later.
    pub(crate) is_begun: bool,
    /// It is the end of one that began earlier.
    pub(crate) was_begun: bool,
}

/// All calls, in the order in which they ended.
pub(crate) fn calls(trace: &str) -> Vec<Call<'_>> {
    let mut begun: HashMap<(u32, &str), &str> = HashMap::new();
    let mut calls = Vec::new();
    for line in trace.lines() {
        let Some((thread, rest)) = line.split_once(' ') else { continue };
        let (Ok(thread), rest) = (thread.parse(), rest.trim_start()) else { continue };
        if let Some(resumed) = rest.strip_prefix("<... ") {
            let Some((name, rest)) = resumed.split_once(" resumed>") else { continue };
            let Some(first) = begun.remove(&(thread, name)) else { continue };
            let (arguments, result) = ended(rest);
            let arguments = format!("{first}{arguments}");
            calls.push(Call { thread, name, arguments, result, is_begun: false, was_begun: true });
            continue;
        }
        let Some((name, rest)) = rest.split_once('(') else { continue };
        if let Some(first) = rest.strip_suffix(" <unfinished ...>") {
            begun.insert((thread, name), first);
            let arguments = first.to_owned();
            calls.push(Call {
                thread,
                name,
                arguments,
                result: None,
                is_begun: true,
                was_begun: false,
            });
        } else {
            let (arguments, result) = ended(rest);
            let arguments = arguments.to_owned();
            calls.push(Call { thread, name, arguments, result, is_begun: false, was_begun: false });
        }
    }
    calls
}

/// Arguments and result.
fn ended(rest: &str) -> (&str, Option<i64>) {
    let Some((arguments, result)) = rest.rsplit_once(" = ") else { return (rest, None) };
    let arguments = arguments.trim_end();
    let arguments = arguments.strip_suffix(')').unwrap_or(arguments);
    let number = result.split([' ', '<']).next().unwrap_or_default();
    let number = match number.strip_prefix("0x") {
        Some(address) => i64::from_str_radix(address, 16).ok(),
        None => number.parse().ok(),
    };
    (arguments, number.filter(|number| *number >= 0))
}

impl Call<'_> {
    /// Whether it begins a thread or process.
    pub(crate) fn is_birth(&self) -> bool {
        matches!(self.name, "clone" | "clone3" | "fork" | "vfork")
    }

    /// An argument. Texts are written in hexadecimal digits, so a comma parts arguments, but for those of structures.
    pub(crate) fn argument(&self, index: usize) -> Option<&str> {
        self.arguments.split(", ").nth(index)
    }

    /// The number of an open file.
    pub(crate) fn number(&self, index: usize) -> Result<u32, Failed> {
        let text = self.argument(index).unwrap_or_default();
        Ok(text
            .split('<')
            .next()
            .unwrap_or_default()
            .parse()
            .map_err(|_| format!("no file: {text}"))?)
    }

    /// The last argument.
    pub(crate) fn last_number(&self) -> Result<i64, Failed> {
        Ok(self.arguments.rsplit(", ").next().unwrap_or_default().parse()?)
    }

    /// The path that `strace` shows beside an open folder.
    pub(crate) fn shown_path(&self, index: usize) -> Result<OsString, Failed> {
        let text = self.argument(index).unwrap_or_default();
        let (_, path) = text.split_once('<').ok_or("no folder is shown")?;
        let path = path.strip_suffix('>').unwrap_or(path);
        Ok(if path.contains("\\x") { OsString::from_vec(bytes(path)?) } else { path.into() })
    }

    /// A text.
    pub(crate) fn bytes(&self, index: usize) -> Result<OsString, Failed> {
        let text = self.argument(index).unwrap_or_default().trim_matches('"');
        Ok(OsString::from_vec(bytes(text)?))
    }

    /// All texts, one after the other.
    pub(crate) fn all_bytes(&self) -> Result<Vec<u8>, Failed> {
        let texts = self.arguments.split('"').skip(1).step_by(2);
        Ok(texts.map(bytes).collect::<Result<Vec<_>, _>>()?.concat())
    }
}

/// Bytes from `\x61\x62`.
fn bytes(text: &str) -> Result<Vec<u8>, Failed> {
    let digits = text.split("\\x").skip(1);
    Ok(digits.map(|digits| u8::from_str_radix(digits, 16)).collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_end_where_they_are_resumed() -> Result<(), Failed> {
        let trace = "7 write(3</a>, \"\\x61\\x62\", 2 <unfinished ...>\n8 close(4</b>) = 0\n\
                     7 <... write resumed>) = 2\n7 openat(AT_FDCWD</h>, \"\\x78\", O_RDONLY) = -1 ENOENT (No)\n\
                     7 +++ exited with 0 +++\n";
        let calls = calls(trace);
        let told: Vec<_> =
            calls.iter().map(|call| (call.thread, call.name, call.is_begun, call.result)).collect();
        assert_eq!(
            told,
            [
                (7, "write", true, None),
                (8, "close", false, Some(0)),
                (7, "write", false, Some(2)),
                (7, "openat", false, None)
            ]
        );
        assert_eq!((calls[2].all_bytes()?, calls[2].number(0)?), (b"ab".to_vec(), 3));
        assert_eq!((calls[3].bytes(1)?, calls[3].shown_path(0)?), ("x".into(), "/h".into()));
        Ok(())
    }
}
