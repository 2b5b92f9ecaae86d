//! The npm-publish plugin: publishes the package in a folder of the workspace.
//!
//! The token is in npm's environment, and a file of settings in a folder of our own says that it is there: it is
//! neither in the project's `.npmrc`, which stays as it is, nor among the arguments.

use std::{
    ffi::OsString,
    fs::OpenOptions,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use super::{Done, NotDone};
use crate::{
    log::StepLog,
    plugin::{Call, input::Inputs, registry::Registry, scratch::Scratch},
    process::{End, Interrupt, Program, find_program, run_program},
};

const TOKEN_VARIABLE: &str = "FLOWCD_NPM_TOKEN";

/// Where packages go when nothing else is said.
const DEFAULT_REGISTRY: &str = "https://registry.npmjs.org/";

/// Runs it.
pub(super) async fn run(
    call: &Call<'_>,
    interrupt: &Interrupt<'_>,
    log: &mut StepLog,
) -> Result<Done, NotDone> {
    let inputs = Inputs(&call.inputs);
    let token = inputs.required(&["token"])?;
    if token.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err("the input `token` has white space in it".to_owned().into());
    }
    let registry = inputs.text(&["registry"])?;
    let registry = Registry::parse(registry.as_deref().unwrap_or(DEFAULT_REGISTRY))
        .map_err(|error| format!("cannot use the input `registry`: {error}"))?;
    let dir = code_dir(call.workspace, inputs.text(&["codeDir", "code_dir"])?)?;
    let npm = find_program("npm", call.search_path(), call.workspace)
        .ok_or("publishing needs npm, which is not in PATH")
        .map_err(str::to_owned)?;
    let scratch = Scratch::make(call.tmp)?;
    let settings = scratch.path("npmrc");
    write_settings(&settings, &registry)
        .map_err(|error| format!("cannot write npm's settings: {error}"))?;
    let env = environment(call, token);
    let args: Vec<OsString> = vec![
        "publish".into(),
        "--userconfig".into(),
        settings.into(),
        "--registry".into(),
        registry.as_str().into(),
        "--no-audit".into(),
        "--no-fund".into(),
    ];
    log.line(&format!("Publishing to {registry}")).await;
    let program = Program {
        program: npm.as_os_str(),
        args: &args,
        dir: &dir,
        env: &env,
        marker: call.marker,
        stdin: None,
    };
    let end = run_program(&program, call.limits, interrupt, log)
        .await
        .map_err(|error| format!("cannot start npm: {error}"))?;
    match end {
        End::Exited(0) => Ok(Done::default()),
        End::Exited(code) => Err(format!("npm publish failed with exit code {code}").into()),
        end => Err(NotDone::Ended(end)),
    }
}

/// What npm and the package's own scripts find. What steps before have set is not in it: they could load code of
/// their own into the program that has the token.
fn environment(call: &Call<'_>, token: String) -> Vec<(String, String)> {
    let path = |path: &Path| path.to_string_lossy().into_owned();
    [
        ("PATH", call.search_path().to_owned()),
        ("HOME", path(call.home)),
        ("TMPDIR", path(call.tmp)),
        ("LANG", "C.UTF-8".to_owned()),
        ("CI", "true".to_owned()),
        (TOKEN_VARIABLE, token),
        ("npm_config_update_notifier", "false".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

/// The folder of the package, inside of the workspace.
fn code_dir(workspace: &Path, code_dir: Option<String>) -> Result<PathBuf, String> {
    let Some(code_dir) = code_dir else {
        return Ok(workspace.to_owned());
    };
    let open = || workspace.canonicalize()?.join(&code_dir).canonicalize();
    let dir: PathBuf =
        open().map_err(|error| format!("cannot open the folder `{code_dir}`: {error}"))?;
    let is_inside = workspace
        .canonicalize()
        .is_ok_and(|workspace| dir.starts_with(workspace));
    if !is_inside {
        return Err(format!(
            "the folder `{code_dir}` is outside of the workspace"
        ));
    }
    Ok(dir)
}

fn write_settings(path: &Path, registry: &Registry) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    writeln!(
        file,
        "{}:_authToken=${{{TOKEN_VARIABLE}}}",
        registry.without_scheme()
    )
}
