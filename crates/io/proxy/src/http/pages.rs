//! Pages that the proxy itself has: metrics.

use super::exchange::Exchange;
use balance::http::reply::Answer;

/// `http-request use-service prometheus-exporter`.
pub fn metrics(_exchange: &Exchange<'_>) -> Answer {
    Answer::page(503)
}
