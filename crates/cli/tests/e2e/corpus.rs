//! A laptop and a server agree: every pipeline of the corpus ends the same way, step by step and byte for byte.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use flowcd_client::Client;
use flowcd_model::{
    application::{NewApplication, Provider},
    dispatch::{Inputs, ManualDispatch},
    log::LogQuery,
    secret::Secrets,
    step::StepCount,
};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use crate::{
    repo::Repo,
    support::{Server, end, flowcd},
};

/// Where a server looks for programs; the run looks there, too.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// How many pipelines are compared at once.
const AT_ONCE: usize = 4;

/// Text from outside that would do harm where it became a part of a script.
const MESSAGE: &str = "Add the files: it's \"odd\"; $(echo injected) `id`\n\nAnd a body.";

const SECRETS: [(&str, &str); 2] = [
    ("TOKEN", "canary-0123456789-token"),
    ("MULTI", "canary of two lines\nand the second of them"),
];

/// Everything that can be compared of how a pipeline ended.
#[derive(Debug, Default, PartialEq)]
struct Ending {
    status: Value,
    error: Value,
    summary: Value,
    steps: Vec<Value>,
    logs: BTreeMap<StepCount, Vec<u8>>,
}

impl Ending {
    /// How the task and its steps ended, in a line.
    fn outline(&self) -> String {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let steps: Vec<_> = self
            .steps
            .iter()
            .map(|step| text(&step["status"]))
            .collect();
        format!("{} ({})", text(&self.status), steps.join(", "))
    }
}

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus")
}

/// The pipelines by name, and the inputs of those that have some.
fn read_corpus() -> (BTreeSet<String>, BTreeMap<String, Inputs>) {
    let names = fs::read_dir(corpus())
        .expect("the corpus")
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.ends_with(".yaml"))
        .collect();
    let inputs = fs::read(corpus().join("inputs.json")).expect("the inputs");
    (names, serde_json::from_slice(&inputs).expect("JSON"))
}

/// A repository with the pipeline and the files that the pipelines use.
fn repository(name: &str) -> Repo {
    let text = fs::read_to_string(corpus().join(name)).expect("a pipeline");
    let repo = Repo::with_pipeline(&text);
    let files = repo.path().join("files");
    fs::create_dir(&files).expect("a folder");
    for entry in fs::read_dir(corpus().join("files"))
        .expect("the files")
        .flatten()
    {
        fs::copy(entry.path(), files.join(entry.file_name())).expect("a copy");
    }
    repo.commit(&[], MESSAGE);
    repo
}

/// What is compared of a step, whoever tells it.
fn step(step: &Value, name: &str) -> Value {
    let or_null = |key: &str| step.get(key).cloned().unwrap_or_default();
    json!({
        "stepCount": or_null("stepCount"),
        "name": or_null(name),
        "id": or_null("id"),
        "status": or_null("status"),
        "outputs": step.get("outputs").cloned().unwrap_or_else(|| json!({})),
        "error": or_null("error"),
        "attempts": or_null("attempts"),
    })
}

/// The log of the set-up without the checkout, which a run on the current folder does not need.
fn without_checkout(log: &[u8]) -> Vec<u8> {
    let lines = log.split_inclusive(|byte| *byte == b'\n');
    let is_of_checkout =
        |line: &&[u8]| line.starts_with(b"Checking out ") || line.starts_with(b"Checked out ");
    lines
        .filter(|line| !is_of_checkout(line))
        .collect::<Vec<_>>()
        .concat()
}

/// An archive has times in it, which do not compress alike.
fn without_size(log: &[u8]) -> Vec<u8> {
    const SIZE: &[u8] = b" bytes compressed\n";
    let Some(stem) = log.strip_suffix(SIZE) else {
        return log.to_owned();
    };
    let n_digits = stem
        .iter()
        .rev()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    [&stem[..stem.len() - n_digits], b"some", SIZE].concat()
}

/// Runs it here, by the command.
async fn run_here(server: &Server, name: &str, repo: &Repo, inputs: &Inputs) -> Ending {
    let folder = server.path(name);
    fs::create_dir(&folder).expect("a folder");
    let write = |name: &str, value: &Value| {
        let path = folder.join(name);
        fs::write(&path, value.to_string()).expect("a file");
        path.to_str().expect("UTF-8").to_owned()
    };
    let inputs = write("inputs.json", &Value::Object(inputs.clone()));
    let secrets = write("secrets.json", &json!(BTreeMap::from(SECRETS)));
    let logs = folder.join("logs");
    let args = [
        "run",
        "--output",
        "json",
        "--log-dir",
        logs.to_str().expect("UTF-8"),
        "--inputs-file",
        &inputs,
        "--secrets-file",
        &secrets,
        "--env",
        "FROM_APPLICATION=from the application",
    ];
    let mut command = flowcd(&folder.join("home"), &args);
    command.current_dir(repo.path()).env("PATH", PATH);
    let ended = end(&mut command).await;
    let document: Value = serde_json::from_str(&ended.stdout)
        .unwrap_or_else(|error| panic!("{name}: {error}: {ended:?}"));
    assert_eq!(document["completed"], json!(true), "{name}");
    let steps = document["steps"].as_array().expect("steps");
    let count = |name: &str| {
        let text = name
            .strip_prefix("step_")
            .and_then(|rest| rest.strip_suffix(".log"));
        text.and_then(|text| text.parse().ok())
            .expect("a step's log")
    };
    let logs = fs::read_dir(&logs)
        .expect("the logs")
        .flatten()
        .map(|entry| {
            let name = entry.file_name().into_string().expect("UTF-8");
            (count(&name), fs::read(entry.path()).expect("a log"))
        });
    Ending {
        status: document["status"].clone(),
        error: document["error"].clone(),
        summary: document["summary"].clone(),
        steps: steps.iter().map(|it| step(it, "name")).collect(),
        logs: logs.collect(),
    }
}

