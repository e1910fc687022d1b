import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { describe } from "node:test";
import { promisify } from "node:util";
import { parseMountinfo, topMountAt } from "../../src/core/node/parse-mountinfo.ts";
import { valueOf } from "../../src/core/testing/value-of.ts";
import { aStagedVolume, never } from "./host/host-suite.ts";
import type { LinuxHostWorld } from "./worlds/linux-host-world.ts";
import { onLinuxHost } from "./worlds/on-linux-host.ts";

const run = promisify(execFile);

interface Staged {
  readonly world: LinuxHostWorld;
  readonly staging: string;
  readonly target: string;
  /** A process in another mount namespace, which gets a copy of each mount, as the machine's own does. */
  readonly elsewhere: number;
}

/** The host's mounts are propagated to another mount namespace, as those of a node plug-in's container. */
function on(sentence: string, test: (given: Staged) => Promise<void>): void {
  onLinuxHost(sentence, { fsType: "ext4" }, async (world) => {
    const [staging, target] = [world.pathOf("staging"), world.pathOf("target")];
    const root = dirname(staging);
    await run("mount", ["--bind", root, root]);
    await run("mount", ["--make-private", root]);
    await run("mount", ["--make-shared", root]);
    const args = ["--mount", "--propagation", "unchanged", "sh", "-c", "echo ready; exec cat"];
    const other = spawn("unshare", args, { stdio: ["pipe", "pipe", "inherit"] });
    const ended = once(other, "exit");
    try {
      await once(other.stdout, "data");
      await aStagedVolume(world, "ext4");
      await writeFile(`${staging}/file`, "text");
      assert.ok(other.pid !== undefined);
      await test({ world, staging, target, elsewhere: other.pid });
    } finally {
      for (const path of [target, staging]) valueOf(await world.host.unmount(path, never));
      other.stdin.end();
      await ended;
      await run("umount", [root]);
    }
  });
}

async function optionsAt(pid: number | "self", path: string): Promise<readonly string[] | undefined> {
  return topMountAt(parseMountinfo(await readFile(`/proc/${pid}/mountinfo`, "utf8")), path)?.options;
}

const writeThere = (pid: number, path: string): Promise<unknown> =>
  run("nsenter", [`--mount=/proc/${pid}/ns/mnt`, "sh", "-c", `echo other >${path}/file`]);

describe("Linux host whose binds are propagated", () => {
  on("makes a read-only target read-only in each namespace", async (given) => {
    const { world, staging, target, elsewhere } = given;
    const request = { stagingPath: staging, targetPath: target, readOnly: true, mountFlags: ["noatime"] };
    for (let time = 1; time <= 2; time += 1) {
      valueOf(await world.host.bindMount(request, never));
      for (const pid of ["self", elsewhere] as const)
        assert.deepEqual((await optionsAt(pid, target))?.toSorted(), ["noatime", "ro"], `${pid}`);
      const before = parseMountinfo(await readFile("/proc/self/mountinfo", "utf8"));
      assert.equal(before.filter(({ mountPoint }) => mountPoint === target).length, 1);
    }
    await assert.rejects(writeThere(elsewhere, target), /Read-only file system/u);
    assert.equal(await readFile(`${target}/file`, "utf8"), "text");
    assert.deepEqual((await optionsAt("self", staging))?.includes("rw"), true);
    valueOf(await world.host.unmount(target, never));
    assert.deepEqual(
      [await optionsAt("self", target), await optionsAt(elsewhere, target)],
      [undefined, undefined],
    );
  });

  on("leaves a writable target writable in each", async ({ world, staging, target, elsewhere }) => {
    const request = { stagingPath: staging, targetPath: target, readOnly: false, mountFlags: [] };
    valueOf(await world.host.bindMount(request, never));
    await writeThere(elsewhere, target);
    assert.equal(await readFile(`${staging}/file`, "utf8"), "other\n");
  });
});
