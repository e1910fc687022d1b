import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isDeepStrictEqual } from "node:util";
import type { AzVolume } from "../api/az-volume.ts";
import type { ObservedVolume } from "../attachment/observed-volume.ts";
import {
  aDiskSpec,
  aDetail,
  agoMs,
  anAttachment,
  anObservedVolume,
  aPod,
  aRecord,
  aReplica,
  aVolume,
  aVolumeWithRecord,
  aWriter,
  diskUri,
  identity,
} from "../testing/objects.ts";
import { dependsOnAttachments, type DiskAction, planDisk } from "./plan-disk.ts";

const gone = { kind: "DiskNotFound", message: "", failure: "{}", time: agoMs(60_000), retries: 1 };

interface Row {
  readonly because: string;
  readonly observed: ObservedVolume;
  readonly plan: DiskAction | undefined;
}

function check(rows: readonly Row[]): void {
  for (const { because, observed, plan } of rows) assert.deepEqual(planDisk(observed), plan, because);
}

/** A volume whose disk does not exist yet. */
function withoutDisk(
  state: "Pending" | "Creating" | "CreationFailed",
  spec: Parameters<typeof aVolume>[0] = {},
): ObservedVolume {
  return anObservedVolume({
    volume: { ...aVolume(spec), status: { state, observedGeneration: 1, conditions: [] } },
  });
}

/** The same volume, of which a VolumeAttributesClass asks something, too. */
function asked(observed: ObservedVolume): ObservedVolume {
  const { volume } = observed;
  const modification = { skuName: "Premium_LRS" };
  return { ...observed, volume: { ...volume, spec: { ...volume.spec, modification } } };
}

/** A growth that was refused before the spec changed last. */
function refused(sizeGiB: number, skuName = aDetail().skuName): Parameters<typeof aVolume>[0] {
  return {
    status: {
      state: "UpdateFailed",
      observedGeneration: 1,
      detail: aDetail({ maxShares: 1 }),
      refusedGrowth: { sizeGiB, skuName },
    },
  };
}

/** A volume of 10 GiB with a request for 20. */
function growing(
  maxShares: number,
  status: Parameters<typeof aVolume>[0] = {},
  attachments: NonNullable<Parameters<typeof anObservedVolume>[0]>["attachments"] = [],
): ObservedVolume {
  return anObservedVolume({
    volume: aVolume({
      metadata: { generation: 2 },
      spec: { disk: aDiskSpec({ sizeGiB: 20 }) },
      status: { detail: aDetail({ maxShares }), ...status.status },
    }),
    attachments,
  });
}

function offlineSince(ms: number): Parameters<typeof aVolume>[0] {
  return {
    status: {
      state: "Updating",
      conditions: [
        {
          type: "OfflineResize",
          status: "True",
          reason: "SharedDisk",
          message: "",
          lastTransitionTime: agoMs(ms),
        },
      ],
    },
  };
}

