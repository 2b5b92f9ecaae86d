//! How often somebody may try a password, and how many webhooks may come.

use std::{
    hash::{BuildHasher, RandomState},
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use flowcd_model::id::AppId;
use governor::{
    DefaultKeyedRateLimiter, Quota, RateLimiter,
    clock::{Clock, DefaultClock},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::{Error, Result};

/// Attempts from one address before it has to wait, and how often one more is granted.
const BY_ADDRESS: (NonZeroU32, Duration) =
    (NonZeroU32::new(30).expect("not 0"), Duration::from_secs(2));
/// Attempts at one name before it has to wait, and how often one more is granted.
const BY_NAME: (NonZeroU32, Duration) =
    (NonZeroU32::new(10).expect("not 0"), Duration::from_secs(6));
/// After so many attempts, what has recovered is forgotten.
const FORGET_EVERY: u32 = 256;

/// Attempts with a password, by address and by name.
///
/// Both are needed: one address may try many names, and many addresses one name. The names are hashed with a random
/// key, so that neither their length nor what they are is kept.
pub(crate) struct LoginLimit {
    by_address: DefaultKeyedRateLimiter<IpAddr>,
    by_name: DefaultKeyedRateLimiter<u64>,
    hasher: RandomState,
    n_attempts: AtomicU32,
    /// Hashing a password takes memory by design, so few are hashed at once.
    pub(crate) hashing: Semaphore,
}

impl LoginLimit {
    pub(crate) fn new() -> Self {
        let n_cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            by_address: RateLimiter::keyed(quota(BY_ADDRESS)),
            by_name: RateLimiter::keyed(quota(BY_NAME)),
            hasher: RandomState::new(),
            n_attempts: AtomicU32::new(0),
            hashing: Semaphore::new(n_cores),
        }
    }

    /// Counts an attempt; an error when there were too many.
    pub(crate) fn attempt(&self, address: Option<IpAddr>, username: &str) -> Result<()> {
        if self.n_attempts.fetch_add(1, Ordering::Relaxed) % FORGET_EVERY == FORGET_EVERY - 1 {
            self.by_address.retain_recent();
            self.by_name.retain_recent();
        }
        let name = self.hasher.hash_one(username);
        let refused = match address {
            Some(address) => self.by_address.check_key(&network(address)).err(),
            None => None,
        };
        let Some(refused) = refused.or_else(|| self.by_name.check_key(&name).err()) else {
            return Ok(());
        };
        let wait = refused.wait_time_from(DefaultClock::default().now());
        let seconds = wait.as_secs() + 1;
        Err(Error::too_many(
            format!("too many attempts with a password; try again in {seconds} s"),
            seconds,
        ))
    }
}

/// Webhooks that were refused, from one address, before it has to wait, and how often one more is granted. Whoever
/// sends those does not know a secret.
const REFUSED_BY_ADDRESS: (NonZeroU32, Duration) =
    (NonZeroU32::new(60).expect("not 0"), Duration::from_secs(1));
/// Webhooks for one application before its host has to wait, and how often one more is granted.
const BY_APPLICATION: (NonZeroU32, Duration) = (
    NonZeroU32::new(2_000).expect("not 0"),
    Duration::from_millis(20),
);
/// All bodies of webhooks that are read at once, in units of [`BODY_UNIT_BYTES`].
const MAX_BODY_UNITS: usize = 2_048;
/// The unit in which memory for bodies is given out.
pub(crate) const BODY_UNIT_BYTES: usize = 64 * 1024;
/// How long a body may wait for memory: the host has a limit, too.
const ROOM_TIMEOUT: Duration = Duration::from_secs(2);
/// Long bodies that are read at once.
const MAX_READING: usize = 2;

/// Webhooks, by the address they come from and by the application they are for, and the memory that they take.
pub(crate) struct HookLimit {
    refused_by_address: DefaultKeyedRateLimiter<IpAddr>,
    by_application: DefaultKeyedRateLimiter<AppId>,
    n_hooks: AtomicU32,
    bodies: Arc<Semaphore>,
    reading: Arc<Semaphore>,
}

impl HookLimit {
    pub(crate) fn new() -> Self {
        Self {
            refused_by_address: RateLimiter::keyed(quota(REFUSED_BY_ADDRESS)),
            by_application: RateLimiter::keyed(quota(BY_APPLICATION)),
            n_hooks: AtomicU32::new(0),
            bodies: Arc::new(Semaphore::new(MAX_BODY_UNITS)),
            reading: Arc::new(Semaphore::new(MAX_READING)),
        }
    }

    /// Counts a webhook for an application that there is; an error when there were too many.
    pub(crate) fn attempt(&self, app_id: &AppId) -> Result<()> {
        if self.n_hooks.fetch_add(1, Ordering::Relaxed) % FORGET_EVERY == FORGET_EVERY - 1 {
            self.refused_by_address.retain_recent();
            self.by_application.retain_recent();
        }
        let refused = self.by_application.check_key(app_id).err();
        refused.map_or(Ok(()), |refused| {
            Err(too_many_hooks(
                "too many webhooks for this application",
                refused.wait_time_from(DefaultClock::default().now()),
            ))
        })
    }

    /// Counts a webhook that was refused; an error, in the place of the refusal, when there were too many.
    pub(crate) fn refused(&self, address: Option<IpAddr>) -> Result<()> {
        let Some(address) = address else {
            return Ok(());
        };
        let refused = self.refused_by_address.check_key(&network(address)).err();
        refused.map_or(Ok(()), |refused| {
            Err(too_many_hooks(
                "too many webhooks from this address that no application takes",
                refused.wait_time_from(DefaultClock::default().now()),
            ))
        })
    }

    /// Takes memory for a piece of a body, which is given back with the permit. Only what has arrived takes memory, so
    /// that whoever announces much and sends little stands in nobody's way; where there is none soon, the sender is to
    /// come back.
    pub(crate) async fn room(&self, n_bytes: usize) -> Result<OwnedSemaphorePermit> {
        let n_units = n_bytes.div_ceil(BODY_UNIT_BYTES).clamp(1, MAX_BODY_UNITS) as u32;
        let room = Arc::clone(&self.bodies).acquire_many_owned(n_units);
        match tokio::time::timeout(ROOM_TIMEOUT, room).await {
            Ok(permit) => permit.map_err(|_| Error::unavailable("the server is stopping")),
            Err(_) => Err(Error::unavailable(
                "too many deliveries are coming in at once; send it again",
            )),
        }
    }

    /// Waits for the turn to read a long body: what it becomes takes many times its length.
    pub(crate) async fn turn(&self) -> Result<OwnedSemaphorePermit> {
        let turn = Arc::clone(&self.reading).acquire_owned();
        turn.await
            .map_err(|_| Error::unavailable("the server is stopping"))
    }
}

fn too_many_hooks(what: &str, wait: Duration) -> Error {
    let seconds = wait.as_secs() + 1;
    Error::too_many(format!("{what}; try again in {seconds} s"), seconds)
}

fn quota((burst, period): (NonZeroU32, Duration)) -> Quota {
    Quota::with_period(period)
        .expect("the period is not 0")
        .allow_burst(burst)
}

/// Whoever has one IPv6 address has the 64-bit network around it.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(address) => IpAddr::V4(address),
            None => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::{LoginLimit, network};

    #[test]
    fn a_name_is_locked_whatever_the_address_and_others_are_not() {
        let limit = LoginLimit::new();
        for n in 0..10_u8 {
            let address = IpAddr::from([10, 0, 0, n]);
            assert!(limit.attempt(Some(address), "alice").is_ok(), "{n}");
        }
        let elsewhere = Some(IpAddr::from([10, 1, 1, 1]));
        assert!(limit.attempt(elsewhere, "alice").is_err());
        assert!(limit.attempt(elsewhere, "bob").is_ok());
    }

    #[test]
    fn an_address_is_locked_whatever_the_name() {
        let limit = LoginLimit::new();
        let address: Option<IpAddr> = Some(IpAddr::from([10, 0, 0, 1]));
        let n_ok = (0..100)
            .filter(|n| limit.attempt(address, &format!("user{n}")).is_ok())
            .count();
        assert_eq!(n_ok, 30);
    }

    #[test]
    fn neighbours_in_an_ipv6_network_count_as_one() -> Result<(), std::net::AddrParseError> {
        assert_eq!(
            network("2001:db8::1".parse()?),
            network("2001:db8::ffff:1".parse()?)
        );
        assert_ne!(
            network("2001:db8::1".parse()?),
            network("2001:db8:0:1::1".parse()?)
        );
        assert_eq!(
            network("::ffff:10.0.0.1".parse()?),
            IpAddr::from([10, 0, 0, 1])
        );
        Ok(())
    }
}
