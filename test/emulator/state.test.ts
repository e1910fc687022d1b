import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, fsyncSync, openSync, readSync, realpathSync, writeSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, describe, it } from "node:test";
import { dataPlaneAvailable } from "../../src/emulator/data-plane/data-plane-available.ts";
import { waitUntil } from "../../testbed/lab/units/wait-until.ts";
import { SUBSCRIPTION_ID } from "./azure-fixture.ts";

const PROGRAM = join(import.meta.dirname, "../../src/emulator/main.ts");
const COMPUTE = `/subscriptions/${SUBSCRIPTION_ID}/resourceGroups/rg/providers/Microsoft.Compute`;
const VERSION = "?api-version=2025-04-01";
const PATIENCE = { timeoutMs: 120_000, everyMs: 20, signal: new AbortController().signal };
const SCENARIO = `subscriptionId: ${SUBSCRIPTION_ID}
resourceGroups: [rg]
virtualMachines: [{ name: node-a }]
settings: { latencies: { attach: { medianMs: 200000, p99Ms: 200000 } } }
`;
/** An attach takes ten seconds: longer than any client here takes to look. */
const SCALE = ["--time-scale", "0.05"];

const available = dataPlaneAvailable();

interface Running {
  readonly program: ChildProcess;
  send(method: string, path: string, body?: unknown): Promise<Response>;
  /** Waits until a disk has this state. */
  untilDisk(name: string, state: string): Promise<void>;
}

const newDisk = {
  location: "eastus",
  properties: { creationData: { createOption: "Empty" }, diskSizeGB: 1 },
};

function list(...names: readonly string[]): unknown {
  const dataDisks = names.map((name, lun) => ({
    lun,
    createOption: "Attach",
    managedDisk: { id: `${COMPUTE}/disks/${name}` },
  }));
  return { properties: { storageProfile: { dataDisks } } };
}

