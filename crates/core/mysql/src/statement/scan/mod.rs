//! One pass over the tokens: what is seen on the way, until the command is known at each statement's end.

mod assignments;
mod calls;
mod current;

use super::lexer::{Kind, Lexer, Token};
use super::words::Keyword;
use super::{Effects, Modes, Reason, Statement, Verb, command, variables};
pub(super) use current::Current;
use current::Seen;

pub(crate) fn scan(sql: &[u8], modes: Modes) -> Statement {
    let mut scan =
        Scan { sql, verb: None, count: 0, effects: Effects::NONE, reason: None, current: Current::default() };
    let mut lexer = Lexer::new(sql, modes);
    for token in lexer.by_ref() {
        scan.token(token);
    }
    scan.finish();
    let reason = scan.reason.or((scan.count == 0).then_some(Reason::Empty));
    Statement {
        verb: scan.verb.unwrap_or(Verb::Unknown),
        count: scan.count,
        effects: scan.effects,
        not_a_read: if lexer.malformed { Some(Reason::Malformed) } else { reason },
        first_comment: lexer.first_comment,
    }
}

struct Scan<'a> {
    sql: &'a [u8],
    verb: Option<Verb>,
    count: u32,
    effects: Effects,
    reason: Option<Reason>,
    current: Current,
}

