import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type {
  AttachmentStatus,
  AzVolumeAttachment,
  MountProblem,
  ShownMountProblem,
} from "../api/az-volume-attachment.ts";
import { toTimestamp } from "../primitives/timestamp.ts";
import {
  agoMs,
  anAttachment,
  aReplica,
  aVolume,
  aVolumeWithRecord,
  aWriter,
  nowMs,
} from "../testing/objects.ts";
import { believedMountProblems, planMountEvents, withShown } from "./plan-mount-events.ts";

const MINUTE_MS = 60_000;
const EPOCH = 3;
const dead: MountProblem = { reason: "MountDead", epoch: EPOCH, since: agoMs(1), detail: "gone" };
const repaired: MountProblem = { ...dead, reason: "FileSystemRepaired" };
const held = aVolumeWithRecord({ writer: aWriter("node-a", { epoch: EPOCH }) });
const shared = ((): typeof held => {
  const { record: _, ...status } = aVolume().status ?? assert.fail("no status");
  const capabilities = [{ accessMode: "MULTI_NODE_MULTI_WRITER", accessType: "block" }] as const;
  return { ...aVolume({ spec: { capabilities } }), status };
})();

function stating(
  mountProblems: readonly MountProblem[],
  shown?: readonly ShownMountProblem[],
  status: Partial<AttachmentStatus> = {},
): AzVolumeAttachment {
  return anAttachment("node-a", { status: { ...status, mountProblems, mountProblemsShown: shown } });
}

describe("believedMountProblems", () => {
  it("believes the node that holds the volume, of the mount under its grant", () =>
    assert.deepEqual(believedMountProblems(held, stating([dead, { ...dead, epoch: EPOCH - 1 }])), [dead]));

  it("believes each reason once, so that what is recorded of them fits", () => {
    const again = { ...dead, detail: "gone again" };
    assert.deepEqual(believedMountProblems(held, stating([dead, again, repaired])), [dead, repaired]);
  });

  const withdrawn = anAttachment("node-a", { spec: { role: "Replica" } });
  const rows = [
    {
      because: "another node holds the volume",
      volume: aVolumeWithRecord({ writer: aWriter("node-b", { epoch: EPOCH }) }),
    },
    {
      because: "it was granted and is not acquired, so that nothing is mounted",
      volume: aVolumeWithRecord({ writer: aWriter("node-a", { epoch: EPOCH, held: false }) }),
    },
    {
      because: "another VM of that name holds it",
      volume: aVolumeWithRecord({ writer: aWriter("node-a", { epoch: EPOCH, vmId: "another" }) }),
    },
    { because: "its record names no writer", volume: aVolumeWithRecord({}) },
    { because: "its record is lost", volume: { ...shared, spec: aVolume().spec } },
    { because: "the disk was never on its VM", status: { vmId: undefined } },
    { because: "a later mount has replaced that one", problem: { ...dead, epoch: EPOCH - 1 } },
    { because: "it names an epoch that was not granted", problem: { ...dead, epoch: EPOCH + 1 } },
  ];
  for (const { because, volume = held, status, problem = dead } of rows)
    it(`believes nothing where ${because}`, () =>
      assert.deepEqual(believedMountProblems(volume, stating([problem], undefined, status)), []));

  const lost: MountProblem = { ...dead, reason: "WritesLost" };
  const released = aVolumeWithRecord({ writer: aWriter("node-a", { epoch: EPOCH, held: false }) });
  const revoked = aVolumeWithRecord({ epoch: EPOCH });
  const granted = (nodeName: string, epoch: number): typeof held =>
    aVolumeWithRecord({ writer: aWriter(nodeName, { epoch }), epoch });
  const losses = [
    { because: "holds the volume", volume: held, role: "Replica" },
    { because: "has just released it", volume: released, role: "Primary" },
    { because: "was the last writer", volume: revoked, role: "Primary" },
    { because: "was the writer before", volume: granted("node-b", EPOCH + 1), role: "Primary" },
    { because: "is granted it again", volume: granted("node-a", EPOCH + 1), role: "Primary" },
  ] as const;
  for (const { because, volume, role } of losses)
    it(`believes of lost writes a node that ${because}, and of nothing else`, () => {
      const all = stating([{ ...lost, epoch: EPOCH + 2 }, lost, lost], undefined, { role });
      assert.deepEqual(believedMountProblems(volume, all), [lost]);
      const elsewhere = stating([dead, repaired], undefined, { role });
      if (volume !== held) assert.deepEqual(believedMountProblems(volume, elsewhere), []);
    });

  const noLosses = [
    { because: "that was no writer", volume: revoked, status: { role: "Replica" } },
    { because: "that never had the disk", volume: revoked, status: { role: "Primary", vmId: undefined } },
    {
      because: "of the present grant of another",
      volume: granted("node-b", EPOCH),
      status: { role: "Primary" },
    },
    {
      because: "that wrote two grants ago",
      volume: granted("node-b", EPOCH + 2),
      status: { role: "Primary" },
    },
  ] as const;
  for (const { because, volume, status } of noLosses)
    it(`believes of lost writes no node ${because}`, () =>
      assert.deepEqual(believedMountProblems(volume, stating([lost], undefined, status)), []));

  it("believes of a volume without a record each node that may have it, and no epoch", () => {
    const unnumbered = { ...dead, epoch: 0 };
    const own = stating([dead, unnumbered]);
    assert.deepEqual(believedMountProblems(shared, own), [unnumbered]);
    const replica = { ...aReplica("node-a"), status: own.status } as AzVolumeAttachment;
    assert.deepEqual(believedMountProblems(shared, replica), []);
    const marked = { ...replica, spec: { ...withdrawn.spec, staged: true } } as AzVolumeAttachment;
    assert.deepEqual(believedMountProblems(shared, marked), [unnumbered]);
    const stated = [unnumbered, { ...lost, epoch: 0 }];
    const { status } = stating(stated, undefined, { role: "Primary" });
    assert.deepEqual(believedMountProblems(shared, { ...replica, status }), [{ ...lost, epoch: 0 }]);
    const { status: never } = stating(stated, undefined, { role: "Replica" });
    assert.deepEqual(believedMountProblems(shared, { ...replica, status: never }), []);
  });
});

