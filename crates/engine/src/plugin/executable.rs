//! Plugins that are any program: the request is JSON on stdin, the answer a JSON file.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Call, Called, Phase, answer::Answer, scratch::Scratch};
use crate::{
    log::StepLog,
    process::{End, Interrupt, Program, run_program},
};

/// The variable that names the file for the answer.
const OUTPUT_VARIABLE: &str = "FLOWCD_PLUGIN_OUTPUT";

/// The file that says what a folder runs.
const MANIFEST: &str = "plugin.yaml";

const MAX_MANIFEST_BYTES: u64 = 64 * 1024;

/// A plugin that is a program, or two.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Executable {
    run: PathBuf,
    post: Option<PathBuf>,
}

/// What a file or a folder is.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Local {
    Executable(Executable),
    /// JavaScript: a file, or the folder of a package.
    Node(PathBuf),
}

/// `plugin.yaml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    run: String,
    #[serde(default)]
    post: Option<String>,
    /// For people.
    #[serde(default, rename = "name")]
    _name: Option<String>,
    #[serde(default, rename = "description")]
    _description: Option<String>,
}

/// Looks at a path: a folder with `plugin.yaml`, `package.json` or `run` in it, a JavaScript file, or a program.
pub(super) fn look(path: &Path) -> Result<Local, String> {
    let metadata = path
        .metadata()
        .map_err(|error| format!("cannot open it: {error}"))?;
    if metadata.is_dir() {
        return look_into(path);
    }
    let extension = path.extension().and_then(|extension| extension.to_str());
    if matches!(extension, Some("js" | "cjs" | "mjs")) && metadata.is_file() {
        return Ok(Local::Node(path.to_owned()));
    }
    Ok(Local::Executable(Executable {
        run: program(path)?,
        post: None,
    }))
}

fn look_into(folder: &Path) -> Result<Local, String> {
    let manifest = folder.join(MANIFEST);
    if manifest.is_file() {
        let manifest =
            read(&manifest).map_err(|error| format!("cannot read its {MANIFEST}: {error}"))?;
        return Ok(Local::Executable(Executable {
            run: program(&folder.join(manifest.run))?,
            post: manifest
                .post
                .map(|post| program(&folder.join(post)))
                .transpose()?,
        }));
    }
    if folder.join("package.json").is_file() {
        return Ok(Local::Node(folder.to_owned()));
    }
    let run = folder.join("run");
    if !run.exists() {
        return Err(format!(
            "the folder has neither `{MANIFEST}` nor `package.json` nor a program `run` in it"
        ));
    }
    let post = folder.join("post");
    Ok(Local::Executable(Executable {
        run: program(&run)?,
        post: post.exists().then(|| program(&post)).transpose()?,
    }))
}

fn read(path: &Path) -> Result<Manifest, String> {
    let length = path.metadata().map_err(|error| error.to_string())?.len();
    if length > MAX_MANIFEST_BYTES {
        return Err(format!("it is longer than {MAX_MANIFEST_BYTES} bytes"));
    }
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    // Where it went wrong, but not what is there: a link could lead to a file that is nobody's business.
    serde_saphyr::from_str(&text).map_err(|_| {
        "it is not a mapping with `run` and perhaps `post`, `name`, `description`".to_owned()
    })
}

fn program(path: &Path) -> Result<PathBuf, String> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let metadata = path
        .metadata()
        .map_err(|error| format!("cannot open `{name}`: {error}"))?;
    if !metadata.is_file() {
        return Err(format!("`{name}` is not a file"));
    }
    if metadata.permissions().mode() & 0o111 == 0 {
        return Err(format!(
            "`{name}` is not executable (`chmod +x` makes it so)"
        ));
    }
    Ok(path.to_owned())
}

impl Executable {
    pub(super) fn has_post(&self) -> bool {
        self.post.is_some()
    }

    /// Calls it.
    pub(super) async fn call(
        &self,
        call: &Call<'_>,
        interrupt: &Interrupt<'_>,
        log: &mut StepLog,
    ) -> Called {
        self.try_call(call, interrupt, log)
            .await
            .unwrap_or_else(Called::failed)
    }

