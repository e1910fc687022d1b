import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Snapshot as AzureSnapshot } from "../../src/emulator/model/disk/snapshot/snapshot.ts";
import { createSnapshotHistory, type SnapshotHistory } from "./snapshot-history.ts";

const GROUP = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute";
const DISK = `${GROUP}/disks/vol-1`;
const HANDLE = `${GROUP}/snapshots/snapshot-1`;
const SOURCE = `${GROUP}/snapshots/local_snapshot-1`;

/** What stands behind one snapshot. */
interface MadeUp {
  readonly history: SnapshotHistory;
  readonly told: string[];
  readonly snapshots: Map<string, AzureSnapshot>;
  readonly files: Map<string, ReadonlyMap<string, string>>;
  put(uri: string, content: string, changes?: Partial<AzureSnapshot>): void;
  answer(
    name?: string,
    changes?: { readonly isReady?: boolean; readonly seconds?: bigint; uri?: string },
  ): void;
}

/** A volume with one acknowledged record, whose first CreateSnapshot is about to be called. */
function madeUp({
  parameters = {},
  unfrozen = [],
}: {
  readonly parameters?: Record<string, string>;
  readonly unfrozen?: readonly string[];
} = {}): MadeUp {
  const snapshots = new Map<string, AzureSnapshot>();
  const files = new Map<string, ReadonlyMap<string, string>>();
  const told: string[] = [];
  const history = createSnapshotHistory({
    snapshots,
    nowMs: () => 0,
    filesOf: (uri) => files.get(uri),
    whyUnfrozen: () => unfrozen,
    acknowledged: () => new Map([["/record-0", "a"]]),
    report: ({ invariant, detail }) => told.push(`${invariant}: ${detail}`),
  });
  history.begins({ name: "snapshot-1", sourceVolumeId: DISK, parameters });
  return {
    history,
    told,
    snapshots,
    files,
    put: (uri, content, changes = {}) => {
      snapshots.set(uri.toLowerCase(), {
        id: uri,
        provisioningState: "Succeeded",
        ...changes,
      } as AzureSnapshot);
      files.set(uri, new Map([["/record-0", content]]));
    },
    answer: (name = "snapshot-1", { isReady = true, seconds = 1n, uri = HANDLE } = {}) =>
      history.answered(name, {
        snapshotId: uri,
        sourceVolumeId: DISK,
        sizeBytes: 1n,
        creationTime: { seconds, nanos: 0 },
        readyToUse: isReady,
        groupSnapshotId: "",
        accessibleTopology: [],
      }),
  };
}

const copying = { copy: { startedAtMs: 0, endsAtMs: 1_000 } };

