//! `show servers state`, which a server-state file is made of, and `show servers conn`.

use crate::cli::answer::Answer;
use crate::cli::call::Call;
use crate::cli::{CheckFacts, ServerFacts};
use std::net::IpAddr;

const STATE_TITLES: &str = "# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight \
srv_iweight srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state \
srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr \
srv_agent_addr srv_agent_port\n";

/// Bits of `srv_check_state` and `srv_agent_state`.
const RUNNING: u32 = 0x01;
const CONFIGURED: u32 = 0x02;
const ENABLED: u32 = 0x04;
const PAUSED: u32 = 0x08;
const AGENT: u32 = 0x10;

pub fn state(call: &mut Call<'_>) -> Answer {
    let servers = match servers(call) {
        Ok(servers) => servers,
        Err(answer) => return answer,
    };
    let lines: String = servers.iter().map(|server| state_line(server) + "\n").collect();
    Answer::data(format!("1\n{STATE_TITLES}{lines}"))
}

pub fn conn(call: &mut Call<'_>) -> Answer {
    let servers = match servers(call) {
        Ok(servers) => servers,
        Err(answer) => return answer,
    };
    let threads = servers.iter().map(|server| server.connections.idle_per_thread.len()).max().unwrap_or(0);
    let mut out = format!(
        "# bkname/svname bkid/svid addr port - purge_delay used_cur used_max need_est unsafe_nb safe_nb idle_lim \
         idle_cur idle_per_thr[{threads}]\n"
    );
    out.extend(servers.iter().map(conn_line));
    Answer::data(out)
}

fn servers(call: &Call<'_>) -> Result<Vec<ServerFacts>, Answer> {
    let backend = match call.word(0) {
        "" => None,
        name => Some(call.subject.backend(name).ok_or_else(|| Answer::error("Can't find backend.\n"))?),
    };
    Ok(call.subject.servers(backend))
}

/// A line of a server-state file, version 1.
pub fn state_line(server: &ServerFacts) -> String {
    let agent_bits = if server.agent.configured { AGENT } else { 0 };
    [
        server.id.backend.to_string(),
        server.backend.clone(),
        server.id.server.to_string(),
        server.name.clone(),
        address(server.address),
        (server.oper as u8).to_string(),
        server.admin.bits().to_string(),
        server.weight.user.to_string(),
        server.weight.initial.to_string(),
        server.seconds_since_change.to_string(),
        server.check.status.to_string(),
        server.check.result.to_string(),
        server.check.health.to_string(),
        bits(&server.check).to_string(),
        (bits(&server.agent) | agent_bits).to_string(),
        u32::from(server.backend_id_given).to_string(),
        u32::from(server.id_given).to_string(),
        text(server.fqdn.as_deref()),
        server.port.to_string(),
        text(server.srv_record.as_deref()),
        u32::from(server.ssl).to_string(),
        server.check.port.unwrap_or(0).to_string(),
        address(server.check.address),
        address(server.agent.address),
        server.agent.port.unwrap_or(0).to_string(),
    ]
    .join(" ")
}

fn bits(check: &CheckFacts) -> u32 {
    [(check.running, RUNNING), (check.configured, CONFIGURED), (check.enabled, ENABLED), (check.paused, PAUSED)]
        .into_iter()
        .filter_map(|(set, bit)| set.then_some(bit))
        .sum()
}

fn address(address: Option<IpAddr>) -> String {
    address.map_or("-".to_owned(), |address| address.to_string())
}

fn text(text: Option<&str>) -> String {
    text.unwrap_or("-").to_owned()
}

fn conn_line(server: &ServerFacts) -> String {
    let connections = &server.connections;
    let idle: u32 = connections.idle_per_thread.iter().sum();
    let per_thread: String = connections.idle_per_thread.iter().map(|count| format!(" {count}")).collect();
    format!(
        "{}/{} {}/{} {} {} - {} {} {} {} {} {} {} {idle}{per_thread}\n",
        server.backend,
        server.name,
        server.id.backend,
        server.id.server,
        address(server.address),
        server.port,
        connections.purge_delay,
        connections.used,
        connections.used_max,
        connections.needed,
        connections.idle_unsafe,
        connections.idle_safe,
        connections.idle_limit,
    )
}
