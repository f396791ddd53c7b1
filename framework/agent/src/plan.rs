//! Plans: made, shown, and executed exactly as they were shown.
//!
//! A plan keeps the operation's random id and what it looked at; everything else follows from
//! these, so executing makes the same draft again and refuses if it is not the same.

use std::path::PathBuf;

use segue_access::{Role, Statement, document_id};
use segue_model::{DocumentId, Location, OperationId};
use segue_reconcile::guard::Budgets;
use segue_store::{DocumentRow, LinkRow, OperationRow, StatementRow, pack_changes};
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use crate::agent::Agent;
use crate::command::{LibrarySpec, PassReport, PlanReport, ShownEdit};
use crate::exclusion::Rules;
use crate::failure::Failure;
use crate::libraries::{self, Open};
use crate::limits::seats;
use crate::names::Names;
use crate::operate::{self, Operation};
use crate::pass::{self, Draft, Frame, Member};
use crate::progress::Progress;
use crate::report;
use crate::rounds;
use crate::sync::{self, Away};
use crate::{limits, services, shown};

/// A plan is good for a week.
const PLAN_SECONDS_MAX: i64 = 7 * 86_400;

/// What a plan remembers.
struct Kept {
    operation: OperationId,
    libraries: Vec<LibrarySpec>,
    write_tags: bool,
    digest: String,
    counts: Vec<(String, u64)>,
}

/// Plans linking or syncing, and keeps the plan.
pub(crate) fn plan(
    agent: &mut Agent,
    specs: &[LibrarySpec],
    write_tags: bool,
    progress: &dyn Progress,
) -> Result<PlanReport, Failure> {
    services::refuse_paused(agent, specs)?;
    // What nobody named is all that is linked, and none of it stops the rest.
    let specs = if specs.is_empty() { Vec::new() } else { resolve(agent, specs)? };
    let operation = OperationId(agent.world.random_bytes());
    let drafted = draft(agent, &specs, write_tags, operation, libraries::open, progress)?;
    let digest = digest(&drafted);
    let now = (agent.world.now)();
    let id = fresh_name(agent, operation)?;
    let kept = Kept {
        operation,
        libraries: specs,
        write_tags,
        digest,
        counts: counts(&drafted.members, &drafted.draft),
    };
    let tx = agent.home.store.transaction()?;
    tx.remove_plans_older_than(now - PLAN_SECONDS_MAX)?;
    tx.put_plan(&id, now, kept.to_json().to_string().as_bytes())?;
    tx.commit()?;
    let names = Names::of(agent, &drafted.members)?;
    let mut report = report::plan(&agent.home.store, &drafted.draft, &drafted.members, &names, id)?;
    report.libraries.extend(drafted.away.iter().map(sync::waits));
    if let Some(complaint) = crate::clock::complaint(agent)? {
        report.held.extend(crate::clock::batches(agent, &complaint)?);
    }
    Ok(report)
}

/// The edits of a kept plan.
pub(crate) fn show(
    agent: &mut Agent,
    plan: &str,
    what: &str,
    progress: &dyn Progress,
) -> Result<Vec<ShownEdit>, Failure> {
    let Kept { libraries: specs, write_tags, operation, .. } = load(agent, plan)?;
    let drafted = draft(agent, &specs, write_tags, operation, libraries::open, progress)?;
    Ok(shown::edits(&agent.home.store, &drafted.draft, &drafted.members, what)?)
}

