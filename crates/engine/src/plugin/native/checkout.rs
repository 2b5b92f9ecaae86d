//! The checkout plugin: another repository, or another ref, into a folder of the workspace.

use std::{
    fs,
    path::{Path, PathBuf},
};

use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

use super::{Done, NotDone};
use crate::{
    git::{self, CommitId, Credential, Git, GitError, GitRef, RepoUrl, Trace},
    job::Checkout,
    log::StepLog,
    plugin::{Call, Kept, input::Inputs},
    workdir,
};

/// Runs it.
pub(super) async fn run(call: &Call<'_>, kept: &Kept, log: &mut StepLog) -> Result<Done, NotDone> {
    let inputs = Inputs(&call.inputs);
    if is_there_already(call, &inputs)? {
        log.line("The run is on a folder, which is taken as it is: nothing is checked out")
            .await;
        return Ok(Done::default());
    }
    let url = url(call, &inputs)?;
    let credential = credential(call, &inputs, &url)?;
    let (commit, git_ref) = commit(call, &inputs, &url, credential.as_ref()).await?;
    let folder = folder(call, &inputs, &url)?;
    prepare(call, folder.clone()).await?;
    let at = git_ref
        .as_ref()
        .map(|git_ref| format!(" ({git_ref})"))
        .unwrap_or_default();
    log.line(&format!("Checking out {url} at {commit}{at}"))
        .await;
    let mirrors = match call.checkout {
        Some(own) => own.mirrors.clone(),
        None => call.plugins.caches.join("mirrors"),
    };
    let checkout = Checkout {
        url,
        commit,
        git_ref,
        credential,
        mirrors,
    };
    let git = Git {
        path: call.limits.path.clone(),
        marker: Some(call.marker.to_owned()),
        timeout: call.limits.git_timeout,
        // Whoever drops this future ends git.
        cancel: CancellationToken::new(),
        trace: call.is_debug().then(Trace::default),
    };
    let checked_out = git::check_out(&checkout, &git, &folder).await;
    for line in git.trace.iter().flat_map(Trace::lines) {
        log.line(&format!("debug: {line}")).await;
    }
    let checked_out = checked_out.map_err(|error| told(&error))?;
    let subject = checked_out.message.lines().next().unwrap_or_default();
    log.line(&format!(
        "Checked out {}: {subject}",
        checkout.commit.short()
    ))
    .await;
    kept.keep(checked_out);
    Ok(Done::default())
}

/// Whether the repository is the one whose working tree the run is on. A pipeline that begins with its own checkout
/// runs on a server and on the files of a folder alike.
fn is_there_already(call: &Call<'_>, inputs: &Inputs<'_>) -> Result<bool, String> {
    if call.checkout.is_some() || inputs.text(&["exec_dir", "execDir"])?.is_some() {
        return Ok(false);
    }
    let own = call.context.pointer("/$variables/git/clone_url");
    let own = own.and_then(serde_json::Value::as_str);
    Ok(match inputs.text(&["clone_url", "cloneUrl"])? {
        None => true,
        Some(named) => own == Some(named.as_str()),
    })
}

/// The repository: the one that is named, else the run's own.
fn url(call: &Call<'_>, inputs: &Inputs<'_>) -> Result<RepoUrl, String> {
    match (inputs.text(&["clone_url", "cloneUrl"])?, call.checkout) {
        (Some(url), _) => RepoUrl::parse(&url, &call.plugins.repositories)
            .map_err(|error| format!("cannot use the input `clone_url`: {error}")),
        (None, Some(own)) => Ok(own.url.clone()),
        (None, None) => Err(
            "the input `clone_url` is missing, and the run has no repository of its own".to_owned(),
        ),
    }
}

/// What is shown to the repository: the token that is given, else what the run's own repository at the same host
/// wants to see.
fn credential(
    call: &Call<'_>,
    inputs: &Inputs<'_>,
    url: &RepoUrl,
) -> Result<Option<Credential>, String> {
    let Some(token) = inputs.text(&["token"])? else {
        return Ok(call
            .checkout
            .filter(|own| {
                own.url == *url || (url.origin().is_some() && own.url.origin() == url.origin())
            })
            .and_then(|own| own.credential.clone()));
    };
    let owner = inputs.text(&["owner"])?;
    let username = match inputs.text(&["provider"])?.as_deref() {
        Some("gitlab") => "oauth2".to_owned(),
        Some("github") => "x-access-token".to_owned(),
        _ => owner.unwrap_or_else(|| "x-access-token".to_owned()),
    };
    if username.contains(':') || username.chars().any(char::is_control) {
        return Err("the input `owner` is malformed".to_owned());
    }
    Ok(Some(Credential {
        username,
        password: SecretString::from(token),
    }))
}

