//! A replica in memory: a log of signed changes, the shards made from it, and the judge of both.

use std::collections::{BTreeMap, BTreeSet};

use segue_access::{
    DeviceKey, Members, PersonKey, Role, SignedStatement, Statement, actor_of, is_actor_of,
    sign_change, verify_change,
};
use segue_document::{ChangeHeader, Origin, RawChange, Record, Shard, Weight, Write};
use segue_model::{ChangeHash, DeviceId, DocumentId, Heads, LinkId, OperationId, Value};
use segue_sync::{
    Batch, Fault, History, Ingested, Refused, Replica, ShortHash, SignedChange, StatementId, short,
    statement_id,
};

/// The owner of the document in all tests.
pub(crate) fn owner() -> PersonKey {
    PersonKey::from_seed([1; 32])
}

pub(crate) fn device_key(number: usize) -> DeviceKey {
    DeviceKey::from_seed([number as u8 + 10; 32])
}

fn root_statement() -> Statement {
    Statement::Root { person: owner().id(), schema: "music".into(), nonce: [7; 16] }
}

pub(crate) fn document() -> DocumentId {
    root_statement().document().unwrap()
}

/// The root and a grant to each of so many devices.
pub(crate) fn founding(devices: usize) -> Vec<SignedStatement> {
    let mut statements = vec![owner().sign(&root_statement()).unwrap()];
    statements.extend((0..devices).map(|number| grant(number, Role::Write)));
    statements
}

pub(crate) fn grant(number: usize, role: Role) -> SignedStatement {
    let (document, to) = (document(), device_key(number).id());
    let nonce = [number as u8; 16];
    owner().sign(&Statement::Grant { document, to, role, until: None, nonce }).unwrap()
}

#[derive(Clone)]
pub(crate) struct Store {
    key_number: usize,
    incarnation: u32,
    operations: u64,
    statements: BTreeMap<StatementId, SignedStatement>,
    ids: BTreeSet<StatementId>,
    members: Members,
    shards: BTreeMap<u8, Shard>,
    histories: BTreeMap<u8, History>,
    log: BTreeMap<(u8, ChangeHash), SignedChange>,
    waiting: BTreeMap<(u8, ChangeHash), SignedChange>,
    heads: BTreeMap<u8, Heads>,
    /// Changes that this device cannot apply, whatever others think: a bug of one version.
    pub(crate) poison: BTreeSet<ChangeHash>,
    /// Everybody may read, whatever the statements say: a new device that was told whom to call.
    pub(crate) trusts_all: bool,
}

impl Store {
    pub(crate) fn new(key_number: usize, statements: &[SignedStatement]) -> Self {
        let mut store = Self {
            key_number,
            incarnation: 0,
            operations: 0,
            statements: BTreeMap::new(),
            ids: BTreeSet::new(),
            members: Members::of(&[], &document()),
            shards: BTreeMap::new(),
            histories: BTreeMap::new(),
            log: BTreeMap::new(),
            waiting: BTreeMap::new(),
            heads: BTreeMap::new(),
            poison: BTreeSet::new(),
            trusts_all: false,
        };
        store.say(statements.iter().cloned());
        store
    }

    pub(crate) fn key(&self) -> DeviceKey {
        device_key(self.key_number)
    }

    /// A restored device must not write as who it was.
    pub(crate) fn reborn(mut self, incarnation: u32) -> Self {
        self.incarnation = incarnation;
        for shard in self.shards.values_mut() {
            let actor = actor_of(&device_key(self.key_number).id(), incarnation.to_be_bytes());
            *shard = Shard::open(&shard.save(), actor).unwrap();
        }
        self
    }

    pub(crate) fn say(&mut self, statements: impl IntoIterator<Item = SignedStatement>) -> bool {
        let before = self.ids.len();
        for statement in statements {
            self.ids.insert(statement_id(&statement));
            self.statements.insert(statement_id(&statement), statement);
        }
        let all: Vec<SignedStatement> = self.statements.values().cloned().collect();
        self.members = Members::of(&all, &document());
        self.ids.len() > before
    }

    pub(crate) fn len(&self) -> usize {
        self.log.len()
    }

    fn shard(&mut self, shard: u8) -> &mut Shard {
        let actor = actor_of(&self.key().id(), self.incarnation.to_be_bytes());
        self.shards.entry(shard).or_insert_with(|| Shard::create(actor).unwrap())
    }

