import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { type EventEmitter, once } from "node:events";
import { chmod, chown, copyFile, mkdtemp, readFile, readdir, rm, stat, writeFile } from "node:fs/promises";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, describe, it } from "node:test";
import { type AzureFixture, startAzure, SUBSCRIPTION_ID } from "./azure-fixture.ts";

interface WireAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: unknown;
}

function call(ca: string, url: string, options: { method?: string; headers?: Record<string, string>; body?: string } = {}): Promise<WireAnswer> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { ca, method: options.method ?? "GET", headers: options.headers ?? {} }, (response) => {
      text(response).then(
        (content) => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: content === "" ? undefined : JSON.parse(content) }),
        reject,
      );
    });
    sent.on("error", reject);
    sent.end(options.body);
  });
}

describe("the wire", () => {
  let azure: AzureFixture;
  let ca = "";
  let base = "";
  before(async () => {
    azure = await startAzure({ virtualMachines: [{ name: "node-a" }] });
    ca = azure.emulator.caPem ?? "";
    base = `${azure.emulator.url}/subscriptions/${SUBSCRIPTION_ID}/resourceGroups/rg/providers/Microsoft.Compute`;
  });
  after(() => azure.close());
  const bearer = { authorization: "Bearer any" };

  it("asks for a token, except for its own API", async () => {
    const refused = await call(ca, `${base}/disks?api-version=2025-01-02`);
    assert.deepEqual([refused.status, (refused.body as { error: { code: string } }).error.code], [401, "AuthenticationFailed"]);
    assert.match(String(refused.headers["www-authenticate"]), /^Bearer /);
    assert.equal((await call(ca, `${azure.emulator.url}/emulator/v1/health`)).status, 200);
  });

  it("finds a resource in any case, and answers in the case of its creation, with the common headers", async () => {
    const answer = await call(
      ca,
      `${base.toUpperCase().replace("HTTPS", "https").replace("LOCALHOST", "localhost")}/VIRTUALMACHINES/NODE-A?API-Version=2025-04-01`,
      {
        headers: { ...bearer, "x-ms-client-request-id": "my-call" },
      },
    );
    assert.equal(answer.status, 200);
    assert.equal((answer.body as { name: string }).name, "node-a");
    assert.deepEqual([answer.headers["etag"], answer.headers["x-ms-client-request-id"]], ['"1"', "my-call"]);
    for (const name of ["x-ms-request-id", "x-ms-correlation-request-id", "x-ms-ratelimit-remaining-subscription-reads", "x-ms-ratelimit-remaining-resource"]) {
      assert.ok(answer.headers[name] !== undefined, name);
    }
  });

  it("refuses a body that is no JSON, and one that is too large", async () => {
    const url = `${base}/disks/x?api-version=2025-01-02`;
    for (const body of ["{", "x".repeat(5 * 1024 * 1024)]) {
      const answer = await call(ca, url, { method: "PUT", headers: bearer, body });
      assert.deepEqual([answer.status, (answer.body as { error: { code: string } }).error.code], [400, "InvalidRequestContent"]);
    }
  });

  it("tells clients that know only its URL where everything is", async () => {
    const listed = await call(ca, `${azure.emulator.url}/metadata/endpoints?api-version=2019-05-01`);
    assert.deepEqual(
      (listed.body as { resourceManager: string }[]).map((cloud) => cloud.resourceManager),
      [`${azure.emulator.url}/`],
    );
    const openId = await call(ca, `${azure.emulator.url}/some-tenant/v2.0/.well-known/openid-configuration`);
    assert.equal((openId.body as { token_endpoint: string }).token_endpoint, `${azure.emulator.url}/some-tenant/oauth2/v2.0/token`);
  });

  it("tells a VM about itself under an address of its own", async () => {
    const imds = `${azure.emulator.url}/emulator/v1/imds/node-a/metadata/instance`;
    assert.equal((await call(ca, `${imds}?api-version=2021-10-01`)).status, 400);
    const headers = { Metadata: "true" };
    assert.equal((await call(ca, imds, { headers })).status, 400);
    const document = (await call(ca, `${imds}?api-version=2021-10-01&format=json`, { headers })).body as { compute: Record<string, unknown> };
    assert.deepEqual([document.compute["name"], document.compute["zone"], document.compute["vmSize"]], ["node-a", "", "Standard_D8s_v5"]);
  });

  it("gives no token to half a question", async () => {
    const token = `${azure.emulator.url}/tenant/oauth2/v2.0/token`;
    const asked = async (body: string): Promise<unknown> => ((await call(ca, token, { method: "POST", body })).body as { error?: string }).error;
    assert.deepEqual(
      [
        await asked("grant_type=password"),
        await asked("grant_type=client_credentials"),
        await asked("grant_type=client_credentials&client_id=a"),
        await asked("grant_type=client_credentials&client_id=a&client_secret=b"),
      ],
      ["unsupported_grant_type", "invalid_request", "invalid_client", undefined],
    );
    const imds = `${azure.emulator.url}/metadata/identity/oauth2/token?resource=https://management.azure.com/`;
    assert.deepEqual([(await call(ca, imds)).status, (await call(ca, imds, { headers: { Metadata: "true" } })).status], [400, 200]);
  });
});