/// What is checked out: the commit that is given, else what the ref points to, else what the run is about, else the
/// repository's default branch.
async fn commit(
    call: &Call<'_>,
    inputs: &Inputs<'_>,
    url: &RepoUrl,
    credential: Option<&Credential>,
) -> Result<(CommitId, Option<GitRef>), String> {
    let own = call.checkout.filter(|own| own.url == *url);
    let git_ref = inputs
        .text(&["ref"])?
        .map(|text| parse_ref(&text))
        .transpose()?;
    if let Some(commit) = inputs.text(&["commit"])? {
        let commit = commit
            .parse()
            .map_err(|error| format!("cannot use the input `commit`: {error}"))?;
        return Ok((commit, git_ref));
    }
    if let (None, Some(own)) = (&git_ref, own) {
        return Ok((own.commit.clone(), own.git_ref.clone()));
    }
    let resolved = match &git_ref {
        Some(git_ref) => git::resolve_ref(url, git_ref, credential).await,
        None => git::resolve_head(url, credential).await,
    };
    Ok((resolved.map_err(|error| told(&error))?, git_ref))
}

/// A full name, or the name of a branch.
fn parse_ref(text: &str) -> Result<GitRef, String> {
    let full = match text.starts_with("refs/") {
        true => text.parse(),
        false => format!("refs/heads/{text}").parse(),
    };
    full.map_err(|error| format!("cannot use the input `ref`: {error}"))
}

/// Where it goes: below the workspace. The run's own repository goes to the workspace itself, another one to a folder
/// with its name.
fn folder(call: &Call<'_>, inputs: &Inputs<'_>, url: &RepoUrl) -> Result<PathBuf, String> {
    let name = match inputs.text(&["exec_dir", "execDir"])? {
        Some(name) => name,
        None if call.checkout.is_some_and(|own| own.url == *url) => ".".to_owned(),
        None => repository_name(url)?,
    };
    let cannot = |what: &str| format!("cannot use the folder `{}`: {what}", name.escape_debug());
    if name.contains('\0') {
        return Err(cannot("it has a NUL byte in it"));
    }
    let workspace = call
        .workspace
        .canonicalize()
        .map_err(|error| cannot(&error.to_string()))?;
    // One part after the other, so that no link on the way leads out, and nothing is made outside.
    let mut folder = workspace.clone();
    let below = Path::new(&name)
        .strip_prefix(&workspace)
        .or_else(|_| Path::new(&name).strip_prefix(call.workspace))
        .unwrap_or(Path::new(&name));
    for part in below.components() {
        use std::path::Component::{CurDir, Normal};
        match part {
            CurDir => continue,
            Normal(part) => folder.push(part),
            _ => return Err(cannot("it is outside of the workspace")),
        }
        match folder.symlink_metadata() {
            Ok(metadata) if metadata.is_dir() => {}
            Ok(_) => return Err(cannot("a part of it is a link or a file")),
            Err(_) => fs::create_dir(&folder).map_err(|error| cannot(&error.to_string()))?,
        }
    }
    Ok(folder)
}

fn repository_name(url: &RepoUrl) -> Result<String, String> {
    let path = url.as_str().trim_end_matches('/');
    let name = path.rsplit(['/', ':']).next().unwrap_or_default();
    let name = name.strip_suffix(".git").unwrap_or(name);
    if name.is_empty() || name.starts_with('.') {
        return Err("the input `exec_dir` is missing".to_owned());
    }
    Ok(name.to_owned())
}

/// Empties the folder. In a folder that is not the run's own, nobody's files are removed.
async fn prepare(call: &Call<'_>, folder: PathBuf) -> Result<(), String> {
    let is_ours = call.checkout.is_some();
    let empty = move || {
        let entries = fs::read_dir(&folder)
            .and_then(|entries| entries.collect::<Result<Vec<_>, _>>())
            .map_err(|error| format!("cannot read `{}`: {error}", folder.display()))?;
        if !is_ours && !entries.is_empty() {
            return Err(format!("the folder `{}` is not empty", folder.display()));
        }
        for entry in entries {
            let path = entry.path();
            workdir::remove(&path)
                .map_err(|error| format!("cannot remove `{}`: {error}", path.display()))?;
        }
        Ok(())
    };
    tokio::task::spawn_blocking(empty)
        .await
        .map_err(|error| format!("the checkout broke off: {error}"))?
}

fn told(error: &GitError) -> String {
    match error {
        GitError::Io { what, source } => format!("{what}: {source}"),
        error => error.to_string(),
    }
}
