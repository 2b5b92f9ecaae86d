//! How often somebody may try to log in.

use std::{
    hash::{BuildHasher, RandomState},
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use governor::{
    DefaultKeyedRateLimiter, Quota, RateLimiter,
    clock::{Clock, DefaultClock},
};
use tokio::sync::Semaphore;

use crate::error::{Error, Result};

/// Attempts from one address before it has to wait, and how often one more is granted.
const BY_ADDRESS: (NonZeroU32, Duration) =
    (NonZeroU32::new(30).expect("not 0"), Duration::from_secs(2));
/// Attempts at one name before it has to wait, and how often one more is granted.
const BY_NAME: (NonZeroU32, Duration) =
    (NonZeroU32::new(10).expect("not 0"), Duration::from_secs(6));
/// After so many attempts, what has recovered is forgotten.
const FORGET_EVERY: u32 = 256;

/// Attempts to log in, by address and by name.
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
            format!("too many attempts to log in; try again in {seconds} s"),
            seconds,
        ))
    }
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
