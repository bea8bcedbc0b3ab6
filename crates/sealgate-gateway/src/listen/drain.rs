//! Enters: the wish to stop. Leaves: the same, at every connection of a listener: first "finish
//! what you are doing", later "stop". Costs a running connection one atomic load a poll.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;

const RUN: u8 = 0;
const FINISH: u8 = 1;
const STOP: u8 = 2;

/// Stops the connections of one listener on one worker. Cloning shares it.
#[derive(Clone, Default)]
pub struct Drain(Arc<Shared>);

#[derive(Default)]
struct Shared {
    wish: AtomicU8,
    tickets: Mutex<Tickets>,
    /// Told when the last ticket is gone.
    empty: Notify,
}

#[derive(Default)]
struct Tickets {
    next: u64,
    wakers: HashMap<u64, Option<Waker>>,
}

/// One connection's (or accept loop's) view of it.
pub(super) struct Ticket {
    drain: Drain,
    number: u64,
    /// The waker that is registered, so that polls need not look.
    registered: Option<Waker>,
}

/// What is wished of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    Run,
    Finish,
    Stop,
}

// === impl Drain ===

impl Drain {
    /// Lets every connection finish its request, waits up to `limit` for that, and stops those
    /// that are left. Returns how many were.
    pub async fn run(&self, limit: Duration) -> usize {
        self.wish(FINISH);
        let emptied = timeout(limit, async {
            loop {
                let told = self.0.empty.notified();
                if self.open() == 0 {
                    return;
                }
                told.await;
            }
        });
        let left = if emptied.await.is_ok() { 0 } else { self.open() };
        self.wish(STOP);
        left
    }

    /// Connections and accept loops that are left.
    pub fn open(&self) -> usize {
        self.tickets().wakers.len()
    }

    pub(super) fn ticket(&self) -> Ticket {
        let mut tickets = self.tickets();
        let number = tickets.next;
        tickets.next += 1;
        tickets.wakers.insert(number, None);
        Ticket { drain: self.clone(), number, registered: None }
    }

    fn wish(&self, wish: u8) {
        self.0.wish.store(wish, Ordering::Release);
        let wakers: Vec<_> = self.tickets().wakers.values_mut().filter_map(Option::take).collect();
        wakers.into_iter().for_each(Waker::wake);
    }

    fn tickets(&self) -> MutexGuard<'_, Tickets> {
        self.0.tickets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Ticket ===

impl Ticket {
    /// What is wished now; the task is woken when that changes.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Wish {
        let wish = self.wish();
        if wish == Wish::Run
            && self.registered.as_ref().is_some_and(|waker| waker.will_wake(cx.waker()))
        {
            return wish;
        }
        // Registered anew after each change, since a change takes the wakers.
        self.registered = Some(cx.waker().clone());
        self.drain.tickets().wakers.insert(self.number, Some(cx.waker().clone()));
        self.wish()
    }

    pub(super) fn wish(&self) -> Wish {
        match self.drain.0.wish.load(Ordering::Acquire) {
            RUN => Wish::Run,
            FINISH => Wish::Finish,
            _ => Wish::Stop,
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut tickets = self.drain.tickets();
        tickets.wakers.remove(&self.number);
        if tickets.wakers.is_empty() {
            self.drain.0.empty.notify_one();
        }
    }
}

#[cfg(test)]
mod tests;
