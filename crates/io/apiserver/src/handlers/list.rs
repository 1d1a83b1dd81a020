//! GET of a collection, whole or in pages.
//!
//! Invariants
//! - All pages of one list show the state at one revision; when that is forgotten the client gets 410, never a mix.
//! - The items are the stored bytes.
//!
//! Upstream: `apiserver/pkg/storage/etcd3/store.go` (GetList), `storage/continue.go`.

use super::Call;
use super::options::{ListParams, Match};
use crate::cache::{Entry, Selection};
use crate::server::Server;
use apimachinery::{ApiError, ApiResult, Object};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use store::{Range, ReadError};

/// A list before it is written in one of the forms clients ask for.
#[derive(Debug, Default)]
pub struct Listed {
    pub items: Vec<Arc<Object>>,
    pub revision: u64,
    /// Empty on the last page.
    pub continue_token: String,
    /// Known only without selectors.
    pub remaining: Option<usize>,
}

/// The text behind `continue`: the state to go on with, and the last key given.
#[derive(Serialize, Deserialize)]
struct Token {
    v: String,
    /// -1: the newest there is.
    rv: i64,
    /// The key, without the resource's prefix.
    start: String,
}

const TOKEN_VERSION: &str = "meta.k8s.io/v1";

/// Keys read from the store at once while a page of a selected list is filled.
const SCAN: usize = 500;

impl Server {
    /// # Errors
    /// 400 for selectors and tokens that cannot be read, 410 for a state that is forgotten.
    pub async fn list(&self, call: &Call<'_>, params: &ListParams) -> ApiResult<Listed> {
        let selection = self.selection(call, params)?;
        let mut listed = if params.continue_token.is_empty() {
            self.first_page(call, params, &selection).await?
        } else {
            let token = Token::parse(&params.continue_token)?;
            let at = match u64::try_from(token.rv) {
                Ok(at) => at,
                // The client knows that this is another state than that of the pages before.
                Err(_) => self.cache.wait_fresh().await?,
            };
            self.page_at(call, at, Some(token.start), params.limit, &selection).await?
        };
        if !call.resource.shows_stored_bytes() {
            listed.items = listed.items.iter().map(|object| call.resource.shown(object)).collect();
        }
        Ok(listed)
    }

    /// What this request selects.
    pub(crate) fn selection(&self, call: &Call<'_>, params: &ListParams) -> ApiResult<Selection> {
        let mut selection = Selection::parse(&params.label_selector, &params.field_selector, &call.resource)?;
        selection.set_namespace(call.namespace);
        selection.set_name(call.name);
        Ok(selection)
    }

    async fn first_page(&self, call: &Call<'_>, params: &ListParams, selection: &Selection) -> ApiResult<Listed> {
        let limit = if params.revision == Some(0) { 0 } else { params.limit };
        match (params.revision, params.matching) {
            (None, _) => self.cache.wait_fresh().await.map(drop)?,
            (Some(0), _) => {}
            (Some(at), Some(Match::Exact)) => return self.page_at(call, at, None, limit, selection).await,
            (Some(at), None) if limit > 0 => return self.page_at(call, at, None, limit, selection).await,
            (Some(at), _) => self.cache.wait_until(at).await?,
        }
        Ok(self.page_now(call, limit, selection))
    }

    fn page_now(&self, call: &Call<'_>, limit: usize, selection: &Selection) -> Listed {
        let complete = self.cache.revision();
        let snapshot = self.cache.shelf(&call.resource.place).snapshot(complete);
        let prefix = call.resource.key(call.namespace, "");
        let mut selected = snapshot.select(&prefix, None, selection);
        let mut listed = Listed { revision: snapshot.revision, ..Listed::default() };
        if limit == 0 {
            listed.items = selected.map(|(_, object)| object.clone()).collect();
            return listed;
        }
        let mut last = "";
        for (key, object) in selected.by_ref().take(limit) {
            listed.items.push(object.clone());
            last = key;
        }
        let more = if selection.is_everything() { selected.count() } else { selected.take(1).count() };
        if more > 0 {
            listed.continue_token = Token::after(last, &call.resource.place.prefix, listed.revision);
            listed.remaining = selection.is_everything().then_some(more);
        }
        listed
    }

