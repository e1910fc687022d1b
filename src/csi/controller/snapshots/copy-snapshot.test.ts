import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { aDisk } from "../../../controller/testing/a-disk.ts";
import type { Failure } from "../../../core/failure/failure.ts";
import { fail, ok, type Result } from "../../../core/failure/result.ts";
import type { Logger } from "../../../ports/logger.ts";
import { silentLogger } from "../../../ports/testing/silent-logger.ts";
import type { Snapshot } from "../../gen/csi/v1/csi.ts";
import { aCall } from "../../testing/a-call.ts";
import { anEmptyContext } from "../../testing/a-context.ts";
import {
  aSnapshot,
  aSnapshotUri,
  createFakeSnapshots,
  type FakeSnapshots,
} from "../../testing/fake-snapshots.ts";
import { aDiskUri } from "../../testing/objects.ts";
import type { ControllerContext } from "../controller-context.ts";
import { createSnapshot } from "./create-snapshot.ts";
import { deleteSnapshot } from "./delete-snapshot.ts";
import { listSnapshots } from "./list-snapshots.ts";

const TARGET = aSnapshotUri("snapshot-1");
const SOURCE = aSnapshotUri("local_snapshot-1");
const FIRST = { seconds: 1_767_225_600n, nanos: 0 };

type Snapshots = ControllerContext["snapshots"];

function contextOf(snapshots: Snapshots): ControllerContext {
  const getDisk: ControllerContext["cloud"]["getDisk"] = async ({ diskUri }) =>
    diskUri === aDiskUri() ? ok(aDisk({ diskUri })) : fail({ kind: "DiskNotFound", diskUri });
  return anEmptyContext({ snapshots, cloud: { getDisk } });
}

async function create(
  snapshots: Snapshots,
  logger: Logger = silentLogger,
): Promise<Result<Snapshot | undefined>> {
  const request = {
    sourceVolumeId: aDiskUri(),
    name: "snapshot-1",
    secrets: {},
    parameters: { location: "westus", tags: "team=a" },
    accessibilityRequirements: undefined,
  };
  const created = await createSnapshot({ ...contextOf(snapshots), logger }, request, aCall());
  return created.ok ? ok(created.value.snapshot) : created;
}

async function created(snapshots: Snapshots): Promise<Snapshot> {
  const answer = await create(snapshots);
  assert.ok(answer.ok, answer.ok ? "" : JSON.stringify(answer.failure));
  assert.ok(answer.value !== undefined);
  return answer.value;
}

function remove(snapshots: Snapshots): Promise<Result<unknown>> {
  return deleteSnapshot(contextOf(snapshots), { snapshotId: TARGET, secrets: {} }, aCall());
}

function namesIn({ present }: FakeSnapshots): readonly string[] {
  return [...present.values()].map(({ snapshotUri }) => snapshotUri.replace(/.*\//u, "")).toSorted();
}

class Crash extends Error {}

/** The same Azure for a controller that dies before or after its `at`th request that changes it. */
function dying(snapshots: FakeSnapshots, at: number, when: "before" | "after"): Snapshots {
  let requests = 0;
  const around = async <T>(request: () => Promise<T>): Promise<T> => {
    requests++;
    if (requests === at && when === "before") throw new Crash();
    const answer = await request();
    if (requests === at) throw new Crash();
    return answer;
  };
  return {
    ...snapshots,
    createSnapshot: (request, signal) => around(() => snapshots.createSnapshot(request, signal)),
    deleteSnapshot: (request, signal) => around(() => snapshots.deleteSnapshot(request, signal)),
  };
}

async function survived<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof Crash)) throw error;
    return undefined;
  }
}

