//! What steps tell by their files: `$FLOWCD_OUTPUT` and the others.

use std::time::Duration;

use flowcd_engine::Event;

use crate::runner::{Ran, Runner};

/// A pipeline of these scripts, one a step, with the ids `s1`, `s2` and so on.
fn scripts(scripts: &[&str]) -> Runner {
    let mut pipeline = "steps:\n".to_owned();
    for (index, script) in scripts.iter().enumerate() {
        pipeline.push_str(&format!("- id: s{}\n  run: |\n", index + 1));
        for line in script.lines() {
            pipeline.push_str(&format!("    {line}\n"));
        }
    }
    Runner::of_pipeline(&pipeline)
}

async fn run(texts: &[&str]) -> Ran {
    scripts(texts).run().await
}

fn summary(ran: &Ran) -> &str {
    let summaries = ran.events.iter().filter_map(|event| match event {
        Event::Summary(text) => Some(text.as_str()),
        _ => None,
    });
    summaries.last().unwrap_or_default()
}

#[tokio::test]
async fn what_a_step_writes_is_its_outputs() {
    let ran = run(&[
        "echo 'a=one two' >> $FLOWCD_OUTPUT\n\
         printf 'b<<END\\nx\\ny\\nEND\\n' >> $SERVERLESS_CD_OUTPUT",
        "echo '${{ steps.s1.outputs.a }}, ${{ steps.s1.outputs.b }}, ${{ steps.s1.outputs.none }}, ${{ steps.none.outputs }}'",
    ])
    .await;
    assert_eq!(ran.statuses(), "success success -> success");
    assert_eq!(ran.log(2), "one two, x\ny, , \n");
    let outputs = serde_json::Value::from(ran.outcome.steps[1].outputs.clone());
    assert_eq!(outputs, serde_json::json!({"a": "one two", "b": "x\ny"}));
    assert!(ran.outcome.steps[2].outputs.is_empty());
}

#[tokio::test]
async fn outputs_of_a_step_that_fails_are_kept() {
    let ran = Runner::of_pipeline(
        "steps:\n\
         - {id: a, run: 'echo x=1 >> $FLOWCD_OUTPUT; exit 3', continue-on-error: true}\n\
         - {run: 'echo ${{ steps.a.status }} ${{ steps.a.outputs.x }}'}\n",
    )
    .run()
    .await;
    assert_eq!(ran.log(2), "error-with-continue 1\n");
}

#[tokio::test]
async fn the_key_outputs_lays_values_over_what_was_written() {
    let ran = Runner::of_pipeline(
        "steps:\n\
         - id: a\n\
         \x20 run: echo x=1 >> $FLOWCD_OUTPUT; echo y=2 >> $FLOWCD_OUTPUT; echo V=3 >> $FLOWCD_ENV\n\
         \x20 outputs: {y: '${{ steps.a.outputs.x }}${{ env.V }}', z: \"${{ task_id ? 'yes' : 'no' }}\", n: 4}\n\
         - run: echo '${{ toJSON(steps.a.outputs) }}'\n\
         - {run: 'true', outputs: {bad: '${{ nonsense( }}'}}\n",
    )
    .run()
    .await;
    assert_eq!(
        ran.log(2),
        "{\"x\":\"1\",\"y\":\"13\",\"z\":\"no\",\"n\":4}\n"
    );
    assert!(
        ran.error(3).starts_with("cannot evaluate `outputs.bad`: "),
        "{}",
        ran.error(3)
    );
}

#[tokio::test]
async fn variables_reach_the_steps_to_come_and_not_the_one_that_sets_them() {
    let ran = Runner::of_pipeline(
        "env: {A: pipeline, B: pipeline}\n\
         steps:\n\
         - run: |\n\
         \x20   echo A=set >> $FLOWCD_ENV; printf 'M<<END\\n1\\n2\\nEND\\n' >> $SERVERLESS_CD_ENV\n\
         \x20   echo 'E=${{ secrets.X }}' >> $FLOWCD_ENV\n\
         \x20   echo $A\n\
         - {run: 'echo \"$A $B $M $E ${{ env.A }}\"', env: {B: step}}\n\
         - {run: 'echo $A', env: {A: step}}\n\
         - {run: 'echo $A'}\n",
    )
    .run()
    .await;
    assert_eq!(ran.log(1), "pipeline\n");
    assert_eq!(ran.log(2), "set step 1\n2  set\n");
    assert_eq!(ran.log(3), "step\n");
    assert_eq!(ran.log(4), "set\n");
}