/// Runs it on the server, by the client.
async fn run_there(client: &Client, name: &str, repo: &Repo, inputs: &Inputs) -> Ending {
    let new = NewApplication {
        repo: name.to_owned(),
        owner: "acme".to_owned(),
        repo_url: repo.url(),
        provider: Provider::Git,
        secrets: Secrets(
            SECRETS
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
        ),
        envs: json!({"FROM_APPLICATION": "from the application"})
            .as_object()
            .cloned(),
        ..NewApplication::default()
    };
    let app = client
        .create_application(&new)
        .await
        .expect("the application is made");
    let dispatch = ManualDispatch {
        app_id: app.id,
        git_ref: "refs/heads/main".to_owned(),
        commit_id: None,
        message: None,
        inputs: Some(inputs.clone()),
        is_debug: false,
    };
    let task = client
        .dispatch_task(&dispatch)
        .await
        .expect("accepted")
        .task_id;
    let mut events = client.follow_task(&task);
    while let Some(event) = events.next().await {
        event.expect("an event");
    }
    let task = client.get_task(&task).await.expect("the task");
    let steps = task.steps.clone().unwrap_or_default();
    let mut logs = BTreeMap::new();
    for count in steps
        .iter()
        .map(|step| step.step_count)
        .chain([StepCount::Completed])
    {
        let log = client
            .get_log_bytes(&LogQuery::new(task.id.clone(), count))
            .await;
        logs.insert(count, log.expect("the log").bytes.to_vec());
    }
    let steps = serde_json::to_value(&steps).expect("JSON");
    Ending {
        status: json!(task.status),
        error: json!(task.error),
        summary: json!(task.summary),
        steps: steps
            .as_array()
            .expect("steps")
            .iter()
            .map(|it| step(it, "run"))
            .collect(),
        logs,
    }
}

fn difference(name: &str, mut here: Ending, mut there: Ending) -> Option<String> {
    for ending in [&mut here, &mut there] {
        if let Some(log) = ending.logs.get_mut(&StepCount::SET_UP) {
            *log = without_checkout(log);
        }
        for log in ending.logs.values_mut() {
            *log = without_size(log);
        }
    }
    let all = format!("{here:?}");
    assert!(!all.contains("canary"), "{name} shows a secret: {all}");
    if here == there {
        return None;
    }
    let text = |ending: &Ending| {
        let mut text = format!(
            "{} {} {:?}\n",
            ending.status,
            ending.error,
            ending.summary.as_str()
        );
        for step in &ending.steps {
            text.push_str(&format!("{step}\n"));
        }
        for (count, log) in &ending.logs {
            let log = log.escape_ascii().to_string();
            text.push_str(&format!("log {count}: {}\n", &log[..log.len().min(2000)]));
        }
        text
    };
    Some(format!(
        "{name}\n--- here\n{}--- there\n{}",
        text(&here),
        text(&there)
    ))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_and_a_server_agree_on_every_pipeline_of_the_corpus() {
    let server = Server::start().await;
    let client = server.client();
    let (names, inputs) = read_corpus();
    assert!(names.len() >= 40, "{names:?}");
    assert!(inputs.keys().all(|name| names.contains(name)), "{inputs:?}");
    let compared = stream::iter(&names).map(async |name| {
        let repo = repository(name);
        let inputs = inputs.get(name).cloned().unwrap_or_default();
        let there = run_there(&client, name, &repo, &inputs).await;
        let here = run_here(&server, name, &repo, &inputs).await;
        (
            format!("{name}: {}", here.outline()),
            difference(name, here, there),
        )
    });
    let compared: Vec<_> = compared.buffer_unordered(AT_ONCE).collect().await;
    let differences: Vec<_> = compared
        .iter()
        .filter_map(|(_, it)| it.as_deref())
        .collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    // Both could be wrong in the same way.
    let mut outlines: Vec<_> = compared.into_iter().map(|(outline, _)| outline).collect();
    outlines.sort();
    let expected = fs::read_to_string(corpus().join("expected.txt")).expect("what is expected");
    assert_eq!(outlines.join("\n") + "\n", expected);
    server.stop().await;
}
