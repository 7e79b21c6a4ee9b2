//! The log at a Kafka-compatible broker: Apache Kafka, Redpanda.
//!
//! What is appended goes into the *outbox*, an embedded log in a folder of this machine, and from there to the broker
//! ([`session`]). So an append never waits for the broker; however long that is away, memory is bounded and the frames are
//! on disk, in order; and after a crash what the broker lacks is sent from there ([`reconcile`]). The outbox lets go of
//! what the broker has acknowledged.
//!
//! The outbox gives an append its offset, which the message carries ([`wire`]). Readers count by it ([`reader`]), so a
//! message that the broker keeps twice is read once, and the offset promised at the append holds whatever happens at the
//! broker. In a healthy partition it equals the broker's own.
//!
//! Of each partition one process is the writer. Another one that writes there as well is noticed by the content of what
//! the broker has, and the log fails rather than mix the two.
//!
//! *Retention*: topics are made with none (`retention.ms=-1`), and [`Log::release`] frees the outbox alone. Others read
//! these topics too, and how long they may take is for the broker's operator to say, by the topics' configuration. A
//! process that finds what it needs gone says so ([`LogError::Released`]).
//!
//! Sinks on several machines share the partitions as a consumer [`group`].

mod brokers;
mod clearance;
mod client;
mod ends;
mod group;
mod options;
mod reader;
mod reconcile;
mod sender;
mod session;
mod topics;
mod watermarks;
mod wire;

use std::fmt;
use std::fs;
use std::num::NonZeroU16;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use depthlake_orderbook::metrics::Page;
use rdkafka::consumer::Consumer;
use rdkafka::producer::{BaseProducer, BaseRecord};

pub use brokers::{Brokers, BrokersError};
pub use group::Membership;
pub use options::KafkaOptions;

use client::Quiet;
use ends::{Acknowledged, Ends};
use reader::{Reader, Wanted};
use reconcile::{Fit, Standing};

use super::slots::Slots;
use super::{
    EmbeddedLog, Log, LogError, Offset, Place, Progress, Record, StoredRecord, Taken, Topic, TopicPartition,
};

/// How often the ends of partitions are looked at, for what others write.
const WATCH_INTERVAL: Duration = Duration::from_millis(200);
/// How soon a broker that did not answer at the start is asked again.
const RETRY_INTERVAL: Duration = Duration::from_millis(200);

/// The log at a broker. Dropping it ends the sending; what is not sent stays in the outbox.
pub struct KafkaLog {
    shared: Arc<Shared>,
    /// None where this process only reads.
    outbox: Option<Arc<EmbeddedLog>>,
    /// The producer of remarks, made for the first.
    remarks: Mutex<Option<BaseProducer<Quiet>>>,
    threads: Vec<JoinHandle<()>>,
}

/// What the callers, the sender and the watcher share.
#[derive(Debug)]
struct Shared {
    options: KafkaOptions,
    slots: Slots,
    places: Vec<TopicPartition>,
    reader: Reader,
    ends: Ends,
    stop: AtomicBool,
}

impl KafkaLog {
    /// Opens the log for writing and reading: makes topics that are missing, and sends what the last process left in the
    /// outbox. Waits for the broker up to [`KafkaOptions::patience`], but does not wait until all of it is sent.
    ///
    /// # Errors
    /// [`LogError::Broker`] when the broker does not answer or refuses, [`LogError::BrokerPartitions`] when a topic has
    /// another number of partitions, [`LogError::BrokerLost`] and [`LogError::AnotherWriter`] when the broker does not have
    /// what it acknowledged, and the errors of [`EmbeddedLog::open`].
    pub fn open(options: &KafkaOptions) -> Result<Self, LogError> {
        let (connected, reader, (outbox, standings)) = answered(options, |connected, reader| {
            open_outbox(&connected.options, reader, &connected.places)
        })?;
        fail::fail_point!("kafka::outbox_opened");
        let outbox = Arc::new(outbox);
        let shared = connected.with(reader, &standings);
        // What an earlier process left in the outbox makes its partitions ours.
        for (slot, (at, standing)) in shared.places.iter().zip(&standings).enumerate() {
            if outbox.durable_end(*at)? > standing.end {
                shared.ends.claim(slot)?;
            }
        }
        let sender = {
            let (shared, outbox) = (Arc::clone(&shared), Arc::clone(&outbox));
            spawn(&shared.options.clone(), "log-sender", move || sender::run(&shared, &outbox, standings))?
        };
        let watcher = spawn_watcher(&shared)?;
        Ok(Self { shared, outbox: Some(outbox), remarks: Mutex::default(), threads: vec![sender, watcher] })
    }

