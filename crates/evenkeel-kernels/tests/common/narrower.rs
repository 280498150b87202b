//! Everything of a test program once more with narrower vectors than this processor has.

const VARIABLE: &str = "EVENKEEL_VECTORS";

/// In processes of their own: what vectors are used is decided once.
#[test]
fn narrower_vectors_pass_too() {
    if std::env::var_os(VARIABLE).is_some() {
        return;
    }
    let this = std::env::current_exe().unwrap();
    for name in ["avx2", "none"] {
        let run = std::process::Command::new(&this)
            .env(VARIABLE, name)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&run.stdout);
        assert!(run.status.success(), "{name}: {said}");
    }
}
