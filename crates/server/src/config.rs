//! The configuration: one value, made once, passed down.
//!
//! A setting comes from its flag, else from its `FLOWCD_*` variable, else from the TOML file given by `--config`,
//! else from its default. Keys of the file are the flags' names with `_` for `-`; an unknown key is an error.
//! The flags are declared in [`args`] and nowhere else, and this is the only module that reads the environment.

pub mod args;
mod value;

use std::{
    fmt, fs,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context;
use flowcd_store::{DatabaseUrl, Keyring, Store};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use self::args::Settings;
pub(crate) use self::value::MAX_PASSWORD_BYTES;
pub use self::value::{duration_or_forever, password};
use crate::data_dir::claim;

/// The log lines' form.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// Everything that can be set.
#[derive(Clone, Debug)]
pub struct Config {
    /// The address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where the database, the key, logs, mirrors and workspaces are.
    pub data_dir: PathBuf,
    /// The database, when it is not the one in the data folder; may hold a password.
    pub database_url: Option<SecretString>,
    /// The URL that users reach the server under, where it is not the address listened on.
    pub base_url: Option<Url>,
    /// How many tasks run at once.
    pub runners: usize,
    /// The log lines' form.
    pub log_format: LogFormat,
    /// Which log lines are written, as in `info` or `flowcd_server=debug,info`.
    pub log_filter: String,
    /// Whether repositories may be local folders.
    pub allow_local_repos: bool,
    /// Whether repositories may be fetched by plain HTTP.
    pub allow_http_repos: bool,
    /// How long running tasks may go on when the server is asked to stop.
    pub drain_timeout: Duration,
    /// How many bytes of a step's output are kept: its head and its tail.
    pub max_log_bytes: u64,
    /// How long the logs of finished tasks are kept; for ever when `None`.
    pub log_retention: Option<Duration>,
    /// How long deliveries are kept; for ever when `None`.
    pub delivery_retention: Option<Duration>,
    /// How many deliveries of an application are kept, the newest ones.
    pub max_deliveries: u32,
    /// The npm registry that plugins are installed from; npm's own setting when absent.
    pub plugin_registry: Option<Url>,
    /// Certificates (PEM) that npm trusts beside its own when it installs plugins.
    pub plugin_ca_file: Option<PathBuf>,
    /// The reverse proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// The password of the user `admin` that the first start makes; a random one is printed when it is absent.
    pub admin_password: Option<SecretString>,
    /// The key that secrets are sealed with; the file `secret.key` in the data folder when absent.
    pub secret_key: Option<SecretString>,
}

impl Config {
    /// The defaults, with everything kept in `data_dir`.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 9000)),
            data_dir: data_dir.into(),
            database_url: None,
            base_url: None,
            runners: std::thread::available_parallelism().map_or(1, usize::from),
            log_format: LogFormat::Text,
            log_filter: "info,actix_server=warn".to_owned(),
            allow_local_repos: false,
            allow_http_repos: false,
            drain_timeout: Duration::from_secs(30),
            max_log_bytes: 64 * 1024 * 1024,
            log_retention: None,
            delivery_retention: Some(Duration::from_secs(30 * 24 * 3600)),
            max_deliveries: 1_000,
            plugin_registry: None,
            plugin_ca_file: None,
            trusted_proxies: Vec::new(),
            admin_password: None,
            secret_key: None,
        }
    }

    /// Puts the configuration together; `Err` tells everything that is wrong with it, not only the first thing.
    pub fn resolve(settings: &Settings) -> Result<Self, Problems> {
        let mut reader = Reader::open(settings.place.config.as_deref());
        let default = Self::new("flowcd-data");
        let config = Self {
            listen: reader
                .read("listen", &settings.listen, value::address)
                .unwrap_or(default.listen),
            data_dir: reader
                .read("data_dir", &settings.place.data_dir, value::path)
                .unwrap_or(default.data_dir),
            database_url: reader.read(
                "database_url",
                &settings.place.database_url,
                value::database_url,
            ),
            base_url: reader.read("base_url", &settings.base_url, value::base_url),
            runners: reader
                .read("runners", &settings.runners, value::runners)
                .unwrap_or(default.runners),
            log_format: reader
                .read("log_format", &settings.log_format, value::log_format)
                .unwrap_or(default.log_format),
            log_filter: reader
                .read("log_filter", &settings.log_filter, value::log_filter)
                .unwrap_or(default.log_filter),
            allow_local_repos: reader
                .read(
                    "allow_local_repos",
                    &settings.allow_local_repos,
                    value::boolean,
                )
                .unwrap_or(default.allow_local_repos),
            allow_http_repos: reader
                .read(
                    "allow_http_repos",
                    &settings.allow_http_repos,
                    value::boolean,
                )
                .unwrap_or(default.allow_http_repos),
            drain_timeout: reader
                .read("drain_timeout", &settings.drain_timeout, value::duration)
                .unwrap_or(default.drain_timeout),
            max_log_bytes: reader
                .read("max_log_bytes", &settings.max_log_bytes, value::log_bytes)
                .unwrap_or(default.max_log_bytes),
            log_retention: reader
                .read(
                    "log_retention",
                    &settings.log_retention,
                    duration_or_forever,
                )
                .unwrap_or(default.log_retention),
            delivery_retention: reader
                .read(
                    "delivery_retention",
                    &settings.delivery_retention,
                    duration_or_forever,
                )
                .unwrap_or(default.delivery_retention),
            max_deliveries: reader
                .read(
                    "max_deliveries",
                    &settings.max_deliveries,
                    value::deliveries,
                )
                .unwrap_or(default.max_deliveries),
            plugin_registry: reader.read(
                "plugin_registry",
                &settings.plugin_registry,
                value::registry,
            ),
            plugin_ca_file: reader.read("plugin_ca_file", &settings.plugin_ca_file, value::path),
            trusted_proxies: reader
                .read(
                    "trusted_proxies",
                    &settings.trusted_proxies,
                    value::addresses,
                )
                .unwrap_or(default.trusted_proxies),
            admin_password: reader.secret("FLOWCD_ADMIN_PASSWORD", password),
            secret_key: reader.secret("FLOWCD_SECRET_KEY", value::secret_key),
        };
        let problems = reader.finish();
        if problems.is_empty() {
            Ok(config)
        } else {
            Err(Problems(problems))
        }
    }

    /// The database to use.
    fn database(&self) -> Result<DatabaseUrl, String> {
        match &self.database_url {
            None => Ok(DatabaseUrl::Sqlite(self.data_dir.join("flowcd.db"))),
            Some(url) => value::parse_database_url(url),
        }
    }

    /// Opens the database with the key for its secrets; makes both, and the data folder, when they are absent.
    pub async fn open_store(&self) -> anyhow::Result<Store> {
        let url = self.database().map_err(anyhow::Error::msg)?;
        // The key is in the folder, so nobody else of this machine may look into it.
        claim(&self.data_dir)?;
        let keyring = match &self.secret_key {
            Some(key) => Keyring::from_base64(key.expose_secret())
                .context("FLOWCD_SECRET_KEY holds no key")?,
            None => Keyring::from_file(&self.key_file())?,
        };
        Store::open(&url, keyring)
            .await
            .with_context(|| format!("cannot open the database `{url}`"))
    }

    /// Opens the database of a server that has started before, or was prepared by `migrate`: a folder that is spelt
    /// wrong does not become a second server.
    pub async fn open_known_store(&self) -> anyhow::Result<Store> {
        match self.database().map_err(anyhow::Error::msg)? {
            DatabaseUrl::Sqlite(path) if !path.exists() => anyhow::bail!(
                "there is no database at `{}`; name the server's folder with --data-dir, or make one with `flowcd-server migrate`",
                path.display()
            ),
            _ => self.open_store().await,
        }
    }

    /// The file of the key that secrets are sealed with.
    fn key_file(&self) -> PathBuf {
        self.data_dir.join("secret.key")
    }

    /// Whether users reach the server by HTTPS.
    pub fn is_https(&self) -> bool {
        self.base_url
            .as_ref()
            .is_some_and(|url| url.scheme() == "https")
    }
}

