import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { describe, it } from "node:test";
import type { TestContext } from "node:test";
import type { Result } from "../../../core/failure/result.ts";
import { fail, ok } from "../../../core/failure/result.ts";
import { type DeviceInProcess } from "./ask-about-files.ts";
import type { HostCommand } from "./command-runner.ts";
import { defaultCommandTimeLimits } from "./command-time-limits.ts";
import { mappedDevices } from "./mapped-devices.ts";
import type { ChildExit } from "./spawn-child.ts";

const never = new AbortController().signal;
const limits = { ...defaultCommandTimeLimits, mapsMs: 7 };

/**
 * What a file in /proc shows: a line, how the look at it ends, or nothing yet; or the program can't be
 * started to look.
 */
type Shown = { readonly line: string } | { readonly error: string } | "late" | "unstarted";

interface Proc {
  /** By process. Of each look at it, of the last ones what the last one has. */
  readonly maps: Readonly<Record<number, readonly Shown[]>>;
  /** By process and range; gone if left out. */
  readonly files?: Readonly<Record<string, Shown>>;
  /** Mounted for every process. */
  readonly mounts?: string;
}

async function search(t: TestContext, { maps, files = {}, mounts = "" }: Proc) {
  const procRoot = await mkdtemp(join(tmpdir(), "mapped-devices-"));
  t.after(() => rm(procRoot, { recursive: true }));
  for (const pid of Object.keys(maps)) {
    await mkdir(join(procRoot, pid, "ns"), { recursive: true });
    await symlink("mnt:[1]", join(procRoot, pid, "ns/mnt"));
    await writeFile(join(procRoot, pid, "comm"), "postgres\n");
    await writeFile(join(procRoot, pid, "mountinfo"), mounts);
  }
  const looks = new Map<string, number>();
  const shownAt = (path: string): Shown => {
    const [, pid = "", ...rest] = path.slice(procRoot.length).split("/");
    if (rest[0] !== "maps")
      return files[`${pid} ${basename(path)}`] ?? { error: "No such file or directory" };
    const look = looks.get(pid) ?? 0;
    looks.set(pid, look + 1);
    const shown = maps[Number(pid)] ?? [];
    return shown[look] ?? shown.at(-1) ?? { error: "No such process" };
  };
  const asked: string[] = [];
  const run = async (command: HostCommand): Promise<Result<ChildExit>> => {
    const paths = command.args.slice(command.args.indexOf("--") + 1);
    asked.push(`${command.program} ${paths.map((path) => path.slice(procRoot.length + 1)).join(" ")}`);
    const shown = paths.map((path) => ({ path, what: shownAt(path) }));
    if (shown.some(({ what }) => what === "late"))
      return fail({ kind: "HostCommandTimedOut", command: command.program, timeoutMs: command.limitMs });
    const line = [command.program, ...command.args].join(" ");
    if (shown.some(({ what }) => what === "unstarted"))
      return fail({ kind: "HostCommandFailed", command: line, exitCode: null, stderr: "spawn EAGAIN" });
    const lines = shown.map(({ what }) => lineOf(what)).filter((text) => text !== undefined);
    const errors = shown.flatMap(({ path, what }) =>
      typeof what === "object" && "error" in what ? [`${command.program}: ${path}: ${what.error}`] : [],
    );
    return ok({ exitCode: 1, stdout: Buffer.from(lines.join("\n")), stderr: errors.join("\n") });
  };
  const host = { procRoot, limits, runner: { run, inFlightOn: () => [], isStuck: () => false } };
  const ids = Object.keys(maps).map(Number);
  return { found: pidsWith(await mappedDevices(host, ids, never)), asked };
}

/** Of the processes that have one device. */
function pidsWith(found: Result<readonly DeviceInProcess[]>): Result<readonly number[]> {
  if (!found.ok) return found;
  return ok([...new Set(found.value.filter(({ device }) => device === "8:32").map(({ pid }) => pid))]);
}

function mapping(pid: number, range: string, file: { fileSystem?: string; inode?: number } = {}): Shown {
  return {
    line: `/proc/${pid}/maps:${range} rw-s 00000000 ${file.fileSystem ?? "00:06"} ${file.inode ?? 94}`,
  };
}

function device(pid: number, range: string, number = "8:20"): Shown {
  return { line: `${number} /proc/${pid}/map_files/${range} block special file` };
}

