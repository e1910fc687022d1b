import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { type EventEmitter, once } from "node:events";
import { chmod, chown, copyFile, mkdtemp, readFile, readdir, rm, stat, writeFile } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { get } from "node:https";
import { createServer, type AddressInfo } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, it } from "node:test";
import { startEmulator } from "../../src/emulator/index.ts";
import { freePorts } from "../../testbed/ports/free-ports.ts";
import { PATIENCE_MS } from "./azure-fixture.ts";
import { call } from "./call.ts";

/** The subscription of an emulator without a scenario. */
const SUBSCRIPTION_ID = "00000000-0000-0000-0000-000000000000";

const PROGRAM = join(import.meta.dirname, "../../src/emulator/main.ts");

/** Its output once it answers. */
function firstLine(program: ChildProcess): Promise<string> {
  return new Promise((resolve) =>
    program.stdout?.once("data", (chunk: Buffer) => resolve(chunk.toString("utf8"))),
  );
}

function whyNoIpv6(): string | undefined {
  const addresses = Object.values(networkInterfaces()).flatMap((of = []) => of.map(({ address }) => address));
  return addresses.includes("::1") ? undefined : "this machine has no address ::1";
}

/** Every file below a folder, with its content and its last change. */
async function contentOf(folder: string): Promise<readonly unknown[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return Promise.all(
    files.toSorted().map(async (file) => [file, await readFile(file, "utf8"), (await stat(file)).mtimeMs]),
  );
}

