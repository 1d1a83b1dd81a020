//! What administrators wish of a server: a set of flags, since a wish can be expressed and inherited at once.

use std::ops::{BitOr, BitOrAssign, Not};

/// A set of wishes. The numbers are `srv_admin_state` of `show servers state` and of state files.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Admin(u8);

impl Admin {
    pub const READY: Self = Self(0);
    /// Maintenance somebody asked for: CLI, agent, or `disabled` in the configuration.
    pub const FORCED_MAINT: Self = Self(0x01);
    /// Maintenance of the server it tracks.
    pub const INHERITED_MAINT: Self = Self(0x02);
    /// `disabled` stands in the configuration. Says why, and has no effect of its own.
    pub const CONFIG_MAINT: Self = Self(0x04);
    pub const FORCED_DRAIN: Self = Self(0x08);
    /// Drain of the server it tracks.
    pub const INHERITED_DRAIN: Self = Self(0x10);
    /// Its name does not resolve.
    pub const RESOLUTION_MAINT: Self = Self(0x20);
    /// Its name was set on the CLI. Says so, and has no effect of its own.
    pub const CLI_NAME: Self = Self(0x40);

    /// Any reason to be in maintenance.
    pub const MAINT: Self = Self(0x23);
    /// Any reason to be in drain.
    pub const DRAIN: Self = Self(0x18);

    pub fn from_bits(bits: u8) -> Self {
        Self(bits)
    }

    pub fn bits(self) -> u8 {
        self.0
    }

    /// Whether any of `flags` is set.
    pub fn any(self, flags: Self) -> bool {
        self.0 & flags.0 != 0
    }

    pub fn with(self, flags: Self) -> Self {
        Self(self.0 | flags.0)
    }

    pub fn without(self, flags: Self) -> Self {
        Self(self.0 & !flags.0)
    }

    pub fn maint(self) -> bool {
        self.any(Self::MAINT)
    }

    pub fn drain(self) -> bool {
        self.any(Self::DRAIN)
    }
}

impl BitOr for Admin {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        self.with(other)
    }
}

impl BitOrAssign for Admin {
    fn bitor_assign(&mut self, other: Self) {
        *self = self.with(other);
    }
}

impl Not for Admin {
    type Output = Self;
    fn not(self) -> Self {
        Self(!self.0)
    }
}

impl std::fmt::Debug for Admin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Admin({:#04x})", self.0)
    }
}
