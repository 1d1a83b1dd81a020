//! Frontends.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrontendState {
    Listening,
    /// `disable frontend`: it can be enabled again.
    Disabled,
    /// `shutdown frontend`, or the process is ending.
    Stopped,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrontendFacts {
    pub id: u32,
    pub state: FrontendState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrontendChange {
    Enable,
    Disable,
    Shutdown,
    Maxconn(u32),
}

pub trait Frontends {
    /// By name or `#number`.
    fn frontend(&self, name: &str) -> Option<FrontendFacts>;
    fn change_frontend(&self, id: u32, change: FrontendChange) -> Result<(), String>;
}
