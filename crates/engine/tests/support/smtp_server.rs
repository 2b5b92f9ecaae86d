//! A small SMTP server on loopback that takes every mail, or refuses as it is told.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// A running server. It stops when it is dropped.
#[derive(Debug)]
pub(crate) struct SmtpServer {
    address: SocketAddr,
    said: Arc<Mutex<String>>,
    accepting: JoinHandle<()>,
}

impl SmtpServer {
    /// Starts a server that refuses the command that begins with `refuses`.
    pub(crate) async fn start(refuses: Option<&'static str>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await;
        let listener = listener.expect("a port is free");
        let address = listener.local_addr().expect("it has an address");
        let said = Arc::new(Mutex::new(String::new()));
        let heard = Arc::clone(&said);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let heard = Arc::clone(&heard);
                tokio::spawn(async move {
                    // A client that goes away half-way is none of our business.
                    let _ = serve(stream, &heard, refuses).await;
                });
            }
        });
        Self {
            address,
            said,
            accepting,
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// All that clients have said.
    pub(crate) fn said(&self) -> String {
        self.said
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Drop for SmtpServer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn serve(
    mut stream: TcpStream,
    heard: &Mutex<String>,
    refuses: Option<&str>,
) -> io::Result<()> {
    let (read, mut write) = stream.split();
    let mut lines = BufReader::new(read).lines();
    write.write_all(b"220 test ESMTP\r\n").await?;
    let mut is_mail = false;
    while let Some(line) = lines.next_line().await? {
        {
            let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
            heard.push_str(&line);
            heard.push('\n');
        }
        let is_refused = refuses.is_some_and(|refused| line.starts_with(refused));
        let answer: &[u8] = if is_mail {
            if line != "." {
                continue;
            }
            is_mail = false;
            b"250 taken\r\n"
        } else if is_refused {
            b"550 5.7.1 refused by policy\r\n"
        } else if line.starts_with("EHLO") {
            b"250-test\r\n250-AUTH PLAIN LOGIN\r\n250 8BITMIME\r\n"
        } else if line.starts_with("AUTH") {
            b"235 welcome\r\n"
        } else if line == "DATA" {
            is_mail = true;
            b"354 go on\r\n"
        } else if line == "QUIT" {
            b"221 bye\r\n"
        } else {
            b"250 fine\r\n"
        };
        write.write_all(answer).await?;
    }
    Ok(())
}