describe("a search for mapped devices", () => {
  it("asks for all processes together, and for the files of shared mappings alone", async (t) => {
    const { found, asked } = await search(t, {
      maps: { 1: [mapping(1, "1000-2000")], 2: [{ line: "" }], 3: [mapping(3, "5000-6000")] },
      files: { "1 1000-2000": device(1, "1000-2000"), "3 5000-6000": device(3, "5000-6000", "8:30") },
    });
    assert.deepEqual(found, ok([1]));
    assert.deepEqual(asked, [
      "grep 1/maps 2/maps 3/maps",
      "stat 1/map_files/1000-2000 3/map_files/5000-6000",
    ]);
  });

  it("names the process that does not show in time what it has mapped", async (t) => {
    const { found, asked } = await search(t, { maps: { 1: [{ line: "" }], 2: ["late"], 3: ["late"] } });
    assert.deepEqual(
      found,
      fail({
        kind: "HostNotReady",
        detail: "process 2 (postgres) does not show within 7 ms what it has mapped",
      }),
    );
    assert.deepEqual(asked, ["grep 1/maps 2/maps 3/maps", "grep 1/maps", "grep 2/maps"]);
  });

  it("names the process whose mapped file is not shown in time", async (t) => {
    const { found } = await search(t, {
      maps: { 1: [mapping(1, "1000-2000")], 2: [mapping(2, "1000-2000")] },
      files: { "1 1000-2000": device(1, "1000-2000", "8:30"), "2 1000-2000": "late" },
    });
    assert.deepEqual(
      found,
      fail({
        kind: "HostNotReady",
        detail: "process 2 (postgres) does not show within 7 ms what it has mapped",
      }),
    );
  });

  it("takes the answers of processes that were slow together", async (t) => {
    const { found } = await search(t, {
      maps: { 1: ["late", mapping(1, "1000-2000")], 2: [{ line: "" }] },
      files: { "1 1000-2000": device(1, "1000-2000") },
    });
    assert.deepEqual(found, ok([1]));
  });

  it("passes processes that have gone, or that may not be inspected", async (t) => {
    const gone = [{ error: "No such file or directory" }];
    const { found } = await search(t, {
      maps: {
        1: gone,
        2: [{ error: "No such process" }],
        3: [{ error: "Permission denied" }],
        4: [mapping(4, "1000-2000"), ...gone],
        5: [mapping(5, "1000-2000"), mapping(5, "1000-2000", { inode: 95 })],
      },
    });
    assert.deepEqual(found, ok([]));
  });

  it("is not sure of a process whose mapping has other addresses by now", async (t) => {
    const { found } = await search(t, { maps: { 1: [mapping(1, "1000-3000"), mapping(1, "1000-2000")] } });
    assert.deepEqual(
      found,
      fail({ kind: "HostNotReady", detail: "process 1 (postgres) keeps changing what it has mapped" }),
    );
  });

  it("looks again at a process that changes what it has mapped for a moment", async (t) => {
    const { found } = await search(t, {
      maps: { 1: ["1000-2000", "1000-3000", "1000-4000"].map((range) => mapping(1, range)) },
      files: { "1 1000-4000": device(1, "1000-4000") },
    });
    assert.deepEqual(found, ok([1]));
  });

  it("knows a file by one of its mappings", async (t) => {
    const { found } = await search(t, {
      maps: { 1: [{ line: [mapping(1, "1000-2000"), mapping(1, "3000-4000")].map(lineOf).join("\n") }] },
      files: { "1 3000-4000": { line: "0:0 /proc/1/map_files/3000-4000 regular file" } },
    });
    assert.deepEqual(found, ok([]));
  });

  it("looks at no file whose server may not answer", async (t) => {
    const { found, asked } = await search(t, {
      maps: { 1: [mapping(1, "1000-2000", { fileSystem: "00:2d" })] },
      files: { "1 1000-2000": "late" },
      mounts: "21 1 0:45 / /data rw - nfs4 server:/ rw\n",
    });
    assert.deepEqual(found, ok([]));
    assert.deepEqual(asked, ["grep 1/maps"]);
  });

  for (const error of ["Input/output error", "Transport endpoint is not connected", "Stale file handle"])
    it(`passes a file whose file system has failed: ${error}`, async (t) => {
      const { found } = await search(t, {
        maps: { 1: [mapping(1, "1000-2000")], 2: [mapping(2, "1000-2000")] },
        files: { "1 1000-2000": { error }, "2 1000-2000": device(2, "1000-2000") },
      });
      assert.deepEqual(found, ok([2]));
    });

  it("fails where what a process has mapped can't be read", async (t) => {
    const { found } = await search(t, { maps: { 1: [{ error: "Input/output error" }] } });
    assert.ok(!found.ok && found.failure.kind === "HostCommandFailed");
  });

  it("fails without the names of all files where a program can't be started", async (t) => {
    const { found } = await search(t, {
      maps: { 1: [mapping(1, "1000-2000")] },
      files: { "1 1000-2000": "unstarted" },
    });
    assert.ok(!found.ok && found.failure.kind === "HostCommandFailed");
    assert.equal(found.failure.stderr, "spawn EAGAIN");
    assert.doesNotMatch(found.failure.command, /map_files/u);
  });

  it("fails where the plug-in lacks the right to look", async (t) => {
    const { found } = await search(t, {
      maps: { 1: [mapping(1, "1000-2000")] },
      files: { "1 1000-2000": { error: "Operation not permitted" } },
    });
    assert.ok(!found.ok && found.failure.kind === "HostCommandFailed");
    assert.match(found.failure.stderr, /1000-2000: Operation not permitted$/u);
  });
});

function lineOf(shown: Shown): string | undefined {
  return typeof shown === "object" && "line" in shown ? shown.line : undefined;
}
