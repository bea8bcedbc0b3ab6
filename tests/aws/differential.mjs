// Signs what Sealgate says it would send with @smithy/signature-v4 and reports where the two differ.
// In: JSON lines {request, sent}. Out: {compared, differ: [...]}.
import { createHash, createHmac } from "node:crypto";
import { createInterface } from "node:readline";
import { SignatureV4 } from "@smithy/signature-v4";

class Sha256 {
  constructor(secret) {
    this.state = secret ? createHmac("sha256", secret) : createHash("sha256");
  }
  update(data) {
    this.state.update(data);
  }
  async digest() {
    return new Uint8Array(this.state.digest());
  }
}

// As a Node client gets it from a URL: decoded, lists for keys that come more than once.
function parsed(text) {
  const query = {};
  for (const pair of text.split("&").filter(Boolean)) {
    const at = pair.indexOf("=");
    const key = decodeURIComponent(at < 0 ? pair : pair.slice(0, at));
    const value = decodeURIComponent(at < 0 ? "" : pair.slice(at + 1));
    if (key in query) query[key] = [].concat(query[key], value);
    else query[key] = value;
  }
  return query;
}

const OWN = new Set(["authorization", "x-amz-date", "x-amz-security-token", "x-amz-content-sha256"]);

let compared = 0;
const differ = [];
for await (const line of createInterface({ input: process.stdin })) {
  const { request, sent } = JSON.parse(line);
  const signer = new SignatureV4({
    credentials: {
      accessKeyId: request.access_key_id,
      secretAccessKey: request.secret_access_key,
      sessionToken: request.session_token,
    },
    region: request.region,
    service: request.service,
    sha256: Sha256,
  });
  const headers = { host: request.host };
  for (const [name, value] of sent.headers) {
    if (OWN.has(name)) continue;
    const trimmed = value.trim();
    headers[name] = name in headers ? `${headers[name]},${trimmed}` : trimmed;
  }
  const [path, query = ""] = sent.target.split(/\?(.*)/s);
  const [hostname, port] = request.host.split(":");
  const signed = await signer.sign(
    {
      method: request.method,
      protocol: "https:",
      hostname,
      port: port ? Number(port) : undefined,
      path,
      query: parsed(query),
      headers,
      body: request.body,
    },
    { signingDate: new Date(request.time * 1000) },
  );
  const ours = Object.fromEntries(sent.headers).authorization;
  compared += 1;
  if (signed.headers.authorization !== ours) {
    differ.push({ target: sent.target, ours, theirs: signed.headers.authorization, canonical: sent.canonical_request });
  }
}
process.stdout.write(JSON.stringify({ compared, differ }));
