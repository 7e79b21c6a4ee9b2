use std::io::ErrorKind;

use axum::routing::{get, post};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::*;

struct Running {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

fn start(limits: Limits, tls: Option<TlsOptions>) -> Running {
    let listen = "127.0.0.1:0".parse().unwrap();
    let server = Server::bind(ServerOptions { listen, tls, limits }).unwrap();
    let address = server.address().unwrap();
    let router = Router::new()
        .route("/", get(|| async { "here" }))
        .route("/panic", get(panicking))
        .route("/size", post(|body: String| async move { body.len().to_string() }));
    let (stop, stopped) = oneshot::channel();
    let stopped = async {
        let _ = stopped.await;
    };
    let task = tokio::spawn(server.serve(vec![router], stopped));
    Running { address, stop, task }
}

async fn panicking() -> &'static str {
    panic!("as the test wants")
}

impl Running {
    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    async fn stop(self) {
        let _ = self.stop.send(());
        self.task.await.unwrap();
    }
}

/// Completes when the other side has closed the connection.
async fn closed(stream: &mut TcpStream) -> Vec<u8> {
    let mut rest = Vec::new();
    match stream.read_to_end(&mut rest).await {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
    }
    rest
}

#[tokio::test]
async fn requests_are_answered_and_a_panic_harms_one_alone() {
    let server = start(Limits::default(), None);
    let client = reqwest::Client::new();
    assert_eq!(client.get(server.url("/panic")).send().await.unwrap().status(), 500);
    assert_eq!(client.get(server.url("/")).send().await.unwrap().text().await.unwrap(), "here");
    assert_eq!(client.get(server.url("/nowhere")).send().await.unwrap().status(), 404);
    let mut second_version = server.connect().await;
    let preface = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".as_slice(), &[0, 0, 0, 4, 0, 0, 0, 0, 0]].concat();
    second_version.write_all(&preface).await.unwrap();
    let mut frame = [0; 9];
    second_version.read_exact(&mut frame).await.unwrap();
    assert_eq!(frame[3], 4, "settings are the first frame of a server");
    drop(second_version);
    server.stop().await;
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused_without_being_read() {
    let server = start(Limits { body: 1_000, ..Limits::default() }, None);
    let client = reqwest::Client::new();
    let post = |bytes| client.post(server.url("/size")).body("x".repeat(bytes)).send();
    assert_eq!(post(1_000).await.unwrap().text().await.unwrap(), "1000");
    let mut stream = server.connect().await;
    stream.write_all(b"POST /size HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n").await.unwrap();
    let answer = closed(&mut stream).await;
    assert!(answer.starts_with(b"HTTP/1.1 413 "), "{}", String::from_utf8_lossy(&answer));
    for bytes in [2_000, 30_000_000] {
        // A client that looks at the answer only once it has sent everything.
        let mut stream = server.connect().await;
        let head =
            format!("POST /size HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {bytes}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&vec![b'x'; bytes]).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 413 "), "{}", String::from_utf8_lossy(&answer));
    }
    let mut stream = server.connect().await;
    stream.write_all(b"POST /size HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n").await.unwrap();
    let chunk = [b"200\r\n".as_slice(), &[b'x'; 512], b"\r\n"].concat();
    for _ in 0..8_192 {
        stream.write_all(&chunk).await.unwrap();
    }
    let answer = closed(&mut stream).await;
    assert!(answer.starts_with(b"HTTP/1.1 413 "), "{}", String::from_utf8_lossy(&answer));
    server.stop().await;
}

#[tokio::test]
async fn who_is_too_slow_is_closed() {
    let quick = Duration::from_millis(200);
    let server = start(Limits { header_time: quick, idle_time: quick, ..Limits::default() }, None);
    for beginning in ["", "G", "GET / HTTP/1.1\r\nHost: x\r\n", "PRI * HT"] {
        let mut stream = server.connect().await;
        stream.write_all(beginning.as_bytes()).await.unwrap();
        let answer = closed(&mut stream).await;
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 408"), "{beginning:?}");
    }
    let mut stream = server.connect().await;
    stream.write_all(b"POST /size HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc").await.unwrap();
    closed(&mut stream).await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    assert!(closed(&mut stream).await.ends_with(b"here"));
    server.stop().await;
}

#[tokio::test]
async fn idle_sockets_do_not_keep_others_out() {
    let server = start(Limits { connections: 50, ..Limits::default() }, None);
    let mut idle = Vec::new();
    for _ in 0..200 {
        idle.push(server.connect().await);
    }
    let client = reqwest::Client::new();
    assert_eq!(client.get(server.url("/")).send().await.unwrap().text().await.unwrap(), "here");
    closed(&mut idle[0]).await;
    server.stop().await;
}

#[tokio::test]
async fn under_tls_nothing_is_said_in_the_clear() {
    let file = |name| std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tls").join(name);
    let options = TlsOptions { certificate: file("localhost.crt"), key: file("localhost.key") };
    let server = start(Limits::default(), Some(options.clone()));
    let root = reqwest::Certificate::from_pem(&std::fs::read(&options.certificate).unwrap()).unwrap();
    let client = reqwest::Client::builder().add_root_certificate(root).build().unwrap();
    let url = format!("https://localhost:{}/", server.address.port());
    assert_eq!(client.get(url).send().await.unwrap().text().await.unwrap(), "here");
    let mut plain = server.connect().await;
    plain.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    assert!(!closed(&mut plain).await.starts_with(b"HTTP"));
    server.stop().await;
    let swapped = TlsOptions { certificate: options.key, key: options.certificate };
    let listen = "127.0.0.1:0".parse().unwrap();
    let refused = Server::bind(ServerOptions { listen, tls: Some(swapped), limits: Limits::default() });
    assert!(matches!(refused, Err(ServerError::Tls(_))));
}

#[tokio::test]
async fn a_taken_address_is_told() {
    let server = start(Limits::default(), None);
    let Err(error) = Server::bind(ServerOptions::plain(server.address)) else { panic!("it is taken") };
    assert!(error.to_string().starts_with(&format!("cannot listen at {}", server.address)), "{error}");
    server.stop().await;
}
