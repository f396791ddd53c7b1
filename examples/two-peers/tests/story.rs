//! The whole example, as a person runs it. An integration test, because only for these does cargo
//! build the program first, and the example's devices are processes of this very program.

use std::process::Command;

#[test]
fn all_that_the_example_claims_is_true() {
    let output = Command::new(env!("CARGO_BIN_EXE_segue-two-peers")).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(told.matches('✓').count(), 7, "{told}");
}
