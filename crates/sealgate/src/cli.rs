//! What the command line accepts. What it does is in the module of each command.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use sealgate_config::{Options, Source};

/// Largest request body by default, in bytes.
pub(crate) const MAX_BODY: usize = 4 * 1024 * 1024;

/// One MCP endpoint in front of many MCP servers, sealed with each backend's own credentials.
#[derive(Debug, Parser)]
#[command(name = "sealgate", version, about, propagate_version = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show it working: a server that demands SigV4, the gateway in front of it.
    Demo(DemoArguments),
    /// Serve MCP.
    Run(RunArguments),
    /// Say what would be served and everything that is wrong; exit 1 on an error.
    Check(CheckArguments),
    /// Print a JSON Schema of the resources, for editors.
    Schema,
    /// Say for each backend who signs for what, whether it answers, and what to fix; exit 1 when
    /// there is something.
    Doctor(DoctorArguments),
    /// Print the CustomResourceDefinitions, for `kubectl apply -f -`.
    #[cfg(feature = "kube")]
    Crds,
    /// Serve MCP in Kubernetes: watch the cluster's resources, write their status.
    #[cfg(feature = "kube")]
    Kube(KubeArguments),
}

/// Where the configuration comes from, shared by every command that reads it.
#[derive(Debug, Args)]
pub(crate) struct Sources {
    /// Resource files or directories (YAML or JSON), an mcp.json, or the URL of one MCP server.
    #[arg(required = true, value_name = "SOURCE")]
    sources: Vec<String>,
    #[arg(skip)]
    built_in: Vec<Source>,
    /// Where to serve, unless a Gateway resource says it.
    #[arg(long, default_value = "127.0.0.1:1975", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// Connect to every backend through this hop; requests are still signed for the backend.
    #[arg(long, value_name = "URL")]
    via: Option<String>,
    /// Take warnings about unknown fields for errors.
    #[arg(long)]
    strict: bool,
    /// Serve clients of the HTTP+SSE transport of 2024-11-05 too, on the same paths.
    #[arg(long)]
    legacy_sse: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DemoArguments {
    /// Where the gateway serves.
    #[arg(long, default_value = "127.0.0.1:1975", value_name = "ADDRESS")]
    pub(crate) listen: SocketAddr,
    /// Where health and metrics are.
    #[arg(long, default_value = "127.0.0.1:1976", value_name = "ADDRESS")]
    pub(crate) admin: SocketAddr,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArguments {
    #[command(flatten)]
    pub(crate) sources: Sources,
    /// Print findings and routes as one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
    /// Colour the findings.
    #[arg(long, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    pub(crate) color: Color,
}

/// When findings are coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Args)]
pub(crate) struct DoctorArguments {
    #[command(flatten)]
    pub(crate) sources: Sources,
    /// Print the findings as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    #[command(flatten)]
    pub(crate) sources: Sources,
    #[command(flatten)]
    pub(crate) process: ProcessArguments,
}

/// What every process that serves is told.
#[derive(Debug, Args)]
pub(crate) struct ProcessArguments {
    /// Where health and metrics are.
    #[arg(long, default_value = "127.0.0.1:1976", value_name = "ADDRESS")]
    pub(crate) admin: SocketAddr,
    /// Keys of session tokens: 32 bytes as hex or base64, one a line; the first seals, all open.
    /// Without it a key is made at start, and no other process serves its sessions.
    #[arg(long, value_name = "FILE")]
    pub(crate) session_key_file: Option<PathBuf>,
    /// How logs are written.
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    pub(crate) log_format: LogFormat,
    /// What is logged: error, warn, info, debug, trace, or a filter by module.
    #[arg(long, default_value = "info", value_name = "LEVEL")]
    pub(crate) log_level: String,
    /// Threads that serve; by default one a core.
    #[arg(long, value_name = "N")]
    pub(crate) workers: Option<std::num::NonZeroUsize>,
    /// Largest request body, in bytes.
    #[arg(long, default_value_t = MAX_BODY, value_name = "BYTES")]
    pub(crate) max_body_bytes: usize,
    /// How long requests may take to end after SIGTERM, in seconds.
    #[arg(long, default_value_t = 30, value_name = "SECONDS")]
    pub(crate) drain: u64,
}

#[cfg(feature = "kube")]
#[derive(Debug, Args)]
pub(crate) struct KubeArguments {
    /// The IP address on which the listeners of Gateways are served, and the whole address where
    /// routes are served when the Gateway API is not installed.
    #[arg(long, default_value = "0.0.0.0:1975", value_name = "ADDRESS")]
    pub(crate) listen: SocketAddr,
    #[command(flatten)]
    pub(crate) process: ProcessArguments,
    /// A namespace that may be looked into; may be given several times. All by default.
    #[arg(long, value_name = "NAMESPACE")]
    pub(crate) namespace: Vec<String>,
    /// GatewayClasses of this controller are served.
    #[arg(long, default_value = "sealgate.dev/gateway-controller", value_name = "NAME")]
    pub(crate) controller_name: String,
    /// The Lease by which replicas agree who writes status.
    #[arg(long, default_value = "sealgate-status", value_name = "NAME")]
    pub(crate) lease: String,
    /// The namespace of the Lease.
    #[arg(long, env = "POD_NAMESPACE", default_value = "default", value_name = "NAMESPACE")]
    pub(crate) lease_namespace: String,
    /// What this replica calls itself there; no two may have one name.
    #[arg(long, env = "POD_NAME", value_name = "NAME")]
    pub(crate) identity: Option<String>,
    /// An IP address or host name at which clients reach the Gateways, for their status; may be
    /// given several times.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) address: Vec<String>,
    /// A Service by which clients reach the Gateways; its addresses go into their status.
    #[arg(long, value_name = "NAMESPACE/NAME", value_parser = namespaced)]
    pub(crate) service: Option<(String, String)>,
    /// Write no status.
    #[arg(long)]
    pub(crate) no_status: bool,
    /// Serve clients of the HTTP+SSE transport of 2024-11-05 too, on the same paths.
    #[arg(long)]
    pub(crate) legacy_sse: bool,
    /// How long new connections are still served after SIGTERM, in seconds: until the cluster no
    /// longer sends any.
    #[arg(long, default_value_t = 5, value_name = "SECONDS")]
    pub(crate) linger: u64,
    /// Connect to every backend through this hop; requests are still signed for the backend.
    #[arg(long, value_name = "URL")]
    pub(crate) via: Option<String>,
}

#[cfg(feature = "kube")]
fn namespaced(text: &str) -> Result<(String, String), String> {
    match text.split_once('/') {
        Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() => {
            Ok((namespace.to_owned(), name.to_owned()))
        }
        _ => Err("a namespace and a name with a slash in between, as in default/edge".to_owned()),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

impl RunArguments {
    /// The demo's: everything as by default, but for these.
    pub(crate) fn demo(source: Source, listen: SocketAddr, admin: SocketAddr) -> Self {
        Self {
            sources: Sources {
                sources: Vec::new(),
                built_in: vec![source],
                listen,
                via: None,
                strict: false,
                legacy_sse: false,
            },
            process: ProcessArguments {
                admin,
                session_key_file: None,
                log_format: LogFormat::Text,
                log_level: "warn".to_owned(),
                workers: None,
                max_body_bytes: MAX_BODY,
                drain: 2,
            },
        }
    }
}

impl Sources {
    /// As the configuration takes them.
    pub(crate) fn list(&self) -> Vec<Source> {
        let named = self.sources.iter().map(|text| {
            if text.starts_with("http://") || text.starts_with("https://") {
                Source::Url(text.clone())
            } else {
                Source::Path(PathBuf::from(text))
            }
        });
        named.chain(self.built_in.iter().cloned()).collect()
    }

    /// What the flags say about them.
    pub(crate) fn options(&self) -> Options {
        Options {
            listen: self.listen,
            via: self.via.clone(),
            strict: self.strict,
            legacy_sse: self.legacy_sse,
            ..Options::default()
        }
    }
}
