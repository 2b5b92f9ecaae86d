//! A server on the loopback that answers as it is told, and remembers what it was asked.

use std::{
    io,
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// The path with its query.
    pub(crate) target: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

/// What to do with a request.
pub(crate) enum Answer {
    /// Write these pieces, each on its own, and close the connection.
    Bytes(Vec<Vec<u8>>),
    /// Write these pieces and then nothing, with the connection open.
    Silence(Vec<Vec<u8>>),
}

/// A JSON answer.
pub(crate) fn json_answer(status: u16, headers: &str, body: &Value) -> Answer {
    answer(
        status,
        &format!("content-type: application/json\r\n{headers}"),
        body.to_string().as_bytes(),
    )
}

/// A successful answer in its envelope.
pub(crate) fn data(data: &Value) -> Answer {
    json_answer(200, "", &json!({"success": true, "data": data}))
}

/// A failure in its envelope.
pub(crate) fn problem(status: u16, code: &str, headers: &str) -> Answer {
    let body = json!({
        "success": false, "code": code, "message": format!("this is {code}"), "field": "appId", "requestId": "r-1",
    });
    json_answer(status, headers, &body)
}

/// An answer whose `headers` each end in CRLF.
pub(crate) fn answer(status: u16, headers: &str, body: &[u8]) -> Answer {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status} X\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n"
    );
    Answer::Bytes(vec![[head.as_bytes(), body].concat()])
}

/// The head of an event stream and the pieces after it; it ends when the connection does.
pub(crate) fn event_stream(pieces: &[&str]) -> Vec<Vec<u8>> {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
    std::iter::once(&head)
        .chain(pieces)
        .map(|piece| piece.as_bytes().to_vec())
        .collect()
}

/// The server. It stops when it is dropped.
pub(crate) struct StandIn {
    pub(crate) url: String,
    requests: Arc<Mutex<Vec<Request>>>,
    task: JoinHandle<()>,
}

impl StandIn {
    /// Answers the n-th request, from 0, with what `answer` says.
    pub(crate) async fn start(
        answer: impl Fn(usize, &Request) -> Answer + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let requests = Arc::new(Mutex::new(Vec::new()));
        let answer = Arc::new(answer);
        let task = tokio::spawn({
            let requests = Arc::clone(&requests);
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(serve(stream, Arc::clone(&requests), Arc::clone(&answer)));
                }
            }
        });
        Ok(Self {
            url,
            requests,
            task,
        })
    }

    /// What it was asked so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests
            .lock()
            .expect("no test panics with the lock")
            .clone()
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve<F: Fn(usize, &Request) -> Answer>(
    mut stream: TcpStream,
    requests: Arc<Mutex<Vec<Request>>>,
    answer: Arc<F>,
) -> io::Result<()> {
    let request = read_request(&mut stream).await?;
    let n = {
        let mut requests = requests.lock().expect("no test panics with the lock");
        requests.push(request.clone());
        requests.len() - 1
    };
    let (pieces, is_held) = match answer(n, &request) {
        Answer::Bytes(pieces) => (pieces, false),
        Answer::Silence(pieces) => (pieces, true),
    };
    for piece in pieces {
        stream.write_all(&piece).await?;
        stream.flush().await?;
        tokio::task::yield_now().await;
    }
    if is_held {
        // Until the client goes away.
        let _ = stream.read(&mut [0; 1]).await;
    }
    stream.shutdown().await
}

async fn read_request(stream: &mut TcpStream) -> io::Result<Request> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    };
    let head = String::from_utf8_lossy(&bytes[..head_end]).into_owned();
    let mut lines = head.split("\r\n");
    let mut first = lines.next().unwrap_or_default().split(' ');
    let mut request = Request {
        method: first.next().unwrap_or_default().to_owned(),
        target: first.next().unwrap_or_default().to_owned(),
        headers: lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect(),
        body: String::new(),
    };
    let length = request
        .header("content-length")
        .and_then(|text| text.parse().ok())
        .unwrap_or(0);
    let mut body = bytes.split_off(head_end + 4);
    while body.len() < length {
        if stream.read_buf(&mut body).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    request.body = String::from_utf8_lossy(&body).into_owned();
    Ok(request)
}
