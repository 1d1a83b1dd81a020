//! Parentheses: whether what stands before one is called, and what that does.

use super::super::functions::{self, Call};
use super::super::lexer::{Kind, Token};
use super::super::words::Keyword;
use super::super::{Effects, Reason};
use super::Scan;

impl Scan<'_> {
    /// `LAST_INSERT_ID(` and something that is no closing parenthesis; INSERT and REPLACE that are no functions.
    pub(super) fn argument(&mut self, token: Token) {
        let current = &mut self.current;
        if current.last_is(b'(') && current.keyword_before() == Keyword::LastInsertId && token.kind != Kind::Sign(b')')
        {
            current.effects.insert(Effects::ASSIGNS_LAST_INSERT_ID);
            current.refuse(Reason::Assigns);
        }
        if matches!(current.last_keyword(), Keyword::Insert | Keyword::Replace) && token.kind != Kind::Sign(b'(') {
            current.refuse(Reason::Command);
        }
    }

    /// A parenthesis behind a name calls it, unless the name is a keyword or a common table expression with columns.
    pub(super) fn call(&mut self, parenthesis: Token) {
        let Some(name) = self.current.last else { return };
        let before = self.current.before;
        let qualified = before.is_some_and(|before| before.is(b'.'));
        match name.token.kind {
            Kind::Word if qualified => return self.current.refuse(Reason::Function),
            Kind::Word => {}
            Kind::QuotedName if !self.is_list_of_columns() => return self.current.refuse(Reason::Function),
            _ => return,
        }
        if name.keyword.takes_parenthesis() || self.opens_by_context(name.keyword) {
            return;
        }
        match functions::call(self.text(name.token), name.token.end != parenthesis.start) {
            Call::Pure => {}
            Call::Special(special) => {
                self.current.effects.insert(special.effects);
                if let Some(reason) = special.reason {
                    self.current.refuse(reason);
                }
            }
            Call::Unknown if self.is_list_of_columns() => {}
            Call::Unknown => self.current.refuse(Reason::Function),
        }
    }

    /// Words that are not reserved and open a parenthesis only behind certain others.
    fn opens_by_context(&self, keyword: Keyword) -> bool {
        let Some(before) = self.current.before else { return false };
        match keyword {
            Keyword::Columns => before.token.kind == Kind::Text,
            Keyword::Any | Keyword::SomeOf => before.is(b'=') || before.is(b'<') || before.is(b'>'),
            _ => false,
        }
    }

    /// `WITH name (column, …) AS`, or `AS name (column, …)` of a derived table.
    fn is_list_of_columns(&self) -> bool {
        let Some(before) = self.current.before else { return false };
        let expression = self.current.with == Some(self.current.depth)
            && (matches!(before.keyword, Keyword::With | Keyword::Recursive) || before.is(b','));
        expression || before.keyword == Keyword::As
    }
}
