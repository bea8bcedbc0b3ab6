//! Enters: one question to several backends, each under its own deadline. Leaves: their answers
//! in the order of the route, whatever order they came in.

use std::future::Future;

use tokio::task::JoinSet;

use crate::backend::Exchange;
use crate::fail::{BackendError, BackendFailure, Stage};

/// What each backend said, in the order of the route.
pub(crate) struct Gathered<T> {
    /// Answers, with the index of the backend.
    pub(crate) answers: Vec<(usize, T)>,
    /// Failures.
    pub(crate) failures: Vec<BackendFailure>,
}

/// Asks every backend at once and waits for all. `ask` keeps its own deadline.
pub(crate) async fn gather<T, F>(
    exchanges: Vec<Exchange>,
    ask: impl Fn(Exchange) -> F,
) -> Gathered<T>
where
    T: Send + 'static,
    F: Future<Output = Result<T, BackendError>> + Send + 'static,
{
    let mut gathered = Gathered { answers: Vec::new(), failures: Vec::new() };
    // One backend needs no task of its own.
    if exchanges.len() == 1 {
        for exchange in exchanges {
            let name = exchange.backend().name.clone();
            let index = exchange.index;
            match ask(exchange).await {
                Ok(answer) => gathered.answers.push((index, answer)),
                Err(error) => gathered.failures.push(error.of(&name)),
            }
        }
        return gathered;
    }
    let mut slots: Vec<_> =
        exchanges.iter().map(|e| (e.index, e.backend().name.clone(), None)).collect();
    let mut tasks = JoinSet::new();
    for (slot, exchange) in exchanges.into_iter().enumerate() {
        let answer = ask(exchange);
        tasks.spawn(async move { (slot, answer.await) });
    }
    while let Some(joined) = tasks.join_next().await {
        if let Ok((slot, answer)) = joined {
            slots[slot].2 = Some(answer);
        }
    }
    for (index, name, answer) in slots {
        match answer {
            Some(Ok(answer)) => gathered.answers.push((index, answer)),
            Some(Err(error)) => gathered.failures.push(error.of(&name)),
            // The task died of a bug of ours: the panic is in the log, the backend is not to blame.
            None => gathered.failures.push(
                BackendError::BrokenOff(format!("the gateway failed ({:?})", Stage::Answer))
                    .of(&name),
            ),
        }
    }
    gathered
}
