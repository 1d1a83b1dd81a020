//! GET of one object.

use super::Call;
use crate::server::Server;
use apimachinery::{ApiError, ApiResult, Object};
use std::sync::Arc;

impl Server {
    /// The object as it is now, or (with a revision of 0) as the cache knows it.
    ///
    /// # Errors
    /// 404 if there is none.
    pub async fn get(&self, call: &Call<'_>, revision: Option<u64>) -> ApiResult<Arc<Object>> {
        let object = self.stored(call, revision).await?;
        Ok(call.resource.shown(&object))
    }

    /// The object as it is kept.
    pub(crate) async fn stored(&self, call: &Call<'_>, revision: Option<u64>) -> ApiResult<Arc<Object>> {
        match revision {
            None => self.cache.wait_fresh().await.map(drop)?,
            Some(0) => {}
            Some(revision) => self.cache.wait_until(revision).await?,
        }
        let shelf = self.cache.shelf(&call.resource.place);
        shelf.get(&call.key()).ok_or_else(|| ApiError::not_found(&call.resource.gvr, call.name))
    }
}
