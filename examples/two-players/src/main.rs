//! The demo: two people's habits in one home, told step by step.
//!
//! Libraries that the real Rhythmbox and the real Strawberry made are laid in a temporary home.
//! What is shown is what a person would type and see. After each step the apps' own files are
//! checked; the first claim that does not hold ends the demo with an error.

mod rhythmbox;
mod stage;
mod story;
mod strawberry;

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut out = std::io::stdout().lock();
    match story::tell(&mut out) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("The demo failed: {error}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn all_that_the_demo_claims_is_true() {
        let mut told = Vec::new();
        crate::story::tell(&mut told).unwrap();
        let told = String::from_utf8(told).unwrap();
        the_readme_shows_it(&told);
        assert_eq!(told.matches('✓').count(), 15, "{told}");
    }

    /// Each line of the README's console is one of the demo; `…` stands for any.
    fn the_readme_shows_it(told: &str) {
        let readme = include_str!("../../../README.md");
        let console = readme.split("```console\n").nth(1).unwrap().split("```").next().unwrap();
        assert!(console.lines().count() > 15);
        // A plan's name is made of all that it rests on: it differs with each version of Segue.
        let (shown, made) = (plan_named(console), plan_named(told));
        let console = console.replace(shown, made);
        for line in console.lines().filter(|line| *line != "…") {
            assert!(told.lines().any(|other| other == line), "the demo has no line `{line}`");
        }
    }

    fn plan_named(text: &str) -> &str {
        text.split_once("\nPlan ").and_then(|(_, rest)| rest.split_once('.')).unwrap().0
    }
}
