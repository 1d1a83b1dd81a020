//! Conditional blocks and messages: `.if` and its like, `.alert` and its like (manual, section 2.4).

use super::{Abort, Parser};
use crate::config::conditions;
use crate::config::problem::Level;
use crate::config::words;

/// A nested `.if`.
pub(super) struct Block {
    /// Lines are read.
    pub active: bool,
    /// A branch was taken, or the whole block is passed over: no further one will be.
    settled: bool,
    in_else: bool,
}

/// Blocks within each other at most: HAProxy's limit.
const MAX_BLOCKS: usize = 1024;

/// Columns of a condition shown in a message.
const CONDITION_SHOWN: usize = 76;

impl Parser<'_> {
    /// `.if` and what belongs to it. Whether the line was that.
    pub(super) fn block(&mut self, words: &[String]) -> Result<bool, Abort> {
        let name = words[0].as_str();
        let lone = self.blocks.is_empty();
        match name {
            ".if" => {
                if self.blocks.len() + 1 >= MAX_BLOCKS {
                    return self.stop(format!("too many nested '.if', max is {MAX_BLOCKS}."));
                }
                let outer = self.blocks.iter().all(|block| block.active);
                let active = outer && self.condition(words)?;
                self.blocks.push(Block { active, settled: active || !outer, in_else: false });
            }
            ".elif" | ".else" | ".endif" if lone => return self.stop(format!("lone '{name}' with no matching '.if'.")),
            ".elif" => {
                if self.blocks.last().is_some_and(|block| block.in_else) {
                    return self.stop("'.elif' after '.else' is not permitted.".into());
                }
                let settled = self.blocks.last().is_some_and(|block| block.settled);
                let active = !settled && self.condition(words)?;
                if let Some(block) = self.blocks.last_mut() {
                    block.active = active;
                    block.settled |= active;
                }
            }
            ".else" => {
                if !self.no_arguments(words) {
                    return Ok(true);
                }
                match self.blocks.last_mut() {
                    Some(block) if block.in_else => {
                        return self.stop("'.else' after '.else' is not permitted.".into());
                    }
                    Some(block) => {
                        block.active = !block.settled;
                        block.in_else = true;
                    }
                    None => {}
                }
            }
            ".endif" => {
                if self.no_arguments(words) {
                    self.blocks.pop();
                }
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn no_arguments(&mut self, words: &[String]) -> bool {
        let Some(extra) = words.get(1) else { return true };
        self.report.alert_tight(format!("Unexpected argument '{extra}' for '{}'.", words[0]));
        false
    }

    fn stop<T>(&mut self, text: String) -> Result<T, Abort> {
        self.report.alert_tight(text);
        Err(Abort)
    }

    fn condition(&mut self, words: &[String]) -> Result<bool, Abort> {
        let text = words[1..].join(" ");
        match conditions::holds(&text, &self.env) {
            Ok(value) => Ok(value),
            Err(wrong) => {
                let (name, at) = (&words[0], wrong.at);
                let (shown, mark) = words::printable(text.as_bytes(), at, CONDITION_SHOWN);
                let mark = format!("{:>1$}", "^", mark + name.len() + 2);
                self.stop(format!("{} in '{name}' at position {}:\n  {name} {shown}\n  {mark}", wrong.text, at + 1))
            }
        }
    }

    /// `.alert` and its like.
    pub(super) fn message(&mut self, words: &[String]) -> Result<(), Abort> {
        let (name, text) = (words[0].as_str(), words.get(1).map_or("", String::as_str));
        let level = match name {
            ".alert" => Level::Alert,
            ".warning" => Level::Warning,
            ".notice" => Level::Notice,
            ".diag" => Level::Diag,
            _ => {
                self.report.alert_tight(format!("unknown directive '{name}'."));
                return Ok(());
            }
        };
        if let Some(extra) = words.get(2) {
            self.report.alert_tight(format!(
                "Unexpected argument '{extra}' for '{name}'. Use quotes if the message should contain spaces."
            ));
            return Ok(());
        }
        let text = format!("parsing [{}]: '{text}'.", self.report.place);
        self.report.push(level, text);
        if level == Level::Alert { Err(Abort) } else { Ok(()) }
    }
}
