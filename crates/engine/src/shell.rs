//! What runs a step's script.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use crate::process::find_program;

pub(crate) mod quoting;

/// What stands for the script's file in a command line.
const FILE: &str = "{0}";

/// A shell, as a step names it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Shell {
    Sh,
    Bash,
    Pwsh,
    Python,
    /// A command line, in words.
    Custom(Vec<String>),
}

/// How a script is started.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Start {
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<OsString>,
}

impl Shell {
    /// The shell that `shell` names; `sh` when nothing is named.
    pub(crate) fn parse(shell: Option<&str>) -> Result<Self, String> {
        Ok(match shell.map(str::trim) {
            None | Some("" | "sh") => Self::Sh,
            Some("bash") => Self::Bash,
            Some("pwsh") => Self::Pwsh,
            Some("python") => Self::Python,
            Some(line) => Self::Custom(words(line)?),
        })
    }

    /// Whether a script of this length has to be in a file.
    pub(crate) fn needs_file(&self, text: &str) -> bool {
        match self {
            Self::Sh | Self::Bash | Self::Python => text.len() >= super::step::MAX_ARGUMENT_BYTES,
            Self::Pwsh | Self::Custom(_) => true,
        }
    }

    /// What the file of a script is called: PowerShell goes by it.
    pub(crate) fn file_name(&self) -> &'static str {
        match self {
            Self::Sh | Self::Bash => "script.sh",
            Self::Pwsh => "script.ps1",
            Self::Python => "script.py",
            Self::Custom(_) => "script",
        }
    }

    /// How a script reads an environment variable inside double quotes; `None` where it cannot be known whether a
    /// place of the script is inside of them. Outside of them the value may be anything but one word: see `quoting`.
    pub(crate) fn variable(&self, name: &str) -> Option<String> {
        match self {
            Self::Sh | Self::Bash => Some(format!("${{{name}}}")),
            Self::Pwsh | Self::Python | Self::Custom(_) => None,
        }
    }

    /// The shell as people call it.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Sh => "/bin/sh -c".to_owned(),
            Self::Bash => "bash --noprofile --norc -eo pipefail -c".to_owned(),
            Self::Pwsh => "pwsh".to_owned(),
            Self::Python => "python3".to_owned(),
            Self::Custom(words) => words.join(" "),
        }
    }

    /// How to start a script: its text, or the file that it is in. The shell is looked for in
    /// `path`, or from `dir` on.
    pub(crate) fn start(
        &self,
        script: Script<'_>,
        path: &str,
        dir: &Path,
    ) -> Result<Start, String> {
        let find = |name: &str| {
            find_program(name, path, dir)
                .ok_or_else(|| format!("the shell `{name}` is not installed (not found in PATH)"))
        };
        let by_argument = |option: &str| -> Vec<OsString> {
            match script {
                Script::Text(text) => vec![option.into(), text.into()],
                Script::File(file) => vec![file.into()],
            }
        };
        let (program, args) = match self {
            Self::Sh => (PathBuf::from("/bin/sh"), by_argument("-c")),
            Self::Bash => {
                let options = ["--noprofile", "--norc", "-eo", "pipefail"].map(OsString::from);
                let args = options.into_iter().chain(by_argument("-c")).collect();
                (find("bash")?, args)
            }
            Self::Python => {
                let program = find("python3").or_else(|error| find("python").map_err(|_| error))?;
                (program, by_argument("-c"))
            }
            Self::Pwsh => {
                let options = ["-NoLogo", "-NoProfile", "-NonInteractive", "-File"];
                let args = options.map(OsString::from).into_iter();
                (find("pwsh")?, args.chain([script.file()]).collect())
            }
            Self::Custom(words) => {
                let file = script.file();
                let program = words.first().map(String::as_str).unwrap_or_default();
                (find(program)?, custom_args(words, &file))
            }
        };
        Ok(Start { program, args })
    }
}

/// A script: its text, or a file with it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Script<'a> {
    Text(&'a str),
    File(&'a Path),
}

impl Script<'_> {
    fn file(&self) -> OsString {
        match self {
            // Whoever needs a file says so in `needs_file`.
            Self::Text(text) => text.into(),
            Self::File(file) => file.into(),
        }
    }
}

fn custom_args(words: &[String], file: &OsString) -> Vec<OsString> {
    let file = file.to_string_lossy();
    let mut args: Vec<OsString> = words
        .iter()
        .skip(1)
        .map(|word| word.replace(FILE, &file).into())
        .collect();
    if !words.iter().any(|word| word.contains(FILE)) {
        args.push(file.into_owned().into());
    }
    args
}

/// The words of a command line: blanks part them, quotes hold them together, and nothing else has a meaning.
fn words(line: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in line.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    if let Some(quote) = quote {
        return Err(format!(
            "no {quote} ends what it begins in the shell `{line}`"
        ));
    }
    words.extend(word);
    match words.first().is_some_and(|program| program.contains(FILE)) {
        true => Err(format!("the shell `{line}` does not name a program")),
        false => Ok(words),
    }
}

#[cfg(test)]
mod tests {
    use super::{Script, Shell, words};

    #[test]
    fn a_shell_is_a_name_or_a_command_line() {
        for (text, expected) in [
            (None, Shell::Sh),
            (Some("sh"), Shell::Sh),
            (Some(" bash "), Shell::Bash),
            (Some("pwsh"), Shell::Pwsh),
            (Some("python"), Shell::Python),
            (Some("node"), Shell::Custom(vec!["node".to_owned()])),
        ] {
            assert_eq!(Shell::parse(text), Ok(expected), "{text:?}");
        }
        for text in ["perl 'x", "{0}", "'{0}' x"] {
            assert!(Shell::parse(Some(text)).is_err(), "{text}");
        }
    }

    #[test]
    fn a_command_line_is_cut_into_words() {
        for (line, expected) in [
            ("a  b\tc", &["a", "b", "c"][..]),
            ("a 'b c' \"d 'e'\"", &["a", "b c", "d 'e'"]),
            ("a '' x'y'z", &["a", "", "xyz"]),
        ] {
            let words = words(line).expect("it has an end");
            assert_eq!(words, expected, "{line}");
        }
    }

    #[test]
    fn the_file_stands_where_the_line_says_or_at_its_end() {
        let file = Script::File("/x/y".as_ref());
        for (line, expected) in [
            ("/bin/sh -e {0} z", &["-e", "/x/y", "z"][..]),
            ("/bin/sh -e", &["-e", "/x/y"]),
            ("/bin/sh f={0},{0}", &["f=/x/y,/x/y"]),
        ] {
            let start =
                Shell::parse(Some(line)).and_then(|shell| shell.start(file, "/bin", "/".as_ref()));
            let start = start.expect("there is a shell");
            assert_eq!(start.args, expected, "{line}");
        }
    }

    #[test]
    fn a_shell_that_is_not_there_is_named() {
        for shell in ["bash", "pwsh", "python", "no-such-shell -x"] {
            let shell = Shell::parse(Some(shell)).expect("it is a shell");
            let error = shell
                .start(Script::Text("x"), "/nowhere", "/".as_ref())
                .map(|_| ());
            let error = error.expect_err("nothing is there");
            assert!(error.contains("is not installed"), "{error}");
        }
    }
}
