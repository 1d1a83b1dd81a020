//! Frontends.

use crate::cli::answer::Answer;
use crate::cli::call::{Call, leading_number};
use crate::cli::{FrontendChange, FrontendFacts, FrontendState};

fn frontend(call: &Call<'_>) -> Result<FrontendFacts, Answer> {
    match call.word(0) {
        "" => Err(Answer::error("A frontend name is expected.\n")),
        name => call.subject.frontend(name).ok_or_else(|| Answer::error("No such frontend.\n")),
    }
}

/// Switches it, unless it is there already.
fn switch(call: &Call<'_>, change: FrontendChange, refused: impl Fn(FrontendState) -> Option<&'static str>) -> Answer {
    let frontend = match frontend(call) {
        Ok(frontend) => frontend,
        Err(answer) => return answer,
    };
    match refused(frontend.state) {
        Some(text) => Answer::error(text),
        None => call.subject.change_frontend(frontend.id, change).into(),
    }
}

pub fn enable(call: &mut Call<'_>) -> Answer {
    switch(call, FrontendChange::Enable, |state| match state {
        FrontendState::Listening => Some("All sockets are already enabled.\n"),
        FrontendState::Stopped => Some("Frontend was previously shut down, cannot enable.\n"),
        FrontendState::Disabled => None,
    })
}

pub fn disable(call: &mut Call<'_>) -> Answer {
    switch(call, FrontendChange::Disable, |state| match state {
        FrontendState::Disabled => Some("All sockets are already disabled.\n"),
        FrontendState::Stopped => Some("Frontend was previously shut down, cannot disable.\n"),
        FrontendState::Listening => None,
    })
}

pub fn shutdown(call: &mut Call<'_>) -> Answer {
    switch(call, FrontendChange::Shutdown, |state| match state {
        FrontendState::Stopped => Some("Frontend was already shut down.\n"),
        _ => None,
    })
}

pub fn set_maxconn(call: &mut Call<'_>) -> Answer {
    let frontend = match frontend(call) {
        Ok(frontend) => frontend,
        Err(answer) => return answer,
    };
    if call.word(1).is_empty() {
        return Answer::error("Integer value expected.\n");
    }
    match u32::try_from(leading_number(call.word(1))) {
        Ok(maxconn) => call.subject.change_frontend(frontend.id, FrontendChange::Maxconn(maxconn)).into(),
        Err(_) => Answer::error("Value out of range.\n"),
    }
}
