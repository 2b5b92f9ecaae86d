//! Texts with expressions: braces without a dollar sign, and text that others write.

use std::{cell::RefCell, path::Path};

use serde_json::{Map, Value, json};

use super::super::{
    Braces, ExprError, GlobalStatus, Origins, Scope, brace_pairs, check_condition, check_in,
    condition_references, references, render_legacy, render_strict, render_traced, render_value,
    template::BracePair,
};

fn check_legacy(template: &str, known: &dyn Fn(&str) -> bool) -> Result<(), ExprError> {
    check_in(template, &Braces::Legacy(known))
}

fn vars() -> Map<String, Value> {
    let vars = json!({
        "git": {"message": "a $(b)", "branch": "main", "pusher": {"name": "eve"}, "commit": "c0ffee"},
        "env": {"NAME": "web"},
        "inputs": {"n": 3, "text": "x", "list": ["p", "q"]},
        "n": 3,
        "text": "x",
    });
    vars.as_object().cloned().unwrap_or_default()
}

fn with_scope<T>(check: impl FnOnce(&Scope<'_>) -> T) -> T {
    let vars = vars();
    check(&Scope {
        vars: &vars,
        status: GlobalStatus::Pending,
        workspace: Path::new("/nowhere"),
        allowance: None,
    })
}

fn check_rendered(template: &str, expected: &str) {
    let actual = with_scope(|scope| render_legacy(template, scope));
    assert_eq!(actual, Ok(expected.to_owned()), "{template}");
}

#[test]
fn braces_without_a_dollar_sign_are_expressions_where_they_begin_at_known_names() {
    for (template, expected) in [
        ("{{ env.NAME }}", "web"),
        ("{{env.NAME}}-${{ env.NAME }}-{{ text }}", "web-web-x"),
        ("{{ 'a' + 1 }}", "a1"),
        ("{{ success() }}", "true"),
        ("{{ env.MISSING }}.", "."),
        ("{{ contains(git.branch, 'ma') && n > 2 }}", "true"),
        ("{\"n\": {{ n }}}", "{\"n\": 3}"),
        ("{{ '{{' }}{{ '}}' }}", "{{}}"),
    ] {
        check_rendered(template, expected);
    }
}

#[test]
fn other_braces_without_a_dollar_sign_are_left_alone() {
    for text in [
        "{{.Names}}",
        "{{ .Names }} {{range .Items}}{{.}}{{end}}",
        "{{ unknown }}",
        "{{ unknown.NAME || env.NAME }}",
        "{{ nope() }}",
        "{{ env.NAME | upper }}",
        "{{ env.NAME = 1 }}",
        "{{ env.NAME",
        "{{ 'env.NAME }}",
        "{{ }}",
        "{{{{{{",
        "{{{ env.NAME }}}",
        "}} {{",
        "{{#if env}} {{/if}}",
        "{% env.NAME %}",
    ] {
        check_rendered(text, text);
    }
    check_rendered("{{.Names}} {{ env.NAME }}", "{{.Names}} web");
    check_rendered("{{ .A ${{ env.NAME }} }}", "{{ .A web }}");
    // What has a dollar sign is an expression, whatever it is.
    let refused = with_scope(|scope| render_legacy("{{.Names}} ${{.Names}}", scope));
    let error = refused.expect_err("it cannot be read");
    assert_eq!((error.line(), error.column()), (1, 15));
}

#[test]
fn the_pairs_of_braces_are_told_apart() {
    let known = |name: &str| name == "env";
    let text = "{{ env.A }} ${{ env.A }} {{ .B }} {{ c }} {{";
    let pair = |part: &str, is_expression: bool| {
        let start = text.find(part).expect("the text has it");
        BracePair {
            span: start..start + part.len(),
            is_expression,
        }
    };
    assert_eq!(
        brace_pairs(text, &known),
        Ok(vec![
            pair("{{ env.A }}", true),
            pair("{{ .B }}", false),
            pair("{{ c }}", false)
        ])
    );
    assert_eq!(check_legacy(text, &known), Ok(()));
    assert!(check_legacy("${{ 1 + }}", &known).is_err());
}

#[test]
fn braces_without_end_are_not_looked_at_for_ever() {
    let known = |_: &str| true;
    let tail = format!("{}'", "'+'".repeat(2_000));
    let error = check_legacy(&format!("{{{{ {tail}{{{{").repeat(20), &known);
    assert_eq!(error, Ok(()));
    let quotes = "{{'+\"".repeat(20_000);
    assert_eq!(check_legacy(&quotes, &known), Ok(()));
}

#[test]
fn values_are_rendered_at_any_depth_and_keys_are_not() {
    let value = json!({
        "{{ n }}": ["${{ n }}", {"a": "{{ text }}", "b": 1, "c": null, "d": "{{.X}}"}],
        "e": true,
    });
    let expected = json!({
        "{{ n }}": ["3", {"a": "x", "b": 1, "c": null, "d": "{{.X}}"}],
        "e": true,
    });
    assert_eq!(
        with_scope(|scope| render_value(&value, scope)),
        Ok(expected)
    );
    let big = "x".repeat(600_000);
    let error = with_scope(|scope| render_value(&json!([big, big]), scope));
    let error = error.expect_err("it is too long");
    assert_eq!(error.message(), "the text is longer than 1048576 bytes");
}

#[test]
fn a_trace_has_each_expression_and_its_text() {
    let mut trace = Vec::new();
    let text = with_scope(|scope| {
        render_traced(
            "a ${{ n + 1 }} {{ n }} ${{git.tag}}${{ '}}' }}",
            scope,
            &mut trace,
        )
    });
    assert_eq!(text, Ok("a 4 {{ n }} }}".to_owned()));
    let pair = |source: &str, text: &str| (source.to_owned(), text.to_owned());
    assert_eq!(
        trace,
        [pair("n + 1", "4"), pair("git.tag", ""), pair("'}}'", "}}")]
    );
}

/// The references as text: the path, with `!` behind what is carried.
fn references_of(expression: &str) -> String {
    let references = references(&format!("${{{{ {expression} }}}}")).expect(expression);
    let references: Vec<String> = references
        .iter()
        .map(|reference| match reference.is_carried {
            true => format!("{}!", reference.path),
            false => reference.path.clone(),
        })
        .collect();
    references.join(" ")
}

#[test]
fn text_is_carried_where_it_can_come_out() {
    for (expression, expected) in [
        ("git.message", "git.message!"),
        ("git['message']", "git.message!"),
        ("git", "git!"),
        ("inputs.list[0]", "inputs.list.0!"),
        ("git[env.KEY]", "git.*! env.KEY"),
        ("git[env.KEY].name", "git.*! env.KEY"),
        ("git.pusher[env.KEY].name", "git.pusher.*! env.KEY"),
        ("inputs['a.b']", "inputs.*!"),
        ("inputs['']", "inputs.*!"),
        ("git?.message", "git.message!"),
        ("'a' + git.message + git.branch", "git.message! git.branch!"),
        ("git.tag || git.branch", "git.tag! git.branch!"),
        ("git.tag ?? git.branch", "git.tag! git.branch!"),
        ("git.tag && git.branch", "git.tag git.branch!"),
        (
            "git.tag ? git.branch : inputs.x",
            "git.tag git.branch! inputs.x!",
        ),
        ("git.branch == 'main'", "git.branch"),
        ("git.branch === inputs.x", "git.branch inputs.x"),
        ("git.branch < inputs.x", "git.branch inputs.x"),
        (
            "inputs.a - inputs.b * inputs.c",
            "inputs.a inputs.b inputs.c",
        ),
        ("!git.message", "git.message"),
        ("-git.message", "git.message"),
        ("typeof git.message", "git.message"),
        ("contains(git.message, inputs.x)", "git.message inputs.x"),
        ("startsWith(git.ref, 'a') && git.ref", "git.ref git.ref!"),
        ("endsWith(git.ref, 'a') || git.ref", "git.ref git.ref!"),
        ("hashFile(inputs.path)", "inputs.path"),
        ("hashFiles(inputs.path)", "inputs.path"),
        ("toJSON(git)", "git!"),
        ("fromJSON(inputs.json).a.b", "inputs.json!"),
        ("format(inputs.a, inputs.b)", "inputs.a! inputs.b!"),
        ("join(inputs.list, inputs.s)", "inputs.list! inputs.s!"),
        ("contains('' + git.message, 'a')", "git.message"),
        ("('' + git.message) == 'a' ? 'b' : 'c'", "git.message"),
        ("(git.tag || inputs).x", "git.tag! inputs!"),
        ("always() && 'a'", ""),
    ] {
        assert_eq!(references_of(expression), expected, "{expression}");
    }
}

#[test]
fn a_reference_says_where_it_stands() {
    let text = "echo é ${{ a + git.message }} ${{ b }}";
    let references = references(text).expect("it can be read");
    let places: Vec<_> = references
        .iter()
        .map(|reference| {
            (
                &text[reference.span.clone()],
                &text[reference.path_span.clone()],
            )
        })
        .collect();
    assert_eq!(
        places,
        [
            ("${{ a + git.message }}", "a"),
            ("${{ a + git.message }}", "git.message"),
            ("${{ b }}", "b")
        ]
    );
    for condition in [
        "git.branch == 'a'",
        "${{ git.branch == 'a' }}",
        "{{ git.branch }}",
    ] {
        assert_eq!(check_condition(condition), Ok(()));
        let references = condition_references(condition).expect(condition);
        assert_eq!(references[0].path, "git.branch", "{condition}");
    }
}

fn origins<T>(check: impl FnOnce(Origins<'_>) -> T) -> T {
    check(Origins {
        is_checked_input: &|name| name == "n",
        is_untrusted_env: &|name| name == "MESSAGE" || name == "*",
        is_untrusted_output: &|id, name| [id, name].iter().all(|name| ["a", "*"].contains(name)),
    })
}

#[test]
fn untrusted_is_what_others_write() {
    origins(|origins| {
        for path in [
            "git",
            "git.*",
            "git.message",
            "git.branch",
            "git.tag",
            "git.ref",
            "git.pusher.name",
            "git.pull_request",
            "git.pull_request.*",
            "git.pull_request.title",
            "git.pull_request.sourceBranch",
            "inputs",
            "inputs.*",
            "inputs.text",
            "inputs.text.deep",
            "text",
            "trigger",
            "trigger.body",
            "env",
            "env.*",
            "env.MESSAGE",
        ] {
            assert!(origins.is_untrusted(path), "{path}");
        }
        for path in [
            "git.commit",
            "git.pull_request.number",
            "git.pull_request.isFork",
            "git.pull_request.type",
            "git.provider",
            "inputs.n",
            "n",
            "env.NAME",
            "secrets.TOKEN",
            "secrets",
            "steps.a.outputs.b",
            "task.id",
            "task_id",
            "app.id",
            "status",
            "cloudSecrets.x",
        ] {
            assert!(!origins.is_untrusted(path), "{path}");
        }
    });
}

#[test]
fn untrusted_text_goes_through_the_environment_when_the_pipeline_is_strict() {
    let asked = RefCell::new(Vec::new());
    let strict = with_scope(|scope| {
        origins(|origins| {
            render_strict(
                "echo \"${{ git.message }}\" ${{ n }} ${{ git.branch == 'main' }} ${{ env.NAME + text }}",
                scope,
                &|path| {
                    asked.borrow_mut().push(path.to_owned());
                    origins.is_untrusted(path)
                },
                &|n| format!("${{FLOWCD_EXPR_{n}}}"),
            )
        })
    });
    let strict = strict.expect("it can be rendered");
    assert_eq!(
        strict.text,
        "echo \"${FLOWCD_EXPR_1}\" 3 true ${FLOWCD_EXPR_2}"
    );
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(
        strict.env,
        [
            pair("FLOWCD_EXPR_1", "a $(b)"),
            pair("FLOWCD_EXPR_2", "webx")
        ]
    );
    // What is only compared is not even asked about.
    assert!(!asked.borrow().contains(&"git.branch".to_owned()));
}