#[tokio::test]
async fn what_a_step_sets_is_text_and_never_an_expression() {
    let ran = run(&[
        "printf 'E=$%s\\n' '{{ 1 + 1 }}' >> $FLOWCD_ENV; printf 'o=$%s\\n' '{{ 1 + 1 }}' >> $FLOWCD_OUTPUT",
        "echo \"$E\" '${{ steps.s1.outputs.o }}' '${{ env.E }}'",
    ])
    .await;
    assert_eq!(ran.log(2), "${{ 1 + 1 }} ${{ 1 + 1 }} ${{ 1 + 1 }}\n");
}

#[tokio::test]
async fn variables_of_ours_cannot_be_set() {
    for name in [
        "FLOWCD_TASK_ID",
        "FLOWCD_RUN",
        "CI",
        "SERVERLESS_CD",
        "SERVERLESS_CD_ENV",
    ] {
        let ran = run(&[&format!(
            "echo OK=1 >> $FLOWCD_ENV; echo {name}=x >> $FLOWCD_ENV"
        )])
        .await;
        assert_eq!(
            ran.error(1),
            format!("$FLOWCD_ENV: `{name}` is a variable of the server's and cannot be set")
        );
    }
}

#[tokio::test]
async fn folders_are_put_before_the_path_of_later_steps() {
    let ran = run(&[
        "mkdir one two; printf '#!/bin/sh\\necho one\\n' > one/tool; printf '#!/bin/sh\\necho two\\n' > two/tool\n\
         chmod +x one/tool two/tool; echo $PWD/one >> $FLOWCD_PATH; echo two >> $FLOWCD_PATH\n\
         command -v tool || echo none",
        "tool; echo $PWD/one >> $FLOWCD_PATH",
        "tool; echo \"$PATH\" | tr : '\\n' | grep -c one",
    ])
    .await;
    assert_eq!(ran.log(1), "none\n");
    assert_eq!(ran.log(2), "two\n");
    assert_eq!(ran.log(3), "one\n1\n");
}

#[tokio::test]
async fn summaries_are_joined_and_masked() {
    let runner = scripts(&[
        "printf '# One\\n' >> $FLOWCD_SUMMARY",
        "true",
        "printf 'two s3cret-value' >> $FLOWCD_SUMMARY; exit 1",
    ])
    .secret("KEY", "s3cret-value");
    let ran = runner.run().await;
    assert_eq!(summary(&ran), "# One\ntwo ***");
    let n = ran
        .events
        .iter()
        .filter(|event| matches!(event, Event::Summary(_)));
    assert_eq!(n.count(), 2);
}

#[tokio::test]
async fn a_summary_that_is_too_long_fails_the_step_and_leaves_the_others() {
    let ran = run(&[
        "echo one >> $FLOWCD_SUMMARY",
        "head -c 1048575 /dev/zero | tr '\\0' x >> $FLOWCD_SUMMARY",
    ])
    .await;
    assert_eq!(ran.statuses(), "success failure -> failure");
    assert_eq!(
        ran.error(2),
        "$FLOWCD_SUMMARY: the summary of the task would be longer than 1024 KiB"
    );
    assert_eq!(summary(&ran), "one\n");
}

