//! The real command, killed at drawn moments: what it wrote is all there, and it said nothing.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::Failed;
use crate::desk::Desk;
use crate::explore::{Report, Violation, Wish, by_scene};
use crate::scene::{Played, Then};

/// The agent that stays is killed as long after its start as a command may take, and this many times that.
const STAYS: u32 = 4;

/// Kills the command so many times in all scenes together, and in those that begin with a sync the agent that stays.
///
/// # Errors
/// If a scene cannot be played as it is, without any kill.
pub fn kill(wish: &Wish) -> Result<Report, Failed> {
    by_scene(wish, &|scene, seed, states| {
        let mut killed = Killed {
            played: &Played::of(scene, &wish.program)?,
            rng: fastrand::Rng::with_seed(seed),
            report: Report::default(),
        };
        let stays = states / 4 * usize::from(scene.name == "sync");
        killed.times(&killed.played.words(), "killed", states - stays)?;
        killed.times(&["up", "--network", "loopback"], "killed while it stays", stays)?;
        Ok(killed.report)
    })
}

struct Killed<'a> {
    played: &'a Played,
    rng: fastrand::Rng,
    report: Report,
}

impl Killed<'_> {
    fn times(&mut self, words: &[&str], how: &'static str, times: usize) -> Result<(), Failed> {
        if times == 0 {
            return Ok(());
        }
        let took = self.took()?;
        let most = if words[0] == "up" { took * STAYS } else { took };
        let (mut kills, mut tries) = (0, 0);
        while kills < times && tries < times * 4 {
            tries += 1;
            let moment = Duration::from_micros(self.rng.u64(0..=most.as_micros() as u64));
            if !self.once(words, moment)? {
                continue;
            }
            kills += 1;
            *self.report.states.entry(how).or_default() += 1;
            let then =
                Then { other_way: kills % 2 == 1, takes_back: usize::is_multiple_of(kills, 3) };
            if let Err(why) = self.played.judge_now(then) {
                let crash = format!("{}\n{how} after {moment:?}\n", self.played.scene.name);
                self.report.violations.push(Violation { crash, why, keeps_order: true });
            }
        }
        Ok(())
    }

    /// How long the command takes.
    fn took(&self) -> Result<Duration, Failed> {
        self.played.begin()?;
        let began = Instant::now();
        self.played.desk.done(&self.played.words())?;
        Ok(began.elapsed())
    }

    /// Starts the command and kills it at this moment; says whether it still ran.
    fn once(&self, words: &[&str], moment: Duration) -> Result<bool, Failed> {
        self.played.begin()?;
        let mut child = start(&self.played.desk, words)?;
        std::thread::sleep(moment);
        child.kill()?;
        Ok(child.wait()?.code().is_none())
    }
}

fn start(desk: &Desk, words: &[&str]) -> Result<Child, Failed> {
    let mut command = desk.command(&desk.program);
    command.args(words).stdout(Stdio::null()).stderr(Stdio::null());
    Ok(command.spawn()?)
}