describe("createSnapshotHistory", () => {
  it("finds nothing wrong with a snapshot that stays what it is, and with its deletion", () => {
    const made = madeUp();
    made.put(HANDLE, "a");
    made.answer();
    made.answer();
    assert.deepEqual(made.history.broken(), []);
    made.snapshots.clear();
    made.files.clear();
    made.history.deleted(HANDLE);
    assert.deepEqual([made.history.broken(), made.told], [[], []]);
  });

  for (const { because, changes, isBroken } of [
    { because: "while its copy runs", changes: copying, isBroken: false },
    {
      because: "not once Azure has failed it",
      changes: { ...copying, provisioningState: "Failed" },
      isBroken: true,
    },
  ] as const)
    it(`counts one with instant access as ready ${because}`, () => {
      const made = madeUp({ parameters: { instantAccessDurationMinutes: "60" } });
      made.put(HANDLE, "a", copying);
      made.answer();
      made.put(HANDLE, "a", changes);
      const broken = "snapshot-1 was answered ready, and is not complete in Azure";
      assert.deepEqual([made.history.broken(), made.told], [isBroken ? [broken] : [], []]);
    });

  for (const isFrozen of [true, false])
    it(`${isFrozen ? "reports" : "allows"} one of a file system that was written, ${isFrozen ? "with" : "without"} a freeze`, () => {
      const made = madeUp({
        parameters: isFrozen ? { fileSystemFreezeSeconds: "20" } : {},
        unfrozen: ["/record-1 was written and not on the disk"],
      });
      made.put(HANDLE, "a");
      made.answer();
      const reported =
        "snapshot-broken: snapshot-1 is answered as of a frozen file system, and " +
        "/record-1 was written and not on the disk";
      assert.deepEqual(made.told, isFrozen ? [reported] : []);
    });

  it("finds nothing wrong with a copy that becomes ready, and then has no source", () => {
    const made = madeUp();
    made.put(SOURCE, "a");
    made.answer("snapshot-1", { isReady: false });
    made.put(HANDLE, "a", copying);
    made.answer("snapshot-1", { isReady: false });
    made.put(HANDLE, "a");
    made.snapshots.delete(SOURCE.toLowerCase());
    made.answer();
    assert.deepEqual([made.history.broken(), made.told], [[], []]);
  });

  const rows: readonly {
    readonly because: string;
    readonly act: (made: MadeUp) => void;
    readonly told: RegExp;
  }[] = [
    {
      because: "no snapshot",
      act: ({ history }) => history.answered("x", undefined),
      told: /without a snapshot/u,
    },
    {
      because: "an acknowledged record is not in it",
      act: ({ put, answer }) => {
        put(HANDLE, "older");
        answer();
      },
      told: /lacks \/record-0/u,
    },
    {
      because: "another moment",
      act: ({ put, answer }) => {
        put(HANDLE, "a");
        answer();
        answer("snapshot-1", { seconds: 2n });
      },
      told: /was .* of 1\.0, and is .* of 2\.0/u,
    },
    {
      because: "another id",
      act: ({ put, answer }) => {
        put(HANDLE, "a");
        put(`${HANDLE}-2`, "a");
        answer();
        answer("snapshot-1", { uri: `${HANDLE}-2` });
      },
      told: /snapshot-1-2 of 1\.0/u,
    },
    {
      because: "another content",
      act: ({ put, answer }) => {
        put(HANDLE, "a");
        answer();
        put(HANDLE, "b");
        answer();
      },
      told: /another content/u,
    },
    {
      because: "it is not ready any more",
      act: ({ put, answer }) => {
        put(HANDLE, "a");
        answer();
        answer("snapshot-1", { isReady: false });
      },
      told: /is not any more/u,
    },
    {
      because: "ready while its copy runs",
      act: ({ put, answer }) => {
        put(HANDLE, "a", copying);
        answer();
      },
      told: /not complete in Azure/u,
    },
    {
      because: "ready while its source is there",
      act: ({ put, answer }) => {
        put(HANDLE, "a");
        put(SOURCE, "a");
        answer();
      },
      told: /its source is still in Azure/u,
    },
    {
      because: "one snapshot for two names",
      act: ({ put, answer }) => {
        put(HANDLE, "a");
        answer();
        answer("snapshot-2");
      },
      told: /answered the snapshot of snapshot-1/u,
    },
    {
      because: "a deletion that left the source",
      act: ({ put, history }) => {
        put(SOURCE, "a");
        history.deleted(HANDLE);
      },
      told: /local_snapshot-1 is still in Azure/u,
    },
  ];
  for (const { because, act, told } of rows)
    it(`reports ${because}`, () => {
      const made = madeUp();
      act(made);
      assert.match(made.told.join("\n"), told);
      assert.equal(made.told.length, 1);
    });

  it("reports a ready snapshot that is gone or replaced at rest", () => {
    const made = madeUp();
    made.put(HANDLE, "a");
    made.answer();
    made.put(HANDLE, "b");
    assert.deepEqual(made.history.broken(), ["snapshot-1 has another content than it was answered"]);
    made.snapshots.clear();
    assert.deepEqual(made.history.broken(), ["snapshot-1 was answered ready, and is not complete in Azure"]);
  });
});
