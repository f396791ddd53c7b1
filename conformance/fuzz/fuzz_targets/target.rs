//! Feeds the target of `segue-hostile` that `SEGUE_TARGET` names.
//!
//! One program for all, because each would be all of Segue linked once more.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use segue_hostile::{Target, target};

static TARGET: LazyLock<&Target> = LazyLock::new(|| {
    let name = std::env::var("SEGUE_TARGET").unwrap_or_default();
    let found = target(&name);
    // What automerge panics over is caught; only what leaves the target is a crash. libfuzzer's own hook knows no
    // difference.
    std::panic::set_hook(Box::new(|_| {}));
    found.unwrap_or_else(|| {
        eprintln!("SEGUE_TARGET names no target: `{name}`");
        std::process::exit(2)
    })
});

fuzz_target!(init: LazyLock::force(&TARGET), |bytes: &[u8]| {
    (TARGET.run)(bytes);
});
