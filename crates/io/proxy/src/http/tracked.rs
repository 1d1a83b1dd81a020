//! What exchanges count in the entries of stick tables that they and their connection track.

use super::exchange::Exchange;

impl Exchange<'_> {
    /// A request has come, whatever becomes of it.
    pub fn track_request(&self) {
        let now = self.worker().recent();
        self.flow.each_tracked(|table, id| table.count_request(id, now));
    }

    /// The client's fault: junk, a refusal by rule, a wrong password.
    pub fn track_error(&self) {
        let now = self.worker().recent();
        self.flow.each_tracked(|table, id| table.count_error(id, now));
    }

    /// The server's fault: no valid answer.
    pub fn track_failure(&self) {
        let now = self.worker().recent();
        self.flow.each_tracked(|table, id| table.count_failure(id, now));
    }

    /// A server's answer tells whose fault it is.
    pub fn track_status(&self, status: u16) {
        match status {
            400..500 => self.track_error(),
            501 | 505 => {}
            500..600 => self.track_failure(),
            _ => {}
        }
    }

    pub fn track_bytes(&self) {
        let (now, received, sent) = (self.worker().recent(), self.bytes_in, self.bytes_out);
        self.flow.each_tracked(|table, id| table.count_bytes(id, received, sent, now));
    }
}