describe("the program", () => {
  it("starts from a scenario, prints its address, and stops on SIGTERM", async () => {
    const directory = await mkdtemp(join(tmpdir(), "emulator-program-"));
    const config = join(directory, "scenario.yaml");
    await writeFile(config, "resourceGroups: [rg]\nvirtualMachines: [{ name: node, count: 2 }]\n");
    const flags = [
      "--config",
      config,
      "--ca-file",
      join(directory, "ca.pem"),
      "--ready-file",
      join(directory, "ready"),
      "--json",
      "--time-scale",
      "0",
    ];
    const program = spawn(process.execPath, [PROGRAM, ...flags], { stdio: ["ignore", "pipe", "inherit"] });
    const ended = new Promise((resolve) => program.once("exit", (code, signal) => resolve({ code, signal })));
    let line = "";
    try {
      line = await firstLine(program);
      const { url, caFile, caPem } = JSON.parse(line) as { url: string; caFile: string; caPem: string };
      assert.deepEqual(caPem, await readFile(caFile, "utf8"));
      const state = await call(caPem, `${url}/emulator/v1/state`);
      assert.deepEqual(
        (state.body as { virtualMachines: { name: string }[] }).virtualMachines.map((vm) => vm.name),
        ["node-0", "node-1"],
      );
    } finally {
      program.kill("SIGTERM");
    }
    assert.deepEqual(await ended, { code: 0, signal: null });
    assert.equal(await readFile(join(directory, "ready"), "utf8"), line);
    await rm(directory, { recursive: true });
  });

  it("prints its help, and names an invalid flag", async () => {
    const run = async (
      flags: readonly string[],
    ): Promise<readonly [code: unknown, said: string, complained: string]> => {
      const program = spawn(process.execPath, [PROGRAM, ...flags], { stdio: ["ignore", "pipe", "pipe"] });
      const [[code], said, complained] = await Promise.all([
        once(program, "exit"),
        text(program.stdout),
        text(program.stderr),
      ]);
      return [code, said, complained];
    };
    const [code, said] = await run(["--help"]);
    assert.equal(code, 0);
    for (const flag of [
      "--config",
      "--port",
      "--plain-http",
      "--ca-file",
      "--time-scale",
      "--seed",
      "--data-plane",
      "--ready-file",
      "--json",
    ])
      assert.ok(said.includes(`  ${flag}`), flag);
    assert.deepEqual(await run(["--prort", "1"]), [
      2,
      "",
      "azure-compute-emulator: --prort: unknown flag; did you mean --port?\n" +
        "Try azure-compute-emulator --help.\n",
    ]);
    const [missing, , why] = await run(["--config", "/nowhere.yaml"]);
    assert.equal(missing, 2);
    assert.match(why, /--config: \/nowhere\.yaml can't be read: ENOENT/);
  });

  it("names the flag and the folder or file that it can't have, and ends", async () => {
    const directory = await mkdtemp(join(tmpdir(), "emulator-program-"));
    const file = join(directory, "file");
    await writeFile(file, "");
    const ca = ["--ca-file", join(directory, "ca.pem")];
    const endedBy = async (...flags: string[]): Promise<readonly [unknown, string, string]> => {
      const program = spawn(process.execPath, [PROGRAM, ...flags], {
        stdio: ["ignore", "pipe", "pipe"],
        timeout: PATIENCE_MS,
        killSignal: "SIGKILL",
      });
      const [[code], complained, said] = await Promise.all([
        once(program, "exit"),
        text(program.stderr),
        text(program.stdout),
      ]);
      return [code, complained, said];
    };
    const refusedBy = async (...flags: string[]): Promise<readonly [code: unknown, complained: string]> => {
      const [exit, reason, said] = await endedBy(...ca, ...flags);
      assert.equal(said, "", "it says that it answers");
      return [exit, reason];
    };
    const help = "Try azure-compute-emulator --help.\n";
    try {
      for (const plane of ["none", "files"])
        assert.deepEqual(await refusedBy("--data-dir", "/proc/emulator/state", "--data-plane", plane), [
          2,
          'azure-compute-emulator: --data-dir: got "/proc/emulator/state", which can\'t be made: ' +
            `its file system takes no folders\n${help}`,
        ]);
      const [code, complained] = await refusedBy("--data-dir", join(file, "state"));
      assert.equal(code, 2);
      assert.match(complained, /--data-dir: got ".*\/file\/state", which can't be made: ENOTDIR/);
      const [exit, why] = await refusedBy("--ready-file", join(directory, "nowhere", "ready"));
      assert.equal(exit, 2, "it runs on, and takes no SIGTERM");
      assert.match(why, /--ready-file: got ".*\/nowhere\/ready", which can't be written: ENOENT.*\nTry /);
      for (const place of [directory, join(directory, "nowhere", "ca.pem")]) {
        const [status, reason] = await endedBy("--ca-file", place);
        assert.equal(status, 2);
        assert.match(reason, /--ca-file: got ".*", which can't be written: E(?:ISDIR|NOENT)/);
        await assert.rejects(stat(`${place}.key`), { code: "ENOENT" }, "a key is left behind");
      }
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  it("serves plain HTTP on the given port, and on SIGINT first answers open requests", async () => {
    const [port = 0] = await freePorts(1);
    const program = spawn(
      process.execPath,
      [PROGRAM, "--plain-http", "--port", String(port), "--json", "--time-scale", "1"],
      {
        stdio: ["ignore", "pipe", "inherit"],
      },
    );
    const ended = once(program, "exit");
    try {
      const { url, caFile } = JSON.parse(await firstLine(program)) as { url: string; caFile?: string };
      assert.deepEqual([url, caFile], [`http://localhost:${port}`, undefined]);
      const rule = { operation: "ResourceGroups_List", effect: { kind: "DelayResponse", delayMs: 500 } };
      assert.equal(
        (await fetch(`${url}/emulator/v1/faults`, { method: "POST", body: JSON.stringify(rule) })).status,
        201,
      );
      const begun = fetch(`${url}/subscriptions/${SUBSCRIPTION_ID}/resourceGroups?api-version=2021-04-01`, {
        headers: { authorization: "Bearer any" },
      });
      const journal = async (): Promise<readonly unknown[]> =>
        ((await (await fetch(`${url}/emulator/v1/journal?kind=arm`)).json()) as { value: unknown[] }).value;
      while ((await journal()).length === 0) await new Promise((resolve) => setImmediate(resolve));
      program.kill("SIGINT");
      assert.deepEqual(await (await begun).json(), { value: [] });
    } finally {
      // A second one would not wait.
      if (!program.killed) program.kill("SIGINT");
    }
    assert.deepEqual(await ended, [0, null]);
    await assert.rejects(fetch(`http://localhost:${port}/emulator/v1/health`));
  });

  it("names the address of IPv6 that it is reached by", { skip: whyNoIpv6() ?? false }, async () => {
    await using emulator = new AsyncDisposableStack();
    const { url, port, caPem = "", close } = await startEmulator({ host: "::1" });
    emulator.defer(close);
    assert.equal(url, `https://[::1]:${port}`);
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      get(`${url}/emulator/v1/health`, { ca: caPem }, resolve).once("error", reject);
    });
    answer.resume();
    assert.equal(answer.statusCode, 200);
  });

  it("prints its address and certificate for human readers", async () => {
    const directory = await mkdtemp(join(tmpdir(), "emulator-program-"));
    const program = spawn(process.execPath, [PROGRAM, "--ca-file", join(directory, "ca.pem")], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const ended = once(program, "exit");
    try {
      const [where = "", ...certificate] = (await firstLine(program)).trimEnd().split("\n");
      assert.match(where, /^Azure compute emulator at https:\/\/localhost:\d+, trust .*\/ca\.pem:$/);
      assert.equal(`${certificate.join("\n")}\n`, await readFile(join(directory, "ca.pem"), "utf8"));
    } finally {
      program.kill("SIGTERM");
    }
    await ended;
    await rm(directory, { recursive: true });
  });

  it("changes nothing on a port that another emulator has, and keeps its CA", async () => {
    const directory = await mkdtemp(join(tmpdir(), "emulator-program-"));
    const [port = 0] = await freePorts(1);
    const caFile = join(directory, "ca.pem");
    const disks = join(directory, "disks");
    const flags = ["--port", String(port), "--ca-file", caFile, "--json", "--time-scale", "0"];
    flags.push("--data-plane", "files", "--data-dir", disks);
    const started: ChildProcess[] = [];
    const start = (): ChildProcess => {
      const program = spawn(process.execPath, [PROGRAM, ...flags], { stdio: ["ignore", "pipe", "inherit"] });
      started.push(program);
      return program;
    };
    const health = async (caPem: string): Promise<number> =>
      (await call(caPem, `https://localhost:${port}/emulator/v1/health`)).status;
    try {
      const first = start();
      const ended = once(first, "exit");
      await firstLine(first);
      const caPem = await readFile(caFile, "utf8");
      // A disk that the first one is making.
      await writeFile(join(disks, "pvc-1.disk.unfinished"), "");
      const before = await contentOf(directory);
      const second = start();
      assert.deepEqual((await once(second, "exit"))[0], 1);
      assert.deepEqual(await contentOf(directory), before);
      assert.equal(await health(caPem), 200);
      first.kill("SIGTERM");
      await ended;

      const third = start();
      const endedToo = once(third, "exit");
      await firstLine(third);
      assert.equal(await health(caPem), 200, "a client of the first has to trust the third");
      assert.equal((await stat(`${caFile}.key`)).mode & 0o077, 0, "others may read the CA's key");
      third.kill("SIGTERM");
      await endedToo;
    } finally {
      for (const program of started) program.kill("SIGKILL");
      await rm(directory, { recursive: true });
    }
  });

  it("says which error has ended it that nothing has caught", async (t) => {
    const planted = `process.stdin.once("data", () => Promise.reject(new Error("planted")));`;
    const args = ["--import", `data:text/javascript,${encodeURIComponent(planted)}`, PROGRAM, "--plain-http"];
    const program = spawn(process.execPath, args, { stdio: "pipe" });
    t.after(() => program.kill("SIGKILL"));
    const written = text(program.stderr);
    await firstLine(program);
    program.stdin.write("go\n");
    const [code] = await once(program, "exit");
    assert.equal(code, 1);
    assert.match(
      await written,
      /azure-compute-emulator: ended by an error that nothing caught: Error: planted\n +at /u,
    );
  });

  it("reports that its port is in use", async (t) => {
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const { port } = taken.address() as AddressInfo;
    const program = spawn(process.execPath, [PROGRAM, "--plain-http", "--port", String(port)], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    t.after(() => program.kill("SIGKILL"));
    const [[code], complained] = await Promise.all([once(program, "exit"), text(program.stderr)]);
    taken.close();
    assert.equal(code, 1);
    assert.match(complained, /EADDRINUSE/);
  });

  const unprivileged = 65_534;
  it(
    "without root keeps disks as files, says so, and refuses to promise devices",
    { skip: process.getuid?.() === 0 ? false : "needs root: to drop it for another user" },
    async (t) => {
      const directory = await mkdtemp(join(tmpdir(), "emulator-unprivileged-"));
      await chown(directory, unprivileged, unprivileged);
      // Node itself may be where only root can read.
      const node = join(directory, "node");
      await copyFile(process.execPath, node);
      await chmod(node, 0o755);
      const common = [
        "--ca-file",
        join(directory, "ca.pem"),
        "--json",
        "--time-scale",
        "0",
        "--data-dir",
        join(directory, "disks"),
      ];
      const start = (args: readonly string[]) =>
        spawn(node, [...args], { stdio: ["ignore", "pipe", "pipe"], uid: unprivileged, gid: unprivileged });
      const startEmulator = (flags: readonly string[]) => start([PROGRAM, ...common, ...flags]);
      const ended = async (program: EventEmitter): Promise<unknown> => (await once(program, "exit"))[0];
      try {
        if ((await ended(start(["--eval", `fs.accessSync(${JSON.stringify(PROGRAM)})`]))) !== 0)
          return t.skip("this checkout is where only root can read");
        const refused = startEmulator(["--data-plane", "linux", "--device-root", join(directory, "vms")]);
        const [code, why] = await Promise.all([ended(refused), text(refused.stderr)]);
        assert.equal(code, 2);
        assert.match(why, /--data-plane: got "linux"; needs root.*; files keeps the bytes/);

        const program = startEmulator(["--data-plane", "auto", "--device-root", join(directory, "vms")]);
        const said = text(program.stderr);
        const line = await firstLine(program);
        const { url, caFile, dataPlane } = JSON.parse(line) as {
          url: string;
          caFile: string;
          dataPlane: string;
        };
        assert.equal(dataPlane, "files");
        const disk = `${url}/subscriptions/${SUBSCRIPTION_ID}/resourceGroups/rg/providers/Microsoft.Compute/disks/pvc-1?api-version=2025-01-02`;
        const body = JSON.stringify({
          location: "eastus",
          properties: { creationData: { createOption: "Empty" }, diskSizeGB: 1 },
        });
        const created = await call(await readFile(caFile, "utf8"), disk, {
          method: "PUT",
          headers: { authorization: "Bearer any" },
          body,
        });
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