describe("copySnapshot", () => {
  it("copies a snapshot to the region of the class, and keeps only the copy", async () => {
    const snapshots = createFakeSnapshots();
    const message = {
      snapshotId: TARGET,
      sourceVolumeId: aDiskUri(),
      sizeBytes: 10n * 1024n ** 3n,
      creationTime: FIRST,
      groupSnapshotId: "",
      accessibleTopology: [],
    };
    assert.deepEqual(await created(snapshots), { ...message, readyToUse: false });
    assert.deepEqual(namesIn(snapshots), ["local_snapshot-1", "snapshot-1"]);
    assert.deepEqual(await created(snapshots), { ...message, readyToUse: false });
    const { location, tags, sourceUri } = snapshots.present.get(TARGET.toLowerCase()) ?? aSnapshot();
    assert.deepEqual(
      [location, sourceUri, tags["team"], tags["disk.csi.azure.com-taken-at"]],
      ["westus", SOURCE, "a", "2026-01-01T00:00:00.000Z"],
    );
    snapshots.change(TARGET, { isRestorable: true });
    assert.deepEqual(await created(snapshots), { ...message, readyToUse: true });
    assert.deepEqual(namesIn(snapshots), ["snapshot-1"]);
    assert.deepEqual(await created(snapshots), { ...message, readyToUse: true });
  });

  it("answers the moment of the source while Azure still copies that", async () => {
    const snapshots = createFakeSnapshots();
    const slow: Snapshots = {
      ...snapshots,
      createSnapshot: async (request, signal) => {
        const made = await snapshots.createSnapshot(request, signal);
        snapshots.change(SOURCE, { isRestorable: false });
        return made.ok ? ok({ ...made.value, isRestorable: false }) : made;
      },
    };
    const { snapshotId, creationTime, readyToUse } = await created(slow);
    assert.deepEqual([snapshotId, creationTime, readyToUse], [TARGET, FIRST, false]);
    assert.deepEqual(namesIn(snapshots), ["local_snapshot-1"]);
    snapshots.change(SOURCE, { isRestorable: true });
    assert.deepEqual((await created(snapshots)).creationTime, FIRST);
    assert.deepEqual(namesIn(snapshots), ["local_snapshot-1", "snapshot-1"]);
  });

  for (const when of ["before", "after"] as const)
    for (const at of [1, 2, 3, 4]) {
      it(`reaches one copy of one moment when it dies ${when} change ${at}`, async () => {
        const snapshots = createFakeSnapshots();
        const dies = dying(snapshots, at, when);
        const answered = [await survived(create(dies)), await survived(create(dies))];
        if (snapshots.present.has(TARGET.toLowerCase())) snapshots.change(TARGET, { isRestorable: true });
        answered.push(await survived(create(dies)), await create(snapshots));
        snapshots.change(TARGET, { isRestorable: true });
        const { readyToUse, creationTime } = await created(snapshots);
        assert.deepEqual([readyToUse, namesIn(snapshots)], [true, ["snapshot-1"]]);
        for (const answer of answered)
          if (answer !== undefined) {
            assert.ok(answer.ok);
            assert.deepEqual(answer.value?.creationTime, creationTime);
          }
      });

      it(`deletes all of a copy when it dies ${when} change ${at} of its creation or deletion`, async () => {
        const snapshots = createFakeSnapshots();
        const dies = dying(snapshots, at, when);
        await survived(create(dies));
        await survived(remove(dies));
        assert.deepEqual(await remove(snapshots), ok({}));
        assert.deepEqual(namesIn(snapshots), []);
      });
    }

  it("copies again after a copy that failed, from the same source", async () => {
    const snapshots = createFakeSnapshots();
    await created(snapshots);
    const copyError = "CopyFailed: no";
    snapshots.change(TARGET, { isTaken: false, copyError });
    const { creationTime } = await created(snapshots);
    assert.deepEqual(
      [creationTime, snapshots.present.get(TARGET.toLowerCase())?.copyError],
      [FIRST, undefined],
    );
    assert.deepEqual(namesIn(snapshots), ["local_snapshot-1", "snapshot-1"]);

    snapshots.change(TARGET, { isTaken: false, copyError });
    snapshots.present.delete(SOURCE.toLowerCase());
    assert.deepEqual(
      await create(snapshots),
      fail({ kind: "SnapshotCopyFailed", snapshotUri: TARGET, detail: copyError }),
    );
    assert.deepEqual(namesIn(snapshots), ["snapshot-1"]);
  });

  const refusal: Failure = { kind: "CloudRejected", code: "x", message: "no such region", requestId: "" };
  const refusing = (snapshots: FakeSnapshots): Snapshots => ({
    ...snapshots,
    createSnapshot: async (request, signal) =>
      request.location === "westus" ? fail(refusal) : snapshots.createSnapshot(request, signal),
  });

  it("keeps the moment of a source whose copy can't begin yet, and answers it", async () => {
    const snapshots = createFakeSnapshots();
    const detail = "OperationNotAllowed: another snapshot of the disk is being copied";
    const delayed = { kind: "SnapshotCopyDelayed", snapshotUri: TARGET, detail } as const;
    const busy: Snapshots = {
      ...snapshots,
      createSnapshot: async (request, signal) =>
        request.location === "westus" ? fail(delayed) : snapshots.createSnapshot(request, signal),
    };
    for (const _ of [1, 2]) {
      const { snapshotId, creationTime, readyToUse } = await created(busy);
      assert.deepEqual([snapshotId, creationTime, readyToUse], [TARGET, FIRST, false]);
      assert.deepEqual(namesIn(snapshots), ["local_snapshot-1"]);
    }
    assert.deepEqual((await created(snapshots)).creationTime, FIRST);
    assert.deepEqual(namesIn(snapshots), ["local_snapshot-1", "snapshot-1"]);
  });

  it("leaves nothing of a copy that is refused for good", async () => {
    const snapshots = createFakeSnapshots();
    assert.deepEqual(await create(refusing(snapshots)), fail(refusal));
    assert.deepEqual(namesIn(snapshots), []);
  });

  it("keeps a moment that was answered when its copy is refused for good", async () => {
    const snapshots = createFakeSnapshots();
    await created(snapshots);
    snapshots.present.delete(TARGET.toLowerCase());
    const warned: unknown[] = [];
    const logger: Logger = { ...silentLogger, warn: (_, fields) => warned.push(fields?.["snapshotUri"]) };
    assert.deepEqual(await create(refusing(snapshots), logger), fail(refusal));
    assert.deepEqual(warned, [SOURCE]);
    assert.deepEqual((await created(snapshots)).creationTime, FIRST);
  });

  it("does not take a snapshot of its source's name that is another one's", async () => {
    const own = {
      "disk.csi.azure.com-cluster-id": "cluster-1",
      "k8s-azure-created-by": "kubernetes-azure-dd",
      "disk.csi.azure.com-snapshot-name": "snapshot-1",
    };
    const others = [
      own,
      { ...own, "disk.csi.azure.com-copied-to": "snapshot-2" },
      { "k8s-azure-created-by": "me" },
      {
        ...own,
        "disk.csi.azure.com-copied-to": "snapshot-1",
        "disk.csi.azure.com-cluster-id": "cluster-2",
      },
    ];
    for (const tags of others) {
      const snapshots = createFakeSnapshots(aSnapshot({ snapshotUri: SOURCE, tags }));
      const refused = await create(snapshots);
      assert.equal(!refused.ok && refused.failure.kind, "SnapshotExistsWithOtherRequest");
      assert.deepEqual(await remove(snapshots), ok({}));
      assert.deepEqual(namesIn(snapshots), ["local_snapshot-1"]);
    }
  });

  it("continues a copy that V1 began", async () => {
    const tags = { "k8s-azure-created-by": "kubernetes-azure-dd", source_volume_id: aDiskUri() };
    const snapshots = createFakeSnapshots(
      aSnapshot({ snapshotUri: SOURCE, tags }),
      aSnapshot({ snapshotUri: TARGET, sourceUri: SOURCE, location: "westus", tags, isRestorable: true }),
    );
    assert.equal((await created(snapshots)).readyToUse, true);
    assert.deepEqual(namesIn(snapshots), ["snapshot-1"]);
  });

  it("does not list the source of a copy", async () => {
    const snapshots = createFakeSnapshots();
    await created(snapshots);
    const request = {
      maxEntries: 0,
      startingToken: "",
      sourceVolumeId: aDiskUri(),
      snapshotId: "",
      secrets: {},
    };
    const listed = await listSnapshots(
      { snapshots, cache: { list: () => [], byIndex: () => [] } },
      request,
      aCall(),
    );
    assert.deepEqual(listed.ok && listed.value.entries.map(({ snapshot }) => snapshot?.snapshotId), [TARGET]);
  });
});
