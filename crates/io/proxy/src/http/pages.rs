//! Pages that the proxy itself has: statistics and metrics.

use super::downstream::Client;
use super::exchange::{Exchange, Next};
use super::requests::Way;
use super::transfer::Transfer;
use crate::cli::View;
use crate::dispatch::millis;
use balance::cli::{Process, Tables};
use balance::config::model::{Proxy, StatsPage};
use balance::http::RequestHead;
use balance::http::reply::{Answer, Reply};
use balance::log::record::{Cause, Phase};
use balance::password;
use balance::program::Program;
use balance::stats::html::{self, Form, Options, Outcome, Page, Query};
use balance::stats::prometheus::{self, Snapshot, Table};
use balance::stats::{Filter, Row, csv, json, typed};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

/// `http-request use-service prometheus-exporter`.
pub fn metrics(exchange: &Exchange<'_>) -> Answer {
    let query = String::from_utf8_lossy(exchange.request().query()).into_owned();
    let Ok(query) = prometheus::Query::parse(&query) else { return Answer::page(400) };
    let view = View::new(&exchange.worker().engine);
    let mut tables = Vec::new();
    for name in view.table_names() {
        view.with_table(&name, &mut |table, _| {
            let config = table.config();
            let kind = config.keys.name().to_owned();
            tables.push(Table { name: table.name.clone(), kind, size: config.size as u64, used: table.len() as u64 });
        });
    }
    let (info, rows) = (view.info(), view.rows(&Filter::default()));
    let snapshot = Snapshot { info: &info, rows: &rows, tables: &tables };
    let text = prometheus::render(&snapshot, &query);
    let answer = Answer::new(200).header("cache-control", "no-cache").header("content-type", prometheus::CONTENT_TYPE);
    Answer { body: text.into_bytes(), headers_first: 2, ..answer }
}

/// What of the address stands behind `stats uri`, if the page is meant. Other methods go to a server, as with HAProxy.
fn asked<'r>(page: &StatsPage, request: &'r RequestHead) -> Option<&'r [u8]> {
    let is_known = matches!(request.method(), b"GET" | b"HEAD" | b"POST");
    request.path_and_query().strip_prefix(page.uri.as_bytes()).filter(|_| is_known)
}