    async fn try_call(
        &self,
        call: &Call<'_>,
        interrupt: &Interrupt<'_>,
        log: &mut StepLog,
    ) -> Result<Called, String> {
        let program = match (call.phase, &self.post) {
            (Phase::Run, _) => &self.run,
            (Phase::Post, Some(post)) => post,
            (Phase::Post, None) => return Ok(Called::ended(End::Exited(0))),
        };
        let scratch = Scratch::make(call.tmp)?;
        let answer = Answer::make(&scratch.path("output.json"))?;
        let mut request = json!({
            "phase": call.phase.to_string(),
            "inputs": call.inputs,
            "context": call.context,
        });
        if call.phase == Phase::Post {
            request["outputs"] = call.run_state.clone().unwrap_or_else(|| json!({}));
        }
        let mut env = call.env.to_vec();
        env.push((
            OUTPUT_VARIABLE.to_owned(),
            answer.path.to_string_lossy().into_owned(),
        ));
        let program = Program {
            program: program.as_os_str(),
            args: &[],
            dir: call.workspace,
            env: &env,
            marker: call.marker,
            stdin: Some(Bytes::from(request.to_string())),
        };
        let end = run_program(&program, call.limits, interrupt, log)
            .await
            .map_err(|error| format!("cannot start the plugin: {error}"))?;
        if end != End::Exited(0) {
            return Ok(Called::ended(end));
        }
        let outputs = match answer.read()? {
            None => Map::new(),
            Some(Value::Object(outputs)) => outputs,
            Some(_) => return Err("its answer is no mapping".to_owned()),
        };
        Ok(Called {
            state: Some(Value::Object(outputs.clone())),
            outputs,
            ..Called::ended(end)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        os::unix::fs::PermissionsExt,
        path::{Path, PathBuf},
    };

    use super::{Executable, Local, look};

    fn write(path: PathBuf, text: &str, mode: u32) -> PathBuf {
        fs::create_dir_all(path.parent().expect("it has a parent")).expect("folders are made");
        fs::write(&path, text).expect("it is written");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("its mode is set");
        path
    }

    #[test]
    fn a_path_tells_by_itself_what_kind_of_plugin_it_is() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let at = |name: &str| root.path().join(name);
        let executable = |run: &str, post: Option<&str>| {
            Local::Executable(Executable {
                run: at(run),
                post: post.map(at),
            })
        };
        write(at("tool"), "#!/bin/sh\n", 0o755);
        write(at("plain.txt"), "text", 0o644);
        write(at("index.mjs"), "", 0o644);
        write(at("package/package.json"), "{}", 0o644);
        write(at("folder/run"), "", 0o755);
        write(at("both/run"), "", 0o755);
        write(at("both/post"), "", 0o755);
        write(
            at("named/plugin.yaml"),
            "name: x\nrun: ./bin/go\npost: ./bin/go\n",
            0o644,
        );
        write(at("named/bin/go"), "", 0o755);
        write(at("wrong/plugin.yaml"), "secret: 1\n", 0o644);
        write(at("gone/plugin.yaml"), "run: ./nothing\n", 0o644);
        fs::create_dir(at("empty")).expect("it is made");
        for (name, expected) in [
            ("tool", executable("tool", None)),
            ("index.mjs", Local::Node(at("index.mjs"))),
            ("package", Local::Node(at("package"))),
            ("folder", executable("folder/run", None)),
            ("both", executable("both/run", Some("both/post"))),
            (
                "named",
                executable("named/./bin/go", Some("named/./bin/go")),
            ),
        ] {
            assert_eq!(look(&at(name)), Ok(expected), "{name}");
        }
        for (name, error) in [
            (
                "plain.txt",
                "`plain.txt` is not executable (`chmod +x` makes it so)",
            ),
            (
                "empty",
                "the folder has neither `plugin.yaml` nor `package.json` nor a program `run` in it",
            ),
            (
                "wrong",
                "cannot read its plugin.yaml: it is not a mapping with `run` and perhaps `post`, `name`, `description`",
            ),
            (
                "gone",
                "cannot open `nothing`: No such file or directory (os error 2)",
            ),
            (
                "absent",
                "cannot open it: No such file or directory (os error 2)",
            ),
        ] {
            assert_eq!(look(&at(name)), Err(error.to_owned()), "{name}");
        }
        assert!(look(Path::new("/dev/null")).is_err());
    }
}
