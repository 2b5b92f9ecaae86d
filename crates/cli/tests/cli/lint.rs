//! `flowcd lint`: pictures for people, documents for programs, and the exit code for both.

use std::{fs, path::Path};

use assert_cmd::Command;
use serde_json::Value;
use tempfile::TempDir;

use crate::{Ended, Outcome, flowcd, run};

const GOOD: &str = "steps:\n  - run: echo hello\n";
const ODD: &str = "steps:\n  - run: echo ${{ git.message }}\n";
const BAD: &str = "\
nmae: x
steps:
  - run: echo ${{ git.message }}
    if: ${{ sucess() }}
  - run: [a]
";

/// `flowcd lint` in a folder with these files.
fn lint_in(files: &[(&str, &str)]) -> Result<(TempDir, Command), std::io::Error> {
    let folder = tempfile::tempdir()?;
    for (name, text) in files {
        fs::write(folder.path().join(name), text)?;
    }
    let mut command = flowcd(Path::new("/nonexistent"));
    command.current_dir(folder.path()).arg("lint");
    Ok((folder, command))
}

fn lint(files: &[(&str, &str)], args: &[&str]) -> Result<Ended, std::io::Error> {
    let (_folder, mut command) = lint_in(files)?;
    run(command.args(args))
}

#[test]
fn every_problem_is_shown_with_its_line() -> Outcome {
    let ended = lint(&[("serverless-pipeline.yaml", BAD)], &[])?;
    assert_eq!(ended.code, Some(1));
    assert_eq!(ended.stderr, "1 file: 2 errors and 2 warnings\n");
    insta::assert_snapshot!(ended.stdout, @r#"
    warning[unknown-key]: `nmae` is no key of a pipeline and is ignored
     --> serverless-pipeline.yaml:1:1
      |
    1 | nmae: x
      | ^^^^
      = help: did you mean `name`?

    warning[untrusted-text]: `git.message` is text from outside, and becomes a part of the script
     --> serverless-pipeline.yaml:3:15
      |
    3 |   - run: echo ${{ git.message }}
      |               ^^^^^^^^^^^^^^^^^^
      = help: write `"$FLOWCD_MESSAGE"` instead; the variable is there already

    error[expression]: `if` will fail: unknown function `sucess`
     --> serverless-pipeline.yaml:4:13
      |
    4 |     if: ${{ sucess() }}
      |             ^^^^^^
      = help: did you mean `success`?

    error[bad-value]: `run` is text, not a list
     --> serverless-pipeline.yaml:5:10
      |
    5 |   - run: [a]
      |          ^^^
      = help: write the commands on lines of their own under `run: |`
    "#);
    Ok(())
}

#[test]
fn the_exit_code_tells_errors_from_warnings() -> Outcome {
    for (text, args, expected) in [
        (GOOD, &[][..], 0),
        (GOOD, &["--strict"], 0),
        (ODD, &[], 0),
        (ODD, &["--strict"], 1),
        (ODD, &["--output", "json"], 0),
        (BAD, &[], 1),
        (BAD, &["-q", "-o", "sarif"], 1),
        (BAD, &["missing.yaml"], 2),
        (BAD, &["."], 2),
        (BAD, &["--output", "xml"], 2),
        (BAD, &["--schema", "serverless-pipeline.yaml"], 2),
    ] {
        let ended = lint(&[("serverless-pipeline.yaml", text)], args)?;
        assert_eq!(ended.code, Some(expected), "{args:?}: {ended:?}");
        assert!(expected != 2 || ended.stdout.is_empty(), "{ended:?}");
    }
    Ok(())
}

#[test]
fn the_file_is_the_one_of_the_folder_or_those_that_are_named() -> Outcome {
    let ended = lint(&[("serverless-pipeline.yml", GOOD)], &[])?;
    assert_eq!(
        (ended.code, ended.stdout.as_str(), ended.stderr.as_str()),
        (Some(0), "", "1 file: nothing to complain about\n")
    );
    let ended = lint(&[], &[])?;
    assert_eq!(ended.code, Some(2));
    assert!(
        ended
            .stderr
            .contains("there is no `serverless-pipeline.yaml`"),
        "{ended:?}"
    );
    let ended = lint(&[("a.yaml", ODD), ("b.yaml", ODD)], &["a.yaml", "b.yaml"])?;
    assert!(
        ended.stdout.contains("a.yaml:2:15\n") && ended.stdout.contains("b.yaml:2:15\n"),
        "{ended:?}"
    );
    assert_eq!(ended.stderr, "2 files: 2 warnings\n");
    let (_folder, mut command) = lint_in(&[])?;
    let ended = run(command.arg("-").write_stdin(ODD))?;
    assert!(ended.stdout.contains("<stdin>:2:15\n"), "{ended:?}");
    Ok(())
}

#[test]
fn programs_get_a_document() -> Outcome {
    let ended = lint(&[("p.yaml", BAD)], &["-o", "json", "p.yaml"])?;
    let items: Vec<Value> = serde_json::from_str(&ended.stdout)?;
    let lines: Vec<String> = items
        .iter()
        .map(|item| {
            format!(
                "{}:{}:{}-{} {} {}",
                item["file"],
                item["line"],
                item["column"],
                item["endColumn"],
                item["severity"],
                item["code"]
            )
        })
        .collect();
    assert_eq!(
        lines,
        [
            r#""p.yaml":1:1-5 "warning" "unknown-key""#,
            r#""p.yaml":3:15-33 "warning" "untrusted-text""#,
            r#""p.yaml":4:13-19 "error" "expression""#,
            r#""p.yaml":5:10-13 "error" "bad-value""#,
        ]
    );
    assert_eq!(items[0]["help"], "did you mean `name`?");
    let ended = lint(&[("p.yaml", GOOD)], &["-o", "json", "p.yaml"])?;
    assert_eq!(ended.stdout, "[]\n");
    // The global option stands before the command as well.
    let (_folder, mut command) = lint_in(&[])?;
    command.args(["--output", "yaml", "-"]).write_stdin(ODD);
    assert!(run(&mut command)?.stdout.starts_with("- file: "));
    Ok(())
}

#[test]
fn code_hosts_get_a_report_in_sarif() -> Outcome {
    let ended = lint(&[("p \u{e4}.yaml", BAD)], &["-o", "sarif", "p \u{e4}.yaml"])?;
    let report: Value = serde_json::from_str(&ended.stdout)?;
    assert_eq!(report["version"], "2.1.0");
    let run = &report["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().ok_or("rules")?;
    let results = run["results"].as_array().ok_or("results")?;
    assert_eq!(results.len(), 4);
    for result in results {
        let index = usize::try_from(result["ruleIndex"].as_u64().ok_or("an index")?)?;
        assert_eq!(rules[index]["id"], result["ruleId"], "{result}");
        assert!(rules[index]["shortDescription"]["text"].is_string());
        assert!(result["message"]["text"].is_string());
    }
    let place = &results[1]["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "p%20%C3%A4.yaml");
    assert_eq!(
        place["region"],
        serde_json::json!({"startLine": 3, "startColumn": 15, "endColumn": 33})
    );
    assert_eq!(results[1]["level"], "warning");
    Ok(())
}

#[test]
fn the_schema_is_the_committed_one() -> Outcome {
    let ended = lint(&[], &["--schema"])?;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    let committed = include_str!("../../../../openapi/pipeline.schema.json");
    assert!(ended.stdout == committed, "{}", ended.stdout);
    Ok(())
}

#[test]
fn help_names_the_forms_that_this_command_knows() -> Outcome {
    let help =
        |args: &[&str]| run(flowcd(Path::new("/nonexistent")).args(args)).map(|ended| ended.stdout);
    let of_lint = help(&["lint", "-h"])?;
    let words: Vec<&str> = of_lint.split_whitespace().collect();
    assert!(
        words
            .join(" ")
            .contains("[possible values: table, json, yaml, sarif]"),
        "{of_lint}"
    );
    assert!(of_lint.contains("Exit codes:"), "{of_lint}");
    let of_another = help(&["task", "list", "-h"])?;
    assert!(
        of_another.contains("[possible values: table, json, yaml]"),
        "{of_another}"
    );
    let ended = run(flowcd(Path::new("/nonexistent")).args(["task", "list", "-o", "sarif"]))?;
    assert_eq!(ended.code, Some(2), "{ended:?}");
    Ok(())
}

#[test]
fn a_file_cannot_steer_the_terminal() -> Outcome {
    let text =
        "steps:\n  - run: \"\x1b[31m\u{202e}\u{9b}2J ${{ sucess() }}\"\n\"\x1b]0;t\x07\": 1\n";
    let ended = lint(&[("p.yaml", text)], &["p.yaml"])?;
    let escaped = "steps:\n  - run: \"\\e[31m ${{ x\\e[2J }}\"\n    \"\\e]0;t\": 1\n";
    let decoded = lint(&[("\u{1b}[2Jp.yaml", escaped)], &["\u{1b}[2Jp.yaml"])?;
    for ended in [ended, decoded] {
        assert_eq!(ended.code, Some(1), "{ended:?}");
        let both = format!("{}{}", ended.stdout, ended.stderr);
        let is_steering = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
        assert!(!both.contains(is_steering), "{both:?}");
    }
    Ok(())
}

#[test]
fn carets_stand_under_what_they_mean_in_wide_and_long_lines() -> Outcome {
    let long = "x".repeat(500);
    let text = format!(
        "steps:\n  - run: echo \u{4e2d}\u{6587} ${{{{ sucess() }}}}\n  - run: {long} ${{{{ sucess() }}}} {long}\n"
    );
    let ended = lint(&[("p.yaml", &text)], &["p.yaml"])?;
    let mut lines = ended.stdout.lines();
    let mut under = |part: &str| {
        let line = lines.find(|line| line.contains(part))?;
        Some((line.to_owned(), lines.next()?.to_owned()))
    };
    let (line, carets) = under("\u{4e2d}").ok_or("the wide line")?;
    assert_eq!(
        line.find("sucess"),
        carets.find('^').map(|at| at + 2),
        "{line}\n{carets}"
    );
    let (line, carets) = under("\u{2026}x").ok_or("the long line")?;
    assert!(line.chars().count() < 200, "{line}");
    let at = line.chars().position(|c| c == '$').ok_or("an expression")?;
    assert_eq!(carets.find('^'), Some(at + 4), "{line}\n{carets}");
    Ok(())
}

#[test]
fn colours_are_for_terminals() -> Outcome {
    let (_folder, mut command) = lint_in(&[])?;
    let ended = run(command.arg("-").write_stdin(ODD))?;
    assert!(!ended.stdout.contains('\x1b'), "{ended:?}");
    let (_folder, mut command) = lint_in(&[])?;
    let ended = run(command.arg("-").env("CLICOLOR_FORCE", "1").write_stdin(ODD))?;
    assert!(ended.stdout.contains('\x1b'), "{ended:?}");
    Ok(())
}

#[test]
fn a_file_beyond_the_limits_is_refused_with_the_reason() -> Outcome {
    for (text, message) in [
        ("#".repeat(10 * 1024 * 1024), "the file is longer than"),
        (
            format!("a: {}", "[".repeat(10_000)),
            "lists and mappings nest",
        ),
    ] {
        let ended = lint(&[("p.yaml", &text)], &["p.yaml"])?;
        assert_eq!(ended.code, Some(1));
        assert!(ended.stdout.contains(message), "{}", ended.stdout);
        assert!(ended.stdout.len() < 1000, "{}", ended.stdout.len());
    }
    Ok(())
}
