//! The keys of a pipeline file: the one list of them.
//!
//! The parser, the hints for misspelled keys and the JSON Schema all come from these tables. Each key is a variant that
//! the parser has to match, so that a key cannot be in one of them and not in the others.

use crate::spelling;

/// A key: how it is written, what it is for, and what its value looks like.
#[derive(Debug)]
pub(crate) struct Entry<K: 'static> {
    pub(crate) key: K,
    pub(crate) name: &'static str,
    pub(crate) shape: Shape,
    /// A sentence or two for those who write pipelines; editors show it.
    pub(crate) description: &'static str,
    /// Whether it is an old name of another.
    pub(crate) is_deprecated: bool,
}

/// What a value looks like.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Shape {
    Anything,
    Boolean,
    Condition,
    EnvFiles,
    ExitCodes,
    /// What a template for a variable or an output is: a scalar.
    Templates,
    InputSpecs,
    InputType,
    Minutes,
    NumberOfAttempts,
    Options,
    PluginInputs,
    Retry,
    Scalar,
    Script,
    Seconds,
    Steps,
    Text,
}

/// The keys of a pipeline.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum PipelineKey {
    Name,
    Env,
    Inputs,
    Shell,
    TimeoutMinutes,
    StrictExpressions,
    Steps,
    /// A note for people.
    Note,
}

/// The keys of a pipeline.
pub(crate) const PIPELINE_KEYS: [Entry<PipelineKey>; 9] = [
    Entry {
        key: PipelineKey::Name,
        name: "name",
        shape: Shape::Text,
        description: "What the pipeline is called.",
        is_deprecated: false,
    },
    Entry {
        key: PipelineKey::Env,
        name: "env",
        shape: Shape::Templates,
        description: "Environment variables of every step. Text may hold `${{ }}`.",
        is_deprecated: false,
    },
    Entry {
        key: PipelineKey::Inputs,
        name: "inputs",
        shape: Shape::InputSpecs,
        description: "The inputs that a deployment may be started with. Where there are any, others are refused.",
        is_deprecated: false,
    },
    Entry {
        key: PipelineKey::Shell,
        name: "shell",
        shape: Shape::Text,
        description: "What runs the scripts of steps that do not say: `sh`, `bash`, `pwsh`, `python`, or a command line in which `{0}` is the script's file.",
        is_deprecated: false,
    },
    Entry {
        key: PipelineKey::TimeoutMinutes,
        name: "timeout-minutes",
        shape: Shape::Minutes,
        description: "How many minutes all steps together may take.",
        is_deprecated: false,
    },
    Entry {
        key: PipelineKey::StrictExpressions,
        name: "strict-expressions",
        shape: Shape::Boolean,
        description: "Whether untrusted text in `run` reaches the shell through the environment, where it cannot become a command.",
        is_deprecated: false,
    },
    Entry {
        key: PipelineKey::Steps,
        name: "steps",
        shape: Shape::Steps,
        description: "What is done, one after the other.",
        is_deprecated: false,
    },
    Entry {
        key: PipelineKey::Note,
        name: "triggers",
        shape: Shape::Anything,
        description: "A note for people. The application's own triggers decide what starts a deployment.",
        is_deprecated: false,
    },
    Entry {
        key: PipelineKey::Note,
        name: "runtimes",
        shape: Shape::Anything,
        description: "A note for people. Steps find the programs that the server's `PATH` has.",
        is_deprecated: false,
    },
];

/// The keys of a step.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum StepKey {
    Name,
    Id,
    If,
    Run,
    Plugin,
    /// The old name of `plugin`.
    Uses,
    Inputs,
    Env,
    EnvFile,
    WorkingDirectory,
    Shell,
    TimeoutMinutes,
    Retry,
    ContinueOnError,
    Outputs,
}

