//! Passwords against bcrypt hashes, slowly once and quickly after that.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::PasswordHash;

/// How many hashes are computed at once: who guesses must not take all cores from who asks.
const AT_ONCE: usize = 2;

/// What a name without a password is compared with, so that it takes as long. Nothing has this hash.
const NOBODY: &str = "$2b$10$CwTycUXWue0Thq9StjUM0uJ8c7r1M3q5nQ8l6Rz5o2u8H0jzv3Qy6";

/// The users' passwords.
pub(super) struct Passwords {
    hashes: BTreeMap<String, PasswordHash>,
    /// Of each user the password that was found right, as a keyed digest.
    verified: Mutex<HashMap<String, [u8; 32]>>,
    key: [u8; 16],
    slots: Semaphore,
}

impl Passwords {
    pub(super) fn new(hashes: BTreeMap<String, PasswordHash>) -> Self {
        let key = Uuid::new_v4().into_bytes();
        Self { hashes, verified: Mutex::default(), key, slots: Semaphore::new(AT_ONCE) }
    }

    /// Whether the user has this password.
    pub(super) async fn verify(&self, user: &str, password: &str) -> bool {
        let digest = self.digest(user, password);
        if self.verified().get(user) == Some(&digest) {
            return true;
        }
        let Ok(_slot) = self.slots.acquire().await else { return false };
        let known = self.hashes.get(user);
        let hash = known.map_or(NOBODY, PasswordHash::as_str).to_owned();
        let password = password.to_owned();
        let compared = tokio::task::spawn_blocking(move || bcrypt::verify(password, &hash)).await;
        let is_right = known.is_some() && matches!(compared, Ok(Ok(true)));
        if is_right {
            self.verified().insert(user.to_owned(), digest);
        }
        is_right
    }

    fn digest(&self, user: &str, password: &str) -> [u8; 32] {
        let length = user.len().to_le_bytes();
        let parts: [&[u8]; 4] = [&self.key, &length, user.as_bytes(), password.as_bytes()];
        parts.iter().fold(Sha256::new(), Sha256::chain_update).finalize().into()
    }

    fn verified(&self) -> std::sync::MutexGuard<'_, HashMap<String, [u8; 32]>> {
        self.verified.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_right_password_is_right() {
        assert!(NOBODY.parse::<bcrypt::HashParts>().is_ok());
        let hash = bcrypt::hash("open sesame", 4).unwrap();
        let passwords = Passwords::new([("ana".to_owned(), PasswordHash::try_from(hash).unwrap())].into());
        for _ in 0..2 {
            assert!(passwords.verify("ana", "open sesame").await);
            assert!(!passwords.verify("ana", "open sesame ").await);
            assert!(!passwords.verify("bob", "open sesame").await);
            assert!(!passwords.verify("ana", "").await);
        }
    }
}
