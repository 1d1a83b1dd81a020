//! `barque server`: flags are what the configuration file says, for one run.

use crate::output::fail;
use clap::Args;
use daemon::Config;
use std::net::IpAddr;
use std::process::ExitCode;

#[derive(Args)]
pub struct Arguments {
    /// Name of this node [default: the host name]
    #[arg(long)]
    node_name: Option<String>,
    /// The address other machines and pods reach this one by [default: that of the default route]
    #[arg(long, value_name = "IP")]
    advertise_address: Option<IpAddr>,
    /// Where the API is served [default: 0.0.0.0]
    #[arg(long, value_name = "IP")]
    bind_address: Option<IpAddr>,
    /// Port of the API [default: 6443]
    #[arg(long)]
    port: Option<u16>,
    /// A further name or address for the API server's certificate; may be repeated
    #[arg(long = "cert-extra-san", value_name = "NAME")]
    cert_extra_sans: Vec<String>,
    /// Addresses of Services [default: 10.96.0.0/12]
    #[arg(long, value_name = "CIDR")]
    service_cidr: Option<String>,
    /// Addresses of pods [default: 10.244.0.0/16]
    #[arg(long, value_name = "CIDR")]
    pod_network_cidr: Option<String>,
}

pub fn run(mut config: Config, arguments: Arguments) -> ExitCode {
    arguments.put_into(&mut config);
    telemetry::logs::init();
    // Two workers: the store commits on a thread of its own, so more would only wait for each other here.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(workers()).enable_all().build();
    match runtime {
        Ok(runtime) => match runtime.block_on(daemon::run(config)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(&error),
        },
        Err(error) => fail(&error),
    }
}

fn workers() -> usize {
    std::thread::available_parallelism().map_or(2, |cores| cores.get().clamp(2, 8))
}

impl Arguments {
    fn put_into(self, config: &mut Config) {
        set(&mut config.node_name, self.node_name);
        set(&mut config.bind_address, self.bind_address);
        set(&mut config.port, self.port);
        set(&mut config.service_cidr, self.service_cidr);
        set(&mut config.pod_cidr, self.pod_network_cidr);
        config.advertise_address = self.advertise_address.or(config.advertise_address);
        config.cert_extra_sans.extend(self.cert_extra_sans);
    }
}

fn set<T>(field: &mut T, given: Option<T>) {
    if let Some(given) = given {
        *field = given;
    }
}