    /// Makes a change in one shard and returns its hash.
    pub(crate) fn commit(
        &mut self,
        shard: u8,
        writes: &BTreeMap<[u8; 16], Vec<Write>>,
    ) -> Option<ChangeHash> {
        self.operations += 1;
        let mut operation = [0; 8];
        operation.copy_from_slice(&self.key().id().0[..8]);
        let stamp = self.operations.to_be_bytes();
        operation.iter_mut().zip(stamp).for_each(|(byte, more)| *byte ^= more.wrapping_mul(151));
        let operation = OperationId(operation);
        let time = 1_700_000_000 + self.operations as i64;
        let made = self.shard(shard).commit(None, operation, time, writes).unwrap()?;
        let author = self.key().id();
        let mut last = None;
        for RawChange { hash, bytes: raw } in made.changes {
            let signature = sign_change(&self.key(), &document(), shard, &hash);
            self.keep(hash, SignedChange { shard, author, signature, raw });
            last = Some(hash);
        }
        last
    }

    /// Gives a song a rating.
    pub(crate) fn rate(&mut self, item: [u8; 16], rating: i64) -> Option<ChangeHash> {
        let link = LinkId([self.key_number as u8; 8]);
        let write =
            Write::Register { name: "rating".into(), value: Some(rating.into()), link: Some(link) };
        self.commit(item[0], &BTreeMap::from([(item, vec![write])]))
    }

    /// Imports so many songs, spread over all shards.
    pub(crate) fn import(&mut self, songs: u32) -> usize {
        let mut shards: BTreeMap<u8, BTreeMap<[u8; 16], Vec<Write>>> = BTreeMap::new();
        for number in 0..songs {
            let (id, write) = song(number, self.key_number as u8);
            shards.entry(id[0]).or_default().insert(id, vec![write]);
        }
        shards.into_iter().filter(|(s, writes)| self.commit(*s, writes).is_some()).count()
    }

    /// Plays each of the first songs of an import so many times, as one pass finds it.
    pub(crate) fn play(&mut self, songs: u32, times: i64) {
        let mut shards: BTreeMap<u8, BTreeMap<[u8; 16], Vec<Write>>> = BTreeMap::new();
        let link = LinkId([self.key_number as u8; 8]);
        for number in 0..songs {
            let (id, _) = song(number, 0);
            let name = "play_count".into();
            let write = Write::Counter { name, link, baseline: 0, added: times };
            shards.entry(id[0]).or_default().insert(id, vec![write]);
        }
        for (shard, writes) in shards {
            self.commit(shard, &writes);
        }
    }

    fn keep(&mut self, hash: ChangeHash, change: SignedChange) {
        let shard = change.shard;
        let header = ChangeHeader::read(&change.raw).unwrap();
        self.histories.entry(shard).or_default().push(hash, &header.deps);
        self.log.insert((shard, hash), change);
        let heads = self.shards[&shard].heads();
        self.heads.insert(shard, heads);
    }

    /// Judges a batch as an agent does.
    pub(crate) fn ingest(&mut self, number: u64, batch: Batch) -> Ingested {
        let mut done = Ingested { number, ..Ingested::default() };
        let (good, bad): (Vec<_>, Vec<_>) =
            batch.statements.into_iter().partition(|statement| statement.verify().is_ok());
        for statement in bad {
            let author = DeviceId(statement.signer);
            let why = "a statement's signature is not valid".into();
            done.refused.push(Refused { change: None, author, fault: Fault::Sender, why });
        }
        done.brought_news |= self.say(good);
        let mut shards: BTreeMap<u8, Vec<(ChangeHash, SignedChange)>> = BTreeMap::new();
        for change in batch.changes {
            match self.judge(&change) {
                Ok(hash) => shards.entry(change.shard).or_default().push((hash, change)),
                Err(refused) => done.refused.push(refused),
            }
        }
        for (shard, changes) in shards {
            self.take_in(shard, changes, &mut done);
        }
        done
    }

    fn judge(&self, change: &SignedChange) -> Result<ChangeHash, Refused> {
        let refuse = |change, author, fault, why: &str| {
            Err(Refused { change, author, fault, why: why.into() })
        };
        let SignedChange { shard, author, signature, raw } = change;
        let Ok(header) = ChangeHeader::read(raw) else {
            return refuse(None, *author, Fault::Sender, "no change");
        };
        let at = Some((*shard, header.hash));
        if verify_change(author, &document(), *shard, &header.hash, signature).is_err() {
            return refuse(at, *author, Fault::Sender, "a change's signature is not valid");
        }
        if !self.members.may_write(author) {
            return refuse(at, *author, Fault::Unknown, "its author may not write");
        }
        if !is_actor_of(author, &header.actor) {
            return refuse(at, *author, Fault::Author, "an actor that is not its author's");
        }
        if self.poison.contains(&header.hash) {
            return refuse(at, *author, Fault::Author, "it cannot be applied");
        }
        Ok(header.hash)
    }

