//! Addresses of repositories, by grammar.
//!
//! Git itself understands far more than a deployment server may: `ext::` runs commands, a host that starts with a dash
//! is an option of ssh, a path is a folder of this machine. So an address is taken apart here, what is not on the list
//! is refused, and what git gets is put together again from the parts: there is nothing left for two parsers to
//! disagree about.

use std::{
    fmt,
    net::{Ipv4Addr, Ipv6Addr},
};

use url::{Host, Url};

const MAX_BYTES: usize = 2048;

/// The address of a repository that this server may talk to. It never holds a password.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct RepoUrl {
    text: String,
    transport: Transport,
    origin: Option<String>,
}

/// How git talks to a repository.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Transport {
    Https,
    Http,
    Ssh,
    File,
}

impl Transport {
    /// The name in git's `protocol.<name>.allow`.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Https => "https",
            Self::Http => "http",
            Self::Ssh => "ssh",
            Self::File => "file",
        }
    }
}

/// Which kinds of addresses the operator allows beside https and ssh.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct RepoPolicy {
    /// `file://` and absolute paths on this machine.
    pub local: bool,
    /// Plain http.
    pub http: bool,
}

/// Why an address is refused. The text never repeats the address, which could hold a password.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidUrl {
    /// It is none of the known forms.
    #[error(
        "a repository is `https://host/path`, `ssh://user@host/path`, `user@host:path`, \
         or where local ones are allowed an absolute path"
    )]
    Form,
    /// A part of it has characters that it cannot have.
    #[error("the repository's {0} is malformed")]
    Malformed(&'static str),
    /// It has a user name or a password in it.
    #[error(
        "the repository's address must not contain a user name, password or token: \
         store the token with the provider instead"
    )]
    Credential,
    /// Its kind is not allowed here.
    #[error(
        "{kind} repositories are not allowed on this server; its operator can allow them with {flag}"
    )]
    NotAllowed {
        /// Which kind.
        kind: &'static str,
        /// The server's setting.
        flag: &'static str,
    },
    /// It names an address that only serves machines, such as a cloud's metadata service.
    #[error("the repository's host is a link-local or metadata address, which is not allowed")]
    ForbiddenHost,
}

const LOCAL: InvalidUrl = InvalidUrl::NotAllowed {
    kind: "local",
    flag: "--allow-local-repos",
};
const PLAIN_HTTP: InvalidUrl = InvalidUrl::NotAllowed {
    kind: "plain http",
    flag: "--allow-http-repos",
};

impl RepoUrl {
    /// Reads an address, and refuses what `policy` does not allow.
    pub fn parse(text: &str, policy: &RepoPolicy) -> Result<Self, InvalidUrl> {
        let is_bad_char = |c: char| c.is_control() || c.is_whitespace() || c == '\\';
        if text.is_empty() || text.len() > MAX_BYTES || text.starts_with('-') {
            return Err(InvalidUrl::Form);
        }
        if text.starts_with('/') {
            return parse_path(text, policy);
        }
        if text.contains(is_bad_char) {
            return Err(InvalidUrl::Malformed("address"));
        }
        match text.split_once("://") {
            None => parse_scp(text),
            Some((scheme, rest)) => match scheme.to_ascii_lowercase().as_str() {
                "https" => parse_http(text, Transport::Https),
                "http" if policy.http => parse_http(text, Transport::Http),
                "http" => Err(PLAIN_HTTP),
                "ssh" => parse_ssh(rest),
                "file" if rest.starts_with('/') => parse_path(rest, policy).map(|path| Self {
                    text: format!("file://{}", path.text),
                    ..path
                }),
                _ => Err(InvalidUrl::Form),
            },
        }
    }

    /// The address as git takes it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// `https://host` or `https://host:port` of an http(s) address: what a stored credential is found by.
    pub fn origin(&self) -> Option<String> {
        self.origin.clone()
    }

    pub(super) fn transport(&self) -> Transport {
        self.transport
    }
}

