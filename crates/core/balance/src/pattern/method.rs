//! Matching methods (`-m`, manual section 7.1).

use crate::sample::Type;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// There is a sample.
    Found,
    /// It is true.
    Bool,
    Int,
    Ip,
    /// Bytes in hexadecimal.
    Bin,
    /// Its length.
    Len,
    Str,
    Beg,
    Sub,
    /// Whole parts between `/`.
    Dir,
    /// Whole parts between `.`, `:`, `/`, `?`.
    Dom,
    End,
    Reg,
    /// An HTTP method.
    HttpMethod,
    /// A group of a userlist.
    Group,
}

impl Method {
    /// What `-m` knows.
    const NAMES: [(&str, Self); 13] = [
        ("found", Self::Found),
        ("bool", Self::Bool),
        ("int", Self::Int),
        ("ip", Self::Ip),
        ("bin", Self::Bin),
        ("len", Self::Len),
        ("str", Self::Str),
        ("beg", Self::Beg),
        ("sub", Self::Sub),
        ("dir", Self::Dir),
        ("dom", Self::Dom),
        ("end", Self::End),
        ("reg", Self::Reg),
    ];

    pub fn parse(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, method)| *method)
    }

    /// As answers of the statistics socket call it.
    pub fn name(self) -> &'static str {
        match Self::NAMES.iter().find(|(_, method)| *method == self) {
            Some((name, _)) => name,
            None if self == Self::HttpMethod => "meth",
            None => "auth",
        }
    }

    /// What a type is compared by when nothing else is said; bytes have no such method.
    pub fn of(output: Type) -> Option<Self> {
        Some(match output {
            Type::Bool => Self::Bool,
            Type::Int => Self::Int,
            Type::Addr | Type::Ipv4 | Type::Ipv6 => Self::Ip,
            Type::Str => Self::Str,
            Type::Any | Type::Bin | Type::Method => return None,
        })
    }

    /// What a sample is made before it is compared.
    pub fn input(self) -> Type {
        match self {
            Self::Found => Type::Any,
            Self::Bool => Type::Bool,
            Self::Int => Type::Int,
            Self::Ip => Type::Addr,
            Self::Bin => Type::Bin,
            Self::HttpMethod => Type::Method,
            _ => Type::Str,
        }
    }

    /// Whether patterns mean anything to it.
    pub fn takes_patterns(self) -> bool {
        !matches!(self, Self::Found | Self::Bool)
    }
}
