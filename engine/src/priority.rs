//! Which threads go first on a machine that has not enough cores for all.

/// How much nicer a thread becomes: it gets about a third of a core that another wants too.
#[cfg(target_os = "linux")]
const NICER: libc::c_int = 5;

/// Lets the other threads of the machine go before this one, and before those that it starts from now on. Does nothing where the
/// system has no priorities of threads.
pub fn let_others_go_first() {
    // SAFETY: `nice` takes a number and no pointer. Linux keeps niceness for each thread, so that no other is touched.
    #[cfg(target_os = "linux")]
    unsafe {
        libc::nice(NICER);
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    fn niceness() -> libc::c_int {
        // SAFETY: `getpriority` takes numbers and no pointer; 0 is the thread that asks.
        unsafe { libc::getpriority(libc::PRIO_PROCESS, 0) }
    }

    #[test]
    fn only_the_thread_that_asks_and_its_own_give_way() {
        let before = niceness();
        let nicer = std::thread::spawn(|| {
            let_others_go_first();
            (niceness(), std::thread::spawn(niceness).join().unwrap())
        });
        let expected = (before + NICER).min(19);
        assert_eq!(nicer.join().unwrap(), (expected, expected));
        assert_eq!(niceness(), before);
    }
}
