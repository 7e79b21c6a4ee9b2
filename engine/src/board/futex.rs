//! Sleeping on a word of memory that processes share.

pub use system::{wait, wake_all};

#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "system calls")]
mod system {
    use std::ptr;
    use std::sync::atomic::AtomicU32;
    use std::time::Duration;

    use libc::{FUTEX_WAIT, FUTEX_WAKE, SYS_futex, c_int, c_long, time_t, timespec};

    /// Sleeps while `word` is `seen`, until somebody wakes those who sleep on it, or for `timeout`. May also return for no
    /// reason. The word may lie in memory that is write-protected.
    pub fn wait(word: &AtomicU32, seen: u32, timeout: Duration) {
        let timeout = timespec {
            tv_sec: time_t::try_from(timeout.as_secs()).unwrap_or(time_t::MAX),
            tv_nsec: c_long::from(timeout.subsec_nanos().cast_signed()),
        };
        // SAFETY: both pointers are valid for the whole call, which only reads them. What it answers is of no interest: the
        // caller looks at the word again, whether it was woken, timed out, interrupted or refused.
        unsafe { libc::syscall(SYS_futex, word.as_ptr(), FUTEX_WAIT, seen, ptr::from_ref(&timeout)) };
    }

    /// Wakes all who sleep on `word`, in any process, and returns how many they were.
    pub fn wake_all(word: &AtomicU32) -> usize {
        // SAFETY: the call takes the word's address only to find who sleeps on it.
        let woken = unsafe { libc::syscall(SYS_futex, word.as_ptr(), FUTEX_WAKE, c_int::MAX) };
        usize::try_from(woken).unwrap_or(0)
    }
}

/// Without futexes a wait is a short nap, after which the caller looks at the word again.
#[cfg(not(target_os = "linux"))]
mod system {
    use std::sync::atomic::AtomicU32;
    use std::thread;
    use std::time::Duration;

    const NAP: Duration = Duration::from_micros(200);

    pub fn wait(_: &AtomicU32, _: u32, timeout: Duration) {
        thread::sleep(timeout.min(NAP));
    }

    pub fn wake_all(_: &AtomicU32) -> usize {
        0
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn who_expects_another_value_does_not_sleep() {
        let begun = Instant::now();
        wait(&AtomicU32::new(2), 1, Duration::from_mins(1));
        assert!(begun.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn a_sleep_ends_with_its_timeout() {
        let word = AtomicU32::new(1);
        wait(&word, 1, Duration::from_millis(1));
        assert_eq!(wake_all(&word), 0, "nobody sleeps any more");
        assert_eq!(word.load(Ordering::Relaxed), 1);
    }
}