const PROGRAM = join(import.meta.dirname, "../../src/emulator/main.ts");

describe("the program", () => {
  it("starts from a scenario, says where it is, and stops on SIGTERM", async () => {
    const directory = await mkdtemp(join(tmpdir(), "emulator-program-"));
    const config = join(directory, "scenario.yaml");
    await writeFile(config, "resourceGroups: [rg]\nvirtualMachines: [{ name: node, count: 2 }]\n");
    const flags = ["--config", config, "--ca-file", join(directory, "ca.pem"), "--ready-file", join(directory, "ready"), "--json", "--time-scale", "0"];
    const program = spawn(process.execPath, [PROGRAM, ...flags], { stdio: ["ignore", "pipe", "inherit"] });
    const ended = new Promise((resolve) => program.once("exit", (code, signal) => resolve({ code, signal })));
    try {
      const line = await new Promise<string>((resolve) => program.stdout.once("data", (chunk: Buffer) => resolve(chunk.toString("utf8"))));
      const { url, caFile } = JSON.parse(line) as { url: string; caFile: string };
      const state = await call(await readFile(caFile, "utf8"), `${url}/emulator/v1/state`);
      assert.deepEqual(
        (state.body as { virtualMachines: { name: string }[] }).virtualMachines.map((vm) => vm.name),
        ["node-0", "node-1"],
      );
    } finally {
      program.kill("SIGTERM");
    }
    assert.deepEqual(await ended, { code: 0, signal: null });
    await rm(directory, { recursive: true });
  });

  const nobody = 65_534;
  it(
    "says without root that there are no devices, keeps disks as files, and refuses to promise devices",
    { skip: process.getuid?.() === 0 ? false : "needs root: to give it up for another user" },
    async (t) => {
      const directory = await mkdtemp(join(tmpdir(), "emulator-nobody-"));
      await chown(directory, nobody, nobody);
      // Node itself may lie where only root can read.
      const node = join(directory, "node");
      await copyFile(process.execPath, node);
      await chmod(node, 0o755);
      const common = ["--ca-file", join(directory, "ca.pem"), "--json", "--time-scale", "0", "--data-dir", join(directory, "disks")];
      const start = (args: readonly string[]) => spawn(node, [...args], { stdio: ["ignore", "pipe", "pipe"], uid: nobody, gid: nobody });
      const startEmulator = (flags: readonly string[]) => start([PROGRAM, ...common, ...flags]);
      const ended = async (program: EventEmitter): Promise<unknown> => (await once(program, "exit"))[0];
      try {
        if ((await ended(start(["--eval", `fs.accessSync(${JSON.stringify(PROGRAM)})`]))) !== 0) return t.skip("this checkout lies where only root can read");
        const refused = startEmulator(["--data-plane", "linux", "--device-root", join(directory, "vms")]);
        const [code, why] = await Promise.all([ended(refused), text(refused.stderr)]);
        assert.equal(code, 2);
        assert.match(why, /--data-plane linux: needs root.*--data-plane files/);

        const program = startEmulator(["--data-plane", "auto", "--device-root", join(directory, "vms")]);
        const said = text(program.stderr);
        const line = await new Promise<string>((resolve) => program.stdout.once("data", (chunk: Buffer) => resolve(chunk.toString("utf8"))));
        const { url, caFile, dataPlane } = JSON.parse(line) as { url: string; caFile: string; dataPlane: string };
        assert.equal(dataPlane, "files");
        const disk = `${url}/subscriptions/${SUBSCRIPTION_ID}/resourceGroups/rg/providers/Microsoft.Compute/disks/pvc-1?api-version=2025-01-02`;
        const body = JSON.stringify({ location: "eastus", properties: { creationData: { createOption: "Empty" }, diskSizeGB: 1 } });
        const created = await call(await readFile(caFile, "utf8"), disk, { method: "PUT", headers: { authorization: "Bearer any" }, body });
        assert.equal(created.status, 202);
        program.kill("SIGTERM");
        assert.equal(await ended(program), 0);
        assert.match(await said, /no devices: needs root/);
        const [file] = (await readdir(join(directory, "disks"))).filter((name) => name.startsWith("pvc-1"));
        assert.equal((await stat(join(directory, "disks", file ?? ""))).size, 1024 ** 3);
      } finally {
        await rm(directory, { recursive: true });
      }
    },
  );
});
