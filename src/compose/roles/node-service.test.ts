import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { systemClock } from "../../adapters/system/system-clock.ts";
import type { Logger } from "../../ports/logger.ts";
import { silentLogger } from "../../ports/testing/silent-logger.ts";
import { openCheckpoints } from "../connect/open-checkpoints.ts";
import { openNodeHost } from "./node-service.ts";

const TIMEOUT_MS = 60_000;
const isLinux = process.platform === "linux" ? {} : { skip: "Linux alone has flock" };
const never = new AbortController().signal;

async function aStateDir(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "node-service-"));
  t.after(() => rm(directory, { recursive: true }));
  return directory;
}

/** The machine, as a plug-in with this state folder opens it. */
function openIn(
  stateDir: string,
  logger: Logger = silentLogger,
  lifetime: AbortSignal = never,
): ReturnType<typeof openNodeHost> {
  return openNodeHost(
    { deviceRoot: stateDir, sharesKernel: true, stateDir: stateDir, kubeletDir: [stateDir] },
    { clock: systemClock, logger, lifetime },
  );
}

it("names the flag of a state folder that can't be used", isLinux, async (t) => {
  const stateDir = join(await aStateDir(t), "file");
  await writeFile(stateDir, "");
  await assert.rejects(openIn(stateDir), {
    message: new RegExp(`^--state-dir: got ${JSON.stringify(stateDir)}; EEXIST`, "u"),
  });
});

it(
  "refuses a state folder in /proc, where none can be made, and does not spin",
  { ...isLinux, timeout: TIMEOUT_MS },
  async () => {
    for (const stateDir of ["/proc/azuredisk", "/proc/azuredisk/state"])
      await assert.rejects(openIn(stateDir), {
        message:
          `--state-dir: got ${JSON.stringify(stateDir)}; /proc/azuredisk can't be made; ` +
          "the file system of /proc takes no folders: name one on a disk of this machine",
      });
  },
);

it("makes a state folder with those above it, for this user alone", isLinux, async (t) => {
  const above = join(await aStateDir(t), "above");
  await openIn(join(above, "state"));
  for (const made of [above, join(above, "state")]) assert.equal((await stat(made)).mode & 0o777, 0o700);
});

/**
 * A plug-in in a process of its own, which has opened its machine and started a command that outlives it. It
 * writes a heartbeat and ends when told.
 */
async function anotherPlugin(t: TestContext, stateDir: string) {
  const moduleUrl = (path: string): string => JSON.stringify(new URL(path, import.meta.url).href);
  const source = `
    const { openNodeHost } = await import(${moduleUrl("./node-service.ts")});
    const { systemClock } = await import(${moduleUrl("../../adapters/system/system-clock.ts")});
    const { silentLogger } = await import(${moduleUrl("../../ports/testing/silent-logger.ts")});
    const { spawn } = await import("node:child_process");
    const stateDir = ${JSON.stringify(stateDir)};
    const machine = await openNodeHost(
      { deviceRoot: stateDir, sharesKernel: true, stateDir: stateDir, kubeletDir: [stateDir] },
      { clock: systemClock, logger: silentLogger, lifetime: new AbortController().signal },
    );
    const command = spawn("sleep", ["infinity"], { stdio: "ignore", detached: true });
    console.log(command.pid);
    for await (const told of process.stdin)
      await machine.checkpoints.putHeartbeat({ heartbeat: Number(told), vmId: "vm-1" }, new AbortController().signal);
    process.exit();
  `;
  const plugin = spawn(process.execPath, ["--input-type=module", "--eval", source], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  t.after(() => plugin.kill("SIGKILL"));
  const [line]: string[] = await once(plugin.stdout.setEncoding("utf8"), "data");
  t.after(() => process.kill(Number(line), "SIGKILL"));
  return plugin;
}

describe("openCheckpoints", () => {
  it("warns once of a file that has decayed, and continues with the other one", async (t) => {
    const stateDir = await aStateDir(t);
    const warned: unknown[] = [];
    const warn: Logger["warn"] = (message, fields) => warned.push([message, fields?.["path"]]);
    const open = () => openCheckpoints(stateDir, { ...silentLogger, warn });
    const first = await open();
    for (const beat of [1, 2])
      assert.ok((await first.putHeartbeat({ heartbeat: beat, vmId: "vm-1" }, never)).ok);
    const path = join(stateDir, "volumes.json");
    const text = await readFile(path, "utf8");
    assert.match(text, /"heartbeat": 2,/u);
    await writeFile(path, text.replace('"heartbeat": 2,', '"heartbeat": 3,'));
    const second = await open();
    assert.equal(second.heartbeat(), 1);
    assert.deepEqual(warned, [
      ["a file of the node's checkpoints is damaged: the other counts, without the last change", path],
    ]);
    assert.ok((await second.putHeartbeat({ heartbeat: 4, vmId: "vm-1" }, never)).ok);
    assert.equal((await open()).heartbeat(), 4);
    assert.equal(warned.length, 1);
  });

  it("warns once of a file that was removed, and of none before the first change", async (t) => {
    const stateDir = await aStateDir(t);
    const warned: unknown[] = [];
    const warn: Logger["warn"] = (message, fields) => warned.push([message, fields?.["path"]]);
    const open = () => openCheckpoints(stateDir, { ...silentLogger, warn });
    await open();
    const first = await open();
    for (const beat of [1, 2])
      assert.ok((await first.putHeartbeat({ heartbeat: beat, vmId: "vm-1" }, never)).ok);
    const path = join(stateDir, "volumes.json");
    await rm(path);
    const second = await open();
    assert.equal(second.heartbeat(), 1);
    assert.deepEqual(warned, [["a file of the node's checkpoints was removed: the other counts", path]]);
    assert.ok((await second.putHeartbeat({ heartbeat: 3, vmId: "vm-1" }, never)).ok);
    assert.equal((await open()).heartbeat(), 3);
    assert.equal(warned.length, 1);
  });
});

describe("openNodeHost", isLinux, () => {
  it(
    "reads the checkpoints once the plug-in that writes them has ended",
    { timeout: TIMEOUT_MS },
    async (t) => {
      const stateDir = await aStateDir(t);
      const plugin = await anotherPlugin(t, stateDir);
      const waits = Promise.withResolvers<unknown>();
      const warn: Logger["warn"] = (message, fields) => {
        if (message.startsWith("waiting")) waits.resolve(fields);
      };
      const opening = openIn(stateDir, { ...silentLogger, warn });
      const first = await Promise.race([waits.promise.then(() => "waits"), opening.then(() => "opens")]);
      assert.equal(first, "waits");
      const path = join(stateDir, "volumes.lock");
      assert.deepEqual(await waits.promise, {
        path,
        remedy: `end the process that "fuser ${path}" names, or give each plug-in a --state-dir of its own`,
      });
      plugin.stdin.end("7");
      assert.equal((await opening).checkpoints.heartbeat(), 7);
    },
  );

  it("ends its wait with the process", { timeout: TIMEOUT_MS }, async (t) => {
    const stateDir = await aStateDir(t);
    const plugin = await anotherPlugin(t, stateDir);
    const lifetime = new AbortController();
    const warn: Logger["warn"] = (message) => {
      if (message.startsWith("waiting")) lifetime.abort();
    };
    await assert.rejects(openIn(stateDir, { ...silentLogger, warn }, lifetime.signal));
    plugin.stdin.end();
    await once(plugin, "exit");
  });
});