/// Executes a kept plan, if it is still what was shown.
pub(crate) fn apply(
    agent: &mut Agent,
    plan: &str,
    progress: &dyn Progress,
) -> Result<PassReport, Failure> {
    let kept = load(agent, plan)?;
    if let Some(row) = agent.home.store.operation_by_id(kept.operation)? {
        return Err(applied(plan, &row));
    }
    crate::recover::recover(agent)?;
    crate::recover::note_interrupted(agent)?;
    let operation = kept.operation;
    let open = libraries::open_finished;
    let mut drafted = draft(agent, &kept.libraries, kept.write_tags, operation, open, progress)?;
    if digest(&drafted) != kept.digest {
        return Err(changed(plan, &kept, &drafted));
    }
    begin_document(agent, &drafted)?;
    let names: Vec<String> = drafted.members.iter().map(|m| m.label.clone()).collect();
    let linking = drafted.members.iter().any(|member| !member.row.active);
    let time = (agent.world.now)();
    for member in &mut drafted.members {
        if !member.row.active {
            member.row.linked_at = time;
        }
    }
    let operation = Operation {
        number: None,
        id: kept.operation,
        kind: "apply".into(),
        summary: format!("{} {}", if linking { "linked" } else { "synced" }, names.join(", ")),
        plan: Some(plan.to_owned()),
        undoes: None,
        time,
        confirmed: true,
    };
    let report = rounds::execute(agent, &operation, &mut drafted, progress)?;
    if let Some(number) = report.operation {
        operate::finish(&mut agent.home, &operation, number, &report.libraries)?;
    }
    let tx = agent.home.store.transaction()?;
    tx.remove_plan(plan)?;
    tx.commit()?;
    // A person read the plan, which says so if the clock was wrong.
    crate::clock::note(agent, true)?;
    Ok(report)
}

/// A draft with its members.
pub(crate) struct Drafted {
    pub(crate) members: Vec<Member>,
    pub(crate) draft: Draft,
    pub(crate) document: DocumentId,
    /// Linked libraries that cannot be read now, and why.
    pub(crate) away: Vec<(String, Away)>,
    /// The root statement of a document that does not exist yet.
    root: Option<Statement>,
}

/// Drafts a pass over named libraries, or over those that are linked.
pub(crate) fn draft(
    agent: &Agent,
    named: &[LibrarySpec],
    write_tags: bool,
    operation: OperationId,
    open: Open,
    progress: &dyn Progress,
) -> Result<Drafted, Failure> {
    let specs = resolve(agent, named)?;
    let schema = schema_of(agent, &specs, !named.is_empty())?;
    let (document, root) = document_for(agent, schema, named, operation)?;
    let (mut opened, mut away, mut labels) = (Vec::new(), Vec::new(), Vec::new());
    for (row, label) in rows(agent, &specs, write_tags, operation, document)? {
        if services::is_paused(&agent.home.store, row.id)? {
            away.push((label, Away::Paused(row.app)));
            continue;
        }
        let is_named = named.iter().any(|spec| {
            spec.app == row.app && spec.path.as_ref().is_none_or(|path| *path == row.path)
        });
        match open(agent, &row.app, &row.path) {
            Ok(library) => {
                labels.push((label.clone(), is_named));
                opened.push((row, label, library));
            }
            // A linked library that nobody named may be away; it gets its part when it is back.
            Err(Failure::Library(error)) if !is_named => away.push((label, Away::Failed(error))),
            Err(error) => return Err(error),
        }
    }
    let mut members = Vec::new();
    let rules = Rules::now(agent)?;
    let read = Member::open_all(opened, &agent.home.store, &rules, progress);
    for ((label, is_named), member) in labels.into_iter().zip(read) {
        match member {
            Err(Failure::Library(error)) if !is_named => away.push((label, Away::Failed(error))),
            member => members.push(member?),
        }
    }
    let draft = draft_members(agent, &mut members, document, operation, false, progress)?;
    Ok(Drafted { members, draft, document, away, root })
}

/// The one schema of all these libraries. Of a linked one whose translator is away it is known to
/// the others of its document.
fn schema_of(
    agent: &Agent,
    specs: &[LibrarySpec],
    are_named: bool,
) -> Result<&'static str, Failure> {
    let mut first: Option<(&str, &'static str)> = None;
    for spec in specs {
        let schema = match libraries::translator(agent, &spec.app) {
            Ok(translator) => translator.capabilities().schema.name,
            Err(_) if !are_named => continue,
            Err(error) => return Err(error),
        };
        let (app, other) = *first.get_or_insert((&spec.app, schema));
        if other != schema {
            let sentence = format!("{} holds {schema}, {app} {other}", spec.app);
            return Err(Failure::refused(sentence, "link libraries of the same kind"));
        }
    }
    match (first, specs.first()) {
        (Some((_, schema)), _) => Ok(schema),
        (None, Some(spec)) => {
            libraries::translator(agent, &spec.app).map(|one| one.capabilities().schema.name)
        }
        (None, None) => Err(nothing_linked()),
    }
}

