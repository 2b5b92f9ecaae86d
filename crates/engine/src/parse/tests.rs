use flowcd_model::pipeline::InputSpec;
use proptest::prelude::*;

use super::{MAX_BYTES, Pipeline, Retry, parse_pipeline};

/// What came of a pipeline, as text: one line for each step, then the warnings; or the error.
fn summary(source: &[u8]) -> String {
    let pipeline = match parse_pipeline("p.yaml", source) {
        Ok(pipeline) => pipeline,
        Err(err) => return format!("error {err}\n"),
    };
    let Pipeline {
        name,
        env,
        inputs,
        timeout,
        is_strict,
        steps,
        warnings,
    } = pipeline;
    let mut out = String::new();
    if let Some(name) = name {
        out.push_str(&format!("name {name:?}\n"));
    }
    if let Some(timeout) = timeout {
        out.push_str(&format!("timeout {timeout:?}\n"));
    }
    if is_strict {
        out.push_str("strict\n");
    }
    for input in inputs {
        out.push_str(&format!("{}\n", input_line(&input)));
    }
    if steps.is_empty() && !env.is_empty() {
        out.push_str(&format!("env {}\n", serde_json::Value::Object(env)));
    }
    for step in steps {
        out.push_str(&format!("step {:?}", step.display_name()));
        for (key, value) in [
            ("run", &step.run),
            ("plugin", &step.plugin),
            ("id", &step.id),
            ("if", &step.condition),
            ("in", &step.working_directory),
            ("shell", &step.shell),
        ] {
            if let Some(value) = value {
                out.push_str(&format!(" {key}={value:?}"));
            }
        }
        let mut env = (*step.env).clone();
        env.extend(step.own_env);
        for (key, values) in [
            ("env", env),
            ("inputs", step.inputs),
            ("outputs", step.outputs),
        ] {
            if !values.is_empty() {
                out.push_str(&format!(" {key}={}", serde_json::Value::Object(values)));
            }
        }
        for file in step.env_files {
            out.push_str(&format!(" env-file={file:?}"));
        }
        if let Some(timeout) = step.timeout {
            out.push_str(&format!(" timeout={timeout:?}"));
        }
        if let Some(retry) = step.retry {
            let Retry {
                max,
                delay,
                exit_codes,
            } = retry;
            out.push_str(&format!(" retry={max} after {delay:?} on {exit_codes:?}"));
        }
        if step.continue_on_error {
            out.push_str(" continues");
        }
        out.push('\n');
    }
    for warning in warnings {
        out.push_str(&format!("warning {warning}\n"));
    }
    out
}

fn input_line(input: &InputSpec) -> String {
    let mut line = format!("input {} {:?}", input.name, input.input_type);
    if input.is_required {
        line.push_str(" required");
    }
    if let Some(default) = &input.default {
        line.push_str(&format!(" default={default}"));
    }
    if !input.options.is_empty() {
        line.push_str(&format!(" options={:?}", input.options));
    }
    if let Some(description) = &input.description {
        line.push_str(&format!(" {description:?}"));
    }
    line
}

fn check(source: &str, expected: &[&str]) {
    let actual = summary(source.as_bytes());
    let expected: String = expected.iter().map(|line| format!("{line}\n")).collect();
    assert_eq!(actual, expected, "{source}");
}

