//! A host on loopback that answers what it was told to, and remembers what it was asked.

use std::{
    collections::BTreeMap,
    fmt,
    net::TcpListener,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, dev::ServerHandle, http, web};
use serde_json::{Value, json};

/// What is answered.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    delay: Duration,
}

impl Answer {
    pub(super) fn json(body: Value) -> Self {
        Self::status(200).body(body.to_string())
    }

    pub(super) fn status(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
            delay: Duration::ZERO,
        }
    }

    pub(super) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(super) fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }
}

/// A request as it came.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) method: String,
    /// Path and query, as they were written.
    pub(super) target: String,
    pub(super) headers: Vec<(String, String)>,
    /// Null without one.
    pub(super) body: Value,
}

impl Request {
    pub(super) fn header(&self, name: &str) -> &str {
        let header = self.headers.iter().find(|(of, _)| of == name);
        header.map_or("", |(_, value)| value)
    }

    pub(super) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.target)?;
        if !self.body.is_null() {
            write!(f, " {}", self.body)?;
        }
        Ok(())
    }
}

#[derive(Debug, Default)]
struct Script {
    answers: BTreeMap<String, Answer>,
    requests: Vec<Request>,
}

/// A running host. It stops when it is dropped.
#[derive(Debug)]
pub(super) struct FakeHost {
    pub(super) port: u16,
    script: Arc<Mutex<Script>>,
    server: ServerHandle,
}

impl FakeHost {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
        let port = listener.local_addr().expect("it has an address").port();
        let script = Arc::new(Mutex::new(Script::default()));
        let shared = Arc::clone(&script);
        let server = HttpServer::new(move || {
            let script = Arc::clone(&shared);
            App::new().default_service(web::to(move |request: HttpRequest, body: web::Bytes| {
                let answer = answer(&script, &request, &body);
                async move {
                    tokio::time::sleep(answer.delay).await;
                    let status = http::StatusCode::from_u16(answer.status);
                    let mut response = HttpResponse::build(status.expect("a status"));
                    for header in answer.headers {
                        response.append_header(header);
                    }
                    response.body(answer.body)
                }
            }))
        });
        let server = server.workers(1).disable_signals().listen(listener);
        let server = server.expect("the port is ours").run();
        let handle = server.handle();
        tokio::spawn(server);
        Self {
            port,
            script,
            server: handle,
        }
    }

    pub(super) fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Sets what is answered to `GET /path`, or to `GET /path?query` alone; everything else is not there.
    pub(super) fn answer(&self, request: &str, answer: Answer) -> &Self {
        lock(&self.script)
            .answers
            .insert(request.to_owned(), answer);
        self
    }

    /// The requests since the last time.
    pub(super) fn requests(&self) -> Vec<Request> {
        std::mem::take(&mut lock(&self.script).requests)
    }
}

impl Drop for FakeHost {
    fn drop(&mut self) {
        // It is told at once; what it says when it has ended interests nobody.
        drop(self.server.stop(false));
    }
}

fn lock(script: &Mutex<Script>) -> MutexGuard<'_, Script> {
    script.lock().unwrap_or_else(PoisonError::into_inner)
}

fn answer(script: &Mutex<Script>, request: &HttpRequest, body: &[u8]) -> Answer {
    let target = request.uri().path_and_query();
    let headers = request.headers().iter().map(|(name, value)| {
        let value = value.to_str().unwrap_or_default();
        (name.as_str().to_owned(), value.to_owned())
    });
    let request = Request {
        method: request.method().to_string(),
        target: target.map(ToString::to_string).unwrap_or_default(),
        headers: headers.collect(),
        body: serde_json::from_slice(body).unwrap_or_default(),
    };
    let mut script = lock(script);
    let answers = &script.answers;
    let answer = answers
        .get(&format!("{} {}", request.method, request.target))
        .or_else(|| answers.get(&format!("{} {}", request.method, request.path())));
    let absent = || Answer::status(404).body(json!({"message": "Not Found"}).to_string());
    let answer = answer.cloned().unwrap_or_else(absent);
    script.requests.push(request);
    answer
}
