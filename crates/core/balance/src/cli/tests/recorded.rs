//! Answers recorded from HAProxy 2.6.12, command by command.

use super::*;

/// `$ command`, the answer, a line of `|`. Paths are shortened; of the help texts one names us and not HAProxy.
const RECORDED: &str = include_str!("../testdata/recorded.txt");

#[test]
fn answers_are_those_of_2_6() {
    let world = World::default();
    let mut wrong = Vec::new();
    let mut count = 0;
    for block in RECORDED.split_inclusive("|\n").filter_map(|block| block.strip_prefix("$ ")) {
        let (command, expected) = block.split_once('\n').expect("a command and its answer");
        let expected = expected.strip_suffix("|\n").expect("the end of the answer");
        let answer = talk(&world, Level::Admin, &format!("{command}\n"));
        count += 1;
        if answer != expected {
            wrong.push(format!("$ {command}\n--- HAProxy\n{expected}--- ours\n{answer}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {count}\n{}", wrong.len(), wrong.join("\n"));
}
