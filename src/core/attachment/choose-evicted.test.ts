import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AzVolumeAttachment } from "../api/az-volume-attachment.ts";
import type { AzVolume } from "../api/az-volume.ts";
import {
  agoMs,
  anAttachment,
  aNode,
  anObservedVolume,
  aPod,
  aReplica,
  aVolume,
  aVolumeWithRecord,
  aWriter,
  identity,
  leaving,
} from "../testing/objects.ts";
import { chooseEvicted, type SlotHolder } from "./choose-evicted.ts";
import type { ObservedVolume } from "./observed-volume.ts";

const written = aVolumeWithRecord({ writer: aWriter("node-b") });
const withoutRecord = (volume: AzVolume): AzVolume => {
  const { record: _, ...status } = volume.status ?? assert.fail("no status");
  return { ...volume, status };
};

const unrequestedFor = (ms: number): AzVolume => aVolume({ status: { unrequestedSince: agoMs(ms) } });

/** The replica of a volume on node-a, where slots are scarce. */
function holder(
  name: string,
  volume: AzVolume,
  changed: Partial<Pick<ObservedVolume, "pods">> = {},
  attachment = aReplica("node-a"),
): SlotHolder {
  const named = { ...attachment, metadata: { ...attachment.metadata, name } };
  return { attachment: named, observed: anObservedVolume({ volume, attachments: [named], ...changed }) };
}
const chosenOf = (holders: readonly SlotHolder[], waitedMs = 0): string | undefined =>
  chooseEvicted(holders, waitedMs)?.metadata.name;

