use std::{fs, os::unix::fs::symlink, path::Path};

use proptest::prelude::*;
use serde_json::{Map, Value, json};

mod document;
mod oracle;
mod texts;

use crate::jexl;

use super::{
    Braces, ExprError, GlobalStatus, Scope, check_condition, check_in, condition, render_in,
};

fn check(template: &str) -> Result<(), ExprError> {
    check_in(template, &Braces::DollarOnly)
}

fn render(template: &str, scope: &Scope<'_>) -> Result<String, ExprError> {
    render_in(template, scope, &Braces::DollarOnly)
}

fn vars() -> Map<String, Value> {
    let vars = json!({
        "git": {"ref": "refs/heads/main", "branch": "main", "message": "fix: it's \"done\"", "tag": null},
        "env": {"NAME": "web", "N": 3, "FLAG": true, "EMPTY": ""},
        "steps": {"build": {"status": "success", "outputs": {"size": 12.0, "cache-hit": false}}},
        "inputs": {"list": ["a", "b", 1, null, {"x": 1}], "nested": {"a": {"b": ["deep"]}}},
        "secrets": {"TOKEN": "t0ken"},
    });
    match vars {
        Value::Object(vars) => vars,
        _ => Map::new(),
    }
}

fn render_with(template: &str, status: GlobalStatus, workspace: &Path) -> String {
    let vars = vars();
    let scope = Scope {
        vars: &vars,
        status,
        workspace,
        allowance: None,
    };
    match render(template, &scope) {
        Ok(text) => text,
        Err(err) => format!("error: {err}"),
    }
}

fn check_template(template: &str, expected: &str) {
    let actual = render_with(template, GlobalStatus::Pending, Path::new("/nowhere"));
    assert_eq!(actual, expected, "{template}");
}

/// The text of one expression's value.
fn check_value(expression: &str, expected: &str) {
    check_template(&format!("${{{{ {expression} }}}}"), expected);
}

/// An expression that is refused, with the text that the message has, and its column in the bare expression.
fn check_refused(expression: &str, column: usize, expected: &str) {
    let vars = vars();
    let scope = Scope {
        vars: &vars,
        status: GlobalStatus::Pending,
        workspace: Path::new("/nowhere"),
        allowance: None,
    };
    let err = condition(expression, &scope).expect_err(expression);
    let text = err.to_string();
    assert!(
        text.starts_with(&format!("line 1, column {column}: ")) && text.contains(expected),
        "{expression}\n  is refused with {text}\n  and not with {expected} at {column}"
    );
}

fn check_condition_is(text: &str, status: GlobalStatus, expected: bool) {
    let vars = vars();
    let scope = Scope {
        vars: &vars,
        status,
        workspace: Path::new("/nowhere"),
        allowance: None,
    };
    assert_eq!(condition(text, &scope), Ok(expected), "{text} {status:?}");
}

#[test]
fn text_outside_of_an_expression_is_left_alone() {
    for text in [
        "",
        "echo hello",
        "echo $HOME ${HOME} $((1+1))",
        "a    b\\ c\n\n\td",
        "docker ps --format '{{.Names}}'",
        "{{ env.NAME }}",
        "}} { { $ {{",
        "<b>&amp;</b>",
        "日本語 🎉",
    ] {
        check_template(text, text);
    }
}

#[test]
fn an_expression_gives_way_to_its_value() {
    for (template, expected) in [
        ("hello ${{ env.NAME }}!", "hello web!"),
        ("${{env.NAME}}${{env.N}}${{ env.FLAG }}", "web3true"),
        ("a ${{ '}}' }} b", "a }} b"),
        ("a ${{ \"}}\" + '${{' }} b", "a }}${{ b"),
        ("${{ '{{.Names}}' }}", "{{.Names}}"),
        ("$${{ env.N }}", "$3"),
        ("{{ ${{ env.N }} }}", "{{ 3 }}"),
        ("${{\n  env.NAME\n}}\n", "web\n"),
        ("<${{ git.message }}>", "<fix: it's \"done\">"),
    ] {
        check_template(template, expected);
    }
}