/// Drafts a pass over open members.
pub(crate) fn draft_members(
    agent: &Agent,
    members: &mut [Member],
    document: DocumentId,
    operation: OperationId,
    confirmed: bool,
    progress: &dyn Progress,
) -> Result<Draft, Failure> {
    let judge = limits::Judge::new(agent, document)?;
    let frame = Frame {
        store: &agent.home.store,
        document,
        actor: agent.home.actor,
        device: agent.home.device.id(),
        operation,
        time: (agent.world.now)(),
        budgets: Budgets::default(),
        rule: &|carried, same| judge.rule(carried, same),
        confirmed,
        may_write: judge.may_write(),
        present: &is_present,
        progress,
    };
    pass::draft(&frame, members)
}

/// Whether a file is there. When that cannot be told, it is not: nothing is deleted for it.
fn is_present(location: &Location) -> bool {
    use std::os::unix::ffi::OsStrExt;
    let path = std::path::Path::new(std::ffi::OsStr::from_bytes(location.as_bytes()));
    path.try_exists().unwrap_or(false)
}

/// Links of the named libraries, existing or to be made, with what people call them.
fn rows(
    agent: &Agent,
    specs: &[LibrarySpec],
    write_tags: bool,
    operation: OperationId,
    document: DocumentId,
) -> Result<Vec<(LinkRow, String)>, Failure> {
    let mut rows = Vec::new();
    for spec in specs {
        let path = libraries::locate(agent, spec)?;
        let mut row = match libraries::link_of(agent, spec)? {
            Some(row) => row,
            None => libraries::new_link(operation, document, spec, path, write_tags)?,
        };
        row.writes_tags |= write_tags;
        rows.push(row);
    }
    // The others of the same document take part: what one brings, all get.
    for row in agent.home.store.links()? {
        if row.active && row.document == document && rows.iter().all(|known| known.id != row.id) {
            rows.push(row);
        }
    }
    let all: Vec<(String, PathBuf)> =
        rows.iter().map(|row| (row.app.clone(), row.path.clone())).collect();
    let label = |row: &LinkRow| libraries::label(&row.app, &row.path, &all);
    Ok(rows.iter().map(|row| (row.clone(), label(row))).collect())
}

/// The document of these libraries: that to which the first of them is linked, else the one that was
/// joined, else one that is linked, else the newest, else a new one.
fn document_for(
    agent: &Agent,
    schema: &'static str,
    named: &[LibrarySpec],
    operation: OperationId,
) -> Result<(DocumentId, Option<Statement>), Failure> {
    let documents = agent.home.store.documents()?;
    let links = agent.home.store.links()?;
    let same = documents.iter().rev().filter(|row| row.schema == schema);
    for spec in named {
        if let Some(row) = libraries::link_of(agent, spec)? {
            return Ok((row.document, None));
        }
    }
    let joined = crate::peers::join::current(&agent.home.store, schema)?;
    if let Some(id) = joined.filter(|id| same.clone().any(|row| row.id == *id)) {
        return Ok((id, None));
    }
    let linked = same.clone().find(|row| links.iter().any(|l| l.active && l.document == row.id));
    if let Some(row) = linked.or_else(|| same.clone().next()) {
        return Ok((row.id, None));
    }
    let mut nonce = [0; 16];
    nonce.copy_from_slice(&Sha256::digest([b"segue nonce v1\0", &operation.0[..]].concat())[..16]);
    let person = agent.home.person.id();
    let refused = |error: segue_access::AccessError| Failure::refused(error.to_string(), "");
    let id = document_id(&person, schema, &nonce).map_err(refused)?;
    Ok((id, Some(Statement::Root { person, schema: schema.into(), nonce })))
}

