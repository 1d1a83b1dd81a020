//! `barque address`: a member whose address has changed.

use crate::output::fail;
use clap::Args;
use daemon::{Config, change_address};
use std::net::IpAddr;
use std::process::ExitCode;

#[derive(Args)]
pub struct Arguments {
    /// The address that the other machines reach this one by now [default: the only one it has]
    #[arg(value_name = "IP")]
    address: Option<IpAddr>,
}

pub fn run(config: &Config, arguments: &Arguments, before: &[String]) -> ExitCode {
    match super::block_on(change_address(config, arguments.address, before, |phase| println!("{phase}"))) {
        Ok(Ok(changed)) => {
            println!(
                "\nThis machine is reached by {} instead of {}. Certificates, etcd, the Node and the other machines' doors \
                 follow by themselves; name servers and the configuration of others do not.",
                changed.to, changed.from
            );
            ExitCode::SUCCESS
        }
        Ok(Err(error)) => fail(&error),
        Err(error) => fail(&error),
    }
}