    fn take_in(
        &mut self,
        shard: u8,
        changes: Vec<(ChangeHash, SignedChange)>,
        done: &mut Ingested,
    ) {
        let mut all: BTreeMap<ChangeHash, SignedChange> = changes.into_iter().collect();
        done.brought_news |= all.keys().any(|hash| {
            !self.holds(shard, &short(hash)) && !self.waiting.contains_key(&(shard, *hash))
        });
        let waited = self.waiting.extract_if(.., |(at, _), _| *at == shard);
        all.extend(waited.map(|((_, hash), change)| (hash, change)).collect::<Vec<_>>());
        let raw = |(hash, change): (&ChangeHash, &SignedChange)| RawChange {
            hash: *hash,
            bytes: change.raw.clone(),
        };
        let raws: Vec<RawChange> = all.iter().map(raw).collect();
        let intake = self.shard(shard).take_in(shard, &raws);
        assert!(intake.rivals.is_empty(), "nobody equivocates here");
        for hash in &intake.waiting {
            done.waiting.push((shard, *hash));
            done.held.push((shard, *hash));
            self.waiting.insert((shard, *hash), all[hash].clone());
        }
        for hash in &intake.taken {
            self.keep(*hash, all[hash].clone());
        }
        let held = intake.taken.iter().chain(&intake.known);
        done.held.extend(held.map(|hash| (shard, *hash)));
        for (hash, refusal) in intake.refused {
            let (change, author) = (Some((shard, hash)), all[&hash].author);
            let (fault, why) = (Fault::Author, refusal.to_string());
            done.refused.push(Refused { change, author, fault, why });
        }
    }

    pub(crate) fn records(&self) -> BTreeMap<[u8; 16], Record> {
        self.shards.values().flat_map(|shard| shard.records().unwrap()).collect()
    }

    pub(crate) fn any_change(&self) -> SignedChange {
        self.log.values().next().unwrap().clone()
    }
}

/// A song as an import sees it.
pub(crate) fn song(number: u32, link: u8) -> ([u8; 16], Write) {
    let mut chance = fastrand::Rng::with_seed(u64::from(number));
    let id: [u8; 16] = std::array::from_fn(|_| chance.u8(..));
    let text =
        |what: &str, of: u32| (Value::from(format!("{what} number {of}").as_str()), Weight::Full);
    let fields = BTreeMap::from([
        ("title".to_owned(), text("A title", number)),
        ("album".to_owned(), text("An album", number / 12)),
        ("album_artist".to_owned(), text("An artist", number / 60)),
        ("track".to_owned(), (Value::Int(i64::from(number % 12)), Weight::Full)),
        ("year".to_owned(), (Value::Int(1960 + i64::from(number % 60)), Weight::Full)),
        ("duration".to_owned(), (Value::Int(chance.i64(100_000..400_000)), Weight::Full)),
        ("rating".to_owned(), (Value::Int(i64::from(number % 6) * 20), Weight::Full)),
    ]);
    let operation = OperationId([link; 8]);
    (id, Write::Origin(LinkId([link; 8]), Origin { operation, location: None, fields }))
}

impl Replica for Store {
    fn may_read(&self, device: &DeviceId) -> bool {
        self.trusts_all || self.members.role(device) >= Some(Role::Read)
    }

    fn statements(&self) -> &BTreeSet<StatementId> {
        &self.ids
    }

    fn statement(&self, id: &StatementId) -> Option<SignedStatement> {
        self.statements.get(id).cloned()
    }

    fn heads(&self) -> &BTreeMap<u8, Heads> {
        &self.heads
    }

    fn holds(&self, shard: u8, hash: &ShortHash) -> bool {
        self.histories.get(&shard).is_some_and(|history| history.contains(hash))
    }

    fn locator(&self, shard: u8) -> Vec<ShortHash> {
        self.histories.get(&shard).map(History::locator).unwrap_or_default()
    }

    fn missing(
        &self,
        shard: u8,
        known: &BTreeSet<ShortHash>,
        bytes_max: usize,
    ) -> Vec<(ChangeHash, SignedChange)> {
        let Some(history) = self.histories.get(&shard) else { return Vec::new() };
        let mut bytes = 0;
        let mut found = Vec::new();
        for hash in history.missing(known) {
            if bytes >= bytes_max {
                break;
            }
            let change = self.log[&(shard, hash)].clone();
            bytes += change.raw.len();
            found.push((hash, change));
        }
        found
    }
}

impl Store {
    /// All changes.
    pub(crate) fn missing_all(&self) -> Vec<SignedChange> {
        self.log.values().cloned().collect()
    }
}