#[tokio::test]
async fn a_file_that_cannot_be_read_fails_its_step_and_says_which_and_where() {
    for (script, error) in [
        (
            "echo hello >> $FLOWCD_OUTPUT",
            "$FLOWCD_OUTPUT: line 1: it is neither `name=value` nor `name<<END`",
        ),
        (
            "echo a=1 >> $FLOWCD_ENV; echo 'b<<END' >> $FLOWCD_ENV",
            "$FLOWCD_ENV: line 2: no line `END` ends the value of `b`",
        ),
        (
            "printf 'a=\\377' >> $FLOWCD_OUTPUT",
            "$FLOWCD_OUTPUT: line 1: it is not UTF-8",
        ),
        (
            "printf 'a=1\\nb=\\000' >> $FLOWCD_ENV",
            "$FLOWCD_ENV: line 2: it has a NUL byte",
        ),
        (
            "printf '/a:/b' >> $FLOWCD_PATH",
            "$FLOWCD_PATH: `/a:/b` cannot be a part of PATH",
        ),
        (
            "printf '\\377value' >> $FLOWCD_MASK",
            "$FLOWCD_MASK: line 1: it is not UTF-8",
        ),
        (
            "head -c 1000000000 /dev/zero >> $FLOWCD_OUTPUT",
            "$FLOWCD_OUTPUT: it is longer than 64 KiB",
        ),
        (
            "head -c 2000000 /dev/urandom >> $FLOWCD_SUMMARY",
            "$FLOWCD_SUMMARY: it is longer than 1024 KiB",
        ),
        (
            "rm $FLOWCD_OUTPUT; ln -s /etc/passwd $FLOWCD_OUTPUT",
            "$FLOWCD_OUTPUT: it is not a file",
        ),
        (
            "rm $FLOWCD_ENV; mkdir $FLOWCD_ENV",
            "$FLOWCD_ENV: it is not a file",
        ),
        (
            "rm $FLOWCD_MASK; mkfifo $FLOWCD_MASK",
            "$FLOWCD_MASK: it is not a file",
        ),
        (
            "rm $FLOWCD_SUMMARY; ln -s /dev/zero $FLOWCD_SUMMARY",
            "$FLOWCD_SUMMARY: it is not a file",
        ),
    ] {
        let ran = run(&[script]).await;
        assert_eq!(ran.error(1), error, "{script}");
        assert_eq!(ran.statuses(), "failure -> failure", "{script}");
        let script = format!("{script}\nexit 9");
        let ran = run(&[&script]).await;
        assert_eq!(ran.error(1), "exit code 9", "{script}");
        assert!(
            ran.log(1).contains(&format!("Warning: {error}\n")),
            "{}",
            ran.log(1)
        );
    }
}

#[tokio::test]
async fn what_is_right_before_what_is_wrong_counts() {
    let ran = Runner::of_pipeline(
        "steps:\n\
         - {id: a, run: 'echo x=1 >> $FLOWCD_OUTPUT; echo nonsense >> $FLOWCD_OUTPUT', continue-on-error: true}\n\
         - {run: 'echo ${{ steps.a.outputs.x }}'}\n",
    )
    .run()
    .await;
    assert_eq!(ran.log(2), "1\n");
}

#[tokio::test]
async fn outputs_have_a_limit_for_a_step_and_for_a_task() {
    let much =
        "printf 'x=' >> $FLOWCD_OUTPUT; head -c 60000 /dev/zero | tr '\\0' x >> $FLOWCD_OUTPUT";
    let ran = run(&[much; 18]).await;
    let statuses: Vec<&str> = ran.outcome.steps[1..]
        .iter()
        .map(|step| step.status.as_str())
        .collect();
    assert_eq!(
        statuses
            .iter()
            .filter(|status| **status == "success")
            .count(),
        17
    );
    assert_eq!(
        ran.error(18),
        "the outputs of all steps are longer than 1024 KiB"
    );
}

#[tokio::test]
async fn a_step_can_remove_its_files_and_their_folder() {
    let ran = run(&[
        "echo a=1 >> $FLOWCD_OUTPUT; echo V=2 >> $FLOWCD_ENV; rm -rf \"$(dirname $FLOWCD_OUTPUT)\"",
        "echo \"${{ steps.s1.outputs.a }} $V\"; echo b=1 >> $FLOWCD_OUTPUT",
        "echo ${{ steps.s2.outputs.b }}; rm -rf \"$(dirname $(dirname $FLOWCD_OUTPUT))\"",
        "echo never",
    ])
    .await;
    assert_eq!(ran.log(2), "1 2\n");
    assert!(ran.log(3).starts_with("1\n"), "{}", ran.log(3));
    assert!(
        ran.error(4)
            .starts_with("cannot make the files of the step"),
        "{}",
        ran.error(4)
    );
}

