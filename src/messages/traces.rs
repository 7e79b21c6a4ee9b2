//! Traces of the slow paths, sent to a collector by OTLP over HTTP.
//!
//! Only spans that are meant for it go there ([`TRACED`]): commits, queries, the care of tables. Nothing between socket and
//! board has a span. A collector that is away costs what waits for it, and no more.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use depthlake_lake::TRACED;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{SpanExporter as OtlpExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanExporter};
use tokio::runtime::{Handle, Runtime};
use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

/// How long the collector is given for what waits at the end.
const LAST_PATIENCE: Duration = Duration::from_secs(2);
/// How long the collector is given for a batch.
const PATIENCE: Duration = Duration::from_secs(5);

/// A connection to a collector.
#[derive(Debug)]
pub(super) struct Traces {
    provider: SdkTracerProvider,
    /// The exporter's own, so that a busy program does not hold it up.
    runtime: Runtime,
}

impl Traces {
    /// Sends to the collector at a URL, below which `/v1/traces` is.
    pub(super) fn to(url: &str) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("traces")
            .enable_all()
            .build()
            .context("no thread for traces")?;
        let exporter = {
            // Its client is made for the runtime that it is made within.
            let _within = runtime.enter();
            let endpoint = format!("{}/v1/traces", url.trim_end_matches('/'));
            OtlpExporter::builder().with_http().with_endpoint(endpoint).with_timeout(PATIENCE).build()
        };
        let exporter = exporter.with_context(|| format!("the traces' collector {url}"))?;
        let exporter = OnRuntime { exporter: Arc::new(exporter), runtime: runtime.handle().clone() };
        let resource = Resource::builder().with_service_name("depthlake").build();
        let provider =
            SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build();
        Ok(Self { provider, runtime })
    }

    pub(super) fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
    {
        let tracer = self.provider.tracer("depthlake");
        let traced = filter_fn(|metadata| metadata.target() == TRACED);
        tracing_opentelemetry::layer().with_tracer(tracer).with_filter(traced)
    }

    /// Sends what waits.
    pub(super) fn finish(self) {
        if let Err(error) = self.provider.shutdown_with_timeout(LAST_PATIENCE) {
            tracing::debug!(%error, "the last traces were not sent");
        }
        self.runtime.shutdown_background();
    }
}

/// Exports on a runtime, whatever thread asks for it.
#[derive(Debug)]
struct OnRuntime {
    exporter: Arc<OtlpExporter>,
    runtime: Handle,
}

impl SpanExporter for OnRuntime {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let exporter = Arc::clone(&self.exporter);
        let exported = self.runtime.spawn(async move { exporter.export(batch).await }).await;
        exported.unwrap_or_else(|error| Err(OTelSdkError::InternalFailure(error.to_string())))
    }
}
