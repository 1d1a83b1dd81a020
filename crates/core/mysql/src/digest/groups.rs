//! Counts values in a row, and lists of nothing but values in a row.

use crate::statement::lexer::Kind;

#[derive(Debug, Default)]
pub(super) struct Groups {
    /// Values with nothing but commas between them, up to here.
    pub values: u32,
    /// Lists of values with nothing but commas between them, up to here.
    pub lists: u32,
    place: Place,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Place {
    #[default]
    Elsewhere,
    /// In parentheses, where all so far were values.
    List,
    BehindList,
    BetweenLists,
}

impl Groups {
    /// Takes in what is written next.
    pub fn token(&mut self, kind: Kind, value: bool) {
        self.values = match kind {
            _ if value => self.values + 1,
            Kind::Sign(b',') => self.values,
            _ => 0,
        };
        self.place = match (self.place, kind) {
            (Place::BetweenLists, Kind::Sign(b'(')) => Place::List,
            (Place::Elsewhere | Place::List | Place::BehindList, Kind::Sign(b'(')) => {
                self.lists = 0;
                Place::List
            }
            (Place::List, Kind::Sign(b')')) => {
                self.lists += 1;
                Place::BehindList
            }
            (Place::BehindList, Kind::Sign(b',')) => Place::BetweenLists,
            (Place::List, Kind::Sign(b',')) => Place::List,
            (Place::List, _) if value => Place::List,
            _ => {
                self.lists = 0;
                Place::Elsewhere
            }
        };
    }

    /// Values were passed over: the run is at its end, a list around it is not.
    pub fn interrupt(&mut self) {
        self.values = 0;
        if self.place != Place::List {
            self.lists = 0;
        }
    }
}