describe("planMountEvents", () => {
  const minutesAgo = (minutes: number, of: MountProblem = dead): ShownMountProblem => ({
    reason: of.reason,
    epoch: of.epoch,
    since: of.since,
    time: agoMs(minutes * MINUTE_MS),
  });
  const rows: readonly {
    readonly because: string;
    readonly stated: readonly MountProblem[];
    readonly shown?: readonly ShownMountProblem[];
    readonly plan: ReturnType<typeof planMountEvents>;
  }[] = [
    { because: "nothing of a mount that is well", stated: [], plan: { show: [], dueAfterMs: undefined } },
    {
      because: "each at once, and what lasts again after half an hour",
      stated: [repaired, dead],
      plan: { show: [repaired, dead], dueAfterMs: 30 * MINUTE_MS },
    },
    { because: "a repair once", stated: [repaired], plan: { show: [repaired], dueAfterMs: undefined } },
    {
      because: "no repair again, however long ago",
      stated: [repaired],
      shown: [minutesAgo(10_000, repaired)],
      plan: { show: [], dueAfterMs: undefined },
    },
    {
      because: "no repair again, whatever its time",
      stated: [repaired],
      shown: [{ ...minutesAgo(0, repaired), time: "never" }],
      plan: { show: [], dueAfterMs: undefined },
    },
    {
      because: "nothing that another leader has shown, before it is due",
      stated: [dead],
      shown: [minutesAgo(29)],
      plan: { show: [], dueAfterMs: MINUTE_MS },
    },
    {
      because: "what lasts, once it is due",
      stated: [dead],
      shown: [minutesAgo(30)],
      plan: { show: [dead], dueAfterMs: 30 * MINUTE_MS },
    },
    {
      because: "that of a later mount at once",
      stated: [dead],
      shown: [{ ...minutesAgo(1), epoch: EPOCH - 1 }],
      plan: { show: [dead], dueAfterMs: 30 * MINUTE_MS },
    },
    {
      because: "nothing yet of a later mount under the same grant, minutes after the last one",
      stated: [{ ...dead, since: agoMs(0) }],
      shown: [minutesAgo(4)],
      plan: { show: [], dueAfterMs: MINUTE_MS },
    },
    {
      because: "what was repaired before a later mount under the same grant",
      stated: [{ ...repaired, since: agoMs(0) }],
      shown: [minutesAgo(5, repaired)],
      plan: { show: [{ ...repaired, since: agoMs(0) }], dueAfterMs: undefined },
    },
    {
      because: "nothing of an earlier grant than was shown, minutes after that",
      stated: [dead],
      shown: [{ ...minutesAgo(4), epoch: EPOCH + 1 }],
      plan: { show: [], dueAfterMs: MINUTE_MS },
    },
    {
      because: "nothing before its time where the other leader's clock was ahead",
      stated: [dead],
      shown: [minutesAgo(-10)],
      plan: { show: [], dueAfterMs: 20 * MINUTE_MS },
    },
    ...["2100-01-01T00:00:00.000Z", "never"].map((time) => ({
      because: `what was shown at a time that can't be: ${time}`,
      stated: [dead],
      shown: [{ ...minutesAgo(0), time }],
      plan: { show: [dead], dueAfterMs: 30 * MINUTE_MS },
    })),
  ];
  for (const { because, stated, shown, plan } of rows)
    it(`shows ${because}`, () => {
      assert.deepEqual(planMountEvents(held, stating(stated, shown), nowMs), plan);
      const recorded = stating(stated, withShown(shown, plan.show, nowMs));
      assert.deepEqual(planMountEvents(held, recorded, nowMs).show, [], "once recorded, nothing is due");
    });
});

describe("planMountEvents of a volume without a record", () => {
  const first = { ...dead, epoch: 0 };
  const later = { ...first, since: agoMs(0) };
  const plan = (stated: MountProblem, minutes: number): ReturnType<typeof planMountEvents> => {
    const { reason, epoch, since } = first;
    const shown = [{ reason, epoch, since, time: agoMs(minutes * MINUTE_MS) }];
    return planMountEvents(shared, stating([stated], shown), nowMs);
  };

  it("shows what lasts again after half an hour", () => {
    assert.deepEqual(plan(first, 29), { show: [], dueAfterMs: MINUTE_MS });
    assert.deepEqual(plan(first, 30), { show: [first], dueAfterMs: 30 * MINUTE_MS });
  });

  it("shows that of a later mount once five minutes have passed", () => {
    assert.deepEqual(plan(later, 4), { show: [], dueAfterMs: MINUTE_MS });
    assert.deepEqual(plan(later, 5), { show: [later], dueAfterMs: 30 * MINUTE_MS });
  });
});

describe("withShown", () => {
  it("keeps the last of each reason, so that it never grows", () => {
    const time = toTimestamp(nowMs);
    const shown = withShown(undefined, [repaired, dead], 0);
    assert.deepEqual(withShown(shown, [{ ...dead, epoch: EPOCH + 1 }], nowMs), [
      { reason: "FileSystemRepaired", epoch: EPOCH, since: dead.since, time: toTimestamp(0) },
      { reason: "MountDead", epoch: EPOCH + 1, since: dead.since, time },
    ]);
  });
});