    /// Opens the log for reading what other processes write.
    ///
    /// # Errors
    /// Those of [`KafkaLog::open`] that concern the broker.
    pub fn follow(options: &KafkaOptions) -> Result<Self, LogError> {
        let (connected, reader, standings) =
            answered(options, |connected, reader| reconcile::standings(reader, &connected.places))?;
        let shared = connected.with(reader, &standings);
        let watcher = spawn_watcher(&shared)?;
        Ok(Self { shared, outbox: None, remarks: Mutex::default(), threads: vec![watcher] })
    }

    /// Records in the outbox that the broker has not acknowledged.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        let Some(outbox) = &self.outbox else { return 0 };
        let waiting = self.shared.places.iter().enumerate().map(|(slot, at)| {
            let end = outbox.durable_end(*at).unwrap_or_default();
            end.0.saturating_sub(self.shared.ends.end(slot).0)
        });
        waiting.sum()
    }

    fn read_from(
        &self,
        at: TopicPartition,
        from: Offset,
        passed: Option<u64>,
        max_bytes: usize,
    ) -> Result<Taken, LogError> {
        let slot = self.shared.slots.slot(at)?;
        let end = self.shared.ends.end(slot);
        if from > end {
            let start = self.shared.reader.start(slot, end)?;
            return Err(LogError::Beyond { at, from, start, end });
        }
        let taken = self.shared.reader.read(Wanted { slot, from, end, max_bytes, passed })?;
        if taken.records.is_empty() && from < end && !self.shared.ends.is_ours(slot) {
            // What was seen behind are no records.
            self.shared.ends.see(slot, from);
        }
        Ok(taken)
    }

    fn silent_for(&self, silence: Duration) -> LogError {
        let brokers = self.shared.options.brokers.to_string();
        LogError::BrokerSilent { brokers, silence, waiting: self.waiting() }
    }

    fn outbox_for(&self, at: TopicPartition) -> Result<&EmbeddedLog, LogError> {
        let slot = self.shared.slots.slot(at)?;
        let Some(outbox) = &self.outbox else {
            return Err(LogError::Following { at, brokers: self.shared.options.brokers.to_string() });
        };
        self.shared.ends.claim(slot)?;
        Ok(outbox)
    }
}

impl Log for KafkaLog {
    fn partitions(&self) -> NonZeroU16 {
        self.shared.slots.partitions()
    }

    fn append(&self, at: TopicPartition, record: &Record) -> Result<Offset, LogError> {
        self.outbox_for(at)?.append(at, record)
    }

    fn try_append(&self, at: TopicPartition, record: &Record) -> Result<Offset, LogError> {
        self.outbox_for(at)?.try_append(at, record)
    }

    /// Sends a message that is none of the log's records.
    fn remark(&self, at: TopicPartition, record: &Record) -> Result<(), LogError> {
        self.shared.slots.slot(at)?;
        let error = topics::error(&self.shared.options.brokers, "send a remark");
        let mut remarks = self.remarks.lock().unwrap_or_else(PoisonError::into_inner);
        let producer = match &mut *remarks {
            Some(producer) => producer,
            none => none.insert(
                client::config(&self.shared.options.brokers).create_with_context(Quiet).map_err(&error)?,
            ),
        };
        let message = BaseRecord::<[u8], [u8], ()>::to(at.topic.name())
            .partition(at.partition.0.into())
            .key(&record.key)
            .payload(&record.value);
        producer.send(message).map_err(|(cause, _)| error(cause))?;
        producer.poll(Duration::ZERO);
        Ok(())
    }

