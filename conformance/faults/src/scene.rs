//! A command, what was before it, and what becomes of a crash in it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::Failed;
use crate::crash::Crash;
use crate::desk::{Desk, Ran};
use crate::disk::{Disk, Tree};
use crate::record::Record;
use crate::state::{Parts, State, differ, torn};

/// A command, and how a person goes on after it was interrupted.
pub(crate) struct Scene {
    pub(crate) name: &'static str,
    /// Why it cannot be played here, if so.
    pub(crate) missing: fn() -> Option<String>,
    /// Lays the libraries and leads to some time before the command; returns the command's words.
    pub(crate) prepare: fn(&Desk) -> Result<Vec<String>, Failed>,
    /// From there to just before the command: what it takes back, if it is an undo.
    pub(crate) lead: fn(&Desk) -> Result<(), Failed>,
    /// Ways in which a person may go on.
    pub(crate) go_on: [&'static [Step]; 2],
    /// The libraries, as a plan names them.
    pub(crate) link: &'static [&'static str],
    /// What the apps keep.
    pub(crate) parts: fn(&Desk) -> Result<Parts, Failed>,
    /// How the names of those parts begin that are told apart from a write in between by Segue alone.
    pub(crate) at_rest: &'static [&'static str],
}

impl Scene {
    /// The parts that are old or new at any time.
    fn at_any_time(&self, mut parts: Parts) -> Parts {
        parts.retain(|name, _| !self.at_rest.iter().any(|start| name.starts_with(start)));
        parts
    }
}

/// What a person does after a crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// The same command once more.
    Again,
    Sync,
    /// Plans to link the libraries and does it, unless they are linked.
    Link,
}

/// How it goes on after a crash.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Then {
    /// In the second of the scene's ways.
    pub(crate) other_way: bool,
    /// At last the operation is taken back.
    pub(crate) takes_back: bool,
}

/// A scene that was played undisturbed, and recorded.
pub(crate) struct Played {
    pub(crate) scene: &'static Scene,
    pub(crate) record: Record,
    pub(crate) desk: Desk,
    words: Vec<String>,
    /// What the apps keep before the command, and after it; an undo may bring back what was before all, and then do again
    /// what an app's user did since.
    known: Vec<Parts>,
    end: State,
    /// How it is when the operation is taken back then; of commands that are no undo.
    taken_back: Option<State>,
}

impl Played {
    /// Plays a scene with this command.
    pub(crate) fn of(scene: &'static Scene, program: &std::path::Path) -> Result<Self, Failed> {
        let desk = Desk::new(program)?;
        let words = (scene.prepare)(&desk)?;
        let between = (scene.parts)(&desk)?;
        (scene.lead)(&desk)?;
        let before = (scene.parts)(&desk)?;
        let line: Vec<&str> = words.iter().map(String::as_str).collect();
        let record = desk.record(&line)?;
        let after = (scene.parts)(&desk)?;
        let mut played = Self {
            scene,
            record,
            desk,
            end: State::none(),
            taken_back: None,
            known: vec![
                scene.at_any_time(before),
                scene.at_any_time(between),
                scene.at_any_time(after),
            ],
            words,
        };
        // A first plan is followed by what links.
        let is_first = scene.go_on[0].contains(&Step::Link);
        played.go_on(if is_first { scene.go_on[0] } else { &[Step::Sync] })?;
        played.end = played.state()?;
        if !played.is_undo() {
            played.taken_back = Some(played.take_back()?);
        }
        Ok(played)
    }

    /// The words of the command.
    pub(crate) fn words(&self) -> Vec<&str> {
        self.words.iter().map(String::as_str).collect()
    }

    /// Leads to just before the command.
    pub(crate) fn begin(&self) -> Result<(), Failed> {
        self.desk.lay(&self.record.begin.tree())
    }

    fn is_undo(&self) -> bool {
        self.words[0] == "undo"
    }

