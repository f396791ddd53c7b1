//! Starts a program with no more rights than a translator needs.
//!
//! Limits must be set in the process that they bind, between its start and the program's. So we
//! start a launcher (`segue` itself, with other arguments). It stays as the [`keeper`] of another
//! one, which bounds and confines itself, then becomes the program. What it can do without must be
//! gone by then: descriptors, variables, paths. The keeper is outside of these bounds, where the
//! program cannot send it a signal.
//!
//! Invariant: a program is never started when one of its limits could not be set, or when it could
//! not be ended with all that it starts. Only confinement depends on the kernel; [`unconfined`]
//! says whether it lacks it.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, PipeWriter, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::str::FromStr;

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetError, Scope, path_beneath_rules,
};
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::Limits;
use crate::keeper::{bind_to_keeper, keep};

/// The newest kernel interface that we know; on an older kernel the rules are as many as it knows.
const KERNEL: ABI = ABI::V6;

/// What any program needs to run: the system's own files.
const SYSTEM: &[&str] = &[
    "/bin",
    "/etc",
    "/gnu/store",
    "/lib",
    "/lib32",
    "/lib64",
    "/nix/store",
    "/opt",
    "/sbin",
    "/usr",
];
const READABLE: &[&str] = &["/dev/null", "/dev/random", "/dev/urandom", "/dev/zero", "/proc/self"];

/// The program that keeps a translator, and becomes it after it has bound itself.
#[derive(Debug, Clone)]
pub struct Launcher {
    /// The program.
    pub program: PathBuf,
    /// Its arguments before ours.
    pub arguments: Vec<OsString>,
}

/// What the launcher is to be, as its first argument.
const KEEP: &str = "keep";
const BECOME: &str = "become";

/// A keeper and what holds it.
#[derive(Debug)]
pub(crate) struct Kept {
    /// The keeper, with the streams of its program; the leader of a process group of its own.
    pub(crate) keeper: Child,
    /// When this is dropped, by whatever end of this process, all of the program is killed.
    pub(crate) leash: PipeWriter,
}

impl Launcher {
    /// Runs `executable` in `folder`, the only one that it may write, with these variables and none
    /// else.
    pub(crate) fn start(
        &self,
        executable: &Path,
        folder: &Path,
        variables: &[(String, OsString)],
        limits: &Limits,
    ) -> io::Result<Kept> {
        let (end, leash) = io::pipe()?;
        // The keeper gets it under its number; any other process that starts now can only hear by
        // it that we are gone.
        fcntl_setfd(&end, FdFlags::empty())?;
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).arg(KEEP).arg(end.as_raw_fd().to_string());
        command.arg(limits.memory_bytes.to_string()).arg(limits.written_bytes.to_string());
        command.arg(folder).arg(executable);
        command.env_clear().envs(variables.iter().map(|(name, value)| (name, value)));
        command.current_dir(folder).process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Ok(Kept { keeper: command.spawn()?, leash })
    }
}

/// Runs the translator and ends it. `arguments` are those after [`Launcher::arguments`].
pub fn launch(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let why = match &arguments.collect::<Vec<_>>()[..] {
        [word, leash, rest @ ..] if word == KEEP => match keep_another(leash, rest) {
            Ok(()) => return ExitCode::SUCCESS,
            Err(error) => error.to_string(),
        },
        [word, keeper, memory, written, folder, executable] if word == BECOME => {
            match (number(keeper), number(memory), number(written)) {
                (Some(keeper), Some(memory), Some(written)) => {
                    become_it(keeper, (memory, written), folder, executable)
                }
                _ => "the limits are no numbers".to_owned(),
            }
        }
        _ => "this is for Segue to call, not for people".to_owned(),
    };
    // Nobody is left to tell if standard error is gone.
    let _ = writeln!(std::io::stderr(), "cannot start the translator: {why}");
    ExitCode::FAILURE
}

