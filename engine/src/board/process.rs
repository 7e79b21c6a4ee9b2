//! Whether a process is still there.
#![expect(unsafe_code, reason = "a system call")]

use std::io;

/// Whether a process of that id exists on this machine, whoever owns it.
pub fn exists(pid: u32) -> bool {
    let Ok(pid @ 1..) = libc::pid_t::try_from(pid) else { return false };
    // SAFETY: signal 0 is never delivered; the call only checks whether it could be.
    let answer = unsafe { libc::kill(pid, 0) };
    answer == 0 || io::Error::last_os_error().raw_os_error() == Some(libc::EPERM)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_the_living_from_the_dead() {
        assert!(exists(std::process::id()));
        let mut child = std::process::Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        assert!(!exists(child.id()));
        assert!(!exists(0), "0 means the own process group to the system");
        assert!(!exists(u32::MAX));
    }
}