    fn state(&self) -> Result<State, Failed> {
        State::of(&self.desk, (self.scene.parts)(&self.desk)?)
    }

    /// What is wrong after a crash.
    pub(crate) fn judge(&self, crash: &Crash, then: Then) -> Result<(), String> {
        let tree = crash.disk(&self.record).tree();
        // Who was told that it is done finds it done.
        let is_told = crash.cut == self.record.ops.len();
        let known = if is_told { &self.known[2..] } else { &self.known };
        self.desk.lay(&tree).map_err(|why| why.to_string())?;
        self.judge_as(known, then)
    }

    /// What is wrong as the home is now.
    pub(crate) fn judge_now(&self, then: Then) -> Result<(), String> {
        self.judge_as(&self.known, then)
    }

    fn judge_as(&self, known: &[Parts], then: Then) -> Result<(), String> {
        match catch_unwind(AssertUnwindSafe(|| self.judged(known, then))) {
            Ok(judged) => judged.map_err(|why| why.to_string()),
            Err(_) => Err("it panics".into()),
        }
    }

    fn judged(&self, known: &[Parts], then: Then) -> Result<(), Failed> {
        let parts = (self.scene.parts)(&self.desk)?;
        let parts = self.scene.at_any_time(parts);
        if let Some(name) = torn(&parts, known) {
            let nearest = known.last().map(|known| differ(&parts, known)).unwrap_or_default();
            return Err(format!("{name} is neither old nor new\n{nearest}").into());
        }
        self.go_on(self.scene.go_on[usize::from(then.other_way)])?;
        if let Some(difference) = self.state()?.difference(&self.end) {
            return Err(format!("it ends elsewhere\n{difference}").into());
        }
        if then.takes_back
            && let Some(state) = &self.taken_back
            && let Some(difference) = self.take_back()?.difference(state)
        {
            return Err(format!("undo does not take all back\n{difference}").into());
        }
        Ok(())
    }

    /// Goes on until nothing is left to do.
    fn go_on(&self, steps: &[Step]) -> Result<(), Failed> {
        for step in steps {
            match step {
                Step::Again => self.step(&self.words())?,
                Step::Sync => self.step(&["sync"])?,
                Step::Link => self.link()?,
            };
        }
        let before = self.apps()?;
        let Ran { code, out, err } = self.desk.act(&["sync"]);
        let quiet = ["nothing to do", "nothing is linked"];
        if !quiet.iter().any(|words| err.contains(words)) {
            return Err(format!("a further sync: {code:?} {out}{err}").into());
        }
        if self.apps()? != before {
            return Err(format!("a further sync writes: {out}{err}").into());
        }
        Ok(())
    }

    fn step(&self, words: &[&str]) -> Result<Ran, Failed> {
        let ran = self.desk.act(words);
        if !matches!(ran.code, Some(0 | 1)) {
            return Err(format!("then {words:?}: {:?} {}{}", ran.code, ran.out, ran.err).into());
        }
        Ok(ran)
    }

    fn link(&self) -> Result<Ran, Failed> {
        let words = [&["plan"], self.scene.link, &["--json"]].concat();
        let ran = self.step(&words)?;
        let plan: serde_json::Value = serde_json::from_str(&ran.out)?;
        self.step(&["apply", plan["plan"].as_str().unwrap_or_default()])
    }

    /// All files but Segue's.
    fn apps(&self) -> Result<Tree, Failed> {
        let mut tree = Disk::read(self.desk.home())?.tree();
        tree.retain(|path, _| !path.components().any(|part| part.as_os_str() == "segue"));
        Ok(tree)
    }

    /// Takes the last operation back.
    fn take_back(&self) -> Result<State, Failed> {
        let Ran { code, out, err } = self.desk.act(&["undo"]);
        if code != Some(0) {
            return Err(format!("undo {code:?}: {out}{err}").into());
        }
        self.state()
    }
}
