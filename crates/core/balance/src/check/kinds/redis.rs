//! `option redis-check`: `PING` and `PONG` in the serialization protocol of Redis.

use super::{expect_pattern, numbered, send};
use crate::check::rule::{Info, Pattern, Rule};
use crate::check::text::Text;
use crate::health::Status;

pub fn rules() -> Vec<Rule> {
    numbered(vec![
        send("*1\r\n$4\r\nPING\r\n"),
        expect_pattern(Pattern::Text(Text::Plain(b"+PONG\r\n".to_vec())), |expect| {
            expect.error_status = Some(Status::L7Status);
            expect.on_success = Info::Words("Redis server is ok");
            expect.on_error = Info::Line(0);
        }),
    ])
}
