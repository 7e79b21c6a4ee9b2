//! Where connections wait until they are taken.

use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket};

/// How many connections may wait, as far as the system allows so many. One more than that is tried again by its client a second
/// later, so a burst of strangers must fit.
const WAITING: u32 = 4_096;

/// Takes an address. Must be called within a runtime.
///
/// # Errors
/// Where the address is taken or not ours.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A program that begins again need not wait for the connections of the last.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(WAITING)
}