impl fmt::Display for RepoUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn parse_http(text: &str, transport: Transport) -> Result<RepoUrl, InvalidUrl> {
    let url = Url::parse(text).map_err(|_| InvalidUrl::Malformed("address"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(InvalidUrl::Credential);
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(InvalidUrl::Malformed("path"));
    }
    check_path(url.path())?;
    check_host(url.host().ok_or(InvalidUrl::Malformed("host"))?)?;
    Ok(RepoUrl {
        origin: Some(url.origin().ascii_serialization()),
        text: url.into(),
        transport,
    })
}

fn parse_ssh(rest: &str) -> Result<RepoUrl, InvalidUrl> {
    let (authority, path) = rest.split_once('/').ok_or(InvalidUrl::Malformed("path"))?;
    let path = format!("/{path}");
    check_path(&path)?;
    let (user, host_and_port) = split_user(authority)?;
    let (host, port) = split_port(host_and_port)?;
    check_ssh_host(host)?;
    let port = port.map(|port| format!(":{port}")).unwrap_or_default();
    Ok(RepoUrl {
        text: format!("ssh://{user}{host}{port}{path}"),
        transport: Transport::Ssh,
        origin: None,
    })
}

fn parse_scp(text: &str) -> Result<RepoUrl, InvalidUrl> {
    let (authority, path) = text.split_once(':').ok_or(InvalidUrl::Form)?;
    // `https:/host/path` is a slip of the pen, not a host called `https`.
    let is_scheme = ["http", "https", "ssh", "file", "git"].contains(&authority);
    if authority.contains('/') || is_scheme {
        return Err(InvalidUrl::Form);
    }
    // `ext::command` and its like look the same up to here.
    if path.starts_with(':') || path.starts_with('-') {
        return Err(InvalidUrl::Form);
    }
    if path.trim_start_matches('/').is_empty() {
        return Err(InvalidUrl::Malformed("path"));
    }
    let (user, host) = split_user(authority)?;
    check_ssh_host(host)?;
    Ok(RepoUrl {
        text: format!("{user}{host}:{path}"),
        transport: Transport::Ssh,
        origin: None,
    })
}

fn parse_path(path: &str, policy: &RepoPolicy) -> Result<RepoUrl, InvalidUrl> {
    if !policy.local {
        return Err(LOCAL);
    }
    if path.contains(char::is_control) || path.starts_with("//") {
        return Err(InvalidUrl::Malformed("path"));
    }
    check_path(path)?;
    Ok(RepoUrl {
        text: path.to_owned(),
        transport: Transport::File,
        origin: None,
    })
}

/// `user@` and the rest. Git's own user name (`git@`) is part of an ssh address; a password never is.
fn split_user(authority: &str) -> Result<(String, &str), InvalidUrl> {
    let Some((user, host)) = authority.rsplit_once('@') else {
        return Ok((String::new(), authority));
    };
    if user.contains(':') {
        return Err(InvalidUrl::Credential);
    }
    let is_user = !user.is_empty()
        && !user.starts_with('-')
        && user
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    if is_user {
        Ok((format!("{user}@"), host))
    } else {
        Err(InvalidUrl::Malformed("user name"))
    }
}

fn split_port(text: &str) -> Result<(&str, Option<u16>), InvalidUrl> {
    let colon = match text.rfind(']') {
        Some(bracket) => text[bracket..].find(':').map(|at| at + bracket),
        None => text.find(':'),
    };
    let Some(colon) = colon else {
        return Ok((text, None));
    };
    let digits = &text[colon + 1..];
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(InvalidUrl::Malformed("port"));
    }
    match digits.parse() {
        Ok(port) if port > 0 => Ok((&text[..colon], Some(port))),
        _ => Err(InvalidUrl::Malformed("port")),
    }
}

fn check_ssh_host(host: &str) -> Result<(), InvalidUrl> {
    let is_name = !host.starts_with('-')
        && host
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    if host.is_empty() || !(is_name || host.starts_with('[')) {
        return Err(InvalidUrl::Malformed("host"));
    }
    match Host::parse(host) {
        Ok(Host::Domain(domain)) => check_host(Host::Domain(&domain)),
        Ok(Host::Ipv4(address)) => check_host(Host::Ipv4(address)),
        Ok(Host::Ipv6(address)) => check_host(Host::Ipv6(address)),
        Err(_) => Err(InvalidUrl::Malformed("host")),
    }
}

