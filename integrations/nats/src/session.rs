//! A worker from one connection to the next fault.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use aster::Device;
use aster::detect::{Row, StreamOutput, Streams};
use async_nats::jetstream::{Context, Message};
use tokio::sync::mpsc;
use tokio::task::block_in_place;
use tokio::time::MissedTickBehavior;

use crate::broker::Broker;
use crate::config::WorkerConfig;
use crate::detectors::Detectors;
use crate::error::{NatsError, broker, detector};
use crate::lease::{Alive, share};
use crate::names::{Names, series};
use crate::partition::{Incoming, Part, Task};
use crate::series::{Series, store};
use crate::telemetry;
use crate::tell::events;

/// What a worker holds: nothing of it is missed when it is gone.
pub(crate) struct Session<'a> {
    config: &'a WorkerConfig,
    broker: Broker,
    detectors: Detectors,
    streams: Streams,
    series: HashMap<String, Series>,
    parts: BTreeMap<u32, Part>,
    alive: Alive,
    /// How often the client had connected when the session began.
    connected: u64,
    sender: mpsc::Sender<Incoming>,
    incoming: mpsc::Receiver<Incoming>,
    /// Signs of life, which go on while the network runs.
    _beat: Task,
}

impl<'a> Session<'a> {
    pub(crate) async fn open(
        context: &Context,
        config: &'a WorkerConfig,
        device: &Device,
    ) -> Result<Self, NatsError> {
        let names = Names::new(&config.group)?;
        let broker = Broker::open(context, &names, config.partitions).await?;
        let connected = connects(context);
        let detectors = Detectors::open(&broker.detectors, &names, device).await?;
        let streams = Streams::new(detectors.current().clone(), config.stream);
        let streams = streams.map_err(detector(&config.group))?.with_threads(config.threads)?;
        broker.leases.release(&config.worker).await?;
        broker.leases.beat(&config.worker).await?;
        let (leases, worker, pause) =
            (broker.leases.clone(), config.worker.clone(), config.lease() / 4);
        let beat = tokio::spawn(async move {
            loop {
                tokio::time::sleep(pause).await;
                if let Err(error) = leases.beat(&worker).await {
                    tracing::warn!("{error}");
                }
            }
        });
        let (sender, incoming) = mpsc::channel(config.batch);
        Ok(Self {
            config,
            broker,
            detectors,
            streams,
            series: HashMap::new(),
            parts: BTreeMap::new(),
            alive: Alive::default(),
            connected,
            sender,
            incoming,
            _beat: Task(beat),
        })
    }

    /// Takes rows until it is to stop, between two batches, or something fails. A batch is not left halfway:
    /// what is covered and what is stored would no longer be the same.
    pub(crate) async fn run(
        &mut self,
        mut stop: Pin<&mut impl Future<Output = ()>>,
    ) -> Result<(), NatsError> {
        let mut ticks = tokio::time::interval(self.config.lease() / 3);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut stored = Instant::now();
        loop {
            let mut batch = vec![];
            tokio::select! {
                () = &mut stop => return Ok(()),
                _ = ticks.tick() => {
                    // What was on its way when a connection broke does not come again.
                    if connects(&self.broker.context) != self.connected {
                        return Err(NatsError::Reconnected);
                    }
                    self.keep_house().await?;
                }
                _ = self.incoming.recv_many(&mut batch, self.config.batch) => {
                    self.take(batch).await?;
                }
                () = tokio::time::sleep_until((stored + self.config.checkpoint()).into()) => {}
            }
            let uncovered: u64 = self.parts.values().map(Part::uncovered).sum();
            if stored.elapsed() >= self.config.checkpoint()
                || uncovered >= self.config.uncovered as u64
            {
                self.checkpoint().await?;
                stored = Instant::now();
            }
        }
    }

    /// Periodic upkeep of detector, partitions and clock, within a time limit: some of the client's calls
    /// have none of their own.
    async fn keep_house(&mut self) -> Result<(), NatsError> {
        let limit = Duration::from_secs(60).max(4 * self.config.lease());
        let work = async {
            self.take_over_detector().await?;
            self.divide().await?;
            self.look_at_the_clock().await
        };
        let silent =
            NatsError::Silent { what: "partitions and detector", seconds: limit.as_secs() };
        tokio::time::timeout(limit, work).await.unwrap_or(Err(silent))
    }

    /// Stores all there is and gives the partitions back.
    ///
    /// Where another worker has taken one meanwhile, it does what is not stored anew, and so will those who
    /// take the others.
    pub(crate) async fn close(mut self) -> Result<(), NatsError> {
        match self.store_and_give_back().await {
            Ok(()) => {}
            Err(error @ NatsError::Lost { .. }) => {
                tracing::warn!("{error}; what is not stored is done anew");
                self.broker.leases.release(&self.config.worker).await?;
            }
            Err(error) => return Err(error),
        }
        self.broker.leases.leave(&self.config.worker).await
    }

