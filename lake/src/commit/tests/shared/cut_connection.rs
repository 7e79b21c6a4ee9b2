//! A way to a server that can be cut at its worst moment: as a commit goes by, or before its answer comes back.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

/// What a client says to commit: the last statement of a transaction, or the path of a request.
const COMMITS: [&[u8]; 2] = [b"COMMIT\0", b"/transactions/commit HTTP"];

const CARRY: u8 = 0;
const CUT_BEFORE: u8 = 1;
const CUT_AFTER: u8 = 2;
const AWAITING_ANSWER: u8 = 3;
const DONE: u8 = 4;

/// Carries connections to a server until it is told to cut one.
pub(super) struct CutConnection {
    address: SocketAddr,
    plan: Arc<AtomicU8>,
}

impl CutConnection {
    pub(super) async fn to(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let plan = Arc::new(AtomicU8::new(CARRY));
        let carried = Arc::clone(&plan);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&server).await.unwrap();
                tokio::spawn(carry(client, server, Arc::clone(&carried)));
            }
        });
        Self { address, plan }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The server gets the next commit, but its answer is lost.
    pub(super) fn cut_after_the_next_commit(&self) {
        self.plan.store(CUT_AFTER, Ordering::SeqCst);
    }

    /// The server does not get the next commit.
    pub(super) fn cut_before_the_next_commit(&self) {
        self.plan.store(CUT_BEFORE, Ordering::SeqCst);
    }

    pub(super) fn was_cut(&self) -> bool {
        self.plan.load(Ordering::SeqCst) == DONE
    }
}

/// Dropping both ends closes them.
async fn carry(client: TcpStream, server: TcpStream, plan: Arc<AtomicU8>) {
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::select! {
        () = requests(from_client, to_server, &plan) => {}
        () = answers(from_server, to_client, &plan) => {}
    }
}

async fn requests(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, plan: &AtomicU8) {
    let mut bytes = vec![0; 64 << 10];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        if COMMITS.iter().any(|commit| bytes[..count].windows(commit.len()).any(|part| part == *commit)) {
            if plan.compare_exchange(CUT_BEFORE, DONE, Ordering::SeqCst, Ordering::SeqCst).is_ok() {
                return;
            }
            let _ = plan.compare_exchange(CUT_AFTER, AWAITING_ANSWER, Ordering::SeqCst, Ordering::SeqCst);
        }
        if to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}

async fn answers(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, plan: &AtomicU8) {
    let mut bytes = vec![0; 64 << 10];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        if plan.compare_exchange(AWAITING_ANSWER, DONE, Ordering::SeqCst, Ordering::SeqCst).is_ok() {
            return;
        }
        if to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}
