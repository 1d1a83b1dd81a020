//! What there is, and what may have been meant.

use super::table::{COMMANDS, Command, Visible};

/// Candidates shown for an unknown command.
const MOST: usize = 5;
/// No candidate is further away than this many times the nearest one, in halves.
const FURTHEST_HALVES: u32 = 5;

const ALWAYS: &[(&str, &str)] = &[
    ("help [<command>]", "list matching or all commands"),
    ("prompt", "toggle interactive mode with prompt"),
    ("quit", "disconnect"),
];

/// Answer of `help`, with or without words.
pub fn help(words: &[String], visible: Visible) -> String {
    list("The following commands are valid at this level:", &candidates(words, visible))
}

/// Answer to what is no command.
pub fn unknown(words: &[String], visible: Visible) -> String {
    let title = match words.is_empty() {
        true => "Unknown command. Please enter one of the following commands only:",
        false => "Unknown command, but maybe one of the following ones is a better match:",
    };
    list(title, &candidates(words, visible))
}

fn list(title: &str, commands: &[&Command]) -> String {
    let mut out = format!("{title}\n");
    let usages = commands.iter().map(|command| (command.usage, command.about));
    for (usage, about) in usages.chain(ALWAYS.iter().copied()) {
        out += &format!("  {usage:<40}: {about}\n");
    }
    out
}

/// The commands that begin with as many of the words as any command does; where more words follow, the nearest of them.
fn candidates(words: &[String], visible: Visible) -> Vec<&'static Command> {
    let shown = || COMMANDS.iter().filter(|command| command.listed(visible));
    let common = shown().map(|command| command.common_words(words)).max().unwrap_or(0);
    let alike: Vec<_> = shown().filter(|command| command.common_words(words) == common).collect();
    if words.len() == common {
        return alike;
    }
    let wanted = Print::of(words.iter().map(String::as_str));
    let mut ranked: Vec<(u32, usize)> = alike
        .iter()
        .enumerate()
        .map(|(at, command)| (wanted.distance(&Print::of(command.words.iter().copied())), at))
        .collect();
    ranked.sort_unstable();
    let furthest = ranked.first().map_or(0, |(nearest, _)| nearest * FURTHEST_HALVES / 2);
    let mut near: Vec<usize> =
        ranked.into_iter().take(MOST).filter(|(distance, _)| *distance <= furthest).map(|(_, at)| at).collect();
    near.sort_unstable();
    near.into_iter().map(|at| alike[at]).collect()
}

/// Kinds of characters: letters, digits, all others and a word's ends.
const KINDS: usize = 29;
const DIGIT: usize = 27;
const OTHER: usize = 28;

/// Which characters words have and which follow which: misspelt words differ little in this.
struct Print {
    has: [u8; KINDS],
    pairs: [[u8; KINDS]; KINDS],
}

impl Print {
    fn of<'a>(words: impl Iterator<Item = &'a str>) -> Self {
        let mut print = Self { has: [0; KINDS], pairs: [[0; KINDS]; KINDS] };
        for word in words {
            let mut before = OTHER;
            for byte in word.bytes() {
                let kind = kind(byte);
                print.has[kind] = 1;
                print.pair(before, kind);
                before = kind;
            }
            print.pair(before, OTHER);
        }
        print
    }

    fn pair(&mut self, before: usize, after: usize) {
        let count = &mut self.pairs[before][after];
        *count = count.saturating_add(1);
    }

    fn distance(&self, other: &Self) -> u32 {
        let differ = |a: &[u8], b: &[u8]| -> u32 { a.iter().zip(b).map(|(a, b)| u32::from(a.abs_diff(*b))).sum() };
        let pairs: u32 = self.pairs.iter().zip(&other.pairs).map(|(a, b)| differ(a, b)).sum();
        differ(&self.has, &other.has) + pairs
    }
}

fn kind(byte: u8) -> usize {
    match byte.to_ascii_lowercase() {
        letter @ b'a'..=b'z' => usize::from(letter - b'a') + 1,
        b'0'..=b'9' => DIGIT,
        _ => OTHER,
    }
}
