//! Dynamic cookies of backends.

use crate::cli::answer::Answer;
use crate::cli::call::Call;

fn backend(call: &Call<'_>) -> Result<u32, Answer> {
    match call.word(0) {
        "" => Err(Answer::error("A backend name is expected.\n")),
        name => call.subject.backend(name).ok_or_else(|| Answer::error("No such backend.\n")),
    }
}

fn switch(call: &Call<'_>, on: bool) -> Answer {
    match backend(call) {
        Ok(backend) => call.subject.set_dynamic_cookie(backend, None, Some(on)).into(),
        Err(answer) => answer,
    }
}

pub fn enable(call: &mut Call<'_>) -> Answer {
    switch(call, true)
}

pub fn disable(call: &mut Call<'_>) -> Answer {
    switch(call, false)
}

pub fn set_key(call: &mut Call<'_>) -> Answer {
    let backend = match backend(call) {
        Ok(backend) => backend,
        Err(answer) => return answer,
    };
    match call.word(1) {
        "" => Answer::error("String value expected.\n"),
        key => call.subject.set_dynamic_cookie(backend, Some(key), None).into(),
    }
}
