//! How each setting is written. Every function tells what it expected, and none repeats a value that may be secret.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use flowcd_store::{DatabaseUrl, Keyring};
use secrecy::{ExposeSecret, SecretString};
use tracing_subscriber::EnvFilter;
use url::Url;

use super::LogFormat;

/// The shortest password that is taken.
const MIN_PASSWORD_CHARS: usize = 10;
/// The longest password that is taken; more would only cost time to hash.
pub(crate) const MAX_PASSWORD_BYTES: usize = 4_096;

/// A value of the TOML file, written the way a flag is.
pub(super) fn text(value: &toml::Value) -> Result<String, String> {
    match value {
        toml::Value::String(text) => Ok(text.clone()),
        toml::Value::Integer(number) => Ok(number.to_string()),
        toml::Value::Boolean(boolean) => Ok(boolean.to_string()),
        toml::Value::Array(values) => Ok(values
            .iter()
            .map(text)
            .collect::<Result<Vec<_>, _>>()?
            .join(",")),
        other => Err(format!(
            "expected text, a whole number, a boolean or a list, not a {}",
            other.type_str()
        )),
    }
}

pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    let text = text.replacen("localhost:", "127.0.0.1:", 1);
    text.parse()
        .map_err(|_| format!("`{text}` is not an address with a port, like 127.0.0.1:9000"))
}

pub(super) fn addresses(text: &str) -> Result<Vec<IpAddr>, String> {
    text.split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(|part| {
            part.parse()
                .map_err(|_| format!("`{part}` is not an IP address"))
        })
        .collect()
}

pub(super) fn path(text: &str) -> Result<PathBuf, String> {
    if text.is_empty() {
        return Err("the path is empty".to_owned());
    }
    Ok(PathBuf::from(text))
}

pub(super) fn database_url(text: &str) -> Result<SecretString, String> {
    let url = SecretString::from(text);
    parse_database_url(&url).map(|_| url)
}

pub(super) fn parse_database_url(url: &SecretString) -> Result<DatabaseUrl, String> {
    url.expose_secret()
        .parse()
        .map_err(|_| "expected sqlite:PATH or postgres://..".to_owned())
}

pub(super) fn base_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|err| format!("`{text}` is not a URL: {err}"))?;
    let is_plain = matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none()
        && url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none();
    if is_plain {
        Ok(url)
    } else {
        Err(format!(
            "expected http:// or https:// with a host and nothing after it, not `{}`",
            url.path()
        ))
    }
}

/// The URL of an npm registry, which may have a path, and has no credential: the logs of all steps could show it.
pub(super) fn registry(text: &str) -> Result<Url, String> {
    let is_plain = |url: &Url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
    };
    Url::parse(text).ok().filter(is_plain).ok_or_else(|| {
        "expected http:// or https:// with a host, and no user name, password, ? or # in it"
            .to_owned()
    })
}

pub(super) fn runners(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(n_runners @ 1..=1024) => Ok(n_runners),
        _ => Err(format!("`{text}` is not a whole number from 1 to 1024")),
    }
}

pub(super) fn deliveries(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(n_deliveries @ 1..=1_000_000) => Ok(n_deliveries),
        _ => Err(format!("`{text}` is not a whole number from 1 to 1000000")),
    }
}

pub(super) fn log_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err(format!("`{text}` is neither text nor json")),
    }
}

pub(super) fn log_filter(text: &str) -> Result<String, String> {
    EnvFilter::builder()
        .parse(text)
        .map(|_| text.to_owned())
        .map_err(|err| {
            format!("`{text}` is not a filter like `info` or `flowcd_server=debug,info`: {err}")
        })
}

pub(super) fn boolean(text: &str) -> Result<bool, String> {
    match text {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err(format!("`{text}` is neither true nor false")),
    }
}

/// A number of bytes: `1048576`, `64MiB`, `1GiB`.
pub(super) fn log_bytes(text: &str) -> Result<u64, String> {
    let expected =
        || format!("`{text}` is not a number of bytes from 64KiB to 1TiB, like 1048576 or 64MiB");
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit.trim_start() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        _ => return Err(expected()),
    };
    number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(factor))
        .filter(|n_bytes| (1 << 16..=1 << 40).contains(n_bytes))
        .ok_or_else(expected)
}

