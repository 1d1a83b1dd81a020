//! Runs scenarios with both programs and says where they differ.

use crate::balance::differences::DIFFERENCES;
use crate::balance::scenario::Step;
use crate::balance::steps::perform;
use crate::balance::world::World;
use crate::balance::{Program, Scenario};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Scenarios at a time. Most of a scenario is waiting, but two cores must keep up or times would differ.
const AT_A_TIME: usize = 8;

/// What was observed at each step.
pub type Transcript = Vec<Result<Vec<String>, String>>;

/// Does all steps. What follows one that could not be done may still tell, except where nothing runs.
pub fn play(program: Program, scenario: &Scenario) -> Transcript {
    let mut world = World::new(program, scenario);
    let mut transcript = Transcript::new();
    for step in &scenario.steps {
        let seen = perform(&mut world, step);
        let ends = seen.is_err() && step.words[0] == "start";
        transcript.push(seen);
        if ends {
            break;
        }
    }
    transcript
}

/// Plays a scenario with both at the same time. Says what differs and should not, or agrees and should not.
pub fn compare(scenario: &Scenario, programs: [Program; 2]) -> Vec<String> {
    let [one, other] = std::thread::scope(|scope| {
        let players = programs.map(|program| scope.spawn(move || play(program, scenario)));
        players.map(|player| player.join().expect("a player does not panic"))
    });
    if std::env::var_os("BALANCE_SHOW").is_some() {
        show(scenario, &one);
    }
    let mut problems = Vec::new();
    for (place, step) in scenario.steps.iter().enumerate() {
        let (Some(one), Some(other)) = (one.get(place), other.get(place)) else {
            problems.push(format!("  stopped before: {}", step.text));
            break;
        };
        problems.extend(judge(step, one, other, programs));
    }
    problems
}

fn judge(
    step: &Step,
    one: &Result<Vec<String>, String>,
    other: &Result<Vec<String>, String>,
    programs: [Program; 2],
) -> Option<String> {
    let (Ok(ours), Ok(theirs)) = (one, other) else {
        return Some(format!("  {}\n{}{}", step.text, indented(programs[0], one), indented(programs[1], other)));
    };
    // With the same program twice there is nothing that may differ.
    let allowed = step.differs.as_deref().filter(|_| programs[0] != programs[1]);
    if let Some(name) = allowed {
        let unknown = DIFFERENCES.iter().all(|difference| difference.name != name);
        return match (unknown, ours == theirs) {
            (true, _) => Some(format!("  {}: no difference is called {name}", step.text)),
            (false, true) => Some(format!("  {}: they agree; there is no difference {name} here", step.text)),
            (false, false) => None,
        };
    }
    let differ = ours != theirs;
    differ.then(|| format!("  {}\n{}{}", step.text, indented(programs[0], one), indented(programs[1], other)))
}

fn indented(program: Program, seen: &Result<Vec<String>, String>) -> String {
    let text = match seen {
        Ok(lines) => lines.clone(),
        Err(error) => vec![format!("CANNOT: {error}")],
    };
    text.iter().map(|line| format!("    {:7} : {line}\n", program.name())).collect()
}

fn show(scenario: &Scenario, transcript: &Transcript) {
    let mut text = format!("== {}: {}\n", scenario.name, scenario.about);
    for (step, seen) in scenario.steps.iter().zip(transcript) {
        text.push_str(&format!("> {}\n", step.text));
        match seen {
            Ok(lines) => lines.iter().for_each(|line| text.push_str(&format!("    {line}\n"))),
            Err(error) => text.push_str(&format!("    CANNOT: {error}\n")),
        }
    }
    println!("{text}");
}

/// All scenarios whose name has `BALANCE_ONLY` in it (all without it); several at a time.
pub fn run(programs: [Program; 2]) -> Vec<String> {
    let only = std::env::var("BALANCE_ONLY").unwrap_or_default();
    let mut scenarios = crate::balance::scenario::all();
    scenarios.retain(|scenario| only.split(',').any(|part| scenario.name.contains(part)));
    let next = AtomicUsize::new(0);
    let problems = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                while let Some(scenario) = scenarios.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let begun = std::time::Instant::now();
                    let found = compare(scenario, programs);
                    let verdict = if found.is_empty() { "same" } else { "DIFFERS" };
                    println!("{:7} {:5.1} s  {}", verdict, begun.elapsed().as_secs_f64(), scenario.name);
                    if !found.is_empty() {
                        let text = format!("{} ({}):\n{}", scenario.name, scenario.about, found.join("\n"));
                        problems.lock().expect("nobody panics with it").push(text);
                    }
                }
            });
        }
    });
    let mut problems = problems.into_inner().expect("nobody panics with it");
    problems.sort();
    problems
}