fn check_path(path: &str) -> Result<(), InvalidUrl> {
    // Git decodes `%xx` in some transports, so an encoded control character is one.
    let lower = path.to_ascii_lowercase();
    let has_encoded_control = lower.split('%').skip(1).any(|rest| {
        rest.get(..2)
            .and_then(|digits| u8::from_str_radix(digits, 16).ok())
            .is_some_and(|byte| byte.is_ascii_control())
    });
    if has_encoded_control || path.trim_matches('/').is_empty() {
        return Err(InvalidUrl::Malformed("path"));
    }
    Ok(())
}

/// Names and addresses that no repository lives at, and that hand out a machine's own credentials.
fn check_host(host: Host<&str>) -> Result<(), InvalidUrl> {
    if is_forbidden_host(host) {
        Err(InvalidUrl::ForbiddenHost)
    } else {
        Ok(())
    }
}

/// Whether a host only serves machines, such as a cloud's metadata service.
pub fn is_forbidden_host(host: Host<&str>) -> bool {
    match host {
        Host::Ipv4(address) => is_forbidden_v4(address),
        Host::Ipv6(address) => is_forbidden_v6(address),
        Host::Domain(domain) => {
            let domain = domain.trim_end_matches('.').to_ascii_lowercase();
            matches!(
                domain.as_str(),
                "metadata" | "metadata.google.internal" | "instance-data"
            )
        }
    }
}

fn is_forbidden_v4(address: Ipv4Addr) -> bool {
    // The second one is Alibaba Cloud's metadata service.
    address.is_link_local() || address == Ipv4Addr::new(100, 100, 100, 200)
}

fn is_forbidden_v6(address: Ipv6Addr) -> bool {
    const AWS_METADATA: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
    let segments = address.segments();
    let is_nat64 = segments[..6] == [0x64, 0xff9b, 0, 0, 0, 0];
    let inner = if is_nat64 {
        Some(Ipv4Addr::from(
            (u32::from(segments[6]) << 16) | u32::from(segments[7]),
        ))
    } else {
        address.to_ipv4()
    };
    address.is_unicast_link_local() || address == AWS_METADATA || inner.is_some_and(is_forbidden_v4)
}

#[cfg(test)]
mod tests {
    use super::{InvalidUrl, LOCAL, PLAIN_HTTP, RepoPolicy, RepoUrl};

    const OPEN: RepoPolicy = RepoPolicy {
        local: true,
        http: true,
    };

    fn parse(text: &str) -> Result<String, InvalidUrl> {
        RepoUrl::parse(text, &OPEN).map(|url| url.as_str().to_owned())
    }

    #[test]
    fn the_usual_addresses_are_taken() {
        for text in [
            "https://github.com/owner/repo.git",
            "https://git.example.com:8443/a/b/c",
            "https://[2001:db8::1]/a",
            "ssh://git@github.com/owner/repo.git",
            "ssh://git@example.com:2222/owner/repo",
            "ssh://[2001:db8::1]:22/a",
            "ssh://example.com/~user/repo",
            "git@github.com:owner/repo.git",
            "example.com:repo",
            "http://127.0.0.1:3000/a.git",
            "file:///srv/git/a.git",
            "/srv/git/with space/a.git",
        ] {
            assert_eq!(parse(text).as_deref(), Ok(text));
        }
        assert_eq!(
            parse("HTTPS://GitHub.com:443/Owner/Repo").as_deref(),
            Ok("https://github.com/Owner/Repo")
        );
    }

    #[test]
    fn the_origin_is_that_of_http_addresses_alone() {
        let origin = |text| RepoUrl::parse(text, &OPEN).map(|url| url.origin());
        assert_eq!(
            origin("https://Example.com:443/a"),
            Ok(Some("https://example.com".to_owned()))
        );
        assert_eq!(
            origin("http://127.0.0.1:3000/a"),
            Ok(Some("http://127.0.0.1:3000".to_owned()))
        );
        assert_eq!(origin("git@example.com:a"), Ok(None));
        assert_eq!(origin("/srv/a"), Ok(None));
    }

