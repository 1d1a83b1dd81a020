//! Tells when a log may have grown or been rotated, by inotify on its folder.

use rustix::fd::OwnedFd;
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use std::io;
use std::path::Path;
use tokio::io::unix::AsyncFd;

pub struct Changes(AsyncFd<OwnedFd>);

impl Changes {
    pub fn of(path: &Path) -> io::Result<Self> {
        let fd = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        let folder = path.parent().unwrap_or(Path::new("."));
        inotify::add_watch(&fd, folder, WatchFlags::MODIFY | WatchFlags::CREATE | WatchFlags::MOVED_TO)?;
        // SAFETY: the descriptor is owned by the AsyncFd and is not taken out of it before that goes.
        Ok(Self(unsafe { AsyncFd::register(fd) }?))
    }

    /// Waits until something happened since the last call.
    pub async fn next(&mut self) -> io::Result<()> {
        let mut buffer = [0u8; 4096];
        loop {
            let mut guard = self.0.readable().await?;
            let drained = guard.try_io(|fd| {
                let mut any = false;
                loop {
                    match rustix::io::read(fd.get_ref(), &mut buffer[..]) {
                        Ok(0) => return Ok(any),
                        Ok(_) => any = true,
                        Err(rustix::io::Errno::AGAIN) if any => return Ok(true),
                        Err(error) => return Err(io::Error::from(error)),
                    }
                }
            });
            match drained {
                Ok(Ok(_)) => return Ok(()),
                Ok(Err(error)) => return Err(error),
                Err(_) => {}
            }
        }
    }
}
