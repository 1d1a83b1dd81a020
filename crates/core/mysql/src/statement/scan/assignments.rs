//! SET: the variables it assigns.

use super::super::lexer::{Kind, Token};
use super::super::words::Keyword;
use super::super::{Effects, variables};
use super::Scan;

impl Scan<'_> {
    /// A token of SET outside of parentheses: the name of a variable where one is due.
    pub(super) fn set(&mut self, token: Token, keyword: Keyword) {
        use Keyword::*;
        let last = self.current.last_keyword();
        if self.current.set_statement {
            if keyword == For {
                self.restart();
            }
            return;
        }
        if !(self.current.last_is(b',')
            || matches!(last, Set | Global | Session | Local | Persist | PersistOnly | Default))
        {
            return;
        }
        let of_transaction = self.current.head[1..3].contains(&Transaction);
        let effects = match (token.kind, keyword) {
            (Kind::UserVariable, _) => Effects::ASSIGNS_USER_VARIABLE,
            (Kind::SystemVariable, _) => self.set_system_variable(token),
            (Kind::Word, Role) if last == Default => Effects::CHANGES_USERS,
            _ if of_transaction || last == Default => Effects::NONE,
            (Kind::Word, Global | Persist | PersistOnly) => Effects::SET_GLOBAL,
            (Kind::Word, Session | Local | Default) => Effects::NONE,
            (Kind::Word, Statement) if last == Set => {
                self.current.set_statement = true;
                Effects::SET_STATEMENT
            }
            (Kind::Word, Password) => Effects::CHANGES_USERS.union(Effects::IMPLICIT_COMMIT),
            (Kind::Word, Role) => Effects::SET_ROLE,
            (Kind::Word, Transaction) if last == Set => Effects::SET_TRANSACTION_NEXT,
            _ if matches!(last, Global | Persist | PersistOnly) => Effects::NONE,
            (Kind::Word | Kind::QuotedName, _) => {
                let scoped = matches!(last, Session | Local);
                Effects::SET_VARIABLES.union(variables::assigned(self.name(token), scoped))
            }
            _ => Effects::NONE,
        };
        self.current.effects.insert(effects);
    }

    fn set_system_variable(&self, token: Token) -> Effects {
        let (scope, name) = self.variable(token);
        match Keyword::of(scope) {
            Keyword::Global | Keyword::Persist | Keyword::PersistOnly => Effects::SET_GLOBAL,
            scope => {
                let scoped = matches!(scope, Keyword::Session | Keyword::Local);
                let effects = Effects::SET_VARIABLES.union(variables::assigned(name, scoped));
                // The status flags tell of autocommit.
                let told = scoped || effects.contains(Effects::SET_AUTOCOMMIT);
                if told { effects } else { effects.union(Effects::SET_UNTOLD) }
            }
        }
    }
}
