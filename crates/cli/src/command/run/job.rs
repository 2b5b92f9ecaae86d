//! What there is to run: the pipeline, and all that it would be given by a server.

use std::{
    collections::BTreeMap,
    fmt::Write,
    path::{Path, PathBuf},
};

use etcetera::BaseStrategy;
use flowcd_engine::{
    Contexts, Job, Limits, Options, Plugins, Source,
    git::{LocalRepository, RepoPolicy, describe_folder},
};
use flowcd_model::{dispatch::Inputs, id::TaskId, secret::is_secret_name};
use secrecy::SecretString;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::RunArgs;
use crate::{failure::Failure, output::Printer, repository, value};

/// The pipelines that are looked for when none is named.
const PIPELINE_FILES: [&str; 2] = ["serverless-pipeline.yaml", "serverless-pipeline.yml"];

const PIPELINE_HINT: &str = "name the file: `flowcd run FILE`; docs/pipeline.md tells how one is written, and `flowcd lint` what is wrong with it";

/// The job, whose own folder is made below `scratch`.
pub(super) async fn job(printer: &Printer, args: &RunArgs, scratch: &Path) -> Result<Job, Failure> {
    let folder = std::env::current_dir()
        .and_then(|folder| folder.canonicalize())
        .map_err(|source| Failure::Io {
            what: "find the current folder",
            source,
        })?;
    let pipeline_file = pipeline_file(&folder, args.file.as_deref())?;
    let inputs = inputs(args)?;
    let overlay = match &args.context {
        Some(path) => value::read_document(path)?,
        None => Map::new(),
    };
    let envs = args.envs.iter();
    let envs = envs.map(|(name, value)| (name.clone(), Value::from(value.as_str())));
    let path = search_path();
    let repository = describe_folder(&folder, &path)
        .await
        .unwrap_or_else(|error| {
            printer.warn(&format!("the run knows nothing of the repository: {error}"));
            None
        });
    let task_id = TaskId::generate();
    Ok(Job {
        dir: scratch.join("task"),
        marker: format!("flowcd-run.{task_id}"),
        contexts: Contexts {
            inputs,
            overlay,
            ..contexts(&task_id, &pipeline_file, repository.unwrap_or_default())
        },
        pipeline_file,
        secrets: secrets(args)?,
        envs: envs.collect(),
        options: Options {
            is_debug: args.is_debug,
            is_dry_run: args.is_dry_run,
            only_step: args.only_step.clone(),
        },
        plugins: plugins(args, &folder, scratch),
        limits: Limits {
            path,
            ..Limits::default()
        },
        source: Source::Folder(folder),
        task_id,
    })
}

/// The pipeline as the engine takes it: by its place in the current folder, which is the workspace.
fn pipeline_file(folder: &Path, given: Option<&Path>) -> Result<String, Failure> {
    let Some(given) = given else {
        let found = PIPELINE_FILES
            .iter()
            .find(|name| folder.join(name).exists());
        return found.map(|name| (*name).to_owned()).ok_or_else(|| {
            let [one, other] = PIPELINE_FILES;
            missing(&format!("neither `{one}` nor `{other}` is"), folder)
        });
    };
    let shown = given.display();
    let mut names = vec![given.to_owned()];
    names.extend(other_extension(given));
    let Some(name) = names.iter().find(|name| folder.join(name).exists()) else {
        return Err(missing(&format!("`{shown}` is not"), folder));
    };
    let found = folder.join(name).canonicalize();
    let found = found.map_err(|source| Failure::File {
        what: "open the pipeline",
        path: name.clone(),
        source,
    })?;
    if !found.starts_with(folder) {
        return Err(Failure::usage_with_hint(
            format!("the pipeline `{shown}` is outside of the current folder"),
            "the current folder is the workspace: change to the one that the pipeline is for",
        ));
    }
    if !found.is_file() {
        return Err(Failure::usage_with_hint(
            format!("`{shown}` is not a file"),
            PIPELINE_HINT,
        ));
    }
    name.to_str()
        .map(str::to_owned)
        .ok_or_else(|| Failure::usage(format!("the name of the pipeline `{shown}` is not UTF-8")))
}

fn missing(what: &str, folder: &Path) -> Failure {
    Failure::usage_with_hint(
        format!("there is no pipeline: {what} in `{}`", folder.display()),
        PIPELINE_HINT,
    )
}

/// `.yaml` and `.yml` stand in for each other.
fn other_extension(path: &Path) -> Option<PathBuf> {
    match path.extension()?.to_str()? {
        "yaml" => Some(path.with_extension("yml")),
        "yml" => Some(path.with_extension("yaml")),
        _ => None,
    }
}

fn inputs(args: &RunArgs) -> Result<Inputs, Failure> {
    let mut inputs = match &args.inputs_file {
        Some(path) => value::read_document(path)?,
        None => Inputs::new(),
    };
    inputs.extend(args.inputs.iter().cloned());
    Ok(inputs)
}