    #[test]
    fn http_and_local_addresses_need_the_operator() {
        let parse = |text| RepoUrl::parse(text, &RepoPolicy::default()).map(|_| ());
        assert_eq!(parse("http://example.com/a"), Err(PLAIN_HTTP));
        assert_eq!(parse("file:///srv/a"), Err(LOCAL));
        assert_eq!(parse("/srv/a"), Err(LOCAL));
        assert_eq!(parse("https://example.com/a"), Ok(()));
        assert_eq!(parse("git@example.com:a"), Ok(()));
    }

    #[test]
    fn hostile_addresses_are_refused() {
        for text in [
            "",
            "-",
            "--upload-pack=touch /tmp/x",
            "-oProxyCommand=x:a",
            "ext::sh -c touch% /tmp/x",
            "ext::sh",
            "fd::17/foo",
            "git://example.com/a",
            "ftp://example.com/a",
            "javascript://example.com/a",
            "rsync://example.com/a",
            "transport::https://example.com/a",
            "https::https://example.com/a",
            "file://host/a",
            "file://../a",
            "file:relative",
            "https:/example.com/a",
            "//host/share",
            "../relative",
            "relative",
            "./a:b",
            "a/b:c",
            "C:\\repo",
            "https://",
            "https:///a",
            "https://example.com",
            "https://example.com/",
            "https://example.com/a?b",
            "https://example.com/a#b",
            "https://example.com/a\nb",
            "https://example.com/a b",
            "https://example.com/a%00b",
            "https://example.com/a%0Ab",
            "https://exa mple.com/a",
            "https://example.com\\@evil.com/a",
            "https://example.com:99999/a",
            "ssh://-oProxyCommand=touch%20x/a",
            "ssh://-oProxyCommand=x@host/a",
            "ssh://user@-oProxyCommand=x/a",
            "ssh://host",
            "ssh://host/",
            "ssh://host:0/a",
            "ssh://host:+22/a",
            "ssh://host:22:23/a",
            "ssh://ho;st/a",
            "ssh://$(id)@host/a",
            "git@-host:a",
            "git@host:",
            "git@host:/",
            "git@host:-option",
            "git@ho`id`st:a",
            "@host:a",
            ":a",
            "git@:a",
            "/",
            "/srv/\0",
            "/srv/a\nb",
        ] {
            assert!(parse(text).is_err(), "{text:?}: {:?}", parse(text));
        }
        assert!(parse(&format!("https://example.com/{}", "a".repeat(3000))).is_err());
    }

    #[test]
    fn a_credential_in_the_address_is_refused_with_advice_and_not_repeated() {
        for text in [
            "https://user:hunter2@example.com/a",
            "https://hunter2@example.com/a",
            "https://:hunter2@example.com/a",
            "ssh://git:hunter2@example.com/a",
            "http://hunter2@example.com/a",
        ] {
            let error = parse(text).expect_err(text);
            assert_eq!(error, InvalidUrl::Credential, "{text}");
            assert!(!error.to_string().contains("hunter2"));
        }
    }

    #[test]
    fn link_local_and_metadata_hosts_are_refused_however_they_are_written() {
        for text in [
            "https://169.254.169.254/a",
            "http://169.254.169.254:80/a",
            "https://2852039166/a",
            "https://0xa9fea9fe/a",
            "https://0251.0376.0251.0376/a",
            "https://169.254.43518/a",
            "https://[fe80::1]/a",
            "https://[::ffff:169.254.169.254]/a",
            "https://[64:ff9b::a9fe:a9fe]/a",
            "https://[fd00:ec2::254]/a",
            "https://100.100.100.200/a",
            "https://metadata.google.internal/a",
            "https://METADATA.google.internal./a",
            "ssh://git@169.254.169.254/a",
            "ssh://0xa9fea9fe/a",
            "git@169.254.1.1:a",
            "ssh://[fe80::1]/a",
        ] {
            assert_eq!(parse(text), Err(InvalidUrl::ForbiddenHost), "{text}");
        }
    }
}
