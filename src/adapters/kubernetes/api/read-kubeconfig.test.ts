import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { readKubeconfig } from "./read-kubeconfig.ts";

interface Given {
  readonly server?: string;
  readonly cluster?: Readonly<Record<string, unknown>>;
  readonly user?: Readonly<Record<string, unknown>>;
  readonly current?: string;
}

function text({
  server = "https://10.0.0.1:6443",
  cluster = {},
  user = {},
  current = "here",
}: Given): string {
  return JSON.stringify({
    clusters: [{ name: "c", cluster: { server, ...cluster } }],
    users: [{ name: "u", user }],
    contexts: [
      { name: "here", context: { cluster: "c", user: "u" } },
      { name: "elsewhere", context: { cluster: "d", user: "u" } },
      { name: "no-user", context: { cluster: "c", user: "v" } },
    ],
    "current-context": current,
  });
}

/**
 * Reads a kubeconfig file of that text in a folder of its own; the folder's name is removed from the
 * result.
 */
async function read(content: string): Promise<unknown> {
  const folder = await mkdtemp(join(tmpdir(), "kubeconfig-"));
  try {
    const path = join(folder, "config");
    await writeFile(path, content);
    const result = await readKubeconfig(path);
    const answer = result.ok ? { ...result.value, url: result.value.url.href } : result.failure.problem;
    return JSON.parse(JSON.stringify(answer).replaceAll(folder, "<folder>"));
  } finally {
    await rm(folder, { recursive: true });
  }
}

const base64 = (plain: string): string => Buffer.from(plain).toString("base64");

describe("readKubeconfig", () => {
  it("takes the current context, and the file's own values before files that it names", async () => {
    const content = text({
      cluster: {
        "certificate-authority-data": base64("CA"),
        "certificate-authority": "other.crt",
        "tls-server-name": "kubernetes",
      },
      user: {
        "client-certificate-data": base64("CERT"),
        "client-key": "keys/client.key",
        token: "static",
        tokenFile: "/run/token",
      },
    });
    assert.deepEqual(await read(content), {
      origin: "kubeconfig <folder>/config",
      url: "https://10.0.0.1:6443/",
      serverName: "kubernetes",
      ca: { kind: "text", text: "CA" },
      clientCertificate: {
        certificate: { kind: "text", text: "CERT" },
        key: { kind: "file", path: "<folder>/keys/client.key" },
      },
      token: { kind: "file", path: "/run/token" },
    });
  });

  it("reads YAML, with a server on IPv6 and no credentials", async () => {
    const yaml = `
clusters: [{name: c, cluster: {server: "https://[fd00::1]:443"}}]
users: [{name: u, user: {token: t}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
current-context: x
`;
    assert.deepEqual(await read(yaml), {
      origin: "kubeconfig <folder>/config",
      url: "https://[fd00::1]/",
      token: { kind: "text", text: "t" },
    });
  });

  const refused: readonly { readonly given: Given | string; readonly says: RegExp }[] = [
    {
      given: { user: { exec: { command: "aws" } } },
      says: /^has exec for user "u": programs that print credentials are not run; use a token/u,
    },
    { given: { user: { "auth-provider": { name: "azure" } } }, says: /^has auth-provider for user "u"/u },
    { given: { user: { username: "a", password: "b" } }, says: /passwords are not supported/u },
    { given: { user: { as: "root" } }, says: /impersonation is not supported/u },
    {
      given: { cluster: { "insecure-skip-tls-verify": true } },
      says: /^has insecure-skip-tls-verify for cluster "c": the server's certificate is always verified/u,
    },
    { given: { cluster: { "proxy-url": "http://proxy" } }, says: /proxies are not supported/u },
    {
      given: { server: "http://10.0.0.1" },
      says: /^has server "http:\/\/10\.0\.0\.1" for cluster "c": must be an address with https/u,
    },
    { given: { server: "10.0.0.1" }, says: /must be an address with https/u },
    {
      given: { user: { "client-certificate": "a.crt" } },
      says: /only one of client-certificate and client-key/u,
    },
    { given: { current: "" }, says: /no current-context/u },
    { given: { current: "gone" }, says: /no context "gone"/u },
    { given: { current: "elsewhere" }, says: /no cluster "d", which context "elsewhere" names/u },
    { given: { current: "no-user" }, says: /no user "v"/u },
    { given: "just words", says: /is no kubeconfig file/u },
    { given: "users: [{user: {token: very-secret}]", says: /can't be read/u },
  ];
  for (const { given, says } of refused)
    it(`refuses the unsupported, with the remedy: ${says.source.slice(0, 60)}`, async () => {
      const problem = await read(typeof given === "string" ? given : text(given));
      assert.ok(typeof problem === "string", JSON.stringify(problem));
      assert.match(problem, says);
      assert.doesNotMatch(problem, /very-secret/u);
    });

  it("says that there is no such file", async () => {
    const result = await readKubeconfig("/nowhere/config");
    assert.ok(
      !result.ok && result.failure.value === "/nowhere/config" && result.failure.problem.includes("ENOENT"),
      JSON.stringify(result),
    );
  });
});
