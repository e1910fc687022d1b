import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fail } from "../../../core/failure/result.ts";
import { fromTimestamp } from "../../../core/primitives/timestamp.ts";
import type { ListSnapshotsRequest } from "../../gen/csi/v1/csi.ts";
import { aCall } from "../../testing/a-call.ts";
import {
  aSnapshot,
  aSnapshotUri,
  createFakeSnapshots,
  type FakeSnapshots,
} from "../../testing/fake-snapshots.ts";
import { aDetail, aDiskUri, aVolumeObject } from "../../testing/objects.ts";
import { listSnapshots } from "./list-snapshots.ts";

const madeAt = (second: number): number => fromTimestamp(`2026-01-01T00:00:0${second}.000Z`);
const elsewhere = aSnapshotUri("other").replace("/rg-1/", "/rg-2/");
const all = [
  aSnapshot({ snapshotUri: aSnapshotUri("b"), createdAtMs: madeAt(1) }),
  aSnapshot({ snapshotUri: aSnapshotUri("c"), createdAtMs: madeAt(1), sourceUri: aDiskUri("pvc-2") }),
  aSnapshot({ snapshotUri: aSnapshotUri("a"), createdAtMs: madeAt(2) }),
  aSnapshot({ snapshotUri: elsewhere, createdAtMs: madeAt(3) }),
];

/** The cluster's group is `rg`, and volumes are in `rg-1` and `rg-2`. */
function listOf(
  request: Partial<ListSnapshotsRequest>,
  snapshots: FakeSnapshots,
): ReturnType<typeof listSnapshots> {
  const volumes = ["rg-1", "rg-2"].map((group) =>
    aVolumeObject({ name: `pvc-${group}`, detail: aDetail({ diskUri: aDiskUri().replace("rg-1", group) }) }),
  );
  return listSnapshots(
    { snapshots, cache: { list: () => volumes as never, byIndex: () => [] } },
    { maxEntries: 0, startingToken: "", sourceVolumeId: "", snapshotId: "", secrets: {}, ...request },
    aCall(),
  );
}

/** Names of a page. */
async function pageOf(
  request: Partial<ListSnapshotsRequest>,
  present = all,
): Promise<{ readonly names: readonly string[]; readonly nextToken: string }> {
  const listed = await listOf(request, createFakeSnapshots(...present));
  assert.ok(listed.ok);
  const names = listed.value.entries.map(({ snapshot }) => snapshot?.snapshotId.split("/").at(-1) ?? "");
  return { names, nextToken: listed.value.nextToken };
}

describe("listSnapshots", () => {
  it("lists the groups of all volumes, oldest first, each snapshot once", async () => {
    assert.deepEqual(await pageOf({}), { names: ["b", "c", "a", "other"], nextToken: "" });
  });

  it("continues where a page ended, even if the token's snapshot is gone", async () => {
    const first = await pageOf({ maxEntries: 2 });
    assert.deepEqual(first.names, ["b", "c"]);
    const [b, , a, other] = all;
    assert.ok(b !== undefined && a !== undefined && other !== undefined);
    const second = await pageOf({ maxEntries: 2, startingToken: first.nextToken }, [other, a, b]);
    assert.deepEqual(second, { names: ["a", "other"], nextToken: "" });
  });

  it("lists those of one volume, whatever its case", async () => {
    const { names } = await pageOf({ sourceVolumeId: aDiskUri("PVC-2") });
    assert.deepEqual(names, ["c"]);
    assert.deepEqual((await pageOf({ sourceVolumeId: "none" })).names, []);
  });

  it("fails where one group can't be listed: what it leaves out would pass for deleted", async () => {
    const kind = "CloudUnauthorized";
    const denied = { kind, code: "AuthorizationFailed", message: "denied", requestId: "r-1" } as const;
    const { listSnapshots: ofGroup, ...others } = createFakeSnapshots(...all);
    const snapshots: FakeSnapshots = {
      ...others,
      listSnapshots: async (asked, signal) =>
        asked.resourceGroup === "rg-2" ? fail(denied) : ofGroup(asked, signal),
    };
    assert.deepEqual(await listOf({}, snapshots), fail(denied));
    const byId = await listOf({ snapshotId: aSnapshotUri("a") }, snapshots);
    assert.equal(byId.ok && byId.value.entries.length, 1, "csi-snapshotter asks by the id");
  });

  it("lists none whose content is not fixed yet", async () => {
    const present = [aSnapshot({ state: "Updating", isTaken: false, isRestorable: false })];
    assert.deepEqual((await pageOf({}, present)).names, []);
    assert.deepEqual((await pageOf({ snapshotId: aSnapshotUri("snapshot-1") }, present)).names, []);
  });

  it("finds one by its id in any group, and none by another id", async () => {
    const there = aSnapshotUri("x").replace("/rg-1/", "/rg-9/");
    const present = [...all, aSnapshot({ snapshotUri: there })];
    assert.deepEqual((await pageOf({ snapshotId: there }, present)).names, ["x"]);
    assert.deepEqual((await pageOf({ snapshotId: aSnapshotUri("none") })).names, []);
    assert.deepEqual((await pageOf({ snapshotId: "none" })).names, []);
  });

  it("reports the volume of a copy that V1 made of a snapshot", async () => {
    const copy = aSnapshot({
      sourceUri: aSnapshotUri("local"),
      tags: { source_volume_id: aDiskUri("pvc-3") },
    });
    assert.deepEqual((await pageOf({ sourceVolumeId: aDiskUri("pvc-3") }, [copy])).names, ["snapshot-1"]);
  });

  for (const { changes, kind } of [
    { changes: { startingToken: "17" }, kind: "InvalidToken" },
    { changes: { maxEntries: -1 }, kind: "InvalidArgument" },
  ])
    it(`refuses ${JSON.stringify(changes)}`, async () => {
      const listed = await listSnapshots(
        { snapshots: createFakeSnapshots(), cache: { list: () => [], byIndex: () => [] } },
        { maxEntries: 0, startingToken: "", sourceVolumeId: "", snapshotId: "", secrets: {}, ...changes },
        aCall(),
      );
      assert.equal(!listed.ok && listed.failure.kind, kind);
    });
});
