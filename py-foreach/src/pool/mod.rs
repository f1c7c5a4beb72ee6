//! The pool of slots: never more processes than its size.
//!
//! A slot is in one of four places: *running* (one for each implementation that runs), *lent* (its token
//! is in our fifo or was taken from there by a client in a job), *in stock* (in our hand), or, where the
//! pool was given to us, with those above. Everything here moves slots between these places, one thread
//! does it, and the sum never exceeds what the pool has. That is the whole proof of the bound.
//!
//! As **server** we own N slots. What no job needs is lent at once and in full: the kernel hands tokens
//! to the next reader, so no demand ever waits for us, and an idle client keeps nothing because the tokens
//! lie where all can take them.
//!
//! As **client** we have one slot of our own and read one more for each further need, never waiting for
//! it. A job's further needs cannot be seen, only tried: while a client has our fifo open, one token lies
//! in it unspent; when it is taken there was a need, and the next is put in. When it is not taken and
//! those above have run dry, it goes back to them, and the trial is repeated ever more rarely. What
//! comes back into the fifo beyond the one goes up again. So an idle implementation keeps nothing, and
//! at most one token is kept that nobody has asked for.
//!
//! **Lost tokens.** make and ninja give back on TERM and INT, not on KILL. When a job has failed or was
//! ended and no process has the fifo open, or when nothing runs at all, no client can hold a token: what
//! is lent and does not lie in the fifo is lost, goes back to the stock, and is reported. Should a client
//! have held one with the fifo closed, its token turns up as one more than was lent and is taken out.

mod fifo;
mod outer;

use std::env;
use std::ffi::{OsStr, OsString};
use std::num::NonZeroUsize;
use std::path::Path;
use std::time::{Duration, Instant};

use common::Result;

use crate::makeflags::{self, Jobs};
use fifo::Fifo;
use outer::Outer;

/// How long a token may lie unspent while those above have none.
const PATIENCE: Duration = Duration::from_millis(50);
/// The shortest and the longest time until the next trial, and until the next look.
const SOON: Duration = Duration::from_millis(2);
const LATER: Duration = Duration::from_millis(50);
const LATEST: Duration = Duration::from_secs(1);

/// The most slots of a pool: as many tokens as a fifo holds (pipe(7)).
const MOST: usize = 64 << 10;

/// All slots.
#[derive(Debug)]
pub(crate) struct Pool {
    fifo: Fifo,
    source: Source,
    running: usize,
    lent: usize,
    stock: usize,
    trial: Trial,
    /// What a user calls this pool's size.
    size: usize,
}

#[derive(Debug)]
enum Source {
    Own,
    Given(Outer),
}

/// The search for demand, as a client.
#[derive(Debug)]
struct Trial {
    /// Since when one token has lain unspent.
    lying: Option<Instant>,
    /// No trial before this.
    not_before: Option<Instant>,
    /// The pause after the next trial that fails.
    pause: Duration,
    /// When to look again.
    look: Duration,
}

/// What the run needs of the pool now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// Another implementation could start, if it had a slot.
    Slot,
    /// None could start; what is over may be lent.
    None,
    /// Nothing may be lent either (memory is short).
    Brake,
}

/// A pool, and what is to be said about how it came to be.
pub(crate) struct Opened {
    pub(crate) pool: Pool,
    pub(crate) warning: Option<String>,
}

impl Pool {
    /// Opens the pool that MAKEFLAGS name, or makes one: of `jobs` slots, else as MAKEOPTS say, else as
    /// many as `helpers` has (distcc), else one for each CPU that we may use. An explicit `-j` makes an
    /// own one in any case, as with make. The fifo will lie in `directory`.
    pub(crate) fn open(
        jobs: Option<NonZeroUsize>,
        helpers: Option<usize>,
        directory: &Path,
    ) -> Result<Opened> {
        let makeflags = env::var_os("MAKEFLAGS").unwrap_or_default();
        let fifo = Fifo::make(directory.join("pool"))?;
        let mut warning = None;
        if jobs.is_none() {
            match Outer::open(&makeflags::auth(&makeflags)) {
                Ok(None) => {}
                Ok(Some(outer)) => {
                    let size = given_size(&makeflags);
                    let pool = Self::of(fifo, Source::Given(outer), 1, size.get());
                    return Ok(Opened { pool, warning });
                }
                Err(error) => {
                    warning = Some(format!(
                        "the pool of MAKEFLAGS cannot be used ({error}): mark the recipe with +; \
                         going on with a pool of its own"
                    ));
                }
            }
        }
        let size = own_size(jobs, helpers);
        let pool = Self::of(fifo, Source::Own, size.get(), size.get());
        Ok(Opened { pool, warning })
    }

