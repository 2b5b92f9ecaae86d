//! What a pipeline calls a plugin, by grammar.
//!
//! npm itself understands far more than a pipeline may: an address, a repository, a file, an option. So a name is
//! taken apart here, and what npm gets can only be a package of the registry.

use super::native::Native;

/// What somebody may mean by the name of a plugin.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Name {
    /// One that is built in, and the version that was asked for all the same.
    Native(Native, Option<String>),
    /// A file or a folder, and nothing else.
    Path(String),
    /// A file or a folder of the workspace if there is one, else a package.
    PathOrPackage(Option<PackageName>),
    /// A package of the registry.
    Package(PackageName),
}

/// A package of the registry, in a version.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct PackageName {
    /// `name` or `@scope/name`.
    pub(super) name: String,
    /// A version, a range or a tag; `latest` where nothing was said.
    pub(super) version: String,
}

/// The scope of the plugins that are built in.
const NATIVE_SCOPE: &str = "@serverless-cd/";

/// What forces a package.
const PACKAGE_PREFIX: &str = "npm:";

/// npm's own limit.
const MAX_NAME_BYTES: usize = 214;

const MAX_VERSION_BYTES: usize = 64;

/// Reads the name of a plugin.
pub(super) fn parse(specifier: &str) -> Result<Name, String> {
    if specifier.is_empty() || specifier.chars().any(char::is_control) {
        return Err(format!(
            "`{}` cannot be the name of a plugin",
            specifier.escape_debug()
        ));
    }
    if let Some(package) = specifier.strip_prefix(PACKAGE_PREFIX) {
        return parse_package(package).map(Name::Package);
    }
    if ["./", "../", "/"]
        .iter()
        .any(|start| specifier.starts_with(start))
    {
        return Ok(Name::Path(specifier.to_owned()));
    }
    if let Some(rest) = specifier.strip_prefix(NATIVE_SCOPE) {
        let (name, version) = match rest.split_once('@') {
            Some((name, version)) => (name, Some(version.to_owned())),
            None => (rest, None),
        };
        if let Some(native) = Native::of_name(name) {
            return Ok(Name::Native(native, version));
        }
    }
    Ok(Name::PathOrPackage(parse_package(specifier).ok()))
}

/// Reads `name`, `@scope/name`, `name@version` or `@scope/name@version`.
pub(super) fn parse_package(text: &str) -> Result<PackageName, String> {
    let refuse = || {
        format!(
            "`{}` is no npm package: it is written `name@1.2.3` or `@scope/name@1.2.3`",
            text.escape_debug()
        )
    };
    // The first character can be the `@` of a scope.
    let at = text.char_indices().skip(1).find(|(_, c)| *c == '@');
    let (name, version) = match at {
        Some((at, _)) => (&text[..at], &text[at + 1..]),
        None => (text, "latest"),
    };
    let is_name = name.len() <= MAX_NAME_BYTES
        && match name.strip_prefix('@') {
            Some(scoped) => scoped
                .split_once('/')
                .is_some_and(|(scope, name)| is_part(scope) && is_part(name)),
            None => is_part(name),
        };
    if is_name && is_version(version) {
        Ok(PackageName {
            name: name.to_owned(),
            version: version.to_owned(),
        })
    } else {
        Err(refuse())
    }
}

/// A scope, or the name behind it.
fn is_part(part: &str) -> bool {
    let is_reserved = matches!(part, "node_modules" | "favicon.ico");
    !is_reserved
        && part.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && part
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.'))
}

/// A version, a range of one comparison, or a tag. What npm would take for the name of a file is none.
fn is_version(version: &str) -> bool {
    let plain = [">=", "<=", "^", "~", ">", "<", "="]
        .iter()
        .find_map(|sign| version.strip_prefix(sign))
        .unwrap_or(version);
    let is_file = [".tgz", ".tar.gz", ".tar"]
        .iter()
        .any(|end| version.to_ascii_lowercase().ends_with(end));
    version.len() <= MAX_VERSION_BYTES
        && !is_file
        && plain.starts_with(|c: char| c.is_ascii_alphanumeric())
        && plain
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '+'))
}

#[cfg(test)]
mod tests {
    use super::{Name, PackageName, parse, parse_package};
    use crate::plugin::native::Native;

    #[test]
    fn packages_are_a_name_and_a_version() {
        for (text, name, version) in [
            ("left-pad", "left-pad", "latest"),
            ("left-pad@1.3.0", "left-pad", "1.3.0"),
            (
                "@serverless-cd/fc-canary",
                "@serverless-cd/fc-canary",
                "latest",
            ),
            ("@a/b@^1.0.0-rc.1+build", "@a/b", "^1.0.0-rc.1+build"),
            ("@a/b@>=2", "@a/b", ">=2"),
            ("x@next", "x", "next"),
        ] {
            let expected = PackageName {
                name: name.to_owned(),
                version: version.to_owned(),
            };
            assert_eq!(parse_package(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_npm_takes_from_elsewhere_is_no_package() {
        for text in [
            "",
            "-g",
            "--registry=http://x",
            "../x",
            "a/b",
            "a/../b",
            "@a",
            "@/b",
            "@a/b/c",
            "@a/../b",
            "@../b",
            ".hidden",
            "_x",
            "Name",
            "node_modules",
            "a b",
            "a@",
            "a@1 2",
            "a@-1",
            "a@./b",
            "a@../b",
            "a@/b",
            "a@~/b",
            "a@b.tgz",
            "a@B.TAR.GZ",
            "a@file:../b",
            "a@npm:b@1",
            "a@git+https://host/x",
            "a@github:b/c",
            "a@b/c",
            "a@1||2",
            "a@$(id)",
            "https://host/x.tgz",
            "git+ssh://host/x",
            "a\u{0}",
            "á",
        ] {
            assert!(parse_package(text).is_err(), "{text}");
        }
        assert!(parse_package(&"a".repeat(215)).is_err());
    }

    #[test]
    fn the_prefix_says_what_is_meant() {
        let package = |text: &str| parse_package(text).expect("it is a package");
        for (text, expected) in [
            ("@serverless-cd/cache", Name::Native(Native::Cache, None)),
            (
                "@serverless-cd/checkout@0.1.0",
                Name::Native(Native::Checkout, Some("0.1.0".to_owned())),
            ),
            (
                "npm:@serverless-cd/cache@1",
                Name::Package(package("@serverless-cd/cache@1")),
            ),
            ("./deploy", Name::Path("./deploy".to_owned())),
            ("../deploy", Name::Path("../deploy".to_owned())),
            ("/opt/deploy", Name::Path("/opt/deploy".to_owned())),
            (
                "@serverless-cd/fc-canary",
                Name::PathOrPackage(Some(package("@serverless-cd/fc-canary"))),
            ),
            ("deploy", Name::PathOrPackage(Some(package("deploy")))),
            ("tools/deploy", Name::PathOrPackage(None)),
        ] {
            assert_eq!(parse(text), Ok(expected), "{text}");
        }
        assert!(parse("").is_err());
        assert!(parse("a\nb").is_err());
        assert!(parse("npm:--global").is_err());
    }
}