describe("planDisk", () => {
  it("creates or adopts the disk of a volume that has none, then plans nothing", () => {
    const { status: _, ...fresh } = aVolume();
    check([
      { because: "new", observed: anObservedVolume({ volume: fresh }), plan: { kind: "CreateDisk" } },
      {
        because: "interrupted while creating",
        observed: withoutDisk("Creating"),
        plan: { kind: "CreateDisk" },
      },
      {
        because: "not ours",
        observed: withoutDisk("Pending", { spec: { diskUri } }),
        plan: { kind: "AdoptDisk", diskUri },
      },
      {
        because: "another client has removed its record",
        observed: anObservedVolume({ volume: aVolume({ status: { record: undefined } }) }),
        plan: { kind: "AdoptDisk", diskUri },
      },
      {
        because: "another client has removed its record, and Azure had no such disk",
        observed: anObservedVolume({ volume: aVolume({ status: { record: undefined, error: gone } }) }),
        plan: { kind: "AdoptDisk", diskUri },
      },
      {
        because: "several nodes may write it, so it has no record",
        observed: anObservedVolume({
          volume: aVolume({
            spec: { capabilities: [{ accessType: "block", accessMode: "MULTI_NODE_MULTI_WRITER" }] },
            status: { record: undefined },
          }),
        }),
        plan: undefined,
      },
      { because: "failed for good", observed: withoutDisk("CreationFailed"), plan: undefined },
      {
        because: "another request since",
        observed: withoutDisk("CreationFailed", { metadata: { generation: 2 } }),
        plan: { kind: "CreateDisk" },
      },
      { because: "there", observed: anObservedVolume(), plan: undefined },
    ]);
  });

  it("never deletes a disk without DeleteVolume's mark, nor one that is attached", () => {
    const metadata = { deletionTimestamp: agoMs(0) };
    const marked = { metadata, spec: { deleteRequested: true } };
    check([
      {
        because: "deleted by hand",
        observed: anObservedVolume({ volume: aVolume({ metadata }) }),
        plan: { kind: "RecreateVolume" },
      },
      {
        because:
          "deleted by hand while a node is being fenced: " +
          "its rebuilt record grants nothing before the write barrier",
        observed: anObservedVolume({
          volume: {
            ...aVolumeWithRecord({ fencing: { ...identity("node-a"), vmId: "vm-a" } }),
            metadata: aVolume({ metadata }).metadata,
          },
        }),
        plan: { kind: "RecreateVolume" },
      },
      {
        because: "deleted by hand before it had a disk",
        observed: withoutDisk("Creating", { metadata }),
        plan: { kind: "RecreateVolume" },
      },
      {
        because: "marked",
        observed: anObservedVolume({ volume: aVolume(marked) }),
        plan: { kind: "DeleteDisk" },
      },
      {
        because: "marked, still attached",
        observed: anObservedVolume({ volume: aVolume(marked), attachments: [aReplica("node-b")] }),
        plan: { kind: "Wait", because: "the disk is still attached" },
      },
      {
        because: "marked, not deleted yet",
        observed: anObservedVolume({ volume: aVolume({ spec: { deleteRequested: true } }) }),
        plan: { kind: "DeleteObject" },
      },
      {
        because: "marked before it had a disk",
        observed: withoutDisk("Creating", marked),
        plan: { kind: "DeleteDisk" },
      },
      {
        because: "marked, without its record, and Azure had no such disk",
        observed: anObservedVolume({
          volume: aVolume({
            metadata,
            spec: { deleteRequested: true },
            status: { record: undefined, error: gone },
          }),
        }),
        plan: { kind: "DeleteDisk" },
      },
      {
        because: "marked, without its record: which VM has the disk is not known",
        observed: anObservedVolume({
          volume: aVolume({ metadata, spec: { deleteRequested: true }, status: { record: undefined } }),
        }),
        plan: { kind: "AdoptDisk", diskUri },
      },
      {
        because: "marked, and Azure had no such disk before anything was read of it",
        observed: anObservedVolume({
          volume: {
            ...aVolume({ metadata, spec: { deleteRequested: true, diskUri } }),
            status: { state: "CreationFailed", observedGeneration: 1, conditions: [], error: gone },
          },
        }),
        plan: { kind: "AdoptDisk", diskUri },
      },
      {
        because: "marked before it was read which VM has its disk",
        observed: withoutDisk("Pending", { metadata, spec: { deleteRequested: true, diskUri } }),
        plan: { kind: "AdoptDisk", diskUri },
      },
    ]);
  });

  it("grows a disk that one VM has online", () => {
    check([
      { because: "larger", observed: growing(1), plan: { kind: "ResizeDisk", diskUri, sizeGiB: 20 } },
      {
        because: "while it is in use",
        observed: growing(1, {}, [anAttachment("node-a")]),
        plan: { kind: "ResizeDisk", diskUri, sizeGiB: 20 },
      },
      {
        because: "refused for good, and the spec has changed otherwise since",
        observed: growing(1, refused(20)),
        plan: undefined,
      },
      {
        because: "refused, and another size is requested since",
        observed: growing(1, refused(15)),
        plan: { kind: "ResizeDisk", diskUri, sizeGiB: 20 },
      },
      {
        because: "refused, and a class has changed the SKU since",
        observed: growing(1, refused(20, "StandardSSD_LRS")),
        plan: { kind: "ResizeDisk", diskUri, sizeGiB: 20 },
      },
      {
        because: "a byte more is a GiB more",
        observed: anObservedVolume({
          volume: aVolume({
            spec: { disk: aDiskSpec({ sizeGiB: 11 }) },
            status: { detail: aDetail({ maxShares: 1 }) },
          }),
        }),
        plan: { kind: "ResizeDisk", diskUri, sizeGiB: 11 },
      },
      {
        because: "never smaller",
        observed: anObservedVolume({ volume: aVolume({ spec: { disk: aDiskSpec({ sizeGiB: 1 }) } }) }),
        plan: undefined,
      },
      {
        because: "large enough already",
        observed: anObservedVolume({ volume: aVolume({ metadata: { generation: 2 } }) }),
        plan: { kind: "RecordUpdated" },
      },
    ]);
  });

  it("looks at a copy before the disk grows, and grows none that Azure fills", () => {
    const readAgo = (ms: number): { percent: number; since: string; readTime: string } => ({
      percent: 40,
      since: agoMs(600_000),
      readTime: agoMs(ms),
    });
    const look: DiskAction = { kind: "ReadCopy", diskUri };
    const wait: DiskAction = { kind: "Requeue", afterMs: 50_000 };
    const failed = { ...readAgo(10_000), failedState: "Failed" };
    const had = { ...failed, firstAttachTime: agoMs(20_000) };
    check([
      ...[1, 3].flatMap((maxShares) => [
        { because: "due", observed: growing(maxShares, { status: { copy: readAgo(60_000) } }), plan: look },
        {
          because: "filled",
          observed: growing(maxShares, { status: { copy: readAgo(10_000) } }),
          plan: wait,
        },
        {
          because: "asked for a modification, too",
          observed: asked(growing(maxShares, { status: { copy: readAgo(60_000) } })),
          plan: { kind: "ModifyDisk", diskUri, change: { skuName: "Premium_LRS" } } as const,
        },
      ]),
      {
        because: "failed, and had by no node",
        observed: growing(1, { status: { copy: failed } }),
        plan: wait,
      },
      {
        because: "failed, and had by a node",
        observed: growing(1, { status: { copy: had } }),
        plan: { kind: "ResizeDisk", diskUri, sizeGiB: 20 },
      },
      {
        because: "the mark of an offline growth ends first",
        observed: growing(
          3,
          {
            status: { ...offlineSince(660_000)?.status, copy: readAgo(60_000) },
          },
          [aReplica("node-b")],
        ),
        plan: { kind: "EndOfflineResize", because: "its replicas could not be detached in time" },
      },
    ]);
  });

  // A pending growth holds grants back.
  it("grows a shared disk only while no VM has it, and gives up after a while", () => {
    const minute = 60_000;
    const published: DiskAction = {
      kind: "EndOfflineResize",
      because: "a node has the volume published: a shared disk grows only while no VM has it",
    };
    check([
      {
        because: "marks the record first",
        observed: growing(3, {}, [aReplica("node-b")]),
        plan: { kind: "BeginOfflineResize" },
      },
      {
        because: "replicas are not evicted in vain",
        observed: growing(3, {}, [anAttachment("node-a"), aReplica("node-b")]),
        plan: published,
      },
      {
        because: "its replicas go",
        observed: growing(3, offlineSince(minute), [aReplica("node-b")]),
        plan: { kind: "Wait", because: "its replicas are being detached" },
      },
      {
        because: "no VM has it",
        observed: growing(3, offlineSince(minute)),
        plan: { kind: "ResizeDisk", diskUri, sizeGiB: 20 },
      },
      {
        because: "published since",
        observed: growing(3, offlineSince(minute), [anAttachment("node-a")]),
        plan: published,
      },
      {
        because: "too long",
        observed: growing(3, offlineSince(11 * minute), [aReplica("node-b")]),
        plan: { kind: "EndOfflineResize", because: "its replicas could not be detached in time" },
      },
      {
        because: "too long by a clock that was set back",
        observed: growing(3, offlineSince(-11 * minute), [aReplica("node-b")]),
        plan: { kind: "EndOfflineResize", because: "its replicas could not be detached in time" },
      },
      {
        because: "too long, although a modification is asked for, too",
        observed: asked(growing(3, offlineSince(11 * minute), [aReplica("node-b")])),
        plan: { kind: "EndOfflineResize", because: "its replicas could not be detached in time" },
      },
      {
        because: "done, and the mark remains",
        observed: anObservedVolume({ volume: aVolume({ status: { state: "Updating" } }) }),
        plan: { kind: "RecordUpdated" },
      },
    ]);
  });

  // Elsewhere they need not trigger it.
  it("depends on attachments only where the disk is to be deleted or grown", () => {
    const deleting = { deletionTimestamp: agoMs(0), finalizers: [] };
    const volumes = [
      ...[1, 3].flatMap((maxShares) => [
        growing(maxShares),
        growing(maxShares, offlineSince(0)),
        growing(maxShares, { status: { state: "UpdateFailed" } }),
      ]),
      withoutDisk("Pending"),
      withoutDisk("CreationFailed"),
      ...[true, false].flatMap((deleteRequested) => [
        anObservedVolume({ volume: aVolume({ spec: { deleteRequested } }) }),
        anObservedVolume({ volume: aVolume({ metadata: deleting, spec: { deleteRequested } }) }),
      ]),
    ].map(({ volume }) => volume);
    const asking = volumes.filter((volume) => {
      const plans = [[], [aReplica("node-b")], [anAttachment("node-a")]].map((attachments) =>
        planDisk(anObservedVolume({ volume, attachments })),
      );
      const isAsking = plans.some((plan) => !isDeepStrictEqual(plan, plans[0]));
      assert.ok(!isAsking || dependsOnAttachments(volume), JSON.stringify(volume));
      return isAsking;
    });
    assert.ok(asking.length >= 3);
  });
});

