//! Plugins from npm: found, installed, called, ended.

use std::{fs, path::Path};

use serde_json::{Value, json};

use crate::{
    http_server::HttpServer,
    npm_registry::Packages,
    runner::{Ran, Runner},
};

/// A plugin that says what it gets, and has an end.
const ECHO: &str = r#"
exports.run = async (inputs, context, logger) => {
  logger.info('inputs %j', inputs);
  logger.debug('never seen');
  console.log('cwd', process.cwd() === context.cwd, 'step', context.stepCount);
  return { text: inputs.text, variables: Object.keys(context.$variables).includes('git') };
};
exports.postRun = async (inputs, context, logger) => {
  const post = context.steps.find((step) => step.stepCount === context.stepCount);
  const run = context.steps.find((step) => step.stepCount === post.runStepCount);
  logger.warn(`after ${inputs.text}: ${run.outputs.text}, ${context.status}`);
};
"#;

fn manifest(name: &str, version: &str) -> Value {
    json!({"name": name, "version": version, "main": "index.js"})
}

/// A registry with one package, called `echo`.
async fn registry() -> HttpServer {
    Packages::default()
        .with(manifest("echo", "1.0.0"), &[("index.js", ECHO)])
        .serve()
        .await
}

fn runner(pipeline: &str, registry: &HttpServer, installed: &Path) -> Runner {
    let mut runner = Runner::of_pipeline(pipeline);
    runner.job.plugins.registry = Some(registry.url("/"));
    runner.job.plugins.installed = installed.to_owned();
    runner
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn error_of_set_up(ran: &Ran) -> &str {
    ran.outcome.steps[0].error.as_deref().unwrap_or("")
}

/// Runs a plugin that is a file `plugin.js` in the workspace.
async fn run_file(source: &str, inputs: &str) -> Ran {
    run_named("plugin.js", source, inputs).await
}

async fn run_named(name: &str, source: &str, inputs: &str) -> Ran {
    let pipeline = format!("steps:\n  - plugin: ./{name}\n    id: it\n    inputs: {inputs}\n");
    let runner = Runner::of_pipeline(&pipeline);
    fs::write(runner.folder().join(name), source).expect("it is written");
    runner.run().await
}

#[tokio::test]
async fn a_package_is_installed_once_and_its_outputs_reach_the_steps_behind_it() {
    let (registry, installed) = (registry().await, folder());
    let pipeline = "
steps:
  - plugin: echo@1.0.0
    id: first
    inputs: {text: '${{ 1 + 1 }} {{ status }}'}
  - run: echo 'got ${{ steps.first.outputs.text }}' ${{ steps.first.outputs.variables }}
";
    let ran = runner(pipeline, &registry, installed.path()).run().await;
    assert_eq!(
        ran.statuses(),
        "success success success -> success",
        "{}",
        ran.everything()
    );
    assert!(
        ran.log(0)
            .contains("Installed the plugin `echo@1.0.0`, version 1.0.0")
    );
    assert_eq!(
        ran.log(1),
        "inputs {\"text\":\"2 running\"}\ncwd true step 1\n"
    );
    assert_eq!(ran.log(2), "got 2 running true\n");
    assert_eq!(ran.log(3), "Warning: after 2 running: 2 running, running\n");
    let last = &ran.outcome.steps[3];
    assert_eq!(last.run, "Post Run Run echo@1.0.0");

    let n_requests = registry.requests().len();
    let ran = runner(pipeline, &registry, installed.path()).run().await;
    assert_eq!(ran.statuses(), "success success success -> success");
    assert!(
        ran.log(0)
            .contains("The plugin `echo@1.0.0` is installed, version 1.0.0")
    );
    assert_eq!(
        registry.requests().len(),
        n_requests,
        "the registry was asked again"
    );
}

#[tokio::test]
async fn a_package_without_a_version_says_which_one_it_got() {
    let installed = folder();
    let registry = Packages::default()
        .with(manifest("@team/echo", "1.0.0"), &[("index.js", ECHO)])
        .with(manifest("@team/echo", "1.2.0"), &[("index.js", ECHO)])
        .serve()
        .await;
    let pipeline = "steps:\n  - plugin: '@team/echo'\n  - plugin: '@team/echo@^1.0.0'\n  - plugin: npm:@team/echo@1.0.0\n";
    let ran = runner(pipeline, &registry, installed.path()).run().await;
    let log = ran.log(0);
    for line in [
        "Installed the plugin `@team/echo`, version 1.2.0",
        "Installed the plugin `@team/echo@^1.0.0`, version 1.2.0",
        "Installed the plugin `npm:@team/echo@1.0.0`, version 1.0.0",
    ] {
        assert!(log.contains(line), "{log}");
    }
}

#[tokio::test]
async fn runs_that_want_the_same_package_at_once_install_it_once() {
    let (registry, installed) = (registry().await, folder());
    let pipeline = "steps:\n  - plugin: echo@1.0.0\n    inputs: {text: x}\n";
    let runs = (0..4).map(|_| {
        let runner = runner(pipeline, &registry, installed.path());
        tokio::spawn(runner.run())
    });
    let mut n_installed = 0;
    for run in runs.collect::<Vec<_>>() {
        let ran = run.await.expect("a run does not panic");
        assert_eq!(
            ran.statuses(),
            "success success -> success",
            "{}",
            ran.everything()
        );
        n_installed += usize::from(ran.log(0).contains("Installed the plugin"));
    }
    assert_eq!(n_installed, 1);
    let tarballs = registry.requests();
    let n_fetched = tarballs
        .iter()
        .filter(|it| it.target.ends_with(".tgz"))
        .count();
    assert_eq!(n_fetched, 1);
}

#[tokio::test]
async fn what_is_not_whole_is_installed_anew() {
    let (registry, installed) = (registry().await, folder());
    let half = installed.path().join("echo@1.0.0/node_modules/echo");
    fs::create_dir_all(&half).expect("it is made");
    fs::write(half.join("index.js"), "throw new Error('half')").expect("it is written");
    let pipeline = "steps:\n  - plugin: echo@1.0.0\n    inputs: {text: x}\n";
    let ran = runner(pipeline, &registry, installed.path()).run().await;
    assert_eq!(
        ran.statuses(),
        "success success -> success",
        "{}",
        ran.everything()
    );
}

#[tokio::test]
async fn a_package_that_cannot_be_used_is_an_error_of_the_set_up_and_not_kept() {
    let installed = folder();
    let registry = Packages::default()
        .with(
            manifest("idle", "1.0.0"),
            &[("index.js", "exports.stop = () => {}")],
        )
        .with(
            manifest("broken", "1.0.0"),
            &[("index.js", "require('nothing-like-it')")],
        )
        .serve()
        .await;
    for (plugin, expected) in [
        (
            "absent@1.0.0",
            "cannot install the plugin `absent@1.0.0`: the registry has no such package",
        ),
        (
            "idle@9.9.9",
            "cannot install the plugin `idle@9.9.9`: the registry has no such version of it, or of a package that it needs",
        ),
        (
            "idle",
            "the plugin `idle` cannot be used: it exports no function `run`",
        ),
        (
            "broken",
            "the plugin `broken` cannot be used: Cannot find module 'nothing-like-it'",
        ),
        ("npm:--global", "`--global` is no npm package"),
        ("npm:../x", "`../x` is no npm package"),
        ("x@https://host/x.tgz", "cannot be used: cannot open it"),
        ("github:owner/name", "cannot be used: cannot open it"),
    ] {
        let pipeline = format!("steps:\n  - plugin: '{plugin}'\n  - run: echo never\n");
        let ran = runner(&pipeline, &registry, installed.path()).run().await;
        let error = error_of_set_up(&ran);
        assert!(error.contains(expected), "{plugin}: {error}");
        assert_eq!(ran.outcome.status.as_str(), "failure");
        assert!(!ran.everything().contains("never\n"), "{plugin}");
    }
    let left = fs::read_dir(installed.path()).expect("it is there");
    let left: Vec<_> = left.flatten().map(|entry| entry.file_name()).collect();
    assert!(
        left.iter().all(|name| name == ".new" || name == ".locks"),
        "{left:?}"
    );
    let new = fs::read_dir(installed.path().join(".new")).expect("it is there");
    assert_eq!(new.count(), 0);
}

#[tokio::test]
async fn scripts_of_a_package_are_not_run_when_it_is_installed() {
    let installed = folder();
    let trace = installed.path().join("trace");
    let mut manifest = manifest("scripted", "1.0.0");
    manifest["scripts"] = json!({"postinstall": format!("touch {}", trace.display())});
    let registry = Packages::default()
        .with(manifest, &[("index.js", "exports.run = () => ({})")])
        .serve()
        .await;
    let ran = runner(
        "steps:\n  - plugin: scripted\n",
        &registry,
        installed.path(),
    )
    .run()
    .await;
    assert_eq!(ran.statuses(), "success -> success", "{}", ran.everything());
    assert!(!trace.exists());
}

#[tokio::test]
async fn a_registry_that_is_away_is_told_without_npms_prose() {
    let installed = folder();
    // A port that was free a moment ago, and that nobody listens to.
    let registry = HttpServer::start(|_| (200, Vec::new())).await;
    let address = registry.url("/");
    drop(registry);
    let mut runner = Runner::of_pipeline("steps:\n  - plugin: echo@1.0.0\n");
    runner.job.plugins.registry = Some(address);
    runner.job.plugins.installed = installed.path().to_owned();
    let ran = runner.run().await;
    let error = error_of_set_up(&ran);
    assert_eq!(
        error,
        "step 1: cannot install the plugin `echo@1.0.0`: the registry cannot be reached (ECONNREFUSED)"
    );
}

#[tokio::test]
async fn without_node_the_set_up_says_what_is_missing() {
    let bin = folder();
    for name in ["sh", "git", "npm"] {
        let program = Path::new("/usr/bin").join(name);
        std::os::unix::fs::symlink(program, bin.path().join(name)).expect("a link is made");
    }
    for plugin in ["echo@1.0.0", "./plugin.js"] {
        let mut runner = Runner::of_pipeline(&format!("steps:\n  - plugin: {plugin}\n"));
        fs::write(runner.folder().join("plugin.js"), ECHO).expect("it is written");
        runner.job.limits.path = bin.path().to_string_lossy().into_owned();
        let ran = runner.run().await;
        assert_eq!(
            error_of_set_up(&ran),
            format!(
                "step 1: the plugin `{plugin}` needs Node.js 18 or newer, which is not in PATH"
            )
        );
    }
}

#[tokio::test]
async fn javascript_is_called_however_it_exports_its_function() {
    for (name, source) in [
        ("a.js", "exports.run = () => ({ at: 'a' })"),
        (
            "b.cjs",
            "module.exports = { run: async () => ({ at: 'b' }) }",
        ),
        (
            "c.mjs",
            "export async function run() { return { at: 'c' }; }",
        ),
        ("d.mjs", "export default { run() { return { at: 'd' }; } };"),
        (
            "e.js",
            "exports.default = class {}; exports.run = () => ({ at: 'e' })",
        ),
        ("f.mjs", "export default () => ({ at: 'f' });"),
        (
            "g.js",
            "exports.__esModule = true; exports.default = { run: () => ({ at: 'g' }) }",
        ),
    ] {
        let ran = run_named(name, source, "{}").await;
        assert_eq!(
            ran.statuses(),
            "success -> success",
            "{name}: {}",
            ran.everything()
        );
        let at = &ran.outcome.steps[1].outputs["at"];
        assert_eq!(at.as_str(), name.get(..1), "{name}");
    }
}

#[tokio::test]
async fn a_plugin_that_throws_fails_its_step_with_its_message() {
    for (source, error) in [
        (
            "exports.run = () => { throw new Error('no luck') }",
            "no luck",
        ),
        (
            "exports.run = async () => { throw new TypeError('later') }",
            "later",
        ),
        ("exports.run = () => { throw 'a text' }", "a text"),
        (
            "exports.run = () => new Promise(() => setTimeout(() => { throw new Error('aside') }, 1))",
            "aside",
        ),
        (
            "exports.run = () => process.exit(0)",
            "it ended before it was done",
        ),
        (
            "exports.run = () => new Promise(() => {})",
            "it ended before it was done",
        ),
        (
            "exports.run = () => process.exit(7)",
            "it ended with exit code 7",
        ),
        (
            "exports.run = () => { const a = {}; a.a = a; return a }",
            "its outputs cannot be written as JSON: Converting circular structure to JSON",
        ),
        (
            "exports.run = () => ({ big: 'x'.repeat(2 << 20) })",
            "its answer is longer than 1048576 bytes",
        ),
    ] {
        let ran = run_file(source, "{}").await;
        assert_eq!(
            ran.statuses(),
            "failure -> failure",
            "{source}: {}",
            ran.everything()
        );
        assert!(
            ran.error(1).starts_with(error),
            "{source}: {}",
            ran.error(1)
        );
    }
}

#[tokio::test]
async fn a_stack_is_told_in_debug_runs_alone() {
    let source = "exports.run = function here() { throw new Error('no luck') }";
    for is_debug in [false, true] {
        let mut runner = Runner::of_pipeline("steps:\n  - plugin: ./plugin.js\n");
        fs::write(runner.folder().join("plugin.js"), source).expect("it is written");
        runner.job.options.is_debug = is_debug;
        let ran = runner.run().await;
        assert_eq!(
            ran.log(1).contains("debug: Error: no luck\n    at "),
            is_debug
        );
        assert_eq!(ran.error(1), "no luck");
    }
}

#[tokio::test]
async fn a_cancel_ends_a_plugin_and_what_it_started() {
    let source = r"
const { spawn } = require('child_process');
exports.run = (inputs, context, logger) => {
  spawn('sleep', ['1000'], { stdio: 'inherit' });
  logger.info('started');
  return new Promise(() => setInterval(() => {}, 1000));
};
exports.postRun = () => console.log('ended');
";
    let runner = Runner::of_pipeline("steps:\n  - plugin: ./plugin.js\n  - run: echo never\n");
    fs::write(runner.folder().join("plugin.js"), source).expect("it is written");
    let marker = runner.job.marker.clone();
    let ran = runner.run_and_cancel_at("started").await;
    assert_eq!(
        ran.statuses(),
        "cancelled cancelled success -> cancelled",
        "{}",
        ran.everything()
    );
    assert_eq!(ran.log(3), "ended\n");
    assert_eq!(flowcd_engine::process::kill_marked(&marker), 0);
}

#[tokio::test]
async fn a_plugin_that_takes_too_long_is_ended() {
    let pipeline = "steps:\n  - plugin: ./plugin.js\n    timeout-minutes: 0.005\n";
    let runner = Runner::of_pipeline(pipeline);
    let source = "exports.run = () => new Promise(() => setInterval(() => {}, 1000))";
    fs::write(runner.folder().join("plugin.js"), source).expect("it is written");
    let ran = runner.run().await;
    assert_eq!(ran.statuses(), "failure -> failure");
    assert_eq!(ran.error(1), "timed out after 0.3 seconds");
}

#[tokio::test]
async fn secrets_are_masked_in_what_a_plugin_says_and_answers() {
    let source = r"
exports.run = (inputs, context, logger) => {
  logger.info(`token ${inputs.token} ${context.$variables.secrets.TOKEN}`);
  throw new Error(`refused ${inputs.token}`);
};
";
    let pipeline = "steps:\n  - plugin: ./plugin.js\n    inputs: {token: '${{ secrets.TOKEN }}'}\n";
    let runner = Runner::of_pipeline(pipeline).secret("TOKEN", "s3cr3t-value");
    fs::write(runner.folder().join("plugin.js"), source).expect("it is written");
    let ran = runner.run().await;
    assert_eq!(ran.log(1).lines().next(), Some("token *** ***"));
    assert_eq!(ran.error(1), "refused ***");
    assert!(!ran.everything().contains("s3cr3t-value"));
}

#[tokio::test]
async fn half_a_secret_is_not_told_where_an_error_is_cut() {
    let source = r"
exports.run = (inputs) => { throw new Error('x'.repeat(1995) + inputs.token); };
";
    let pipeline = "steps:\n  - plugin: ./plugin.js\n    inputs: {token: '${{ secrets.TOKEN }}'}\n";
    let runner = Runner::of_pipeline(pipeline).secret("TOKEN", "s3cr3t-value");
    fs::write(runner.folder().join("plugin.js"), source).expect("it is written");
    let ran = runner.run().await;
    assert!(ran.error(1).ends_with("xx***"), "{}", ran.error(1));
}

/// The parts of the reference's packages that render inputs: the helper, and the engine whose expressions are
/// JavaScript. What they evaluate is told by a file.
fn reference_packages(root: &Path) {
    let write = |name: &str, text: &str| {
        let path = root.join("node_modules").join(name);
        fs::create_dir_all(path.parent().expect("it has a parent")).expect("folders are made");
        fs::write(path, text).expect("it is written");
    };
    write(
        "art-template/index.js",
        "module.exports = { compile: require('./lib/compile/index.js') };",
    );
    write(
        "art-template/lib/compile/index.js",
        "module.exports = (source) => (data) => source.replace(/\\{\\{(.*?)\\}\\}/g, (_, code) => \
         new Function('data', 'require', `with (data) { return ${code} }`)(data, require));",
    );
    write(
        "@serverless-cd/core/lib/get-inputs.js",
        "const art = require('art-template'); exports.default = (inputs, context) => { const all = {}; \
         for (const key of Object.keys(inputs)) { \
         all[key] = art.compile(inputs[key].replace(/\\$\\{\\{/g, '{{'))(context.$variables); } return all; };",
    );
    write(
        "@serverless-cd/core/index.js",
        "exports.getInputs = (...args) => require('./lib/get-inputs.js').default(...args);",
    );
}

const RENDERS_TWICE: &str = r"
const { getInputs } = require('@serverless-cd/core');
const art = require('art-template');
exports.run = (inputs, context) => {
  const once = getInputs(inputs, context);
  return { once: once.text, twice: art.compile(once.text)(context.$variables), own: art.compile('{{ 1 + 1 }}')({}) };
};
";

/// The same as a module, which gets hold of the engine in another way.
const IMPORTS_AND_RENDERS_TWICE: &str = r"
import core from '@serverless-cd/core';
import compile from 'art-template/lib/compile/index.js';
export const run = (inputs, context) => {
  const once = core.getInputs(inputs, context);
  return { once: once.text, twice: compile(once.text)(context.$variables), own: compile('{{ 1 + 1 }}')({}) };
};
";

#[tokio::test]
async fn text_of_an_event_is_never_taken_for_a_template_by_a_plugin() {
    let message = "fix ${{ require('fs').writeFileSync('owned', '') }} {{ git.ref }}";
    for (name, source, message, own) in [
        ("plugin.js", RENDERS_TWICE, message, "{{ 1 + 1 }}"),
        ("plugin.js", RENDERS_TWICE, "harmless", "2"),
        (
            "plugin.mjs",
            IMPORTS_AND_RENDERS_TWICE,
            message,
            "{{ 1 + 1 }}",
        ),
        ("plugin.mjs", IMPORTS_AND_RENDERS_TWICE, "harmless", "2"),
    ] {
        let pipeline = format!(
            "steps:\n  - plugin: ./{name}\n    inputs: {{text: '${{{{ git.message }}}}'}}\n"
        );
        let mut runner = Runner::of_pipeline(&pipeline);
        let folder = runner.folder();
        runner
            .job
            .contexts
            .git
            .insert("message".to_owned(), message.into());
        reference_packages(&folder);
        fs::write(folder.join(name), source).expect("it is written");
        let (home, ran) = runner.run_and_watch(|_| false).await;
        assert_eq!(ran.statuses(), "success -> success", "{}", ran.everything());
        let outputs = &ran.outcome.steps[1].outputs;
        assert_eq!(outputs["once"], message);
        assert_eq!(outputs["twice"], message);
        assert_eq!(outputs["own"], own);
        assert!(!home.path().join("source/owned").exists());
    }
}

#[tokio::test]
async fn a_bundle_with_a_template_engine_of_its_own_gets_no_text_that_could_be_one() {
    let bundle = r"
// $imports $escape: what the engine's own code has in it.
const compile = (source) => (data) => source.replace(/\{\{(.*?)\}\}/g, (_, code) => eval(code));
exports.run = (inputs) => ({ text: compile(inputs.text)({}) });
";
    let ran = run_file(bundle, "{text: 'a {b}'}").await;
    assert_eq!(ran.statuses(), "success -> success", "{}", ran.everything());
    let ran = run_file(bundle, "{text: 'a {{ console.log(1) }}'}").await;
    assert_eq!(ran.statuses(), "failure -> failure", "{}", ran.everything());
    assert!(
        ran.error(1).contains("would run as code"),
        "{}",
        ran.error(1)
    );
}