describe("the replica that makes room for a primary", () => {
  it("is one of a volume with a healthy writer, before one without any request", () => {
    const [settled, other, unrequested] = [
      holder("settled", written),
      holder("other", written),
      holder("unrequested", unrequestedFor(10_000)),
    ];
    assert.equal(chosenOf([unrequested, settled, other]), "settled");
    assert.equal(chosenOf([unrequested]), "unrequested");
    assert.equal(chosenOf([]), undefined);
  });

  describe("of several that cost the same", () => {
    const beside = (name: string, ...others: readonly AzVolumeAttachment[]): SlotHolder => {
      const own = holder(name, written);
      const attachments = [own.attachment, anAttachment("node-b"), ...others];
      return { ...own, observed: anObservedVolume({ volume: written, attachments }) };
    };
    const [c, d] = [aReplica("node-c"), aReplica("node-d")];

    it("is one of the volume that keeps the most others", () => {
      const [only, two, three] = [beside("only"), beside("two", c), beside("three", c, d)];
      assert.equal(chosenOf([only, two]), "two");
      assert.equal(chosenOf([three, only, two]), "three");
      assert.equal(chosenOf([only]), "only");
    });

    it("counts no other that could not take over", () => {
      const useless = [
        leaving(c),
        aReplica("node-c", { status: { state: "Attaching" } }),
        aReplica("node-c", { spec: { writerRequest: { since: agoMs(0) } } }),
        aReplica("node-z"),
      ];
      for (const other of useless) assert.equal(chosenOf([beside("only", other), beside("two", d)]), "two");
    });

    it("is one of a volume with a healthy writer all the same", () => {
      const unrequested = holder("unrequested", unrequestedFor(10_000), {}, aReplica("node-a"));
      const attachments = [unrequested.attachment, c, d];
      const observed = anObservedVolume({ volume: unrequestedFor(10_000), attachments });
      assert.equal(chosenOf([{ ...unrequested, observed }, beside("only")]), "only");
    });
  });

  // Its writers are its primaries.
  describe("of a volume that several nodes write", () => {
    const several = withoutRecord(
      aVolume({ spec: { capabilities: [{ accessMode: "MULTI_NODE_MULTI_WRITER", accessType: "block" }] } }),
    );
    const written = (changed: Parameters<typeof anObservedVolume>[0] = {}): SlotHolder => {
      const own = holder("shared", several);
      const attachments = [own.attachment, anAttachment("node-b"), anAttachment("node-c")];
      return { ...own, observed: anObservedVolume({ volume: several, attachments, ...changed }) };
    };

    it("is one while all of them are healthy, before one without any request", () =>
      assert.equal(chosenOf([holder("unrequested", unrequestedFor(10_000)), written()]), "shared"));

    it("is one as a last resort while one is in trouble, or a pod waits elsewhere", () => {
      const isSilent = { nodes: [aNode("node-b"), aNode("node-c", { heartbeatUnchangedMs: 600_000 })] };
      for (const changed of [isSilent, { pods: () => [aPod({ nodeName: "node-d" })] }]) {
        assert.equal(chosenOf([written(changed)], 59_999), undefined);
        assert.equal(chosenOf([written(changed)], 60_000), "shared");
      }
    });

    it("is never one that is marked as staged", () => {
      const { attachment, ...shared } = written();
      const staged = { ...attachment, spec: { ...attachment.spec, staged: true as const } };
      assert.equal(chosenOf([{ ...shared, attachment: staged }], 60_000), undefined);
    });

    it("is one once none of them has requested it for a while", () => {
      const since = (ms: number): AzVolume => ({
        ...several,
        status: { ...(several.status ?? assert.fail()), unrequestedSince: agoMs(ms) },
      });
      assert.equal(chosenOf([holder("shared", since(9_999))]), undefined);
      assert.equal(chosenOf([holder("shared", since(10_000))]), "shared");
    });
  });

  const fenced = aVolumeWithRecord({ quarantined: [identity("node-b")] });
  const needed: readonly { readonly because: string; readonly holder: SlotHolder }[] = [
    {
      because: "its fence has ended, and a pod waits",
      holder: holder("needed", fenced, { pods: () => [aPod({ nodeName: "" })] }),
    },
    {
      because: "a pod waits on a node other than its writer's",
      holder: holder("needed", written, { pods: () => [aPod({ nodeName: "node-c" })] }),
    },
    {
      because: "its writer is being fenced",
      holder: holder("needed", aVolumeWithRecord({ writer: aWriter("node-b"), fencing: identity("node-b") })),
    },
    {
      because: "its writer is recalled",
      holder: holder("needed", aVolumeWithRecord({ writer: aWriter("node-b", { requested: false }) })),
    },
    {
      because: "its writer's node is not known",
      holder: holder("needed", aVolumeWithRecord({ writer: aWriter("node-z") })),
    },
    {
      because: "a node is unverified",
      holder: holder("needed", aVolumeWithRecord({ unverified: [identity("node-b")] })),
    },
    { because: "no pod uses it yet: the next one comes", holder: holder("needed", aVolume()) },
    { because: "its last pod has just gone", holder: holder("needed", unrequestedFor(9_999)) },
    { because: "its record is being rebuilt", holder: holder("needed", withoutRecord(written)) },
    {
      because: "a person deleted its AzVolume",
      holder: holder("needed", {
        ...written,
        metadata: { ...written.metadata, deletionTimestamp: agoMs(0) },
      }),
    },
  ];
  for (const { because, holder: only } of needed)
    it(`is a volume's that may need it soon only as a last resort: ${because}`, () => {
      assert.equal(chosenOf([only], 59_999), undefined);
      assert.equal(chosenOf([only], 60_000), "needed");
      assert.equal(chosenOf([only, holder("unrequested", unrequestedFor(10_000))], 60_000), "unrequested");
    });

  const kept: readonly {
    readonly because: string;
    readonly volume?: AzVolume;
    readonly attachment?: AzVolumeAttachment;
  }[] = [
    { because: "a primary", attachment: anAttachment("node-a") },
    {
      because: "one with a request",
      attachment: aReplica("node-a", { spec: { writerRequest: { since: agoMs(0) } } }),
    },
    { because: "one that is leaving", attachment: leaving(aReplica("node-a")) },
    { because: "one that was never attached", attachment: aReplica("node-a", { status: undefined }) },
    {
      because: "one whose attach failed",
      attachment: aReplica("node-a", { status: { state: "AttachmentFailed" } }),
    },
    {
      because: "one on an unverified node: its detach waits for a proof",
      volume: aVolumeWithRecord({ unverified: [identity("node-a")] }),
    },
    {
      because: "the writer's",
      volume: aVolumeWithRecord({ writer: aWriter("node-a", { requested: false }) }),
    },
  ];
  for (const { because, volume = written, attachment } of kept)
    it(`is never ${because}`, () => {
      assert.equal(chosenOf([holder("kept", volume, {}, attachment)], 86_400_000), undefined);
    });

  it("is never one without an AzVolume", () => {
    assert.equal(chosenOf([{ attachment: aReplica("node-a"), observed: undefined }], 86_400_000), undefined);
  });
});