fn number<N: FromStr>(text: &OsStr) -> Option<N> {
    text.to_str()?.parse().ok()
}

/// Starts the launcher that becomes the program, and keeps it. `rest` is what that one needs; we are
/// called as it is to be, but for the last arguments.
fn keep_another(leash: &OsStr, rest: &[OsString]) -> io::Result<()> {
    let number: u32 = number(leash).ok_or(io::ErrorKind::InvalidInput)?;
    // Whatever we inherited ends with this process; the three standard streams remain.
    close_fds::set_fds_cloexec(3, &[]);
    let leash = File::open(format!("/proc/self/fd/{number}"))?;
    let all: Vec<_> = std::env::args_os().collect();
    let own = all.len() - rest.len() - 2;
    let mut command = Command::new("/proc/self/exe");
    command.args(&all[1..own]).arg(BECOME).arg(std::process::id().to_string()).args(rest);
    keep(command, leash)
}

fn become_it(
    keeper: u32,
    (memory, written): (u64, u64),
    folder: &OsStr,
    executable: &OsStr,
) -> String {
    if let Err(error) = bind_to_keeper(keeper) {
        return format!("it would not end with Segue: {error}");
    }
    close_fds::set_fds_cloexec(3, &[]);
    for (resource, most) in [
        (Resource::As, memory),
        (Resource::Fsize, written),
        (Resource::Core, 0),
        (Resource::Nofile, 256),
    ] {
        // What binds us already cannot be raised, and need not be.
        let most = getrlimit(resource).maximum.map_or(most, |bound| bound.min(most));
        let limit = Rlimit { current: Some(most), maximum: Some(most) };
        if let Err(error) = setrlimit(resource, limit) {
            return format!("{resource:?} cannot be limited: {error}");
        }
    }
    if let Err(error) = confine(Path::new(folder), Path::new(executable)) {
        return format!("it cannot be confined: {error}");
    }
    Command::new(executable).exec().to_string()
}

/// Why programs are not confined on this computer, if they are not.
pub fn unconfined() -> Option<String> {
    let asked = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(ABI::V1))
        .and_then(Ruleset::create);
    let error = asked.err()?;
    Some(format!("this kernel has no Landlock, so translators can read all your files: {error}"))
}

/// Leaves this process, and what it becomes, the system's files to read and run, `folder` to
/// write, and neither network nor other processes, as far as the kernel can.
fn confine(folder: &Path, executable: &Path) -> Result<(), RulesetError> {
    let (run, read) = (AccessFs::from_read(KERNEL), AccessFs::ReadFile | AccessFs::ReadDir);
    let own = own_files(executable);
    let system = SYSTEM.iter().map(Path::new).chain(own.iter().map(PathBuf::as_path));
    Ruleset::default()
        .handle_access(AccessFs::from_all(KERNEL))?
        .handle_access(AccessNet::from_all(KERNEL))?
        .scope(Scope::from_all(KERNEL))?
        .create()?
        .add_rules(path_beneath_rules(system, run))?
        .add_rules(path_beneath_rules(READABLE, read))?
        .add_rules(path_beneath_rules(["/dev/null"], AccessFs::WriteFile))?
        .add_rules(path_beneath_rules([folder], AccessFs::from_all(KERNEL) & !AccessFs::Execute))?
        .restrict_self()?;
    Ok(())
}

/// The program's file; and, if that lies in a folder of its own and not among others on the `PATH`,
/// that folder.
fn own_files(executable: &Path) -> Vec<PathBuf> {
    let real = executable.canonicalize().unwrap_or_else(|_| executable.to_owned());
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_shared = |folder: &Path| {
        std::env::split_paths(&path).any(|one| one.canonicalize().is_ok_and(|one| one == folder))
    };
    let folder = real.parent().filter(|folder| !is_shared(folder)).map(Path::to_owned);
    [Some(executable.to_owned()), Some(real.clone()), folder].into_iter().flatten().collect()
}