impl Exchange<'_> {
    /// Answers with the statistics page of this proxy, if the request is for it.
    pub async fn stats_page(
        &mut self,
        client: &mut Client<'_>,
        up: &mut Transfer,
        program: &Program,
        proxy: &Proxy,
    ) -> Way<()> {
        let Some(page) = &proxy.stats else { return Way::On(()) };
        let Some(rest) = asked(page, self.request()) else { return Way::On(()) };
        let query = Query::parse(&String::from_utf8_lossy(rest));
        if let Way::Ended(next) = self.run_list(client, up, &program.stats_http_request).await {
            return Way::Ended(next);
        }
        self.count_intercepted();
        if !self.may_look(page) {
            self.ending.note(Cause::Proxy, Phase::Request);
            let through = self.has_body_read(up);
            return Way::Ended(self.answer(client, Reply::Built(Answer::unauthorized(&page.realm)), through).await);
        }
        self.ending.note(Cause::Local, Phase::Request);
        let admin = program.stats_admin.iter().any(|condition| condition.holds(&self.flow));
        if self.request().method() == b"POST" {
            return Way::Ended(self.stats_form(client, up, (page, query), admin).await);
        }
        let answer = statistics(&View::new(&self.worker().engine), proxy, (page, &query), admin);
        let through = self.has_body_read(up);
        Way::Ended(self.answer(client, Reply::Built(answer), through).await)
    }

    /// `stats auth`: one of the names with its password, where there are any.
    fn may_look(&self, page: &StatsPage) -> bool {
        let given = || {
            let value = self.request().headers.get(b"authorization")?;
            let (scheme, code) = value.split_at_checked(6)?;
            let code = if scheme.eq_ignore_ascii_case(b"Basic ") { code.trim_ascii() } else { return None };
            String::from_utf8(BASE64_STANDARD.decode(code).ok()?).ok()
        };
        page.auth.is_empty()
            || given().is_some_and(|given| {
                let same = |(user, password): &(String, String)| {
                    password::same(format!("{user}:{password}").as_bytes(), given.as_bytes())
                };
                page.auth.iter().any(same)
            })
    }

    /// Carries out a posted form, and sends the reader back to the page.
    async fn stats_form(
        &mut self,
        client: &mut Client<'_>,
        up: &mut Transfer,
        (page, query): (&StatsPage, Query),
        admin: bool,
    ) -> Next {
        let field =
            |name: &[u8]| self.request().headers.get(name).map(|value| String::from_utf8_lossy(value).into_owned());
        let from_us = html::allowed_from(
            field(b"host").as_deref(),
            field(b"origin").as_deref(),
            field(b"sec-fetch-site").as_deref(),
        );
        let outcome = if !admin || !from_us {
            Outcome::Denied
        } else {
            let patience = self.front.timeouts.http_request.or(self.front.timeouts.client);
            if let Way::Ended(next) = self.wait_for_body(client, up, millis(patience), 0).await {
                return next;
            }
            let tune = &self.worker().engine.running().config.global.tune;
            let room = tune.bufsize.saturating_sub(tune.maxrewrite);
            match &self.flow.request_body {
                Some(body) if body.complete && body.bytes.len() <= room => {
                    html::apply(&String::from_utf8_lossy(&body.bytes), &View::new(&self.worker().engine))
                }
                Some(_) => Outcome::TooLong,
                None => Outcome::Nothing,
            }
        };
        let back = Query { outcome: Some(outcome.word().to_owned()), form: Form::Page, ..query };
        let answer = Answer::new(303)
            .header("cache-control", "no-cache")
            .header("content-type", "text/plain")
            .header("location", back.address(&page.uri));
        let answer = Answer { headers_first: 2, ..answer };
        let through = self.has_body_read(up);
        self.answer(client, Reply::Built(answer), through).await
    }
}

fn statistics(view: &View, proxy: &Proxy, (page, query): (&StatsPage, &Query), admin: bool) -> Answer {
    let in_scope = |row: &Row| {
        let named = |name: &String| *name == row.pxname || name == "." && row.pxname == proxy.name;
        page.scope.is_empty() || page.scope.iter().any(named)
    };
    let mut rows = view.rows(&Filter::default());
    rows.retain(|row| in_scope(row) && query.wants(row));
    if !page.show_legends {
        for row in &mut rows {
            (row.addr, row.cookie, row.algo) = (None, None, None);
        }
    }
    let body = match query.form {
        Form::Csv => csv::header() + &csv::rows(&rows),
        Form::Json => json::rows(&rows),
        Form::JsonSchema => json::SCHEMA.to_owned(),
        Form::Typed => typed::rows(&rows, false),
        Form::Page => {
            let info = view.info();
            let shown = |wanted: &Option<Option<String>>, default: &str| {
                wanted.as_ref().map(|text| text.clone().unwrap_or_else(|| default.to_owned()))
            };
            let options = Options {
                uri: page.uri.clone(),
                refresh: page.refresh.map(|refresh| refresh.as_secs()),
                hide_version: page.hide_version,
                node: shown(&page.show_node, &info.node),
                description: shown(&page.show_desc, info.description.as_deref().unwrap_or_default()),
                legends: page.show_legends,
                admin,
            };
            Page { info: &info, rows: &rows, options: &options, query }.render()
        }
    };
    let mut answer = Answer::new(200).header("cache-control", "no-cache");
    answer = answer.header("content-type", query.form.content_type());
    if query.form == Form::Page {
        answer = html::HEADERS.iter().fold(answer, |answer, (name, value)| answer.header(name, *value));
    }
    // The page itself waits while servers are ticked; other forms have nobody to.
    if let Some(refresh) = page.refresh.filter(|_| query.form != Form::Page && !query.no_refresh) {
        answer = answer.header("refresh", refresh.as_secs().to_string());
    }
    Answer { body: body.into_bytes(), headers_first: 2, ..answer }
}
