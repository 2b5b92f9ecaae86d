//! Serves Git repositories over HTTP on loopback: a small HTTP/1.1 server in front of `git http-backend`.
//!
//! It depends on tokio, base64 and the system's git, on nothing of ours, and is for tests alone.

use std::{
    io,
    net::SocketAddr,
    path::PathBuf,
    process::Stdio,
    sync::{Arc, Mutex},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    process::Command,
    task::JoinHandle,
};

/// Answers what is not for Git with a status, and JSON; `None` leaves a request to Git.
pub(crate) type Api = Arc<dyn Fn(&Request) -> Option<(u16, String)> + Send + Sync>;

/// What to serve, and how.
#[derive(Clone)]
pub(crate) struct GitHttpOptions {
    /// The folder with the repositories.
    pub(crate) root: PathBuf,
    /// The user name and password to ask for.
    pub(crate) credential: Option<(String, String)>,
    /// Whether to speak version 2 of Git's protocol; without it, only what refs point to can be fetched.
    pub(crate) is_v2: bool,
    /// Sends everybody to this address instead.
    pub(crate) redirect: Option<String>,
    /// What else there is on the host.
    pub(crate) api: Option<Api>,
}

impl GitHttpOptions {
    pub(crate) fn new(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            credential: None,
            is_v2: true,
            redirect: None,
            api: None,
        }
    }
}

/// A running server. It stops when it is dropped.
#[derive(Debug)]
pub(crate) struct GitHttp {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
    accepting: JoinHandle<()>,
}

impl GitHttp {
    pub(crate) async fn start(options: GitHttpOptions) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (options, seen) = (options.clone(), Arc::clone(&seen));
                tokio::spawn(async move {
                    // A client that goes away half-way is none of our business.
                    let _ = answer(stream, &options, &seen).await;
                });
            }
        });
        Ok(Self {
            address,
            requests,
            accepting,
        })
    }

    /// The address of a repository in the root folder.
    pub(crate) fn url(&self, repository: &str) -> String {
        format!("http://{}/{repository}", self.address)
    }

    /// The requests so far: method, target, and whether there was an `Authorization`.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests
            .lock()
            .expect("no test panics with it")
            .clone()
    }
}

impl Drop for GitHttp {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// A request as it came.
pub(crate) struct Request {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let header = self.headers.iter().find(|(found, _)| found == name);
        header.map(|(_, value)| value.as_str())
    }
}

async fn answer(
    stream: TcpStream,
    options: &GitHttpOptions,
    seen: &Mutex<Vec<String>>,
) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let request = read_request(&mut stream).await?;
    if let Some(api) = &options.api
        && let Some((status, body)) = api(&request)
    {
        let status = format!("{status} Status");
        let headers = "Content-Type: application/json\r\n";
        return respond(&mut stream, &status, headers, body.as_bytes()).await;
    }
    let has_authorization = request.header("authorization").is_some();
    seen.lock().expect("no test panics with it").push(format!(
        "{} {}{}",
        request.method,
        request.target,
        if has_authorization { " authorized" } else { "" }
    ));
    if let Some(target) = &options.redirect {
        let location = format!("Location: {target}{}\r\n", request.target);
        return respond(&mut stream, "302 Found", &location, b"").await;
    }
    if let Some((user, password)) = &options.credential {
        let wanted = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
        if request.header("authorization") != Some(&wanted) {
            let challenge = "WWW-Authenticate: Basic realm=\"git\"\r\n";
            return respond(&mut stream, "401 Unauthorized", challenge, b"").await;
        }
    }
    let output = run_backend(&request, options).await?;
    let end = find(&output, b"\r\n\r\n").ok_or(io::ErrorKind::InvalidData)?;
    let (head, body) = (&output[..end], &output[end + 4..]);
    let mut status = "200 OK".to_owned();
    let mut headers = String::new();
    for line in String::from_utf8_lossy(head).split("\r\n") {
        match line.strip_prefix("Status: ") {
            Some(found) => status = found.to_owned(),
            None => headers.push_str(&format!("{line}\r\n")),
        }
    }
    respond(&mut stream, &status, &headers, body).await
}

async fn read_request(stream: &mut BufReader<TcpStream>) -> io::Result<Request> {
    let first = read_line(stream).await?;
    let mut words = first.split(' ').map(str::to_owned);
    let (Some(method), Some(target)) = (words.next(), words.next()) else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    let mut headers = Vec::new();
    loop {
        let line = read_line(stream).await?;
        match line.split_once(':') {
            None => break,
            Some((name, value)) => {
                headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
            }
        }
    }
    let mut request = Request {
        method,
        target,
        headers,
        body: Vec::new(),
    };
    if request.header("expect").is_some() {
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
    }
    let is_chunked = request.header("transfer-encoding") == Some("chunked");
    let length = request.header("content-length").map(str::parse::<usize>);
    request.body = if is_chunked {
        read_chunks(stream).await?
    } else {
        let length = length.transpose().map_err(io::Error::other)?.unwrap_or(0);
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await?;
        body
    };
    Ok(request)
}

async fn read_chunks(stream: &mut BufReader<TcpStream>) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let size = read_line(stream).await?;
        let size = usize::from_str_radix(size.trim(), 16).map_err(io::Error::other)?;
        let start = body.len();
        body.resize(start + size, 0);
        stream.read_exact(&mut body[start..]).await?;
        read_line(stream).await?;
        if size == 0 {
            return Ok(body);
        }
    }
}

async fn read_line(stream: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut line = String::new();
    if stream.read_line(&mut line).await? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(line.trim_end().to_owned())
}

/// Calls git as a web server would, by the rules of CGI.
async fn run_backend(request: &Request, options: &GitHttpOptions) -> io::Result<Vec<u8>> {
    let (path, query) = request
        .target
        .split_once('?')
        .unwrap_or((&request.target, ""));
    let mut command = Command::new("git");
    command
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", &options.root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("REQUEST_METHOD", &request.method)
        .env("PATH_INFO", path)
        .env("QUERY_STRING", query)
        .env("CONTENT_LENGTH", request.body.len().to_string())
        .env("CONTENT_TYPE", request.header("content-type").unwrap_or(""))
        .kill_on_drop(true)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    // Git packs long requests; the backend unpacks them itself.
    if let Some(encoding) = request.header("content-encoding") {
        command.env("HTTP_CONTENT_ENCODING", encoding);
    }
    match request.header("git-protocol") {
        Some(protocol) if options.is_v2 => command.env("HTTP_GIT_PROTOCOL", protocol),
        _ => command.env_remove("GIT_PROTOCOL"),
    };
    let mut child = command.spawn()?;
    let mut stdin = child.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?;
    let write = async {
        // It may end without reading all of its input.
        let _ = stdin.write_all(&request.body).await;
        drop(stdin);
    };
    let ((), output) = tokio::join!(write, child.wait_with_output());
    Ok(output?.stdout)
}

async fn respond(
    stream: &mut BufReader<TcpStream>,
    status: &str,
    headers: &str,
    body: &[u8],
) -> io::Result<()> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body).await?;
    stream.flush().await?;
    stream.shutdown().await
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}