/// Begins a new document: root statement, device, first grant. Peers later need no re-signing.
fn begin_document(agent: &mut Agent, drafted: &Drafted) -> Result<(), Failure> {
    let Some(root) = &drafted.root else { return Ok(()) };
    let refused = |error: segue_access::AccessError| Failure::refused(error.to_string(), "");
    let person = &agent.home.person;
    let device = agent.home.device.id();
    let name = agent.world.device.as_str().into();
    let grant = Statement::Grant {
        document: drafted.document,
        nonce: agent.world.random_bytes(),
        to: device,
        role: Role::Admin,
        until: None,
    };
    let vouch = Statement::Device { person: person.id(), device, name };
    let signed_root = person.sign(root).map_err(refused)?;
    let mut signed = vec![signed_root.clone()];
    for statement in [vouch, grant] {
        signed.push(person.sign(&statement).map_err(refused)?);
    }
    let Statement::Root { schema, .. } = root else { return Ok(()) };
    let row = DocumentRow {
        id: drafted.document,
        schema: schema.to_string(),
        root_statement: signed_root.bytes.clone(),
        created_at: (agent.world.now)(),
    };
    let office = seats::founded(agent);
    let tx = agent.home.store.transaction()?;
    tx.put_document(&row)?;
    seats::put(&tx, &drafted.document, &office)?;
    for statement in &signed {
        tx.add_statement(
            &drafted.document,
            &StatementRow {
                hash: statement.hash(),
                bytes: statement.bytes.clone(),
                signature: statement.signature,
                signer: statement.signer,
            },
        )?;
    }
    Ok(tx.commit()?)
}

/// What was named, else what is linked.
pub(crate) fn resolve(agent: &Agent, specs: &[LibrarySpec]) -> Result<Vec<LibrarySpec>, Failure> {
    let mut specs = specs.to_vec();
    if specs.is_empty() {
        specs = agent
            .home
            .store
            .links()?
            .into_iter()
            .filter(|row| row.active)
            .map(|row| LibrarySpec { app: row.app, path: Some(row.path), root: None })
            .collect();
    }
    if specs.is_empty() {
        return Err(nothing_linked());
    }
    for spec in &mut specs {
        spec.path = Some(libraries::locate(agent, spec)?);
    }
    let mut seen = std::collections::BTreeSet::new();
    specs.retain(|spec| seen.insert((spec.app.clone(), spec.path.clone())));
    Ok(specs)
}

fn nothing_linked() -> Failure {
    let hint = "name two libraries: segue plan rhythmbox strawberry";
    Failure::refused("nothing is linked yet", hint)
}

/// Everything that a person was shown, in one hash.
fn digest(drafted: &Drafted) -> String {
    let mut hasher = Sha256::new();
    for (member, draft) in drafted.members.iter().zip(&drafted.draft.members) {
        hasher.update(member.row.id.0);
        hasher.update(pack_changes(&draft.edits));
        hasher.update(draft.lifts.to_le_bytes());
        hasher.update((draft.held.len() as u64).to_le_bytes());
    }
    segue_model::DocumentId(hasher.finalize().into()).to_string()
}

fn counts(members: &[Member], draft: &Draft) -> Vec<(String, u64)> {
    let edits = draft.members.iter().map(|draft| draft.edits.len() as u64);
    members.iter().map(|member| member.label.clone()).zip(edits).collect()
}

fn changed(plan: &str, kept: &Kept, drafted: &Drafted) -> Failure {
    let now = counts(&drafted.members, &drafted.draft);
    let words: Vec<String> = now
        .iter()
        .filter(|count| !kept.counts.contains(count))
        .map(|(library, count)| {
            let before = kept.counts.iter().find(|(name, _)| name == library).map_or(0, |c| c.1);
            format!("{library} would now get {count} edits (planned: {before})")
        })
        .collect();
    let names: Vec<&str> = kept.libraries.iter().map(|spec| spec.app.as_str()).collect();
    Failure::refused(
        match words.as_slice() {
            [] => format!("plan {plan} no longer fits, a library changed since"),
            _ => {
                format!("plan {plan} no longer fits, a library changed since: {}", words.join("; "))
            }
        },
        format!("nothing was written; look again: segue plan {}", names.join(" ")),
    )
}

