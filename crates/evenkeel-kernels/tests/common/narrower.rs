//! Runs a test program again with narrower vector instructions.

const VARIABLE: &str = "EVENKEEL_VECTORS";

/// In processes of their own, because the instruction set is chosen once per process.
#[test]
fn tests_pass_with_narrower_vectors() {
    if std::env::var_os(VARIABLE).is_some() {
        return;
    }
    let this = std::env::current_exe().unwrap();
    for name in ["avx2", "none"] {
        let run = std::process::Command::new(&this)
            .env(VARIABLE, name)
            .output()
            .unwrap();
        let output = String::from_utf8_lossy(&run.stdout);
        assert!(run.status.success(), "{name}: {output}");
    }
}