/// A duration: `500ms`, `30s`, `5m`, `12h`, `30d`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let expected = || {
        format!("`{text}` is not a duration like 500ms, 30s, 5m, 12h or 30d, of 100 years at most")
    };
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit_ms: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(expected()),
    };
    number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(unit_ms))
        .filter(|ms| *ms <= 36_525 * 86_400_000)
        .map(Duration::from_millis)
        .ok_or_else(expected)
}

/// A duration, or `forever` or `never`, which are `None`.
pub fn duration_or_forever(text: &str) -> Result<Option<Duration>, String> {
    match text {
        "forever" | "never" => Ok(None),
        _ => duration(text).map(Some),
    }
}

/// A password long enough to be one.
pub fn password(text: String) -> Result<SecretString, String> {
    if text.len() > MAX_PASSWORD_BYTES || text.chars().count() < MIN_PASSWORD_CHARS {
        return Err(format!(
            "a password has at least {MIN_PASSWORD_CHARS} characters and at most {MAX_PASSWORD_BYTES} bytes"
        ));
    }
    Ok(SecretString::from(text))
}

pub(super) fn secret_key(text: String) -> Result<SecretString, String> {
    Keyring::from_base64(&text).map_err(|err| err.to_string())?;
    Ok(SecretString::from(text))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{
        MAX_PASSWORD_BYTES, address, base_url, deliveries, duration, duration_or_forever,
        log_bytes, password, registry, runners,
    };

    #[test]
    fn a_password_is_counted_in_characters_and_limited_in_bytes() {
        for (text, is_good) in [
            ("123456789".to_owned(), false),
            ("1234567890".to_owned(), true),
            ("\u{4f60}".repeat(9), false),
            ("\u{4f60}".repeat(10), true),
            ("x".repeat(MAX_PASSWORD_BYTES), true),
            ("x".repeat(MAX_PASSWORD_BYTES + 1), false),
        ] {
            let n_bytes = text.len();
            assert_eq!(password(text).is_ok(), is_good, "{n_bytes} bytes");
        }
    }

    #[test]
    fn durations_need_a_unit() {
        for (text, ms) in [
            ("0s", 0),
            ("500ms", 500),
            ("30s", 30_000),
            ("5m", 300_000),
            ("12h", 43_200_000),
            ("30d", 2_592_000_000),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for text in [
            "",
            "30",
            "s",
            "-1s",
            "1.5h",
            "30 s",
            "1w",
            "99999999999999999999d",
            "99999999d",
        ] {
            assert!(duration(text).is_err(), "{text}");
        }
        assert_eq!(duration_or_forever("never"), Ok(None));
    }

    #[test]
    fn sizes_have_binary_units_and_limits() {
        assert_eq!(log_bytes("64MiB"), Ok(64 << 20));
        assert_eq!(log_bytes("65536"), Ok(65_536));
        for text in [
            "",
            "0",
            "MiB",
            "64MB",
            "-1",
            "2TiB",
            "99999999999999999999GiB",
        ] {
            assert!(log_bytes(text).is_err(), "{text}");
        }
    }

    #[test]
    fn addresses_numbers_and_urls_are_checked() {
        assert!(address("localhost:0").is_ok());
        assert!(address("[::1]:9000").is_ok());
        assert!(address("9000").is_err());
        assert!(runners("0").is_err());
        assert_eq!(deliveries("1"), Ok(1));
        for text in ["", "0", "-1", "1000001", "forever"] {
            assert!(deliveries(text).is_err(), "{text}");
        }
        assert!(base_url("https://cd.example.com").is_ok());
        assert!(registry("https://registry.npmjs.org").is_ok());
        assert!(registry("http://127.0.0.1:4873/npm/").is_ok());
        for text in ["npmjs.org", "file:///x", "https://x/?a", "https://x/#a"] {
            assert!(registry(text).is_err(), "{text}");
        }
        let problem = registry("https://ada:hunter2@npm.example.com").expect_err("a password");
        assert!(!problem.contains("hunter2"), "{problem}");
        for text in [
            "cd.example.com",
            "ftp://x",
            "https://u:p@x",
            "https://x/sub",
            "https://x/?a",
        ] {
            assert!(base_url(text).is_err(), "{text}");
        }
    }
}
