//! Process-wide variables and the environment.

use crate::cli::answer::Answer;
use crate::cli::call::Call;

pub fn get(call: &mut Call<'_>) -> Answer {
    match call.word(0) {
        "" => Answer::error("Missing process-wide variable identifier.\n"),
        name => match call.subject.variable(name).filter(|_| name.starts_with("proc.")) {
            Some((kind, value)) => Answer::data(format!("{name}: type={kind} value=<{value}>")),
            None => Answer::error("Variable not found.\n"),
        },
    }
}

/// `set var <name> <expression>`, `set var <name> expr <expression>`; `fmt` is for log formats and is refused.
pub fn set(call: &mut Call<'_>) -> Answer {
    let name = call.word(0);
    if call.word(1).is_empty() {
        return Answer::error("Missing either 'expr', 'fmt' or expression.\n");
    }
    if !name.starts_with("proc.") {
        let why = format!("'set var': cannot set variable '{name}', only scope 'proc' is permitted here.");
        return Answer::error(why);
    }
    let expression = match call.word(1) {
        "fmt" => return Answer::error("'set var': 'fmt' is not supported here, use an expression.\n"),
        "expr" => &call.words[2..],
        _ => &call.words[1..],
    };
    match call.subject.set_variable(name, expression) {
        Ok(()) => Answer::done(),
        Err(why) => Answer::error(why),
    }
}

pub fn env(call: &mut Call<'_>) -> Answer {
    let all = call.subject.environment();
    match call.word(0) {
        "" => Answer::data(all.iter().map(|(name, value)| format!("{name}={value}\n")).collect::<String>()),
        wanted => match all.iter().find(|(name, _)| name == wanted) {
            Some((name, value)) => Answer::data(format!("{name}={value}\n")),
            None => Answer::error("Variable not found\n"),
        },
    }
}
