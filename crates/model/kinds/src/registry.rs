//! The table of built-in kinds.

use crate::KindDef;

/// All built-in kinds. A kind more is one file and one line here.
pub const ALL: &[&KindDef] = &[];
