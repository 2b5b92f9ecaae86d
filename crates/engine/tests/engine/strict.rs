//! Text of other people that tries to become a command in spite of `strict-expressions`.

use serde_json::{Value, json};

use crate::runner::{Ran, Runner};

/// Text that says `pwned` wherever a shell reads it as a program.
const HOSTILE: &str = "\"; echo pwned; ' $(echo pwned) `echo pwned` *";

/// What comes of steps in a strict pipeline where everything that others can write is hostile.
async fn run(steps: &str) -> Ran {
    let mut runner = Runner::of_pipeline(&format!("strict-expressions: true\nsteps:\n{steps}\n"));
    let contexts = &mut runner.job.contexts;
    contexts.git.insert("message".to_owned(), HOSTILE.into());
    let env: Value = json!({"FROM_DISPATCH": HOSTILE});
    contexts.inputs.insert("env".to_owned(), env);
    runner.run().await
}

/// The ways from the outside into an expression: the steps before, and the expression.
fn routes() -> [(&'static str, &'static str); 6] {
    [
        ("", "git.message"),
        (
            "- {id: a, run: 'true', outputs: {title: '${{ git.message }}'}}",
            "steps.a.outputs.title",
        ),
        (
            "- id: a\n  run: echo \"title=$FLOWCD_MESSAGE\" >> \"$FLOWCD_OUTPUT\"",
            "steps[\"a\"].outputs.title",
        ),
        (
            "- id: a\n  run: echo \"title=$FLOWCD_MESSAGE\" >> \"$FLOWCD_OUTPUT\"",
            "fromJSON(toJSON(steps)).a.outputs.title",
        ),
        ("", "env.FROM_DISPATCH"),
        (
            "- run: echo \"TITLE=$FLOWCD_MESSAGE\" >> \"$FLOWCD_ENV\"",
            "env.TITLE",
        ),
    ]
}

#[tokio::test]
async fn on_every_way_text_from_outside_is_one_word_inside_double_quotes() {
    for (before, expression) in routes() {
        let ran = run(&format!(
            "{before}\n- run: |\n    printf '<%s>' \"${{{{ {expression} }}}}\"\n    cat <<EOF\n    ${{{{ {expression} }}}}\n    EOF"
        ))
        .await;
        let last = u32::from(!before.is_empty()) + 1;
        assert_eq!(
            ran.log(last),
            format!("<{HOSTILE}>{HOSTILE}\n"),
            "{expression}: {}",
            ran.everything()
        );
    }
}

#[tokio::test]
async fn everywhere_else_it_is_refused_before_anything_runs() {
    for (before, expression) in routes() {
        for script in [
            "echo EXPRESSION",
            "echo 'EXPRESSION'",
            "sh -c \"echo EXPRESSION\"",
            "eval \"echo EXPRESSION\"",
            "echo \"EXPRESSION\" | sh",
        ] {
            let script = script.replace("EXPRESSION", &format!("${{{{ {expression} }}}}"));
            let ran = run(&format!("{before}\n- run: |\n    {script}")).await;
            let error = ran.error(0);
            assert!(
                error.contains(" text from outside, and ") && error.contains("write `\"$"),
                "{script}: {error}"
            );
            assert_eq!(ran.log(1), "", "{script}");
        }
    }
}

#[tokio::test]
async fn what_a_step_says_itself_needs_no_quotes() {
    let ran = run("- {env: {FROM_DISPATCH: own}, run: 'echo ${{ env.FROM_DISPATCH }}'}").await;
    assert_eq!(ran.log(1), "own\n");
}

#[tokio::test]
async fn a_name_with_a_hyphen_fails_the_step_and_is_foretold() {
    let ran = run("- {id: c, run: 'true'}\n- {run: 'echo ${{ steps.c.outputs.cache-hit }}'}").await;
    let help = "`cache-hit` is read as a subtraction; write `steps.c.outputs['cache-hit']`";
    assert!(ran.log(0).contains(help), "{}", ran.log(0));
    assert!(ran.error(2).contains(help), "{}", ran.error(2));
    assert_eq!(ran.statuses(), "success failure -> failure");
}
