//! What a pipeline says before it runs: the inputs that it declares, as far as they can be known without the network.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use flowcd_engine::{
    git::{CommitId, GitRef, RepoUrl, read_file},
    inputs::{check_inputs, declared_inputs},
};
use flowcd_model::{
    application::Application,
    dispatch::Inputs,
    id::UserId,
    pipeline::{InputSpec, PipelineInfo, PipelineQuery},
};
use tracing::debug;

use crate::{
    auth::Caller,
    error::{Error, Result},
    service::{application::get_application, dispatch::PIPELINE_FILE, repository::resolve},
    state::AppState,
};

/// The longest pipeline that is read.
const MAX_PIPELINE_BYTES: usize = 1024 * 1024;
/// How many pipelines' inputs are kept ..
const MAX_KNOWN: usize = 512;
/// .. and how long they may be, as JSON: then all of them are a few mebibytes.
const MAX_KNOWN_BYTES: usize = 8 * 1024;
/// How many of the errors in one dispatch's inputs are told.
const MAX_ERRORS: usize = 10;

/// The inputs that pipelines declare. What a commit holds does not change, so what is known of it stays true.
#[derive(Debug, Default)]
pub(crate) struct Pipelines {
    known: Mutex<HashMap<Place, Arc<[InputSpec]>>>,
}

/// Where a pipeline is. Each user has mirrors of his own, and learns nothing from those of others.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
struct Place {
    user_id: UserId,
    repo_url: String,
    commit: CommitId,
    file: String,
}

/// What the pipeline that a dispatch would run wants to be told, where it is at hand.
pub(crate) async fn get_pipeline(
    state: &AppState,
    caller: &Caller,
    query: PipelineQuery,
) -> Result<PipelineInfo> {
    let git_ref: GitRef = query
        .git_ref
        .parse()
        .map_err(|err| Error::invalid("ref", err))?;
    let given = query.commit_id.as_deref().filter(|it| !it.is_empty());
    let given: Option<CommitId> = given
        .map(|text| text.parse().map_err(|err| Error::invalid("commitId", err)))
        .transpose()?;
    let application = get_application(state, caller, &query.app_id).await?;
    let commit = match given {
        Some(commit) => commit,
        None => resolve(state, &application, &git_ref).await?,
    };
    let inputs = declared(state, &application, &commit, PIPELINE_FILE).await;
    Ok(PipelineInfo {
        commit: commit.to_string(),
        inputs: inputs.map(|inputs| inputs.to_vec()),
    })
}

/// Refuses inputs that the pipeline does not take, where the pipeline of that commit is at hand: it may not be there,
/// or not be in order, and the set-up of the task tells what is wrong with it then.
pub(crate) async fn check_dispatch(
    state: &AppState,
    application: &Application,
    commit: &CommitId,
    file: &str,
    inputs: &Inputs,
) -> Result<()> {
    let Some(declared) = declared(state, application, commit, file).await else {
        return Ok(());
    };
    let Err(errors) = check_inputs(&declared, inputs) else {
        return Ok(());
    };
    let messages: Vec<String> = errors
        .iter()
        .take(MAX_ERRORS)
        .map(|error| format!("`inputs.{}`: {error}", error.name))
        .collect();
    let refusal = Error::rule(messages.join("; "));
    Err(match errors.first() {
        Some(error) => refusal.with_field(format!("inputs.{}", error.name)),
        None => refusal,
    })
}

async fn declared(
    state: &AppState,
    application: &Application,
    commit: &CommitId,
    file: &str,
) -> Option<Arc<[InputSpec]>> {
    let place = Place {
        user_id: application.user_id.clone(),
        repo_url: application.repo_url.clone(),
        commit: commit.clone(),
        file: file.to_owned(),
    };
    if let Some(known) = state.pipelines.get(&place) {
        return Some(known);
    }
    let (name, text) = read(state, &place).await?;
    let parsed = tokio::task::spawn_blocking(move || declared_inputs(&name, &text)).await;
    match parsed {
        Ok(Ok(declared)) => {
            let declared: Arc<[InputSpec]> = declared.into();
            state.pipelines.keep(place, &declared);
            Some(declared)
        }
        Ok(Err(error)) => {
            debug!("Cannot tell the inputs of a pipeline, which is not in order: {error}");
            None
        }
        Err(_) => None,
    }
}

/// The pipeline's name as found, and its text.
async fn read(state: &AppState, place: &Place) -> Option<(String, Vec<u8>)> {
    let url = RepoUrl::parse(&place.repo_url, &state.repo_policy()).ok()?;
    let mirrors = state.work.mirrors_of(&place.user_id);
    let other = match place.file.rsplit_once('.') {
        Some((stem, "yaml")) => Some(format!("{stem}.yml")),
        Some((stem, "yml")) => Some(format!("{stem}.yaml")),
        _ => None,
    };
    for name in std::iter::once(place.file.clone()).chain(other) {
        match read_file(&mirrors, &url, &place.commit, &name, MAX_PIPELINE_BYTES).await {
            Ok(Some(text)) => return Some((name, text)),
            Ok(None) => {}
            Err(error) => {
                debug!("Cannot tell the inputs of a pipeline: {error}");
                return None;
            }
        }
    }
    None
}

impl Pipelines {
    fn get(&self, place: &Place) -> Option<Arc<[InputSpec]>> {
        self.lock().get(place).cloned()
    }

    fn keep(&self, place: Place, declared: &Arc<[InputSpec]>) {
        let is_short =
            serde_json::to_vec(&**declared).is_ok_and(|json| json.len() <= MAX_KNOWN_BYTES);
        if !is_short {
            return;
        }
        let mut known = self.lock();
        if known.len() >= MAX_KNOWN {
            known.clear();
        }
        known.insert(place, declared.clone());
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Place, Arc<[InputSpec]>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