    fn sync(&self) -> Result<(), LogError> {
        let Some(outbox) = &self.outbox else { return Ok(()) };
        outbox.sync()?;
        let ends =
            self.shared.places.iter().map(|at| outbox.durable_end(*at)).collect::<Result<Vec<_>, _>>()?;
        match self.shared.ends.wait_for(&ends, self.shared.options.patience)? {
            Acknowledged::All => Ok(()),
            Acknowledged::Silent(silence) => Err(LogError::Stalled(Arc::new(self.silent_for(silence)))),
        }
    }

    fn start(&self, at: TopicPartition) -> Result<Offset, LogError> {
        let slot = self.shared.slots.slot(at)?;
        self.shared.reader.start(slot, self.shared.ends.end(slot))
    }

    fn durable_end(&self, at: TopicPartition) -> Result<Offset, LogError> {
        Ok(self.shared.ends.end(self.shared.slots.slot(at)?))
    }

    fn read(
        &self,
        at: TopicPartition,
        from: Offset,
        max_bytes: usize,
    ) -> Result<Vec<StoredRecord>, LogError> {
        Ok(self.read_from(at, from, None, max_bytes)?.records)
    }

    fn take(&self, at: TopicPartition, from: Place, max_bytes: usize) -> Result<Taken, LogError> {
        if at.topic == Topic::DeadLetter {
            let records = self.read(at, from.offset, max_bytes)?;
            return Ok(Taken { records, foreign: Vec::new(), passed: from.passed });
        }
        self.read_from(at, from.offset, Some(from.passed), max_bytes)
    }

    fn has_more(&self, at: TopicPartition, from: Place) -> Result<bool, LogError> {
        let slot = self.shared.slots.slot(at)?;
        let has_records = self.shared.ends.end(slot) != from.offset;
        Ok(has_records || (at.topic != Topic::DeadLetter && self.shared.reader.has_unseen(slot, from)))
    }

    fn wait(&self, seen: Progress, timeout: Duration) -> Progress {
        self.shared.ends.wait(seen, timeout)
    }

    /// Frees nothing at the broker: how long its topics keep records is for their configuration to say.
    fn release(&self, committed: &[(TopicPartition, Offset)]) -> Result<(), LogError> {
        committed.iter().try_for_each(|(at, _)| self.shared.slots.slot(*at).map(drop))
    }

    fn tell(&self, page: &mut Page) {
        let Some(outbox) = &self.outbox else { return };
        outbox.tell_as("outbox", page);
        page.gauge("depthlake_log_stalled", "1 while the log cannot be written, or never will be again.")
            .whole(&[("log", "broker")], u64::from(self.shared.ends.failure().is_some()));
        page.gauge("depthlake_log_unacknowledged_records", "Records that the broker has not acknowledged.")
            .whole(&[], self.waiting());
    }

    fn trouble(&self) -> Option<LogError> {
        let outbox = self.outbox.as_ref()?;
        let silent = || Some(self.silent_for(self.shared.ends.silence()?));
        self.shared.ends.failure().or_else(|| outbox.trouble()).or_else(silent)
    }

    fn unacknowledged(&self) -> u64 {
        self.waiting()
    }
}

impl fmt::Debug for KafkaLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaLog").field("shared", &self.shared).finish_non_exhaustive()
    }
}

impl Drop for KafkaLog {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!(brokers = %self.shared.options.brokers, "a thread of the log panicked");
            }
        }
    }
}

/// What is known once the broker has answered.
struct Connected {
    options: KafkaOptions,
    slots: Slots,
    places: Vec<TopicPartition>,
}

