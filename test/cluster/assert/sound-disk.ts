import assert from "node:assert/strict";
import { runCommand } from "../../../scripts/child/run-command.ts";
import { diskFiles } from "../../../src/emulator/data-plane/disk-files.ts";
import { run } from "../../../testbed/lab/units/run.ts";
import { waitUntil } from "../../../testbed/lab/units/wait-until.ts";
import { readRecords, recordsSeenBy } from "../workload/record-writer.ts";
import type { Workloads } from "../workload/workloads.ts";

const UNMOUNTED_MAX_MS = 240_000;

/**
 * Ends a writer, and checks its ext4 where the emulator keeps the disk's bytes, past every node's cache.
 * The file system must be intact and hold the records that the writer last saw and those it wrote later.
 * Concurrent writes of another machine would have replaced its blocks.
 */
export async function assertSoundOnDisk(workloads: Workloads, name: string): Promise<void> {
  const { lab } = workloads;
  const seen = await recordsSeenBy(workloads, `${name}-0`);
  await workloads.kubectl(["scale", `statefulset/${name}`, "--replicas=0"]);
  const diskUri = await waitUntil(
    `no node to hold the volume of ${name}`,
    { timeoutMs: UNMOUNTED_MAX_MS },
    async () => {
      const { status } = await workloads.volumeOf(`data-${name}-0`);
      return status?.record?.writer?.held === true ? undefined : status?.detail?.diskUri;
    },
  );
  const file = diskFiles(lab.azure.diskFolder).pathOf(diskUri);
  const { code, output } = await runCommand("e2fsck", ["-f", "-n", file], { cwd: "/" });
  assert.equal(code, 0, output);
  const records = readRecords(await run(["debugfs", "-R", "cat /records", file]));
  const { by = "" } = seen.at(-1) ?? {};
  assert.deepEqual(records, [
    ...seen,
    ...records.slice(seen.length).map((_, index) => ({ number: seen.length + index + 1, by })),
  ]);
}