/// The keys of a step.
pub(crate) const STEP_KEYS: [Entry<StepKey>; 15] = [
    Entry {
        key: StepKey::Name,
        name: "name",
        shape: Shape::Text,
        description: "What the step is called. Without it the step is called after what it runs.",
        is_deprecated: false,
    },
    Entry {
        key: StepKey::Id,
        name: "id",
        shape: Shape::Text,
        description: "The name by which later steps find this one: `steps.<id>.status` and `steps.<id>.outputs`.",
        is_deprecated: false,
    },
    Entry {
        key: StepKey::If,
        name: "if",
        shape: Shape::Condition,
        description: "An expression; the step runs when it is `true`. Without it a step runs while nothing has failed.",
        is_deprecated: false,
    },
    Entry {
        key: StepKey::Run,
        name: "run",
        shape: Shape::Script,
        description: "A shell script. `${{ }}` is replaced before the shell sees it.",
        is_deprecated: false,
    },
    Entry {
        key: StepKey::Plugin,
        name: "plugin",
        shape: Shape::Text,
        description: "A plugin: a name that is built in, an npm package as `name@version`, or a path in the workspace.",
        is_deprecated: false,
    },
    Entry {
        key: StepKey::Uses,
        name: "uses",
        shape: Shape::Text,
        description: "The old name of `plugin`.",
        is_deprecated: true,
    },
    Entry {
        key: StepKey::Inputs,
        name: "inputs",
        shape: Shape::PluginInputs,
        description: "What the plugin is given. Text at any depth may hold `${{ }}`.",
        is_deprecated: false,
    },
    Entry {
        key: StepKey::Env,
        name: "env",
        shape: Shape::Templates,
        description: "Environment variables of this step. They win over the pipeline's.",
        is_deprecated: false,
    },
    Entry {
        key: StepKey::EnvFile,
        name: "env-file",
        shape: Shape::EnvFiles,
        description: "A file in the workspace with lines of `name=value`, or a list of such files. The step's own `env` wins over them.",
        is_deprecated: false,
    },
    Entry {
        key: StepKey::WorkingDirectory,
        name: "working-directory",
        shape: Shape::Text,
        description: "The folder to run in, relative to the workspace.",
        is_deprecated: false,
    },
    Entry {
        key: StepKey::Shell,
        name: "shell",
        shape: Shape::Text,
        description: "What runs the script: `sh`, `bash`, `pwsh`, `python`, or a command line in which `{0}` is the script's file.",
        is_deprecated: false,
    },
    Entry {
        key: StepKey::TimeoutMinutes,
        name: "timeout-minutes",
        shape: Shape::Minutes,
        description: "How many minutes each attempt of the step may take.",
        is_deprecated: false,
    },
    Entry {
        key: StepKey::Retry,
        name: "retry",
        shape: Shape::Retry,
        description: "How often to try again when the step fails.",
        is_deprecated: false,
    },
    Entry {
        key: StepKey::ContinueOnError,
        name: "continue-on-error",
        shape: Shape::Boolean,
        description: "Whether the task goes on as if nothing had happened when the step fails.",
        is_deprecated: false,
    },
    Entry {
        key: StepKey::Outputs,
        name: "outputs",
        shape: Shape::Templates,
        description: "What the step gives to later ones as `steps.<id>.outputs`, worked out when it has succeeded.",
        is_deprecated: false,
    },
];

/// The keys of a declared input.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum InputKey {
    Type,
    Description,
    Default,
    Required,
    Options,
}

/// The keys of a declared input.
pub(crate) const INPUT_KEYS: [Entry<InputKey>; 5] = [
    Entry {
        key: InputKey::Type,
        name: "type",
        shape: Shape::InputType,
        description: "What kind of value it takes: `string` (when nothing is said), `number`, `boolean` or `choice`.",
        is_deprecated: false,
    },
    Entry {
        key: InputKey::Description,
        name: "description",
        shape: Shape::Text,
        description: "What it is for.",
        is_deprecated: false,
    },
    Entry {
        key: InputKey::Default,
        name: "default",
        shape: Shape::Scalar,
        description: "Its value when none is given.",
        is_deprecated: false,
    },
    Entry {
        key: InputKey::Required,
        name: "required",
        shape: Shape::Boolean,
        description: "Whether a value must be given.",
        is_deprecated: false,
    },
    Entry {
        key: InputKey::Options,
        name: "options",
        shape: Shape::Options,
        description: "What a `choice` chooses from.",
        is_deprecated: false,
    },
];

/// The keys of `retry`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum RetryKey {
    Max,
    DelaySeconds,
    OnExitCodes,
}

