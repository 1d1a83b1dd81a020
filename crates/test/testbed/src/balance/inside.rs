//! A test that runs inside a host: the test's own program again, in the namespaces of the host.

use crate::host::Host;
use crate::run::{Output, run};

/// Tells the inner test that it is where it belongs.
const MARK: &str = "BARQUE_TEST_INSIDE";

/// Runs this one (ignored) test of the running program on the host, in a mount namespace of its own where
/// `/run/haproxy` is empty. `word` reaches it by [`word`].
pub fn play(host: &Host, test: &str, word: &str) -> Output {
    let program = std::env::current_exe().expect("the path of the running program");
    let mut command = host.command("unshare");
    command.args(["--mount", "sh", "-c"]);
    command.arg("mkdir -p /run/haproxy && mount -t tmpfs none /run/haproxy && exec \"$@\"").arg("sh");
    command.arg(program).args(["--exact", test, "--ignored", "--nocapture"]).env(MARK, word);
    run(&mut command)
}

/// The word that the outer test gave.
pub fn word() -> String {
    std::env::var(MARK).expect("this test is played by another one, inside a host of its own")
}
