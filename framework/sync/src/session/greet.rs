//! Finding out what differs: Hello, Welcome, Want, Have.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use segue_model::Heads;

use super::{Asked, Closing, Session, Stage, Stop, Turn};
use crate::allowance;
use crate::frame::{Frame, Have, Hello, Summary, Want, WantShard, Welcome};
use crate::limits::{HEADS_MAX, LOCATOR_MAX, SKIP_MAX, STATEMENT_IDS_MAX, VERSIONS};
use crate::packed::{List, Packed};
use crate::peer::Holdings;
use crate::root::{shard_digest, statements_digest};
use crate::{Replica, Root, ShortHash, Side, short};

/// Common hashes beside the heads that an answer to a Want names: the heads at one distance.
const COMMON_MAX: usize = 4;

impl Session {
    /// Starts anew, with everything that the peer may have missed forgotten.
    pub(super) fn say_hello(&mut self, turn: &mut Turn<'_>) {
        let Some(own) = self.own.clone() else { return };
        self.quiet_since_ms = turn.now.steady_ms;
        if !self.ours.spend(allowance::HELLO, turn.now.steady_ms) {
            return;
        }
        self.start_round();
        let (oldest, newest) = VERSIONS;
        let (document, root) = (self.document.0, own.root.0);
        turn.send(&Frame::Hello(Hello { oldest, newest, document, root }));
        self.clocks.says_hello(turn.now);
        self.told = Some(own.root);
        self.offered = Some(own);
        self.stage = Stage::AwaitsWelcome;
    }

    fn start_round(&mut self) {
        self.peer = self.peer.forgotten();
        self.untaken.clear();
        self.asked = Asked::default();
        self.owed = None;
        self.has_moved = false;
    }

    pub(super) fn hello(&mut self, hello: &Hello, turn: &mut Turn<'_>) -> Result<(), Stop> {
        self.charge(allowance::HELLO, turn.now.steady_ms)?;
        let Hello { oldest, newest, .. } = *hello;
        if hello.document != self.document.0 {
            return Err(Closing::Document.into());
        }
        if oldest > newest || newest < VERSIONS.0 || oldest > VERSIONS.1 {
            return Err(Closing::Version { oldest, newest }.into());
        }
        if self.stage == Stage::AwaitsWelcome && self.side == Side::Dialer {
            // Both said Hello at the same time: the other one yields.
            return Ok(());
        }
        let Some(own) = self.own.clone() else { return Ok(()) };
        self.start_round();
        self.peer.root = Some(Root(hello.root));
        self.told = Some(own.root);
        let is_same = hello.root == own.root.0;
        self.stage = if is_same { Stage::Greeted } else { Stage::AwaitsWant };
        let summary = if is_same {
            self.peer.has_all(&own);
            None
        } else {
            Some(summary_of(&own))
        };
        let version = newest.min(VERSIONS.1);
        let time = self.clocks.says_welcome(turn.now);
        turn.send(&Frame::Welcome(Welcome { version, root: own.root.0, summary, time }));
        self.offered = Some(own);
        Ok(())
    }

    pub(super) fn welcome(&mut self, welcome: Welcome, turn: &mut Turn<'_>) -> Result<(), Stop> {
        self.charge(allowance::FRAME, turn.now.steady_ms)?;
        if welcome.version < VERSIONS.0 || welcome.version > VERSIONS.1 {
            let (oldest, newest) = (welcome.version, welcome.version);
            return Err(Closing::Version { oldest, newest }.into());
        }
        let (Stage::AwaitsWelcome, Some(own)) = (self.stage, self.own.clone()) else {
            return Ok(());
        };
        self.stage = Stage::Greeted;
        self.answer_clock(welcome.time, turn);
        let root = Root(welcome.root);
        self.peer.root = Some(root);
        match welcome.summary {
            // It held what we held when we said Hello.
            None => self.peer.has_all(&self.offered.take().unwrap_or(own)),
            Some(summary) => self.compare(root, &summary, &own, turn),
        }
        Ok(())
    }

    fn compare(&mut self, salt: Root, summary: &Summary, own: &Holdings, turn: &mut Turn<'_>) {
        let mut differ = BTreeSet::new();
        for shard in 0..=u8::MAX {
            let ours = own.heads.get(&shard).map(|heads| entry_of(&salt, shard, heads));
            let theirs = summary.shards.0.iter().find(|entry| entry[0] == shard);
            if ours.as_ref() == theirs {
                self.peer.has_in_shard(shard, own.of_shard(shard));
            } else {
                differ.insert(shard);
            }
        }
        let is_same = statements_digest(&own.statements) == summary.statements;
        if is_same {
            self.peer.has_statements(own.statements.clone());
        }
        self.ask(differ, !is_same, &BTreeMap::new(), turn);
    }

    /// Asks for what the peer has and we lack, unless that was asked already. Where it is known what is
    /// `common`, because the peer said what it has, that is named and nothing else.
    pub(super) fn ask(
        &mut self,
        mut shards: BTreeSet<u8>,
        statements: bool,
        common: &BTreeMap<u8, Vec<ShortHash>>,
        turn: &mut Turn<'_>,
    ) {
        let Some(own) = self.own.clone() else { return };
        shards.retain(|shard| !self.asked.shards.contains(shard));
        let statements = statements && !self.asked.statements;
        if shards.is_empty() && !statements || !self.ours.spend(allowance::WANT, turn.now.steady_ms)
        {
            return;
        }
        self.want_number += 1;
        let ids = || own.statements.iter().take(STATEMENT_IDS_MAX).copied().collect();
        let wanted = shards.iter().map(|shard| self.want_shard(*shard, &own, common, turn.replica));
        let want = Want {
            number: self.want_number,
            statements: statements.then(|| Packed(ids())),
            shards: List(wanted.collect()),
        };
        self.asked.shards.append(&mut shards);
        self.asked.statements |= statements;
        self.offered = Some(own);
        turn.send(&Frame::Want(want));
    }

