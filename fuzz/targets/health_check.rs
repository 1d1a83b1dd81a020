//! Health checks: any `tcp-check` and `http-check` lines are read or refused, and whatever a server answers, in whatever
//! pieces, a check ends.
//!
//! The input's lines up to an empty one are the backend's; what follows is the answer.

#![no_main]

use balance::check::{About, Check, Dialogue, Failure, Layer, Step, agent};
use balance::config::NoFiles;
use balance::config::model::{Capability, Place, Placed, Proxy};
use balance::pattern::Library;
use balance::sample::Env;
use libfuzzer_sys::fuzz_target;
use std::sync::Arc;

/// More steps than any input of this size can ask for: what needs more does not end.
const STEPS: usize = 20_000;

fuzz_target!(|data: &[u8]| {
    let Some((size, data)) = data.split_first() else { return };
    let end = data.windows(2).position(|pair| pair == b"\n\n").unwrap_or(0);
    let (lines, answer) = (String::from_utf8_lossy(&data[..end]), &data[end..]);
    let place = Place { file: "fuzz".into(), line: 1 };
    let line = |line: &str| Placed {
        place: place.clone(),
        words: line.split(' ').map(str::to_owned).collect::<Vec<_>>().into(),
        value: (),
    };
    let check = lines.lines().map(line).collect();
    let proxy = Proxy { check, ..Proxy::new("b", Capability::Backend, place.clone()) };
    let patterns = Library::default();
    agent::read(answer, true);
    let Ok(check) = Check::read(&proxy, Env { files: &NoFiles, patterns: &patterns }) else { return };
    let mut dialogue = Dialogue::new(Arc::new(check), About { running: true, ..About::default() });
    let mut pieces = answer.chunks(usize::from(*size) + 1);
    let mut step = dialogue.start();
    for _ in 0..STEPS {
        step = match step {
            Step::Connect(_) => dialogue.connected(),
            Step::Send(_) | Step::Request(_) => dialogue.sent(),
            Step::Read => match pieces.next() {
                Some(piece) => dialogue.received(piece),
                None if size % 2 == 0 => dialogue.closed(),
                None => Step::Done(dialogue.failed(Layer::Established, Failure::Timeout)),
            },
            Step::Done(_) => return,
        };
    }
    panic!("a check that does not end");
});
