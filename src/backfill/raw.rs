//! A range of a raw topic, derived again from the rows the lake has of it.

use anyhow::{Context, Result, bail};
use clap::Args;
use depthlake_lake::log::Topic;
use depthlake_lake::record::topic_of_stream;
use depthlake_orderbook::frame::RawStream;

use crate::configuration::Configuration;
use crate::lake_options::LakeOptions;
use crate::log_address::LogAddress;
use crate::reconcile::derive_again;

#[derive(Debug, Args)]
pub struct RawOptions {
    /// market.raw.orderbook or market.raw.trade.
    #[arg(long, value_name = "TOPIC", value_parser = stream)]
    topic: RawStream,
    /// The partition of the topic.
    #[arg(long, value_name = "NUMBER")]
    partition: u16,
    /// The first offset.
    #[arg(long, value_name = "OFFSET")]
    from: u64,
    /// The offset after the last.
    #[arg(long, value_name = "OFFSET")]
    to: u64,
    /// The log that a running program writes: embedded, or a broker, kafka://HOST:PORT[,HOST:PORT…] [default: embedded].
    #[arg(long, env = "DEPTHLAKE_LOG_ADDRESS", value_name = "LOG")]
    log: Option<LogAddress>,
    #[command(flatten)]
    lake: LakeOptions,
}

impl RawOptions {
    /// Derives the range again and puts what differs right; rows that are as they should be stay. Gives what was done, as text.
    pub async fn land(&self, configuration: &Configuration) -> Result<String> {
        if self.from >= self.to {
            bail!("the offsets {} to {} are no range", self.from, self.to);
        }
        let lake = self.lake.place(configuration)?;
        let place =
            || format!("{}/{} {}..{}", topic_of_stream(self.topic), self.partition, self.from, self.to);
        let offsets = self.from..self.to;
        let derived =
            derive_again(&lake, self.log.as_ref(), configuration, self.topic, self.partition, offsets).await;
        derived.with_context(place)
    }
}

fn stream(name: &str) -> Result<RawStream, String> {
    match name.parse::<Topic>() {
        Ok(Topic::RawOrderbook) => Ok(RawStream::Orderbook),
        Ok(Topic::RawTrade) => Ok(RawStream::Trade),
        _ => Err("expected market.raw.orderbook or market.raw.trade".to_owned()),
    }
}
