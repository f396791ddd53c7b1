//! What a file has beside its bytes: mode, owner, access list, extended attributes.

use std::ffi::{CStr, CString};
use std::fs::{File, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use rustix::fs::{XattrFlags, fremovexattr, fsetxattr, getxattr, listxattr};
use rustix::io::Errno;

/// What Linux allows for the names of a file's attributes together, and for one value: xattr(7).
const BYTES_MAX: usize = 65_536;

/// The access list of acl(5). Where there is one, the group's bits of the mode are its mask: without it
/// they would let the whole group in.
const ACCESS: &CStr = c"system.posix_acl_access";

/// Gives `new`, which shall take the place of the file at `path`, what that one has.
///
/// What only the system may set (`security.*`, `trusted.*`, and the owner, for others than root) is set if it
/// can be; a program that saves the file itself could do no more.
///
/// # Errors
/// The file system's.
pub(crate) fn carry_over(path: &Path, old: &Metadata, new: &File) -> io::Result<()> {
    let names = names(path)?;
    if !names.iter().any(|name| **name == *ACCESS) {
        // One may have come from the folder.
        let _ = fremovexattr(new, ACCESS);
    }
    let _ = std::os::unix::fs::fchown(new, Some(old.uid()), Some(old.gid()));
    new.set_permissions(Permissions::from_mode(old.permissions().mode() & 0o7777))?;
    let mut value = vec![0; BYTES_MAX];
    for name in names {
        let set = getxattr(path, &*name, &mut value[..])
            .and_then(|length| fsetxattr(new, &*name, &value[..length], XattrFlags::empty()));
        match set {
            Err(error) if is_needed(&name) => return Err(error.into()),
            _ => {}
        }
    }
    Ok(())
}

fn is_needed(name: &CStr) -> bool {
    name == ACCESS || name.to_bytes().starts_with(b"user.")
}

/// The names of all attributes; none where the file system has no attributes.
fn names(path: &Path) -> io::Result<Vec<CString>> {
    let mut names = vec![0; BYTES_MAX];
    let length = match listxattr(path, &mut names[..]) {
        Err(Errno::NOTSUP | Errno::NOSYS) => 0,
        length => length?,
    };
    let names = names[..length].split_inclusive(|byte| *byte == 0);
    Ok(names.filter_map(|name| CStr::from_bytes_with_nul(name).ok().map(CStr::to_owned)).collect())
}
