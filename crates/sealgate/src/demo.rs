//! `sealgate demo`: a server that demands SigV4, the gateway in front of it with throwaway
//! credentials, and what happens on the wire.

mod server;
mod verify;

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use sealgate_aws::sign::Scope;
use sealgate_config::Source;
use tokio::net::TcpListener;

use crate::cli::{DemoArguments, RunArguments};
use verify::Verifier;

/// What the demo's server takes signatures for.
const REGION: &str = "us-east-1";
const SERVICE: &str = "aws-mcp";
const KEY_ID: &str = "AKIDSEALGATEDEMO";

/// Serves until a signal says stop.
pub(crate) fn demo(arguments: &DemoArguments) -> ExitCode {
    match start() {
        Ok(source) => {
            let mut out = std::io::stdout();
            let _ = writeln!(
                out,
                "The demo's MCP server demands SigV4; the gateway in front of it signs.\n\
                 Point any MCP client at  http://{}/mcp\n",
                arguments.listen
            );
            crate::run::run(&RunArguments::demo(source, arguments.listen, arguments.admin))
        }
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "the demo cannot start: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Starts the server on a thread of its own; leaves the resources that describe it.
fn start() -> Result<Source, Box<dyn std::error::Error>> {
    let secret = random_secret()?;
    let verifier = Arc::new(Verifier::new(KEY_ID, &secret, Scope::new(REGION, SERVICE)));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0)))?;
    let port = listener.local_addr()?.port();
    std::thread::Builder::new()
        .name("demo-server".to_owned())
        .spawn(move || runtime.block_on(server::serve(listener, verifier)))?;
    let _ = writeln!(std::io::stdout(), "demo server  http://127.0.0.1:{port}/mcp");
    Ok(Source::text("demo.yaml", resources(port, &secret)))
}

/// The same resources that one would write for a server behind AWS IAM.
fn resources(port: u16, secret: &str) -> String {
    format!(
        "apiVersion: aigateway.envoyproxy.io/v1beta1
kind: MCPRoute
metadata: {{ name: demo }}
spec:
  prefixMode: Never
  parentRefs: [{{ name: demo }}]
  backendRefs:
    - name: demo
      kind: Backend
      group: gateway.envoyproxy.io
      toolSelector: {{ include: [add, echo, time] }}
      securityPolicy:
        awsCredentials:
          region: {REGION}
          service: {SERVICE}
          credentialsFile: {{ secretRef: {{ name: demo }} }}
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: Backend
metadata: {{ name: demo }}
spec: {{ endpoints: [{{ ip: {{ address: 127.0.0.1, port: {port} }}, hostname: localhost }}] }}
---
apiVersion: v1
kind: Secret
metadata: {{ name: demo }}
stringData:
  credentials: |
    [default]
    aws_access_key_id = {KEY_ID}
    aws_secret_access_key = {secret}
"
    )
}

/// A key that nobody has used before and nobody will again.
fn random_secret() -> std::io::Result<String> {
    use std::fmt::Write as _;
    use std::io::Read as _;
    let mut bytes = [0_u8; 20];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    }))
}
