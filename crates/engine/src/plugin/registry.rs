//! The address of an npm registry.

use std::fmt;

use url::Url;

/// An address over HTTP(S), with a slash at its end.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Registry(Url);

impl Registry {
    /// Reads an address. Without a scheme it is https.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let refuse = || "a registry is `https://host/path`".to_owned();
        let text = match text.strip_prefix("//") {
            Some(rest) => format!("https://{rest}"),
            None if text.contains("://") => text.to_owned(),
            None => format!("https://{text}"),
        };
        let mut url = Url::parse(&text).map_err(|_| refuse())?;
        let is_plain = matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.query().is_none()
            && url.fragment().is_none();
        if !is_plain {
            return Err(refuse());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("a registry's address must not contain a user name or password".to_owned());
        }
        if !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        Ok(Self(url))
    }

    pub(super) fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// `//host/path/`: how npm's settings name it.
    pub(super) fn without_scheme(&self) -> &str {
        let text = self.0.as_str();
        text.split_once(':').map_or(text, |(_, rest)| rest)
    }
}

impl fmt::Display for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::Registry;

    #[test]
    fn registries_are_addresses_over_http() {
        for (text, expected) in [
            ("https://registry.npmjs.org/", "https://registry.npmjs.org/"),
            ("//registry.npmjs.org", "https://registry.npmjs.org/"),
            ("npm.example.com/a/b", "https://npm.example.com/a/b/"),
            ("http://127.0.0.1:4873", "http://127.0.0.1:4873/"),
        ] {
            let registry = Registry::parse(text).map(|registry| registry.to_string());
            assert_eq!(registry.as_deref(), Ok(expected), "{text}");
        }
        for text in [
            "",
            "file:///etc",
            "ftp://host/",
            "https://user:pass@host/",
            "https://host/?x=1",
            "https://host/#x",
            "https:// /",
        ] {
            assert!(Registry::parse(text).is_err(), "{text}");
        }
        let registry = Registry::parse("http://127.0.0.1:4873/npm");
        let name = registry.as_ref().map(Registry::without_scheme);
        assert_eq!(name, Ok("//127.0.0.1:4873/npm/"));
    }
}