/// A short name that no kept plan has: a letter, a digit, a letter.
fn fresh_name(agent: &Agent, operation: OperationId) -> Result<String, Failure> {
    const LETTERS: &[u8] = b"abcdefghjkmnpqrstuvwxyz";
    let mut seed = u64::from_le_bytes(operation.0);
    for _ in 0..1_000 {
        let mut pick = |from: &[u8]| {
            let index = (seed % from.len() as u64) as usize;
            seed /= from.len() as u64;
            char::from(from[index])
        };
        let name: String = [pick(LETTERS), pick(b"23456789"), pick(LETTERS)].iter().collect();
        if agent.home.store.plan(&name)?.is_none() {
            return Ok(name);
        }
        seed = u64::from_le_bytes(agent.world.random_bytes());
    }
    Err(Failure::refused("there are too many plans", "apply one, or wait a week"))
}

fn load(agent: &Agent, plan: &str) -> Result<Kept, Failure> {
    let missing = || {
        let sentence = format!("there is no plan `{plan}`");
        Failure::refused(sentence, "plans are kept for a week; make one with: segue plan")
    };
    let Some(bytes) = agent.home.store.plan(plan)? else {
        let operations = agent.home.store.operations()?;
        let row = operations.iter().rev().find(|row| row.plan.as_deref() == Some(plan));
        return Err(row.map_or_else(missing, |row| applied(plan, row)));
    };
    let json: Json = serde_json::from_slice(&bytes).map_err(|_| missing())?;
    Kept::of_json(&json).ok_or_else(missing)
}

/// A plan is good once.
fn applied(plan: &str, row: &OperationRow) -> Failure {
    let n = row.n;
    match row.undone_by {
        Some(by) => Failure::refused(
            format!("plan {plan} was applied already, as op {n}, which op {by} took back"),
            "make a new one: segue plan",
        ),
        None => Failure::refused(
            format!("plan {plan} was applied already, as op {n}"),
            format!("pass on what changed since: segue sync; or take it back: segue undo {n}"),
        ),
    }
}

impl Kept {
    fn to_json(&self) -> Json {
        use std::os::unix::ffi::OsStrExt;
        let path = |path: &Option<PathBuf>| {
            path.as_ref().map(|path| path.as_os_str().as_bytes().escape_ascii().to_string())
        };
        let bytes =
            |path: &Option<PathBuf>| path.as_ref().map(|path| path.as_os_str().as_bytes().to_vec());
        let libraries: Vec<Json> = self
            .libraries
            .iter()
            .map(|spec| {
                json!({"app": spec.app, "path": bytes(&spec.path), "root": bytes(&spec.root),
                       "shown": path(&spec.path)})
            })
            .collect();
        json!({"operation": self.operation.to_string(), "libraries": libraries,
               "write_tags": self.write_tags, "digest": self.digest, "counts": self.counts})
    }

    fn of_json(json: &Json) -> Option<Self> {
        use std::os::unix::ffi::OsStringExt;
        let path = |json: &Json| -> Option<PathBuf> {
            let bytes: Option<Vec<u8>> =
                json.as_array()?.iter().map(|b| u8::try_from(b.as_u64()?).ok()).collect();
            Some(PathBuf::from(std::ffi::OsString::from_vec(bytes?)))
        };
        let library = |json: &Json| {
            Some(LibrarySpec {
                app: json.get("app")?.as_str()?.to_owned(),
                path: path(json.get("path")?),
                root: path(json.get("root")?),
            })
        };
        let count = |json: &Json| Some((json.get(0)?.as_str()?.to_owned(), json.get(1)?.as_u64()?));
        Some(Self {
            operation: json.get("operation")?.as_str()?.parse().ok()?,
            libraries: json
                .get("libraries")?
                .as_array()?
                .iter()
                .map(library)
                .collect::<Option<_>>()?,
            write_tags: json.get("write_tags")?.as_bool()?,
            digest: json.get("digest")?.as_str()?.to_owned(),
            counts: json.get("counts")?.as_array()?.iter().map(count).collect::<Option<_>>()?,
        })
    }
}

impl Drafted {
    /// A draft over a document that exists.
    pub(crate) const fn over(
        members: Vec<Member>,
        draft: Draft,
        document: DocumentId,
        away: Vec<(String, Away)>,
    ) -> Self {
        Self { members, draft, document, away, root: None }
    }
}