fn secrets(args: &RunArgs) -> Result<BTreeMap<String, SecretString>, Failure> {
    let mut secrets = match &args.secrets_file {
        Some(path) => secrets_of_file(path)?,
        None => BTreeMap::new(),
    };
    for (name, value) in value::read_secrets(&args.secrets)?.0 {
        secrets.insert(name, SecretString::from(value));
    }
    Ok(secrets)
}

/// No message repeats anything of the file but names: it is full of secrets.
fn secrets_of_file(path: &PathBuf) -> Result<BTreeMap<String, SecretString>, Failure> {
    let wrong =
        |what: String| Failure::usage(format!("the secrets in `{}`: {what}", path.display()));
    let text = value::read_file(path)?;
    let extension = path.extension().and_then(|extension| extension.to_str());
    let pairs: Vec<(String, String)> = match extension {
        Some("json" | "yaml" | "yml") => {
            let options = serde_saphyr::options! { with_snippet: false };
            let document: Map<String, Value> = serde_saphyr::from_str_with_options(&text, options)
                .map_err(|_| wrong("expected a mapping of names to text".to_owned()))?;
            let text_of = |(name, value): (String, Value)| match value {
                Value::String(text) => Ok((name, text)),
                Value::Number(_) | Value::Bool(_) if extension == Some("json") => {
                    Ok((name, value.to_string()))
                }
                // In YAML, `010` and `yes` would be another value than what is written.
                _ => Err(wrong(format!(
                    "`{}` is no text: put its value in quotes",
                    name.escape_debug()
                ))),
            };
            document
                .into_iter()
                .map(text_of)
                .collect::<Result<_, _>>()?
        }
        _ => flowcd_engine::read_variables(text.as_bytes())
            .map_err(|line| wrong(format!("line {line} is not NAME=VALUE")))?,
    };
    let mut secrets = BTreeMap::new();
    for (name, secret) in pairs {
        if !is_secret_name(&name) {
            let name = name.escape_debug();
            return Err(wrong(format!(
                "`{name}` is no name: letters, digits and _, and no digit at the beginning"
            )));
        }
        secrets.insert(name, SecretString::from(secret));
    }
    Ok(secrets)
}

/// What a server would tell, as far as it is known here.
fn contexts(task_id: &TaskId, pipeline_file: &str, repository: LocalRepository) -> Contexts {
    let LocalRepository {
        commit,
        message,
        author,
        branch_ref,
        remote_url,
        ..
    } = repository;
    let remote = remote_url
        .as_deref()
        .and_then(|url| repository::read_url(url).ok());
    let owner = remote.as_ref().and_then(|remote| remote.owner.clone());
    let branch = branch_ref
        .as_deref()
        .and_then(|name| name.strip_prefix("refs/heads/"));
    let git = json!({
        "provider": remote.as_ref().map(|remote| remote.provider),
        "clone_url": remote_url,
        "repo_owner": owner,
        "repo_name": remote.as_ref().and_then(|remote| remote.name.clone()),
        "ref": branch_ref,
        "branch": branch,
        "commit": commit.as_ref().map(|commit| commit.as_str()),
        "message": message,
        // Whoever wrote the commit is the nearest to somebody who pushed it.
        "pusher": author.map(|(name, email)| json!({ "name": name, "email": email })),
        "event_name": "local",
    });
    Contexts {
        git: known(git),
        app: known(json!({ "owner": owner })),
        task: known(json!({ "id": task_id })),
        trigger: known(json!({
            "type": "local",
            "interceptor": "local_run",
            "template": pipeline_file,
        })),
        ..Contexts::default()
    }
}

/// The entries that are there.
fn known(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(mut map) => {
            map.retain(|_, value| !value.is_null());
            map
        }
        _ => Map::new(),
    }
}

/// Plugins and caches are kept in the user's folder for such things; nothing is made before it is needed.
fn plugins(args: &RunArgs, folder: &Path, scratch: &Path) -> Plugins {
    let kept = match etcetera::choose_base_strategy() {
        Ok(strategy) => strategy.cache_dir().join("flowcd"),
        // Without a home, they last as long as the run.
        Err(_) => scratch.join("cache"),
    };
    // What is the application on a server is the folder here.
    let digest = Sha256::digest(folder.as_os_str().as_encoded_bytes());
    let mut name = String::new();
    for byte in digest.iter().take(16) {
        // Writing to a text does not fail.
        let _ = write!(name, "{byte:02x}");
    }
    Plugins {
        installed: kept.join("plugins"),
        registry: args.plugin_registry.clone(),
        ca_file: args.plugin_ca_file.clone(),
        caches: kept.join("caches").join(name),
        // Whoever runs it can reach them anyway.
        repositories: RepoPolicy {
            local: true,
            http: true,
        },
    }
}

/// Where the user's programs are.
fn search_path() -> String {
    #[expect(
        clippy::disallowed_methods,
        reason = "the steps look for programs where their user does"
    )]
    let path = std::env::var_os("PATH");
    match path {
        Some(path) if !path.is_empty() => path.to_string_lossy().into_owned(),
        _ => Limits::default().path,
    }
}