impl Scan<'_> {
    fn token(&mut self, token: Token) {
        if token.kind == Kind::Sign(b';') && !self.current.body {
            if token.conditional {
                self.reason.get_or_insert(Reason::ExecutableComment);
            }
            return self.finish();
        }
        let behind_dot = self.current.last_is(b'.');
        let keyword = match token.kind {
            Kind::Word if !behind_dot => Keyword::of(self.text(token)),
            Kind::Word | Kind::QuotedName => Keyword::Other,
            _ => Keyword::NoWord,
        };
        self.conditional(token);
        self.argument(token);
        if behind_dot {
            self.part_of_name(token);
        }
        match token.kind {
            Kind::Word if keyword != Keyword::Other => self.keyword(keyword),
            Kind::Sign(b'(') => self.open(token),
            Kind::Sign(b')') => self.current.depth = self.current.depth.saturating_sub(1),
            Kind::UserVariable => self.user_variable(),
            Kind::SystemVariable => self.system_variable(token),
            Kind::Assign => self.assign(),
            _ => {}
        }
        if self.current.head[0] == Keyword::Set && self.current.depth == 0 {
            self.set(token, keyword);
        }
        self.push_head(token, keyword);
        self.current.before = self.current.last;
        self.current.last = Some(Seen { token, keyword });
    }

    fn text(&self, token: Token) -> &[u8] {
        &self.sql[token.start..token.end]
    }

    /// A name without its quotes.
    fn name(&self, token: Token) -> &[u8] {
        unquoted(self.text(token))
    }

    fn conditional(&mut self, token: Token) {
        let current = &mut self.current;
        if !token.conditional {
            current.harmless = false;
            return;
        }
        current.harmless |= current.last_keyword() == Keyword::Select;
        if !current.harmless || token.kind != Kind::Word {
            current.refuse(Reason::ExecutableComment);
        }
    }

    /// What stands behind a dot: a table of the server, or a sequence in Oracle's way.
    fn part_of_name(&mut self, token: Token) {
        let name = self.name(token);
        if matches!(Keyword::of(name), Keyword::NextVal | Keyword::CurrVal) {
            self.current.effects.insert(Effects::SEQUENCE);
            self.current.refuse(Reason::Sequence);
            return;
        }
        let Some(before) = self.current.before else { return };
        if before.token.kind == Kind::SystemVariable {
            // `@@session . name`, as legal as without blanks.
            let (effects, reason) = variables::read(name);
            self.current.effects.insert(effects);
            self.current.reason = self.current.reason.or(reason);
        } else if variables::is_server_table(self.name(before.token), name) {
            self.current.refuse(Reason::ServerSpecific);
        }
    }

    fn keyword(&mut self, keyword: Keyword) {
        use Keyword::*;
        let current = &mut self.current;
        let last = current.last_keyword();
        match keyword {
            Update if last == For => {
                current.locks_rows = true;
                current.refuse(Reason::LocksRows);
            }
            Share if last == For => current.refuse(Reason::LocksRows),
            Lock if current.is_query() => current.refuse(Reason::LocksRows),
            Update | Delete if current.is_query() => {
                current.writes.get_or_insert(if keyword == Update { Verb::Update } else { Verb::Delete });
                current.refuse(Reason::Command);
            }
            Into if current.is_query() => {
                current.into = true;
                current.refuse(Reason::Into);
            }
            Procedure if current.is_query() => current.refuse(Reason::Procedure),
            SqlCalcFoundRows => current.effects.insert(Effects::CALC_FOUND_ROWS),
            // Functions without parentheses; what they are called with makes no difference.
            CurrentDate | CurrentRole | CurrentTime | CurrentTimestamp | CurrentUser | LocalTime | LocalTimestamp
            | UtcDate | UtcTime | UtcTimestamp => current.effects.insert(Effects::VOLATILE),
            For if last == Value && matches!(current.keyword_before(), Next | Previous) => {
                current.effects.insert(Effects::SEQUENCE);
                current.refuse(Reason::Sequence);
            }
            With if current.last.is_none_or(|last| last.is(b'(') || last.keyword == Explain) => {
                current.with = Some(current.depth);
            }
            Select if current.with == Some(current.depth) => current.with = None,
            Lock | Export if current.head[0] == Flush => current.effects.insert(Effects::TABLE_LOCK),
            Temporary if current.object.is_none() => current.temporary = true,
            Chain | Release if matches!(current.head[0], Commit | Rollback) => self.end_of_transaction(keyword),
            Only if last == Read && current.head[0] == Start => current.effects.insert(Effects::BEGIN_READ_ONLY),
            _ => {}
        }
        self.object(keyword);
    }

    /// `AND [NO] CHAIN`, `[NO] RELEASE`; `NO` is no keyword of ours.
    fn end_of_transaction(&mut self, keyword: Keyword) {
        let denied = self.current.last.is_some_and(|last| self.name(last.token).eq_ignore_ascii_case(b"no"));
        if denied || self.current.last_keyword() == Keyword::To {
            return;
        }
        self.current.effects.insert(if keyword == Keyword::Chain { Effects::CHAIN } else { Effects::RELEASE });
    }

    /// The thing a definition is of, or the statement that is explained.
    fn object(&mut self, keyword: Keyword) {
        use Keyword::*;
        let current = &mut self.current;
        if current.object.is_some() {
            return;
        }
        let fits = match current.head[0] {
            Create | Alter | Drop => matches!(
                keyword,
                Table
                    | View
                    | Procedure
                    | Function
                    | Trigger
                    | Event
                    | Package
                    | Index
                    | Database
                    | Schema
                    | User
                    | Role
                    | Sequence
            ),
            Explain | Desc | Describe | Analyze => {
                matches!(keyword, Select | With | Update | Delete | Insert | Replace | Table | Values | For)
            }
            _ => false,
        };
        if fits {
            current.object = Some(keyword);
            current.body = matches!(current.head[0], Create | Alter)
                && matches!(keyword, Procedure | Function | Trigger | Event | Package);
        }
    }

    fn open(&mut self, token: Token) {
        self.call(token);
        self.current.depth += 1;
    }

    fn user_variable(&mut self) {
        use Keyword::*;
        let current = &mut self.current;
        let account = match current.head[0] {
            Grant | Revoke | Rename | Drop | Show => true,
            Create | Alter => current.object != Some(Table),
            Set => matches!(current.head[1], Password | Role | Default),
            _ => false,
        };
        if account {
            return;
        }
        current.effects.insert(Effects::USER_VARIABLE);
        if current.into || matches!(current.head[0], Call | Get | Load | Execute) {
            current.effects.insert(Effects::ASSIGNS_USER_VARIABLE);
        }
    }

    fn assign(&mut self) {
        if self.current.last.is_some_and(|last| last.token.kind == Kind::UserVariable) {
            self.current.effects.insert(Effects::ASSIGNS_USER_VARIABLE);
        }
        self.current.refuse(Reason::Assigns);
    }

    fn system_variable(&mut self, token: Token) {
        let (scope, name) = self.variable(token);
        let (effects, reason) = variables::read(name);
        // SET GLOBAL went to the writer: so does who asks for it. Which server answers may be asked of any.
        let of_writer = scope.eq_ignore_ascii_case(b"global") && !name.eq_ignore_ascii_case(b"server_id");
        let reason = reason.or(of_writer.then_some(Reason::ServerSpecific));
        self.current.effects.insert(effects);
        if let Some(reason) = reason {
            self.current.refuse(reason);
        }
    }

    /// Scope and name of `@@scope.name`.
    fn variable(&self, token: Token) -> (&[u8], &[u8]) {
        let text = &self.text(token)[2..];
        match text.iter().position(|byte| *byte == b'.') {
            Some(dot) => (unquoted(&text[..dot]), unquoted(&text[dot + 1..])),
            None if matches!(Keyword::of(text), Keyword::Global | Keyword::Session | Keyword::Local) => (text, b""),
            None => (b"", unquoted(text)),
        }
    }

    /// Behind `SET STATEMENT … FOR` begins another statement, whose effects count.
    fn restart(&mut self) {
        let effects = self.current.effects;
        self.verb.get_or_insert(Verb::Set);
        self.current = Current { effects, reason: Some(Reason::Command), ..Current::default() };
    }

    fn push_head(&mut self, token: Token, keyword: Keyword) {
        let current = &mut self.current;
        let restarting = current.last.is_none() && current.reason == Some(Reason::Command) && keyword == Keyword::For;
        if current.heads == current.head.len() || restarting {
            return;
        }
        if current.heads == 0 && token.kind == Kind::Sign(b'(') {
            return;
        }
        current.head[current.heads] = keyword;
        current.heads += 1;
        let block = match current.heads {
            1 => matches!(
                keyword,
                Keyword::If | Keyword::Case | Keyword::Loop | Keyword::While | Keyword::Repeat | Keyword::For
            ),
            2 => current.head[0] == Keyword::Begin && keyword == Keyword::Not,
            _ => false,
        };
        if block {
            current.body = true;
            current.effects.insert(Effects::COMPOUND);
        }
    }

    fn finish(&mut self) {
        let mut current = std::mem::take(&mut self.current);
        if current.last.is_none() && current.heads == 0 {
            return;
        }
        let verb = command::decide(&mut current);
        self.verb.get_or_insert(verb);
        self.count += 1;
        self.effects.insert(current.effects);
        self.reason = self.reason.or(current.reason);
    }
}

/// Without backticks or double quotes around it.
fn unquoted(name: &[u8]) -> &[u8] {
    match name {
        [b'`' | b'"', inside @ .., b'`' | b'"'] => inside,
        _ => name,
    }
}
