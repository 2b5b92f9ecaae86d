//! `flowcd lint`: what there is to say about pipeline files before anybody runs them.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use clap::Args;
use flowcd_engine::lint::{self, Diagnostic, Severity};
use serde::Serialize;

use crate::{
    exit::Exit,
    failure::Failure,
    output::{Format, Printer, clean},
};

mod picture;
mod sarif;

/// The files that are meant when none is named.
const DEFAULT_FILES: [&str; 2] = ["serverless-pipeline.yaml", "serverless-pipeline.yml"];

/// More than the longest pipeline file, so that a longer one is seen to be longer.
const MAX_READ_BYTES: u64 = 2 * 1024 * 1024;

/// The arguments of `flowcd lint`.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit codes:
  0  nothing is wrong, or there are only warnings
  1  there are errors (with --strict: or warnings)
  2  the command line is wrong, or a file cannot be read

Examples:
  flowcd lint
  flowcd lint --output sarif > lint.sarif
  flowcd lint --schema > pipeline.schema.json
  git show main:serverless-pipeline.yaml | flowcd lint -")]
pub(crate) struct LintArgs {
    /// The pipeline files; `-` is stdin. Without any it is `serverless-pipeline.yaml`, or `.yml`, of this folder.
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,

    /// The form of what is found. Reports in SARIF are what code hosts and editors show beside the lines.
    // Takes the place of the global option of this name, and knows one form more.
    #[arg(
        id = "output",
        short,
        long,
        value_name = "OUTPUT",
        value_parser = parse_format(),
        default_value = "table",
        help_heading = "Global options"
    )]
    _output: Format,

    /// Count warnings as errors.
    #[arg(long = "strict")]
    is_strict: bool,

    /// Print the JSON Schema of pipeline files, for editors, and do nothing else.
    #[arg(long = "schema", conflicts_with_all = ["files", "is_strict"])]
    wants_schema: bool,
}

/// The forms of the other commands, and SARIF.
fn parse_format() -> impl clap::builder::TypedValueParser<Value = Format> {
    use clap::{
        ValueEnum,
        builder::{PossibleValuesParser, TypedValueParser},
    };
    let values = Format::value_variants()
        .iter()
        .filter_map(ValueEnum::to_possible_value)
        .chain([Format::sarif_value()]);
    PossibleValuesParser::new(values).map(|text| {
        // One of the values is `sarif`, and the others are known.
        Format::from_str(&text, false).unwrap_or(Format::Sarif)
    })
}

/// A file that was looked at.
#[derive(Debug)]
struct Checked {
    /// As it was named.
    name: String,
    text: String,
    diagnostics: Vec<Diagnostic>,
}

/// A diagnostic in a document.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Item<'c> {
    file: &'c str,
    severity: &'static str,
    code: &'static str,
    line: u64,
    column: u64,
    end_column: u64,
    message: &'c str,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<&'c str>,
}

/// Looks at the files and prints what there is to say.
pub(crate) fn run(printer: &Printer, args: &LintArgs) -> Result<Exit, Failure> {
    if args.wants_schema {
        let schema = format!("{:#}\n", lint::pipeline_schema());
        printer.text(&schema)?;
        return Ok(Exit::Ok);
    }
    let files = match args.files.as_slice() {
        [] => vec![default_file()?],
        files => files.to_vec(),
    };
    // All of them are read before anything is said of one.
    let checked: Vec<Checked> = files
        .iter()
        .map(|file| check(file))
        .collect::<Result<_, _>>()?;
    print(printer, &checked)?;
    let count = |severity: Severity| {
        let all = checked.iter().flat_map(|checked| &checked.diagnostics);
        all.filter(|diagnostic| diagnostic.severity == severity)
            .count()
    };
    let (n_errors, n_warnings) = (count(Severity::Error), count(Severity::Warning));
    printer.talk(&summary(checked.len(), n_errors, n_warnings));
    Ok(match n_errors > 0 || args.is_strict && n_warnings > 0 {
        true => Exit::DeploymentFailed,
        false => Exit::Ok,
    })
}

fn print(printer: &Printer, checked: &[Checked]) -> Result<(), Failure> {
    if printer.format == Format::Sarif {
        let report = format!("{:#}\n", sarif::report(checked));
        return printer.text(&report);
    }
    let items: Vec<Item<'_>> = checked
        .iter()
        .flat_map(|file| {
            file.diagnostics.iter().map(|diagnostic| Item {
                file: &file.name,
                severity: name_of(diagnostic.severity),
                code: diagnostic.code,
                line: diagnostic.line,
                column: diagnostic.column,
                end_column: diagnostic.end_column,
                message: &diagnostic.message,
                help: diagnostic.help.as_deref(),
            })
        })
        .collect();
    printer.data(&items, || checked.iter().map(picture::of).collect())
}

fn name_of(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

fn summary(n_files: usize, n_errors: usize, n_warnings: usize) -> String {
    let number = |n: usize, noun: &str| match n {
        1 => format!("1 {noun}"),
        n => format!("{n} {noun}s"),
    };
    let files = number(n_files, "file");
    match (n_errors, n_warnings) {
        (0, 0) => format!("{files}: nothing to complain about"),
        (n_errors, 0) => format!("{files}: {}", number(n_errors, "error")),
        (0, n_warnings) => format!("{files}: {}", number(n_warnings, "warning")),
        (n_errors, n_warnings) => format!(
            "{files}: {} and {}",
            number(n_errors, "error"),
            number(n_warnings, "warning")
        ),
    }
}

fn default_file() -> Result<PathBuf, Failure> {
    DEFAULT_FILES
        .iter()
        .map(PathBuf::from)
        .find(|file| file.exists())
        .ok_or_else(|| {
            Failure::usage_with_hint(
                format!("there is no `{}` in this folder", DEFAULT_FILES[0]),
                "name the files to look at, or `-` for stdin",
            )
        })
}

fn check(file: &Path) -> Result<Checked, Failure> {
    let failed = |source: io::Error| Failure::File {
        what: "read",
        path: file.to_owned(),
        source,
    };
    let is_stdin = file == Path::new("-");
    let mut bytes = Vec::new();
    let read = match is_stdin {
        true => io::stdin()
            .lock()
            .take(MAX_READ_BYTES)
            .read_to_end(&mut bytes),
        false => {
            File::open(file).and_then(|opened| opened.take(MAX_READ_BYTES).read_to_end(&mut bytes))
        }
    };
    read.map_err(failed)?;
    let name = match is_stdin {
        true => "<stdin>".to_owned(),
        false => clean(&file.to_string_lossy()),
    };
    let diagnostics = lint::lint(&bytes);
    let text = String::from_utf8_lossy(&bytes).into_owned();
    Ok(Checked {
        name,
        diagnostics,
        text,
    })
}