describe("an emulator with a folder for its state", () => {
  let folder: string;
  const started: ChildProcess[] = [];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "emulator-state-"));
    await writeFile(join(folder, "scenario.yaml"), SCENARIO);
  });
  after(async () => {
    for (const program of started) await end(program, "SIGKILL");
    await rm(folder, { recursive: true });
  });

  function spawned(dataDir: string, flags: readonly string[]): ChildProcess {
    const args = ["--config", join(folder, "scenario.yaml"), "--plain-http", "--json", "--data-dir", dataDir];
    const program = spawn(process.execPath, [PROGRAM, ...args, ...flags], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    started.push(program);
    return program;
  }

  async function start(dataDir: string, ...flags: readonly string[]): Promise<Running> {
    const program = spawned(dataDir, flags);
    const said = program.stderr === null ? undefined : text(program.stderr);
    const line = await Promise.race([
      once(program.stdout ?? assert.fail("no output"), "data").then(([chunk]) => String(chunk)),
      once(program, "exit").then(async () => assert.fail(`it ended: ${await said}`)),
    ]);
    const { url } = JSON.parse(line) as { readonly url: string };
    const send: Running["send"] = async (method, path, body) => {
      const answer = await fetch(
        path.startsWith("/") ? `${url}${path}` : `${url}${COMPUTE}/${path}${VERSION}`,
        {
          method,
          headers: { authorization: "Bearer any", "content-type": "application/json", metadata: "true" },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        },
      );
      assert.ok(answer.status < 300, `${method} ${path}: ${answer.status} ${await answer.clone().text()}`);
      return answer;
    };
    const untilDisk: Running["untilDisk"] = async (name, state) => {
      await waitUntil(`disk ${name} to be ${state}`, PATIENCE, async () => {
        const { properties } = (await (await send("GET", `disks/${name}`)).json()) as DiskBody;
        return (properties.provisioningState === "Succeeded" && properties.diskState === state) || undefined;
      });
    };
    return { program, send, untilDisk };
  }

  async function kill({ program }: Running, signal: "SIGKILL" | "SIGTERM" = "SIGKILL"): Promise<void> {
    await end(program, signal);
  }

  it("continues after kill -9 with a rolling upgrade and the event it waits for", async () => {
    const dataDir = join(folder, "upgrade");
    const pool = "virtualMachineScaleSets/pool";
    const imds = "/emulator/v1/imds/pool_0/metadata/scheduledevents?api-version=2020-07-01";
    const virtualMachineProfile = { networkProfile: { healthProbe: { id: "/any/probe" } } };
    /** Fifteen minutes are 45 s: longer than this test waits for an event that nothing approves. */
    const first = await start(dataDir, ...SCALE);
    const made = await first.send("PUT", pool, {
      location: "eastus",
      sku: { name: "Standard_D8s_v5", capacity: 1 },
      properties: { virtualMachineProfile },
    });
    assert.equal(made.status, 201);
    const read = async ({ send }: Running, path: string): Promise<unknown> =>
      (await send("GET", path)).json();
    await waitUntil("the scale set to be there", PATIENCE, async () => {
      const { properties } = (await read(first, pool)) as DiskBody;
      return properties.provisioningState === "Succeeded" || undefined;
    });
    await read(first, imds);
    await first.send("POST", `${pool}/osRollingUpgrade`);
    const eventOf = async (on: Running): Promise<{ EventId: string; EventStatus: string } | undefined> =>
      ((await read(on, imds)) as { Events: { EventId: string; EventStatus: string }[] }).Events[0];
    const event = await waitUntil("the event", PATIENCE, () => eventOf(first));
    await kill(first);

    const second = await start(dataDir, ...SCALE);
    assert.deepEqual(await eventOf(second), event);
    await second.send("POST", imds, { StartRequests: [{ EventId: event.EventId }] });
    assert.notEqual((await eventOf(second))?.EventStatus, "Scheduled");
    await waitUntil("the upgrade to end", PATIENCE, async () => {
      const { properties } = (await read(second, `${pool}/rollingUpgrades/latest`)) as {
        readonly properties: { readonly runningStatus: { readonly code: string } };
      };
      return properties.runningStatus.code === "Completed" || undefined;
    });
    assert.equal(await eventOf(second), undefined);
    await kill(second);
  });

  it("continues after kill -9, with the operation that a client still polls", async () => {
    const dataDir = join(folder, "killed");
    const first = await start(dataDir, ...SCALE);
    await first.send("PUT", "disks/pvc-1", newDisk);
    await first.untilDisk("pvc-1", "Unattached");
    const attach = await first.send("PATCH", "virtualMachines/node-a", list("pvc-1"));
    const { pathname, search } = new URL(attach.headers.get("azure-asyncoperation") ?? assert.fail());
    const stateOn = async ({ send }: Running): Promise<string> =>
      ((await (await send("GET", `${pathname}${search}`)).json()) as { readonly status: string }).status;
    assert.equal(await stateOn(first), "InProgress");
    await kill(first);

    const second = await start(dataDir, ...SCALE);
    await waitUntil(
      "the attach to end",
      PATIENCE,
      async () => (await stateOn(second)) === "Succeeded" || undefined,
    );
    await second.untilDisk("pvc-1", "Attached");
    await second.send("PUT", "disks/pvc-2", newDisk);
    await second.untilDisk("pvc-2", "Unattached");
    await kill(second, "SIGTERM");

    const third = await start(dataDir, ...SCALE);
    await third.untilDisk("pvc-1", "Attached");
    await third.untilDisk("pvc-2", "Unattached");
    await kill(third);
  });

  it("shares it with no other emulator, and continues no other scenario", async () => {
    const dataDir = join(folder, "shared");
    const first = await start(dataDir, "--time-scale", "0");
    const second = spawned(dataDir, ["--time-scale", "0"]);
    const [why, [code]] = await Promise.all([text(second.stderr ?? assert.fail()), once(second, "exit")]);
    assert.deepEqual([code, /another emulator uses .*state\.jsonl: end that one/u.test(why)], [1, true], why);
    await kill(first);
    const other = spawned(dataDir, ["--time-scale", "0", "--seed", "2"]);
    const [whyNot, [otherCode]] = await Promise.all([
      text(other.stderr ?? assert.fail()),
      once(other, "exit"),
    ]);
    assert.equal(otherCode, 1);
    assert.match(whyNot, /state\.jsonl was begun with other values of seed: use the same ones, or remove/u);
  });

  it(
    "has its VMs' devices again after kill -9, with the bytes of their disks",
    { skip: available.available ? false : available.reason },
    async () => {
      const dataDir = join(folder, "devices");
      const vms = join(folder, "vms");
      const flags = ["--time-scale", "0", "--data-plane", "linux", "--device-root", vms];
      const deviceOf = (vm: string): string => realpathSync(join(vms, vm, "dev/disk/azure/scsi1/lun0"));
      const first = await start(dataDir, ...flags);
      await first.send("PUT", "disks/pvc-1", newDisk);
      await first.untilDisk("pvc-1", "Unattached");
      await first.send("PATCH", "virtualMachines/node-a", list("pvc-1"));
      await first.untilDisk("pvc-1", "Attached");
      const written = openSync(deviceOf("node-a"), "r+");
      writeSync(written, Buffer.alloc(4096, "a"), 0, 4096, 0);
      fsyncSync(written);
      closeSync(written);
      await kill(first);

      const second = await start(dataDir, ...flags);
      const device = openSync(deviceOf("node-a"), "r");
      const read = Buffer.alloc(4096);
      readSync(device, read, 0, 4096, 0);
      closeSync(device);
      assert.deepEqual(read, Buffer.alloc(4096, "a"));
      await second.send("PATCH", "virtualMachines/node-a", list());
      await second.untilDisk("pvc-1", "Unattached");
      assert.throws(() => deviceOf("node-a"), /ENOENT/u);
      await kill(second, "SIGTERM");
    },
  );
});

/** Ends a program that may have ended. */
async function end(program: ChildProcess, signal: "SIGKILL" | "SIGTERM"): Promise<void> {
  if (program.exitCode !== null || program.signalCode !== null) return;
  const ended = once(program, "exit");
  program.kill(signal);
  await ended;
}

interface DiskBody {
  readonly properties: { readonly provisioningState: string; readonly diskState: string };
}