    async fn store_and_give_back(&mut self) -> Result<(), NatsError> {
        self.checkpoint().await?;
        for partition in self.parts.keys().copied().collect::<Vec<_>>() {
            self.give_back(partition).await?;
        }
        Ok(())
    }

    /// Scores the rows of a batch, stores the series that have something to tell, and tells it.
    async fn take(&mut self, batch: Vec<Incoming>) -> Result<(), NatsError> {
        let mut messages: Vec<(String, u64, Message)> = vec![];
        for Incoming { partition, generation, message } in batch {
            let part = self.parts.get_mut(&partition);
            let Some(part) = part.filter(|part| part.generation() == generation) else { continue };
            let message = message?;
            let name = series(message.subject.rsplit('.').next().unwrap_or_default());
            let info = message.info().map_err(broker("a row"))?;
            telemetry::pending(partition, info.pending);
            let sequence = info.stream_sequence;
            part.seen(sequence, info.consumer_sequence);
            // Two workers would have the series.
            match Series::partition(&name, self.config.partitions) {
                its if its == partition => messages.push((name, sequence, message)),
                its => {
                    let reason = format!("{}: expected partition {its}", message.subject);
                    self.reject(&(name, sequence, message), &reason).await?;
                }
            }
        }
        let names: HashSet<&str> = messages.iter().map(|(name, ..)| name.as_str()).collect();
        let unknown = names.into_iter().filter(|name| !self.series.contains_key(*name));
        let unknown: Vec<String> = unknown.map(String::from).collect();
        self.load(unknown).await?;

        let mut rows = vec![];
        for (at, (name, sequence, message)) in messages.iter().enumerate() {
            let Some(known) = self.series.get_mut(name) else { continue };
            if *sequence <= known.covered {
                continue; // a row that a stored state covers already
            }
            known.covered = *sequence;
            known.changed = true;
            match serde_json::from_slice::<Row>(&message.payload) {
                Ok(row) => rows.push((at, (name.as_str(), row))),
                Err(error) => self.reject(&messages[at], &error.to_string()).await?,
            }
        }
        let (outputs, rejected) = block_in_place(|| push(&mut self.streams, rows));
        for (at, reason) in rejected {
            self.reject(&messages[at], &reason).await?;
        }
        telemetry::rows(messages.len());
        self.say(outputs).await
    }

    async fn reject(
        &self,
        (name, sequence, message): &(String, u64, Message),
        reason: &str,
    ) -> Result<(), NatsError> {
        tracing::warn!(series = name, row = sequence, "rejected: {reason}");
        telemetry::rejected();
        self.broker.reject(name, *sequence, reason, message.payload.clone()).await
    }

    /// Stores and tells what there is to tell of series.
    async fn say(&mut self, outputs: HashMap<String, Vec<StreamOutput>>) -> Result<(), NatsError> {
        let mut telling = vec![];
        for (name, outputs) in outputs {
            let Some(known) = self.series.get_mut(&name) else { continue };
            let said = events(&name, known.events, &outputs).map_err(broker("an event"))?;
            if !said.is_empty() {
                known.say(said);
                telling.push(name);
            }
        }
        store(&self.broker, &self.streams, &mut self.series, telling).await
    }

    /// Reads the states of series that other workers, or this one earlier, have stored.
    async fn load(&mut self, names: Vec<String>) -> Result<(), NatsError> {
        for (name, record, known) in Series::load(&self.broker, names).await? {
            let mut known = known;
            if !record.stream.is_empty() {
                let moved = self.restore(&name, &record.fingerprint, &record.stream).await?;
                if let Some(output) = moved {
                    let said = events(&name, known.events, &[output]);
                    known.say(said.map_err(broker("an event"))?);
                    known.changed = true;
                }
            }
            known.tell(&self.broker, &name).await?;
            self.series.insert(name, known);
        }
        Ok(())
    }

    /// Takes over the stream of a series; one of an earlier detector goes on with the current one, which
    /// may have something to tell.
    async fn restore(
        &mut self,
        name: &str,
        fingerprint: &str,
        stream: &[u8],
    ) -> Result<Option<StreamOutput>, NatsError> {
        let of_series = || detector(format!("series {name:?}"));
        if fingerprint == self.detectors.current().fingerprint() {
            self.streams.insert(name, stream).map_err(of_series())?;
            return Ok(None);
        }
        let earlier = self.detectors.of(fingerprint).await?;
        let mut alone = Streams::new(earlier, self.config.stream).map_err(of_series())?;
        alone.insert(name, stream).map_err(of_series())?;
        let mut outputs = alone.swap(self.detectors.current().clone()).map_err(of_series())?;
        let Some(stream) = alone.to_bytes(name).map_err(of_series())? else { return Ok(None) };
        self.streams.insert(name, &stream).map_err(of_series())?;
        Ok(Some(outputs.remove(name).unwrap_or_default()))
    }

    /// Stores all series with new rows, then says that these are covered.
    async fn checkpoint(&mut self) -> Result<(), NatsError> {
        let changed = self.series.iter().filter(|(_, known)| known.changed);
        let changed: Vec<String> = changed.map(|(name, _)| name.clone()).collect();
        let started = Instant::now();
        store(&self.broker, &self.streams, &mut self.series, changed).await?;
        for part in self.parts.values_mut() {
            part.cover(&self.broker).await?;
        }
        telemetry::stored(started, self.series.len());
        Ok(())
    }