/// Everything that is wrong with a configuration, one line each.
#[derive(Debug, Default)]
pub struct Problems(pub Vec<String>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for Problems {}

/// Takes settings from where they are and notes what is wrong with them.
struct Reader {
    path: PathBuf,
    /// What the file says and nobody has asked for yet.
    file: toml::Table,
    problems: Vec<String>,
}

impl Reader {
    fn open(path: Option<&Path>) -> Self {
        let mut reader = Self {
            path: path.unwrap_or(Path::new("")).to_owned(),
            file: toml::Table::new(),
            problems: Vec::new(),
        };
        let Some(path) = path else { return reader };
        match fs::read_to_string(path) {
            Ok(text) => match toml::from_str(&text) {
                Ok(table) => reader.file = table,
                Err(err) => {
                    let problem = format!("{}: {}", path.display(), err.to_string().trim_end());
                    reader.problems.push(problem);
                }
            },
            Err(err) => reader.problems.push(format!(
                "cannot read the configuration file `{}`: {err}",
                path.display()
            )),
        }
        reader
    }

    /// The value of `key`: `given` by flag or environment, else the file's.
    fn read<T>(
        &mut self,
        key: &str,
        given: &Option<String>,
        parse: fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        let in_file = self.file.remove(key);
        let (place, parsed) = match (given, in_file) {
            (Some(text), _) => {
                let flag = key.replace('_', "-");
                let place = format!("--{flag} (FLOWCD_{})", key.to_uppercase());
                (place, parse(text))
            }
            (None, Some(value)) => {
                let place = format!("{}: {key}", self.path.display());
                (place, value::text(&value).and_then(|text| parse(&text)))
            }
            (None, None) => return None,
        };
        parsed
            .map_err(|problem| self.problems.push(format!("{place}: {problem}")))
            .ok()
    }

    /// The secret in the environment variable `name`.
    fn secret(
        &mut self,
        name: &str,
        parse: fn(String) -> Result<SecretString, String>,
    ) -> Option<SecretString> {
        let text = args::environment(name).filter(|text| !text.is_empty())?;
        parse(text)
            .map_err(|problem| self.problems.push(format!("{name}: {problem}")))
            .ok()
    }

    fn finish(mut self) -> Vec<String> {
        for key in self.file.keys() {
            self.problems.push(format!(
                "{}: there is no setting `{key}`",
                self.path.display()
            ));
        }
        self.problems
    }
}

#[cfg(test)]
mod tests {
    use std::{error::Error, fs, time::Duration};

    use super::{Config, LogFormat, args::Settings};

    #[test]
    fn flag_beats_file_and_file_beats_default() -> Result<(), Box<dyn Error>> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("flowcd.toml");
        fs::write(
            &path,
            "runners = 3\nlog_format = \"json\"\nallow_local_repos = true\ndrain_timeout = \"2m\"\n\
             trusted_proxies = [\"127.0.0.1\", \"::1\"]\ndelivery_retention = \"forever\"\nmax_deliveries = 50\n",
        )?;
        let mut settings = Settings::default();
        settings.place.config = Some(path);
        settings.runners = Some("7".to_owned());
        let config = Config::resolve(&settings)?;
        assert_eq!(config.runners, 7);
        assert_eq!(config.delivery_retention, None);
        assert_eq!(config.max_deliveries, 50);
        assert_eq!(config.log_format, LogFormat::Json);
        assert!(config.allow_local_repos);
        assert_eq!(config.drain_timeout, Duration::from_secs(120));
        assert_eq!(config.trusted_proxies.len(), 2);
        assert_eq!(config.listen.to_string(), "127.0.0.1:9000");
        Ok(())
    }

    #[test]
    fn every_problem_is_told_with_its_place() -> Result<(), Box<dyn Error>> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("flowcd.toml");
        fs::write(&path, "listne = \"x\"\nlog_format = \"xml\"\n")?;
        let mut settings = Settings::default();
        settings.place.config = Some(path.clone());
        settings.place.database_url = Some("mysql://u:hunter2@host/db".to_owned());
        settings.runners = Some("many".to_owned());
        let problems = Config::resolve(&settings)
            .map(|_| ())
            .expect_err("it is wrong in four places")
            .to_string();
        let file = path.display().to_string();
        for part in [
            "--runners (FLOWCD_RUNNERS)",
            "--database-url (FLOWCD_DATABASE_URL)",
            &format!("{file}: log_format"),
            &format!("{file}: there is no setting `listne`"),
        ] {
            assert!(problems.contains(part), "{part} is not in {problems}");
        }
        assert_eq!(problems.lines().count(), 4, "{problems}");
        assert!(!problems.contains("hunter2"), "{problems}");
        Ok(())
    }

    #[test]
    fn secrets_are_not_in_the_debug_form() {
        let mut config = Config::new("data");
        config.database_url = Some("postgres://u:hunter2@host/db".into());
        config.admin_password = Some("hunter2".into());
        assert!(!format!("{config:?}").contains("hunter2"));
    }
}
