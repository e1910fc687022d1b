import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { diskFiles } from "../../src/emulator/data-plane/disk-files.ts";
import type { Lab } from "../../testbed/lab/lab.ts";
import { reasonAgainstLab } from "../../testbed/lab/refuse-incapable-machine.ts";
import { run } from "../../testbed/lab/units/run.ts";
import { thenCleanUp } from "../../testbed/lab/units/then-clean-up.ts";
import { waitUntil } from "../../testbed/lab/units/wait-until.ts";
import { untilNothingIsLeft } from "./assert/nothing-left.ts";
import { driverLab } from "./driver-lab.ts";
import {
  aSnapshotClass,
  aVolumeSnapshot,
  deleteSnapshots,
  snapshotsInAzure,
  takeSnapshots,
  untilSnapshotReady,
} from "./workload/snapshots.ts";
import { aClaim, aClass, aPod, aStatefulSet, manifestOf } from "./workload/volume-manifests.ts";
import { withClusterObjects, type Workloads, withWorkloads } from "./workload/workloads.ts";

const HOME = "node-a";
const FREEZE_SECONDS = 30;
/** What a busy machine may add to a pause. */
const SLACK_SECONDS = 60;
const WRITES_MAX_MS = 180_000;
const WRITER = "writer-0";
const CLAIM = "data-writer-0";
/** Enough rounds that a file written in place, but not synced, is old on the disk without a freeze. */
const ROUNDS_BEFORE = 20;

/**
 * Writes the number of its round to three files, in order: it syncs the first two, and never the third. It
 * keeps the time of each round outside the volume.
 */
const WRITE_FOR_EVER = `n=0
while true; do
  n=$((n + 1))
  text=$(printf %09d $n)
  printf $text | dd of=/data/first conv=notrunc,fsync 2>/dev/null
  printf $text | dd of=/data/second conv=notrunc,fsync 2>/dev/null
  printf $text | dd of=/data/third conv=notrunc 2>/dev/null
  read -r up rest </proc/uptime
  echo $n $up >>/tmp/rounds
done`;

/** The longest time between two rounds, in seconds. */
const LONGEST_PAUSE =
  "awk 'NR > 1 && $2 - last > most { most = $2 - last } { last = $2 } END { print most + 0 }' /tmp/rounds";

describe("snapshots of frozen file systems", { skip: (await reasonAgainstLab()) ?? false }, () => {
  let lab: Lab;
  before(async () => {
    lab = await driverLab();
    await takeSnapshots(lab);
  });
  after(() => untilNothingIsLeft(lab));

  for (const fsType of ["ext4", "xfs"] as const)
    it(`has all that a pod wrote to ${fsType}, synced or not, without a recovery`, (t) =>
      withWriter(lab, { namespace: `frozen-${fsType}`, fsType }, async (workloads) => {
        const { namespace } = workloads;
        const before = await untilRounds(workloads, ROUNDS_BEFORE);
        await workloads.apply(
          manifestOf(aVolumeSnapshot({ name: "frozen", snapshotClass: namespace, claim: CLAIM })),
        );
        await untilSnapshotReady(workloads, "frozen");
        const rounds = await roundsOf(workloads);
        await untilRounds(workloads, rounds + 1);
        const pause = Number(await workloads.inPod(WRITER, LONGEST_PAUSE));
        t.diagnostic(
          `${fsType}: ${rounds} rounds until the snapshot was ready, the longest pause took ${pause} s`,
        );
        assert.ok(pause < FREEZE_SECONDS + SLACK_SECONDS, `the writer stood still for ${pause} s`);

        const image = await imageOf(workloads);
        if (fsType === "ext4") assert.doesNotMatch(await run(["dumpe2fs", "-h", image]), /needs_recovery/u);
        const found = await filesWithoutRecovery(image, fsType);
        assertOneMoment(found, before);

        await workloads.apply(
          manifestOf(
            aClaim({
              name: "restored",
              storageClass: namespace,
              copyOf: { kind: "VolumeSnapshot", name: "frozen" },
            }),
            aPod({ name: "restored", nodeName: HOME, mounts: [{ claim: "restored", path: "/data" }] }),
          ),
        );
        await workloads.untilReady("restored");
        const restored = await workloads.inPod("restored", "cd /data && cat first second third");
        assert.equal(restored, found.join(""));
      }));
});

/** The first file is at most one round ahead of the others, and of no earlier round than seen before. */
function assertOneMoment(files: readonly string[], roundBefore: number): void {
  const [first = 0, second = 0, third = 0] = files.map(Number);
  assert.ok(first >= roundBefore, `${first} is on the disk, and ${roundBefore} was synced before`);
  assert.ok(first - second <= 1 && second <= first, `${files.join(", ")} are of no one moment`);
  assert.ok(second - third <= 1 && third <= second, `${files.join(", ")}: what was not synced is missing`);
  assert.ok(first - third <= 1, `${files.join(", ")} are of no one moment`);
}

/** Runs `use` with a pod that writes all the time, and classes for it, its snapshot and its copy. */
async function withWriter(
  lab: Lab,
  { namespace, fsType }: { readonly namespace: string; readonly fsType: string },
  use: (workloads: Workloads) => Promise<void>,
): Promise<void> {
  const classes = [
    aClass({ name: namespace, parameters: { fsType }, volumeBindingMode: "WaitForFirstConsumer" }),
    aSnapshotClass(namespace, { fileSystemFreezeSeconds: `${FREEZE_SECONDS}` }),
  ];
  await withWorkloads(lab, namespace, (workloads) =>
    withClusterObjects(lab, manifestOf(...classes), async () => {
      await workloads.apply(
        manifestOf(
          aStatefulSet({ name: "writer", storageClass: namespace, nodeName: HOME, script: WRITE_FOR_EVER }),
        ),
      );
      await workloads.untilReady(WRITER);
      await thenCleanUp(
        () => use(workloads),
        () => deleteSnapshots(workloads),
      );
    }),
  );
}

function roundsOf(workloads: Workloads): Promise<number> {
  return workloads.inPod(WRITER, "wc -l < /tmp/rounds").then(Number);
}

async function untilRounds(workloads: Workloads, least: number): Promise<number> {
  return waitUntil(`the writer to write ${least} rounds`, { timeoutMs: WRITES_MAX_MS }, async () => {
    const rounds = await roundsOf(workloads).catch(() => 0);
    return rounds >= least ? rounds : undefined;
  });
}

/** The file in which the emulator keeps the snapshot's bytes. */
async function imageOf({ lab, namespace }: Workloads): Promise<string> {
  const snapshots = await snapshotsInAzure(lab);
  const own = snapshots.filter(
    ({ tags }) => tags["kubernetes.io-created-for-snapshot-namespace"] === namespace,
  );
  assert.equal(own.length, 1);
  return diskFiles(lab.azure.diskFolder).pathOf(own[0]?.id ?? "");
}

/** The writer's files as they are on the disk: no journal or log is replayed. */
async function filesWithoutRecovery(image: string, fsType: "ext4" | "xfs"): Promise<readonly string[]> {
  const folder = await mkdtemp(join(tmpdir(), "azd-frozen-"));
  const options = fsType === "ext4" ? "loop,ro,noload" : "loop,ro,norecovery,nouuid";
  try {
    await run(["mount", "-t", fsType, "-o", options, image, folder]);
    return await thenUnmounted(folder, () =>
      Promise.all(["first", "second", "third"].map((name) => readFile(join(folder, name), "utf8"))),
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function thenUnmounted<T>(folder: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } finally {
    await run(["umount", folder]);
  }
}