#[test]
fn what_is_absent_is_no_text_and_trees_are_json() {
    for (expression, expected) in [
        ("undefined", ""),
        ("null", ""),
        ("git.tag", ""),
        ("nothing", ""),
        ("''", ""),
        ("0", "0"),
        ("false", "false"),
        ("inputs.list", r#"["a","b",1,null,{"x":1}]"#),
        ("inputs.nested", r#"{"a":{"b":["deep"]}}"#),
        ("steps.build.outputs", r#"{"size":12,"cache-hit":false}"#),
        ("fromJSON('[]')", "[]"),
    ] {
        check_value(expression, expected);
    }
}

#[test]
fn a_property_of_what_is_absent_is_absent() {
    for expression in [
        "steps.deploy",
        "steps.deploy.status",
        "steps.deploy.outputs.url",
        "steps['deploy']['outputs'][0]",
        "nothing.at.all[0].there",
        "null.x",
        "undefined.x",
        "git.tag.name",
        "env.N.x",
        "env.NAME.x",
        "inputs.list[99]",
        "inputs.list[-1]",
        "inputs.list['01']",
        "inputs.nested.constructor",
        "inputs.list.map",
    ] {
        check_value(expression, "");
        check_value(&format!("({expression}) === null"), "true");
        check_value(&format!("({expression}) === undefined"), "true");
        check_value(&format!("({expression}) == null"), "true");
        check_value(
            &format!("typeof ({expression}) == 'undefined' || git.tag === null"),
            "true",
        );
    }
    check_value("steps.deploy.status == 'success'", "false");
}

#[test]
fn properties_are_reached_by_name_and_by_place() {
    for (expression, expected) in [
        ("env.NAME", "web"),
        ("env['NAME']", "web"),
        ("env['NA' + 'ME']", "web"),
        ("env?.NAME", "web"),
        ("env?.['NAME']", "web"),
        ("nothing?.at?.[0]", ""),
        ("steps.build.outputs['cache-hit']", "false"),
        ("inputs.nested.a.b[0]", "deep"),
        ("inputs.list[2 - 1]", "b"),
        ("inputs.list['1']", "b"),
        ("inputs.list.length", "5"),
        ("'日本🎉'.length", "4"),
        ("'abc'[1]", "b"),
        ("fromJSON('{\"a\":[1,[2,3]]}').a[1][0]", "2"),
        ("git . ref", "refs/heads/main"),
        ("env.typeof", ""),
    ] {
        check_value(expression, expected);
    }
}

#[test]
fn literals_are_javascripts() {
    for (expression, expected) in [
        ("1", "1"),
        ("1.50", "1.5"),
        (".5", "0.5"),
        ("5.", "5"),
        ("1e3", "1000"),
        ("1_000", "1000"),
        ("0x1F + 0b11 + 0o17", "49"),
        ("1e21", "1e+21"),
        ("123456789012345680000", "123456789012345680000"),
        ("0.000001", "0.000001"),
        ("0.0000001", "1e-7"),
        ("1.5e-9", "1.5e-9"),
        ("0.1 + 0.2", "0.30000000000000004"),
        ("-0", "0"),
        ("1 / 0", "Infinity"),
        ("-1 / 0", "-Infinity"),
        ("0 / 0", "NaN"),
        (
            r"'a\tb\n\'\x41\u0042\u{1f389}\ud83c\udf89\q'",
            "a\tb\n'AB🎉🎉q",
        ),
        (r"'\0'", "\0"),
        (r"'\ud83c'", "\u{fffd}"),
        ("\"it's\"", "it's"),
    ] {
        check_value(expression, expected);
    }
}

#[test]
fn operators_are_javascripts() {
    for (expression, expected) in [
        ("1 + 2 * 3", "7"),
        ("(1 + 2) * 3", "9"),
        ("7 - 2 - 1", "4"),
        ("7 % 4 * 2", "6"),
        ("-7 % 4", "-3"),
        ("- - 3", "3"),
        ("!0", "true"),
        ("!!'a'", "true"),
        ("!null == true", "true"),
        ("'a' + 1 + 2", "a12"),
        ("1 + 2 + 'a'", "3a"),
        ("'a' + true", "atrue"),
        ("'a' + inputs.list", "aa,b,1,,[object Object]"),
        ("'3' * '4'", "12"),
        ("'3' - 1", "2"),
        ("1 + true + null", "2"),
        ("'x' - 1", "NaN"),
        ("undefined + 1", "NaN"),
        ("'inf' * 1", "NaN"),
        ("' 0x10 ' * 1", "16"),
        ("'' * 1", "0"),
        ("1 < 2 == true", "true"),
        ("2 < 10", "true"),
        ("'2' < '10'", "false"),
        ("'2' < 10", "true"),
        ("'a' < 'b'", "true"),
        ("'a' < 1", "false"),
        ("'a' >= 1", "false"),
        ("null >= 0", "true"),
        ("undefined >= 0", "false"),
        ("3 == '3'", "true"),
        ("3 === '3'", "false"),
        ("0 == ''", "true"),
        ("0 == '0'", "true"),
        ("'' == '0'", "false"),
        ("true == 1", "true"),
        ("true == '1'", "true"),
        ("true == 'true'", "false"),
        ("false == null", "false"),
        ("0 == null", "false"),
        ("null == undefined", "true"),
        ("0 / 0 == 0 / 0", "false"),
        ("0 / 0 != 0 / 0", "true"),
        ("inputs.list == inputs.list", "true"),
        ("fromJSON('[1]') == fromJSON('[1]')", "false"),
        ("fromJSON('[1]') == 1", "true"),
        ("fromJSON('[]') == ''", "true"),
        ("fromJSON('{}') == '[object Object]'", "true"),
        ("3 != '3'", "false"),
        ("3 !== '3'", "true"),
        ("typeof 1", "number"),
        ("typeof 'a' + 'b'", "stringb"),
        ("typeof nothing", "undefined"),
        ("typeof null", "object"),
        ("typeof inputs", "object"),
        ("typeof true", "boolean"),
    ] {
        check_value(expression, expected);
    }
}

#[test]
fn logic_gives_a_value_and_looks_no_further_than_it_must() {
    for (expression, expected) in [
        ("'' || 'default'", "default"),
        ("'a' || fromJSON('broken')", "a"),
        ("'a' && 'b'", "b"),
        ("0 && fromJSON('broken')", "0"),
        ("env.EMPTY ?? 'default'", ""),
        ("git.tag ?? git.branch", "main"),
        ("nothing.at.all ?? 'default'", "default"),
        ("(null ?? 0) || 1", "1"),
        ("true || false && false", "true"),
        ("false && true || true", "true"),
        ("1 ? 'yes' : 'no'", "yes"),
        ("0 ? 'a' : 1 ? 'b' : 'c'", "b"),
        (
            "env.N > 2 && env.FLAG ? env.NAME : fromJSON('broken')",
            "web",
        ),
        ("true?.5:1", "0.5"),
        ("(1 ? 0 : 1) ? 2 : 3", "3"),
    ] {
        check_value(expression, expected);
    }
}

#[test]
fn functions_do_what_their_names_say() {
    for (expression, expected) in [
        ("contains('abc', 'b')", "true"),
        ("contains('abc', 'B')", "false"),
        ("contains('abc', 'a', 1)", "false"),
        ("contains('abc', 'c', -1)", "true"),
        ("contains('a1', 1)", "true"),
        ("contains(inputs.list, 'a')", "true"),
        ("contains(inputs.list, 1)", "true"),
        ("contains(inputs.list, '1')", "false"),
        ("contains(inputs.list, null)", "true"),
        ("contains(inputs.list, 'a', 1)", "false"),
        ("contains(inputs.nested.a, 'deep')", "false"),
        ("contains(env, 'web')", "true"),
        ("contains(undefined, 'a')", "false"),
        ("contains(12, 1)", "false"),
        ("startsWith(git.ref, 'refs/heads/')", "true"),
        ("startsWith('abc', 'b', 1)", "true"),
        ("startsWith('abc', '')", "true"),
        ("startsWith('Abc', 'a')", "false"),
        ("startsWith(git.tag, 'v')", "false"),
        ("startsWith(12, 1)", "true"),
        ("endsWith(git.ref, '/main')", "true"),
        ("endsWith('abc', 'b', 2)", "true"),
        ("endsWith(nothing, '')", "true"),
        ("endsWith('🎉a', '🎉', 2)", "true"),
        (
            "toJSON(steps.build)",
            r#"{"status":"success","outputs":{"size":12,"cache-hit":false}}"#,
        ),
        ("toJSON('a\"b')", r#""a\"b""#),
        ("toJSON(1.0)", "1"),
        ("toJSON(null)", "null"),
        ("toJSON(nothing)", "null"),
        ("toJSON(0 / 0)", "null"),
        ("toJSON(true)", "true"),
        ("fromJSON('{\"a\":{\"b\":\"c\"}}').a.b", "c"),
        ("fromJSON('3') + 1", "4"),
        ("fromJSON(toJSON(inputs.list))[1]", "b"),
        ("format('{0}-{1}-{0}', env.NAME, 7)", "web-7-web"),
        ("format('{{0}} {0}', git.tag)", "{0} "),
        ("join(inputs.list)", r#"a,b,1,,{"x":1}"#),
        ("join(inputs.nested.a.b, ' and ')", "deep"),
        ("join(fromJSON('[1,2]'), '')", "12"),
        ("join('a', '-')", "a"),
        ("contains( 'abc' , 'b' , )", "true"),
    ] {
        check_value(expression, expected);
    }
}

#[test]
fn status_functions_are_functions() {
    use GlobalStatus::{Cancelled, ErrorWithContinue, Failure, Pending, Success};
    for (text, holds) in [
        ("success()", &[Pending, Success, ErrorWithContinue][..]),
        ("failure()", &[Failure]),
        ("cancelled()", &[Cancelled]),
        (
            "always()",
            &[Pending, Success, Failure, Cancelled, ErrorWithContinue],
        ),
        (
            "success( ) || success()",
            &[Pending, Success, ErrorWithContinue],
        ),
        ("failure() || cancelled()", &[Failure, Cancelled]),
        ("!success()", &[Failure, Cancelled]),
        (
            "'success()' == 'success' + '()'",
            &[Pending, Success, Failure, Cancelled, ErrorWithContinue],
        ),
        ("'success()'", &[]),
    ] {
        for status in [Pending, Success, Failure, Cancelled, ErrorWithContinue] {
            let expected = holds.contains(&status);
            check_condition_is(text, status, expected);
            check_condition_is(&format!("${{{{ {text} }}}}"), status, expected);
            check_condition_is(&format!("{{{{{text}}}}}"), status, expected);
        }
    }
    let text = render_with("${{ failure() }}", Failure, Path::new("/nowhere"));
    assert_eq!(text, "true");
}

#[test]
fn only_the_text_true_lets_a_step_run() {
    for (text, expected) in [
        ("true", true),
        ("  true \n", true),
        ("${{ true }} ", true),
        (" {{ true }}", true),
        ("'true'", true),
        ("' true '", true),
        ("env.FLAG", true),
        ("false", false),
        ("1", false),
        ("'yes'", false),
        ("env.NAME", false),
        ("nothing", false),
        ("${{ '' }}", false),
        ("${{ true }} && ${{ true }}", false),
        ("success() && env.N == 3", true),
        ("success() && steps.deploy.status == 'success'", false),
        (
            "${{ git.ref == 'refs/heads/main' && steps.build.status == \"success\" }}",
            true,
        ),
    ] {
        check_condition_is(text, GlobalStatus::Success, expected);
    }
    // What has a `${{` is read as a template, wherever it has it.
    assert!(check_condition("contains('${{', '{{')").is_err());
}

#[test]
fn what_the_language_does_not_have_is_refused_where_it_stands() {
    for (expression, column, message) in [
        ("", 1, "the expression is empty"),
        ("   ", 4, "the expression is empty"),
        (
            "env.N = 3",
            7,
            "assignments are not supported (`==` compares)",
        ),
        ("env.N += 3", 7, "assignments are not supported"),
        ("env.N++", 6, "assignments are not supported"),
        (
            "'a'.includes('b')",
            1,
            "methods are not supported: `includes` (use `contains(text, part)`)",
        ),
        ("git.ref.trim()", 1, "methods are not supported: `trim`"),
        (
            "sucess()",
            1,
            "unknown function `sucess` (did you mean `success`?)",
        ),
        (
            "1 && tojson(1)",
            6,
            "unknown function `tojson` (did you mean `toJSON`?)",
        ),
        ("frobnicate()", 1, "unknown function `frobnicate`"),
        ("success", 1, "`success` is a function: write `success()`"),
        ("!failure", 2, "write `failure()`"),
        ("success(1)", 1, "`success` takes no arguments, not 1"),
        ("toJSON()", 1, "`toJSON` takes one argument, not 0"),
        ("contains(1)", 1, "`contains` takes 2 or 3 arguments, not 1"),
        ("(1)(2)", 2, "only a function can be called"),
        ("always()()", 1, "only a function can be called"),
        ("if (true) 1", 1, "`if` is not supported"),
        ("var x = 1", 1, "`var` is not supported"),
        ("new Date()", 1, "`new` is not supported"),
        ("'a' in env", 5, "`in` is not supported (use `contains()`)"),
        ("1; 2", 2, "statements are not supported"),
        ("`a`", 1, "template literals are not supported"),
        ("[1, 2]", 1, "array literals are not supported"),
        (
            "{a: 1}",
            1,
            "object literals and statements are not supported",
        ),
        ("x => 1", 3, "functions cannot be defined"),
        ("...x", 1, "spreading is not supported"),
        ("2 ** 3", 3, "the operator `**` is not supported"),
        ("1 & 2", 3, "the operator `&` is not supported"),
        ("+1", 1, "the operator `+` needs a value on its left"),
        ("a and b", 3, "did you mean `&&`?"),
        (
            "a ?? b || c",
            3,
            "`??` beside `&&` or `||` needs parentheses",
        ),
        (
            "a && b ?? c",
            8,
            "`??` beside `&&` or `||` needs parentheses",
        ),
        ("1 +", 4, "the expression ends where a value is expected"),
        ("(1", 3, "the expression ends where `)` is expected"),
        (
            "1 2",
            3,
            "expected an operator or the end of the expression, found a number",
        ),
        ("a b", 3, "found `b`"),
        ("a.", 3, "the name of a property"),
        ("a[", 3, "a value"),
        ("a ? b", 6, "`:`"),
        ("1 }}", 3, "found `}`"),
        ("'abc", 1, "the string is not closed"),
        ("'a\nb'", 1, "the string is not closed"),
        (r"'\x4'", 2, "invalid escape"),
        (r"'\u{110000}'", 2, "invalid escape"),
        ("1x", 1, "`1x` is not a number"),
        ("01", 1, "`01` is not a number"),
        ("0x", 1, "`0x` is not a number"),
        ("1__0", 1, "`1__0` is not a number"),
        ("1e", 1, "`1e` is not a number"),
        ("1.2.3", 1, "`1.2.3` is not a number"),
        ("a § b", 3, "unexpected character '§'"),
        ("a @ b", 3, "found `@`"),
        ("fromJSON('{')", 1, "`fromJSON` got no JSON"),
        ("format('{1}', 0)", 1, "`format` takes"),
        ("format('}', 0)", 1, "`format` takes"),
        ("join(env)", 1, "`join` takes a list"),
    ] {
        check_refused(expression, column, message);
    }
}

#[test]
fn an_error_in_a_template_says_its_line_and_column() {
    for (template, expected) in [
        (
            "a\n  é ${{ sucess() }}",
            "error: line 2, column 9: unknown function `sucess` (did you mean `success`?)",
        ),
        (
            "${{ 1",
            "error: line 1, column 1: the expression is not closed by `}}`",
        ),
        (
            "a ${{ 'b }}",
            "error: line 1, column 7: the string is not closed",
        ),
        (
            "a ${{ }}",
            "error: line 1, column 7: the expression is empty",
        ),
        (
            "${{ 1 }} ${{ 1 + }}",
            "error: line 1, column 18: the expression ends where a value is expected",
        ),
    ] {
        check_template(template, expected);
        assert!(check(template).is_err(), "{template}");
    }
    assert_eq!(check("a ${{ fromJSON('x') }} {{ b"), Ok(()));
}

#[test]
fn what_is_too_much_is_refused_at_once() {
    let sum = |n: usize| vec!["1"; n].join("+");
    let nested = |n: usize| format!("{}1{}", "(".repeat(n), ")".repeat(n));
    for (expression, expected) in [
        (sum(200_000), "an expression is at most 16384 bytes long"),
        (nested(10_000), "nested more than 100 deep"),
        ("!".repeat(10_000), "nested more than 100 deep"),
        (
            format!("{}1", "1?1:".repeat(4_000)),
            "nested more than 100 deep",
        ),
        (
            format!("a{}", "[a".repeat(8_000)),
            "nested more than 100 deep",
        ),
        (
            format!("{}1", "always(".repeat(2_000)),
            "nested more than 100 deep",
        ),
        (
            format!("'{}'", "a".repeat(2_000_000)),
            "an expression is at most 16384 bytes long",
        ),
        (
            format!("{}1", " ".repeat(20_000)),
            "an expression is at most 16384 bytes long",
        ),
    ] {
        let vars = vars();
        let scope = Scope {
            vars: &vars,
            status: GlobalStatus::Pending,
            workspace: Path::new("/nowhere"),
            allowance: None,
        };
        let err = condition(&expression, &scope).expect_err(expected);
        assert!(err.to_string().contains(expected), "{err}");
        let err = check(&format!("a\n${{{{ {expression} }}}}")).expect_err(expected);
        if expression.len() < 1_000_000 {
            assert!(err.to_string().contains(expected), "{err}");
            assert_eq!(err.line(), 2);
        } else {
            assert_eq!(err.message(), "the text is longer than 1048576 bytes");
        }
    }
    for (expression, expected) in [
        (sum(200_000), "an expression is at most 16384 bytes long"),
        (nested(10_000), "nested more than 100 deep"),
        ("[".repeat(10_000), "nested more than 100 deep"),
        ("{a:".repeat(5_000), "nested more than 100 deep"),
        ("a[".repeat(8_000), "nested more than 100 deep"),
        ("!".repeat(10_000), "nested more than 100 deep"),
        ("1?:".repeat(5_000), "nested more than 100 deep"),
        (
            format!("'{}'", "a".repeat(2_000_000)),
            "an expression is at most 16384 bytes long",
        ),
    ] {
        let err = jexl::check(&expression).expect_err(expected);
        assert!(err.to_string().contains(expected), "{err}");
    }
    // What merely leans to one side costs no stack.
    check_value(&sum(8_000), "8000");
    check_value(&format!("a{}", ".b".repeat(8_000)), "");
    check_value(&format!("a{}", "[0]".repeat(5_000)), "");
    check_value(&nested(90), "1");
    check_value(&["0"; 5_000].join("||"), "0");
}

#[test]
fn work_and_results_are_limited() {
    let mut vars = Map::new();
    vars.insert("big".to_owned(), Value::String("x".repeat(600_000)));
    vars.insert("list".to_owned(), json!(vec![0; 100_000]));
    let scope = Scope {
        vars: &vars,
        status: GlobalStatus::Pending,
        workspace: Path::new("/nowhere"),
        allowance: None,
    };
    for (template, expected) in [
        (
            "${{ big + big }}".to_owned(),
            "line 1, column 5: the text is longer than 1048576 bytes",
        ),
        (
            "${{ big }}${{ big }}".to_owned(),
            "the text is longer than 1048576 bytes",
        ),
        (
            "${{ format('{0}{0}', big) }}".to_owned(),
            "the text is longer than 1048576 bytes",
        ),
        (
            format!("${{{{ {} }}}}", vec!["contains(big, 'y')"; 600].join("||")),
            "too much work",
        ),
        (
            format!("${{{{ {} }}}}", vec!["list == 'y'"; 600].join("||")),
            "too much work",
        ),
        (
            "y".repeat(1_100_000),
            "the text is longer than 1048576 bytes",
        ),
    ] {
        let err = render(&template, &scope).expect_err(expected);
        assert!(err.to_string().contains(expected), "{err}");
    }
}

#[test]
fn what_jexl_copies_is_limited() {
    let mut vars = Map::new();
    vars.insert("list".to_owned(), json!(vec![json!({"a": 1}); 50_000]));
    vars.insert("big".to_owned(), Value::String("x".repeat(1_000_000)));
    for expression in [
        format!("[{}]", vec!["list"; 100].join(",")),
        format!("[{}]", vec!["big"; 100].join(",")),
        format!("list{}", "[.a]".repeat(100)),
        "list[list[.a == 1][.a][0] || .a]".to_owned(),
    ] {
        let err = jexl::evaluate(&expression, &vars).expect_err(&expression);
        assert!(err.to_string().contains("too much work"), "{err}");
    }
    let err = jexl::evaluate("big + big", &vars).expect_err("it is too long");
    assert_eq!(
        err.to_string(),
        "line 1, column 1: the text is longer than 1048576 bytes"
    );
    assert_eq!(jexl::is_match("list[.a == 1][0].a", &vars), Ok(true));
}

#[test]
fn hash_file_reads_the_workspace_and_nothing_else() -> std::io::Result<()> {
    let folder = tempfile::tempdir()?;
    let workspace = folder.path().join("workspace");
    fs::create_dir_all(workspace.join("sub/.git"))?;
    fs::create_dir_all(workspace.join(".git"))?;
    fs::write(folder.path().join("outside"), "abc")?;
    fs::write(workspace.join("a.lock"), "abc")?;
    fs::write(workspace.join("sub/b.lock"), "")?;
    fs::write(workspace.join(".git/c.lock"), "abc")?;
    symlink("a.lock", workspace.join("inner"))?;
    symlink("../outside", workspace.join("outer"))?;
    symlink("..", workspace.join("up"))?;
    symlink("/dev/zero", workspace.join("endless"))?;
    let abc = "a9993e364706816aba3e25717850c26c9cd0d89d";
    let outside =
        |path: &str| format!("`hashFile` cannot read `{path}`: it is outside the workspace");
    let absolute = workspace.join("a.lock");
    for (expression, expected) in [
        ("hashFile('a.lock')", abc.to_owned()),
        ("hashFile('./sub/../a.lock')", abc.to_owned()),
        ("hashFile('inner')", abc.to_owned()),
        (
            &format!("hashFile('{}')", absolute.display()),
            abc.to_owned(),
        ),
        (
            "hashFile('sub/b.lock')",
            "da39a3ee5e6b4b0d3255bfef95601890afd80709".to_owned(),
        ),
        ("hashFile('outer')", outside("outer")),
        ("hashFile('../outside')", outside("../outside")),
        ("hashFile('up/outside')", outside("up/outside")),
        ("hashFile('/etc/passwd')", outside("/etc/passwd")),
        ("hashFile('endless')", outside("endless")),
        (
            "hashFile('sub')",
            "`hashFile` cannot read `sub`: it is not a file".to_owned(),
        ),
        (
            "hashFile('none')",
            "`hashFile` cannot read `none`: No such file or directory (os error 2)".to_owned(),
        ),
        ("hashFiles('none')", String::new()),
        (
            "hashFiles('*.lock') == hashFiles('**/*.lock', '!sub/**')",
            "true".to_owned(),
        ),
        (
            "hashFiles('*.lock') == hashFiles('**/*.lock')",
            "false".to_owned(),
        ),
        ("hashFiles('**/c.lock')", String::new()),
        ("hashFiles('outer', 'up/*', 'endless')", String::new()),
    ] {
        let actual = render_with(
            &format!("${{{{ {expression} }}}}"),
            GlobalStatus::Pending,
            &workspace,
        );
        assert!(
            actual == expected || actual == format!("error: line 1, column 5: {expected}"),
            "{expression}\n  gives {actual}\n  and not {expected}"
        );
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn no_text_makes_the_evaluator_panic(
        pieces in prop::collection::vec(
            prop_oneof![
                "[a-z]{1,3}|git|env|inputs\\.list|steps|\\.|\\?\\.|\\[|\\]|\\(|\\)|,|!|-|\\+|\\*|/|%|<=?|===?|&&|\\|\\||\\?\\?|\\?|:|typeof ",
                "'[^']{0,3}'|[0-9]{1,25}|0x[0-9a-f]{1,20}|1e[0-9]{1,3}|\\$\\{\\{ | \\}\\}",
                "(contains|startsWith|endsWith|toJSON|fromJSON|format|join|hashFile|success)\\(",
                "\\PC{0,3}",
            ],
            0..30,
        )
    ) {
        let text = pieces.concat();
        let vars = vars();
        let scope = Scope { vars: &vars, status: GlobalStatus::Pending, workspace: Path::new("/nowhere"), allowance: None };
        // What it comes to is not the question here.
        let _ = condition(&text, &scope);
        let _ = render(&format!("a ${{{{ {text} }}}} b"), &scope);
        let _ = check_condition(&text);
        let _ = jexl::evaluate(&text, &vars);
    }

    #[test]
    fn positions_in_text_never_leave_it(text in "\\PC{0,6}", part in "\\PC{0,2}", at in -9..9_i32) {
        let quote = |text: &str| Value::from(text).to_string();
        for function in ["contains", "startsWith", "endsWith"] {
            let expression = format!("{function}({}, {}, {at})", quote(&text), quote(&part));
            let vars = Map::new();
            let scope = Scope { vars: &vars, status: GlobalStatus::Pending, workspace: Path::new("/nowhere"), allowance: None };
            prop_assert!(condition(&expression, &scope).is_ok(), "{}", expression);
        }
    }
}
