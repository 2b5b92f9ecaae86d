use super::{Severity, lint};

/// What there is to say, a line each: `line:column-end severity[code] message (help)`.
fn told(source: &str) -> String {
    lint(source.as_bytes())
        .into_iter()
        .map(|diagnostic| {
            let severity = match diagnostic.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            };
            let help = diagnostic.help.map(|help| format!(" ({help})"));
            format!(
                "{}:{}-{} {severity}[{}] {}{}\n",
                diagnostic.line,
                diagnostic.column,
                diagnostic.end_column,
                diagnostic.code,
                diagnostic.message,
                help.unwrap_or_default()
            )
        })
        .collect()
}

fn check(cases: &[(&str, &[&str])]) {
    for (source, expected) in cases {
        let expected: String = expected.iter().map(|line| format!("{line}\n")).collect();
        assert_eq!(told(source), expected, "{source}");
    }
}

#[test]
fn yaml_that_is_broken_is_explained() {
    check(&[
        (
            "steps:\n\t- run: a\n",
            &[
                "2:1-2 error[yaml] the line is indented with a tab (YAML is indented with blanks only; write two for each level)",
            ],
        ),
        (
            "steps:\n  - run: a\n\t  name: b\n",
            &[
                "3:1-2 error[yaml] the line is indented with a tab (YAML is indented with blanks only; write two for each level)",
            ],
        ),
        (
            r#"steps:
  -run: a
  -run: b
"#,
            &["3:3-4 error[yaml] `-run` is there already (write a blank after the `-`: `- run:`)"],
        ),
        (
            r#"steps:
  - run: echo foo: bar
"#,
            &[
                "2:18-19 error[yaml] the value of `run` has a `: `, which begins a mapping (put the value in quotes, or on a line of its own under `run: |`)",
            ],
        ),
        (
            r#"steps:
  - run: make
    env:
      A: ${{ x }}: b
"#,
            &[
                "4:18-19 error[yaml] the value of `A` has a `: `, which begins a mapping (put the value in quotes, or on a line of its own under `A: |`)",
            ],
        ),
        (
            r#"steps:
  - plugin: @serverless-cd/checkout
"#,
            &["2:13-14 error[yaml] a value cannot begin with `@` (put the value in quotes)"],
        ),
        (
            r#"steps:
  - run: x
    if: !cancelled()
"#,
            &[
                "3:9-21 error[yaml] a value that begins with `!` is a tag of YAML and not text (put the value in quotes: \"!cancelled()\")",
            ],
        ),
        (
            r#"steps:
  - run: x
    if: ! contains(git.ref, 'x')
"#,
            &[
                "3:9-33 error[yaml] a value that begins with `!` is a tag of YAML and not text (put the value in quotes: \"! contains(git.ref, 'x')\")",
            ],
        ),
        (
            r#"steps:
  - run: x
    if: !contains(git.ref, 'x') && success()
"#,
            &[
                "3:9-10 error[yaml] a value that begins with `!` is a tag of YAML and not text (put the value in quotes)",
            ],
        ),
        (
            r#"steps:
  - run: x
    if: 'a' == git.branch
"#,
            &[
                "3:13-14 error[yaml] there is text after the closing quote (put the whole value in quotes, or on a line of its own under `|`)",
            ],
        ),
        (
            r#"steps:
  - run: *.txt
"#,
            &[
                "2:10-11 error[yaml] a value that begins with `*` is an alias, and there is no anchor of that name (put the value in quotes)",
            ],
        ),
        (
            r#"steps:
  - run: 'it's'
"#,
            &[
                "2:14-15 error[yaml] there is text after the closing quote (put the whole value in quotes, or on a line of its own under `|`)",
            ],
        ),
        (
            r#"steps:
- run: a
 name: b
"#,
            &[
                "3:2-3 error[yaml] the line does not stand under any of the lines above it (indent the keys of a step like its first key, by two more than its `-`)",
            ],
        ),
        (
            r#"steps:
- run: a
   name: b
"#,
            &[
                "3:4-5 error[yaml] the line is indented further than the one above it, which has a value already (indent it like the key above it)",
            ],
        ),
        (
            r#"steps:
  - run: a
  name: b
"#,
            &[
                "3:3-4 error[yaml] the line does not stand under any of the lines above it (indent the keys of a step like its first key, by two more than its `-`)",
            ],
        ),
        (
            r#"steps: 
  - run: |
    echo hi
  echo there
"#,
            &[
                "3:5-6 error[yaml] the line is neither `key: value` nor a part of the text above it (write a blank after the `:` of a key, and indent the lines of a text under `|` by more than its key)",
            ],
        ),
        (
            r#"steps: 
  - run: |echo hi
"#,
            &[
                "2:10-11 error[yaml] there is text on the line of the `|` or `>` (begin the text on the next line)",
            ],
        ),
        (
            r#"steps:
  - run: x
    env:
      A: {{ x }}
"#,
            &[
                "4:11-12 error[yaml] a value that begins with `{` or `[` is not text (put the value in quotes: \"${{ .. }}\")",
            ],
        ),
        (
            r#"steps:
  - run: {{ x }}
"#,
            &[
                "2:11-12 error[yaml] a value that begins with `{` or `[` is not text (put the value in quotes: \"${{ .. }}\")",
            ],
        ),
        (
            r#"steps:
  - run: [a, b
"#,
            &[
                "2:10-11 error[yaml] the `{` or `[` is not closed (close it, or put a value that begins with it in quotes)",
            ],
        ),
        (
            r#"steps:
  - run: "C:\dir"
"#,
            &[
                "2:10-11 error[yaml] the text in double quotes has a `\\` that YAML does not know (write `\\\\`, or put the text in single quotes)",
            ],
        ),
        (
            r#"<<<<<<< HEAD
name: a
=======
name: b
>>>>>>> x
"#,
            &[
                "1:1-2 error[yaml] this is the mark of a merge conflict (decide for one of the two versions)",
            ],
        ),
        (
            r#"steps:
  - run: a
    if: {{ success() }}
"#,
            &[
                "3:10-11 error[yaml] a value that begins with `{` or `[` is not text (put the value in quotes: \"${{ .. }}\")",
            ],
        ),
        (
            r#"steps:
  - run: echo ${{ typeof foo === 'undefined' ? 'a' : foo }}
"#,
            &[
                "2:52-53 error[yaml] the value of `run` has a `: `, which begins a mapping (put the value in quotes, or on a line of its own under `run: |`)",
            ],
        ),
    ]);
}

#[test]
fn values_of_the_wrong_kind_are_all_refused_with_what_to_write_instead() {
    check(&[
        (
            r#"steps:
  build:
    run: make
"#,
            &[
                "2:3-9 error[bad-value] `steps` is a list, not a mapping (begin each step with `- `)",
            ],
        ),
        (
            r#"steps:
  - run:echo hi
"#,
            &["2:5-16 error[bad-value] a step is a mapping, not text (write a blank after `run:`)"],
        ),
        (
            r#"steps:
  - echo hi
"#,
            &["2:5-12 error[bad-value] a step is a mapping, not text (write `- run: ..`)"],
        ),
        (
            r#"env: A=1
steps: [{run: x}]
"#,
            &[
                "1:6-9 error[bad-value] `env` is a mapping, not text (write `name: value` on lines of their own, indented by two more)",
            ],
        ),
        (
            r#"env:
  - A=1
steps: [{run: x}]
"#,
            &[
                "2:3-8 error[bad-value] `env` is a mapping, not a list (write `name: value` on lines of their own, indented by two more)",
            ],
        ),
        (
            r#"steps:
  - run: true
"#,
            &["2:10-14 error[bad-value] `run` is text, not a boolean (put it in quotes: \"true\")"],
        ),
        (
            r#"jobs:
  build:
    steps:
      - run: x
"#,
            &[
                "1:1-5 warning[unknown-key] `jobs` is no key of a pipeline and is ignored (a pipeline has no jobs or stages; its `steps` stand at the top)",
                "1:1-2 error[no-steps] the pipeline has no steps (write `steps:` and begin each step with `- run: `)",
            ],
        ),
        (
            r#"steps:
  - run: a
    retry: {max: 50, delay: 5, on-exit-codes: [0, x]}
    timeout-minutes: 0
    env-file: {A: b}
    outputs: [a]
"#,
            &[
                "3:18-20 error[bad-value] `retry.max` is a whole number from 1 to 10 (say how many more attempts there are after the first)",
                "3:22-27 warning[unknown-key] `delay` is no key of `retry` and is ignored (did you mean `delay-seconds`?)",
                "3:48-49 error[bad-value] an exit code is a whole number from 1 to 255 (0 is success)",
                "3:51-52 error[bad-value] an exit code is a whole number from 1 to 255 (0 is success)",
                "4:22-23 error[bad-value] `timeout-minutes` is a number above 0 and at most 43200 (write the minutes as a number: `timeout-minutes: 10`, or 0.5 for half a minute)",
                "5:15-21 error[bad-value] `env-file` is the path of a file or a list of them, not a mapping (variables with values belong under `env`)",
                "6:14-17 error[bad-value] `outputs` is a mapping, not a list (write `name: value` on lines of their own, indented by two more)",
            ],
        ),
        (
            r#""#,
            &[
                "1:1-2 error[no-steps] the pipeline has no steps (write `steps:` and begin each step with `- run: `)",
            ],
        ),
        (
            r#"steps: []
"#,
            &[
                "1:1-2 error[no-steps] the pipeline has no steps (write `steps:` and begin each step with `- run: `)",
            ],
        ),
        (
            r#"name: x
"#,
            &[
                "1:1-2 error[no-steps] the pipeline has no steps (write `steps:` and begin each step with `- run: `)",
            ],
        ),
        (
            r#"steps:
  - run: a
    shell: 'my "shell'
"#,
            &[
                "3:12-23 error[bad-value] the step will fail: no \" ends what it begins in the shell `my \"shell`",
            ],
        ),
        (
            r#"steps:
  - run: a
    env: {A: [1]}
    name: {x: y}
    id: [a]
"#,
            &[
                "3:14-18 error[bad-value] `env.A` is text, a number or a boolean, not a list (put a value that begins with `{` or `[` in quotes)",
                "4:11-17 error[bad-value] `name` is text, not a mapping (put a value that begins with `{` or `[` in quotes)",
                "5:9-12 error[bad-value] `id` is text, not a list (put a value that begins with `{` or `[` in quotes)",
            ],
        ),
        (
            r#"- run: x
"#,
            &["1:1-9 error[bad-value] a pipeline is a mapping, not a list (begin with `steps:`)"],
        ),
        (
            r#"hello"#,
            &["1:1-6 error[bad-value] a pipeline is a mapping, not text (begin with `steps:`)"],
        ),
        (
            r#"steps: run"#,
            &["1:8-11 error[bad-value] `steps` is a list, not text (begin each step with `- `)"],
        ),
    ]);
}

#[test]
fn inputs_that_make_no_sense_are_refused() {
    check(&[
        (
            r#"inputs:
  - name
steps: [{run: x}]
"#,
            &[
                "2:3-9 error[bad-input] `inputs` is a mapping, not a list (write the name of each input as a key: `name: {type: string}`)",
            ],
        ),
        (
            r#"inputs:
  my-input: {type: text}
  env: {}
  b: {type: choice}
  c: {type: choice, options: [a, b], default: d}
  d: {type: number, default: many}
  e: {options: [a]}
  f: {required: true, default: x}
  g: 5
  true: {}
  h: {type: strnig}
steps: [{run: x}]
"#,
            &[
                "2:3-11 error[bad-name] \"my-input\" cannot be the name of an input (use letters, digits and `_`, and begin with a letter: `my_input`)",
                "2:20-24 error[bad-input] the input `my-input` has the unknown type `text` (did you mean `string`?)",
                "3:3-6 error[bad-name] `env` is built in and cannot be the name of an input (choose another name, `env_name` for example)",
                "4:3-4 error[bad-input] the input `b` is a choice of nothing (list what can be chosen: `options: [a, b]`)",
                "5:47-48 error[bad-input] the default of the input `c` is one of `a`, `b`, not \"d\"",
                "6:30-34 error[bad-input] the default of the input `d` is a number, not \"many\"",
                "7:16-20 error[bad-input] the input `e` has options and is no choice (write `type: choice`)",
                "8:17-21 warning[bad-input] the input `f` is never missing, because it has a default (leave out `required` or `default`)",
                "9:6-7 error[bad-input] the input `g` is a mapping, not a number (say what it takes: `{type: string, default: ..}`)",
                "10:3-7 error[bad-name] `true` is a word of the expression language (choose another name)",
                "11:13-19 error[bad-input] the input `h` has the unknown type `strnig` (did you mean `string`?)",
            ],
        ),
    ]);
}

#[test]
fn expressions_that_cannot_be_read_are_shown_in_the_file() {
    check(&[
        (
            r#"steps:
  - run: a
    if: contain(git.ref, 'x')
"#,
            &[
                "3:9-16 error[expression] `if` will fail: unknown function `contain` (did you mean `contains`?)",
            ],
        ),
        (
            r#"steps:
  - run: echo ${{ git.commit 
"#,
            &[
                "2:15-18 error[expression] `run` will fail: the expression is not closed by `}}` (an expression ends with `}}`)",
            ],
        ),
        (
            r#"steps:
  - run: echo ${{ git.commit # x }}
"#,
            &[
                "2:15-18 error[expression] `run` will fail: the expression is not closed by `}}` (a ` #` begins a comment; put the whole value in quotes)",
            ],
        ),
        (
            r#"steps:
  - run: echo ${{ git.commit }
"#,
            &[
                "2:30-31 error[expression] `run` will fail: expected an operator or the end of the expression, found `}` (an expression ends with `}}`)",
            ],
        ),
        (
            r#"steps:
  - run: a
    if: git.branch = 'main'
"#,
            &[
                "3:20-21 error[expression] `if` will fail: assignments are not supported (`==` compares)",
            ],
        ),
        (
            r#"steps:
  - run: a
    if: git.branch == "main
"#,
            &["3:23-24 error[expression] `if` will fail: the string is not closed"],
        ),
        (
            r#"steps:
  - run: a
    if: git.branch.startsWith('x')
"#,
            &[
                "3:9-30 error[expression] `if` will fail: methods are not supported: `startsWith` (use `startsWith(text, part)`)",
            ],
        ),
        (
            r#"steps:
  - run: a
    if: git.branch and success()
"#,
            &[
                "3:20-23 error[expression] `if` will fail: expected an operator, found `and` (did you mean `&&`?)",
            ],
        ),
        (
            r#"steps:
  - run: >-
      echo one
      ${{ sucess() }}
  - run: "a\n${{ contian('x') }}"
"#,
            &[
                "4:11-17 error[expression] `run` will fail: unknown function `sucess` (did you mean `success`?)",
                "5:18-25 error[expression] `run` will fail: unknown function `contian` (did you mean `contains`?)",
            ],
        ),
        (
            r#"steps:
  - run: |
      echo ${{ sucess() }} ${{ git.message }}
      echo ${{ 1 + }} ${{ inputs.a }}
"#,
            &[
                "3:16-22 error[expression] `run` will fail: unknown function `sucess` (did you mean `success`?)",
                "3:28-46 warning[untrusted-text] `git.message` is text from outside, and becomes a part of the script (write `\"$FLOWCD_MESSAGE\"` instead; the variable is there already)",
                "4:20-22 error[expression] `run` will fail: the expression ends where a value is expected",
                "4:23-38 warning[untrusted-text] `inputs.a` is text from outside, and becomes a part of the script (set `env: {A: \"${{ inputs.a }}\"}` and write `\"$A\"` instead)",
            ],
        ),
    ]);
}

#[test]
fn text_from_outside_is_kept_out_of_scripts() {
    check(&[
        (
            r#"inputs: {color: {}, n: {type: number}}
steps:
  - run: echo ${{ inputs.colour }} ${{ colr }} ${{ n }} ${{ inputs.n }} ${{ inputs.color }}
"#,
            &[
                "3:19-32 warning[unknown-context] the pipeline declares no input `colour` (did you mean `color`?)",
                "3:40-44 warning[unknown-context] there is no `colr`, neither as a context nor as an input (did you mean `color`?)",
                "3:73-92 warning[untrusted-text] `inputs.color` is text from outside, and becomes a part of the script (set `env: {COLOR: \"${{ inputs.color }}\"}` and write `\"$COLOR\"` instead)",
            ],
        ),
        (
            r#"steps:
  - run: echo ${{ git.message }}
    shell: pwsh
  - run: print("${{ inputs.x }}")
    shell: python
  - run: echo ${{ env.A }}
    env: {A: '${{ git.branch }}'}
  - run: echo ${{ git.pusher.name }} ${{ toJSON(git) }}
"#,
            &[
                "2:15-33 warning[untrusted-text] `git.message` is text from outside, and becomes a part of the script (write `$env:FLOWCD_MESSAGE` instead; the variable is there already)",
                "4:17-32 warning[untrusted-text] `inputs.x` is text from outside, and becomes a part of the script (set `env: {X: \"${{ inputs.x }}\"}` and write `os.environ[\"X\"]` instead)",
                "6:15-27 warning[untrusted-text] `env.A` is text from outside, and becomes a part of the script (write `\"$A\"` instead; the variable is there already)",
                "8:15-37 warning[untrusted-text] `git.pusher.name` is text from outside, and becomes a part of the script (set `env: {GIT_PUSHER_NAME: \"${{ git.pusher.name }}\"}` and write `\"$GIT_PUSHER_NAME\"` instead)",
                "8:38-56 warning[untrusted-text] `git` holds text from outside, and becomes a part of the script (set `env: {GIT: \"${{ toJSON(git) }}\"}` and write `\"$GIT\"` instead)",
            ],
        ),
        (
            r#"steps:
  - run: echo ${{ git.pull_request.title }} ${{ git.pull_request.number }} ${{ git.pull_requst.isFork }}
"#,
            &[
                "2:15-44 warning[untrusted-text] `git.pull_request.title` is text from outside, and becomes a part of the script (set `env: {GIT_PULL_REQUEST_TITLE: \"${{ git.pull_request.title }}\"}` and write `\"$GIT_PULL_REQUEST_TITLE\"` instead)",
                "2:80-102 warning[unknown-context] `git` has no `pull_requst` (did you mean `pull_request`?)",
            ],
        ),
        (
            r#"strict-expressions: true
steps:
  - run: print("${{ inputs.x }}")
    shell: python
  - run: echo "${{ git.message }}"
"#,
            &[
                "3:17-32 error[strict-shell] `inputs.x` is text from outside, and `strict-expressions` cannot keep it out of a script for `python3` (set `env: {X: \"${{ inputs.x }}\"}` and write `os.environ[\"X\"]` instead)",
            ],
        ),
    ]);
}

#[test]
fn what_others_write_is_followed_through_outputs_and_variables() {
    check(&[
        (
            r#"env: {SET: a}
steps:
  - run: echo "LATER=1" >> "$FLOWCD_ENV"
    id: a
    outputs: {title: '${{ git.message }}', size: '${{ git.commit }}'}
  - run: 'true'
    id: b
    outputs: {copy: '${{ steps.a.outputs.title }}'}
  - run: echo ${{ steps.a.outputs.title }} ${{ steps.a.outputs.size }} ${{ steps.b.outputs.copy }}
  - run: echo ${{ env.SET }} ${{ env.LATER }} ${{ env.OTHER }}
"#,
            &[
                "9:15-43 warning[untrusted-text] `steps.a.outputs.title` is text from outside, and becomes a part of the script (set `env: {STEPS_A_OUTPUTS_TITLE: \"${{ steps.a.outputs.title }}\"}` and write `\"$STEPS_A_OUTPUTS_TITLE\"` instead)",
                "9:72-99 warning[untrusted-text] `steps.b.outputs.copy` is text from outside, and becomes a part of the script (set `env: {STEPS_B_OUTPUTS_COPY: \"${{ steps.b.outputs.copy }}\"}` and write `\"$STEPS_B_OUTPUTS_COPY\"` instead)",
                "10:47-63 warning[untrusted-text] `env.OTHER` is not set in this file: whoever starts a deployment can set it, and it becomes a part of the script (write `\"$OTHER\"` instead; the variable is there already)",
            ],
        ),
        (
            r#"strict-expressions: true
env: {SET: a}
steps:
  - run: echo ${{ env.SET }} ${{ env.OWN }} ${{ env.MADE }}
    id: a
    env: {OWN: a, MADE: '${{ env.OWN }} ${{ git.commit }}'}
  - run: echo '${{ steps.a.outputs.b }}' "${{ steps.a.outputs.b }}"
  - run: bash -c "echo ${{ toJSON(steps) }}"
"#,
            &[
                "4:15-29 error[strict-quotes] `env.SET` can be text from outside, and has to stand inside double quotes: without them the shell cuts it into words (write `\"$SET\"` instead; the variable is there already)",
                "7:16-40 error[strict-quotes] `steps.a.outputs.b` can be text from outside, and has to stand inside double quotes: here the shell looks for no variables (set `env: {STEPS_A_OUTPUTS_B: \"${{ steps.a.outputs.b }}\"}` and write `\"$STEPS_A_OUTPUTS_B\"` instead)",
                "8:24-44 error[strict-quotes] `steps` can hold text from outside, and cannot be kept from becoming a program of `bash` (set `env: {STEPS: \"${{ toJSON(steps) }}\"}` and write `\"$STEPS\"` instead)",
            ],
        ),
    ]);
}

#[test]
fn a_name_with_a_hyphen_is_no_subtraction() {
    check(&[(
        r#"steps:
  - run: 'true'
    id: c
  - run: echo ${{ steps.c.outputs.cache-hit }} ${{ git.commit - git.tag }} ${{ git.x-git.y }}
    if: steps.c.outputs.cache-hit == 'true'
"#,
        &[
            "4:19-44 error[expression] `run` will fail: `cache-hit` is read as a subtraction; write `steps.c.outputs['cache-hit']`",
            "5:9-34 error[expression] `if` will fail: `cache-hit` is read as a subtraction; write `steps.c.outputs['cache-hit']`",
        ],
    )]);
}

#[test]
fn names_that_are_not_there_are_found() {
    check(&[
        (
            r#"steps:
  - run: a
    if: success
"#,
            &[
                "3:9-16 warning[unknown-context] `success` is a function and not a variable (write `success()`)",
            ],
        ),
        (
            r#"steps:
  - run: echo ${{ secret.X }}
"#,
            &[
                "2:19-27 warning[unknown-context] there is no `secret`, neither as a context nor as an input (did you mean `secrets`?)",
            ],
        ),
        (
            r#"steps:
  - run: a
    if: github.ref == 'refs/heads/main'
"#,
            &[
                "3:9-19 warning[unknown-context] there is no `github`, neither as a context nor as an input (did you mean `git`?)",
            ],
        ),
        (
            r#"steps:
  - run: a
    if: steps.build.status == 'success'
  - run: b
    id: build
"#,
            &[
                "3:9-27 warning[unknown-step] the step `build` comes later (only the steps before are known; this is empty)",
            ],
        ),
        (
            r#"steps:
  - run: a
    id: build
  - run: b ${{ steps.biuld.outputs.x }} ${{ steps.build.output.x }}
"#,
            &[
                "4:16-37 warning[unknown-step] no step has the id `biuld` (did you mean `build`?)",
                "4:45-65 warning[unknown-context] `steps.build` has no `output` (did you mean `outputs`?)",
            ],
        ),
        (
            r#"steps:
  - run: a
    id: my-build
  - run: b ${{ steps.my-build.outputs.x }}
"#,
            &[
                "3:9-17 warning[bad-name] the id `my-build` is no name, and `steps.my-build` would not mean this step (use letters, digits and `_`, or write `steps[\"my-build\"]`)",
                "4:16-40 error[expression] `run` will fail: `my-build` is read as a subtraction; write `steps['my-build'].outputs.x`",
                "4:16-24 warning[unknown-step] no step has the id `my` (write `steps[\"my-build\"]`)",
            ],
        ),
        (
            r#"steps:
  - run: a
    if: 'True'
"#,
            &[
                "3:10-14 warning[unknown-context] `True` is taken for a variable (write `true`, in lower case)",
            ],
        ),
        (
            r#"steps:
  - run: a
    if: steps.x.outputs.y
"#,
            &["3:9-26 warning[unknown-step] no step has the id `x`"],
        ),
        (
            r#"steps:
  - run: a
    if: ${{ steps.a.status }}
    id: a
    outputs: {x: '${{ steps.a.outputs.y }}'}
  - run: b
    if: "steps.a.outcome == 'success' && git.brnach == 'x' && task.idd"
"#,
            &[
                "3:13-27 warning[unknown-step] the step `a` has not ended while it runs (only the steps before are known; this is empty)",
                "7:10-25 warning[unknown-context] `steps.a` has no `outcome` (did you mean `status`?)",
                "7:42-52 warning[unknown-context] `git` has no `brnach` (did you mean `branch`?)",
            ],
        ),
    ]);
}

#[test]
fn what_has_no_effect_or_an_old_name_is_told() {
    check(&[
        (
            r#"steps:
  - run: a
    timeout: 5
"#,
            &[
                "3:5-12 warning[unknown-key] `timeout` is no key of a step and is ignored (did you mean `timeout-minutes`?)",
            ],
        ),
        (
            r#"steps:
  - run: a
    if: false
"#,
            &["3:9-14 warning[never-runs] the step never runs: its `if` is never `true`"],
        ),
        (
            r#"steps:
  - run: a
    if: ${{ false }}
"#,
            &["3:9-21 warning[never-runs] the step never runs: its `if` is never `true`"],
        ),
        (
            r#"steps:
  - run: a
    continue-on-error: yes
"#,
            &[
                "3:24-27 warning[ignored] `continue-on-error` is true or false; text counts as false (write `true`, without quotes)",
            ],
        ),
        (
            r#"steps:
  - uses: actions/checkout@v4
    with: {ref: x}
"#,
            &[
                "2:11-30 warning[legacy] `uses` is the old name of `plugin` (write `plugin`)",
                "2:11-30 warning[unpinned-plugin] the plugin `actions/checkout` is not pinned: `v4` is no exact version (write `actions/checkout@1.2.3`, with the version that you tried)",
                "3:5-9 warning[unknown-key] `with` is no key of a step and is ignored (did you mean `inputs`?)",
            ],
        ),
        (
            r#"steps:
  - script: x
"#,
            &[
                "2:5-11 error[unknown-key] `script` is not supported (use `run`, which is a shell script)",
            ],
        ),
        (
            r#"steps:
  - run: echo {{ git.branch }} {{.Names}}
    env: {A: '{{ git.ref }}', B: '{{.Names}}', C: '{{ foo }}'}
    if: '{{ success() }}'
"#,
            &[
                "2:15-31 warning[legacy] braces without a `$` are left as they are in `run`, and this looks like an expression (write `${{ git.branch }}`)",
                "3:15-28 warning[legacy] `{{ }}` without a `$` is the old way of writing an expression (write `${{ git.ref }}`)",
                "3:52-61 warning[legacy] braces without a `$` are left as they are unless they begin at a name that is known (write `${{ foo }}`)",
                "4:10-25 warning[legacy] `{{ }}` without a `$` is the old way of writing an expression (write `${{ success() }}`)",
            ],
        ),
        (
            r#"steps:
  - plugin: left-pad
  - plugin: left-pad@^1.0.0
  - plugin: npm:@serverless-cd/cache
  - plugin: '@serverless-cd/cache'
  - plugin: ./x
  - plugin: left-pad@1.0.0
"#,
            &[
                "2:13-21 warning[unpinned-plugin] the plugin `left-pad` is not pinned: its latest version is installed (write `left-pad@1.2.3`, with the version that you tried)",
                "3:13-28 warning[unpinned-plugin] the plugin `left-pad` is not pinned: `^1.0.0` is no exact version (write `left-pad@1.2.3`, with the version that you tried)",
                "4:13-37 warning[unpinned-plugin] the plugin `@serverless-cd/cache` is not pinned: its latest version is installed (write `@serverless-cd/cache@1.2.3`, with the version that you tried)",
            ],
        ),
        (
            r#"steps:
  - run: a
    inputs: {a: 1}
    outputs: {a: 1}
"#,
            &[
                "3:13-19 warning[ignored] `inputs` are for a plugin; a `run` step does not see them (set `env` instead)",
                "4:14-20 warning[ignored] nobody can read the outputs of a step without an `id` (give the step an `id`)",
            ],
        ),
        (
            r#"steps:
  - run: a
    env:
    A: b
"#,
            &[
                "4:5-6 warning[unknown-key] `A` is no key of a step and is ignored (indent it to make it a part of `env`)",
            ],
        ),
        (
            r#"steps:
  - run: a
    if: ${{ success() }} && ${{ always() }}
  - run: b
    if: ' ${{ success() }} '
  - run: c
    if: ${{ 1 == 2 }}
  - run: d
    if: true
"#,
            &[
                "3:26-28 warning[never-runs] the step never runs: text around an expression is never exactly `true` (write the whole condition as one expression, without braces: `a && b`)",
                "7:9-22 warning[never-runs] the step never runs: its `if` is never `true`",
            ],
        ),
        (
            r#"nmae: x
on: push
x-mine: 1
steps:
  - run: a
    id: one
  - run: b
    plugin: c
    id: one
    workingDirectory: x
"#,
            &[
                "1:1-5 warning[unknown-key] `nmae` is no key of a pipeline and is ignored (did you mean `name`?)",
                "2:1-3 warning[unknown-key] `on` is no key of a pipeline and is ignored (the application's triggers decide what starts a deployment)",
                "7:5-11 warning[ignored] the step has `run` and `plugin`; `plugin` is ignored (make two steps of them)",
                "9:9-12 warning[duplicate-id] the id `one` is taken by an earlier step, whose outcome this one's replaces (give it another id)",
                "10:5-21 warning[unknown-key] `workingDirectory` is no key of a step and is ignored (did you mean `working-directory`?)",
            ],
        ),
        (
            r#"env: {V: 1.10}
steps: [{run: x}]
"#,
            &[
                "1:10-14 warning[number] `env.V` is the number 1.1 (put it in quotes to keep `1.10`)",
            ],
        ),
    ]);
}
