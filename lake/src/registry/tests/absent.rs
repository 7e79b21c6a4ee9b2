//! Addresses at which there is no registry, or none that works.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};

use super::*;

/// Serves one answer a connection, in turn: a status line and a body. Gives the address.
fn serve(answers: Vec<(&'static str, String)>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for ((status, body), stream) in answers.into_iter().zip(listener.incoming()) {
            answer(stream.unwrap(), status, &body);
        }
    });
    url
}

fn answer(stream: TcpStream, status: &str, body: &str) {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    for line in reader.by_ref().lines().map(Result::unwrap).take_while(|line| !line.is_empty()) {
        if let Some(told) = line.to_ascii_lowercase().strip_prefix("content-length: ") {
            length = told.parse().unwrap();
        }
    }
    reader.read_exact(&mut vec![0; length]).unwrap();
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    reader.get_mut().write_all((head + body).as_bytes()).unwrap();
}

fn registry(url: &str) -> Registry {
    Registry { patience: Duration::from_secs(2), ..Registry::at(url).unwrap() }
}

#[test]
fn an_absent_registry_is_waited_for_and_then_named() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = Contracts::registered(registry(&format!("http://me:secret@{closed}/base/"))).unwrap_err();
    let RegistryError::Away { attempts, .. } = &error else { panic!("{error}") };
    assert!(*attempts > 1, "{error}");
    let text = error.to_string();
    assert!(text.contains(&format!("http://{closed}/base does not answer")), "{text}");
    assert!(!format!("{error:?}").contains("secret"), "{error:?}");
}

#[test]
fn what_is_no_registry_is_told_from_one_without_schemas() {
    let url = serve(vec![("404 Not Found", "<html>there is no such page</html>".to_owned())]);
    let text = Contracts::registered(registry(&url)).unwrap_err().to_string();
    assert!(text.contains("answers subjects with status 404: <html>"), "{text}");
    for wrong in ["localhost:8081", "file:///registry", "no url"] {
        assert!(matches!(Registry::at(wrong), Err(RegistryError::Url { .. })), "{wrong}");
    }
}

#[test]
fn a_registry_that_stumbles_is_asked_again() {
    let missing = || ("404 Not Found", r#"{"error_code": 40401, "message": "no such subject"}"#.to_owned());
    let mut answers = vec![
        ("503 Service Unavailable", "starting".to_owned()),
        ("500 Internal Server Error", r#"{"error_code": 50001, "message": "no leader"}"#.to_owned()),
        ("200 OK", "[]".to_owned()),
    ];
    answers.extend(Schema::ALL.map(|_| missing()));
    answers.extend([41, 42, 43, 44, 45].map(|id| ("200 OK", format!(r#"{{"id": {id}}}"#))));
    let contracts = Contracts::registered(registry(&serve(answers))).unwrap();
    for ((trigger, record), id) in one_of_each().iter().zip(41..) {
        assert_eq!(framed_id(&contracts.encode(trigger, record).unwrap().1), id);
    }
}

#[test]
fn a_refusal_is_told_and_not_repeated() {
    let refusal = r#"{"error_code": 40301, "message": "you may not read"}"#.to_owned();
    let text =
        Contracts::registered(registry(&serve(vec![("403 Forbidden", refusal)]))).unwrap_err().to_string();
    assert!(text.contains("status 403: \"you may not read\""), "{text}");
}
