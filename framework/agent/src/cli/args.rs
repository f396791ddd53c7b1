//! The command line as it is typed: its doc comments are the help that people read.
//!
//! Nothing here knows what a command does; [`ask`](mod@super::ask) turns these into requests. Examples
//! in the help are hand-made: they show shape and tone, and the end-to-end tests show the rest.
//!
//! Invariant: the names of commands and options only grow.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use super::exclude_args::ExcludeArgs;
use super::licence_args::LicenceCommand;
use super::peer_args::{InviteArgs, NetworkArg};

/// The heading of options that every command has.
const EVERYWHERE: &str = "Everywhere";

/// Your library, in every app: ratings, play counts and playlists, linked between players
///
/// Without a command, segue looks at this computer and changes nothing:
///
///   $ segue
///     MUSIC   rhythmbox    12,408 tracks   37 playlists   4,112 rated   changed 2026-11-20
///             strawberry   11,962 tracks    4 playlists      18 rated   running now
///   Nothing was changed.
///   Libraries of the same kind can be linked:   segue plan rhythmbox strawberry
///
/// A LIBRARY is an app's name, such as rhythmbox, or APP=PATH, such as rhythmbox=/mnt/old.
/// An ITEM is a title, or an id that a command has shown, or the beginning of one.
///
/// What you asked for goes to standard output, everything else to standard error. Days and times
/// are UTC. With --json a command prints one JSON value; an error is {"error":"…","hint":"…"}.
///
/// Exit codes:
///   0  done
///   1  failed; one sentence says why, and what to do
///   2  the command line was not understood
///   3  held: it looks like an accident and waits for you, or this device may not pass it on;
///      the rest was done
///   4  partly done: an app is running, or one of several libraries failed
#[derive(Debug, Parser)]
#[command(name = "segue", version, verbatim_doc_comment)]
#[command(help_expected = true)]
pub(super) struct Args {
    /// Print one JSON value instead of text
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    pub(super) json: bool,
    /// Where Segue keeps its own files; otherwise `SEGUE_HOME`, otherwise your data folder
    #[arg(long, global = true, value_name = "DIR", help_heading = EVERYWHERE)]
    pub(super) home: Option<PathBuf>,
    /// Whether to use colour: auto, always or never; auto also honours `NO_COLOR`
    #[arg(long, global = true, value_name = "WHEN", help_heading = EVERYWHERE, value_enum)]
    #[arg(default_value_t = Colour::Auto, hide_possible_values = true, hide_default_value = true)]
    pub(super) color: Colour,
    #[command(subcommand)]
    pub(super) command: Option<Command>,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Colour {
    /// On a terminal
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Show what linking or syncing libraries would write; write nothing
    ///
    /// The plan gets an id, with which it can be applied or looked at again. Without a LIBRARY,
    /// it plans for those that are linked.
    ///
    ///   $ segue plan rhythmbox strawberry
    ///     12,413 tracks in all
    ///       11,871   same file
    ///            6   not sure: segue match
    ///                       strawberry would get          rhythmbox would get
    ///       ratings         4,094                         18
    ///       play counts     +9,871 on 3,310 tracks        +212 on 96 tracks
    ///       deleted         0                             0
    ///   Plan k7q. Nothing was changed.
    ///   Write it and keep them linked:   segue apply k7q
    ///
    /// Every number can be opened:
    ///
    ///   $ segue plan k7q --show ratings
    ///     strawberry   Blue in Green — Miles Davis   rating   not set → ★★★★★
    ///
    /// `--show losses` lists what each app cannot hold, what of that was found, and what of it cannot be
    /// read; `--show withheld` what licences keep from it.
    ///
    /// With --json: "plan", "libraries" (each "library", "running", "sets", "adds", "removes",
    /// "collections", "hides", "withheld", "ending", "refused" (what others have and it cannot hold) and
    /// "losses" (what of it cannot be read or passed on), each with "count" and "first", "unseen",
    /// "excluded"), "matched", "doubtful", "conflicts", "held" (each "library", "reason", "items",
    /// "lasting" if no `--yes` lets it pass); with --show also "shown".
    #[command(verbatim_doc_comment)]
    Plan(PlanArgs),
    /// Write exactly what a plan says, and keep its libraries linked
    ///
    /// Each library is backed up first, and read again afterwards. If a library changed since in a
    /// way that alters the plan, nothing is written and the difference is shown.
    ///
    ///   $ segue apply k7q
    ///     backup       rhythmdb.xml 8.20 MB
    ///     rhythmbox    written, read back, equal   18 ratings, 96 play counts, 1 playlist
    ///     strawberry   waits                       the app is running
    ///   Linked: what you change in one is passed on by `segue sync`.
    ///   Done as op 1.
    ///   After you quit the app:   segue sync
    ///
    /// With --json: "operation", "libraries" (each "library", "state", "written", "meanwhile": how many
    /// edits found something else and are tried again by the next pass, "refused" and "losses" (as in a
    /// plan: each "item", "field", "value", "why", "operation"), "unseen", "reason"), "conflicts". A state
    /// is written, unchanged, waiting, held, failed or paused.
    #[command(verbatim_doc_comment)]
    Apply {
        /// The plan's id, as `segue plan` printed it
        plan: String,
    },
    /// Pass on what changed, between all libraries that are linked
    ///
    ///   $ segue sync
    ///     rhythmbox    gave its edits to the others   4 edits
    ///     strawberry   written, read back, equal      3 ratings, 1 playlist
    ///   Done as op 2.
    ///   Undo it, in every app:   segue undo
    ///
    /// A batch that looks like an accident, such as a library that lost most of its ratings, is
    /// held and named, and everything else is done. If it was no accident: segue sync --yes
    ///
    /// With --json: as `segue apply`, and "ending": what licences allow for less than a week ("count",
    /// "first"); with --dry-run as `segue plan`.
    #[command(verbatim_doc_comment)]
    Sync {
        /// Only these libraries
        #[arg(value_name = "LIBRARY")]
        libraries: Vec<OsString>,
        /// Say what would be written; write nothing
        #[arg(long)]
        dry_run: bool,
        /// Let held batches pass
        #[arg(long)]
        yes: bool,
    },
    /// List doubtful matches, or settle one
    ///
    ///   $ segue match
    ///     5f0c2a91   So What — Miles Davis          a/01.mp3
    ///     8be1d07c   So What (live) — Miles Davis   b/07.flac
    ///                same artist and title, lengths differ by 3 s
    ///   1 match is doubtful.
    ///   If the first two are not the same:   segue match 5f0c2a91 8be1d07c --apart
    ///   If they are the same:   segue match 5f0c2a91 8be1d07c
    ///
    /// With --json: a list, each "item", "item_title", "item_location", "other", "other_title",
    /// "other_location", "reason"; with two items "operation", "item", "same".
    #[command(verbatim_doc_comment)]
    Match {
        /// An item
        #[arg(value_name = "ITEM", requires = "other")]
        item: Option<String>,
        /// The same item in another library
        #[arg(value_name = "ITEM")]
        other: Option<String>,
        /// Say that the two are not the same
        #[arg(long, requires = "other")]
        apart: bool,
    },
    /// Show what is linked and what waits
    ///
    ///   $ segue status
    ///     rhythmbox    in step   12,408 items   /home/you/.local/share/rhythmbox
    ///     strawberry   waiting   11,962 items   /home/you/.local/share/strawberry/strawberry
    ///                  the app is running
    ///   The agent is not running.
    ///   Pass on what changed:   segue sync
    ///
    /// While the agent runs it passes on what changed by itself; see segue up.
    ///
    /// With --json: "links" (each "library", "path", "document", "state", "reason", "refused", "losses",
    /// "unseen"), "peers", "agent" (null, or "pid", "version", "peer", "since"), "withheld" and
    /// "ending": how many items a limit withholds, and how many more it will within a week; "excluded":
    /// how many rules keep things on this device.
    #[command(verbatim_doc_comment)]
    Status,
    /// List what was done, the latest first
    ///
    ///   $ segue log
    ///     op 2   2026-11-21 19:02 UTC   resolved 1 conflict
    ///     op 1   2026-11-21 18:31 UTC   linked rhythmbox, strawberry   plan k7q
    ///   Undo the last:   segue undo
    ///
    /// With --json: a list, each "operation", "kind", "at", "summary", "plan", "undoes",
    /// "undone_by", "state".
    #[command(verbatim_doc_comment)]
    Log,
    /// Print everything that is known, as canonical JSON
    ///
    /// Equal libraries print equal bytes, so two exports can be compared with diff.
    ///
    ///   $ segue export > library.json
    ///
    /// The value has "schema", "items" (each "id", "fields", "limits", "location") and "collections"
    /// (each "id", "kind", "name", "parent", "entries").
    #[command(verbatim_doc_comment)]
    Export {
        /// Which one, if there are several: its id or the beginning of it, or a schema's name
        document: Option<String>,
    },
    /// Find items and playlists by a text
    ///
    ///   $ segue find "blue in"
    ///     5f0c2a91   track   Blue in Green — Miles Davis   ★★★★★   kind/of/blue/03.mp3
    ///   1 thing was found.
    ///   Where the values of the first came from:   segue why 5f0c2a91
    ///
    /// With --json: a list, each "id", "kind", "title", "fields", "location".
    #[command(verbatim_doc_comment)]
    Find {
        /// The text; upper and lower case are the same
        text: String,
    },
    /// Show where each value of an item came from
    ///
    ///   $ segue why "Blue in Green" rating
    ///     Blue in Green — Miles Davis   5f0c2a91
    ///       rating   ★★★★★   shown   rhythmbox    2019-03-02   op 1
    ///                ★★★☆☆           strawberry   2026-11-18   op 1
    ///   Settle it:   segue resolve 5f0c2a91 rating --keep rhythmbox
    ///
    /// With --json: "item", "title", "fields" (each "field", "value", "shown", "libraries",
    /// "operation", "at").
    #[command(verbatim_doc_comment)]
    Why {
        /// The item
        item: String,
        /// Only this field, such as rating
        field: Option<String>,
    },
    /// List values in which apps differ
    ///
    /// None of them is lost: each app keeps its own until you settle it.
    ///
    ///   $ segue conflicts
    ///     Blue in Green — Miles Davis   5f0c2a91   rating
    ///       ★★★★★   rhythmbox @desk    2019-03-02
    ///       ★★★☆☆   strawberry @desk   2026-11-18
    ///   1 value differs between apps; each app keeps its own.
    ///   Settle the first:   segue resolve 5f0c2a91 rating --keep rhythmbox
    ///
    /// With --json: a list, each "item", "field", "shown", "values" (each "value", "library",
    /// "device").
    #[command(verbatim_doc_comment)]
    Conflicts,
    /// Show what is limited, until when, and where it is withheld; or write a licence
    ///
    /// What a licence no longer allows is listed in no app and in no playlist. Its rating, its counts and
    /// its places are kept, and all comes back when the licence is renewed. No file is touched.
    ///
    ///   $ segue licences
    ///     Blue in Green — Miles Davis   5f0c2a91   until 2026-12-24 18:00 UTC
    ///       sidecar   City Library   until 2026-12-24 18:00 UTC   signed
    ///   1 item is limited; none is withheld now.
    ///
    /// With --json: a list, each "item", "title", "valid_from", "valid_until", "state" (valid,
    /// unverified, expired, not yet valid, for other devices, leased elsewhere, played out, unknown
    /// limit), "issuer", "licences", "seats", "seat_until", "holders", "hidden_in", "listed_in"; of a
    /// licence that is written "path", "licence", "serial", "valid_until"; of a seat "item", "title",
    /// "state" (taken, asked, given), "until", "words"; of a strike "item", "title", "struck", "choices".
    #[command(verbatim_doc_comment)]
    Licences {
        #[command(subcommand)]
        action: Option<LicenceCommand>,
    },
    Exclude(ExcludeArgs),
    /// Settle a value in which apps differ
    ///
    ///   $ segue resolve "Blue in Green" rating --keep rhythmbox
    ///     strawberry   written, read back, equal   1 rating
    ///   Done as op 3.
    ///   Undo it, in every app:   segue undo
    ///
    /// Ratings go from 0 to 100: five stars are 100. With --json: as `segue apply`.
    #[command(verbatim_doc_comment)]
    Resolve {
        /// The item
        item: String,
        /// The field, such as rating
        field: String,
        /// The value that shall stand
        #[arg(
            required_unless_present = "keep",
            conflicts_with = "keep",
            allow_negative_numbers = true
        )]
        value: Option<String>,
        /// Take the value of this app
        #[arg(long, value_name = "APP")]
        keep: Option<String>,
    },
    /// Take an operation back, in every app
    ///
    /// What was changed since is left as it is, and listed. `segue redo` returns.
    ///
    ///   $ segue undo 8
    ///     rhythmbox   written, read back, equal   2 ratings
    ///   Done as op 10.
    ///   Take that back:   segue redo
    ///
    /// With --json: as `segue apply`.
    #[command(verbatim_doc_comment)]
    Undo {
        /// The operation's number, as `segue log` prints it; otherwise the last
        #[arg(value_name = "OP")]
        operation: Option<i64>,
    },
    /// Take the last undo back
    ///
    ///   $ segue redo
    ///     rhythmbox   written, read back, equal   2 ratings
    ///   Done as op 11.
    ///
    /// With --json: as `segue apply`.
    #[command(verbatim_doc_comment)]
    Redo,
    /// End a link; nothing is written to the app
    ///
    ///   $ segue unlink strawberry
    ///   strawberry is no longer linked (op 12). Nothing was written to it.
    ///   Link it again:   segue plan strawberry
    ///
    /// With --json: "library", "operation".
    #[command(verbatim_doc_comment)]
    Unlink {
        /// The library
        #[arg(value_name = "LIBRARY")]
        library: OsString,
    },
    /// Stay, and pass on what changes in any linked library
    ///
    /// It ends with Ctrl-C, or when it is told to (SIGTERM), after what it has begun. While it runs
    /// all other commands work; those that write are done by it. One line on standard error says
    /// what happens.
    ///
    ///   $ segue up
    ///   The agent runs as peer 7d1f…, process 4711.
    ///   rhythmbox gave 1 edit to the others.
    ///   strawberry got 1 edit, written and read back.
    ///
    /// It also keeps devices in step that joined with a ticket: see segue invite. --network says how far
    /// it reaches: loopback is this computer, lan the local network, internet the servers that
    /// network.toml in Segue's folder names. Otherwise SEGUE_NETWORK counts, then what was said last,
    /// first lan. Without another device or an open ticket, nothing is sent or listened to.
    ///
    /// To start it with every session:
    ///
    ///   $ segue up --print-unit > ~/.config/systemd/user/segue.service
    ///   $ systemctl --user enable --now segue
    ///
    /// With --json the first line, as soon as it answers: "peer", "pid", "network". Exits 1 if an agent
    /// runs already.
    #[command(verbatim_doc_comment)]
    Up {
        /// Print a unit for systemd that runs this program so, and exit
        #[arg(long)]
        print_unit: bool,
        /// How far to reach: loopback, lan or internet
        #[arg(long, value_name = "NETWORK", value_enum, hide_possible_values = true)]
        network: Option<NetworkArg>,
    },
    /// Let another device in: print a ticket for it
    ///
    /// The ticket works once, for a day at most. Whoever comes with it is let in after you have said
    /// that both screens show the same four words.
    ///
    ///   $ segue invite
    ///   On the other computer (the ticket works once, until 2026-11-21 18:41 UTC):
    ///     segue join segue1qd7n4zk…w5xv
    ///   laptop wants to join. Both screens must say: amber pilot seven moss
    ///   Same words? [y/N] y
    ///   laptop joined, and has all of it.
    ///
    /// Without an agent it serves until the other device has joined. With one that runs, and no
    /// terminal, it returns at once; segue peers shows who waits, and --admit lets them in.
    ///
    /// With --json, as soon as it is made: "ticket", "document", "schema", "role", "expires".
    #[command(verbatim_doc_comment)]
    Invite(InviteArgs),
    /// Join with a ticket that another device printed
    ///
    ///   $ segue join segue1qd7n4zk…w5xv
    ///   Both screens must say: amber · pilot · seven · moss. It is up to the person on desk now.
    ///   Joined music of desk: 12,413 items. Nothing was written to any app.
    ///   See which libraries are here:   segue
    ///
    /// Linking a library afterwards is a first contact, which deletes nothing. One that is linked to a
    /// document of your own stays with it; with --yes it moves to the joined one.
    ///
    /// Exits 1 and says why if the ticket was used, has expired, was cancelled or altered. With
    /// --json: "document", "schema", "peer", "name", "role", "items", "in_step", "other_links",
    /// "moved".
    #[command(verbatim_doc_comment)]
    Join {
        /// The ticket; line breaks and capitals make no difference
        #[arg(required = true, num_args = 1.., value_name = "TICKET")]
        ticket: Vec<String>,
        /// Move libraries that are linked to a document of your own
        #[arg(long)]
        yes: bool,
        /// How far to reach: loopback, lan or internet
        #[arg(long, value_name = "NETWORK", value_enum, hide_possible_values = true)]
        network: Option<NetworkArg>,
    },
    /// List other devices, or let one in that waits
    ///
    ///   $ segue peers
    ///     laptop   admin   in step    7d1fa2b3
    ///     phone    read    away       99e0c41d   seen 2026-11-20 07:12 UTC
    ///   Put a device out:   segue revoke 99e0c41d
    ///
    /// With --json: "me", "network", "peers" (each "id", "name", "role", "until", "online",
    /// "in_step", "seen_at", "documents", "reason"), "waiting" (each "id", "name", "words"),
    /// "invitations" (each "document", "role", "expires", "device"), "refused" (each "id", "why",
    /// "times", "last_at"); with --admit or --refuse "peer", "name", "admitted", "role".
    #[command(verbatim_doc_comment)]
    Peers {
        /// Let this device in, which waits: its id, the beginning of it, or its name
        #[arg(long, value_name = "PEER", conflicts_with = "refuse")]
        admit: Option<String>,
        /// Do not let this device in
        #[arg(long, value_name = "PEER")]
        refuse: Option<String>,
    },
    /// Put a device out: what it writes from now on counts nowhere
    ///
    /// What it wrote before, and this device has, goes on counting. It keeps what it could read. What it
    /// said of limits holds, too; with --limits what it said of its own account ends.
    ///
    ///   $ segue revoke laptop
    ///   laptop is out of 1 document.
    ///   Who is left:   segue peers
    ///
    /// With --json: "peer", "name", "documents", "limits_kept", "limits_struck".
    #[command(verbatim_doc_comment)]
    Revoke {
        /// The device: its id, the beginning of it, or its name
        peer: String,
        /// Also end the limits that it said of its own account; only the owner can
        #[arg(long)]
        limits: bool,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Show, play or pause what the agent does for a library
    ///
    /// Each linked library has a service. While it is paused nothing reads or writes the library,
    /// neither the agent nor `segue sync`; what changed meanwhile is passed on when it is played
    /// again.
    ///
    ///   $ segue service strawberry pause
    ///     strawberry   paused   /home/you/.local/share/strawberry/strawberry
    ///   Go on with it:   segue service strawberry play
    ///
    /// `segue service LIBRARY log` lists what the agent did with it since it was started,
    /// `segue service log` all that it did.
    ///
    /// With --json: "agent", "services" (each "library", "path", "document", "state", "reason"); of a
    /// log a list, each "at", "library", "what".
    #[command(verbatim_doc_comment)]
    Service {
        /// The library
        #[arg(value_name = "LIBRARY")]
        library: Option<OsString>,
        /// What to do with its service: play, pause or log; otherwise show it
        #[arg(value_name = "ACTION", value_enum, hide_possible_values = true)]
        action: Option<Action>,
    },
    /// Print the running agent's numbers as OpenMetrics text
    ///
    ///   $ segue metrics
    ///   # TYPE segue_passes counter
    ///   # HELP segue_passes Passes over documents.
    ///   segue_passes_total{outcome="done"} 12
    ///   …
    ///
    /// With --json: the same text as one JSON string.
    #[command(verbatim_doc_comment)]
    Metrics,
    /// Check everything that Segue keeps
    ///
    ///   $ segue doctor
    ///     ok   log       every change is signed and in order
    ///     ok   caches    equal to what the log says
    ///   All is well.
    ///
    /// Exits 1 if a check failed. With --json: "checks" (each "name", "passed", "detail"), "sound".
    #[command(verbatim_doc_comment)]
    Doctor,
    /// Try the laws of a translator on a program, one by one
    ///
    /// Any program named segue-translator-APP on the PATH is a translator of that app, in whatever
    /// language it is written. Each trial works on a copy of a library of the app.
    ///
    ///   $ segue conformance ./segue-translator-hello --fixture tests/library
    ///     ok       discover::finds_the_library_in_a_home
    ///     FAILED   read::two_reads_are_equal       expected 412 items, found 411 (seed 1)
    ///     skipped  values::counters_read_back      declares: no counter may be written
    ///   hello: 1 passed, 1 failed, 1 skipped.
    ///   Reproduce the first failure:   segue conformance ./segue-translator-hello --seed 1 …
    ///
    /// Exits 1 if a trial failed. With --json: "trials" (each "name", "fixture", "result", "reason"),
    /// "passed", "failed", "skipped", "app", "seed".
    #[command(verbatim_doc_comment)]
    Conformance {
        /// The program
        executable: PathBuf,
        /// A library of the app, or a folder with one for each version; otherwise fixtures beside
        /// the program
        #[arg(long, value_name = "DIR")]
        fixture: Option<PathBuf>,
        /// What the random edits follow from
        #[arg(long, value_name = "N", default_value_t = 1)]
        seed: u64,
        /// Only trials whose name has this part
        #[arg(long, value_name = "TRIAL")]
        only: Option<String>,
    },
    /// Print completions for a shell
    ///
    ///   $ segue completions bash > ~/.local/share/bash-completion/completions/segue
    #[command(verbatim_doc_comment)]
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page, or write the pages of all commands into a folder
    ///
    ///   $ segue man ~/.local/share/man/man1 && man segue-plan
    #[command(verbatim_doc_comment)]
    Man {
        /// The folder; it is made if it does not exist
        #[arg(value_name = "DIR")]
        folder: Option<PathBuf>,
    },
}

/// What to do with a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Action {
    /// Look after the library
    Play,
    /// Leave it alone
    Pause,
    /// List what was done
    Log,
}

/// Arguments of `segue plan`.
#[derive(Debug, clap::Args)]
pub(super) struct PlanArgs {
    /// Libraries, or the id of a plan to look at again
    #[arg(value_name = "LIBRARY")]
    pub(super) libraries: Vec<OsString>,
    /// Where the content lies of every LIBRARY before this that has no root yet, or of that APP
    #[arg(long, value_name = "[APP=]DIR")]
    pub(super) root: Vec<OsString>,
    /// Also write titles, artists and other tags into apps that allow it
    #[arg(long)]
    pub(super) write_tags: bool,
    /// List the edits behind a number: ratings, plays, playlists, all, or a field's name; or losses, or
    /// withheld
    #[arg(long, value_name = "WHAT")]
    pub(super) show: Option<String>,
}