/// The keys of `retry`.
pub(crate) const RETRY_KEYS: [Entry<RetryKey>; 3] = [
    Entry {
        key: RetryKey::Max,
        name: "max",
        shape: Shape::NumberOfAttempts,
        description: "How many more attempts there are after the first: 1 to 10.",
        is_deprecated: false,
    },
    Entry {
        key: RetryKey::DelaySeconds,
        name: "delay-seconds",
        shape: Shape::Seconds,
        description: "How many seconds to wait before each of them: 0 to 3600.",
        is_deprecated: false,
    },
    Entry {
        key: RetryKey::OnExitCodes,
        name: "on-exit-codes",
        shape: Shape::ExitCodes,
        description: "The exit codes that another attempt may help against. Without them it is any failure.",
        is_deprecated: false,
    },
];

/// The most further attempts that a step may have.
pub(crate) const MAX_RETRIES: u32 = 10;
/// The longest wait before one, in seconds.
pub(crate) const MAX_RETRY_DELAY: u32 = 3600;
/// The longest time limit, in minutes: 30 days.
pub(crate) const MAX_TIMEOUT_MINUTES: u32 = 30 * 24 * 60;

/// The key of this name.
pub(crate) fn find<K: Copy>(entries: &[Entry<K>], name: &str) -> Option<K> {
    entries
        .iter()
        .find(|entry| entry.name == name)
        .map(|entry| entry.key)
}

/// What somebody may have meant who wrote a key that is not there.
pub(crate) fn advice<K>(entries: &[Entry<K>], name: &str) -> Option<String> {
    if let Some(rest) = name.strip_prefix('-') {
        return Some(format!("write a blank after the `-`: `- {rest}:`"));
    }
    let names = || entries.iter().map(|entry| entry.name);
    if let Some(near) = spelling::nearest(name, names()) {
        return Some(format!("did you mean `{near}`?"));
    }
    let folded = name.to_lowercase().replace(['_', '-'], "");
    let (_, meant) = OTHER_NAMES
        .iter()
        .find(|(other, meant)| *other == folded && names().any(|name| name == *meant))?;
    Some(format!("did you mean `{meant}`?"))
}

/// What no key is for, and what to do without it.
pub(crate) fn absence(name: &str) -> Option<&'static str> {
    match name.to_lowercase().as_str() {
        "on" | "trigger" | "schedule" | "branches" => {
            Some("the application's triggers decide what starts a deployment")
        }
        "jobs" | "job" | "stages" | "stage" => {
            Some("a pipeline has no jobs or stages; its `steps` stand at the top")
        }
        "needs" | "depends_on" | "depends-on" => {
            Some("steps run one after the other; use `if` to leave one out")
        }
        "image" | "container" | "services" | "runs-on" => {
            Some("steps run on the server's own system")
        }
        "matrix" | "strategy" | "parallel" => {
            Some("there is no matrix; write a loop in `run`, or a step for each")
        }
        "before_script" | "after_script" => {
            Some("make it a step of its own; one with `if: always()` runs in any case")
        }
        _ => None,
    }
}

/// What others call our keys, in lower case and without separators.
const OTHER_NAMES: [(&str, &str); 34] = [
    ("timeout", "timeout-minutes"),
    ("timeoutinminutes", "timeout-minutes"),
    ("timelimit", "timeout-minutes"),
    ("deadline", "timeout-minutes"),
    ("with", "inputs"),
    ("args", "inputs"),
    ("params", "inputs"),
    ("parameters", "inputs"),
    ("command", "run"),
    ("commands", "run"),
    ("cmd", "run"),
    ("exec", "run"),
    ("sh", "run"),
    ("bash", "run"),
    ("environment", "env"),
    ("envs", "env"),
    ("vars", "env"),
    ("variables", "env"),
    ("dotenv", "env-file"),
    ("cwd", "working-directory"),
    ("dir", "working-directory"),
    ("directory", "working-directory"),
    ("workdir", "working-directory"),
    ("when", "if"),
    ("condition", "if"),
    ("only", "if"),
    ("retries", "retry"),
    ("allowfailure", "continue-on-error"),
    ("ignoreerrors", "continue-on-error"),
    ("title", "name"),
    ("attempts", "max"),
    ("delay", "delay-seconds"),
    ("exitcodes", "on-exit-codes"),
    ("values", "options"),
];
