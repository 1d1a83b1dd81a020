//! `peers` (manual, section 3.5): read, and nothing is exchanged: a reload keeps the tables of the running process.

use crate::config::keyword::{ANY, Keyword, done, ignored, refused};
use crate::config::line::Ctx;
use crate::config::model::{Peer, Peers};

pub(in crate::config) type Read = fn(&mut Ctx, &mut Peers);

const ALONE: &str = "tables stay in this process";

pub(in crate::config) const KEYWORDS: &[Keyword<Read>] = &[
    ignored("bind", ANY, ALONE),
    ignored("default-bind", ANY, ALONE),
    ignored("default-server", ANY, ALONE),
    ignored("disabled", ANY, ALONE),
    ignored("enabled", ANY, ALONE),
    ignored("log", ANY, ALONE),
    done("peer", ANY, peer),
    done("server", ANY, peer),
    refused("table", ANY, "tables belong to proxies", "write a backend with 'stick-table' and name it after 'table'"),
];

pub(in crate::config) fn open(ctx: &mut Ctx) -> Option<Peers> {
    Some(Peers { name: super::name(ctx)?.to_owned(), place: ctx.report.place.clone(), peers: vec![] })
}

pub(in crate::config) fn line(ctx: &mut Ctx, peers: &mut Peers) {
    super::line(ctx, KEYWORDS, peers, "peers");
}

fn peer(ctx: &mut Ctx, peers: &mut Peers) {
    ctx.report.ignore("peers", ALONE);
    let address = ctx.words.get(2).cloned();
    peers.peers.push(Peer { name: ctx.word(1).to_owned(), address });
}
