//! Where in an object something is wrong: `spec.containers[0].resources.limits[cpu]`.
//!
//! A path is a chain of borrowed parts and becomes text only when there is a problem to report, since nearly all
//! checks pass. Upstream: `apimachinery/pkg/util/validation/field/path.go`.

use std::fmt;

#[derive(Debug, Clone, Copy)]
pub struct Path<'a> {
    above: Option<&'a Path<'a>>,
    part: Part<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Part<'a> {
    Field(&'a str),
    Index(usize),
    Key(&'a str),
}

impl<'a> Path<'a> {
    /// A path that starts at the object; `start` may have dots.
    pub const fn new(start: &'a str) -> Self {
        Self { above: None, part: Part::Field(start) }
    }

    pub const fn field(&'a self, name: &'a str) -> Self {
        Self { above: Some(self), part: Part::Field(name) }
    }

    /// An item of a list.
    pub const fn index(&'a self, index: usize) -> Self {
        Self { above: Some(self), part: Part::Index(index) }
    }

    /// An entry of a map.
    pub const fn key(&'a self, key: &'a str) -> Self {
        Self { above: Some(self), part: Part::Key(key) }
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(above) = self.above {
            above.fmt(f)?;
        }
        match self.part {
            Part::Field(name) if self.above.is_some() => write!(f, ".{name}"),
            Part::Field(name) => f.write_str(name),
            Part::Index(index) => write!(f, "[{index}]"),
            Part::Key(key) => write!(f, "[{key}]"),
        }
    }
}

impl From<Path<'_>> for String {
    fn from(path: Path<'_>) -> Self {
        path.to_string()
    }
}