describe("dependsOnAttachments", () => {
  it("is true of a volume being deleted, or to be larger than its disk", () => {
    const sized = (sizeGiB: number): AzVolume => aVolume({ status: { detail: aDetail({ sizeGiB }) } });
    assert.equal(dependsOnAttachments(sized(9)), true);
    assert.equal(dependsOnAttachments(sized(10)), false);
    assert.equal(dependsOnAttachments(withoutDisk("Pending").volume), false);
    assert.equal(dependsOnAttachments(aVolume({ metadata: { deletionTimestamp: agoMs(0) } })), true);
  });
});

describe("planDisk of a shared disk that is to grow", () => {
  it("is refused by each sign that a node uses it", () => {
    const because = "a node has the volume published: a shared disk grows only while no VM has it";
    const { writerRequest: _, ...unrequested } = anAttachment("node-a").spec;
    const users = [
      { ...anAttachment("node-a"), spec: unrequested },
      aReplica("node-a", { spec: { writerRequest: { since: agoMs(0) } } }),
    ];
    for (const user of users)
      assert.deepEqual(planDisk(growing(3, {}, [user])), { kind: "EndOfflineResize", because });
  });

  for (const { because, record = {}, pods = [] } of [
    {
      because: "pod default/db-0 uses the volume or waits for it",
      record: { quarantined: [identity("node-a")] },
      pods: [aPod({ nodeName: "" })],
    },
    {
      because: "node node-a is being fenced from the disk",
      record: { writer: aWriter("node-a", { requested: false }), fencing: identity("node-a") },
    },
    {
      because: "node node-a has not released the volume",
      record: { writer: aWriter("node-a", { requested: false }) },
    },
    { because: "node node-a may still write the disk", record: { unverified: [identity("node-a")] } },
  ])
    it(`is refused before and after its mark while ${because}`, () => {
      for (const status of [{}, offlineSince(1)?.status]) {
        const grown = growing(3, { status: { ...status, record: aRecord(record) } }, [
          aReplica("node-b"),
          aReplica("node-c"),
        ]);
        const plan = {
          kind: "EndOfflineResize",
          because: `${because}: a shared disk grows only while no VM has it`,
        };
        assert.deepEqual(planDisk({ ...grown, pods: () => pods }), plan);
      }
    });

  it("waits, marked or not, while the pods are still being listed", () => {
    for (const status of [{}, offlineSince(1)?.status]) {
      const grown = growing(3, { status: { ...status, record: aRecord() } }, [aReplica("node-b")]);
      assert.deepEqual(planDisk({ ...grown, pods: () => undefined }), { kind: "Requeue", afterMs: 1_000 });
    }
  });

  it("waits for its replicas until the time is over, and no longer", () => {
    const replica = [aReplica("node-b")];
    assert.equal(planDisk(growing(3, offlineSince(600_000), replica))?.kind, "Wait");
    assert.equal(planDisk(growing(3, offlineSince(600_001), replica))?.kind, "EndOfflineResize");
  });

  it("is deleted, not adopted, once it was adopted", () => {
    const metadata = { deletionTimestamp: agoMs(0) };
    const volume = aVolume({ metadata, spec: { deleteRequested: true, diskUri } });
    assert.deepEqual(planDisk(anObservedVolume({ volume })), { kind: "DeleteDisk" });
  });
});