#[test]
fn a_pipeline_is_read_with_all_its_keys() {
    check(
        "\
name: deploy
triggers: {push: {branches: [main]}}
runtimes: [nodejs16]
env:
  A: one
  B: 2
steps:
  - name: Install
    id: install
    run: |
      npm ci
      npm test
    env: {B: three, C: true, D: , E: '${{ secrets.E }}'}
    if: ${{ success() }}
    working-directory: app
    continue-on-error: true
  - plugin: '@serverless-cd/cache@1'
    inputs: {key: '{{ x }}', path: [a, b]}
  - run: echo  two   blanks
",
        &[
            "name \"deploy\"",
            "step \"Install\" run=\"npm ci\\nnpm test\\n\" id=\"install\" if=\"${{ success() }}\" in=\"app\" \
             env={\"A\":\"one\",\"B\":\"three\",\"C\":true,\"D\":null,\"E\":\"${{ secrets.E }}\"} continues",
            "step \"Run @serverless-cd/cache@1\" plugin=\"@serverless-cd/cache@1\" env={\"A\":\"one\",\"B\":2} \
             inputs={\"key\":\"{{ x }}\",\"path\":[\"a\",\"b\"]}",
            "step \"Run echo  two   blanks\" run=\"echo  two   blanks\" env={\"A\":\"one\",\"B\":2}",
        ],
    );
}

#[test]
fn a_pipeline_without_steps_has_none() {
    for source in [
        "",
        "\n# nothing\n",
        "---\n",
        "name:\n",
        "steps:\n",
        "steps: []\n",
        "\u{feff}steps: []",
    ] {
        check(source, &[]);
    }
    check("env: {A: 1}", &["env {\"A\":1}"]);
}

#[test]
fn a_condition_is_text_or_a_boolean() {
    for (condition, expected) in [
        ("true", Some("true")),
        ("false", Some("false")),
        ("'false'", Some("false")),
        ("success() && x == 1", Some("success() && x == 1")),
        ("\"{{ always() }} \"", Some("{{ always() }} ")),
        ("1", Some("1")),
        ("", None),
        ("~", None),
        ("' '", None),
    ] {
        let line = match expected {
            Some(expected) => format!("step \"Run x\" run=\"x\" if={expected:?}"),
            None => "step \"Run x\" run=\"x\"".to_owned(),
        };
        check(&format!("steps: [{{run: x, if: {condition}}}]"), &[&line]);
    }
    check(
        "steps:\n- run: x\n  if: [a]\n",
        &[
            "error p.yaml:3:7: `if` is text, not a list (put a value that begins with `{` or `[` in quotes)",
        ],
    );
}

#[test]
fn only_a_boolean_says_whether_to_continue() {
    for (value, expected) in [
        ("true", &["step \"Run x\" run=\"x\" continues"][..]),
        ("false", &["step \"Run x\" run=\"x\""]),
        (
            "'true'",
            &[
                "step \"Run x\" run=\"x\"",
                "warning p.yaml:3:22: `continue-on-error` is true or false; text counts as false (write `true`, without quotes)",
            ],
        ),
        (
            "yes",
            &[
                "step \"Run x\" run=\"x\"",
                "warning p.yaml:3:22: `continue-on-error` is true or false; text counts as false (write `true`, without quotes)",
            ],
        ),
    ] {
        check(
            &format!("steps:\n- run: x\n  continue-on-error: {value}\n"),
            expected,
        );
    }
}

