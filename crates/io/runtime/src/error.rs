//! Why something in the runtime did not happen, with the reason words that upstream shows in pod status.

use std::path::PathBuf;

pub type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The reference cannot be parsed; retrying is useless.
    #[error("Failed to apply default image tag \"{reference}\": couldn't parse image name \"{reference}\": {problem}")]
    InvalidImageName { reference: String, problem: String },
    /// The message after upstream's prefix `Failed to pull image "x": `.
    #[error("{message}")]
    ImagePull { reference: String, message: String, kind: PullFailure },
    #[error("image {0} is not present: pull or import it first")]
    ImageNotFound(String),
    #[error("image archive {path}: {problem}")]
    BadArchive { path: PathBuf, problem: String },
    /// A layer contains an entry that would touch something outside of the image, or is damaged.
    #[error("layer {digest}: {problem}")]
    BadLayer { digest: String, problem: String },
    #[error("sandbox {0} does not exist")]
    SandboxNotFound(String),
    #[error("container {0} does not exist")]
    ContainerNotFound(String),
    #[error("container {name} is not running")]
    NotRunning { name: String },
    /// The spec cannot be turned into a container (unknown user, bad capability, ...).
    #[error("{0}")]
    CreateContainer(String),
    /// Something the pod asks for contradicts itself or the image; trying again is useless until it is changed.
    #[error("{0}")]
    CreateContainerConfig(String),
    /// The container's first process could not be started; the text is like runc's.
    #[error("{message}")]
    StartContainer { message: String, exit_code: i32 },
    #[error("command timed out after {seconds} s")]
    ExecTimeout { seconds: u64 },
    /// The exec'd process could not be started; the text is like runc's.
    #[error("{message}")]
    Exec { message: String, exit_code: i32 },
    #[error("the shim of pod {pod} is gone: {problem}")]
    ShimGone { pod: String, problem: String },
    #[error("{what}: {source}")]
    Io { what: String, source: std::io::Error },
    #[error("{0}")]
    Other(String),
}

/// What went wrong while pulling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PullFailure {
    NotFound,
    Unauthorized,
    Unreachable,
    WrongPlatform,
    Corrupt,
    Other,
}

impl Error {
    /// The reason word for `state.waiting.reason` or `state.terminated.reason`.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::InvalidImageName { .. } => "InvalidImageName",
            Self::ImagePull { .. } | Self::BadLayer { .. } => "ErrImagePull",
            Self::ImageNotFound(_) => "ErrImageNeverPull",
            Self::StartContainer { .. } => "StartError",
            Self::CreateContainer(_) => "CreateContainerError",
            Self::CreateContainerConfig(_) => "CreateContainerConfigError",
            _ => "RunContainerError",
        }
    }

    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}