    /// A page of the state at a revision, from the store.
    async fn page_at(
        &self,
        call: &Call<'_>,
        at: u64,
        after: Option<String>,
        limit: usize,
        selection: &Selection,
    ) -> ApiResult<Listed> {
        let whole = &call.resource.place.prefix;
        let selectable = self.cache.shelf(&call.resource.place).selectable();
        let token = after.as_ref().map(|key| Token::newest_after(key)).unwrap_or_default();
        let mut after = after.map(|key| format!("{whole}{key}"));
        let mut listed = Listed { revision: at, ..Listed::default() };
        loop {
            let wanted = if limit == 0 || !selection.is_everything() { SCAN } else { limit - listed.items.len() };
            let prefix = call.resource.key(call.namespace, "");
            let range = Range { prefix, after: after.clone(), at: Some(at), limit: wanted };
            let page = self.store.range(range).await.map_err(|error| gone(&error, &token))?;
            let mut remaining = page.remaining;
            let mut left = page.items.len();
            for item in page.items {
                left -= 1;
                after = Some(item.key.to_string());
                let object = Object::from_stored(&item.value, item.modified).map_err(ApiError::internal)?;
                let entry = Entry::new(object, &selectable);
                if selection.matches(&entry) {
                    listed.items.push(entry.object);
                }
                if limit > 0 && listed.items.len() == limit {
                    remaining += left;
                    break;
                }
            }
            let full = limit > 0 && listed.items.len() == limit;
            if full && remaining > 0 {
                listed.continue_token = Token::after(after.as_deref().unwrap_or_default(), whole, at);
                listed.remaining = selection.is_everything().then_some(remaining);
            }
            if full || remaining == 0 {
                return Ok(listed);
            }
        }
    }
}

impl Token {
    fn parse(text: &str) -> ApiResult<Self> {
        let refuse = |why: &str| ApiError::bad_request(format!("continue key is not valid: {why}"));
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).map_err(|_| refuse("not base64"))?;
        let token: Self = serde_json::from_slice(&bytes).map_err(|_| refuse("not a token of this server"))?;
        if token.v != TOKEN_VERSION {
            return Err(refuse(&format!("server does not recognize this encoded version {:?}", token.v)));
        }
        if token.rv == 0 {
            return Err(refuse(&format!("incorrect encoded start resourceVersion (version {TOKEN_VERSION})")));
        }
        if token.start.is_empty() {
            return Err(refuse(&format!("encoded start key empty (version {TOKEN_VERSION})")));
        }
        Ok(token)
    }

    fn after(key: &str, prefix: &str, revision: u64) -> String {
        let start = key.strip_prefix(prefix).unwrap_or(key).to_owned();
        Self { v: TOKEN_VERSION.to_owned(), rv: i64::try_from(revision).unwrap_or(i64::MAX), start }.text()
    }

    /// For those whose state is forgotten: go on behind this key in the newest.
    fn newest_after(key: &str) -> String {
        Self { v: TOKEN_VERSION.to_owned(), rv: -1, start: key.to_owned() }.text()
    }

    fn text(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default())
    }
}

/// Upstream: `interpretListError`, `handleCompactedErrorForPaging`.
fn gone(error: &ReadError, token: &str) -> ApiError {
    match error {
        ReadError::Compacted { .. } if !token.is_empty() => ApiError::expired(
            "The provided continue parameter is too old to display a consistent list result. You can start a new list \
             without the continue parameter, or use the continue token in this response to retrieve the remainder of \
             the results. Continuing with the provided token results in an inconsistent list - objects that were \
             created, modified, or deleted between the time the first chunk was returned and now may show up in the \
             list.",
        )
        .with_continue(token),
        ReadError::Compacted { .. } => ApiError::expired("The resourceVersion for the provided list is too old."),
        ReadError::Future { asked, newest } => ApiError::new(
            apimachinery::Reason::Timeout,
            format!("Timeout: Too large resource version: {asked}, current: {newest}"),
        ),
        ReadError::Io(_) => ApiError::internal(error),
    }
}
