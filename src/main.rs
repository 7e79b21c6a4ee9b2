//! The `depthlake` command: arguments, configuration, wiring.

mod arguments;
mod backfill;
mod build;
mod configuration;
mod contracts;
mod credentials;
mod data_folder;
mod lake_options;
mod log_address;
mod maintain;
mod market_options;
mod messages;
mod reconcile;
mod record;
mod replay;
mod run;
mod serve;
mod sim;
mod sql;
mod status;
mod tables;
mod top;
mod venue;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

use arguments::{Arguments, Command};
use messages::{LogFormat, complain};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Bytes of stack of a thread: long chains of operators are planned by recursion.
const STACK: usize = 16 << 20;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return refuse(&error),
    };
    messages::speak(arguments.messages.format());
    match execute(arguments) {
        Ok(code) => code,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            complain!("{}", with_causes(&error));
            ExitCode::FAILURE
        }
    }
}

/// Arguments that cannot be read, or a question about them.
fn refuse(error: &clap::Error) -> ExitCode {
    messages::speak(LogFormat::of_arguments());
    if error.use_stderr() && LogFormat::of_arguments() == LogFormat::Json {
        complain!("{error}");
    } else {
        // Whoever does not listen is not told.
        _ = error.print();
    }
    u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
}

fn execute(arguments: Arguments) -> Result<ExitCode> {
    let configuration = configuration::Configuration::read(arguments.config.as_deref())?;
    // `run` may give the terminal to the books, so it decides itself where messages go.
    let _messages = match arguments.command {
        Command::Run(_) => None,
        _ => Some(messages::to_standard_error(&arguments.messages)?),
    };
    match arguments.command {
        Command::Run(options) => run::run(&options, &configuration, &arguments.messages),
        Command::Serve(options) => done(block_on(serve::run(&options, &configuration))),
        Command::Sim(options) => sim::run(&options, &configuration),
        Command::Record(options) => record::run(&options, &configuration),
        Command::Replay(options) => replay::run(&options, &configuration),
        Command::Backfill(options) => backfill::run(&options, &configuration),
        Command::Sql(options) => done(block_on(sql::run(options, &configuration))),
        Command::Tables(options) => done(block_on(async {
            let place = options.lake.place(&configuration)?;
            match options.snapshots {
                Some(table) => tables::snapshots(&place, table).await,
                None => tables::run(&place, options.format).await,
            }
        })),
        Command::Maintain(options) => done(block_on(maintain::run(&options, &configuration))),
        Command::Reconcile(options) => block_on(reconcile::run(&options, &configuration)),
        Command::Build(options) => block_on(build::build(&options, &configuration)),
        Command::Models(options) => done(block_on(build::models(&options, &configuration))),
        Command::Status(options) => block_on(status::run(&options, &configuration)),
        Command::Top(options) => {
            let board = data_folder::DataFolder::at(&options.data(&configuration)).board();
            let targets = configuration.health.targets()?;
            top::run(&board, targets, options.symbol.as_deref(), options.refresh(), options.once)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    runtime()?.block_on(work)
}

/// The threads of a program that plans queries.
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().thread_stack_size(STACK).enable_all().build()
}

fn done(result: Result<()>) -> Result<ExitCode> {
    result.map(|()| ExitCode::SUCCESS)
}

/// The error and its causes; those that a message before tells already are not told again.
fn with_causes(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |told, cause| match told.as_str() {
        "" => cause,
        told if told.contains(&cause) => told.to_owned(),
        told => format!("{told}: {cause}"),
    })
}

/// The reader of our output has had enough, as `head` has.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<std::io::Error>()
            .is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
    })
}
