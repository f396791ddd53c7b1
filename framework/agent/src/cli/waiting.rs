//! Says what goes on while a person waits.
//!
//! Invariant: what is over within 300 ms shows nothing, and nothing of what is shown stays.

use std::io::{self, Write};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::text::words::clean;
use crate::Progress;

/// Below this a wait is not felt.
const PATIENCE: Duration = Duration::from_millis(300);
const TICK: Duration = Duration::from_millis(100);

/// Without a terminal only that is said which a person has to read.
pub(super) struct Plain;

impl Progress for Plain {
    fn step(&self, _: &str, _: Option<u64>) {}
    fn advance(&self, _: u64) {}

    fn say(&self, sentence: &str) {
        // Nobody is left to tell if standard error is gone.
        let _ = writeln!(io::stderr(), "{}", clean(sentence));
    }
}

/// A line on standard error that says what is being done, once it has taken long enough.
pub(super) struct Waiting {
    bar: ProgressBar,
    /// Dropped when the work is over.
    over: Option<Sender<()>>,
    watch: Option<JoinHandle<()>>,
}

impl Waiting {
    /// The wait begins now.
    pub(super) fn begin() -> Self {
        Self::on(ProgressDrawTarget::stderr, PATIENCE)
    }

    fn on(
        target: impl FnOnce() -> ProgressDrawTarget + Send + 'static,
        patience: Duration,
    ) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        bar.set_style(style(None));
        let (over, ends) = mpsc::channel::<()>();
        let shown = bar.clone();
        let watch = thread::spawn(move || {
            if ends.recv_timeout(patience) == Err(RecvTimeoutError::Timeout) {
                shown.set_draw_target(target());
                shown.tick();
                shown.enable_steady_tick(TICK);
            }
        });
        Self { bar, over: Some(over), watch: Some(watch) }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.over.take();
        if let Some(watch) = self.watch.take() {
            // The thread only draws; if it failed there is nothing to clear.
            let _ = watch.join();
        }
        self.bar.finish_and_clear();
    }
}

impl Progress for Waiting {
    fn step(&self, what: &str, total: Option<u64>) {
        self.bar.set_style(style(total));
        self.bar.set_position(0);
        match total {
            Some(total) => self.bar.set_length(total),
            None => self.bar.unset_length(),
        }
        self.bar.set_message(clean(what));
    }

    fn advance(&self, done: u64) {
        self.bar.set_position(done);
    }

    fn say(&self, sentence: &str) {
        self.bar.suspend(|| Plain.say(sentence));
    }
}

fn style(total: Option<u64>) -> ProgressStyle {
    let template = match total {
        Some(_) => "{msg}… {human_pos} of {human_len}",
        None => "{msg}… {elapsed}",
    };
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use indicatif::TermLike;

    use super::*;

    /// Keeps what was drawn.
    #[derive(Debug, Clone, Default)]
    struct Screen(Arc<Mutex<String>>);

    impl TermLike for Screen {
        fn width(&self) -> u16 {
            80
        }
        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn write_line(&self, text: &str) -> io::Result<()> {
            self.write_str(text)
        }
        fn write_str(&self, text: &str) -> io::Result<()> {
            self.0.lock().unwrap().push_str(text);
            Ok(())
        }
        fn clear_line(&self) -> io::Result<()> {
            Ok(())
        }
        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    fn drawn(patience: Duration, wait: impl FnOnce(&Waiting)) -> String {
        let screen = Screen::default();
        let target = screen.clone();
        let target = move || ProgressDrawTarget::term_like(Box::new(target));
        let waiting = Waiting::on(target, patience);
        waiting.step("Reading rhythm\u{1b}box", None);
        wait(&waiting);
        drop(waiting);
        screen.0.lock().unwrap().clone()
    }

    #[test]
    fn what_is_over_soon_shows_nothing() {
        assert_eq!(drawn(Duration::from_hours(1), |_| ()), "");
    }

    #[test]
    fn what_lasts_is_shown_clean() {
        let until_shown = |waiting: &Waiting| {
            while !waiting.watch.as_ref().unwrap().is_finished() {
                thread::yield_now();
            }
        };
        let text = drawn(Duration::ZERO, until_shown);
        assert!(text.contains(r"Reading rhythm\u{1b}box…"), "{text:?}");
    }
}