    fn want_shard(
        &self,
        shard: u8,
        own: &Holdings,
        common: &BTreeMap<u8, Vec<ShortHash>>,
        replica: &dyn Replica,
    ) -> WantShard {
        let skip = Packed(self.shunned.of_shard(shard, SKIP_MAX));
        if let Some(common) = common.get(&shard) {
            let locator = Packed(common.clone());
            return WantShard { shard, heads: Packed::default(), locator, skip };
        }
        let heads = own.heads.get(&shard).map(Heads::hashes).unwrap_or_default();
        let heads = Packed(heads.iter().take(HEADS_MAX).map(short).collect());
        let mut locator = replica.locator(shard);
        locator.retain(|hash| !heads.0.contains(hash));
        locator.truncate(LOCATOR_MAX);
        WantShard { shard, heads, locator: Packed(locator), skip }
    }

    pub(super) fn want(&mut self, want: Want, turn: &mut Turn<'_>) -> Result<(), Stop> {
        self.charge(allowance::WANT, turn.now.steady_ms)?;
        if !self.is_greeted() {
            return Ok(());
        }
        if let Some(offered) = self.offered.clone().filter(|_| self.stage == Stage::AwaitsWant) {
            // What it does not name is as we showed it.
            for shard in 0..=u8::MAX {
                self.peer.has_in_shard(shard, offered.of_shard(shard));
            }
            self.peer.has_statements(offered.statements.clone());
        }
        self.stage = Stage::Greeted;
        self.owed = Some(want.number);
        let mut lacking = BTreeMap::new();
        for wanted in want.shards.0 {
            let (shard, heads, locator) = (wanted.shard, wanted.heads.0, wanted.locator.0);
            let holds = |hash: &&ShortHash| turn.replica.holds(shard, hash);
            let is_strange =
                |hash: &ShortHash| !holds(&hash) && !self.shunned.contains(shard, hash);
            if heads.iter().any(is_strange) {
                // The latest that both have; a locator begins with the latest.
                let older = locator.iter().filter(holds).take(COMMON_MAX);
                let common = heads.iter().filter(holds).chain(older).copied().collect();
                lacking.insert(shard, common);
            }
            self.peer.skips(shard, wanted.skip.0.into_iter().collect());
            self.peer.has_in_shard(shard, heads.into_iter().chain(locator).collect());
        }
        let mut lacks_statements = false;
        if let Some(ids) = want.statements {
            let ids: BTreeSet<_> = ids.0.into_iter().collect();
            lacks_statements = ids.iter().any(|id| !turn.replica.statements().contains(id));
            self.peer.has_statements(ids);
        }
        if !lacking.is_empty() || lacks_statements {
            (self.has_moved, self.in_vain) = (true, None);
            self.ask(lacking.keys().copied().collect(), lacks_statements, &lacking, turn);
        }
        Ok(())
    }

    pub(super) fn have(&mut self, have: &Have, turn: &mut Turn<'_>) -> Result<(), Stop> {
        self.charge(allowance::FRAME, turn.now.steady_ms)?;
        let (true, Some(own)) = (self.is_greeted(), self.own.clone()) else { return Ok(()) };
        let root = Root(have.root);
        self.peer.root = Some(root);
        if have.answers == Some(self.want_number) {
            self.end_round(&own, root);
        }
        if root == own.root {
            self.peer.has_all(&own);
        }
        Ok(())
    }

    /// The peer has sent all that we asked for. What it did not ask for in turn, it has.
    fn end_round(&mut self, own: &Holdings, root: Root) {
        let offered = self.offered.clone().unwrap_or_else(|| Arc::new(own.clone()));
        let asked = std::mem::take(&mut self.asked);
        for shard in asked.shards {
            if self.peer.shard(shard).is_none() {
                self.peer.has_in_shard(shard, offered.of_shard(shard));
            }
        }
        if asked.statements && self.peer.statements().is_none() {
            self.peer.has_statements(offered.statements.clone());
        }
        let is_over = self.ingesting.is_empty() && !self.has_moved;
        if is_over && root != own.root {
            let before =
                self.in_vain.filter(|(ours, theirs, _)| (*ours, *theirs) == (own.root, root));
            let rounds = before.map_or(0, |(_, _, rounds)| rounds).saturating_add(1);
            self.in_vain = Some((own.root, root, rounds));
        }
    }
}

fn summary_of(own: &Holdings) -> Summary {
    let shards = own.heads.iter().map(|(shard, heads)| entry_of(&own.root, *shard, heads));
    Summary { statements: statements_digest(&own.statements), shards: Packed(shards.collect()) }
}

fn entry_of(salt: &Root, shard: u8, heads: &Heads) -> [u8; 9] {
    let mut entry = [shard; 9];
    entry[1..].copy_from_slice(&shard_digest(salt, shard, heads));
    entry
}
