//! Enters: how long something may take. Leaves: an alarm for when it takes longer.
//!
//! Nearly no deadline of a call ever passes, and putting a timer into the runtime's wheel and
//! taking it out again costs more than all else about it. So a timer stays there when its alarm is
//! done, for the next one: if it fires too early then, it is moved.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// The timers of one worker that no alarm has now. Cloning shares them; they belong to the runtime
/// in which they were first waited for, and so do their alarms.
#[derive(Clone, Debug, Default)]
pub(crate) struct Alarms(Arc<Mutex<Vec<Pin<Box<Sleep>>>>>);

/// Ends at its time. Dropping it before costs next to nothing.
#[derive(Debug)]
pub(crate) struct Alarm {
    due: Instant,
    timer: Option<Pin<Box<Sleep>>>,
    alarms: Alarms,
}

/// Timers that are kept: each still knows whom it last had to wake, until it fires.
const MOST: usize = 64;

// === impl Alarms ===

impl Alarms {
    /// An alarm `time` from now.
    pub(crate) fn after(&self, time: Duration) -> Alarm {
        self.at(Instant::now() + time)
    }

    fn at(&self, due: Instant) -> Alarm {
        Alarm { due, timer: None, alarms: self.clone() }
    }

    /// What comes of `work`, unless it takes longer than `limit`. What is ready at once does not
    /// even look at the clock.
    pub(crate) async fn within<T>(
        &self,
        limit: Duration,
        work: impl Future<Output = T>,
    ) -> Option<T> {
        let (mut work, mut alarm) = (pin!(work), None);
        poll_fn(|cx| match work.as_mut().poll(cx) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending => {
                let alarm = alarm.get_or_insert_with(|| self.after(limit));
                Pin::new(alarm).poll(cx).map(|()| None)
            }
        })
        .await
    }

    fn timers(&self) -> std::sync::MutexGuard<'_, Vec<Pin<Box<Sleep>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl hyper::rt::Timer for Alarms {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn hyper::rt::Sleep>> {
        Box::pin(self.after(duration))
    }

    fn sleep_until(&self, deadline: std::time::Instant) -> Pin<Box<dyn hyper::rt::Sleep>> {
        Box::pin(self.at(deadline.into()))
    }

    fn now(&self) -> std::time::Instant {
        Instant::now().into()
    }
}

// === impl Alarm ===

impl Future for Alarm {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Self { due, timer, alarms } = self.get_mut();
        let timer = timer.get_or_insert_with(|| {
            let kept = alarms.timers().pop();
            kept.unwrap_or_else(|| Box::pin(sleep_until(*due)))
        });
        if timer.deadline() > *due {
            timer.as_mut().reset(*due);
        }
        loop {
            ready!(timer.as_mut().poll(cx));
            if timer.deadline() >= *due {
                return Poll::Ready(());
            }
            timer.as_mut().reset(*due);
        }
    }
}

impl hyper::rt::Sleep for Alarm {}

impl Drop for Alarm {
    fn drop(&mut self) {
        let Some(timer) = self.timer.take() else { return };
        let mut timers = self.alarms.timers();
        if timers.len() < MOST {
            timers.push(timer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: Duration = Duration::from_millis(5);
    const LONG: Duration = Duration::from_secs(3600);

    /// Polls once, so that a timer is taken.
    async fn touch(alarm: &mut Alarm) -> bool {
        poll_fn(|cx| Poll::Ready(Pin::new(&mut *alarm).poll(cx).is_ready())).await
    }

    #[tokio::test]
    async fn an_alarm_ends_at_its_time_whatever_its_timer_was_for_before() {
        let alarms = Alarms::default();
        // A timer that would fire too late, one that fires too early, and one that has fired.
        for (before, steps) in [(LONG, 1), (STEP, 4), (STEP, 2), (LONG, 3)] {
            let mut dropped = alarms.after(before);
            touch(&mut dropped).await;
            drop(dropped);
            let began = Instant::now();
            alarms.after(STEP * steps).await;
            assert!(began.elapsed() >= STEP * steps);
            assert_eq!(alarms.timers().len(), 1);
        }
    }

    #[tokio::test]
    async fn alarms_at_one_time_have_timers_of_their_own() {
        let alarms = Alarms::default();
        let mut late = alarms.after(LONG);
        assert!(!touch(&mut late).await);
        alarms.after(STEP).await;
        assert!(!touch(&mut late).await);
        drop(late);
        assert_eq!(alarms.timers().len(), 2);
    }

    #[tokio::test]
    async fn work_ends_or_its_time_is_over() {
        let alarms = Alarms::default();
        assert_eq!(alarms.within(LONG, async { 7 }).await, Some(7));
        assert!(alarms.timers().is_empty(), "what is ready needs no timer");
        assert_eq!(alarms.within(STEP, std::future::pending::<()>()).await, None);
        assert_eq!(alarms.within(LONG, tokio::time::sleep(STEP)).await, Some(()));
    }

    #[tokio::test]
    async fn no_more_timers_are_kept_than_are_worth_it() {
        let alarms = Alarms::default();
        let mut many: Vec<_> = (0..2 * MOST).map(|_| alarms.after(LONG)).collect();
        for alarm in &mut many {
            assert!(!touch(alarm).await);
        }
        drop(many);
        assert_eq!(alarms.timers().len(), MOST);
    }
}