impl Connected {
    fn with(self, reader: Reader, standings: &[Standing]) -> Arc<Shared> {
        for (slot, standing) in standings.iter().enumerate() {
            reader.learn(slot, standing.end, standing.surplus);
        }
        Arc::new(Shared {
            options: self.options,
            slots: self.slots,
            places: self.places,
            reader,
            ends: Ends::new(standings.iter().map(|standing| standing.end)),
            stop: AtomicBool::new(false),
        })
    }
}

/// Connects and asks, again and again while the broker is starting or its partitions find their leaders.
fn answered<T>(
    options: &KafkaOptions,
    ask: impl Fn(&Connected, &Reader) -> Result<T, LogError>,
) -> Result<(Connected, Reader, T), LogError> {
    let begun = Instant::now();
    loop {
        let asked = connect(options.clone()).and_then(|(connected, reader)| {
            let answer = ask(&connected, &reader)?;
            Ok((connected, reader, answer))
        });
        match asked {
            Err(error @ LogError::Broker { .. }) if begun.elapsed() < options.patience => {
                tracing::debug!(%error, "the broker is asked again");
                thread::sleep(RETRY_INTERVAL);
            }
            done => return done,
        }
    }
}

/// Finds the topics at the broker, or makes them.
fn connect(options: KafkaOptions) -> Result<(Connected, Reader), LogError> {
    let slots = Slots::new(options.partitions);
    let places: Vec<_> = slots.all().collect();
    let consumer = client::consumer(&options.brokers).map_err(topics::error(&options.brokers, "connect"))?;
    topics::ensure(consumer.client(), &options)?;
    let reader = Reader::new(options.brokers.clone(), places.clone());
    Ok((Connected { options, slots, places }, reader))
}

/// Opens the outbox where it fits what the broker has; else begins it anew where nothing is in it.
fn open_outbox(
    options: &KafkaOptions,
    reader: &Reader,
    places: &[TopicPartition],
) -> Result<(EmbeddedLog, Vec<Standing>), LogError> {
    let folder = &options.outbox;
    if EmbeddedLog::exists(folder)? {
        let outbox = EmbeddedLog::open(folder, &options.outbox_options())?;
        // The outbox begins with what it has not let go of, which is at the broker there or behind.
        let known = |at: &TopicPartition| Ok(Standing { end: outbox.start(*at)?, surplus: 0 });
        let known = places.iter().map(known).collect::<Result<Vec<_>, LogError>>()?;
        match reconcile::fit(reader, places, &outbox, &known)? {
            Fit::Continues(standings) => return Ok((outbox, standings)),
            Fit::Superseded { at, offset } => {
                tracing::warn!(%at, %offset, "another process has written since; the outbox begins anew");
                drop(outbox);
                fs::remove_dir_all(folder).map_err(LogError::io("remove", folder))?;
            }
        }
    }
    let standings = reconcile::standings(reader, places)?;
    let begin: Vec<Offset> = standings.iter().map(|standing| standing.end).collect();
    let outbox = EmbeddedLog::open_beginning_at(folder, &options.outbox_options(), &begin)?;
    Ok((outbox, standings))
}

/// Looks now and then how far the partitions are: those that others write, and ours, for messages that are not.
fn spawn_watcher(shared: &Arc<Shared>) -> Result<JoinHandle<()>, LogError> {
    let watched = Arc::clone(shared);
    spawn(&shared.options, "log-watcher", move || {
        while !watched.stop.load(Ordering::Relaxed) {
            thread::sleep(WATCH_INTERVAL);
            match watched.reader.ends() {
                Ok(ends) => {
                    let of_others = ends.into_iter().filter(|(slot, _)| !watched.ends.is_ours(*slot));
                    of_others.for_each(|(slot, end)| watched.ends.see(slot, end));
                }
                Err(error) => tracing::debug!(%error, "the ends of partitions are not to be had"),
            }
        }
    })
}

fn spawn(
    options: &KafkaOptions,
    name: &str,
    work: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, LogError> {
    let thread = thread::Builder::new().name(name.to_owned()).spawn(work);
    thread.map_err(LogError::io("start a thread for", &options.outbox))
}

#[cfg(test)]
pub(crate) mod tests;