    /// Takes over a detector that was put in place of the current one.
    async fn take_over_detector(&mut self) -> Result<(), NatsError> {
        let detector = match self.detectors.replaced().await {
            Ok(Some(detector)) => detector,
            Ok(None) => return Ok(()),
            Err(error) if error.passes() => return Err(error),
            // What is no detector is told of, and the current one goes on.
            Err(error) => {
                tracing::error!("{error}");
                return Ok(());
            }
        };
        match block_in_place(|| self.streams.swap(detector.clone())) {
            Ok(outputs) => {
                tracing::info!(fingerprint = detector.fingerprint(), "a new detector");
                self.detectors.take(detector);
                self.series.values_mut().for_each(|known| known.changed = true);
                self.say(outputs.into_iter().map(|(name, it)| (name, vec![it])).collect()).await
            }
            Err(error) => {
                tracing::error!("the new detector: {error}");
                Ok(())
            }
        }
    }

    /// Takes partitions of which no worker takes care, and gives back what others are short of.
    async fn divide(&mut self) -> Result<(), NatsError> {
        let leases = self.broker.leases.clone();
        let signs = leases.signs().await?;
        let alive = self.alive.note(&signs, self.config.lease());
        let place = alive.iter().position(|it| *it == self.config.worker).unwrap_or(alive.len());
        let share = share(leases.partitions, alive.len(), place);
        let surplus = self.parts.len().saturating_sub(share);
        for partition in self.parts.keys().rev().take(surplus).copied().collect::<Vec<_>>() {
            self.checkpoint().await?;
            self.give_back(partition).await?;
        }
        for partition in 0..leases.partitions {
            if self.parts.len() >= share {
                break;
            }
            if self.parts.contains_key(&partition) {
                continue;
            }
            let held = leases.read(partition).await?;
            let owner = held.lease.worker.as_ref().filter(|it| **it != self.config.worker);
            if let Some(owner) = owner {
                // One that has come, or given a sign, since the signs were read is alive as well.
                let known = signs.get(owner).copied();
                if alive.contains(owner) || leases.sign(owner).await? != known {
                    continue;
                }
            }
            let taken = Part::take(&self.broker, self.config, partition, held, &self.sender).await;
            match taken {
                Ok(part) => {
                    tracing::info!(partition, "taken");
                    self.parts.insert(partition, part);
                }
                Err(NatsError::Lost { .. }) => {} // another worker was faster
                Err(error) => return Err(error),
            }
        }
        telemetry::partitions(self.parts.len());
        Ok(())
    }

    /// Gives a partition back, all of whose rows are covered, and forgets its series.
    async fn give_back(&mut self, partition: u32) -> Result<(), NatsError> {
        let Some(part) = self.parts.remove(&partition) else { return Ok(()) };
        part.give_back(&self.broker).await?;
        tracing::info!(partition, "given back");
        let partitions = self.broker.leases.partitions;
        let streams = &mut self.streams;
        self.series.retain(|name, _| {
            let stays = Series::partition(name, partitions) != partition;
            if !stays {
                streams.remove(name);
            }
            stays
        });
        Ok(())
    }

    /// Tells of series whose rows have stopped, where times are those of the clock.
    async fn look_at_the_clock(&mut self) -> Result<(), NatsError> {
        if !self.config.clock {
            return Ok(());
        }
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let now = i64::try_from(since.as_nanos()).unwrap_or(i64::MAX);
        let outputs = self.streams.tick(now).map_err(detector(&self.config.group))?;
        self.say(outputs.into_iter().map(|(name, it)| (name, vec![it])).collect()).await
    }
}

type Outputs = HashMap<String, Vec<StreamOutput>>;

/// Pushes rows, each with its place in the batch; gives what becomes final, and the rows that are
/// rejected, with the reason.
fn push(streams: &mut Streams, rows: Vec<(usize, (&str, Row))>) -> (Outputs, Vec<(usize, String)>) {
    let (places, rows): (Vec<usize>, Vec<(&str, Row)>) = rows.into_iter().unzip();
    let (mut outputs, mut rejected) = (Outputs::new(), vec![]);
    let mut add = |more: BTreeMap<String, StreamOutput>| {
        more.into_iter().for_each(|(name, output)| outputs.entry(name).or_default().push(output));
    };
    match streams.push(&rows) {
        Ok(more) => add(more),
        // One of them is wrong, and none was taken.
        Err(_) => {
            for (place, row) in places.into_iter().zip(rows) {
                match streams.push(std::slice::from_ref(&row)) {
                    Ok(more) => add(more),
                    Err(error) => rejected.push((place, error.to_string())),
                }
            }
        }
    }
    (outputs, rejected)
}

/// How often the client of a context has connected.
fn connects(context: &Context) -> u64 {
    context.client().statistics().connects.load(Ordering::Relaxed)
}