#[tokio::test]
async fn what_a_child_in_the_background_writes_later_is_not_looked_at() {
    let ran = run(&[
        "setsid sh -c 'while :; do echo late=1 >> $FLOWCD_OUTPUT; echo late >> $FLOWCD_MASK; done' >/dev/null 2>&1 &\n\
         echo early=1 >> $FLOWCD_OUTPUT",
        "echo '${{ steps.s1.outputs.early }}'",
    ])
    .await;
    assert_eq!(
        ran.outcome.status.as_str(),
        "success",
        "{}",
        ran.everything()
    );
    assert_eq!(ran.log(2), "1\n");
}

#[tokio::test]
async fn the_files_lie_outside_of_the_workspace() {
    let ran = run(&[
        "case $FLOWCD_OUTPUT in $FLOWCD_WORKSPACE/*) exit 1;; esac; stat -c %a $FLOWCD_OUTPUT",
    ])
    .await;
    assert_eq!(ran.log(1), "600\n");
}

#[tokio::test]
async fn a_value_is_masked_as_soon_as_it_is_added() {
    let mut runner = scripts(&[
        "echo before-v4lue; echo v4lue-one >> $FLOWCD_MASK; echo v4lue-one; printf %s v4lue-one | base64\n\
         printf '<<END\\nline-one\\nline-two\\nEND\\n' >> $FLOWCD_MASK; echo line-two; echo o=v4lue-one >> $FLOWCD_OUTPUT\n\
         echo '# v4lue-one' >> $FLOWCD_SUMMARY",
        "echo v4lue-one '${{ steps.s1.outputs.o }}' line-one",
    ]);
    runner.job.limits.max_output_chunk = 7;
    let ran = runner.run().await;
    assert_eq!(ran.log(1), "before-v4lue\n***\n***\n***\n");
    assert_eq!(ran.log(2), "*** *** ***\n");
    assert_eq!(ran.outcome.steps[1].outputs["o"], "***");
    assert_eq!(summary(&ran), "# ***\n");
    let everything = ran.everything();
    let names = everything.matches("v4lue-one").count();
    // What was told before the value was known has been told: the names of the steps.
    let early: usize = ran
        .events
        .iter()
        .take_while(|event| !matches!(event, Event::Output { step_count, .. } if *step_count == flowcd_model::step::StepCount::Number(1)))
        .map(|event| format!("{event:?}").matches("v4lue-one").count())
        .sum();
    assert_eq!(names - early, 0, "{everything}");
}

#[tokio::test]
async fn names_and_errors_that_are_told_later_are_masked() {
    let ran = Runner::of_pipeline(
        "steps:\n\
         - run: echo n4me-of-it >> $FLOWCD_MASK\n\
         - {name: later n4me-of-it, run: 'true', working-directory: n4me-of-it}\n",
    )
    .run()
    .await;
    assert_eq!(ran.outcome.steps[2].run, "later ***");
    assert!(ran.error(2).contains("`***`"), "{}", ran.error(2));
}

#[tokio::test]
async fn values_in_a_file_that_replaces_the_first_are_masked_as_well() {
    let ran = run(&[
        "echo first-value > $FLOWCD_MASK; echo first-value\n\
         cp $FLOWCD_MASK new; echo third-value >> new; mv new $FLOWCD_MASK; echo third-value first-value",
        "echo third-value > $FLOWCD_MASK; sed -i 's/third/fourth/' $FLOWCD_MASK; echo fourth-value third-value",
    ])
    .await;
    assert_eq!(ran.log(1), "***\n*** ***\n");
    assert_eq!(ran.log(2), "*** ***\n");
}

#[tokio::test]
async fn more_values_than_can_be_masked_fail_the_step() {
    let ran = run(&["seq 100001 101200 >> $FLOWCD_MASK; echo 100001"]).await;
    assert_eq!(ran.log(1).lines().next(), Some("***"));
    assert_eq!(
        ran.error(1),
        "$FLOWCD_MASK: a task can add 1000 values of 64 KiB together; some are not masked"
    );
}