    /// The size that the pool would have, if it were opened with the same.
    pub(crate) fn expected_size(jobs: Option<NonZeroUsize>, helpers: Option<usize>) -> usize {
        let makeflags = env::var_os("MAKEFLAGS").unwrap_or_default();
        let is_given = jobs.is_none() && makeflags::auth(&makeflags) != makeflags::Auth::None;
        let size = if is_given {
            given_size(&makeflags)
        } else {
            own_size(jobs, helpers)
        };
        size.get().min(MOST)
    }

    fn of(fifo: Fifo, source: Source, stock: usize, size: usize) -> Self {
        let size = size.min(MOST);
        Self {
            fifo,
            source,
            running: 0,
            lent: 0,
            stock: stock.min(size),
            trial: Trial {
                lying: None,
                not_before: None,
                pause: LATER,
                look: SOON,
            },
            size,
        }
    }

    /// The fifo that the jobs draw further slots from.
    pub(crate) fn fifo(&self) -> &Path {
        self.fifo.path()
    }

    /// Whose it is, in a word for the report.
    pub(crate) fn whose(&self) -> &'static str {
        match self.source {
            Source::Own => "own",
            Source::Given(_) => "given",
        }
    }

    /// All slots, as far as we know.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// Takes a slot for an implementation, if one can be had now.
    pub(crate) fn take_slot(&mut self) -> Result<bool> {
        if self.stock == 0 && !self.restock()? {
            return Ok(false);
        }
        self.stock -= 1;
        self.running += 1;
        Ok(true)
    }

    /// The implementation that held a slot has ended.
    pub(crate) fn give_slot(&mut self) {
        self.running -= 1;
        self.stock += 1;
    }

    /// Moves slots to where they serve. Tells when to come again, if it has to be soon.
    pub(crate) fn tend(&mut self, need: Need) -> Result<Option<Duration>> {
        self.drop_surplus()?;
        match self.source {
            Source::Own => self.tend_own(need),
            Source::Given(_) => self.tend_given(need),
        }
    }

    /// Takes back what clients took with them, if it is sure that no client is left.
    ///
    /// Tells how many that were.
    pub(crate) fn recover(&mut self) -> Result<usize> {
        if self.running > 0 && self.fifo.has_clients()? {
            return Ok(0);
        }
        let lost = self.lent.saturating_sub(self.fifo.unspent()?);
        self.lent -= lost;
        self.stock += lost;
        Ok(lost)
    }

    /// Gives everything back.
    pub(crate) fn close(mut self) -> Result<()> {
        self.withdraw(usize::MAX)?;
        if let Source::Given(outer) = &mut self.source {
            while outer.held() > 0 {
                outer.give()?;
            }
        }
        Ok(())
    }

    /// Gets one slot into the stock.
    fn restock(&mut self) -> Result<bool> {
        if self.withdraw(1)? > 0 {
            return Ok(true);
        }
        let Source::Given(outer) = &mut self.source else {
            return Ok(false);
        };
        let taken = outer.take()?;
        self.stock += usize::from(taken);
        Ok(taken)
    }

    fn tend_own(&mut self, need: Need) -> Result<Option<Duration>> {
        match need {
            Need::Brake => {
                self.withdraw(usize::MAX)?;
                Ok(Some(LATER))
            }
            Need::None => {
                self.lend(self.stock)?;
                Ok(None)
            }
            // Somebody gives one back sooner or later; the reader of a fifo cannot be told.
            Need::Slot => Ok((self.stock == 0 && self.lent > 0).then_some(SOON * 2)),
        }
    }

    fn tend_given(&mut self, need: Need) -> Result<Option<Duration>> {
        if need == Need::Slot && self.stock == 0 {
            self.restock()?;
        }
        let clients = self.fifo.has_clients()?;
        self.try_demand(need, clients)?;
        let spare = usize::from(need == Need::Slot);
        if let Source::Given(outer) = &mut self.source {
            while self.stock > spare && outer.held() > 0 {
                outer.give()?;
                self.stock -= 1;
            }
        }
        if self.running == 0 && need != Need::Slot {
            return Ok(None);
        }
        Ok(Some(if clients || need == Need::Slot {
            self.trial.look
        } else {
            LATER
        }))
    }

    /// Keeps one unspent token in the fifo while that finds takers.
    fn try_demand(&mut self, need: Need, clients: bool) -> Result<()> {
        let unspent = self.fifo.unspent()?;
        if !clients || need != Need::None {
            self.trial.lying = None;
            self.trial.look = (self.trial.look * 2).min(LATER / 2);
            self.withdraw(unspent)?;
            return Ok(());
        }
        self.withdraw(unspent.saturating_sub(1))?;
        let now = Instant::now();
        if unspent > 0 {
            let since = *self.trial.lying.get_or_insert(now);
            let dry = match &self.source {
                Source::Given(outer) => !outer.has_some()?,
                Source::Own => false,
            };
            self.trial.look = (self.trial.look * 2).min(LATER);
            if dry && now.duration_since(since) >= PATIENCE && self.withdraw(1)? > 0 {
                self.trial.lying = None;
                self.trial.not_before = Some(now + self.trial.pause);
                self.trial.pause = (self.trial.pause * 2).min(LATEST);
            }
            return Ok(());
        }
        if self.trial.lying.take().is_some() {
            // It was taken: there is demand, so be quick.
            self.trial.pause = LATER;
            self.trial.look = SOON;
        }
        if self.trial.not_before.is_none_or(|time| now >= time)
            && (self.stock > 0 || self.restock()?)
        {
            self.lend(1)?;
            self.trial.lying = Some(now);
        }
        Ok(())
    }

    fn lend(&mut self, tokens: usize) -> Result<()> {
        let lent = self.fifo.put(tokens)?;
        self.stock -= lent;
        self.lent += lent;
        Ok(())
    }

    /// Takes unspent tokens back into the stock.
    fn withdraw(&mut self, tokens: usize) -> Result<usize> {
        let tokens = tokens.min(self.fifo.unspent()?).min(self.lent);
        let back = self.fifo.withdraw(tokens)?;
        self.lent -= back;
        self.stock += back;
        Ok(back)
    }

    /// More lies in the fifo than was lent: a token that was given up for lost came back.
    fn drop_surplus(&mut self) -> Result<()> {
        let surplus = self.fifo.unspent()?.saturating_sub(self.lent);
        self.fifo.withdraw(surplus).map(drop)
    }
}

/// A bare -j names a pool and not its size, as ours are named: the CPUs are the best guess.
fn given_size(makeflags: &OsStr) -> NonZeroUsize {
    match makeflags::jobs(makeflags) {
        Some(Jobs::Bounded(slots)) => slots,
        Some(Jobs::Unbounded) | None => cpus(),
    }
}

fn own_size(jobs: Option<NonZeroUsize>, helpers: Option<usize>) -> NonZeroUsize {
    let makeopts: OsString = env::var_os("MAKEOPTS").unwrap_or_default();
    jobs.or_else(|| bounded(makeflags::jobs(&makeopts)))
        .or_else(|| helpers.and_then(NonZeroUsize::new))
        .unwrap_or_else(cpus)
}

/// The fixed share of `size` slots that each of `together` jobs has, for tools that know no pool: at least 1.
pub(crate) fn share(size: usize, together: usize) -> usize {
    (size / together.clamp(1, size)).max(1)
}

fn bounded(jobs: Option<Jobs>) -> Option<NonZeroUsize> {
    match jobs? {
        Jobs::Bounded(n) => Some(n),
        // What Gentoo takes a bare -j for.
        Jobs::Unbounded => NonZeroUsize::new(999),
    }
}

fn cpus() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}