#[test]
fn steps_are_given_limits_attempts_shells_and_files() {
    check(
        "\
shell: bash
timeout-minutes: 90
strict-expressions: true
inputs:
  target: {type: choice, options: [dev, prod], default: dev, description: Where to}
  replicas: {type: number, default: \"2\"}
  dry: {type: boolean, required: true}
  note:
steps:
  - run: a
    timeout-minutes: 0.05
    retry: 3
    env-file: .env
    outputs: {url: 'http://${{ env.HOST }}', n: 1}
  - run: b
    shell: python
    retry: {max: 2, delay-seconds: 1.5, on-exit-codes: [7, 75]}
    env-file: [a.env, b/c.env]
  - uses: ./deploy
    retry: {max: 1, on-exit-codes: 2}
    inputs: {list: [{deep: '${{ git.ref }}'}]}
",
        &[
            "timeout 5400s",
            "strict",
            "input target Choice default=\"dev\" options=[\"dev\", \"prod\"] \"Where to\"",
            "input replicas Number default=2",
            "input dry Boolean required",
            "input note String",
            "step \"Run a\" run=\"a\" shell=\"bash\" outputs={\"url\":\"http://${{ env.HOST }}\",\"n\":1} \
             env-file=\".env\" timeout=3s retry=3 after 0ns on None",
            "step \"Run b\" run=\"b\" shell=\"python\" env-file=\"a.env\" env-file=\"b/c.env\" \
             retry=2 after 1.5s on Some([7, 75])",
            "step \"Run ./deploy\" plugin=\"./deploy\" shell=\"bash\" \
             inputs={\"list\":[{\"deep\":\"${{ git.ref }}\"}]} retry=1 after 0ns on Some([2])",
        ],
    );
}

#[test]
fn what_a_pipeline_says_of_all_its_steps_is_not_copied_for_each() {
    let pipeline = parse_pipeline("p.yaml", b"env: {A: 1}\nsteps: [{run: a}, {run: b}]");
    let steps = pipeline.map(|pipeline| pipeline.steps).unwrap_or_default();
    let envs: Vec<_> = steps.iter().map(|step| &step.env).collect();
    assert!(matches!(envs.as_slice(), [a, b] if std::sync::Arc::ptr_eq(a, b)));
}

#[test]
fn a_step_knows_which_variables_its_script_must_not_take_the_text_of() {
    let source = "\
inputs: {text: {}, n: {type: number}, c: {type: choice, options: [a]}}
env:
  SAFE: '${{ git.commit }}'
  SUBJECT: '${{ git.message }}'
  FAR: 'x ${{ env.SUBJECT }}'
  CHECKED: '${{ inputs.n }}'
steps:
  - run: ${{ git.message }} ${{ git.branch == 'x' }} ${{ git.commit }} ${{ secrets.A }}
  - run: ${{ env.SAFE }} ${{ env.FAR }} ${{ env.CHECKED }} ${{ env.OTHER }}
  - run: ${{ env.SUBJECT }} ${{ env.SAFE }} ${{ env.FAR }}
    env: {SUBJECT: fixed, SAFE: '${{ env.SAFE }} ${{ trigger.x }}', FAR: '${{ env.FAR }}'}
  - run: ${{ env.SUBJECT }} ${{ env.FAR }}
    env: {SUBJECT: '${{ git.commit }}'}
  - run: ${{ text }} ${{ n }} ${{ inputs.c }} ${{ inputs.text }} ${{ contains(text, 'a') }}
  - run: \"${{ toJSON(git) }} ${{ toJSON(env) }} ${{ contains(git.ref, 'x') ? git.tag : '' }}\"
  - run: echo
    env: {A: '${{ git.message }}'}
";
    let pipeline = parse_pipeline("p.yaml", source.as_bytes());
    let steps = pipeline.map(|pipeline| pipeline.steps).unwrap_or_default();
    let untrusted: Vec<String> = steps
        .iter()
        .map(|step| {
            let paths: Vec<&str> = step.untrusted.iter().map(String::as_str).collect();
            paths.join(" ")
        })
        .collect();
    assert_eq!(
        untrusted,
        [
            "git.message",
            "env.FAR",
            "env.SAFE",
            "env.FAR",
            "inputs.text text",
            "env git git.tag",
            "",
        ]
    );
}

#[test]
fn values_of_the_environment_keep_their_type() {
    check(
        "env: {A: 1, B: 1.5, C: 1.10, D: 007, E: 1_000, F: no, G: 'x', H: 0x10, I: 1e3, J: '', K: -1, L: 2.0}",
        &[
            "env {\"A\":1,\"B\":1.5,\"C\":1.1,\"D\":\"007\",\"E\":\"1_000\",\"F\":\"no\",\"G\":\"x\",\"H\":16,\
             \"I\":1000.0,\"J\":\"\",\"K\":-1,\"L\":2.0}",
            "warning p.yaml:1:24: `env.C` is the number 1.1 (put it in quotes to keep `1.10`)",
            "warning p.yaml:1:66: `env.H` is the number 16 (put it in quotes to keep `0x10`)",
            "warning p.yaml:1:75: `env.I` is the number 1000 (put it in quotes to keep `1e3`)",
            "warning p.yaml:1:97: `env.L` is the number 2 (put it in quotes to keep `2.0`)",
        ],
    );
}

#[test]
fn what_cannot_be_meant_is_refused_where_it_stands() {
    for (source, expected) in [
        (
            "steps:\n- name: nothing\n",
            "2:3: a step needs `run` or `plugin`",
        ),
        ("steps:\n-\n", "2:2: a step needs `run` or `plugin`"),
        ("steps:\n- run:\n", "2:3: a step needs `run` or `plugin`"),
        (
            "steps:\n- npm ci\n",
            "2:3: a step is a mapping, not text (write `- run: ..`)",
        ),
        (
            "steps:\n  a: {run: x}\n",
            "2:3: `steps` is a list, not a mapping (begin each step with `- `)",
        ),
        (
            "steps: x",
            "1:8: `steps` is a list, not text (begin each step with `- `)",
        ),
        (
            "- run: x",
            "1:1: a pipeline is a mapping, not a list (begin with `steps:`)",
        ),
        (
            "hello",
            "1:1: a pipeline is a mapping, not text (begin with `steps:`)",
        ),
        (
            "steps:\n- name: a\n  script: x\n",
            "3:3: `script` is not supported (use `run`, which is a shell script)",
        ),
        (
            "steps: [{run: 5}]",
            "1:15: `run` is text, not a number (put it in quotes: \"5\")",
        ),
        (
            "steps: [{run: [a]}]",
            "1:15: `run` is text, not a list (write the commands on lines of their own under `run: |`)",
        ),
        (
            "steps: [{run: x, name: {a: 1}}]",
            "1:24: `name` is text, not a mapping (put a value that begins with `{` or `[` in quotes)",
        ),
        (
            "env: [A]",
            "1:6: `env` is a mapping, not a list (write `name: value` on lines of their own, indented by two more)",
        ),
        (
            "env:\n  A: [1]\n",
            "2:6: `env.A` is text, a number or a boolean, not a list (put a value that begins with `{` or `[` in quotes)",
        ),
        (
            "env:\n  A: {B: 1}\n",
            "2:6: `env.A` is text, a number or a boolean, not a mapping (put a value that begins with `{` or `[` in quotes)",
        ),
        (
            "env: {'A=B': 1}",
            "1:7: \"A=B\" cannot be the name of a variable",
        ),
        ("env: {'': 1}", "1:7: \"\" cannot be the name of a variable"),
        ("steps: [{run: \"a\\0b\"}]", "1:15: `run` has a NUL"),
    ] {
        check(source, &[&format!("error p.yaml:{expected}")]);
    }
}

#[test]
fn what_is_only_odd_is_a_warning() {
    check(
        "\
nmae: x
on: push
steps:
  - run: a
    plugin: b
    id: one
    timeout: 5
    workingDirectory: x
  - run: ${{ sucess() }}
    id: one
    if: success( && x
    env: {A: '${{ 1 = 2 }}'}
",
        &[
            "step \"Run a\" run=\"a\" plugin=\"b\" id=\"one\"",
            "step \"Run ${{ sucess() }}\" run=\"${{ sucess() }}\" id=\"one\" if=\"success( && x\" \
             env={\"A\":\"${{ 1 = 2 }}\"}",
            "warning p.yaml:1:1: `nmae` is no key of a pipeline and is ignored (did you mean `name`?)",
            "warning p.yaml:2:1: `on` is no key of a pipeline and is ignored (the application's triggers decide what starts a deployment)",
            "warning p.yaml:4:5: the step has `run` and `plugin`; `plugin` is ignored (make two steps of them)",
            "warning p.yaml:7:5: `timeout` is no key of a step and is ignored (did you mean `timeout-minutes`?)",
            "warning p.yaml:8:5: `workingDirectory` is no key of a step and is ignored (did you mean `working-directory`?)",
            "warning p.yaml:9:14: `run` will fail: unknown function `sucess` (did you mean `success`?)",
            "warning p.yaml:10:9: the id `one` is taken by an earlier step, whose outcome this one's replaces (give it another id)",
            "warning p.yaml:11:18: `if` will fail: expected a value, found `&&`",
            "warning p.yaml:12:21: `env.A` will fail: assignments are not supported (`==` compares)",
        ],
    );
}

#[test]
fn broken_yaml_is_refused_with_its_place() {
    for (source, expected) in [
        (&b"steps:\n- run: a\n  run: b\n"[..], "3:3"),
        (b"env:\n  A: 1\n  A: 2\n", "3:3"),
        (b"name: [a", "1:"),
        (b"name: 'a", "1:"),
        (b"a: b: c", "1:"),
        (b"name: x\n\tsteps: []", "2:1"),
        (b"name: *nothing\n", "1:7"),
        (b"---\nname: a\n---\nname: b\n", "3:"),
        (b"name: a\nb\xff", "2:2: the file is not UTF-8"),
        (b"env: {A: .inf}", "1:10"),
        (b"1: a\n? [x]\n: y", "2:"),
    ] {
        let actual = summary(source);
        assert!(
            actual.starts_with(&format!("error p.yaml:{expected}")) && actual.lines().count() == 1,
            "{} gives {actual}",
            String::from_utf8_lossy(source)
        );
    }
}

#[test]
fn anchors_and_merge_keys_work() {
    check(
        "\
x-common: &common {A: 1, B: 2}
steps:
  - &build {run: make, env: {<<: *common, B: 3}}
  - {<<: *build, id: again}
",
        &[
            "step \"Run make\" run=\"make\" env={\"B\":3,\"A\":1}",
            "step \"Run make\" run=\"make\" id=\"again\" env={\"B\":3,\"A\":1}",
        ],
    );
}

#[test]
fn bombs_are_refused() {
    let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..12 {
        let last = format!("*a{},", n - 1).repeat(10);
        laughs.push_str(&format!("a{n}: &a{n} [{last}]\n"));
    }
    let mut merges = "m0: &m0 {a: 1}\n".to_owned();
    for n in 1..30 {
        merges.push_str(&format!(
            "m{n}: &m{n} {{<<: [*m{0}, *m{0}, *m{0}], k{n}: 1}}\n",
            n - 1
        ));
    }
    let sources = [
        laughs,
        merges,
        "[".repeat(100_000),
        format!("{}x", "- ".repeat(100_000)),
        format!("{}x", "a: {".repeat(10_000)),
        "a: &a [*a]".to_owned(),
        "- \n".repeat(300_000),
        "x".repeat(MAX_BYTES + 1),
        " ".repeat(10 * MAX_BYTES),
    ];
    for source in sources {
        let actual = summary(source.as_bytes());
        let start: String = source.chars().take(30).collect();
        assert!(
            actual.starts_with("error p.yaml:"),
            "{start} gives {actual}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn no_file_makes_the_reader_panic(
        pieces in prop::collection::vec(
            prop_oneof![
                "steps:|- run: |env: |if: |inputs:|retry: |outputs: |plugin: |type: |git\\.message|env\\.A|steps\\.a|  |\n|- |\\{|\\}|\\[|\\]|&a |\\*a|<<: |'|\"|\\||>|!!int |\\$\\{\\{ |\\}\\}|1\\.10|~|: |#|\t",
                "\\PC{0,4}",
            ],
            0..40,
        )
    ) {
        // Whether it is a pipeline is not the question here.
        let _ = summary(pieces.concat().as_bytes());
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        let _ = summary(&bytes);
    }
}