#[tokio::test]
async fn values_added_one_by_one_do_not_hold_the_step_up() {
    let mut runner = scripts(&[
        "i=0; while [ $i -lt 300 ]; do i=$((i + 1)); echo value-number-$i >> $FLOWCD_MASK; echo value-number-$i; done",
    ]);
    runner.job.limits.grace_period = Duration::from_secs(5);
    let ran = runner.run().await;
    assert_eq!(ran.log(1), "***\n".repeat(300));
}

#[tokio::test]
async fn a_value_that_is_too_short_to_be_masked_is_told_once() {
    let warning = "Warning: $FLOWCD_MASK: a value shorter than 4 bytes is not masked\n";
    let ran = run(&["printf 'abc\\nxy\\n' >> $FLOWCD_MASK; echo abc xy"]).await;
    assert_eq!(ran.statuses(), "success -> success");
    assert_eq!(ran.log(1), format!("abc xy\n{warning}"));
    // White space around it is not a part of it.
    let ran = run(&["printf '  abc  \\n' >> $FLOWCD_MASK"]).await;
    assert_eq!(ran.log(1), warning);
    let ran = run(&["printf '\\n  \\nabcd\\n' >> $FLOWCD_MASK; echo abcd"]).await;
    assert_eq!(ran.log(1), "***\n");
}

#[tokio::test]
async fn variables_that_make_programs_run_others_are_refused() {
    for name in [
        "BASH_ENV",
        "ENV",
        "GIT_ASKPASS",
        "GIT_CONFIG_COUNT",
        "GIT_CONFIG_GLOBAL",
        "GIT_CONFIG_PARAMETERS",
        "GIT_DIR",
        "GIT_EDITOR",
        "GIT_EXEC_PATH",
        "GIT_EXTERNAL_DIFF",
        "GIT_PAGER",
        "GIT_PROXY_COMMAND",
        "GIT_SEQUENCE_EDITOR",
        "GIT_SSH",
        "GIT_SSH_COMMAND",
        "GIT_TEMPLATE_DIR",
        "LD_AUDIT",
        "LD_PRELOAD",
        "NODE_OPTIONS",
        "PYTHONSTARTUP",
        "SSH_ASKPASS",
    ] {
        let pipeline = format!(
            "steps:\n\
             - {{run: 'echo OK=1 >> $FLOWCD_ENV; echo {name}=/evil >> $FLOWCD_ENV', continue-on-error: true}}\n\
             - run: /usr/bin/env\n"
        );
        let ran = Runner::of_pipeline(&pipeline).run().await;
        assert_eq!(
            ran.error(1),
            format!(
                "$FLOWCD_ENV: `{name}` would make the programs of later steps run others and cannot be set: set it in \
                 the step's `env` instead"
            )
        );
        let later = ran.log(2);
        assert!(later.contains("OK=1\n"), "{later}");
        assert!(!later.contains("/evil"), "{later}");
    }
}

#[tokio::test]
async fn variables_that_only_look_like_those_can_be_set() {
    let names = [
        "GIT_AUTHOR_NAME",
        "GIT_COMMITTER_EMAIL",
        "GIT_TRACE",
        "MY_ENV",
        "ENVIRONMENT",
        "NODE_ENV",
        "LD_LIBRARY_PATH",
    ];
    let writes = names.map(|name| format!("echo {name}=set-{name} >> $FLOWCD_ENV"));
    let ran = run(&[&writes.join("\n"), "/usr/bin/env"]).await;
    assert_eq!(ran.statuses(), "success success -> success");
    for name in names {
        let line = format!("{name}=set-{name}\n");
        assert!(ran.log(2).contains(&line), "{}", ran.log(2));
    }
}

#[tokio::test]
async fn what_a_step_says_in_its_env_may_make_programs_run_others() {
    let ran = Runner::of_pipeline(
        "steps:\n- {run: 'echo $NODE_OPTIONS $GIT_SSH_COMMAND', env: {NODE_OPTIONS: a, GIT_SSH_COMMAND: b}}\n",
    )
    .run()
    .await;
    assert_eq!(ran.log(1), "a b\n");
}
