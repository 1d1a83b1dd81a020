//! The balancer alone, as `barque balance` has it: a program that is built in a moment.

use std::process::ExitCode;

fn main() -> ExitCode {
    proxy::process::main(std::env::args().skip(1))
}
